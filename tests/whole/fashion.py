#!/usr/bin/python3
"""The reader of clothes, where Debian's dataset-fashion-mnist is installed: seed 1, ten epochs, at least 0.865."""
import csv, pathlib, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
model, data = root / "examples/fashion/fashion.nn", pathlib.Path("/usr/share/datasets/fashion-mnist")
subprocess.run([build / "nnc", "check", model], check=True)
if not data.exists():
    print("SKIP: %s is missing (package dataset-fashion-mnist); the text is checked" % data)
    sys.exit(77)
files = ["--%s=%s=%s" % (kind, name, data / (prefix + file))
         for kind, prefix in (("data", "train"), ("test", "t10k"))
         for name, file in (("image", "-images-idx3-ubyte.gz"), ("y", "-labels-idx1-ubyte.gz"))]
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([build / "nnc", "train", model, "-q", "--seed=1", "--log", folder, *files], check=True)
    with open(folder + "/metrics.csv") as f:
        accuracy = [float(row["test_accuracy"]) for row in csv.DictReader(f)]
print("held out %.4f" % accuracy[-1])
assert len(accuracy) == 10 and accuracy[-1] >= 0.865, accuracy
