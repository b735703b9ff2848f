#!/usr/bin/python3
"""The examples as their READMEs tell them, in short: the digit reader with rectifiers, what a user
defines, and two networks that draw, whose pictures are looked at by numbers."""
import csv, gzip, pathlib, statistics, struct, subprocess, sys, tempfile, zlib

build, root = map(pathlib.Path, sys.argv[1:3])
examples, digits = root / "examples", root / "examples/digits/data"
HELD_OUT = digits / "test-images-idx3-ubyte.gz"
IMAGES = ["--data=image=%s" % (digits / "train-images-idx3-ubyte.gz"), "--test=image=%s" % HELD_OUT]
LABELS = ["--data=y=%s" % (digits / "train-labels-idx1-ubyte.gz"),
          "--test=y=%s" % (digits / "test-labels-idx1-ubyte.gz")]


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def train(folder, model, *options):
    """The rows of metrics.csv as numbers; the run folder is FOLDER/run."""
    run(build / "nnc", "train", examples / model, "-q", "--log", folder / "run", *options)
    with open(folder / "run/metrics.csv") as f:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(f)]


def predict(folder, file, model, out, data):
    weights = folder / "run/last.safetensors"
    run(build / "nnc", "predict", examples / file, "-w", weights, "--model", model, "-o", out, "--data", data)


def floats(path):
    body = path.read_bytes()
    return [value for (value,) in struct.iter_unpack("<f", body[10 + struct.unpack("<H", body[8:10])[0]:])]


def ink(path, count):
    with gzip.open(path) as f:
        return [byte / 255 for byte in f.read(16 + 784 * count)[16:]]


def png_grey(path):
    """Width, height and grey values, where every line is stored without a filter."""
    body = path.read_bytes()
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", body[16:24])
    at = body.index(b"IDAT")
    lines = zlib.decompress(body[at + 4:at + 4 + struct.unpack(">I", body[at - 4:at])[0]])
    assert len(lines) == height * (width + 1)
    return width, height, b"".join(lines[y * (width + 1) + 1:(y + 1) * (width + 1)] for y in range(height))


def digits_relu(folder):
    rows = train(folder, "digits-relu/digits.nn", "--seed=1", *IMAGES, *LABELS)
    assert len(rows) == 30 and rows[-1]["step"] == 30 * 266
    assert rows[-1]["test_accuracy"] >= 0.90, rows[-1]
    return "held out %.4f" % rows[-1]["test_accuracy"]


def own(folder):
    made = subprocess.run([sys.executable, examples / "own/make_hills.py"], check=True, capture_output=True).stdout
    assert made == (examples / "own/hills.csv").read_bytes()
    rows = train(folder, "own/own.nn", "--data", examples / "own/hills.csv")
    assert rows[-1]["test_loss"] < rows[0]["test_loss"] / 10, (rows[0], rows[-1])
    assert rows[-1]["test_mae"] < 0.15 and rows[-1]["test_averaged"] < 0.15, rows[-1]
    return "held out %.3f, averaged %.3f" % (rows[-1]["test_mae"], rows[-1]["test_averaged"])


def vae(folder):
    """What comes back resembles its own picture more than another; random codes are decoded into pictures with ink."""
    rows = train(folder, "vae/vae.nn", "--epochs=8", *IMAGES)
    assert rows[-1]["test_loss"] < 150 and rows[-1]["test_mse"] < 0.03, rows[-1]
    predict(folder, "vae/vae.nn", "rebuild", folder / "back.npy", "image=%s" % HELD_OUT)
    back, true = floats(folder / "back.npy"), ink(HELD_OUT, 40)
    assert len(back) == 1500 * 784 and all(0 <= v <= 1 for v in back[:784])
    far = lambda i, j: sum((a - b)**2 for a, b in zip(back[784 * i:784 * (i + 1)], true[784 * j:784 * (j + 1)]))
    nearest = sum(min(range(40), key=lambda j: far(i, j)) == i for i in range(40))
    assert nearest >= 36, nearest
    run(examples / "sheet.py", "codes", "8", "16", folder / "codes.npy")
    predict(folder, "vae/vae.nn", "decode", folder / "drawn.npy", "code=%s" % (folder / "codes.npy"))
    run(examples / "sheet.py", folder / "drawn.png", "4", folder / "drawn.npy")
    width, height, grey = png_grey(folder / "drawn.png")
    assert (width, height) == (122, 62) and max(grey) == 255 and 0.5 < statistics.mean(grey) / 255 < 0.98
    first = floats(folder / "drawn.npy")[:28]
    assert list(grey[2 * width + 2:2 * width + 30]) == [255 - round(255 * v) for v in first]
    return "%d of 40 come back as themselves" % nearest


def gan(folder):
    """Each of the two moves the other, and what is drawn is ink in the middle, as in real digits."""
    rows = train(folder, "gan/gan.nn", "--epochs=6", *IMAGES)
    assert all(0.01 < row["caught"] < 3 and 0.1 < row["fooled"] < 8 for row in rows), rows
    run(examples / "sheet.py", "codes", "100", "64", folder / "codes.npy")
    predict(folder, "gan/gan.nn", "draw", folder / "drawn.npy", "z=%s" % (folder / "codes.npy"))
    drawn, true = floats(folder / "drawn.npy"), ink(HELD_OUT, 100)
    ratio = sum(drawn) / sum(true)
    middle = sum(v for i, v in enumerate(drawn) if 4 <= i % 784 // 28 < 24 and 4 <= i % 28 < 24) / sum(drawn)
    assert 0.2 < ratio < 2 and middle > 0.8, (ratio, middle)
    return "%.2f times the ink of real ones, %.2f of it in the middle" % (ratio, middle)


for example in (digits_relu, own, vae, gan):
    with tempfile.TemporaryDirectory() as folder:
        print("%s: %s" % (example.__name__, example(pathlib.Path(folder))), flush=True)
