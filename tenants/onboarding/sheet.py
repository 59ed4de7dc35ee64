"""From bytes to rows: one table, CSV or XLSX, judged by its content and bounded in every direction."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gongzhi.tenants.onboarding.delimited import decode, records, sniff
from gongzhi.tenants.onboarding.header import Header, Record, find_header
from gongzhi.tenants.onboarding.limits import DEFAULT, MEGABYTE, Limits
from gongzhi.tenants.onboarding.refusals import (
    FileEmpty,
    FileEncrypted,
    FileKind,
    FileOldXls,
    FileTooLarge,
    FileTooManyRows,
    FileTooWide,
    FileUnreadable,
    HeaderMissing,
)
from gongzhi.tenants.onboarding.showing import shorten
from gongzhi.tenants.onboarding.workbook import worksheets

_BLANK = b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

#: First bytes of what people upload by mistake.
_OTHER_KINDS = (
    (b"%PDF", "PDF"),
    (b"<", "HTML / XML"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7Z"),
    (b"\x1f\x8b", "GZIP"),
)


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands in the file.

    :param line: the number of the line (CSV) or row (XLSX) as a person sees it, from 1.
    :param cells: text by column: ``code``, ``name``, and ``level`` and ``parent_code`` where the file has them.
    :param surplus: what stands beyond the last column of the header; in a CSV a sign of a stray delimiter.
    """

    line: int
    cells: dict[str, str]
    surplus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of divisions, not yet judged.

    :param columns: the known columns the file has, in its order.
    :param encoding: of a CSV; None for an XLSX.
    :param worksheet: title of the worksheet read; None for a CSV.
    :param ignored_worksheets: further visible worksheets that also hold a table of divisions.
    """

    name: str
    columns: tuple[str, ...]
    rows: list[RawRow]
    ignored_columns: tuple[str, ...] = ()
    header_line: int = 1
    encoding: str | None = None
    worksheet: str | None = None
    ignored_worksheets: tuple[str, ...] = ()


def read_sheet(path: Path, *, limits: Limits = DEFAULT) -> Sheet:
    """The table in this file; a file over the limit is refused unread."""
    name = shorten(path.name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FileUnreadable(file=name)
        if status.st_size > limits.octets:
            raise _too_large(name, status.st_size, limits)
        with path.open("rb") as file:
            # One byte more, for the file may have grown since.
            data = file.read(limits.octets + 1)
    except (OSError, ValueError) as error:
        raise FileUnreadable(file=name) from error
    return read_sheet_bytes(path.name, data, limits=limits)


def read_sheet_bytes(name: str, data: bytes, *, limits: Limits = DEFAULT) -> Sheet:
    """The table in these bytes; the name serves the messages only."""
    name = shorten(name)
    if len(data) > limits.octets:
        raise _too_large(name, len(data), limits)
    if not data.strip(_BLANK):
        raise FileEmpty(file=name)
    if data.startswith(_OLE):
        raise (FileEncrypted if _OLE_ENCRYPTED in data else FileOldXls)(file=name)
    if data.startswith(_ZIP):
        return _from_workbook(name, data, limits)
    head = data[:1024].strip(_BLANK)
    for first, kind in _OTHER_KINDS:
        if data.startswith(first) or head.startswith(first):
            raise FileKind(file=name, kind=kind)
    return _from_text(name, data, limits)


def _too_large(name: str, size: int, limits: Limits) -> FileTooLarge:
    return FileTooLarge(file=name, size=-(-size // MEGABYTE), limit=limits.octets // MEGABYTE)


def _from_text(name: str, data: bytes, limits: Limits) -> Sheet:
    text, encoding = decode(name, data)
    delimiter = sniff(name, text)
    header = find_header(name, records(name, text, delimiter), columns_limit=limits.columns)
    rows = _rows(name, header, records(name, text, delimiter), limits, surplus_counts=True)
    return Sheet(
        name=name,
        columns=tuple(header.places),
        rows=rows,
        ignored_columns=header.ignored,
        header_line=header.line,
        encoding=encoding,
    )


def _from_workbook(name: str, data: bytes, limits: Limits) -> Sheet:
    tables = worksheets(name, data, limits)
    if not any(found for _, found in tables):
        raise FileEmpty(file=name)
    headed = [(title, found) for title, found in tables if _has_header(name, found, limits)]
    title, found = (headed or [table for table in tables if table[1]])[0]
    header = find_header(name, found, columns_limit=limits.columns)
    return Sheet(
        name=name,
        columns=tuple(header.places),
        rows=_rows(name, header, found, limits, surplus_counts=False),
        ignored_columns=header.ignored,
        header_line=header.line,
        worksheet=title,
        ignored_worksheets=tuple(other for other, _ in headed[1:]),
    )


def _has_header(name: str, found: Iterable[Record], limits: Limits) -> bool:
    try:
        find_header(name, found, columns_limit=limits.columns)
    except HeaderMissing:
        return False
    return True


def _rows(
    name: str, header: Header, table: Iterable[Record], limits: Limits, *, surplus_counts: bool
) -> list[RawRow]:
    rows: list[RawRow] = []
    for line, cells in table:
        if len(cells) > limits.columns:
            raise FileTooWide(file=name, line=line, limit=limits.columns)
        if line <= header.line or not any(cell.strip() for cell in cells):
            continue
        if len(rows) == limits.rows:
            raise FileTooManyRows(file=name, line=line, limit=limits.rows)
        rows.append(_row(header, line, cells, surplus_counts=surplus_counts))
    if not rows:
        raise FileEmpty(file=name)
    return rows


def _row(header: Header, line: int, cells: list[str], *, surplus_counts: bool) -> RawRow:
    named = {column: cells[place] if place < len(cells) else "" for column, place in header.places.items()}
    beyond = [cell for cell in cells[header.width :] if cell.strip()] if surplus_counts else []
    return RawRow(line, named, tuple(beyond))
