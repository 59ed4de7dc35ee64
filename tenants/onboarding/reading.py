"""One row, read: its cells cleaned, its level settled, and everything said about it that needs no other row."""

from dataclasses import dataclass

from gongzhi.tenants.onboarding.codes import (
    DIGITS,
    LEVEL_ZH,
    Level,
    fit,
    has_full_width,
    level_of,
    levels_of_word,
    mend_code,
    tidy,
)
from gongzhi.tenants.onboarding.complaints import Findings
from gongzhi.tenants.onboarding.names import mend_name
from gongzhi.tenants.onboarding.sheet import RawRow

#: Endings of community codes that stand for statistical areas without a committee (virtual rows).
VIRTUAL_ENDINGS = ("498", "598")


@dataclass(slots=True)
class Reading:
    """What one row says.

    :param code: at the length of its level; None where the cell held no digits.
    :param level: None where neither word nor code tells.
    :param parent: the parent code the row names, padding removed; None where it names none.
    :param has_parent_cell: whether the table has a column for the parent at all.
    """

    line: int
    code: str | None
    name: str
    level: Level | None
    parent: str | None
    findings: Findings
    virtual: bool = False
    has_parent_cell: bool = True

    @property
    def refused(self) -> bool:
        """Whether the row cannot be taken."""
        return self.findings.refused


def read_row(row: RawRow, *, county: str) -> Reading:
    """The row as far as it can be read alone."""
    findings = Findings(row.line)
    if row.surplus:
        findings.add("ROW_CELLS_SURPLUS", value=" | ".join(row.surplus))
    raw = row.cells.get("code", "")
    digits = mend_code(raw, column="code", findings=findings)
    if not tidy(raw):
        findings.add("ROW_CODE_MISSING", column="code")
    level, code = _placed(digits, row, county, findings)
    if level == "community" and code and code.endswith(VIRTUAL_ENDINGS) and len(code) == DIGITS[level]:
        return _virtual(row.line, code)
    name = mend_name(row.cells.get("name", ""), findings)
    parent = None if level == "province" else _parent(row.cells.get("parent_code", ""), county, findings)
    return Reading(row.line, code, name, level, parent, findings, has_parent_cell="parent_code" in row.cells)


def _virtual(line: int, code: str) -> Reading:
    findings = Findings(line)
    findings.add("ROW_VIRTUAL", column="code", value=code, code=code)
    return Reading(line, code, "", "community", None, findings, virtual=True)


def _placed(
    digits: str | None, row: RawRow, county: str, findings: Findings
) -> tuple[Level | None, str | None]:
    """The level of the row and its code at that level's length."""
    word = row.cells.get("level", "")
    possible = levels_of_word(word)
    if possible and has_full_width(word):
        findings.add("ROW_FULLWIDTH_MENDED", column="level", value=word)
    if tidy(word) and not possible:
        findings.add("ROW_LEVEL_UNKNOWN", column="level", value=word)
    if digits is None:
        return (possible[0] if possible else None), None
    if not possible:
        return _placed_by_code(digits, county, findings, tell="level" in row.cells and not tidy(word))
    return _placed_by_word(digits, possible, row.cells["code"], findings)


def _placed_by_code(
    digits: str, county: str, findings: Findings, *, tell: bool
) -> tuple[Level | None, str | None]:
    level: Level | None = "county" if fit(digits, "county") == county else level_of(digits)
    if level is None:
        findings.add(
            "ROW_CODE_LENGTH",
            column="code",
            value=digits,
            digits=len(digits),
            level_zh="各级区划",
            level_en="division",
            expected="2/4/6/9/12",
        )
        return None, digits
    if tell:
        findings.add("ROW_LEVEL_DERIVED", column="level", level_zh=LEVEL_ZH[level], level_en=level)
    return level, _fitted(digits, level, findings)


def _placed_by_word(
    digits: str, possible: tuple[Level, ...], raw: str, findings: Findings
) -> tuple[Level | None, str | None]:
    level = next((level for level in possible if fit(digits, level) is not None), possible[0])
    code = fit(digits, level)
    if code is None:
        findings.add(
            "ROW_CODE_LENGTH",
            column="code",
            value=raw,
            digits=len(digits),
            level_zh=LEVEL_ZH[level],
            level_en=level,
            expected=DIGITS[level],
        )
        return level, digits
    actual = level_of(code)
    # 东莞 441900 and its like stand at county level with the code of a city.
    if actual is not None and actual != level != "county":
        findings.add(
            "ROW_CODE_LEVEL",
            column="code",
            value=raw,
            level_zh=LEVEL_ZH[level],
            level_en=level,
            actual_zh=LEVEL_ZH[actual],
            actual_en=actual,
        )
        return level, code
    return level, _fitted(digits, level, findings)


def _fitted(digits: str, level: Level, findings: Findings) -> str:
    code = fit(digits, level) or digits
    if code != digits:
        findings.add("ROW_CODE_UNPADDED", column="code", value=digits, code=code)
    return code


def _parent(raw: str, county: str, findings: Findings) -> str | None:
    """The parent's code, padding removed."""
    digits = mend_code(raw, column="parent_code", findings=findings)
    if digits is None:
        return None
    if fit(digits, "county") == county:
        return county
    level = level_of(digits)
    if level is None:
        findings.add("ROW_PARENT_MALFORMED", column="parent_code", value=raw)
        return None
    return fit(digits, level)
