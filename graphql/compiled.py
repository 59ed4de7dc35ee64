"""Answering a read from its plan: one prepared statement, its JSON passed on as it came."""

from collections import Counter

import asyncpg
import msgspec
import strawberry

from gongzhi.core.api import Caller, Kernel
from gongzhi.graphql.catalogue import Catalogue, readings_of
from gongzhi.graphql.compiler import Compiler, Ready
from gongzhi.graphql.plan import Unplanned
from gongzhi.graphql.requests import Request


class CompiledReads:
    """The fast way of an endpoint. What it leaves (None) is for the plain executor: mutations, refusals, steps."""

    def __init__(self, kernel: Kernel, compiler: Compiler, catalogue: Catalogue) -> None:
        self._kernel, self._compiler, self._catalogue = kernel, compiler, catalogue
        #: Why operations were left to the plain executor, and how often.
        self.fallbacks: Counter[str] = Counter()

    async def answer(self, caller: Caller, request: Request) -> bytes | None:
        """The response's body, or None when the plain executor has to answer."""
        if caller.scope is None:
            return None
        try:
            ready = self._compiler.ready(
                request.query, request.operation_name, request.variables, caller.scope
            )
        except Unplanned as reason:
            self.fallbacks[str(reason)] += 1
            return None
        if not self._allowed(caller, ready):
            self.fallbacks["refused"] += 1
            return None
        return await self._run(caller, ready)

    def _allowed(self, caller: Caller, ready: Ready) -> bool:
        assert caller.scope is not None
        path = caller.scope.path
        if not all(caller.actor.may(permission, path) for permission in ready.plan.permissions):
            return False
        return all(self._offered(caller, plugin) for plugin in ready.plan.plugins(self._catalogue.models))

    def _offered(self, caller: Caller, plugin: str) -> bool:
        if caller.switched_on is None or not self._kernel.plugins.cards[plugin].switchable:
            return True
        return plugin in caller.switched_on

    async def _run(self, caller: Caller, ready: Ready) -> bytes | None:
        assert caller.scope is not None
        tenant, _lo, hi = caller.scope.settings()
        pool = await self._kernel.database.pool()
        try:
            row = await pool.fetchrow(
                ready.plan.sql, tenant, caller.scope.path, hi, caller.scope.node, *ready.values()
            )
        except asyncpg.DataError:
            # What the caller told does not fit a column; the plain executor says so in its words.
            self.fallbacks["data"] += 1
            return None
        parts = (
            msgspec.json.encode(key) + b":" + (part or b"null")
            for key, part in zip(ready.plan.roots, row, strict=True)
        )
        return b'{"data":{' + b",".join(parts) + b"}}"


def compiler_of(schema: strawberry.Schema) -> Compiler:
    """The compiler of a schema."""
    return Compiler(schema._schema, {reading.name: reading for reading in readings_of(schema)})  # noqa: SLF001
