"""What callers may spend: a bucket of points that refills, for each caller and for each community together.

Each web process keeps its own buckets; with several of them a caller may spend as many times as much.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from gongzhi.core.api import Caller, Community, Settings, TooMany

#: How many buckets are kept; one that is forgotten is full again.
MOST = 50_000
#: What a request costs that ends before its cost is known.
LEAST = 5


@dataclass(frozen=True)
class Allowance:
    """How much may be spent at once, and how much comes back each second."""

    capacity: float
    refill: float

    def __mul__(self, times: float) -> "Allowance":
        return Allowance(self.capacity * times, self.refill * times)


@dataclass
class _Bucket:
    points: float
    at: float


@dataclass
class Budgets:
    """The buckets of one process.

    :param clock: seconds that only go forward.
    """

    caller: Allowance
    anonymous: Allowance
    community: Allowance
    clock: Callable[[], float] = monotonic
    _buckets: "OrderedDict[Hashable, _Bucket]" = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Budgets":
        """As the installation has it."""
        caller = Allowance(settings.query_budget, settings.query_refill)
        return cls(caller, caller * 0.05, caller * 10)

    def check(self, caller: Caller, address: str | None) -> None:
        """Go on only while something is left.

        :raises TooMany: the caller's budget, or the community's, is used up.
        """
        self._check(*self._of(caller, address))

    def spend(self, caller: Caller, address: str | None, points: int) -> int:
        """Take these points from every bucket the caller draws from; answers what is left to him.

        :raises TooMany: they are not there; then none are taken.
        """
        drawn = [(self._filled(key, allowance), allowance) for key, allowance in self._of(caller, address)]
        for bucket, allowance in drawn:
            if bucket.points < points:
                _require(bucket, allowance, points)
        for bucket, _allowance in drawn:
            bucket.points -= points
        return int(min(bucket.points for bucket, _allowance in drawn))

    def check_address(self, address: str | None) -> None:
        """Go on only while this address has something left.

        :raises TooMany: it tried too many tokens, or asked too much without one.
        """
        self._check((("address", address), self.anonymous))

    def spend_of_address(self, address: str | None, points: int) -> None:
        """Take these points from an address, as far as they are there."""
        self._filled(("address", address), self.anonymous).points -= points

    def _check(self, *drawn: tuple[Hashable, Allowance]) -> None:
        for key, allowance in drawn:
            bucket = self._buckets.get(key)
            # Most have plenty; how much came back meanwhile is asked only of who has not.
            if bucket is not None and bucket.points < LEAST:
                _require(self._filled(key, allowance), allowance, LEAST)

    def _of(self, caller: Caller, address: str | None) -> Sequence[tuple[Hashable, Allowance]]:
        who: UUID | None = caller.actor.token_id or caller.actor.account_id
        if who is None:
            return ((("address", address), self.anonymous),)
        if isinstance(caller.scope, Community):
            return ((who, self.caller), (caller.scope.tenant, self.community))
        return ((who, self.caller),)

    def _filled(self, key: Hashable, allowance: Allowance) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(allowance.capacity, now)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
            return bucket
        self._buckets.move_to_end(key)
        refilled = bucket.points + (now - bucket.at) * allowance.refill
        bucket.points, bucket.at = min(allowance.capacity, refilled), now
        return bucket


def _require(bucket: _Bucket, allowance: Allowance, points: int) -> None:
    """:raises TooMany: the points are not there; what is more than fits a bucket needs a full one."""
    lacking = min(points, allowance.capacity) - bucket.points
    if lacking > 0:
        raise TooMany(seconds=max(1, math.ceil(lacking / allowance.refill)))
