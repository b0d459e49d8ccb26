"""`compose run --seeds --sweep`: a study, its runs one after the other or side by side, and its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compose.cli.columns import aligned
from compose.cli.commands import Settings
from compose.diagnostics import SpecError

if TYPE_CHECKING:
    from compose.spec import Spec
    from runners.study import Member, Row

__all__ = ["Study", "carry_out", "read_seeds", "read_sweeps"]

OPENING, CLOSING = "[{(", "]})"


@dataclass(frozen=True)
class Study:
    """What the command line asks for."""

    spec_file: Path
    settings: Settings
    seeds: Sequence[int]
    sweeps: dict[str, list[str]]
    out: Path | None
    jobs: int
    plugins: Sequence[Path]
    quiet: bool


def read_seeds(text: str) -> list[int]:
    """`0,1,2` as numbers.   Raises SpecError for anything else, and for a seed that is there twice."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise _bad(f"`--seeds {text}` is no list of seeds", "write whole numbers, as in `--seeds 0,1,2`")
    _once(f"--seeds {text}", parts)
    return [int(part) for part in parts]


def read_sweeps(texts: Sequence[str]) -> dict[str, list[str]]:
    """`path=a,b,c` by path; commas within brackets part nothing.   Raises SpecError for what is no sweep."""
    found: dict[str, list[str]] = {}
    for text in texts:
        path, equals, values = text.partition("=")
        path, parts = path.strip(), _parted(values)
        if not (equals and path and all(parts)):
            raise _bad(f"`--sweep {text}` sweeps nothing", "write it as in `--sweep stages.0.optimizer.lr=1e-3,1e-4`")
        if path in found:
            raise _bad(f"`{path}` is swept twice", f"write all its values in one: `--sweep {path}=..,..`")
        _once(f"--sweep {text}", parts)
        found[path] = parts
    return found


def _parted(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character in OPENING) - (character in CLOSING)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _once(option: str, parts: Sequence[str]) -> None:
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        raise _bad(f"`{option}` names {twice} twice", "write each value once")


def _bad(cause: str, way: str) -> SpecError:
    from compose.cli.messages import bad_request

    return SpecError([bad_request(cause, way)])


def carry_out(study: Study) -> int:
    """Check every setting, freeze the specs, run what is not finished, and show the table."""
    from compose.cli.messages import tell
    from compose.spec import load_spec
    from runners.state import RunFailed

    def load(settings: Sequence[str]) -> "Spec":
        return load_spec(study.spec_file, (*study.settings, *settings))

    from runners.study import freeze, members

    seeds = study.seeds or [load(()).run.seed]
    made = members(load, study.out, seeds, study.sweeps)
    if status := _check(study, made):
        return status
    from runners import study as runs

    try:
        freeze(made)
    except RunFailed as failure:
        tell(f"nothing was run: {failure}")
        return 1
    words = [word for path in study.plugins for word in ("--plugin", str(path))]
    quiet = ["--quiet"] * (study.quiet or study.jobs > 1)
    ended = runs.carry_out(made, study.jobs, [*words, *quiet], lambda text: None if study.quiet else tell(text))
    _show(made, runs.rows(made))
    return next((status for status in ended.values() if status > 1), max(ended.values(), default=0))


def _check(study: Study, made: "Sequence[Member]") -> int:
    """Tell what is wrong with the settings, each looked at once; gives the exit status that is due."""
    from compose.cli.messages import complain, count_errors, tell
    from runners.examination import examine

    for member in {tuple(member.settings.items()): member for member in reversed(made)}.values():
        findings = examine(member.spec, to_run=True)[1]
        complain(findings, member.spec.sources)
        if errors := count_errors(findings):
            what = ", ".join(f"{path}={value}" for path, value in member.settings.items()) or study.spec_file
            tell(f"{what}: {errors} error{'s' * (errors > 1)}; nothing was run")
            return 2
    return 0


def _show(made: "Sequence[Member]", table: "Sequence[Row]") -> None:
    """The table on stdout, and where it lies."""
    from runners.study import write_table

    home = made[0].folder.parent.parent if made[0].settings else made[0].folder.parent
    write_table(home / "table.csv", table)
    names = list(dict.fromkeys(name for row in table for name in row.figures))
    lines = [[*table[0].settings, "seeds", *names]]
    for row in table:
        count = max((figure[2] for figure in row.figures.values()), default=0)
        lines.append([*row.settings.values(), str(count), *(_cell(row, name) for name in names)])
    click.echo(aligned(lines))
    click.echo(f"\n{home / 'table.csv'}")


def _cell(row: "Row", name: str) -> str:
    if name not in row.figures:
        return "-"
    mean, deviation, _ = row.figures[name]
    return f"{mean:.5g}" if deviation is None else f"{mean:.5g} +- {deviation:.2g}"
