"""Plugins: the user's own Python files, executed before a spec is read.   Only a command line can name one."""

import runpy
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from compose.cli.messages import bad_plugin
from compose.diagnostics import Span, SpecError

__all__ = ["load_plugins"]


def load_plugins(paths: Iterable[Path]) -> None:
    """Execute each file, as a module named after it.   Raises SpecError, at the line that failed."""
    for path in paths:
        try:
            runpy.run_path(str(path), run_name=path.stem)
        except SystemExit as stop:
            raise SpecError([bad_plugin(None, str(path), f"it ends the process ({stop.code})")]) from None
        except SyntaxError as error:
            raise SpecError([bad_plugin(_line(path, error.lineno), str(path), error.msg)], _text(path)) from None
        except (
            ArithmeticError,
            AttributeError,
            ImportError,
            LookupError,
            NameError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            frames = [frame for frame in traceback.extract_tb(sys.exc_info()[2]) if frame.filename == str(path)]
            place = _line(path, frames[-1].lineno if frames else None)
            raise SpecError([bad_plugin(place, str(path), f"{type(error).__name__}: {error}")], _text(path)) from error


def _line(path: Path, line: int | None) -> Span | None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if line is None or not 1 <= line <= len(lines):
        return None
    start = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    return Span(str(path), line, start + 1, line, len(lines[line - 1]) + 1)


def _text(path: Path) -> dict[str, str]:
    return {str(path): path.read_text(encoding="utf-8", errors="replace")}
