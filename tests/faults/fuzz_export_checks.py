"""What must be true of every HMIS CSV export that is read, in a folder or a zip."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

import fuzz_count
from fuzz_checks import REFUSED, TODAY, Answer, chance, must, store_of_a_few, variants
from fuzz_inputs import NAMES, unpack, zipped

from caseassign import SYSTEM, Casework, HmisCsvError, MemoryStore
from caseassign.formats import hmis_csv

KEYS: Final = {
    "Organization": "OrganizationID",
    "User": "UserID",
    "Project": "ProjectID",
    "Client": "PersonalID",
    "Enrollment": "EnrollmentID",
    "Exit": "EnrollmentID",
}
_NAMED: Final = {
    "Organization": {"organization_name": "OrganizationName"},
    "User": {"first_name": "UserFirstName", "last_name": "UserLastName"},
    "Project": {"organization_id": "OrganizationID", "project_name": "ProjectName"},
    "Client": {"first_name": "FirstName", "last_name": "LastName"},
    "Enrollment": {"personal_id": "PersonalID", "project_id": "ProjectID", "household_id": "HouseholdID"},
}
_KEEP_OUT: Final = {"missing-value", "bad-date", "exit-before-entry"}


class ExportChecks:
    """Checks of whole exports, in a folder that each takes for itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "export"
        self._packed = folder / "export.zip"

    def check_export(self, data: bytes) -> Answer:
        """An export in a folder: every row is accounted for; spellings, order and packing do not matter."""
        contents = unpack(data)
        chosen = chance(data).random()
        self._write(contents)
        try:
            with hmis_csv.read(self._folder) as export:
                said = _said(export)
                _check_said(export, said)
                for name in KEYS:
                    if (file := fuzz_count.plain(contents.get(name, b""))) is not None:
                        _account(export, said, name, file)
                _account_for_export_rows(said, contents.get("Export", b""))
                if chosen < 0.1:
                    _check_import(export, chance(data))
        except HmisCsvError:
            return REFUSED
        if 0.1 <= chosen < 0.14:
            self._check_again(contents, said, chance(data))
        elif 0.14 <= chosen < 0.2:
            self._check_order(contents, said, chance(data))
        return Answer(read=True, rows=sum(map(len, said.records.values())), issues=len(said.issues))

    def check_zip(self, data: bytes) -> Answer:
        """A zip: read or refused, and read twice the same."""
        self._packed.write_bytes(data)
        try:
            with hmis_csv.read(self._packed) as export:
                said = _said(export)
                _check_said(export, said)
                for name, content in _plain_zip(data).items():
                    if name in KEYS and (file := fuzz_count.plain(content)) is not None:
                        _account(export, said, name, file)
        except HmisCsvError:
            return REFUSED
        if chance(data).random() < 0.1:
            with hmis_csv.read(self._packed) as export:
                must(_said(export) == said, "reading twice gives two answers")
        return Answer(read=True, rows=sum(map(len, said.records.values())), issues=len(said.issues))

    def _write(self, contents: dict[str, bytes]) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for name, data in contents.items():
            (self._folder / f"{name}.csv").write_bytes(data)

    def _said_of(self, contents: dict[str, bytes]) -> Said:
        self._write(contents)
        with hmis_csv.read(self._folder) as export:
            return _said(export)

    def _check_again(self, contents: dict[str, bytes], said: Said, random: Random) -> None:
        must(self._said_of(contents) == said, "reading twice gives two answers")
        self._packed.write_bytes(zipped({f"{name}.csv": data for name, data in contents.items()}))
        with hmis_csv.read(self._packed) as export:
            must(_said(export) == said, "a zip gives another answer than its folder")
        name = random.choice([*contents])
        for what, spelled in variants(contents[name]):
            again = self._said_of(contents | {name: spelled})
            must(again._replace(sha256=said.sha256) == said, f"{what} in {name}.csv changes the answer")

    def _check_order(self, contents: dict[str, bytes], said: Said, random: Random) -> None:
        shuffled = {name: _shuffled(name, data, random) for name, data in contents.items()}
        again = self._said_of(shuffled)
        must(again.records == said.records, "the order of the rows changes the records")
        must(_without_places(again.issues) == _without_places(said.issues), "the order of the rows changes the issues")


def _plain_zip(data: bytes) -> dict[str, bytes]:
    """Return the files of a zip that holds those of an export at the top, and nothing else; else none."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        if len(set(names)) == len(names) and {*names} <= {f"{name}.csv" for name in NAMES}:
            return {name.removesuffix(".csv"): archive.read(name) for name in names}
    return {}


class Said(NamedTuple):
    """What an export says, as plain data. Records are by their kinds; each with whether it is bare."""

    sha256: str
    about: tuple[Any, ...]
    records: dict[str, list[Any]]
    issues: list[hmis_csv.Issue]
    lone_exits: list[Any]


def _said(export: hmis_csv.Export) -> Said:
    return Said(
        export.sha256,
        (
            *(export.export_id, export.implementation_id, export.exported_at, export.is_delta, export.has_exits),
            *(export.full_refresh, export.issue_counts, export.kept_out, export.hash_status),
        ),
        {name: list(export.rows(name.lower())) for name in NAMES[1:-1]},
        list(export.issues),
        list(export.lone_exits()),
    )


def _check_said(export: hmis_csv.Export, said: Said) -> None:
    must(Counter(issue.code for issue in said.issues) == export.issue_counts, "issues are not counted")
    must(len(export.enrollments) == len(said.records["Enrollment"]), "enrollments are not counted")
    for issue in said.issues:
        must(issue.file in {f"{name}.csv" for name in NAMES} and issue.line >= 1, "an issue is nowhere")
    for name, rows in said.records.items():
        keys = [row.record.key for row in rows]
        must(len(set(keys)) == len(keys), f"{name}: two records have one id")


def _account(export: hmis_csv.Export, said: Said, name: str, file: fuzz_count.PlainFile) -> None:
    """Hold the rows of a file against records and issues: each is one or the other."""
    codes: dict[int, set[str]] = {}
    for issue in said.issues:
        if issue.file == f"{name}.csv":
            codes.setdefault(issue.line, set()).add(issue.code)
    if not file.is_flat and any("broken-row" in found for found in codes.values()):
        return  # what else is in the file, there are two opinions of
    winners: dict[str, fuzz_count.PlainRow] = {}
    for row in file.rows:
        found = codes.get(row.first, set())
        must("broken-row" not in found, f"{name}: a row that is well formed is called broken")
        if "duplicate-id" in found:
            continue
        key = row.get(KEYS[name])
        if key is None:
            deleted = name == "Exit" and not export.is_delta and row.get("DateDeleted") is not None
            must(deleted or "missing-value" in found, f"{name}: a row without its id is lost")
            continue
        must(key not in winners, f"{name}: a second row of one id is lost")
        winners[key] = row
    if name == "Exit":
        _account_for_exits(export, said, winners, codes)
        return
    records = {row.record.key: row.record for row in said.records[name] if not row.bare}
    must(records.keys() <= winners.keys(), f"{name}: a record is made up")
    kept_out = _kept_out(said, codes, winners) if name == "Enrollment" else set()
    for key, row in winners.items():
        if key in kept_out:
            must(key not in records, f"{name}: an enrollment is kept out and there all the same")
            continue
        must(key in records, f"{name}: a row is lost")
        _check_values(export, name, row, records[key])


def _kept_out(said: Said, codes: dict[int, set[str]], winners: dict[str, fuzz_count.PlainRow]) -> set[str]:
    """Return the enrollments of which an issue says that they are not imported; a household may be missing."""
    of_exit = {issue.record_id for issue in said.issues if issue.file == "Exit.csv" and issue.code in _KEEP_OUT}
    there = {row.record.key for row in said.records["Enrollment"] if not row.bare}
    of_row = {key for key, row in winners.items() if _KEEP_OUT & codes.get(row.first, set())} - there
    return {key for key in of_exit if key in winners} | of_row


def _check_values(export: hmis_csv.Export, name: str, row: fuzz_count.PlainRow, record: Any) -> None:
    hashed = name == "Client" and export.hash_status in {2, 4}
    for field, column in {} if hashed else _NAMED[name].items():
        must(getattr(record, field) == row.get(column), f"{name}.{column} is not as it is written")
    if name == "Enrollment":
        written = row.get("EntryDate") or ""
        if len(written) == len("2026-01-05") and written.isascii() and written[4] == "-" == written[7]:
            must(record.entry_date.isoformat() == written, "an EntryDate is not as it is written")


def _account_for_exits(
    export: hmis_csv.Export, said: Said, winners: dict[str, fuzz_count.PlainRow], codes: dict[int, set[str]]
) -> None:
    """An exit is the exit of its enrollment, an issue, deleted, alone in a delta, or goes with what is kept out."""
    there = {row.record.key: row.record for row in said.records["Enrollment"]}
    lone = {each.enrollment_id for each in said.lone_exits}
    kept_out = {issue.record_id for issue in said.issues if issue.file == "Enrollment.csv"} - there.keys()
    for key, row in winners.items():
        found = codes.get(row.first, set())
        deleted = row.get("DateDeleted") is not None and "bad-value" not in found
        exited = key in there and there[key].exit_date is not None
        left_out = found & (_KEEP_OUT | {"orphan-exit"})
        must(left_out or deleted or exited or (export.is_delta and key in lone) or key in kept_out, "an exit is lost")
        written = row.get("ExitDate") or ""
        if exited and not deleted and len(written) == len("2026-01-05") and written[:4].isdigit() and written[4] == "-":
            must(there[key].exit_date.isoformat() == written, "an ExitDate is not as it is written")


def _account_for_export_rows(said: Said, data: bytes) -> None:
    """Of Export.csv, the first row counts, and each other one is an issue."""
    if (file := fuzz_count.plain(data)) is not None and file.is_flat:
        lines = {issue.line for issue in said.issues if issue.file == "Export.csv"}
        must({row.first for row in file.rows[1:]} <= lines, "a row of Export.csv is lost")


def _shuffled(name: str, data: bytes, random: Random) -> bytes:
    """Return a file with its rows in another order; as it is where their order may matter."""
    file = fuzz_count.plain(data)
    keys = [] if file is None or name == "Export" else [row.get(KEYS[name]) for row in file.rows]
    if b'"' in data or data[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\r" in data or len(set(keys)) < max(len(keys), 1):
        return data
    header, *rows = (line for line in data.split(b"\n") if line.strip(b" \t\0,"))
    random.shuffle(rows)
    return b"\n".join([header, *rows])


def _without_places(issues: Iterable[hmis_csv.Issue]) -> Counter[Any]:
    """Return issues without their lines; where one stands for a column, without the row that it names."""
    return Counter((i.file, i.column, i.code, None if i.code == "date-format" else i.record_id) for i in issues)


def _check_import(export: hmis_csv.Export, random: Random) -> None:
    """What was read can be taken into a store, all of it; doing so again changes nothing."""
    store = store_of_a_few() if random.random() < 0.3 else MemoryStore()
    system = Casework(store, user=SYSTEM, clock=lambda: TODAY)
    how: dict[str, Any] = {
        "case_managers_from": random.choice((None, "Enrollment.UserID")),
        "at_exit": random.choice(("report", "end")),
        "absent": random.choice(("report", "delete")),
    }
    system.import_export(export, **how)
    with store.transaction() as tx:
        for name in NAMES[1:-1]:
            there = {record.key for record in getattr(tx, f"{name.lower()}s")}
            must({row.record.key for row in export.rows(name.lower())} <= there, f"{name}: not all were imported")
    must(system.import_export(export, **how).batch_id is None, "importing again changes something")
    must(not system.verify_history(), "the history is not as it was written")
