"""The catalogue: the contracts of data sets, metrics and optimizers, as the checker wants them."""

from collections.abc import Iterator, Mapping
from typing import Any

from blocks.registry import UnknownName
from blocks.types import Field, SourceContract
from compose.catalogue import Catalogue
from compose.diagnostics import Finding, Span, finding
from compose.spec import DataSource, Spec
from runners import optimizers
from runners.datasets import BadOption, Source, contract, open_source
from runners.metrics import METRICS

__all__ = ["catalogue_of", "check_sources", "data_fails", "open_sources"]


def catalogue_of(spec: Spec, fields: Mapping[str, Field] | None = None) -> Catalogue:
    """What a check of `spec` may rely on.   `fields`: those of the user's own data, which no source declares."""

    def fields_of(source: str, options: Mapping[str, Any]) -> SourceContract:
        if fields is not None:
            return SourceContract(dict(fields))
        return contract(source, _resolved(options, spec))

    known = {name: tuple(optimizers.contract(name)) for name in optimizers.OPTIMIZERS.names()}
    return Catalogue(fields_of, frozenset(METRICS.names()), known)


def open_sources(spec: Spec) -> dict[str, Source]:
    """The sources of a checked spec by name ("" if there is one).   Nothing is loaded yet."""
    return {name: _opened(source, spec) for name, source in spec.data.items()}


def check_sources(spec: Spec, *, needed: bool = False) -> Iterator[Finding]:
    """Sources whose files are not there (a warning, an error if `needed`), or whose rows fill no batch.

    Nothing is loaded.
    """
    for name, declared in spec.data.items():
        try:
            source = _opened(declared, spec)
        except (UnknownName, ValueError):  # the checker tells that
            continue
        if source.missing is not None:
            yield _absent(name, declared, source.missing, needed)
        else:
            yield from _too_few(spec, name, source)


def _absent(name: str, declared: DataSource, missing: BadOption, needed: bool) -> Finding:
    path = f"data.{name}.{missing.option}" if name else f"data.{missing.option}"
    span = declared.span(missing.option if missing.option in declared.options else "source")
    return (files_missing if needed else files_not_found)(span, str(missing), path)


def _too_few(spec: Spec, name: str, source: Source) -> Iterator[Finding]:
    first = next(iter(spec.data.values()))  # whose batch size is that of all
    rows = source.contract.splits.get("train")
    if rows is not None and rows < first.batch_size:
        place = first.span("batch_size" if "batch_size" in first.model_fields_set else "source")
        of = f" of `{name}`" if name else ""
        cause = f"`batch_size` is {first.batch_size}, and the training split{of} has {rows} rows"
        yield data_fails(place, cause, f"write a `batch_size` of at most {rows}")


def _opened(source: DataSource, spec: Spec) -> Source:
    return open_source(source.source, _resolved(source.options, spec))


def _resolved(options: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """Options in which the name of a param stands for its value."""
    return {name: spec.values.get(value, value) if isinstance(value, str) else value for name, value in options.items()}


@finding("R101", "error")
def data_fails(span: Span, cause: str, way: str = "change `data`, or put its files in their place") -> Finding:
    """The data cannot be loaded, or do not fill one batch.

    Wrong: `data: {source: digits, batch_size: 2000}`, which has 1437 rows.   Right: `batch_size: 256`.
    """
    return Finding(span=span, message=f"no batch can be made of the data: {cause}", help=way)


@finding("R140", "warning")
def files_not_found(span: Span, cause: str, path: str) -> Finding:
    """The files of the data are not there.   The spec is checked against what its source would give.

    Wrong: `data: {source: idx, root: data}`, with no such folder.   Right: `root:` is the folder of the four files.
    """
    return Finding(
        span=span,
        message=f"the data are not here: {cause}",
        help=f"the spec was checked as if they were; before it is run, put them there or `--set {path}=FOLDER`",
    )


@finding("R141", "error")
def files_missing(span: Span, cause: str, path: str) -> Finding:
    """A spec is to be run, and the files of its data are not there.   Nothing is ever downloaded.

    Wrong: `compose run specs/thesis/glf_mnist.yaml`, with no folder `data`.
    Right: `compose run specs/thesis/glf_mnist.yaml --set data.root=FOLDER`, the folder of the four files.
    """
    return Finding(
        span=span, message=f"the data are not here: {cause}", help=f"put them there, or `--set {path}=FOLDER`"
    )
