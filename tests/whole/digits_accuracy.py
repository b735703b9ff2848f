#!/usr/bin/python3
"""The digit reader, seeds 1 to 5, last epoch, on the held-out digits: mean at least 0.910, worst at least 0.895."""
import csv, pathlib, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
example = root / "examples/digits"
accuracies = []
for seed in range(1, 6):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / "nnc", "train", example / "digits.nn", "-q", "--seed=%d" % seed, "--log", folder,
                        "--data=image=%s" % (example / "data/train-images-idx3-ubyte.gz"),
                        "--data=y=%s" % (example / "data/train-labels-idx1-ubyte.gz"),
                        "--test=image=%s" % (example / "data/test-images-idx3-ubyte.gz"),
                        "--test=y=%s" % (example / "data/test-labels-idx1-ubyte.gz")], check=True, stdout=subprocess.DEVNULL)
        with open(folder + "/metrics.csv") as f:
            rows = list(csv.DictReader(f))
    assert len(rows) == 30, len(rows)
    assert int(rows[-1]["step"]) == 30 * 850, rows[-1]["step"]
    accuracies.append(float(rows[-1]["test_accuracy"]))
print("held out:", accuracies, "mean %.4f worst %.4f" % (sum(accuracies) / 5, min(accuracies)))
assert sum(accuracies) / 5 >= 0.910 and min(accuracies) >= 0.895
