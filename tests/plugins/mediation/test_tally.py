"""The monthly tally: each case once, in its month and category, read from above without any case."""

from datetime import UTC, date, datetime

import pytest

from gongzhi.core import clock
from gongzhi.core.api import system_work
from gongzhi.core.deliver import deliver
from gongzhi.core.ids import global_id
from gongzhi.plugins.mediation.models import Category, Tally
from gongzhi.tenants.desk import create_token

TALLIES = "{ mediationTallies { nodes { month category accepted closed } } }"


@pytest.fixture
def counted(desk):
    """The tally: (month, category, accepted, closed)."""

    async def counted():
        rows = sorted(await desk.rows(Tally), key=lambda row: (row.month, row.category.value))
        return [(row.month.isoformat(), row.category, row.accepted, row.closed) for row in rows]

    return counted


class TestTally:
    async def test_counts_acceptance_and_closing(self, desk, mediator, run_tasks, counted, fixed_clock):
        for _ in range(2):
            await desk.lead("accepted", mediator)
        await desk.lead("closed", mediator)
        await desk.lead("not_accepted", mediator)
        await run_tasks()
        assert await counted() == [("2026-03-01", Category.NEIGHBOURS, 3, 1)]

    async def test_keeps_categories_and_months_apart(self, desk, mediator, run_tasks, counted):
        """A case counts where it was accepted, and where it was closed."""
        with clock.use(clock.FixedClock(datetime(2026, 1, 31, 4, tzinfo=UTC))):
            case = await desk.lead("terminated", mediator)
            await desk.lead("accepted", mediator, category=Category.FAMILY)
        with clock.use(clock.FixedClock(datetime(2026, 2, 1, 4, tzinfo=UTC))):
            await desk.take("close", case)
        await run_tasks()
        assert await counted() == [
            ("2026-01-01", Category.FAMILY, 1, 0),
            ("2026-01-01", Category.NEIGHBOURS, 1, 0),
            ("2026-02-01", Category.NEIGHBOURS, 0, 1),
        ]

    async def test_takes_the_month_of_shanghai(self, desk, mediator, run_tasks, counted):
        with clock.use(clock.FixedClock(datetime(2026, 2, 28, 16, 30, tzinfo=UTC))):
            await desk.lead("accepted", mediator)
        await run_tasks()
        assert await counted() == [("2026-03-01", Category.NEIGHBOURS, 1, 0)]

    async def test_counts_once_what_is_delivered_twice(
        self, desk, kernel, mediator, run_tasks, counted, fixed_clock
    ):
        """Delivery is at least once; the effect is once."""
        await desk.lead("closed", mediator)
        delivered = [one for one in await run_tasks() if one.name.startswith("mediation.")]
        assert sorted(one.name for one in delivered) == ["mediation.count_accepted", "mediation.count_closed"]
        for one in delivered:
            await deliver(kernel, one.kind, one.name, one.told)
        assert await counted() == [("2026-03-01", Category.NEIGHBOURS, 1, 1)]

    async def test_is_read_by_the_county_which_reads_no_case(
        self, county_reader, desk, mediator, run_tasks, fixed_clock
    ):
        """Counts of matters go up; what people told the committee does not."""
        case = await desk.lead("accepted", mediator)
        await run_tasks()
        answered = await county_reader().ask(TALLIES)
        assert answered.data["mediationTallies"]["nodes"] == [
            {"month": "2026-03-01", "category": "NEIGHBOURS", "accepted": None, "closed": 0}
        ]
        assert (
            await county_reader().ask("{ mediationCases { totalCount } }")
        ).code == "SCOPE_NEEDS_COMMUNITY"
        inside = county_reader(inside=True)
        assert (await inside.ask("{ mediationCases { totalCount } }")).code == "FORBIDDEN"
        id_ = global_id("MediationCase", case.id)
        assert (await inside.ask(f'{{ mediationCase(id: "{id_}") {{ title }} }}')).code == "FORBIDDEN"

    async def test_is_filtered_by_month_and_category(
        self, county_reader, desk, mediator, run_tasks, fixed_clock
    ):
        await desk.lead("accepted", mediator)
        await desk.lead("accepted", mediator, category=Category.FAMILY)
        await run_tasks()
        for given, kept in (
            ("category: [FAMILY]", ["FAMILY"]),
            ('month: {since: "2026-03-02"}', []),
            ('month: {since: "2026-03-01", until: "2026-03-02"}', ["NEIGHBOURS", "FAMILY"]),
        ):
            query = f"{{ mediationTallies(order: OLDEST, filter: {{{given}}}) {{ nodes {{ category }} }} }}"
            found = (await county_reader().ask(query)).data["mediationTallies"]["nodes"]
            assert sorted(node["category"] for node in found) == sorted(kept)


@pytest.fixture
def county_reader(client, county, token_for, fixed_clock):
    """The county's operator; in the community itself where told."""
    token = token_for("county_operator", county.county)
    return lambda *, inside=False: client.as_(token, county.community if inside else None)


class TestSmallCounts:
    @pytest.mark.parametrize(("count", "told"), [(0, 0), (1, None), (4, None), (5, 5), (900, 900)])
    async def test_are_left_out_for_who_sees_nothing_else(
        self, county_reader, kernel, county, client, count, told
    ):
        """A single case of violence in a village names a family; who works with cases may count them."""
        async with system_work(kernel) as work:
            tenant = county.scope().node
            month = date(2026, 3, 1)
            work.session.add(
                Tally(tenant_id=tenant, month=month, category=Category.NEIGHBOURS, accepted=count)
            )
        above = await county_reader().ask(TALLIES)
        assert [node["accepted"] for node in above.data["mediationTallies"]["nodes"]] == [told]
        here = await client.as_(await create_token(kernel, county.community, label="x", role="mediator")).ask(
            TALLIES
        )
        assert [node["accepted"] for node in here.data["mediationTallies"]["nodes"]] == [count]
