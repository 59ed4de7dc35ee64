"""Mutations: each a command in a transaction of its own, its payload read by a plan before the commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import asyncpg
import msgspec
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
)

from gongzhi.core.api import (
    Caller,
    CallerChanged,
    Holds,
    Invalid,
    Kernel,
    Performed,
    Refusal,
    TooSlow,
    UseCase,
    performing,
    performing_hot,
    problem_of,
    reading_of,
)
from gongzhi.graphql.catalogue import Catalogue
from gongzhi.graphql.compiled import always, check, scope_parameters, told_json
from gongzhi.graphql.compiler import planned, reason_of
from gongzhi.graphql.context import told_by_the_database
from gongzhi.graphql.errors import told_error
from gongzhi.graphql.metrics import FALLBACKS
from gongzhi.graphql.outline import Asking
from gongzhi.graphql.plan import Form, Plan, Root, Unplanned, shape
from gongzhi.graphql.selection import Selected
from gongzhi.graphql.steps import fields_of
from gongzhi.graphql.writer import Writer


@dataclass(frozen=True)
class Write:
    """A mutation of a document: the command, and the plan of its payload when it succeeds.

    :param success: the payload's type then.
    :param once: the fields of it that are told once, by response key.
    """

    selected: Selected
    case: UseCase
    success: GraphQLObjectType
    plan: Plan
    once: Mapping[str, str]


@dataclass(frozen=True)
class Written:
    """What came of a document's mutations: the JSON of ``data``, and errors as clients see them."""

    data: bytes
    errors: list[dict[str, Any]]


class Settled:
    """Asks whether the caller still is as he was until it is found so once.

    Who may do what is settled for a document by the first command that began: that command may have changed it.
    """

    def __init__(self, holds: Holds) -> None:
        self._holds, self._settled = holds, False

    async def __call__(self, epoch: int) -> bool:
        """True when it is so."""
        self._settled = self._settled or await self._holds(epoch)
        return self._settled


class CompiledWrites:
    """The usual way of a mutation. What it leaves (None) was not begun; the plain executor refuses it."""

    def __init__(self, kernel: Kernel, catalogue: Catalogue) -> None:
        self._kernel, self._catalogue = kernel, catalogue

    async def answer(self, caller: Caller, asking: Asking, holds: Holds = always) -> Written | None:
        """Run the mutations of a document, one after another; one that fails undoes nothing but itself.

        :raises CallerChanged: a grant or the like changed since the caller was looked up; nothing was done.
        """
        try:
            writes = self._writes(caller, asking)
        except (Unplanned, Invalid) as reason:
            FALLBACKS.labels(reason_of(reason)).inc()
            return None
        parts: list[bytes] = []
        errors: list[dict[str, Any]] = []
        once = Settled(holds)
        for write in writes:
            key = write.selected.key
            try:
                part = await self._perform(caller, write, asking, once)
            except CallerChanged:
                raise
            except Exception as error:  # noqa: BLE001  # told at the mutation's place
                wrapped = GraphQLError(str(error), write.selected.nodes, path=[key], original_error=error)
                errors.append(told_error(wrapped, caller.actor.language))
                part = b"null"
            parts.append(b'"' + key.encode() + b'":' + part)
        return Written(b"{" + b",".join(parts) + b"}", errors)

    def _writes(self, caller: Caller, asking: Asking) -> Sequence[Write]:
        """:raises Unplanned: something of it is not for this caller, or is switched off here."""
        if caller.scope is None:
            raise Unplanned("refused")
        scope_kind = type(caller.scope)
        roots = {id(root) for root in asking.outline.roots}
        nested = [
            shape(told)
            for selected, told in zip(asking.outline.argued, asking.arguments, strict=True)
            if id(selected) not in roots
        ]
        key = ("writes", asking.under, scope_kind, tuple(nested))
        writes = planned(
            asking, key, lambda: [write_of(one, asking, scope_kind) for one in asking.outline.roots]
        )
        for write in writes:
            plugin = self._catalogue.fields[write.selected.name]
            if not caller.has(self._kernel.plugins.cards[plugin]):
                raise Unplanned("refused")
            check(self._kernel, self._catalogue, caller, write.plan)
        return writes

    async def _perform(self, caller: Caller, write: Write, asking: Asking, holds: Holds) -> bytes:
        """Run a command and read its payload.

        :raises Refusal: one that is told in ``errors[]``.
        """
        told = asking.arguments[asking.outline.places[id(write.selected.nodes[0])]]
        argument = write.selected.definition.args.get("input")
        raw = {} if argument is None else plain_input(argument.type, told["input"])
        command = (self._kernel, caller, write.case, raw)
        operation, key = write.selected.name, told.get("idempotencyKey")
        if write.case.hot:
            try:
                with told_by_the_database():
                    async with performing_hot(*command, operation=operation, key=key) as hot:
                        return await self._payload(caller, write, asking, hot, holds)
            except (Refusal, asyncpg.IntegrityConstraintViolationError):
                pass  # nothing was done; the careful way finds out whether this is so and how to tell it
        reached = False
        try:
            with told_by_the_database():
                async with performing(*command, operation=operation, key=key, holds=holds) as performed:
                    reached = True
                    return await self._payload(caller, write, asking, performed, holds)
        except Refusal as refusal:
            if refusal.top_level or reached:
                raise
            problem = problem_of(refusal, caller.actor.language)
            return msgspec.json.encode(_problem(problem, write, asking))

    async def _payload(
        self, caller: Caller, write: Write, asking: Asking, performed: Performed, holds: Holds
    ) -> bytes:
        """The payload of a command that succeeded, read in its transaction.

        :raises CallerChanged: the caller was not, or is no longer, who might do this.
        """
        assert caller.scope is not None
        plan = write.plan
        arguments = [*asking.arguments, {"id": getattr(performed.result, "id", None)}]
        values = [bind(arguments) for bind in plan.binds]
        try:
            row = await performed.work.read_back(
                plan.sql, *scope_parameters(caller, caller.scope, plan), *values
            )
        except asyncpg.QueryCanceledError as error:
            raise TooSlow from error
        epoch, *texts = row
        if not await holds(epoch):
            raise CallerChanged
        if None in texts:
            raise LookupError(f"{write.case.action} came to nothing that can be read")
        once = {key: msgspec.json.encode(performed.work.once.get(name)) for key, name in write.once.items()}
        return told_json(self._kernel, caller, plan, [text.encode() for text in texts], asking, besides=once)


def write_of(selected: Selected, asking: Asking, scope_kind: type) -> Write:
    """A mutation of a document, planned.

    :raises Unplanned: SQL can't read its payload, or it is no mutation.
    """
    if selected.name == "__typename":
        raise Unplanned("a mutation's __typename")
    metadata = selected.metadata
    asked = asking.outline.asked
    success: Any = asked.schema.get_type(metadata["success"].__name__)
    reading = reading_of(metadata["result"])
    writer = Writer.of(asking.outline, scope_kind, asking.arguments)
    fields = writer.asked.beneath(selected, success)
    once = {
        field.key: field.python_name
        for field in fields
        if field.name != "__typename" and field.python_name in metadata["once"]
    }

    def root(field: Selected) -> Root:
        if field.name == "__typename":
            return Root(field, Form.TYPENAME)
        return Root(field, Form.ONCE) if field.key in once else Root(field, Form.RESULT, (reading,))

    plan = writer.plan([root(field) for field in fields], column="text")
    return Write(selected, metadata["needs"], success, plan, once)


def _problem(problem: Any, write: Write, asking: Asking) -> dict[str, Any]:
    """The problem as the document asks for it."""
    asked = asking.outline.asked.afresh()
    union: Any = write.selected.definition.type
    assert isinstance(union, GraphQLUnionType)
    kind: Any = asked.schema.get_type(type(problem).__name__)
    return fields_of(problem, asked.beneath(write.selected, kind), asked)


def plain_input(kind: Any, value: Any) -> Any:
    """A coerced input as a command is told it: names as in Python, enums as their values."""
    if value is None:
        return None
    if isinstance(kind, GraphQLNonNull):
        return plain_input(kind.of_type, value)
    if isinstance(kind, GraphQLList):
        return [plain_input(kind.of_type, one) for one in value]
    if isinstance(kind, GraphQLInputObjectType):
        return {
            _python_name(kind, name): plain_input(kind.fields[name].type, told)
            for name, told in value.items()
        }
    return value.value if isinstance(value, Enum) else value


def _python_name(kind: GraphQLInputObjectType, name: str) -> str:
    extensions: Mapping[str, Any] = kind.fields[name].extensions
    return str(extensions["strawberry-definition"].python_name)
