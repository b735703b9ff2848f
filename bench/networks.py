"""The example networks' sizes and made-up values, for the systems that are timed beside compiled models."""
import numpy as np

SIZES = {"rings": [2, 4, 6, 6, 4, 1], "digits": [784, 16, 16, 10]}
HIDDEN = {"rings": "relu", "digits": "sigmoid"}
rng = np.random.default_rng(1)


def weights(network):
    sizes = SIZES[network]
    return [((rng.standard_normal((n, m)) * 0.3).astype(np.float32), np.zeros(m, np.float32)) for n, m in zip(sizes, sizes[1:])]


def inputs(network, batch):
    if network == "rings":
        return rng.standard_normal((batch, 2)).astype(np.float32)
    return rng.integers(0, 256, (batch, 784), np.uint8)


def targets(network, batch):
    """Probabilities, or the one-hot digit."""
    if network == "rings":
        return rng.integers(0, 2, (batch, 1)).astype(np.float32)
    return np.eye(10, dtype=np.float32)[rng.integers(0, 10, batch)]
