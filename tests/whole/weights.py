#!/usr/bin/python3
"""Values that a model is compiled with: layers that start from files, weights carried inside, frozen and untrainable
models, and a host that holds everything in static arrays: weights.py BUILD ROOT"""
import ctypes as c, os, pathlib, re, subprocess, sys, tempfile
import numpy as np

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import independent as ind

rng = np.random.default_rng(11)
runtime = c.CDLL(str(build / "runtime/libnnrt.so"))
runtime.nnrt_error.restype = c.c_char_p
runtime.nnrt_library_model.restype = c.c_void_p

# Two ways into a tied table (one turns it), layer state, a second set of parameters, layers of a file within layers.
TIED = """dim N
layer token = dense(3) from "kept/token.safetensors:"
layer stem(x: f32[N, 5]) -> f32[N, 6] {
  layer inner = dense(6) from "kept/inner.safetensors:old.name"
  x |> inner |> batch_norm
}
model tied(x: f32[N, 5]) -> f32[N, 6] {
  h = x |> stem |> relu |> token |> tanh
  h @ transpose(token.w)
}
train tied(x, y: f32[N, 6]) {
  state average: tied = tied
  loss mse(tied(x), y)
  optimizer adam(0.01)
  average' = average*0.9 + tied*0.1
}
"""


def nnc(folder, *args, status=0):
    p = subprocess.run([str(build / "nnc"), *map(str, args)], cwd=folder, capture_output=True, text=True)
    assert p.returncode == status, (args, p.returncode, p.stdout + p.stderr)
    return p.stdout + p.stderr


def area(n):
    whole = np.zeros(int(n) + 64, np.uint8)
    at = -whole.ctypes.data % 64
    return whole[at:at + max(int(n), 1)]


def at(a):
    return c.c_void_p(a.ctypes.data)


class Model:
    """A library, its header's macros, and its tensors by key."""

    def __init__(self, folder, name, *args):
        self.name, self.folder = name, pathlib.Path(folder)
        nnc(folder, *args, "-o", name + ".so")
        self.path = self.folder / (name + ".so")
        self.lib = c.CDLL(str(self.path))
        self.header = (self.folder / (name + ".h")).read_text()
        self.macros = {k: int(v) for k, v in re.findall(r"^#define (\w+) (-?\d+)\b", self.header, re.M)}
        self.macros |= {k: int(v) for k, v in re.findall(r"(\w+) = (\d+)", self.header)}
        self.tensors = {}
        for kind, place, key, shape in re.findall(r"^   (params|opt)\s+(\d+)  (\S+): f32(?:\[([^\]]*)\])?", self.header, re.M):
            axes = [s.split("=")[-1].strip() for s in shape.split(",") if s]
            sizes = [int(a) if a.isdigit() else self.macros["%s_DIM_%s" % (name.upper(), a)] for a in axes]
            self.tensors[key] = kind, int(place), sizes
        for f in "bytes", "init":
            if hasattr(self.lib, "%s_%s" % (name, f)):
                getattr(self.lib, "%s_%s" % (name, f)).restype = c.c_int64 if f == "bytes" else c.c_int32

    def call(self, function, *args):
        rc = getattr(self.lib, self.name + function)(*[at(a) if isinstance(a, np.ndarray) else a for a in args])
        assert rc == 0, (self.name, function, rc)

    def work(self, what, *sizes):
        n = getattr(self.lib, self.name + "_bytes")(self.macros["%s_WORK_%s" % (self.name.upper(), what)], *sizes)
        return area(n)

    def first(self, seed=3):
        up = self.name.upper()
        self.params, self.opt = area(self.macros[up + "_PARAMS_BYTES"]), area(self.macros.get(up + "_OPT_BYTES", 0))
        self.call("_init", self.params, self.opt if self.macros.get(up + "_OPT_BYTES") else None, c.c_uint64(seed), None)
        return {k: self.view(k).copy() for k in self.tensors}

    def view(self, key):
        kind, place, shape = self.tensors[key]
        buffer = self.params if kind == "params" else self.opt
        return buffer[place:place + 4 * int(np.prod(shape))].view(np.float32).reshape(shape)

    def predict(self, x, width):
        out, n = np.zeros((len(x), width), np.float32), c.c_int64(len(x))
        params = [self.params] if hasattr(self, "params") else []
        self.call("_predict", *params, n, x, out, self.work("PREDICT", n))
        return out

    def exports(self):
        said = subprocess.check_output(["nm", "-D", "--defined-only", str(self.path)], text=True)
        return {line.split()[-1][len(self.name) + 1:] for line in said.splitlines()}

    def needs_nothing(self):
        dynamic = subprocess.check_output(["readelf", "-dW", str(self.path)], text=True)
        undefined = subprocess.check_output(["nm", "-D", "--undefined-only", str(self.path)], text=True)
        sections = subprocess.check_output(["readelf", "-SW", str(self.path)], text=True)
        assert "NEEDED" not in dynamic and not undefined, (dynamic, undefined)
        for name, size in re.findall(r"(\.data|\.bss)\s+\w+\s+\w+\s+\w+\s+(\w+)", sections):
            assert int(size, 16) == 0, sections


def equal(a, b, what):
    assert a.shape == b.shape and a.tobytes() == b.tobytes(), what


# ---- layers that start from files ----
def write_parts(folder):
    (folder / "kept").mkdir()
    parts = {"token": {"w": rng.normal(size=(6, 3)), "b": rng.normal(size=3)},
             "inner": {"old.name.w": rng.normal(size=(5, 6)), "old.name.b": rng.normal(size=6), "more": np.zeros(2)}}
    parts = {f: {k: v.astype(np.float32) for k, v in p.items()} for f, p in parts.items()}
    for f, p in parts.items():
        ind.write_safetensors(folder / "kept" / (f + ".safetensors"), p)
    (folder / "tied.nn").write_text(TIED)
    return parts


def check_from(folder):
    parts = write_parts(folder)
    m = Model(folder, "tied", "tied.nn")
    first, other = m.first(3), m.first(4)
    for start in first, other:
        for k in "wb":
            equal(start["token." + k], parts["token"][k], "token." + k)
            equal(start["tied.stem1.inner." + k], parts["inner"]["old.name." + k], "inner." + k)
            equal(start["tied.average.stem1.inner." + k], parts["inner"]["old.name." + k], "the average of inner." + k)
    # The text is read from wherever the compiler stands, and the flat form from where it lies.
    nnc("/", folder / "tied.nn", "--emit=graph=%s" % (folder / "tied.graph.nn"))
    assert '= "kept/inner.safetensors:old.name.w"' in (folder / "tied.graph.nn").read_text()
    m = Model(folder, "tied", "tied.graph.nn", "--name", "tied")
    again = m.first(3)
    for k in first:
        equal(again[k], first[k], k)


# ---- weights that the library carries, and frozen ones ----
def save_trained(m, path):
    for k in m.tensors:
        if m.tensors[k][0] == "params":
            m.view(k)[...] += rng.normal(size=m.view(k).shape).astype(np.float32) * 0.1 + (1 if k.endswith("var") else 0)
    ind.write_safetensors(path, {k: m.view(k).copy() for k in m.tensors if m.tensors[k][0] == "params"})


def check_frozen(folder):
    m = Model(folder, "tied", "tied.nn")
    m.first()
    weights = folder / "trained.safetensors"
    save_trained(m, weights)
    trained = {k: m.view(k).copy() for k in m.tensors}
    for f in "token", "inner": # the weights on the command line are all that is read then
        (folder / "kept" / (f + ".safetensors")).rename(folder / "kept" / f)
    carrying = Model(mkdir(folder / "carrying"), "tied", folder / "tied.nn", "-w", weights)
    carrying.needs_nothing()
    first = carrying.first(9)
    for k in trained:
        kept = k.replace("tied.average.", "tied.") if k not in trained or ".average." in k else k
        if m.tensors[k][0] == "params" or ".average." in k:
            equal(first[k], trained[kept], k)
    frozen = Model(mkdir(folder / "frozen"), "tied", folder / "tied.nn", "-w", weights, "--freeze")
    frozen.needs_nothing()
    assert frozen.exports() == {"bytes", "predict", "model"}, frozen.exports()
    assert "params" not in re.search(r"int32_t tied_predict\(.*?\);", frozen.header, re.S)[0]
    fixed = {}
    for n in 1, 7:
        fixed[n] = Model(mkdir(folder / ("fixed%d" % n)), "tied", folder / "tied.nn", "-w", weights, "--freeze", "-DN=%d" % n)
        assert fixed[n].exports() == {"", "bytes", "model"}, fixed[n].exports()
        assert "int32_t tied(const float *x, float *out);" in fixed[n].header
    for n in 1, 2, 7, 64:
        x = rng.normal(size=(n, 5)).astype(np.float32)
        want = m.predict(x, 6)
        equal(frozen.predict(x, 6), want, "frozen, %d samples" % n)
        if n in fixed:
            out = np.zeros((n, 6), np.float32)
            fixed[n].call("", x, out)
            equal(out, want, "frozen and fixed, %d samples" % n)
    equal(open_frozen(frozen, x), want, "frozen, through the library")
    print("tied: %d bytes with training, %d frozen, %d frozen for one sample" % tuple(
        os.path.getsize(f.path) for f in (carrying, frozen, fixed[1])))


def mkdir(path):
    path.mkdir()
    return path


def open_frozen(m, x):
    library, session = c.c_void_p(), c.c_void_p()
    assert runtime.nnrt_open(str(m.path).encode(), c.byref(library)) == 0, runtime.nnrt_error(library)
    model = c.c_void_p(runtime.nnrt_library_model(library))
    assert runtime.nnrt_session_new(model, None, c.byref(session)) == 0, runtime.nnrt_error(session)
    entry = runtime.nnrt_find_entry(model, b"tied", 0)
    out = np.zeros((len(x), 6), np.float32)
    for bind, a in ("input", x), ("output", out):
        rc = getattr(runtime, "nnrt_bind_%s_at" % bind)(session, entry, 0, 6, 2, (c.c_int64 * 2)(*a.shape), at(a), c.c_size_t(a.nbytes))
        assert rc == 0, runtime.nnrt_error(session)
    assert runtime.nnrt_run(session, entry) == 0, runtime.nnrt_error(session)
    assert runtime.nnrt_run(session, runtime.nnrt_find_entry(model, b"tied", 4)) != 0
    runtime.nnrt_session_free(session)
    runtime.nnrt_close(library)
    return out


# ---- without training ----
def check_infer_only(folder):
    whole = Model(mkdir(folder / "whole"), "digits", root / "examples/digits/digits.nn")
    part = Model(mkdir(folder / "part"), "digits", root / "examples/digits/digits.nn", "--infer-only")
    part.needs_nothing()
    assert part.exports() == {"bytes", "init", "model", "predict", "prepare", "start"}, part.exports()
    assert "OPT_BYTES" not in part.header and "hparams" not in part.header
    first, same = whole.first(5), part.first(5)
    assert all(first[k].tobytes() == same[k].tobytes() for k in same) and set(same) <= set(first)
    ind.write_safetensors(folder / "digits.safetensors", {k: first[k] for k in same})
    sizes = [os.path.getsize(f.path) for f in (whole, part)]
    frozen = Model(mkdir(folder / "still"), "digits", root / "examples/digits/digits.nn", "-w",
                   folder / "digits.safetensors", "--freeze")
    image = rng.integers(0, 256, size=(5, 28, 28)).astype(np.uint8)
    want = whole.predict(image, 10)
    equal(part.predict(image, 10), want, "without training")
    equal(frozen.predict(image, 10), want, "frozen digits")
    print("digits: %d bytes with training, %d without, %d frozen" % (*sizes, os.path.getsize(frozen.path)))
    assert sizes[1] < sizes[0] / 2
    loadable(part, folder / "digits.safetensors", first)


def loadable(m, path, wanted):
    library, message = c.c_void_p(), c.create_string_buffer(512)
    assert runtime.nnrt_open(str(m.path).encode(), c.byref(library)) == 0
    model = c.c_void_p(runtime.nnrt_library_model(library))
    m.params[:] = 0
    assert runtime.nnrt_load_params(model, at(m.params), str(path).encode(), message, c.c_size_t(512)) == 0, message.value
    for k in m.tensors:
        equal(m.view(k), wanted[k], k)
    runtime.nnrt_close(library)


# ---- everything in static arrays ----
DEVICE = """#include "rings.h"
#include "device.h"
/* No library, no heap: every size is known when this is compiled. */
typedef union Area64 { unsigned char bytes[64]; long double align; } Area64;
#define AREA(name, n) static Area64 name##_area[(n) / 64 + 2]
AREA(params, RINGS_PARAMS_BYTES);
AREA(opt, RINGS_OPT_BYTES);
AREA(step_work, RINGS_STEP_WORK_BYTES);
AREA(predict_work, RINGS_PREDICT_WORK_BYTES);
static double totals[RINGS_TOTALS];

static void *aligned(Area64 *area)
{
    return (void *)(((uintptr_t)area + 63) & ~(uintptr_t)63);
}

int device_start(unsigned seed)
{
    return rings_init(aligned(params_area), aligned(opt_area), seed, 0);
}

int device_learn(const float *point, const float *inside, unsigned step)
{
    nnrt_step now = {sizeof now, 0, 7, 0, 1, 0, 1.0};
    now.step = step;
    return rings_step(aligned(params_area), aligned(opt_area), point, inside, &now, 0, totals, aligned(step_work_area));
}

int device_predict(const float *point, float *out)
{
    return rings_predict(aligned(params_area), point, out, aligned(predict_work_area));
}
"""
DEVICE_H = """int device_start(unsigned seed);
int device_learn(const float *point, const float *inside, unsigned step);
int device_predict(const float *point, float *out);
"""
HOST = """#include "device.h"
#include <stdio.h>
int main(void)
{
    float point[2], inside, out;
    unsigned step = 0;
    if (device_start(5)) return 1;
    while (scanf("%f %f %f", &point[0], &point[1], &inside) == 3)
        if (device_learn(point, &inside, ++step) || device_predict(point, &out)) return 2;
        else printf("%a\\n", (double)out);
    return 0;
}
"""


def check_static(folder):
    slower = (root / "examples/rings/rings.nn").read_text().replace("lr = 0.01", "lr = 0.002") # one sample at a time
    (folder / "rings.nn").write_text(slower)
    m = Model(folder, "rings", "rings.nn", "-DN=1")
    for what in "PREDICT", "EVAL", "GRAD", "STEP":
        assert m.macros["RINGS_%s_WORK_BYTES" % what] == len(m.work(what)), what
    assert m.macros["RINGS_DIM_N"] == 1 and "RINGS_UPDATE_WORK_BYTES" not in m.macros
    nnc(folder, "rings.nn", "-DN=1", "-o", "rings.o")
    for name, text in ("device.c", DEVICE), ("device.h", DEVICE_H), ("host.c", HOST):
        (folder / name).write_text(text)
    strict = ["cc", "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*strict, "-ffreestanding", "-O1", "-fno-stack-protector", "-c", "device.c"], cwd=folder, check=True)
    subprocess.run(["ld", "-r", "device.o", "rings.o", "-o", "whole.o"], cwd=folder, check=True)
    undefined = subprocess.check_output(["nm", "--undefined-only", "whole.o"], cwd=folder, text=True)
    assert not undefined.replace("_GLOBAL_OFFSET_TABLE_", "").replace("U", "").strip(), undefined
    subprocess.run([*strict, "host.c", "whole.o", "-o", "host"], cwd=folder, check=True)
    table = np.genfromtxt(root / "examples/rings/rings.csv", delimiter=",", skip_header=1, dtype=np.float32)
    table = rng.permutation(np.concatenate([table] * (6000 // len(table) + 1)))
    lines = "\n".join("%.9g %.9g %.9g" % tuple(row) for row in table)
    said = subprocess.run(["./host"], cwd=folder, input=lines, capture_output=True, text=True, check=True).stdout
    told = np.array([float.fromhex(line) for line in said.split()], np.float32)
    right = ((told > 0.5) == (table[:, 2] > 0.5))
    m.first(5)
    again, totals = np.zeros(len(table), np.float32), np.zeros(8)
    work, room = m.work("STEP"), m.work("PREDICT")
    step = np.zeros(6, np.uint64)
    step[0], step[1], step[3] = 48, 7, 1
    step[5:].view(np.float64)[0] = 1.0
    for i, row in enumerate(table):
        step[2] = i + 1
        m.call("_step", m.params, m.opt, row[:2].copy(), row[2:].copy(), step, None, totals, work)
        m.call("_predict", m.params, row[:2].copy(), again[i:i + 1], room)
    equal(told, again, "a static host")
    assert right[-1000:].mean() > 0.9, right[-1000:].mean()


with tempfile.TemporaryDirectory() as name:
    for check in check_from, check_frozen, check_infer_only, check_static:
        folder = pathlib.Path(name) / check.__name__
        folder.mkdir()
        if check is check_frozen:
            write_parts(folder)
        check(folder)
print("files give first values, frozen models have the bits of others, and static arrays suffice")
