#!/usr/bin/python3
"""The Python package: its structs are those of the headers, arrays are used where they lie, its numbers are those of nnc, and
what does not fit is refused before the call, what libnnrt refuses in libnnrt's words."""
import ctypes, gc, os, pathlib, re, subprocess, sys, tempfile, threading

build, root = map(pathlib.Path, sys.argv[1:3])
os.environ["NNRT_LIBRARY"] = str(build / "runtime/libnnrt.so")
sys.path.insert(0, str(root / "bindings/python"))
sys.dont_write_bytecode = True
import numpy as np
import nnc
from nnc import library
from nnc import model as model_module

folder = tempfile.TemporaryDirectory()
work = pathlib.Path(folder.name)
os.chdir(work)
RINGS = root / "examples/rings/rings.nn"
POINTS = root / "examples/rings/rings.csv"


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def refused(kind, words, call):
    try:
        call()
    except kind as e:
        assert re.search(words, str(e)), "%r does not say %r" % (str(e), words)
        return e
    raise AssertionError("%s is not refused" % words)


def structs_are_those_of_the_headers():
    """Each field by name: C says where it lies, and which numbers the enumerations have."""
    classes = {**library._made, "nnrt_options": library.Options, "nnrt_source": library.Source,
               "nnrt_progress": library.Progress, "nnrt_fit_options": library.FitOptions}
    lines, wanted = [], []
    for name, struct in classes.items():
        lines.append('printf("%%zu\\n", sizeof(%s));' % name)
        wanted.append(ctypes.sizeof(struct))
        for field, *_ in struct._fields_:
            lines.append('printf("%%zu\\n", offsetof(%s, %s));' % (name, field))
            wanted.append(getattr(struct, field).offset)
    enums = {"NNRT_" + k.upper(): i for i, k in enumerate(model_module._KINDS)}
    enums.update({"NNRT_" + k.upper(): i for i, k in enumerate(model_module._ROLES)})
    enums.update({"NNRT_STOP_ON_NAN": 0, "NNRT_SKIP_ON_NAN": 1, "NNRT_ERR_ARGUMENT": 5, "NNRT_ERR_STATE": 11})
    for name, value in enums.items():
        lines.append('printf("%%zu\\n", (size_t)%s);' % name)
        wanted.append(value)
    pathlib.Path("offsets.c").write_text('#include "nnrt.h"\n#include <stdio.h>\nint main(void) {\n%s\nreturn 0; }\n' % "\n".join(lines))
    run("cc", "-std=c99", "-I", root / "runtime", "offsets.c", "-o", "offsets")
    have = [int(line) for line in run("./offsets").split()]
    assert have == wanted, [(line, h, w) for line, h, w in zip(lines, have, wanted) if h != w]

    class Short(ctypes.Structure):
        _fields_ = library.Options._fields_[:-1]
    refused(ImportError, "Short has %d bytes" % (ctypes.sizeof(Short) + 8), lambda: library.made(Short, init_short(Short)))
    print("%d sizes and places are those of the headers" % len(wanted))


def init_short(struct):
    return lambda at: library.lib.nnrt_options_init(ctypes.cast(at, ctypes.POINTER(library.Options)))


def arrays_are_used_where_they_lie(session, point):
    bound = []
    for name in ("nnrt_bind_input_at", "nnrt_bind_output_at"):
        real = getattr(library.lib, name)
        setattr(library.lib, name, lambda *a, real=real: (bound.append(a[6]), real(*a))[1])
    out = np.empty((len(point), 1), np.float32)
    given = session.predict(point, out=out)
    assert given is out and bound == [point.ctypes.data, out.ctypes.data]
    call, own = session.bind(nnc.PREDICT, point), point.copy()
    first = call().copy()
    assert call.outputs[0].ctypes.data == bound[-1] and np.array_equal(first, out)
    point *= -1
    assert not np.array_equal(call(), first) and call() is call.outputs[0]
    point[:] = own

    class Other:
        """An array of another package."""
        def __dlpack__(self, stream=None):
            return point.__dlpack__()

        def __dlpack_device__(self):
            return point.__dlpack_device__()
    assert np.array_equal(session.predict(Other()), out) and bound[-2] == point.ctypes.data
    session.bind(nnc.PREDICT, point)
    refused(nnc.NnrtError, "other arrays have been bound to `rings` since", call)
    print("arrays are used where they lie: %d addresses" % len(bound))


def numbers_are_those_of_nnc(model, point, inside):
    options = ("--no-shuffle", "--epochs=2", "--seed=5", "--batch=32", "-q")
    run(build / "nnc", "train", RINGS, "--data", POINTS, "--test", POINTS, "--log", "run", *options)
    session, epochs = model.session().init(5), []
    session.fit(point, inside, epochs=2, batch=32, shuffle=False, seed=5, test={"point": point, "inside": inside},
                on_epoch=lambda p: epochs.append(p))
    session.save("ours.safetensors")
    assert pathlib.Path("ours.safetensors").read_bytes() == pathlib.Path("run/last.safetensors").read_bytes()
    rows = [line.split(",") for line in pathlib.Path("run/metrics.csv").read_text().splitlines()[1:]]
    assert [(float(r[2]), float(r[4])) for r in rows] == [(e["train"]["loss"], e["test"]["loss"]) for e in epochs], (rows, epochs)
    run(build / "nnc", "predict", RINGS, "-w", "ours.safetensors", "--data", POINTS, "-o", "theirs.npy")
    assert session.predict(point).tobytes() == np.load("theirs.npy").tobytes()
    again = model.session().load("ours.safetensors")
    assert all(np.array_equal(again[t.name], session[t.name]) for t in model.tensors if t.role != "opt")
    session.save_checkpoint("ours.checkpoint")
    assert model.session().load_checkpoint("ours.checkpoint").clock == session.clock
    print("fit, save and predict give the bytes of nnc")


def steps_by_hand(model, point, inside):
    a, b = model.session().init(3), model.session().init(3)
    for i in range(0, 96, 32):
        last = a.step(point[i:i + 32], inside[i:i + 32])
        b.zero_grad()
        same = b.grad(point=point[i:i + 32], inside=inside[i:i + 32])
        assert last["loss"] == same["loss"] and last.rows == 32 and not last.stop
        assert b.gradient("rings.dense1.w").any()
        b.update()
    assert np.array_equal(a["rings.dense5.w"], b["rings.dense5.w"]) and a.clock["step"] == 4
    weights = a["rings.dense5.w"] * 0
    a["rings.dense5.w"] = weights
    assert not a["rings.dense5.w"].any() and abs(a.eval(point, inside)["loss"] - b.eval(point, inside)["loss"]) > 1e-4
    assert np.isclose(a.eval(point, inside)["loss"], a.evaluate(point, inside, batch=100)["loss"], rtol=1e-5)
    a.clock = {"step": 9}
    assert a.clock["step"] == 9
    print("step is grad and update, bit for bit")


def what_does_not_fit(model, session, point, inside):
    locked = np.empty((1000, 1), np.float32)
    locked.flags.writeable = False
    for kind, words, call in (
            (TypeError, r"`point` \(rings.nn:4\) is f32\[N, 2\], and is given float64\[1000, 2\]", lambda: session.predict(point.astype(float))),
            (TypeError, "given list", lambda: session.predict([[1, 2]])),
            (TypeError, "`point` .* is not given", lambda: session.predict()),
            (TypeError, "no input `pint`", lambda: session.predict(pint=point)),
            (TypeError, "given twice", lambda: session.predict(point, point=point)),
            (TypeError, "takes 1 arrays, and 2", lambda: session.predict(point, point)),
            (ValueError, r"given float32\[1000, 1\]", lambda: session.predict(inside)),
            (ValueError, r"f32\[N, 1\] with N = 1000, and is given float32\[3, 1\]", lambda: session.step(point, inside[:3])),
            (ValueError, "in one piece", lambda: session.predict(point[:, ::-1])),
            (ValueError, "in one piece", lambda: session.predict(np.asfortranarray(point))),
            (ValueError, "equally many in every array, not 3, 1000", lambda: session.fit(point, inside[:3])),
            (ValueError, "cannot be written", lambda: session.predict(point, out=locked)),
            (KeyError, "no tensor `rings.w`", lambda: session["rings.w"]),
            (TypeError, "is of float32, and is given float64", lambda: session.__setitem__("rings.dense1.b", np.zeros(4))),
            (ValueError, r"has shape \[4\], and is given \[5\]", lambda: session.__setitem__("rings.dense1.b", np.zeros(5, np.float32))),
            (nnc.NnrtError, "has no predict called `ring`", lambda: session.predict(point, name="ring")),
            (nnc.NnrtError, "no setting `rate`", lambda: session.hyper("rate")),
            (nnc.NnrtError, "none.safetensors: cannot read", lambda: session.load("none.safetensors")),
            (nnc.NnrtError, "it is no shared library", lambda: nnc.open(RINGS)),
            (nnc.NnrtError, "update of `rings` needs gradients", lambda: model.session().init(0).update()),
            (nnc.NnrtError, r"given f32\[0, 2\]", lambda: session.predict(np.empty((0, 2), np.float32)))):
        refused(kind, words, call)
    assert refused(nnc.NnrtError, "cannot read", lambda: session.load("none")).status == 8
    for path in (b"no \xff UTF-8", "\N{EURO SIGN}" * 600, pathlib.Path(os.fsdecode(b"\xfe"))):
        assert refused(nnc.NnrtError, "", lambda: session.load(path)).status == 8
        assert refused(nnc.NnrtError, "", lambda: nnc.open(path)).status == 8
    fresh = model.session()
    assert refused(nnc.NnrtError, "", lambda: fresh.predict(point)).status == 11
    refused(ZeroDivisionError, "", lambda: session.fit(point, inside, on_epoch=lambda p: 1 // 0))
    ended = []
    session.fit(point, inside, epochs=9, on_epoch=lambda p: ended.append(p["epoch"]) or len(ended) == 2)
    assert len(ended) == 2
    print("what does not fit is refused")


def threads(model, point):
    """Each with a session of its own, then all with one; models and sessions go in any order."""
    want, wrong = model.session(workers=1).load("ours.safetensors").predict(point), []

    def work():
        session = model.session(workers=1).load("ours.safetensors")
        for _ in range(200):
            if not np.array_equal(session.predict(point), want):
                wrong.append(1)
    shared = model.session(workers=1).load("ours.safetensors")

    def share(times):
        for many, right in [(np.tile(point, (n, 1)), np.tile(want, (n, 1))) for n in (times, 1)] * 20:
            if not np.array_equal(shared.predict(many), right):
                wrong.append(1)
    running = [threading.Thread(target=work) for _ in range(4)]
    running += [threading.Thread(target=share, args=[n]) for n in (10, 20, 40)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    assert not wrong
    other = nnc.open("./librings.so")
    other.session_too = other.session().init(1)  # a cycle
    del other
    gc.collect()
    print("threads agree")


MANY = """dim N
dim kind = "plain", "dotted"
hyper keep = 0.5

model many(x: f32[N, 3], k: i32<kind>[N]) -> (chances: f32[N, kind], mean: f32) {
  h = x * keep |> dense(kind) |> softmax
  (h * one_hot(k), mean(x))
}

model half(x: f32[N, 3]) -> f32[N] = sum(x, over = last) * 0.5
model twice(x: f32[N, 3]) -> f32[2*N, 3] = concat(x, -x, over = first)
train many(x, k) {
  chances, _ = many(x, k)
  loss mean(chances)
  optimizer sgd
}
"""


def several_models():
    pathlib.Path("many.nn").write_text(MANY)
    os.environ["PATH"] = "%s:%s" % (build, os.environ["PATH"])
    model = nnc.compile("many.nn", work / "many.so")
    assert repr(model).startswith("<nnc.Model many.nn: predict many(x: f32[N, 3], k: i32<2>[N]) -> (chances: ")
    session = model.session().init(1)
    x, k = np.ones((5, 3), np.float32), np.array([0, 1, 0, 1, 1], np.int32)
    chances, mean = session.predict(x, k)
    assert chances.shape == (5, 2) and mean.shape == () and mean == 1 and (chances > 0).sum() == 5
    assert model.entries[0].outputs[0].labels[1] == ("plain", "dotted")
    assert np.array_equal(session.predict(x, name="half"), np.full(5, 1.5, np.float32))
    assert np.array_equal(session.predict(x, name="twice"), np.concatenate([x, -x]))
    k[3] = 2
    refused(nnc.NnrtError, r"`k` of `many` \(many.nn:5\) holds 2 at element 3; its values lie in 0..1", lambda: session.predict(x, k))
    refused(nnc.NnrtError, r"`k` of `many` \(many.nn:12\) holds 2 in sample 3, counted from 0; its values lie in 0..1",
            lambda: session.fit(x, k, batch=1))
    refused(nnc.NnrtError, r"error\[E0", lambda: nnc.compile(POINTS, "x.so"))
    print("several models, several outputs, labels")


def another_library():
    for path, words in ("/nowhere/libnnrt.so", "libnnrt cannot be loaded"), ("libm.so.6", "libm.so.6 is no libnnrt"):
        done = subprocess.run([sys.executable, "-c", "import nnc"], capture_output=True, text=True,
                              env={"NNRT_LIBRARY": path, "PYTHONPATH": str(root / "bindings/python"), "PYTHONDONTWRITEBYTECODE": "1"})
        assert done.returncode == 1 and "ImportError: " in done.stderr and words in done.stderr, done.stderr
    print("no libnnrt, or another library, is told")


run(build / "nnc", RINGS, "-o", "librings.so")
table = np.loadtxt(POINTS, delimiter=",", skiprows=1, dtype=np.float32)
point, inside = np.ascontiguousarray(table[:, :2]), np.ascontiguousarray(table[:, 2:])
model = nnc.open("librings.so")
structs_are_those_of_the_headers()
numbers_are_those_of_nnc(model, point, inside)
arrays_are_used_where_they_lie(model.session().init(1), point)
steps_by_hand(model, point, inside)
what_does_not_fit(model, model.session().init(1), point, inside)
threads(model, point)
several_models()
another_library()
