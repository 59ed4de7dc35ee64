"""What callers may spend: a bucket of points that refills, for each caller and for each community together.

Each web process keeps its own buckets; with several of them a caller may spend as many times as much.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
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
        for key, allowance in self._of(caller, address):
            self._require(key, allowance, LEAST)

    def spend(self, caller: Caller, address: str | None, points: int) -> int:
        """Take these points from every bucket the caller draws from; answers what is left to him.

        :raises TooMany: they are not there; then none are taken.
        """
        drawn = list(self._of(caller, address))
        for key, allowance in drawn:
            self._require(key, allowance, points)
        left = [self._take(key, allowance, points) for key, allowance in drawn]
        return int(min(left))

    def _of(self, caller: Caller, address: str | None) -> Iterator[tuple[Hashable, Allowance]]:
        who: UUID | None = caller.actor.token_id or caller.actor.account_id
        if who is None:
            yield ("address", address), self.anonymous
            return
        yield who, self.caller
        if isinstance(caller.scope, Community):
            yield ("community", caller.scope.tenant), self.community

    def _require(self, key: Hashable, allowance: Allowance, points: int) -> None:
        wanted = min(points, allowance.capacity)
        lacking = wanted - self._filled(key, allowance).points
        if lacking > 0:
            raise TooMany(seconds=max(1, math.ceil(lacking / allowance.refill)))

    def _take(self, key: Hashable, allowance: Allowance, points: int) -> float:
        bucket = self._filled(key, allowance)
        bucket.points -= points
        return bucket.points

    def _filled(self, key: Hashable, allowance: Allowance) -> _Bucket:
        now = self.clock()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(allowance.capacity, now)
            if len(self._buckets) > MOST:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
            refilled = bucket.points + (now - bucket.at) * allowance.refill
            bucket.points, bucket.at = min(allowance.capacity, refilled), now
        return bucket
