"""What the command line says: findings on stderr, as the terminal there can show them."""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TextIO

import click

from compose.diagnostics import Finding, Span, finding, render
from compose.suggestions import meant

__all__ = ["MOST", "complain", "count_errors", "in_colour", "tell"]

MOST = 20  # findings of one file that are shown


def complain(findings: Iterable[Finding], sources: Mapping[str, str]) -> None:
    """Show findings on stderr: of each file the first `MOST`, errors before warnings; the others are counted."""
    found = list(findings)
    kept, left = _first(found)
    stream = sys.stderr
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    encoding = getattr(stream, "encoding", None) or "utf-8"  # a stream that a test put there may have none
    shown = render(kept, sources, color=in_colour(stream), width=width, encoding=encoding)
    if shown:
        with suppress(BrokenPipeError):
            click.echo(f"{shown}\n", err=True, color=True)
    for file, count in left.items():
        tell(f"... and {count:,} more in {file}; `compose check {file} --json` lists them all\n")


def _first(findings: Sequence[Finding]) -> tuple[list[Finding], dict[str, int]]:
    """The findings to show, and how many of each file are left out."""
    kept: list[Finding] = []
    seen: Counter[str] = Counter()
    for found in sorted(findings, key=lambda found: (found.severity != "error", found.span is None, found.span)):
        file = found.span.file if found.span is not None else ""
        seen[file] += 1
        if not file or seen[file] <= MOST:
            kept.append(found)
    return kept, {file: count - MOST for file, count in seen.items() if file and count > MOST}


def count_errors(findings: Iterable[Finding]) -> int:
    """How many of the findings are errors."""
    return sum(found.severity == "error" for found in findings)


def tell(text: str) -> None:
    """A line for the reader, on stderr.   One who has gone ends nothing."""
    with suppress(BrokenPipeError):
        click.echo(text, err=True)


def in_colour(stream: TextIO) -> bool:
    """Whether a stream takes colours: not if NO_COLOR is set (no-color.org), else if CLICOLOR_FORCE is
    (bixense.com/clicolors), else if it is a terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@finding("L101", "error")
def no_run(path: str, cause: str, inside: Sequence[str] = (), beside: Iterable[str] = ()) -> Finding:
    """A command is given a folder that is no run.   Runs lie in `runs/NAME/seed-S`, unless `--out` said otherwise.

    Wrong: `compose sample runs/glf`.   Right: `compose sample runs/glf/seed-0`.
    """
    otherwise = f"name a folder that `compose run` made, such as runs/NAME/seed-0, instead of {path}"
    more = f" and {len(inside) - RUNS} more" if len(inside) > RUNS else ""
    found = f"the run{'s' * (len(inside) > 1)} inside: {', '.join(inside[:RUNS])}{more}"
    return Finding(message=cause, help=found if inside else meant(path, beside, otherwise))


RUNS = 5  # that are named


@finding("L102", "error")
def unknown_sampler(name: str, known: Iterable[str]) -> Finding:
    """The run's spec has no sampler of that name.

    Wrong: `compose sample runs/glf/seed-0 defualt`.   Right: `compose sample runs/glf/seed-0 default`.
    """
    names = list(known)
    there = f"its samplers are {', '.join(f'`{each}`' for each in names) or 'none'}"
    return Finding(message=f"there is no sampler `{name}` in this run", help=meant(name, names, there))


def unknown_line(name: str, known: Iterable[str]) -> Finding:
    """The run's spec has no line of that name under `evaluate`: a value that `--only` cannot have."""
    names = list(known)
    there = f"its lines are {', '.join(f'`{each}`' for each in names)}"
    return bad_request(f"there is no line `{name}` in the `evaluate` of this run", meant(name, names, there))


@finding("L103", "error")
def bad_request(cause: str, way: str) -> Finding:
    """A command is given a value that it cannot use.

    Wrong: `compose sample runs/glf/seed-0 --count 0`.   Right: `compose sample runs/glf/seed-0 --count 16`.
    """
    return Finding(message=cause, help=way)


@finding("L104", "error")
def bad_plugin(span: Span | None, file: str, cause: str) -> Finding:
    """A file given by `--plugin` fails while it is executed, or declares what is declared already.

    Wrong: a file with `@block("encoder.mlp")`.   Right: a name of its own, `@block("mine.encoder")`.
    """
    return Finding(
        span=span,
        message=f"the plugin {file} fails: {cause}",
        help="mend the file; it is executed as Python before the spec is read",
    )


@finding("L105", "error")
def unknown_code(code: str, near: str | None) -> Finding:
    """`compose explain` is given neither a file nor the code of a finding.

    Wrong: `compose explain N1`.   Right: `compose explain N101`.
    """
    return Finding(
        message=f"`{code}` is neither a file nor a code",
        help=f"write `compose explain {near}`" if near else "name a spec, or a code such as N101",
    )


@finding("L162", "error")
def unknown_noun(noun: str, nouns: Sequence[str]) -> Finding:
    """`compose list` is asked for a sort of thing that there is none of.   Alone it says what can be listed.

    Wrong: `compose list forms`.   Right: `compose list operators`.
    """
    return Finding(
        message=f"`{noun}` cannot be listed",
        help=meant(noun, nouns, f"there are {', '.join(nouns[:-1])} and {nouns[-1]}"),
    )


@finding("L120", "error")
def unknown_thing(noun: str, name: str, near: str | None) -> Finding:
    """`compose list` is asked for a thing, or a family of things, that there is none of.

    Wrong: `compose list blocks realnpv`.   Right: `compose list blocks flow.realnvp`.
    """
    return Finding(
        message=f"none of the {noun} is called `{name}`, and no family of them",
        help=f"write `compose list {noun} {near}`" if near else f"`compose list {noun}` shows them all",
    )
