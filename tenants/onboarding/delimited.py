"""CSV as it arrives: UTF-8 or GB18030, comma, semicolon or tab, with the line numbers people see."""

import codecs
import csv
import io
from collections.abc import Iterator

from gongzhi.tenants.onboarding.header import Record, known_labels, near_the_top
from gongzhi.tenants.onboarding.refusals import FileEncoding, FileQuotes

DELIMITERS = (",", ";", "\t")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # What Excel writes as "Unicode text".
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(file: str, data: bytes) -> tuple[str, str]:
    """The text and its encoding: by the byte order mark, else strict UTF-8, else strict GB18030."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _strictly(file, data, encoding), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        if _mostly_utf8(data):
            return _strictly(file, data, "utf-8"), "utf-8"
    return _strictly(file, data, "gb18030"), "gb18030"


def _strictly(file: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the byte order mark.
        place = error.start + len(data) - len(error.object)
        line = data.count(b"\n", 0, place) + 1
        name = "UTF-8 / GB18030" if encoding == "gb18030" else encoding.removesuffix("-sig").upper()
        raise FileEncoding(file=file, line=line, byte=place + 1, encoding=name) from None


def _mostly_utf8(data: bytes) -> bool:
    """Whether this is UTF-8 with a few broken bytes.

    GB18030 decodes most UTF-8 without complaint, to nonsense, so one broken byte would fill the table
    with garbled names. Chinese in GB18030 forms valid UTF-8 for one character in seven; real UTF-8
    with damage for nearly all of them.
    """
    text = data.decode("utf-8", "replace")
    lost = text.count("�")
    foreign = sum(not sign.isascii() for sign in text) - lost
    return foreign > lost


def records(file: str, text: str, delimiter: str) -> Iterator[Record]:
    """Each record with the line its first character stands on; strict about quotation marks."""
    # newline="" leaves line ends inside quotes alone and still counts \n, \r and \r\n as one line each.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # An unclosed quotation mark runs to the end of the file or into csv's limit for one field.
            raise FileQuotes(file=file, line=line) from None
        yield line, cells


def sniff(file: str, text: str) -> str:
    """The delimiter under which some line near the top names the most columns; a comma if none does."""
    return max(DELIMITERS, key=lambda delimiter: _labels_seen(file, text, delimiter))


def _labels_seen(file: str, text: str, delimiter: str) -> int:
    try:
        top = near_the_top(records(file, text, delimiter))
    except FileQuotes:
        return 0
    return max((known_labels(cells) for _, cells in top), default=0)
