"""The plugins of this process: found one by one, ordered, asked; a broken one is recorded and left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from inspect import iscoroutinefunction
from typing import Any, Self

import pluggy
import structlog

from gongzhi.core import hookspecs
from gongzhi.core.hookspecs import PROJECT

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class PluginCard:
    """Who a plugin is.

    :param name: as in the entry point and in its PostgreSQL schema.
    :param switchable: False for what every community has (the kernel's own rooms).
    :param requires: names of plugins that must be installed and, where switchable, switched on.
    """

    name: str
    zh: str
    en: str
    version: str
    switchable: bool = True
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded, and why; the platform stays up and says so."""

    name: str
    reason: str


def _origin(plugin: Any) -> str:
    """Where a plugin comes from: what its entry point names, or its module."""
    return str(getattr(plugin, "value", None) or getattr(plugin, "__name__", plugin))


def _check_colour(caller: pluggy.HookCaller) -> None:
    """:raises TypeError: the only implementation is plain where the hook is awaited, or the reverse."""
    [implementation] = caller.get_hookimpls()
    assert caller.spec is not None
    if iscoroutinefunction(implementation.function) != iscoroutinefunction(caller.spec.function):
        raise TypeError(f"{caller.name} is awaited or plain as its hookspec says, and this is not")


@dataclass
class Plugins:
    """House plugins and strangers, come in by the same door."""

    cards: dict[str, PluginCard] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)
    _manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(PROJECT), repr=False)

    @classmethod
    def installed(cls) -> Self:
        """Every plugin an installed distribution names under ``[project.entry-points.gongzhi]``.

        Our own come first, so that no stranger takes the name of one of them.
        """

        def strangers_last(point: EntryPoint) -> tuple[bool, str, str]:
            return point.dist is None or point.dist.name != PROJECT, point.name, point.value

        points: list[EntryPoint] = sorted(entry_points(group=PROJECT), key=strangers_last)
        return cls.of(points)

    @classmethod
    def of(cls, points: Iterable[EntryPoint | tuple[str, Any]]) -> Self:
        """The plugins behind these entry points, or given as (name, object)."""
        plugins = cls()
        loaded: dict[str, Any] = {}
        for point in points:
            name = point.name if isinstance(point, EntryPoint) else point[0]
            try:
                loaded[name] = plugins._checked(name, point, loaded)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # a stranger's import may raise anything
                plugins._set_aside(name, f"{type(error).__name__}: {error}")
        plugins._register(loaded)
        return plugins

    def _checked(self, name: str, point: EntryPoint | tuple[str, Any], loaded: dict[str, Any]) -> Any:
        """The plugin's module, once a manager of its own accepts every hook it implements."""
        if name in loaded:
            second = _origin(point if isinstance(point, EntryPoint) else point[1])
            raise ValueError(f"{second} has the name of {_origin(loaded[name])}, which stands")
        plugin = point.load() if isinstance(point, EntryPoint) else point[1]
        trial = pluggy.PluginManager(PROJECT)
        trial.add_hookspecs(hookspecs)
        trial.register(plugin, name)
        trial.check_pending()
        for caller in trial.get_hookcallers(plugin) or ():
            _check_colour(caller)
        [card] = trial.hook.plugin_card() or [None]
        if not isinstance(card, PluginCard) or card.name != name:
            raise ValueError(f"plugin_card() must answer a PluginCard named {name!r}")
        self.cards[name] = card
        return plugin

    def _register(self, loaded: dict[str, Any]) -> None:
        self._manager.add_hookspecs(hookspecs)
        order = self._ordered(loaded)
        self.cards = {name: self.cards[name] for name in order}
        # pluggy calls the last registered first; registered backwards, answers come in our order.
        for name in reversed(order):
            self._manager.register(loaded[name], name)

    def _ordered(self, loaded: dict[str, Any]) -> list[str]:
        """Names so that whoever is required comes first; alphabetical otherwise."""
        order: list[str] = []
        waiting = sorted(loaded)
        while waiting:
            ready = [name for name in waiting if set(self.cards[name].requires) <= set(order)]
            if not ready:
                for name in waiting:
                    missing = sorted(set(self.cards[name].requires) - set(order))
                    self._set_aside(
                        name, f"requires {', '.join(missing)}, which is missing, broken or circular"
                    )
                break
            order.append(ready[0])
            waiting.remove(ready[0])
        return order

    def _set_aside(self, name: str, reason: str) -> None:
        self.broken.append(Broken(name, reason))
        log.error("plugins.set_aside", plugin=name, reason=reason)

    def ask_each(self, hook: str, **details: object) -> list[tuple[str, Any]]:
        """Put a ``register_*`` question to everyone: (plugin, item) pairs in the plugins' order.

        What a plugin raises goes through, with a note of whose it is.
        """
        answers = []
        for implementation in self._implementations(hook):
            told = {name: details[name] for name in implementation.argnames}
            try:
                answers += [(implementation.plugin_name, item) for item in implementation.function(**told)]
            except Exception as error:
                error.add_note(f"the plugin {implementation.plugin_name} was answering {hook}")
                raise
        return answers

    def _implementations(self, hook: str) -> list[Any]:
        """Everyone's implementation of a hook, in the plugins' order."""
        return getattr(self._manager.hook, hook).get_hookimpls()[::-1]  # type: ignore[no-any-return]

    def ask(self, hook: str, **details: object) -> list[Any]:
        """Put a ``register_*`` question to everyone and lay the answers end to end."""
        return [item for _plugin, item in self.ask_each(hook, **details)]

    async def first(self, hook: str, **details: object) -> Any:
        """The first answer that is not None to an asynchronous question, or None."""
        for implementation in self._implementations(hook):
            told = {name: details[name] for name in implementation.argnames}
            answer = await implementation.function(**told)
            if answer is not None:
                return answer
        return None
