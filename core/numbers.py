"""Numbers of a community's records (编号): per series and year, rising, never given twice."""

from sqlalchemy.dialects.postgresql import insert

from gongzhi.core.db import UnitOfWork
from gongzhi.core.ids import new_id
from gongzhi.core.models import Number


async def next_number(work: UnitOfWork, series: str, year: int) -> int:
    """The next number of this series; a concurrent caller waits until this transaction ends.

    :param series: ``room.kind``, such as ``mediation.case``.
    """
    first = insert(Number).values(tenant_id=work.tenant, id=new_id(), series=series, year=year, last=1)
    drawn = first.on_conflict_do_update(
        index_elements=["tenant_id", "series", "year"], set_={"last": Number.last + 1}
    ).returning(Number.last)
    return int((await work.session.scalars(drawn)).one())
