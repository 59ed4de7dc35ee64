"""Divisions (行政区划) as dated reference data, and the organisation tree that stands on them."""

import datetime as dt
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Sequence, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.api import Base, CodeEnum, new_id, now, shared_rows

SCHEMA = "tenants"

#: What the steps of a path are drawn from; they sort as they were drawn.
NODE_STEP = Sequence("area_step", schema=SCHEMA, metadata=Base.metadata)


class DivisionLevel(StrEnum):
    """The five levels of the statistical code."""

    PROVINCE = "province"
    CITY = "city"
    COUNTY = "county"
    STREET = "street"
    COMMUNITY = "community"


class AreaLevel(StrEnum):
    """The levels of the tree; ``area`` is an uncoded step between street and community (管区)."""

    COUNTY = "county"
    STREET = "street"
    AREA = "area"
    COMMUNITY = "community"


class CodeStatus(StrEnum):
    """Where a code comes from."""

    OFFICIAL = "official"
    PROVISIONAL = "provisional"
    HISTORICAL = "historical"


class Division(Base):
    """A division as the statistics bureau coded it, for as long as it was so.

    A rename closes the row and opens another of the same code; a split or merger names successors.
    """

    __tablename__ = "division"
    __belongs__ = shared_rows()
    __table_args__ = (UniqueConstraint("code", "valid_from"), {"schema": SCHEMA})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str]
    name: Mapped[str]
    level: Mapped[DivisionLevel] = mapped_column(CodeEnum(DivisionLevel))
    kind: Mapped[str]
    parent_code: Mapped[str | None]
    valid_from: Mapped[dt.date] = mapped_column(Date)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)
    source: Mapped[str]


class DivisionSuccessor(Base):
    """What became of a division that was split or merged."""

    __tablename__ = "division_successor"
    __belongs__ = shared_rows()
    __table_args__ = ({"schema": SCHEMA},)

    division_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.division.id"), primary_key=True)
    successor_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.division.id"), primary_key=True)


class Area(Base):
    """A node of the tree: a county, a street or town, an uncoded area, a community. Its label is public."""

    __tablename__ = "area"
    __belongs__ = shared_rows(tree=True)
    __table_args__ = (
        UniqueConstraint("path"),
        Index("area_code_key", "code", unique=True, postgresql_where=text("code is not null")),
        Index("area_parent_idx", "parent_id", "id"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"))
    path: Mapped[str] = mapped_column(Text(collation="C"))
    level: Mapped[AreaLevel] = mapped_column(CodeEnum(AreaLevel))
    code: Mapped[str | None]
    name: Mapped[str]
    short_name: Mapped[str]
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    search_keys: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class AreaCode(Base):
    """A code that a node had, and when: a community keeps its id through every change of code."""

    __tablename__ = "area_code"
    __belongs__ = shared_rows()
    __table_args__ = (Index("area_code_code_idx", "code"), {"schema": SCHEMA})

    area_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    valid_from: Mapped[dt.date] = mapped_column(Date, primary_key=True)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)
    status: Mapped[CodeStatus] = mapped_column(CodeEnum(CodeStatus))
