"""``gongzhi account`` and ``gongzhi token``: who may do what, from when until when."""

import click

from gongzhi.core.api import Settings
from gongzhi.tenants.commands.running import console, run


@click.group(help="Accounts of people, and their roles (账号与授权).")
def account() -> None:
    """Accounts."""


@account.command(
    "create", help="Create an account; the password is asked for, or made and shown once (新建账号)."
)
@click.argument("login")
@click.option("--name", "display_name", required=True, help="The name shown (显示名).")
@click.option(
    "--ask-password", is_flag=True, help="Ask for the password instead of making one (手工输入密码)."
)
@click.pass_obj
def create_account(settings: Settings, login: str, display_name: str, ask_password: bool) -> None:
    """Create an account."""
    from gongzhi.tenants import desk

    password = _asked_password() if ask_password else None
    made = run(settings, lambda kernel: desk.create_account(kernel, login, display_name, password=password))
    if made.password is not None:
        console.print(f"密码（仅显示一次）password, shown once: [bold]{made.password}[/]", highlight=False)


def _asked_password() -> str:
    return str(click.prompt("密码 password", hide_input=True, confirmation_prompt=True))


@account.command("password", help="Give an account another password and sign it out everywhere (修改密码).")
@click.argument("login")
@click.pass_obj
def set_password(settings: Settings, login: str) -> None:
    """Give an account another password."""
    from gongzhi.tenants import desk

    password = _asked_password()
    run(settings, lambda kernel: desk.set_password(kernel, login, password))
    console.print(f"[green]✓[/] {login}")


def _active_command(name: str, summary: str, *, active: bool) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("login")
    @click.pass_obj
    def command(settings: Settings, login: str) -> None:
        from gongzhi.tenants import desk

        run(settings, lambda kernel: desk.set_active(kernel, login, active=active))
        console.print(f"[green]✓[/] {name} {login}")

    return command


account.add_command(_active_command("close", "Close an account and sign it out (停用账号).", active=False))
account.add_command(_active_command("open", "Open a closed account again (恢复账号).", active=True))


@account.command("grant", help="Give an account a role at a node (授权).")
@click.argument("login")
@click.argument("role")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--reason", required=True, help="Why; kept with the grant (事由).")
@click.option("--days", type=click.IntRange(min=1), help="For how many days; without end unless told (天数).")
@click.pass_obj
def grant(settings: Settings, login: str, role: str, code: str, reason: str, days: int | None) -> None:  # noqa: PLR0917
    """Give an account a role at a node."""
    from gongzhi.tenants import desk

    run(settings, lambda kernel: desk.grant(kernel, login, role, code, reason=reason, days=days))
    console.print(f"[green]✓[/] {login}: {role} @ {code}")


@account.command("revoke", help="End a role of an account at a node (撤销授权).")
@click.argument("login")
@click.argument("role")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.pass_obj
def revoke(settings: Settings, login: str, role: str, code: str) -> None:
    """End a role of an account at a node."""
    from gongzhi.tenants import desk

    run(settings, lambda kernel: desk.revoke_grant(kernel, login, role, code))
    console.print(f"[green]✓[/] {login}: {role} @ {code}")


@click.group(help="Tokens of integrators (对接令牌).")
def token() -> None:
    """Tokens."""


@token.command("create", help="Make a token bound to a node; it is shown once (新建令牌).")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--label", required=True, help="What it is for (用途).")
@click.option("--role", default="integrator", show_default=True, help="What it may do (角色).")
@click.option(
    "--days", type=click.IntRange(1, 730), default=365, show_default=True, help="For how long (有效天数)."
)
@click.option(
    "--permission",
    "permissions",
    multiple=True,
    help="Limit it to this permission; may be given several times (限定权限).",
)
@click.pass_obj
def create_token(  # noqa: PLR0917
    settings: Settings, code: str, label: str, role: str, days: int, permissions: tuple[str, ...]
) -> None:
    """Make a token."""
    from gongzhi.tenants import desk

    made = run(
        settings,
        lambda kernel: desk.create_token(
            kernel, code, label=label, role=role, days=days, permissions=permissions or None
        ),
    )
    console.print(f"令牌（仅显示一次）token, shown once: [bold]{made}[/]", highlight=False, soft_wrap=True)


@token.command("revoke", help="Revoke the tokens of this label at a node (吊销令牌).")
@click.option("--at", "code", required=True, help="The node's division code (辖区代码).")
@click.option("--label", required=True, help="Which (用途).")
@click.pass_obj
def revoke_token(settings: Settings, code: str, label: str) -> None:
    """Revoke tokens."""
    from gongzhi.tenants import desk

    count = run(settings, lambda kernel: desk.revoke_tokens(kernel, code, label))
    console.print(f"[green]✓[/] {count}")
