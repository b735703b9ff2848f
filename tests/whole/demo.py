#!/usr/bin/python3
"""The steps of tools/demo, then: the C programs predict what `nnc predict` writes, byte for byte; the ones that train by
themselves reach the parameters of `nnc train`, bit for bit; and the tiny network's numbers are NumPy's."""
import pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
sys.path.insert(0, str(root / "tests/reference"))
import numpy as np
import independent as ind


def nnc(*words):
    subprocess.run([build / "nnc", *words], check=True, stdout=subprocess.DEVNULL)


def npy_payload(path):
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY"
    return data[10 + int.from_bytes(data[8:10], "little"):]


def check_predictions(out, name, *data):
    nnc("predict", root / "examples" / name / (name + ".nn"), "-w", out / (name + ".safetensors"), "-o", out / (name + ".npy"), *data)
    ours, theirs = npy_payload(out / (name + ".npy")), (out / (name + ".f32")).read_bytes()
    assert len(ours) > 1000 and ours == theirs, "%s: the C program and nnc predict differ" % name
    print("%s: %d bytes of predictions are equal" % (name, len(ours)))


def check_training(out, name, layers, *data):
    nnc("train", root / "examples" / name / (name + ".nn"), "-q", "--no-shuffle", "--epochs=1", "--log", out / (name + ".one"), *data)
    tensors = ind.read_safetensors(out / (name + ".one") / "last.safetensors")
    raw, at = (out / (name + ".params")).read_bytes(), 0
    for i in range(1, layers + 1):
        for part in "wb":
            want = tensors["%s.dense%d.%s" % (name, i, part)].tobytes()
            assert raw[at:at + len(want)] == want, "%s: dense%d.%s differs" % (name, i, part)
            at += -(-len(want) // 64) * 64
    print("%s: the parameters after one epoch are equal" % name)


def check_tiny(out):
    """From the printed seed's first values, the whole forward and backward pass in NumPy."""
    text = subprocess.run([out / "tiny", out / "libtiny.so", "0"], check=True, capture_output=True, text=True).stdout
    head, *rest = re.split(r"gradient of (\S+): .*\n", text)
    numbers = lambda s: np.array([float(w) for w in s.split()])
    probabilities = numbers(head.split("loss")[0].replace("probabilities", "")).reshape(4, 8)
    loss = float(head.split("loss")[1])
    raw = np.frombuffer(ind.Library(out / "libtiny.so", "tiny").initial(0, 65536), np.float32)
    cut = lambda at, *shape: raw[at // 4:][:int(np.prod(shape))].reshape(shape).astype(float)
    chain = ind.Chain([[cut(0, 10, 5), cut(256, 5)], [cut(320, 5, 8), cut(512, 8)]], ["sigmoid", "softmax"])
    x = np.array([(i * i * 7 % 31 - 15) / 8 for i in range(40)]).reshape(4, 10)
    y = [3, 0, 7, 5]
    p = chain.forward(x)
    assert np.allclose(p, probabilities, atol=1e-6), (p, probabilities)
    assert abs(-np.mean(np.log(p[range(4), y])) - loss) < 1e-5
    dy = np.zeros_like(p)
    dy[range(4), y] = -1 / (4 * p[range(4), y])
    want = dict(zip(("tiny.first.w", "tiny.first.b", "tiny.second.w", "tiny.second.b"), sum(chain.backward(dy), [])))
    have = {name: numbers(values) for name, values in zip(rest[::2], rest[1::2])}
    assert want.keys() == have.keys(), have.keys()
    for name in want:
        assert np.allclose(want[name].ravel(), have[name], atol=1e-6), name
    print("tiny: probabilities, loss and %d gradients are NumPy's" % len(want))


with tempfile.TemporaryDirectory() as folder:
    out = pathlib.Path(folder)
    with open(out / "said", "w") as said:
        if subprocess.run([root / "tools/demo", build, out], stdout=said, stderr=said).returncode:
            sys.exit((out / "said").read_text())
    text = (out / "said").read_text()
    right, of = map(int, re.search(r"(\d+) of (\d+) right", text).groups())
    assert of == 1500 and right > 1300, (right, of)
    digits = root / "examples/digits/data"
    images = "image=%s" % (out / "test-images-idx3-ubyte")
    check_predictions(out, "digits", "--data", images)
    rings = root / "examples/rings/rings.csv"
    check_predictions(out, "rings", "--data", rings)
    data = ["image=%s/%s-images-idx3-ubyte.gz", "y=%s/%s-labels-idx1-ubyte.gz"]
    check_training(out, "digits", 3, *["--%s=%s" % (w, d % (digits, f)) for w, f in (("data", "train"), ("test", "test")) for d in data])
    check_training(out, "rings", 5, "--data", rings, "--test", rings)
    check_tiny(out)
