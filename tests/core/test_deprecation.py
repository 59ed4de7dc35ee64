"""Declaring that something will go: never without a day, never without a way out."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pytest
import strawberry

from gongzhi.core.deprecation import Deprecated, deprecate_values, deprecated, reason_in

DAY = dt.date(2027, 6, 30)
GOING = Deprecated(until=DAY, use="x")


class TestDeprecated:
    @pytest.mark.parametrize("use", ["mediationCases", "MediationCase.stage", "Query.grids(filter:)"])
    def test_says_the_day_and_the_way_out_in_both_languages(self, use):
        reason = Deprecated(until=DAY, use=use).reason
        assert reason == f"Until 2027-06-30; use {use} (2027-06-30后停用，请改用 {use})"

    @pytest.mark.parametrize("use", ["mediationCases", "MediationCase.stage", "Query.grids(filter:)"])
    def test_is_read_back_from_its_reason(self, use):
        deprecated = Deprecated(until=DAY, use=use)
        assert Deprecated.read(deprecated.reason) == deprecated

    @pytest.mark.parametrize(
        "reason",
        [
            "",
            "No longer supported",
            "Until 2027-06-30",
            "Until 2027-06-31; use x (2027-06-31后停用，请改用 x)",
            "Until 2027-06-30; use x (2027-07-01后停用，请改用 x)",
            "Until 2027-06-30; use x (2027-06-30后停用，请改用 y)",
        ],
    )
    def test_is_not_read_from_another_reason(self, reason):
        assert Deprecated.read(reason) is None

    @pytest.mark.parametrize("use", ["", "something else", "a.b.c", "see docs"])
    def test_needs_a_name_of_the_schema_as_way_out(self, use):
        with pytest.raises(ValueError, match="a name in the schema"):
            Deprecated(until=DAY, use=use)


class TestReasonIn:
    @pytest.mark.parametrize("hint", [str, str | None, Annotated[str, "told"], list[Annotated[str, "told"]]])
    def test_is_nothing_for_what_stays(self, hint):
        assert reason_in(hint) is None

    @pytest.mark.parametrize(
        "hint",
        [Annotated[str, "told", GOING], Annotated[str | None, GOING], Annotated[str, GOING] | None],
        ids=str,
    )
    def test_is_what_clients_read_for_what_goes(self, hint):
        assert reason_in(hint) == GOING.reason


class TestDeprecatedFields:
    def test_of_strawberry_carry_the_reason(self):
        field = strawberry.field(description="One.")
        assert deprecated(field, until=DAY, use="x").deprecation_reason == GOING.reason

    def test_that_are_data_are_made_anew(self):
        @dataclass(frozen=True)
        class Declared:
            name: str
            deprecation_reason: str | None = None

        stays = Declared("a")
        assert deprecated(stays, until=DAY, use="x") == Declared("a", GOING.reason)
        assert stays.deprecation_reason is None


class TestDeprecateValues:
    @pytest.fixture
    def colour(self):
        class Colour(StrEnum):
            RED = "red"
            GREEN = "green"

        return strawberry.enum(Colour)

    def test_marks_the_values_named(self, colour):
        going = Deprecated(until=DAY, use="GREEN")
        deprecate_values(colour, RED=going)

        query = type("Query", (), {"__annotations__": {"colour": colour}})
        sdl = strawberry.Schema(strawberry.type(query)).as_str()
        assert f'RED @deprecated(reason: "{going.reason}")' in sdl
        assert sdl.count("@deprecated") == 1

    def test_refuses_a_value_that_is_not_there(self, colour):
        with pytest.raises(ValueError, match="Colour has no value BLUE"):
            deprecate_values(colour, BLUE=Deprecated(until=DAY, use="GREEN"))
