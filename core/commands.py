"""Commands: one mutation is one use case is one method of a room's service, in one transaction.

A service method decorated with :func:`use_case` checks its permission, runs, and leaves an audit entry. Its
input is an :class:`Input`: types, limits and descriptions in one place, for GraphQL, files and tests alike.
"""

import functools
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_type_hints

import msgspec

from gongzhi.core.caller import Caller, CallerChanged
from gongzhi.core.db import UnitOfWork, hot_work, unit_of_work
from gongzhi.core.errors import DutiesSeparated, Invalid, KeyReused, Refusal, ScopeMissing, Words
from gongzhi.core.ids import parse_global_id
from gongzhi.core.permissions import Permission
from gongzhi.core.scope import range_of, tenant_of, whole_of
from gongzhi.core.tables import Base
from gongzhi.core.wording import worded
from gongzhi.core.work import IdempotentCall, Work

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

#: Where a command is done: in a community, there or in one of its grids, above communities, or anywhere.
Where = Literal["community", "grid", "range", "anywhere"]


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a command is told. Each field says what it means by :func:`told` or :func:`ref`."""


class NoInput(Input, frozen=True):
    """A command that is told nothing."""


def told(description: str, **limits: Any) -> msgspec.Meta:
    """The meaning and the limits of an input field, for ``Annotated``."""
    return msgspec.Meta(description=description, **limits)


def ref(type_name: str, description: str) -> msgspec.Meta:
    """An id of an object of this GraphQL type, for ``Annotated[UUID, …]``."""
    return msgspec.Meta(description=description, extra={"ref": type_name})


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """What :func:`use_case` knows about a service method.

    :param hot: its rows are said in SQL of its own, so that it may run without a session.
    """

    permission: Permission
    where: Where
    service: type["Service"]
    method: str
    action: str
    input: type[Input]
    sentence: str
    hot: bool = False


class Service:
    """What people do in a room, on one unit of work."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work

    @property
    def session(self) -> Any:
        """The session of the work at hand."""
        return self.work.session


Method = Callable[[Any, Any], Awaitable[Any]]
MethodT = TypeVar("MethodT", bound=Method)


class _Declared:
    """Put on a method by :func:`use_case`; learns its class when the class is made."""

    def __init__(self, method: Method, permission: Permission, where: Where, hot: bool) -> None:
        functools.update_wrapper(cast("Any", self), method)
        self.method, self.permission, self.where, self.hot = method, permission, where, hot

    def __set_name__(self, owner: type[Service], name: str) -> None:
        hints = get_type_hints(self.method)
        hints.pop("return", None)
        [input_type] = hints.values() or [NoInput]
        msgspec.json.Decoder(input_type)  # says at import what is wrong with a limit
        room = self.method.__module__.removesuffix(".service").rsplit(".", 1)[-1]
        if ".service." in self.method.__module__:
            room = self.method.__module__.split(".service.")[0].rsplit(".", 1)[-1]
        case = UseCase(
            permission=self.permission,
            where=self.where,
            service=owner,
            method=name,
            action=f"{room}.{owner.__name__.lower()}.{name}",
            input=input_type,
            sentence=(self.method.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "),
            hot=self.hot,
        )
        method, permission = self.method, self.permission

        @functools.wraps(method)
        async def run(service: Service, told: Any = None) -> Any:
            work = service.work
            _check_where(work, case.where)
            work.require(permission)
            result = await (method(service, told) if input_type is not NoInput else method(service))  # type: ignore[call-arg]
            await work.flush()
            await _check_separation(work, permission, result)
            work.audit(case.action, result, fields=() if told is None else told.__struct_fields__)
            return result

        _actions.setdefault(permission.code, set()).add(case.action)
        run.__use_case__ = case  # type: ignore[attr-defined]
        setattr(owner, name, run)


def _check_where(work: Work, where: Where) -> None:
    if where != "grid":
        whole_of(work.scope)
    if where in ("community", "grid"):
        tenant_of(work.scope)
    elif where == "range":
        range_of(work.scope)


#: What needs a permission, as the audit calls it.
_actions: dict[str, set[str]] = {}

_DID = "select core.has_done($1, $2, $3)"


async def _check_separation(work: Work, permission: Permission, result: object) -> None:
    """:raises DutiesSeparated: the caller did with this object what goes against what is being done now."""
    subject = getattr(result, "id", None)
    if work.actor.robot is not None or subject is None:
        return
    for separation in work.actor.roles.separations:
        other = separation.other(permission)
        if other is None:
            continue
        actions = sorted(_actions.get(other.code, ()))
        if (await work.fetchrow(_DID, subject, actions, work.actor.caller_id))[0]:
            raise DutiesSeparated(permission=Words(zh=permission.zh, en=permission.en), rule=separation.words)


def use_case(
    permission: Permission, *, where: Where = "community", hot: bool = False
) -> Callable[[MethodT], MethodT]:
    """Make this service method a command that needs this permission in the scope's node.

    :param hot: for what many do all day, and then for good reason alone: the method asks ``self.work.fetchrow``, in
        statements that name the community, never the session; nothing but row-level security checks them.
    """

    def declare(method: MethodT) -> MethodT:
        return cast("MethodT", _Declared(method, permission, where, hot))

    return declare


def case_of(method: Callable[..., Any]) -> UseCase:
    """The use case this service method is.

    :raises TypeError: it is none.
    """
    case = getattr(method, "__use_case__", None)
    if not isinstance(case, UseCase):
        raise TypeError(f"{method!r} is no use case")
    return case


def understand(kind: type[Input], raw: dict[str, Any]) -> Input:
    """The input as its Struct, global ids resolved.

    :raises Invalid: it does not fit; the path says where.
    """
    try:
        return msgspec.convert(_with_ids(kind, raw, ()), kind)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        steps = where.strip(".`").replace("[", ".").replace("]", "").split(".")
        raise Invalid(path=_spelt(steps) or None, problem=worded(problem)) from error


def _spelt(steps: Sequence[str]) -> str:
    """A path as clients spell it: ``newParties.0.gridId``."""
    return re.sub("_([a-z])", lambda found: found[1].upper(), ".".join(steps))


def _with_ids(kind: Any, raw: Any, path: tuple[str, ...]) -> Any:
    """The raw input with every global id turned into the id of the row."""
    if raw is None:
        return None
    if isinstance(kind, type) and issubclass(kind, Input) and isinstance(raw, dict):
        hints = _hints(kind)
        return {
            name: _with_ids(hints[name], value, (*path, name)) if name in hints else value
            for name, value in raw.items()
        }
    for meta in getattr(kind, "__metadata__", ()):
        wanted = (meta.extra or {}).get("ref") if isinstance(meta, msgspec.Meta) else None
        if wanted is not None:
            return _row_id(wanted, raw, path)
    arguments = [a for a in getattr(kind, "__args__", ()) if a is not type(None)]
    if getattr(kind, "__metadata__", None) is not None:
        return _with_ids(kind.__origin__, raw, path)
    if isinstance(raw, list) and arguments:
        return [_with_ids(arguments[0], item, (*path, str(at))) for at, item in enumerate(raw)]
    return _with_ids(arguments[0], raw, path) if len(arguments) == 1 else raw


@functools.cache
def _hints(kind: type[Input]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _row_id(wanted: str, raw: Any, path: tuple[str, ...]) -> str:
    try:
        type_name, row_id = parse_global_id(str(raw))
    except Invalid as error:
        raise Invalid(path=_spelt(path), problem=f"not an id of a {wanted} / 不是有效的编号") from error
    if type_name != wanted:
        raise Invalid(path=_spelt(path), problem=f"an id of a {type_name}, not of a {wanted} / 编号类型不符")
    return str(row_id)


@dataclass(frozen=True)
class Performed:
    """A command that ran: its work is still open, so the payload can be read before the commit."""

    work: Work
    result: Any


#: Says whether the caller is as he was, in an epoch of the policy that a transaction has just read.
Holds = Callable[[int], Awaitable[bool]]


@asynccontextmanager
async def performing(
    kernel: "Kernel",
    caller: Caller,
    case: UseCase,
    raw: dict[str, Any],
    *,
    operation: str,
    key: str | None = None,
    holds: Holds | None = None,
) -> AsyncIterator[Performed]:
    """Run a command; commit when the block ends, roll back when anything raises.

    :param key: the idempotency key; the same key with the same input gives the first result again.
    :raises CallerChanged: the caller is no longer as he was; nothing was done.
    :raises Refusal: the command may not be done; one worth it is audited in a transaction of its own.
    """
    if caller.scope is None:
        raise ScopeMissing
    try:
        call = None if key is None else _call(operation, key, raw)
        async with unit_of_work(kernel, caller.scope, caller.actor, call=call) as work:
            if holds is not None and not await holds(work.epoch):
                raise CallerChanged
            yield await (_performed if work.first is None else _performed_again)(work, case, raw)
    except Refusal as refusal:
        if refusal.audited:
            await _record_refusal(kernel, caller, case, refusal)
        raise


@asynccontextmanager
async def performing_hot(
    kernel: "Kernel", caller: Caller, case: UseCase, raw: dict[str, Any], *, operation: str, key: str | None
) -> AsyncIterator[Performed]:
    """Run a hot command on a bare connection, with good hope; the block reads by ``work.read_back`` alone.

    Nobody looked whether the caller is still as he was, nor whether the key was used before: the block compares the
    policy's epoch, and a used key breaks a constraint. Whatever fails is undone, and :func:`performing` tells why.
    """
    assert caller.scope is not None
    call = None if key is None else _call(operation, key, raw)
    async with hot_work(kernel, caller.scope, caller.actor, call=call) as work:
        yield await _performed(work, case, raw)


async def _performed(work: Work, case: UseCase, raw: dict[str, Any]) -> Performed:
    argument = () if case.input is NoInput else (understand(case.input, raw),)
    # A hot command asks nothing of it that not every Work has.
    service = case.service(cast("UnitOfWork", work))
    result = await getattr(service, case.method)(*argument)
    work.remember(result)
    return Performed(work, result)


async def _performed_again(work: UnitOfWork, case: UseCase, _raw: dict[str, Any]) -> Performed:
    """The object that the first call with this key came to, as it is now, for a caller who may still do this."""
    assert work.first is not None
    assert work.call is not None
    input_hash, result_id = work.first
    if input_hash != work.call.input_hash:
        raise KeyReused(path="idempotencyKey")
    work.call = None
    work.require(case.permission)
    model = get_type_hints(getattr(case.service, case.method)).get("return")
    again = None
    if result_id is not None and isinstance(model, type) and issubclass(model, Base):
        again = await work.load(model, result_id)
    work.audit(case.action, again, outcome="again")
    return Performed(work, again)


def _call(operation: str, key: str, raw: dict[str, Any]) -> IdempotentCall:
    if not 8 <= len(key) <= 200 or not key.isprintable():
        problem = Words(zh="须为8至200个可见字符", en="8 to 200 characters that can be seen")
        raise Invalid(path="idempotencyKey", problem=problem)
    digest = hashlib.sha256(msgspec.json.encode(raw, order="sorted")).digest()
    return IdempotentCall(operation=operation, key=key, input_hash=digest)


async def _record_refusal(kernel: "Kernel", caller: Caller, case: UseCase, refusal: Refusal) -> None:
    assert caller.scope is not None
    if not caller.actor.holds(caller.scope.reach):
        return
    async with unit_of_work(kernel, caller.scope, caller.actor) as work:
        work.audit(case.action, outcome=refusal.code)
