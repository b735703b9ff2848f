#!/usr/bin/python3
"""Patterns of several inputs against NumPy's einsum, forwards; backwards by `nnc gradcheck`."""
import pathlib, subprocess, sys, tempfile
import numpy as np

build = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(4)
N = 6

# By model: its signature and pattern, the einsum that says the same of what is split, the inputs' shapes as split, and the result's.
CASES = {
    "outer": ("(x: f32[N, 3], y: f32[N, 4], z: f32[N, 5]) -> f32[N, 3, 4, 5]",
              "[N, a], [N, b], [N, c] -> [N, a, b, c]", "na,nb,nc->nabc", [(N, 3), (N, 4), (N, 5)], (N, 3, 4, 5)),
    "all": ("(x: f32[N, 3], y: f32[N, 4], z: f32[N, 5]) -> f32[N]",
            "[N, a], [N, b], [N, c] -> [N]", "na,nb,nc->n", [(N, 3), (N, 4), (N, 5)], (N,)),
    "chain": ("(x: f32[N, 3], y: f32[N, 3, 4], z: f32[N, 4, 5]) -> f32[N, 5]",
              "[N, a], [N, a, b], [N, b, c] -> [N, c]", "na,nab,nbc->nc", [(N, 3), (N, 3, 4), (N, 4, 5)], (N, 5)),
    "four": ("(x: f32[N, 3, 4], y: f32[N, 3], z: f32[N, 4], u: f32[N]) -> f32[N, s = 3]",
             "[N, a, b], [N, a], [N, b], [N] -> [N, s = a]", "nab,na,nb,n->na", [(N, 3, 4), (N, 3), (N, 4), (N,)], (N, 3)),
    "parts": ("(x: f32[N, 3, 5], y: f32[N, 4, 2], z: f32[N, 12]) -> f32[N, 10]",
              "[N, a, c], [N, b, d], [N, (a, b)] -> [N, (d, c)]", "nac,nbd,nab->ndc", [(N, 3, 5), (N, 4, 2), (N, 3, 4)], (N, 10)),
    "late": ("(x: f32[N, 3], y: f32[N, 4], z: f32[N, 3, 4]) -> f32[N]",
             "[n, a], [n, b], [n, a, b] -> [n]", "na,nb,nab->n", [(N, 3), (N, 4), (N, 3, 4)], (N,)),
    "run_of": ("(x: f32[N, 2, 3], y: f32[N, 2, 3], z: f32[N, 2]) -> f32[N, 2]",
               "[..., a], [..., a], [...] -> [...]", "nia,nia,ni->ni", [(N, 2, 3), (N, 2, 3), (N, 2)], (N, 2)),
    "added": ("(x: f32[N, 3], y: f32[N, 3]) -> f32[N, 2]",
              "[N, a], [N, a] -> [N, 2]", "na,na,k->nk", [(N, 3), (N, 3), (2,)], (N, 2)),
}


def forwards(folder, name, signature, pattern, sums, shapes, shape):
    arrays = [rng.normal(size=s).astype(np.float32) for s in shapes]
    want = np.einsum(sums, *(np.ones(2) if s == (2,) else a.astype(float) for s, a in zip(shapes, arrays))).reshape(shape)
    words = []
    for i, axes in zip("xyzu", signature.split(") ->")[0].split("f32[")[1:]):
        np.save(folder / (i + ".npy"), arrays["xyzu".index(i)].reshape(N, -1) if axes.count(",") < 3 and "12" in axes
                else arrays["xyzu".index(i)])
        words.append("--data=%s=%s.npy" % (i, i))
    subprocess.run([build / "nnc", "predict", "m.nn", "-O0", "--model", name, "-o", "out.npy", *words], check=True, cwd=folder)
    got = np.load(folder / "out.npy")
    assert got.shape == shape, (name, got.shape)
    assert np.max(np.abs(got - want)) < 1e-5, (name, got, want)


TRAIN = """dim N
layer mix[N](x: real[N, 6]) -> real[N, 4] {
  param u: real[6, 5] = glorot_uniform
  param v: real[5, 4, 2] = glorot_uniform
  param s: real[2] = ones
  (x, u, v, s) |> [N, i], [i, r], [r, o, k], [k] -> [N, o]
}
model m(x: f32[N, 6]) -> f32[N, 4] = mix(x)
train m(x, y: f32[N, 4]) {
  loss mse(m(x), y)
  optimizer sgd
}
"""

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "m.nn").write_text("dim N\n" + "".join(
        "model %s%s = (%s) |> %s\n" % (name, case[0], ", ".join("xyzu"[:case[0].count(":")]), case[1]) for name, case in CASES.items()))
    for name, case in CASES.items():
        forwards(folder, name, *case)
    (folder / "t.nn").write_text(TRAIN)
    subprocess.run([build / "nnc", "gradcheck", "t.nn"], check=True, cwd=folder)
    graph = subprocess.run([build / "nnc", "t.nn", "--emit=graph=-"], check=True, cwd=folder, capture_output=True).stdout
    (folder / "flat.nn").write_bytes(graph)
    again = subprocess.run([build / "nnc", "flat.nn", "--emit=graph=-"], check=True, cwd=folder, capture_output=True).stdout
    assert graph == again and graph
    print("%d patterns of several inputs agree with einsum" % len(CASES))
