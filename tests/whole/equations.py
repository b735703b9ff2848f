#!/usr/bin/python3
"""What a train block's equations say, for fifty steps in f64 and f32 against a tape in NumPy from the same first values in the same
order: penalties, clipping, freezing, groups, averaged and tied weights, shared towers, two networks against each other; experts,
an autoencoder, rounds of a residual block, a bag of words, two inputs."""
import pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind
import tape
from tape import Value, gradient

STEPS, BATCH = 50, 8
rng = np.random.default_rng(21)
x4, y2 = rng.normal(size=(STEPS * BATCH, 4)), rng.normal(size=(STEPS * BATCH, 2))
words = rng.integers(0, 9, (STEPS * BATCH, 3)).astype(np.int32)
after = rng.integers(0, 9, STEPS * BATCH).astype(np.int32)
same = rng.integers(0, 2, STEPS * BATCH).astype(float)

NET = """dim N
model net(x: REAL[N, 4]) -> REAL[N, 2] {
  layer body = dense(5) |> tanh |> dense(3)
  layer head = dense(2)
  x |> body |> tanh |> head
}
train net(x, y: REAL[N, 2]) { %s }
"""
NET_SHAPES = {"net.body.dense1.w": (4, 5), "net.body.dense1.b": (5,), "net.body.dense2.w": (5, 3), "net.body.dense2.b": (3,),
              "net.head.w": (3, 2), "net.head.b": (2,)}


def net(w, x):
    h = tape.tanh(Value(x) @ w["net.body.dense1.w"] + w["net.body.dense1.b"])
    h = tape.tanh(h @ w["net.body.dense2.w"] + w["net.body.dense2.b"])
    return h @ w["net.head.w"] + w["net.head.b"]


def mse(p, y): return ((p - y) * (p - y)).mean()
def norm(g): return np.sqrt(sum((v ** 2).sum() for v in g.values()))
def clip(g, limit): return {k: v * min(1, limit / norm(g)) for k, v in g.items()}
def slopes(e, w): return dict(zip(w, gradient(e, list(w.values()))))
def part(w, prefix): return {k: v for k, v in w.items() if k.startswith(prefix)}
def lower(w, g, lr): w.update({k: Value(w[k].data - lr * g[k]) for k in g})


class Adam:
    def __init__(self, lr, b1=0.9, b2=0.999):
        self.lr, self.b1, self.b2, self.m, self.v = lr, b1, b2, {}, {}

    def __call__(self, w, g, step):
        for k in g:
            m = self.m[k] = self.b1 * self.m.get(k, 0) + (1 - self.b1) * g[k]
            v = self.v[k] = self.b2 * self.v.get(k, 0) + (1 - self.b2) * g[k] ** 2
            w[k] = Value(w[k].data - self.lr * (m / (1 - self.b1 ** step)) / (np.sqrt(v / (1 - self.b2 ** step)) + 1e-8))


# Each case: its name, the text, the parameters' shapes, the data by input, and a function that gives a step: it takes the parameters
# (and whatever other state the checkpoint carries) in a dictionary, the step from 1 and the batch, and changes the dictionary.
def penalties():
    def step(w, t, x, y):
        weights = [v for k, v in w.items() if k.endswith(".w")]
        l2 = sum((v * v).sum() for v in weights[1:]) + (weights[0] * weights[0]).sum()
        l1 = tape.absolute(w["net.head.w"]).sum() + tape.absolute(w["net.head.b"]).sum()
        lower(w, slopes(mse(net(w, x), y) + 0.01 * l2 + 0.001 * l1, w), 0.1)
    return NET % "loss mse(net(x), y) + 1e-2*l2(net.*.w) + 1e-3*l1(net.head)\n  optimizer sgd(lr = 0.1)", NET_SHAPES, (x4, y2), step


def clipping():
    adam = Adam(0.02)

    def step(w, t, x, y):
        adam(w, clip(slopes(mse(net(w, x), y), w), 0.05), t)
    return NET % "loss mse(net(x), y)\n  g: tree = grad(loss, net)\n  net' = adam(net, clip_norm(g, limit = 0.05), lr = 0.02)", \
        NET_SHAPES, (x4, y2), step


def freezing():
    def step(w, t, x, y):
        lower(w, part(slopes(mse(net(w, x), y), w), "net.head"), 0.1)
    return NET % "loss mse(net(x), y)\n  net.head' = sgd(net.head, grad(loss, net.head), lr = 0.1)", NET_SHAPES, (x4, y2), step


def groups():
    fast, slow = Adam(0.05), Adam(0.002)

    def step(w, t, x, y):
        g = slopes(mse(net(w, x), y), w)
        fast(w, part(g, "net.head"), t)
        slow(w, clip(part(g, "net.body"), 0.3), t)
    return NET % ("loss mse(net(x), y)\n  net.head' = adam(net.head, grad(loss, net.head), lr = 0.05)\n"
                  "  net.body' = adam(net.body, clip_norm(grad(loss, net.body), limit = 0.3), lr = 2e-3)"), NET_SHAPES, (x4, y2), step


def averaged():
    adam = Adam(0.02)

    def step(w, t, x, y):
        for k in NET_SHAPES:
            w.setdefault("state/average." + k[4:], Value(w[k].data))
        own = {k: w[k] for k in NET_SHAPES}
        adam(own, slopes(mse(net(own, x), y), own), t)
        w.update(own)
        for k in NET_SHAPES:
            mean = "state/average." + k[4:]
            w[mean] = Value(0.9 * w[mean].data + 0.1 * own[k].data)
    return NET % ("loss mse(net(x), y)\n  optimizer adam(lr = 0.02)\n  state average: net = net\n"
                  "  average' = 0.9*average + 0.1*net'\n  metric mae(average(x), y)"), NET_SHAPES, (x4, y2), step


def tied():
    adam = Adam(0.01)

    def step(w, t, i, y):
        h = w["next.token.w"][i].mean(1) @ w["next.mix.w"] + w["next.mix.b"]
        z = tape.tanh(h) @ w["next.token.w"].T
        adam(w, slopes(-(tape.log_softmax(z)[np.arange(len(y)), y].mean()), w), t)
    return """dim N
model next(i: i32<9>[N, t = 3]) -> REAL[N, 9] {
  layer token = embedding(6, real = REAL, init = normal(0.5))
  layer mix = dense(6)
  h = mean(token(i), over = t) |> mix |> tanh
  h @ transpose(token.w)
}
train next(i, y: i32<9>[N]) {
  loss cross_entropy_logits(next(i), y)
  optimizer adam(lr = 0.01)
}
""", {"next.token.w": (9, 6), "next.mix.w": (6, 6), "next.mix.b": (6,)}, (words, after), step


def towers():
    adam = Adam(0.01)
    x3 = rng.normal(size=x4.shape)

    def see(w, x):
        return tape.relu(Value(x) @ w["look.dense1.w"] + w["look.dense1.b"]) @ w["look.dense2.w"] + w["look.dense2.b"]

    def step(w, t, a, b, s):
        gap = see(w, a) - see(w, b)
        d = tape.sqrt((gap * gap).sum(-1) + 1e-6)
        far = tape.relu(0.8 - d)
        adam(w, slopes((s * (d * d) + (1 - s) * (far * far)).mean(), w), t)
    return """dim N
layer look = dense(7) |> relu |> dense(3)
model apart(a: REAL[N, 4], b: REAL[N, 4]) -> REAL[N] = sqrt(sum((look(a) - look(b))^2, over = last) + 1e-6)
fn contrastive(d: REAL[N], same: REAL[N]; margin = 1) -> REAL = mean(same*d^2 + (1 - same)*relu(margin - d)^2)
train apart(a, b, s: REAL[N]) {
  d = apart(a, b)
  loss contrastive(d, s, margin = 0.8)
  optimizer adam(lr = 0.01)
}
""", {"look.dense1.w": (4, 7), "look.dense1.b": (7,), "look.dense2.w": (7, 3), "look.dense2.b": (3,)}, (x4, x3, same), step


def opponents():
    catch, fool = Adam(0.01, b1=0.5), Adam(0.005, b1=0.5)

    def judge(w, x):
        return tape.sigmoid(tape.relu(x @ w["judge.dense1.w"] + w["judge.dense1.b"], 0.2) @ w["judge.dense2.w"] + w["judge.dense2.b"])

    def draw(w, z):
        return tape.tanh(Value(z) @ w["draw.dense1.w"] + w["draw.dense1.b"]) @ w["draw.dense2.w"] + w["draw.dense2.b"]

    def step(w, t, x, z):
        fake = draw(w, z)
        one, two = part(w, "judge"), part(w, "draw")
        caught = -(tape.log(judge(w, Value(x))).mean()) - tape.log(1 - judge(w, tape.detach(fake))).mean()
        g = slopes(caught, one)
        after = dict(w)
        catch(after, g, t)
        fool(w, slopes(-(tape.log(judge(after, fake)).mean()), two), t)
        w.update(part(after, "judge"))
    return """dim N
layer judge = dense(5) |> leaky_relu(0.2) |> dense(1) |> sigmoid
model draw(z: REAL[N, 2]) -> REAL[N, 4] = z |> dense(6) |> tanh |> dense(4)
train gan(x: REAL[N, 4], z) {
  fake   = draw(z)
  caught = bce(judge(x), 1) + bce(judge(detach(fake)), 0)
  judge' = adam(judge, grad(caught, judge), lr = 0.01, b1 = 0.5)
  fooled = bce(judge'(fake), 1)
  draw'  = adam(draw, grad(fooled, draw), lr = 0.005, b1 = 0.5)
  metric caught; metric fooled
}
""", {"judge.dense1.w": (4, 5), "judge.dense1.b": (5,), "judge.dense2.w": (5, 1), "judge.dense2.b": (1,), "draw.dense1.w": (2, 6),
      "draw.dense1.b": (6,), "draw.dense2.w": (6, 4), "draw.dense2.b": (4,)}, (x4, y2), step


# ---- networks of other kinds ----
words5, mood = rng.integers(0, 9, (STEPS * BATCH, 5)).astype(np.int32), rng.integers(0, 3, STEPS * BATCH).astype(np.int32)
x3 = rng.normal(size=(STEPS * BATCH, 3))


def dense(w, name, x): return x @ w[name + ".w"] + w[name + ".b"]
def swish(x): return x * tape.sigmoid(x)


def normed(w, name, x, axis, eps=1e-5):
    """Each row (axis -1) or each column (axis 0) by its mean and variance; these too."""
    def spread(v): return v[..., None] if axis else v
    m = x.mean(axis)
    c = x - spread(m)
    v = (c * c).mean(axis)
    return c / spread(tape.sqrt(v + eps)) * w[name + ".scale"] + w[name + ".shift"], m, v


def experts():
    """Experts in one tensor, joined by the shares that a softmax gives them; shares that differ much cost something."""
    adam = Adam(0.01)

    def step(w, t, x, y):
        share = tape.exp(tape.log_softmax(dense(w, "net.gate", Value(x))))
        each = tape.einsum("ni,eih->neh", Value(x), w["net.experts1.w"]) + w["net.experts1.b"]
        p = dense(w, "net.dense1", tape.tanh(tape.einsum("ne,neh->nh", share, each)))
        used = share.mean(0)
        adam(w, slopes(mse(p, y) + 0.1 * (used * used).sum(), w), t)
    return """dim N
layer experts[N, I](x: real[N, I]; experts, out) -> real[N, experts, out] {
  param w: real[experts, I, out] = glorot_uniform
  param b: real[experts, out] = zeros
  ((x, w) |> [N, i], [e, i, o] -> [N, e, o]) + b
}
model net(x: REAL[N, 4]) -> (p: REAL[N, 2], share: REAL[N, 3]) {
  layer gate = dense(3)
  share = x |> gate |> softmax
  joined = (share, experts(x, experts = 3, out = 5)) |> [N, e], [N, e, o] -> [N, o]
  (joined |> tanh |> dense(2), share)
}
train net(x, y: REAL[N, 2]) {
  p, share = net(x)
  loss mse(p, y) + 0.1*sum(mean(share, over = N)^2)
  optimizer adam(lr = 0.01)
}
""", {"net.gate.w": (4, 3), "net.gate.b": (3,), "net.experts1.w": (3, 4, 5), "net.experts1.b": (3, 5), "net.dense1.w": (5, 2),
      "net.dense1.b": (2,)}, (x4, y2), step


def there_and_back():
    """An autoencoder whose way back is its way there, transposed; RMSProp."""
    squares = {}

    def step(w, t, x):
        code = tape.tanh(dense(w, "fold.code", Value(x)))
        g = slopes(mse(code @ w["fold.code.w"].T + w["fold.back"], Value(x)) + 1e-3 * tape.absolute(code).mean(), w)
        for k in g:
            squares[k] = 0.9 * squares.get(k, 0) + 0.1 * g[k] ** 2
            w[k] = Value(w[k].data - 0.005 * g[k] / (np.sqrt(squares[k]) + 1e-8))
    return """dim N
model fold(x: REAL[N, 4]) -> (again: REAL[N, 4], code: REAL[N, 3]) {
  layer code = dense(3)
  param back: REAL[4] = zeros
  h = x |> code |> tanh
  (h @ transpose(code.w) + back, h)
}
train fold(x) {
  again, code = fold(x)
  loss mse(again, x) + 1e-3*mean(abs(code))
  optimizer rmsprop(lr = 0.005)
}
""", {"fold.code.w": (4, 3), "fold.code.b": (3,), "fold.back": (4,)}, (x4,), step


def residual():
    """Rounds of a block around which the input is carried; AdamW, whose decay spares biases."""
    adam, names = Adam(0.01), ["deep.repeat1.%d" % i for i in (1, 2, 3)]
    shapes = {"deep.dense1.w": (4, 6), "deep.dense1.b": (6,), "deep.dense2.w": (6, 2), "deep.dense2.b": (2,)}
    for n in names:
        shapes.update({n + ".layer_norm1.scale": (6,), n + ".layer_norm1.shift": (6,), n + ".dense1.w": (6, 8), n + ".dense1.b": (8,),
                       n + ".dense2.w": (8, 6), n + ".dense2.b": (6,)})

    def step(w, t, x, y):
        h = dense(w, "deep.dense1", Value(x))
        for n in names:
            h = h + dense(w, n + ".dense2", swish(dense(w, n + ".dense1", normed(w, n + ".layer_norm1", h, -1)[0])))
        before = {k: v.data for k, v in w.items()}
        adam(w, slopes(mse(dense(w, "deep.dense2", h), y), w), t)
        for k in w:
            w[k] = Value(w[k].data - 0.01 * 0.1 * before[k] * (before[k].ndim > 1))
    return """dim N
layer block[E](x: real[N, E]; wide) -> real[N, E] = x + (x |> layer_norm |> dense(wide) |> swish |> dense(E))
model deep(x: REAL[N, 4]) -> REAL[N, 2] = x |> dense(6) |> repeat(3) { block(8) } |> dense(2)
train deep(x, y: REAL[N, 2]) {
  loss mse(deep(x), y)
  optimizer adamw(lr = 0.01, decay = 0.1, biases = false)
}
""", shapes, (x4, y2), step


def bag_of_words():
    """A table's rows, averaged; probabilities and their cross entropy; Nesterov's momentum."""
    speed = {}

    def step(w, t, i, y):
        z = dense(w, "say.dense1", tape.tanh(w["say.embedding1.w"][i].mean(1)))
        g = slopes(-(tape.log_softmax(z)[np.arange(len(y)), y].mean()), w)
        for k in g:
            speed[k] = 0.9 * speed.get(k, 0) + g[k]
            w[k] = Value(w[k].data - 0.1 * (g[k] + 0.9 * speed[k]))
    return """dim N
dim mood = "bad", "so so", "good"
model say(i: i32<9>[N, word = 5]) -> REAL[N, mood]
  = i |> embedding(6, real = REAL, init = normal(0.5)) |> mean(over = word) |> tanh |> dense(mood) |> softmax
train say(i, y: i32<mood>[N]) {
  p = say(i)
  loss cross_entropy(p, y)
  optimizer nesterov(lr = 0.1)
  metric accuracy(p, y)
}
""", {"say.embedding1.w": (9, 6), "say.dense1.w": (6, 3), "say.dense1.b": (3,)}, (words5, mood), step


def two_sides():
    """Two inputs side by side, one of them normalised over the batch; Huber's loss; momentum."""
    speed = {}

    def step(w, t, a, b, y):
        own = {k: v for k, v in w.items() if k[5:] not in ("batch_norm1.mean", "batch_norm1.var")}
        right, m, v = normed(own, "both.batch_norm1", dense(own, "both.dense2", Value(b)), 0)
        p = dense(own, "both.dense3", tape.concat(tape.tanh(dense(own, "both.dense1", Value(a))), tape.relu(right)))
        e = p - y
        small = np.abs(e.data) <= 0.5
        g = slopes((e * e * (0.5 * small) + (tape.absolute(e) - 0.25) * (0.5 * ~small)).mean(), own)
        for k in g:
            speed[k] = 0.9 * speed.get(k, 0) + g[k]
            w[k] = Value(w[k].data - 0.05 * speed[k])
        for k, seen in (("mean", m), ("var", v)):
            w["both.batch_norm1." + k] = Value(0.8 * w["both.batch_norm1." + k].data + 0.2 * seen.data)
    shapes = {"both.dense1.w": (4, 4), "both.dense1.b": (4,), "both.dense2.w": (3, 3), "both.dense2.b": (3,),
              "both.dense3.w": (7, 2), "both.dense3.b": (2,)}
    shapes.update({"both.batch_norm1." + k: (3,) for k in ("scale", "shift", "mean", "var")})
    return """dim N
model both(a: REAL[N, 4], b: REAL[N, 3]) -> REAL[N, 2] {
  left = a |> dense(4) |> tanh
  right = b |> dense(3) |> batch_norm(momentum = 0.8) |> relu
  concat(left, right, over = last) |> dense(2)
}
train both(a, b, y: REAL[N, 2]) {
  loss huber(both(a, b), y, d = 0.5)
  optimizer momentum(lr = 0.05)
}
""", shapes, (x4, x3, y2), step


def compiled(folder, text, real, first, data):
    """The tensors of a run's checkpoint after fifty steps."""
    dtype = np.float64 if real == "f64" else np.float32
    (folder / "model.nn").write_text(text.replace("REAL", real))
    ind.write_safetensors(folder / "first", {k: v.astype(dtype) for k, v in first.items()})
    inputs = re.search(r"train \w+\((.*?)\) \{", text).group(1)
    words = []
    for name, array in zip(re.findall(r"(?:^|, )(\w+)(?=[:,]|$)", re.sub(r"\[.*?\]", "", inputs)), data):
        np.save(folder / (name + ".npy"), array if array.dtype == np.int32 else array.astype(dtype))
        words.append("--data=%s=%s.npy" % (name, name))
    subprocess.run([build / "nnc", "train", "model.nn", "-O0", "--no-shuffle", "-q", "--epochs=1", "--batch=%d" % BATCH, "-w", "first",
                    "--log", "run", *words], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    return ind.read_safetensors(folder / "run/checkpoint.safetensors")


def agrees(folder, case, real, bound):
    text, shapes, data, step = case()
    first = {k: rng.uniform(-0.7, 0.7, s).astype(np.float32).astype(float) for k, s in shapes.items()}
    data = [d if d.dtype == np.int32 else d.astype(np.float32).astype(float) for d in data]
    w = {k: Value(v) for k, v in first.items()}
    for t in range(STEPS):
        rows = slice(t * BATCH, (t + 1) * BATCH)
        step(w, t + 1, *(d[rows] for d in data))
    got = compiled(folder, text, real, first, data)
    assert set(w) == {k for k in got if not k.startswith("opt/")}, (sorted(w), sorted(got))
    moved = max(np.max(np.abs(w[k].data - first[k])) for k in first)
    worst = max(np.max(np.abs(got[k].astype(float) - v.data) / np.maximum(1, np.abs(v.data))) for k, v in w.items())
    print("%s in %s: at most %.2g apart after %d steps; parameters moved by up to %.2g" % (case.__name__, real, worst, STEPS, moved))
    assert worst < bound and moved > 1000 * bound, (worst, moved)


def accumulated(folder):
    """On whole numbers, where every sum is exact, four batches of 8 are one of 32 to the bit."""
    (folder / "model.nn").write_text("dim N\nmodel line(x: f32[N, 3]) -> f32[N, 2] = x |> dense(2)\n"
                                     "train line(x, y: f32[N, 2]) { loss mse(line(x), y)\n  optimizer sgd(lr = 0.125) }\n")
    np.save(folder / "x.npy", rng.integers(-2, 3, (96, 3)).astype(np.float32))
    np.save(folder / "y.npy", rng.integers(-3, 4, (96, 2)).astype(np.float32))
    ind.write_safetensors(folder / "first", {"line.dense1.w": rng.integers(-2, 3, (3, 2)).astype(np.float32),
                                             "line.dense1.b": np.array([1, -1], np.float32)})
    files = []
    for words in (["--batch=32"], ["--batch=8", "--accumulate=4"], ["--batch=8"]):
        subprocess.run([build / "nnc", "train", "model.nn", "-q", "--no-shuffle", "--epochs=1", "-w", "first", "--log", "run", *words,
                        "--data=x=x.npy", "--data=y=y.npy"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        files.append((folder / "run/last.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]
    print("four batches of 8 are one of 32 to the bit")


with tempfile.TemporaryDirectory() as name:
    accumulated(pathlib.Path(name))
    for case in (penalties, clipping, freezing, groups, averaged, tied, towers, opponents,
                 experts, there_and_back, residual, bag_of_words, two_sides):
        for real, bound in (("f64", 1e-9), ("f32", 1e-4)):
            agrees(pathlib.Path(name), case, real, bound)
