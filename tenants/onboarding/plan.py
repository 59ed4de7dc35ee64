"""What a survey would change on the platform: what to create, what to rename, what stays."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import Range, Refusal
from gongzhi.tenants.models import Area
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


@dataclass(frozen=True, slots=True)
class Known:
    """An area the platform has already."""

    id: UUID
    path: str
    name: str
    parent_id: UUID | None


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
        """How many rows stay out."""
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
    query = select(Area.code, Area.id, Area.path, Area.name, Area.parent_id).where(Area.code.in_(list(codes)))
    return {
        str(code): Known(area_id, path, name, parent)
        for code, area_id, path, name, parent in await session.execute(query)
    }


async def make_plan(session: AsyncSession, survey: Survey, county_code: str) -> Plan:
    """Hold the survey against the platform.

    :raises CountyRefused: the county's own row is missing or refused.
    """
    if survey.county is None:
        raise CountyRefused(county=county_code)
    divisions = [survey.county, *survey.streets, *survey.communities]
    known = await known_areas(session, (division.code for division in divisions))
    moved = _moved(divisions, known)
    complaints = [*survey.complaints, *moved.values()]
    if (lacking := await _lacking(session, known.get(survey.county.code), divisions)) is not None:
        complaints.append(lacking)
    return Plan(
        county=survey.county,
        ancestors=survey.ancestors,
        streets=survey.streets,
        communities=survey.communities,
        known=known,
        create={division.code for division in divisions if division.code not in known},
        rename={
            division.code
            for division in divisions
            if division.code in known
            and known[division.code].name != division.name
            and division.code not in moved
        },
        refused=set(moved),
        complaints=complaints,
    )


def _moved(divisions: list[Division], known: dict[str, Known]) -> dict[str, Complaint]:
    """Codes whose area lies elsewhere in the tree than the file says, with what to say about it."""
    by_id = {area.id: (code, area) for code, area in known.items()}
    found = {}
    for division in divisions:
        area = known.get(division.code)
        if area is None or area.parent_id is None:
            continue
        parent = known.get(division.parent_code or "")
        if parent is None or parent.id != area.parent_id:
            present = by_id[area.parent_id][0] if area.parent_id in by_id else str(area.parent_id)
            found[division.code] = complaint(
                "ROW_PARENT_CHANGED",
                line=division.line,
                column="parent_code",
                value=division.parent_code or "",
                present=present,
            )
    return found


async def _lacking(
    session: AsyncSession, county: Known | None, divisions: list[Division]
) -> Complaint | None:
    """A note about areas of the county that the file does not have."""
    if county is None:
        return None
    beneath = Range(county.id, county.path)
    query = select(Area.code).where(Area.path >= beneath.lo, Area.path < beneath.hi, Area.code.is_not(None))
    present = set((await session.scalars(query)).all())
    lacking = sorted(str(code) for code in present - {division.code for division in divisions})
    if not lacking:
        return None
    return complaint("FILE_LACKS_KNOWN", line=None, value=lacking[0], count=len(lacking))
