"""What is announced to go: with a day and a way out, long before, and gone after its last day without a note."""

import datetime as dt

import pytest

from gongzhi.core.deprecation import Deprecated
from gongzhi.graphql.changes import Notes, compare
from gongzhi.graphql.deprecations import NOTICE

TODAY = dt.date(2027, 1, 1)
YESTERDAY = TODAY - dt.timedelta(days=1)
SOON = TODAY + NOTICE


def compared(released, served):
    return compare(released, served, Notes(), today=TODAY)


def going(until, use="stays"):
    return f'@deprecated(reason: "{Deprecated(until=until, use=use).reason}")'


class TestDeprecation:
    RELEASED = "type Query { stays: Int a: Int }"

    def amiss(self, released, served):
        return compared(released, served).amiss(TODAY)

    def test_needs_no_note(self):
        served = f"type Query {{ stays: Int a: Int {going(SOON)} }}"
        comparison = compared(self.RELEASED, served)
        assert (comparison.amiss(TODAY), list(comparison.announced)) == ([], ["Query.a"])

    def test_of_whatever_can_be_deprecated_is_looked_at(self):
        served = """
            type Query { stays: Int a(x: Int @deprecated, i: I): E @deprecated } interface N { f: Int @deprecated }
            enum E { P @deprecated Q } input I { y: Int @deprecated }
        """
        found = [breach.split()[0] for breach in compared(served, served).breaches]
        assert sorted(found) == ["E.P", "I.y", "N.f", "Query.a", "Query.a(x:)"]

    def test_says_a_day_and_a_way_out(self):
        [breach] = self.amiss(self.RELEASED, 'type Query { stays: Int a: Int @deprecated(reason: "old") }')
        assert breach.startswith("Query.a is deprecated without a day and a way out")

    @pytest.mark.parametrize("use", ["nothing", "a"])
    def test_leads_to_something_that_stays(self, use):
        [breach] = self.amiss(self.RELEASED, f"type Query {{ stays: Int a: Int {going(SOON, use)} }}")
        assert breach.startswith(
            f"Query.a names the way out {use}, which is not in the schema or goes itself"
        )

    @pytest.mark.parametrize("use", ["stays", "Query.stays", "T", "T.x", "T.f", "T.f(x:)"])
    def test_leads_out_by_a_coordinate_a_root_field_or_a_neighbour(self, use):
        rest = "x: Int f(x: Int): Int"
        served = f"type Query {{ stays: T }} type T {{ {rest} a: Int {going(SOON, use)} }}"
        assert self.amiss(f"type Query {{ stays: T }} type T {{ {rest} a: Int }}", served) == []

    def test_of_an_argument_may_lead_to_its_neighbour(self):
        released, served = (
            f"type Query {{ f(old: Int {g}, new: Int): Int }}" for g in ("", going(SOON, "new"))
        )
        assert self.amiss(released, served) == []

    def test_is_announced_long_before(self):
        late = SOON - dt.timedelta(days=1)
        [breach] = self.amiss(self.RELEASED, f"type Query {{ stays: Int a: Int {going(late)} }}")
        assert breach.startswith(f"Query.a goes on {late}, which is too soon: not before {SOON}")

    def test_that_was_released_keeps_its_day(self):
        """The notice was given; the day comes nearer."""
        released = f"type Query {{ stays: Int a: Int {going(TODAY)} }}"
        assert self.amiss(released, released) == []

    def test_that_was_released_does_not_go_earlier(self):
        released, served = (
            f"type Query {{ stays: Int a: Int {going(day)} }}"
            for day in (TODAY + dt.timedelta(days=9), TODAY + dt.timedelta(days=8))
        )
        [breach] = self.amiss(released, served)
        assert "too soon: not before 2027-01-10" in breach

    def test_may_be_put_off_and_withdrawn(self):
        released = f"type Query {{ stays: Int a: Int {going(TODAY)} }}"
        assert self.amiss(released, released.replace("2027-01-01", "2027-01-02")) == []
        assert self.amiss(released, self.RELEASED) == []

    def test_may_be_brought_forward_as_if_it_were_new(self):
        released, served = (
            f"type Query {{ stays: Int a: Int {going(day)} }}" for day in (SOON + dt.timedelta(days=9), SOON)
        )
        assert self.amiss(released, served) == []

    def test_is_announced_once(self):
        released = f"type Query {{ stays: Int a: Int {going(SOON)} }}"
        assert compared(released, released).announced == {}


class TestLastDay:
    def released(self, until):
        return (
            f"type Query {{ stays: Int a(o: O): Old {going(until)} }} enum O {{ P }} "
            "type Old { older: Older } type Older { x: Int }"
        )

    def test_asks_for_the_removal_once_it_has_passed(self):
        comparison = compared(self.released(YESTERDAY), self.released(YESTERDAY))
        [breach] = comparison.breaches
        assert breach.startswith("Query.a had its last day on 2026-12-31: remove it")
        assert comparison.gone == []

    def test_lets_the_field_go_afterwards_with_all_that_it_alone_led_to(self):
        comparison = compared(self.released(YESTERDAY), "type Query { stays: Int }")
        assert (comparison.changes, comparison.amiss(TODAY), comparison.gone) == ([], [], ["Query.a"])

    def test_keeps_the_field_until_then(self):
        comparison = compared(self.released(TODAY), "type Query { stays: Int }")
        assert "FIELD_REMOVED Query.a" in comparison.missing
        assert comparison.gone == []

    def test_lets_no_type_go_that_something_else_leads_to(self):
        released = self.released(YESTERDAY) + " extend type Query { b: Older }"
        served = "type Query { stays: Int b: Int }"
        assert compared(released, served).missing == [
            "TYPE_REMOVED Older",
            "FIELD_CHANGED_KIND Query.b Older -> Int",
        ]

    def test_lets_no_type_go_that_an_interface_leads_to(self):
        released = f"""
            type Query {{ node: Node stays: Int foo: Foo {going(YESTERDAY)} }}
            interface Node {{ id: ID }} type Foo implements Node {{ id: ID }} type Bar implements Node {{ id: ID }}
        """
        served = """
            type Query { node: Node stays: Int } interface Node { id: ID } type Bar implements Node { id: ID }
        """
        assert compared(released, served).missing == ["TYPE_REMOVED Foo"]

    @pytest.mark.parametrize(
        ("released", "served"),
        [
            ("type Query {{ a: E }} enum E {{ stays P {going} }}", "type Query { a: E } enum E { stays }"),
            (
                "type Query {{ a(i: I): Int }} input I {{ stays: Int x: Int {going} }}",
                "type Query { a(i: I): Int } input I { stays: Int }",
            ),
            ("type Query {{ a(stays: Int, x: Int {going}): Int }}", "type Query { a(stays: Int): Int }"),
        ],
    )
    def test_lets_values_inputs_and_arguments_go_too(self, released, served):
        assert compared(released.format(going=going(YESTERDAY)), served).amiss(TODAY) == []
        assert len(compared(released.format(going=going(TODAY)), served).missing) == 1
