"""What the fuzzed readers are given: small exports and lists, and the ways in which they are spoiled.

An input is the file itself (`export` aside, whose files are joined by lines that name them), so that what is found
can be read, and handed to the reader by hand. Everything starts from the synthetic export of the project.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from importlib.resources import files
from random import Random
from typing import Any, Final, TypeAlias

from caseassign.model import AssignmentStatus

Mutator: TypeAlias = Callable[[bytes, Random], bytes]

NAMES: Final = ("Export", "Organization", "User", "Project", "Client", "Enrollment", "Exit")
LIST_HEADER: Final = "AssignmentID,EnrollmentID,PersonalID,UserID,Role,StartDate,EndDate,KeptAfterExit,Status,Voided"
LIST_ROWS: Final = (
    "A1,E1,C1,U1,Case Manager,2026-01-05,,0,Active,0",
    "A2,E1,C1,U2,Cover,2026-01-10,2026-01-20,0,Inactive,0",
    ",E2,,U1,,2026-01-05,2026-03-01,,,",
    "A4,E3,C3,U2,'=1+1',2026-05-01,,1,Upcoming,",
    "A5,E2,C2,U2,Case Manager,2026-01-05,,0,,1",
)
SCHEMA: Final = "urn:caseassign:case-assignments:1"

_KEPT: Final = {
    "Export": "ExportID ImplementationID CSVVersion ExportDate ExportStartDate ExportEndDate ExportPeriodType"
    " ExportDirective HashStatus",
    "Organization": "OrganizationID OrganizationName DateUpdated",
    "User": "UserID UserFirstName UserLastName DateUpdated",
    "Project": "ProjectID OrganizationID ProjectName ProjectType OperatingStartDate OperatingEndDate DateUpdated",
    "Client": "PersonalID FirstName LastName DateUpdated",
    "Enrollment": "EnrollmentID PersonalID ProjectID EntryDate HouseholdID RelationshipToHoH UserID DateUpdated"
    " DateDeleted",
    "Exit": "ExitID EnrollmentID PersonalID ExitDate DateUpdated DateDeleted",
}
_JOINT: Final = re.compile(rb"\n#FILE (" + "|".join(NAMES).encode() + rb")\.csv\n")

CELLS: Final = [
    *(b"", b" ", b"  ", b"\t", b"\0", b'""', b'"', b'""""', b"null", b"NULL", b"?", b"-", b"'", b"''", b"'a'", b"=1+1"),
    *(b"0", b"1", b"2", b"3", b"00000000001", b"99", b"-1", b"1.0", b"1e9", b"9" * 30, b"\xd9\xa1", b"\xef\xbc\x91"),
    *(b"2026-01-05", b"2026-1-5", b"1/5/2026", b"13/1/2026", b"01-05-2026", b"05-JAN-2026", b"5-Mai-2026", b"20260105"),
    *(b"2025-02-30", b"2024-02-29", b"2023-02-29", b"0000-00-00", b"0001-01-01", b"9999-12-31", b"10000-01-01"),
    *(b"12/31/9999", b"1/1/0001", b"01-JAN-0001", b"1/5/26", b"Jan", b"2026-01-05T23:59:59Z", b"2026-01-05 12:00 AM"),
    *(b"2026-01-05 13:00 PM", b"9999-12-31 23:59:59-23:59", b"0001-01-01 00:00+23:59", b"2026-01-05 24:00:00"),
    *(b"2026-01-05 10:00:00.123456789", b"0001-01-01 00:00:00.9999999999", "\uff12\uff10\uff12\uff16-01-05".encode()),
    *(b"E1", b"E2", b"E3", b"C1", b"C2", b"U1", b"U2", b"P1", b"O1", b"E0001", b"C0001", b"U1 ", b"e1", b"A1"),
    *(b"Active", b"INACTIVE", b"upcoming", b"Case Manager", b"Enrollment.UserID", b"\xef\xbb\xbf", b"\xef\xbb\xbfE1"),
    *(b"'\\u0000'", b"'\\ud800'", b"'\\ud83d\\ude00'", b"' x '", b"'\"'", b"'\\", b"'\\n'", b"'\\u0041\\u'", b"'''"),
    *(b"Zo\xeb", b"\x81\x8d", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "Zoë".encode(), "😀".encode()),
    *("\u2028".encode(), "\x85".encode(), b"\x0b", b"\x0c", b"\x1c", b"\x1a", b"\x1b", b"\xc2\xa0", "\u3000".encode()),
    *(b'"a,b"', b'"a\nb"', b'"a\r\nb"', b'"a""b"', b'"a"b', b'a"b', b'"""C1"""', b'"a\n\n\nb"', b'"\n"', b'" "'),
    *(b"x" * 1_000, b"1" * 10_000, b"0" * 5_000 + b"1", b'"' * 501, b"=" * 300, b"'" + b"\\" * 300 + b"'"),
]
"""Cells that readers have stumbled over, or might."""

_LINES: Final = (b"", b",", b",,,,,,,,,", b'"', b'"",""', b"\0", b" ", b'x,"', b"\r", b"#FILE", b'""""""', b"\x1a")
_JSON_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 10**30, float("nan"), float("inf"), "", " ", "a", "\0", "\ud800", "\U0001f600"),
    *([], {}, [[]], [None], {"a": 1}, "2026-01-05", "2025-02-30", "0000-01-01", "9999-12-31", "0001-01-01", "x" * 1000),
    *("active", "Active", "inactive", "upcoming", SCHEMA, "E1", "E2", "U1", "A1"),
    *("2026-1-5", "\uff12\uff10\uff12\uff16-01-05", "\u2028"),
)
_JSON_DAYS: Final = (
    *("2026-01-05", "2026-01-10", "2026-02-01", "2026-03-02", "2026-06-01", "0001-01-01", "9999-12-31", "2024-02-29"),
    *("2023-02-29", "2026-01-04", "2025-12-31", None),
)
_JSON_IDS: Final = (
    *("A1", "A2", "A3", "E1", "E2", "E3", "C1", "C2", "U1", "U2", "Case Manager", "Cover", "=1+1", "'a'", " a ", None),
    *(
        "a\nb",
        "\x85",
        "\u2028",
        "\U0001f600",
        "'",
        '"',
        "\\",
        "\ufeff",
        "x" * 500,
        "\0",
        "a,b",
        "\ud83d\ude00",
        "nul\0",
    ),
)
_JSON_TEXTS: Final = (
    *(b"[" * 300, b"[" * 5_000, b'{"a":' * 2_000, b"9" * 5_000, b"1e999", b'"\\ud800"', b'"\\u00"', b"\xed\xa0\x80"),
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"NaN", b"//", b",", b'"a":1,"a":2,', b'"schema":"x",', b"\x1f", b"-"),
)


def cell(rng: Random) -> bytes:
    """Return a nasty cell, or two run together."""
    return rng.choice(CELLS) + (rng.choice(CELLS) if rng.random() < 0.1 else b"")


# Seeds


def small_export(households: int) -> dict[str, bytes]:
    """Return the first rows of the synthetic export, its quirks among them, with the columns that are read."""
    kept: dict[str, bytes] = {}
    for name in NAMES:
        text = files("caseassign.demo").joinpath("export", f"{name}.csv").read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        out = io.StringIO()
        lines = csv.DictWriter(out, _KEPT[name].split(), extrasaction="ignore", lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows[: households + (2 if name in {"Client", "Enrollment"} else 0)])
        kept[name] = out.getvalue().encode()
    return kept


def export_seeds() -> list[bytes]:
    """Return exports: some rows, none, a delta, one with hashed names, one of another system's habits."""
    small, smaller = small_export(3), small_export(1)
    delta = smaller | {
        "Export": b"ExportID,ImplementationID,ExportDirective,HashStatus\nX1,I1,1,2\n",
        "Exit": b"EnrollmentID,PersonalID,ExitDate,DateDeleted\nE9,C9,2026-02-01,\nE8,C8,,2026-02-02\n",
    }
    quoted = {
        name: b"".join(b'"' + b'","'.join(line.split(b",")) + b'"\r\n' for line in data.splitlines())
        for name, data in smaller.items()
    }
    twice = {name: data.replace(b'"', b'"""') for name, data in quoted.items()}
    wide = {name: data.decode().encode("utf-16") for name, data in smaller.items()}
    empty = {name: data.splitlines()[0] for name, data in smaller.items()}
    needed = {name: smaller[name] for name in ("Project", "Enrollment")}
    return [pack(each) for each in (small, smaller, delta, quoted, twice, wide, empty, needed)]


def file_seeds() -> list[bytes]:
    """Return the files of these exports, one by one."""
    return [data for packed in export_seeds() for data in unpack(packed).values()]


def zip_seeds() -> list[bytes]:
    """Return zips of these exports: at the top, in a folder, in a zip, and what is no zip."""
    small, smaller = small_export(2), small_export(1)
    plain = zipped({f"{name}.csv": data for name, data in smaller.items()})
    return [
        plain,
        zipped({f"folder/{name}.csv": data for name, data in small.items()}),
        zipped({"inner.zip": plain}),
        zipped({f"{name}.csv": data for name, data in smaller.items()}, zipfile.ZIP_STORED),
        zipped({"a/Enrollment.csv": b"", "b/Enrollment.csv": b""}),
        b"7z\xbc\xaf\x27\x1c" + b"\0" * 32,
        plain[: len(plain) // 2],
        b"no zip",
    ]


def list_seeds() -> list[bytes]:
    """Return lists of assignments as CSV."""
    whole = "\n".join([LIST_HEADER, *LIST_ROWS, ""]).encode()
    return [
        whole,
        whole.replace(b"\n", b"\r\n"),
        b"EnrollmentID,UserID,StartDate\nE1,U1,2026-01-05\nE2,U2,2026-01-05\n",
        b'UserID,StartDate,EndDate,Status,EnrollmentID,Note\nU1,2026-01-05,2026-01-04,Active,E1,"a\nb"\n',
        LIST_HEADER.encode(),
    ]


def json_seeds() -> list[bytes]:
    """Return documents of assignments."""
    full: dict[str, Any] = {
        "assignment_id": "A1",
        "enrollment_id": "E1",
        "personal_id": "C1",
        "user_id": "U1",
        "role": "Case Manager",
        "start_date": "2026-01-05",
        "end_date": None,
        "kept_after_exit": False,
        "status": "active",
        "voided": False,
    }
    short = {"enrollment_id": "E2", "user_id": "U2", "start_date": "2026-01-05", "end_date": "2026-02-01"}
    documents: tuple[list[Any], ...] = (
        [full, short],
        [short, short, full | {"assignment_id": "A2", "voided": True, "status": None}],
        [full],
        [],
    )
    return [
        json.dumps({"schema": SCHEMA, "as_of": "2026-03-02", "assignments": each}, indent=1).encode()
        for each in documents
    ]


# Several files as one input


def pack(contents: Mapping[str, bytes]) -> bytes:
    """Return files as one input."""
    return b"".join(b"\n#FILE %s.csv\n%s" % (name.encode(), data) for name, data in contents.items())


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of an input by their names; what names no file is the Enrollment.csv of a whole export."""
    first, *parts = _JOINT.split(data)
    if not parts:
        return {"Project": b"ProjectID\nP1\n", "Enrollment": first}
    return {name.decode(): content for name, content in zip(parts[::2], parts[1::2], strict=True)}


def zipped(contents: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return the bytes of a zip, always the same for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in contents.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            archive.writestr(info, data)
    return packed.getvalue()


# Mutators


def mutate_bytes(data: bytes, rng: Random) -> bytes:
    """Change, insert, remove or repeat some bytes."""
    start = rng.randrange(len(data) + 1)
    end = min(len(data), start + rng.choice((0, 1, 1, 2, 8, 64)))
    middle = rng.choice((b"", bytes([rng.randrange(256)]), cell(rng), data[start:end] * 2, data[end : end + 16]))
    return data[:start] + middle + data[end:]


def _with_cell(line: bytes, rng: Random) -> bytes:
    cells = line.split(b",")
    place = rng.randrange(len(cells))
    how = rng.random()
    if how < 0.7:
        cells[place] = cell(rng)
    elif how < 0.8:
        cells[place] = b'"%s"' % cells[place]
    elif how < 0.9:
        del cells[place:]
    else:
        cells[place:place] = [cell(rng)] * rng.choice((1, 1, 2, 9))
    return b",".join(cells)


def _header(line: bytes, rng: Random) -> bytes:
    names = line.split(b",")
    place = rng.randrange(len(names))
    how = rng.randrange(6)
    if how == 0:
        del names[place]
    elif how == 1:
        names.insert(place, rng.choice(names))
    elif how == 2:
        names[place] = names[place].swapcase()
    elif how == 3:
        names[place] = b' "%s" ' % names[place]
    elif how == 4:
        rng.shuffle(names)
    else:
        names[place] = cell(rng)
    return b",".join(names)


def _respelled(data: bytes, rng: Random) -> bytes:
    """Return a file in another encoding, with other line ends, or cut off."""
    how = rng.randrange(8)
    if how <= 3:
        encoding = rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-8-sig", "utf-7", "cp500"))
        return data.decode("utf-8", "replace").encode(encoding, "replace")
    if how <= 5:
        return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\n\n")), rng.choice((-1, 1, 2)))
    return data[: rng.randrange(len(data) + 1)] if how == 6 else data + rng.choice(_LINES)


def mutate_csv(data: bytes, rng: Random) -> bytes:
    """Spoil a CSV: a cell mostly; a line, the header, the encoding or some bytes now and then."""
    how = rng.random()
    if how < 0.05:
        return _respelled(data, rng)
    if how < 0.1:
        return mutate_bytes(data, rng)
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    if how < 0.15:
        lines[0] = _header(lines[0], rng)
    elif how < 0.65:
        lines[place] = _with_cell(lines[place], rng)
    elif how < 0.75:
        start = rng.randrange(len(lines[place]) + 1)
        lines[place] = lines[place][:start] + rng.choice((b'"', b'""', b"\r", b",", b"'")) + lines[place][start:]
    elif how < 0.85:
        lines.insert(place, rng.choice((rng.choice(lines), rng.choice(_LINES))))
    elif how < 0.9:
        del lines[place]
    else:
        other = rng.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    return b"\n".join(lines)


def mutate_export(data: bytes, rng: Random) -> bytes:
    """Spoil one file of an export, or leave one out."""
    contents = unpack(data)
    if rng.random() < 0.03:
        contents.pop(rng.choice(list(contents)))
    else:
        name = rng.choice(NAMES + ("Enrollment", "Exit") * 2)
        contents[name] = mutate_csv(contents.get(name, b""), rng)
    return pack(contents)


def mutate_json(data: bytes, rng: Random) -> bytes:
    """Put another value somewhere into a document, or spoil its text."""
    if rng.random() < 0.1:
        start = rng.randrange(len(data) + 1)
        return data[:start] + rng.choice(_JSON_TEXTS) + data[start:] if rng.random() < 0.6 else mutate_bytes(data, rng)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)
    _spoil_value(document, rng)
    text = json.dumps(document, ensure_ascii=rng.random() < 0.5)
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-32")), "surrogatepass")


def _spoil_value(value: Any, rng: Random) -> None:
    """Go down into a document, and change a member of an object or an array there."""
    if not isinstance(value, dict | list) or not value:
        return
    key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
    if "assignments" in value and rng.random() < 0.95:
        key = "assignments"
    if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.95:
        _spoil_value(value[key], rng)
    elif rng.random() < 0.1:
        del value[key]
    elif isinstance(value, list):
        value.insert(rng.randrange(len(value) + 1), dict(value[key]) if isinstance(value[key], dict) else value[key])
    elif rng.random() < 0.05:
        value["more"] = rng.choice(_JSON_VALUES)
    else:
        value[key] = rng.choice(_JSON_VALUES if rng.random() < 0.15 else _fitting(str(key)))


def _fitting(key: str) -> tuple[Any, ...]:
    """Return values that a field may have, or nearly so."""
    if key.endswith("_date"):
        return _JSON_DAYS
    if key in {"kept_after_exit", "voided"}:
        return (True, False)
    return (*AssignmentStatus, None) if key == "status" else _JSON_IDS


_MEMBERS: Final = (
    *("../Client.csv", "/Client.csv", "C:\\Client.csv", "a/b/Client.csv", "a\\Exit.csv", "ENROLLMENT.CSV", "Exit.csv/"),
    *(
        "__MACOSX/Client.csv",
        ".hidden/Enrollment.csv",
        "Services.csv",
        "inner.zip",
        "x.7z",
        "",
        "..",
        "a\0b",
        "Ünï.csv",
    ),
)


def mutate_zip(data: bytes, rng: Random) -> bytes:
    """Spoil a file in a zip, its name or its packing, and now and then bytes of the zip itself."""
    if rng.random() < 0.15:
        return _with_broken_fields(data, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            contents = {info.filename: archive.read(info) for info in archive.infolist()[:9] if info.file_size < 10**5}
    except Exception:  # noqa: BLE001  # whatever a broken zip raises
        return _with_broken_fields(data, rng)
    name = rng.choice([*contents, "Enrollment.csv"])
    how = rng.randrange(20)
    if how == 0:
        contents[rng.choice(_MEMBERS)] = contents.get(name, b"")
    elif how == 1:
        contents = {rng.choice(_MEMBERS[-8:]) or "inner.zip": data[: 2**14]}
    elif how == 2:
        folder = rng.choice(("a/", "b/c/", "../", "./", "d\\"))
        contents = {folder + each: content for each, content in contents.items()}
    elif how == 3:
        contents[name] = contents.get(name, b"") + b"E1,C1,P1,2026-01-05\n" * rng.choice((2, 2, 2, 2_000))
    else:
        contents[name] = mutate_csv(contents.get(name, b""), rng)
    packed = zipped(contents, rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)))
    return _with_broken_fields(packed, rng) if rng.random() < 0.05 else packed


def _with_broken_fields(data: bytes, rng: Random) -> bytes:
    """Change fields in the headers of a zip: flags, packing, CRC, sizes, names, offsets."""
    heads = [match.start() for match in re.finditer(rb"PK(\x01\x02|\x03\x04|\x05\x06)", data)]
    if not heads or rng.random() < 0.1:
        return mutate_bytes(data, rng)
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.choice(heads) + rng.randrange(4, 64)
        value = rng.choice((0, 1, 2, 0x41, 0x7F, 0xFF, rng.randrange(256)))
        width = rng.choice((1, 1, 2, 4))
        changed[place : place + width] = bytes([value]) * width
    return bytes(changed)
