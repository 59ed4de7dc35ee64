"""The database, and transactions on it: one scope, one commit each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm.exc import StaleDataError

from gongzhi.core.actor import Actor
from gongzhi.core.address import DatabaseAddress
from gongzhi.core.errors import NotFound, Stale
from gongzhi.core.fence import FencedSession
from gongzhi.core.pool import Pool
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.scope import BEGIN_WORK, Scope, telling
from gongzhi.core.tables import Base
from gongzhi.core.work import IdempotentCall, Work, stream_of

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

RowT = TypeVar("RowT", bound=Base)


@dataclass
class UnitOfWork(Work):
    """A transaction whose rows of the domain go through SQLAlchemy; ``session`` is for them.

    :param epoch: the policy's, when the transaction began.
    :param first: (hash of the input, id of the result) of the command that was called with the same key before.
    """

    session: AsyncSession = field(kw_only=True, repr=False)
    epoch: int = field(kw_only=True)
    first: tuple[bytes, UUID | None] | None = field(kw_only=True)

    @classmethod
    def on(
        cls,
        session: AsyncSession,
        kernel: "Kernel",
        scope: Scope | None,
        actor: Actor,
        call: IdempotentCall | None = None,
    ) -> "UnitOfWork":
        """Work on a session that has begun."""
        return cls(kernel, scope, actor, call, session=session, **session.info["begun"])

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
        self,
        role: DatabaseRole,
        scope: Scope | None,
        *,
        read_only: bool = False,
        actor: Actor | None = None,
        call: IdempotentCall | None = None,
    ) -> AsyncIterator[AsyncSession]:
        """A session in a transaction that knows its scope; rolled back unless somebody commits.

        :param call: the command that the actor begins, if it has a key: whoever works with the same one is waited for.
        """
        async with AsyncSession(
            self.engine(role), sync_session_class=FencedSession, expire_on_commit=False, autoflush=False
        ) as session:
            session.info["scope"] = None if role is DatabaseRole.SYSTEM else scope
            connection = await session.connection()
            begun = await connection.exec_driver_sql(
                BEGIN_WORK,
                (
                    *(("", "", "") if scope is None else scope.settings()),
                    "on" if read_only else "off",
                    *((None,) * 4 if actor is None or call is None else _whose(scope, actor, call)),
                ),
            )
            epoch, input_hash, result_id = tuple(begun.one())
            session.info["begun"] = {
                "driver": (await connection.get_raw_connection()).driver_connection,
                "epoch": epoch,
                "first": None if input_hash is None else (input_hash, result_id),
            }
            yield session

    async def dispose(self) -> None:
        """Close all connections."""
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()
        if self._pool is not None:
            await self._pool.close()
            self._pool = None


def _whose(scope: Scope | None, actor: Actor, call: IdempotentCall) -> tuple[UUID, UUID, str, str]:
    """What tells keys apart."""
    return stream_of(scope), actor.caller_id, call.operation, call.key


@asynccontextmanager
async def unit_of_work(
    kernel: "Kernel", scope: Scope, actor: Actor, *, call: IdempotentCall | None = None
) -> AsyncIterator[UnitOfWork]:
    """A transaction as the serving role in this scope; committed when the block ends without an exception."""
    async with kernel.database.session(DatabaseRole.APP, scope, actor=actor, call=call) as session:
        work = UnitOfWork.on(session, kernel, scope, actor, call)
        yield work
        await work.commit()


@asynccontextmanager
async def hot_work(
    kernel: "Kernel", scope: Scope, actor: Actor, *, call: IdempotentCall | None = None
) -> AsyncIterator[Work]:
    """The same on a bare connection; it asks for no record of the key, and fails where there is one."""
    async with kernel.database.pool.transaction(telling(scope)) as link:
        work = Work(kernel, scope, actor, call, driver=link)
        yield work
        await work.keep_records()


@asynccontextmanager
async def reading(kernel: "Kernel", scope: Scope, actor: Actor) -> AsyncIterator[UnitOfWork]:
    """A read-only transaction as the serving role in this scope."""
    async with kernel.database.session(DatabaseRole.APP, scope, read_only=True) as session:
        yield UnitOfWork.on(session, kernel, scope, actor)
