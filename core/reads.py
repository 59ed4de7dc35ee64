"""How a room says what clients may read: a GraphQL type is its model and its fields, never a resolver.

The declaration is data (:class:`Reading`). Today a plain executor follows it field by field; a compiler that
turns a document into one statement reads the same declaration.
"""

import datetime as dt
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar, get_args, get_origin

import strawberry
from sqlalchemy import ColumnElement

from gongzhi.core.ids import global_id, parse_global_id
from gongzhi.core.permissions import Permission
from gongzhi.core.scope import Scope
from gongzhi.core.tables import Base

Info = strawberry.Info
PAGE, MOST = 20, 100


@dataclass(frozen=True)
class Column:
    """A field that is a column of the model."""

    source: str
    permission: Permission | None = None


@dataclass(frozen=True)
class Step:
    """A field made in Python from columns of the row: ``step(row, kernel)``."""

    step: Callable[[Any, Any], Any]
    permission: Permission | None = None


@dataclass(frozen=True)
class One:
    """A to-one: the row of another type whose id this column holds."""

    source: str


@dataclass(frozen=True)
class Many:
    """A to-many: rows of another type that point here, ordered and limited."""

    by: str
    order: str


@dataclass(frozen=True)
class Equals:
    """A filter: the column is one of the given values."""

    name: str


@dataclass(frozen=True)
class Between:
    """A filter: the column lies from … (included) until … (excluded)."""

    name: str


Filter = Equals | Between


@dataclass(frozen=True)
class Order:
    """An order a list may have; ties are broken by id in the same direction."""

    name: str
    source: str
    descending: bool = False


@dataclass(kw_only=True)
class Reading:
    """Everything a reader needs to know about a GraphQL type."""

    model: type[Base]
    name: str
    permission: Permission
    fields: dict[str, Column | Step | One | Many]
    filters: tuple[Filter, ...]
    orders: tuple[Order, ...]
    criterion: Callable[[Scope], ColumnElement[bool]] | None = None
    connection: type = field(init=False)
    filter_input: type | None = field(init=False, default=None)
    order_enum: type[StrEnum] = field(init=False)


class _Marked:
    """A declared field before :func:`reads` has seen its class."""

    def __init__(self, description: str, made: Callable[[str], Column | Step | One | Many]) -> None:
        self.description, self.made = description, made


def column(description: str, *, source: str | None = None, permission: Permission | None = None) -> Any:
    """A column of the model, of the field's own name unless ``source`` says another."""
    return _Marked(description, lambda name: Column(source or name, permission))


def step(made: Callable[[Any, Any], Any], description: str, *, permission: Permission | None = None) -> Any:
    """A value made in Python from the row's columns: ``made(row, kernel)``."""
    return _Marked(description, lambda _name: Step(made, permission))


def one(source: str, description: str) -> Any:
    """The object whose id the column ``source`` holds."""
    return _Marked(description, lambda _name: One(source))


def many(by: str, description: str, *, order: str = "id") -> Any:
    """The objects whose column ``by`` holds this one's id, the first twenty unless asked otherwise."""
    return _Marked(description, lambda _name: Many(by, order))


@strawberry.interface(description="Anything that has an id of its own (可按编号取得的对象).")
class Node:
    """Anything that has an id of its own."""

    @strawberry.field(description="The object's id, the same everywhere; opaque (全局编号).")
    def id(root: Any, info: Info) -> strawberry.ID:  # noqa: N805  # strawberry passes the row
        return strawberry.ID(global_id(info._raw_info.parent_type.name, root.id))  # noqa: SLF001


@strawberry.type(description="Where a page lies in its list (分页信息).")
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool = strawberry.field(description="More follow after this page (后面还有).")
    has_previous_page: bool = strawberry.field(description="More lie before this page (前面还有).")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item (首项游标).")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item (末项游标).")


TypeT = TypeVar("TypeT", bound=type)


def reads(
    model: type[Base],
    *,
    permission: Permission,
    filters: Iterable[Filter] = (),
    orders: Iterable[Order] = (Order("NEWEST", "id", descending=True), Order("OLDEST", "id")),
    criterion: Callable[[Scope], ColumnElement[bool]] | None = None,
) -> Callable[[TypeT], TypeT]:
    """Make this class the GraphQL type that reads this model.

    :param permission: what every field needs that names none of its own.
    :param criterion: rows that are never shown through this type (the exception, not the rule).
    """

    def declare(cls: TypeT) -> TypeT:
        fields = {}
        for name, marked in list(cls.__dict__.items()):
            if isinstance(marked, _Marked):
                fields[name] = declared = marked.made(name)
                setattr(cls, name, _strawberry_field(declared, marked.description))
        reading = Reading(
            model=model,
            name=cls.__name__,
            permission=permission,
            fields=fields,
            filters=tuple(filters),
            orders=tuple(orders),
            criterion=criterion,
        )
        cls.is_type_of = classmethod(lambda _cls, row, _info: isinstance(row, model))  # type: ignore[attr-defined]
        made = strawberry.type(cls, description=" ".join((cls.__doc__ or "").split()))
        made.__reading__ = reading  # type: ignore[attr-defined]
        _make_inputs(made, reading)
        reading.connection = _connection_type(made)
        return made

    return declare


def reading_of(cls: Any) -> Reading:
    """The declaration of this GraphQL type.

    :raises TypeError: it was not made by :func:`reads`.
    """
    reading = getattr(cls, "__reading__", None)
    if not isinstance(reading, Reading):
        raise TypeError(f"{cls!r} reads no model")
    return reading


def _strawberry_field(declared: Column | Step | One | Many, description: str) -> Any:
    resolver: Callable[..., Any]
    if isinstance(declared, Many):

        async def resolver(
            root: Any,
            info: Info,
            first: Annotated[
                int, strawberry.argument(description="How many at most, up to 100 (条数上限).")
            ] = PAGE,
        ) -> Any:
            return await info.context.many(root, declared, info, first)

    elif isinstance(declared, One):

        async def resolver(root: Any, info: Info) -> Any:
            return await info.context.one(root, declared, info)

    else:

        def resolver(root: Any, info: Info) -> Any:
            return info.context.value(root, declared)

    resolver.__annotations__.pop("return", None)
    made: Any = strawberry.field(resolver=resolver, description=description)
    return made


def _make_inputs(cls: type, reading: Reading) -> None:
    """The enum of orders and the input of filters that lists of this type take."""
    names = {order.name: order.name for order in reading.orders}
    order_enum = StrEnum(f"{reading.name}Order", names)  # type: ignore[misc]
    reading.order_enum = strawberry.enum(
        order_enum, description=f"The orders a list of {reading.name} has (排序)."
    )
    if not reading.filters:
        return
    hints = cls.__annotations__
    namespace: dict[str, Any] = {"__annotations__": {}}
    for wanted in reading.filters:
        plain = without_none(hints[wanted.name])
        if isinstance(wanted, Equals):
            kind: Any = list[plain]  # type: ignore[valid-type]
            meaning = f"Only where {wanted.name} is one of these (取值之一)."
        else:
            kind, meaning = _span_of(plain), f"Only where {wanted.name} lies within (起止范围)."
        namespace["__annotations__"][wanted.name] = kind | None
        namespace[wanted.name] = strawberry.field(default=None, description=meaning)
    made = type(f"{reading.name}Filter", (), namespace)
    reading.filter_input = strawberry.input(
        made, description=f"Which {reading.name} a list shows (筛选条件)."
    )


def without_none(hint: Any) -> Any:
    """The type without Annotated and without None."""
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    rest = [argument for argument in get_args(hint) if argument is not type(None)]
    return rest[0] if len(rest) == 1 and type(None) in get_args(hint) else hint


@strawberry.input(description="A span of days (日期范围).")
class DateSpan:
    """A span of days."""

    since: dt.date | None = strawberry.field(default=None, description="The first day (起，含当日).")
    until: dt.date | None = strawberry.field(
        default=None, description="The day after the last (止，不含当日)."
    )


@strawberry.input(description="A span of time (时间范围).")
class TimeSpan:
    """A span of time."""

    since: dt.datetime | None = strawberry.field(default=None, description="From this moment (起，含).")
    until: dt.datetime | None = strawberry.field(
        default=None, description="Until before this moment (止，不含)."
    )


def _span_of(plain: Any) -> Any:
    return TimeSpan if plain is dt.datetime else DateSpan


def _connection_type(cls: type) -> type:
    """``…Connection`` and ``…Edge`` for this type, after the Relay cursor specification."""
    name = cls.__name__
    edge = type(
        f"{name}Edge",
        (),
        {
            "__annotations__": {"cursor": str, "node": cls},
            "cursor": strawberry.field(description="Where this item lies in the list (游标)."),
            "node": strawberry.field(description="The item (对象)."),
        },
    )
    edge = strawberry.type(edge, description=f"One {name} in a list (列表项).")

    async def total_count(root: Any) -> int:
        return int(await root.count())

    connection = type(
        f"{name}Connection",
        (),
        {
            "__annotations__": {
                "edges": list[edge],
                "nodes": list[cls],
                "page_info": PageInfo,
                "total_count": int,
            },  # type: ignore[valid-type]
            "edges": strawberry.field(description="The items with their cursors (列表项)."),
            "nodes": strawberry.field(description="The items (对象)."),
            "page_info": strawberry.field(description="Where the page lies (分页信息)."),
            "total_count": strawberry.field(
                resolver=total_count, description="How many there are in all (总数)."
            ),
        },
    )
    return strawberry.type(connection, description=f"A page of a list of {name} (分页列表).")


def item(cls: type, description: str) -> Any:
    """A root field that finds one object by its id; null where there is none in the scope."""

    async def resolve(info: Info, **told: Any) -> Any:
        return await info.context.item(cls, told["id"], info)

    arguments = {
        "id": (Annotated[strawberry.ID, strawberry.argument(description="The object's id (编号).")], MUST)
    }
    return root_field(resolve, arguments, cls | None, description, reading_of(cls).permission)  # type: ignore[operator]


def item_by_id(find: Callable[[Info, str, str], Any]) -> Any:
    """The root field ``node``: any object by its id, whatever its type.

    :param find: gets the type's name and the whole id.
    """

    async def resolve(info: Info, **told: Any) -> Any:
        type_name, _row = parse_global_id(told["id"])
        return await find(info, type_name, told["id"])

    arguments = {
        "id": (Annotated[strawberry.ID, strawberry.argument(description="The object's id (编号).")], MUST)
    }
    return root_field(resolve, arguments, Node | None, "Any object by its id (按编号取对象).", None)


def listing(cls: type, description: str) -> Any:
    """A root field that pages through all objects of the scope, filtered and ordered."""
    reading = reading_of(cls)

    async def resolve(info: Info, **told: Any) -> Any:
        return await info.context.page(cls, PageAsked(**told), info)

    arguments = dict(_PAGE_ARGUMENTS)
    in_order = strawberry.argument(description="In which order (排序).")
    arguments["order"] = (Annotated[reading.order_enum, in_order], next(iter(reading.order_enum)))
    if reading.filter_input is not None:
        which = strawberry.argument(description="Which ones (筛选条件).")
        arguments["filter"] = (Annotated[reading.filter_input | None, which], None)  # type: ignore[operator]
    return root_field(resolve, arguments, reading.connection | None, description, reading.permission)  # type: ignore[operator]


#: The default of an argument that has none.
MUST = inspect.Parameter.empty

_PAGE_ARGUMENTS: dict[str, tuple[Any, Any]] = {
    name: (Annotated[kind | None, strawberry.argument(description=meaning)], None)
    for name, kind, meaning in (
        ("first", int, "The first so many, 20 unless told, up to 100 (前几条)."),
        ("after", str, "After this cursor (在此游标之后)."),
        ("last", int, "The last so many, up to 100 (后几条)."),
        ("before", str, "Before this cursor (在此游标之前)."),
    )
}


def root_field(
    resolve: Callable[..., Any],
    arguments: Mapping[str, tuple[Any, Any]],
    returns: Any,
    description: str,
    permission: Permission | None,
    **metadata: Any,
) -> Any:
    """A field of Query or Mutation with arguments made from data: name to (type, default).

    :param permission: what it needs; None for what is about the caller alone.
    """
    parameters = [inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info)]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in arguments.items()
    ]

    async def resolver(info: Info, **told: Any) -> Any:
        return await resolve(info, **told)

    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    resolver.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    metadata |= {"permission": permission}
    made: Any = strawberry.field(resolver=resolver, description=description, metadata=metadata)
    return made


@dataclass(frozen=True, kw_only=True)
class PageAsked:
    """Which page of which list a client asks for."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None
    order: str
    filter: Any = None
