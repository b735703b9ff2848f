"""Data for the models here: small, and the same each time."""
import numpy as np

rng = np.random.default_rng(5)


def normal(*shape):
    return rng.normal(size=shape).astype("f4")


np.savez("towers.npz", one=normal(40, 20), other=normal(40, 20), alike=(rng.random(40) < 0.5).astype("f4"))
walk = rng.integers(0, 9, size=(40, 13)).astype("i4")
np.savez("letters.npz", seen=walk[:, :-1], next=walk[:, 1:])
np.savez("inner.npz", x=normal(40, 3), y=normal(40, 2), x2=normal(40, 3), y2=normal(40, 2))
np.savez("tune.npz", x=normal(40, 6), y=rng.integers(0, 3, size=40).astype("i4"))
