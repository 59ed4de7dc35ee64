"""Blueprints: what a community starts with, as a TOML file (蓝图)."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec

from gongzhi.core.api import Plugins, Refusal, Words

_HOUSE = Path(__file__).parent / "blueprint_files"


class BlueprintUnfit(Refusal):
    """A blueprint does not fit."""

    code = "BLUEPRINT_UNFIT"
    zh = "蓝图“{name}”有误：{problem}"
    en = "The blueprint “{name}” does not fit: {problem}"


class GridTemplate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The grids a new community starts with; none unless the blueprint says so."""

    count: Annotated[int, msgspec.Meta(ge=0, le=899)] = 0
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] = "第{n}网格"

    def named(self, number: int) -> str:
        """The name of the grid of this number."""
        return self.name.replace("{n}", str(number))


class Blueprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a community starts with.

    :param plugins: names of plugins switched on from the start.
    :param settings: plugin name to its settings.
    :param roles: the roles that people of the community may be given; empty for all.
    """

    zh: str
    en: str
    plugins: list[str] = []
    settings: dict[str, dict[str, Any]] = {}
    roles: list[str] = []
    grids: GridTemplate = GridTemplate()


def load_blueprint(name: str, plugins: Plugins) -> Blueprint:
    """The blueprint of this name, or in this file, checked against what is installed.

    :raises BlueprintUnfit: it is unknown or broken; the message says where.
    """
    file = Path(name) if name.endswith(".toml") else _HOUSE / f"{Path(name).name}.toml"
    try:
        blueprint = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), Blueprint)
    except FileNotFoundError as error:
        known = ", ".join(sorted(path.stem for path in _HOUSE.glob("*.toml")))
        raise BlueprintUnfit(name=name, problem=Words(zh=f"已有：{known}", en=f"known: {known}")) from error
    except (OSError, ValueError) as error:
        raise BlueprintUnfit(name=name, problem=str(error)) from error
    _check_plugins(name, blueprint, plugins)
    _check_roles(name, blueprint, plugins)
    settings = {plugin: _settings(name, blueprint, plugin, plugins) for plugin in blueprint.settings}
    return msgspec.structs.replace(blueprint, settings=settings)


def _check_plugins(name: str, blueprint: Blueprint, plugins: Plugins) -> None:
    if len(set(blueprint.plugins)) < len(blueprint.plugins):
        raise BlueprintUnfit(name=name, problem=Words(zh="模块重复", en="a plugin is named twice"))
    for wanted in blueprint.plugins:
        card = plugins.cards.get(wanted)
        if card is None or not card.switchable:
            problem = Words(zh=f"没有可启用的模块 {wanted}", en=f"no plugin {wanted!r} to switch on")
            raise BlueprintUnfit(name=name, problem=problem)
        for required in card.requires:
            if plugins.cards[required].switchable and required not in blueprint.plugins:
                problem = Words(zh=f"{wanted} 依赖 {required}", en=f"{wanted} requires {required}")
                raise BlueprintUnfit(name=name, problem=problem)


def _check_roles(name: str, blueprint: Blueprint, plugins: Plugins) -> None:
    roles = {role.code for role in plugins.ask("register_roles")}
    if unknown := ", ".join(sorted(set(blueprint.roles) - roles)):
        raise BlueprintUnfit(name=name, problem=Words(zh=f"没有角色 {unknown}", en=f"no role {unknown}"))


def _settings(name: str, blueprint: Blueprint, plugin: str, plugins: Plugins) -> dict[str, Any]:
    """The settings of this plugin as JSON can hold them."""
    kind = dict(plugins.ask_each("register_settings")).get(plugin)
    if kind is None or plugin not in blueprint.plugins:
        problem = Words(
            zh=f"settings.{plugin}：未启用该模块，或该模块没有设置项",
            en=f"settings.{plugin}: not switched on, or has no settings",
        )
        raise BlueprintUnfit(name=name, problem=problem)
    try:
        return dict(msgspec.to_builtins(msgspec.convert(blueprint.settings[plugin], kind)))
    except msgspec.ValidationError as error:
        raise BlueprintUnfit(name=name, problem=f"settings.{plugin}: {error}") from error
