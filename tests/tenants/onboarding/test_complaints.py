"""The catalogue is complete in both languages, and the report is safe to open."""

import csv
import io
import string
from pathlib import Path

import pytest

from gongzhi.tenants.onboarding.complaints import Findings, complaint, report_csv
from gongzhi.tenants.onboarding.showing import shorten
from gongzhi.tenants.onboarding.wording import CATALOGUE

TESTS = "".join(path.read_text("utf-8") for path in Path(__file__).parents[1].rglob("test_*.py"))


def placeholders(*texts: str) -> set[str]:
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def reported(value: str) -> list[str]:
    report = report_csv([complaint("ROW_LEVEL_UNKNOWN", line=7, column="level", value=value)])
    [_, row] = csv.reader(io.StringIO(report.decode("utf-8-sig"), newline=""))
    return row


class TestCatalogue:
    @pytest.mark.parametrize("code", CATALOGUE)
    def test_says_the_same_in_both_languages(self, code):
        """Apart from the names of levels, which each language has for itself."""
        wording = CATALOGUE[code]
        zh = {name.removesuffix("_zh") for name in placeholders(wording.zh, wording.remedy_zh)}
        en = {name.removesuffix("_en") for name in placeholders(wording.en, wording.remedy_en)}

        assert zh == en
        assert all((wording.zh, wording.en, wording.remedy_zh, wording.remedy_en))

    @pytest.mark.parametrize("code", CATALOGUE)
    def test_is_tested(self, code):
        assert f'"{code}"' in TESTS


class TestComplaint:
    def test_shows_sixty_characters_of_a_cell(self):
        found = complaint("ROW_LEVEL_UNKNOWN", line=7, column="level", value="级" * 1000)

        assert found.value == "级" * 59 + "…"

    def test_makes_control_characters_harmless(self):
        """A cell could otherwise speak to the terminal on which it is printed."""
        assert shorten("a\x1b[2J\n\u202eb\x9b\ud800") == "a␛[2J␊�b��"

    def test_takes_braces_in_a_cell_for_braces(self):
        assert "{0.__class__}" in complaint("ROW_LEVEL_UNKNOWN", line=1, value="{0.__class__}").en

    def test_is_made_once_for_one_cell(self):
        findings = Findings(7)
        findings.add("ROW_CODE_MISSING", column="code")
        findings.add("ROW_CODE_MISSING", column="code")

        assert len(findings.complaints) == 1
        assert findings.refused


class TestReport:
    def test_opens_in_a_spreadsheet(self):
        report = report_csv(
            [
                complaint("ROW_NAME_MISSING", line=7, column="name"),
                complaint("FILE_OTHER_WORKSHEETS", line=None, value="表2"),
            ]
        )

        assert report.startswith(b"\xef\xbb\xbf")
        assert report.count(b"\r\n") == report.count(b"\n") == 3
        [header, row, whole] = csv.reader(io.StringIO(report.decode("utf-8-sig"), newline=""))
        assert header[:5] == ["行 line", "列 column", "程度 severity", "代号 kind", "原值 value"]
        assert row == [
            "7",
            "名称 name",
            "错误 error",
            "ROW_NAME_MISSING",
            "",
            "没有填写名称",
            "补填名称",
            "The name is missing",
            "Fill the name in",
        ]
        assert whole[0] == ""

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
    def test_holds_no_live_formula(self, start):
        assert reported(f"{start}cmd|' /C calc'!A0")[4] == f"'{start}cmd|' /C calc'!A0"

    @pytest.mark.parametrize("start", ["\t", "\r", "\n"])
    def test_holds_no_formula_behind_a_control_character(self, start):
        assert reported(f"{start}=1+1")[4].startswith(("␉", "␍", "␊"))

    def test_of_nothing_is_a_header(self):
        assert report_csv([]).count(b"\r\n") == 1

    def test_is_written_whatever_a_cell_holds(self):
        assert reported("\ud800,\"'")[4] == "�,\"'"
