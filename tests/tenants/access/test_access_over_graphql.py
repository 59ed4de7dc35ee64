"""Who may do what, over HTTP: each question and each command refuses strangers, and says so in both languages."""

import secrets
from uuid import uuid4

import pytest

from gongzhi.core.api import global_id
from gongzhi.core.testing import literal
from gongzhi.tenants import desk

ANYTHING = {name: global_id(name, uuid4()) for name in ("Account", "Grant", "OwnRole", "ApiToken")}
TURNED = {"accountId": ANYTHING["Account"], "version": 1}

COMMANDS = {
    "openAccount": ({"login": "nobody-yet", "displayName": "某人"}, "tenants.account:open"),
    "closeAccount": (TURNED, "tenants.account:open"),
    "reopenAccount": (TURNED, "tenants.account:open"),
    "resetAccount": (TURNED, "tenants.account:open"),
    "giveRole": ({"login": "nobody-yet", "role": "mediator", "reason": "试办"}, "tenants.grant:give"),
    "revokeGrant": ({"grantId": ANYTHING["Grant"], "reason": "试办"}, "tenants.grant:give"),
    "makeRole": ({"name": "接待员"}, "tenants.role:make"),
    "changeRole": ({"roleId": ANYTHING["OwnRole"], "version": 1}, "tenants.role:make"),
    "retireRole": ({"roleId": ANYTHING["OwnRole"], "version": 1}, "tenants.role:make"),
    "issueToken": ({"label": "对接"}, "tenants.token:issue"),
    "rotateToken": ({"tokenId": ANYTHING["ApiToken"]}, "tenants.token:issue"),
    "revokeToken": ({"tokenId": ANYTHING["ApiToken"]}, "tenants.token:issue"),
}

QUESTIONS = {
    "account": f'{{ account(id: "{ANYTHING["Account"]}") {{ login }} }}',
    "accounts": "{ accounts { totalCount } }",
    "grant": f'{{ grant(id: "{ANYTHING["Grant"]}") {{ role }} }}',
    "grants": "{ grants { totalCount } }",
    "apiTokens": "{ apiTokens { totalCount } }",
    "ownRoles": "{ ownRoles { totalCount } }",
    "explainAccess": f'{{ explainAccess(accountId: "{ANYTHING["Account"]}", permission: "tenants.grid:read") '
    "{ allowed } }",
    "whoCan": '{ whoCan(permission: "tenants.grid:read") { totalCount } }',
    "accessOf": f'{{ accessOf(accountId: "{ANYTHING["Account"]}") {{ totalCount }} }}',
    "previewGrant": '{ previewGrant(role: "mediator") { nodes } }',
}

BUILT_IN = "{ builtInRoles { code zh en level permissions mayGive } }"
PERMISSIONS = "{ permissions { code zh en } }"


class TestCommand:
    @pytest.mark.parametrize("name", COMMANDS)
    async def test_is_refused_without_its_permission(self, officer, name):
        """Before anything is looked for, so that a stranger learns nothing by trying."""
        told, permission = COMMANDS[name]

        chinese = await officer.do(name, told)
        english = await officer.as_(**{"Accept-Language": "en"}).do(name, told)

        assert (chinese["__typename"], chinese["code"], chinese["path"]) == (
            "PermissionMissing",
            "FORBIDDEN",
            None,
        )
        assert chinese["message"] == f"您没有此项权限：{permission}，请联系本级管理员授权"
        assert english["message"].startswith(f"You lack the permission {permission}")

    @pytest.mark.parametrize("name", COMMANDS)
    async def test_is_refused_to_nobody(self, client, county, name):
        told, _permission = COMMANDS[name]
        asked = await client.ask(f"mutation {{ {name}(input: {literal(told)}) {{ __typename }} }}")

        assert asked.code == "NOT_SIGNED_IN"

    @pytest.mark.parametrize(
        "name", [name for name, (told, _) in COMMANDS.items() if set(told.values()) & set(ANYTHING.values())]
    )
    async def test_answers_of_what_there_is_not_as_of_what_is_elsewhere(self, admin, name):
        told, _permission = COMMANDS[name]
        refused = await admin.do(name, told)

        assert (refused["__typename"], refused["code"]) == ("ObjectMissing", "NOT_FOUND")

    async def test_is_offered_for_each_permission_about_access(self, kernel):
        needed = {permission for _told, permission in COMMANDS.values()}

        assert needed == {
            "tenants.account:open",
            "tenants.grant:give",
            "tenants.role:make",
            "tenants.token:issue",
        }
        assert needed <= kernel.roles.allowed("community_admin") & kernel.roles.allowed("county_operator")


class TestQuestion:
    @pytest.mark.parametrize("name", QUESTIONS)
    async def test_is_refused_without_the_permission(self, officer, name):
        chinese = await officer.ask(QUESTIONS[name])
        english = await officer.as_(**{"Accept-Language": "en"}).ask(QUESTIONS[name])

        assert chinese.code == english.code == "FORBIDDEN"
        assert "tenants.grant:read" in chinese.errors[0]["message"]
        assert english.errors[0]["message"].startswith("You lack the permission tenants.grant:read")
        assert chinese.body["data"] == {name: None}

    @pytest.mark.parametrize("name", QUESTIONS)
    async def test_is_refused_to_nobody(self, client, name):
        assert (await client.ask(QUESTIONS[name])).code == "NOT_SIGNED_IN"

    @pytest.mark.parametrize("name", QUESTIONS)
    @pytest.mark.parametrize("role", ["auditor", "data_protection_officer"])
    async def test_is_answered_to_who_watches(self, client, county, kernel, name, role):
        token = await desk.create_token(kernel, county.community, label="x", role=role)

        answered = await client.as_(token).ask(QUESTIONS[name])

        assert [error["extensions"]["code"] for error in answered.errors] in ([], ["NOT_FOUND"])


class TestBuiltInRoles:
    async def test_are_all_there_with_what_they_allow(self, officer, kernel):
        roles = (await officer.ask(BUILT_IN)).data["builtInRoles"]

        assert {role["code"]: set(role["permissions"]) for role in roles} == {
            code: set(kernel.roles.allowed(code)) for code in kernel.roles.roles
        }
        mediator = next(role for role in roles if role["code"] == "mediator")
        assert (mediator["zh"], mediator["en"], mediator["level"]) == ("人民调解员", "mediator", "COMMUNITY")
        assert not any(role["mayGive"] for role in roles)

    async def test_are_those_of_the_issue_at_least(self, officer):
        wanted = {
            "platform_operator",
            "county_operator",
            "county_analyst",
            "street_dispatcher",
            "justice_reviewer",
            "community_admin",
            "community_officer",
            "mediator",
            "mediation_clerk",
            "grid_head",
            "grid_worker",
            "party_secretary",
            "dues_treasurer",
            "ethnic_liaison",
            "social_worker",
            "volunteer",
            "resident",
            "auditor",
            "data_protection_officer",
        }

        assert {role["code"] for role in (await officer.ask(BUILT_IN)).data["builtInRoles"]} >= wanted

    async def test_say_which_of_them_one_may_give_here(self, admin, operator, person):
        """Whatever it says, giving agrees."""
        for who in (admin, operator):
            someone = await person()
            roles = (await who.ask(BUILT_IN)).data["builtInRoles"]
            given = {
                role["code"]: await who.do(
                    "giveRole", {"login": someone.login, "role": role["code"], "reason": "试办"}
                )
                for role in roles
            }

            assert {role["code"] for role in roles if role["mayGive"]} == {
                code for code, answered in given.items() if answered["__typename"] == "GiveRoleSuccess"
            }

    async def test_are_told_to_who_is_signed_in_alone(self, client):
        assert (await client.ask(BUILT_IN)).code == "NOT_SIGNED_IN"


class TestPermissions:
    async def test_are_told_with_their_names(self, officer, kernel):
        told = (await officer.ask(PERMISSIONS)).data["permissions"]

        assert [one["code"] for one in told] == sorted(kernel.roles.permissions)
        assert {"code": "tenants.grid:draw", "zh": "划分网格", "en": "draw grids"} in told

    async def test_are_told_to_who_is_signed_in_alone(self, client):
        assert (await client.ask(PERMISSIONS)).code == "NOT_SIGNED_IN"


class TestForgery:
    @pytest.mark.parametrize("cookie", ["", "x", "gzs_forged", "gzs_" + "a" * 43])
    async def test_of_a_cookie_is_nobody_signed_in(self, client, county, cookie):
        forged = client.as_(
            None, county.community, Cookie=f"gongzhi_session={cookie}", **{"X-CSRF-Token": "gzc_x"}
        )

        answered = await forged.ask(QUESTIONS["grants"])

        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")

    async def test_of_a_scope_is_none_whether_it_exists_or_not(
        self, person, signed_in, county, kernel, rows_of
    ):
        """And it is on record."""
        who = await person(("community_admin", county.community))
        before = len(rows_of(kernel, "select 1 from core.audit where action = 'tenants.scope.enter'"))
        codes = (county.communities[1], county.county, f"{secrets.randbelow(10**6):06}999999")

        answers = [await (await signed_in(who, code)).ask(QUESTIONS["grants"]) for code in codes]

        assert [answered.code for answered in answers] == ["SCOPE_UNKNOWN"] * 3
        messages = {
            answered.errors[0]["message"].replace(code, "…")
            for answered, code in zip(answers, codes, strict=True)
        }
        assert len(messages) == 1
        after = rows_of(kernel, "select outcome from core.audit where action = 'tenants.scope.enter'")
        assert len(after) == before + 3
