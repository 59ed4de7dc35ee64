"""Declarations of what may be read: data first, types made from it, and refused where they are not true."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import strawberry
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gongzhi.core import tables
from gongzhi.core.agreement import Disagreement, check_agreement
from gongzhi.core.connections import Between, Equals, Order
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import Column, Many, Node, One, Step, column, many, one, reading_of, reads, step

LOOK = Permission("probe.thing:look", "查看", "look")
LOOK_CLOSELY = Permission("probe.thing:look_closely", "细看", "look closely")


class Base(DeclarativeBase):
    """Apart from the product's models, so that no migration or policy misses these."""

    metadata = MetaData()
    type_annotation_map: ClassVar[Any] = tables.Base.type_annotation_map


class ThingRow(Base):
    """A thing."""

    __tablename__ = "probe_thing"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    note: Mapped[str | None]
    on: Mapped[dt.date]
    owner_id: Mapped[int | None]


class PartRow(Base):
    """A part of a thing."""

    __tablename__ = "probe_part"

    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int]


def parts() -> type:
    @reads(PartRow, permission=LOOK)
    class Part(Node):
        """A part (部分)."""

        thing_id: int = column("Whose (所属).")

    return Part


def thing(**declared: Any) -> type:
    """A type that reads :class:`ThingRow`, with these fields: name to (annotation, declaration)."""
    options = declared.pop("options", {})
    annotations = {name: kind for name, (kind, _made) in declared.items()}
    namespace: dict[str, Any] = {"__annotations__": annotations, "__doc__": "A thing (物件)."}
    namespace |= {name: made for name, (_kind, made) in declared.items()}
    return reads(ThingRow, permission=LOOK, **options)(type("Thing", (Node,), namespace))


def complaints(cls: type) -> Iterator[str]:
    """What the check says of this type."""
    try:
        check_agreement([reading_of(cls)])
    except Disagreement as disagreement:
        yield from str(disagreement).split("; ")


class TestReads:
    def test_keeps_the_declaration_as_data(self):
        made = step(lambda row, _kernel: row.name, "made", needs=("name",))
        cls = thing(
            name=(str, column("name", permission=LOOK_CLOSELY)),
            remark=(str | None, column("note", source="note")),
            loud=(str, made),
        )
        reading = reading_of(cls)
        assert (reading.model, reading.name, reading.permission, reading.cls) == (
            ThingRow,
            "Thing",
            LOOK,
            cls,
        )
        assert reading.fields["name"] == Column("name", LOOK_CLOSELY)
        assert reading.fields["remark"] == Column("note")
        assert isinstance(reading.fields["loud"], Step)

    def test_offers_the_newest_first_unless_told(self):
        reading = reading_of(thing(name=(str, column("name"))))
        assert [order.name for order in reading.orders] == ["NEWEST", "OLDEST"]
        assert list(reading.order_enum) == ["NEWEST", "OLDEST"]
        assert reading.filter_input is None

    def test_makes_filters_of_the_fields_types(self):
        cls = thing(
            name=(str, column("name")),
            on=(dt.date, column("on")),
            options={"filters": (Equals("name"), Between("on"))},
        )
        fields = reading_of(cls).filter_input.__strawberry_definition__.fields
        assert [field.python_name for field in fields] == ["name", "on"]

    def test_finds_where_a_field_leads(self):
        part = parts()
        cls = thing(
            parts=(list[part], many("thing_id", "parts")), owner=(part | None, one("owner_id", "owner"))
        )
        reading = reading_of(cls)
        assert reading.fields == {"parts": Many("thing_id", "id"), "owner": One("owner_id")}
        assert reading.target("parts") is reading.target("owner") is reading_of(part)

    def test_of_a_class_that_reads_nothing_is_an_error(self):
        @strawberry.type
        class Plain:
            name: str

        with pytest.raises(TypeError, match="reads no model"):
            reading_of(Plain)


class TestAgreement:
    def test_of_what_is_true_is_silent(self):
        part = parts()
        cls = thing(
            name=(str, column("name")),
            note=(str | None, column("note")),
            owner=(part | None, one("owner_id", "owner")),
            parts=(list[part], many("thing_id", "parts")),
            options={"filters": (Equals("name"),), "orders": (Order("NAME", "name"), Order("OLDEST", "id"))},
        )
        assert list(complaints(cls)) == []

    @pytest.mark.parametrize(
        ("declared", "complaint"),
        [
            ({"note": (str, column("x"))}, "Thing: note may be null in the table alone"),
            ({"name": (str | None, column("x"))}, "Thing: name may be null for clients alone"),
            ({"gone": (str, column("x"))}, "Thing: gone reads gone, which is no column"),
            (
                {"metadata_": (str, column("x", source="metadata"))},
                "Thing: metadata_ reads metadata, which is no column",
            ),
        ],
    )
    def test_of_a_column_that_differs_is_refused(self, declared, complaint):
        """A null in one row of one community would blank a whole answer."""
        assert list(complaints(thing(**declared))) == [complaint]

    def test_of_a_to_one_is_that_it_may_be_null(self):
        """What it leads to can lie outside the caller's scope, whatever the column says."""
        [complaint] = complaints(thing(owner=(parts(), one("owner_id", "x"))))
        assert complaint == "Thing: owner may be null: what it leads to can lie outside the caller's scope"

    def test_of_a_to_many_is_that_its_columns_are_there(self):
        part = parts()
        cls = thing(parts=(list[part], many("gone", "x", order="lost")))
        assert list(complaints(cls)) == [
            "Thing: parts wants gone, which PartRow lacks",
            "Thing: parts wants lost, which PartRow lacks",
        ]
        [complaint] = complaints(thing(parts=(list[part] | None, many("thing_id", "x"))))
        assert complaint == "Thing: parts is a list that is never null"

    @pytest.mark.parametrize("source", ["note", "gone"])
    def test_of_an_order_is_that_its_column_is_never_null(self, source):
        """A row without a key would be on no page."""
        cls = thing(name=(str, column("x")), options={"orders": (Order("ODD", source),)})
        assert list(complaints(cls)) == [f"Thing: order ODD needs a column that is never null, not {source}"]

    def test_of_a_filter_is_that_it_is_a_column(self):
        made = step(lambda row, _kernel: row.name, "made", needs=("name",))
        cls = thing(loud=(str, made), options={"filters": (Equals("loud"),)})
        assert list(complaints(cls)) == ["Thing: filter loud is no field that is a column"]

    def test_of_two_nodes_of_one_model_is_refused(self):
        """node(id) finds a row's type by its model: the wrong one might show more."""
        other = type(
            "Other", (Node,), {"__annotations__": {"name": str}, "__doc__": "x", "name": column("x")}
        )
        readings = [
            reading_of(thing(name=(str, column("x")))),
            reading_of(reads(ThingRow, permission=LOOK)(other)),
        ]
        with pytest.raises(Disagreement, match="Thing and Other are nodes of one model"):
            check_agreement(readings)

    def test_lists_all_that_is_wrong(self):
        cls = thing(note=(str, column("x")), name=(str | None, column("x")))
        assert len(list(complaints(cls))) == 2

    def test_is_asked_before_a_schema_is_served(self, monkeypatch, kernel):
        from gongzhi.graphql import schema

        monkeypatch.setattr(schema, "check_agreement", lambda readings: [complain(one) for one in readings])

        def complain(reading):
            raise Disagreement(reading.name)

        with pytest.raises(Disagreement):
            schema.build_schema(kernel.plugins)
