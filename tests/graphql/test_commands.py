"""Commands over HTTP: problems in two languages, one transaction each, nothing done twice, nothing half done."""

import asyncio

import pytest
import structlog.testing

from gongzhi.core.db import UnitOfWork
from gongzhi.core.ids import global_id, new_id
from gongzhi.core.testing import Name
from gongzhi.tenants import desk

TERM = 'appointedOn: "2020-01-01", termEndsOn: "2099-01-01"'
CASE = (
    'title: "邻里通行", category: NEIGHBOURS, facts: "两家争执", '
    'parties: [{side: APPLICANT, name: "甲方"}, {side: RESPONDENT, name: "乙方"}]'
)


NOTHING = {"Grid": [], "Household": [], "Mediator": [], "Case": [], "outbox": [], "audit": []}


class TestProblems:
    @pytest.mark.parametrize(
        ("language", "message"),
        [
            (None, "填写有误：至少须有2个字符"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "填写有误：至少须有2个字符"),
            ("en-GB,en;q=0.9", "The input does not fit: Expected `str` of length >= 2"),
            ("fr,en;q=0.5", "The input does not fit: Expected `str` of length >= 2"),
            ("fr", "填写有误：至少须有2个字符"),
        ],
    )
    async def test_speak_the_language_of_the_request(self, who, held, language, message):
        mediator = who["mediator"].as_(**({} if language is None else {"Accept-Language": language}))
        told = {"title": "一", "category": Name("FAMILY"), "facts": "两人争执", "parties": []}
        problem = await mediator.do("openMediationCase", told)
        assert problem == {
            "__typename": "InvalidInput",
            "code": "INVALID_INPUT",
            "message": message,
            "path": "title",
        }
        assert await held() == NOTHING

    async def test_name_the_place_as_clients_write_it(self, who):
        """Camel case, and indexes of lists."""
        told = {"title": "邻里", "category": Name("FAMILY"), "facts": "争执"}
        party = {"side": Name("APPLICANT"), "name": "甲"}
        for parties, path in (
            ([party], "parties"),
            ([party, party | {"name": ""}], "parties.1.name"),
            ([party, party | {"name": "长" * 61}], "parties.1.name"),
        ):
            problem = await who["mediator"].do("openMediationCase", told | {"parties": parties})
            assert problem["path"] == path
        problem = await who["mediator"].do(
            "openMediationCase", told | {"parties": [party, party], "gridId": "x"}
        )
        assert (problem["path"], problem["code"]) == ("gridId", "INVALID_INPUT")

    async def test_of_permission_name_it_and_are_audited(self, who, held):
        problem = await who["auditor"].do("drawGrid", {"number": 1, "name": "一"})
        assert problem == {
            "__typename": "PermissionMissing",
            "code": "FORBIDDEN",
            "message": "您没有此项权限：tenants.grid:draw，请联系本级管理员授权",
            "path": None,
        }
        assert await held() == NOTHING | {"audit": [("tenants.grids.draw", "FORBIDDEN")]}

    async def test_of_missing_objects_and_versions_have_types_of_their_own(self, admin, sample):
        foreign = {"gridId": sample.ids["Grid"], "version": 1}
        assert (await admin.do("redrawGrid", foreign))["__typename"] == "ObjectMissing"
        drawn = await admin.do("drawGrid", {"number": 1, "name": "一"}, read="grid { id version }")
        stale = {"gridId": drawn["grid"]["id"], "version": 7}
        problem = await admin.do("redrawGrid", stale)
        assert (problem["__typename"], problem["code"]) == ("VersionConflict", "STALE_VERSION")

    async def test_of_ids_of_another_type_say_so(self, admin, sample):
        told = {"gridId": sample.ids["Area"], "version": 1}
        problem = await admin.do("redrawGrid", told)
        assert (problem["__typename"], problem["path"]) == ("InvalidInput", "gridId")

    @pytest.mark.parametrize(
        ("mutation", "told"),
        [
            ("registerPerson", {"displayName": "试某", "phone": "139秘密1234567"}),
            ("registerPerson", {"displayName": "试某", "idNumber": "530425秘密9999"}),
            ("registerPerson", {"displayName": "试某秘密" * 30}),
            ("registerPerson", {"displayName": "试某", "birthBand": "秘密1990-01-01"}),
            ("registerHousehold", {"number": "秘密" * 40, "gridId": "秘密", "place": "x"}),
        ],
    )
    @pytest.mark.parametrize("language", ["zh", "en"])
    async def test_repeat_nothing_personal(self, admin, mutation, told, language):
        """Messages end in logs of clients; what was told stays with who told it."""
        problem = await admin.as_(**{"Accept-Language": language}).do(mutation, told)
        assert problem["__typename"] == "InvalidInput"
        assert "秘密" not in str(problem)
        assert "1234567" not in str(problem)

    async def test_of_what_can_not_be_stored_are_the_callers_to_mend(self, admin, held):
        """PostgreSQL keeps no NUL in a text, and no number beyond a column's digits."""
        problem = await admin.do("drawGrid", {"number": 1, "name": Name('"\\u0000"')})
        assert (problem["__typename"], problem["code"]) == ("InvalidInput", "UNSTORABLE")
        figure = {
            "indicator": "area",
            "value": "9" * 30,
            "unit": "km²",
            "asOf": "2025-01-01",
            "source": "试验",
        }
        problem = await admin.do("recordProfileFigure", figure)
        assert problem["__typename"] == "InvalidInput"
        assert await held() == NOTHING


class TestSeveralInOneDocument:
    async def test_run_in_order_each_in_a_transaction_of_its_own(self, admin, held):
        """Each sees what those before it did; a refusal between two others undoes neither."""
        answered = await admin.ask(
            """mutation {
                first: drawGrid(input: {number: 1, name: "一"}) { ... on DrawGridSuccess { grid { code } } }
                again: drawGrid(input: {number: 1, name: "又一"}) { ... on Problem { code } }
                third: drawGrid(input: {number: 2, name: "二"}) { ... on DrawGridSuccess { grid { code } } }
            }"""
        )
        assert [key for key, _value in answered.data.items()] == ["first", "again", "third"]
        assert answered.data["again"] == {"code": "GRID_NUMBER_TAKEN"}
        after = await held()
        assert (len(after["Grid"]), len(after["outbox"]), len(after["audit"])) == (2, 2, 2)

    async def test_survive_one_that_is_refused_at_the_top(self, held, admin):
        answered = await admin.ask(
            """mutation ($id: ID!) {
                first: drawGrid(input: {number: 1, name: "一"}) { __typename }
                wrong: suspendCommunity(input: {communityId: $id, version: 1}) { __typename }
                third: drawGrid(input: {number: 2, name: "二"}) { __typename }
            }""",
            id=global_id("Community", new_id()),
        )
        assert answered.code == "SCOPE_NEEDS_RANGE"
        assert answered.body["data"] == {
            "first": {"__typename": "DrawGridSuccess"},
            "wrong": None,
            "third": {"__typename": "DrawGridSuccess"},
        }
        assert len((await held())["Grid"]) == 2


class TestPayload:
    """The payload is read in the command's transaction, before the commit."""

    async def test_that_can_not_be_read_undoes_the_command_and_its_events(self, who, held, run_tasks):
        """A grid worker may open a case, and not read one."""
        answered = await who["grid_worker"].ask(
            f"mutation {{ openMediationCase(input: {{{CASE}}}) {{ ... on OpenMediationCaseSuccess {{ mediationCase {{ title }} }} }} }}"
        )
        assert answered.code == "FORBIDDEN"
        assert answered.body["data"] == {"openMediationCase": None}
        assert await held() == NOTHING

    async def test_that_can_not_be_read_undoes_nothing_beside(self, who, held):
        """Although the part that failed may be null by its type, nothing of a command is told that was undone."""
        answered = await who["grid_worker"].ask(
            f"""mutation {{
                first: openMediationCase(input: {{{CASE}}}) {{ __typename }}
                wrong: openMediationCase(input: {{{CASE}}}) {{
                    ... on OpenMediationCaseSuccess {{ mediationCase {{ id parties {{ name }} grid {{ code }} }} }}
                }}
                third: openMediationCase(input: {{{CASE}}}) {{
                    ... on OpenMediationCaseSuccess {{ mediationCase {{ id }} }}
                }}
            }}"""
        )
        assert [error["path"][0] for error in answered.errors] == ["wrong"]
        data = answered.body["data"]
        assert (data["first"]["__typename"], data["wrong"]) == ("OpenMediationCaseSuccess", None)
        assert data["third"]["mediationCase"]["id"]
        after = await held()
        assert (len(after["Case"]), len(after["audit"])) == (2, 2)

    async def test_is_read_before_others_can_see_the_command(self, admin):
        """It shows the rows as they will be committed: version, defaults, to-many."""
        drawn = await admin.do(
            "drawGrid",
            {"number": 1, "name": "一", "households": 60},
            read="grid { version versions { households } }",
        )
        assert drawn["grid"] == {"version": 1, "versions": [{"households": 60}]}

    async def test_of_an_unmasked_person_leads_to_the_masked_one(self, admin):
        told = {"displayName": "试某", "phone": "13800138000"}
        person = (await admin.do("registerPerson", told, read="person { id }"))["person"]
        looked = await admin.do(
            "unmaskPerson",
            {"personId": person["id"], "reason": "电话核实诉求"},
            read="person { displayName phone idNumber person { id phoneMasked } }",
        )
        assert looked["person"] == {
            "displayName": "试某",
            "phone": "13800138000",
            "idNumber": None,
            "person": {"id": person["id"], "phoneMasked": "138****8000"},
        }


class TestCommit:
    async def test_that_fails_is_told_at_the_mutation_and_nothing_happened(self, admin, held, monkeypatch):
        """Whatever the reason, of the unexpected only a reference is told."""

        async def fail(self):
            if self.scope is not None:  # not that of signing in
                raise RuntimeError("the disk is full of secrets")

        with monkeypatch.context() as patched, structlog.testing.capture_logs():
            patched.setattr(UnitOfWork, "keep_records", fail)
            answered = await admin.ask('mutation { drawGrid(input: {number: 1, name: "一"}) { __typename } }')
        [error] = answered.errors
        assert (error["extensions"]["code"], error["path"]) == ("UNEXPECTED", ["drawGrid"])
        assert len(error["extensions"]["reference"]) == 12
        assert "secrets" not in str(answered.body)
        assert answered.body["data"] == {"drawGrid": None}
        assert await held() == NOTHING

    async def test_of_two_who_draw_the_same_at_once_tells_the_second(self, admin, held):
        """Services look before they write; who comes between is told to read again, never that we broke."""
        draw = 'mutation { drawGrid(input: {number: 1, name: "一"}) { __typename ... on Problem { code } } }'
        payloads = [
            answered.data["drawGrid"] for answered in await asyncio.gather(admin.ask(draw), admin.ask(draw))
        ]
        assert "DrawGridSuccess" in {payload["__typename"] for payload in payloads}
        [refused] = [payload for payload in payloads if payload["__typename"] != "DrawGridSuccess"]
        assert refused["code"] in ("GRID_NUMBER_TAKEN", "WRITTEN_MEANWHILE")
        assert len((await held())["Grid"]) == 1


class TestOtherCommands:
    """Each at least once over HTTP; their rules are tested where they live."""

    async def test_of_consent(self, admin):
        person = (await admin.do("registerPerson", {"displayName": "试某"}, read="person { id }"))["person"]
        told = {"personId": person["id"], "purpose": Name("PUBLICATION"), "dataKinds": ["photo"]}
        told |= {"wording": "v1", "method": "signed"}
        consent = (await admin.do("giveConsent", told, read="consent { id version }"))["consent"]
        withdrawal = {"consentId": consent["id"], "version": consent["version"]}
        taken = await admin.do("withdrawConsent", withdrawal, read="consent { withdrawnAt version }")
        assert taken["consent"]["withdrawnAt"] is not None
        assert taken["consent"]["version"] == 2

    async def test_of_a_communitys_life(self, client, county, kernel, token_for_county):
        operator = client.as_(token_for_county)
        query = "{ communities(order: OLDEST, first: 1) { nodes { id version state } } }"
        [found] = (await operator.ask(query)).data["communities"]["nodes"]
        told = {"communityId": found["id"], "version": found["version"]}
        suspended = await operator.do("suspendCommunity", told, read="community { state version }")
        assert suspended["community"]["state"] == "SUSPENDED"
        told["version"] = suspended["community"]["version"]
        resumed = await operator.do("resumeCommunity", told, read="community { state version }")
        assert resumed["community"]["state"] == "ACTIVE"
        told["version"] = resumed["community"]["version"]
        again = await operator.do("suspendCommunity", told, read="community { version }")
        told["version"] = again["community"]["version"]
        refused = await operator.do("archiveCommunity", told)
        assert refused["code"] == "DUTIES_SEPARATED"
        second = await desk.create_token(kernel, county.county, label="second", role="county_operator")
        archived = await client.as_(second).do("archiveCommunity", told, read="community { state }")
        assert archived["community"] == {"state": "ARCHIVED"}

    async def test_of_a_plugins_settings(self, admin):
        told = {"plugin": "mediation", "settings": '{"due_days": 20}'}
        configured = await admin.do("configurePlugin", told, read="pluginSwitch { settings }")
        assert configured["pluginSwitch"]["settings"] == '{"due_days": 20, "number_word": ""}'


@pytest.fixture
def token_for_county(county, token_for):
    return token_for("county_operator", county.county)
