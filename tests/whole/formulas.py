#!/usr/bin/python3
"""Two networks of a user's own in f64, called from their libraries: outputs, loss, gradients, a layer's state, and an
optimizer with two states against NumPy and central differences, for several sizes of both open dims."""
import ctypes, pathlib, re, subprocess, sys, tempfile
import numpy as np

build = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(3)
Size = ctypes.c_int64

NET = """dim N
dim T
hyper W = 6
hyper lr = 0.05
fn swish(x: real; k = 1) -> real = x * sigmoid(k*x)
layer norm[N, C](a: real[N, C]; momentum = 0.9) -> real[N, C] {
  state mean: real[C] = zeros
  m = mean(a, over = first)
  mean' = momentum*mean + (1 - momentum)*m
  a - (if training then m else mean)
}
layer rmsprop(p: real[...], g: real[...]; lr = 0.01, rho = 0.9) -> real[...] {
  state s: real[...] = 1
  state t: real = 0
  s' = rho*s + (1 - rho)*g^2
  t' = t + 1
  p - lr*g/sqrt(s' + 1e-6/t')
}
model net(x: f64[N, T, 3], w: f64[N]) -> (p: f64[N, 2], q: f64[N, T]) {
  h = x |> dense(W) |> swish(1.5)
  pooled = mean(h, over = T) |> norm |> dense(2)
  att = (h |> dense(1) |> [N, T, 1] -> [N, T]) |> softmax(over = T)
  ctx = (att, h) |> [N, t], [N, t, c] -> [N, c]
  p = pooled + (ctx |> dense(2, bias = false))
  (p * (w |> [N] -> [N, 2]), att)
}
train net(x, w, y: f64[N, 2]) {
  p, q = net(x, w)
  ent = -mean(sum(q*log(q), over = T))
  loss mean(sum((p - y)^2, over = last)) + 0.01*ent
  metric mae(p, y)
  hits = (sum(real(abs(p - y) < 0.5)), 2*N)
  metric hits
  optimizer rmsprop(lr = lr / (1 + 0.1*epoch))
  epochs 3; batch 4; seed 3
}
"""

KIT = """dim N
dim M
# patterns, reductions over several axes, softmax over another axis, index inputs, i64, bool
model kit(x: f64[N, h = 3, w = 4, ch = 2], k: i32<4>[N], b: bool[N], g: f64[M, 2], z: f64)
    -> (s1: f64[N, ch = 2], s2: f64[N, 3, 4], s3: f64[N], s4: i64[N], s5: bool[N, 2], s6: f64[N, M], s7: f64[M, 2],
        s8: f64, s9: f64[N, 4], s10: i32<3>[N, 4], s11: f64[2, N]) {
  s1 = max(sum(x, over = h) |> softmax(over = w), over = w)
  t  = x |> softmax(over = h)
  s2 = max(t, over = ch) |> [N, a, b] -> [N, a, b]
  s3 = mean(x |> [N, h, w, ch] -> [N, (h, w, ch)], over = last) + z
  s4 = i64(k) * 3 % 5 - 7
  v  = sum(sum(x, over = h), over = w)
  s5 = v > 0 and (b |> [N] -> [N, 2])
  s6 = (v, g) |> [n, c], [m, c] -> [n, m]
  s7 = softmax(g, over = first)
  s8 = max(abs(g)) - min(g)
  s9 = f64(one_hot(k)) * select(b |> [N] -> [N, 4], 2.5, -z)
  s10 = argmax(sum(x, over = ch), over = h)
  s11 = v |> [N, c] -> [c, N]
  (s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11)
}
"""


class Step(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32)] + [
        (name, ctypes.c_uint64) for name in ("seed", "step", "epoch", "first_sample")] + [("weight", ctypes.c_double)]


def area(size):
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start:start + size]


def at(array):
    return ctypes.c_void_p(array.ctypes.data)


def compiled(folder, name, text):
    (folder / (name + ".nn")).write_text(text)
    subprocess.run([build / "nnc", name + ".nn", "-o", name + ".so", "--emit=so,header"], check=True, cwd=folder)
    library = ctypes.CDLL(str(folder / (name + ".so")))
    header = (folder / (name + ".h")).read_text()
    getattr(library, name + "_bytes").restype = Size
    constants = dict(re.findall(r"([A-Z_0-9]+) = (\d+)", header) + re.findall(r"#define (\w+BYTES) (\d+)", header))
    return library, header, {k: int(v) for k, v in constants.items()}


def softmax(a, axis):
    e = np.exp(a - a.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def net_loss(p, x, w, y, training):
    h = x @ p["net.dense1.w"] + p["net.dense1.b"]
    h = h / (1 + np.exp(-1.5 * h))
    pooled = h.mean(1)
    mean = pooled.mean(0)
    pooled = (pooled - (mean if training else p["net.norm1.mean"])) @ p["net.dense2.w"] + p["net.dense2.b"]
    q = softmax((h @ p["net.dense3.w"] + p["net.dense3.b"])[..., 0], 1)
    out = (pooled + np.einsum("nt,ntc->nc", q, h) @ p["net.dense4.w"]) * w[:, None]
    return ((out - y) ** 2).sum(1).mean() - 0.01 * (q * np.log(q)).sum(1).mean(), out, q, mean


def slopes(p, name, *rest):
    g = np.zeros_like(p[name])
    for k in np.ndindex(*g.shape):
        ends = []
        for d in (1e-6, -1e-6):
            moved = dict(p, **{name: p[name].copy()})
            moved[name][k] += d
            ends.append(net_loss(moved, *rest, True)[0])
        g[k] = (ends[0] - ends[1]) / 2e-6
    return g


def check_net(folder):
    lib, header, c = compiled(folder, "f", NET)
    tensors = {}
    for kind, place, name, shape in re.findall(r"^   (params|opt)\s+(\d+)  (\S+): f64(?:\[([^\]]*)\])?", header, re.M):
        tensors[kind, name] = int(place), [int(s) for s in shape.split(",") if s]
    params, opt, grads = (area(c["F_%s_BYTES" % k]) for k in ("PARAMS", "OPT", "GRADS"))
    assert lib.f_init(at(params), at(opt), ctypes.c_uint64(5), None) == 0

    def view(buffer, kind, name):
        place, shape = tensors[kind, name]
        return buffer[place:place + 8 * int(np.prod(shape))].view(np.float64).reshape(shape)

    names = [n for k, n in tensors if k == "params"]
    for N, T in (1, 1), (3, 5), (33, 9):
        x, w, y = rng.normal(size=(N, T, 3)), rng.normal(size=N), rng.normal(size=(N, 2))
        p = {n: view(params, "params", n).copy() for n in names}
        sizes, totals, when = (Size(N), Size(T)), np.zeros(8), Step(48, 0, 0, 1, 1, 0, 1.0)

        def work(what):
            return area(lib.f_bytes(c["F_WORK_NET" + what], *sizes))

        out, q, room = np.zeros((N, 2)), np.zeros((N, T)), work("")
        assert lib.f_net(at(params), *sizes, at(x), at(w), at(out), at(q), at(room)) == 0
        _, wanted, wanted_q, _ = net_loss(p, x, w, y, False)
        assert np.allclose(out, wanted, 1e-12, 1e-13) and np.allclose(q, wanted_q, 1e-12)
        loss, wanted, _, mean = net_loss(p, x, w, y, True)
        room = work("_GRAD")
        assert lib.f_net_grad(at(params), *sizes, at(x), at(w), at(y), ctypes.byref(when), None, at(grads), at(totals),
                                at(room)) == 0
        assert np.isclose(totals[1] / N, loss, 1e-12) and np.isclose(totals[2] / N, abs(wanted - y).mean(), 1e-12)
        assert totals[3] == (abs(wanted - y) < 0.5).sum() and totals[4] == 2 * N
        g = {n: view(grads, "params", n).copy() for n in names if n != "net.norm1.mean"}
        for n in g:
            assert np.allclose(g[n], slopes(p, n, x, w, y), 1e-6, 1e-8), n
        s, t = ({n: view(opt, "opt", "net.%s.%s" % (k, n)).copy() for n in g} for k in "st")
        room = work("_STEP")
        assert lib.f_net_step(at(params), at(opt), *sizes, at(x), at(w), at(y), ctypes.byref(when), None, at(totals),
                                at(room)) == 0
        for n in g:
            s_next, t_next = 0.9 * s[n] + 0.1 * g[n] ** 2, t[n] + 1
            assert np.allclose(view(opt, "opt", "net.s." + n), s_next, 1e-12)
            assert view(opt, "opt", "net.t." + n) == t_next
            wanted = p[n] - 0.05 / 1.1 * g[n] / np.sqrt(s_next + 1e-6 / t_next)
            assert np.allclose(view(params, "params", n), wanted, 1e-12, 1e-14), n
        kept = 0.9 * p["net.norm1.mean"] + 0.1 * mean
        assert np.allclose(view(params, "params", "net.norm1.mean"), kept, 1e-12, 1e-14)


def check_kit(folder):
    lib, _, c = compiled(folder, "k", KIT)
    for N, M in (1, 1), (2, 3), (17, 33):
        x, g, z = rng.normal(size=(N, 3, 4, 2)), rng.normal(size=(M, 2)), np.array(rng.normal())
        k, b = rng.integers(0, 4, N).astype(np.int32), rng.integers(0, 2, N).astype(np.uint8)
        s, v = x.sum(1), x.sum((1, 2))
        wanted = [softmax(s, 1).max(1), softmax(x, 1).max(3), x.reshape(N, -1).mean(1) + z,
                  k.astype(np.int64) * 3 % 5 - 7,
                  (v > 0) & (b[:, None] > 0), v @ g.T, softmax(g, 0), abs(g).max() - g.min(),
                  np.eye(4)[k] * np.where(b[:, None] > 0, 2.5, -z), x.sum(3).argmax(1).astype(np.int32), v.T]
        outs = [np.zeros(np.shape(a), np.asarray(a).dtype) for a in wanted]
        room = area(lib.k_bytes(c["K_WORK_KIT"], Size(N), Size(M)))
        args = [at(a) for a in [area(64), x, k, b, g, z] + outs + [room]]
        assert lib.k_kit(args[0], Size(N), Size(M), *args[1:]) == 0
        for i, (a, w) in enumerate(zip(outs, wanted)):
            assert np.allclose(a, w, 1e-13, 1e-14), (i + 1, a, w)
        k[-1] = 4
        assert lib.k_kit(args[0], Size(N), Size(M), *args[1:]) == 3, "an index out of its range"


with tempfile.TemporaryDirectory() as name:
    check_net(pathlib.Path(name))
    check_kit(pathlib.Path(name))
print("two networks agree with NumPy")
