"""The table of states: what it says, and that no sequence of commands leaves it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongzhi.core.errors import WrongState
from gongzhi.plugins.mediation.models import Case, Step
from gongzhi.plugins.mediation.states import TRANSITIONS, CaseState, next_state


class TestTable:
    def test_begins_in_screening_and_reaches_every_state(self):
        reached = {CaseState.SCREENING}
        while more := {t.to for t in TRANSITIONS.values() if t.since & reached} - reached:
            reached |= more
        assert reached == set(CaseState)

    def test_ends_where_nothing_more_is_done(self):
        ends = {state for state in CaseState if not any(state in t.since for t in TRANSITIONS.values())}
        assert ends == {CaseState.NOT_ACCEPTED, CaseState.CLOSED}

    def test_leads_from_everywhere_to_an_end(self):
        """No case is caught."""
        ending = {CaseState.NOT_ACCEPTED, CaseState.CLOSED}
        while more := {s for t in TRANSITIONS.values() if t.to in ending for s in t.since} - ending:
            ending |= more
        assert ending == set(CaseState)


class TestNextState:
    @pytest.mark.parametrize("step", TRANSITIONS)
    @pytest.mark.parametrize("state", CaseState)
    def test_follows_the_table_or_names_what_is_allowed(self, state, step):
        if state in TRANSITIONS[step].since:
            assert next_state(state, step) is TRANSITIONS[step].to
            return
        with pytest.raises(WrongState) as refused:
            next_state(state, step)
        allowed = [name for name, transition in TRANSITIONS.items() if state in transition.since]
        assert refused.value.facts == {
            "state": state.value,
            "step": step,
            "allowed": ", ".join(allowed) or "-",
        }


class TestCommands:
    @pytest.mark.parametrize("state", CaseState)
    async def test_in_a_wrong_state_are_refused_and_change_nothing(self, desk, mediator, state):
        """Every step that the table does not allow, tried on a real case."""
        case = await desk.lead(state.value, mediator)
        timeline = len(await desk.rows(Step))
        for step, transition in TRANSITIONS.items():
            if state in transition.since:
                continue
            with pytest.raises(WrongState) as refused:
                await desk.take(step, case, **desk.needed(step, mediator))
            allowed = [name for name, possible in TRANSITIONS.items() if state in possible.since]
            assert refused.value.facts["allowed"] == (", ".join(allowed) or "-")
        [kept] = await desk.rows(Case)
        assert (kept.state, kept.version) == (state, case.version)
        assert len(await desk.rows(Step)) == timeline

    @given(steps=st.lists(st.sampled_from(sorted(TRANSITIONS)), min_size=1, max_size=9))
    @settings(
        max_examples=60,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_in_any_sequence_stay_on_the_table(self, desk, mediator, event_loop, steps):
        """The row follows the table step by step, the timeline tells each step taken and no other."""

        async def play():
            case = await desk.open()
            state, told = CaseState.SCREENING, [("open", CaseState.SCREENING)]
            for step in steps:
                try:
                    case = await desk.take(step, case, **desk.needed(step, mediator))
                except WrongState:
                    assert state not in TRANSITIONS[step].since
                else:
                    assert state in TRANSITIONS[step].since
                    state = TRANSITIONS[step].to
                    told.append((step, state))
            kept = next(row for row in await desk.rows(Case) if row.id == case.id)
            lines = [(row.what, row.to) for row in await desk.rows(Step) if row.case_id == case.id]
            assert (kept.state, lines) == (state, told)

        event_loop.run(play())
