"""Which rows are the county's: by their codes, even broken ones, and in doubt they are."""

import re
from collections.abc import Iterable

from gongzhi.tenants.onboarding.codes import fit, lead, level_of, tidy
from gongzhi.tenants.onboarding.refusals import CountyAbsent, CountyMalformed
from gongzhi.tenants.onboarding.sheet import RawRow
from gongzhi.tenants.onboarding.showing import shorten

COUNTY_DIGITS = 6
LISTED = 10

_COUNTY = re.compile(r"[1-9]\d{5}", re.ASCII)


def county_code(county: str) -> str:
    """The six digits of the county asked for, with padding and width forgiven."""
    code = fit(tidy(county), "county")
    if code is None or not _COUNTY.fullmatch(code) or code.endswith("0000"):
        raise CountyMalformed(county=shorten(county))
    return code


def belongs(row: RawRow, county: str) -> bool:
    """Whether the row is this county's or one of its ancestors'; False only where it clearly is another's.

    The code decides; where it is broken, the parent code does. A row whose code says another county and
    whose parent code says this one is ours to complain of.
    """
    own = lead(row.cells.get("code", ""), county=county)
    parent = lead(row.cells.get("parent_code", ""), county=county)
    if own and not county.startswith(own):
        return parent == county
    if len(own) < COUNTY_DIGITS and len(parent) == COUNTY_DIGITS:
        return parent == county
    return bool(own) or county.startswith(parent)


def named_by(row: RawRow, county: str) -> bool:
    """Whether the row's code says this county in full."""
    return lead(row.cells.get("code", ""), county=county) == county


def absent(rows: Iterable[RawRow], county: str) -> CountyAbsent:
    """The refusal of a file without this county, naming the counties it has."""
    held: dict[str, str] = {}
    unclear = 0
    for row in rows:
        code = tidy(row.cells.get("code", ""))
        if not (code.isascii() and code.isdigit() and level_of(code)):
            unclear += 1
            continue
        place = lead(code, county=county)
        if len(place) == COUNTY_DIGITS:
            name = row.cells.get("name", "").strip() if fit(code, "county") else ""
            held[place] = held.get(place) or name
    shown = [shorten(f"{code} {name}".strip()) for code, name in list(held.items())[:LISTED]]
    more = [f"… ({len(held)})"] if len(held) > LISTED else []
    return CountyAbsent(county=county, held="; ".join([*shown, *more]) or "—", unclear=unclear)
