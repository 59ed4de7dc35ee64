"""What a GraphQL type says of its model is true of it, or the schema is not built.

Where a column may be null and its field may not, one row of one community would blank a whole answer.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import inspect
from strawberry.types.base import StrawberryList, StrawberryOptional

from gongzhi.core.reads import Column, Field, Many, Node, One, Reading, Step
from gongzhi.core.tables import Base


class Disagreement(TypeError):  # noqa: N818  # the word says it
    """Types that read models say what is not so; the message lists all of it."""


def check_agreement(readings: Iterable[Reading]) -> None:
    """Go on only with declarations that fit their models.

    :raises Disagreement: some don't.
    """
    known = list(readings)
    wrong = [f"{reading.name}: {what}" for reading in known for what in _disagreements(reading)]
    wrong += _twins(known)
    if wrong:
        raise Disagreement("; ".join(wrong))


def _disagreements(reading: Reading) -> Iterator[str]:
    for name, declared in reading.fields.items():
        yield from (f"{name} {what}" for what in _of_field(reading, name, declared))
    for order in reading.orders:
        if _nullable(reading.model, order.source) is not False:
            yield f"order {order.name} needs a column that is never null, not {order.source}"
    for wanted in reading.filters:
        if not isinstance(reading.fields.get(wanted.name), Column):
            yield f"filter {wanted.name} is no field that is a column"


def _of_field(reading: Reading, name: str, declared: Field) -> Iterator[str]:
    kind = reading.kind_of(name)
    optional = isinstance(kind, StrawberryOptional)
    if isinstance(declared, Step):
        missing = [need for need in declared.needs if _nullable(reading.model, need) is None]
        yield from (f"needs {need}, which is no column" for need in missing)
    elif isinstance(declared, Column):
        nullable = _nullable(reading.model, declared.source)
        if nullable is None:
            yield f"reads {declared.source}, which is no column"
        elif nullable is not optional and not (optional and declared.mask is not None):
            # What a mask leaves out may be null although the column never is.
            yield f"may be null {'in the table alone' if nullable else 'for clients alone'}"
    elif isinstance(declared, One):
        if _nullable(reading.model, declared.source) is None:
            yield f"reads {declared.source}, which is no column"
        if not optional:
            yield "may be null: what it leads to can lie outside the caller's scope"
    elif isinstance(declared, Many):
        target = reading.target(name).model
        yield from (
            f"wants {column}, which {target.__name__} lacks"
            for column in (declared.by, declared.order)
            if _nullable(target, column) is None
        )
        if not isinstance(kind, StrawberryList):
            yield "is a list that is never null"


def _nullable(model: type[Base], source: str) -> bool | None:
    """True when this column of the model may be null; None where there is no such column."""
    mapper: Any = inspect(model)
    attribute = mapper.all_orm_descriptors.get(
        mapper.synonyms[source].name if source in mapper.synonyms else source
    )
    columns = getattr(getattr(attribute, "property", None), "columns", None)
    return None if not columns else bool(columns[0].nullable)


def _twins(readings: list[Reading]) -> Iterator[str]:
    """``node(id)`` finds a row's type by its model."""
    found: dict[type[Base], str] = {}
    for reading in readings:
        if issubclass(reading.cls, Node) and found.setdefault(reading.model, reading.name) != reading.name:
            yield f"{found[reading.model]} and {reading.name} are nodes of one model"
