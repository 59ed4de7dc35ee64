"""The fence every query passes.

Row-level security is the first fence. This is the second, and holds with the first one off: a query on a
community's rows gets the scope's tenant as a criterion, and a flush that would write another's is refused.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria

from gongzhi.core.scope import Community, tenant_of
from gongzhi.core.tables import Base, NodeScoped, TenantRow, UpwardRow, tree_of


class OutOfScope(RuntimeError):  # noqa: N818  # says what happened
    """Code was about to write a row of another community: a mistake of ours."""


class FencedSession(Session):
    """A session that adds the scope to every query on scoped rows and checks every flush."""


@event.listens_for(FencedSession, "do_orm_execute")
def _narrow_to_the_scope(state: ORMExecuteState) -> None:
    scope = state.session.info.get("scope")
    if not state.is_orm_statement or scope is None:
        return
    statement = state.statement
    if isinstance(scope, Community):
        mine = scope.tenant
        criteria: Sequence[Any] = (
            with_loader_criteria(TenantRow, lambda row: row.tenant_id == mine, include_aliases=True),
            with_loader_criteria(UpwardRow, lambda row: row.tenant_id == mine, include_aliases=True),
            with_loader_criteria(NodeScoped, lambda row: row.node_id == mine, include_aliases=True),
        )
    else:
        tree = tree_of(Base.metadata)
        beneath = select(tree.c.id).where(tree.c.path >= scope.lo, tree.c.path < scope.hi)
        for mapper in state.all_mappers:
            if issubclass(mapper.class_, TenantRow):
                tenant_of(scope)
        criteria = (
            with_loader_criteria(TenantRow, lambda row: row.tenant_id.is_(None), include_aliases=True),
            with_loader_criteria(UpwardRow, lambda row: row.tenant_id.in_(beneath), include_aliases=True),
            with_loader_criteria(NodeScoped, lambda row: row.node_id.in_(beneath), include_aliases=True),
        )
    state.statement = statement.options(*criteria)


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
