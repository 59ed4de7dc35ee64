"""A community is suspended and resumed from above, and its profile keeps every dated figure."""

from datetime import date
from decimal import Decimal

import pytest

from gongzhi.core.api import (
    Invalid,
    NotFound,
    ScopeNeedsRange,
    Stale,
    WrongState,
    unit_of_work,
)
from gongzhi.tenants import desk
from gongzhi.tenants.models import TenantState
from gongzhi.tenants.service.communities import (
    ChangeState,
    Communities,
    FigureKnown,
    Profiles,
    RecordFigure,
)
from gongzhi.tenants.testing import actor_of, make_place


async def turn(kernel, county, step, *, version=1, of=None, where=None):
    """Suspend or resume the first community, as the county's operator."""
    scope = county.scope(where or county.county)
    async with unit_of_work(kernel, scope, actor_of(kernel, "county_operator", scope)) as work:
        change = ChangeState(community_id=of or county.scope().node, version=version)
        return await getattr(Communities(work), step)(change)


class TestState:
    async def test_goes_there_and_back(self, kernel, county):
        suspended = await turn(kernel, county, "suspend")
        assert (suspended.state, suspended.version) == (TenantState.SUSPENDED, 2)

        resumed = await turn(kernel, county, "resume", version=2)
        assert (resumed.state, resumed.version) == (TenantState.ACTIVE, 3)

    async def test_is_archived_once_suspended_and_for_good(self, kernel, county):
        with pytest.raises(WrongState, match="“active” does not allow “archive”"):
            await turn(kernel, county, "archive")
        await turn(kernel, county, "suspend")

        archived = await turn(kernel, county, "archive", version=2)
        assert archived.state is TenantState.ARCHIVED
        with pytest.raises(WrongState, match="“archived” does not allow “resume”"):
            await turn(kernel, county, "resume", version=3)

    async def test_is_told_with_the_community(self, kernel, county, rows_of):
        """The record is the county's, so the event itself says which community."""
        await turn(kernel, county, "suspend")

        told = "select payload from core.outbox where scope_id = %s and name = 'tenants.community_state_changed/1'"
        assert rows_of(kernel, told, county.scope(county.county).node) == [
            ({"community_id": str(county.scope().node), "state": "suspended"},)
        ]

    async def test_turns_only_from_where_it_is(self, kernel, county):
        with pytest.raises(WrongState, match="“active” does not allow “resume”"):
            await turn(kernel, county, "resume")

    async def test_turned_meanwhile_is_stale(self, kernel, county):
        await turn(kernel, county, "suspend")

        with pytest.raises(Stale):
            await turn(kernel, county, "suspend", version=1)

    async def test_of_another_county_s_community_is_not_found(self, kernel, county, rows_of):
        elsewhere = await make_place(kernel)

        with pytest.raises(NotFound):
            await turn(kernel, county, "suspend", of=elsewhere.scope().node)

        state = "select state from tenants.tenant where node_id = %s"
        assert rows_of(kernel, state, elsewhere.scope().node) == [("active",)]

    async def test_is_turned_from_above_only(self, kernel, county):
        with pytest.raises(ScopeNeedsRange):
            await turn(kernel, county, "suspend", where=county.community)


async def record(working, value="14.88", code=None, **told):
    figure = {
        "indicator": "area",
        "value": Decimal(value),
        "unit": "km²",
        "as_of": date(2024, 12, 31),
        "source": "易门县政府网站",
    }
    async with working("community_admin", code) as work:
        return await Profiles(work).record_figure(RecordFigure(**figure | told))


class TestFigure:
    async def test_is_kept_with_its_day_and_source(self, working, kernel, county, rows_of):
        await record(working)

        row = "select indicator, value, unit, as_of, source from tenants.profile_figure where tenant_id = %s"
        assert rows_of(kernel, row, county.scope().node) == [
            ("area", Decimal("14.88"), "km²", date(2024, 12, 31), "易门县政府网站")
        ]

    async def test_of_another_day_leaves_the_older_one(self, working, kernel, county, rows_of):
        await record(working, "4000", indicator="residents", as_of=date(2023, 12, 31))
        await record(working, "4330", indicator="residents", as_of=date(2024, 12, 31))

        values = "select value from tenants.profile_figure where tenant_id = %s order by as_of"
        assert rows_of(kernel, values, county.scope().node) == [(4000,), (4330,)]

    async def test_of_the_same_day_is_known(self, working, kernel, county, rows_of):
        await record(working)

        with pytest.raises(FigureKnown, match="“area” of this day") as refused:
            await record(working, "15")

        assert refused.value.path == "indicator"
        values = "select value from tenants.profile_figure where tenant_id = %s"
        assert rows_of(kernel, values, county.scope().node) == [(Decimal("14.88"),)]

    @pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1E+14", "-1E+14", "1E+400"])
    async def test_is_a_number_somebody_can_have_counted(self, value, working, kernel, county, rows_of):
        with pytest.raises(Invalid) as refused:
            await record(working, value)

        assert refused.value.path == "value"
        count = "select count(*) from tenants.profile_figure where tenant_id = %s"
        assert rows_of(kernel, count, county.scope().node) == [(0,)]

    async def test_may_be_seen_from_above(self, working, client, county, kernel):
        """A profile is no person's: county and street read it of all their communities."""
        await record(working)
        await record(working, "9", code=county.communities[1])
        token = await desk.create_token(kernel, county.county, label="x", role="county_operator")

        seen = await client.as_(token).ask("{ profileFigures { nodes { value unit } } }")

        figures = sorted(node["value"] for node in seen.data["profileFigures"]["nodes"])
        assert figures == ["14.88", "9"]
