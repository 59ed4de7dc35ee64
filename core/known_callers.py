"""Callers this process has looked up before, each until something about it changes.

Looking up a caller costs several questions, and most requests come from somebody known. Whoever reads data
reads the policy's epoch in the same statement; where it moved, the changes since are asked for, and those they
are about are forgotten. So a request that begins after a grant is committed, or after it is taken back, is
answered accordingly, in every process, and nobody polls.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gongzhi.core.caller import Caller, Credentials
from gongzhi.core.clock import now
from gongzhi.core.crypto import hash_token

if TYPE_CHECKING:
    from gongzhi.core.kernel import Kernel

#: How many callers a process knows at a time; each is some hundred bytes.
MOST = 20_000

_EPOCH = "select max(epoch) from core.policy_change"
#: Older changes are swept away; who slept for longer forgets everybody.
_SINCE = (
    "select (select min(epoch) from core.policy_change), coalesce(array_agg(epoch order by epoch), '{}'), "
    "array_agg(subject order by epoch) from core.policy_change where epoch > $1"
)


@dataclass
class KnownCallers:
    """The callers one process knows."""

    kernel: "Kernel" = field(repr=False)
    _known: "OrderedDict[tuple[Any, ...], Caller]" = field(default_factory=OrderedDict, repr=False)
    #: Up to here every change was heeded.
    _epoch: int = 0

    async def find(self, credentials: Credentials) -> Caller:
        """The caller behind these credentials; ask :meth:`holds` once data was read.

        :raises Refusal: as the hook ``find_caller`` does.
        """
        return self.known(credentials) or await self._look_up(_key(credentials), credentials)

    def known(self, credentials: Credentials) -> Caller | None:
        """The caller behind these credentials, if he was looked up before."""
        key = _key(credentials)
        caller = self._known.get(key)
        if caller is None:
            return None
        if caller.until is None or now() < caller.until:
            self._known.move_to_end(key)
            return caller
        del self._known[key]
        return None

    async def holds(self, credentials: Credentials, caller: Caller, epoch: int) -> bool:
        """True when the caller is so in this epoch, which a transaction has just read."""
        if epoch <= caller.epoch or not caller.subjects:
            return True
        if epoch > self._epoch:
            await self._catch_up()
        return self._known.get(_key(credentials)) is caller

    async def certain(self, credentials: Credentials) -> Caller:
        """The caller as of this moment, for whoever can't look at the epoch later."""
        caller = await self.find(credentials)
        if not caller.subjects:
            return caller
        [epoch] = await self.kernel.database.pool.fetchrow(_EPOCH)
        if await self.holds(credentials, caller, epoch):
            return caller
        return await self.find(credentials)

    async def _look_up(self, key: tuple[Any, ...], credentials: Credentials) -> Caller:
        found = await self.kernel.plugins.first("find_caller", kernel=self.kernel, credentials=credentials)
        if not isinstance(found, Caller):
            raise TypeError("no plugin answers find_caller")
        if not self._known:
            self._epoch = max(self._epoch, found.epoch)
        if found.subjects and found.epoch >= self._epoch:
            self._known[key] = found
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        return found

    async def _catch_up(self) -> None:
        """Forget whoever was changed since the last time."""
        oldest, epochs, subjects = await self.kernel.database.pool.fetchrow(_SINCE, self._epoch)
        if oldest > self._epoch + 1:
            self._known.clear()
        changed = dict(zip(subjects or (), epochs, strict=True))
        for key, known in list(self._known.items()):
            about = (None, *known.subjects)
            if any(known.epoch < changed.get(subject, 0) for subject in about):
                del self._known[key]
        self._epoch = max([self._epoch, *epochs])


def _key(credentials: Credentials) -> tuple[Any, ...]:
    """What tells callers apart; of secrets only their hash."""
    if credentials.bearer is not None:
        return hash_token(credentials.bearer), credentials.scope, credentials.language
    session, csrf = credentials.session or "", credentials.csrf or ""
    return hash_token(session), hash_token(csrf), credentials.scope, credentials.language
