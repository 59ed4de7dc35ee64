"""Which column is which: the header line, in English or Chinese, as people write it."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from gongzhi.tenants.onboarding.refusals import FileTooWide, HeaderMissing, HeaderTwice
from gongzhi.tenants.onboarding.showing import shorten

#: One record of a table: the line a person sees it on, and its cells.
Record = tuple[int, list[str]]

#: Titles stand above tables; the header is looked for in this many lines that hold something.
SEARCHED_LINES = 10

REQUIRED = ("code", "name")

LABELS = {
    "code": ("code", "division code", "代码", "区划代码", "统计用区划代码", "行政区划代码"),
    "name": ("name", "division name", "名称", "单位名称", "区划名称"),
    "level": ("level", "级别", "层级", "行政级别"),
    "parent_code": ("parent code", "parent", "上级代码", "父级代码", "上级区划代码", "父代码"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """The header line: where each known column stands, what else there is, and how wide it is."""

    line: int
    places: dict[str, int]
    ignored: tuple[str, ...]
    width: int


def _folded(label: str) -> str:
    """The label without case, width, blanks, underscores and the star of a required column."""
    narrow = unicodedata.normalize("NFKC", label).casefold()
    return "".join(sign for sign in narrow if sign.isalnum())


_COLUMN_OF = {_folded(label): column for column, labels in LABELS.items() for label in labels}


def column_of(label: str) -> str | None:
    """The column a label stands for, or None."""
    return _COLUMN_OF.get(_folded(label))


def known_labels(cells: Sequence[str]) -> int:
    """How many different known columns this line names."""
    return len({column_of(cell) for cell in cells} - {None})


def near_the_top(records: Iterable[Record]) -> list[Record]:
    """The first lines that hold something, among which the header must be."""
    return list(
        islice((record for record in records if any(cell.strip() for cell in record[1])), SEARCHED_LINES)
    )


def find_header(file: str, records: Iterable[Record], *, columns_limit: int) -> Header:
    """The first line that names both the code and the name; refuses when there is none."""
    top = near_the_top(records)
    for line, cells in top:
        if set(REQUIRED) <= {column_of(cell) for cell in cells}:
            if len(cells) > columns_limit:
                raise FileTooWide(file=file, line=line, limit=columns_limit)
            return _header(file, line, cells)
    best = max((cells for _, cells in top), key=known_labels, default=[])
    missing = [column for column in REQUIRED if column not in {column_of(cell) for cell in best}]
    found = shorten(", ".join(cell.strip() for cell in best if cell.strip())) or "—"
    raise HeaderMissing(file=file, missing=", ".join(missing), found=found)


def _header(file: str, line: int, cells: Sequence[str]) -> Header:
    places: dict[str, int] = {}
    ignored = []
    for place, label in enumerate(cells):
        column = column_of(label)
        if column is None:
            if label.strip():
                ignored.append(label.strip())
        elif column in places:
            labels = ", ".join(shorten(cells[index].strip()) for index in (places[column], place))
            raise HeaderTwice(file=file, column=column, labels=labels)
        else:
            places[column] = place
    return Header(line, places, tuple(ignored), len(cells))
