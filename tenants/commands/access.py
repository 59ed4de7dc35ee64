"""``gongzhi access``: why somebody may or may not, who may, what somebody may, what a grant would open."""

from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import click

from gongzhi.core.api import Settings
from gongzhi.tenants.commands.running import console, run

if TYPE_CHECKING:
    from gongzhi.core.api import Caller, Kernel
    from gongzhi.tenants.access.holdings import Holding
    from gongzhi.tenants.access.reasons import Reasons

    Question = Callable[[Kernel, Caller], Coroutine[Any, Any, Any]]

_at = click.option("--at", "code", required=True, help="The node's division code (辖区代码).")


@click.group(help="Who may do what, where and why (权限查询).")
def access() -> None:
    """Who may do what, where and why."""


def _ask(settings: Settings, code: str, question: "Question") -> Any:
    """Ask at this node, as the operator of the server."""

    async def asked(kernel: "Kernel") -> Any:
        from gongzhi.core.api import Caller
        from gongzhi.tenants import desk

        scope = await desk.scope_at(kernel, code)
        return await question(kernel, Caller(actor=kernel.robot("desk"), scope=scope))

    return run(settings, asked)


@access.command("explain", help="Why an account may do something, or what it lacks (权限说明).")
@click.argument("login")
@click.argument("permission")
@_at
@click.option(
    "--object", "object_id", help="With the object of this id; the node itself unless told (对象编号)."
)
@click.pass_obj
def explain(settings: Settings, login: str, permission: str, code: str, object_id: str | None) -> None:
    """Explain an answer."""

    async def question(kernel: "Kernel", caller: "Caller") -> "Reasons":
        from gongzhi.tenants.access import reasons
        from gongzhi.tenants.roles import known_permissions
        from gongzhi.tenants.service.accounts import account_called

        [known] = known_permissions(kernel.roles, [permission], path="permission")
        place = await reasons.place_of(kernel, caller, object_id)
        account_id = (await account_called(kernel, login)).id
        return await reasons.explain(kernel, caller, account_id=account_id, permission=known, place=place)

    found: Reasons = _ask(settings, code, question)
    verdict = "[green]✓ 允许 allowed[/]" if found.allowed else "[red]✗ 不允许 not allowed[/]"
    console.print(f"{verdict} {login} · {permission} · {found.area.name}")
    if found.switched_off:
        console.print(f"  未启用模块 switched off there: {found.switched_off}")
    for title, held in (("允许 allowed by", found.chain), ("禁止 forbidden by", found.denials)):
        for one in held:
            console.print(f"  {title} {_told(one)}", highlight=False, soft_wrap=True)
    for offer in found.offers:
        givers = ", ".join(giver.login for giver in offer.givers) or "-"
        console.print(
            f"  可授予 would do: {offer.known.role.zh} {offer.known.role.code} @ {offer.area.name}; 可授权人 given by: {givers}",
            highlight=False,
            soft_wrap=True,
        )


def _told(one: "Holding") -> str:
    role = one.grant.role if one.role is None else f"{one.role.zh} {one.grant.role}"
    until = "" if one.valid_until is None else f", → {one.valid_until:%Y-%m-%d}"
    where = one.area.name if one.grid is None else f"{one.area.name} {one.grid.name}"
    return f"{role} @ {where} ({one.reason}{until})"


def _show(held: "Iterable[Holding]") -> None:
    for one in held:
        console.print(f"{one.login} {one.display_name} · {_told(one)}", highlight=False, soft_wrap=True)


@access.command("who-can", help="Everybody who may do something at a node, and by which grant (谁可以).")
@click.argument("permission")
@_at
@click.pass_obj
def who_can(settings: Settings, permission: str, code: str) -> None:
    """Tell who may."""

    async def question(kernel: "Kernel", caller: "Caller") -> "list[Holding]":
        from gongzhi.tenants.access import holdings, reasons
        from gongzhi.tenants.roles import known_permissions

        [known] = known_permissions(kernel.roles, [permission], path="permission")
        place = await reasons.place_of(kernel, caller, None)
        return await holdings.who_can(kernel, known, place.path)

    _show(_ask(settings, code, question))


@access.command("of", help="All that an account holds beneath a node and above it (账号的授权).")
@click.argument("login")
@_at
@click.pass_obj
def of(settings: Settings, login: str, code: str) -> None:
    """Tell what an account holds."""

    async def question(kernel: "Kernel", caller: "Caller") -> "list[Holding]":
        from gongzhi.tenants.access import holdings
        from gongzhi.tenants.service.accounts import account_called

        assert caller.scope is not None
        return await holdings.access_of(kernel, (await account_called(kernel, login)).id, caller.scope.path)

    _show(_ask(settings, code, question))


@access.command("preview", help="What giving a role would open: nodes, and rows by kind (授权预览).")
@click.argument("role")
@_at
@click.option("--login", help="For this account; for a new one unless told (账号).")
@click.pass_obj
def preview(settings: Settings, role: str, code: str, login: str | None) -> None:
    """Preview a grant."""

    async def question(kernel: "Kernel", caller: "Caller") -> Any:
        from gongzhi.tenants.access import preview as previewing
        from gongzhi.tenants.access import reasons
        from gongzhi.tenants.service.accounts import account_called

        account_id = None if login is None else (await account_called(kernel, login)).id
        area = (await reasons.place_of(kernel, caller, None)).area
        return await previewing.preview(kernel, caller, account_id=account_id, role=role, node=area)

    found = _ask(settings, code, question)
    console.print(
        f"{found.role.zh} {found.role.code} @ {found.area.name}: 辖区 nodes {found.nodes}", highlight=False
    )
    for permission in found.permissions:
        console.print(
            f"  + {permission.code} {permission.zh} {permission.en}", highlight=False, soft_wrap=True
        )
    for opened in found.opened:
        console.print(f"  {opened.reading.name}: {opened.rows} 条 rows", highlight=False, soft_wrap=True)
    for pair in found.conflicts:
        console.print(
            f"  [yellow]职责分离 separate duties[/]: {pair.zh} / {pair.en}", highlight=False, soft_wrap=True
        )


@access.command("policy", help="Print the policy's rows as casbin reads them, or its model (导出策略).")
@click.option("--model", is_flag=True, help="The model's text instead (模型).")
@click.pass_obj
def policy(settings: Settings, model: bool) -> None:
    """Print the policy, for whoever checks it with a casbin of his own."""
    from gongzhi.core.api import MODEL

    if model:
        click.echo(MODEL.strip())
        return

    async def question(kernel: "Kernel") -> list[tuple[str, ...]]:
        from gongzhi.tenants.access.holdings import policy_rows

        return await policy_rows(kernel)

    for row in run(settings, question):
        click.echo(", ".join(row))
