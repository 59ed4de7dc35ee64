"""What a document asks for, merged: fields by response key, fragments opened, skipped ones left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
)


class TooManySelections(Exception):  # noqa: N818  # told as a limit
    """A small document opens more selection sets than one may."""


#: How many selection sets one reading of a document opens; aliases that nest double them with each step.
MOST_SETS = 1000


@dataclass
class Selected:
    """A field that is asked for.

    :param nodes: where it stands in the document; several where selections merge, with the same arguments.
    :param parent: the type it is a field of.
    """

    key: str
    name: str
    parent: GraphQLObjectType
    nodes: list[FieldNode] = field(default_factory=list)

    @property
    def definition(self) -> GraphQLField:
        """The field as the schema has it."""
        definition: GraphQLField = self.parent.fields[self.name]
        return definition

    @property
    def python_name(self) -> str:
        """The declared name of the field: strawberry keeps it with the definition."""
        return str(self.definition.extensions["strawberry-definition"].python_name)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What a root field was declared with."""
        declared: Mapping[str, Any] = self.definition.extensions["strawberry-definition"].metadata
        return declared


@dataclass
class Asked:
    """An operation of a document, with what is needed to read its selections.

    :param flags: the values of the variables that ``@skip`` and ``@include`` read.
    :param sets: how many selection sets were opened so far.
    """

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    flags: Mapping[str, bool]
    sets: int = 0

    def afresh(self) -> "Asked":
        """The same, with no selection set opened yet: a document is kept, and asked again and again."""
        return replace(self, sets=0)

    def roots(self, query: GraphQLObjectType) -> list[Selected]:
        """The root fields."""
        return self._merged(query, [self.operation.selection_set])

    def beneath(self, selected: Selected, concrete: GraphQLObjectType | None = None) -> list[Selected]:
        """The fields of what this field returns.

        :param concrete: the type of the object, where the field returns an interface or a union.
        """
        kind = concrete or get_named_type(selected.definition.type)
        assert isinstance(kind, GraphQLObjectType)
        return self._merged(kind, [node.selection_set for node in selected.nodes if node.selection_set])

    def _merged(self, parent: GraphQLObjectType, sets: list[SelectionSetNode]) -> list[Selected]:
        self.sets += 1
        if self.sets > MOST_SETS:
            raise TooManySelections
        merged: dict[str, Selected] = {}
        opened: set[str] = set()
        for selections in sets:
            for node in self._fields(parent, selections, opened):
                key = (node.alias or node.name).value
                merged.setdefault(key, Selected(key, node.name.value, parent)).nodes.append(node)
        return list(merged.values())

    def _fields(
        self, parent: GraphQLObjectType, selections: SelectionSetNode, opened: set[str]
    ) -> Iterator[FieldNode]:
        """The fields of a selection set; a fragment is opened once, however often it is spread."""
        for node in selections.selections:
            if not self._wanted(node.directives):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            fragment: Any = node
            if isinstance(node, FragmentSpreadNode):
                if node.name.value in opened:
                    continue
                opened.add(node.name.value)
                fragment = self.fragments[node.name.value]
            assert isinstance(fragment, FragmentDefinitionNode | InlineFragmentNode)
            if self._applies(fragment.type_condition, parent):
                yield from self._fields(parent, fragment.selection_set, opened)

    def _applies(self, condition: NamedTypeNode | None, parent: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == parent.name:
            return True
        kind = self.schema.get_type(condition.name.value)
        if isinstance(kind, GraphQLUnionType):
            return parent in kind.types
        return isinstance(kind, GraphQLInterfaceType) and kind in parent.interfaces

    def _wanted(self, directives: tuple[DirectiveNode, ...] | None) -> bool:
        for directive in directives or ():
            if directive.name.value in ("skip", "include"):
                [argument] = directive.arguments or ()
                value: Any = argument.value
                told = self.flags[value.name.value] if isinstance(value, VariableNode) else value.value
                if bool(told) is (directive.name.value == "skip"):
                    return False
        return True
