"""One schema out of what the rooms register."""

from collections.abc import Iterable
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types.field import StrawberryField

from gongzhi.core.api import PROBLEMS, Node, Plugins, RequestContext, item_by_id

Info = strawberry.Info


class Schema(strawberry.Schema):
    """A schema that leaves logging to the endpoint, which knows what may be written."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Write nothing: an error's text may carry what a caller told."""


class Clash(TypeError):
    """Two plugins offer a root field of one name."""


def root_fields(plugins: Plugins, hook: str) -> dict[str, tuple[str, StrawberryField]]:
    """Python name to (plugin, field) of everything the rooms register for Query or Mutation.

    :raises Clash: two plugins use one name.
    """
    found: dict[str, tuple[str, StrawberryField]] = {}
    for plugin, cls in plugins.ask_each(hook):
        for name, made in vars(cls).items():
            if not isinstance(made, StrawberryField):
                continue
            if name in found:
                raise Clash(f"the field {name} is offered by {found[name][0]} and by {plugin}")
            found[name] = (plugin, made)
    return found


def build_schema(plugins: Plugins) -> strawberry.Schema:
    """The schema of everything installed."""
    queries = root_fields(plugins, "register_queries")
    mutations = root_fields(plugins, "register_mutations")
    types: list[type] = [*PROBLEMS, *plugins.ask("register_types")]
    queries |= {
        "node": ("graphql", item_by_id(_resolve_node)),
        "version": (
            "graphql",
            strawberry.field(resolver=_version, description="The version of gongzhi (版本)."),
        ),
    }
    return Schema(
        query=_root("Query", "What may be asked (查询).", queries),
        mutation=_root(
            "Mutation", "What may be done; every one accepts an idempotencyKey (操作).", mutations
        ),
        types=types,
        config=StrawberryConfig(auto_camel_case=True),
    )


def plugin_of(plugins: Plugins) -> dict[str, str]:
    """Root field, as clients write it, to the plugin that offers it."""
    named = root_fields(plugins, "register_queries") | root_fields(plugins, "register_mutations")
    return {_camel(name): plugin for name, (plugin, _made) in named.items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _root(name: str, description: str, fields: dict[str, tuple[str, Any]]) -> type:
    made = {field_name: field for field_name, (_plugin, field) in sorted(fields.items())}
    return strawberry.type(type(name, (), made), description=description)


def _version() -> str:
    from importlib.metadata import version

    return version("gongzhi")


async def _resolve_node(info: Info[RequestContext, None], type_name: str, global_id: str) -> Any:
    definition = info.schema.get_type_by_name(type_name)
    cls = getattr(definition, "origin", None)
    if cls is None or not issubclass(cls, Node):
        return None
    return await info.context.item(cls, global_id, info)


def types_of(schema: strawberry.Schema) -> Iterable[type]:
    """Every GraphQL type that reads a model."""
    for definition in schema.schema_converter.type_map.values():
        origin = getattr(definition.definition, "origin", None)
        if origin is not None and hasattr(origin, "__reading__"):
            yield origin
