"""Bytes become rows, or one refusal that says how to mend the file."""

import os
from pathlib import Path

import pytest

from gongzhi.core.errors import Refusal
from gongzhi.tenants.onboarding.limits import Limits
from gongzhi.tenants.onboarding.refusals import (
    FileEmpty,
    FileEncoding,
    FileEncrypted,
    FileKind,
    FileOldXls,
    FileQuotes,
    FileTooLarge,
    FileTooManyRows,
    FileTooWide,
    FileUnreadable,
    HeaderMissing,
    HeaderTwice,
    OnboardingRefused,
)
from gongzhi.tenants.onboarding.sheet import read_sheet, read_sheet_bytes

DIVISIONS = Path(__file__).parents[2] / "data" / "divisions"
HEADER = "code,name,level,parent_code\n"
ROWS = "510129,大邑县,county,5101\n510129106,䢺江镇,street,510129\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def refused(kind: type[Refusal], data: bytes, limits: Limits | None = None) -> Refusal:
    """The refusal of these bytes, which must speak both languages."""
    with pytest.raises(kind) as caught:
        read_sheet_bytes("divisions.csv", data, limits=limits or Limits())
    says_how_to_mend(caught.value)
    return caught.value


def says_how_to_mend(refusal: Refusal) -> None:
    assert refusal.code.startswith("ONBOARDING_")
    assert "请" in refusal.message("zh")
    assert any(
        verb in refusal.message("en")
        for verb in (
            "check",
            "save",
            "keep",
            "export",
            "remove",
            "download",
            "copy",
            "put",
            "delete",
            "open it",
            "fill",
        )
    )


class TestRead:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    def test_takes_every_encoding_a_county_uses(self, encoding):
        sheet = read_sheet_bytes("divisions.csv", (HEADER + ROWS).encode(encoding))

        assert [row.cells["name"] for row in sheet.rows] == ["大邑县", "䢺江镇"]
        assert sheet.encoding == encoding
        assert sheet.columns == ("code", "name", "level", "parent_code")

    @pytest.mark.parametrize("path", sorted(DIVISIONS.glob("*.csv")), ids=lambda path: path.name[:6])
    def test_takes_the_real_files_in_gb18030_too(self, path):
        recoded = path.read_text("utf-8").encode("gb18030")

        sheet = read_sheet_bytes(path.name, recoded)

        assert sheet.encoding == "gb18030"
        assert sheet.rows == read_sheet(path).rows

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_sniffs_the_delimiter_by_the_header(self, delimiter):
        sheet = read_sheet_bytes("divisions.csv", (HEADER + ROWS).replace(",", delimiter).encode())

        assert sheet.rows[1].cells == {
            "code": "510129106",
            "name": "䢺江镇",
            "level": "street",
            "parent_code": "510129",
        }

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_counts_lines_as_a_person_sees_them(self, end):
        """A cell of three lines and a blank line move what follows."""
        text = f'code,name{end}510129,"大邑{end}县{end}"{end}{end}510129106,䢺江镇{end}'

        sheet = read_sheet_bytes("divisions.csv", text.encode())

        assert [(row.line, row.cells["code"]) for row in sheet.rows] == [(2, "510129"), (6, "510129106")]

    def test_keeps_cells_as_they_are(self):
        sheet = read_sheet_bytes("divisions.csv", "code,name\n '510129 ,　大邑县\n".encode())

        assert sheet.rows[0].cells == {"code": " '510129 ", "name": "　大邑县"}

    def test_fills_short_rows_and_keeps_what_is_beyond_the_header(self):
        sheet = read_sheet_bytes("divisions.csv", (HEADER + "510129\n510129,大邑,县,county,5101\n").encode())

        assert sheet.rows[0].cells == {"code": "510129", "name": "", "level": "", "parent_code": ""}
        assert sheet.rows[1].surplus == ("5101",)


class TestHeader:
    @pytest.mark.parametrize(
        "header",
        [
            "代码,名称,级别,上级代码",
            "统计用区划代码,单位名称,层级,父级代码",
            "区划代码,名称,级别,上级代码",
            " Code , NAME ,Level,Parent Code",
            "ｃｏｄｅ,ｎａｍｅ,ｌｅｖｅｌ,ｐａｒｅｎｔ＿ｃｏｄｅ",
            "代码*,名称（＊）,级　别,上级代码",
        ],
    )
    def test_is_read_in_both_languages(self, header):
        sheet = read_sheet_bytes("divisions.csv", f"{header}\n510129,大邑县,county,5101\n".encode())

        assert sheet.columns == ("code", "name", "level", "parent_code")
        assert sheet.ignored_columns == ()

    def test_lists_the_columns_it_ignores(self):
        sheet = read_sheet_bytes(
            "divisions.csv", "序号,代码,城乡分类代码,名称,\n1,510129,111,大邑县,\n".encode()
        )

        assert sheet.ignored_columns == ("序号", "城乡分类代码")
        assert sheet.rows[0].cells == {"code": "510129", "name": "大邑县"}

    def test_may_stand_below_a_title(self):
        sheet = read_sheet_bytes("divisions.csv", "大邑县区划表,,\n\n代码,名称\n510129,大邑县\n".encode())

        assert sheet.header_line == 3
        assert [row.line for row in sheet.rows] == [4]

    def test_missing_is_refused_with_what_was_found(self):
        refusal = refused(HeaderMissing, ROWS.encode())

        assert refusal.facts["missing"] == "code, name"
        assert "大邑县" in refusal.message("zh")

    def test_without_a_name_says_so(self):
        assert refused(HeaderMissing, b"code,level\n510129,county\n").facts["missing"] == "name"

    def test_with_one_column_twice_is_refused(self):
        refusal = refused(HeaderTwice, "代码,统计用区划代码,名称\n1,2,3\n".encode())

        assert refusal.facts["labels"] == "代码, 统计用区划代码"


class TestRefuse:
    def test_two_hundred_megabytes_unread(self, tmp_path, monkeypatch):
        """A sparse file: refused by its size, without opening it."""
        path = tmp_path / "big.csv"
        with path.open("wb") as file:
            file.truncate(200 * 1024 * 1024)
        monkeypatch.setattr(Path, "open", None)

        with pytest.raises(FileTooLarge) as caught:
            read_sheet(path)

        assert caught.value.message("en").startswith("The file 'big.csv' has 200 MB, the limit is 20 MB")
        says_how_to_mend(caught.value)

    def test_bytes_over_the_limit(self):
        refused(FileTooLarge, b"x" * 11, Limits(octets=10))

    @pytest.mark.parametrize("data", [b"", b" \r\n\t\n", b"\xef\xbb\xbf", b"\x00" * 50, HEADER.encode()])
    def test_an_empty_file(self, data):
        assert refused(FileEmpty, data).code == "ONBOARDING_FILE_EMPTY"

    def test_what_is_not_there_or_not_a_file(self, tmp_path):
        for path in (tmp_path / "absent.csv", tmp_path, Path(os.devnull), Path("a\0b")):
            with pytest.raises(FileUnreadable) as caught:
                read_sheet(path)
            says_how_to_mend(caught.value)

    def test_an_old_workbook_whatever_its_name(self):
        refusal = refused(FileOldXls, OLE + b"\x00" * 600)

        assert ".xlsx" in refusal.message("zh")
        assert ".xlsx" in refusal.message("en")

    def test_a_workbook_with_a_password(self):
        refused(FileEncrypted, OLE + b"\x00" * 600 + "EncryptedPackage".encode("utf-16-le") + b"\x00" * 40)

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"%PDF-1.7\n", "PDF"),
            (b"\n <html><table><tr><td>code</td></tr></table>", "HTML / XML"),
            (b"\x89PNG\r\n\x1a\n", "PNG"),
            (b"Rar!\x1a\x07", "RAR"),
        ],
    )
    def test_what_is_no_table_by_its_content(self, data, kind):
        assert refused(FileKind, data).facts["kind"] == kind

    def test_text_of_no_known_encoding_with_line_and_byte(self):
        data = HEADER.encode() + "510129,大邑县".encode("gb18030") + b"\n510129106,\xff\n"

        refusal = refused(FileEncoding, data)

        assert (refusal.facts["line"], data[int(str(refusal.facts["byte"])) - 1]) == (3, 0xFF)
        assert "GB18030" in refusal.message("en")

    def test_damaged_utf8_rather_than_take_it_for_gb18030(self):
        """GB18030 decodes most UTF-8, to garbled names that nobody would notice in a thousand rows."""
        data = (HEADER + ROWS).encode()
        place = data.index("江".encode())
        damaged = data[:place] + data[place + 1 :]

        refusal = refused(FileEncoding, damaged)

        assert (refusal.facts["line"], refusal.facts["encoding"]) == (3, "UTF-8")

    def test_a_bad_byte_under_a_byte_order_mark(self):
        assert refused(FileEncoding, b"\xef\xbb\xbfcode,name\n\xff,x\n").facts["line"] == 2

    def test_a_quotation_mark_that_is_never_closed(self):
        """It would swallow the rest of the county without a word."""
        data = 'code,name\n510129,大邑县\n510129106,"䢺江镇\n510129107,花水湾镇\n'.encode()

        assert refused(FileQuotes, data).facts["line"] == 3

    def test_a_quotation_mark_that_runs_on_for_ever(self):
        assert refused(FileQuotes, b'code,name\n510129,"' + b"x" * 200_000 + b'"\n').facts["line"] == 2

    def test_too_many_rows(self):
        data = (HEADER + ROWS + ROWS).encode()

        assert refused(FileTooManyRows, data, Limits(rows=3)).facts["line"] == 5
        assert len(read_sheet_bytes("divisions.csv", data, limits=Limits(rows=4)).rows) == 4

    def test_too_many_columns(self):
        refused(FileTooWide, b"code,name" + b",x" * 99 + b"\n1,2\n")
        assert refused(FileTooWide, b"code,name\n1" + b"," * 100 + b"\n").facts["line"] == 2


def test_every_refusal_speaks_both_languages():
    facts = dict.fromkeys(
        [
            "file",
            "size",
            "limit",
            "kind",
            "line",
            "byte",
            "encoding",
            "missing",
            "found",
            "column",
            "labels",
            "county",
            "held",
            "unclear",
        ],
        "?",
    )
    for kind in OnboardingRefused.__subclasses__():
        says_how_to_mend_with = kind(**facts)
        assert says_how_to_mend_with.message("zh") != says_how_to_mend_with.message("en")
        assert Refusal.catalogue[kind.code] is kind
