"""What a survey would change on the platform: what to create, what to rename, what stays."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from gongzhi.core.api import Range, Refusal
from gongzhi.tenants.models import Area
from gongzhi.tenants.models import Division as DivisionRow
from gongzhi.tenants.onboarding.complaints import Complaint, complaint
from gongzhi.tenants.onboarding.rows import Division, Survey


class OnboardingStopped(Refusal):
    """The file has errors, and the operator chose to stop at any."""

    code = "ONBOARDING_STOPPED"
    zh = "文件中有{count}处错误，按“遇错即停”未做任何更改；请按报告更正，或改用 --on-error skip"
    en = "The file has {count} errors and nothing was changed; mend them as the report says, or use --on-error skip"


class CountyRefused(Refusal):
    """The county's own row is missing or refused, so nothing can hang below it."""

    code = "ONBOARDING_COUNTY_REFUSED"
    zh = "县（市、区）{county}本身的行缺失或有误，其下各级均无法开通；请先更正该行"
    en = "The row of the county {county} itself is missing or wrong, so nothing below it can come on board; mend it first"


class FileOutdated(Refusal):
    """The file would rename what the platform knows from later on."""

    code = "ONBOARDING_OUTDATED"
    zh = "平台上{code}的现名自{since}起有效，晚于本次的生效日期{as_of}；请确认文件是否过时，或用 --as-of 指定更晚的日期"
    en = "The platform knows the present name of {code} from {since} on, later than {as_of}; check whether the file is outdated, or give a later day with --as-of"


@dataclass(frozen=True, slots=True)
class Known:
    """An area the platform has already.

    :param parent: the code of what it lies under at present, or its name where that has no code.
    """

    id: UUID
    path: str
    name: str
    parent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would happen.

    :param refused: codes that stay out although the file itself is right about them.
    :param complaints: the survey's and the platform's own.
    """

    county: Division
    ancestors: list[Division]
    streets: list[Division]
    communities: list[Division]
    known: dict[str, Known]
    create: set[str]
    rename: set[str]
    refused: set[str]
    complaints: list[Complaint]

    @property
    def errors(self) -> int:
        """How many reasons there are for rows to stay out."""
        return sum(found.severity == "error" for found in self.complaints)

    @property
    def total(self) -> int:
        """How many areas the file brings, without those refused."""
        return 1 + len(self.streets) + len(self.communities) - len(self.refused)

    def beneath(self, street: Division) -> list[Division]:
        """The communities of this street that come on board."""
        return [
            division
            for division in self.communities
            if division.parent_code == street.code and division.code not in self.refused
        ]


async def known_areas(session: AsyncSession, codes: Iterable[str]) -> dict[str, Known]:
    """The areas of the platform that have these codes."""
    above = aliased(Area)
    # One array, for a statement takes 32,767 parameters and a file may have more rows.
    wanted = any_(literal(list(codes), ARRAY(Text)))
    query = (
        select(Area.code, Area.id, Area.path, Area.name, func.coalesce(above.code, above.name))
        .outerjoin(above, above.id == Area.parent_id)
        .where(Area.code == wanted)
    )
    rows = await session.execute(query)
    return {str(code): Known(id_, path, name, parent) for code, id_, path, name, parent in rows}


async def make_plan(session: AsyncSession, survey: Survey, county_code: str, as_of: dt.date) -> Plan:
    """Hold the survey against the platform.

    :raises CountyRefused: the county's own row is missing or refused.
    :raises FileOutdated: it renames what the platform knows from a later day on.
    """
    if survey.county is None:
        raise CountyRefused(county=county_code)
    divisions = [survey.county, *survey.streets, *survey.communities]
    known = await known_areas(session, (division.code for division in divisions))
    refused = _refused(divisions, known)
    taken = [division for division in divisions if division.code not in refused]
    rename = {d.code for d in taken if d.code in known and known[d.code].name != d.name}
    await _check_dates(session, rename, as_of)
    return Plan(
        county=survey.county,
        ancestors=survey.ancestors,
        streets=survey.streets,
        communities=survey.communities,
        known=known,
        create={division.code for division in taken if division.code not in known},
        rename=rename,
        refused=set(refused),
        complaints=[
            *survey.complaints,
            *refused.values(),
            *await _lacking(session, known.get(survey.county.code), divisions),
        ],
    )


def _refused(divisions: list[Division], known: dict[str, Known]) -> dict[str, Complaint]:
    """Codes that stay out: they lie elsewhere on the platform, or their parent does; with what to say about it.

    An area lies under its parent at whatever depth, for there may be an uncoded one between (管区).
    """
    found: dict[str, Complaint] = {}
    lines = {division.code: division.line for division in divisions}
    for division in divisions:
        code, parent_code = division.code, division.parent_code or ""
        area, parent = known.get(code), known.get(parent_code)
        told: dict[str, Any] = {"line": division.line, "column": "parent_code", "value": parent_code}
        if parent_code in found:
            others = lines[parent_code]
            found[code] = complaint("ROW_PARENT_REFUSED", parent=parent_code, others=others, **told)
        elif area is None or division.level == "county":
            continue
        elif parent is None or not area.path.startswith(parent.path):
            found[code] = complaint("ROW_PARENT_CHANGED", present=area.parent, **told)
    return found


async def _check_dates(session: AsyncSession, codes: Iterable[str], as_of: dt.date) -> None:
    query = select(DivisionRow.code, DivisionRow.valid_from).where(
        DivisionRow.code == any_(literal(list(codes), ARRAY(Text))), DivisionRow.valid_from > as_of
    )
    later = (await session.execute(query.order_by(DivisionRow.code).limit(1))).one_or_none()
    if later is not None:
        raise FileOutdated(code=later.code, since=later.valid_from, as_of=as_of)


async def _lacking(session: AsyncSession, county: Known | None, divisions: list[Division]) -> list[Complaint]:
    """A note about areas of the county that the file does not have."""
    if county is None:
        return []
    beneath = Range(county.id, county.path)
    query = select(Area.code).where(Area.path >= beneath.lo, Area.path < beneath.hi, Area.code.is_not(None))
    present = set((await session.scalars(query)).all())
    lacking = sorted(str(code) for code in present - {division.code for division in divisions})
    if not lacking:
        return []
    return [complaint("FILE_LACKS_KNOWN", line=None, value=lacking[0], count=len(lacking))]
