"""The verdicts on many mutants as numbers, and the ones that failed as lines."""

import platform
import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.mutations.judging import Verdict
from benchmarks.mutations.silence import harmless

__all__ = ["Report", "commit", "markdown"]

HEAD = """| mutants | seed | exceptions | underlined | first suggestion right | told as one | silent | of them harmful |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


@dataclass(frozen=True)
class Report:
    """Verdicts, and the shares that are asked of them."""

    verdicts: Sequence[Verdict]

    @property
    def faults(self) -> list[Verdict]:
        """Mutants on which an exception escaped."""
        return [each for each in self.verdicts if each.fault]

    @property
    def silent(self) -> list[Verdict]:
        """Mutants of which nothing is said."""
        return [each for each in self.verdicts if each.silent]

    @property
    def harmful(self) -> list[Verdict]:
        """Silent mutants that mean something else than what was written."""
        return [each for each in self.silent if not harmless(each.mutant)]

    @property
    def said(self) -> list[Verdict]:
        """Mutants of which something is said."""
        return [each for each in self.verdicts if not each.silent and not each.fault]

    @property
    def misspelt(self) -> list[Verdict]:
        """Those in which a word became another word."""
        return [each for each in self.said if each.named is not None]

    @property
    def placed(self) -> float:
        """The share of what is said that underlines the edit."""
        return _share(each.placed for each in self.said)

    @property
    def named(self) -> float:
        """The share of misspelt words for which the first suggestion at the edit is the word that was meant."""
        return _share(bool(each.named) for each in self.misspelt)

    @property
    def once(self) -> float:
        """The share of what is said that is one finding."""
        return _share(len(each.findings) == 1 for each in self.said)

    def __str__(self) -> str:
        lines = [
            f"{len(self.verdicts)} mutants, {len(self.said)} found wrong, {len(self.silent)} silent, "
            f"{len(self.faults)} exceptions",
            f"  {self.placed:6.1%}  the edit is underlined            (of {len(self.said)})",
            f"  {self.named:6.1%}  the first suggestion is right      (of {len(self.misspelt)} misspelt words)",
            f"  {self.once:6.1%}  told as one finding               (of {len(self.said)})",
            "",
            f"{'kind':<12} {'mutants':>8} {'silent':>7} {'placed':>7} {'named':>7}",
        ]
        for kind, count in sorted(Counter(each.mutant.kind for each in self.verdicts).items()):
            part = Report([each for each in self.verdicts if each.mutant.kind == kind])
            named = f"{part.named:7.1%}" if part.misspelt else f"{'-':>7}"
            lines.append(f"{kind:<12} {count:>8} {len(part.silent):>7} {part.placed:>7.1%} {named}")
        lines += ["", "an exception:", *map(_line, self.faults)]
        lines += ["", "not underlined:", *(_line(each) for each in self.said if not each.placed)]
        lines += ["", "not named:", *(_line(each) for each in self.misspelt if not each.named)]
        lines += ["", "silent and harmful:", *map(_line, self.harmful)]
        lines += ["", "silent:", *map(_line, self.silent)]
        return "\n".join(lines)


def markdown(reports: dict[int, Report], command: str, commit: str) -> str:
    """Reports by their seeds as one page: the figures, then what is silent, by the reason why it does no harm."""
    made = f"Made by `{command}` on {platform.system()} {platform.machine()}, at commit {commit}."
    rows = [
        f"| {len(each.verdicts)} | {seed} | {len(each.faults)} | {each.placed:.1%} | {each.named:.1%} "
        f"| {each.once:.1%} | {len(each.silent)} | {len(each.harmful)} |"
        for seed, each in reports.items()
    ]
    every = [verdict for report in reports.values() for verdict in report.verdicts]
    silent = Report(every).silent
    reasons = Counter(harmless(each.mutant) for each in silent)
    parts = ["# Typing mistakes", made, "\n".join([HEAD, *rows]), "## What is silent"]
    parts += [
        "A mistake of which nothing is said makes another spec. Each is listed with the reason why it does no harm."
    ]
    for reason, count in sorted(reasons.items(), key=lambda held: (held[0] != "", -held[1])):
        listed = [_entry(each) for each in silent if harmless(each.mutant) == reason]
        parts += [f"### {reason or 'HARMFUL: another meaning'} ({count})", "\n".join(listed)]
    return "\n\n".join(parts) + "\n"


def _entry(verdict: Verdict) -> str:
    mutant = verdict.mutant
    meant = mutant.word or mutant.kind
    return f"- {'/'.join(mutant.file.split('/')[-2:])}:{mutant.line} `{meant}`: `{mutant.shown.strip()[:80]}`"


def commit() -> str:
    """The commit that is checked out, shortened."""
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def _share(passed: Iterable[bool]) -> float:
    values = list(passed)
    return sum(values) / len(values) if values else 1.0


def _line(verdict: Verdict) -> str:
    mutant = verdict.mutant
    file = "/".join(mutant.file.split("/")[-2:])
    said = "".join(f"\n        {each.code} {each.message} -- {each.help}" for each in verdict.findings[:2])
    return f"  {file}:{mutant.line}:{mutant.column} {mutant.kind}: {mutant.shown.strip()[:90]}{said}{verdict.fault}"
