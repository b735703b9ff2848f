"""Neural networks compiled by nnc, from Python: NumPy arrays in and out without a copy.

    import nnc
    model = nnc.open("./librings.so")
    session = model.session().load("rings.safetensors")
    chances = session.predict(points)          # a float32 array of shape (N, 2)
    session.fit(points, inside, epochs=5, on_epoch=lambda p: print(p["epoch"], p["train"]))

Wrong shapes and dtypes are refused before a call (TypeError, ValueError); what libnnrt refuses is an NnrtError with its
own sentence. Needs libnnrt, which is looked for beside this package, beside the `nnc` in PATH, and where the system keeps
libraries; NNRT_LIBRARY names another.
"""
from .library import NnrtError
from .model import EVAL, GRAD, PREDICT, STEP, UPDATE, Call, Entry, Model, Session, Tensor, Totals, View, compile, open

__all__ = ["open", "compile", "Model", "Session", "Call", "Entry", "View", "Tensor", "Totals", "NnrtError", "PREDICT",
           "EVAL", "GRAD", "UPDATE", "STEP"]
