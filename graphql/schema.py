"""One schema out of what the rooms register."""

from importlib.metadata import version
from typing import Any

import strawberry
from strawberry.schema.config import StrawberryConfig

from gongzhi.core.api import (
    PROBLEMS,
    Caller,
    Plugins,
    check_agreement,
    item_by_id,
    items_by_ids,
    of_caller,
)
from gongzhi.graphql.catalogue import readings_of, root_fields
from gongzhi.graphql.scalars import SCALARS


def build_schema(plugins: Plugins) -> strawberry.Schema:
    """The schema of everything installed.

    :raises Clash: two plugins offer a root field of one name.
    :raises Disagreement: a type says of its model what is not so.
    """
    queries = root_fields(plugins, "register_queries")
    queries["node"] = ("graphql", item_by_id())
    queries["nodes"] = ("graphql", items_by_ids())
    queries["version"] = ("graphql", of_caller(_version, str, "The version of gongzhi (版本)."))
    mutations = root_fields(plugins, "register_mutations")
    schema = strawberry.Schema(
        query=_root("Query", "What may be asked (查询).", queries),
        mutation=_root(
            "Mutation",
            "What may be done; every one accepts an idempotencyKey. Several in one document run one after "
            "another, each a transaction of its own: one that fails undoes nothing but itself (操作).",
            mutations,
        ),
        types=PROBLEMS,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    check_agreement(readings_of(schema))
    return schema


def _root(name: str, description: str, fields: dict[str, tuple[str, Any]]) -> type:
    made = {field_name: field for field_name, (_plugin, field) in sorted(fields.items())}
    return strawberry.type(type(name, (), made), description=description)


def _version(_caller: Caller) -> str:
    return version("gongzhi")
