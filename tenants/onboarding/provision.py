"""Carrying a plan out: street by street, each in a transaction of its own, safe to repeat and to interrupt.

Why not all in one transaction: docs/adr/0002-onboarding-chunks.md.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from gongzhi.core.api import Actor, Kernel, system_work
from gongzhi.tenants.onboarding.chunk import LOCK, Chunk, Onboarding
from gongzhi.tenants.onboarding.complaints import Complaint
from gongzhi.tenants.onboarding.plan import OnboardingStopped, Plan, make_plan

__all__ = ["Onboarding", "Outcome", "Progress", "never_migrated", "onboard", "preview"]

Progress = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it; counts are of areas, communities among them."""

    created: int
    renamed: int
    unchanged: int
    refused: int
    not_asked_for: int
    communities: int
    complaints: list[Complaint]
    dry_run: bool = False

    def counts(self) -> dict[str, int]:
        """The numbers alone."""
        return {
            name: getattr(self, name)
            for name in ("created", "renamed", "unchanged", "refused", "not_asked_for", "communities")
        }


async def _ignore(_done: int, _total: int) -> None:
    return None


async def never_migrated(kernel: Kernel) -> bool:
    """True where the database has no tables yet."""
    async with system_work(kernel) as work:
        return (await work.session.scalars(select(func.to_regclass("tenants.area")))).one() is None


async def preview(kernel: Kernel, asked: Onboarding) -> Outcome:
    """What would happen, without doing it.

    :raises CountyRefused: the county's own row is missing or refused.
    :raises FileOutdated: the file would rename what is known from a later day on.
    """
    plan = await _plan(kernel, asked)
    return _outcome(asked, plan, created=len(plan.create), renamed=len(plan.rename), dry_run=True)


async def _plan(kernel: Kernel, asked: Onboarding) -> Plan:
    async with system_work(kernel) as work:
        return await make_plan(work.session, asked.survey, asked.county, asked.as_of)


async def onboard(
    kernel: Kernel, asked: Onboarding, *, actor: Actor | None = None, progress: Progress = _ignore
) -> Outcome:
    """Bring the county of the survey on board; a second run changes nothing, a killed one continues.

    :raises CountyRefused: the county's own row is missing or refused.
    :raises FileOutdated: the file would rename what is known from a later day on.
    :raises OnboardingStopped: there are errors and the operator chose to stop; nothing was changed.
    """
    plan = await _plan(kernel, asked)
    if asked.on_error == "stop" and plan.errors:
        raise OnboardingStopped(count=plan.errors)
    who = actor or kernel.robot("onboarding")
    done = created = renamed = 0
    await progress(done, plan.total)
    for division, beneath in [(plan.county, []), *((s, plan.beneath(s)) for s in plan.streets)]:
        if division.code in plan.refused:
            continue
        async with system_work(kernel, actor=who) as work:
            await work.session.execute(select(func.pg_advisory_xact_lock(LOCK, int(plan.county.code))))
            chunk = Chunk(work.session, asked, who)
            await chunk.carry_out(division, beneath, ancestors=plan.ancestors)
        done += 1 + len(beneath)
        created, renamed = created + chunk.created, renamed + chunk.renamed
        await progress(done, plan.total)
    return _outcome(asked, plan, created=created, renamed=renamed)


def _outcome(asked: Onboarding, plan: Plan, *, created: int, renamed: int, dry_run: bool = False) -> Outcome:
    return Outcome(
        created=created,
        renamed=renamed,
        unchanged=plan.total - created - renamed,
        refused=len(asked.survey.refused) + len(plan.refused),
        not_asked_for=asked.survey.not_asked_for,
        communities=len([c for c in plan.communities if c.code not in plan.refused]),
        complaints=plan.complaints,
        dry_run=dry_run,
    )
