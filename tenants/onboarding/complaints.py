"""What is wrong with a row, where, and how to mend it; and the report that carries it back to a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from gongzhi.tenants.onboarding.showing import shorten
from gongzhi.tenants.onboarding.wording import CATALOGUE, Severity

#: A spreadsheet takes a cell that begins with one of these for a formula, or runs it as one after trimming.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

REPORT_HEADER = (
    "行 line",
    "列 column",
    "程度 severity",
    "代号 kind",
    "原值 value",
    "问题",
    "处理办法",
    "problem",
    "remedy",
)

_COLUMN_SHOWN = {
    "code": "代码 code",
    "name": "名称 name",
    "level": "级别 level",
    "parent_code": "上级代码 parent_code",
}
_SEVERITY_SHOWN = {"error": "错误 error", "warning": "警告 warning", "note": "提示 note"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """One thing to know about one row, or about the file when there is no line.

    :param code: stable for ever; a key of :data:`~gongzhi.tenants.onboarding.wording.CATALOGUE`.
    :param value: the offending cell, in at most 60 characters, control characters made visible.
    """

    line: int | None
    column: str | None
    code: str
    value: str
    zh: str
    en: str
    remedy_zh: str
    remedy_en: str
    severity: Severity


def complaint(
    kind: str, /, *, line: int | None, column: str | None = None, value: str = "", **facts: object
) -> Complaint:
    """A complaint in the words of the catalogue."""
    wording = CATALOGUE[kind]
    shown = shorten(value)
    told = {name: shorten(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    told["value"] = shown
    return Complaint(
        line=line,
        column=column,
        code=kind,
        value=shown,
        zh=wording.zh.format(**told),
        en=wording.en.format(**told),
        remedy_zh=wording.remedy_zh.format(**told),
        remedy_en=wording.remedy_en.format(**told),
        severity=wording.severity,
    )


@dataclass(slots=True)
class Findings:
    """What was found on one line while it was read."""

    line: int | None
    complaints: list[Complaint] = field(default_factory=list)

    def add(self, kind: str, /, *, column: str | None = None, value: str = "", **facts: object) -> None:
        """Complain of this line; the same complaint of the same cell is made once."""
        new = complaint(kind, line=self.line, column=column, value=value, **facts)
        if new not in self.complaints:
            self.complaints.append(new)

    @property
    def refused(self) -> bool:
        """Whether the row cannot be taken."""
        return any(found.severity == "error" for found in self.complaints)


def report_csv(complaints: Iterable[Complaint]) -> bytes:
    """The complaints as a CSV that a spreadsheet opens: UTF-8 with byte order mark, CRLF, no live formulas."""
    page = io.StringIO(newline="")
    writer = csv.writer(page, lineterminator="\r\n")
    writer.writerow(REPORT_HEADER)
    for found in complaints:
        writer.writerow(_inert(cell) for cell in _cells(found))
    # A lone surrogate can come from nowhere but a careless caller; the report is written all the same.
    return page.getvalue().encode("utf-8-sig", "backslashreplace")


def _cells(found: Complaint) -> tuple[str, ...]:
    return (
        "" if found.line is None else str(found.line),
        _COLUMN_SHOWN.get(found.column or "", found.column or ""),
        _SEVERITY_SHOWN[found.severity],
        found.code,
        found.value,
        found.zh,
        found.remedy_zh,
        found.en,
        found.remedy_en,
    )


def _inert(cell: str) -> str:
    """The cell with an apostrophe before whatever would make it a formula, full-width signs included."""
    if cell.startswith(FORMULA_STARTS) or unicodedata.normalize("NFKC", cell[:1]).startswith(FORMULA_STARTS):
        return "'" + cell
    return cell
