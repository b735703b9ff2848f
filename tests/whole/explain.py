#!/usr/bin/python3
"""Every code that the compiler can say has a page; the page's wrong example gives exactly that code, and its right one
compiles without a word. A wrong example is a text (```nn bad) or commands beside the right one (```sh bad), called net.nn."""
import pathlib, re, subprocess, sys, tempfile

build, root = map(pathlib.Path, sys.argv[1:3])
FOLDERS = ["base", "frontend", "ir", "passes", "codegen", "driver"]
failures = []


def codes_in_source():
    found = set()
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            if path.suffix in (".c", ".y", ".l", ".def"):
                found |= set(re.findall(r'"([EW]\d{4})"', path.read_text()))
    return found


def say(folder, command):
    path = "%s:%s" % (build, "/usr/local/bin:/usr/bin:/bin")
    p = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, env={"PATH": path, "NO_COLOR": "1"})
    return p.returncode, p.stdout + p.stderr


def check(page, code):
    text = page.read_text()
    if not re.match(r"# %s: \S" % code, text):
        failures.append("%s: the title is not `# %s: ...`" % (page.name, code))
    status, said = say(root, "nnc explain %s" % code.lower())
    if status or said != text:
        failures.append("%s: nnc explain does not print it" % page.name)
    blocks = dict(((kind, kin), body) for kind, kin, body in re.findall(r"```(nn|sh) (bad|good)\n(.*?)```", text, re.S))
    good, bad, script = blocks.get(("nn", "good")), blocks.get(("nn", "bad")), blocks.get(("sh", "bad"))
    if not good or not (bad or script):
        failures.append("%s: no right or no wrong example" % page.name)
        return
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "net.nn").write_text(good)
        for command in ("nnc check net.nn", "nnc net.nn -o net.so"):
            status, said = say(folder, command)
            if status or said:
                failures.append("%s: the right example is refused:\n%s" % (page.name, said))
        if bad:
            (pathlib.Path(folder) / "wrong.nn").write_text(bad)
            script = "nnc check wrong.nn >said 2>&1 || bad=1; [ -s said ] || exec nnc wrong.nn -o wrong.so; cat said; exit $bad"
        status, said = say(folder, script)
        found = re.findall(r"^(?:error|warning)\[([EW]\d{4})\]", said, re.M)
        if found != [code] or (code[0] == "E") != (status != 0):
            failures.append("%s: the wrong example gives %s and status %d:\n%s" % (page.name, found, status, said))


pages = {p.stem: p for p in sorted((root / "docs/explain").glob("*.md"))}
for code in sorted(codes_in_source() - pages.keys()):
    failures.append("%s has no page" % code)
for code in sorted(pages.keys() - codes_in_source()):
    failures.append("%s has a page, but nothing says it" % code)
for code, page in pages.items():
    check(page, code)
print("\n".join(failures))
print("%d pages, %d failures" % (len(pages), len(failures)))
sys.exit(bool(failures))
