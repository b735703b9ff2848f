"""An independent implementation of the example networks in NumPy, sharing nothing with the compiler but file formats.

Layers are lists of [weights, bias]; a forward pass keeps what a backward pass needs. Everything is f64."""
import ctypes, gzip, json, struct
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def read_idx(path):
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rb") as f:
        data = f.read()
    rank = data[3]
    shape = struct.unpack(">%dI" % rank, data[4:4 + 4 * rank])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def write_idx(path, array):
    with open(path, "wb") as f:
        f.write(bytes([0, 0, 8, array.ndim]) + struct.pack(">%dI" % array.ndim, *array.shape) + array.astype(np.uint8).tobytes())


DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8, "I8": np.int8, "BOOL": np.bool_}


def read_safetensors(path):
    with open(path, "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + n])
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        lo, hi = t["data_offsets"]
        out[name] = np.frombuffer(data[8 + n + lo:8 + n + hi], DTYPES[t["dtype"]]).reshape(t["shape"]).copy()
    return out


def write_safetensors(path, tensors):
    names = {v: k for k, v in DTYPES.items()}
    header, at, body = {}, 0, b""
    for name, t in tensors.items():
        raw = np.ascontiguousarray(t).tobytes()
        header[name] = {"dtype": names[t.dtype.type], "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def epoch_order(seed, epoch, n):
    """Fisher and Yates; the draw for place i is the high half of 64 Philox bits times i + 1."""
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        w = philox([(i + 1) & 0xFFFFFFFF, (i + 1) >> 32, epoch & 0xFFFFFFFF, epoch >> 32], [seed & 0xFFFFFFFF, seed >> 32])
        j = ((w[1] << 32 | w[0]) * (i + 1)) >> 64
        order[i], order[j] = order[j], order[i]
    return np.array(order)


class Chain:
    """dense layers, each followed by an activation: "relu", "sigmoid" or "softmax"."""

    def __init__(self, layers, activations):
        self.layers, self.activations = layers, activations

    def forward(self, x):
        self.inputs, self.outputs = [], []
        for (w, b), act in zip(self.layers, self.activations):
            self.inputs.append(x)
            z = x @ w + b
            if act == "relu":
                x = np.where(z > 0, z, 0)
            elif act == "sigmoid":
                x = sigmoid(z)
            else:
                e = np.exp(z - z.max(axis=1, keepdims=True))
                x = e / e.sum(axis=1, keepdims=True)
            self.outputs.append(x)
        return x

    def backward(self, dy):
        grads = []
        for i in reversed(range(len(self.layers))):
            y, act = self.outputs[i], self.activations[i]
            if act == "relu":
                dz = np.where(y > 0, dy, 0)
            elif act == "sigmoid":
                dz = dy * y * (1 - y)
            else:
                dz = y * (dy - (dy * y).sum(axis=1, keepdims=True))
            grads.append([self.inputs[i].T @ dz, dz.sum(axis=0)])
            dy = dz @ self.layers[i][0].T
        return grads[::-1]


class Adam:
    def __init__(self, chain, lr, b1=0.9, b2=0.999, eps=1e-8):
        self.lr, self.b1, self.b2, self.eps, self.step = lr, b1, b2, eps, 0
        self.m = [[np.zeros_like(t) for t in layer] for layer in chain.layers]
        self.v = [[np.zeros_like(t) for t in layer] for layer in chain.layers]

    def update(self, chain, grads):
        self.step += 1
        for i, layer in enumerate(chain.layers):
            for j in range(2):
                g = grads[i][j]
                self.m[i][j] = self.b1 * self.m[i][j] + (1 - self.b1) * g
                self.v[i][j] = self.b2 * self.v[i][j] + (1 - self.b2) * g * g
                m = self.m[i][j] / (1 - self.b1 ** self.step)
                v = self.v[i][j] / (1 - self.b2 ** self.step)
                layer[j] = layer[j] - self.lr * m / (np.sqrt(v) + self.eps)


def rings_gradient(chain, x, y):
    """Mean binary cross entropy on a sigmoid output, through its logit for stability."""
    p = chain.forward(x)
    dz = (p - y) / y.size
    last = chain.layers[-1][0]
    grads = [[chain.inputs[-1].T @ dz, dz.sum(axis=0)]]
    dy = dz @ last.T
    head, chain.layers, chain.activations = (chain.layers[-1], chain.activations[-1]), chain.layers[:-1], chain.activations[:-1]
    grads = chain.backward(dy) + grads
    chain.layers, chain.activations = chain.layers + [head[0]], chain.activations + [head[1]]
    return grads


def digits_gradient(chain, x, onehot):
    """Mean over the samples of the squared error summed over the outputs."""
    p = chain.forward(x)
    return chain.backward(2 * (p - onehot) / len(x))


def sgd(chain, grads, lr):
    for layer, g in zip(chain.layers, grads):
        layer[0] = layer[0] - lr * g[0]
        layer[1] = layer[1] - lr * g[1]


class Library:
    """The parts of a compiled model that a test needs, through its C interface alone."""

    def __init__(self, path, name):
        self.lib, self.name = ctypes.CDLL(str(path)), name

    def initial(self, seed, params_bytes, opt_bytes=0):
        params = np.zeros(params_bytes // 8 + 16, np.float64)
        opt = np.zeros(opt_bytes // 8 + 16, np.float64)
        skip = -params.ctypes.data % 64 // 8, -opt.ctypes.data % 64 // 8
        init = getattr(self.lib, self.name + "_init")
        init.restype = ctypes.c_int32
        status = init(ctypes.c_void_p(params.ctypes.data + 8 * skip[0]), ctypes.c_void_p(opt.ctypes.data + 8 * skip[1]),
                      ctypes.c_uint64(seed), None)
        assert status == 0, status
        return params[skip[0]:].tobytes()


def dense_chain(tensors, prefix, count, activations):
    return Chain([[tensors["%s.dense%d.w" % (prefix, i + 1)].astype(np.float64), tensors["%s.dense%d.b" % (prefix, i + 1)].astype(np.float64)]
                  for i in range(count)], activations)
