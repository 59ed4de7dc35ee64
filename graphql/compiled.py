"""Answering a query from its plan: one prepared statement, its JSON passed on as it came."""

from collections import Counter
from collections.abc import Mapping, Sequence

import asyncpg
import msgspec
from graphql import GraphQLError
from strawberry.utils.str_converters import to_snake_case

from gongzhi.core.api import Caller, CallerChanged, Community, Holds, Invalid, Kernel, Scope, TooSlow
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiler import Compiler, reason_of
from gongzhi.graphql.metrics import FALLBACKS
from gongzhi.graphql.outline import Asking
from gongzhi.graphql.plan import Plan, Unplanned
from gongzhi.graphql.selection import Selected
from gongzhi.graphql.steps import selected_of, stepped


async def always(_epoch: int) -> bool:
    """For callers who were made, not looked up."""
    return True


class CompiledReads:
    """The fast way of an endpoint. What it leaves (None) is for the plain executor: refusals, and what needs Python."""

    def __init__(self, kernel: Kernel, catalogue: Catalogue) -> None:
        self._kernel, self._catalogue = kernel, catalogue
        self._compiler = Compiler(catalogue.nodes)
        #: Why operations were left to the plain executor, and how often.
        self.fallbacks: Counter[str] = Counter()

    async def answer(self, caller: Caller, asking: Asking, holds: Holds = always) -> bytes | None:
        """The JSON of ``data``, or None when the plain executor has to answer.

        :raises CallerChanged: a grant, a switch or the like changed since the caller was looked up.
        :raises TooSlow: the statement ran out of time.
        """
        try:
            return await self._compiled(caller, asking, holds)
        except (
            Unplanned,
            Invalid,
            GraphQLError,
            asyncpg.DataError,
            asyncpg.ProgramLimitExceededError,
        ) as reason:
            # What would end in a refusal is refused by the plain executor, in its words.
            told = reason_of(reason)
            self.fallbacks[told] += 1
            FALLBACKS.labels(told).inc()
            return None

    async def _compiled(self, caller: Caller, asking: Asking, holds: Holds) -> bytes:
        if caller.scope is None:
            raise Unplanned("no scope")
        scope, ready = caller.scope, self._compiler.ready(asking, type(caller.scope))
        plan, values = ready.plan, ready.values()
        check(self._kernel, self._catalogue, caller, plan)
        try:
            row = await self._kernel.database.pool.fetchrow(
                plan.sql, *scope_parameters(caller, scope, plan), *values
            )
        except asyncpg.QueryCanceledError as error:
            raise TooSlow from error
        epoch, *columns = row
        if not await holds(epoch):
            raise CallerChanged
        try:
            besides = {
                key: await self._answered(caller, selected, asking) for key, selected in plan.answered.items()
            }
            return told_json(self._kernel, caller, plan, columns, asking, besides=besides)
        except Exception as error:
            # The plain executor tells it at its place, and the others beside it.
            raise Unplanned("a value that could not be made") from error

    async def _answered(self, caller: Caller, selected: Selected, asking: Asking) -> bytes:
        """What Python finds out, as the document asks for it."""
        place = asking.outline.places.get(id(selected.nodes[0]))
        told = {} if place is None else asking.arguments[place]
        named = {to_snake_case(name): value for name, value in told.items()}
        value = await selected.metadata["answered"](self._kernel, caller, **named)
        return msgspec.json.encode(selected_of(value, selected, asking.outline.asked.afresh()))


def check(kernel: Kernel, catalogue: Catalogue, caller: Caller, plan: Plan) -> None:
    """:raises Unplanned: something of the plan is not for this caller, or is switched off here."""
    path = "" if caller.scope is None else caller.scope.reach
    if plan.wide and isinstance(caller.scope, Community) and caller.scope.grid is not None:
        raise Unplanned("refused")
    if not all(caller.actor.may(permission, path) for permission in plan.permissions):
        raise Unplanned("refused")
    plugins = plan.plugins(catalogue.models)
    if plan.answered:
        plugins |= {catalogue.fields[selected.name] for selected in plan.answered.values()}
    if not all(caller.has(kernel.plugins.cards[name]) for name in plugins):
        raise Unplanned("refused")


def scope_parameters(caller: Caller, scope: Scope, plan: Plan) -> tuple[object, ...]:
    """The parameters that every plan's statement begins with."""
    tenant, _lo, hi = scope.settings()
    grid = scope.grid if isinstance(scope, Community) else None
    return tenant, scope.path, hi, scope.node, plan.unmasked(caller.actor, scope.reach), grid


def told_json(
    kernel: Kernel,
    caller: Caller,
    plan: Plan,
    columns: Sequence[bytes | None],
    asking: Asking,
    *,
    besides: Mapping[str, bytes] | None = None,
) -> bytes:
    """The object of a plan's answers.

    :param besides: answers that the plan knows nothing of, by response key.
    """
    parts = {**dict(zip(plan.columns, columns, strict=True)), **(besides or {})}
    for key, steps in plan.steps.items():
        part = parts[key]
        if part is not None:
            parts[key] = stepped(part, steps, kernel)
    if plan.made:
        roots = {root.key: root for root in asking.outline.roots}
        for key, made in plan.made.items():
            value = selected_of(made(caller), roots[key], asking.outline.asked.afresh())
            parts[key] = msgspec.json.encode(value)
    inner = b",".join(b'"' + key.encode() + b'":' + (parts[key] or b"null") for key in plan.keys)
    return b"{" + inner + b"}"
