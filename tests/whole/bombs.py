#!/usr/bin/python3
"""Small or cheap inputs that ask for the world: each ends by itself, with an error that tells where, a documented exit status,
and no more than two seconds of CPU and 448 MiB."""
import gzip, io, os, pathlib, re, resource, struct, subprocess, sys, tempfile, threading, zipfile, zlib

build, root = map(pathlib.Path, sys.argv[1:3])
only = sys.argv[3] if len(sys.argv) > 3 else ""
SECONDS, MIB = 2, 448
HEAD = "dim N\n"
LINE = HEAD + """model line(x: f32[N, 2]) -> f32[N, 2] { x |> dense(2) }
train line(x) { loss mse(line(x), x); optimizer sgd(lr = 0.1) }
"""
NUMBERS = HEAD + """model line(x: u8[N, 2, 2]) -> f32[N, 2, 2] { f32(x) |> dense(2) }
train line(x) { loss mse(line(x), f32(x)); optimizer sgd(lr = 0.1) }
"""
OPEN = """dim N, T
model line(x: f32[N, T]) -> f32[N] {
  param w: f32[1] = ones
  sum(x, over = last) * sum(w)
}
train line(x) { loss sum(line(x)); optimizer sgd(lr = 0.1); split 1/1 }
"""
WIDE = OPEN.replace("dim N, T", "dim N").replace("N, T", "N, 1000000000000")
DATA = ["train", "line.nn", "--data"]
WEIGHTS = ["predict", "line.nn", "--data", "x=x.npy", "-o", "out.npy", "-w"]


def model(body, head="", type="f32"):
    return HEAD + head + "model m(x: f32[N, 3]) -> %s[N, 3] {\n  %s\n}\n" % (type, body)


def npy(shape, data=b"", descr="<f4"):
    header = ("{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def idx(kind, *shape, data=b""):
    return bytes([0, 0, kind, len(shape)]) + b"".join(struct.pack(">I", s) for s in shape) + data


def zipped(count, claimed=None):
    """An archive whose array `x` unpacks to so many zeros; or only claims to."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        with z.open("x.npy", "w", force_zip64=True) as f:
            f.write(npy((count // 8, 2)))
            for _ in range(count >> 20):
                f.write(bytes(1 << 20))
    data = out.getvalue()
    if claimed is None:
        return data
    at = data.rindex(b"PK\1\2")
    return data[:at + 24] + struct.pack("<I", claimed) + data[at + 28:]


def packed(count):
    c = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([c.compress(bytes(2**20)) for _ in range(count >> 20)] + [c.flush()])


def tensors(header, length=None, data=b""):
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def definitions(n):
    return HEAD + "".join("fn f%d(x: real[...d]) -> real[...d] { x + %d }\n" % (i, i) for i in range(n))


# A name, the file, how it is used (None: `nnc check`), what the error says ("": it may be no error at all). A file is a text or bytes; where it is a function
# it makes what it wants in the folder.
BOMBS = [
    # ---- sizes ----
    ("2^60 elements", model("(x |> dense(1152921504606846976) |> dense(3))"), None, "E0"),
    ("2^60 elements of a constant", "model m(x: f32[3]) -> f32[1152921504606846976] { 0 }\n", None, "E0"),
    ("sizes whose product overflows", "model m(x: f32[4294967296, 4294967296]) -> f32[4294967296, 4294967296] { x }\n", None, "E0"),
    ("a size beyond 64 bits", "model m(x: f32[99999999999999999999]) -> f32[99999999999999999999] { x }\n", None, "E0"),
    ("a sum of sizes that overflows", "model m(x: f32[9223372036854775807]) -> f32[3] { concat(x, x, over = 0) |> sum over = 0 }\n", None, "E0"),
    ("a million axes", "model m(x: f32[%s1]) -> f32 { 0 }\n" % ("1, " * 10**6), None, "E0"),
    ("a huge bound", "dim N in 1..99999999999999999999\nmodel m(x: f32[N]) -> f32[N] { x }\n", None, "E0"),
    ("a huge -D", model("x |> dense(H) |> dense(3)", "hyper H = 2\n"), ["check", "bomb.nn", "-D", "H=1152921504606846976"], "E0"),
    ("a -D of a million digits", model("x |> dense(H) |> dense(3)", "hyper H = 2\n"), ["check", "bomb.nn", "-D", "H=" + "9" * 100000], "E0"),
    ("a -D of deep brackets", model("x |> dense(H) |> dense(3)", "hyper H = 2\n"), ["check", "bomb.nn", "-D", "H=" + "(" * 50000], "E0"),
    ("a power that explodes", model("x + 2^2^2^2^2^2^2^2^2^2"), None, "E0"),
    ("an exact fraction that explodes", model("x + (" + "*".join(["(1/3)^40"] * 400) + ")"), None, ""),
    ("a million digits", model("x + " + "9" * 10**6), None, "E0"),
    ("a huge exponent", model("x + 1e999999999"), None, "E0"),
    # ---- repetition ----
    ("repeat(10^9)", model("x |> repeat(1000000000) { dense(3) }"), None, "E0"),
    ("repeat from the first to the last", model("x |> repeat(i in -9223372036854775807..9223372036854775807) { dense(3) }"), None, "E0104"),
    ("repeats in repeats", model("x |> repeat(1000) { repeat(1000) { repeat(1000) { tanh } } }"), None, "E0"),
    ("a doubling chain of functions", HEAD + "fn f0(x: real[...d]) -> real[...d] { tanh(x) }\n" +
     "".join("fn f%d(x: real[...d]) -> real[...d] { f%d(f%d(x)) }\n" % (i, i - 1, i - 1) for i in range(1, 40)) +
     "model m(x: f32[N]) -> f32[N] { f39(x) }\n", None, "E0"),
    ("a function that calls itself", HEAD + "fn f(x: real[...d]) -> real[...d] { f(x + 1) }\nmodel m(x: f32[N]) -> f32[N] { f(x) }\n", None, "E0"),
    ("functions that call one another", HEAD + "fn f(x: real[...d]) -> real[...d] { g(x) }\nfn g(x: real[...d]) -> real[...d] { f(x) }\n"
     "model m(x: f32[N]) -> f32[N] { f(x) }\n", None, "E0"),
    ("a layer within itself", HEAD + "layer a(x: real[N, 3]) -> real[N, 3] { a(x) }\nmodel m(x: f32[N, 3]) -> f32[N, 3] { a(x) }\n", None, "E0"),
    # ---- nesting ----
    ("10^6 nested brackets", model("(" * 10**6 + "x" + ")" * 10**6), None, "E0104"),
    ("10^6 open brackets", model("[" * 10**6), None, "E0104"),
    ("10^6 nested blocks", model("{" * 10**6), None, "E0104"),
    ("10^6 closing brackets", model(")" * 10**6), None, "E0"),
    ("deep if and else", model("if true then x else " * 10**5 + "x"), None, "E0104"),
    ("deep powers", model("x" + "^x" * 10**5), None, "E0104"),
    ("deep minus", model("-" * 10**5 + "x"), None, "E0104"),
    ("deep not", model("if " + "not " * 10**5 + "true then x else x"), None, "E0104"),
    ("a sum of 10^5 terms", model("x" + " + x" * 10**5), None, "E0104"),
    ("a pipe of 3 * 10^5 stages", model("x" + " |> tanh" * (3 * 10**5)), None, "E0104"),
    ("deep calls", model("tanh(" * 10**5 + "x" + ")" * 10**5), None, "E0104"),
    ("a path of 10^6 parts", model("x + a" + ".a" * 10**6), None, "E0"),
    ("a pattern of 10^5 labels", model("x |> [" + "i, " * 10**5 + "i] -> [i]"), None, "E0"),
    # ---- length ----
    ("a name of 20 MB", model("x + " + "a" * (20 << 20)), None, "File too large"),
    ("a name of 2 MB", model("x + " + "a" * (2 << 20)), None, "E0104"),
    ("a text of 2 MB", model('x + "' + "a" * (2 << 20) + '"'), None, "E0104"),
    ("a million words", "dim a\n" * 333000, None, "E0"),
    ("definitions of a million words", definitions(47000), None, ""),
    ("an import of 1 GB", lambda f: (sparse(f / "big.nn", 1 << 30, b"a"), (f / "bomb.nn").write_text('import "big.nn"\n' + LINE)), None, "E0402"),
    ("a chain of 5000 imports", lambda f: [(f / ("bomb.nn" if i == 0 else "i%d.nn" % i)).write_text(
        'import "i%d.nn" as a\n' % (i + 1) + LINE) for i in range(5000)], None, "E0104"),
    ("a token of 1 GB", lambda f: sparse(f / "bomb.nn", 1 << 30, b"a"), None, "`bomb.nn` cannot be read: File too large"),
    ("a text without end", model('x + "' + "a" * (10 << 20)), None, "E0"),
    ("a line of 10 MB", model("x" + " " * (10 << 20) + "?"), None, "E0102"),
    ("10^6 lines of nonsense", "? ! ?\n" * 10**6, None, "E0"),
    ("10^6 unknown names", model("\n  ".join("a%d = b%d" % (i, i) for i in range(200000)) + "\n  x"), None, "E0"),
    ("10^6 definitions", "fn f{x}" * 10**6, None, "E0"),
    ("a definition 10^5 times", HEAD + "fn f(x: real[...d]) -> real[...d] { x }\n" * 10**5, None, "E0"),
    ("10^5 arguments", model("tanh(" + "x, " * 10**5 + "x)"), None, "E0"),
    ("10^6 zero bytes", b"\0" * 10**6, None, "E0"),
    ("zero bytes within a name", model("x + a\0b"), None, "E0102"),
    ("random bytes", bytes((i * 7919 >> 3) & 255 for i in range(10**6)), None, "E0"),
    ("10^6 labels", "dim c = " + ", ".join('"a%d"' % (i % 1000) for i in range(10**5)) + "\nmodel m(x: f32[c]) -> f32[c] { x }\n", None, "E0"),
    # ---- imports ----
    ("an import of itself", 'import "bomb.nn"\n' + LINE, None, "E0410"),
    ("an import of a folder", 'import "." as a\n' + LINE, None, "E0402"),
    ("an import of /dev/zero", 'import "/dev/zero"\n' + LINE, None, "E0402"),
    ("an import of a pipe", lambda f: (os.mkfifo(f / "pipe.nn"), (f / "bomb.nn").write_text('import "pipe.nn"\n' + LINE)), None, "E0402"),
    ("a ring of 1000 imports", lambda f: [(f / ("bomb.nn" if i == 0 else "i%d.nn" % i)).write_text(
        'import "%s" as a\n' % ("bomb.nn" if i == 999 else "i%d.nn" % (i + 1)) + LINE) for i in range(1000)], None, "E0"),
    ("the same import 10^4 times", "".join('import "a.nn" as a\n' for _ in range(10**4)) + LINE, None, "E0"),
    ("/dev/zero as the model", "", ["check", "/dev/zero"], "/dev/zero"),
    ("a folder as the model", "", ["check", "."], "."),
    # ---- data ----
    ("a row of 10^7 columns", lambda f: table(f, b"1," * 10**7), DATA + ["x.csv"], "E0213"),
    ("a table as wide as an input", lambda f: table(f, b",".join(b"x.%d" % i for i in range(10**6)) + b"\n1\n",
        LINE.replace("[N, 2]", "[N, 1000000]").replace("x |> dense(2)", "x |> dense(1) |> [i, 1] -> [i, 1000000]")), DATA + ["x.csv"], "E0"),
    ("10^7 columns, then one more", lambda f: table(f, b"x.0,x.1" + b",a" * 10**7 + b"\n1\n"), DATA + ["x.csv"], "E0213"),
    ("a quoted field without end", lambda f: table(f, b'x.0,x.1\n"' + b"1" * (50 << 20)), DATA + ["x.csv"], "E0213"),
    ("10^7 empty lines", lambda f: table(f, b"x.0,x.1\n" + b"\n" * 10**7), DATA + ["x.csv"], "E0213"),
    ("a number of 10^7 digits", lambda f: table(f, b"x.0,x.1\n1," + b"1" * 10**7 + b"x\n"), DATA + ["x.csv"], "E0213"),
    ("a table of /dev/zero", lambda f: table(f, b""), DATA + ["/dev/zero"], "E0213"),
    ("an array of 2^62 rows", lambda f: table(f, npy((2**62, 2))), DATA + ["x=x.csv"], "E0213"),
    ("an array of 2^63 rows", lambda f: table(f, npy((2**63, 2))), DATA + ["x=x.csv"], "E0213"),
    ("an array of no width", lambda f: table(f, npy((2**62, 0))), DATA + ["x=x.csv"], "E0213"),
    ("an array of no width for an input of any", lambda f: table(f, npy((2**62, 0)), OPEN), DATA + ["x=x.csv"], "E0213"),
    ("a table for an input of 10^12 columns", lambda f: table(f, b"x.0,x.1\n1,2\n", WIDE), DATA + ["x.csv"], "E0213"),
    ("10^7 empty lines below 10^5 columns", lambda f: table(f, b",".join(b"x.%d" % i for i in range(10**5)) + b"\n" * 10**7,
        LINE.replace("[N, 2]", "[N, 100000]").replace("x |> dense(2)", "x |> dense(1) |> [i, 1] -> [i, 100000]")), DATA + ["x.csv"], "E0213"),
    ("zero bytes late in a table of one column", lambda f: table(f, b"x\n" + b"1\n" * 1000 + b"\0" * 1000), ["new", "x.csv", "--target", "x"], "E0213"),
    ("sizes of an array whose product wraps", lambda f: table(f, npy((2**32, 2**32))), DATA + ["x=x.csv"], "E0213"),
    ("an array header of 4 GB", lambda f: table(f, b"\x93NUMPY\2\0\xff\xff\xff\xff{'descr'"), DATA + ["x=x.csv"], "E0213"),
    ("an IDX file of giant sizes", lambda f: table(f, idx(8, 0xffffffff, 0xffffffff, 0xffffffff), NUMBERS), DATA + ["x=x.csv"], "E0213"),
    ("an IDX file of 255 axes", lambda f: table(f, idx(8, *[1] * 255), NUMBERS), DATA + ["x=x.csv"], "E0213"),
    ("an IDX file of rows without elements", lambda f: table(f, idx(8, 0xffffffff, 0, 2), NUMBERS), DATA + ["x=x.csv"], "E0213"),
    ("a gzip file of 1 GB", lambda f: table(f, packed(1 << 30)), DATA + ["x=x.csv"], "E0213"),
    ("a gzip file of gzip files", lambda f: table(f, gzip.compress(gzip.compress(b"x.0,x.1\n"))), DATA + ["x.csv"], "E0213"),
    ("an archive of 1 GB", lambda f: table(f, zipped(1 << 30)), DATA + ["x.csv"], "E0213"),
    ("an archive that claims 4 GB", lambda f: table(f, zipped(1 << 20, 0xfffffff0)), DATA + ["x.csv"], "E0213"),
    ("data from a pipe named in the text", lambda f: (os.mkfifo(f / "x.csv"), (f / "line.nn").write_text(
        LINE.replace("sgd(lr = 0.1)", 'sgd(lr = 0.1); data "x.csv"'))),
     ["train", "line.nn"], "pipe or a device"),
    # ---- weights ----
    ("a header of 2^63 bytes", lambda f: weights(f, tensors(b"{}", 2**63)), WEIGHTS + ["w"], "w: "),
    ("a header of 2^64-1 bytes", lambda f: weights(f, tensors(b"{}", 2**64 - 1)), WEIGHTS + ["w"], "w: "),
    ("a header of 10^6 brackets", lambda f: weights(f, tensors(b"{" * 10**6)), WEIGHTS + ["w"], "w: "),
    ("weights of 2^62 elements", lambda f: weights(f, tensors(b'{"m.d":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}')),
     WEIGHTS + ["w"], "w: "),
    ("10^5 tensors of nothing", lambda f: weights(f, tensors(b"{" + b",".join(
        b'"a%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(10**5)) + b"}")), WEIGHTS + ["w"], "w: "),
    ("10^5 pairs of metadata", lambda f: weights(f, tensors(b'{"__metadata__":{' + b",".join(
        b'"a%d":""' % i for i in range(10**5)) + b"}}")), WEIGHTS + ["w"], "w: "),
    ("a sum to look for of each of 6 * 10^4 tensors, among 8 * 10^5", lambda f: weights(f, tensors(
        b'{"__metadata__":{' + b",".join(b'"%x":""' % i for i in range(8 * 10**5)) + b"}" + b"".join(
            b',"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(6 * 10**4)) + b"}")),
     ["train", "line.nn", "--data", "x=x.npy", "--init-from", "w"], "w: "),
    ("weights from /dev/zero", lambda f: weights(f, b""), WEIGHTS + ["/dev/zero"], "/dev/zero: "),
]


def sparse(path, size, start):
    """A megabyte of what it starts with, then nothing up to its size."""
    with open(path, "wb") as f:
        f.write(start * (1 << 20))
        f.truncate(size)


def table(folder, data, text=LINE):
    (folder / "line.nn").write_text(text)
    (folder / "x.csv").write_bytes(data)


def weights(folder, data):
    (folder / "line.nn").write_text(LINE)
    (folder / "x.npy").write_bytes(npy((1, 2), bytes(8)))
    (folder / "w").write_bytes(data)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (4 * SECONDS, 4 * SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(folder, words):
    """Exit status, output, seconds of CPU, MiB."""
    p = subprocess.Popen([build / "nnc", *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, preexec_fn=limits)
    killer = threading.Timer(60, p.kill) # what waits for ever uses no CPU
    killer.start()
    said = p.stdout.read()
    _, status, used = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    killer.cancel()
    return p.returncode, said.decode(errors="replace"), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def faults(status, said, seconds, mib, part):
    if status not in ((1, 64, 66, 73) if part else (0, 1)):
        yield "status %d" % status
    if part not in said:
        yield "it does not say `%s`" % part
    if len(said) > 128 << 10:
        yield "it says %d bytes" % len(said)
    if re.search(r"[a-z_]{1,30}\.c:\d|0x[0-9a-f]{6}", said[:64 << 10]):
        yield "it names the compiler's inside"
    if seconds > SECONDS:
        yield "%.1f s" % seconds
    if mib > MIB:
        yield "%.0f MiB" % mib


def try_bomb(name, file, words, part):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if callable(file):
            file(folder)
        else:
            (folder / "bomb.nn").write_bytes(file if isinstance(file, bytes) else file.encode())
        (folder / "a.nn").write_text("")
        before = sorted(os.listdir(folder))
        status, said, seconds, mib = run(folder, words or ["check", "bomb.nn"])
        wrong = list(faults(status, said, seconds, mib, part))
        if sorted(os.listdir(folder)) != before:
            wrong.append("it leaves %s" % (set(os.listdir(folder)) - set(before)))
        if wrong or only:
            print("%s: %s\n%.600s\n" % (name, "; ".join(wrong), said))
        return not wrong, seconds, mib


done = [try_bomb(*b) for b in BOMBS if only in b[0]]
failed = sum(not good for good, _, _ in done)
print("%d bombs, %d failed; at most %.2f s and %.0f MiB" % (len(done), failed, max(d[1] for d in done), max(d[2] for d in done)))
sys.exit(failed > 0)
