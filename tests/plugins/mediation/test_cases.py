"""A case from intake to closed, through GraphQL, as the people who handle it."""

import pytest

from gongzhi.core.testing import Name

CASE = "mediationCase { id version state number }"
WHOLE = """query ($id: ID!) { mediationCase(id: $id) {
    state number dueOn outcome closedAt version mediator { name }
    parties { side name consented rightsToldAt } steps { what to note } agreements { form content performBy }
} }"""
DISPUTE = {
    "title": "邻里通行",
    "category": Name("NEIGHBOURS"),
    "facts": "两家因通道堆物争执",
    "parties": [
        {"side": Name("APPLICANT"), "name": "甲方"},
        {"side": Name("RESPONDENT"), "name": "乙方"},
    ],
}


@pytest.fixture
def admin(client, county, token_for):
    """The community's admin, who keeps the roster, accepts and assigns."""
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def mediator(client, county, token_for):
    """A people's mediator, who takes disputes down and mediates."""
    return client.as_(token_for("mediator", county.community))


@pytest.fixture
def story(admin, mediator):
    """Open a case and take these steps with it: (who, mutation, what is told besides)."""

    async def tell(*steps):
        term = {"name": "试调解员", "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
        appointed = (await admin.do("appointMediator", term, read="mediator { id }"))["mediator"]["id"]
        case = (await mediator.do("openMediationCase", DISPUTE, read=CASE))["mediationCase"]
        for who, step, told in steps:
            besides = {"mediatorId": appointed} if step == "assignMediation" else {}
            asked = {"caseId": case["id"], "version": case["version"]} | besides | told
            payload = await who.do(step, asked, read=CASE)
            assert "mediationCase" in payload, payload
            case = payload["mediationCase"]
        return case

    return tell


class TestCase:
    async def test_goes_from_intake_to_closed(self, admin, mediator, story, run_tasks, fixed_clock):
        """Everything it came to can be read afterwards, and the month counts it."""
        case = await story(
            (admin, "acceptMediationCase", {}),
            (admin, "assignMediation", {}),
            (mediator, "beginMediation", {"rightsTold": True}),
            (
                mediator,
                "agreeMediation",
                {"form": Name("WRITTEN"), "content": "互让一米，三日内清理", "performBy": "2026-03-05"},
            ),
            (mediator, "performMediation", {"note": "通道已清理"}),
            (mediator, "closeMediation", {}),
        )
        assert (case["state"], case["number"]) == ("CLOSED", "（2026）第人调字第1号")
        whole = (await mediator.ask(WHOLE, id=case["id"])).data["mediationCase"]
        assert whole.pop("closedAt") == "2026-03-02T02:00:00+00:00"
        told_at = "2026-03-02T02:00:00+00:00"
        assert whole == {
            "state": "CLOSED",
            "number": "（2026）第人调字第1号",
            "dueOn": "2026-04-01",
            "outcome": None,
            "version": 7,
            "mediator": {"name": "试调解员"},
            "parties": [
                {"side": "APPLICANT", "name": "甲方", "consented": True, "rightsToldAt": told_at},
                {"side": "RESPONDENT", "name": "乙方", "consented": True, "rightsToldAt": told_at},
            ],
            "steps": [
                {"what": "open", "to": "SCREENING", "note": None},
                {"what": "accept", "to": "ACCEPTED", "note": None},
                {"what": "assign", "to": "ASSIGNED", "note": None},
                {"what": "begin", "to": "IN_MEDIATION", "note": None},
                {"what": "agree", "to": "AGREED", "note": None},
                {"what": "perform", "to": "PERFORMED", "note": "通道已清理"},
                {"what": "close", "to": "CLOSED", "note": None},
            ],
            "agreements": [{"form": "WRITTEN", "content": "互让一米，三日内清理", "performBy": "2026-03-05"}],
        }
        await run_tasks()
        tally = (await admin.ask("{ mediationTallies { nodes { accepted closed } } }")).data
        assert tally["mediationTallies"]["nodes"] == [{"accepted": 1, "closed": 1}]

    async def test_may_end_without_agreement(self, admin, mediator, story):
        case = await story(
            (admin, "acceptMediationCase", {}),
            (admin, "assignMediation", {}),
            (mediator, "beginMediation", {"rightsTold": True}),
            (mediator, "terminateMediation", {"reason": "双方分歧过大", "remedyTold": True}),
            (admin, "closeMediation", {}),
        )
        whole = (await mediator.ask(WHOLE, id=case["id"])).data["mediationCase"]
        assert (whole["state"], whole["outcome"], whole["agreements"]) == ("CLOSED", "双方分歧过大", [])

    async def test_may_be_declined(self, admin, mediator, story):
        case = await story((admin, "declineMediationCase", {"reason": "不属于民间纠纷"}))
        assert (case["state"], case["number"]) == ("NOT_ACCEPTED", None)

    async def test_leaves_an_audit_entry_for_each_step_without_a_word_of_it(self, admin, mediator, story):
        await story((admin, "acceptMediationCase", {}), (admin, "assignMediation", {}))
        query = "{ audit(first: 4) { nodes { action outcome subjectType fields } } }"
        found = (await admin.ask(query)).data["audit"]["nodes"]
        assert [(entry["action"], entry["outcome"], entry["subjectType"]) for entry in found] == [
            ("mediation.mediations.assign", "done", "Case"),
            ("mediation.mediationcases.accept", "done", "Case"),
            ("mediation.mediationcases.open", "done", "Case"),
            ("mediation.mediators.appoint", "done", "Mediator"),
        ]
        assert found[2]["fields"] == ["title", "category", "source", "facts", "parties", "grid_id"]
