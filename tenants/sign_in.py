"""Signing in and out: argon2id, a cookie that scripts can't read, a CSRF token that they must send."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import (
    Actor,
    Kernel,
    NotSignedIn,
    Refusal,
    TooMany,
    UnitOfWork,
    hash_token,
    new_id,
    new_token,
    now,
    system_work,
)
from gongzhi.tenants.callers import session_behind
from gongzhi.tenants.models import Account, Credential, SignInFailure, SignInSession
from gongzhi.tenants.passwords import password_fits

#: What a login looks like; anything else is nobody's.
LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,39}")

#: Failures are counted within this span.
WINDOW = timedelta(minutes=15)

#: An address fails for many accounts behind one gateway; it gets this many times an account's allowance.
ADDRESS_TIMES = 10


class SignInRefused(Refusal):
    """Account or password is wrong; which of them is not told."""

    code = "SIGN_IN_REFUSED"
    zh = "账号或密码不正确"
    en = "The account or the password is wrong"
    top_level = True
    audited = True


class SignIn(msgspec.Struct, kw_only=True):
    """What somebody who signs in sends."""

    login: str
    password: str

    def __repr__(self) -> str:
        """The login alone."""
        return f"SignIn(login={self.login!r})"


@dataclass(frozen=True)
class SignedIn:
    """The two tokens of a new session, told once."""

    session: str = field(repr=False)
    csrf: str = field(repr=False)
    hours: int


async def sign_in(kernel: Kernel, told: SignIn, *, address: str) -> SignedIn:
    """Open a session.

    :raises TooMany: this account or this address failed too often of late.
    :raises SignInRefused: account or password is wrong.
    """
    async with system_work(kernel) as work:
        attempts = await count_attempt(work, told.login, address)
        account, kept = await _account(work.session, told.login)
    # Outside any transaction and off the event loop: a hash takes a while by design.
    fits = await asyncio.to_thread(password_fits, kept, told.password)
    async with system_work(kernel) as work:
        if account is not None:
            work.actor = Actor(roles=kernel.roles, account_id=account.id)
        if account is None or not fits:
            work.audit("tenants.session.open", account, outcome=SignInRefused.code)
        else:
            await forgive(work.session, attempts)
            opened = _open(work.session, account.id, kernel.settings.session_hours)
            work.audit("tenants.session.open", account)
    if account is None or not fits:
        raise SignInRefused
    return opened


async def count_attempt(work: UnitOfWork, login: str, address: str) -> dict[bytes, UUID]:
    """Count an attempt as a failure until it has succeeded, so that many at once are no way round the limit.

    :raises TooMany: this account or this address failed too often of late.
    """
    session, most = work.session, work.kernel.settings.sign_in_attempts
    limits = {
        hash_token(f"login:{login}"): most,
        hash_token(f"address:{address}"): most * ADDRESS_TIMES,
    }
    await session.execute(delete(SignInFailure).where(SignInFailure.at < now() - WINDOW))
    await session.execute(delete(SignInSession).where(SignInSession.expires_at < now()))
    attempts = {}
    for subject, most in limits.items():
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(subject.hex(), 0))))
        query = select(func.count(), func.min(SignInFailure.at)).where(SignInFailure.subject == subject)
        failures, first = (await session.execute(query)).one()
        if failures >= most:
            raise TooMany(seconds=max(1, int((first + WINDOW - now()).total_seconds())))
        attempts[subject] = new_id()
        session.add(SignInFailure(id=attempts[subject], subject=subject))
    return attempts


async def _account(session: AsyncSession, login: str) -> tuple[Account | None, str | None]:
    """(the account, the hash of its password where it may sign in)."""
    if not LOGIN.fullmatch(login):
        return None, None
    query = (
        select(Account, Credential.password_hash)
        .outerjoin(Credential, Credential.account_id == Account.id)
        .where(Account.login == login)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        return None, None
    account, kept = found
    return account, kept if account.active else None


async def forgive(session: AsyncSession, attempts: Mapping[bytes, UUID]) -> None:
    """Who knows the password starts anew; the address is forgiven this one attempt only."""
    login, _address = attempts
    await session.execute(delete(SignInFailure).where(SignInFailure.subject == login))
    await session.execute(delete(SignInFailure).where(SignInFailure.id.in_(attempts.values())))


def _open(session: AsyncSession, account_id: UUID, hours: int) -> SignedIn:
    opened = SignedIn(new_token("gzs_"), new_token("gzc_"), hours)
    session.add(
        SignInSession(
            token_hash=hash_token(opened.session),
            csrf_hash=hash_token(opened.csrf),
            account_id=account_id,
            expires_at=now() + timedelta(hours=hours),
        )
    )
    return opened


async def sign_out(kernel: Kernel, cookie: str, csrf: str | None) -> None:
    """Close this session; harmless when it is closed already.

    :raises CsrfMissing: the token that goes with the cookie is missing or another's.
    """
    async with system_work(kernel) as work:
        try:
            open_session = await session_behind(work.session, cookie, csrf)
        except NotSignedIn:
            return
        work.actor = Actor(roles=kernel.roles, account_id=open_session.account_id)
        await work.session.delete(open_session)
        work.audit("tenants.session.close")
