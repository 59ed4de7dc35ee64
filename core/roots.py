"""The fields of Query and Mutation: made from data, each with what it needs."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import strawberry
from sqlalchemy import ColumnElement

from gongzhi.core.caller import Caller
from gongzhi.core.connections import PageAsked
from gongzhi.core.context import Info, Needs
from gongzhi.core.errors import Invalid, Words
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import MOST, Node, reading_of
from gongzhi.core.scope import Scope

Resolve = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Argument:
    """An argument of a root field; one without default must be given."""

    kind: Any
    description: str
    default: Any = inspect.Parameter.empty
    deprecation_reason: str | None = None

    def parameter(self, name: str) -> inspect.Parameter:
        """The argument as a parameter that strawberry reads."""
        meaning = strawberry.argument(
            description=self.description, deprecation_reason=self.deprecation_reason
        )
        kind = Annotated[self.kind, meaning]  # type: ignore[name-defined]  # made at run time
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=self.default)


def root_field(
    resolve: Resolve,
    arguments: Mapping[str, Argument],
    returns: Any,
    description: str,
    *,
    needs: Needs,
    **declared: Any,
) -> Any:
    """A field of Query or Mutation, resolved by ``resolve(info, **arguments)`` once it is known to be allowed.

    :param returns: its type; optional, so that a refusal leaves the other fields of a document standing.
    :param needs: see :data:`~gongzhi.core.context.Needs`.
    :param declared: what else the compiler is to know of it.
    """

    async def resolver(info: Info, **told: Any) -> Any:
        info.context.enter(info.field_name, needs)
        return await resolve(info, **told)

    info = inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info)
    parameters = [info, *(argument.parameter(name) for name, argument in arguments.items())]
    resolver.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]
    resolver.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    made: Any = strawberry.field(
        resolver=resolver, description=description, metadata={"needs": needs, **declared}
    )
    return made


_ID = Argument(strawberry.ID, "The object's id (编号).")
_IDS = Argument(list[strawberry.ID], f"The objects' ids, up to {MOST} (编号列表).")

_PAGE = {
    "first": Argument(int | None, "The first so many, 20 unless told, up to 500 (前几条).", None),
    "after": Argument(str | None, "After this cursor (在此游标之后).", None),
    "last": Argument(int | None, "The last so many, up to 500 (后几条).", None),
    "before": Argument(str | None, "Before this cursor (在此游标之前).", None),
}


def item(cls: Any, description: str) -> Any:
    """A root field that finds one object by its id; null where there is none in the scope."""
    reading = reading_of(cls)

    async def resolve(info: Info, **told: Any) -> Any:
        return await info.context.item(reading, told["id"])

    return root_field(resolve, {"id": _ID}, cls | None, description, needs=reading)


def single(cls: Any, criterion: Callable[[Scope], ColumnElement[bool]], description: str) -> Any:
    """A root field that finds the one object of the scope that meets this criterion."""
    reading = reading_of(cls)

    async def resolve(info: Info) -> Any:
        return await info.context.single(reading, criterion)

    return root_field(resolve, {}, cls | None, description, needs=reading, criterion=criterion)


def of_caller(made: Callable[[Caller], Any], returns: Any, description: str) -> Any:
    """A root field that is made of what is known of the caller, without the database."""

    async def resolve(info: Info) -> Any:
        return made(info.context.caller)

    return root_field(resolve, {}, returns, description, needs=None, made=made)


def answered(
    made: Resolve,
    returns: Any,
    description: str,
    *,
    arguments: Mapping[str, Argument],
    needs: Permission,
) -> Any:
    """A root field whose answer Python finds: ``made(kernel, caller, **arguments)``, in transactions of its own.

    For questions that no type's rows answer. The caller has ``needs`` at the scope's node, and nothing narrows
    what ``made`` asks for but itself.
    """

    async def resolve(info: Info, **told: Any) -> Any:
        return await made(info.context.kernel, info.context.caller, **told)

    return root_field(resolve, arguments, returns, description, needs=needs, answered=made)


def item_by_id() -> Any:
    """The root field ``node``: any object by its id; its type says what that needs."""

    async def resolve(info: Info, **told: Any) -> Any:
        return await info.context.node(told["id"])

    return root_field(resolve, {"id": _ID}, Node | None, "Any object by its id (按编号取对象).", needs=None)


def items_by_ids() -> Any:
    """The root field ``nodes``: objects by their ids, in their order."""

    async def resolve(info: Info, **told: Any) -> Any:
        check_many(told["ids"])
        return [await info.context.node(one) for one in told["ids"]]

    description = "Objects by their ids, in that order; null where there is none (按编号取多个对象)."
    return root_field(resolve, {"ids": _IDS}, list[Node | None] | None, description, needs=None)


def check_many(ids: Sequence[str]) -> None:
    """:raises Invalid: these are more ids than one list shows."""
    if len(ids) > MOST:
        raise Invalid(path="ids", problem=Words(zh=f"最多{MOST}个", en=f"{MOST} at most"))


def listing(cls: Any, description: str) -> Any:
    """A root field that pages through all objects of the scope, filtered and ordered."""
    reading = reading_of(cls)

    async def resolve(info: Info, **told: Any) -> Any:
        return await info.context.page(reading, PageAsked(**told))

    orders: Any = reading.order_enum
    arguments = _PAGE | {"order": Argument(orders, "In which order (排序).", next(iter(orders)))}
    if reading.filter_input is not None:
        kind: Any = reading.filter_input
        arguments["filter"] = Argument(kind | None, "Which ones (筛选条件).", None)
    connection: Any = reading.connection
    return root_field(resolve, arguments, connection | None, description, needs=reading)
