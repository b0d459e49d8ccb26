"""Writes `compose/builder/words.pyi`, by which an editor completes the words of `c` and the kinds of blocks.

python -m tests.compose.words_stub
"""

import textwrap

from blocks.registry import BLOCKS
from compose.cli.listing import _registered
from tests.house.sources import ROOT

__all__ = ["STUB", "stub"]

STUB = ROOT / "compose" / "builder" / "words.pyi"
HEAD = '''\
# Written by `python -m tests.compose.words_stub`: the words that operators, forms and metrics declare.
# ruff: noqa: ANN401, N802
# fmt: off
from collections.abc import Mapping
from typing import Any, Literal

from compose.builder.drafts import Draft as _Draft
from compose.builder.parts import Data as _Data
from compose.builder.parts import Optimizer as _Optimizer
from compose.builder.parts import Stage as _Stage
from compose.builder.parts import Term as _Term
from compose.builder.parts import Update as _Update
from compose.builder.values import Value as _Value

Kind = Literal[
{kinds}
]

class Words:
    Data = _Data
    Draft = _Draft
    Optimizer = _Optimizer
    Stage = _Stage
    Term = _Term
    Update = _Update
    Value = _Value
    @staticmethod
    def Block(
        kind: Kind | str, /, *, weights: Mapping[str, Any] | None = None, trainable: bool | None = None,
        like: str | _Value | None = None, **options: Any,
    ) -> _Value:
        """A block, such as `c.Block("flow.realnvp", couplings=4)`; `options` are the kind's own."""
    @staticmethod
    def Word(name: str) -> _Value:
        """Any word, also one that Python keeps for itself."""
    @staticmethod
    def Text(text: str) -> _Value:
        """A text in quotes, where a bare text would be a word."""
    @staticmethod
    def Line(text: str) -> _Value:
        """An expression, written as a spec writes it."""
    def __getattr__(self, name: str) -> _Value: ...
    _: _Value
    """The hole: an argument left open."""
'''


def stub() -> str:
    """The text of the stub."""
    words = {**_registered("operators"), **_registered("metrics")}
    kinds = "\n".join(f'    "{name}",' for name in BLOCKS.names())
    lines = [HEAD.replace("{kinds}", kinds).rstrip("\n")]
    for name, said in sorted(words.items()):
        if name.isidentifier():
            lines += [f"    {name}: _Value", f'    """{textwrap.shorten(said, 110)}"""']
    return "\n".join([*lines, "", "c: Words", ""])


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
