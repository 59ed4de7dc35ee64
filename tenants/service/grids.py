"""Drawing the grids of a community, and the register of its households."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from gongzhi.core.api import Input, Invalid, NotFound, Service, new_id, ref, today, told, use_case
from gongzhi.tenants import events, policies
from gongzhi.tenants.models import Area, Grid, GridKind, GridVersion, Household
from gongzhi.tenants.service.taken import add_unless_taken, unless_taken

#: The three digits a grid adds to its community's twelve: 001-899 basic, 901-999 dedicated.
RANGES = {GridKind.BASIC: range(1, 900), GridKind.DEDICATED: range(901, 1000)}


class GridNumberTaken(Invalid):
    """The community has a grid of this number."""

    code = "GRID_NUMBER_TAKEN"
    zh = "本社区已有编号为{number}的网格，请换一个编号"
    en = "This community has a grid numbered {number}; choose another number"


class GridNumberUnfit(Invalid):
    """The number does not go with the kind of grid."""

    code = "GRID_NUMBER_UNFIT"
    zh = "{kind}网格的编号须在{first}至{last}之间"
    en = "A {kind} grid is numbered from {first} to {last}"


class HouseholdNumberTaken(Invalid):
    """The register has a household of this number."""

    code = "HOUSEHOLD_NUMBER_TAKEN"
    zh = "户号{number}已登记，请核对"
    en = "The register has a household numbered {number}; check it"


class DrawGrid(Input, frozen=True):
    """A new grid of the community (网格)."""

    number: Annotated[int, told("The grid's own three digits (网格序号).", ge=1, le=999)]
    name: Annotated[str, told("What people call it (名称).", min_length=1, max_length=40)]
    kind: Annotated[GridKind, told("Basic, or dedicated to a park, school or market (类型).")] = (
        GridKind.BASIC
    )
    households: Annotated[int, told("How many households live there (户数).", ge=0, le=100_000)] | None = None
    bounds: Annotated[str, told("Its bounds in words (四至).", max_length=400)] | None = None


class RedrawGrid(Input, frozen=True):
    """A grid as it is from today on; what is left out stays as it was (调整网格)."""

    grid_id: Annotated[UUID, ref("Grid", "Which grid (网格).")]
    version: Annotated[int, told("The version that was read (版本号).")]
    name: Annotated[str, told("Its new name, if it changes (名称).", min_length=1, max_length=40)] | None = (
        None
    )
    households: (
        Annotated[int, told("How many households live there now (户数).", ge=0, le=100_000)] | None
    ) = None
    bounds: Annotated[str, told("Its bounds in words (四至).", max_length=400)] | None = None


class RegisterHousehold(Input, frozen=True):
    """A household as a place and a number of people; no names (户)."""

    number: Annotated[str, told("Its number in the register (户号).", min_length=1, max_length=30)]
    grid_id: Annotated[UUID, ref("Grid", "The grid it lies in (所在网格).")]
    place: Annotated[str, told("Where it is (地址).", min_length=2, max_length=120)]
    people: Annotated[int, told("How many live there (人数).", ge=0, le=99)] | None = None


class Grids(Service):
    """The grids of one community."""

    @use_case(policies.GRID_DRAW)
    async def draw(self, drawn: DrawGrid) -> Grid:
        """Draw a grid of the community (划分网格)."""
        numbers = RANGES.get(drawn.kind, range(1, 900))
        if drawn.number not in numbers:
            raise GridNumberUnfit(
                path="number", kind=drawn.kind.value, first=numbers[0], last=numbers[-1], problem=""
            )
        area = (await self.session.scalars(select(Area).where(Area.id == self.work.tenant))).one()
        grid = Grid(code=f"{area.code}{drawn.number:03}", name=drawn.name, kind=drawn.kind)
        taken = GridNumberTaken(path="number", number=drawn.number, problem="")
        await add_unless_taken(self.work, grid, taken)
        self._version(grid, drawn.households, drawn.bounds)
        return grid

    @use_case(policies.GRID_DRAW)
    async def redraw(self, redrawn: RedrawGrid) -> Grid:
        """Change a grid from today on; what it was stays on record (调整网格)."""
        grid = await self.work.load(Grid, redrawn.grid_id, version=redrawn.version)
        grid.name = redrawn.name or grid.name
        # The grid's own version goes up even where only the households or bounds change.
        flag_modified(grid, "name")
        query = select(GridVersion).where(GridVersion.grid_id == grid.id, GridVersion.valid_to.is_(None))
        current = (await self.session.scalars(query)).one()
        households = current.households if redrawn.households is None else redrawn.households
        bounds = current.bounds if redrawn.bounds is None else redrawn.bounds
        if current.valid_from == today():
            current.households, current.bounds = households, bounds
            self.work.publish(events.GridDrawn(grid_id=str(grid.id)))
        else:
            current.valid_to = today()
            self._version(grid, households, bounds)
        return grid

    def _version(self, grid: Grid, households: int | None, bounds: str | None) -> None:
        since: dt.date = today()
        self.session.add(GridVersion(grid_id=grid.id, valid_from=since, households=households, bounds=bounds))
        self.work.publish(events.GridDrawn(grid_id=str(grid.id)))


_REGISTER = """
insert into tenants.household (tenant_id, id, version, number, grid_id, place, people)
select g.tenant_id, $2, 1, $3, g.id, $5, $6 from tenants.grid g where g.tenant_id = $1 and g.id = $4
returning id
"""


class Households(Service):
    """The register of households of one community."""

    @use_case(policies.HOUSEHOLD_REGISTER, where="grid", hot=True)
    async def register(self, household: RegisterHousehold) -> Household:
        """Enter a household in the register (登记户)."""
        self.work.check_grid(household.grid_id)
        told = (household.number, household.grid_id, household.place, household.people)
        taken = HouseholdNumberTaken(path="number", number=household.number, problem="")
        with unless_taken(taken):
            row = await self.work.fetchrow(_REGISTER, self.work.tenant, new_id(), *told)
        if row is None:
            raise NotFound(what="Grid")
        return Household(
            id=row["id"],
            number=household.number,
            grid_id=household.grid_id,
            place=household.place,
            people=household.people,
        )
