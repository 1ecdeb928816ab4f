"""Exports in folders and zips, and what is none."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hmis_files import contents, write, write_folder, write_zip
from hypothesis import given
from hypothesis import strategies as st

from caseassign.errors import HmisCsvError
from caseassign.formats import hmis_csv, hmis_source

FILES = contents(Exit=["X1,E1,C1,2026-02-01,,"])
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c\x00\x04"


def within(folder: str, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    """The files, in a folder."""
    return {f"{folder}/{name}": data for name, data in files.items()}


def zipped(files: dict[str, bytes] = FILES, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The bytes of a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def problem_of(path: Path) -> str:
    """What is said of something that is no export, in one error that names it."""
    with pytest.raises(HmisCsvError) as caught:
        hmis_csv.read(path)
    assert caught.value.path == path.name
    assert str(caught.value) == f"{path.name}: {caught.value.problem}"
    assert caught.value.__cause__ is None
    return caught.value.problem


def assert_is_the_export(path: Path) -> None:
    """What is read at ``path`` is the export of these tests."""
    with hmis_csv.read(path) as export:
        assert [enrollment.enrollment_id for enrollment in export.enrollments] == ["E1"]
        assert [client.first_name for client in export.clients] == ["Ann"]
        assert list(export.issues) == []
        assert export.name == path.name


@pytest.mark.parametrize(
    "files",
    [
        FILES,
        within("export"),
        {name.upper(): data for name, data in FILES.items()},
        FILES | within("older"),
        FILES | {"Services.csv": b"\0", "Custom.xlsx": b"", "notes/readme.txt": b"", "Client.csv.bak": b""},
        FILES | {"._Client.csv": b"\0", ".vs/Client.csv": b"", "__MACOSX/Enrollment.csv": b"", ".DS_Store": b""},
        within("export") | within("__MACOSX") | within(".vs") | {"empty/readme.txt": b""},
    ],
)
def test_an_export_may_stand_in_a_folder_or_a_zip_or_in_one_folder_of_it(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    """SPEC 9.1: a folder or a zip, its files at the top or in a subfolder, junk and other files beside them."""
    assert_is_the_export(write_folder(tmp_path / "export.d", files))
    assert_is_the_export(write_zip(tmp_path / "export.zip", files))


@pytest.mark.parametrize(
    "files",
    [
        within("a/b/c"),
        within("./a"),
        {f"export\\{name}": data for name, data in FILES.items()},
        FILES | within("a") | within("b"),
        {"export/": b""} | within("export"),
        {"export.zip": zipped()},
        {"a/export.ZIP": zipped(within("b")), "readme.txt": b""},
        FILES | {"older.zip": b"none", "other.zip": b"none"},
        FILES | {"older.7z": SEVEN_ZIP},
        {"export.zip": zipped(), "._export.zip": b"", "folder.zip/": b""},
    ],
)
def test_a_zip_may_hold_the_export_in_any_one_folder_or_in_a_zip(tmp_path: Path, files: dict[str, bytes]) -> None:
    """SPEC 9.1: CSVs in a subfolder of the zip, and a zip inside the zip."""
    assert_is_the_export(write_zip(tmp_path / "export.zip", files))


def test_an_export_is_the_same_zipped_or_not(tmp_path: Path) -> None:
    """SPEC 9.1: a folder and a zip of one export give equal records, issues and digest."""
    files = contents(Client=[], User=b"", Exit=["X1,E1,C1,1/9/2026,,", "X2,E9,C1,2026-01-09,,"])
    paths = [
        write_folder(tmp_path / "folder", files),
        write_zip(tmp_path / "stored.zip", files, zipfile.ZIP_STORED),
        write_zip(tmp_path / "deep.zip", within("a/b", files)),
        write_zip(tmp_path / "inner.zip", {"export.zip": zipped(within("c", files))}),
        write_folder(tmp_path / "shouting", {name.upper(): data for name, data in files.items()}),
    ]
    exports = [hmis_csv.read(path) for path in paths]
    for read_as in (
        lambda export: export.sha256,
        lambda export: list(export.issues),
        lambda export: [
            list(export.rows(kind)) for kind in ("client", "user", "organization", "project", "enrollment")
        ],
    ):
        assert all(read_as(export) == read_as(exports[0]) for export in exports)
    assert exports[0].issue_counts == {"date-format": 1, "orphan-exit": 1, "unknown-client": 1, "unknown-user": 1}


def test_the_digest_is_that_of_the_files_that_are_read(tmp_path: Path) -> None:
    """SPEC 8.5: other bytes, or the same in another file, are another export; other files do not count."""
    digests = [
        hmis_csv.read(write(tmp_path / "export")).sha256,
        hmis_csv.read(write(tmp_path / "same", Services=b"more")).sha256,
        hmis_csv.read(write(tmp_path / "other", Client=["C1,Ann,Li,"])).sha256,
        hmis_csv.read(write(tmp_path / "user", User=b"Name\n", Organization=None)).sha256,
        hmis_csv.read(write(tmp_path / "organization", User=None, Organization=b"Name\n")).sha256,
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4
    assert all(len(digest) == 64 for digest in digests)


def test_the_name_is_that_of_the_folder_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: messages name the file and never the path to it."""
    folder = write(tmp_path / "export")
    monkeypatch.chdir(folder)
    assert hmis_csv.read(".").name == "export"
    assert hmis_csv.read(f"{folder}/").name == "export"


def test_what_is_not_there_is_said_not_to_be_there(tmp_path: Path) -> None:
    """SPEC 9.2: a path that leads nowhere is one clear error."""
    assert "no such file or folder" in problem_of(tmp_path / "export.zip")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
def test_what_is_neither_file_nor_folder_is_not_waited_for(tmp_path: Path) -> None:
    """SPEC 9.2: a pipe in the place of an export, or of a file in it, does not hang the import."""
    os.mkfifo(tmp_path / "export.zip")
    assert "no such file or folder" in problem_of(tmp_path / "export.zip")
    os.mkfifo(write(tmp_path / "export", Client=None) / "Client.csv")
    assert problem_of(tmp_path / "export").startswith("Client.csv is no file")


def test_a_path_that_the_system_refuses_is_one_clear_error(tmp_path: Path) -> None:
    """SPEC 9.2: what the operating system says becomes the one error."""
    assert problem_of(tmp_path / ("x" * 300))


@pytest.mark.skipif(sys.platform != "linux", reason="a file that can be opened and not read")
@pytest.mark.parametrize("name", ["Export", "Enrollment"])
def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path, name: str) -> None:
    """SPEC 9.2: an error while a file is read names the file."""
    (write(tmp_path / "export", **{name: None}) / f"{name}.csv").symlink_to("/proc/self/mem")
    assert problem_of(tmp_path / "export").startswith(f"{name}.csv cannot be read: ")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"readme.txt": b""},
        {"Project.csv": FILES["Project.csv"]},
        within("export", {"Project.csv": FILES["Project.csv"]}),
        {"data.json": b"{}", "b/data.json": b"{}"},
    ],
)
def test_what_has_no_enrollments_is_no_export(tmp_path: Path, files: dict[str, bytes]) -> None:
    """SPEC 9.2: without an Enrollment.csv there is no export to read."""
    (tmp_path / "export").mkdir()
    assert "no Enrollment.csv" in problem_of(write_folder(tmp_path / "export", files))
    assert "no Enrollment.csv" in problem_of(write_zip(tmp_path / "export.zip", files))


def test_a_folder_is_never_searched_deep(tmp_path: Path) -> None:
    """SPEC 9.1: a folder holds the export itself or in a folder of its own, and no deeper."""
    assert "no Enrollment.csv" in problem_of(write_folder(tmp_path / "export", within("a/b")))


def test_a_zip_in_a_zip_in_a_zip_is_not_searched(tmp_path: Path) -> None:
    """SPEC 9.1: zips are opened one level deep."""
    path = write_zip(tmp_path / "export.zip", {"export.zip": zipped({"export.zip": zipped()})})
    assert "no Enrollment.csv" in problem_of(path)


def test_two_exports_in_one_place_are_not_chosen_from(tmp_path: Path) -> None:
    """SPEC 9.2: where there are several exports, the caller says which."""
    files = within("2025") | within("2026")
    assert "more than one folder" in problem_of(write_folder(tmp_path / "exports", files))
    assert "more than one folder" in problem_of(write_zip(tmp_path / "exports.zip", files))
    archives = {"2025.zip": zipped(), "2026.7z": SEVEN_ZIP}
    assert "several archives" in problem_of(write_zip(tmp_path / "zips.zip", archives))


def test_two_files_of_one_name_are_not_chosen_from(tmp_path: Path) -> None:
    """SPEC 9.2: where a file is there twice, the caller says which."""
    path = write_zip(tmp_path / "export.zip", FILES | {"CLIENT.CSV": FILES["Client.csv"]})
    assert "more than one Client.csv" in problem_of(path)


@pytest.mark.parametrize("name", ["Client", "Enrollment"])
def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path, name: str) -> None:
    """SPEC 9.2: a file that is a directory is one clear error."""
    files = contents(**{name: None}) | {f"{name}.csv/": b""}
    (write_folder(tmp_path / "export", contents(**{name: None})) / f"{name}.csv").mkdir()
    assert problem_of(tmp_path / "export").startswith(f"{name}.csv is no file")
    assert problem_of(write_zip(tmp_path / "export.zip", files)).startswith(f"{name}.csv is no file")


@pytest.mark.parametrize("name", ["export.zip", "export.7z", "Enrollment.csv"])
def test_a_7_zip_file_is_named_as_what_it_is(tmp_path: Path, name: str) -> None:
    """SPEC 9.2: 7-Zip files, whatever they are called, are said to be 7-Zip files."""
    (tmp_path / name).write_bytes(SEVEN_ZIP)
    assert "7-Zip archive: unpack it first" in problem_of(tmp_path / name)


@pytest.mark.parametrize("name", ["export.zip", "export.7z"])
def test_a_7_zip_file_in_a_zip_is_named_as_what_it_is(tmp_path: Path, name: str) -> None:
    """SPEC 9.2: 7-Zip files inside a zip are said to be 7-Zip files too."""
    assert "7-Zip archive" in problem_of(write_zip(tmp_path / "outer.zip", {name: SEVEN_ZIP}))


@pytest.mark.parametrize("data", [b"", b"EnrollmentID,PersonalID\n", b"\x1f\x8b\x08\0", FILES["Enrollment.csv"]])
def test_a_file_that_is_no_archive_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    """SPEC 9.2: a file that is neither a folder nor a zip is one clear error."""
    (tmp_path / "Enrollment.csv").write_bytes(data)
    assert "neither a folder nor a zip" in problem_of(tmp_path / "Enrollment.csv")


def test_a_zip_with_a_password_is_said_to_have_one(tmp_path: Path) -> None:
    """SPEC 9.2: an encrypted zip is one clear error."""
    data = bytearray(zipped())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = data.find(signature)
        while start >= 0:
            data[start + flags] |= 1
            start = data.find(signature, start + 1)
    (tmp_path / "export.zip").write_bytes(data)
    assert "password" in problem_of(tmp_path / "export.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_that_is_packed_in_a_rare_way_is_refused(tmp_path: Path, compression: int) -> None:
    """SPEC 9.2: a compression whose unpacking has no bounds is not read."""
    path = write_zip(tmp_path / "export.zip", FILES, compression)
    assert "packed in a way that cannot be read" in problem_of(path)


@pytest.mark.parametrize("length", [30, 0.5, 0.9, -1])
def test_a_zip_that_was_cut_off_is_said_to_be_damaged(tmp_path: Path, length: float) -> None:
    """SPEC 9.2: a download that broke off is one clear error."""
    data = zipped()
    (tmp_path / "export.zip").write_bytes(data[: int(length * len(data)) if 0 < length < 1 else int(length)])
    assert "damaged" in problem_of(tmp_path / "export.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_is_found_while_a_file_is_read(tmp_path: Path, compression: int) -> None:
    """SPEC 9.2: damage far behind the start of a file is found, and the file is named."""
    rows = [f"E{number},C1,P1,2026-01-05,H{number},1,U1,," for number in range(30_000)]
    path = write_zip(tmp_path / "export.zip", contents(Enrollment=rows), compression)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("Enrollment.csv")
    data = bytearray(path.read_bytes())
    data[info.header_offset + info.compress_size] ^= 0xFF
    path.write_bytes(data)
    assert problem_of(path).startswith("Enrollment.csv is damaged")


PACKED = (zipped(), zipped({"export.zip": zipped()}))  # once: a zip holds the time of its making


@given(st.data())
def test_a_damaged_zip_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """SPEC 9.2: whatever bytes of a zip are wrong, nothing but the one error comes out."""
    packed = bytearray(data.draw(st.sampled_from(PACKED)))
    for place in data.draw(st.lists(st.integers(0, len(packed) - 1), min_size=1, max_size=4)):
        packed[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "export.zip"
    path.write_bytes(packed)
    with suppress(HmisCsvError):
        hmis_csv.read(path).close()


@pytest.mark.parametrize(
    "name",
    [
        "../Client.csv",
        "a/../../Client.csv",
        "..\\Client.csv",
        "a\\..",
        "/etc/Client.csv",
        "\\Client.csv",
        "C:\\Client.csv",
        "c:Client.csv",
        "..",
    ],
)
def test_an_entry_that_points_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    """SPEC 9.2: a zip whose entries climb out of it is no export."""
    assert "points out of the zip" in problem_of(write_zip(tmp_path / "export.zip", FILES | {name: b""}))


def test_names_with_dots_do_not_point_out_of_the_zip(tmp_path: Path) -> None:
    """SPEC 9.1: dots in names are no harm."""
    assert_is_the_export(write_zip(tmp_path / "export.zip", FILES | {"a..b/c...": b"", "..a": b"", "b..": b""}))


@pytest.mark.parametrize("data", [b"", b"none", zipped()[:-9], SEVEN_ZIP])
def test_an_archive_in_the_zip_that_cannot_be_opened_is_named(tmp_path: Path, data: bytes) -> None:
    """SPEC 9.2: it is said that the inner archive is the one that cannot be read."""
    assert problem_of(write_zip(tmp_path / "outer.zip", {"export.zip": data})).startswith("the archive in it is ")


def test_a_file_that_unpacks_to_far_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: a zip bomb is one clear error."""
    monkeypatch.setattr(hmis_source, "ALWAYS_ALLOWED", 10**6)
    blank = (b"," * 1000 + b"\n") * 2000
    bomb = contents(Enrollment=FILES["Enrollment.csv"] + blank)
    assert problem_of(write_zip(tmp_path / "bomb.zip", bomb)).startswith("Enrollment.csv unpacks to far more")
    inner = {"export.zip": zipped(), "more.7z/": b""}
    assert_is_the_export(write_zip(tmp_path / "export.zip", inner))
    nested = zipped({"export.zip": zipped(FILES | {"Services.csv": blank}, zipfile.ZIP_STORED)})
    (tmp_path / "nested.zip").write_bytes(nested)
    assert "the archive in it unpacks to far more" in problem_of(tmp_path / "nested.zip")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: however long a bomb would take to read, the size that the zip gives for it is enough to refuse it."""
    monkeypatch.setattr(hmis_source, "ALWAYS_ALLOWED", 10**6)
    path = write_zip(tmp_path / "bomb.zip", contents(Enrollment=b"E1,C1,P1\n" * 10**6))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("Enrollment.csv")
    data = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename)
    data[start : start + 9] = b"\xff" * 9  # which nobody can unpack
    path.write_bytes(data)
    assert problem_of(path).startswith("Enrollment.csv unpacks to far more")


def test_a_size_that_the_zip_gives_too_small_is_damage(tmp_path: Path) -> None:
    """SPEC 9.2: no more is unpacked than the zip says, and then what there is does not fit its checksum."""
    path = write_zip(tmp_path / "bomb.zip", contents(Enrollment=["E1,C1,P1,2026-01-05,H1,1,U1,,"] * 100_000))
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("Enrollment.csv").file_size.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(size, (1000).to_bytes(4, "little")))
    assert problem_of(path).startswith("Enrollment.csv is damaged")


def test_what_compresses_well_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: a real export, which compresses 10 to 40 times, is never taken for a bomb."""
    monkeypatch.setattr(hmis_source, "ALWAYS_ALLOWED", 0)
    rows = [f"E{number},C1,P1,2026-01-05,H1,1,U1,2026-01-05 10:00:00," for number in range(5_000)]
    files = contents(Enrollment=rows)
    path = write_zip(tmp_path / "export.zip", files)
    assert path.stat().st_size * 10 < len(files["Enrollment.csv"])
    assert len(hmis_csv.read(path).enrollments) == 5_000


def test_a_zip_in_the_zip_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SPEC 9.2: what is copied to the disk before it is opened has a bound."""
    monkeypatch.setattr(hmis_source, "LARGEST_INNER_ZIP", 100)
    path = write_zip(tmp_path / "export.zip", {"export.zip": zipped()})
    assert "the archive in it unpacks to far more" in problem_of(path)
