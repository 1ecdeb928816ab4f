"""A disk that fails once: a layer between SQLite and the files, in which the n-th call of a kind goes wrong.

For the SQLite of apsw the layer is a VFS of apsw that inherits from the usual one. apsw then raises an error also where
SQLite itself gets over the failure, as it does when it cannot copy the write-ahead log into the file. For Python's own
SQLite, which apsw cannot reach, the layer is put into the library: into the table of functions of each file that it
opens. There the store hears what it would hear of a real disk.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import apsw
from engines import engine

FAILURES: dict[str, tuple[str, int]] = {
    "write": ("write", apsw.SQLITE_IOERR_WRITE),
    "full": ("write", apsw.SQLITE_FULL),
    "sync": ("sync", apsw.SQLITE_IOERR_FSYNC),
    "truncate": ("truncate", apsw.SQLITE_IOERR_TRUNCATE),
    "open": ("open", apsw.SQLITE_CANTOPEN),
    "delete": ("delete", apsw.SQLITE_IOERR_DELETE),
    "read": ("read", apsw.SQLITE_IOERR_READ),
}
"""What can go wrong, by name: the call, and what SQLite is told. On a full disk the first half is still written."""


class Disk:
    """Counts the calls of one kind once it is armed, and fails one of them."""

    def __init__(self) -> None:
        self.has_failed = False
        self._countdown: dict[str, int] = {}
        self._code = 0

    def arm(self, failure: str, number: int) -> None:
        """Let the call with this number fail, counted from now on, from 1."""
        call, self._code = FAILURES[failure]
        self._countdown = {call: number}
        self.has_failed = False

    def disarm(self) -> None:
        """Let nothing fail any more."""
        self._countdown = {}

    def failing(self, call: str) -> int:
        """Return what SQLite is to be told of this call: 0, or the code of a failure."""
        if call not in self._countdown:
            return 0
        self._countdown[call] -= 1
        if self._countdown[call]:
            return 0
        self.disarm()
        self.has_failed = True
        return self._code


@contextmanager
def failing_engine(name: str, disk: Disk) -> Iterator[str]:
    """Run every `SQLiteStore` inside the block on an engine whose disk may fail; return what to call the engine."""
    if name.startswith("sqlite3"):
        with engine(name) as told, _inside_the_library(disk):
            yield told
    else:
        layer = _Layer(disk)
        # Of a failure that SQLite gets over and nobody can be told of, nothing is to be said.
        with engine(name, _Layer.NAME) as told, patch.object(sys, "unraisablehook", lambda _: None):
            yield told
        layer.unregister()


# For apsw


class _Layer(apsw.VFS):
    NAME = "failing"

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(self.NAME, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # a name of apsw
        _fail_if(self._disk.failing("open"))
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync_dir: bool) -> None:  # noqa: N802
        _fail_if(self._disk.failing("delete"))
        super().xDelete(name, sync_dir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        _fail_if(self._disk.failing("read"))
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        code = self._disk.failing("write")
        if code == apsw.SQLITE_FULL:
            super().xWrite(data[: len(data) // 2], offset)
        _fail_if(code)
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        _fail_if(self._disk.failing("truncate"))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        _fail_if(self._disk.failing("sync"))
        super().xSync(flags)


def _fail_if(code: int) -> None:
    if code:
        raise apsw.exception_for(code)


# For Python's own SQLite: its structures, as sqlite3.h has them

_Pointer = ctypes.c_void_p
_Int, _Long = ctypes.c_int, ctypes.c_int64
_READ = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Long)
_TRUNCATE = ctypes.CFUNCTYPE(_Int, _Pointer, _Long)
_SYNC = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)
_OPEN = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_DELETE = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int)


class _Methods(ctypes.Structure):
    """The functions of a file (sqlite3_io_methods)."""

    _fields_ = (
        ("version", _Int),
        ("close", _Pointer),
        ("read", _READ),
        ("write", _READ),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("others", _Pointer * 13),
    )


class _OpenFile(ctypes.Structure):
    """An open file (sqlite3_file), which begins with its functions."""

    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _FileSystem(ctypes.Structure):
    """How files are opened and deleted (sqlite3_vfs)."""

    _fields_ = (
        ("version", _Int),
        ("size_of_file", _Int),
        ("longest_path", _Int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("data", _Pointer),
        ("open", _OPEN),
        ("delete", _DELETE),
    )


@contextmanager
def _inside_the_library(disk: Disk) -> Iterator[None]:
    """Put the layer into the library of Python's own SQLite."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_FileSystem)
    system = library.sqlite3_vfs_find(None).contents
    usual_open, usual_delete = _copied(_OPEN, system.open), _copied(_DELETE, system.delete)
    wrapped: dict[int, _Methods] = {}

    def open_(vfs: int, name: int, file: int, flags: int, flags_out: int) -> int:
        if code := disk.failing("open"):
            return code
        code = usual_open(vfs, name, file, flags, flags_out)
        opened = _OpenFile.from_address(file)
        if opened.methods:
            address = ctypes.addressof(opened.methods.contents)
            if address not in wrapped:
                wrapped[address] = _wrapped(opened.methods.contents, disk)
            opened.methods = ctypes.pointer(wrapped[address])
        return int(code)

    def delete(vfs: int, name: int, sync_folder: int) -> int:
        return disk.failing("delete") or int(usual_delete(vfs, name, sync_folder))

    system.open, system.delete = _OPEN(open_), _DELETE(delete)
    try:
        yield
    finally:
        system.open, system.delete = usual_open, usual_delete


def _wrapped(usual: _Methods, disk: Disk) -> _Methods:
    def read(file: int, to: int, amount: int, offset: int) -> int:
        return disk.failing("read") or usual.read(file, to, amount, offset)

    def write(file: int, data: int, amount: int, offset: int) -> int:
        code = disk.failing("write")
        if code == apsw.SQLITE_FULL:
            usual.write(file, data, amount // 2, offset)
        return code or usual.write(file, data, amount, offset)

    def truncate(file: int, size: int) -> int:
        return disk.failing("truncate") or usual.truncate(file, size)

    def sync(file: int, flags: int) -> int:
        return disk.failing("sync") or usual.sync(file, flags)

    wrapped = _Methods.from_buffer_copy(usual)
    wrapped.read, wrapped.write, wrapped.truncate, wrapped.sync = (
        _READ(read),
        _READ(write),
        _TRUNCATE(truncate),
        _SYNC(sync),
    )
    return wrapped


def _copied(kind: Callable[[int], Any], function: Any) -> Any:
    """Return a function of the library that stays what it is when the field it was read from is set."""
    return kind(ctypes.cast(function, _Pointer).value or 0)
