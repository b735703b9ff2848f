#!/usr/bin/python3
"""Layers that keep state or draw, for fifty steps in f64 against NumPy with the same masks, within 1e-9: parameters, running
statistics and what the model predicts by them. Then the spread of first values by every initialiser of std."""
import csv, pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind

STEPS, BATCH, SEED, DROP, RATE, EPS = 50, 16, 9, 0.3, 0.1, 1e-5
rng = np.random.default_rng(4)

NET = """dim N
model net(x: f64[N, 4]) -> f64[N, 3] {
  x |> dense(7) |> batch_norm(0.8) |> prelu |> dense(6) |> layer_norm |> dropout(0.3) |> dense(3)
}
train net(x, y: f64[N, 3]) {
  p = net(x)
  loss      huber(p, y, d = 0.5)
  metric    precision(p, y)
  metric    recall(p, y)
  optimizer sgd(lr = 0.1)
  batch 16; seed 9
}
"""


def stream(path, ordinal):
    """FNV-1a of the path, whose hash starts that of the number."""
    h = 0
    for part in (path.encode() + b"\0", ordinal.to_bytes(4, "little")):
        h ^= 0xcbf29ce484222325
        for byte in part:
            h = (h ^ byte) * 0x100000001b3 & (1 << 64) - 1
    return h


def uniform(path, step, first, rows, columns):
    """The draws of a step whose batch begins at row `first` of its epoch."""
    s, out = stream(path, 0), np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            w = ind.philox([j, first + i, step, s & 0xFFFFFFFF], [SEED, s >> 32])
            out[i, j] = ((w[0] >> 5) * 2.0 ** 26 + (w[1] >> 6)) * 2.0 ** -53
    return out


def normalised(h, axis):
    c = h - h.mean(axis=axis, keepdims=True)
    spread = np.sqrt((c ** 2).mean(axis=axis, keepdims=True) + EPS)
    return c / spread, spread


def normalised_back(dy, unit, spread, axis):
    return (dy - dy.mean(axis=axis, keepdims=True) - unit * (dy * unit).mean(axis=axis, keepdims=True)) / spread


def huber(e, d=0.5):
    return np.where(np.abs(e) <= d, e * e / 2, d * (np.abs(e) - d / 2)).mean()


def learn(w, x, y, step):
    """One step: w changes in place; what came out."""
    h1 = x @ w["dense1.w"] + w["dense1.b"]
    u1, s1 = normalised(h1, 0)
    b = u1 * w["batch_norm1.scale"] + w["batch_norm1.shift"]
    a = np.where(b > 0, b, w["prelu1.slope"] * b)
    u2, s2 = normalised(a @ w["dense2.w"] + w["dense2.b"], 1)
    l = u2 * w["layer_norm1.scale"] + w["layer_norm1.shift"]
    keep = (uniform("net.dropout1", step, (step - 1) * BATCH, *l.shape) >= DROP) / (1 - DROP)
    p = (l * keep) @ w["dense3.w"] + w["dense3.b"]
    g = {}
    dp = np.clip(p - y, -0.5, 0.5) / y.size
    g["dense3.w"], g["dense3.b"] = (l * keep).T @ dp, dp.sum(0)
    dl = dp @ w["dense3.w"].T * keep
    g["layer_norm1.scale"], g["layer_norm1.shift"] = (dl * u2).sum(0), dl.sum(0)
    dh = normalised_back(dl * w["layer_norm1.scale"], u2, s2, 1)
    g["dense2.w"], g["dense2.b"] = a.T @ dh, dh.sum(0)
    da = dh @ w["dense2.w"].T
    g["prelu1.slope"] = (da * b)[b <= 0].sum()
    db = np.where(b > 0, da, da * w["prelu1.slope"])
    g["batch_norm1.scale"], g["batch_norm1.shift"] = (db * u1).sum(0), db.sum(0)
    dh = normalised_back(db * w["batch_norm1.scale"], u1, s1, 0)
    g["dense1.w"], g["dense1.b"] = x.T @ dh, dh.sum(0)
    for name in g:
        w[name] = w[name] - RATE * g[name]
    w["batch_norm1.mean"] = 0.8 * w["batch_norm1.mean"] + 0.2 * h1.mean(0)
    w["batch_norm1.var"] = 0.8 * w["batch_norm1.var"] + 0.2 * h1.var(0)
    return p


def predict(w, x):
    h = (x @ w["dense1.w"] + w["dense1.b"] - w["batch_norm1.mean"]) / np.sqrt(w["batch_norm1.var"] + EPS)
    b = h * w["batch_norm1.scale"] + w["batch_norm1.shift"]
    u, _ = normalised(np.where(b > 0, b, w["prelu1.slope"] * b) @ w["dense2.w"] + w["dense2.b"], 1)
    return (u * w["layer_norm1.scale"] + w["layer_norm1.shift"]) @ w["dense3.w"] + w["dense3.b"]


def nnc(folder, *words):
    subprocess.run([build / "nnc", *words], check=True, cwd=folder, stdout=subprocess.DEVNULL)


def first_values():
    w = {"batch_norm1.mean": np.zeros(7), "batch_norm1.var": np.ones(7), "prelu1.slope": np.array(0.3)}
    for name, (n, m) in (("dense1", (4, 7)), ("dense2", (7, 6)), ("dense3", (6, 3))):
        w[name + ".w"], w[name + ".b"] = rng.uniform(-1, 1, (n, m)), rng.uniform(-0.1, 0.1, m)
    for name, n in (("batch_norm1", 7), ("layer_norm1", 6)):
        w[name + ".scale"], w[name + ".shift"] = rng.uniform(0.5, 1.5, n), rng.uniform(-0.2, 0.2, n)
    return w


def trained(folder):
    (folder / "net.nn").write_text(NET)
    x, y = rng.normal(size=(STEPS * BATCH, 4)), rng.uniform(0, 1, (STEPS * BATCH, 3))
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    w = first_values()
    ind.write_safetensors(folder / "first", {"net." + k: v for k, v in w.items()})
    nnc(folder, "train", "net.nn", "-q", "--no-shuffle", "--epochs=1", "-w", "first", "--data=x=x.npy", "--data=y=y.npy",
        "--log", "run")
    said = np.zeros((0, 3))
    loss = 0
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        p = learn(w, x[rows], y[rows], step + 1)
        said = np.vstack([said, p])
        loss += huber(p - y[rows]) / STEPS
    got = ind.read_safetensors(folder / "run/last.safetensors")
    worst = max(np.max(np.abs(got["net." + k] - v)) for k, v in w.items())
    print("batch_norm, prelu, layer_norm, dropout: at most %.2g apart after %d steps" % (worst, STEPS))
    assert len(got) == len(w) and worst < 1e-9
    with open(folder / "run/metrics.csv") as f:
        row = next(csv.DictReader(f))
    yes, is_so = said > 0.5, y > 0.5
    for name, want in (("loss", loss), ("precision", (yes & is_so).sum() / yes.sum()), ("recall", (yes & is_so).sum() / is_so.sum())):
        assert abs(float(row[name]) - want) < 1e-9, (name, row[name], want)
    nnc(folder, "predict", "net.nn", "-w", "run/last.safetensors", "--data=x=x.npy", "-o", "p.npy")
    assert np.max(np.abs(np.load(folder / "p.npy") - predict(w, x))) < 1e-9


def spread(name, variance, bound):
    """A weight of 300 by 200 has this variance and mean 0, and lies within a bound, if it has one, which it comes near."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "net.nn").write_text("dim N\nmodel net(x: f32[N, 300]) -> f32[N, 200] = x |> dense(200, init = %s)\n"
                                       "train net(x, y: f32[N, 200]) { loss mse(net(x), y)\n optimizer sgd(lr = 0.0) }\n" % name)
        np.save(folder / "x.npy", np.zeros((1, 300), np.float32))
        np.save(folder / "y.npy", np.zeros((1, 200), np.float32))
        nnc(folder, "train", "net.nn", "-q", "-O0", "--epochs=1", "--data=x=x.npy", "--data=y=y.npy", "--log", "run")
        w = ind.read_safetensors(folder / "run/last.safetensors")["net.dense1.w"].astype(float)
    if variance is None:
        assert (w == bound).all(), name
        return
    assert abs(w.mean()) < 0.02 * np.sqrt(variance) and abs(w.var() / variance - 1) < 0.03, (name, w.mean(), w.var(), variance)
    assert bound is None or 0.999 * bound < np.abs(w).max() <= bound * (1 + 1e-6), (name, np.abs(w).max(), bound)


SPREADS = {"zeros": (None, 0), "ones": (None, 1), "constant": (None, 0.25),
           "glorot_uniform": (2 / 500, np.sqrt(6 / 500)), "glorot_normal": (2 / 500, None),
           "he_uniform": (2 / 300, np.sqrt(6 / 300)), "he_normal": (2 / 300, None),
           "lecun_uniform": (1 / 300, np.sqrt(3 / 300)), "lecun_normal": (1 / 300, None)}

with tempfile.TemporaryDirectory() as name:
    trained(pathlib.Path(name))
for name in re.findall(r"^fn (\w+)", (root / "std/initializers.nn").read_text(), re.M):
    spread(name + "(0.25)" * (name == "constant"), *SPREADS[name])
print("the first values of %d initialisers are spread as stated" % len(SPREADS))
