"""A disk that refuses: an audit hook that fails the n-th change of a file within a folder, and those after it."""

import contextlib
import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate"}


class Disk:
    """Counts the changes within `folder` while it is on; refuses the n-th, and if it lasts, all that follow."""

    def __init__(self):
        self.folder, self.count, self.at, self.number, self.lasts = None, 0, None, 0, False

    def change(self, path):
        if self.folder is None or not str(path).startswith(self.folder):
            return
        self.count += 1
        if self.at is not None and (self.count == self.at or (self.lasts and self.count > self.at)):
            raise OSError(self.number, os.strerror(self.number), str(path))

    def heard(self, event, arguments):
        """The hook: what opens a file to write, makes, renames and removes."""
        if event == "open":
            if isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
                self.change(arguments[0])
        elif event in CHANGES:
            self.change(arguments[0])


DISK = Disk()
HEARD = []  # hooks cannot be taken away, so there is one


@contextmanager
def refusing(folder, at=None, number=errno.ENOSPC, lasts=True):
    """Within, the disk refuses from the `at`-th change on; gives the counter."""
    if not HEARD:
        sys.addaudithook(DISK.heard)
        HEARD.append(DISK)
    DISK.folder, DISK.count, DISK.at, DISK.number, DISK.lasts = str(folder), 0, at, number, lasts
    pwrite, fsync = os.pwrite, os.fsync

    def written(handle, data, place):
        DISK.change(named(handle))
        return pwrite(handle, data, place)

    def forced(handle):
        DISK.change(named(handle))
        fsync(handle)

    os.pwrite, os.fsync = written, forced
    try:
        yield DISK
    finally:
        DISK.folder, os.pwrite, os.fsync = None, pwrite, fsync


def named(handle):
    """The path of an open file."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/self/fd/{handle}").readlink())
    return ""
