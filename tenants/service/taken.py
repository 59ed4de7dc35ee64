"""Numbers and names that two people may give out at once: the second one is refused."""

from sqlalchemy.exc import IntegrityError

from gongzhi.core.api import Base, Refusal, UnitOfWork

#: What PostgreSQL calls a second row of the same unique key.
_UNIQUE_VIOLATION = "23505"


async def add_unless_taken(work: UnitOfWork, row: Base, taken: Refusal) -> None:
    """Add this row, or refuse where its number is taken; the database decides, so there is no gap between."""
    work.session.add(row)
    try:
        await work.flush()
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
            raise taken from error
        raise
