"""XLSX is read like CSV, and what only looks like XLSX is refused before it does harm."""

import io
import zipfile
from datetime import date

import openpyxl
import pytest

from gongzhi.core.errors import Misconfigured, Refusal
from gongzhi.tenants.onboarding import workbook
from gongzhi.tenants.onboarding.limits import Limits
from gongzhi.tenants.onboarding.refusals import (
    FileBomb,
    FileCorrupt,
    FileEmpty,
    FileEncrypted,
    FileEntities,
    FileKind,
    FileTooManyRows,
    FileTooWide,
    FileTruncated,
    HeaderMissing,
)
from gongzhi.tenants.onboarding.rows import survey
from gongzhi.tenants.onboarding.sheet import read_sheet_bytes

TABLE = [
    ["code", "name", "level", "parent_code"],
    ["510129", "大邑县", "county", "5101"],
    ["510129106", "䢺江镇", "street", "510129"],
]
SHEET = "xl/worksheets/sheet1.xml"


def xlsx(*tables: list[list[object]], hidden: int | None = None) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, table in enumerate(tables):
        sheet = book.create_sheet(f"表{number + 1}")
        for row in table:
            sheet.append(row)
        if number == hidden:
            sheet.sheet_state = "hidden"
    page = io.BytesIO()
    book.save(page)
    return page.getvalue()


def repacked(data: bytes, replaced: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The same archive with other content in some members."""
    page = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(page, "w", compression) as new:
        for name in {*old.namelist(), *replaced}:
            new.writestr(name, replaced[name] if name in replaced else old.read(name))
    return page.getvalue()


def member(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def refused(kind: type[Refusal], data: bytes, limits: Limits | None = None) -> Refusal:
    with pytest.raises(kind) as caught:
        read_sheet_bytes("divisions.xlsx", data, limits=limits or Limits())
    assert "请" in caught.value.message("zh")
    assert caught.value.message("en")
    return caught.value


class TestRead:
    def test_takes_rows_by_their_number_in_the_sheet(self):
        sheet = read_sheet_bytes("x", xlsx([["大邑县区划"], [], *TABLE[:2], [], *TABLE[2:]]))

        assert [(row.line, row.cells["name"]) for row in sheet.rows] == [(4, "大邑县"), (6, "䢺江镇")]
        assert (sheet.header_line, sheet.worksheet, sheet.encoding) == (3, "表1", None)

    def test_judges_by_content_not_by_name(self):
        assert len(read_sheet_bytes("divisions.csv", xlsx(TABLE)).rows) == 2

    def test_reads_numbers_whole(self):
        """A code stored as a number loses nothing in an XLSX, however the cell displays it."""
        sheet = read_sheet_bytes(
            "x", xlsx([["code", "name"], [510129106, "a"], [510129106004.0, "b"], [5.5, "c"]])
        )

        assert [row.cells["code"] for row in sheet.rows] == ["510129106", "510129106004", "5.5"]

    def test_writes_dates_and_escapes_as_a_person_reads_them(self):
        sheet = read_sheet_bytes(
            "x", xlsx([["code", "name"], [date(2026, 1, 2), "大邑县_x000D_"], [True, None]])
        )

        assert sheet.rows[0].cells == {"code": "2026-01-02T00:00:00", "name": "大邑县\r"}
        assert sheet.rows[1].cells == {"code": "True", "name": ""}

    def test_takes_the_value_of_a_formula(self):
        """The value last computed; a formula nobody has computed is an empty cell."""
        plain = xlsx([["code", "name"], ["510129", '=CONCATENATE("大邑","县")']])
        computed = member(plain, SHEET).replace(b"<v />", b"<v>1</v>").replace(b"<v></v>", b"<v>1</v>")

        assert read_sheet_bytes("x", plain).rows[0].cells["name"] == ""
        assert read_sheet_bytes("x", repacked(plain, {SHEET: computed})).rows[0].cells["name"] == "1"

    def test_takes_the_first_visible_sheet_with_a_header_and_names_the_others(self):
        book = xlsx([["说明"], ["请勿修改"]], TABLE, TABLE, [["x"]])

        sheet = read_sheet_bytes("x", book)

        assert (sheet.worksheet, sheet.ignored_worksheets) == ("表2", ("表3",))

    def test_passes_over_hidden_sheets(self):
        old = [TABLE[0], ["510129", "旧名", "county", "5101"]]

        assert read_sheet_bytes("x", xlsx(old, TABLE, hidden=0)).rows[0].cells["name"] == "大邑县"

    def test_does_not_believe_the_dimensions_in_the_file(self):
        book = xlsx(TABLE)
        lying = member(book, SHEET).replace(b'ref="A1:D3"', b'ref="A1:XFD1048576"')

        sheet = read_sheet_bytes("x", repacked(book, {SHEET: lying}))

        assert b"XFD1048576" in lying
        assert len(sheet.rows) == 2

    def test_surveys_like_a_csv(self):
        found = survey(read_sheet_bytes("x", xlsx(TABLE)), county="510129")

        assert [street.name for street in found.streets] == ["䢺江镇"]


class TestRefuse:
    def test_a_bomb_by_its_ratio(self):
        assert (
            refused(FileBomb, repacked(xlsx(TABLE), {SHEET: b" " * 20_000_000})).code
            == "ONBOARDING_FILE_BOMB"
        )

    def test_a_bomb_by_its_size(self):
        refused(FileBomb, xlsx(TABLE), Limits(unpacked=1000))

    def test_a_bomb_that_lies_about_its_size(self):
        """The directory says 100 bytes; the content is what counts."""
        content = b" " * 5_000_000
        data = bytearray(repacked(xlsx(TABLE), {SHEET: content}))
        true = len(content).to_bytes(4, "little")
        assert data.count(true) == 2
        honest, lying = bytes(data), bytes(data.replace(true, (100).to_bytes(4, "little")))

        refused(FileBomb, honest)
        refused(FileBomb, lying)

    def test_a_bomb_of_many_members(self):
        page = io.BytesIO()
        with zipfile.ZipFile(page, "w") as archive:
            for number in range(1001):
                archive.writestr(f"xl/{number}", b"")
        refused(FileBomb, page.getvalue())

    def test_a_bomb_of_many_tags(self):
        refused(FileBomb, xlsx(TABLE), Limits(tags=50))

    def test_a_bomb_of_many_worksheets(self):
        refused(FileBomb, xlsx(*[TABLE] * 4), Limits(worksheets=3))

    def test_a_row_number_beyond_the_last(self):
        book = xlsx(TABLE)
        far = member(book, SHEET).replace(b'<row r="3"', b'<row r="99999999999"')

        refused(FileCorrupt, repacked(book, {SHEET: far}))

    @pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_compression_that_unpacks_without_bound(self, compression):
        refused(FileCorrupt, repacked(xlsx(TABLE), {}, compression))

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
    def test_a_truncated_file(self, share):
        data = xlsx(TABLE)

        assert refused(FileTruncated, data[: int(len(data) * share)]).code == "ONBOARDING_FILE_TRUNCATED"

    def test_damage_inside(self):
        data = bytearray(xlsx(TABLE))
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            place = archive.getinfo(SHEET).header_offset
        data[place + 60 : place + 80] = b"\x00" * 20

        refused(FileCorrupt, bytes(data))

    @pytest.mark.parametrize(
        "content",
        [
            b"<worksheet",
            b"",
            b"<a/>" * 3,
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="x"/></sheetData></worksheet>',
        ],
    )
    def test_broken_xml(self, content):
        refused(FileCorrupt, repacked(xlsx(TABLE), {SHEET: content}))

    @pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml"])
    def test_entities_in_any_part(self, part):
        """A billion laughs is stopped at the declaration."""
        laughs = b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'

        refused(FileEntities, repacked(xlsx(TABLE), {part: laughs}))

    def test_a_password_in_the_archive(self):
        data = bytearray(xlsx(TABLE))
        place = data.index(b"PK\x01\x02")
        data[place + 8] |= 1

        refused(FileEncrypted, bytes(data))

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("xl/workbook.bin", "XLSB"),
            ("word/document.xml", "DOCX"),
            ("content.xml", "ODS / ODF"),
            ("a.csv", "ZIP"),
        ],
    )
    def test_other_archives(self, name, kind):
        page = io.BytesIO()
        with zipfile.ZipFile(page, "w") as archive:
            archive.writestr(name, b"x")

        assert refused(FileKind, page.getvalue()).facts["kind"] == kind

    def test_an_archive_with_nothing_in_it(self):
        refused(FileKind, b"PK\x05\x06" + b"\x00" * 18)

    def test_an_empty_workbook(self):
        refused(FileEmpty, xlsx([]))
        refused(FileEmpty, xlsx(TABLE[:1]))

    def test_a_workbook_of_hidden_sheets(self):
        book = xlsx(TABLE)
        hidden = member(book, "xl/workbook.xml").replace(b'state="visible"', b'state="hidden"')

        refused(FileCorrupt, repacked(book, {"xl/workbook.xml": hidden}))

    def test_a_missing_header(self):
        assert "大邑县" in refused(HeaderMissing, xlsx(TABLE[1:])).message("zh")

    def test_too_many_rows_and_columns(self):
        refused(FileTooManyRows, xlsx(TABLE), Limits(rows=1))
        refused(FileTooWide, xlsx(TABLE), Limits(columns=3))

    def test_to_read_without_defusedxml(self, monkeypatch):
        monkeypatch.setattr(workbook, "DEFUSEDXML", False)

        with pytest.raises(Misconfigured, match="defusedxml"):
            read_sheet_bytes("x", xlsx(TABLE))
