"""``gongzhi tenant`` and ``gongzhi plugin``: communities, and what they have switched on."""

import datetime as dt
from typing import TYPE_CHECKING

import click
from rich.table import Table

from gongzhi.core.api import Settings, today
from gongzhi.tenants.commands.running import console, run

if TYPE_CHECKING:
    from gongzhi.tenants.desk import Turn


@click.group(help="The communities on the platform (社区).")
def tenant() -> None:
    """The communities on the platform."""


@tenant.command("list", help="List communities, with their state (列出社区).")
@click.option("--under", help="Only beneath this division code (上级代码).")
@click.pass_obj
def list_tenants(settings: Settings, under: str | None) -> None:
    """List communities."""
    from gongzhi.tenants.desk import list_communities

    table = Table("代码 code", "名称 name", "状态 state", "模块 plugins")
    rows = run(settings, lambda kernel: list_communities(kernel, under))
    for row in rows:
        table.add_row(*row)
    console.print(table)
    if not rows:
        console.print(f"这里还没有社区 no communities here yet: {settings.data_dir}", highlight=False)


def _turn_command(turn: "Turn", summary: str) -> click.Command:
    @click.command(turn, help=summary)
    @click.argument("code")
    @click.pass_obj
    def command(settings: Settings, code: str) -> None:
        from gongzhi.tenants.desk import turn_community

        run(settings, lambda kernel: turn_community(kernel, code, turn))
        console.print(f"[green]✓[/] {code}")

    return command


tenant.add_command(_turn_command("suspend", "Suspend a community (暂停社区)."))
tenant.add_command(_turn_command("resume", "Resume a suspended community (恢复社区)."))
tenant.add_command(
    _turn_command("archive", "Archive a suspended community for good; its data stays (归档社区).")
)


@tenant.command(
    help="Give an area another division code from a day on; the old one still finds it (变更代码)."
)
@click.argument("code")
@click.argument("new")
@click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), help="The first day of the new code; today (起用日期)."
)
@click.pass_obj
def recode(settings: Settings, code: str, new: str, on: dt.datetime | None) -> None:
    """Give an area another code."""
    from gongzhi.tenants import recoding

    run(settings, lambda kernel: recoding.recode(kernel, code, new, on=on.date() if on else today()))
    console.print(f"[green]✓[/] {code} → {new}")


@click.group(help="Plugins: what is installed, and what a community has switched on (模块).")
def plugin() -> None:
    """Plugins."""


@plugin.command("list", help="List what is installed (列出模块).")
@click.pass_obj
def list_plugins(settings: Settings) -> None:
    """List what is installed, and what could not be loaded."""
    from gongzhi.core.api import Plugins

    _ = settings
    plugins = Plugins.installed()
    table = Table("模块 plugin", "名称 title", "版本 version", "可切换 switchable")
    for card in plugins.cards.values():
        table.add_row(card.name, f"{card.zh} {card.en}", card.version, "✓" if card.switchable else "-")
    console.print(table)
    for broken in plugins.broken:
        console.print(f"[red]✗[/] {broken.name}: {broken.reason}")


def _switch_command(name: str, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.argument("plugin_name", metavar="PLUGIN")
    @click.option("--community", required=True, help="The community's twelve digits (社区代码).")
    @click.pass_obj
    def command(settings: Settings, plugin_name: str, community: str) -> None:
        from gongzhi.tenants.desk import switch_plugin

        run(settings, lambda kernel: switch_plugin(kernel, community, plugin_name, name))
        console.print(f"[green]✓[/] {plugin_name} {name} {community}")

    return command


plugin.add_command(_switch_command("enable", "Switch a plugin on in a community (启用模块)."))
plugin.add_command(_switch_command("disable", "Switch a plugin off in a community; data is kept (停用模块)."))
