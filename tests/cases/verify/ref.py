"""The same network in NumPy: every value of named.nn, with the weights of a file, into ref.npz."""
import json, struct, sys
import numpy as np

raw = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
w = {k: np.frombuffer(raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]], "<f4").reshape(v["shape"])
     for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}
x = np.random.default_rng(3).normal(size=(6, 4)).astype("f4")
y = np.array([0, 1, 2, 2, 1, 0])
inner = x @ w["named.inner.w"] + w["named.inner.b"]
h = np.tanh(inner)
z = h @ w["named.dense1.w"] + w["named.dense1.b"]
p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
loss = -np.log(p[range(6), y]).mean()
values = {"x": x, "y": y, "named.inner": inner, "h": h, "z": z, "p": p, "out": p, "loss": loss.astype("f4"),
          "accuracy": np.float32((p.argmax(1) == y).mean())}
np.savez("ref.npz", **values)
np.savez("inputs.npz", x=x, y=y)
np.savez("model.npz", x=x, h=h, out=p)
np.savez("late.npz", x=x, y=y, h=h, z=z + np.eye(6, 3, dtype="f4"), loss=loss + 1)
np.savez("shape.npz", x=x, h=h[:, :4])
np.savez("none.npz", x=x, hidden=h)
