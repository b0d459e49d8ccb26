"""The parts of a spec that have keys: each is a class whose arguments are the keys, as a file would write them.

Where a number may stand, so may an expression of params (`epochs=c.T * 2`); where an expression may stand, so may its
text (`"squared_error(x_hat, x)"`); where a block is named, so may the block's value stand.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from compose.builder.places import Written, here
from compose.builder.values import Given, Value, plain, undeclared
from compose.diagnostics import Span
from compose.positions import Path
from compose.spec.writing import write_yaml

__all__ = ["Block", "Data", "Optimizer", "Part", "Stage", "Term", "Terms", "Update", "flat"]

Number = int | float | Value
Named = str | Value
Terms = Mapping[str, "Given | Term"]
Lines = Mapping[str, Given]
ByBlock = Mapping[Any, Any]


class Part:
    """Keys with values, and where Python wrote them; those that are None are not written.   It prints as the spec."""

    def __init__(self, keys: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> None:
        self._keys = {key: value for key, value in keys.items() if value is not None} | dict(options or {})
        self._span: Span = here()

    def __str__(self) -> str:
        return write_yaml({key: flat(part, (key,), {}) for key, part in self._keys.items()})

    __repr__ = __str__


class Data(Part):
    """A source of data, such as `Data("digits", batch_size=256)`; `compose list data` names them all.

    `options` are the source's own.
    """

    def __init__(self, source: str, /, *, batch_size: Number | None = None, **options: Any) -> None:  # noqa: ANN401
        super().__init__({"source": source, "batch_size": batch_size}, options)


def Block(  # noqa: N802  a part, as `Data` is
    kind: str, /, *, weights: Mapping[str, Any] | None = None, trainable: bool | None = None,
    like: Named | None = None, **options: Any,  # noqa: ANN401  plain data
) -> Value:  # fmt: skip
    """A block, such as `Block("flow.realnvp", couplings=4)`; `compose list blocks` names the kinds.

    Assigned to a line (`prior = draft.blocks.prior = Block(...)`) it may be called. `weights` fill it: a mapping with
    `run` and `block`, or `file`; `trainable=False` keeps it from training; `like` names the value whose shape it makes;
    `options` are the kind's own.
    """
    return undeclared(Part({"kind": kind, "weights": weights, "trainable": trainable, "like": like}, options))


class Term(Part):
    """A term of a loss that takes part in every k-th step only: `Term(gamma * penalty, every=16)`."""

    def __init__(self, value: Given, *, every: Number | None = None) -> None:
        super().__init__({"value": value, "every": every})


class Optimizer(Part):
    """The optimizer of an update: `Optimizer("adam", lr=1e-3, betas=[0.5, 0.9])`; `lr` may follow the clock.

    `blocks` holds what differs for single blocks, `{prior: {"weight_decay": 2e-5}}`; `options` are the optimizer's own.
    """

    def __init__(
        self, kind: str | None = None, /, *, lr: Given | None = None, blocks: ByBlock | None = None,
        **options: Any,  # noqa: ANN401  plain data
    ) -> None:  # fmt: skip
        super().__init__({"kind": kind, "lr": lr, "blocks": blocks}, options)


class Update(Part):
    """One optimizer step of a stage: the terms that it minimizes, the blocks that it trains."""

    def __init__(
        self,
        *,
        name: str | None = None,
        train: Sequence[Named] | None = None,
        minimize: Terms | None = None,
        maximize: Terms | None = None,
        monitor: Lines | None = None,
        optimizer: Optimizer | Mapping[str, Any] | None = None,
        gradients: Mapping[str, Number] | None = None,
        project: ByBlock | None = None,
        ema: ByBlock | None = None,
        every: Number | None = None,
        times: Number | None = None,
        batch: Literal["same", "next"] | None = None,
        write: ByBlock | None = None,
    ) -> None:
        super().__init__({key: value for key, value in locals().items() if key not in ("self", "__class__")})


class Stage(Part):
    """A stretch of training: `epochs` or `steps`, and what an `Update` takes, or several `updates`.

    `copy` fills blocks from others at its start, `fit` fits blocks in closed form, `shared` lists values that the
    updates of a step share, `mode` overrides "train" and "eval" of blocks, `bound` ends it where a term, or a monitored
    value, is beyond that magnitude.
    """

    def __init__(
        self,
        *,
        name: str | None = None,
        epochs: Number | None = None,
        steps: Number | None = None,
        updates: Sequence[Update] | None = None,
        train: Sequence[Named] | None = None,
        minimize: Terms | None = None,
        maximize: Terms | None = None,
        monitor: Lines | None = None,
        optimizer: Optimizer | Mapping[str, Any] | None = None,
        gradients: Mapping[str, Number] | None = None,
        project: ByBlock | None = None,
        ema: ByBlock | None = None,
        every: Number | None = None,
        times: Number | None = None,
        batch: Literal["same", "next"] | None = None,
        write: ByBlock | None = None,
        copy: ByBlock | None = None,
        fit: ByBlock | None = None,
        shared: Sequence[Named] | None = None,
        mode: ByBlock | None = None,
        bound: Mapping[str, Number] | None = None,
    ) -> None:
        super().__init__({key: value for key, value in locals().items() if key not in ("self", "__class__")})


def flat(value: Any, path: Path, written: dict[Path, Written]) -> Any:  # noqa: ANN401  any part of a draft
    """The plain data that a part of a draft says; where Python wrote it goes into `written`, by path."""
    if isinstance(value, Value):
        expression = value._expression
        written[path] = Written(expression.span, expression=expression)
        return plain(value)
    if isinstance(value, Part):
        written[path] = Written(value._span)
        return {key: flat(part, (*path, key), written) for key, part in value._keys.items()}
    if isinstance(value, Mapping):
        return {_key(key): flat(part, (*path, _key(key)), written) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [flat(item, (*path, at), written) for at, item in enumerate(value)]
    return value


def _key(key: str | Value) -> str:
    return str(plain(key)) if isinstance(key, Value) else key
