"""A case from intake to closed, through GraphQL, as the people who handle it."""

from gongzhi.core.testing import Name

CASE = "mediationCase { id version state number }"


def test_a_case_goes_from_intake_to_closed(client, county, token_for, run_tasks, event_loop):
    admin = client.as_(token_for("community_admin", county.community))
    mediator = client.as_(token_for("mediator", county.community))

    async def story():
        appointed = await admin.do(
            "appointMediator",
            {"name": "试调解员", "appointedOn": "2026-01-01", "termEndsOn": "2099-01-01"},
            read="mediator { id }",
        )
        opened = await mediator.do(
            "openMediationCase",
            {
                "title": "邻里通行",
                "category": Name("NEIGHBOURS"),
                "facts": "两家因通道堆物争执",
                "parties": [
                    {"side": Name("APPLICANT"), "name": "甲方"},
                    {"side": Name("RESPONDENT"), "name": "乙方"},
                ],
            },
            read=CASE,
        )
        assert "mediationCase" in opened, opened
        case = opened["mediationCase"]
        steps = [
            (admin, "acceptMediationCase", {}),
            (admin, "assignMediation", {"mediatorId": appointed["mediator"]["id"]}),
            (mediator, "beginMediation", {"rightsTold": True}),
            (mediator, "agreeMediation", {"form": Name("WRITTEN"), "content": "互让一米，三日内清理"}),
            (mediator, "performMediation", {}),
            (mediator, "closeMediation", {}),
        ]
        for who, step, told in steps:
            payload = await who.do(step, {"caseId": case["id"], "version": case["version"], **told}, read=CASE)
            assert "mediationCase" in payload, payload
            case = payload["mediationCase"]
        await run_tasks()
        return case

    case = event_loop.run(story())
    assert case["state"] == "CLOSED"
