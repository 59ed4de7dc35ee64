"""What clients see of mediation: who may do and read what, and what they are told when they may not."""

import pytest

from gongzhi.core.models import Audit, Outbox
from gongzhi.core.testing import Name
from gongzhi.plugins.mediation import policies
from gongzhi.plugins.mediation.models import MODELS, Case

TERM = {"name": "试调解员", "appointedOn": "2020-01-01", "termEndsOn": "2099-01-01"}
PARTIES = [{"side": Name("APPLICANT"), "name": "甲方"}, {"side": Name("RESPONDENT"), "name": "乙方"}]
DISPUTE = {"title": "邻里通行", "category": Name("NEIGHBOURS"), "facts": "两家争执", "parties": PARTIES}

#: Permission to (mutation, what is told besides case and version, the state the case is in, who lacks it).
COMMANDS = [
    (policies.ROSTER_KEEP, "appointMediator", TERM, None, "mediator"),
    (policies.CASE_OPEN, "openMediationCase", DISPUTE, None, "community_admin"),
    (policies.CASE_ACCEPT, "acceptMediationCase", {}, "screening", "mediator"),
    (policies.CASE_ACCEPT, "declineMediationCase", {"reason": "不属于民间纠纷"}, "screening", "mediator"),
    (policies.CASE_ASSIGN, "assignMediation", {"mediatorId": None}, "accepted", "community_officer"),
    (policies.CASE_MEDIATE, "beginMediation", {"rightsTold": True}, "assigned", "community_admin"),
    (
        policies.CASE_MEDIATE,
        "agreeMediation",
        {"form": Name("ORAL"), "content": "互谅互让"},
        "in_mediation",
        "community_admin",
    ),
    (policies.CASE_MEDIATE, "performMediation", {}, "agreed", "community_admin"),
    (
        policies.CASE_MEDIATE,
        "terminateMediation",
        {"reason": "分歧过大", "remedyTold": True},
        "in_mediation",
        "community_admin",
    ),
    (policies.CASE_CLOSE, "closeMediation", {}, "performed", "community_officer"),
]

READS = [
    (policies.ROSTER_READ, "{ mediators { totalCount } }"),
    (policies.CASE_READ, "{ mediationCases { totalCount } }"),
    (policies.TALLY_READ, "{ mediationTallies { totalCount } }"),
]


@pytest.fixture
def ids():
    """Global ids, as clients write them."""
    from gongzhi.core.ids import global_id

    return lambda row: global_id(
        {"Case": "MediationCase"}.get(type(row).__name__, type(row).__name__), row.id
    )


@pytest.fixture
def everything(desk):
    """All that mediation keeps of the community, and all that was told or audited, as comparable rows."""

    async def everything():
        rows = {}
        for model in (*MODELS, Outbox):
            columns = [column.key for column in model.__table__.columns if column.key != "position"]
            names = [model.__mapper__.get_property_by_column(model.__table__.c[name]).key for name in columns]
            rows[model] = [
                tuple(repr(getattr(row, name)) for name in names) for row in await desk.rows(model)
            ]
        return rows

    return everything


class TestPermissions:
    def test_are_each_refused_by_a_test_below(self):
        tried = {row[0] for row in (*COMMANDS, *READS)} | {policies.PARTY_IDENTIFY, policies.TALLY_EXACT}
        assert tried == set(policies.PERMISSIONS)

    async def test_to_identify_parties_shows_their_names(self, tokens):
        """A court's system follows a case and learns no more of a name than it takes to tell two apart."""
        read = "mediationCase { parties { name } }"
        opened = await tokens["mediator"].do("openMediationCase", DISPUTE, read=read)
        assert opened["mediationCase"]["parties"] == [{"name": "甲方"}, {"name": "乙方"}]
        query = "{ mediationCases { nodes { parties { name } } } }"
        [case] = (await tokens["integrator"].ask(query)).data["mediationCases"]["nodes"]
        assert case["parties"] == [{"name": "甲**"}, {"name": "乙**"}]

    @pytest.mark.parametrize(
        ("permission", "mutation", "told", "state", "role"), COMMANDS, ids=[row[1] for row in COMMANDS]
    )
    @pytest.mark.parametrize("lacking", ["everything", "this one"])
    async def test_missing_refuse_the_command_and_nothing_happened(
        self, tokens, desk, mediator, ids, everything, permission, mutation, told, state, role, lacking
    ):
        """Whether somebody has no part in mediation or another part; the attempt is audited."""
        told = dict(told)
        if state is not None:
            case = await desk.lead(state, mediator)
            told |= {"caseId": ids(case), "version": case.version}
        if "mediatorId" in told:
            told["mediatorId"] = ids(mediator)
        before = await everything()
        problem = await tokens["auditor" if lacking == "everything" else role].do(mutation, told)
        assert (problem["__typename"], problem["code"]) == ("PermissionMissing", "FORBIDDEN")
        assert permission.code in problem["message"]
        assert await everything() == before
        assert (await desk.rows(Audit))[-1].outcome == "FORBIDDEN"

    @pytest.mark.parametrize(("permission", "query"), READS, ids=[row[0].code for row in READS])
    async def test_missing_refuse_the_list(self, tokens, permission, query):
        answered = await tokens["auditor"].ask(query)
        assert answered.code == "FORBIDDEN"
        assert permission.code in answered.errors[0]["message"]
        assert set(answered.body["data"].values()) == {None}

    async def test_to_open_do_not_include_to_read(self, tokens, desk):
        """A grid worker takes a dispute down and gets its id; what the committee knows stays there."""
        opened = await tokens["grid_worker"].do("openMediationCase", DISPUTE, read="mediationCase { id }")
        id_ = opened["mediationCase"]["id"]
        answered = await tokens["grid_worker"].ask(f'{{ mediationCase(id: "{id_}") {{ state }} }}')
        assert answered.code == "FORBIDDEN"
        assert len(await desk.rows(Case)) == 1


@pytest.fixture
def tokens(client, county, token_for):
    """A client of each role of the community."""
    roles = ("community_admin", "community_officer", "mediator", "grid_worker", "auditor", "integrator")
    return {role: client.as_(token_for(role, county.community)) for role in roles}


class TestProblems:
    async def test_of_a_wrong_state_name_what_is_allowed(self, tokens, desk, mediator, ids):
        case = await desk.lead("assigned", mediator)
        problem = await tokens["mediator"].do(
            "closeMediation", {"caseId": ids(case), "version": case.version}
        )
        assert problem == {
            "__typename": "StateConflict",
            "code": "WRONG_STATE",
            "message": "当前状态“assigned”不能执行“close”；可执行：assign, begin, terminate",
            "path": None,
        }

    async def test_of_rules_have_a_code_a_place_and_two_languages(self, tokens, desk, mediator, ids):
        case = await desk.lead("assigned", mediator)
        told = {"caseId": ids(case), "version": case.version, "rightsTold": False}
        for language, message in (
            ("zh", "调解前须告知当事人权利义务"),
            ("en", "Tell the parties their rights and duties before mediation begins"),
        ):
            who = tokens["mediator"].as_(**{"Accept-Language": language})
            assert await who.do("beginMediation", told) == {
                "__typename": "InvalidInput",
                "code": "MEDIATION_RIGHTS_NOT_TOLD",
                "message": message,
                "path": "rightsTold",
            }

    async def test_of_another_communitys_case_know_nothing_of_it(
        self, client, county, token_for_beside, desk, mediator, ids
    ):
        case = await desk.lead("screening", mediator)
        beside = client.as_(token_for_beside)
        problem = await beside.do("acceptMediationCase", {"caseId": ids(case), "version": case.version})
        assert (problem["__typename"], problem["code"]) == ("ObjectMissing", "NOT_FOUND")
        assert (await beside.ask(f'{{ mediationCase(id: "{ids(case)}") {{ id }} }}')).data == {
            "mediationCase": None
        }


@pytest.fixture
def token_for_beside(county, token_for):
    """The admin of the community beside."""
    return token_for("community_admin", county.communities[1])


class TestRooms:
    async def test_are_filtered_by_state_category_and_source(self, tokens, desk, mediator, ids):
        accepted, screening = await desk.lead("accepted", mediator), await desk.lead("screening", mediator)
        for given, kept in (
            ("state: [ACCEPTED]", [accepted]),
            ("state: [ACCEPTED, SCREENING]", [screening, accepted]),
            ("category: [FAMILY]", []),
            ("source: [APPLICATION], state: [SCREENING]", [screening]),
        ):
            query = f"{{ mediationCases(filter: {{{given}}}) {{ nodes {{ id }} totalCount }} }}"
            found = (await tokens["mediator"].ask(query)).data["mediationCases"]
            assert [node["id"] for node in found["nodes"]] == [ids(case) for case in kept]
            assert found["totalCount"] == len(kept)
