"""The kinds of object that have ids, what reading each needs, and which switch stands before it."""

from functools import cache
from typing import Any

from gongzhi.core.api import Base, Kernel, Node, Permission, Reading


def readings(kernel: Kernel) -> tuple[Reading, ...]:
    """What is declared of every type whose objects have ids, in a stable order."""
    # Declared where the rooms' graphql modules are read, which outside the web nobody else may have done.
    kernel.plugins.ask("register_queries")
    return _declared()


@cache
def _declared() -> tuple[Reading, ...]:
    found = {}
    waiting: list[Any] = list(Node.__subclasses__())
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        declared = getattr(one, "__reading__", None)
        if isinstance(declared, Reading):
            found[declared.name] = declared
    return tuple(found[name] for name in sorted(found))


def model_called(kernel: Kernel, name: str) -> type[Base] | None:
    """The model of the type of this name."""
    return next((one.model for one in readings(kernel) if one.name == name), None)


def switch_of(kernel: Kernel, permission: Permission) -> str | None:
    """The plugin that a community has to switch on for this permission to mean anything; None where there is none."""
    card = kernel.plugins.cards.get(permission.code.partition(".")[0])
    return card.name if card is not None and card.switchable else None
