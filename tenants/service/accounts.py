"""Accounts of people who sign in: opened by whoever looks after them, made their own by a code told once."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from sqlalchemy import select

from gongzhi.core.api import (
    Input,
    Invalid,
    Kernel,
    hash_token,
    new_token,
    ref,
    system_work,
    told,
    use_case,
)
from gongzhi.tenants import policies
from gongzhi.tenants.models import Account, Area, GrantRow
from gongzhi.tenants.service.giving import Giving
from gongzhi.tenants.service.taken import add_unless_taken, named

#: How long a code may be used.
_DAYS = 7


class LoginUnfit(Invalid):
    """A login has three to forty small letters, digits, dots, dashes."""

    code = "ACCOUNT_LOGIN_UNFIT"
    zh = "账号须为3至40位小写字母、数字、点、横线或下划线"
    en = "A login has 3 to 40 small letters, digits, dots, dashes or underscores"


class LoginTaken(Invalid):
    """There is an account of this login."""

    code = "ACCOUNT_LOGIN_TAKEN"
    zh = "账号“{login}”已存在"
    en = "There is an account “{login}” already"


class LoginUnknown(Invalid):
    """There is no account of this login."""

    code = "ACCOUNT_UNKNOWN"
    zh = "没有账号“{login}”，请核对，或先开设账号"
    en = "There is no account “{login}”; check it, or open one first"


class AccountClosed(Invalid):
    """Nobody gives a role to an account that is closed."""

    code = "ACCOUNT_CLOSED"
    zh = "账号“{login}”已停用，请先恢复"
    en = "The account “{login}” is closed; open it again first"


class OpenAccount(Input, frozen=True):
    """An account for somebody who will sign in (开设账号)."""

    login: Annotated[
        str,
        told(
            "The sign-in name: 3 to 40 small letters, digits, dots, dashes, underscores (账号).",
            min_length=3,
            max_length=40,
        ),
    ]
    display_name: Annotated[str, told("The name colleagues know (姓名).", min_length=1, max_length=40)]


class TurnAccount(Input, frozen=True):
    """An account that is closed, opened again or given a new code (账号)."""

    account_id: Annotated[UUID, ref("Account", "Which account (账号).")]
    version: Annotated[int, told("The version that was read (版本号).")]


class Accounts(Giving):
    """The accounts that a node opened."""

    @use_case(policies.ACCOUNT_OPEN, where="anywhere")
    async def open(self, opened: OpenAccount) -> Account:
        """Open an account; its owner sets a password with the code, which is told once (开设账号)."""
        from gongzhi.tenants.sign_in import LOGIN

        if not LOGIN.fullmatch(opened.login):
            raise LoginUnfit(path="login", problem="")
        account = Account(
            login=opened.login, display_name=named(opened.display_name), node_id=self.work.stream
        )
        self._tell_code(account)
        await add_unless_taken(self.work, account, LoginTaken(path="login", login=opened.login, problem=""))
        return account

    @use_case(policies.ACCOUNT_OPEN, where="anywhere")
    async def reset(self, turned: TurnAccount) -> Account:
        """Give an account a new code, with which its owner sets another password (重置密码)."""
        account = await self._mine(turned)
        self._tell_code(account)
        return account

    @use_case(policies.ACCOUNT_OPEN, where="anywhere")
    async def close(self, turned: TurnAccount) -> Account:
        """Close an account: it is signed out everywhere and can't sign in (停用账号)."""
        account = await self._mine(turned)
        nodes = select(Area).where(
            Area.id.in_(select(GrantRow.node_id).where(GrantRow.account_id == account.id))
        )
        for area in (await self.session.scalars(nodes.order_by(Area.path))).all():
            before = await self._held(area)
            self._check_admins(area, before, [one for one in before if one.account_id != account.id])
        account.active = False
        # Whoever is signed in stays out when the account is opened again.
        account.signed_out_at = self.work.at
        return account

    @use_case(policies.ACCOUNT_OPEN, where="anywhere")
    async def reopen(self, turned: TurnAccount) -> Account:
        """Open a closed account again (恢复账号)."""
        account = await self._mine(turned)
        account.active = True
        return account

    async def _mine(self, turned: TurnAccount) -> Account:
        """The account, where it may nothing that the caller could not have given it."""
        account = await self.work.load(Account, turned.account_id, version=turned.version)
        await self._check_over(account.id)
        return account

    def _tell_code(self, account: Account) -> None:
        code = new_token("gza_")
        account.activation_hash = hash_token(code)
        account.activation_until = self.work.at + dt.timedelta(days=_DAYS)
        self.work.once["activation_code"] = code


async def account_called(kernel: Kernel, login: str) -> Account:
    """The account with this login, wherever it was opened.

    :raises LoginUnknown: there is none.
    """
    async with system_work(kernel) as system:
        query = select(Account).where(Account.login == login)
        found: Account | None = (await system.session.scalars(query)).one_or_none()
    if found is None:
        raise LoginUnknown(path="login", login=login, problem="")
    return found
