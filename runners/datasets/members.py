"""The files below a root that is a folder, a zip or a tar archive.   An archive is read where it lies, never unpacked.

list_members(root) -> names        read_members(root, names) -> (name, bytes), in the archive's own order
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

__all__ = ["LARGEST", "list_members", "read_members"]

LARGEST = 2**28  # bytes that one file may say it has: a CIFAR batch has 3 * 2**25
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, EOFError, lzma.LZMAError, zlib.error, OSError, NotImplementedError)


def list_members(root: Path) -> Sequence[str]:
    """The files below `root` by their path from there, with `/`, sorted.

    Raises ValueError, naming the archive, for one that is damaged, or that holds a link, a device, an encrypted file, a
    path that leads out of it, the same path twice, or a file that says it is larger than LARGEST.
    """
    if root.is_dir():
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    about = root.stat()
    return _listed(root, about.st_mtime_ns, about.st_size)


def read_members(root: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Each of the files with its content, in one pass over an archive.   Raises ValueError as `list_members`."""
    if root.is_dir():
        for name in names:
            yield name, _of_folder(root, name)
        return
    list_members(root)  # refused before anything is read
    try:
        yield from (_of_zip if zipfile.is_zipfile(root) else _of_tar)(root, frozenset(names))
    except DAMAGED as error:
        raise ValueError(f"`{root}` is a damaged or incomplete archive: {error}") from error


def _of_folder(root: Path, name: str) -> bytes:
    path = root / name
    _refuse_large(root, name, path.stat().st_size)
    return path.read_bytes()


def _of_zip(root: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(root) as archive:
        for member in archive.infolist():
            if member.filename in names:
                yield member.filename, archive.read(member)


def _of_tar(root: Path, names: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(root) as archive:
        for member in archive:
            name = _plain(member.name)
            content = archive.extractfile(member) if name in names and member.isfile() else None
            if content is not None:
                yield name, content.read()


@lru_cache(maxsize=8)  # an .xz of a hundred megabytes takes seconds; a changed file has another time or size
def _listed(root: Path, changed: int, size: int) -> Sequence[str]:
    try:
        names = list((_zip_names if zipfile.is_zipfile(root) else _tar_names)(root))
    except DAMAGED as error:
        raise ValueError(f"`{root}` is no folder, and no whole zip or tar archive: {error}") from error
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"`{root}` holds `{twice}` twice, so it is not read")
    return tuple(sorted(names))


def _zip_names(root: Path) -> Iterator[str]:
    with zipfile.ZipFile(root) as archive:
        for member in archive.infolist():
            _refuse_path(root, member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise ValueError(f"`{root}` holds the link `{member.filename}`, so it is not read")
            if member.flag_bits & 1:
                raise ValueError(f"`{root}` holds the encrypted file `{member.filename}`, so it is not read")
            if not member.is_dir():
                _refuse_large(root, member.filename, member.file_size)
                yield member.filename


def _tar_names(root: Path) -> Iterator[str]:
    with tarfile.open(root) as archive:
        for member in archive:
            _refuse_path(root, member.name)
            if not (member.isfile() or member.isdir()):
                kind = "link" if member.issym() or member.islnk() else "device"
                raise ValueError(f"`{root}` holds the {kind} `{member.name}`, so it is not read")
            if member.isfile():
                _refuse_large(root, member.name, member.size)
                yield _plain(member.name)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _refuse_path(root: Path, name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0:1]:
        raise ValueError(f"`{root}` holds `{name}`, a path that leads out of it, so it is not read")


def _refuse_large(root: Path, name: str, size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"`{name}` in `{root}` says that it has {size} bytes, and at most {LARGEST} are read")
