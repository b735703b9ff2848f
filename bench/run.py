#!/usr/bin/env python3
"""Times the compiled example networks beside plain C and every other system that this Python can import, on one core, interleaved in
one run; prints the median of the paired ratios with p10 and p90, and writes them as JSON. run.py FOLDER NNC ROOT"""
import ctypes, importlib, json, os, pathlib, subprocess, sys, time

folder, nnc, root = map(pathlib.Path, sys.argv[1:4])
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the same one core for all
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
sys.path.insert(0, str(root / "bench"))
ROUNDS, ROUND_NS = 41, 25e6

library = ctypes.CDLL(str(folder / "bench.so"))
library.bench_work.restype = ctypes.c_char_p
library.bench_time.restype = ctypes.c_double


def works():
    batch, out = ctypes.c_int(), []
    while name := library.bench_work(len(out), ctypes.byref(batch)):
        network, job = name.decode().split()
        out.append((len(out), network, job, batch.value))
    return out


def compiled(work, plain):
    return lambda repeats: library.bench_time(work, plain, ctypes.c_long(repeats))


def looped(call):
    """Nanoseconds of one call, as Python makes it: what a user of that binding has."""
    def run(repeats):
        start = time.perf_counter_ns()
        for _ in range(repeats):
            call()
        return (time.perf_counter_ns() - start) / repeats
    return run


def systems():
    """Those at hand, and the names of those that are missing."""
    have, missing = [], []
    for name in ("onnxruntime", "openvino", "jax", "torch"):
        try:
            have.append(importlib.import_module("peers_" + name))
        except ImportError:
            missing.append(name)
    return have, missing


def percentiles(values):
    values = sorted(values)
    return values[len(values) // 2], values[len(values) // 10], values[-1 - len(values) // 10]


def race(runners):
    """Rounds of all, one after the other, each as long as the next; the first is what the others are measured by."""
    for run in runners:
        run(20)
    repeats = [max(1, int(ROUND_NS / max(run(20), 1))) for run in runners]
    rounds = [[run(n) for run, n in zip(runners, repeats)] for _ in range(ROUNDS)]
    return [percentiles([r[i] for r in rounds])[0] for i in range(len(runners))], \
        [percentiles([r[i] / r[0] for r in rounds]) for i in range(len(runners))]


def calls(have, results):
    print("%-10s %-8s %5s  %-16s %12s %9s %8s %8s" % ("network", "job", "batch", "system", "ns", "times nnc", "p10", "p90"))
    for work, network, job, batch in works():
        library.bench_prepare(work)
        entries = [("nnc", compiled(work, 0)), ("plain C", compiled(work, 1))]
        for system in have:
            call = system.make(network, job, batch)
            if call:
                entries.append((system.NAME, looped(call)))
        medians, ratios = race([run for _, run in entries])
        for (name, _), ns, (middle, low, high) in zip(entries, medians, ratios):
            print("%-10s %-8s %5d  %-16s %12.1f %9.2f %8.2f %8.2f" % (network, job, batch, name, ns, middle, low, high), flush=True)
            results["calls"].append({"network": network, "job": job, "batch": batch, "system": name, "ns": ns,
                                     "ratio": middle, "p10": low, "p90": high})


def compile_rings():
    start = time.perf_counter_ns()
    subprocess.run([nnc, root / "examples/rings/rings.nn", "-o", folder / "timed.so"], check=True)
    return time.perf_counter_ns() - start


def compile_plain():
    start = time.perf_counter_ns()
    subprocess.run(["gcc", "-std=c11", "-O3", "-march=native", "-shared", "-fPIC", root / "bench/plain.c", "-o", folder / "plain.so", "-lm"],
                   check=True)
    return time.perf_counter_ns() - start


def first_answers(have, results):
    """From the model's text, file or function to its first answer in a process where the system is loaded."""
    print("\nrings, from its text to something that answers")
    entries = [("nnc", compile_rings), ("plain C", compile_plain)]
    entries += [(s.NAME, lambda s=s: first_answer(s)) for s in have]
    rounds = [[run() for _, run in entries] for _ in range(9)]
    for i, (name, _) in enumerate(entries):
        middle, low, high = percentiles([r[i] / r[0] for r in rounds])
        ms = percentiles([r[i] for r in rounds])[0] / 1e6
        print("%-16s %9.1f ms %9.3g times nnc (%.3g to %.3g)" % (name, ms, middle, low, high), flush=True)
        results["first answer"].append({"system": name, "ms": ms, "ratio": middle, "p10": low, "p90": high})


def first_answer(system):
    start = time.perf_counter_ns()
    system.make("rings", "predict", 1, fresh=True)()
    return time.perf_counter_ns() - start


def sizes(results):
    print("\nbytes")
    for network in ("rings", "digits"):
        for kind, options in (("predicts and trains", []), ("only predicts", ["--infer-only"])):
            file = folder / ("lib%s.so" % network)
            subprocess.run([nnc, root / ("examples/%s/%s.nn" % (network, network)), "-o", file, *options], check=True)
            results["bytes"].append({"network": network, "kind": kind, "bytes": file.stat().st_size})
            print("%-10s %-20s %9d" % (network, kind, file.stat().st_size))


have, missing = systems()
print("beside: plain C%s; not here: %s\n" % ("".join(", " + s.NAME for s in have), ", ".join(missing) or "none"))
results = {"systems": [s.NAME for s in have], "missing": missing, "calls": [], "first answer": [], "bytes": []}
calls(have, results)
first_answers(have, results)
sizes(results)
(folder / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
