"""Where a picture comes from: every PNG of a run says in a text chunk which spec, seed, step and source made it.

The chunk is `tEXt`, keyword `compose`, JSON (PNG specification, 11.3.4.3). It names no folder: a run may be moved, and
two runs of one spec and seed draw the same picture.
"""

import json
import struct
import subprocess
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runners.ledger import about_of, folders

__all__ = ["commit", "origin_of", "run_of", "stamp", "stamped"]

KEYWORD = b"compose"
HEAD = 8 + 25  # the signature, and the chunk IHDR, which comes first


def stamp(about: Mapping[str, Any], step: int, shown: str, seed: int | None = None) -> dict[str, Any]:
    """What a picture of a run says: `about` is what `run.json` holds, `shown` the sampler or node, `seed` its own."""
    said = {"name": about.get("name"), "seed": about.get("seed"), "spec_sha256": about.get("spec_sha256")}
    own = {} if seed is None or seed == said["seed"] else {"noise_seed": seed}
    return {**said, **own, "step": step, "shows": shown, "commit": commit()}


def stamped(png: bytes, facts: Mapping[str, Any]) -> bytes:
    """The picture with its origin in it; its pixels are the same."""
    text = KEYWORD + b"\0" + json.dumps(facts).encode("latin-1", "backslashreplace")
    check = struct.pack(">I", zlib.crc32(b"tEXt" + text))
    return png[:HEAD] + struct.pack(">I", len(text)) + b"tEXt" + text + check + png[HEAD:]


def origin_of(png: bytes) -> dict[str, Any] | None:
    """What a picture says of its origin; None if it says nothing, or is no PNG."""
    for kind, data in _chunks(png):
        keyword, _, text = data.partition(b"\0")
        if kind == b"tEXt" and keyword == KEYWORD:
            return json.loads(text)
    return None


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8 if png.startswith(b"\x89PNG\r\n\x1a\n") else len(png)
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if at + 12 + length > len(png):
            return  # it ends in the middle of a chunk
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def run_of(facts: Mapping[str, Any], picture: Path, homes: Path) -> Path | None:
    """The run that made a picture: the folder that it lies in, or the first below `homes`, of this spec and seed."""
    near = [folder for folder in picture.resolve().parents[:3] if (folder / "run.json").is_file()]
    for folder in (*near, *folders(homes)):
        about = about_of(folder)
        if all(about.get(key) == facts.get(key) for key in ("spec_sha256", "seed")):
            return folder
    return None


@cache
def commit() -> str:
    """The commit of this package's sources, with `-dirty` behind it if they were changed; else its version."""
    root = Path(__file__).resolve().parents[1]
    if (root / ".git").exists():
        asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        try:
            return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            return "unknown"
    try:
        return version("compose-generative")
    except PackageNotFoundError:
        return "unknown"
