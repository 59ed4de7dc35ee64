"""What a resolver is handed: the caller, and how the fields of a request are answered."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

import strawberry
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.caller import Caller
from gongzhi.core.commands import UseCase
from gongzhi.core.connections import PageAsked
from gongzhi.core.kernel import Kernel
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import Column, Computed, Many, Reading, Step
from gongzhi.core.scope import Scope

#: What a root field needs: a right, the right to read a type, a command (which checks for itself), or
#: nothing, where it is about the caller alone.
Needs: TypeAlias = Permission | Reading | UseCase | None


class RequestContext(Protocol):
    """What a resolver finds in ``info.context``; ``gongzhi.graphql`` provides it."""

    kernel: Kernel
    caller: Caller

    @property
    def scope(self) -> Scope:
        """The request's scope; refused where there is none."""
        ...

    def enter(self, field_name: str, needs: Needs) -> None:
        """Go on only where this root field is offered, and the caller may have what it needs."""
        ...

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """The session of the open unit of work, the command's or a read-only one; one question at a time."""
        ...

    def value(self, row: Any, declared: Column | Computed | Step, reading: Reading) -> Any:
        """A column, an expression or a Python step of a row, perhaps to be awaited."""
        ...

    async def one(self, row_id: Any, target: Reading) -> Any:
        """The row of this type with this id, or None."""
        ...

    async def many(self, row: Any, declared: Many, target: Reading, first: int) -> Sequence[Any]:
        """The rows of this type that point to this row."""
        ...

    async def item(self, target: Reading, global_id: str) -> Any:
        """The row of this type with this global id, or None."""
        ...

    async def single(self, target: Reading, criterion: Callable[[Scope], ColumnElement[bool]]) -> Any:
        """The one row of this type that meets the criterion, or None."""
        ...

    async def node(self, global_id: str) -> Any:
        """The row with this global id, whatever its type, or None."""
        ...

    async def page(self, target: Reading, asked: PageAsked) -> Any:
        """A page of the rows of this type."""
        ...

    async def perform(self, case: UseCase, operation: str, told: Any, key: str | None, success: Any) -> Any:
        """Run a command and answer its payload."""
        ...


Info: TypeAlias = strawberry.Info[RequestContext, None]
