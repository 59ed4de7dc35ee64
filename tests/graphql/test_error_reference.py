"""The reference of all errors: made from the code, current, and true of what clients meet."""

import importlib
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from graphql import GraphQLError

from gongzhi.core.errors import Invalid, Refusal, Stale
from gongzhi.core.plugins import Plugins
from gongzhi.graphql.commands import schema as commands
from gongzhi.graphql.error_reference import entry_of, error_reference, placeholders, refusals
from gongzhi.graphql.errors import told_error
from gongzhi.tenants import routes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "errors.md"
HOW = "the errors changed; run: .venv/bin/gongzhi schema errors --output docs/errors.md"


@pytest.fixture(scope="module")
def plugins():
    return Plugins.installed()


@pytest.fixture(scope="module")
def known(plugins):
    return refusals(plugins)


class TestPage:
    def test_is_current(self, plugins):
        assert PAGE.read_text(encoding="utf-8") == error_reference(plugins), HOW

    def test_is_printed(self):
        printed = CliRunner().invoke(commands, ["errors"])
        assert (printed.exit_code, printed.output) == (0, PAGE.read_text(encoding="utf-8"))

    def test_is_written_to_a_file(self, tmp_path):
        written = CliRunner().invoke(commands, ["errors", "--output", str(tmp_path / "errors.md")])
        assert (written.exit_code, written.output) == (0, "")
        assert (tmp_path / "errors.md").read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")

    def test_tells_each_code_once(self, known):
        headings = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
        codes = [*(kind.code for kind in known), "GRAPHQL_INVALID"]
        assert sorted(headings) == sorted(f"### `{code}`" for code in codes)

    def test_tells_what_signing_in_answers(self):
        told = ", ".join(
            f"{status} `{code}`" for code, status in sorted(routes._STATUS.items(), key=lambda pair: pair[1])
        )
        assert f"{told}, else 400" in PAGE.read_text(encoding="utf-8")

    def test_tells_what_a_document_that_does_not_fit_answers(self):
        """It has no class of its own that could be enumerated."""
        assert told_error(GraphQLError("?"), "en")["extensions"]["code"] == "GRAPHQL_INVALID"


class TestRefusals:
    def test_are_all_that_the_house_defines(self, known):
        """No module is left out, however late it is imported."""
        for path in sorted(
            path for room in ("core", "graphql", "plugins", "tenants") for path in (ROOT / room).rglob("*.py")
        ):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                importlib.import_module(
                    ".".join(("gongzhi", *(parts[:-1] if parts[-1] == "__init__" else parts)))
                )
        of_the_house = {
            kind for kind in every(Refusal) if kind.__module__.startswith("gongzhi.") and "code" in vars(kind)
        }
        assert of_the_house == set(known)
        assert len(known) > 70

    def test_have_a_code_each(self, known):
        """A refusal without a code of its own shares its parent's, deliberately; see the variants."""
        assert [code for code, times in Counter(kind.code for kind in known).items() if times > 1] == []

    def test_say_what_they_mean_in_a_sentence_and_in_two_languages(self, known):
        for kind in (variant for refusal in known for variant in (refusal, *entry_of(refusal).variants)):
            assert (vars(kind).get("__doc__") or "").strip().endswith("."), kind
            assert kind.zh.strip(), kind
            assert kind.en.strip(), kind
            assert placeholders(kind.zh) == placeholders(kind.en), kind

    def test_of_tests_and_strangers_not_installed_stay_out(self, plugins):
        class OfATest(Invalid):
            """It is none of the house."""

            code = "OF_A_TEST"
            zh, en = "试", "A test."

        try:
            assert OfATest not in refusals(plugins)
        finally:
            del Refusal.catalogue[OfATest.code]

    @pytest.mark.parametrize(
        ("code", "place", "met"),
        [
            ("REQUEST_MALFORMED", "request", "`errors[]`, HTTP 400"),
            ("NOT_SIGNED_IN", "request", "`errors[]`, HTTP 401"),
            ("UNEXPECTED", "request", "`errors[]`, HTTP 500"),
            ("PLUGIN_DISABLED", "errors", "`errors[]`"),
            ("COMMUNITY_NOT_ACTIVE", "errors", "`errors[]`"),
            ("INVALID_INPUT", "payload", "`InvalidInput`"),
            ("WRITTEN_MEANWHILE", "payload", "`VersionConflict`"),
            ("FORBIDDEN", "payload", "`PermissionMissing`"),
            ("MEDIATION_RIGHTS_NOT_TOLD", "payload", "`InvalidInput`"),
            ("BLUEPRINT_UNFIT", "elsewhere", "terminal or job; in a payload `InvalidInput`"),
            ("MISCONFIGURED", "elsewhere", "terminal or job"),
            ("EMBEDDED_POSTGRES_FAILED", "elsewhere", "terminal or job"),
        ],
    )
    def test_are_told_where_they_are_met(self, known, code, place, met):
        [kind] = [kind for kind in known if kind.code == code]
        entry = entry_of(kind)
        assert (entry.place, entry.met) == (place, met)


def every(kind):
    for child in kind.__subclasses__():
        yield child
        yield from every(child)


class TestEntry:
    def test_tells_meaning_place_and_words(self):
        assert entry_of(Stale).told() == (
            "### `STALE_VERSION`\n"
            "\n"
            "Somebody else changed the object since the caller read it.\n"
            "\n"
            "- `VersionConflict`\n"
            "- 该记录已被他人修改（现为第{current}版），请刷新后重试\n"
            "- Someone else changed this record (it is now version {current}); read it again and retry\n"
        )

    def test_tells_what_else_has_the_code(self):
        told = entry_of(Invalid).told()
        assert "\n- A text that this platform never gave out as an id.\n  - 填写有误：该编号无法识别" in told
        assert "UNSTORABLE" not in told
