"""How a room offers its use cases as mutations: one line each; the input, payload and problems are made here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

import strawberry
from strawberry.utils.str_converters import capitalize_first, to_camel_case, to_snake_case

from gongzhi.core.commands import NoInput, UseCase, case_of
from gongzhi.core.context import Info
from gongzhi.core.errors import Language, Refusal
from gongzhi.core.inputs import input_type
from gongzhi.core.roots import Argument, root_field


@strawberry.interface(description="Why a command was refused, in a way the caller can mend (可更正的问题).")
class Problem:
    """Why a command was refused, in a way the caller can mend."""

    code: str = strawberry.field(description="Stable for ever; programs compare this (固定代码).")
    message: str = strawberry.field(description="What to mend, in the language of the request (说明).")
    path: str | None = strawberry.field(
        description="Where in the input, dotted, such as parties.0.name (位置)."
    )


@strawberry.type(description="The input does not fit, or a rule forbids it (填写有误或规则不允许).")
class InvalidInput(Problem):
    """The input does not fit, or a rule forbids it."""


@strawberry.type(description="There is no such object in this scope (对象不存在).")
class ObjectMissing(Problem):
    """There is no such object in this scope."""


@strawberry.type(description="The object's state does not allow this step (状态不允许).")
class StateConflict(Problem):
    """The object's state does not allow this step."""


@strawberry.type(description="Somebody changed the object meanwhile (版本冲突).")
class VersionConflict(Problem):
    """Somebody changed the object meanwhile."""


@strawberry.type(description="The caller's grants do not cover this (没有权限).")
class PermissionMissing(Problem):
    """The caller's grants do not cover this."""


PROBLEMS: tuple[type[Problem], ...] = (
    InvalidInput,
    ObjectMissing,
    StateConflict,
    VersionConflict,
    PermissionMissing,
)

#: Refusal code to problem; a room's own refusals are rules, so they are InvalidInput unless they derive from
#: one of these.
_PROBLEM_OF: dict[str, type[Problem]] = {
    "NOT_FOUND": ObjectMissing,
    "WRONG_STATE": StateConflict,
    "STALE_VERSION": VersionConflict,
    "FORBIDDEN": PermissionMissing,
}


def problem_of(refusal: Refusal, language: Language) -> Problem:
    """The refusal as a member of a payload."""
    codes = (getattr(kind, "code", "") for kind in type(refusal).__mro__)
    kind = next((_PROBLEM_OF[code] for code in codes if code in _PROBLEM_OF), InvalidInput)
    return kind(code=refusal.code, message=refusal.message(language), path=client_path(refusal))


def client_path(refusal: Refusal) -> str | None:
    """Where in the input, in the names that clients write."""
    return None if refusal.path is None else to_camel_case(refusal.path)


_KEY = Argument(
    str | None,
    "Any text of 8 to 200 characters; the same key again gives the first result again (幂等键).",
    None,
)


def mutation(
    method: Callable[..., Any],
    returns: type,
    *,
    result: str | None = None,
    once: Mapping[str, str] | None = None,
) -> Any:
    """The mutation that performs this use case; its sentence is the method's.

    :param returns: the GraphQL type of what the method answers.
    :param result: the payload's field for it; the type's name unless told.
    :param once: texts that the method puts into ``work.once``, by name, with their meaning; null when repeated.
    """
    return _Declared(case_of(method), returns, result, once or {})


@dataclass(frozen=True)
class _Declared:
    """A mutation that learns its name, and its payload's, when its class is made."""

    case: UseCase
    returns: type
    result: str | None
    once: Mapping[str, str]
    deprecation_reason: str | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        setattr(owner, name, self.field(capitalize_first(to_camel_case(name))))

    def field(self, name: str) -> Any:
        """The strawberry field; ``openCase`` answers ``OpenCasePayload``."""
        case, success = self.case, _success(name, self.returns, self.result, self.once)
        what_comes = f"What comes of {name}: success, or why not (结果)."
        payload: Any = Annotated[
            Union[(success, *PROBLEMS)],  # made from data
            strawberry.union(f"{name}Payload", description=what_comes),
        ]

        async def resolve(info: Info, **told: Any) -> Any:
            key = told["idempotency_key"]
            return await info.context.perform(case, info.field_name, told.get("input"), key, success)

        arguments = {} if case.input is NoInput else {"input": _input(case)}
        arguments["idempotency_key"] = _KEY
        made = {"success": success, "result": self.returns, "once": tuple(self.once)}
        offered = root_field(resolve, arguments, payload | None, case.sentence, needs=case, **made)
        offered.deprecation_reason = self.deprecation_reason
        return offered


def _input(case: UseCase) -> Argument:
    return Argument(input_type(case.input), "What the command is told (内容).")


def _success(name: str, returns: type, result: str | None, once: Mapping[str, str]) -> type:
    """``…Success`` with the object; ``of`` makes one from what the method answered and told once."""
    field = result or to_snake_case(returns.__name__)

    def of(cls: Any, row: Any, told: Mapping[str, str]) -> Any:
        return cls(**{field: row} | {name: told.get(name) for name in once})

    namespace: dict[str, Any] = {
        "__annotations__": {field: returns} | dict.fromkeys(once, str | None),
        field: strawberry.field(description="The object as it is now (结果对象)."),
        "of": classmethod(of),
    }
    namespace |= {name: strawberry.field(description=meaning) for name, meaning in once.items()}
    return strawberry.type(type(f"{name}Success", (), namespace), description="It is done (已完成).")
