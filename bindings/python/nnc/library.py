"""libnnrt: where it is, what its structs look like, what its functions take. The structs that a model shares with its
host are made from the library's own words (nnrt_layouts), so they are never those of another version."""
import ctypes
import ctypes.util
import os
import pathlib
import shutil
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

SONAME = "libnnrt.so.0"


class NnrtError(Exception):
    """What libnnrt refused, in its own words. `status` is one of nnrt.h's enum nnrt_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def _below(prefix):
    """The library under an installed prefix."""
    for pattern in ("lib/", "lib64/", "lib/*/"):
        yield from sorted(pathlib.Path(prefix).glob(pattern + SONAME))


def _candidates():
    here = pathlib.Path(__file__).resolve()
    yield from _below(here.parents[min(4, len(here.parents) - 1)])          # PREFIX/share/nnc/python/nnc/library.py
    yield from sorted(here.parents[min(3, len(here.parents) - 1)].glob("build/*/runtime/" + SONAME))  # a source tree
    compiler = shutil.which("nnc")
    if compiler:
        yield from _below(pathlib.Path(compiler).resolve().parent.parent)
    yield SONAME


def _open():
    chosen = os.environ.get("NNRT_LIBRARY")
    for path in [chosen] if chosen else _candidates():
        try:
            return ctypes.CDLL(str(path))
        except OSError as e:
            why = e
    raise ImportError("libnnrt cannot be loaded (%s): install nnc, or say in NNRT_LIBRARY where libnnrt.so is" % why)


lib = _open()

# ---- structs that a model shares with its host ----
_NUMBERS = {"U32": c_uint32, "I32": c_int32, "U64": c_uint64, "I64": c_int64, "F64": c_double}
_POINTERS = {"const char *": c_char_p, "const char *const *": POINTER(c_char_p), "const int64_t *": POINTER(c_int64),
             "const int32_t *": POINTER(c_int32)}


def _structs(text):
    """Name to class, of lines as nnrt_layouts gives them."""
    names = [line for line in text.splitlines() if not line.startswith(" ")]
    made = {name: type(name, (ctypes.Structure,), {}) for name in names}
    fields = {name: [] for name in names}
    for line in text.splitlines():
        if not line.startswith(" "):
            owner = line
            continue
        kind, name, type_text = line.split(None, 2)
        if kind != "PTR":
            ctype = _NUMBERS[kind]
        elif type_text in _POINTERS:
            ctype = _POINTERS[type_text]
        else:
            target = made.get(type_text[len("const "):-len(" *")]) if type_text.startswith("const ") else None
            ctype = POINTER(target) if target else c_void_p
        fields[owner].append((name.rstrip(":"), ctype))
    for name in names:
        made[name]._fields_ = fields[name]
    return made


try:
    lib.nnrt_layouts.restype = c_char_p
    _made = _structs(lib.nnrt_layouts().decode())
except AttributeError:
    raise ImportError("%s is no libnnrt, or one that is too old for this package" % lib._name) from None
Step, View, Axis, Tensor, Entry, ModelInfo = (
    _made["nnrt_" + name] for name in ("step", "view", "axis", "tensor", "entry", "model"))

# ---- structs of the library alone: they begin with their size, which the library writes ----
CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p)


class Options(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("workers", c_uint32), ("parallel_flops", c_double), ("user", c_void_p),
                ("alloc", c_void_p), ("release", c_void_p), ("team", c_void_p), ("parallel_for", c_void_p),
                ("trace", c_void_p)]


class Source(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("spare", c_uint32), ("rows", c_int64), ("arrays", POINTER(c_void_p)),
                ("fetch", c_void_p), ("user", c_void_p), ("chosen", POINTER(c_int64)), ("nchosen", c_int64),
                ("sizes", POINTER(c_int64))]


class Progress(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("spare", c_uint32), ("epoch", c_uint64), ("epochs", c_uint64),
                ("step", c_uint64), ("batch", c_int64), ("batches", c_int64), ("rows", c_int64),
                ("dropped", c_int64), ("entry", POINTER(Entry)), ("totals", POINTER(c_double)),
                ("last", POINTER(c_double)), ("test", POINTER(c_double)), ("stopped", c_int), ("best", c_int),
                ("waited", c_uint64), ("skipped", c_uint64)]


class FitOptions(ctypes.Structure):
    _fields_ = [("size", c_uint32), ("shuffle", c_uint32), ("epochs", c_int64), ("batch", c_int64),
                ("seed", c_uint64), ("test", POINTER(Source)), ("user", c_void_p), ("on_batch", CALLBACK),
                ("on_epoch", CALLBACK), ("accumulate", c_int64), ("max_updates", c_int64), ("patience", c_int64),
                ("on_nan", c_uint32), ("spare", c_uint32)]


# ---- functions: name, what it gives, what it takes ----
_SESSION, _MODEL, _TEXT = c_void_p, POINTER(ModelInfo), c_char_p
_BIND = [_SESSION, c_int32, c_int32, c_uint32, c_uint32, POINTER(c_int64), c_void_p, c_size_t]
_FUNCTIONS = {
    "nnrt_status_text": (_TEXT, [c_int32]),
    "nnrt_error": (_TEXT, [c_void_p]),
    "nnrt_open": (c_int32, [_TEXT, POINTER(c_void_p)]),
    "nnrt_library_model": (_MODEL, [c_void_p]),
    "nnrt_close": (None, [c_void_p]),
    "nnrt_find_entry": (c_int32, [_MODEL, _TEXT, c_int]),
    "nnrt_find_tensor": (c_int32, [_MODEL, _TEXT]),
    "nnrt_dtype_bytes": (c_size_t, [c_uint32]),
    "nnrt_dtype_name": (_TEXT, [c_uint32]),
    "nnrt_view_text": (_TEXT, [_MODEL, POINTER(View), _TEXT, c_size_t]),
    "nnrt_loss_of": (c_double, [POINTER(c_double)]),
    "nnrt_metric_of": (c_double, [c_void_p, POINTER(c_double)]),
    "nnrt_stop_of": (c_int, [POINTER(Entry), POINTER(c_double)]),
    "nnrt_options_init": (None, [POINTER(Options)]),
    "nnrt_session_new": (c_int32, [_MODEL, POINTER(Options), POINTER(c_void_p)]),
    "nnrt_session_free": (None, [_SESSION]),
    "nnrt_init": (c_int32, [_SESSION, c_uint64]),
    "nnrt_read": (c_int32, [_SESSION, _TEXT, c_void_p, c_size_t]),
    "nnrt_write": (c_int32, [_SESSION, _TEXT, c_void_p, c_size_t]),
    "nnrt_read_grad": (c_int32, [_SESSION, _TEXT, c_void_p, c_size_t]),
    "nnrt_zero_grad": (c_int32, [_SESSION]),
    "nnrt_set_hyper": (c_int32, [_SESSION, _TEXT, c_double]),
    "nnrt_get_hyper": (c_int32, [_SESSION, _TEXT, POINTER(c_double)]),
    "nnrt_set_clock": (c_int32, [_SESSION, POINTER(Step)]),
    "nnrt_clock": (POINTER(Step), [_SESSION]),
    "nnrt_bind_input_at": (c_int32, _BIND),
    "nnrt_bind_output_at": (c_int32, _BIND),
    "nnrt_run": (c_int32, [_SESSION, c_int32]),
    "nnrt_totals": (POINTER(c_double), [_SESSION, c_int32]),
    "nnrt_clear_totals": (c_int32, [_SESSION, c_int32]),
    "nnrt_source_init": (None, [POINTER(Source)]),
    "nnrt_fit_options_init": (None, [POINTER(FitOptions)]),
    "nnrt_fit": (c_int32, [_SESSION, _TEXT, POINTER(Source), POINTER(FitOptions)]),
    "nnrt_evaluate": (c_int32, [_SESSION, _TEXT, POINTER(Source), c_int64, POINTER(c_double)]),
    "nnrt_save": (c_int32, [_SESSION, _TEXT]),
    "nnrt_load": (c_int32, [_SESSION, _TEXT]),
    "nnrt_save_checkpoint": (c_int32, [_SESSION, _TEXT]),
    "nnrt_load_checkpoint": (c_int32, [_SESSION, _TEXT]),
}
for _name, (_gives, _takes) in _FUNCTIONS.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _gives, _takes


def made(struct, init):
    """The struct with the library's defaults; refused where the library's is of another size."""
    value = struct()
    held = (ctypes.c_char * (2 * ctypes.sizeof(struct) + 256))()  # room for what a newer library writes
    init(ctypes.cast(held, POINTER(struct)))
    ctypes.memmove(ctypes.byref(value), held, ctypes.sizeof(struct))
    if value.size != ctypes.sizeof(struct):
        raise ImportError("%s is of another version: its %s has %d bytes, and this package knows %d"
                          % (lib._name, struct.__name__, value.size, ctypes.sizeof(struct)))
    return value


made(Options, lib.nnrt_options_init)
made(Source, lib.nnrt_source_init)
made(FitOptions, lib.nnrt_fit_options_init)


def check(status, handle):
    if status:
        text = lib.nnrt_error(handle) if handle else b""
        raise NnrtError(status, (text or lib.nnrt_status_text(status)).decode(errors="replace"))  # a path is any bytes
