"""What rooms declare deprecated, of whatever kind, is deprecated in the schema."""

import datetime as dt
from typing import Annotated

import strawberry
from graphql import build_schema
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from gongzhi.core.commands import Input, NoInput, Service, told, use_case
from gongzhi.core.connections import Equals, Order
from gongzhi.core.deprecation import Deprecated, deprecated
from gongzhi.core.mutations import PROBLEMS, mutation
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import Node, column, many, reads
from gongzhi.core.roots import Argument, item, listing, root_field
from gongzhi.graphql.deprecations import deprecations

DAY = dt.date(2027, 6, 30)


class Base(DeclarativeBase):
    """Apart from the product's models, so that no migration or policy misses these."""

    metadata = MetaData()


class ThingRow(Base):
    """A thing."""

    __tablename__ = "probe_deprecated"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[str]


LOOK = Permission("probe.thing:look", "查看", "look")


class Rename(Input):
    """Another name (改名)."""

    name: Annotated[str | None, told("The name (名称)."), Deprecated(until=DAY, use="title")] = None
    title: Annotated[str | None, told("The title (标题).")] = None


class Things(Service):
    """Things."""

    @use_case(LOOK)
    async def rename(self, asked: Rename) -> ThingRow:
        """Rename (改名)."""
        raise NotImplementedError

    @use_case(LOOK)
    async def forget(self, asked: NoInput) -> ThingRow:
        """Forget (忘记)."""
        raise NotImplementedError


@reads(
    ThingRow,
    permission=LOOK,
    filters=(deprecated(Equals("name"), until=DAY, use="title"), Equals("title")),
    orders=(deprecated(Order("NAME", "name"), until=DAY, use="TITLE"), Order("TITLE", "title")),
)
class Thing(Node):
    """A thing (物件)."""

    name: str = deprecated(column("Its name (名称)."), until=DAY, use="title")
    title: str = column("Its title (标题).")
    parts: list["Thing"] = deprecated(many("id", "Its parts (部分)."), until=DAY, use="title")


async def count(_info, **_told):
    return 1


GONE = deprecated(Argument(int | None, "Of old (旧).", None), until=DAY, use="Query.things")


@strawberry.type
class Query:
    thing = deprecated(item(Thing, "One (一个)."), until=DAY, use="things")
    things = listing(Thing, "All (全部).")
    counted = root_field(count, {"old": GONE}, int | None, "How many (数量).", needs=LOOK)


@strawberry.type
class Mutation:
    rename = mutation(Things.rename, Thing)
    forget = deprecated(mutation(Things.forget, Thing), until=DAY, use="rename")


class TestDeclarations:
    def test_of_every_kind_are_published(self):
        schema = strawberry.Schema(Query, Mutation, types=PROBLEMS)
        found = deprecations(build_schema(schema.as_str()))
        assert {place: Deprecated.read(reason).use for place, reason in found.items()} == {
            "Mutation.forget": "rename",
            "Query.counted(old:)": "Query.things",
            "Query.thing": "things",
            "RenameInput.name": "title",
            "Thing.name": "title",
            "Thing.parts": "title",
            "ThingFilter.name": "title",
            "ThingOrder.NAME": "TITLE",
        }
        assert {Deprecated.read(reason).until for reason in found.values()} == {DAY}
