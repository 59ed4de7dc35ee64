"""What one GraphQL request carries: the caller, and how its fields are answered."""

from typing import Any, Protocol

from gongzhi.core.caller import Caller
from gongzhi.core.commands import UseCase
from gongzhi.core.db import UnitOfWork
from gongzhi.core.kernel import Kernel
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import Column, Many, One, PageAsked, Step


class RequestContext(Protocol):
    """What a resolver finds in ``info.context``; ``gongzhi.graphql`` provides it."""

    kernel: Kernel
    caller: Caller

    async def work(self) -> UnitOfWork:
        """The open unit of work: the command's, or a read-only one."""
        ...

    async def require(self, permission: Permission) -> None:
        """Go on only with this permission in the request's scope."""
        ...

    def value(self, row: Any, declared: Column | Step) -> Any:
        """A column or a Python step of a row."""
        ...

    async def one(self, row: Any, declared: One, info: Any) -> Any:
        """The row a to-one leads to."""
        ...

    async def many(self, row: Any, declared: Many, info: Any, first: int) -> Any:
        """The rows a to-many leads to."""
        ...

    async def item(self, cls: type, global_id: str, info: Any) -> Any:
        """The row of this type with this id, or None."""
        ...

    async def page(self, cls: type, asked: PageAsked, info: Any) -> Any:
        """A page of the rows of this type."""
        ...

    async def perform(self, case: UseCase, info: Any, told: Any, key: str | None, success: type) -> Any:
        """Run a command and answer its payload."""
        ...
