"""Mediation's work after the response: the monthly tally that street and county read."""

import datetime as dt

from sqlalchemy.dialects.postgresql import insert

from gongzhi.core.api import Heard, Listener, UnitOfWork, new_id
from gongzhi.plugins.mediation.models import Category, Tally


class CaseCounts(Heard, frozen=True):
    """What the tally reads of a case's event."""

    category: str
    on: str


async def _count(work: UnitOfWork, heard: CaseCounts, *, accepted: int = 0, closed: int = 0) -> None:
    month = dt.date.fromisoformat(heard.on).replace(day=1)
    row = insert(Tally).values(
        tenant_id=work.tenant,
        id=new_id(),
        month=month,
        category=Category(heard.category),
        accepted=accepted,
        closed=closed,
    )
    counted = row.on_conflict_do_update(
        index_elements=["tenant_id", "month", "category"],
        set_={"accepted": Tally.accepted + accepted, "closed": Tally.closed + closed},
    )
    await work.session.execute(counted)


async def count_accepted(work: UnitOfWork, heard: CaseCounts) -> None:
    """One more case accepted this month."""
    await _count(work, heard, accepted=1)


async def count_closed(work: UnitOfWork, heard: CaseCounts) -> None:
    """One more case closed this month."""
    await _count(work, heard, closed=1)


LISTENERS = (
    Listener(
        name="mediation.count_accepted",
        hears="mediation.case_accepted/1",
        reads=CaseCounts,
        handler=count_accepted,
    ),
    Listener(
        name="mediation.count_closed", hears="mediation.case_closed/1", reads=CaseCounts, handler=count_closed
    ),
)
