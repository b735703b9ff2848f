#!/usr/bin/python3
"""Every optimizer and schedule of std for fifty steps of the rings, from the same first values in the same order, against
NumPy: within 1e-9 in f64 and 1e-4 in f32. A last step has a smaller batch of its own, and schedules by epoch see four."""
import math, pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind

BATCH, SIZES, STEPS = 32, [2, 4, 6, 6, 4, 1], 50
PER_EPOCH = 13  # the last of 13 batches has 16 samples
EPOCHS = 4
rng = np.random.default_rng(12)


# Each takes a parameter, its gradient, the rate, the step from 1 and the parameter's own dictionary.
def sgd(p, g, lr, t, s):
    return p - lr * g


def momentum(p, g, lr, t, s, beta=0.9):
    s["v"] = beta * s.get("v", 0) + g
    return p - lr * s["v"]


def nesterov(p, g, lr, t, s, beta=0.9):
    s["v"] = beta * s.get("v", 0) + g
    return p - lr * (g + beta * s["v"])


def adagrad(p, g, lr, t, s):
    s["sum"] = s.get("sum", 0) + g * g
    return p - lr * g / (np.sqrt(s["sum"]) + 1e-10)


def rmsprop(p, g, lr, t, s, rho=0.9):
    s["mean"] = rho * s.get("mean", 0) + (1 - rho) * g * g
    return p - lr * g / (np.sqrt(s["mean"]) + 1e-8)


def adam(p, g, lr, t, s, b1=0.9, b2=0.999):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    return p - lr * (s["m"] / (1 - b1 ** t)) / (np.sqrt(s["v"] / (1 - b2 ** t)) + 1e-8)


def adamw(p, g, lr, t, s, decay=0.01, biases=True):
    return adam(p, g, lr, t, s) - (lr * decay * p if biases or p.ndim > 1 else 0)


def spare(p, g, lr, t, s):
    return adamw(p, g, lr, t, s, decay=0.3, biases=False)


def cosine(t, peak, total, warmup=0, low=0):
    if t <= warmup:
        return peak * t / warmup
    return low + (peak - low) * (1 + math.cos(math.pi * min((t - warmup) / (total - warmup), 1))) / 2


# What stands behind `optimizer`, and the same in NumPy: the rule, and the rate of a step in an epoch.
CASES = [
    ("sgd(lr = 0.1)", sgd, lambda step, epoch: 0.1),
    ("momentum(lr = 0.05)", momentum, lambda step, epoch: 0.05),
    ("nesterov(lr = 0.05)", nesterov, lambda step, epoch: 0.05),
    ("adagrad(lr = 0.05)", adagrad, lambda step, epoch: 0.05),
    ("rmsprop(lr = 0.01)", rmsprop, lambda step, epoch: 0.01),
    ("adam(lr = 0.01)", adam, lambda step, epoch: 0.01),
    ("adamw(lr = 0.01)", adamw, lambda step, epoch: 0.01),
    ("adamw(lr = 0.01, decay = 0.3, biases = false)", spare, lambda step, epoch: 0.01),
    ("sgd(lr = step_decay(epoch, start = 0.2, every = 2))", sgd, lambda step, epoch: 0.2 * 0.5 ** ((epoch - 1) // 2)),
    ("nesterov(lr = step_decay(step, start = 0.1, every = 8, factor = 0.7))", nesterov,
     lambda step, epoch: 0.1 * 0.7 ** ((step - 1) // 8)),
    ("momentum(lr = exponential(step, start = 0.1, factor = 0.95))", momentum, lambda step, epoch: 0.1 * 0.95 ** (step - 1)),
    ("adam(lr = cosine(step, peak = 0.02, total = 40, warmup = 10, low = 0.001))", adam,
     lambda step, epoch: cosine(step, 0.02, 40, 10, 0.001)),
    ("rmsprop(lr = cosine(step, peak = 0.01, total = 50))", rmsprop, lambda step, epoch: cosine(step, 0.01, 50)),
    ("adagrad(lr = warm_up(step, over = 20) * exponential(epoch, start = 0.1, factor = 0.5))", adagrad,
     lambda step, epoch: min(step / 20, 1) * 0.1 * 0.5 ** (epoch - 1)),
]


def every_name_is_tried():
    written = " ".join(case[0] for case in CASES)
    for name in ("optimizers", "schedules"):
        for entry in re.findall(r"^(?:fn|layer) (\w+)\(", (root / "std" / (name + ".nn")).read_text(), re.M):
            if not re.search(r"\b%s\(" % entry, written) and entry not in ("norm", "clip_norm"):
                sys.exit("%s is not tried" % entry)


def first_values():
    out = {}
    for i, (n, m) in enumerate(zip(SIZES, SIZES[1:])):
        out["rings.dense%d.w" % (i + 1)] = (rng.uniform(-1, 1, (n, m)) * np.sqrt(6 / (n + m))).astype(np.float32)
        out["rings.dense%d.b" % (i + 1)] = rng.uniform(-0.1, 0.1, m).astype(np.float32)
    return out


def in_numpy(first, x, y, rule, rate):
    """Fifty steps in f64; the parameters after them, in order."""
    chain = ind.dense_chain(first, "rings", 5, ["relu"] * 4 + ["sigmoid"])
    kept = [[{}, {}] for _ in chain.layers]
    for step in range(1, STEPS + 1):
        epoch, place = (step - 1) // PER_EPOCH + 1, (step - 1) % PER_EPOCH * BATCH
        grads = ind.rings_gradient(chain, x[place:place + BATCH], y[place:place + BATCH])
        for layer, g, own in zip(chain.layers, grads, kept):
            for j in range(2):
                layer[j] = rule(layer[j], g[j], rate(step, epoch), step, own[j])
    return chain


def compiled(folder, text, first, real):
    dtype = np.float64 if real == "f64" else np.float32
    (folder / "rings.nn").write_text(text)
    ind.write_safetensors(folder / "first", {k: v.astype(dtype) for k, v in first.items()})
    subprocess.run([build / "nnc", "train", "rings.nn", "--real=" + real, "-O0", "--no-shuffle", "-q", "--epochs=%d" % EPOCHS,
                    "--max-updates=%d" % STEPS, "-w", "first", "--data=points.csv", "--log", "run"],
                   check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return ind.read_safetensors(folder / "run/last.safetensors")


def largest_difference(chain, got):
    worst = 0
    for i, layer in enumerate(chain.layers):
        for part, want in zip("wb", layer):
            have = got["rings.dense%d.%s" % (i + 1, part)].astype(float)
            worst = max(worst, np.max(np.abs(have - want) / np.maximum(1, np.abs(want))))
    return worst


every_name_is_tried()
points = ((PER_EPOCH - 1) * BATCH + BATCH // 2)
x = rng.normal(size=(points, 2)).astype(np.float32).astype(float)
y = (np.hypot(*x.T) < 1).astype(float)[:, None]
example = (root / "examples/rings/rings.nn").read_text().replace("split 80/20;", "")
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    with open(folder / "points.csv", "w") as f:
        f.write("point.0,point.1,inside\n")
        for (a, b), c in zip(x, y[:, 0]):
            f.write("%r,%r,%d\n" % (float(a), float(b), c))
    for written, rule, rate in CASES:
        first = first_values()
        chain = in_numpy(first, x, y, rule, rate)
        text = example.replace("adam(lr = 0.01)", written)
        assert written in text
        for real, bound in (("f64", 1e-9), ("f32", 1e-4)):
            worst = largest_difference(chain, compiled(folder, text, first, real))
            print("%s in %s: at most %.2g apart after %d steps" % (written, real, worst, STEPS))
            assert worst < bound, worst
