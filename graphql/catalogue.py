"""Which plugin offers what, so that a switched-off one is silent on every way in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from gongzhi.core.api import Base, Node, Plugins, Reading


class Clash(TypeError):  # noqa: N818  # the word says it
    """Two plugins offer a root field of one name."""


@dataclass(frozen=True)
class Catalogue:
    """What the plugins brought.

    :param fields: root field, as clients write it, to the plugin that offers it.
    :param models: model to the plugin whose table it is; the kernel's own are in no plugin.
    :param nodes: type name to declaration, for what has an id of its own.
    """

    fields: dict[str, str]
    models: dict[type[Base], str]
    nodes: dict[str, Reading]

    @classmethod
    def of(cls, plugins: Plugins, schema: strawberry.Schema) -> Self:
        """The catalogue of a schema."""
        offered = root_fields(plugins, "register_queries") | root_fields(plugins, "register_mutations")
        return cls(
            fields={to_camel_case(name): plugin for name, (plugin, _made) in offered.items()},
            models={model: plugin for plugin, model in plugins.ask_each("register_models")},
            nodes={reading.name: reading for reading in readings_of(schema) if issubclass(reading.cls, Node)},
        )


def root_fields(plugins: Plugins, hook: str) -> dict[str, tuple[str, Any]]:
    """Python name to (plugin, field) of everything the rooms register for Query or Mutation.

    :raises Clash: two plugins use one name.
    """
    found: dict[str, tuple[str, Any]] = {}
    for plugin, cls in plugins.ask_each(hook):
        for name, made in vars(cls).items():
            if not isinstance(made, StrawberryField):
                continue
            if name in found:
                raise Clash(f"the field {name} is offered by {found[name][0]} and by {plugin}")
            found[name] = (plugin, made)
    return found


def readings_of(schema: strawberry.Schema) -> Iterator[Reading]:
    """The declaration of every GraphQL type that reads a model."""
    for concrete in schema.schema_converter.type_map.values():
        reading = getattr(getattr(concrete.definition, "origin", None), "__reading__", None)
        if isinstance(reading, Reading):
            yield reading
