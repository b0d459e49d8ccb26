"""What the checker says about a mutant, and whether that helps.

traceback    an exception that is no finding
silent       no finding at all, or none of an error: the mutant is a spec too (a new name for a term, say)
placed       some finding underlines the edit, at its place or in a note
named        the first suggestion of the first finding at the edit is the word that was meant, to be typed so
"""

import re
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.mutations.typos import Mutant
from compose.catalogue import Catalogue
from compose.checks import check
from compose.diagnostics import Finding, Span, SpecError
from compose.spec import Spec, parse_spec
from runners.catalogue import catalogue_of
from runners.evaluate import check_evaluations

__all__ = ["LIBRARY", "Verdict", "judge", "library", "say"]

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
QUOTED = re.compile(r"`([^`]*)`")
WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Verdict:
    """A mutant, its findings, and what they are worth.   `named` is None where no word was misspelt."""

    mutant: Mutant
    findings: tuple[Finding, ...] = ()
    fault: str = ""
    placed: bool = False
    named: bool | None = None
    errors: int = field(default=0)

    @property
    def silent(self) -> bool:
        """Whether nothing at all was said."""
        return not self.fault and not self.findings


def library() -> dict[str, str]:
    """The text of every spec of the library, by its path."""
    return {str(path): path.read_text(encoding="utf-8") for path in sorted(LIBRARY.rglob("*.yaml"))}


def judge(mutant: Mutant) -> Verdict:
    """Check a mutant and weigh what is said."""
    try:
        before = {(each.code, each.message) for each in _before(mutant.file)}
        found = tuple(each for each in say(mutant.text, mutant.file) if (each.code, each.message) not in before)
    except Exception:
        return Verdict(mutant, fault=traceback.format_exc())
    at = [each for each in found if any(_touches(span, mutant) for span in _places(each))]
    return Verdict(
        mutant, found, "", bool(at), _named(mutant, at or found), sum(each.severity == "error" for each in found)
    )


def say(text: str, file: str) -> tuple[Finding, ...]:
    """Everything that is found wrong with a text, in order."""
    try:
        spec = parse_spec(text, file)
        composition, found = check(spec, _catalogue(spec))
        return tuple(SpecError([*found, *check_evaluations(composition)]).findings)
    except SpecError as error:
        return error.findings


def _named(mutant: Mutant, found: Iterable[Finding]) -> bool | None:
    if not WORD.fullmatch(mutant.word) or not WORD.fullmatch(mutant.made):  # no word any more: nothing is misspelt
        return None
    first = next(iter(found), None)
    if first is None:
        return None
    return any(mutant.word in WORD.findall(text) for text in QUOTED.findall(first.help)[:1])


def _places(found: Finding) -> list[Span]:
    return [*([found.span] if found.span else []), *(note.span for note in found.notes)]


def _touches(span: Span, mutant: Mutant) -> bool:
    """Whether a span covers the edit, or ends or begins at it."""
    if span.file != mutant.file:
        return False
    first, last = (mutant.line, mutant.column), (mutant.line, mutant.column + mutant.end - mutant.start)
    return (span.line, span.column) <= last and first <= (span.end_line, span.end_column)


@cache
def _before(file: str) -> tuple[Finding, ...]:
    """What is found without the mistake."""
    return say(Path(file).read_text(encoding="utf-8"), file)


_CONTRACTS: dict = {}


def _catalogue(spec: Spec) -> Catalogue:
    """The catalogue of a spec, with contracts read once for each source and options."""
    own = catalogue_of(spec)

    def fields_of(source: str, options: Mapping[str, object]):
        key = (source, repr(sorted(options.items())), repr(sorted(spec.values.items())))
        if key not in _CONTRACTS:
            _CONTRACTS[key] = own.fields_of(source, options)
        return _CONTRACTS[key]

    return Catalogue(fields_of, own.metrics, own.optimizers)
