"""Division codes: their levels, the zeros that pad them, and what spreadsheets do to them."""

import re
import unicodedata
from typing import Literal

from gongzhi.tenants.onboarding.complaints import Findings

Level = Literal["province", "city", "county", "street", "community"]

LEVELS: tuple[Level, ...] = ("province", "city", "county", "street", "community")

#: How many digits a code of each level has (国统字〔2009〕91号).
DIGITS: dict[Level, int] = {"province": 2, "city": 4, "county": 6, "street": 9, "community": 12}

PARENT: dict[Level, Level] = {"city": "province", "county": "city", "street": "county", "community": "street"}

LEVEL_ZH: dict[Level, str] = {
    "province": "省级",
    "city": "市级",
    "county": "县级",
    "street": "街道（镇、乡）",
    "community": "社区（村）",
}

#: Lengths to which codes of upper levels are padded with zeros.
PADDED = (6, 9, 12)

_WORDS: dict[Level, str] = {
    "province": "province 省 省级 自治区 直辖市 省自治区直辖市",
    "city": "city prefecture 市 市级 地级 地级市 地市级 地市 地区 州 自治州 盟 市州 市地州盟",
    "county": "county district 县 县级 县级市 县区市 县市区 区县 区县级 市辖区 区 市 旗 自治县",
    "street": (
        "street town township subdistrict 街道 街道镇乡 街道乡镇 乡镇街道 镇街 镇街道 乡镇 乡镇级 乡级 镇 乡 民族乡 街道办事处 镇乡街道"
    ),
    "community": "community village 社区 社区村 村社区 村 村级 村居 社区级 村居委会 居委会 村委会 社区居委会 居民委员会 村民委员会",
}

_NUMBER = re.compile(r"(\d+)\.0*", re.ASCII)
_SCIENTIFIC = re.compile(r"[+-]?(\d+)(?:\.(\d*))?[eE][+-]?\d+", re.ASCII)
_LEADING_DIGITS = re.compile(r"\d*", re.ASCII)
_APOSTROPHES = "'‘’`´"
_FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ]")


def _words() -> dict[str, tuple[Level, ...]]:
    """Every word with the levels it may mean: 市 is a city's word and that of a county-level city."""
    meanings: dict[str, tuple[Level, ...]] = {}
    for level, words in _WORDS.items():
        for word in words.split():
            meanings[word] = (*meanings.get(word, ()), level)
    return meanings


_LEVELS_OF = _words()


def has_full_width(text: str) -> bool:
    """Whether there is a full-width digit or letter in the text."""
    return _FULL_WIDTH.search(text) is not None


def _bare(text: str) -> str:
    """The text without blanks, invisible format characters and leading apostrophes."""
    if text.isascii() and text.isalnum():
        return text
    kept = "".join(sign for sign in text if not sign.isspace() and unicodedata.category(sign) != "Cf")
    return kept.lstrip(_APOSTROPHES)


def tidy(text: str) -> str:
    """The code as it was meant, with nothing said about it."""
    narrow = _bare(unicodedata.normalize("NFKC", text))
    number = _NUMBER.fullmatch(narrow)
    return number[1] if number else narrow


def mend_code(raw: str, *, column: str, findings: Findings) -> str | None:
    """The digits of the code in this cell, or None where none can be had; says what it mended."""
    bare = _bare(raw)
    narrow = _bare(unicodedata.normalize("NFKC", bare))
    if not narrow:
        return None
    if _SCIENTIFIC.fullmatch(narrow):
        findings.add("ROW_CODE_SCIENTIFIC", column=column, value=raw)
        return None
    digits = tidy(narrow)
    if not (digits.isascii() and digits.isdigit()):
        findings.add("ROW_CODE_NOT_DIGITS", column=column, value=raw)
        return None
    if bare != raw:
        findings.add("ROW_BLANKS_MENDED", column=column, value=raw)
    if narrow != bare:
        findings.add("ROW_FULLWIDTH_MENDED", column=column, value=raw)
    if digits != narrow:
        findings.add("ROW_CODE_NUMBER_MENDED", column=column, value=raw)
    return digits


def levels_of_word(raw: str) -> tuple[Level, ...]:
    """The levels this word may mean, in English or Chinese, whatever its punctuation; none if unknown."""
    narrow = unicodedata.normalize("NFKC", raw).casefold()
    return _LEVELS_OF.get("".join(sign for sign in narrow if sign.isalnum()), ())


def fit(code: str, level: Level) -> str | None:
    """The code at the length of this level, padding removed; None if it is not that long."""
    length = DIGITS[level]
    if len(code) == length:
        return code
    if len(code) > length and len(code) in PADDED and not code[length:].strip("0"):
        return code[:length]
    return None


def level_of(code: str) -> Level | None:
    """The level a code is of: the highest whose length it has once the padding is removed."""
    return next((level for level in LEVELS if fit(code, level) is not None), None)


def lead(text: str, *, county: str) -> str:
    """The digits that tell where a code belongs, at most six; fewer where it is broken or of an upper level.

    >>> lead("530425001006", county="530425"), lead("530400000000", county="530425"), lead("53O425", county="530425")
    ('530425', '5304', '53')
    """
    code = tidy(text)
    scientific = _SCIENTIFIC.fullmatch(code)
    if scientific:
        # The last digit that is left was rounded.
        return (scientific[1] + (scientific[2] or ""))[:-1][:6]
    digits = _LEADING_DIGITS.match(code)
    known = digits[0] if digits else ""
    if known == code and not known.startswith(county):
        level = level_of(code)
        if level in {"province", "city"}:
            return code[: DIGITS[level]]
    return known[:6]
