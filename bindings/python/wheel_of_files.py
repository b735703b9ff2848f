"""Makes the wheel that pip asks for (PEP 517): the folder nnc/ as it is, and what says so."""
import base64, hashlib, pathlib, re, zipfile

HERE = pathlib.Path(__file__).parent


def _setting(name):
    return re.search(r'^%s = "(.*)"' % name, (HERE / "pyproject.toml").read_text(), re.M).group(1)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    stem = "%s-%s" % (_setting("name"), _setting("version"))
    info = stem + ".dist-info/"
    files = {"nnc/" + p.name: p.read_bytes() for p in sorted((HERE / "nnc").glob("*.py"))}
    files[info + "METADATA"] = ("Metadata-Version: 2.1\nName: %s\nVersion: %s\nSummary: %s\nRequires-Python: %s\n"
                                "Requires-Dist: numpy\n" % tuple(map(_setting, ("name", "version", "description",
                                                                               "requires-python")))).encode()
    files[info + "WHEEL"] = b"Wheel-Version: 1.0\nGenerator: nnc\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows = ["%s,sha256=%s,%d" % (name, base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode(),
                                 len(data)) for name, data in files.items()]
    files[info + "RECORD"] = "\n".join(rows + [info + "RECORD,,", ""]).encode()
    wheel = stem + "-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return wheel
