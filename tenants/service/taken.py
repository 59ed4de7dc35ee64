"""Numbers and names that two people may give out at once: the second one is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import IntegrityError

from gongzhi.core.api import Base, Invalid, Refusal, UnitOfWork, Words

#: What PostgreSQL calls a second row of the same unique key.
_UNIQUE_VIOLATION = "23505"


@contextmanager
def unless_taken(taken: Refusal) -> Iterator[None]:
    """Refuse where what is written here is taken; the database decides, so there is no gap between.

    :raises Refusal: the one told.
    """
    try:
        yield
    except (IntegrityError, asyncpg.UniqueViolationError) as error:
        if getattr(getattr(error, "orig", error), "sqlstate", None) == _UNIQUE_VIOLATION:
            raise taken from error
        raise


async def add_unless_taken(work: UnitOfWork, row: Base, taken: Refusal) -> None:
    """Add this row, or refuse where its number is taken.

    :raises Refusal: the one told.
    """
    work.session.add(row)
    with unless_taken(taken):
        await work.flush()


def named(name: str) -> str:
    """A name without the blanks around it.

    :raises Invalid: nothing is left.
    """
    shown = name.strip()
    if not shown:
        raise Invalid(path="name", problem=Words(zh="名称不能为空白", en="a name is more than blanks"))
    return shown
