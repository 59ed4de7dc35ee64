"""What an answer may cost at most, in points, known before anything is executed.

A point for each object that may be returned, and one more for every ten plain fields of it; ten for a total, ten
for a mutation, two thousand for a look at the schema. Pages count as full as they were asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, get_nullable_type, is_leaf_type, is_list_type

from gongzhi.core.api import PAGE

TOTAL, MUTATION, ANSWERED, INTROSPECTION = 10, 10, 200, 2000
#: Plain fields of an object that cost a point together.
LEAVES = 10


@dataclass(slots=True)
class Cost:
    """What one request may cost.

    :param nodes: objects it may be answered with.
    :param depth: levels of nesting.
    """

    points: int
    nodes: int
    depth: int


@dataclass
class Price:
    """The price of a field, some of it times what its arguments say.

    :param at: where the arguments are that say how often it is paid; None for once.
    """

    points: int = 0
    nodes: int = 0
    at: int | None = None
    beneath: list["Price"] = field(default_factory=list)

    def folded(self) -> "Price":
        """The same with everything added up that no argument changes."""
        beneath = [price.folded() for price in self.beneath]
        fixed = [price for price in beneath if price.at is None]
        return Price(
            self.points + sum(price.points for price in fixed),
            self.nodes + sum(price.nodes for price in fixed),
            self.at,
            [price for price in beneath if price.at is not None]
            + [one for price in fixed for one in price.beneath],
        )

    def of(self, arguments: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
        """(points, nodes) under these arguments."""
        points, nodes = self.points, self.nodes
        for price in self.beneath:
            more_points, more_nodes = price.of(arguments)
            points, nodes = points + more_points, nodes + more_nodes
        times = 1 if self.at is None else how_many(arguments[self.at])
        return points * times, nodes * times


def how_many(arguments: Mapping[str, Any]) -> int:
    """How many objects these arguments ask for."""
    if "ids" in arguments:
        return len(arguments["ids"])
    asked = arguments.get("first"), arguments.get("last")
    wanted = next((number for number in asked if number is not None), PAGE)
    return max(0, wanted)


def is_counted(definition: GraphQLField) -> bool:
    """True where a field's own arguments say how many objects it answers."""
    return "first" in definition.args or "ids" in definition.args


def is_list(definition: GraphQLField) -> bool:
    """True where a field answers a list."""
    return is_list_type(get_nullable_type(definition.type))


def is_leaf(definition: GraphQLField) -> bool:
    """True where a field answers one plain value."""
    return is_leaf_type(get_nullable_type(definition.type))
