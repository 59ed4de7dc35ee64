"""Signing in and out: argon2id, a cookie that scripts can't read, a CSRF token that they must send."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from gongzhi.core.api import Kernel, Refusal, TooMany, hash_token, new_token, now, system_work
from gongzhi.tenants.models import Account, SignInFailure, SignInSession
from gongzhi.tenants.passwords import password_fits

#: Failures are counted within this span.
WINDOW = timedelta(minutes=15)


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


@dataclass(frozen=True)
class SignedIn:
    """The two tokens of a new session, told once."""

    session: str
    csrf: str
    hours: int


async def sign_in(kernel: Kernel, told: SignIn, *, address: str) -> SignedIn:
    """Open a session.

    :raises TooMany: this account or this address failed too often of late.
    :raises SignInRefused: account or password is wrong.
    """
    # An address fails for many accounts behind one gateway; it gets ten times the account's allowance.
    allowed = {hash_token(f"login:{told.login}"): 1, hash_token(f"address:{address}"): 10}
    opened: SignedIn | None = None
    async with system_work(kernel) as work:
        for subject, times in allowed.items():
            await _refuse_when_tired(work.session, subject, kernel.settings.sign_in_attempts * times)
        account = (
            await work.session.scalars(select(Account).where(Account.login == told.login))
        ).one_or_none()
        kept = account.password_hash if account is not None and account.active else None
        if not password_fits(kept, told.password) or account is None:
            work.session.add_all(SignInFailure(subject=subject) for subject in allowed)
            work.audit("tenants.session.open", account, outcome=SignInRefused.code)
        else:
            opened = _open(work.session, account.id, kernel.settings.session_hours)
            work.audit("tenants.session.open", account)
    if opened is None:
        raise SignInRefused
    return opened


async def _refuse_when_tired(session: AsyncSession, subject: bytes, most: int) -> None:
    await session.execute(delete(SignInFailure).where(SignInFailure.at < now() - WINDOW))
    query = select(func.count(), func.min(SignInFailure.at)).where(SignInFailure.subject == subject)
    failures, first = (await session.execute(query)).one()
    if failures >= most:
        raise TooMany(seconds=max(1, int((first + WINDOW - now()).total_seconds())))


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


async def sign_out(kernel: Kernel, session_token: str) -> None:
    """Close this session; harmless when it is closed already."""
    async with system_work(kernel) as work:
        closing = delete(SignInSession).where(SignInSession.token_hash == hash_token(session_token))
        await work.session.execute(closing)
