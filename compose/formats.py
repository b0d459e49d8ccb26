"""Findings for other programs: as JSON, as SARIF 2.1.0, and as the commands that GitHub's workflows read.

FORMATS   the name of each format -> its writer, from findings to one text

Source: OASIS, Static Analysis Results Interchange Format 2.1.0; GitHub, Workflow commands for GitHub Actions.
"""

import importlib.metadata
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from compose.diagnostics import CODES, Code, Edit, Finding, Span, to_json

__all__ = ["FORMATS", "as_github", "as_json", "as_sarif"]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"error": "error", "warning": "warning", "hint": "note"}  # SARIF, 3.27.10
COMMANDS = {"error": "error", "warning": "warning", "hint": "notice"}


def as_json(findings: Iterable[Finding]) -> str:
    """The findings as `to_json` gives them."""
    return json.dumps(to_json(findings), indent=1)


def as_sarif(findings: Iterable[Finding]) -> str:
    """A SARIF log of one run: the codes that were found as rules, their pages as help, the edits as fixes."""
    found = list(findings)
    codes = sorted({each.code for each in found})
    driver = {
        "name": "compose",
        "version": importlib.metadata.version("compose-generative"),
        "rules": [_rule(CODES[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, codes) for each in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1)


def as_github(findings: Iterable[Finding]) -> str:
    """A workflow command for each finding, which GitHub shows beside the line."""
    return "\n".join(_command(found) for found in findings)


FORMATS: dict[str, Callable[[Iterable[Finding]], str]] = {"json": as_json, "sarif": as_sarif, "github": as_github}


def _rule(code: Code) -> dict[str, Any]:
    first, _, rest = code.page.strip().partition("\n")
    page = "\n".join(line.strip() for line in f"{first}\n{rest}".splitlines()).strip()
    return {
        "id": code.code,
        "name": "".join(word.capitalize() for word in code.name.rpartition(".")[2].split("_")),
        "shortDescription": {"text": first},
        "help": {"text": page},
        "defaultConfiguration": {"level": LEVELS[code.severity]},
    }


def _result(found: Finding, codes: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": found.code,
        "ruleIndex": codes.index(found.code),
        "level": LEVELS[found.severity],
        "message": {"text": _sentence(found)},
    }
    if found.span is not None:
        result["locations"] = [_location(found.span)]
    if found.notes:
        result["relatedLocations"] = [
            {"id": at, **_location(note.span), "message": {"text": note.message}} for at, note in enumerate(found.notes)
        ]
    if found.fix:
        result["fixes"] = [
            {"description": {"text": found.help}, "artifactChanges": [*map(_change, _by_file(found.fix))]}
        ]
    return result


def _location(span: Span) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(span.file)}, "region": _region(span)}}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _by_file(edits: Sequence[Edit]) -> list[list[Edit]]:
    files = dict.fromkeys(edit.span.file for edit in edits)
    return [[edit for edit in edits if edit.span.file == file] for file in files]


def _change(edits: Sequence[Edit]) -> dict[str, Any]:
    replacements = [{"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.new}} for edit in edits]
    return {"artifactLocation": {"uri": _uri(edits[0].span.file)}, "replacements": replacements}


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _command(found: Finding) -> str:
    place: dict[str, object] = {}
    if found.span is not None:
        place = {"file": found.span.file, "line": found.span.line, "endLine": found.span.end_line}
        if found.span.line == found.span.end_line:  # columns of several lines are refused
            place |= {"col": found.span.column, "endColumn": max(found.span.end_column, found.span.column)}
    place["title"] = f"compose {found.code}"
    properties = ",".join(f"{key}={_escaped(str(value), ',:')}" for key, value in place.items())
    return f"::{COMMANDS[found.severity]} {properties}::{_escaped(_sentence(found))}"


def _escaped(text: str, further: str = "") -> str:
    """Percent-encoded as the runner decodes it: `%` and line ends; in a property `,` and `:` too."""
    for sign in ("%", "\r", "\n", *further):
        text = text.replace(sign, f"%{ord(sign):02X}")
    return text


def _sentence(found: Finding) -> str:
    return f"{found.message}; {found.help}" if found.help else found.message
