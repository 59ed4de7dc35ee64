"""The request context: one read transaction or one command at a time, and the answers to its fields."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from gongzhi.core.api import (
    MOST,
    Caller,
    Column,
    Computed,
    Invalid,
    Kernel,
    Many,
    Needs,
    PageAsked,
    Permission,
    PluginDisabled,
    Reading,
    Refusal,
    Scope,
    ScopeMissing,
    Step,
    UnitOfWork,
    UseCase,
    Words,
    parse_global_id,
    performing,
    problem_of,
    reading,
    refusal_of,
    told_values,
)
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.paging import Page, find_page


@contextmanager
def told_by_the_database() -> Iterator[None]:
    """Turn what the database refuses for the caller's sake into a refusal.

    :raises Refusal: what the caller told can't be stored, or somebody else was quicker.
    """
    try:
        yield
    except (DBAPIError, asyncpg.PostgresError) as error:
        # The kernel's own statements pass SQLAlchemy by.
        refusal = refusal_of(getattr(getattr(error, "orig", error), "sqlstate", None))
        if refusal is None:
            raise
        raise refusal from error


def whole(target: Reading) -> Iterator[Any]:
    """Options that load what this type's fields look at, also where the model leaves it for later."""
    for declared in target.fields.values():
        for name in declared.needs if isinstance(declared, Step) else ():
            if getattr(target.model, name).property.deferred:
                yield undefer(getattr(target.model, name))


class _Over(Exception):  # noqa: N818  # nothing went wrong
    """The request is over."""


@dataclass
class Context:
    """What resolvers find in ``info.context``; see :class:`gongzhi.core.context.RequestContext`."""

    kernel: Kernel
    caller: Caller
    catalogue: Catalogue
    #: What was asked before and allowed; neither grants nor scope change within a request.
    _allowed: set[Permission] = field(default_factory=set)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _work: UnitOfWork | None = None
    #: One connection answers one question at a time, although sibling fields are resolved together.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

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

    def enter(self, field_name: str, needs: Needs) -> None:
        """Go on only where this root field is offered, and the caller may have what it needs.

        :raises PluginDisabled: the plugin that offers it is not switched on.
        :raises Forbidden: the caller's grants do not cover it.
        """
        self._require_plugin(self.catalogue.fields.get(field_name))
        if isinstance(needs, Reading):
            self._open(needs)
        elif isinstance(needs, Permission):
            self._require(needs)

    def _open(self, target: Reading, *, nested: bool = False) -> None:
        """Go on only where the caller may read this type here; what is nested was reached from what he may read."""
        self._require_plugin(self.catalogue.models.get(target.model))
        target.check_scope(self.scope, nested=nested)
        self._require(target.permission)

    def _require_plugin(self, plugin: str | None) -> None:
        if plugin is not None and not self.caller.has(self.kernel.plugins.cards[plugin]):
            raise PluginDisabled(plugin=plugin)

    def _require(self, permission: Permission) -> None:
        if permission not in self._allowed:
            self.caller.actor.require(permission, self.scope.reach)
            self._allowed.add(permission)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """The session of the command under way, or of a read transaction opened when first needed."""
        async with self._turn:
            with told_by_the_database():
                if self._work is None:
                    opening = reading(self.kernel, self.scope, self.caller.actor)
                    self._work = await self._stack.enter_async_context(opening)
                yield self._work.session

    async def close(self) -> None:
        """Roll back what is still open: a read transaction, or a command whose request was broken off."""
        await self.finish(_Over())

    async def finish(self, failure: BaseException | None) -> None:
        """Commit the command under way, or roll it back when something failed.

        :raises Refusal: the commit was refused.
        """
        stack, self._stack, self._work = self._stack, AsyncExitStack(), None
        with told_by_the_database():
            try:
                await stack.__aexit__(type(failure) if failure else None, failure, None)
            except BaseException as error:
                if error is not failure:
                    raise

    def value(self, row: Any, declared: Column | Computed | Step, reading: Reading) -> Any:
        """A column, an expression or a Python step of a row, perhaps to be awaited."""
        if isinstance(declared, Column) and declared.mask is not None:
            assert declared.permission is not None
            self._require(reading.permission)
            if not self.caller.actor.may(declared.permission, self.scope.reach):
                return self._computed(row, declared.mask(getattr(reading.model, declared.source)), reading)
            return getattr(row, declared.source)
        self._require(declared.permission or reading.permission)
        if isinstance(declared, Step):
            return declared.step(row, self.kernel)
        if isinstance(declared, Computed):
            return self._computed(row, declared.expression(reading.model), reading)
        return getattr(row, declared.source)

    async def _computed(self, row: Any, expression: ColumnElement[Any], reading: Reading) -> Any:
        """An expression over the columns of a row, as the database computes it."""
        model: Any = reading.model
        async with self.session() as session:
            return (await session.scalars(select(expression).where(model.id == row.id))).one()

    async def one(self, row_id: Any, target: Reading) -> Any:
        """The row of this type with this id, or None."""
        if row_id is None:
            return None
        self._open(target, nested=True)
        model: Any = target.model
        async with self.session() as session:
            return (await session.scalars(select(model).where(model.id == row_id))).one_or_none()

    async def many(self, row: Any, declared: Many, target: Reading, first: int) -> Sequence[Any]:
        """The rows of this type that point to this row."""
        if not 1 <= first <= MOST:
            raise Invalid(path="first", problem=Words(zh=f"须为1至{MOST}", en=f"1 to {MOST}"))
        self._open(target, nested=True)
        model: Any = target.model
        query = (
            select(model)
            .where(getattr(model, declared.by) == row.id)
            .order_by(getattr(model, declared.order), model.id)
            .limit(first)
        )
        async with self.session() as session:
            return (await session.scalars(query)).all()

    async def item(self, target: Reading, global_id: str) -> Any:
        """The row of this type with this id, or None; an id of another type finds nothing."""
        self._open(target)
        type_name, row_id = parse_global_id(global_id, path="id")
        if type_name != (target.ids_of or target.name):
            return None
        model: Any = target.model
        return await self._found(target, model.id == row_id)

    async def single(self, target: Reading, criterion: Callable[[Scope], ColumnElement[bool]]) -> Any:
        """The one row of this type that meets the criterion, or None."""
        self._open(target)
        return await self._found(target, criterion(self.scope))

    async def _found(self, target: Reading, condition: ColumnElement[bool]) -> Any:
        query = select(target.model).where(condition).options(*whole(target))
        if target.criterion is not None:
            query = query.where(target.criterion(self.scope))
        async with self.session() as session:
            return (await session.scalars(query)).one_or_none()

    async def node(self, global_id: str) -> Any:
        """The row with this id, whatever its type, or None."""
        _ = self.scope
        type_name, _row_id = parse_global_id(global_id, path="id")
        target = self.catalogue.nodes.get(type_name)
        return None if target is None else await self.item(target, global_id)

    async def page(self, target: Reading, asked: PageAsked) -> Page:
        """A page of the rows of this type."""
        self._open(target)
        return await find_page(self.session, self.scope, target, asked)

    async def perform(self, case: UseCase, operation: str, told: Any, key: str | None, success: Any) -> Any:
        """Run a command and answer its payload; the transaction stays open until the payload is read."""
        _ = self.scope
        raw = {} if told is None else told_values(told)
        command = performing(self.kernel, self.caller, case, raw, operation=operation, key=key)
        try:
            with told_by_the_database():
                performed = await self._stack.enter_async_context(command)
        except Refusal as refusal:
            if refusal.top_level:
                raise
            return problem_of(refusal, self.caller.actor.language)
        # Not asked for a bare one, so it has a session for whoever resolves the payload.
        assert isinstance(performed.work, UnitOfWork)
        self._work = performed.work
        return success.of(performed.result, performed.work.once)
