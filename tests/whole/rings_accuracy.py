#!/usr/bin/python3
"""Rings, seeds 1 to 20: median held-out accuracy at least 0.99, at least 16 above 0.98; and the seeds that die are those
that die in an f64 NumPy script started from the same parameters in the same order."""
import csv, pathlib, statistics, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind

example = root / "examples/rings"
with open(example / "rings.csv") as f:
    table = np.array([[float(r["point.0"]), float(r["point.1"]), float(r["inside"])] for r in csv.DictReader(f)])
points, inside, n = table[:, :2], table[:, 2:], len(table)
assert n == 1000


def initial(folder, seed):
    """First values of a seed, widened from f32, by the library's own init."""
    library = ind.Library(folder / "librings.so", "rings")
    raw = np.frombuffer(library.initial(seed, 65536, 65536), np.float32)
    sizes, out, at = [2, 4, 6, 6, 4, 1], [], 0
    for a, b in zip(sizes, sizes[1:]):
        layer = []
        for count, shape in ((a * b, (a, b)), (b, (b,))):
            layer.append(raw[at:at + count].astype(np.float64).reshape(shape))
            at += -(-count // 16) * 16
        out.append(layer)
    return ind.Chain(out, ["relu"] * 4 + ["sigmoid"])


def script(folder, seed):
    chain = initial(folder, seed)
    order = ind.epoch_order(seed, 0, n)
    train, held = order[:800], order[800:]
    adam = ind.Adam(chain, 0.01)
    for epoch in range(1, 51):
        walk = train[ind.epoch_order(seed, epoch, 800)]
        for at in range(0, 800, 32):
            rows = walk[at:at + 32]
            adam.update(chain, ind.rings_gradient(chain, points[rows], inside[rows]))
    return np.mean((chain.forward(points[held]) > 0.5) == (inside[held] > 0.5))


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    subprocess.run([build / "nnc", example / "rings.nn", "-o", folder / "librings.so"], check=True)
    ours, theirs = [], []
    for seed in range(1, 21):
        subprocess.run([build / "nnc", "train", example / "rings.nn", "-q", "--seed=%d" % seed, "--log", folder / "run",
                        "--data", example / "rings.csv"], check=True, stdout=subprocess.DEVNULL)
        with open(folder / "run/metrics.csv") as f:
            rows = list(csv.DictReader(f))
        assert len(rows) == 50 and int(rows[-1]["step"]) == 50 * 25
        ours.append(float(rows[-1]["test_binary_accuracy"]))
        theirs.append(float(script(folder, seed)))
dead = [[s for s, a in zip(range(1, 21), who) if a < 0.9] for who in (ours, theirs)]
print("compiled:", ours)
print("script:  ", theirs)
print("median %.4f, above 0.98: %d of 20, dead %s, dead in the script %s" % (statistics.median(ours), sum(a > 0.98 for a in ours), *dead))
assert statistics.median(ours) >= 0.99 and sum(a > 0.98 for a in ours) >= 16
assert dead[0] == dead[1]
