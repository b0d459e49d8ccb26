"""A process that checks specs under the eyes of an audit hook, and tells what each check did beside checking.

    python -m tests.hostile.watching HARMLESS      names of files, one a line, on stdin; JSON, one a line, on stdout

The harmless spec is checked first, so that what any spec needs is imported already.
"""

import contextlib
import faulthandler
import importlib
import io
import json
import os
import pkgutil
import resource
import subprocess
import sys
import time
import traceback
from pathlib import Path

import blocks
import runners

ROOT = Path(__file__).resolve().parents[2]
HARM = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.", "pty.", "socket.",
    "urllib.", "http.", "ftplib.", "smtplib.", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link",
    "os.symlink", "os.chmod", "os.chown", "os.truncate", "os.putenv", "os.kill", "shutil.", "tempfile.", "ctypes.",
    "pickle.find_class", "marshal.load", "exec", "import", "webbrowser.",
)  # fmt: skip
ANNOTATIONS = {"Tensor", "List", "Optional", "Union", "int", "float", "bool", "str", "number", "complex", "Device"}
PATIENCE = 120


class Watched:
    """Starts the process; `check(path)` gives what it told of one file."""

    def __init__(self, harmless):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        command, pipe = [sys.executable, "-m", "tests.hostile.watching", str(harmless)], subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)

    def check(self, path):
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)


def checked(path):
    """Exit status (None: an exception got out), what was said, and the seconds of processor time it took."""
    from compose.cli import main

    said, start = io.StringIO(), time.process_time()
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            status = main(["check", path])
        except BaseException:
            status = None
            traceback.print_exc(file=said)
    faulthandler.cancel_dump_traceback_later()
    return {"status": status, "said": said.getvalue(), "seconds": time.process_time() - start}


def is_harm(event, arguments):
    if event == "open":
        return isinstance(arguments[2], int) and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    if event == "import":
        return arguments[0] not in sys.modules
    if event == "exec":
        return not is_annotation(arguments[0])
    return event.startswith(HARM)


def is_annotation(code):
    """PyTorch evaluates the types in its operators' signatures, `Tensor` or `List[int]`, when it first meets them."""
    return code.co_filename == "<string>" and not any(code.co_consts) and set(code.co_names) <= ANNOTATIONS


def watch(harmless):
    for package in (blocks, runners):  # every kind that a spec may name lies in one of these
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    checked(f"{harmless}.missing")  # the wording of click's own complaints
    assert checked(harmless)["status"] == 0, checked(harmless)["said"]
    seen, watching = [], False

    def hook(event, arguments):
        if watching and is_harm(event, arguments):
            seen.append(f"{event} {arguments!r}"[:300])

    sys.addaudithook(hook)
    for line in sys.stdin:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        watching = True
        told = checked(line.rstrip("\n"))
        watching = False
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps({**told, "harm": seen, "megabytes": grown / 1024}), flush=True)
        seen.clear()


if __name__ == "__main__":
    watch(sys.argv[1])
