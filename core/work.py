"""Work in one transaction and one scope: who does it, what it needs, and the records it leaves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import msgspec

from gongzhi.core.actor import Actor
from gongzhi.core.clock import now
from gongzhi.core.errors import NotFound
from gongzhi.core.events import Event
from gongzhi.core.ids import new_id
from gongzhi.core.permissions import Permission
from gongzhi.core.scope import Community, Scope, tenant_of

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

#: The stream of records that belong to no node: the platform's own.
PLATFORM = UUID(int=0)

#: Audit, outbox and idempotency, before whatever is read in the same statement.
_RECORDS = """with told as (
    insert into core.outbox (id, scope_id, name, payload, created_at)
    select e.id, $stream, e.name, e.payload, $at
    from jsonb_to_recordset($events::jsonb) as e(id uuid, name text, payload jsonb)
), seen as (
    insert into core.audit
        (id, scope_id, at, account_id, token_id, action, subject_type, subject_id, fields, outcome)
    select a.id, $stream, $at, $account, $token, a.action, a.subject_type, a.subject_id, a.fields, a.outcome
    from jsonb_to_recordset($audit::jsonb)
        as a(id uuid, action text, subject_type text, subject_id uuid, fields text[], outcome text)
), kept as (
    insert into core.idempotency (scope_id, caller_id, operation, key, input_hash, result_id, created_at)
    select $stream, $caller, $operation, $key, $hash, $result, $at where $key::text is not null
), """
_NAMES = (
    "stream",
    "at",
    "events",
    "account",
    "token",
    "audit",
    "caller",
    "operation",
    "key",
    "hash",
    "result",
)
#: What is read where nothing is asked.
_NOTHING = "with nothing as (select) select from nothing"


@lru_cache(maxsize=4096)
def _recording(sql: str, parameters: int) -> str:
    """The statement that writes the records and then answers this one, which begins with a CTE."""
    records = _RECORDS
    for at, name in enumerate(_NAMES, parameters + 1):
        records = records.replace(f"${name}", f"${at}")
    return records + sql.removeprefix("with ")


class Driver(Protocol):
    """The connection of a transaction, as its driver gives it."""

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row of this statement."""


@dataclass(frozen=True, kw_only=True)
class IdempotentCall:
    """A command called with a key: what the record of it will say."""

    operation: str
    key: str
    input_hash: bytes


def stream_of(scope: Scope | None) -> UUID:
    """Whose records work in this scope keeps: the node's, or the platform's."""
    return PLATFORM if scope is None else scope.node


@dataclass
class Work:
    """One transaction in one scope, on behalf of one actor.

    :param once: what the caller is told in this answer and never again, such as a new token; nothing keeps it.
    """

    kernel: "Kernel" = field(repr=False)
    scope: Scope | None
    actor: Actor
    call: IdempotentCall | None = None
    driver: Driver = field(kw_only=True, repr=False)
    once: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _events: list[dict[str, Any]] = field(default_factory=list, init=False)
    _audit: list[dict[str, Any]] = field(default_factory=list, init=False)
    _result: UUID | None = field(default=None, init=False)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        """The first row of a statement of one's own: no fence but row-level security, so it names the community."""
        return await self.driver.fetchrow(sql, *values)

    @property
    def tenant(self) -> UUID:
        """The community this work writes.

        :raises ScopeNeedsCommunity: the scope is a range.
        """
        return tenant_of(self.scope)

    @property
    def stream(self) -> UUID:
        """Whose records this work keeps: the scope's node, or the platform."""
        return stream_of(self.scope)

    @property
    def at(self) -> datetime:
        """The present moment, by the kernel's clock."""
        return now()

    def require(self, permission: Permission) -> None:
        """Go on only with this permission at the scope's node.

        :raises Forbidden: no grant of the actor allows it here.
        """
        self.actor.require(permission, "" if self.scope is None else self.scope.reach)

    def check_grid(self, grid: UUID | None) -> None:
        """Go on only with this grid: any of the community's, or the scope's own.

        :raises NotFound: the scope is another grid's.
        """
        mine = self.scope.grid if isinstance(self.scope, Community) else None
        if mine is not None and grid != mine:
            raise NotFound(what="Grid")

    def publish(self, fact: Event) -> None:
        """Tell this fact to whoever listens, once this transaction is committed.

        :raises LookupError: no plugin registered the event.
        """
        self.kernel.require_event(fact)
        self._events.append({"id": str(new_id()), "name": fact.name, "payload": fact})

    def enqueue(self, task: str, **ids: str | int) -> None:
        """Have this task run, once this transaction is committed; ids only, never names or content.

        :raises LookupError: no plugin registered the task.
        """
        self.kernel.require_task(task)
        self._events.append({"id": str(new_id()), "name": f"task:{task}", "payload": ids})

    def audit(
        self, action: str, subject: object | None = None, *, fields: Sequence[str] = (), outcome: str = "done"
    ) -> None:
        """Record who did what to which object; never values."""
        self._audit.append(
            {
                "id": str(new_id()),
                "action": action,
                "subject_type": None if subject is None else type(subject).__name__,
                "subject_id": None if subject is None else str(getattr(subject, "id", "")) or None,
                "fields": list(fields),
                "outcome": outcome,
            }
        )

    def remember(self, result: object) -> None:
        """What this command came to, for the idempotency record: an id, never personal data."""
        self._result = getattr(result, "id", None)

    async def flush(self) -> None:
        """Send the domain's rows, where any wait."""

    async def keep_records(self) -> None:
        """Write audit, outbox and idempotency in one statement, on the transaction of the domain's rows."""
        await self.flush()
        if self._events or self._audit or self.call:
            await self._record(_NOTHING, ())

    async def read_back(self, sql: str, *values: Any) -> Any:
        """The first row of what is read once all is written; the records go with the same statement."""
        await self.flush()
        return await self._record(sql, values)

    async def _record(self, sql: str, values: Sequence[Any]) -> Any:
        call = self.call
        row = await self.fetchrow(
            _recording(sql, len(values)),
            *values,
            self.stream,
            now(),
            msgspec.json.encode(self._events).decode(),
            self.actor.account_id,
            self.actor.token_id,
            msgspec.json.encode(self._audit).decode(),
            None if call is None else self.actor.caller_id,
            None if call is None else call.operation,
            None if call is None else call.key,
            None if call is None else call.input_hash,
            self._result,
        )
        self._events.clear()
        self._audit.clear()
        self.call = None
        return row
