"""Accounts, sessions, tokens and grants: the platform's own rows, reached through the system role only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.api import Base, new_id, now, platform_rows
from gongzhi.tenants.models.tree import SCHEMA


class Account(Base):
    """Somebody who signs in."""

    __tablename__ = "account"
    __belongs__ = platform_rows()
    __table_args__ = ({"schema": SCHEMA},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    login: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class SignInSession(Base):
    """A browser that somebody signed in with; only hashes of its tokens are kept."""

    __tablename__ = "session"
    __belongs__ = platform_rows()
    __table_args__ = (Index("session_expiry_idx", "expires_at"), {"schema": SCHEMA})

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    csrf_hash: Mapped[bytes] = mapped_column(LargeBinary)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.account.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]


class ApiToken(Base):
    """An integrator's token, bound to a node; hashed at rest, shown once."""

    __tablename__ = "api_token"
    __belongs__ = platform_rows(key="node_id", app=("select",), erase="delete")
    __table_args__ = ({"schema": SCHEMA},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    label: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    node_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"))
    role: Mapped[str]
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class GrantRow(Base):
    """A role that an account holds at a node, and who gave it why."""

    __tablename__ = "grant"
    __belongs__ = platform_rows(key="node_id", app=("select",), erase="delete")
    __table_args__ = (
        Index("grant_account_idx", "account_id", "node_id", "role", unique=True),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.account.id"))
    role: Mapped[str]
    node_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"))
    valid_from: Mapped[datetime] = mapped_column(default=now)
    valid_until: Mapped[datetime | None]
    granted_by: Mapped[UUID | None]
    reason: Mapped[str]


class SignInFailure(Base):
    """A sign-in that failed: of whom or from where, as a hash; kept for a quarter of an hour."""

    __tablename__ = "sign_in_failure"
    __belongs__ = platform_rows()
    __table_args__ = (
        Index("sign_in_failure_subject_idx", "subject", "at"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subject: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(default=now)
