"""What a document may ask for at most, looked at before anything is validated or executed."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gongzhi.core.api import Refusal, Words

#: The longest document: characters and tokens.
MOST_CHARACTERS, MOST_TOKENS = 50_000, 2000
#: How deep fields nest; the usual introspection goes fifteen deep.
MOST_DEPTH = 20
MOST_FIELDS, MOST_FRAGMENTS, MOST_ALIASES, MOST_DIRECTIVES = 600, 100, 100, 100
#: Values in the variables of one request, at whatever depth; a file is one.
MOST_VALUES = 10_000
#: Objects that one document may be answered with, and points it may cost; see :mod:`gongzhi.graphql.cost`.
MOST_NODES, MOST_COST = 50_000, 100_000

_WHAT = {
    "characters": Words(zh="字符数", en="characters"),
    "tokens": Words(zh="词元数", en="tokens"),
    "depth": Words(zh="嵌套层数", en="levels of nesting"),
    "fields": Words(zh="字段数", en="fields"),
    "fragments": Words(zh="片段数", en="fragments"),
    "aliases": Words(zh="别名数", en="aliases"),
    "directives": Words(zh="指令数", en="directives"),
    "values": Words(zh="变量值个数", en="values in its variables"),
    "nodes": Words(zh="可能返回的对象数", en="objects it may be answered with"),
    "cost": Words(zh="开销点数", en="points of cost"),
}


class LimitExceeded(Refusal):
    """The document asks for more than one request may: ask for smaller pages, fewer levels, or in several requests."""

    code = "LIMIT_EXCEEDED"
    zh = "一次请求的{what}最多为{most}，请减少每页条数、嵌套层数，或分几次请求"
    en = "One request may have {most} {what} at most; ask for smaller pages, fewer levels, or in several requests"
    top_level = True

    @classmethod
    def of(cls, limit: str, most: int) -> "LimitExceeded":
        """The refusal for this limit."""
        return cls(what=_WHAT[limit], most=most)


def check_variables(variables: Mapping[str, Any]) -> None:
    """:raises LimitExceeded: they hold too many values."""
    count = 0
    waiting: list[Any] = [variables]
    while waiting:
        held = waiting.pop()
        count += len(held)
        if count > MOST_VALUES:
            raise LimitExceeded.of("values", MOST_VALUES)
        inner = held.values() if isinstance(held, Mapping) else held
        waiting += [one for one in inner if isinstance(one, dict | list)]


def check_document(document: DocumentNode) -> int:
    """How deep the document nests.

    :raises LimitExceeded: it is too deep, or has too many fields, fragments, aliases or directives.
    """
    fragments = [one for one in document.definitions if isinstance(one, FragmentDefinitionNode)]
    shape = _Shape({one.name.value: one for one in fragments})
    depth = 0
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            shape.directives += len(definition.directives or ())
            depth = max(depth, shape.depth_of(definition.selection_set))
    for limit, found, most in (
        ("depth", depth, MOST_DEPTH),
        ("fields", shape.fields, MOST_FIELDS),
        ("fragments", len(fragments), MOST_FRAGMENTS),
        ("aliases", shape.aliases, MOST_ALIASES),
        ("directives", shape.directives, MOST_DIRECTIVES),
    ):
        if found > most:
            raise LimitExceeded.of(limit, most)
    return depth


class _Shape:
    """A document's measures; every selection set is looked at once."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._depths: dict[str, int] = {}
        self.fields = self.aliases = self.directives = 0

    def depth_of(self, selections: SelectionSetNode) -> int:
        return max(self._depths_in(selections), default=0)

    def _depths_in(self, selections: SelectionSetNode) -> Iterator[int]:
        for node in selections.selections:
            self.directives += len(node.directives or ())
            if isinstance(node, FragmentSpreadNode):
                yield self._depth_of_fragment(node.name.value)
                continue
            inner: Any = node.selection_set  # type: ignore[attr-defined]
            beneath = 0 if inner is None else self.depth_of(inner)
            if isinstance(node, FieldNode):
                self.fields += 1
                self.aliases += node.alias is not None
                beneath += 1
            yield beneath

    def _depth_of_fragment(self, name: str) -> int:
        if name not in self._depths:
            # One that spreads itself is for validation to refuse.
            self._depths[name] = 0
            fragment = self._fragments.get(name)
            if fragment is not None:
                counted = self.fields, self.aliases, self.directives
                self._depths[name] = self.depth_of(fragment.selection_set)
                # What stands in it is counted where it is defined.
                self.fields, self.aliases, self.directives = counted
        return self._depths[name]
