"""Files that only grow, and outlive a full disk: what it refuses waits, and is written with what comes next."""

import os
from collections.abc import Callable
from pathlib import Path

from runners.disk import refusal

__all__ = ["GrowingFile"]


class GrowingFile:
    """A file to append to, made with its first bytes.   `report` is told when the disk begins to refuse them.

    Bytes are written at their place, so that a write which a signal or the disk cut short is only done again.
    """

    def __init__(self, path: Path, report: Callable[[str], None]) -> None:
        self.path, self._report = path, report
        self._handle: int | None = None
        self._end = 0
        self._waiting = b""
        self._refused = False

    def write(self, data: bytes) -> None:
        """Append; never fails, see above."""
        self._waiting += data
        try:
            self._write_out()
        except OSError as problem:
            if not self._refused:
                self._report(f"{self._told(problem)}; it is kept and tried again")
            self._refused = True

    def sync(self) -> None:
        """Force all of it to the disk.   Raises OSError, with the path, if the disk refuses."""
        try:
            self._write_out()
            if self._handle is not None:
                os.fsync(self._handle)
        except OSError as problem:
            raise refusal(problem, self.path, len(self._waiting)) from None

    def close(self) -> None:
        """Write what waits, and close; what the disk refuses now is lost, and told."""
        try:
            self._write_out()
        except OSError as problem:
            self._report(f"{self._told(problem)}; its last {len(self._waiting)} bytes are lost")
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _write_out(self) -> None:
        if self._waiting and self._handle is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644)
            self._end = os.fstat(self._handle).st_size
        while self._waiting and self._handle is not None:
            count = os.pwrite(self._handle, self._waiting, self._end)
            self._end += count
            self._waiting = self._waiting[count:]
        self._refused = False

    def _told(self, problem: OSError) -> str:
        return f"could not write {self.path}: {refusal(problem, self.path, len(self._waiting)).strerror}"
