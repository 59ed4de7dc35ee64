"""Whether fields that answer under one key are one field: the check of the GraphQL specification, in one pass.

Section 5.3.2 compares every two fields of one response key; a small document of one field, repeated, then costs
a second. Here the fields of a key are laid together, held against the first of their kind, and their selections
looked into together, as often as a document may open selections at all. It is a little stricter than the specification: fields of one key on types that
can't be the same object must be of one type, where the specification would let their selections differ in form.
"""

from collections.abc import Iterator
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
    print_ast,
    type_from_ast,
)

from gongzhi.graphql.limits import MOST_NODES, LimitExceeded
from gongzhi.graphql.selection import MOST_SETS

#: A selection set under the type it selects from.
Under = tuple[Any, SelectionSetNode]


class OneFieldPerKey(ValidationRule):
    """Fields of one response key are one field with the same arguments."""

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Look through an operation, fragments included."""
        root = self.context.schema.get_root_type(node.operation)
        seen: set[frozenset[int]] = set()
        waiting: list[list[Under]] = [[(root, node.selection_set)]]
        while waiting:
            if len(seen) > MOST_SETS:
                # Fragments can be laid together in as many ways as they have subsets.
                raise LimitExceeded.of("nodes", MOST_NODES)
            together = waiting.pop()
            mark = frozenset(id(selections) for _parent, selections in together)
            if mark in seen:
                continue
            seen.add(mark)
            for fields in self._by_key(together).values():
                if len(fields) > 1 and not self._agree(fields):
                    return
                beneath = [
                    (get_named_type(known.type) if known else None, field.selection_set)
                    for _parent, field, known in fields
                    if field.selection_set
                ]
                if beneath:
                    waiting.append(beneath)

    def _by_key(self, together: list[Under]) -> dict[str, list[tuple[Any, FieldNode, GraphQLField | None]]]:
        found: dict[str, list[tuple[Any, FieldNode, GraphQLField | None]]] = {}
        opened: set[tuple[str | None, str]] = set()
        for parent, selections in together:
            for kind, field in self._fields(parent, selections, opened):
                known = self._definition(kind, field.name.value)
                found.setdefault((field.alias or field.name).value, []).append((kind, field, known))
        return found

    def _fields(
        self, parent: Any, selections: SelectionSetNode, opened: set[tuple[str | None, str]]
    ) -> Iterator[tuple[Any, FieldNode]]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield parent, node
            elif isinstance(node, InlineFragmentNode):
                yield from self._fields(
                    self._condition(node.type_condition, parent), node.selection_set, opened
                )
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.context.get_fragment(node.name.value)
                mark = (getattr(parent, "name", None), node.name.value)
                if fragment is not None and mark not in opened:
                    opened.add(mark)
                    kind = self._condition(fragment.type_condition, parent)
                    yield from self._fields(kind, fragment.selection_set, opened)

    def _condition(self, condition: Any, parent: Any) -> Any:
        return parent if condition is None else type_from_ast(self.context.schema, condition)

    def _definition(self, parent: Any, name: str) -> GraphQLField | None:
        return None if parent is None else self.context.schema.get_field(parent, name)

    def _agree(self, fields: list[tuple[Any, FieldNode, GraphQLField | None]]) -> bool:
        """Report the first two that don't go together."""
        kinds = {str(known.type) for _parent, _field, known in fields if known is not None}
        plain = not any(field.arguments for _parent, field, _known in fields)
        if len(kinds) <= 1 and plain and len({field.name.value for _parent, field, _known in fields}) == 1:
            return True
        first: dict[str, FieldNode] = {}
        told: dict[int, str] = {}
        for parent, field, _known in fields:
            # Objects of two types are never the same; an interface may be either of them.
            name = parent.name if isinstance(parent, GraphQLObjectType) else ""
            others = (first.get(name), first.get("")) if name else tuple(first.values())
            for other in others:
                if other is not None and _asks(field, told) != _asks(other, told):
                    return self._conflict(other, field)
            first.setdefault(name, field)
        return True if len(kinds) <= 1 else self._conflict(fields[0][1], fields[-1][1])

    def _conflict(self, one: FieldNode, other: FieldNode) -> bool:
        key = (one.alias or one.name).value
        self.report_error(
            GraphQLError(
                f"'{key}' asks for different things here and there; give one of them an alias / "
                f"“{key}”在两处的查询内容不同，请使用别名",
                [one, other],
            )
        )
        return False


def _asks(field: FieldNode, told: dict[int, str]) -> str:
    """The field and its arguments, whatever their order."""
    if id(field) not in told:
        arguments = sorted(f"{a.name.value}: {print_ast(a.value)}" for a in field.arguments or ())
        told[id(field)] = f"{field.name.value}({', '.join(arguments)})"
    return told[id(field)]
