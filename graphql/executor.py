"""Each mutation of a document is a transaction of its own, committed once its payload has been read."""

from typing import Any

from graphql import GraphQLObjectType
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class Executor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor, with an end to each mutation.

    Mutations run one after another. When anything in a mutation's payload fails, the command is rolled back,
    its events are dropped and the field is null; what mutations before it did stands, and those after it run.
    """

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Any,
        position_context: Any,
    ) -> Any:
        """A field; a mutation's root field ends its command."""
        told = (parent_type, source, field_details_list, path, position_context)
        if path.prev is not None or parent_type is not self.schema.mutation_type:
            return super().execute_field(*told)
        return self._command(*told)

    async def _command(
        self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Any, position: Any
    ) -> Any:
        known = len(self.collected_errors.errors)
        answer = super().execute_field(parent_type, source, details, path, position)
        if self.is_awaitable(answer):
            answer = await answer
        failures = self.collected_errors.errors[known:]
        try:
            await self.context_value.finish(failures[0] if failures else None)
        except Exception as error:  # noqa: BLE001  # told at the mutation's place, as any failure of it
            field = parent_type.fields[details[0].node.name.value]
            self.handle_field_error(error, field.type, details, path)
            return None
        return None if failures else answer
