"""The person kernel and the consent ledger: as little about people as the work allows."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, ForeignKeyConstraint, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.api import Base, CodeEnum, TenantRow, Versioned, now
from gongzhi.tenants.models.tree import SCHEMA


class Person(TenantRow, Versioned, Base):
    """A person somebody in the community works with. No origin, belief, health, record or standing."""

    __tablename__ = "person"
    __table_args__ = (
        Index("person_phone_idx", "tenant_id", "phone_index"),
        Index("person_id_number_idx", "tenant_id", "id_number_index"),
        Index("person_sort_idx", "tenant_id", "sort_key", "id"),
        ForeignKeyConstraint(
            ["tenant_id", "guardian_id"], [f"{SCHEMA}.person.tenant_id", f"{SCHEMA}.person.id"]
        ),
        {"schema": SCHEMA},
    )

    display_name: Mapped[str]
    sort_key: Mapped[str] = mapped_column(Text(collation="C"))
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_index: Mapped[bytes | None] = mapped_column(LargeBinary)
    birth_band: Mapped[str | None]
    guardian_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Purpose(StrEnum):
    """What a person may consent to (《个人信息保护法》第十三条、第二十九条)."""

    PUBLICATION = "publication"
    CARE_RECORD = "care_record"
    LANGUAGE_BOOKING = "language_booking"
    PARTY_DISPLAY = "party_display"
    VOLUNTEER_DISPLAY = "volunteer_display"
    CROSS_TENANT_SHARING = "cross_tenant_sharing"


class Consent(TenantRow, Versioned, Base):
    """A consent as it was given, and when it was withdrawn; withdrawing keeps past effects (同法第十五条)."""

    __tablename__ = "consent"
    __table_args__ = (
        Index("consent_person_idx", "tenant_id", "person_id", "id"),
        ForeignKeyConstraint(
            ["tenant_id", "person_id"], [f"{SCHEMA}.person.tenant_id", f"{SCHEMA}.person.id"]
        ),
        {"schema": SCHEMA},
    )

    person_id: Mapped[UUID]
    purpose: Mapped[Purpose] = mapped_column(CodeEnum(Purpose))
    data_kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    wording: Mapped[str]
    method: Mapped[str]
    separate: Mapped[bool] = mapped_column(Boolean)
    given_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None]
