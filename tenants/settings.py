"""Reading a plugin's settings where a community's work needs them."""

from typing import TypeVar

import msgspec
from sqlalchemy import select

from gongzhi.core.api import UnitOfWork
from gongzhi.tenants.models import PluginSwitch

SettingsT = TypeVar("SettingsT")


async def settings_of(work: UnitOfWork, plugin: str, kind: type[SettingsT]) -> SettingsT:
    """The plugin's settings in the scope's community, defaults where it set none."""
    query = select(PluginSwitch.settings).where(PluginSwitch.plugin == plugin)
    kept = (await work.session.scalars(query)).one_or_none()
    return msgspec.convert(kept or {}, kind, strict=False)
