#!/usr/bin/python3
"""Networks that are not among the examples, from a user's own text: each is checked, trained until its loss has fallen, and
predicts from a generated C program that links the object alone, as `nnc predict` does bit for bit and as NumPy does nearly.
A copy of a std layer under another name gives the bits of the original."""
import csv, pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind

rng = np.random.default_rng(11)
C_TYPES = {np.float32: "float", np.float64: "double", np.int32: "int32_t", np.uint8: "uint8_t"}


def nnc(folder, *words):
    subprocess.run([build / "nnc", *words], check=True, cwd=folder, stdout=subprocess.DEVNULL)


def npy(path):
    return np.load(path)


def train(folder, name, *options):
    """Trains with the given options; the losses by epoch, and the last weights."""
    nnc(folder, "train", name + ".nn", "-q", "--log", name + ".run", *options)
    with open(folder / (name + ".run") / "metrics.csv") as f:
        losses = [float(row["loss"]) for row in csv.DictReader(f)]
    return losses, ind.read_safetensors(folder / (name + ".run") / "last.safetensors")


def program(name, sizes, inputs, dtype, count):
    upper = name.upper()
    reads = "".join("    %s *in%d = area(%d);\n    if (fread(in%d, 1, %d, stdin) != %d) return 2;\n"
                    % (C_TYPES[x.dtype.type], i, x.nbytes, i, x.nbytes, x.nbytes) for i, x in enumerate(inputs))
    args = ", ".join([str(n) for n in sizes] + ["in%d" % i for i in range(len(inputs))])
    size_args = ", ".join([str(n) for n in sizes])
    return """#include "%s.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *area(size_t bytes) { return aligned_alloc(64, bytes / 64 * 64 + 128); }
int main(void) {
    void *params = area(%s_PARAMS_BYTES), *opt = area(%s_OPT_BYTES);
    void *work = area((size_t)%s_bytes(%s_WORK_PREDICT, %s));
    %s *out = area(%d);
%s    if (%s_init(params, opt, 0, NULL) || %s_predict(params, %s, out, work)) return 1;
    return fwrite(out, sizeof *out, %d, stdout) != %d;
}
""" % (name, upper, upper, name, upper, size_args, C_TYPES[dtype], count * np.dtype(dtype).itemsize, reads, name, name, args, count, count)


def predict_in_c(folder, name, sizes, inputs, dtype, shape, *options):
    nnc(folder, name + ".nn", "-w", name + ".run/last.safetensors", "-o", name + ".o", *options)
    (folder / (name + ".c")).write_text(program(name, sizes, inputs, dtype, int(np.prod(shape))))
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", name + ".c", name + ".o", "-o", name], check=True, cwd=folder)
    out = subprocess.run([folder / name], input=b"".join(np.ascontiguousarray(x).tobytes() for x in inputs), check=True,
                         capture_output=True).stdout
    return np.frombuffer(out, dtype).reshape(shape)


def check(what, losses, below, in_c, by_nnc, by_numpy, tolerance):
    print("%s: loss %.4g to %.4g" % (what, losses[0], losses[-1]))
    assert losses[-1] < below and losses[-1] < losses[0] / 2, losses
    assert in_c.tobytes() == by_nnc.astype(in_c.dtype).tobytes(), "%s: the C program and nnc predict differ" % what
    assert np.allclose(in_c, by_numpy, rtol=tolerance, atol=tolerance), np.max(np.abs(in_c - by_numpy))


def save_csv(path, **columns):
    names = [n if a.shape[1] == 1 else "%s.%d" % (n, i) for n, a in columns.items() for i in range(a.shape[1])]
    with open(path, "w") as f:
        f.write(",".join(names) + "\n")
        for row in np.hstack(list(columns.values())):
            f.write(",".join("%.9g" % v for v in row) + "\n")


OWN = """# Regression to three numbers, with an activation, a loss and an optimizer that std does not have.
dim N
hyper width = 12

fn snake(x: real; a = 1) -> real = x + sin(a*x)^2 / a
fn log_cosh(p: real[...], y: real[...]) -> real = mean(log((exp(p - y) + exp(y - p)) / 2))

# Steps of the size of a decaying mean of the gradients' squares.
layer steady(p: real[...], g: real[...]; lr = 0.01, keep = 0.9) -> real[...] {
  state square: real[...] = 0
  square' = keep*square + (1 - keep)*g^2
  p - lr*g / (sqrt(square') + 1e-6)
}

model own(x: f32[N, 4]) -> f32[N, 3] {
  x |> dense(width) |> snake(0.5) |> dense(width) |> snake |> dense(3)
}

train own(x, y: f32[N, 3]) {
  p = own(x)
  loss      log_cosh(p, y)
  metric    mae(p, y)
  optimizer steady(lr = 0.01)
  epochs 60; batch 24; split 80/20; seed 3
}
"""


def own(folder, real):
    dtype = np.float64 if real == "f64" else np.float32
    (folder / "own.nn").write_text(OWN)
    x = rng.uniform(-1, 1, (500, 4)).astype(np.float32)
    y = np.stack([x[:, 0] * x[:, 1], np.sin(2 * x[:, 2]), x[:, 3] ** 2 - x[:, 0]], axis=1)
    save_csv(folder / "own.csv", x=x, y=y)
    option = "--real=" + real
    losses, w = train(folder, "own", "--data=own.csv", option)
    nnc(folder, "predict", "own.nn", "-w", "own.run/last.safetensors", "--data=own.csv", "-o", "own.npy", option)
    read = np.loadtxt(folder / "own.csv", delimiter=",", skiprows=1, usecols=range(4), dtype=dtype)
    in_c = predict_in_c(folder, "own", [500], [read], dtype, (500, 3), option)
    h = read.astype(float)
    for i, a in ((1, 0.5), (2, 1), (3, None)):
        h = h @ w["own.dense%d.w" % i].astype(float) + w["own.dense%d.b" % i]
        h = h + np.sin(a * h) ** 2 / a if a else h
    check("own activation, loss and optimizer in " + real, losses, 0.02, in_c, npy(folder / "own.npy"), h, 1e-4 if real == "f32" else 1e-9)


SERIES = """# Two open sizes: any number of series, each of any length. A layer of one's own with a function as an option.
dim N
dim T in 2..64

layer gated[I](x: real[..., I]; out, act: fn = sigmoid) -> real[..., out] {
  layer value = dense(out)
  layer gate  = dense(out)
  value(x) * act(gate(x))
}

model series(x: f32[N, T, 3]) -> f32[N, 2] {
  h = x |> gated(10, act = tanh) |> gated(8)
  mean(h, over = T) |> dense(2)
}

train series(x, y: f32[N, 2]) {
  loss      mse(series(x), y)
  optimizer adam(lr = 0.01)
  epochs 40; batch 16; seed 5
}
"""


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def series(folder):
    (folder / "series.nn").write_text(SERIES)
    x = rng.uniform(-1, 1, (300, 9, 3)).astype(np.float32)
    y = np.stack([(x[:, :, 0] * x[:, :, 1]).mean(1), x[:, :, 2].mean(1)], axis=1).astype(np.float32)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    losses, w = train(folder, "series", "--data=x=x.npy", "--data=y=y.npy")
    for length, rows in ((9, 300), (2, 5), (64, 3)):  # other lengths than those it was trained on
        z = rng.uniform(-1, 1, (rows, length, 3)).astype(np.float32)
        np.save(folder / "z.npy", z)
        nnc(folder, "predict", "series.nn", "-w", "series.run/last.safetensors", "--data=x=z.npy", "-o", "series.npy")
        in_c = predict_in_c(folder, "series", [rows, length], [z], np.float32, (rows, 2))
        h = z.astype(float)
        for name, act in (("gated1", np.tanh), ("gated2", sigmoid)):
            part = lambda p: h @ w["series.%s.%s.w" % (name, p)].astype(float) + w["series.%s.%s.b" % (name, p)]
            h = part("value") * act(part("gate"))
        want = h.mean(axis=1) @ w["series.dense1.w"].astype(float) + w["series.dense1.b"]
        check("two open sizes, %d of length %d" % (rows, length), losses, 0.02, in_c, npy(folder / "series.npy"), want, 1e-4)


TOWER = """# One tower looks at both inputs; labels by name; a teacher's signal without a gradient.
dim N
dim verdict = "same", "other"

layer tower = dense(8) |> tanh |> dense(4)

model tower_pair(left: f32[N, 5], right: f32[N, 5]) -> f32[N, verdict] {
  gap = tower(left) - tower(right)
  square = gap^2
  square |> dense(verdict) |> softmax
}

train tower_pair(left, right, y: i32<verdict>[N]) {
  p = tower_pair(left, right)
  calm = mean(detach(p)^2)
  loss      cross_entropy(p, y) + 0*calm
  metric    accuracy(p, y)
  optimizer momentum(lr = 0.1, beta = 0.9)
  epochs 60; batch 20; split 80/20; seed 2
}
"""


def tower(folder):
    name = "tower_pair"
    (folder / "tower_pair.nn").write_text(TOWER)
    left = rng.normal(size=(600, 5)).astype(np.float32)
    other = rng.integers(0, 2, 600)
    right = (left + np.where(other, 1.5, 0.05)[:, None] * rng.choice([-1, 1], (600, 5))).astype(np.float32)
    names = ["left.%d" % i for i in range(5)] + ["right.%d" % i for i in range(5)] + ["y"]
    with open(folder / "pairs.csv", "w") as f:
        f.write(",".join(names) + "\n")
        for a, b, y in zip(left, right, other):
            f.write(",".join("%.9g" % v for v in (*a, *b)) + ",%s\n" % ("other" if y else "same"))
    losses, w = train(folder, name, "--data=pairs.csv")
    assert sorted(w) == sorted(["tower.dense1.b", "tower.dense1.w", "tower.dense2.b", "tower.dense2.w",
                                "tower_pair.dense1.b", "tower_pair.dense1.w"]), sorted(w)
    nnc(folder, "predict", name + ".nn", "-w", name + ".run/last.safetensors", "--data=pairs.csv", "-o", "pairs.npy")
    in_c = predict_in_c(folder, name, [600], [left, right], np.float32, (600, 2))
    see = lambda x: np.tanh(x @ w["tower.dense1.w"].astype(float) + w["tower.dense1.b"]) @ w["tower.dense2.w"] + w["tower.dense2.b"]
    z = (see(left) - see(right)) ** 2 @ w["tower_pair.dense1.w"].astype(float) + w["tower_pair.dense1.b"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    check("a shared tower", losses, 0.1, in_c, npy(folder / "pairs.npy"), e / e.sum(axis=1, keepdims=True), 1e-4)
    nnc(folder, "predict", name + ".nn", "-w", name + ".run/last.safetensors", "--data=pairs.csv", "-o", "pairs.csv.out")
    with open(folder / "pairs.csv.out") as f:
        rows = list(csv.DictReader(f))
    assert list(rows[0]) == ["same", "other", "class"] and {r["class"] for r in rows} == {"same", "other"}, rows[0]


COPY = """dim N
%s
model copy(x: f32[N, 6]) -> f32[N, 3] {
  layer first  = %s(7)
  layer second = %s(3)
  x |> first |> %s |> second |> %s
}

train copy(x, y: i32<3>[N]) {
  loss      %s(copy(x), y)
  optimizer %s(lr = 0.01)
  epochs 3; batch 8; seed 4
}
"""


def definitions(*names):
    """The text of std's definitions, each renamed to my_NAME."""
    text = "\n".join(p.read_text() for p in sorted((root / "std").glob("*.nn")))
    out = []
    for name in names:
        m = re.search(r"^(fn|layer) %s\b.*?(?=^(?:fn|layer|#)|\Z)" % name, text, re.M | re.S)
        out.append(re.sub(r"\b(fn|layer) %s\b" % name, r"\1 my_" + name, m.group(0)))
    return "\n".join(out)


def copies(folder):
    names = ["dense", "dense", "tanh", "softmax", "cross_entropy", "adam"]
    own = ["dense", "softmax", "cross_entropy", "adam"]
    mine = ["my_" + n if n in own else n for n in names]
    x, y = rng.normal(size=(100, 6)).astype(np.float32), rng.integers(0, 3, 100).astype(np.int32)
    np.save(folder / "cx.npy", x)
    np.save(folder / "cy.npy", y)
    weights = []
    for text in (COPY % ("", *names), COPY % (definitions(*own), *mine)):
        (folder / "copy.nn").write_text(text)
        weights.append(train(folder, "copy", "--data=x=cx.npy", "--data=y=cy.npy")[1])
    assert weights[0].keys() == weights[1].keys()
    assert all(weights[0][k].tobytes() == weights[1][k].tobytes() for k in weights[0]), "a copy of std trains to other bits"
    print("copies of dense, softmax, cross_entropy and adam under other names train to the same bits")


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    own(folder, "f32")
    own(folder, "f64")
    series(folder)
    tower(folder)
    copies(folder)
