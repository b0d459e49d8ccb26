"""`compose check --fix` and `--diff`: the safe fixes of a spec's findings, made in its own file."""

import difflib
import os
import shutil
import tempfile
from pathlib import Path

import click

from compose.cli.commands import Settings
from compose.cli.examining import examined_text
from compose.fixes import settled

__all__ = ["fix", "show_fixes"]

MARK = "\ufeff"  # of UTF-8, which some editors write; it stays


def fix(path: Path, settings: Settings) -> int:
    """Mend the file, at once or not at all, and give the number of edits."""
    before, after, count = _mended(path, settings)
    if after != before:
        _write(path, after)
    return count


def show_fixes(path: Path, settings: Settings) -> None:
    """Print what `fix` would change, as a unified diff; nothing is written."""
    before, after, _ = _mended(path, settings)
    name = path.as_posix().lstrip("/")
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"a/{name}", f"b/{name}")
    for line in lines:
        click.echo(line, nl=not line.endswith("\n"))


def _mended(path: Path, settings: Settings) -> tuple[str, str, int]:
    """The text of the file, the text it should have, and the number of edits between them."""
    try:
        raw = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:  # told when it is checked
        return "", "", 0
    mark = MARK if raw.startswith(MARK) else ""
    after, count = settled(raw.removeprefix(MARK), str(path), lambda text: examined_text(text, str(path), settings)[0])
    return raw, mark + after, count


def _write(path: Path, text: str) -> None:
    """Replace the file by a new one of the same mode, in one step."""
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
        shutil.copymode(target, name)
        Path(name).replace(target)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
