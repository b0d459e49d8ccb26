"""Findings of a file or a text, whether it can be read or not, and the texts that they stand in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from compose.cli.commands import Settings
from compose.diagnostics import Finding, SpecError
from compose.fixes import foreseen

__all__ = ["examined", "examined_text"]

Examined = tuple[Sequence[Finding], Mapping[str, str]]


def examined(path: Path, settings: Settings, *, to_run: bool = False) -> Examined:
    """The findings of one file; those that hinder a run too if it is `to_run`.

    What a slip hides that can be mended (a line that is no YAML hides the rest) is told too, if it can be mended.
    """
    from compose.positions import read_text

    try:
        text = read_text(path)
    except SpecError as error:
        return list(error.findings), error.sources
    found, sources = examined_text(text, str(path), settings, to_run=to_run)
    later = foreseen(text, str(path), found, lambda text: examined_text(text, str(path), settings, to_run=to_run)[0])
    return [*found, *later], sources


def examined_text(text: str, file: str, settings: Settings, *, to_run: bool = False) -> Examined:
    """The findings of a text that stands for `file`."""
    from compose.spec import parse_spec

    try:
        spec = parse_spec(text, file, settings)
        from runners.examination import examine

        return examine(spec, to_run=to_run)[1], spec.sources
    except SpecError as error:
        return list(error.findings), error.sources
