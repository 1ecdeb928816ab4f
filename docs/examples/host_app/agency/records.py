"""The records of a transaction: which model stands for which kind, and what the agency calls otherwise."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from operator import attrgetter
from typing import Any

import attrs
from django.db.models import Exists, F, Model, OuterRef, Q

from agency import models
from caseassign import AlreadyExistsError, NotFoundError, StorageError
from caseassign.model import KINDS, HouseholdKey, is_text
from caseassign.storage import entry_order, start_order

# By the id of the record. What refers to a row has a column that is called as its model.
MODELS: dict[str, type[Model]] = {
    "organization_id": models.Organization,
    "project_id": models.Project,
    "user_id": models.Worker,
    "personal_id": models.Client,
    "enrollment_id": models.Enrollment,
    "assignment_id": models.Assignment,
}
NAMES = {
    "organization_name": "name",
    "project_name": "name",
    "project_type": "kind",
    "operating_start_date": "opened_on",
    "operating_end_date": "closed_on",
    "organization_ids": "organizations",
    "is_case_manager": "takes_cases",
    "relationship_to_hoh": "relationship",
    "entry_date": "entered_on",
    "exit_date": "exited_on",
}


class Records:
    """The records of one kind, in the rows of a model."""

    def __init__(self, tx: Any, kind: str) -> None:
        self._tx, self._make = tx, KINDS[kind]
        own, *others = (field.name for field in attrs.fields(self._make))
        self._model = MODELS[own]
        self._fields = {name: NAMES.get(name, name) for name in others if name not in MODELS}
        self._references = {name: str(MODELS[name]._meta.model_name) for name in others if name in MODELS}
        self._paths = {own: "hmis_id", **self._fields}
        self._paths |= {name: f"{column}__hmis_id" for name, column in self._references.items()}

    def get(self, ids: Iterable[str]) -> dict[str, Any]:
        """Return the records with these ids, in the order of the ids."""
        return {record.key: record for record in self._found("hmis_id", ids, attrgetter("key"))}

    def add(self, records: Iterable[Any]) -> None:
        """Add rows for new records."""
        self._put(records, AlreadyExistsError)

    def replace(self, records: Iterable[Any]) -> None:
        """Put records in the place of those with their ids; what only the agency knows of them stays."""
        self._put(records, NotFoundError)

    def __iter__(self) -> Iterator[Any]:
        return self._each(Q(), "hmis_id")

    def _found(self, path: str, values: Iterable[Any], order: Callable[[Any], Any], *where: Q) -> list[Any]:
        rows = self._tx.found(self._model.objects.filter(*where).values_list(*self._paths.values()), path, values)
        return sorted((self._make(**dict(zip(self._paths, row, strict=True))) for row in rows), key=order)

    def _each(self, where: Q, *order: Any) -> Iterator[Any]:
        # The ids of all that is there now, and then page by page: so never more than a page of records is in memory.
        keys = self._tx.rows(self._model.objects.filter(where).order_by(*order).values_list("hmis_id", flat=True))
        pages = (keys[n : n + 500] for n in range(0, len(keys), 500))
        return self._tx.block.each(record for page in pages for record in map(self.get(page).get, page))

    def _put(self, records: Iterable[Any], error: type[AlreadyExistsError | NotFoundError]) -> None:
        records, changed, wrong = list(records), {}, set()
        with self._tx.step(write=True):
            there = self._rows(self._model, [record.key for record in records])
            referred = {name: self._rows(MODELS[name], map(attrgetter(name), records)) for name in self._references}
            for record in records:
                if (record.key in there) is (error is AlreadyExistsError):
                    wrong.add(record.key)
                    continue
                row = there.setdefault(record.key, self._model(hmis_id=record.key))
                for name, column in self._fields.items():
                    value = getattr(record, name)
                    setattr(row, column, sorted(value) if isinstance(value, frozenset) else value)
                for name, column in self._references.items():
                    setattr(row, column, self._referred(referred[name], getattr(record, name), name))
                changed[record.key] = row
            if wrong:
                raise error(self._make.KIND, tuple(sorted(wrong)))
            if error is AlreadyExistsError:
                self._model.objects.bulk_create(changed.values(), batch_size=500)
            else:
                columns = [*self._fields.values(), *self._references.values()]
                self._model.objects.bulk_update(changed.values(), columns, batch_size=100)

    def _rows(self, model: type[Model], ids: Iterable[str]) -> dict[str, Any]:
        return {row.hmis_id: row for row in self._tx.found(model.objects.all(), "hmis_id", ids)}

    @staticmethod
    def _referred(rows: Mapping[str, Any], key: str | None, name: str) -> Any:
        # A database that checks references only in the end would be too late.
        if key is not None and key not in rows:
            raise StorageError(f"a record refers by {name} to one that is not there")
        return None if key is None else rows[key]


def among(projects: Iterable[str] | None, path: str = "") -> Q:
    """Return what is true of rows in these projects, or of all where none are named."""
    return Q() if projects is None else Q(**{f"{path}project__hmis_id__in": list(filter(is_text, projects))})


def lasts(end: str, day: date) -> Q:
    """Return what is true of rows that have not ended as of a day."""
    return Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gt": day})


def without_worker(day: date | None) -> Q:
    """Return what is true of enrollments that are open on a day, and that nobody holds; of all without a day."""
    if day is None:
        return Q()
    held = models.Assignment.objects.filter(lasts("end_date", day), voided=False, start_date__lte=day)
    return Q(
        lasts("exited_on", day), ~Exists(held.filter(enrollment=OuterRef("pk"))), deleted=False, entered_on__lte=day
    )


class Enrollments(Records):
    """The enrollments, and how they are found."""

    def of_clients(self, personal_ids: Iterable[str]) -> list[Any]:
        """Return the enrollments of these clients."""
        return self._found("client__hmis_id", personal_ids, entry_order)

    def of_households(self, keys: Iterable[HouseholdKey]) -> list[Any]:
        """Return the members of these households."""
        keys = set(keys)
        members = self._found("household_id", {household_id for _, household_id in keys}, entry_order)
        return [member for member in members if member.household_key in keys]

    def by_household(self, projects: Iterable[str] | None = None) -> Iterator[Any]:
        """Yield every enrollment, the members of a household together."""
        return self.unassigned(None, projects)

    def unassigned(self, as_of: date | None, projects: Iterable[str] | None = None) -> Iterator[Any]:
        """Yield those that are open as of a day and held by nobody."""
        order = "project__hmis_id", F("household_id").asc(nulls_first=True), "hmis_id"
        return self._each(among(projects) & without_worker(as_of), *order)

    def count(self, projects: Iterable[str] | None = None, unassigned_on: date | None = None) -> int:
        """Return how many there are."""
        with self._tx.step():
            return self._model.objects.filter(among(projects) & without_worker(unassigned_on)).count()

    def projects_of(self, enrollment_ids: Iterable[str], *, deleted: bool = True) -> dict[str, str]:
        """Return the project of each of these enrollments."""
        query = self._model.objects.filter(Q() if deleted else Q(deleted=False))
        return dict(sorted(self._tx.found(query.values_list("hmis_id", "project__hmis_id"), "hmis_id", enrollment_ids)))


class Assignments(Records):
    """The assignments, and how they are found."""

    def of_enrollments(self, enrollment_ids: Iterable[str]) -> list[Any]:
        """Return those on these enrollments."""
        return self._found("enrollment__hmis_id", enrollment_ids, start_order)

    def of_users(
        self, user_ids: Iterable[str], ending_after: date | None = None, projects: Iterable[str] | None = None
    ) -> list[Any]:
        """Return those of these users."""
        still = Q() if ending_after is None else lasts("end_date", ending_after)
        return self._found("worker__hmis_id", user_ids, start_order, still, among(projects, "enrollment__"))
