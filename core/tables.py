"""Tables, and whose rows they hold: every table declares its class, once, on its model.

Policies, grants, export, erase and the architecture test read that declaration and nothing else.
``tenant``: one community's. ``upward``: one community's, read by its ancestors. ``node``: a county's,
street's or community's. ``shared``: everybody's. ``platform``: nobody's tenant. ``derived``: rebuilt from
others, guarded as its source.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Literal, get_args
from uuid import UUID

from sqlalchemy import DateTime, Dialect, Integer, MetaData, Table, Text, TypeDecorator, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from gongzhi.core.ids import new_id

Verb = Literal["select", "insert", "update", "delete"]
Erase = Literal["delete", "keep"]

VERBS: tuple[Verb, ...] = get_args(Verb)


class Kind(StrEnum):
    """Whose rows a table holds."""

    TENANT = "tenant"
    UPWARD = "upward"
    NODE = "node"
    SHARED = "shared"
    PLATFORM = "platform"


@dataclass(frozen=True, kw_only=True)
class Belongs:
    """The class of a table.

    :param key: the column that says whose row it is; None for shared and most platform tables.
    :param app: what the serving role may do, within its scope.
    :param erase: what becomes of a community's rows when the community is erased.
    :param exported: True when a community's export carries them.
    :param derived: True when the rows can be rebuilt from others, so export leaves them out.
    :param tree: True for the one table that holds the organisation tree (``id``, ``path``).
    """

    kind: Kind
    key: str | None
    app: frozenset[Verb]
    erase: Erase
    exported: bool
    derived: bool = False
    tree: bool = False


def tenant_rows(*, app: Iterable[Verb] = VERBS, erase: Erase = "delete") -> Belongs:
    """Rows of one community, seen and written in that community's scope only."""
    return Belongs(kind=Kind.TENANT, key="tenant_id", app=frozenset(app), erase=erase, exported=True)


def upward_rows(*, app: Iterable[Verb] = VERBS) -> Belongs:
    """Rows of one community that its street and county may read: registers, rosters, roll-ups."""
    return Belongs(kind=Kind.UPWARD, key="tenant_id", app=frozenset(app), erase="delete", exported=True)


def node_rows(*, key: str = "node_id", app: Iterable[Verb] = VERBS, erase: Erase = "delete") -> Belongs:
    """Rows of one node of the tree, of whatever level."""
    return Belongs(kind=Kind.NODE, key=key, app=frozenset(app), erase=erase, exported=True)


def shared_rows(*, tree: bool = False) -> Belongs:
    """Rows everybody reads and only the system writes."""
    return Belongs(
        kind=Kind.SHARED, key=None, app=frozenset({"select"}), erase="keep", exported=False, tree=tree
    )


def platform_rows(
    *, key: str | None = None, app: Iterable[Verb] = (), erase: Erase = "keep", exported: bool = False
) -> Belongs:
    """Rows of no tenant; with a ``key``, the serving role may do ``app`` with those of its own scope."""
    if app and key is None:
        raise TypeError("a platform table opens rows to the serving role only by a key column")
    return Belongs(kind=Kind.PLATFORM, key=key, app=frozenset(app), erase=erase, exported=exported)


def derived(source: Belongs) -> Belongs:
    """Rows rebuilt from others: guarded as their source, erased with it, never exported."""
    return replace(source, derived=True, exported=False)


class CodeEnum(TypeDecorator[StrEnum]):
    """An enum stored as its value in a text column: readable in SQL, and no type to migrate."""

    impl = Text
    cache_ok = True

    def __init__(self, enum_class: type[StrEnum]) -> None:
        super().__init__()
        self.enum_class = enum_class

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """The value alone; anything else is no member and raises ValueError."""
        _ = dialect
        return None if value is None else self.enum_class(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """The member of this value."""
        _ = dialect
        return None if value is None else self.enum_class(value)


#: What the models declared; kept beside the tables, for alembic would write ``Table.info`` into revisions.
_declared: dict[Table, Belongs] = {}


class Base(DeclarativeBase):
    """What every model derives from."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pk",
            "fk": "%(table_name)s_%(column_0_N_name)s_fk",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }
    __belongs__: ClassVar[Belongs]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table = cls.__dict__.get("__table__")
        declared = getattr(cls, "__belongs__", None)
        if isinstance(table, Table) and declared is not None:
            _declared[table] = declared


class _CommunityKey:
    """The key of a community's rows; it begins with the tenant, so that it shards and its index pages."""

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)


class TenantRow(_CommunityKey):
    """A row of one community. Mix into a model of a room."""

    __belongs__: ClassVar[Belongs] = tenant_rows()


class UpwardRow(_CommunityKey):
    """A row of one community that its ancestors may read. Mix into a model of a room."""

    __belongs__: ClassVar[Belongs] = upward_rows()


class NodeScoped:
    """The one row that a node of the tree has in a table. Mix into a model of a room."""

    __belongs__: ClassVar[Belongs] = node_rows()

    node_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-20)


class NodeRow(NodeScoped):
    """A row of one node of the tree, of whatever level. Mix into a model of a room."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-19)


class ScopeRecord:
    """What the platform keeps about nodes, by ``scope_id``. Mix into a model of the platform's."""

    scope_id: Mapped[UUID] = mapped_column()


class NodeRecord:
    """The same by ``node_id``."""

    node_id: Mapped[UUID] = mapped_column()


class GridRow:
    """A row that belongs to one of its community's grids. Mix into a model of a room, beside ``TenantRow``.

    In a grid's scope only that grid's rows are read and written.
    """

    #: The column that holds the grid's id.
    __grid_key__: ClassVar[str] = "grid_id"


class Versioned:
    """A row that two people may want to change: the second one who saves is told."""

    version: Mapped[int] = mapped_column(Integer, default=1, sort_order=90)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805  # sqlalchemy hands the class
        return {"version_id_col": cls.version}


def belongs(table: Table) -> Belongs:
    """The declared class of this table.

    :raises LookupError: the model forgot to declare it.
    """
    declared = _declared.get(table)
    if declared is None:
        raise LookupError(f"the table {table.fullname} does not declare whose rows it holds (__belongs__)")
    return declared


def tree_of(metadata: MetaData) -> Table:
    """The one table that holds the organisation tree.

    :raises LookupError: none or several tables declare to be it.
    """
    trees = [table for table in metadata.tables.values() if table in _declared and _declared[table].tree]
    if len(trees) != 1:
        raise LookupError(f"exactly one table is the tree, not {[t.fullname for t in trees]}")
    return trees[0]
