#!/usr/bin/python3
"""The errors of the f32 functions, measured over every 4099th argument and all ends, against the table that docs/math.md
states for all 2^32; and every function that is a formula of ours is measured. tools/ulp makes the table."""
import os, pathlib, re, subprocess, sys

build, root = map(pathlib.Path, sys.argv[1:3])
EXACT = {"abs", "sign", "detach"}  # bits are moved, nothing is rounded
STRIDE = 4099


def stated():
    """By function: the f32 errors without and with fused products, as the page has them."""
    rows = re.findall(r"^\| (\w+) \| ([0-9.]+) \| ([0-9.]+) \|", (root / "docs/math.md").read_text(), re.M)
    return {name: {"x86-64": float(plain), "fused": float(fused)} for name, plain, fused in rows}


def measured(level):
    done = subprocess.run([root / "tools/ulp", level, str(STRIDE), "2"], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "NNC": str(build / "nnc")})
    return {name: (float(error), at) for name, error, at in re.findall(r"^(\w+) +(\S+) at (\S+)$", done.stdout, re.M)}


table = stated()
rows = re.findall(r'^FUNCTION\(\w+, *"(\w+)"', (root / "ir/ops.def").read_text(), re.M)
assert len(rows) > 10 and set(rows) - EXACT == set(table), "docs/math.md lacks %s" % (set(rows) - EXACT ^ set(table))
has_fma = re.search(r"^flags\s*:.*\bfma\b", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
levels = [("x86-64", "x86-64")] + ([("native", "fused")] if has_fma else [])
for level, column in levels:
    errors = measured(level)
    assert set(errors) == set(table), set(errors) ^ set(table)
    for name, (error, at) in errors.items():
        limit = table[name][column]
        found = "%s at %s is off by %g places at %s; docs/math.md says %g" % (name, level, error, at, limit)
        assert 0.6 * limit <= error < limit + 0.005, found
print("%d functions keep to the stated errors on %d levels" % (len(table), len(levels)))
