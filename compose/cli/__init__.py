"""The command line: arguments become calls of `compose` and `runners`, which are imported on use only.

Exit status: 0 success, 1 the run failed, 2 the spec or the command line is wrong, 129, 130 and
143 stopped by a signal (SIGHUP, SIGINT, SIGTERM), 75 by that of `run.preemption`.
"""

import sys
import tempfile
from collections.abc import Sequence

import click

from compose.cli.checking import check
from compose.cli.commands import Commands
from compose.cli.comparing import diff
from compose.cli.completing import completion
from compose.cli.creating import new, schema
from compose.cli.drawing import sample
from compose.cli.explaining import explain
from compose.cli.exporting import export
from compose.cli.listing import listing, version
from compose.cli.measuring import evaluate
from compose.cli.probing import probe
from compose.cli.replaying import replay
from compose.cli.running import run
from compose.cli.runs import runs
from compose.cli.showing import show
from compose.cli.stopping import let_go_of_streams, unwinding
from compose.cli.tracing import whence
from compose.diagnostics import SpecError

__all__ = ["main"]

NOWHERE = """\
PyTorch keeps temporary files, and no folder takes them: not that of TMPDIR, /tmp, /var/tmp nor this one.
Free some space there, or name a folder:  TMPDIR=/path/to/folder compose ..."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def commands() -> None:
    """\b
    compose run specs/tutorial/glf_digits.yaml                       train, or go on
    compose run specs/tutorial/glf_digits.yaml --set stages.0.epochs=20
    compose check specs/                                             prove, run nothing
    compose explain specs/tutorial/glf_digits.yaml --code            what it means
    compose sample runs/glf_digits/seed-0 interpolation              draw from a run
    compose list blocks                                              what a spec may name

    Compositions of deep generative models: write the equation, everything else is derived.
    """


for command in (
    new, run, check, explain, show, diff, sample, evaluate, probe, replay, export, runs, whence, listing, schema,
    completion, version,
):  # fmt: skip
    commands.add_command(command)


@unwinding()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on `arguments` (the process' own by default) and give the exit status."""
    from compose.cli.messages import complain

    try:
        return (
            commands.main(
                args=None if arguments is None else list(arguments), prog_name="compose", standalone_mode=False
            )
            or 0
        )
    except click.ClickException as error:
        error.show(sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt):  # click makes the one of the other, where it stands
        click.echo("stopped", err=True)
        return 130
    except SpecError as error:
        complain(error.findings, error.sources)
        return error.status
    except FileNotFoundError:
        if _has_room():
            raise
        click.echo(NOWHERE, err=True)
        return 1
    finally:
        let_go_of_streams()


def _has_room() -> bool:
    """Whether some folder takes temporary files, which PyTorch asks for when it is imported."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        return False
    return True
