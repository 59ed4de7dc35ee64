"""How much of a stranger's file we are willing to look at."""

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on one file. The largest county of China has some 1,500 rows; all of them together 665,000.

    :param octets: size of the file on disk, in bytes.
    :param rows: rows of data, without the header.
    :param columns: columns that may hold something.
    :param members: files inside an XLSX, which is a zip archive.
    :param unpacked: bytes of all members once unpacked.
    :param ratio: unpacked bytes per packed byte; a spreadsheet reaches 30 or so, a bomb a thousand.
    :param ratio_from: unpacked bytes below which the ratio is nobody's worry.
    :param tags: ``<`` signs in all members, for each may become an object in memory.
    :param worksheets: worksheets of one workbook; each is parsed once.
    """

    octets: int = 20 * MEGABYTE
    rows: int = 100_000
    columns: int = 100
    members: int = 1_000
    unpacked: int = 100 * MEGABYTE
    ratio: int = 100
    ratio_from: int = MEGABYTE
    tags: int = 5_000_000
    worksheets: int = 50


DEFAULT = Limits()
