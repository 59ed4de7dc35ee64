"""Documents that schemathesis makes of the schema, sent by everybody: answered or refused, never a mistake of ours."""

import json
from typing import Any

import pytest
import schemathesis
from graphql import (
    REMOVE,
    ArgumentNode,
    FieldNode,
    ObjectValueNode,
    SelectionSetNode,
    Visitor,
    introspection_from_schema,
    is_required_argument,
    parse,
    parse_value,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from gongzhi.core.testing import literal

WITHIN, BEYOND = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OUTCOME = parse("{ __typename ... on Problem { code message path } }").definitions[0].selection_set.selections

schemathesis.graphql.scalar("Decimal", st.decimals().map(str).map(schemathesis.graphql.nodes.String))


@pytest.fixture(scope="session")
def fuzzed(ground) -> Any:
    """The schema as schemathesis knows it."""
    return schemathesis.graphql.from_dict(
        introspection_from_schema(ground.schema), config=SchemathesisConfig()
    )


class Mended(Visitor):
    """A document that says what came of its command, with what fits in most places where schemathesis guessed."""

    def __init__(self, pick: Any, root: Any, fits: dict[str, Any]) -> None:
        super().__init__()
        self.pick, self.root, self.fits = pick, root, fits

    def leave_field(self, node: Any, _key: Any, _parent: Any, path: list[Any], _ancestors: Any) -> Any:
        """The root field; the length of the path tells it from fields within."""
        if len(path) != 5 or not str(self.root.type).endswith("Payload"):
            return None
        every = SelectionSetNode(selections=(*node.selection_set.selections, *OUTCOME))
        return FieldNode(alias=node.alias, name=node.name, arguments=node.arguments, selection_set=every)

    def leave_argument(self, node: Any, _key: Any, _parent: Any, path: list[Any], _ancestors: Any) -> Any:
        """An argument of the root field, or the length of a list within an object."""
        name = node.name.value
        if not self.fits or not self.pick((True, True, True, False)):
            return None
        if len(path) > 7:
            return ArgumentNode(name=node.name, value=parse_value("3"))
        if name in self.fits:
            return ArgumentNode(
                name=node.name, value=self.mixed(node.value, parse_value(literal(self.fits[name])))
            )
        return None if is_required_argument(self.root.args[name]) else REMOVE

    def mixed(self, guessed: Any, fitting: Any) -> Any:
        """What fits; of an input object, most of it."""
        if not isinstance(guessed, ObjectValueNode):
            return fitting
        mine = {one.name.value: one for one in fitting.fields if self.pick((True, True, True, False))}
        return ObjectValueNode(fields=tuple(mine.get(one.name.value, one) for one in guessed.fields))


@st.composite
def documents(draw, fuzzed, ground, label):
    """A document within the schema or, now and then, beyond it."""

    def pick(options):
        return draw(st.sampled_from(options))

    kind, _, name = label.partition(".")
    mode = pick((WITHIN, WITHIN, WITHIN, WITHIN, BEYOND))
    case = draw(fuzzed[kind][name].as_strategy(generation_mode=mode))
    fits = ground.arguments(label, pick) if mode is WITHIN else {}
    return print_ast(visit(parse(case.body), Mended(pick, ground.roots[label], fits)))


def test_a_document_is_answered_or_refused(ground, fuzzed, label):
    """Each document is sent by every role and by nobody."""

    @settings(
        max_examples=4 * ground.times,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @seed(f"{ground.seed} {label}")
    @given(documents(fuzzed, ground, label), st.sampled_from(("zh", "en")))
    def fuzz(document, language):
        for role in ground.roles:
            ground.check(role, language, json.dumps({"query": document}))

    fuzz()
