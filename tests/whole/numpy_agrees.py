#!/usr/bin/python3
"""Fifty steps in f64, from the same first values in the same order: the compiled networks against NumPy, within 1e-9."""
import pathlib, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind

rng = np.random.default_rng(5)


def train(folder, model, *options):
    subprocess.run([build / "nnc", "train", model, "--real=f64", "--no-shuffle", "-q", "--epochs=1", "-w", folder / "first.safetensors",
                    "--log", folder / "run", *options], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return ind.read_safetensors(folder / "run/last.safetensors")


def first_values(folder, name, sizes):
    out = {}
    for i, (n, m) in enumerate(zip(sizes, sizes[1:])):
        out["%s.dense%d.w" % (name, i + 1)] = rng.uniform(-1, 1, (n, m)) * np.sqrt(6 / (n + m))
        out["%s.dense%d.b" % (name, i + 1)] = rng.uniform(-0.1, 0.1, m)
    ind.write_safetensors(folder / "first.safetensors", out)
    return out


def compare(what, chain, got, name):
    worst = 0
    for i, (w, b) in enumerate(chain.layers):
        for part, want in (("w", w), ("b", b)):
            have = got["%s.dense%d.%s" % (name, i + 1, part)]
            worst = max(worst, np.max(np.abs(have - want) / np.maximum(1e-3, np.abs(want))))
    print("%s: largest relative difference after 50 steps %.3g" % (what, worst))
    assert worst < 1e-9, worst


def rings(folder):
    x = rng.normal(size=(50 * 32, 2))
    y = (np.hypot(*x.T) < 1).astype(float)[:, None]
    with open(folder / "points.csv", "w") as f:
        f.write("point.0,point.1,inside\n")
        for (a, b), c in zip(x, y[:, 0]):
            f.write("%r,%r,%d\n" % (float(a), float(b), c))
    chain = ind.dense_chain(first_values(folder, "rings", [2, 4, 6, 6, 4, 1]), "rings", 5, ["relu"] * 4 + ["sigmoid"])
    adam = ind.Adam(chain, 0.01)
    for at in range(0, len(x), 32):
        adam.update(chain, ind.rings_gradient(chain, x[at:at + 32], y[at:at + 32]))
    text = (root / "examples/rings/rings.nn").read_text().replace("split 80/20;", "")
    (folder / "rings.nn").write_text(text)
    compare("rings", chain, train(folder, "rings.nn", "--data=points.csv"), "rings")


def digits(folder):
    data = root / "examples/digits/data"
    x = ind.read_idx(data / "train-images-idx3-ubyte.gz")[:500]
    y = ind.read_idx(data / "train-labels-idx1-ubyte.gz")[:500]
    ind.write_idx(folder / "images", x)
    ind.write_idx(folder / "labels", y)
    chain = ind.dense_chain(first_values(folder, "digits", [784, 16, 16, 10]), "digits", 3, ["sigmoid"] * 3)
    flat, onehot = x.reshape(-1, 784) / 255, np.eye(10)[y]
    for at in range(0, 500, 10):
        ind.sgd(chain, ind.digits_gradient(chain, flat[at:at + 10], onehot[at:at + 10]), 3 / (1 + 0.01))
    text = (root / "examples/digits/digits.nn").read_text().replace("split 80/20;", "")
    (folder / "digits.nn").write_text(text)
    compare("digits", chain, train(folder, "digits.nn", "--data=image=images", "--data=y=labels"), "digits")


for case in (rings, digits):
    with tempfile.TemporaryDirectory() as name:
        case(pathlib.Path(name))
