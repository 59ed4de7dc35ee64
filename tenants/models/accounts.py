"""Accounts, sessions, tokens and grants: the platform's own rows, reached through the system role only."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from gongzhi.core.api import Base, CodeEnum, Level, NodeRecord, NodeRow, Versioned, new_id, now, platform_rows
from gongzhi.tenants.models.tree import SCHEMA

#: What the code of a node's own role begins with; the rest is its id.
OWN = "own:"


class Account(NodeRecord, Versioned, Base):
    """Somebody who signs in.

    :param node_id: the node whose administrator opened it and looks after it; None for the platform's own people.
    :param signed_out_at: sessions opened before are over.
    :param activation_hash: of the code with which its owner sets a password, until it is used.
    """

    __tablename__ = "account"
    __belongs__ = platform_rows(key="node_id", app=("select", "insert", "update"))
    __table_args__ = (Index("account_node_idx", "node_id", "id"), {"schema": SCHEMA})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    node_id: Mapped[UUID | None] = mapped_column(  # type: ignore[assignment]  # not everybody is some node's
        ForeignKey(f"{SCHEMA}.area.id")
    )
    login: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    activation_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    activation_until: Mapped[datetime | None]
    signed_out_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Credential(Base):
    """The hash of an account's password; apart, so that nothing that serves requests ever reads it."""

    __tablename__ = "credential"
    __belongs__ = platform_rows()
    __table_args__ = ({"schema": SCHEMA},)

    account_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.account.id"), primary_key=True)
    password_hash: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(default=now)


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


class ApiToken(NodeRecord, Base):
    """An integrator's token, bound to a node; hashed at rest, shown once."""

    __tablename__ = "api_token"
    __belongs__ = platform_rows(key="node_id", app=("select", "insert", "update"), erase="delete")
    __table_args__ = (Index("api_token_node_idx", "node_id", "id"), {"schema": SCHEMA})

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    label: Mapped[str]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    node_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"))
    role: Mapped[str]
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(default=now)
    created_by: Mapped[UUID | None]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]


class GrantRow(NodeRecord, Base):
    """A role that an account holds at a node, or at one grid of a community, and who gave it why."""

    __tablename__ = "grant"
    __belongs__ = platform_rows(key="node_id", app=("select", "insert", "update"), erase="delete")
    __table_args__ = (
        Index(
            "grant_account_idx",
            *("account_id", "node_id", "role", "grid_id"),
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        ForeignKeyConstraint(["node_id", "grid_id"], [f"{SCHEMA}.grid.tenant_id", f"{SCHEMA}.grid.id"]),
        Index("grant_node_idx", "node_id", "id"),
        {"schema": SCHEMA},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.account.id"))
    role: Mapped[str]
    node_id: Mapped[UUID] = mapped_column(ForeignKey(f"{SCHEMA}.area.id"))
    grid_id: Mapped[UUID | None]
    valid_from: Mapped[datetime] = mapped_column(default=now)
    valid_until: Mapped[datetime | None]
    granted_by: Mapped[UUID | None]
    reason: Mapped[str]


class OwnRole(NodeRow, Versioned, Base):
    """A role that a node made for its own people (自定义角色), of permissions that its level may give.

    :param allowed: permissions it brings; ``denied``: those it takes away, whatever else its holder has.
    :param included: codes of roles whose permissions it brings as well.
    """

    __tablename__ = "own_role"
    __table_args__ = (UniqueConstraint("node_id", "name"), {"schema": SCHEMA})

    name: Mapped[str]
    level: Mapped[Level] = mapped_column(CodeEnum(Level))
    allowed: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    denied: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    included: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    retired_at: Mapped[datetime | None]

    @property
    def code(self) -> str:
        """What grants call it."""
        return f"{OWN}{self.id}"


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
