"""The request context: one read transaction or one command at a time, and the answers to its fields."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import strawberry
from sqlalchemy import select

from gongzhi.core.api import (
    Caller,
    Column,
    Invalid,
    Kernel,
    Many,
    One,
    PageAsked,
    Permission,
    PluginDisabled,
    Refusal,
    Scope,
    ScopeMissing,
    Step,
    UnitOfWork,
    UseCase,
    parse_global_id,
    performing,
    problem_of,
    reading,
    reading_of,
    told_values,
)
from gongzhi.graphql.paging import MOST, Page, find_page


@dataclass
class Context:
    """What resolvers find in ``info.context``; see :class:`gongzhi.core.context.RequestContext`."""

    kernel: Kernel
    caller: Caller
    #: Root field to the plugin that offers it.
    plugin_of: dict[str, str]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _work: UnitOfWork | None = None
    #: One connection answers one question at a time, although sibling fields are resolved together.
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self) -> UnitOfWork:
        """The open unit of work: the command's, or a read-only one opened when first needed."""
        if self._work is None:
            opening = reading(self.kernel, self.scope, self.caller.actor)
            self._work = await self._stack.enter_async_context(opening)
        return self._work

    @property
    def scope(self) -> Scope:
        """The request's scope.

        :raises NotSignedIn: nobody asks.
        :raises ScopeMissing: none was named, and the grants leave it open.
        """
        if self.caller.scope is None:
            _ = self.caller.actor.caller_id
            raise ScopeMissing
        return self.caller.scope

    async def finish(self, failure: BaseException | None = None) -> None:
        """Commit the command under way, or roll it back when something failed; close the read transaction."""
        stack, self._stack, self._work = self._stack, AsyncExitStack(), None
        try:
            await stack.__aexit__(type(failure) if failure else None, failure, None)
        except BaseException as error:
            if error is not failure:
                raise

    def enter(self, field_name: str) -> None:
        """Go on only where the plugin that offers this root field is switched on.

        :raises PluginDisabled: it is not.
        """
        plugin = self.plugin_of.get(field_name)
        if plugin is None or self.caller.switched_on is None:
            return
        if self.kernel.plugins.cards[plugin].switchable and plugin not in self.caller.switched_on:
            raise PluginDisabled(plugin=plugin)

    async def require(self, permission: Permission) -> None:
        """Go on only with this permission in the request's scope."""
        self.caller.actor.require(permission, self.scope.path)

    def value(self, row: Any, declared: Column | Step) -> Any:
        """A column or a Python step of a row."""
        if declared.permission is not None:
            self.caller.actor.require(declared.permission, self.scope.path)
        if isinstance(declared, Step):
            return declared.step(row, self.kernel)
        return getattr(row, declared.source)

    async def one(self, row: Any, declared: One, info: Any) -> Any:
        """The row a to-one leads to."""
        row_id = getattr(row, declared.source)
        if row_id is None:
            return None
        target = reading_of(_origin(info))
        await self.require(target.permission)
        async with self.turn:
            work = await self.work()
            query = select(target.model).where(target.model.id == row_id)  # type: ignore[attr-defined]
            return (await work.session.scalars(query)).one_or_none()

    async def many(self, row: Any, declared: Many, info: Any, first: int) -> Any:
        """The rows a to-many leads to."""
        if not 1 <= first <= MOST:
            raise Invalid(path="first", problem=f"1 to {MOST} / 须为1至{MOST}")
        target = reading_of(_origin(info))
        await self.require(target.permission)
        model: Any = target.model
        async with self.turn:
            work = await self.work()
            query = (
                select(model)
                .where(getattr(model, declared.by) == row.id)
                .order_by(getattr(model, declared.order), model.id)
                .limit(first)
            )
            return (await work.session.scalars(query)).all()

    async def item(self, cls: type, global_id: str, info: Any) -> Any:
        """The row of this type with this id, or None; an id of another type finds nothing."""
        self.enter(info.field_name)
        target = reading_of(cls)
        await self.require(target.permission)
        type_name, row_id = parse_global_id(global_id)
        if type_name != target.name:
            return None
        async with self.turn:
            work = await self.work()
            query = select(target.model).where(target.model.id == row_id)  # type: ignore[attr-defined]
            if target.criterion is not None:
                query = query.where(target.criterion(self.scope))
            return (await work.session.scalars(query)).one_or_none()

    async def page(self, cls: type, asked: PageAsked, info: Any) -> Page:
        """A page of the rows of this type."""
        self.enter(info.field_name)
        target = reading_of(cls)
        await self.require(target.permission)
        async with self.turn:
            work = await self.work()
            return await find_page(work.session, self.scope, target, asked, self.turn)

    async def perform(self, case: UseCase, info: Any, told: Any, key: str | None, success: Any) -> Any:
        """Run a command and answer its payload; the transaction stays open until the payload is read."""
        await self.finish()
        self.enter(info.field_name)
        raw = {} if told is None else told_values(told)
        command = performing(self.kernel, self.caller, case, raw, operation=info.field_name, key=key or None)
        try:
            performed = await self._stack.enter_async_context(command)
        except Refusal as refusal:
            if refusal.top_level:
                raise
            problem: Any = problem_of(refusal)
            return problem(
                code=refusal.code, message=refusal.message(self.caller.actor.language), path=refusal.path
            )
        self._work = performed.work
        return success.of(performed.result)


def _origin(info: strawberry.Info) -> Any:
    """The strawberry class a field returns, without list and null."""
    kind: Any = info.return_type
    while hasattr(kind, "of_type"):
        kind = kind.of_type
    return getattr(kind, "__args__", (kind,))[0] if not isinstance(kind, type) else kind
