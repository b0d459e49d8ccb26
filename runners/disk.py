"""What a disk says when it refuses, with the figures that a user needs: path, bytes needed, bytes free."""

import errno
import os
from pathlib import Path

__all__ = ["refusal"]

FULL = {errno.ENOSPC, errno.EDQUOT}


def refusal(problem: OSError, path: Path, needed: int) -> OSError:
    """The refusal to write `needed` bytes to `path`, which a failing write does not tell by itself."""
    said = problem.strerror or str(problem)
    if problem.errno in FULL:
        said += f" ({needed:,} bytes are needed, {_free(path.parent):,} are free)"
    return OSError(problem.errno, said, str(path))


def _free(folder: Path) -> int:
    """What this user may still write to the disk of a folder, in bytes, whether or not that could be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
