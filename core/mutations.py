"""How a room offers its use cases as mutations: one line each; the input, payload and problems are made here."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
import strawberry
from msgspec import NODEFAULT

from gongzhi.core.commands import Input, NoInput, case_of
from gongzhi.core.errors import Refusal
from gongzhi.core.reads import root_field


@strawberry.interface(description="Why a command was refused, in a way the caller can mend (可更正的问题).")
class Problem:
    """Why a command was refused, in a way the caller can mend."""

    code: str = strawberry.field(description="Stable for ever; programs compare this (固定代码).")
    message: str = strawberry.field(description="What to mend, in the language of the request (说明).")
    path: str | None = strawberry.field(
        description="Where in the input, dotted, such as parties.0.name (位置)."
    )


def _problem(name: str, description: str) -> type[Problem]:
    made: type[Problem] = strawberry.type(
        type(name, (Problem,), {"__annotations__": {}}), description=description
    )
    return made


InvalidInput = _problem(
    "InvalidInput", "The input does not fit, or a rule forbids it (填写有误或规则不允许)."
)
ObjectMissing = _problem("ObjectMissing", "There is no such object in this scope (对象不存在).")
StateConflict = _problem("StateConflict", "The object's state does not allow this step (状态不允许).")
VersionConflict = _problem("VersionConflict", "Somebody changed the object meanwhile (版本冲突).")
PermissionMissing = _problem("PermissionMissing", "The caller's grants do not cover this (没有权限).")

PROBLEMS: tuple[type[Problem], ...] = (
    InvalidInput,
    ObjectMissing,
    StateConflict,
    VersionConflict,
    PermissionMissing,
)

#: Refusal code to problem type; a room's own refusals are rules, so they are InvalidInput unless they derive
#: from one of these.
PROBLEM_OF: dict[str, type[Problem]] = {
    "NOT_FOUND": ObjectMissing,
    "WRONG_STATE": StateConflict,
    "STALE_VERSION": VersionConflict,
    "FORBIDDEN": PermissionMissing,
}


def problem_of(refusal: Refusal) -> type[Problem]:
    """The problem type this refusal is told as."""
    for kind in type(refusal).__mro__:
        found = PROBLEM_OF.get(getattr(kind, "code", ""))
        if found is not None:
            return found
    return InvalidInput


def mutation(method: Callable[..., Any], returns: type | None = None, *, result: str | None = None) -> Any:
    """The mutation that performs this use case; its sentence is the method's.

    :param returns: the GraphQL type of what the method answers; None where it answers nothing to read.
    :param result: the payload's field for it; the type's name unless told.
    """
    case = case_of(method)
    name = _camel(case.service.__name__.removesuffix("s"), case.method)
    success = _success(name, returns, result)
    payload = Annotated[  # type: ignore[valid-type]
        Union[(success, *PROBLEMS)],  # noqa: UP007  # made from data
        strawberry.union(f"{name}Payload", description=f"What comes of {name}: success, or why not (结果)."),
    ]

    async def resolve(info: Any, **told: Any) -> Any:
        return await info.context.perform(case, info, told.get("input"), told.get("idempotency_key"), success)

    arguments: dict[str, tuple[Any, Any]] = {}
    if case.input is not NoInput:
        what = strawberry.argument(description="What the command is told (内容).")
        arguments["input"] = (Annotated[input_type(case.input), what], strawberry.UNSET)
    key = strawberry.argument(
        description="Any text of 8 to 200 characters; the same key again gives the first result again (幂等键)."
    )
    arguments["idempotency_key"] = (Annotated[str | None, key], None)
    return root_field(resolve, arguments, payload, case.sentence, case.permission, use_case=case)


def _camel(service: str, method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_")) + service


def _success(name: str, returns: type | None, result: str | None) -> type:
    namespace: dict[str, Any] = {"__annotations__": {}}
    if returns is not None:
        field = result or "".join(f"_{c.lower()}" if c.isupper() else c for c in returns.__name__).lstrip("_")
        namespace["__annotations__"][field] = returns
        namespace[field] = strawberry.field(description="The object as it is now (结果对象).")
        namespace["of"] = classmethod(lambda cls, row: cls(**{field: row}))
    else:
        namespace["__annotations__"]["done"] = bool
        namespace["done"] = strawberry.field(description="Always true (完成).")
        namespace["of"] = classmethod(lambda cls, _row: cls(done=True))
    return strawberry.type(type(f"{name}Success", (), namespace), description="It is done (已完成).")


_inputs: dict[type[Input], type] = {}


def input_type(struct: type[Input]) -> type:
    """The GraphQL input made from this Struct; the same one each time."""
    if struct not in _inputs:
        namespace: dict[str, Any] = {"__annotations__": {}}
        hints = get_type_hints(struct, include_extras=True)
        for field in msgspec.structs.fields(struct):
            kind, description = _graphql_kind(hints[field.name])
            optional = field.default is not NODEFAULT or field.default_factory is not NODEFAULT
            if optional and not _allows_none(hints[field.name]):
                kind = kind | None
            namespace["__annotations__"][field.name] = kind
            settings = {"default": strawberry.UNSET} if optional else {}
            namespace[field.name] = strawberry.field(description=description, **settings)
        made = type(f"{struct.__name__}Input", (), namespace)
        _inputs[struct] = strawberry.input(made, description=" ".join((struct.__doc__ or "").split()))
    return _inputs[struct]


def _allows_none(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return NoneType in get_args(hint)


def _graphql_kind(hint: Any) -> tuple[Any, str]:
    """(the type strawberry shall see, the description) of a Struct's field."""
    description, metas = "", []
    if get_origin(hint) is Annotated:
        hint, *metas = get_args(hint)
    for meta in metas:
        description = meta.description or description
        if meta.extra and "ref" in meta.extra:
            return (strawberry.ID | None if NoneType in get_args(hint) else strawberry.ID), description
    if get_origin(hint) in (list, tuple):
        inner, inner_description = _graphql_kind(get_args(hint)[0])
        return list[inner], description or inner_description  # type: ignore[valid-type]
    if get_origin(hint) in (UnionType, Union):
        [kind] = [argument for argument in get_args(hint) if argument is not NoneType]
        inner, inner_description = _graphql_kind(kind)
        return inner | None, description or inner_description
    if isinstance(hint, type) and issubclass(hint, Input):
        return input_type(hint), description
    if hint in (str, int, bool, float, dt.date, dt.datetime, Decimal, UUID):
        return hint, description
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint, description
    raise TypeError(f"no GraphQL input type for {hint!r}")


def told_values(given: Any) -> Any:
    """What a client told, as plain values; fields it left out stay out."""
    if isinstance(given, list):
        return [told_values(item) for item in given]
    if isinstance(given, Enum):
        return given.value
    if getattr(type(given), "__strawberry_definition__", None) is not None:
        return {
            name: told_values(value) for name, value in vars(given).items() if value is not strawberry.UNSET
        }
    return given
