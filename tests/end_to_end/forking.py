"""Real processes without the price of imports: a parent that has everything imported forks the command line anew.

    python -m tests.end_to_end.forking      orders, one JSON object a line, on stdin; answers on stdout

An order: {"arguments": ["run", ...], "stops": [[seconds, signal], ...], "at": [n, ...], "signal": s, "within": folder,
"reading": file, "file_size": bytes, "processes": n}. `stops` are sent by the clock; `signal` strikes the child itself,
just before each n-th time that it changes a file in the folder, or when it opens the file `reading`. Of `processes` the
child is the first, and forks the others, as torchrun would have started them. An answer: {"status": exit status, or
minus the signal that ended it, "said": stderr}.
"""

import itertools
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


class Forker:
    """The parent, started on entry and asked by `run`."""

    def __enter__(self):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.end_to_end.forking"]
        pipe = subprocess.PIPE
        self._parent = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        return self

    def __exit__(self, *_):
        self._parent.stdin.close()
        self._parent.wait(timeout=60)
        self._parent.stdout.close()

    def run(self, *arguments, **how):
        """Run `compose ARGUMENTS`; its exit status, negative for a signal, and what it said on stderr."""
        order = {"arguments": [str(argument) for argument in arguments], **how}
        self._parent.stdin.write(json.dumps(order, default=str) + "\n")
        self._parent.stdin.flush()
        answer = json.loads(self._parent.stdout.readline())
        return answer["status"], answer["said"]


def strike(number, at, within):
    """Send this process a signal before each `at`-th change of a file within a folder."""
    count = itertools.count(1)

    def hook(event, arguments):
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        changes = event in CHANGES and not str(arguments[0]).startswith("/")  # below an open folder that is removed
        changes = changes or ((writes or event in CHANGES) and str(arguments[0]).startswith(within))
        if changes and next(count) in at:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def strike_a_reader(number, path):
    """Send this process a signal when it opens a file to read."""

    def hook(event, arguments):
        if event == "open" and str(arguments[0]) == path:
            os.kill(os.getpid(), number)

    sys.addaudithook(hook)


def forked(count):
    """Fork the others of so many processes, which go on from here, and whose words go into its pipe."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update(world, TORCHELASTIC_RUN_ID="forked", RANK="0", LOCAL_RANK="0", GROUP_RANK="0")
    for rank in range(1, count):
        if os.fork() == 0:
            os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
            return


def child(order):
    from compose.cli import main

    if "processes" in order:
        forked(order["processes"])

    if "file_size" in order:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size"], order["file_size"]))
    if "reading" in order:
        strike_a_reader(order["signal"], order["reading"])
    if "at" in order:
        strike(order.get("signal", signal.SIGKILL), order["at"], order["within"])
    try:
        status = main(order["arguments"])
    except SystemExit as stop:
        status = stop.code
    return status


def answered(order):
    reading, writing = os.pipe()
    waiting, ready = os.pipe()
    with os.fdopen(reading) as said:
        process = os.fork()
        if process == 0:
            status = 99
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(writing, 2)
                os.write(ready, b"!")  # from here on its clock runs, however busy the machine
                status = child(order)
            finally:
                sys.stderr.flush()
                os._exit(status)
        os.close(writing)
        os.close(ready)
        os.read(waiting, 1)
        os.close(waiting)
        start = time.monotonic()
        for after, number in sorted(order.get("stops", [])):
            time.sleep(max(0.0, start + after - time.monotonic()))
            os.kill(process, number)  # a child that has ended waits as a zombie until it is asked for
        text = said.read()  # until the child has ended, and the others that it forked
        _, ended = os.waitpid(process, 0)
        return {"status": os.waitstatus_to_exitcode(ended), "said": text}


def warm():
    """Import what a run imports, without starting a thread."""
    import matplotlib.figure
    import sklearn.datasets
    import tensorboard.summary.writer.record_writer
    from tensorboard.compat.proto import event_pb2, summary_pb2

    import compose.picture
    import runners.launch

    return matplotlib, sklearn, tensorboard, event_pb2, summary_pb2, compose, runners


if __name__ == "__main__":
    warm()
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)
