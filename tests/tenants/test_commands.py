"""The command line: onboard, tenant, plugin, account, token, access; refusals in both languages, with a code."""

import csv
import re
from pathlib import Path

import casbin
import psycopg
import pytest
from click.testing import CliRunner, Result

from gongzhi.core.cli import main
from gongzhi.core.testing import settings_for_tests

COMMUNITY = "530425001006"


@pytest.fixture
def gongzhi(fresh_address, monkeypatch):
    """The command, on a database of its own: ``gongzhi("tenant", "list")``."""
    host, port = fresh_address.options["host"], fresh_address.options["port"]
    monkeypatch.setenv(
        "GONGZHI_DATABASE_URL", f"postgresql:///{fresh_address.database}?host={host}&port={port}"
    )
    monkeypatch.setenv("GONGZHI_DATA_DIR", str(settings_for_tests().data_dir))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("gongzhi.core.logs.set_up", lambda *_: None)

    def run(*words: str, told: str | None = None) -> Result:
        result = CliRunner().invoke(main, words, input=told)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def found(fresh_address):
    """What a statement finds in this database."""

    def find(statement: str) -> list[tuple]:
        with psycopg.connect(fresh_address.url_for("gongzhi_system")) as connection:
            return connection.execute(statement).fetchall()

    return find


@pytest.fixture
def file(tmp_path, divisions):
    """易门县's file, where a report may stand beside it."""
    path = tmp_path / "易门县.csv"
    path.write_bytes(divisions("530425"))
    return path


@pytest.fixture
def on_board(gongzhi, file):
    """易门县 on board."""
    assert gongzhi("onboard", str(file), "--county", "530425").exit_code == 0


def numbers(result: Result) -> dict[str, int]:
    """The outcome's table: English word to number."""
    return {word: int(number) for word, number in re.findall(r"([a-z ]+?)\s*│\s*(\d+)", result.output)}


def refused(result: Result, code: str) -> bool:
    """Exit code 1, the refusal's code on the first line, a message in both languages after it."""
    first, *messages = result.stderr.splitlines()
    return result.exit_code == 1 and first == code and len(messages) == 2


def report_of(path: Path) -> list[str]:
    """The kinds of complaint in a report."""
    return [row[3] for row in list(csv.reader(path.read_text("utf-8-sig").splitlines()))[1:]]


class TestOnboard:
    def test_brings_a_county_on_board(self, gongzhi, file, found):
        result = gongzhi("onboard", str(file), "--county", "530425")

        assert result.exit_code == 0
        assert numbers(result) == {
            " created": 66,
            " renamed": 0,
            " unchanged": 0,
            " refused": 0,
            " rows of other counties": 0,
            " communities": 58,
        }
        assert "66/66" in result.output
        assert found("select count(*) from tenants.tenant") == [(58,)]
        assert report_of(file.with_suffix(".report.csv")) == []

    def test_dry_changes_nothing(self, gongzhi, file, found):
        result = gongzhi("onboard", str(file), "--county", "530425", "--dry-run")

        assert numbers(result)[" created"] == 66
        assert "nothing changed" in result.output
        assert found("select count(*) from tenants.area") == [(0,)]

    def test_takes_a_blueprint_s_file(self, gongzhi, file, tmp_path, found):
        """Its roles hold for the community when the file is gone, and its path is nobody's business."""
        blueprint = tmp_path / "ours.toml"
        blueprint.write_text(
            'zh = "我"\nen = "ours"\nroles = ["community_admin"]\n[grids]\ncount = 2', "utf-8"
        )
        words = ("onboard", str(file), "--county", "530425", "--blueprint", str(blueprint))
        assert gongzhi(*words).exit_code == 0
        blueprint.unlink()

        assert found("select distinct blueprint, roles from tenants.tenant") == [
            ("ours", ["community_admin"])
        ]
        assert found("select count(*) from tenants.grid") == [(116,)]
        gongzhi("account", "create", "somebody", "--name", "某人")
        grant = ("account", "grant", "somebody", "mediator", "--at", COMMUNITY, "--reason", "x")
        assert refused(gongzhi(*grant), "GRANT_ROLE_UNFIT")

    def test_stops_at_an_error_and_reports_it(self, gongzhi, file, found, tmp_path):
        with file.open("a", encoding="utf-8") as more:
            more.write("530425009001,[red]无主社区居民委员会,community,530425009")
        report = tmp_path / "report.csv"

        result = gongzhi("onboard", str(file), "--county", "530425", "--report", str(report))

        assert refused(result, "ONBOARDING_STOPPED")
        assert "第70行 line 70 ROW_PARENT_MISSING" in result.output
        assert report_of(report) == ["ROW_PARENT_MISSING"]
        assert found("select count(*) from tenants.area") == [(0,)]

    def test_skips_an_error_when_told_to(self, gongzhi, file, found):
        with file.open("a", encoding="utf-8") as more:
            more.write("530425009001,无主社区居民委员会,community,530425009")

        result = gongzhi("onboard", str(file), "--county", "530425", "--on-error", "skip")

        assert (numbers(result)[" created"], numbers(result)[" refused"]) == (66, 1)
        assert found("select count(*) from tenants.area") == [(66,)]

    def test_reports_why_a_county_is_refused(self, gongzhi, file):
        file.write_text(file.read_text("utf-8").replace("易门县", ""), "utf-8")

        result = gongzhi("onboard", str(file), "--county", "530425", "--on-error", "skip")

        assert refused(result, "ONBOARDING_COUNTY_REFUSED")
        assert report_of(file.with_suffix(".report.csv"))[0] == "ROW_NAME_MISSING"

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (("nowhere.csv", "--county", "530425"), "ONBOARDING_FILE_UNREADABLE"),
            ((".", "--county", "530425"), "ONBOARDING_FILE_UNREADABLE"),
            (("FILE", "--county", "530181"), "ONBOARDING_COUNTY_ABSENT"),
            (("FILE", "--county", "5304"), "ONBOARDING_COUNTY_MALFORMED"),
            (("FILE", "--county", "530425", "--blueprint", "palace"), "BLUEPRINT_UNFIT"),
            (("FILE", "--county", "530425", "--report", "/proc/nowhere.csv"), "ONBOARDING_REPORT_UNWRITABLE"),
        ],
    )
    def test_refuses_before_anything_is_done(self, words, code, gongzhi, file, found):
        words = [str(file) if word == "FILE" else word for word in words]

        assert refused(gongzhi("onboard", *words), code)

        assert found("select count(*) from tenants.area") == [(0,)]

    def test_writes_no_report_over_the_file(self, gongzhi, file):
        before = file.read_bytes()

        result = gongzhi("onboard", str(file), "--county", "530425", "--report", str(file))

        assert result.exit_code == 2
        assert file.read_bytes() == before

    def test_dry_migrates_an_empty_database_and_no_other(self, gongzhi, file, found, monkeypatch):
        """With tables there, a dry run leaves them alone, even where revisions wait."""
        migrated = []

        async def migrate(_kernel):
            migrated.append(True)
            return []

        monkeypatch.setattr("gongzhi.core.kernel.Kernel.migrate", migrate)
        assert gongzhi("onboard", str(file), "--county", "530425", "--dry-run").exit_code == 0
        assert migrated == []

        assert gongzhi("onboard", str(file), "--county", "530425").exit_code == 0
        assert migrated == [True]


@pytest.mark.usefixtures("on_board")
class TestTenant:
    def test_lists_communities(self, gongzhi):
        result = gongzhi("tenant", "list", "--under", "530425001")

        assert f"{COMMUNITY} │ 梅营社区居民委员会" in result.output
        assert result.output.count("active") == 12
        assert "530425100" not in result.output

    def test_suspends_and_resumes(self, gongzhi, found):
        state = (
            "select t.state from tenants.tenant t join tenants.area a on a.id = t.node_id "
            f"where a.code = '{COMMUNITY}'"
        )
        assert gongzhi("tenant", "suspend", COMMUNITY).exit_code == 0
        assert found(state) == [("suspended",)]
        assert refused(gongzhi("tenant", "suspend", COMMUNITY), "WRONG_STATE")
        assert gongzhi("tenant", "resume", COMMUNITY).exit_code == 0
        assert found(state) == [("active",)]
        assert refused(gongzhi("tenant", "suspend", "999999999999"), "NOT_FOUND")


@pytest.mark.usefixtures("on_board")
class TestPlugin:
    def test_is_switched(self, gongzhi, found):
        switched = "select plugin, switched_on from tenants.plugin_switch"

        assert gongzhi("plugin", "enable", "mediation", "--community", COMMUNITY).exit_code == 0
        assert found(switched) == [("mediation", True)]
        assert "mediation" in gongzhi("tenant", "list", "--under", COMMUNITY).output
        assert gongzhi("plugin", "disable", "mediation", "--community", COMMUNITY).exit_code == 0
        assert found(switched) == [("mediation", False)]
        unknown = gongzhi("plugin", "enable", "astrology", "--community", COMMUNITY)
        assert refused(unknown, "PLUGIN_UNKNOWN")
        county = gongzhi("plugin", "enable", "mediation", "--community", "530425")
        assert refused(county, "SCOPE_NEEDS_COMMUNITY")

    def test_is_listed(self, gongzhi):
        output = gongzhi("plugin", "list").output

        assert re.search(r"mediation +│ 人民调解", output)
        assert re.search(r"tenants .*│ -", output)


@pytest.mark.usefixtures("on_board")
class TestAccount:
    def test_is_created_with_a_password_shown_once(self, gongzhi, found):
        result = gongzhi("account", "create", "somebody", "--name", "某人")

        [password] = re.findall(r"shown once: (\S{16})$", result.output, re.MULTILINE)
        [(kept,)] = found("select password_hash from tenants.credential")
        assert kept.startswith("$argon2id$")
        assert password not in kept
        again = gongzhi("account", "create", "somebody", "--name", "某人")
        assert refused(again, "ACCOUNT_LOGIN_TAKEN")

    def test_is_created_with_a_password_asked_for(self, gongzhi):
        words = ("account", "create", "somebody", "--name", "某人", "--ask-password")

        result = gongzhi(*words, told="correct horse battery\ncorrect horse battery\n")

        assert result.exit_code == 0
        assert "correct horse" not in result.output
        weak = gongzhi("account", "create", "other", "--name", "某人", "--ask-password", told="weak\nweak\n")
        assert refused_after_prompt(weak, "PASSWORD_WEAK")

    def test_gets_another_password(self, gongzhi, found):
        gongzhi("account", "create", "somebody", "--name", "某人")
        kept = "select password_hash from tenants.credential"
        before = found(kept)

        result = gongzhi("account", "password", "somebody", told="correct horse battery\n" * 2)

        assert result.exit_code == 0
        assert found(kept) != before

    def test_is_closed_and_opened(self, gongzhi, found):
        gongzhi("account", "create", "somebody", "--name", "某人")
        for step, active in (("close", False), ("open", True)):
            assert gongzhi("account", step, "somebody").exit_code == 0
            assert found("select active from tenants.account") == [(active,)]
        assert refused(gongzhi("account", "close", "nobody"), "NOT_FOUND")

    def test_is_granted_a_role_and_loses_it(self, gongzhi, found):
        gongzhi("account", "create", "somebody", "--name", "某人")
        at = ("somebody", "mediator", "--at", COMMUNITY)
        holds = "select role, valid_until > now() from tenants.grant"

        assert gongzhi("account", "grant", *at, "--reason", "届中补选", "--days", "30").exit_code == 0
        assert found(holds) == [("mediator", True)]
        assert gongzhi("account", "revoke", *at).exit_code == 0
        assert found(holds) == [("mediator", False)]
        assert refused(gongzhi("account", "revoke", *at), "NOT_FOUND")
        assert gongzhi("account", "grant", *at).exit_code == 2
        assert gongzhi("account", "grant", *at, "--reason", "x", "--days", "0").exit_code == 2


def refused_after_prompt(result: Result, code: str) -> bool:
    """A refusal; prompts stand before it."""
    return result.exit_code == 1 and code in result.stderr


@pytest.mark.usefixtures("on_board")
class TestToken:
    def test_is_shown_once_and_revoked(self, gongzhi, found):
        result = gongzhi("token", "create", "--at", COMMUNITY, "--label", "对接")

        assert re.search(r"shown once: gz_\S{43}$", result.output, re.MULTILINE)
        row = "select label, role, permissions, revoked_at is null from tenants.api_token"
        assert found(row) == [("对接", "integrator", None, True)]
        assert "1" in gongzhi("token", "revoke", "--at", COMMUNITY, "--label", "对接").output
        assert found(row) == [("对接", "integrator", None, False)]

    def test_is_limited(self, gongzhi, found):
        words = ("token", "create", "--at", "530425", "--label", "x", "--permission")

        assert gongzhi(*words, "tenants.grid:read", "--permission", "tenants.area:read").exit_code == 0
        assert found("select permissions from tenants.api_token") == [
            (["tenants.area:read", "tenants.grid:read"],)
        ]
        assert refused(gongzhi(*words, "tenants.grid:devour"), "TOKEN_PERMISSION_UNKNOWN")
        assert gongzhi("token", "create", "--at", "530425", "--label", "x", "--days", "0").exit_code == 2


class TestAccess:
    """``gongzhi access``: the same answers as over GraphQL, in words for people."""

    @pytest.fixture(autouse=True)
    def people(self, gongzhi, on_board):
        for login, role, code in (
            ("county.boss", "county_operator", "530425"),
            ("admin", "community_admin", COMMUNITY),
            ("helper", "mediator", COMMUNITY),
        ):
            gongzhi("account", "create", login, "--name", "试某")
            assert gongzhi("account", "grant", login, role, "--at", code, "--reason", "试").exit_code == 0

    def test_explains_a_yes(self, gongzhi):
        told = gongzhi("access", "explain", "helper", "tenants.grid:read", "--at", COMMUNITY).output
        assert "✓ 允许 allowed helper" in told
        assert "人民调解员 mediator @ 梅营社区" in told

    def test_explains_a_no_with_who_could_help(self, gongzhi):
        told = gongzhi("access", "explain", "helper", "tenants.person:unmask", "--at", COMMUNITY).output
        assert "✗ 不允许 not allowed" in told
        assert "社区管理员 community_admin" in told
        assert "given by: county.boss, admin" in told

    def test_names_the_plugin_that_is_off(self, gongzhi):
        gongzhi("plugin", "disable", "mediation", "--at", COMMUNITY)
        told = gongzhi("access", "explain", "helper", "mediation.case:read", "--at", COMMUNITY).output
        assert "switched off there: mediation" in told

    def test_tells_who_can(self, gongzhi):
        lines = gongzhi("access", "who-can", "tenants.grant:give", "--at", COMMUNITY).output.splitlines()
        assert [line.split()[0] for line in lines] == ["county.boss", "admin"]

    def test_tells_what_somebody_holds(self, gongzhi):
        assert "mediator @" in gongzhi("access", "of", "helper", "--at", "530425").output

    def test_previews_a_grant(self, gongzhi):
        told = gongzhi("access", "preview", "social_worker", "--at", COMMUNITY).output
        assert "+ tenants.person:read" in told
        assert "nodes 1" in told

    def test_refuses_what_is_unknown(self, gongzhi):
        refused = gongzhi("access", "who-can", "no.such:thing", "--at", COMMUNITY)
        assert refused.exit_code == 1
        assert "PERMISSION_UNKNOWN" in refused.output

    def test_prints_a_policy_that_casbin_itself_reads(self, gongzhi, tmp_path):
        model, rows = tmp_path / "model.conf", tmp_path / "policy.csv"
        model.write_text(gongzhi("access", "policy", "--model").output, encoding="utf-8")
        rows.write_text(gongzhi("access", "policy").output, encoding="utf-8")
        enforcer = casbin.Enforcer(str(model), str(rows))
        enforcer.add_named_domain_matching_func("g", str.startswith)
        [held] = [row for row in enforcer.get_named_grouping_policy("g") if row[1] == "mediator"]
        assert enforcer.enforce(held[0], held[2], "tenants.grid:read")
        assert not enforcer.enforce(held[0], held[2], "tenants.person:unmask")
        assert not enforcer.enforce(held[0], held[2][:3], "tenants.grid:read")
