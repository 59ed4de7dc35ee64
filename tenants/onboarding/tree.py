"""Rows among each other: which repeat, which contradict, and which have a parent that is taken too."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gongzhi.tenants.onboarding.codes import DIGITS, LEVEL_ZH, LEVELS, PARENT, Level, level_of
from gongzhi.tenants.onboarding.reading import Reading


@dataclass(slots=True)
class Tree:
    """The rows that are taken, by code; what is refused; what is left out without harm.

    Every street in ``kept`` has its county there, and every community its street.
    """

    county: str
    kept: dict[str, Reading] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)


def grow(readings: Iterable[Reading], *, county: str) -> Tree:
    """Take what can be taken, level by level from the top, and complain of the rest."""
    tree = Tree(county)
    candidates = _once(readings, tree)
    for level in LEVELS:
        for reading in candidates:
            if reading.level == level and reading.code:
                _adopt(reading, reading.code, tree)
    _tell_namesakes(tree)
    return tree


def _once(readings: Iterable[Reading], tree: Tree) -> list[Reading]:
    """The rows without error, each code once."""
    by_code: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.virtual:
            tree.skipped.append(reading.line)
        elif reading.refused or not reading.code:
            _refuse(reading, tree)
        else:
            by_code[reading.code].append(reading)
    once = []
    for code, same in by_code.items():
        if len({_content(reading) for reading in same}) > 1:
            _contradict(code, same, tree)
        else:
            once.append(same[0])
            for repeated in same[1:]:
                repeated.findings.add("ROW_DUPLICATE", column="code", value=code, others=same[0].line)
                tree.skipped.append(repeated.line)
    return once


def _content(reading: Reading) -> tuple[str, Level | None, str | None]:
    return reading.name, reading.level, reading.parent or _prefix(reading)


def _contradict(code: str, same: list[Reading], tree: Tree) -> None:
    for reading in same:
        others = ", ".join(str(other.line) for other in same if other is not reading)
        reading.findings.add("ROW_CODE_TWICE", column="code", value=code, code=code, others=others)
        _refuse(reading, tree)


def _refuse(reading: Reading, tree: Tree) -> None:
    if reading.code:
        tree.refused.setdefault(reading.code, reading.line)


def _prefix(reading: Reading) -> str | None:
    """The code of the parent as the row's own code has it."""
    if reading.code is None or reading.level is None or reading.level not in PARENT:
        return None
    return reading.code[: DIGITS[PARENT[reading.level]]]


def _adopt(reading: Reading, code: str, tree: Tree) -> None:
    """Keep the row if its parent is kept; the ancestors of the county may be missing."""
    expected = _prefix(reading)
    if expected is not None:
        parent = reading.parent or expected
        if _unfit(reading, code, parent, tree):
            _refuse(reading, tree)
            return
        if reading.parent is None:
            reading.parent = parent
            if reading.has_parent_cell:
                reading.findings.add("ROW_PARENT_DERIVED", column="parent_code", parent=parent)
        elif parent != expected:
            reading.findings.add(
                "ROW_PARENT_NOT_PREFIX", column="parent_code", value=parent, parent=parent, code=code
            )
    tree.kept[code] = reading


def _unfit(reading: Reading, code: str, parent: str, tree: Tree) -> bool:
    """Whether this parent cannot be the row's parent; complains if so."""
    level = reading.level
    assert level is not None
    wanted = PARENT[level]
    actual: Level | None = "county" if parent == tree.county else level_of(parent)
    found = reading.findings
    if actual is not None and actual != wanted:
        found.add(
            "ROW_PARENT_LEVEL",
            column="parent_code",
            value=parent,
            parent=parent,
            level_zh=LEVEL_ZH[level],
            level_en=level,
            actual_zh=LEVEL_ZH[actual],
            actual_en=actual,
            expected_zh=LEVEL_ZH[wanted],
            expected_en=wanted,
        )
    elif not _same_area(code, parent, tree.county):
        found.add("ROW_COUNTY_CONFLICT", column="parent_code", value=parent, code=code, parent=parent)
    elif wanted in {"province", "city"} or parent in tree.kept:
        return False
    elif parent in tree.refused:
        found.add(
            "ROW_PARENT_REFUSED",
            column="parent_code",
            value=parent,
            parent=parent,
            others=tree.refused[parent],
        )
    else:
        found.add(
            "ROW_PARENT_MISSING",
            column="parent_code",
            value=parent,
            parent=parent,
            level_zh=LEVEL_ZH[wanted],
            level_en=wanted,
        )
    return True


def _same_area(code: str, parent: str, county: str) -> bool:
    """Whether code and parent both lie on the way from the province through the county down."""
    return _on_the_way(code, county) and _on_the_way(parent, county)


def _on_the_way(code: str, county: str) -> bool:
    return code.startswith(county) or county.startswith(code)


def _tell_namesakes(tree: Tree) -> None:
    """Warn of two divisions with one name under one parent; under different parents they are common."""
    seen: dict[tuple[str | None, str], int] = {}
    for reading in tree.kept.values():
        first = seen.setdefault((reading.parent, reading.name), reading.line)
        if first != reading.line:
            reading.findings.add("ROW_NAME_TWICE", column="name", value=reading.name, others=first)
