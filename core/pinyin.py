"""Chinese order and search: keys stored beside a name, because the database sorts by bytes alone."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

# Below every letter and digit, and above the space that ends the reading: so 西安 comes before 先锋, and 梅 before 梅营.
_BETWEEN: Final = "'"
_NUMBER: Final = re.compile(r"\d+")


def sort_key(name: str) -> str:
    """The toneless reading in small letters, syllable by syllable, and then the name itself.

    Numbers are padded, so that 第2网格 comes before 第10网格.
    """
    reading = _BETWEEN.join(_syllables(name))
    return f"{_NUMBER.sub(lambda number: number[0].zfill(6), reading)} {name}"


def initials(name: str) -> str:
    """The first letters, as people type them: 梅营社区 is ``mysq``. Words in Latin letters and numbers stay whole."""
    return "".join(_syllables(name, first_letters=True))


def search_keys(name: str) -> str:
    """What a search looks through: the name, its reading run together, and its initials, parted by spaces."""
    return f"{_plain(name)} {''.join(_syllables(name))} {initials(name)}"


def _plain(name: str) -> str:
    """Full-width letters made narrow, capitals small, white space single."""
    return " ".join(unicodedata.normalize("NFKC", name).lower().split())


def _syllables(name: str, *, first_letters: bool = False) -> Iterator[str]:
    """One piece a character, one a word in other letters; what has no reading stands for itself."""
    # Loading pypinyin takes a third of a second, which a command that sorts nothing should not pay.
    from pypinyin import Style, lazy_pinyin

    style = Style.FIRST_LETTER if first_letters else Style.NORMAL
    for piece in lazy_pinyin(_plain(name), style=style):
        yield from _words(piece)


def _words(text: str) -> list[str]:
    """The text cut at punctuation, signs and white space.

    Asked by category and not by ``\\w``: a rare character may be newer than Python's tables or from the private
    area of a local font, and must stay findable.
    """
    return "".join(" " if unicodedata.category(char)[0] in "PSZ" else char for char in text).split()
