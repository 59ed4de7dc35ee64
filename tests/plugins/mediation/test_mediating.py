"""Mediating: each guard between a case that is accepted and one that is closed."""

import datetime as dt

import pytest

from gongzhi.core.errors import NotFound, Stale
from gongzhi.core.ids import new_id
from gongzhi.core.models import Outbox
from gongzhi.plugins.mediation.models import Agreement, AgreementForm, Case, Party, Step
from gongzhi.plugins.mediation.service.mediating import (
    MediatorNotInTerm,
    PerformBeforeEffect,
    RemedyNotTold,
    RightsNotTold,
)
from gongzhi.plugins.mediation.states import CaseState

TODAY = dt.date(2026, 3, 2)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _monday(fixed_clock):
    """It is Monday 2 March 2026 in Shanghai."""


@pytest.fixture
def refused(desk):
    """Take a step that is refused by this error; the case, its timeline and the outbox stay as they are."""

    async def refused(error, step, case, **told):
        before = [len(await desk.rows(model)) for model in (Step, Agreement, Outbox)]
        with pytest.raises(error) as raised:
            await desk.take(step, case, **told)
        kept = next(row for row in await desk.rows(Case) if row.id == case.id)
        assert (kept.state, kept.version, kept.mediator_id) == (case.state, case.version, case.mediator_id)
        assert [len(await desk.rows(model)) for model in (Step, Agreement, Outbox)] == before
        return raised.value

    return refused


class TestAssign:
    @pytest.mark.parametrize(("since", "until"), [(TODAY, TODAY + DAY), (TODAY - DAY, TODAY)])
    async def test_takes_a_mediator_on_the_first_and_last_day_of_the_term(self, desk, mediator, since, until):
        """A mediator with this one day left is in office today."""
        appointed = await desk.appoint(since, until)
        case = await desk.take("assign", await desk.lead("accepted", mediator), mediator_id=appointed.id)
        assert (case.state, case.mediator_id) == (CaseState.ASSIGNED, appointed.id)

    @pytest.mark.parametrize(
        ("since", "until"), [(TODAY - 2 * DAY, TODAY - DAY), (TODAY + DAY, TODAY + 2 * DAY)]
    )
    async def test_takes_nobody_outside_the_term(self, desk, mediator, refused, since, until):
        appointed = await desk.appoint(since, until)
        case = await desk.lead("accepted", mediator)
        refusal = await refused(MediatorNotInTerm, "assign", case, mediator_id=appointed.id)
        assert refusal.path == "mediatorId"
        assert f"{since}至{until}" in refusal.message("zh")
        assert f"from {since} to {until}" in refusal.message("en")

    async def test_takes_nobody_who_is_not_on_the_roster(self, desk, mediator, refused):
        case = await desk.lead("accepted", mediator)
        await refused(NotFound, "assign", case, mediator_id=new_id())

    async def test_may_be_done_again_with_somebody_else(self, desk, mediator):
        other = await desk.appoint(TODAY, TODAY + DAY)
        case = await desk.take("assign", await desk.lead("assigned", mediator), mediator_id=other.id)
        assert (case.state, case.mediator_id) == (CaseState.ASSIGNED, other.id)
        lines = [row.what for row in await desk.rows(Step)]
        assert lines == ["open", "accept", "assign", "assign"]


class TestBegin:
    async def test_notes_when_the_parties_were_told_their_rights(self, desk, mediator):
        """Of this case's parties alone."""
        other = await desk.lead("assigned", mediator)
        case = await desk.lead("in_mediation", mediator)
        told = {(row.case_id, row.rights_told_at is not None) for row in await desk.rows(Party)}
        assert told == {(other.id, False), (case.id, True)}

    async def test_waits_until_rights_are_told(self, desk, mediator, refused):
        """《人民调解工作若干规定》第三十条."""
        case = await desk.lead("assigned", mediator)
        refusal = await refused(RightsNotTold, "begin", case, rights_told=False)
        assert refusal.path == "rightsTold"
        assert {row.rights_told_at for row in await desk.rows(Party)} == {None}


class TestAgree:
    async def test_records_the_agreement_from_today_on(self, desk, mediator):
        case = await desk.lead("in_mediation", mediator)
        case = await desk.take(
            "agree", case, form=AgreementForm.WRITTEN, content="互让一米", perform_by=TODAY
        )
        [row] = await desk.rows(Agreement)
        assert (row.case_id, row.form, row.content) == (case.id, AgreementForm.WRITTEN, "互让一米")
        assert (row.effective_on, row.perform_by) == (TODAY, TODAY)

    async def test_tells_the_others(self, desk, mediator):
        case = await desk.lead("agreed", mediator)
        told = [row for row in await desk.rows(Outbox) if row.name == "mediation.case_agreed/1"]
        assert [row.payload for row in told] == [{"case_id": str(case.id)}]

    @pytest.mark.parametrize(
        ("effective_on", "perform_by"), [(None, TODAY - DAY), (TODAY + 5 * DAY, TODAY + 4 * DAY)]
    )
    async def test_is_performed_after_it_takes_effect(
        self, desk, mediator, refused, effective_on, perform_by
    ):
        case = await desk.lead("in_mediation", mediator)
        days = {"effective_on": effective_on, "perform_by": perform_by}
        assert (await refused(PerformBeforeEffect, "agree", case, **days)).path == "performBy"


class TestTerminate:
    @pytest.mark.parametrize("state", ["accepted", "assigned", "in_mediation"])
    async def test_keeps_the_reason(self, desk, mediator, state):
        case = await desk.take("terminate", await desk.lead(state, mediator))
        assert (case.state, case.outcome) == (CaseState.TERMINATED, "双方分歧过大")

    async def test_waits_until_other_remedies_are_told(self, desk, mediator, refused):
        """《人民调解法》第二十六条."""
        case = await desk.lead("in_mediation", mediator)
        assert (await refused(RemedyNotTold, "terminate", case, remedy_told=False)).path == "remedyTold"


class TestClose:
    @pytest.mark.parametrize(("state", "outcome"), [("performed", "settled"), ("terminated", "not_settled")])
    async def test_tells_the_others_how_it_ended(self, desk, mediator, state, outcome):
        case = await desk.take("close", await desk.lead(state, mediator))
        [told] = [row for row in await desk.rows(Outbox) if row.name == "mediation.case_closed/1"]
        assert told.payload == {
            "case_id": str(case.id),
            "category": "02",
            "outcome": outcome,
            "on": "2026-03-02",
        }
        assert case.closed_at is not None

    async def test_leaves_the_whole_way_on_the_timeline(self, desk, mediator):
        case = await desk.lead("performed", mediator)
        await desk.take("close", case, note="卷宗已归档")
        lines = [(row.what, row.to.value, row.note) for row in await desk.rows(Step)]
        assert lines == [
            ("open", "screening", None),
            ("accept", "accepted", None),
            ("assign", "assigned", None),
            ("begin", "in_mediation", None),
            ("agree", "agreed", None),
            ("perform", "performed", None),
            ("close", "closed", "卷宗已归档"),
        ]


class TestVersion:
    @pytest.mark.parametrize(
        ("state", "step"),
        [
            ("accepted", "assign"),
            ("assigned", "begin"),
            ("in_mediation", "agree"),
            ("in_mediation", "terminate"),
            ("agreed", "perform"),
            ("performed", "close"),
        ],
    )
    async def test_that_somebody_else_has_changed_refuses_the_step(
        self, desk, mediator, refused, state, step
    ):
        """Two people read the same version; the second to act is told so."""
        case = await desk.lead(state, mediator)
        told = desk.needed(step, mediator)
        refusal = await refused(Stale, step, case, version=case.version - 1, **told)
        assert refusal.facts == {"current": case.version}
