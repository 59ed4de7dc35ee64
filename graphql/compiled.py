"""Answering a read from its plan: one prepared statement, its JSON passed on as it came."""

from collections import Counter

import asyncpg
import msgspec
from graphql import GraphQLError, GraphQLSchema

from gongzhi.core.api import Caller, Invalid, Kernel, Scope, TooSlow
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiler import Compiler, Ready
from gongzhi.graphql.requests import Request
from gongzhi.graphql.selection import Unplanned


class CompiledReads:
    """The fast way of an endpoint. What it leaves (None) is for the plain executor: mutations, refusals, steps."""

    def __init__(self, kernel: Kernel, schema: GraphQLSchema, catalogue: Catalogue) -> None:
        self._kernel, self._catalogue = kernel, catalogue
        self._compiler = Compiler(schema, catalogue.nodes)
        #: Why operations were left to the plain executor, and how often.
        self.fallbacks: Counter[str] = Counter()

    async def answer(self, caller: Caller, request: Request) -> bytes | None:
        """The response's body, or None when the plain executor has to answer."""
        if caller.scope is None:
            return None
        try:
            told = request.query, request.operation_name, request.variables
            ready = self._compiler.ready(*told, caller.scope)
            self._check(caller, caller.scope, ready)
            return await self._run(caller.scope, ready)
        except (
            Unplanned,
            Invalid,
            GraphQLError,
            asyncpg.DataError,
            asyncpg.ProgramLimitExceededError,
        ) as reason:
            # What would end in a refusal is refused by the plain executor, in its words.
            self.fallbacks[str(reason) if isinstance(reason, Unplanned) else "refused"] += 1
            return None

    def _check(self, caller: Caller, scope: Scope, ready: Ready) -> None:
        """:raises Unplanned: something of the plan is not for this caller, or is switched off here."""
        plan, cards = ready.plan, self._kernel.plugins.cards
        if not all(caller.actor.may(permission, scope.path) for permission in plan.permissions):
            raise Unplanned("refused")
        if not all(caller.has(cards[name]) for name in plan.plugins(self._catalogue.models)):
            raise Unplanned("refused")

    async def _run(self, scope: Scope, ready: Ready) -> bytes:
        tenant, _lo, hi = scope.settings()
        pool = await self._kernel.database.pool()
        try:
            row = await pool.fetchrow(ready.plan.sql, tenant, scope.path, hi, scope.node, *ready.values())
        except asyncpg.QueryCanceledError as error:
            raise TooSlow from error
        parts = (
            msgspec.json.encode(key) + b":" + (part or b"null")
            for key, part in zip(ready.plan.roots, row, strict=True)
        )
        return b'{"data":{' + b",".join(parts) + b"}}"
