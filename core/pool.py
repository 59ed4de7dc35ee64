"""Bare connections, for compiled reads (each one prepared statement that tells its own scope) and hot commands.

The last one given back is the first one lent, so that few stay warm; nothing is reset in between, for neither a
statement outside a transaction nor one that ended leaves anything behind. Whatever did not end as it should takes its connection with it.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import asyncpg

#: How many statements a connection keeps prepared; each takes some 200 KB of PostgreSQL's memory.
PREPARED = 100
_numbers = count()
_DoneT = TypeVar("_DoneT")


class _Gone(Exception):  # noqa: N818  # says what happened
    """The connection was lost."""


@dataclass
class Link:
    """A connection with its prepared statements."""

    connection: asyncpg.Connection
    statements: "OrderedDict[str, Any]" = field(default_factory=OrderedDict)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row of this statement."""
        statement = self.statements.get(sql)
        if statement is None:
            # Named, for PostgreSQL plans a nameless one anew each time.
            name = f"gongzhi_{next(_numbers)}"
            statement = self.statements[sql] = await self.connection.prepare(sql, name=name)
            if len(self.statements) > PREPARED:
                self.statements.popitem(last=False)
        else:
            self.statements.move_to_end(sql)
        return await statement.fetchrow(*values)


@dataclass
class Pool:
    """At most ``size`` connections to this URL."""

    url: str
    size: int
    _free: list[Link] = field(default_factory=list, repr=False)
    _waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque, repr=False)
    _opened: int = 0

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row of this statement, which is a transaction of its own.

        :raises asyncpg.PostgresError: the database refuses it.
        :raises ConnectionError: the database is not there.
        """

        async def fetch() -> Any:
            link = await self._lend()
            row = await self._ask(link, link.fetchrow(sql, *values))
            self._give_back(link)
            return row

        return await self._surely(fetch)

    @asynccontextmanager
    async def transaction(self, first: str) -> AsyncIterator[Link]:
        """A connection in a transaction, which is committed when the block ends without an exception.

        :param first: a statement that the transaction begins with; its answer is not wanted.
        :raises ConnectionError: the database is not there.
        """

        async def begin() -> Link:
            link = await self._lend()
            # Both at once: each way to the database and back costs more than what it does there.
            await self._ask(link, link.connection.execute(f"begin; {first}"))
            return link

        link = await self._surely(begin)
        try:
            yield link
            await link.fetchrow("commit")
        except Exception:
            await self._roll_back(link)
            raise
        except BaseException:
            self._lose(link)
            raise
        self._give_back(link)

    async def _roll_back(self, link: Link) -> None:
        """End a transaction that failed; a connection that can't even do that is thrown away."""
        try:
            if not link.connection.is_closed() and link.connection.is_in_transaction():
                await link.fetchrow("rollback")
        except BaseException:
            self._lose(link)
            raise
        self._give_back(link)

    async def _surely(self, attempt: Callable[[], Awaitable[_DoneT]]) -> _DoneT:
        """Try again on a new connection where the old one was lost: what failed at once was not begun."""
        try:
            return await attempt()
        except _Gone:
            # PostgreSQL was started anew; what is read once is read twice without harm.
            while self._free:
                self._lose(self._free.pop())
            try:
                return await attempt()
            except _Gone as error:
                raise ConnectionError from error

    async def _ask(self, link: Link, question: Awaitable[_DoneT]) -> _DoneT:
        """The answer; where there is none because something failed, the connection is given back.

        :raises _Gone: the connection is no more.
        """
        try:
            return await question
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            gone = link.connection.is_closed()
            self._give_back(link)
            if gone:
                raise _Gone from error
            raise
        except BaseException:
            self._lose(link)
            raise

    async def _lend(self) -> Link:
        return self._free.pop() if self._free else await self._another()

    async def _another(self) -> Link:
        while not self._free:
            if self.size == 0:
                raise ConnectionError("the pool is closed")
            if self._opened < self.size:
                return await self._open()
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake()
                raise
        return self._free.pop()

    async def _open(self) -> Link:
        self._opened += 1
        try:
            connection = await asyncpg.connect(self.url)
            await connection.set_type_codec(
                "json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes
            )
        except BaseException:
            self._opened -= 1
            self._wake()
            raise
        return Link(connection)

    def _give_back(self, link: Link) -> None:
        if self.size == 0 or link.connection.is_closed() or link.connection.is_in_transaction():
            self._lose(link)
            return
        self._free.append(link)
        if self._waiting:
            self._wake()

    def _lose(self, link: Link) -> None:
        link.connection.terminate()
        self._opened -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    async def close(self) -> None:
        """Close the connections that nobody uses; those in use close as they come back."""
        self.size = 0
        free, self._free = self._free, []
        for link in free:
            self._opened -= 1
            await link.connection.close()
        while self._waiting:
            self._wake()
