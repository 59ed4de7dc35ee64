"""``gongzhi schema explain``, and that no document we ship is left to the plain executor."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from graphql import GraphQLError, OperationDefinitionNode, parse

from gongzhi.core.api import Plugins
from gongzhi.core.cli import main
from gongzhi.graphql.explain import SCOPES, Explainer

ROOT = Path(__file__).parents[2]
#: Whoever lists the schema asks for introspection, and knows it.
ABOUT_THE_SCHEMA = re.compile(r"\b__(schema|type)\b")


@pytest.fixture(scope="module")
def explainer():
    return Explainer(Plugins.installed())


def shipped():
    """(where, document) of every GraphQL that docs, README and demonstration show."""
    for file in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*"), *ROOT.glob("tenants/demo/**/*")]):
        if file.suffix in (".graphql", ".gql"):
            yield file, file.read_text(encoding="utf-8")
        elif file.suffix in (".md", ".ts", ".sh"):
            text = file.read_text(encoding="utf-8")
            for found in re.finditer(r"```graphql\n(.*?)```", text, re.DOTALL):
                yield file, found[1]
            for found in re.finditer(r"\{\s*\"query\"\s*:\s*\"((?:[^\"\\]|\\.)*)\"", text):
                yield file, json.loads(f'"{found[1]}"')
            for found in re.finditer(r"\"\"\"(.*?)\"\"\"", text, re.DOTALL):
                if "{" in found[1]:
                    yield file, found[1]


def operations():
    for file, text in shipped():
        try:
            document = parse(text)
        except GraphQLError:
            continue
        for one in document.definitions:
            if isinstance(one, OperationDefinitionNode) and not ABOUT_THE_SCHEMA.search(text):
                yield pytest.param(
                    text, one, id=f"{file.name}:{one.name.value if one.name else one.operation.value}"
                )


def test_finds_what_is_shipped():
    assert len(list(operations())) > 5


@pytest.mark.parametrize(("text", "operation"), list(operations()))
def test_nothing_that_is_shipped_falls_back(explainer, text, operation):
    """In one kind of scope at least; who asks in the other one is refused."""
    name = operation.name.value if operation.name else None
    reasons = []
    for scope in SCOPES:
        prepared = explainer._documents.find(text, name)
        variables = {
            one.variable.name.value: sample_of(explainer._documents.schema, one.type)
            for one in prepared.operation.variable_definitions or ()
        }
        explained = explainer.explain(text, variables, scope, name)
        reasons.append([*explained.problems, *(part.fallback for part in explained.parts if part.fallback)])
    assert [] in reasons, reasons


def sample_of(schema, node):
    """Some value of an input type."""
    from graphql import (
        GraphQLEnumType,
        GraphQLInputObjectType,
        GraphQLList,
        GraphQLNonNull,
        type_from_ast,
    )

    def made(kind):
        if isinstance(kind, GraphQLNonNull):
            return made(kind.of_type)
        if isinstance(kind, GraphQLList):
            return []
        if isinstance(kind, GraphQLEnumType):
            return next(iter(kind.values))
        if isinstance(kind, GraphQLInputObjectType):
            return {
                name: made(field.type)
                for name, field in kind.fields.items()
                if isinstance(field.type, GraphQLNonNull)
            }
        samples = {
            "Int": 1,
            "Boolean": True,
            "Date": "2026-01-01",
            "DateTime": "2026-01-01T00:00:00Z",
            "Decimal": "1",
        }
        return samples.get(kind.name, "Grid:0193d56e-7e6f-7f8f-9faf-bfcfdfeff001")

    return made(type_from_ast(schema, node))


class TestExplain:
    def test_shows_statement_cost_and_needs(self):
        document = (
            "{ persons(first: 3) { nodes { phoneMasked } } mediationCases { nodes { parties { name } } } }"
        )
        result = CliRunner().invoke(main, ["schema", "explain", "-"], input=document)
        assert result.exit_code == 0, result.output
        for told in (
            "cost: 424 of 100000 points",
            "423 of 50000 objects",
            "tenants.person:read",
            "shown whole with: mediation.party:identify",
            "plugins: mediation, tenants",
            "made in Python: persons.nodes.phoneMasked",
            'from "tenants"."person"',
        ):
            assert told in result.output

    def test_says_why_something_falls_back(self):
        document = "{ __schema { description } }"
        result = CliRunner().invoke(main, ["schema", "explain", "-"], input=document)
        assert (result.exit_code, "plain executor: introspection" in result.output) == (1, True)

    def test_knows_the_kind_of_scope(self, explainer):
        cases = "{ mediationCases { totalCount } }"
        assert not explainer.explain(cases, {}, "community").falls_back
        assert explainer.explain(cases, {}, "range").falls_back

    def test_plans_each_mutation(self, explainer):
        document = """mutation { disablePlugin(input: {plugin: "mediation"}) { ... on DisablePluginSuccess {
            pluginSwitch { on settings } } } }"""
        [part] = explainer.explain(document, {}, "community").parts
        assert part.title == "mutation disablePlugin"
        assert part.permissions == ["tenants.plugin:read", "tenants.plugin:switch"]
        assert part.steps == ["pluginSwitch.settings"]

    @pytest.mark.parametrize("document", ["{", "{ nothing }", "{" + " version" * 3000 + "}"])
    def test_says_what_is_wrong(self, document):
        result = CliRunner().invoke(main, ["schema", "explain", "-"], input=document)
        assert (result.exit_code, "not valid" in result.output) == (1, True)

    def test_wants_variables_as_an_object(self):
        result = CliRunner().invoke(
            main, ["schema", "explain", "-", "--variables", "[]"], input="{ version }"
        )
        assert result.exit_code == 2
