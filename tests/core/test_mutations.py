"""From use case to mutation: inputs from Structs, payloads by the field's name, refusals as problems."""

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec
import pytest
import strawberry

from gongzhi.core.commands import Input, NoInput, Service, ref, told, understand, use_case
from gongzhi.core.errors import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    Raced,
    Refusal,
    Stale,
    TooSlow,
    Unstorable,
    Words,
    WrongState,
    refusal_of,
)
from gongzhi.core.inputs import input_type, told_values
from gongzhi.core.mutations import (
    InvalidInput,
    ObjectMissing,
    PermissionMissing,
    StateConflict,
    VersionConflict,
    client_path,
    mutation,
    problem_of,
)
from gongzhi.core.permissions import Permission
from gongzhi.core.wording import worded

DO = Permission("probe.thing:do", "做", "do")


@strawberry.enum(description="Colours (颜色).")
class Colour(StrEnum):
    """Colours."""

    RED = "red"


class Part(Input):
    """A part (部分)."""

    name: Annotated[str, told("Its name (名称).", max_length=3)]
    at: Annotated[UUID, ref("Place", "Where (位置).")] | None = None


class DoThing(Input):
    """What to do
    (操作)."""

    colour: Annotated[Colour, told("Which colour (颜色).")]
    parts: Annotated[list[Part], told("Of what (组成).", min_length=1)]
    price: Annotated[Decimal, told("For how much (价格).")] = Decimal(1)
    on: Annotated[dt.date, told("When (日期).")] | None = None


@strawberry.type(description="A thing (物件).")
class Thing:
    """A thing."""

    name: str


class Things(Service):
    """Things."""

    @use_case(DO)
    async def do(self, told: DoThing) -> None:
        """Do a thing (办理)."""

    @use_case(DO)
    async def rest(self) -> None:
        """Do nothing (不办理)."""


def fields(cls: Any) -> dict[str, Any]:
    return {field.python_name: field for field in cls.__strawberry_definition__.fields}


class TestInputType:
    def test_has_the_structs_fields_and_descriptions(self):
        made = input_type(DoThing)
        assert made.__name__ == "DoThingInput"
        assert made.__strawberry_definition__.description == "What to do (操作)."
        assert {name: field.description for name, field in fields(made).items()} == {
            "colour": "Which colour (颜色).",
            "parts": "Of what (组成).",
            "price": "For how much (价格).",
            "on": "When (日期).",
        }

    def test_may_leave_out_what_has_a_default(self):
        annotations = input_type(DoThing).__annotations__
        assert annotations["colour"] is Colour
        assert annotations["price"] == Decimal | None
        assert annotations["parts"] == list[input_type(Part)]
        assert input_type(Part).__annotations__["at"] == strawberry.ID | None

    def test_is_made_once(self):
        """Two mutations that are told the same have one input."""
        assert input_type(DoThing) is input_type(DoThing)

    def test_knows_no_other_types(self):
        class Odd(Input):
            """Odd."""

            value: complex

        with pytest.raises(TypeError, match="no GraphQL input type"):
            input_type(Odd)


class TestToldValues:
    def test_are_plain_and_leave_out_what_was_left_out(self):
        part = input_type(Part)(name="a", at=strawberry.UNSET)
        given = input_type(DoThing)(colour=Colour.RED, parts=[part], price=strawberry.UNSET, on=None)
        assert told_values(given) == {"colour": "red", "parts": [{"name": "a"}], "on": None}


class TestMutation:
    def test_is_named_with_its_payload_after_its_field(self):
        class Mutations:
            paint_red_thing = mutation(Things.do, Thing)

        made = Mutations.paint_red_thing
        assert made.metadata["needs"].action.endswith(".things.do")
        assert made.description == "Do a thing (办理)."
        assert [argument.python_name for argument in made.arguments] == ["input", "idempotency_key"]

    def test_of_a_command_told_nothing_takes_a_key_alone(self):
        class Mutations:
            rest = mutation(Things.rest, Thing)

        assert Mutations.rest.metadata["needs"].input is NoInput
        assert [argument.python_name for argument in Mutations.rest.arguments] == ["idempotency_key"]

    def test_is_of_a_use_case_alone(self):
        async def bare(self):
            """No use case."""

        with pytest.raises(TypeError, match="no use case"):
            mutation(bare, Thing)


class RuleOfARoom(Invalid):
    """A rule of some room."""

    code = "PROBE_RULE"
    zh = "不合规则{why}"
    en = "against the rule {why}"


class TestProblemOf:
    @pytest.mark.parametrize(
        ("refusal", "kind"),
        [
            (Invalid(problem="x"), InvalidInput),
            (RuleOfARoom(why="x"), InvalidInput),
            (KeyReused(), InvalidInput),
            (Unstorable(), InvalidInput),
            (NotFound(what="x"), ObjectMissing),
            (WrongState(state="a", step="b", allowed="c"), StateConflict),
            (Stale(current=2), VersionConflict),
            (Raced(), VersionConflict),
            (Forbidden(permission="x"), PermissionMissing),
        ],
    )
    def test_is_a_type_for_what_to_do_about_it(self, refusal, kind):
        problem = problem_of(refusal, "en")
        assert (type(problem), problem.code, problem.message) == (kind, refusal.code, refusal.message("en"))

    def test_speaks_the_language(self):
        refusal = RuleOfARoom(why=Words(zh="：太大", en="(too large)"), path="parts.0.first_name")
        assert problem_of(refusal, "zh").message == "不合规则：太大"
        assert problem_of(refusal, "en").message == "against the rule (too large)"
        assert problem_of(refusal, "zh").path == "parts.0.firstName"

    @pytest.mark.parametrize(
        ("path", "told"),
        [(None, None), ("name", "name"), ("termEndsOn", "termEndsOn"), ("parts.0.grid_id", "parts.0.gridId")],
    )
    def test_names_the_place_as_clients_write_it(self, path, told):
        assert client_path(Invalid(path=path, problem="x")) == told


class TestWords:
    def test_are_both_told_where_nobody_knows_the_reader(self):
        assert f"{Words(zh='太大', en='too large')}" == "too large / 太大"


class TestRefusals:
    def test_fill_their_placeholders_in_both_languages(self):
        """Every refusal is written twice, with the same facts."""
        import string

        for code, kind in Refusal.catalogue.items():
            if code.startswith("PROBE"):
                continue
            zh, en = (
                {name for _, name, _, _ in string.Formatter().parse(text) if name}
                for text in (kind.zh, kind.en)
            )
            assert zh == en, code

    @pytest.mark.parametrize(
        ("sqlstate", "kind"),
        [
            *(("22003", Unstorable), ("22021", Unstorable), ("22P05", Unstorable)),
            *(("23505", Raced), ("40001", Raced), ("40P01", Raced)),
            ("57014", TooSlow),
        ],
    )
    def test_come_from_the_database_where_the_caller_can_mend(self, sqlstate, kind):
        assert type(refusal_of(sqlstate)) is kind

    @pytest.mark.parametrize("sqlstate", [None, "", "42601", "42501", "23503", "22P02", "57P01"])
    def test_do_not_come_from_our_own_mistakes(self, sqlstate):
        assert refusal_of(sqlstate) is None


class TestWorded:
    @pytest.mark.parametrize(
        ("complaint", "zh"),
        [
            ("Expected `str` of length >= 2", "至少须有2个字符"),
            ("Expected `str` of length <= 80", "最多80个字符"),
            ("Expected `array` of length >= 1", "至少须有1项"),
            ("Expected `int` >= 1", "不能小于1"),
            ("Expected `int` <= 999", "不能大于999"),
            ("Expected `str` matching regex '^a$'", "格式不符"),
            ("Expected `int`, got `str`", "应为整数"),
            ("Expected `str`, got `null`", "应为文字"),
            ("Object missing required field `name`", "缺少 name"),
            ("Object contains unknown field `x`", "没有 x 这一项"),
            ("Invalid UUID", "格式无效"),
            ("Invalid RFC3339 encoded date", "格式无效"),
        ],
    )
    def test_says_what_msgspec_says_in_chinese(self, complaint, zh):
        assert worded(complaint) == Words(zh=zh, en=complaint)

    @pytest.mark.parametrize("complaint", ["Invalid enum value '张三'", "Something new about 张三"])
    def test_repeats_nothing_that_was_told(self, complaint):
        assert "张三" not in f"{worded(complaint)}"

    @pytest.mark.parametrize(
        ("raw", "path", "zh"),
        [
            ({"colour": "red", "parts": []}, "parts", "至少须有1项"),
            ({"colour": "red", "parts": [{"name": "长名字啊"}]}, "parts.0.name", "最多3个字符"),
            ({"colour": "张三", "parts": [{"name": "a"}]}, "colour", "不是允许的值"),
            ({"parts": [{"name": "a"}]}, None, "缺少 colour"),
        ],
    )
    def test_is_what_an_input_that_does_not_fit_is_told(self, raw, path, zh):
        with pytest.raises(Invalid) as refused:
            understand(DoThing, raw)
        assert (refused.value.path, refused.value.message("zh")) == (path, f"填写有误：{zh}")

    def test_knows_every_complaint_msgspec_makes_of_our_kinds(self):
        """A new release that says it otherwise fails here, and not before a user."""
        for kind, value in (
            (Annotated[str, msgspec.Meta(min_length=2)], "a"),
            (Annotated[list[int], msgspec.Meta(max_length=1)], [1, 2]),
            (Annotated[int, msgspec.Meta(ge=1)], 0),
            (Annotated[str, msgspec.Meta(pattern="^a$")], "b"),
            (str, 1),
            (UUID, "x"),
            (dt.date, "x"),
            (Decimal, "x"),
        ):
            with pytest.raises(msgspec.ValidationError) as raised:
                msgspec.convert(value, kind)
            assert worded(str(raised.value)).zh != "不是允许的值", str(raised.value)
