"""Making an account one's own: with the code its administrator was told, its owner sets a password."""

import asyncio

import msgspec
from sqlalchemy import delete, select

from gongzhi.core.api import Actor, Kernel, Refusal, hash_token, now, system_work
from gongzhi.tenants.models import Account, Credential, SignInSession
from gongzhi.tenants.passwords import hash_password
from gongzhi.tenants.sign_in import count_attempt, forgive


class ActivationRefused(Refusal):
    """The code is wrong, used or too old; which of them is not told."""

    code = "ACTIVATION_REFUSED"
    zh = "账号或激活码不正确，或激活码已使用、已过期，请向管理员索取新的激活码"
    en = "The account or the code is wrong, or the code was used or is too old; ask your administrator for a new one"
    top_level = True


class Activate(msgspec.Struct, kw_only=True):
    """What somebody who makes an account his own sends."""

    login: str
    code: str
    password: str

    def __repr__(self) -> str:
        """The login alone."""
        return f"Activate(login={self.login!r})"


async def activate(kernel: Kernel, told: Activate, *, address: str) -> None:
    """Set an account's password by its code, once; whoever was signed in is signed out.

    :raises PasswordWeak: the password is too short or too simple; the code still works.
    :raises ActivationRefused: the code does not fit.
    :raises TooMany: this account or this address failed too often of late.
    """
    # Off the event loop: a hash takes a while by design.
    hashed = await asyncio.to_thread(hash_password, told.password)
    async with system_work(kernel) as work:
        attempts = await count_attempt(work, told.login, address)
    async with system_work(kernel) as work:
        query = (
            select(Account)
            .where(
                Account.login == told.login,
                Account.active.is_(True),
                Account.activation_hash == hash_token(told.code),
                Account.activation_until > now(),
            )
            .with_for_update()
        )
        account = (await work.session.scalars(query)).one_or_none()
        if account is not None:
            work.actor = Actor(roles=kernel.roles, account_id=account.id)
            account.activation_hash = account.activation_until = None
            await work.session.merge(Credential(account_id=account.id, password_hash=hashed, set_at=now()))
            await work.session.execute(delete(SignInSession).where(SignInSession.account_id == account.id))
            await forgive(work.session, attempts)
            work.audit("tenants.account.activate", account)
    if account is None:
        raise ActivationRefused
