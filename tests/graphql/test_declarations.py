"""What holds for everything in the schema, enumerated from the schema itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLUnionType,
    OperationDefinitionNode,
    parse,
)

from gongzhi.core.commands import UseCase
from gongzhi.core.mutations import PROBLEMS
from gongzhi.core.permissions import Permission
from gongzhi.core.reads import Column, Node, Reading, Step
from gongzhi.graphql.catalogue import readings_of, root_fields
from gongzhi.graphql.schema import build_schema

TESTS = Path(__file__).parents[1]

#: What is about the caller alone, or says for itself what it needs (node: the type of the id).
NEED_NOTHING = {"builtInRoles", "me", "node", "nodes", "permissions", "version"}


def ours(schema):
    return {name: kind for name, kind in schema.type_map.items() if not name.startswith("__")}


def described(schema) -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, with it."""
    for name, kind in ours(schema).items():
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            continue
        for field_name, field in getattr(kind, "fields", {}).items():
            yield f"{name}.{field_name}", field.description
            for argument_name, argument in getattr(field, "args", {}).items():
                yield f"{name}.{field_name}({argument_name})", argument.description


def declared_roots(kernel, hook):
    return {name: made for name, (_plugin, made) in root_fields(kernel.plugins, hook).items()}


class TestEverything:
    def test_has_a_description(self, schema):
        assert [name for name, description in described(schema) if not (description or "").strip()] == []

    def test_is_described_in_chinese_too(self, schema):
        """Integrators of a county read Chinese; GraphQL's own scalars are described by graphql-core."""
        built_in = {"String", "Int", "Boolean", "ID", "Float"}
        foreign = [
            name
            for name, description in described(schema)
            if name not in built_in and not any("一" <= character <= "鿿" for character in description or "")
        ]
        assert foreign == []


class TestRootFields:
    def test_say_what_they_need(self, kernel, schema):
        """A right, the right to read a type, or a command; the rest is about the caller alone."""
        fields = {**schema.query_type.fields, **schema.mutation_type.fields}
        silent = {
            name
            for name, field in fields.items()
            if not isinstance(
                field.extensions["strawberry-definition"].metadata.get("needs"),
                Permission | Reading | UseCase,
            )
        }
        assert silent == NEED_NOTHING
        assert len(fields) > len(NEED_NOTHING)

    def test_may_be_null(self, schema):
        """A refusal of one field leaves the others of the document standing."""
        fields = {**schema.query_type.fields, **schema.mutation_type.fields}
        strict = {name for name, field in fields.items() if isinstance(field.type, GraphQLNonNull)}
        assert strict == {"version"}

    def test_are_all_exercised_by_tests(self, schema):
        """A document in tests/graphql, tests/plugins or tests/tenants asks each; forgetting one fails here."""
        fields = {*schema.query_type.fields, *schema.mutation_type.fields}
        asked = {
            field
            for folder in ("graphql", "plugins", "tenants")
            for file in (TESTS / folder).rglob("test_*.py")
            for text in texts(file)
            for field in asked_in(text)
        }
        assert fields - asked == set()


def texts(file: Path) -> Iterator[str]:
    """Every text of a Python file, with a name in each gap of an f-string."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "gap" for part in node.values
            )


def asked_in(text: str) -> set[str]:
    """The root fields of a document; a single word is a root field given to ``client.do`` or to a table."""
    if text.isidentifier():
        return {text}
    if "{" not in text:
        return set()
    try:
        document = parse(text)
    except GraphQLError:
        return set()
    return {
        selection.name.value
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        for selection in definition.selection_set.selections
        if hasattr(selection, "name")
    }


class TestTypes:
    def test_that_read_a_model_name_a_registered_permission(self, kernel):
        """And so does each of their fields that needs more."""
        known = set(kernel.roles.permissions.values())
        readings = list(readings_of(build_schema(kernel.plugins)))
        assert len(readings) > 10
        for reading in readings:
            assert reading.permission in known, reading.name
            for name, declared in reading.fields.items():
                if isinstance(declared, Column | Step) and declared.permission is not None:
                    assert declared.permission in known, f"{reading.name}.{name}"

    def test_with_an_id_are_nodes(self, schema):
        node = schema.get_type(Node.__name__)
        assert isinstance(node, GraphQLInterfaceType)
        with_id = {
            name
            for name, kind in ours(schema).items()
            if isinstance(kind, GraphQLObjectType) and "id" in kind.fields
        }
        assert with_id == {kind.name for kind in schema.get_possible_types(node)}

    def test_offer_no_field_filter_or_order_by_origin_or_belief(self, schema):
        """Architecture, section 8: it serves residents; it does not watch them."""
        forbidden = (
            "ethnic",
            "nation",
            "religio",
            "belie",
            "tongue",
            "petition",
            "score",
            "blacklist",
            "face",
        )
        found = [
            name
            for name, _description in described(schema)
            if "." in name and any(word in name.split(".")[1].lower() for word in forbidden)
        ]
        assert found == []


class TestMutations:
    def test_are_use_cases(self, kernel):
        """So each checks its permission and leaves an audit entry."""
        made = declared_roots(kernel, "register_mutations")
        assert [
            name for name, field in made.items() if not isinstance(field.metadata["needs"], UseCase)
        ] == []

    def test_are_all_different_use_cases(self, kernel):
        made = declared_roots(kernel, "register_mutations").values()
        assert len({field.metadata["needs"].action for field in made}) == len(made)

    def test_accept_an_idempotency_key(self, schema):
        for name, field in schema.mutation_type.fields.items():
            assert str(field.args["idempotencyKey"].type) == "String", name

    def test_take_one_input_besides(self, schema):
        for name, field in schema.mutation_type.fields.items():
            rest = {key: argument for key, argument in field.args.items() if key != "idempotencyKey"}
            assert list(rest) in (["input"], []), name
            for argument in rest.values():
                assert isinstance(argument.type, GraphQLNonNull), name
                assert isinstance(argument.type.of_type, GraphQLInputObjectType), name

    def test_answer_a_union_of_success_and_every_problem(self, schema):
        for name, field in schema.mutation_type.fields.items():
            kind = name[0].upper() + name[1:]
            assert isinstance(field.type, GraphQLUnionType), name
            assert field.type.name == f"{kind}Payload"
            assert [member.name for member in field.type.types] == [
                f"{kind}Success",
                *(problem.__name__ for problem in PROBLEMS),
            ]


class TestNothing:
    """The enumerations above would pass on an empty schema."""

    @pytest.mark.parametrize("root", ["query_type", "mutation_type"])
    def test_is_missing_from_what_is_enumerated(self, schema, root):
        assert len(getattr(schema, root).fields) > 15
