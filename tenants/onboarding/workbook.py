"""XLSX as it arrives: the visible worksheets of a workbook, as records of text."""

import io
import warnings
from datetime import date, datetime, time
from typing import Any

from defusedxml.common import DefusedXmlException
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.escape import unescape
from openpyxl.xml import DEFUSEDXML

from gongzhi.core.errors import Misconfigured, Refusal
from gongzhi.tenants.onboarding.archive import check_archive
from gongzhi.tenants.onboarding.header import Record
from gongzhi.tenants.onboarding.limits import Limits
from gongzhi.tenants.onboarding.refusals import FileBomb, FileCorrupt, FileEntities, FileTooWide

#: The last row number a worksheet can have; beyond it a row number is an attack on the patience.
LAST_ROW = 1_048_576

#: Whole numbers up to here are exact in a spreadsheet's floating point.
EXACT = 10**15


def worksheets(file: str, data: bytes, limits: Limits) -> list[tuple[str, list[Record]]]:
    """Title and records of each visible worksheet; formulas come as the values last computed."""
    if not DEFUSEDXML:
        raise Misconfigured(
            problem="openpyxl must find defusedxml, and OPENPYXL_DEFUSEDXML must not be switched off"
        )
    try:
        check_archive(file, data, limits)
        with warnings.catch_warnings():
            # openpyxl warns of whatever it drops on saving: styles, validations. We save nothing.
            warnings.simplefilter("ignore")
            return _read(file, data, limits)
    except Refusal:
        raise
    except Exception as error:
        # Foreign bytes in foreign parsers: KeyError, TypeError, ParseError, whatever they provoke,
        # the file does not hold what an XLSX holds.
        if _forbidden_xml(error):
            raise FileEntities(file=file) from error
        raise FileCorrupt(file=file) from error


def _forbidden_xml(error: BaseException | None) -> bool:
    """Whether defusedxml stopped it; openpyxl wraps what its parser raises."""
    while error is not None and not isinstance(error, DefusedXmlException):
        error = error.__cause__ or error.__context__
    return error is not None


def _read(file: str, data: bytes, limits: Limits) -> list[tuple[str, list[Record]]]:
    # load_workbook() in two steps, so that the worksheets are counted before the first is parsed.
    reader = ExcelReader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    try:
        reader.read_manifest()
        reader.read_workbook()
        if len(reader.parser.sheets) > limits.worksheets:
            raise FileBomb(file=file)
        reader.read()
        visible = [sheet for sheet in reader.wb.worksheets if sheet.sheet_state == "visible"]
        if not visible:
            raise FileCorrupt(file=file)
        return [(sheet.title, _records(file, sheet, limits)) for sheet in visible]
    finally:
        reader.archive.close()


def _records(file: str, sheet: Any, limits: Limits) -> list[Record]:
    # The dimensions written in the file may claim a million rows or hide some.
    sheet.reset_dimensions()
    found = []
    for line, values in enumerate(sheet.iter_rows(max_col=limits.columns + 1, values_only=True), 1):
        if line > LAST_ROW:
            raise FileCorrupt(file=file)
        # One row at the very bottom makes a million empty ones above it.
        if values.count(None) == len(values):
            continue
        cells = [text_of(value) for value in values]
        while cells and not cells[-1].strip():
            cells.pop()
        if len(cells) > limits.columns:
            raise FileTooWide(file=file, line=line, limit=limits.columns)
        if cells:
            found.append((line, cells))
    return found


def text_of(value: object) -> str:
    """A cell as its reader sees it: a code that was stored as a number has no ``.0`` and no exponent."""
    match value:
        case None:
            return ""
        case str():
            return str(unescape(value))
        case float() if value.is_integer() and abs(value) < EXACT:
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
