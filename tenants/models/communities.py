"""The community as a tenant: its life, its profile, its grids and households, its plugin switches."""

import datetime as dt
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, Date, ForeignKeyConstraint, Index, Integer, Numeric, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, synonym

from gongzhi.core.api import (
    Base,
    CodeEnum,
    GridRow,
    NodeScoped,
    TenantRow,
    UpwardRow,
    Versioned,
    node_rows,
    now,
)
from gongzhi.tenants.models.tree import SCHEMA


class TenantState(StrEnum):
    """The life of a community on the platform."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ARCHIVED = "archived"


class Tenant(NodeScoped, Versioned, Base):
    """A community (社区/村) that works on the platform; its id is its node's and never changes."""

    __tablename__ = "tenant"
    __belongs__ = node_rows(app=("select", "update"), erase="keep")
    __table_args__ = ({"schema": SCHEMA},)

    id: Mapped[UUID] = synonym("node_id")
    state: Mapped[TenantState] = mapped_column(CodeEnum(TenantState))
    blueprint: Mapped[str]
    #: The roles that may be given here, as the blueprint had them; empty for all.
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    since: Mapped[datetime] = mapped_column(default=now)


class ProfileFigure(UpwardRow, Base):
    """One figure of the community's profile (社区概况), with its day and source; older ones stay."""

    __tablename__ = "profile_figure"
    __table_args__ = (
        UniqueConstraint("tenant_id", "indicator", "as_of"),
        {"schema": SCHEMA},
    )

    indicator: Mapped[str]
    value: Mapped[Decimal] = mapped_column(Numeric())
    unit: Mapped[str]
    as_of: Mapped[dt.date] = mapped_column(Date)
    source: Mapped[str]
    recorded_by: Mapped[UUID | None]
    recorded_at: Mapped[datetime] = mapped_column(default=now)


class GridKind(StrEnum):
    """Kinds of grid (网格): basic, dedicated to a park, school or market, or a part of a basic one."""

    BASIC = "basic"
    DEDICATED = "dedicated"
    MICRO = "micro"


class Grid(UpwardRow, GridRow, Versioned, Base):
    """A grid (网格) of a community. Its code is the community's twelve digits and three of its own."""

    __tablename__ = "grid"
    __grid_key__ = "id"
    __table_args__ = (
        UniqueConstraint("tenant_id", "code"),
        {"schema": SCHEMA},
    )

    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[GridKind] = mapped_column(CodeEnum(GridKind), default=GridKind.BASIC)
    retired_on: Mapped[dt.date | None] = mapped_column(Date)


class GridVersion(UpwardRow, GridRow, Base):
    """What a grid was from one day to another: its households and its bounds in words."""

    __tablename__ = "grid_version"
    __table_args__ = (
        UniqueConstraint("tenant_id", "grid_id", "valid_from"),
        ForeignKeyConstraint(["tenant_id", "grid_id"], [f"{SCHEMA}.grid.tenant_id", f"{SCHEMA}.grid.id"]),
        {"schema": SCHEMA},
    )

    grid_id: Mapped[UUID]
    valid_from: Mapped[dt.date] = mapped_column(Date)
    valid_to: Mapped[dt.date | None] = mapped_column(Date)
    households: Mapped[int | None] = mapped_column(Integer)
    bounds: Mapped[str | None]


class Household(TenantRow, GridRow, Versioned, Base):
    """A household (户) in the register: a place and a number of people, no names."""

    __tablename__ = "household"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        Index("household_grid_idx", "tenant_id", "grid_id", "id"),
        ForeignKeyConstraint(["tenant_id", "grid_id"], [f"{SCHEMA}.grid.tenant_id", f"{SCHEMA}.grid.id"]),
        {"schema": SCHEMA},
    )

    number: Mapped[str]
    grid_id: Mapped[UUID]
    place: Mapped[str]
    people: Mapped[int | None] = mapped_column(Integer)


class PluginSwitch(TenantRow, Versioned, Base):
    """Whether a community has a plugin switched on, and its settings there."""

    __tablename__ = "plugin_switch"
    __table_args__ = (UniqueConstraint("tenant_id", "plugin"), {"schema": SCHEMA})

    plugin: Mapped[str]
    on: Mapped[bool] = mapped_column("switched_on", Boolean)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    changed_by: Mapped[UUID | None]
