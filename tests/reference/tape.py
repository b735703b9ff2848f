"""Reverse-mode differentiation on a tape of NumPy arrays in f64: a few operations, each with its vector-Jacobian product by hand.

A Value remembers what made it; gradient(e, leaves) walks back from a single number."""
import numpy as np


class Value:
    __array_ufunc__ = None  # NumPy leaves the arithmetic of array and Value to this class

    def __init__(self, data, parents=()):
        self.data, self.parents = np.asarray(data, np.float64), parents

    def __add__(self, o): return pair(self, o, np.add, lambda g, a, b: (g, g))
    def __sub__(self, o): return pair(self, o, np.subtract, lambda g, a, b: (g, -g))
    def __mul__(self, o): return pair(self, o, np.multiply, lambda g, a, b: (g * b, g * a))
    def __truediv__(self, o): return pair(self, o, np.divide, lambda g, a, b: (g / b, -g * a / b ** 2))
    def __neg__(self): return self * -1
    def __rsub__(self, o): return value(o) - self
    __radd__, __rmul__ = __add__, __mul__

    def __matmul__(self, o):
        return Value(self.data @ o.data, ((self, lambda g: g @ o.data.T), (o, lambda g: self.data.T @ g)))

    @property
    def T(self): return Value(self.data.T, ((self, lambda g: g.T),))

    def __getitem__(self, places):
        def back(g):
            out = np.zeros_like(self.data)
            np.add.at(out, places, g)
            return out
        return Value(self.data[places], ((self, back),))

    def sum(self, axis=None):
        def back(g):
            return np.broadcast_to(g if axis is None else np.expand_dims(g, axis), self.data.shape)
        return Value(self.data.sum(axis), ((self, back),))

    def mean(self, axis=None): return self.sum(axis) * (1 / (self.data.size if axis is None else self.data.shape[axis]))


def value(x): return x if isinstance(x, Value) else Value(x)


def unbroadcast(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1 != g.shape[i]), keepdims=True)


def pair(a, b, f, back):
    a, b = value(a), value(b)
    ways = [(p, lambda g, i=i, p=p: unbroadcast(back(g, a.data, b.data)[i], p.data.shape)) for i, p in enumerate((a, b))]
    return Value(f(a.data, b.data), tuple(ways))


def each(x, y, slope): return Value(y, ((x, lambda g: g * slope),))


def tanh(x): return each(x, np.tanh(x.data), 1 - np.tanh(x.data) ** 2)
def exp(x): return each(x, np.exp(x.data), np.exp(x.data))
def log(x): return each(x, np.log(x.data), 1 / x.data)
def sqrt(x): return each(x, np.sqrt(x.data), 0.5 / np.sqrt(x.data))
def absolute(x): return each(x, np.abs(x.data), np.sign(x.data))
def relu(x, slope=0.0): return each(x, np.where(x.data > 0, x.data, slope * x.data), np.where(x.data > 0, 1, slope))
def sigmoid(x): return each(x, 1 / (1 + np.exp(-x.data)), np.exp(-x.data) / (1 + np.exp(-x.data)) ** 2)
def detach(x): return Value(x.data)


def concat(a, b):
    n = a.data.shape[-1]
    return Value(np.concatenate([a.data, b.data], -1), ((a, lambda g: g[..., :n]), (b, lambda g: g[..., n:])))


def einsum(sums, a, b):
    """Each label of an input stands in the other or in the result."""
    (one, two), out = sums.split("->")[0].split(","), sums.split("->")[1]
    return Value(np.einsum(sums, a.data, b.data), ((a, lambda g: np.einsum("%s,%s->%s" % (out, two, one), g, b.data)),
                                                   (b, lambda g: np.einsum("%s,%s->%s" % (out, one, two), g, a.data))))


def log_softmax(z):
    top = Value(z.data.max(-1, keepdims=True))
    total = log(exp(z - top).sum(-1))
    return z - top - Value(np.ones_like(z.data)) * total[..., None]


def gradient(e, leaves):
    """The derivatives of a single number by each leaf, in their order."""
    order, seen = [], set()

    def visit(v):
        if id(v) in seen:
            return
        seen.add(id(v))
        for p, _ in v.parents:
            visit(p)
        order.append(v)
    visit(e)
    slopes = {id(e): np.ones_like(e.data)}
    for v in reversed(order):
        if id(v) in slopes:
            for p, back in v.parents:
                slopes[id(p)] = slopes.get(id(p), 0) + back(slopes[id(v)])
    return [slopes.get(id(leaf), np.zeros_like(leaf.data)) for leaf in leaves]
