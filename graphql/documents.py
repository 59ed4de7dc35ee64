"""Documents: parsed, measured and validated once, and kept in a bounded cache with what was made of them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    VariableNode,
    Visitor,
    parse,
    specified_rules,
    validate,
    visit,
)

from gongzhi.core.api import Words
from gongzhi.graphql.arguments import Variables
from gongzhi.graphql.errors import NotValid, RequestMalformed, of_document
from gongzhi.graphql.limits import MOST_CHARACTERS, MOST_DEPTH, MOST_TOKENS, LimitExceeded, check_document
from gongzhi.graphql.overlap import OneFieldPerKey

#: How many documents are kept, of how many characters together, and how many things made of each.
DOCUMENTS, CHARACTERS, MADE = 1000, 1_000_000, 20
#: The longest document that is kept, in characters.
LONGEST_KEPT = 16_384
#: How many mistakes are told of a document.
_MISTAKES = 5

_RULES = [rule for rule in specified_rules if rule is not OverlappingFieldsCanBeMergedRule] + [OneFieldPerKey]


@dataclass(frozen=True)
class Faulty:
    """What is wrong with a document; kept instead of the exception, which would hold on to a request."""

    told: list[dict[str, Any]]


@dataclass
class Prepared:
    """An operation of a document that was found valid.

    :param depth: how deep it nests.
    :param flag_names: the variables that ``@skip`` and ``@include`` read.
    :param made: what the compiler made of it, by what that depends on.
    """

    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    depth: int
    variables: Variables
    flag_names: tuple[str, ...]
    made: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` answers, made once for this key; the oldest is let go of."""
        made = self.made.get(key)
        if made is None:
            made = self.made[key] = make()
            if len(self.made) > MADE:
                self.made.popitem(last=False)
        return made


class Documents:
    """The documents of one schema.

    :param hints: True where mistakes are told with what may have been meant.
    """

    def __init__(self, schema: GraphQLSchema, *, hints: bool = True) -> None:
        self.schema, self._hints = schema, hints
        self._kept: OrderedDict[tuple[str, str | None], Prepared | Faulty] = OrderedDict()
        self._characters = 0

    def find(self, query: str, operation: str | None) -> Prepared:
        """This operation of this document.

        :raises LimitExceeded: the document is beyond what one request may ask for.
        :raises NotValid: it is no GraphQL of this schema.
        :raises RequestMalformed: it has no such operation.
        """
        key = (query, operation)
        found = self._kept.get(key)
        if found is None:
            try:
                found = self._prepare(query, operation)
            except NotValid as error:
                found = Faulty(error.told)
            self._keep(key, found)
        else:
            self._kept.move_to_end(key)
        if isinstance(found, Faulty):
            raise NotValid(found.told)
        return found

    def knows(self, query: str, operation: str | None) -> bool:
        """True when this document costs no work any more."""
        return (query, operation) in self._kept

    def _keep(self, key: tuple[str, str | None], found: Prepared | Faulty) -> None:
        if len(key[0]) > LONGEST_KEPT:
            return
        self._kept[key] = found
        self._characters += len(key[0])
        while len(self._kept) > DOCUMENTS or self._characters > CHARACTERS:
            (gone, _operation), _found = self._kept.popitem(last=False)
            self._characters -= len(gone)

    def _prepare(self, query: str, operation: str | None) -> Prepared:
        document = _parsed(query)
        depth = check_document(document)
        mistakes = validate(
            self.schema, document, _RULES, max_errors=_MISTAKES, hide_suggestions=not self._hints
        )
        if mistakes:
            raise NotValid([of_document(mistake) for mistake in mistakes[:_MISTAKES]])
        chosen = _chosen(document, operation)
        fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        variables = Variables.of(self.schema, chosen)
        return Prepared(document, chosen, fragments, depth, variables, _flag_names(chosen, fragments))


def _parsed(query: str) -> DocumentNode:
    if len(query) > MOST_CHARACTERS:
        raise LimitExceeded.of("characters", MOST_CHARACTERS)
    try:
        return parse(query, max_tokens=MOST_TOKENS)
    except GraphQLError as error:
        if "nested too deeply" in error.message:
            raise LimitExceeded.of("depth", MOST_DEPTH) from None
        if "Parsing aborted" in error.message:
            raise LimitExceeded.of("tokens", MOST_TOKENS) from None
        raise NotValid([of_document(error)]) from None


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation to execute."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    named = [d for d in operations if name is None or (d.name and d.name.value == name)]
    if not named:
        raise RequestMalformed(problem=Words(zh="文档中没有该操作", en="the document has no such operation"))
    if len(named) > 1:
        which = GraphQLError("Name one of the operations in operationName / 请用 operationName 指明操作")
        raise NotValid([of_document(which)])
    return named[0]


def _flag_names(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    """The variables that skip and include read in this operation."""
    found: dict[str, None] = {}
    opened: set[str] = set()

    class Flags(Visitor):
        def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
            if node.name.value not in opened:
                opened.add(node.name.value)
                visit(fragments[node.name.value], self)

        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None

    visit(operation, Flags())
    return tuple(found)
