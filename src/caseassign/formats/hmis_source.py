"""Where the files of an HMIS CSV export come from: a folder, a zip, or a zip inside a zip.

A folder holds the files itself or in one folder of its own; a zip, in any one folder. What is read is hashed on its
way. A damaged archive is found while it is read; a file that would unpack to far too much, before its first byte is,
by the size that the zip gives for it: no more than that is ever unpacked.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import attrs

from caseassign.errors import HmisCsvError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FILES: Final = ("Export.csv", "Organization.csv", "User.csv", "Project.csv", "Client.csv", "Enrollment.csv", "Exit.csv")
"""The files of an export that are read, in the order in which they are read."""

ALWAYS_ALLOWED: Final = 50 * 2**20
"""Bytes that any file in a zip may unpack to."""

MOST_COMPRESSED: Final = 200
"""How many times its packed size a larger file may unpack to; real exports reach 10 to 40 times."""

LARGEST_INNER_ZIP: Final = 8 * 2**30
"""Bytes that a zip inside the zip may have: it is copied to the disk before it is opened."""

_INNER: Final = "the archive in it"
_NAMES: Final = {name.lower(): name for name in FILES}
_CLIMBS: Final = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)", re.DOTALL)
_SEVEN_ZIP: Final = b"7z\xbc\xaf\x27\x1c"
_PASSWORD: Final = 0x1
_READABLE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)
_CHUNK: Final = 2**18


class ExportFile(io.RawIOBase):
    """The bytes of one file of an export, hashed as they are read."""

    def __init__(self, path: str, name: str, stream: IO[bytes]) -> None:
        super().__init__()
        self._path = path
        self._name = name
        self._stream = stream
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The digest of what was read so far, in hexadecimal."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        """Whether the file can be read: always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill ``buffer`` with the next bytes, and return how many there were."""
        view = memoryview(buffer)
        with _refusing(self._path, self._name):
            chunk = self._stream.read(len(view))
        self._hash.update(chunk)
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Close the file; closing it twice is harmless."""
        self._stream.close()
        super().close()


@attrs.frozen
class _Entry:
    """Something in a folder or a zip: where it stands, and how it is opened."""

    folder: tuple[str, ...]
    name: str
    is_file: bool
    open: Callable[[], IO[bytes]]
    is_too_large: bool = False


_NOTHING: Final = _Entry((), "", is_file=True, open=io.BytesIO)


@attrs.frozen
class Source:
    """An export that is open for reading; ``name`` is what the folder or the zip is called."""

    name: str
    _entries: Mapping[str, _Entry]

    def open(self, file: str) -> ExportFile:
        """Open one of `FILES`; one that the export does not have is empty."""
        return _opened(self.name, file, self._entries.get(file, _NOTHING))


@contextmanager
def open_source(path: str | os.PathLike[str]) -> Iterator[Source]:
    """Open the export that ``path`` names. Raises `HmisCsvError` where it is none, here or while it is read."""
    place = Path(path)
    name = place.absolute().name or str(place)
    with ExitStack() as stack:
        with _refusing(name, "it"):
            if place.is_dir():
                entries = _in_folder(place)
            elif place.is_file():
                entries = _in_zip(name, stack.enter_context(place.open("rb")), stack)
            else:
                raise HmisCsvError(name, "there is no such file or folder: check the path")
        yield Source(name, _chosen(name, entries))


def _in_folder(place: Path) -> list[_Entry]:
    entries = _files_of(place, ())
    if not any(entry.name == "Enrollment.csv" for entry in entries):
        for folder in sorted(place.iterdir()):
            if folder.is_dir() and not _is_junk((folder.name,)):
                entries += _files_of(folder, (folder.name,))
    return entries


def _files_of(place: Path, folder: tuple[str, ...]) -> list[_Entry]:
    return [
        _Entry(folder, _NAMES[path.name.lower()], path.is_file(), partial(io.FileIO, path))
        for path in sorted(place.iterdir())
        if path.name.lower() in _NAMES
    ]


def _in_zip(name: str, packed: IO[bytes], stack: ExitStack, *, inside_another: bool = False) -> list[_Entry]:
    archive = stack.enter_context(_archive(name, _INNER if inside_another else "it", packed))
    size = packed.seek(0, os.SEEK_END)
    entries = []
    archives = []
    for info in archive.infolist():
        *folder, last = _parts(name, info) or [""]
        allowed = max(ALWAYS_ALLOWED, MOST_COMPRESSED * min(info.compress_size, size))
        is_file = not info.filename.endswith(("/", "\\"))
        opened = partial(_open_packed, name, archive, info)
        if _is_junk((*folder, last)):
            continue
        if last.lower() in _NAMES:
            entries.append(_Entry(tuple(folder), _NAMES[last.lower()], is_file, opened, info.file_size > allowed))
        elif last.lower().endswith((".zip", ".7z")) and is_file:
            is_too_large = info.file_size > min(allowed, LARGEST_INNER_ZIP)
            archives.append(_Entry(tuple(folder), last, is_file, opened, is_too_large))
    if any(entry.name == "Enrollment.csv" for entry in entries) or not archives or inside_another:
        return entries
    if len(archives) > 1:
        raise HmisCsvError(name, "it holds several archives and no Enrollment.csv: unpack it, and give one of them")
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    with _opened(name, _INNER, archives[0]) as inner:
        shutil.copyfileobj(inner, copy, _CHUNK)
    return _in_zip(name, copy, stack, inside_another=True)


def _archive(name: str, what: str, packed: IO[bytes]) -> zipfile.ZipFile:
    packed.seek(0)
    start = packed.read(len(_SEVEN_ZIP))
    if start == _SEVEN_ZIP:
        raise HmisCsvError(name, f"{what} is a 7-Zip archive: unpack it first, and give the folder")
    with _refusing(name, what):
        try:
            return zipfile.ZipFile(packed)
        except _DAMAGE:
            if start.startswith(b"PK"):
                raise
    raise HmisCsvError(
        name, f"{what} is neither a folder nor a zip: give the folder with Enrollment.csv in it, or its zip"
    )


def _parts(name: str, info: zipfile.ZipInfo) -> list[str]:
    """Return the folders and the name of an entry, whichever slash was used to write it."""
    if _CLIMBS.match(info.filename):
        raise HmisCsvError(name, "it has an entry that points out of the zip: this is no export of an HMIS")
    return [part for part in re.split(r"[/\\]", info.filename) if part not in {"", "."}]


def _is_junk(parts: Iterable[str]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _open_packed(name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    if info.flag_bits & _PASSWORD:
        raise HmisCsvError(name, "it is protected by a password: unpack it first, and give the folder")
    if info.compress_type not in _READABLE:
        raise HmisCsvError(name, "it is packed in a way that cannot be read: unpack it first, and give the folder")
    return archive.open(info)


def _opened(path: str, name: str, entry: _Entry) -> ExportFile:
    if not entry.is_file:
        raise HmisCsvError(path, f"{name} is no file: put the file of the export in its place")
    if entry.is_too_large:
        raise HmisCsvError(path, f"{name} unpacks to far more than it should: this is no export of an HMIS")
    with _refusing(path, name):
        return ExportFile(path, name, entry.open())


def _chosen(name: str, entries: Iterable[_Entry]) -> dict[str, _Entry]:
    """Return the files of the one folder that holds the export: the nearest with an Enrollment.csv in it."""
    folders = {entry.folder for entry in entries if entry.name == "Enrollment.csv"}
    if not folders:
        raise HmisCsvError(name, "it has no Enrollment.csv: give the folder or the zip of an HMIS CSV export")
    depth = min(map(len, folders))
    nearest, *others = (folder for folder in folders if len(folder) == depth)
    if others:
        raise HmisCsvError(name, "it has an Enrollment.csv in more than one folder: give the one to read")
    chosen: dict[str, _Entry] = {}
    for entry in entries:
        if entry.folder == nearest and chosen.setdefault(entry.name, entry) is not entry:
            raise HmisCsvError(name, f"it has more than one {entry.name}: leave the one to read")
    return chosen


@contextmanager
def _refusing(path: str, name: str) -> Iterator[None]:
    """Raise the one error of an export that cannot be read for whatever the system or the archive says."""
    try:
        yield
    except OSError as error:
        raise HmisCsvError(path, f"{name} cannot be read: {error.strerror or 'input or output error'}") from None
    except _DAMAGE:
        raise HmisCsvError(path, f"{name} is damaged: export it again, or unpack it and give the folder") from None
