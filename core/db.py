"""The unit of work: one transaction, one scope, one commit; and the fence every query passes.

Row-level security is the first fence. The second is here, and holds with the first one off: a query on a
community's rows gets the scope's tenant as a criterion, and a flush that would write another's is refused.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.orm.exc import StaleDataError

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.clock import now
from gongzhi.core.errors import NotFound, Stale
from gongzhi.core.events import Event
from gongzhi.core.ids import new_id
from gongzhi.core.permissions import Actor, Permission
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import TELL, Community, Scope, tenant_of
from gongzhi.core.tables import Base, NodeScoped, TenantRow, UpwardRow, tree_of

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

#: The stream of records that belong to no node: the platform's own.
PLATFORM = UUID(int=0)

_KERNEL_ROWS = """
with told as (
    insert into core.outbox (id, scope_id, name, payload, created_at)
    select e.id, $1, e.name, e.payload, $2
    from jsonb_to_recordset($3::jsonb) as e(id uuid, name text, payload jsonb)
), seen as (
    insert into core.audit
        (id, scope_id, at, account_id, token_id, action, subject_type, subject_id, fields, outcome)
    select a.id, $1, $2, $4, $5, a.action, a.subject_type, a.subject_id, a.fields, a.outcome
    from jsonb_to_recordset($6::jsonb)
        as a(id uuid, action text, subject_type text, subject_id uuid, fields text[], outcome text)
)
insert into core.idempotency (scope_id, caller_id, operation, key, input_hash, result_id, created_at)
select $1, $7, $8, $9, $10, $11, $2 where $9::text is not null
"""

RowT = TypeVar("RowT", bound=Base)


class OutOfScope(RuntimeError):
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
        if not isinstance(row, TenantRow | UpwardRow):
            continue
        tenant = tenant_of(scope)
        if row.tenant_id is None:
            row.tenant_id = tenant
        elif row.tenant_id != tenant:
            raise OutOfScope(f"a {type(row).__name__} of another community")


@dataclass(frozen=True, kw_only=True)
class IdempotentCall:
    """A command called with a key: what the record of it will say."""

    operation: str
    key: str
    input_hash: bytes


@dataclass
class UnitOfWork:
    """One transaction in one scope, on behalf of one actor. ``session`` is for the domain's rows."""

    kernel: "Kernel" = field(repr=False)
    session: AsyncSession = field(repr=False)
    scope: Scope | None
    actor: Actor
    call: IdempotentCall | None = None
    _events: list[dict[str, Any]] = field(default_factory=list)
    _audit: list[dict[str, Any]] = field(default_factory=list)
    _result: UUID | None = None

    @property
    def tenant(self) -> UUID:
        """The community this work writes.

        :raises ScopeNeedsCommunity: the scope is a range.
        """
        return tenant_of(self.scope)

    @property
    def stream(self) -> UUID:
        """Whose records this work keeps: the scope's node, or the platform."""
        return PLATFORM if self.scope is None else self.scope.node

    @property
    def at(self) -> datetime:
        """The present moment, by the kernel's clock."""
        return now()

    def require(self, permission: Permission) -> None:
        """Go on only with this permission at the scope's node.

        :raises Forbidden: no grant of the actor allows it here.
        """
        self.actor.require(permission, "" if self.scope is None else self.scope.path)

    def publish(self, fact: Event) -> None:
        """Tell this fact to whoever listens, once this transaction is committed.

        :raises LookupError: no plugin registered the event.
        """
        self.kernel.require_event(fact)
        self._events.append({"id": str(new_id()), "name": fact.name, "payload": msgspec.to_builtins(fact)})

    def enqueue(self, task: str, **ids: str | int) -> None:
        """Have this task run, once this transaction is committed; ids only, never names or content.

        :raises LookupError: no plugin registered the task.
        """
        self.kernel.require_task(task)
        self._events.append({"id": str(new_id()), "name": f"task:{task}", "payload": ids})

    def audit(
        self, action: str, subject: object | None = None, *, fields: Sequence[str] = (), outcome: str = "done"
    ) -> None:
        """Record who did what to which object; never values."""
        self._audit.append(
            {
                "id": str(new_id()),
                "action": action,
                "subject_type": None if subject is None else type(subject).__name__,
                "subject_id": None if subject is None else str(getattr(subject, "id", "")) or None,
                "fields": list(fields),
                "outcome": outcome,
            }
        )

    def remember(self, result: object) -> None:
        """What this command came to, for the idempotency record: an id, never personal data."""
        self._result = getattr(result, "id", None)

    async def load(self, model: type[RowT], row_id: UUID, *, version: int | None = None) -> RowT:
        """The row with this id in the scope, locked until the end of the transaction when a version is given.

        :raises NotFound: there is none in this scope, whatever may be elsewhere.
        :raises Stale: it is no longer of this version.
        """
        query = select(model).where(model.id == row_id)  # type: ignore[attr-defined]
        if version is not None:
            query = query.with_for_update()
        row = (await self.session.scalars(query)).one_or_none()
        if row is None:
            raise NotFound(what=model.__name__)
        if version is not None and row.version != version:  # type: ignore[attr-defined]
            raise Stale(current=row.version)  # type: ignore[attr-defined]
        return row

    async def flush(self) -> None:
        """Send the domain's rows.

        :raises Stale: somebody changed one of them meanwhile.
        """
        try:
            await self.session.flush()
        except StaleDataError as error:
            raise Stale(current="?") from error

    async def keep_records(self) -> None:
        """Write audit, outbox and idempotency in one statement, on the transaction of the domain's rows."""
        await self.flush()
        if not (self._events or self._audit or self.call):
            return
        call = self.call
        connection = await self.session.connection()
        await connection.exec_driver_sql(
            _KERNEL_ROWS,
            (
                self.stream,
                now(),
                json.dumps(self._events, ensure_ascii=False),
                self.actor.account_id,
                self.actor.token_id,
                json.dumps(self._audit, ensure_ascii=False),
                None if call is None else self.actor.caller_id,
                None if call is None else call.operation,
                None if call is None else call.key,
                None if call is None else call.input_hash,
                self._result,
            ),
        )
        self._events.clear()
        self._audit.clear()
        self.call = None

    async def commit(self) -> None:
        """The only commit of the code base."""
        await self.keep_records()
        await self.session.commit()


class Database:
    """The database, reached as one of its roles."""

    def __init__(self, address: DatabaseAddress, *, pool_size: int = 10) -> None:
        self.address = address
        self._pool_size = pool_size
        self._engines: dict[DatabaseRole, AsyncEngine] = {}

    def engine(self, role: DatabaseRole) -> AsyncEngine:
        """The engine that connects as this role; made when first asked for."""
        if role not in self._engines:
            self._engines[role] = create_async_engine(
                self.address.url_for(role.value, driver="asyncpg"),
                pool_size=self._pool_size,
                max_overflow=0,
                pool_use_lifo=True,
                pool_pre_ping=False,
            )
        return self._engines[role]

    @asynccontextmanager
    async def session(
        self, role: DatabaseRole, scope: Scope | None, *, read_only: bool = False
    ) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that knows its scope; rolled back unless somebody commits."""
        async with AsyncSession(
            self.engine(role), sync_session_class=FencedSession, expire_on_commit=False, autoflush=False
        ) as session:
            session.info["scope"] = None if role is DatabaseRole.SYSTEM else scope
            connection = await session.connection()
            await tell_scope(connection, scope, read_only=read_only)
            yield session

    async def dispose(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()


async def tell_scope(connection: AsyncConnection, scope: Scope | None, *, read_only: bool) -> None:
    """Tell the transaction its scope; with none it sees no scoped row at all."""
    tenant, lo, hi = ("", "", "") if scope is None else scope.settings()
    await connection.exec_driver_sql(TELL, (tenant, lo, hi, "on" if read_only else "off"))


@asynccontextmanager
async def unit_of_work(
    kernel: "Kernel", scope: Scope, actor: Actor, *, call: IdempotentCall | None = None
) -> AsyncIterator[UnitOfWork]:
    """A transaction as the serving role in this scope; committed when the block ends without an exception."""
    async with kernel.database.session(DatabaseRole.APP, scope) as session:
        work = UnitOfWork(kernel, session, scope, actor, call)
        yield work
        await work.commit()


@asynccontextmanager
async def reading(kernel: "Kernel", scope: Scope, actor: Actor) -> AsyncIterator[UnitOfWork]:
    """A read-only transaction as the serving role in this scope."""
    async with kernel.database.session(DatabaseRole.APP, scope, read_only=True) as session:
        yield UnitOfWork(kernel, session, scope, actor)
