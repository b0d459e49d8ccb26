"""Single typing mistakes: one edit inside a word or a sign of a spec, its comments and numbers left alone.

mutants(texts, count, seed) -> `count` of them, spread evenly over the texts, each of another text than the original
"""

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import ascii_lowercase

from compose.diagnostics import text_lines

__all__ = ["Mutant", "mutants"]

TOKEN = re.compile(
    r"""(?P<comment>(?:^|(?<=\s))\#.*)
    | (?P<number>(?<![A-Za-z_.])\d[\w.]*(?:[+-]\d+)?)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<sign>\*\*|//|[-+*/~=<>.,:()\[\]{}])""",
    re.VERBOSE | re.MULTILINE,
)
SIGNS = "+-*/~=.,:()"


@dataclass(frozen=True)
class Mutant:
    """A text with one mistake.   `start` .. `end`: the place of the edit in the new text, as characters.

    `kind`: what was done; `word`: the word that was meant ("" where a sign was changed); `made`: what stands there.
    """

    file: str
    text: str
    kind: str
    start: int
    end: int
    word: str
    made: str
    key: bool = False

    @property
    def line(self) -> int:
        """The line of the edit, from 1."""
        return self.text.count("\n", 0, self.start) + 1

    @property
    def column(self) -> int:
        """The column of the edit, from 1."""
        return self.start - (self.text.rfind("\n", 0, self.start) + 1) + 1

    @property
    def shown(self) -> str:
        """The line that it is on."""
        return text_lines(self.text)[self.line - 1]


def mutants(texts: Mapping[str, str], count: int, seed: int) -> Iterator[Mutant]:
    """`count` mutants; the same ones for the same texts and seed."""
    draw = random.Random(seed)
    files = sorted(texts)
    seen: set[tuple[str, str]] = set()
    made = 0
    while made < count:
        file = files[made % len(files)]
        mutant = _mutant(file, texts[file], draw)
        if mutant is not None and (file, mutant.text) not in seen:
            seen.add((file, mutant.text))
            made += 1
            yield mutant


def _mutant(file: str, text: str, draw: random.Random) -> Mutant | None:
    tokens = [found for found in TOKEN.finditer(text) if found.lastgroup in ("word", "sign")]
    words = [found for found in tokens if found.lastgroup == "word"]
    chosen = draw.choice(words if draw.random() < 0.75 else tokens)
    kind, edit = draw.choice(EDITS[chosen.lastgroup or ""])
    old = chosen.group()
    at, length, new = edit(old, draw)
    made = old[:at] + new + old[at + length :]
    if made == old:
        return None
    start = chosen.start() + at
    whole = text[: chosen.start()] + made + text[chosen.end() :]
    is_word = chosen.lastgroup == "word"
    key = is_word and text[chosen.end() : chosen.end() + 1] == ":"
    return Mutant(file, whole, kind, start, start + len(new), old if is_word else "", made, key)


def _delete(old: str, draw: random.Random) -> tuple[int, int, str]:
    return draw.randrange(len(old)), 1, ""


def _insert(old: str, draw: random.Random) -> tuple[int, int, str]:
    return draw.randrange(len(old) + 1), 0, draw.choice(ascii_lowercase)


def _replace(old: str, draw: random.Random) -> tuple[int, int, str]:
    return draw.randrange(len(old)), 1, draw.choice(ascii_lowercase)


def _swap(old: str, draw: random.Random) -> tuple[int, int, str]:
    at = draw.randrange(max(len(old) - 1, 1))
    return at, 2, old[at : at + 2][::-1]


def _case(old: str, draw: random.Random) -> tuple[int, int, str]:
    whole = draw.random() < 0.3
    return (0, len(old), old.swapcase()) if whole else (0, 1, old[:1].swapcase())


def _plural(old: str, draw: random.Random) -> tuple[int, int, str]:
    return (len(old) - 1, 1, "") if old.endswith("s") and len(old) > 1 else (len(old), 0, "s")


def _drop(old: str, draw: random.Random) -> tuple[int, int, str]:
    return 0, len(old), ""


def _double(old: str, draw: random.Random) -> tuple[int, int, str]:
    return len(old), 0, old


def _other(old: str, draw: random.Random) -> tuple[int, int, str]:
    return 0, len(old), draw.choice(SIGNS)


EDITS = {
    "word": (
        ("delete", _delete), ("insert", _insert), ("replace", _replace), ("swap", _swap), ("case", _case),
        ("plural", _plural),
    ),
    "sign": (("drop sign", _drop), ("double sign", _double), ("other sign", _other)),
}  # fmt: skip
