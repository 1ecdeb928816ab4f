"""The store that a command works on, and what commands ask of it by themselves."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import attrs

from caseassign.errors import DamagedStoreError, NotFoundError, StorageError, WrongStoreError
from caseassign.model import Actor, Client, Organization, Project, User
from caseassign.storage import Store, one
from caseassign.stores.memory import MemoryStore
from caseassign.stores.sqlite import SQLiteStore

_SQLITE: Final = b"SQLite format 3\0"
"""How every SQLite file begins."""


@contextmanager
def opened(args: Namespace) -> Iterator[SQLiteStore]:
    """Open the store, which must be there."""
    path = Path(args.store)
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        raise StorageError(
            f"{args.store} is not there: correct --store, or make the store with caseassign import EXPORT --store FILE"
        )
    with _file(args) as store:
        yield store


@contextmanager
def opened_or_new(args: Namespace, *, write: bool) -> Iterator[Store]:
    """Open the store; where it is not there, a new one, which is kept only if something shall be written."""
    if write or Path(args.store).exists():
        with _file(args) as store:
            yield store
    else:
        with closing(MemoryStore()) as nothing:
            yield nothing


@contextmanager
def _file(args: Namespace) -> Iterator[SQLiteStore]:
    """Open the file of the store; what is wrong with it is said with its name."""
    path = Path(args.store)
    if path.is_dir():
        raise StorageError(f"{args.store} is a folder: correct --store, which names the file that the store is in")
    try:
        with closing(SQLiteStore(args.store)) as store:
            yield store
    except (DamagedStoreError, WrongStoreError) as error:
        if not _begins_like_a_store(path):
            problem = f"{args.store} is no store: correct --store, or, if it was one, restore a backup"
        else:
            problem = error.problem if args.store in error.problem else f"{args.store}: {error.problem}"
        raise attrs.evolve(error, problem=problem) from None


def _begins_like_a_store(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def output_file(args: Namespace, name: str) -> AbstractContextManager[TextIO]:
    """Open a CSV file to be written, which must not be the store itself."""
    from caseassign.formats.assignment_list import open_for_writing  # noqa: PLC0415  # few commands write files

    path, of_store = Path(name), Path(args.store)
    is_store = path.resolve() == of_store.resolve()
    if is_store or (path.exists() and of_store.exists() and path.samefile(of_store)):
        raise StorageError(f"{name} is the store itself: give another file to write to")
    return open_for_writing(name)


def acting_user(store: Store, user_id: str) -> str | Actor:
    """Return who acts: ``SYSTEM`` is the system, unless a user has that id."""
    if user_id == Actor.SYSTEM.value and not _found(store, User.KIND, [user_id]):
        return Actor.SYSTEM
    return user_id


def user_of(store: Store, user_id: str) -> User:
    """Return a user; raise `NotFoundError` where there is none."""
    with store.transaction() as tx:
        return one(tx.users, User.KIND, user_id)


def client_of(store: Store, personal_id: str) -> Client:
    """Return a client; raise `NotFoundError` where there is none."""
    with store.transaction() as tx:
        return one(tx.clients, Client.KIND, personal_id)


def check_known(store: Store, kind: str, ids: Iterable[str] | None) -> None:
    """Raise `NotFoundError` for ids of no record of a kind."""
    unknown = sorted(set(ids or ()) - _found(store, kind, ids or ()))
    if unknown:
        raise NotFoundError(kind, tuple(unknown))


def check_part(store: Store, args: Namespace) -> None:
    """Raise `NotFoundError` for projects and organizations that a question cannot be narrowed to."""
    check_known(store, Project.KIND, args.project)
    check_known(store, Organization.KIND, args.organization)


def _found(store: Store, kind: str, ids: Iterable[str]) -> set[str]:
    with store.transaction() as tx:
        records: Any = getattr(tx, f"{kind}s")
        return set(records.get(ids))
