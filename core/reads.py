"""How a room says what clients may read: a GraphQL type is its model and its fields, never a resolver.

The declaration is data (:class:`Reading`). A compiler turns a document into one statement by it; what is left to
the plain executor is answered field by field from the same declaration.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import strawberry
from sqlalchemy import ColumnElement
from strawberry.types.lazy_type import LazyType

from gongzhi.core.connections import (
    Filter,
    Order,
    connection_type,
    filter_input,
    order_enum,
)
from gongzhi.core.ids import global_id
from gongzhi.core.permissions import Permission
from gongzhi.core.scope import Scope, tenant_of, whole_of
from gongzhi.core.tables import Base, GridRow, Kind, belongs

#: How many rows a list or a to-many shows unless told, and at most.
PAGE, MOST = 20, 500


@dataclass(frozen=True)
class Column:
    """A field that is a column of the model.

    :param permission: what it needs, if more than its type; with a mask, what shows it whole.
    :param mask: what others see in its place, in SQL.
    """

    source: str
    permission: Permission | None = None
    mask: Callable[[Any], ColumnElement[Any]] | None = None


@dataclass(frozen=True)
class Computed:
    """A field that is an SQL expression over the model's columns: ``expression(model)``."""

    expression: Callable[[Any], ColumnElement[Any]]
    permission: Permission | None = None


@dataclass(frozen=True)
class Step:
    """A field made in Python from columns of the row: ``step(row, kernel)``.

    :param needs: the columns it looks at, and may look at.
    """

    step: Callable[[Any, Any], Any]
    needs: tuple[str, ...]
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


Field = Column | Computed | Step | One | Many


@dataclass(kw_only=True, eq=False)
class Reading:
    """Everything a reader needs to know about a GraphQL type.

    :param permission: what every field needs that names none of its own.
    :param criterion: which rows lists and look-ups by id show, where it is not every row of the scope.
    :param ids_of: the type whose ids name its rows, where it is another view of them.
    """

    model: type[Base]
    name: str
    permission: Permission
    filters: tuple[Filter, ...]
    orders: tuple[Order, ...]
    criterion: Callable[[Scope], ColumnElement[bool]] | None = None
    ids_of: str | None = None
    fields: dict[str, Field] = field(default_factory=dict)
    cls: type = field(init=False)
    connection: type = field(init=False)
    order_enum: type[StrEnum] = field(init=False)
    filter_input: type | None = field(init=False, default=None)

    def kind_of(self, name: str) -> Any:
        """The strawberry type of a field."""
        return next(made for made in definition_of(self.cls).fields if made.python_name == name).type

    def target(self, name: str) -> "Reading":
        """The declaration of the type that a to-one or to-many leads to."""
        kind = self.kind_of(name)
        while hasattr(kind, "of_type"):
            kind = kind.of_type
        return reading_of(kind.resolve_type() if isinstance(kind, LazyType) else kind)

    @property
    def wide(self) -> bool:
        """True where its rows are a community's as a whole, of no single grid."""
        kept = belongs(self.model.__table__).key is not None  # type: ignore[arg-type]  # always a Table
        return kept and not issubclass(self.model, GridRow)

    def check_scope(self, scope: Scope, *, nested: bool = False) -> None:
        """Go on only where rows of this type can be asked for.

        :param nested: they are reached from a row that can be.
        :raises ScopeNeedsCommunity: they belong to one community as a whole, and the scope is a range or a grid.
        """
        if belongs(self.model.__table__).kind is Kind.TENANT:  # type: ignore[arg-type]  # always a Table
            tenant_of(scope)
        if self.wide and not nested:
            whole_of(scope)


class _Marked:
    """A declared field before :func:`reads` has seen its class."""

    deprecation_reason: str | None = None

    def __init__(self, description: str, made: Callable[[str], Field]) -> None:
        self.description, self.made = description, made


def column(description: str, *, source: str | None = None, permission: Permission | None = None) -> Any:
    """A column of the model, of the field's own name unless ``source`` says another."""
    return _Marked(description, lambda name: Column(source or name, permission))


def masked(
    description: str, *, by: Callable[[Any], ColumnElement[Any]], whole: Permission, source: str | None = None
) -> Any:
    """A column that shows whole to who has ``whole``, and as ``by`` leaves it to everybody else."""
    return _Marked(description, lambda name: Column(source or name, whole, by))


def computed(
    expression: Callable[[Any], ColumnElement[Any]],
    description: str,
    *,
    permission: Permission | None = None,
) -> Any:
    """A value that the database computes: ``expression(model)``."""
    return _Marked(description, lambda _name: Computed(expression, permission))


def step(
    made: Callable[[Any, Any], Any],
    description: str,
    *,
    needs: Iterable[str],
    permission: Permission | None = None,
) -> Any:
    """A value that Python makes of the columns it ``needs``: ``made(row, kernel)``."""
    return _Marked(description, lambda _name: Step(made, tuple(needs), permission))


def one(source: str, description: str) -> Any:
    """The object whose id the column ``source`` holds; null also where the caller's scope does not show it."""
    return _Marked(description, lambda _name: One(source))


def many(by: str, description: str, *, order: str = "id") -> Any:
    """The objects whose column ``by`` holds this one's id, the first twenty unless asked otherwise."""
    return _Marked(description, lambda _name: Many(by, order))


@strawberry.interface(description="Anything that has an id of its own (可按编号取得的对象).")
class Node:
    """Anything that has an id of its own."""

    @strawberry.field(description="The object's id, the same everywhere; opaque (全局编号).")  # type: ignore[untyped-decorator]
    def id(root: Any, info: strawberry.Info) -> strawberry.ID:  # noqa: N805  # strawberry passes the row
        return strawberry.ID(global_id(info._raw_info.parent_type.name, root.id))  # noqa: SLF001


TypeT = TypeVar("TypeT", bound=type)


def reads(
    model: type[Base],
    *,
    permission: Permission,
    filters: Iterable[Filter] = (),
    orders: Iterable[Order] = (Order("NEWEST", "id", descending=True), Order("OLDEST", "id")),
    criterion: Callable[[Scope], ColumnElement[bool]] | None = None,
    ids_of: str | None = None,
) -> Callable[[TypeT], TypeT]:
    """Make this class the GraphQL type that reads this model; see :class:`Reading`."""

    def declare(cls: TypeT) -> TypeT:
        reading = Reading(
            model=model,
            name=cls.__name__,
            permission=permission,
            filters=tuple(filters),
            orders=tuple(orders),
            criterion=criterion,
            ids_of=ids_of,
        )
        for name, marked in list(vars(cls).items()):
            if isinstance(marked, _Marked):
                reading.fields[name] = declared = marked.made(name)
                made = _strawberry_field(reading, name, declared, marked.description)
                made.deprecation_reason = marked.deprecation_reason
                setattr(cls, name, made)
        cls.is_type_of = classmethod(lambda _cls, row, _info: isinstance(row, model))  # type: ignore[attr-defined]
        made = strawberry.type(cls, description=" ".join((cls.__doc__ or "").split()))
        made.__reading__ = reading  # type: ignore[attr-defined]
        reading.cls = made
        reading.order_enum = order_enum(reading.name, reading.orders)
        reading.filter_input = filter_input(reading.name, reading.filters, made.__annotations__)
        reading.connection = connection_type(made)
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


def definition_of(cls: Any) -> Any:
    """What strawberry knows about a type."""
    return cls.__strawberry_definition__


_First = Annotated[int, strawberry.argument(description="How many at most, up to 500 (条数上限).")]


def _strawberry_field(reading: Reading, name: str, declared: Field, description: str) -> Any:
    """The field with the plain executor's resolver; its type is the class's own annotation."""
    resolver: Callable[..., Any]
    if isinstance(declared, Many):

        async def resolver(root: Any, info: strawberry.Info, first: _First = PAGE) -> Any:
            return await info.context.many(root, declared, reading.target(name), first)

    elif isinstance(declared, One):

        async def resolver(root: Any, info: strawberry.Info) -> Any:
            return await info.context.one(getattr(root, declared.source), reading.target(name))

    else:

        def resolver(root: Any, info: strawberry.Info) -> Any:
            return info.context.value(root, declared, reading)

    del resolver.__annotations__["return"]
    made: Any = strawberry.field(resolver=resolver, description=description)
    return made
