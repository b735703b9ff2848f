#!/usr/bin/python3
"""Trainings that are stopped and go on: resume.py BUILD ROOT [KILLS]

For every optimizer of the standard library: a run of 50 updates stopped after each of them, and gone on with by as many
workers and by others, ends with the bytes of the checkpoint of a run that was never stopped. Then runs that save after
every update and are killed at random moments, again and again. Then the same by the command line."""
import csv, ctypes as c, os, pathlib, random, re, signal, subprocess, sys, tempfile, time

build, root = map(pathlib.Path, sys.argv[1:3])
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 30
sys.path.insert(0, str(root / "tests/reference"))
import independent as ind

signal.signal(signal.SIGINT, signal.default_int_handler) # what runs in the background has it ignored, and hands that on
UPDATES, ROWS, SEED = 50, 800, 5
example = root / "examples/rings"
runtime = c.CDLL(str(build / "runtime/libnnrt.so"))
runtime.nnrt_error.restype = c.c_char_p
runtime.nnrt_library_model.restype = c.c_void_p


class Options(c.Structure):
    _fields_ = [("size", c.c_uint32), ("workers", c.c_uint32), ("parallel_flops", c.c_double)] + \
               [(name, c.c_void_p) for name in ("user", "alloc", "release", "team", "parallel_for", "trace")]


class Source(c.Structure):
    _fields_ = [("size", c.c_uint32), ("spare", c.c_uint32), ("rows", c.c_int64), ("arrays", c.c_void_p),
                ("fetch", c.c_void_p), ("user", c.c_void_p), ("chosen", c.c_void_p), ("nchosen", c.c_int64),
                ("sizes", c.c_void_p)]


CALLBACK = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p)


class FitOptions(c.Structure):
    _fields_ = [("size", c.c_uint32), ("shuffle", c.c_uint32), ("epochs", c.c_int64), ("batch", c.c_int64),
                ("seed", c.c_uint64), ("test", c.c_void_p), ("user", c.c_void_p), ("on_batch", CALLBACK),
                ("on_epoch", c.c_void_p), ("accumulate", c.c_int64), ("max_updates", c.c_int64),
                ("patience", c.c_int64), ("on_nan", c.c_uint32), ("spare", c.c_uint32)]


class Clock(c.Structure):
    _fields_ = [("size", c.c_uint32), ("flags", c.c_uint32)] + \
               [(name, c.c_uint64) for name in ("seed", "step", "epoch", "first_sample")] + [("weight", c.c_double)]


runtime.nnrt_clock.restype = c.POINTER(Clock)


def read_points():
    with open(example / "rings.csv") as f:
        table = [[float(r["point.0"]), float(r["point.1"]), float(r["inside"])] for r in csv.DictReader(f)][:ROWS]
    points = (c.c_float * (2 * ROWS))(*[x for row in table for x in row[:2]])
    inside = (c.c_float * ROWS)(*[row[2] for row in table])
    return (c.c_void_p * 2)(c.addressof(points), c.addressof(inside)), points, inside


POINTS = read_points()


class Training:
    def __init__(self, library, workers):
        options = Options()
        runtime.nnrt_options_init(c.byref(options))
        options.workers, options.parallel_flops = workers, 0
        self.session = c.c_void_p()
        self.check(runtime.nnrt_session_new(c.c_void_p(library), c.byref(options), c.byref(self.session)))
        self.check(runtime.nnrt_init(self.session, c.c_uint64(SEED)))

    def check(self, status):
        assert status == 0, runtime.nnrt_error(self.session)

    def load(self, path):
        self.check(runtime.nnrt_load_checkpoint(self.session, str(path).encode()))

    def save(self, path):
        self.check(runtime.nnrt_save_checkpoint(self.session, str(path).encode()))

    def updates(self):
        return runtime.nnrt_clock(self.session).contents.step - 1

    def fit(self, updates, each=None):
        """On to this many updates in all."""
        source, options = Source(), FitOptions()
        runtime.nnrt_source_init(c.byref(source))
        source.rows, source.arrays = ROWS, c.addressof(POINTS[0])
        runtime.nnrt_fit_options_init(c.byref(options))
        options.epochs, options.seed, options.max_updates = 0, SEED, updates
        options.on_batch = CALLBACK(lambda user, progress: each() or 0 if each else 0)
        self.check(runtime.nnrt_fit(self.session, None, c.byref(source), c.byref(options)))

    def close(self):
        runtime.nnrt_session_free(self.session)


def models(folder):
    """The rings by every optimizer, with what std has of layers that draw or keep state."""
    layers = (root / "std/layers.nn").read_text()
    text = (example / "rings.nn").read_text()
    for name, written in (("batch_norm", "batch_norm"), ("dropout", "dropout(0.2)")):
        if re.search(r"^(layer|fn) %s\b" % name, layers, re.M):
            text = text.replace("|> dense(6) |> relu", "|> dense(6) |> %s |> relu" % written, 1)
    optimizers = re.findall(r"^(?:fn|layer) (\w+)\(p: real\[\.\.\.\], g: real\[\.\.\.\]",
                            (root / "std/optimizers.nn").read_text(), re.M)
    assert {"sgd", "momentum", "adam"} <= set(optimizers)
    for name in optimizers:
        path = folder / name / "rings.nn"
        path.parent.mkdir()
        path.write_text(text.replace("adam(lr = 0.01)", "%s(lr = 0.01)" % name))
        yield name, path


def open_library(path, model):
    subprocess.run([build / "nnc", model, "-O1", "-o", path], check=True)
    handle = c.c_void_p()
    status = runtime.nnrt_open(str(path).encode(), c.byref(handle))
    assert status == 0, runtime.nnrt_error(handle)
    return runtime.nnrt_library_model(handle)


def run(library, workers, to, load=None, save=None):
    t = Training(library, workers)
    if load:
        t.load(load)
    t.fit(to)
    if save:
        t.save(save)
    t.close()
    return save.read_bytes()


def stopped_everywhere(library, folder):
    wanted = run(library, 1, UPDATES, save=folder / "whole")
    for stop in range(1, UPDATES):
        for first, then in ((1, 1), (1, 2), (2, 1)):
            if first != then and stop % 2 == first - 1:
                continue
            run(library, first, stop, save=folder / "stopped")
            assert run(library, then, UPDATES, folder / "stopped", folder / "end") == wanted, (stop, first, then)
    return wanted


def saving_run(library, path):
    t = Training(library, 1)
    if path.exists():
        t.load(path)
    t.fit(UPDATES, lambda: t.save(path))
    t.save(path)
    t.close()


def killed(library, path, delay=None):
    """A run in a process of its own, which is killed, or ends before that."""
    child = os.fork()
    if child == 0:
        try:
            saving_run(library, path)
            os._exit(0)
        except BaseException as e:
            print(e, file=sys.stderr)
            os._exit(1)
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def killed_often(library, folder, wanted, count):
    path, dead, ended, at = folder / "killed", 0, 0, []
    started = time.time()
    killed(library, path)
    whole = time.time() - started
    path.unlink()
    while dead < count:
        dead += killed(library, path, random.uniform(0, 1.2 * whole))
        if not path.exists():
            continue
        t = Training(library, 1)
        t.load(path)
        at.append(t.updates())
        t.close()
        if at[-1] < UPDATES and random.random() < 0.7:
            continue
        saving_run(library, path)
        assert path.read_bytes() == wanted
        ended += 1
        path.unlink()
    print("%d kills, after %d different updates; %d runs ended as one that was never killed" % (dead, len(set(at)), ended))


def command(model, *words, **more):
    words = [build / "nnc", "train", model, "-q", "-O1", "--data", example / "rings.csv", *words]
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)


def finish(process, status=0):
    _, said = process.communicate()
    assert process.returncode == status, said
    return said


def same_run(a, b):
    for name in ("checkpoint.safetensors", "last.safetensors", "best.safetensors", "metrics.csv"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def stopped_by(sent, status, model, cut):
    """A run that goes on, stopped after an epoch or later."""
    lines = (cut / "metrics.csv").read_text().count("\n")
    p = command(model, "--resume", cut, "--epochs=100000")
    while (cut / "metrics.csv").read_text().count("\n") < lines + 1 and p.poll() is None:
        time.sleep(0.01)
    p.send_signal(sent)
    assert "goes on" in finish(p, status)


def by_command(model, folder):
    epochs = "--epochs=3"
    whole, cut = folder / "whole.run", folder / "cut.run"
    finish(command(model, epochs, "--log", whole))
    finish(command(model, epochs, "--log", cut, "--max-updates=33", "--workers=1"))
    finish(command(model, epochs, "--resume", cut, "--workers=2"))
    same_run(whole, cut)
    p = command(model, "--epochs=100000", "--log", cut / "killed", "--checkpoint-every=1")
    cut = cut / "killed"
    while not (cut / "metrics.csv").exists():
        time.sleep(0.01)
    p.kill()
    p.communicate()
    stopped_by(signal.SIGINT, 130, model, cut)
    stopped_by(signal.SIGTERM, 143, model, cut)
    done = len((cut / "metrics.csv").read_text().splitlines())
    finish(command(model, "--resume", cut, "--epochs=%d" % (done + 1)))
    finish(command(model, "--epochs=%d" % (done + 1), "--log", whole))
    same_run(whole, cut)
    print("by command: cut, killed, interrupted, terminated, ended in epoch %d as one run" % (done + 1))


def in_the_background(model, folder):
    """Where the shell has Ctrl-C ignored, it is ignored."""
    p = command(model, "--epochs=20", "--log", folder / "background.run",
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    while p.poll() is None:
        p.send_signal(signal.SIGINT)
        time.sleep(0.001)
    finish(p)


def begun_anew(model, folder):
    """A run takes nothing of an earlier one's away before it has its own."""
    run, bad = folder / "anew.run", folder / "nan.csv"
    kept = ["checkpoint.safetensors", "best-checkpoint.safetensors", "best.safetensors", "last.safetensors", "metrics.csv"]
    finish(command(model, "--epochs=3", "--save-best", "--log", run))
    before = {name: (run / name).read_bytes() for name in kept}
    head, *rows = (example / "rings.csv").read_text().splitlines()
    bad.write_text("\n".join([head] + ["nan" + row[row.index(","):] for row in rows]) + "\n")
    words = [build / "nnc", "train", model, "-q", "-O1", "--data", bad, "--log", run]
    assert subprocess.run(words, capture_output=True).returncode == 1
    assert {name: (run / name).read_bytes() for name in kept} == before
    p = command(model, "--epochs=100000", "--seed=7", "--log", run)
    while '"seed": 7' not in (run / "settings.json").read_text():
        time.sleep(0.001)
    p.kill()
    p.communicate()
    assert all((run / name).exists() for name in ("best.safetensors", "checkpoint.safetensors", "metrics.csv"))
    finish(command(model, "--epochs=1", "--log", run))
    finish(command(model, "--epochs=1", "--log", folder / "alone.run"))
    same_run(run, folder / "alone.run")
    assert not (run / "best-checkpoint.safetensors").exists()
    print("begun anew: an earlier run stays until there is more")


def accumulated(folder):
    """Four batches of 8 are one of 32, but for the order of the sums."""
    for real, bound in (("f64", 1e-9), ("f32", 1e-4)):
        values = []
        for words in (["--batch=32"], ["--batch=8", "--accumulate=4"]):
            log = folder / ("sum.%s.%d" % (real, len(values)))
            data = root / "examples/rings/rings.nn"
            finish(command(data, "--real=" + real, "--epochs=2", "--log", log, *words))
            values.append(ind.read_safetensors(log / "last.safetensors"))
        worst = max(abs(a - b).max() for a, b in zip(*(v.values() for v in values)))
        print("four batches of 8 against one of 32, %s, 50 updates: at most %.2g apart" % (real, worst))
        assert worst <= bound


with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
    folder = pathlib.Path(name)
    random.seed(int(os.environ.get("SEED", "1")))
    every = list(models(folder))
    for name, path in every:
        library = open_library(path.parent / "librings.so", path)
        wanted = stopped_everywhere(library, path.parent)
        print("%s: the same bytes, wherever it was stopped" % name)
        killed_often(library, path.parent, wanted, -(-kills // len(every)))
    by_command(path, path.parent)
    begun_anew(path, path.parent)
    in_the_background(path, path.parent)
    accumulated(folder)
