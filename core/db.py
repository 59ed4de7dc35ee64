"""The unit of work: one transaction, one scope, one commit."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm.exc import StaleDataError

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.clock import now
from gongzhi.core.errors import NotFound, Stale
from gongzhi.core.events import Event
from gongzhi.core.fence import FencedSession
from gongzhi.core.ids import new_id
from gongzhi.core.permissions import Actor, Permission
from gongzhi.core.pool import Pool
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import TELL, Scope, tenant_of
from gongzhi.core.tables import Base

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

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row of a statement of the kernel's own, on the transaction of the domain's rows."""
        return await self.session.info["driver"].fetchrow(sql, *values)

    @property
    def epoch(self) -> int:
        """The policy's epoch when this transaction began."""
        return int(self.session.info["epoch"])

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
            # What this transaction read before the lock may be out of date by now.
            query = query.with_for_update().execution_options(populate_existing=True)
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
        await self.fetchrow(
            _KERNEL_ROWS,
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
        )
        self._events.clear()
        self._audit.clear()
        self.call = None

    async def commit(self) -> None:
        """The only commit of the code base."""
        await self.keep_records()
        await self.session.commit()


class Database:
    """The database, reached as one of its roles.

    Statements stay prepared on pooled connections. A migration that adds columns or tables is not noticed by
    running processes; one that changes the type of a column they read fails the first transaction that meets
    it, after which the driver prepares everything anew. So a column's type is changed by adding another.
    """

    def __init__(self, address: DatabaseAddress, *, pool_size: int = 10) -> None:
        self.address = address
        self._pool_size = pool_size
        self._engines: dict[DatabaseRole, AsyncEngine] = {}
        self._pool: Pool | None = None

    @property
    def pool(self) -> Pool:
        """Bare connections of the serving role, for compiled reads: each is one statement that tells its scope."""
        if self._pool is None:
            self._pool = Pool(self.address.url_for(DatabaseRole.APP.value), self._pool_size)
        return self._pool

    def engine(self, role: DatabaseRole) -> AsyncEngine:
        """The engine that connects as this role; made when first asked for."""
        if role not in self._engines:
            self._engines[role] = create_async_engine(
                self.address.url_for(role.value, driver="asyncpg"),
                pool_size=self._pool_size,
                max_overflow=0,
                pool_use_lifo=True,
                pool_pre_ping=False,
                # An error's text goes to logs, and what was bound may be a person's.
                hide_parameters=True,
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
            session.info["epoch"] = await tell_scope(connection, scope, read_only=read_only)
            session.info["driver"] = (await connection.get_raw_connection()).driver_connection
            yield session

    async def dispose(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


async def tell_scope(connection: AsyncConnection, scope: Scope | None, *, read_only: bool) -> int:
    """Tell the transaction its scope; with none it sees no scoped row at all. Answers the policy's epoch."""
    tenant, lo, hi = ("", "", "") if scope is None else scope.settings()
    told = await connection.exec_driver_sql(TELL, (tenant, lo, hi, "on" if read_only else "off"))
    return int(told.one()[-1])


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
