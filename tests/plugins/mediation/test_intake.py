"""Intake: what is taken down, what may be accepted, the number and the due day a case gets."""

import datetime as dt
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import select, update

from gongzhi.core import clock
from gongzhi.core.errors import NotFound, Stale
from gongzhi.core.models import Outbox
from gongzhi.core.system import system_work
from gongzhi.plugins.mediation.models import Case, Category, Dispute, Party, Side, Source, Step
from gongzhi.plugins.mediation.service.intake import InOtherHands, NewParty, PartyRefuses, SidesMissing
from gongzhi.plugins.mediation.states import CaseState
from gongzhi.tenants.models import PluginSwitch


@pytest.fixture
def set_up(desk, kernel):
    """Set mediation's settings in the community."""

    async def set_up(**settings):
        async with system_work(kernel) as work:
            of_mediation = (PluginSwitch.tenant_id == desk.scope.node, PluginSwitch.plugin == "mediation")
            await work.session.execute(update(PluginSwitch).where(*of_mediation).values(settings=settings))

    return set_up


class TestOpen:
    async def test_takes_down_dispute_case_and_parties(self, desk, fixed_clock):
        await desk.open(source=Source.REFERRAL, role="mediator")
        [dispute], [case] = await desk.rows(Dispute), await desk.rows(Case)
        assert (dispute.title, dispute.category, case.dispute_id) == (
            "邻里通行",
            Category.NEIGHBOURS,
            dispute.id,
        )
        assert (case.state, case.source, case.version) == (CaseState.SCREENING, Source.REFERRAL, 1)
        assert (case.number, case.due_on, case.accepted_at) == (None, None, None)
        assert case.received_at == datetime(2026, 3, 2, 2, tzinfo=UTC)
        parties = [(row.side, row.name, row.consented, row.rights_told_at) for row in await desk.rows(Party)]
        assert parties == [(Side.APPLICANT, "甲方", True, None), (Side.RESPONDENT, "乙方", True, None)]

    @pytest.mark.parametrize("side", Side)
    async def test_needs_both_sides(self, desk, side):
        """《人民调解法》第二条."""
        with pytest.raises(SidesMissing) as refused:
            await desk.open(parties=[NewParty(side=side, name="甲"), NewParty(side=side, name="乙")])
        assert refused.value.path == "parties"
        assert await desk.rows(Dispute) == []

    async def test_needs_a_grid_of_the_community(self, desk):
        from gongzhi.core.ids import new_id

        with pytest.raises(NotFound):
            await desk.open(grid_id=new_id())
        assert await desk.rows(Case) == []


class TestAccept:
    async def test_gives_number_due_day_and_moment(self, desk, fixed_clock):
        """Thirty days, by 《人民调解工作若干规定》第三十三条."""
        case = await desk.take("accept", await desk.open(), role="community_admin")
        assert case.state is CaseState.ACCEPTED
        assert case.due_on == dt.date(2026, 4, 1)
        assert case.accepted_at == datetime(2026, 3, 2, 2, tzinfo=UTC)

    async def test_counts_days_as_they_are_in_shanghai(self, desk):
        """Half past midnight there is still yesterday by UTC."""
        with clock.use(clock.FixedClock(datetime(2025, 12, 31, 16, 30, tzinfo=UTC))):
            case = await desk.take("accept", await desk.open())
        assert case.due_on == dt.date(2026, 1, 31)
        assert case.number.startswith("（2026）")

    async def test_takes_due_days_and_word_from_the_settings(self, desk, set_up, fixed_clock):
        await set_up(due_days=10, number_word="试")
        case = await desk.take("accept", await desk.open())
        assert (case.due_on, case.number) == (dt.date(2026, 3, 12), "（2026）试人调字第1号")

    async def test_takes_the_word_from_the_place_where_none_is_set(self, desk, fixed_clock):
        case = await desk.take("accept", await desk.open())
        assert case.number == "（2026）第人调字第1号"

    async def test_tells_the_others(self, desk, fixed_clock):
        case = await desk.take("accept", await desk.open(title="甲乙两家的事"))
        [told] = [row for row in await desk.rows(Outbox) if row.name.startswith("mediation.")]
        assert told.name == "mediation.case_accepted/1"
        assert told.payload == {"case_id": str(case.id), "category": "02", "on": "2026-03-02"}

    async def test_is_refused_against_a_partys_will(self, desk):
        """《人民调解法》第十七条."""
        unwilling = NewParty(side=Side.RESPONDENT, name="乙方", consented=False)
        case = await desk.open(parties=[NewParty(side=Side.APPLICANT, name="甲方"), unwilling])
        with pytest.raises(PartyRefuses) as refused:
            await desk.take("accept", case)
        assert refused.value.path == "caseId"
        await untouched(desk, case)

    async def test_is_refused_what_is_in_other_hands(self, desk):
        """《人民调解工作若干规定》第二十二条."""
        case = await desk.open()
        with pytest.raises(InOtherHands) as refused:
            await desk.take("accept", case, in_other_hands=True)
        assert refused.value.path == "inOtherHands"
        await untouched(desk, case)

    async def test_of_another_version_is_refused(self, desk):
        case = await desk.open()
        with pytest.raises(Stale) as refused:
            await desk.take("accept", case, version=case.version + 1)
        assert refused.value.facts == {"current": 1}
        await untouched(desk, case)


async def untouched(desk, case):
    """The case is as it was opened, and nobody was told anything."""
    [kept] = await desk.rows(Case)
    assert (kept.id, kept.state, kept.version, kept.number) == (case.id, CaseState.SCREENING, 1, None)
    assert [row.what for row in await desk.rows(Step)] == ["open"]
    assert [row for row in await desk.rows(Outbox) if row.name.startswith("mediation.")] == []


class TestNumbers:
    async def test_rise_and_leave_none_out(self, desk, set_up, fixed_clock):
        """A refused acceptance uses up no number."""
        await set_up(number_word="试")
        first = await desk.take("accept", await desk.open())
        unwilling = NewParty(side=Side.RESPONDENT, name="乙方", consented=False)
        refused = await desk.open(parties=[NewParty(side=Side.APPLICANT, name="甲方"), unwilling])
        with pytest.raises(PartyRefuses):
            await desk.take("accept", refused)
        second = await desk.take("accept", await desk.open())
        assert [first.number, second.number] == ["（2026）试人调字第1号", "（2026）试人调字第2号"]

    async def test_are_not_given_again_when_a_case_ends(self, desk, mediator, set_up, fixed_clock):
        await set_up(number_word="试")
        closed = await desk.lead("closed", mediator)
        assert (closed.number, (await desk.lead("accepted", mediator)).number) == (
            "（2026）试人调字第1号",
            "（2026）试人调字第2号",
        )

    async def test_begin_anew_each_year(self, desk, set_up):
        await set_up(number_word="试")
        numbers = []
        for year in (2026, 2026, 2027, 2026):
            with clock.use(clock.FixedClock(datetime(year, 6, 1, tzinfo=UTC))):
                numbers.append((await desk.take("accept", await desk.open())).number)
        assert numbers == [
            "（2026）试人调字第1号",
            "（2026）试人调字第2号",
            "（2027）试人调字第1号",
            "（2026）试人调字第3号",
        ]

    async def test_are_each_communitys_own(self, desk, kernel, county, working, set_up, fixed_clock):
        from gongzhi.plugins.mediation.models import Case as Row

        await desk.take("accept", await desk.open())
        beside = type(desk)(
            kernel,
            lambda role, **more: working(role, county.communities[1], **more),
            county.scope(county.communities[1]),
        )
        await beside.take("accept", await beside.open())
        async with system_work(kernel) as work:
            nodes = [county.scope(code).node for code in county.communities]
            query = select(Row.number).where(Row.tenant_id.in_(nodes))
            assert [number[-2:] for number in (await work.session.scalars(query)).all()] == ["1号", "1号"]


class TestDecline:
    async def test_keeps_the_reason_that_the_applicant_is_told(self, desk):
        case = await desk.take("decline", await desk.open(), role="community_officer")
        assert (case.state, case.outcome, case.number) == (CaseState.NOT_ACCEPTED, "不属于民间纠纷", None)
        assert [(row.what, row.to) for row in await desk.rows(Step)][-1] == (
            "decline",
            CaseState.NOT_ACCEPTED,
        )


class TestInput:
    @pytest.mark.parametrize(
        "settings", [{"due_days": 0}, {"due_days": 61}, {"number_word": "字" * 9}, {"x": 1}]
    )
    def test_of_settings_keeps_its_limits(self, settings):
        from gongzhi.plugins.mediation.settings import MediationSettings

        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(settings, MediationSettings)
