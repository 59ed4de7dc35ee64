"""What clients were promised: nothing they notice changes without a note that says why."""

import datetime as dt
import tomllib

import msgspec
import pytest
from click.testing import CliRunner
from graphql.utilities.find_schema_changes import BreakingChangeType, DangerousChangeType

from gongzhi.core.cli import Refusing
from gongzhi.core.clock import today
from gongzhi.core.deprecation import Deprecated
from gongzhi.core.plugins import Plugins
from gongzhi.graphql.changes import HOME, NOTES, RELEASED, Notes, changelog, compare, told
from gongzhi.graphql.commands import schema as commands
from gongzhi.graphql.deprecations import NOTICE
from gongzhi.graphql.schema import build_schema

TODAY = dt.date(2027, 1, 1)
YESTERDAY = TODAY - dt.timedelta(days=1)
SOON = TODAY + NOTICE


def compared(released, served, notes=""):
    return compare(released, served, msgspec.toml.decode(notes, type=Notes), today=TODAY)


def note(*whats):
    return f'[[change]]\nwhat = {list(whats)}\non = 2027-01-01\nzh = "改名"\nen = "Renamed."\n'


def going(until):
    return f'@deprecated(reason: "{Deprecated(until=until, use="stays").reason}")'


class TestOurSchema:
    def test_keeps_what_was_released(self):
        """A failure prints the lines to add; see docs/changing-the-schema.md."""
        released = (HOME / RELEASED).read_text(encoding="utf-8")
        served = build_schema(Plugins.installed()).as_str()
        comparison = compare(released, served, Notes.read(HOME), today=today())
        assert comparison.amiss(today()) == [], told(comparison, today())


EVERY_BREAK = """
type Query { a: String, b: String, c(x: Int, y: Int): String, d(z: String = "p q"): U, g: E, k: K, t: T, n: Int }
type T implements N { i: Int } interface N { i: Int }
type A { x: Int } type B { x: Int } union U = A | B
enum E { P Q } scalar K
input I { j: Int = 1, l: Int } directive @one(v: Int) repeatable on FIELD | QUERY
directive @two on FIELD
extend type Query { in(i: I): Int }
"""
BROKEN = """
type Query { b: Int, c(x: String, w: Int!, o: Int): String, d(z: String = "r to s"): U, g: E, k: K, t: T, n: Int }
type T implements M { i: Int } interface N { i: Int } interface M { i: Int }
type A { x: Int } type C { x: Int } union U = A | C
enum E { P R } type K { x: Int }
input I { j: Int = 2, l: Int, m: Int!, q: Int } directive @one(u: Int!) on FIELD
extend type Query { in(i: I): Int }
"""


class TestEveryChange:
    def test_has_a_short_name(self):
        changes = compared(EVERY_BREAK, BROKEN).changes
        assert sorted(change.what for change in changes if change.weight != "added") == [
            "ARG_CHANGED_KIND Query.c(x:) Int -> String",
            'ARG_DEFAULT_VALUE_CHANGE Query.d(z:) "p q" to "r to s"',
            "ARG_REMOVED Query.c(y:)",
            "DIRECTIVE_ARG_REMOVED @one(v:)",
            "DIRECTIVE_LOCATION_REMOVED @one QUERY",
            "DIRECTIVE_REMOVED @two",
            "DIRECTIVE_REPEATABLE_REMOVED @one",
            "FIELD_CHANGED_KIND Query.b String -> Int",
            "FIELD_REMOVED Query.a",
            "IMPLEMENTED_INTERFACE_ADDED T M",
            "IMPLEMENTED_INTERFACE_REMOVED T N",
            "INPUT_FIELD_DEFAULT_VALUE_CHANGE I.j 1 to 2",
            "OPTIONAL_ARG_ADDED Query.c(o:)",
            "OPTIONAL_INPUT_FIELD_ADDED I.q",
            "REQUIRED_ARG_ADDED Query.c(w:)",
            "REQUIRED_DIRECTIVE_ARG_ADDED @one(u:)",
            "REQUIRED_INPUT_FIELD_ADDED I.m",
            "TYPE_ADDED_TO_UNION U C",
            "TYPE_CHANGED_KIND K Scalar -> Object",
            "TYPE_REMOVED B",
            "TYPE_REMOVED_FROM_UNION U B",
            "VALUE_ADDED_TO_ENUM E.R",
            "VALUE_REMOVED_FROM_ENUM E.Q",
        ]

    def test_is_among_those_named_above(self):
        """A newer graphql-core may find more kinds of change."""
        kinds = {change.what.split()[0] for change in compared(EVERY_BREAK, BROKEN).changes}
        assert kinds >= {kind.name for kind in (*BreakingChangeType, *DangerousChangeType)}

    def test_has_a_short_name_when_a_default_or_a_scalar_goes(self):
        changes = compared(
            "type Query { a(x: Int = 1): Float b: Int }", "type Query { a(x: Int): Int b: Int }"
        )
        assert [change.what for change in changes.changes] == [
            "TYPE_REMOVED Float",
            "ARG_DEFAULT_VALUE_CHANGE Query.a(x:)",
            "FIELD_CHANGED_KIND Query.a Float -> Int",
        ]

    def test_is_more_than_another_description(self):
        assert compared('type Query { "one" a: Int }', 'type Query { "another" a: Int }').changes == []

    @pytest.mark.parametrize(
        ("released", "served"),
        [
            ("type Query { a: Int }", "type Query { a: Int! b: Int }"),
            ("type Query { a(x: Int!): Int }", "type Query { a(x: Int, y: Int): Int }"),
            (
                "type Query { a(i: I): Int } input I { x: Int }",
                "type Query { a(i: I): Int } input I { x: Int y: Int }",
            ),
            ("type Query { a(e: E): Int } enum E { P }", "type Query { a(e: E): Int } enum E { P Q }"),
        ],
    )
    def test_that_no_client_notices_needs_no_note(self, released, served):
        assert compared(released, served).amiss(TODAY) == []

    @pytest.mark.parametrize(
        ("released", "served", "what"),
        [
            (
                "type Query { a: E } enum E { P }",
                "type Query { a: E } enum E { P Q }",
                "VALUE_ADDED_TO_ENUM E.Q",
            ),
            (
                "type Query { a(first: Int = 20): Int }",
                "type Query { a(first: Int = 10): Int }",
                "ARG_DEFAULT_VALUE_CHANGE Query.a(first:) 20 to 10",
            ),
            (
                "type Query { a(i: I): Int } input I { x: Int = 1 }",
                "type Query { a(i: I): Int } input I { x: Int = 2 }",
                "INPUT_FIELD_DEFAULT_VALUE_CHANGE I.x 1 to 2",
            ),
            (
                "type Query { a: U b: B } type A { x: Int } type B { x: Int } union U = A",
                "type Query { a: U b: B } type A { x: Int } type B { x: Int } union U = A | B",
                "TYPE_ADDED_TO_UNION U B",
            ),
            (
                "type Query { n: N a: A } interface N { x: Int } type A { x: Int }",
                "type Query { n: N a: A } interface N { x: Int } type A implements N { x: Int }",
                "IMPLEMENTED_INTERFACE_ADDED A N",
            ),
        ],
    )
    def test_by_which_the_same_document_gets_something_new_needs_a_note(self, released, served, what):
        assert compared(released, served).missing == [what]


class TestNote:
    RELEASED, SERVED = "type Query { a: Int b: Int c: Int }", "type Query { c: Int }"
    WHATS = ("FIELD_REMOVED Query.a", "FIELD_REMOVED Query.b")

    def test_is_asked_for_with_the_lines_to_add(self):
        [missing] = compared(self.RELEASED, self.SERVED, note(self.WHATS[0])).amiss(TODAY)
        assert missing == (
            "Add to changes.toml, and say why (请补充变更说明):\n\n"
            '[[change]]\nwhat = "FIELD_REMOVED Query.b"\non = 2027-01-01\nzh = ""\nen = ""'
        )

    def test_is_enough_for_a_change(self):
        each = note(self.WHATS[0]) + note(self.WHATS[1])
        assert compared(self.RELEASED, self.SERVED, each).amiss(TODAY) == []

    def test_may_explain_several(self):
        assert compared(self.RELEASED, self.SERVED, note(*self.WHATS)).amiss(TODAY) == []

    def test_explains_this_change_and_no_other_of_the_same_field(self):
        explained = note("FIELD_CHANGED_KIND Query.a Int -> String")
        served = "type Query { a: Float b: Int c: Int }"
        comparison = compared(self.RELEASED, served, explained)
        assert comparison.missing == ["FIELD_CHANGED_KIND Query.a Int -> Float"]
        assert comparison.idle == ["FIELD_CHANGED_KIND Query.a Int -> String"]

    def test_of_a_change_that_nobody_made_is_amiss(self):
        [idle] = compared(self.RELEASED, self.RELEASED, note("FIELD_REMOVED Query.a")).amiss(TODAY)
        assert idle.endswith(": FIELD_REMOVED Query.a")

    def test_written_as_asked_says_why_or_is_refused(self):
        """The lines printed are valid TOML, and not yet a note."""
        [missing] = compared(self.RELEASED, self.SERVED, note(self.WHATS[0])).amiss(TODAY)
        lines = missing.partition("\n\n")[2]
        assert tomllib.loads(lines)["change"][0]["what"] == self.WHATS[1]
        with pytest.raises(msgspec.ValidationError, match=r"change\[0\]\.zh"):
            msgspec.toml.decode(lines, type=Notes)

    @pytest.mark.parametrize("more", ["why = 1\n", 'zh = "又"\n'])
    def test_holds_nothing_else(self, more):
        with pytest.raises(msgspec.DecodeError):
            msgspec.toml.decode(note("x") + more, type=Notes)


class TestChangelog:
    def test_holds_the_notes_and_what_goes(self):
        released = f"type Query {{ a: Int b: Int stays: Int old: Int {going(YESTERDAY)} }}"
        served = f"type Query {{ b: Int {going(SOON)} stays: Int }}"
        lines = changelog(compared(released, served, note("FIELD_REMOVED Query.a"))).splitlines()
        assert lines == [
            "- Schema, 2027-01-01: Renamed. (改名) `FIELD_REMOVED Query.a`",
            f"- Deprecated: `Query.b`. Until {SOON}; use stays ({SOON}后停用，请改用 stays)",
            "- Gone after its last day: `Query.old`.",
        ]


@pytest.fixture
def run(tmp_path):
    """Run ``gongzhi schema …`` on a folder of its own: (exit code, output)."""

    def run(name):
        group = Refusing(commands={"schema": commands})
        result = CliRunner().invoke(group, ["schema", name, "--folder", str(tmp_path)])
        return result.exit_code, result.output

    return run


@pytest.fixture
def promise(tmp_path):
    """Promise clients, beside what is served, a root field that nobody serves."""

    def promise():
        file = tmp_path / RELEASED
        file.write_text(
            file.read_text(encoding="utf-8") + "\nextend type Query { gone: Int }\n", encoding="utf-8"
        )

    return promise


class TestCommands:
    def test_compare_with_what_they_released(self, run):
        assert run("release") == (0, "")
        assert run("diff") == (0, "Nothing is amiss (无待处理事项).\n")

    def test_say_what_is_amiss(self, run, promise):
        run("release")
        promise()
        code, output = run("diff")
        assert code == 1
        assert "  ! FIELD_REMOVED Query.gone\n" in output
        assert f'what = "FIELD_REMOVED Query.gone"\non = {today()}\n' in output

    def test_release_nothing_while_something_is_amiss(self, run, promise, tmp_path):
        run("release")
        promise()
        before = (tmp_path / RELEASED).read_text(encoding="utf-8")
        code, output = run("release")
        assert (code, "FIELD_REMOVED Query.gone" in output) == (1, True)
        assert (tmp_path / RELEASED).read_text(encoding="utf-8") == before

    def test_move_the_notes_into_the_changelog(self, run, promise, tmp_path):
        run("release")
        promise()
        (tmp_path / NOTES).write_text(note("FIELD_REMOVED Query.gone"), encoding="utf-8")
        assert run("diff")[0] == 0
        assert run("release") == (0, "- Schema, 2027-01-01: Renamed. (改名) `FIELD_REMOVED Query.gone`\n")
        assert Notes.read(tmp_path).change == []
        assert run("diff") == (0, "Nothing is amiss (无待处理事项).\n")

    def test_refuse_where_nothing_was_released(self, run):
        code, output = run("diff")
        assert (code, output.splitlines()[0]) == (1, "SCHEMA_BASELINE_UNFIT")

    def test_refuse_notes_that_are_none(self, run, tmp_path):
        run("release")
        (tmp_path / NOTES).write_text("[[change]\n", encoding="utf-8")
        assert run("diff")[1].splitlines()[0] == "SCHEMA_BASELINE_UNFIT"
