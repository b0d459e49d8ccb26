"""What a user hands over: blocks from Python, and rows in a file in place of a run's data.

A module is copied where the spec's block is built, a class is built. Neither they nor a loader's data lie in the run
folder: whoever opens the run hands them over again.
"""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from blocks.registry import BLOCKS
from blocks.types import Field
from compose.diagnostics import Finding, Span, SpecError, finding, nearest
from compose.spec import Spec
from runners.catalogue import open_sources
from runners.datasets import Source, open_source

__all__ = ["Rows", "check_handed_over", "data_from_python", "data_of", "handed_data", "handed_fields", "open_rows",
           "register", "with_blocks"]  # fmt: skip

PREFIX = "given"

Rows = Path | Mapping[str, Tensor]
"""Rows in place of a run's data: a `.npy` or `.npz` file, or tensors by field."""


def with_blocks(spec: Spec, blocks: Mapping[str, nn.Module | type[nn.Module]]) -> Spec:
    """The spec whose blocks of these names are the given ones; a class keeps the options that the spec writes."""
    if not blocks:
        return spec
    for name in blocks:
        if name not in spec.blocks:
            near = nearest(name, spec.blocks)
            raise ValueError(f"the spec has no block `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    kinds = register(blocks)
    declared = dict(spec.blocks)
    for name, kind in kinds.items():
        before = declared[name]
        kept = {} if isinstance(blocks[name], nn.Module) else before.options
        declared[name] = before.model_copy(update={"kind": kind, "options": kept}).at(before.place)
    return spec.model_copy(update={"blocks": declared}).at(spec.place)


def register(blocks: Mapping[str, nn.Module | type[nn.Module]]) -> dict[str, str]:
    """The kinds, `given.NAME`, under which the blocks are now registered, by name."""
    for name, block in blocks.items():
        BLOCKS.replace(f"{PREFIX}.{name}", block if isinstance(block, type) else _copies(block))
    return {name: f"{PREFIX}.{name}" for name in blocks}


def _copies(module: nn.Module) -> type[nn.Module]:
    """A class like the module's own whose instances are copies of the module as it is now."""

    class Given(type(module)):
        __doc__ = type(module).__doc__

        def __init__(self) -> None:
            self.__dict__.update(copy.deepcopy(module).__dict__)

    return Given


def check_handed_over(spec: Spec, folder: Path) -> None:
    """Raise SpecError if blocks of the run in `folder` were handed over from Python, and were not handed over again."""
    known = BLOCKS.names()
    absent = [name for name, block in spec.blocks.items() if block.kind == f"{PREFIX}.{name}" not in known]
    if absent:
        raise SpecError([handed_blocks(folder, absent)])


def handed_fields(about: Mapping[str, Any]) -> dict[str, Field] | None:
    """The fields of data that were handed over from Python, as `run.json` records them; None if none were."""
    held = about.get("fields") or {}
    return {name: Field(**{**field, "event": tuple(field["event"])}) for name, field in held.items()} or None


def data_of(
    spec: Spec, about: Mapping[str, Any], rows: Rows | None = None
) -> tuple[Mapping[str, Source], dict[str, Field]]:
    """The sources of a run by name, and the fields of its data; `rows` stand in for them, as the split `train`.

    There are no sources where the data were handed over from Python, and are not again.   Raises SpecError.
    """
    handed = handed_fields(about)
    sources = open_sources(spec) if handed is None else {}
    fields = {
        f"{name}.{key}" if name else key: field
        for name, source in sources.items()
        for key, field in source.contract.fields.items()
    }
    fields |= handed or {}
    return (sources if rows is None else {"": open_rows(rows, fields)}), fields


def open_rows(rows: Rows, fields: Mapping[str, Field]) -> Source:
    """Rows in place of a run's data, of a `.npy` or `.npz` file or by field: their split is `train`.

    Raises SpecError for what cannot be read, or whose fields have other events than `fields`, the run's.
    """
    named = "the data" if isinstance(rows, Mapping) else str(rows)
    if isinstance(rows, Path):
        if not rows.is_file():
            raise SpecError([bad_rows(f"there is no file {rows}", fields)])
        if rows.suffix not in (".npy", ".npz"):
            raise SpecError([bad_rows(f"{rows} is no array: its name ends neither in .npy nor in .npz", fields)])
    try:
        source = open_source("arrays", {"train": str(rows) if isinstance(rows, Path) else rows})
    except ValueError as error:
        raise SpecError([bad_rows(str(error), fields)]) from None
    held = {name: field for name, field in source.contract.fields.items() if name != "index"}
    if not held.keys() & fields.keys():
        raise SpecError([bad_rows(f"{named} holds {', '.join(f'`{name}`' for name in held)}", fields)])
    for name in held.keys() & fields.keys():
        if tuple(held[name].event) != tuple(fields[name].event):
            got, wanted = (_shape(one.event) for one in (held[name], fields[name]))
            raise SpecError([bad_rows(f"a row of `{name}` in {named} is {got}, and in the run {wanted}", fields)])
    return source


def _shape(event: Iterable[int]) -> str:
    return " x ".join(map(str, event)) or "one number"


def _listed(fields: Mapping[str, Field]) -> str:
    return ", ".join(f"`{name}` ({_shape(field.event)})" for name, field in fields.items() if name != "index")


@finding("R120", "error")
def handed_blocks(folder: Path, names: Iterable[str]) -> Finding:
    """A run whose blocks were handed over from Python is opened without them: their code does not lie in the folder.

    Wrong: `compose sample runs/mine/seed-0`, after `compose.run(spec, blocks={"encoder": module})`.
    Right: `compose.load_run("runs/mine/seed-0", blocks={"encoder": module}).sample("default")`, in Python.
    """
    given = ", ".join(f'"{name}": ...' for name in names)
    return Finding(
        message=f"{folder} was trained with blocks from Python: {', '.join(f'`{name}`' for name in names)}",
        help=f'in Python: compose.load_run("{folder}", blocks={{{given}}})',
    )


@finding("R121", "error")
def handed_data(folder: Path, reader: str, call: str, fields: Iterable[str]) -> Finding:
    """Something that reads data is asked of a run whose data were handed over from Python, and lie nowhere.

    Wrong: `compose eval runs/mine/seed-0`, after `compose.run(spec, data=loader)`.
    Right: `compose eval runs/mine/seed-0 --data rows.npz`, a file with the fields of a batch as its arrays.
    """
    names = list(fields)
    given = ", ".join(f'"{name}": ...' for name in names)
    return Finding(
        message=f"{reader} reads {', '.join(f'`{name}`' for name in names)}, and the data of {folder} came from Python",
        help=f'name a file with these arrays, `--data rows.npz`; or in Python: compose.load_run("{folder}")'
        f".{call}={{{given}}})",
    )


@finding("R182", "error")
def data_from_python(span: Span, folder: Path, fields: Mapping[str, Field]) -> Finding:
    """The spec of a run whose data were handed over from Python is given to a command, which does not have them.

    Wrong: `compose run runs/mine/spec.yaml`, after `compose.run(spec, "runs/mine", data=loader)`.
    Right: the same call of `compose.run` again, or `--set data.source=arrays --set data.train=rows.npz`.
    """
    return Finding(
        span=span,
        message=f"the data of this run came from Python, and lie in no file: {_listed(fields)}",
        help=f'go on from Python, compose.run("{folder}/spec.yaml", "{folder}", data=loader); or start another run on '
        "a file with these arrays, `--set data.source=arrays --set data.train=rows.npz`",
    )


@finding("R122", "error")
def bad_rows(cause: str, fields: Mapping[str, Field]) -> Finding:
    """The file given by `--data` cannot be read, or its rows are of another kind than the run's data.

    Wrong: `--data faces.npz`, images of 3 x 64 x 64, for a run on images of 1 x 8 x 8.
    Right: `--data digits.npz`, saved by `numpy.savez("digits.npz", x=images)`.
    """
    wanted = f"arrays of the run's fields: {_listed(fields)}"
    return Finding(message=cause, help=f"`--data` takes a .npy or .npz file with {wanted}")


@finding("L233", "error")
def not_exportable(name: str, kind: str) -> Finding:
    """A run is exported whose samplers call a block of the user's own; an export holds the library's sources only.

    Wrong: `compose export runs/mine/seed-0` over `kind: mine.encoder`.   Right: a run of the library's blocks.
    """
    return Finding(
        message=f"`{name}` is a `{kind}`, which is not of the library: its source is not known to need torch alone",
        help="export a run of the library's blocks; yours draws with `compose sample RUN --plugin FILE`",
    )
