"""The fence every query passes.

Row-level security is the first fence. This is the second, and holds with the first one off: a query on a
community's rows gets the scope's tenant as a criterion, and a flush that would write another's is refused.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import Uuid, bindparam, event, select
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from gongzhi.core.errors import ScopeNeedsCommunity
from gongzhi.core.scope import Community, Scope, tenant_of
from gongzhi.core.tables import (
    Base,
    GridRow,
    NodeRecord,
    NodeScoped,
    ScopeRecord,
    TenantRow,
    UpwardRow,
    tree_of,
)


class OutOfScope(RuntimeError):  # noqa: N818  # says what happened
    """Code was about to write a row of another community: a mistake of ours."""


class FencedSession(Session):
    """A session that adds the scope to every query on scoped rows and checks every flush."""


class _NeedsCommunity(ScopeNeedsCommunity, DontWrapMixin):
    """The refusal, told by SQLAlchemy as it is."""


def _refuse() -> NoReturn:
    raise _NeedsCommunity


#: Stands where a community would have to; asked for its value only when the criterion lands in a statement.
_A_COMMUNITY = bindparam("a_community", callable_=_refuse, type_=Uuid())


@event.listens_for(FencedSession, "do_orm_execute")
def _narrow_to_the_scope(state: ORMExecuteState) -> None:
    scope = state.session.info.get("scope")
    if not state.is_orm_statement or scope is None:
        return
    if state.is_insert or state.is_update:
        _write_in_bulk(state, scope)
    state.statement = state.statement.options(*_criteria(scope))


@lru_cache(maxsize=4096)
def _criteria(scope: Scope) -> tuple[Any, ...]:
    """What is added to every query in this scope; making it takes longer than many a query."""
    if isinstance(scope, Community):
        mine = scope.tenant
        return (
            *(() if scope.grid is None else _criteria_of_a_grid(scope.grid)),
            with_loader_criteria(ScopeRecord, lambda row: row.scope_id == mine, include_aliases=True),
            with_loader_criteria(NodeRecord, lambda row: row.node_id == mine, include_aliases=True),
            with_loader_criteria(TenantRow, lambda row: row.tenant_id == mine, include_aliases=True),
            with_loader_criteria(UpwardRow, lambda row: row.tenant_id == mine, include_aliases=True),
            with_loader_criteria(NodeScoped, lambda row: row.node_id == mine, include_aliases=True),
        )
    tree = tree_of(Base.metadata)
    beneath = select(tree.c.id).where(tree.c.path >= scope.lo, tree.c.path < scope.hi)
    return (
        with_loader_criteria(ScopeRecord, lambda row: row.scope_id.in_(beneath), include_aliases=True),
        with_loader_criteria(NodeRecord, lambda row: row.node_id.in_(beneath), include_aliases=True),
        with_loader_criteria(TenantRow, lambda row: row.tenant_id == _A_COMMUNITY, include_aliases=True),
        with_loader_criteria(UpwardRow, lambda row: row.tenant_id.in_(beneath), include_aliases=True),
        with_loader_criteria(NodeScoped, lambda row: row.node_id.in_(beneath), include_aliases=True),
    )


def _criteria_of_a_grid(grid: UUID) -> tuple[Any, ...]:
    """Each kind of row that belongs to a grid, narrowed to this one's; the column is not called the same everywhere."""
    bound = (mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, GridRow))
    return tuple(
        with_loader_criteria(kind, getattr(kind, kind.__grid_key__) == grid, include_aliases=True)
        for kind in bound
    )


def _write_in_bulk(state: ORMExecuteState, scope: Scope) -> None:
    """Refuse an insert or update, without objects, that names another community."""
    mapper = state.bind_mapper
    if mapper is None or not issubclass(mapper.class_, TenantRow | UpwardRow):
        return
    tenant = tenant_of(scope)
    statement: Any = state.statement
    told = state.parameters or statement.compile().params
    for row in told if isinstance(told, Sequence) else (told,):
        if row.get("tenant_id") not in (None, tenant):
            raise OutOfScope(f"rows of {mapper.class_.__name__} of another community")


@event.listens_for(FencedSession, "before_flush")
def _write_nothing_of_others(session: Session, _flush: UOWTransaction, _instances: object) -> None:
    scope = session.info.get("scope")
    if scope is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, NodeScoped) and isinstance(scope, Community) and row.node_id != scope.tenant:
            raise OutOfScope(f"a {type(row).__name__} of another node")
        if not isinstance(row, TenantRow | UpwardRow):
            continue
        tenant = tenant_of(scope)
        if row.tenant_id is None:
            row.tenant_id = tenant
        elif row.tenant_id != tenant:
            raise OutOfScope(f"a {type(row).__name__} of another community")
        if isinstance(row, GridRow) and isinstance(scope, Community) and scope.grid is not None:
            _keep_to_the_grid(row, scope.grid)


def _keep_to_the_grid(row: GridRow, grid: UUID) -> None:
    told = getattr(row, row.__grid_key__)
    if told is None:
        setattr(row, row.__grid_key__, grid)
    elif told != grid:
        raise OutOfScope(f"a {type(row).__name__} of another grid")
