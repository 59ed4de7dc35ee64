"""Disputes, cases, their parties, steps and agreements; the roster of mediators; the monthly tally."""

import datetime as dt
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Date, ForeignKeyConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.api import (
    Base,
    CodeEnum,
    GridRow,
    TenantRow,
    UpwardRow,
    Versioned,
    derived,
    now,
    upward_rows,
)
from gongzhi.plugins.mediation.states import CaseState

SCHEMA = "mediation"


def _of_case() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "case_id"], [f"{SCHEMA}.case.tenant_id", f"{SCHEMA}.case.id"])


class Source(StrEnum):
    """How a dispute came before the committee (《人民调解法》第十七条、第十八条)."""

    APPLICATION = "application"
    INITIATIVE = "initiative"
    REFERRAL = "referral"


class Category(StrEnum):
    """What a dispute is about, by the two digits of the statistical report."""

    FAMILY = "01"
    NEIGHBOURS = "02"
    HOUSING_SITE = "03"
    CONTRACT = "04"
    BUSINESS = "05"
    DAMAGES = "06"
    FOREST_LAND = "07"
    REQUISITION = "08"
    ENVIRONMENT = "09"
    LABOUR = "10"
    CONSUMER = "11"
    MEDICAL = "12"
    TRAFFIC = "13"
    PROPERTY_MANAGEMENT = "14"
    TOURISM = "15"
    INTELLECTUAL_PROPERTY = "16"
    INTERNET = "17"
    VILLAGE_AFFAIRS = "18"
    OTHER = "99"


class Side(StrEnum):
    """On which side a party stands."""

    APPLICANT = "applicant"
    RESPONDENT = "respondent"


class AgreementForm(StrEnum):
    """How an agreement was made (《人民调解法》第二十八条)."""

    WRITTEN = "written"
    ORAL = "oral"


class Mediator(UpwardRow, Versioned, Base):
    """A people's mediator (人民调解员) on the community's published roster."""

    __tablename__ = "mediator"
    __table_args__ = (
        Index("mediator_name_idx", "tenant_id", "sort_key", "id"),
        {"schema": SCHEMA},
    )

    name: Mapped[str]
    sort_key: Mapped[str]
    appointed_on: Mapped[dt.date] = mapped_column(Date)
    term_ends_on: Mapped[dt.date] = mapped_column(Date)


class Dispute(TenantRow, Base):
    """The quarrel itself; it may come before the committee several times."""

    __tablename__ = "dispute"
    __table_args__ = ({"schema": SCHEMA},)

    category: Mapped[Category] = mapped_column(CodeEnum(Category))
    title: Mapped[str]
    told_at: Mapped[datetime] = mapped_column(default=now)


class Case(TenantRow, GridRow, Versioned, Base):
    """One mediation of a dispute (调解案件)."""

    __tablename__ = "case"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        Index("case_state_idx", "tenant_id", "state", "id"),
        Index("case_received_idx", "tenant_id", "received_at", "id"),
        ForeignKeyConstraint(
            ["tenant_id", "dispute_id"], [f"{SCHEMA}.dispute.tenant_id", f"{SCHEMA}.dispute.id"]
        ),
        ForeignKeyConstraint(["tenant_id", "grid_id"], ["tenants.grid.tenant_id", "tenants.grid.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "mediator_id"], [f"{SCHEMA}.mediator.tenant_id", f"{SCHEMA}.mediator.id"]
        ),
        {"schema": SCHEMA},
    )

    dispute_id: Mapped[UUID]
    number: Mapped[str | None]
    state: Mapped[CaseState] = mapped_column(CodeEnum(CaseState), default=CaseState.SCREENING)
    source: Mapped[Source] = mapped_column(CodeEnum(Source))
    category: Mapped[Category] = mapped_column(CodeEnum(Category))
    title: Mapped[str]
    facts: Mapped[str]
    grid_id: Mapped[UUID | None]
    mediator_id: Mapped[UUID | None]
    received_at: Mapped[datetime] = mapped_column(default=now)
    accepted_at: Mapped[datetime | None]
    due_on: Mapped[dt.date | None] = mapped_column(Date)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class Party(TenantRow, Base):
    """Somebody the dispute is between (当事人)."""

    __tablename__ = "party"
    __table_args__ = (
        Index("party_case_idx", "tenant_id", "case_id", "id"),
        _of_case(),
        {"schema": SCHEMA},
    )

    case_id: Mapped[UUID]
    side: Mapped[Side] = mapped_column(CodeEnum(Side))
    name: Mapped[str]
    consented: Mapped[bool]
    rights_told_at: Mapped[datetime | None]


class Step(TenantRow, Base):
    """What was done with a case, when and by whom; the case's own timeline (办理记录)."""

    __tablename__ = "step"
    __table_args__ = (
        Index("step_case_idx", "tenant_id", "case_id", "id"),
        _of_case(),
        {"schema": SCHEMA},
    )

    case_id: Mapped[UUID]
    what: Mapped[str]
    to: Mapped[CaseState] = mapped_column("to_state", CodeEnum(CaseState))
    note: Mapped[str | None]
    account_id: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(default=now)


class Agreement(TenantRow, Versioned, Base):
    """What the parties agreed on (调解协议)."""

    __tablename__ = "agreement"
    __table_args__ = (
        Index("agreement_case_idx", "tenant_id", "case_id", "id"),
        _of_case(),
        {"schema": SCHEMA},
    )

    case_id: Mapped[UUID]
    form: Mapped[AgreementForm] = mapped_column(CodeEnum(AgreementForm))
    content: Mapped[str]
    effective_on: Mapped[dt.date] = mapped_column(Date)
    perform_by: Mapped[dt.date | None] = mapped_column(Date)


class Tally(UpwardRow, Base):
    """Cases accepted and closed in a month by category; counts of matters, not of persons (月度统计)."""

    __tablename__ = "tally"
    __belongs__ = derived(upward_rows())
    __table_args__ = (
        UniqueConstraint("tenant_id", "month", "category"),
        {"schema": SCHEMA},
    )

    month: Mapped[dt.date] = mapped_column(Date)
    category: Mapped[Category] = mapped_column(CodeEnum(Category))
    accepted: Mapped[int] = mapped_column(Integer, default=0)
    closed: Mapped[int] = mapped_column(Integer, default=0)


MODELS = (Mediator, Dispute, Case, Party, Step, Agreement, Tally)
