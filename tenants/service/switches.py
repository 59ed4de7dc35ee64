"""Switching plugins on and off in one community, with their settings."""

from typing import Annotated, Any

import msgspec
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from gongzhi.core.api import Input, Invalid, Kernel, PluginCard, Service, Words, told, use_case
from gongzhi.tenants import events, policies
from gongzhi.tenants.models import PluginSwitch


class PluginUnknown(Invalid):
    """No such plugin is installed, or it knows no switch."""

    code = "PLUGIN_UNKNOWN"
    zh = "没有可切换的模块“{plugin}”；已安装：{installed}"
    en = "There is no plugin “{plugin}” to switch; installed: {installed}"


class PluginRequires(Invalid):
    """The plugin needs others that are switched off."""

    code = "PLUGIN_REQUIRES"
    zh = "启用“{plugin}”前须先启用：{missing}"
    en = "Switch these on before “{plugin}”: {missing}"


class PluginRequired(Invalid):
    """Other plugins that are switched on need this one."""

    code = "PLUGIN_REQUIRED"
    zh = "停用“{plugin}”前须先停用：{dependents}"
    en = "Switch these off before “{plugin}”: {dependents}"


class SettingUnfit(Invalid):
    """A setting of the plugin does not fit."""

    code = "PLUGIN_SETTING_UNFIT"
    zh = "模块设置有误：{problem}"
    en = "A setting of the plugin does not fit: {problem}"


class SwitchPlugin(Input, frozen=True):
    """Which plugin to switch (启用或停用模块)."""

    plugin: Annotated[
        str, told("The plugin's name, such as mediation (模块名).", min_length=1, max_length=60)
    ]


class ConfigurePlugin(Input, frozen=True):
    """New settings of a plugin in this community (模块设置)."""

    plugin: Annotated[str, told("The plugin's name (模块名).", min_length=1, max_length=60)]
    settings: Annotated[
        str,
        told(
            "The settings as a JSON object; those left out keep their defaults (设置，JSON 对象).",
            max_length=20_000,
        ),
    ]


class Plugins(Service):
    """The plugin switches of one community."""

    @use_case(policies.PLUGIN_SWITCH)
    async def enable(self, switch: SwitchPlugin) -> PluginSwitch:
        """Switch a plugin on in this community; nobody else notices (启用模块)."""
        card = self._card(switch.plugin)
        missing = [name for name in self._switchable(card.requires) if name not in await self._on()]
        if missing:
            raise PluginRequires(path="plugin", plugin=card.name, missing=", ".join(missing), problem="")
        return await self._turn(card.name, on=True)

    @use_case(policies.PLUGIN_SWITCH)
    async def disable(self, switch: SwitchPlugin) -> PluginSwitch:
        """Switch a plugin off in this community; its data is kept (停用模块，数据保留)."""
        card = self._card(switch.plugin)
        cards = self.work.kernel.plugins.cards
        dependents = [name for name in sorted(await self._on()) if card.name in cards[name].requires]
        if dependents:
            raise PluginRequired(
                path="plugin", plugin=card.name, dependents=", ".join(dependents), problem=""
            )
        return await self._turn(card.name, on=False)

    @use_case(policies.PLUGIN_SWITCH)
    async def configure(self, given: ConfigurePlugin) -> PluginSwitch:
        """Set a plugin's settings in this community (设置模块)."""
        card = self._card(given.plugin)
        row = await self._row(card.name)
        row.settings = checked_settings(settings_type(self.work.kernel, card.name), given.settings)
        row.changed_by = self.work.actor.account_id
        return row

    def _card(self, name: str) -> PluginCard:
        cards = self.work.kernel.plugins.cards
        if name not in cards or not cards[name].switchable:
            installed = ", ".join(sorted(card.name for card in cards.values() if card.switchable))
            raise PluginUnknown(path="plugin", plugin=name[:40], installed=installed or "-", problem="")
        return cards[name]

    def _switchable(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if self.work.kernel.plugins.cards[name].switchable]

    async def _on(self) -> set[str]:
        query = select(PluginSwitch.plugin).where(PluginSwitch.on.is_(True))
        installed = self.work.kernel.plugins.cards
        return {name for name in (await self.session.scalars(query)).all() if name in installed}

    async def _row(self, plugin: str) -> PluginSwitch:
        """The switch of this plugin, locked; made first where there is none, even by two at once."""
        make = insert(PluginSwitch).values(tenant_id=self.work.tenant, plugin=plugin, on=False, settings={})
        await self.session.execute(make.on_conflict_do_nothing())
        query = select(PluginSwitch).where(PluginSwitch.plugin == plugin).with_for_update()
        found: PluginSwitch = (await self.session.scalars(query)).one()
        return found

    async def _turn(self, plugin: str, *, on: bool) -> PluginSwitch:
        row = await self._row(plugin)
        if row.on is not on:
            row.on = on
            row.changed_by = self.work.actor.account_id
            self.work.publish(events.PluginSwitched(plugin=plugin, on=on))
        return row


def settings_type(kernel: Kernel, plugin: str) -> type[Any] | None:
    """The Struct of this plugin's settings, or None where it has none."""
    found = [kind for name, kind in kernel.plugins.ask_each("register_settings") if name == plugin]
    return found[0] if found else None


def checked_settings(kind: type[Any] | None, text: str) -> dict[str, Any]:
    """The settings as plain values, checked against the plugin's Struct.

    :raises SettingUnfit: they are no JSON object, or one of them does not fit.
    """
    if kind is None:
        raise SettingUnfit(
            path="settings", problem=Words(zh="该模块没有设置项", en="this plugin has no settings")
        )
    try:
        return dict(msgspec.to_builtins(msgspec.json.decode(text, type=kind)))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise SettingUnfit(path="settings", problem=str(error)) from error
