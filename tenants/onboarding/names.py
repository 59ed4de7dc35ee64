"""Names of divisions: what is mended, what is refused, and the short form people use."""

import re
import unicodedata

from gongzhi.tenants.onboarding.codes import Level, has_full_width
from gongzhi.tenants.onboarding.complaints import Findings

LONGEST_NAME = 60

#: What a spreadsheet shows when a formula fails.
FORMULA_ERRORS = frozenset(
    {"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#SPILL!", "#CALC!", "#GETTING_DATA"}
)

#: Controls, invisible format signs, line and paragraph separators, halves of characters.
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
_AT_THE_EDGE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})

#: Tables stretch short names with blanks between the characters (易　县).
_BLANK_INSIDE = re.compile(r"(?<=[^\x00-\x7f])[ \u00a0\u2000-\u200a\u3000]+(?=[^\x00-\x7f])|\u3000+")
_NARROW = {
    wide: wide - 0xFEE0
    for first, last in ("０９", "ＡＺ", "ａｚ")
    for wide in range(ord(first), ord(last) + 1)
}

_COMMITTEE = re.compile(r"(?P<base>.+?)(?P<body>居民委员会|居委会|村民委员会|村委会)")
_BARE_COMMITTEE = re.compile(r"(?P<base>.*(?:社区|村|嘎查|居))委员会")
_OFFICE = re.compile(r"(?P<base>.+(?:街道(?=办事处)|镇|乡|苏木))(?:办事处|人民政府)")


def mend_name(raw: str, findings: Findings) -> str:
    """The name in this cell, NFC, rare characters kept; says what it mended or cannot take."""
    name = unicodedata.normalize("NFC", _trimmed(raw))
    close = _BLANK_INSIDE.sub("", name)
    if close != name or name != unicodedata.normalize("NFC", raw):
        findings.add("ROW_BLANKS_MENDED", column="name", value=raw)
    if has_full_width(close):
        findings.add("ROW_FULLWIDTH_MENDED", column="name", value=raw)
        close = close.translate(_NARROW)
    _judge(close, findings)
    return close


def _trimmed(raw: str) -> str:
    first, last = 0, len(raw)
    while first < last and unicodedata.category(raw[first]) in _AT_THE_EDGE:
        first += 1
    while first < last and unicodedata.category(raw[last - 1]) in _AT_THE_EDGE:
        last -= 1
    return raw[first:last]


def _judge(name: str, findings: Findings) -> None:
    if not name:
        findings.add("ROW_NAME_MISSING", column="name")
        return
    if name in FORMULA_ERRORS:
        findings.add("ROW_CELL_BROKEN", column="name", value=name)
        return
    categories = {unicodedata.category(sign) for sign in name}
    if categories & _INVISIBLE:
        findings.add("ROW_NAME_CONTROL", column="name", value=name)
    if len(name) > LONGEST_NAME:
        findings.add("ROW_NAME_LENGTH", column="name", value=name, length=len(name), limit=LONGEST_NAME)
    # No place has a question mark in its name: a code page that lacked the character wrote it.
    if any(sign in name for sign in "?？�"):
        findings.add("ROW_NAME_LOST_CHARACTER", column="name", value=name)
    if "Co" in categories:
        findings.add("ROW_NAME_PRIVATE_CHARACTER", column="name", value=name)


def short_name(level: Level, name: str) -> str:
    """The name of the place without that of its committee or office.

    >>> short_name("community", "梅营社区居民委员会"), short_name("community", "铁厂村民委员会")
    ('梅营社区', '铁厂村')
    >>> short_name("street", "龙泉街道办事处")
    '龙泉街道'
    """
    if level == "community":
        return _short_community(name)
    office = _OFFICE.fullmatch(name) if level == "street" else None
    return office["base"] if office else name


def _short_community(name: str) -> str:
    bare = _BARE_COMMITTEE.fullmatch(name)
    if bare and not name.endswith(("居民委员会", "村民委员会")):
        return bare["base"]
    committee = _COMMITTEE.fullmatch(name)
    if not committee:
        return name
    base = committee["base"]
    if base.endswith(("社区", "村", "嘎查", "小区")):
        return base
    # 城市居民委员会组织法 (2025): the area of a residents' committee is called 社区.
    return base + ("村" if committee["body"].startswith("村") else "社区")
