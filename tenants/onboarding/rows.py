"""From rows to a county: what is taken of a table, what is not, and what to say about it."""

from dataclasses import dataclass, field

from gongzhi.tenants.onboarding.belonging import absent, belongs, county_code, named_by
from gongzhi.tenants.onboarding.codes import LEVEL_ZH, Level
from gongzhi.tenants.onboarding.complaints import Complaint, complaint
from gongzhi.tenants.onboarding.kinds import kind_of
from gongzhi.tenants.onboarding.names import short_name
from gongzhi.tenants.onboarding.reading import Reading, read_row
from gongzhi.tenants.onboarding.sheet import RawRow, Sheet
from gongzhi.tenants.onboarding.tree import Tree, grow

#: How many lines a complaint about many rows names.
LISTED_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """One administrative division as the file has it.

    :param line: where it stands; None for an ancestor of which only the code is known (its name is empty).
    :param code: 2, 4, 6, 9 or 12 digits.
    :param kind: e.g. 街道, 镇, 居民委员会; stored, for digits and names of some real rows disagree.
    :param parent_code: None for a province only.
    :param short_name: the name of the place without that of its committee or office.
    """

    line: int | None
    code: str
    name: str
    level: Level
    kind: str
    parent_code: str | None
    short_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a table says about one county. Every street has the county, every community a street in here.

    :param county: None when its own row is missing or refused; then nothing below it is kept either.
    :param ancestors: province and city, in this order, always both.
    :param not_asked_for: how many rows belong to other counties.
    :param skipped: lines left out without harm: repeated and virtual rows.
    :param refused: lines with an error.
    """

    county: Division | None
    ancestors: list[Division]
    streets: list[Division]
    communities: list[Division]
    complaints: list[Complaint]
    not_asked_for: int = 0
    skipped: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    @property
    def errors(self) -> list[Complaint]:
        """The complaints that keep a row out."""
        return [found for found in self.complaints if found.severity == "error"]


def survey(sheet: Sheet, *, county: str) -> Survey:
    """Judge every row of the table that concerns this county.

    Raises :class:`~gongzhi.tenants.onboarding.refusals.CountyMalformed` and
    :class:`~gongzhi.tenants.onboarding.refusals.CountyAbsent`; whatever is wrong with single rows is a complaint.
    """
    code = county_code(county)
    if not any(named_by(row, code) for row in sheet.rows):
        raise absent(sheet.rows, code)
    ours = [row for row in sheet.rows if belongs(row, code)]
    readings = [read_row(row, county=code) for row in ours]
    tree = grow(readings, county=code)
    divisions = [_division(reading) for reading in tree.kept.values()]
    elsewhere = _elsewhere(sheet.rows, ours)
    return Survey(
        county=next((division for division in divisions if division.code == code), None),
        ancestors=_ancestors(code, divisions),
        streets=_at("street", divisions),
        communities=_at("community", divisions),
        complaints=_complaints(sheet, code, tree, readings, elsewhere),
        not_asked_for=len(elsewhere),
        skipped=sorted(tree.skipped),
        refused=sorted(reading.line for reading in readings if reading.refused),
    )


def _elsewhere(rows: list[RawRow], ours: list[RawRow]) -> list[int]:
    """The lines of the rows that belong to other counties."""
    mine = {id(row) for row in ours}
    return [row.line for row in rows if id(row) not in mine]


def _division(reading: Reading) -> Division:
    assert reading.code is not None
    assert reading.level is not None
    return Division(
        line=reading.line,
        code=reading.code,
        name=reading.name,
        level=reading.level,
        kind=kind_of(reading.level, reading.code, reading.name, reading.findings),
        parent_code=reading.parent,
        short_name=short_name(reading.level, reading.name),
    )


def _at(level: Level, divisions: list[Division]) -> list[Division]:
    return sorted(
        (division for division in divisions if division.level == level), key=lambda found: found.line or 0
    )


def _ancestors(county: str, divisions: list[Division]) -> list[Division]:
    known = {division.code: division for division in divisions}
    province, city = county[:2], county[:4]
    return [
        known.get(province) or _unnamed("province", province, None),
        known.get(city) or _unnamed("city", city, province),
    ]


def _unnamed(level: Level, code: str, parent: str | None) -> Division:
    kind = kind_of(level, code, "")
    return Division(line=None, code=code, name="", level=level, kind=kind, parent_code=parent, short_name="")


def _complaints(
    sheet: Sheet, county: str, tree: Tree, readings: list[Reading], elsewhere: list[int]
) -> list[Complaint]:
    """Those about the file first, then those about rows by line."""
    about_rows = [found for reading in readings for found in reading.findings.complaints]
    about_rows.sort(key=lambda found: found.line or 0)
    return [*_about_file(sheet, county, elsewhere), *_about_ancestors(county, tree), *about_rows]


def _about_file(sheet: Sheet, county: str, elsewhere: list[int]) -> list[Complaint]:
    found = []
    for column in ("level", "parent_code"):
        if column not in sheet.columns:
            code = "FILE_LEVEL_COLUMN_ABSENT" if column == "level" else "FILE_PARENT_COLUMN_ABSENT"
            found.append(complaint(code, line=sheet.header_line, column=column))
    if sheet.ignored_columns:
        value = ", ".join(sheet.ignored_columns)
        found.append(complaint("FILE_COLUMNS_IGNORED", line=sheet.header_line, value=value))
    if sheet.ignored_worksheets:
        found.append(complaint("FILE_OTHER_WORKSHEETS", line=None, value=", ".join(sheet.ignored_worksheets)))
    if elsewhere:
        lines = ", ".join(str(line) for line in elsewhere[:LISTED_LINES])
        found.append(
            complaint("FILE_OTHER_COUNTIES", line=None, county=county, count=len(elsewhere), others=lines)
        )
    return found


def _about_ancestors(county: str, tree: Tree) -> list[Complaint]:
    levels: tuple[tuple[Level, str], ...] = (("province", county[:2]), ("city", county[:4]))
    return [
        complaint("COUNTY_ANCESTOR_UNNAMED", line=None, code=code, level_zh=LEVEL_ZH[level], level_en=level)
        for level, code in levels
        if code not in tree.kept
    ]
