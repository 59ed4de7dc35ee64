"""``gongzhi demo``, ``onboard``, ``tenant``, ``plugin``, ``account``, ``token`` and ``access``."""

import click

from gongzhi.tenants.commands.access import access
from gongzhi.tenants.commands.accounts import account, token
from gongzhi.tenants.commands.communities import plugin, tenant
from gongzhi.tenants.commands.onboard import onboard
from gongzhi.tenants.commands.running import console, run
from gongzhi.tenants.demo.command import demo

__all__ = ["COMMANDS", "console", "run"]

COMMANDS: tuple[click.Command, ...] = (demo, onboard, tenant, plugin, account, token, access)
