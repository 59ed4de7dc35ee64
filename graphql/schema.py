"""One schema out of what the rooms register."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import MaxTokensLimiter, SchemaExtension
from strawberry.schema.config import StrawberryConfig

from gongzhi.core.api import PROBLEMS, Plugins, check_agreement, item_by_id
from gongzhi.graphql.catalogue import readings_of, root_fields
from gongzhi.graphql.executor import Executor
from gongzhi.graphql.requests import MOST_TOKENS
from gongzhi.graphql.scalars import SCALARS


class Schema(strawberry.Schema):
    """A schema that leaves logging to the endpoint, which knows what may be written."""

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Write nothing: an error's text may carry what a caller told."""


class NamedOperation(SchemaExtension):
    """A document of several operations says which one; strawberry alone would take the first."""

    def on_validate(self) -> Iterator[None]:
        """Between parsing and executing."""
        told = self.execution_context
        definitions = told.graphql_document.definitions if told.graphql_document else ()
        operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        if len(operations) > 1 and told._provided_operation_name is None:  # noqa: SLF001  # nowhere else
            raise GraphQLError("Name one of the operations in operationName / 请用 operationName 指明操作")
        yield


def build_schema(plugins: Plugins) -> strawberry.Schema:
    """The schema of everything installed.

    :raises Clash: two plugins offer a root field of one name.
    :raises Disagreement: a type says of its model what is not so.
    """
    queries = root_fields(plugins, "register_queries")
    queries["node"] = ("graphql", item_by_id())
    queries["version"] = (
        "graphql",
        strawberry.field(resolver=_version, description="The version of gongzhi (版本)."),
    )
    mutations = root_fields(plugins, "register_mutations")
    schema = Schema(
        query=_root("Query", "What may be asked (查询).", queries),
        mutation=_root(
            "Mutation",
            "What may be done; every one accepts an idempotencyKey. Several in one document run one after "
            "another, each a transaction of its own: one that fails undoes nothing but itself (操作).",
            mutations,
        ),
        types=PROBLEMS,
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=Executor,
        extensions=[NamedOperation, lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS)],
    )
    check_agreement(readings_of(schema))
    return schema


def _root(name: str, description: str, fields: dict[str, tuple[str, Any]]) -> type:
    made = {field_name: field for field_name, (_plugin, field) in sorted(fields.items())}
    return strawberry.type(type(name, (), made), description=description)


def _version() -> str:
    return version("gongzhi")
