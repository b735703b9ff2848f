"""Models in files: what they take and give, and the sessions that run and train them."""
import ctypes
import functools
import os
import subprocess
import threading
import weakref
from ctypes import POINTER, byref, c_double, c_int64, c_void_p
from typing import NamedTuple

import numpy as np

from . import library
from .library import NnrtError, check, lib

PREDICT, EVAL, GRAD, UPDATE, STEP = range(5)  # enum nnrt_entry_kind
_KINDS = ("predict", "eval", "grad", "update", "step")
_ROLES = ("param", "state", "opt")            # enum nnrt_role
_NUMPY = {"bool": np.bool_, "u8": np.uint8, "i8": np.int8, "i32": np.int32, "i64": np.int64, "f32": np.float32,
          "f64": np.float64}


def _dtypes():
    number, found = 1, {}
    while lib.nnrt_dtype_bytes(number):
        found[number] = np.dtype(_NUMPY[lib.nnrt_dtype_name(number).decode()])
        number += 1
    return found


_DTYPES = _dtypes()


class Tensor(NamedTuple):
    """A parameter, a layer's state or an optimizer's state."""
    name: str
    role: str       # "param", "state" or "opt"
    dtype: np.dtype
    shape: tuple
    where: str      # the line of the .nn text that made it


class View:
    """An input or output of an entry: `shape` has a number, a size's name or None (a formula) for each axis."""

    def __init__(self, model, at):
        self.name, self.where = at.name.decode(), at.where.decode()
        self.dtype = _DTYPES[at.dtype]
        axes = [at.axes[i] for i in range(at.rank)]
        self.shape = tuple(a.size if a.size >= 0 else model.symbols[a.symbol] if a.symbol >= 0 else None for a in axes)
        self.labels = [tuple(a.labels[k].decode() for k in range(a.size)) if a.labels else None for a in axes]
        text = ctypes.create_string_buffer(256)
        self.text = lib.nnrt_view_text(byref(model.info), byref(at), text, len(text)).decode()

    def __repr__(self):
        return "%s: %s" % (self.name, self.text)


class Entry:
    """One thing a model does: predict of a model, or eval, grad, update or step of a train block."""

    def __init__(self, model, number):
        self.info, self.number = model.info.entries[number], number
        self.name, self.kind = self.info.name.decode(), self.info.kind
        self.inputs = [View(model, self.info.inputs[i]) for i in range(self.info.ninputs)]
        self.outputs = [View(model, self.info.outputs[i]) for i in range(self.info.noutputs)]
        self.symbols = [model.symbols[self.info.symbols[i]] for i in range(self.info.nsymbols)]
        self.metrics = [self.info.metrics[i].name.decode() for i in range(self.info.nmetrics)]

    def __repr__(self):
        return "%s %s(%s) -> (%s)" % (_KINDS[self.kind], self.name, ", ".join(map(repr, self.inputs)),
                                      ", ".join(map(repr, self.outputs)))


class Totals(dict):
    """Loss and metrics by name, with `rows`, and `stop`: does a `stop` of the model hold?"""

    def __init__(self, entry, sums):
        names = (["loss"] if entry.info.ntotals > 1 else [])
        super().__init__({name: lib.nnrt_loss_of(sums) for name in names})
        for i, name in enumerate(entry.metrics):
            metric = ctypes.addressof(entry.info.metrics[i])
            self[name] = lib.nnrt_metric_of(metric, sums)
        self.rows, self.stop = sums[0], bool(lib.nnrt_stop_of(byref(entry.info), sums))


class _Opened:
    """A library that is closed when its model and all sessions are gone, in whatever order Python lets them go."""

    def __init__(self):
        self.handle, self.users = c_void_p(), 1

    def release(self):
        self.users -= 1
        if not self.users:
            lib.nnrt_close(self.handle)


class Model:
    """A compiled model, opened from its .so. Sessions of it run, train, load and save."""

    def __init__(self, path):
        self.path, self._opened = str(path), _Opened()
        handle = self._opened.handle
        check(lib.nnrt_open(os.fsencode(path), byref(handle)), handle)
        self.info = lib.nnrt_library_model(handle).contents
        self.name, self.source = self.info.name.decode(), self.info.source.decode()
        self.symbols = [self.info.symbols[i].name.decode() for i in range(self.info.nsymbols)]
        self.entries = [Entry(self, i) for i in range(self.info.nentries)]
        self.tensors = [self._tensor(self.info.tensors[i]) for i in range(self.info.ntensors)]
        self.hypers = {self.info.hypers[i].name.decode(): self.info.hypers[i].value for i in range(self.info.nhypers)}

    def __repr__(self):
        models = [e for e in self.entries if e.kind == PREDICT]
        return "<nnc.Model %s: %s>" % (self.source, "; ".join(map(repr, models or self.entries)))

    @staticmethod
    def _tensor(t):
        return Tensor(t.name.decode(), _ROLES[t.role], _DTYPES[t.dtype], tuple(t.dims[i] for i in range(t.rank)),
                      t.where.decode())

    def entry(self, kind, name=None):
        number = lib.nnrt_find_entry(byref(self.info), name.encode() if name else None, kind)
        if number < 0:
            raise NnrtError(5, "`%s` (%s) has no %s%s" % (self.name, self.source, _KINDS[kind],
                                                          " called `%s`" % name if name else ""))
        return self.entries[number]

    def session(self, **options):
        return Session(self, **options)

    def __del__(self):
        if hasattr(self, "_opened"):
            self._opened.release()


def _given(entry, views, args, named):
    """The arrays in order of the views."""
    if len(args) > len(views):
        raise TypeError("%s `%s` takes %d arrays, and %d are given" % (_KINDS[entry.kind], entry.name, len(views), len(args)))
    found = dict(zip((v.name for v in views), args))
    for name, array in named.items():
        if name not in (v.name for v in views):
            raise TypeError("%s `%s` has no input `%s`; it takes %s" % (_KINDS[entry.kind], entry.name, name,
                                                                       ", ".join(map(repr, views))))
        if name in found:
            raise TypeError("`%s` is given twice" % name)
        found[name] = array
    for view in views:
        if view.name not in found:
            raise TypeError("`%s` (%s) is not given: %r" % (view.name, view.where, view))
    return [found[v.name] for v in views]


def _array(view, value, sizes, writable=False):
    """The very array, once its type fits; sizes learns what a size's name stands for."""
    if not isinstance(value, np.ndarray):
        if not hasattr(value, "__dlpack__"):
            raise TypeError("`%s` (%s) is %s, and is given %s: a NumPy array or one that speaks DLPack is needed"
                            % (view.name, view.where, view.text, type(value).__name__))
        value = np.from_dlpack(value)
    given = "%s%s" % (value.dtype, list(value.shape))
    if value.dtype != view.dtype:
        raise TypeError("`%s` (%s) is %s, and is given %s: .astype(numpy.%s) makes a copy that fits"
                        % (view.name, view.where, view.text, given, view.dtype))
    wanted = [sizes.get(s, s) for s in view.shape]
    if len(wanted) != value.ndim or any(isinstance(w, int) and w != n for w, n in zip(wanted, value.shape)):
        raise ValueError("`%s` (%s) is %s%s, and is given %s" % (
            view.name, view.where, view.text,
            "".join(" with %s = %s" % (s, sizes[s]) for s in view.shape if s in sizes), given))
    if not value.flags.c_contiguous:
        raise ValueError("`%s` (%s) must lie in one piece: numpy.ascontiguousarray makes a copy that does"
                         % (view.name, view.where))
    if writable and not value.flags.writeable:
        raise ValueError("`%s` (%s) cannot be written to" % (view.name, view.where))
    sizes.update((s, n) for s, n in zip(view.shape, value.shape) if isinstance(s, str))
    return value


def _alone(method):
    """Of a session's calls one runs at a time, whichever thread makes it: libnnrt lets go of Python's own lock."""
    @functools.wraps(method)
    def alone(self, *args, **named):
        with self._lock:
            return method(self, *args, **named)
    return alone


class Call:
    """An entry with its arrays bound: calling it runs it again on what they hold now, and gives what it gave first."""

    def __init__(self, session, entry, inputs, out):
        self.session, self.entry, self._lock = session, entry, session._lock
        sizes = {}
        self.inputs = [_array(v, a, sizes) for v, a in zip(entry.inputs, inputs)]
        self.outputs = self._outputs(out, sizes)
        for i, a in enumerate(self.inputs):
            self._bind(lib.nnrt_bind_input_at, i, entry.inputs[i], a)
        for i, a in enumerate(self.outputs):
            self._bind(lib.nnrt_bind_output_at, i, entry.outputs[i], a)

    def _outputs(self, out, sizes):
        views = self.entry.outputs
        given = [None] * len(views) if out is None else list(out) if isinstance(out, (tuple, list)) else [out]
        if len(given) != len(views):
            raise TypeError("`%s` gives %d arrays, and `out` has %d" % (self.entry.name, len(views), len(given)))
        return [self._fresh(v, sizes) if a is None else _array(v, a, sizes, True) for v, a in zip(views, given)]

    def _fresh(self, view, sizes):
        """An array for a result: the sizes of formulas come from the model."""
        at = self.entry.info.outputs[self.entry.outputs.index(view)]
        known = (c_int64 * (len(self.entry.symbols) + 1))(*[sizes.get(s, 0) for s in self.entry.symbols])
        length = ctypes.CFUNCTYPE(c_int64, POINTER(c_int64))
        shape = [length(at.axes[i].length)(known) if s is None else sizes.get(s, s) for i, s in enumerate(view.shape)]
        return np.empty(shape, view.dtype)

    def _bind(self, bind, place, view, array):
        dims = (c_int64 * max(array.ndim, 1))(*array.shape)
        number = next(n for n, dtype in _DTYPES.items() if dtype == array.dtype)
        check(bind(self.session._handle, self.entry.number, place, number, array.ndim, dims, array.ctypes.data,
                   array.nbytes), self.session._handle)

    @_alone
    def __call__(self):
        session = self.session
        bound = session._bound.get(self.entry.number)
        if not bound or bound() is not self:
            raise NnrtError(11, "other arrays have been bound to `%s` since: bind these again" % self.entry.name)
        check(lib.nnrt_run(session._handle, self.entry.number), session._handle)
        if self.entry.kind in (EVAL, GRAD, STEP):
            return Totals(self.entry, lib.nnrt_totals(session._handle, self.entry.number))
        return self.outputs[0] if len(self.outputs) == 1 else tuple(self.outputs)


class Session:
    """A model's memory: parameters, optimizer's state, settings. Its calls run one after another, whichever threads make
    them; threads that are to compute at the same time take a session each. Python's other threads run meanwhile."""

    def __init__(self, model, workers=0):
        self.model, self._handle = model, c_void_p()
        self._lock = threading.RLock()  # what fit calls back may use the session
        self._bound = {}  # the call whose arrays an entry has, by the entry's number
        self._opened = model._opened
        self._opened.users += 1
        options = library.made(library.Options, lib.nnrt_options_init)
        options.workers = workers
        check(lib.nnrt_session_new(byref(model.info), byref(options), byref(self._handle)), self._handle)

    def __del__(self):
        if hasattr(self, "_opened"):
            lib.nnrt_session_free(self._handle)
            self._opened.release()

    # ---- values ----
    @_alone
    def init(self, seed=0):
        """First values of every parameter and state."""
        check(lib.nnrt_init(self._handle, seed), self._handle)
        return self

    @_alone
    def load(self, path):
        check(lib.nnrt_load(self._handle, os.fsencode(path)), self._handle)
        return self

    @_alone
    def save(self, path):
        check(lib.nnrt_save(self._handle, os.fsencode(path)), self._handle)

    @_alone
    def load_checkpoint(self, path):
        check(lib.nnrt_load_checkpoint(self._handle, os.fsencode(path)), self._handle)
        return self

    @_alone
    def save_checkpoint(self, path):
        check(lib.nnrt_save_checkpoint(self._handle, os.fsencode(path)), self._handle)

    def _tensor(self, name):
        number = lib.nnrt_find_tensor(byref(self.model.info), name.encode())
        if number < 0:
            raise KeyError("`%s` has no tensor `%s`" % (self.model.name, name))
        return self.model.tensors[number]

    @_alone
    def _read(self, read, name):
        tensor = self._tensor(name)
        array = np.empty(tensor.shape, tensor.dtype)
        check(read(self._handle, name.encode(), array.ctypes.data, array.nbytes), self._handle)
        return array

    def __getitem__(self, name):
        """A copy of one tensor."""
        return self._read(lib.nnrt_read, name)

    @_alone
    def __setitem__(self, name, value):
        tensor = self._tensor(name)
        array = np.ascontiguousarray(value)
        if array.dtype != tensor.dtype:
            raise TypeError("`%s` (%s) is of %s, and is given %s" % (name, tensor.where, tensor.dtype, array.dtype))
        if np.shape(value) != tensor.shape:
            raise ValueError("`%s` (%s) has shape %s, and is given %s" % (name, tensor.where, list(tensor.shape),
                                                                         list(np.shape(value))))
        check(lib.nnrt_write(self._handle, name.encode(), array.ctypes.data, array.nbytes), self._handle)

    def gradient(self, name):
        return self._read(lib.nnrt_read_grad, name)

    @_alone
    def zero_grad(self):
        check(lib.nnrt_zero_grad(self._handle), self._handle)

    # ---- settings ----
    @_alone
    def hyper(self, name, value=None):
        """The setting of that name; with a value, sets it first."""
        if value is not None:
            check(lib.nnrt_set_hyper(self._handle, name.encode(), value), self._handle)
        held = c_double()
        check(lib.nnrt_get_hyper(self._handle, name.encode(), byref(held)), self._handle)
        return held.value

    @property
    @_alone
    def clock(self):
        """Seed, step, epoch, first_sample and weight of the next call, as a dict; set some of them by assigning one."""
        at = lib.nnrt_clock(self._handle).contents
        return {name: getattr(at, name) for name in ("seed", "step", "epoch", "first_sample", "weight")}

    @clock.setter
    @_alone
    def clock(self, values):
        at = library.Step.from_buffer_copy(lib.nnrt_clock(self._handle).contents)
        for name, value in values.items():
            if name not in self.clock:
                raise KeyError(name)
            setattr(at, name, value)
        check(lib.nnrt_set_clock(self._handle, byref(at)), self._handle)

    # ---- calls ----
    @_alone
    def bind(self, kind, *args, name=None, out=None, **inputs):
        """A Call of the entry of that kind (PREDICT, EVAL, GRAD, UPDATE, STEP) with these arrays, without a copy."""
        entry = self.model.entry(kind, name)
        call = Call(self, entry, _given(entry, entry.inputs, args, inputs), out)
        self._bound[entry.number] = weakref.ref(call)
        return call

    @_alone
    def predict(self, *args, name=None, out=None, **inputs):
        """What the model gives for these arrays, in new ones or in `out`."""
        return self.bind(PREDICT, *args, name=name, out=out, **inputs)()

    @_alone
    def _added(self, kind, args, name, inputs):
        call = self.bind(kind, *args, name=name, **inputs)
        check(lib.nnrt_clear_totals(self._handle, call.entry.number), self._handle)
        return call()

    def eval(self, *args, name=None, **inputs):
        return self._added(EVAL, args, name, inputs)

    def grad(self, *args, name=None, **inputs):
        """Adds to the gradients; gives loss and metrics."""
        return self._added(GRAD, args, name, inputs)

    def step(self, *args, name=None, **inputs):
        """One step of training on one batch; gives its loss and metrics."""
        return self._added(STEP, args, name, inputs)

    @_alone
    def update(self, name=None):
        self.bind(UPDATE, name=name)()

    # ---- training ----
    def _source(self, entry, args, named):
        """What nnrt.h calls a source, and what must live as long as it."""
        arrays = _given(entry, entry.inputs, args, named)
        rows = {len(a) for a in arrays if np.ndim(a)}
        if len(rows) != 1:
            raise ValueError("the samples of `%s` must be equally many in every array, not %s"
                             % (entry.name, ", ".join(map(str, sorted(rows))) or "none"))
        sizes, batch = {}, self._batch_symbol(entry)
        held = []
        for view, array in zip(entry.inputs, arrays):
            rest = View.__new__(View)
            rest.__dict__.update(view.__dict__, shape=(batch,) + view.shape[1:])
            held.append(_array(rest, array, sizes))
        source = library.made(library.Source, lib.nnrt_source_init)
        pointers = (c_void_p * len(held))(*[a.ctypes.data for a in held])
        known = (c_int64 * (len(entry.symbols) + 1))(*[sizes.get(s, 0) for s in entry.symbols])
        source.rows, source.arrays, source.sizes = rows.pop(), pointers, known
        return source, (held, pointers, known)

    @staticmethod
    def _batch_symbol(entry):
        """What the sample axis is called; one of constant size takes any number of samples here."""
        return entry.symbols[entry.info.rows - 1] if entry.info.rows else " samples"

    @_alone
    def fit(self, *args, epochs=1, batch=0, shuffle=True, seed=0, test=None, patience=0, accumulate=0, max_updates=0,
            on_nan="stop", on_epoch=None, on_batch=None, train=None, **inputs):
        """Trains on whole arrays, one an input of the train block: nnrt_fit. test: the same of held-out samples, as a
        list or a dict. on_epoch and on_batch get a dict of progress, and end the training by giving something true."""
        entry = self.model.entry(STEP, train)
        source, held = self._source(entry, args, inputs)
        options = library.made(library.FitOptions, lib.nnrt_fit_options_init)
        options.epochs, options.batch, options.seed, options.shuffle = epochs, batch, seed, bool(shuffle)
        options.patience, options.accumulate, options.max_updates = patience, accumulate, max_updates
        options.on_nan = ("stop", "skip").index(on_nan)
        if test is not None:
            named = isinstance(test, dict)
            test_source, test_held = self._source(entry, () if named else test, test if named else {})
            options.test = ctypes.pointer(test_source)
        raised = []
        options.on_epoch, options.on_batch = (self._callback(entry, f, raised) for f in (on_epoch, on_batch))
        status = lib.nnrt_fit(self._handle, train.encode() if train else None, byref(source), byref(options))
        self._bound.clear()
        if raised:
            raise raised[0]
        check(status, self._handle)

    @staticmethod
    def _callback(entry, function, raised):
        def told(_, at):
            p = ctypes.cast(at, POINTER(library.Progress)).contents
            if p.size < ctypes.sizeof(library.Progress):
                raised.append(ImportError("%s is of another version than this package" % lib._name))
                return 1
            try:
                return bool(function({
                    "epoch": p.epoch, "epochs": p.epochs, "step": p.step, "batch": p.batch, "batches": p.batches,
                    "rows": p.rows, "best": bool(p.best), "stopped": bool(p.stopped), "skipped": p.skipped,
                    "train": Totals(entry, p.totals), "test": Totals(entry, p.test) if p.test else None}))
            except BaseException as e:
                raised.append(e)
                return 1
        return library.CALLBACK(told) if function else library.CALLBACK()

    @_alone
    def evaluate(self, *args, batch=0, train=None, **inputs):
        """Loss and metrics over all these samples, in batches."""
        entry = self.model.entry(EVAL, train)
        source, held = self._source(entry, args, inputs)
        totals = (c_double * max(entry.info.ntotals, 1))()
        check(lib.nnrt_evaluate(self._handle, train.encode() if train else None, byref(source), batch, totals),
              self._handle)
        self._bound.clear()
        return Totals(entry, totals)


def open(path):  # noqa: A001: nnc.open reads best
    """A compiled model, from the .so that `nnc MODEL.nn -o FILE.so` made."""
    return Model(path)


def compile(source, output, *options):  # noqa: A001: as above
    """Runs the compiler: nnc SOURCE -o OUTPUT OPTIONS..., and opens the result."""
    done = subprocess.run(["nnc", "compile", str(source), "-o", str(output), *map(str, options)], stderr=subprocess.PIPE,
                          text=True)
    if done.returncode:
        raise NnrtError(5, done.stderr.rstrip())
    return Model(output)
