"""Checkpoints: a folder a checkpoint, of safetensors files and a manifest that vouches for them.

A checkpoint is written beside under another name, its manifest last, each file forced to the disk, and renamed: it is
there whole or not at all. Removing one begins with its manifest, without which a folder is no checkpoint. Reading
verifies the size and SHA-256 of every file.
"""

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from runners.disk import refusal
from runners.state import RunFailed

__all__ = ["FRESH", "Checkpoint", "Damaged", "Newer", "checkpoint_paths", "read_checkpoint", "read_latest", "step_of",
           "tidy", "write_atomically", "write_checkpoint"]  # fmt: skip

FORMAT = 2
"""What is written. 1: without `leading`, `rollbacks` and the names of the optimizers' entries among the numbers."""
PARTS = ("blocks", "averages", "optimizers", "batches")
"""The files of tensors that a checkpoint may have; `batches` only one that is kept to be replayed."""
FRESH = "`--fresh` (in Python `fresh=True`)"  # how a run is started anew
SHOWN = 12
"""Digits of a checksum that are shown."""
NAME = re.compile(r"step-(\d{8,})")


class Damaged(RunFailed):
    """A checkpoint whose files are not what its manifest says."""


class Newer(RunFailed):
    """A checkpoint that a newer version of this program wrote: whole, and not to be read past."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: numbers (JSON), tensors by file and name, and facts about who wrote it."""

    step: int
    numbers: Mapping[str, Any]
    tensors: Mapping[str, Mapping[str, Tensor]]
    facts: Mapping[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write into `folder`, then drop all but the newest `keep` up to this step, and what a kill left half done.

    Those of later steps are dropped too: a run that could read them would not be at this step. Raises OSError with
    the path, leaving the older ones whole.
    """
    final = folder / f"step-{checkpoint.step:08d}"
    beside = folder / f".{final.name}.partial"
    folder.mkdir(parents=True, exist_ok=True)
    _remove_partial(folder)
    try:
        _write_files(beside, checkpoint)
        if final.exists():
            _remove(final)
        if final.exists():
            raise FileExistsError(errno.EEXIST, "files of something else are in its place", str(final))
        beside.rename(final)
    except OSError:
        with contextlib.suppress(OSError):
            _remove(beside)
        raise
    _force(folder)
    tidy(folder, checkpoint.step, keep)
    return final


def tidy(folder: Path, step: int, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints up to `step`, and what a kill left half written or half removed.

    Nothing is removed that was not written here, whatever its name.
    """
    mine = [path for path in checkpoint_paths(folder) if _is_sealed(path / "manifest.json")]
    kept = [path for path in mine if step_of(path) <= step][-max(keep, 1) :]
    _remove_partial(folder)
    for path in folder.glob("step-*"):
        if NAME.fullmatch(path.name) and path not in kept:
            _remove(path)


def _write_files(folder: Path, checkpoint: Checkpoint) -> None:
    folder.mkdir()
    files = {}
    for part, tensors in checkpoint.tensors.items():
        data = save_tensors({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
        _write(folder / f"{part}.safetensors", data)
        files[f"{part}.safetensors"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {
        "format": FORMAT, "step": checkpoint.step, "facts": dict(checkpoint.facts), "files": files,
        "numbers": dict(checkpoint.numbers),
    }  # fmt: skip
    _write(folder / "manifest.json", json.dumps(manifest | {"seal": _seal(manifest)}, indent=1).encode())
    _force(folder)


def checkpoint_paths(folder: Path) -> list[Path]:
    """The finished checkpoints in `folder`, oldest first."""
    written = [path for path in folder.glob("step-*") if _was_written(path) and (path / "manifest.json").exists()]
    return sorted(written, key=step_of)


def step_of(path: Path) -> int:
    """The step of a finished checkpoint, by its name."""
    return int(path.name.removeprefix("step-"))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read and verify one checkpoint.

    Raises Damaged, naming the file that is not as it was written; Newer; OSError for one that may not be read.
    """
    manifest = _read_manifest(path / "manifest.json")
    tensors = {}
    for name, said in manifest["files"].items():
        try:
            data = (path / name).read_bytes()
        except FileNotFoundError:
            raise Damaged(f"{path / name} is missing") from None
        _vouch(path / name, data, said["bytes"], said["sha256"])
        tensors[name.removesuffix(".safetensors")] = load_tensors(data)
    return Checkpoint(manifest["step"], _brought_up(manifest, tensors), tensors, manifest["facts"])


def _vouch(path: Path, data: bytes, size: int, checksum: str) -> None:
    """Raise Damaged, with the checksum that was written and the one that is read, unless they are the same."""
    found = hashlib.sha256(data).hexdigest()
    if found == checksum:
        return
    sums = f"its SHA-256 is {found[:SHOWN]}..., and was {checksum[:SHOWN]}... when it was written"
    if len(data) != size:
        raise Damaged(f"{path} {f'has {len(data)} bytes' if data else 'is empty'} instead of {size} bytes: {sums}")
    raise Damaged(f"{path} is not what was written: {sums}")


def _brought_up(manifest: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """The numbers of a manifest, as the newest format has them."""
    numbers = dict(manifest["numbers"])
    if manifest["format"] == 1:
        return {"leading": [], "rollbacks": 0, "optimizers": sorted(tensors.get("optimizers", ())), **numbers}
    return numbers


def read_latest(folder: Path, report: Callable[[str], None]) -> Checkpoint | None:
    """The newest checkpoint that is whole, telling `report` about each that is not; None if there never was one.

    What has lost its manifest is told too, and is no checkpoint: a kill may have stopped its removal.
    Raises RunFailed if there are checkpoints and none of them is whole.
    """
    paths = sorted((path for path in folder.glob("step-*") if _was_written(path)), key=step_of)
    for number, path in reversed(list(enumerate(paths))):
        try:
            return read_checkpoint(path)
        except Damaged as damage:
            then = f"falling back to {paths[number - 1]}" if number else "there is no checkpoint before it"
            report(f"{damage}; {then}")
        except OSError as problem:  # it may be whole, and is not to be lost
            raise RunFailed(f"{problem.filename or path} cannot be read: {problem.strerror}") from None
    if checkpoint_paths(folder):
        raise RunFailed(f"no checkpoint in {folder} is whole; start anew with {FRESH}")
    return None


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, and the new survives a power cut."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        _write(beside, data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _force(path.parent)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Damaged(f"{path} is missing, and with it the checksums of the files beside it") from None
    try:
        manifest = json.loads(data)
        seal = manifest.pop("seal")
    except (ValueError, KeyError, TypeError, AttributeError):
        cause = f"is not a manifest ({len(data)} bytes)" if data else "is empty"
        raise Damaged(f"{path} {cause}: it has no seal, which is its SHA-256") from None
    if seal != (found := _seal(manifest)):
        sums = f"its seal, a SHA-256, is {str(seal)[:SHOWN]}..., and that of what it says is {found[:SHOWN]}..."
        raise Damaged(f"{path} is not what was written: {sums}")
    if manifest["format"] > FORMAT:
        raise Newer(
            f"{path.parent} was written by a newer version of compose: its format is {manifest['format']}, and this "
            f"one reads up to {FORMAT}; go on with that version, or start anew with {FRESH}"
        )
    return manifest


def _seal(manifest: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _remove_partial(folder: Path) -> None:
    for left_over in folder.glob(".step-*.partial"):
        if NAME.fullmatch(left_over.name[1:].removesuffix(".partial")):
            _remove(left_over)


def _remove(path: Path) -> None:
    """Remove what was written here as a checkpoint, or a part of one.   What else lies there stays, and its folder."""
    if path.is_symlink() or not path.is_dir() or not _is_written(path):
        return
    for name in ("manifest.json", *(f"{part}.safetensors" for part in PARTS)):  # without a manifest it is no checkpoint
        (path / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # of a folder that is not empty
        path.rmdir()


def _is_written(path: Path) -> bool:
    """Whether a folder is a checkpoint, or what is left of one: a manifest of somebody else's stands alone."""
    return not any(path.iterdir()) or _holds_parts(path)


def _was_written(path: Path) -> bool:
    """Whether a folder is a finished checkpoint, or holds files of one that lost its manifest."""
    return bool(NAME.fullmatch(path.name)) and path.is_dir() and _holds_parts(path)


def _holds_parts(path: Path) -> bool:
    return any((path / f"{part}.safetensors").exists() for part in PARTS) or _is_sealed(path / "manifest.json")


def _is_sealed(path: Path) -> bool:
    try:
        return "seal" in json.loads(path.read_bytes())
    except (OSError, ValueError, TypeError):
        return False


def _write(path: Path, data: bytes) -> None:
    """Write and force to the disk.   Raises OSError with the path, and the bytes that a full disk lacks."""
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise refusal(problem, path, len(data)) from None


def _force(folder: Path) -> None:
    with contextlib.suppress(PermissionError):  # some file systems refuse to open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
