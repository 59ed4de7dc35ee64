"""What holds the house together: who may import whom, where rows and transactions are guarded, what it refuses to know."""

import ast
import enum
import importlib
import re
import string
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from graphql import print_schema
from sqlalchemy import Table, UniqueConstraint

from gongzhi.core.errors import Refusal
from gongzhi.core.plugins import Plugins
from gongzhi.core.tables import (
    Base,
    CodeEnum,
    Kind,
    NodeRecord,
    NodeScoped,
    ScopeRecord,
    TenantRow,
    UpwardRow,
    belongs,
)

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "graphql", "plugins", "tenants")
SOURCES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if "migrations" not in path.relative_to(ROOT).parts[:-1]
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("gongzhi", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@pytest.fixture(scope="module", autouse=True)
def everything_imported() -> None:
    for path in SOURCES:
        importlib.import_module(module_of(path))


def plugins_of_ours() -> list[str]:
    return sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").exists())


class TestImports:
    def test_keep_their_contracts(self):
        lint = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True, no_logo=True))"
        ran = subprocess.run(
            [sys.executable, "-c", lint],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def test_of_one_plugin_by_another_are_watched_for_every_plugin(self):
        written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        [contract] = [
            one for one in written["tool"]["importlinter"]["contracts"] if one["type"] == "independence"
        ]
        assert contract["modules"] == [f"gongzhi.plugins.{name}" for name in plugins_of_ours()]

    def test_give_no_module_two_names(self):
        """``core.db`` beside ``gongzhi.core.db`` would be two metadatas, two registries, two of everything."""
        names = defaultdict(set)
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file:
                names[Path(file).resolve()].add(name)
        assert {path: names[path] for path in SOURCES} == {path: {module_of(path)} for path in SOURCES}


class TestRooms:
    def test_of_graphql_is_no_package(self):
        """With an ``__init__.py`` it could shadow graphql-core wherever the checkout is on the path."""
        assert not (ROOT / "graphql" / "__init__.py").exists()
        assert list((ROOT / "tests").rglob("__init__.py")) == []

    FURNITURE = frozenset(
        {
            *("__init__.py", "models.py", "models", "states.py", "rules", "policies.py", "events.py"),
            *("service.py", "service", "graphql.py", "graphql", "tasks.py", "settings.py", "console.py"),
            *("exchange.py", "metrics.py", "documents", "locales", "migrations"),
        }
    )
    #: What only the room of communities has: it is everybody's ground, and the first door.
    GROUND = frozenset(
        {
            *("api.py", "testing.py", "commands", "routes.py", "desk.py", "onboarding", "demo"),
            *("recoding.py", "blueprints.py", "blueprint_files", "callers.py", "passwords.py", "sign_in.py"),
            *("access", "activation.py", "roles.py"),
        }
    )

    @pytest.mark.parametrize("name", plugins_of_ours())
    def test_are_furnished_alike(self, name):
        """A room may lack furniture it does not need; it has no other (docs: house style, layout)."""
        assert _contents(ROOT / "plugins" / name) <= self.FURNITURE

    def test_of_communities_are_furnished_as_listed(self):
        found = _contents(ROOT / "tenants")
        assert found <= self.FURNITURE | self.GROUND
        assert found >= self.GROUND

    def test_say_in_a_line_what_they_hold(self):
        for path in SOURCES:
            first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
            assert first.endswith((".", ":")), path.relative_to(ROOT)


def _contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name not in {"__pycache__", "py.typed"}}


Plugins.installed().ask("register_models")
TABLES = list(Base.metadata.tables.values())
OF_A_COMMUNITY = [table for table in TABLES if belongs(table).kind in (Kind.TENANT, Kind.UPWARD)]
each_table_of_a_community = pytest.mark.parametrize("table", OF_A_COMMUNITY, ids=lambda table: table.fullname)


class TestEveryTable:
    def test_says_whose_rows_it_holds(self):
        assert [table.fullname for table in Base.metadata.tables.values() if belongs(table) is None] == []

    def test_of_the_platform_that_is_read_in_a_scope_is_a_record_that_the_fence_knows(self):
        """``ScopeRecord`` or ``NodeRecord``: without row-level security it would show every node's rows."""
        kept = {
            mapper.class_
            for mapper in Base.registry.mappers
            if belongs(mapper.local_table).kind is Kind.PLATFORM
            and "select" in belongs(mapper.local_table).app
        }
        assert len(kept) > 5
        assert [model for model in kept if not issubclass(model, ScopeRecord | NodeRecord)] == []

    def test_is_fenced_as_it_is_classed(self):
        """The mixin makes the application's fence, the class the policies; they must not differ."""
        mixins = {TenantRow: Kind.TENANT, UpwardRow: Kind.UPWARD, NodeScoped: Kind.NODE}
        for mapper in Base.registry.mappers:
            if mapper.class_.metadata is not Base.metadata:
                continue
            fences = [kind for mixin, kind in mixins.items() if issubclass(mapper.class_, mixin)]
            table = mapper.local_table
            assert isinstance(table, Table)
            declared = belongs(table).kind
            assert fences == ([declared] if declared in mixins.values() else []), table.fullname

    def test_lies_in_a_schema(self):
        assert {table.schema for table in TABLES} == {"core", "tenants", *plugins_of_ours()}

    @each_table_of_a_community
    def test_of_a_community_begins_its_keys_with_the_tenant(self, table):
        """So that it can be sharded by community, and every index pages within one (architecture §2)."""
        assert next(iter(table.primary_key.columns)).name == "tenant_id"
        for constraint in table.constraints:
            if isinstance(constraint, UniqueConstraint):
                assert next(iter(constraint.columns)).name == "tenant_id", constraint.name
        for index in table.indexes:
            assert index.expressions[0] is table.c.tenant_id, index.name

    @each_table_of_a_community
    def test_of_a_community_points_within_it(self, table):
        for constraint in table.foreign_key_constraints:
            if belongs(constraint.referred_table).key is None:
                continue
            first = constraint.elements[0]
            assert (first.parent.name, first.column.name) == ("tenant_id", "tenant_id"), constraint.name


def calls(name: str) -> Iterator[str]:
    """``module:function`` of everything that calls this name, however it came by it."""
    for path in SOURCES:
        yield from _calls_in(ast.parse(path.read_text(encoding="utf-8")), name, module_of(path), "")


def _calls_in(node: ast.AST, name: str, module: str, function: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{function}.{child.name}".lstrip(".")
        if isinstance(child, ast.Call) and name in (
            getattr(child.func, "attr", None),
            getattr(child.func, "id", None),
        ):
            yield f"{module.removeprefix('gongzhi.')}:{inside}"
        yield from _calls_in(child, name, module, inside)


def listed(name: str) -> list[str]:
    return (ROOT / "tests" / name).read_text(encoding="utf-8").splitlines()


class TestDoors:
    def test_to_the_system_role_are_passed_by_those_listed(self):
        """It sees across communities: a new caller is a decision, written into ``system_callers.txt``."""
        assert sorted(set(calls("system_work"))) == listed("system_callers.txt")

    def test_to_the_system_role_have_no_way_beside(self):
        """Who connects as that role otherwise, each for a reason."""
        naming = {
            module_of(path) for path in SOURCES if "DatabaseRole.SYSTEM" in path.read_text(encoding="utf-8")
        }
        assert naming == {
            "gongzhi.core.db",  # its sessions know no request's scope
            "gongzhi.core.kernel",  # whether a node is a community or a range
            "gongzhi.core.known_keys",  # which keys have sealed something, before there is a kernel
            "gongzhi.core.migrations",  # what is pending; it grants what health may read
            "gongzhi.core.roles",  # how long it may idle
            "gongzhi.core.rowsecurity",  # its policies and grants
            "gongzhi.core.system",  # the door
            "gongzhi.core.worker",  # the queue is its alone
        }

    def test_to_a_commit_are_counted(self):
        """A unit of work commits when its block ends; nobody else does, save migrations."""
        assert Counter(calls("commit")) == Counter(
            {
                "core.db:UnitOfWork.commit": 1,
                "core.db:unit_of_work": 1,
                "core.system:system_work": 1,
                "core.migrations:migrate": 2,
                "core.migrations:_forward": 1,
                "core.migrations:downgrade": 1,
            }
        )


#: domain.md §5.4 E1: never on a person, household, volunteer, mediator, party member or case party.
FORBIDDEN = ("ethnic", "ethnicity", "nationality", "minzu", "religion", "faith", "mother_tongue")
FORBIDDEN_LABELS = ("民族", "宗教", "母语")
#: Identifiers that hold such a word all the same, each with its reason.
ALLOWED: dict[str, str] = {}


def words_of(identifier: str) -> str:
    """``MotherTongueCode`` as ``_mother_tongue_code_``, so that whole words can be looked for."""
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+", identifier)
    return f"_{'_'.join(found).lower()}_"


def forbidden_in(identifier: str) -> list[str]:
    words = words_of(identifier)
    return [word for word in FORBIDDEN if f"_{word}_" in words] + [
        label for label in FORBIDDEN_LABELS if label in identifier
    ]


def _structs(base: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for struct in base.__subclasses__():
        yield struct
        yield from _structs(struct)


def identifiers() -> Iterator[str]:
    """Every name under which the platform keeps or asks for something."""
    kinds: set[type[enum.Enum]] = set()
    for table in Base.metadata.tables.values():
        yield table.fullname
        for column in table.columns:
            yield column.name
            if isinstance(column.type, CodeEnum):
                kinds.add(column.type.enum_class)
    for kind in kinds:
        yield kind.__name__
        for member in kind:
            yield from (member.name, str(member.value))
    for struct in _structs(msgspec.Struct):
        if struct.__module__.startswith("gongzhi."):
            yield struct.__name__
            yield from struct.__struct_fields__


class TestPeople:
    """Nothing here knows where a person comes from or what they believe (docs: domain, §5.4 E1)."""

    def test_have_no_such_attribute_in_tables_inputs_and_events(self):
        found = {name: forbidden_in(name) for name in identifiers()}
        assert {name for name, words in found.items() if words} == ALLOWED.keys()

    def test_have_no_such_attribute_in_the_schema(self):
        """Names of types, fields, arguments and values, and what their descriptions call them."""
        from gongzhi.graphql.schema import build_schema

        sdl = print_schema(build_schema(Plugins.installed())._schema)
        found = {
            name: forbidden_in(name) for name in re.findall(r"\w+", re.sub(r'"(?:[^"\\]|\\.)*"', "", sdl))
        }
        assert {name for name, words in found.items() if words} == ALLOWED.keys()
        assert [label for label in FORBIDDEN_LABELS if label in sdl] == []

    @pytest.mark.parametrize(
        ("identifier", "found"),
        [
            ("ethnic_group", ["ethnic"]),
            ("personEthnicity", ["ethnicity"]),
            ("MotherTongue", ["mother_tongue"]),
            ("RELIGION", ["religion"]),
            ("所属民族", ["民族"]),
            ("faithful", []),
            ("technical", []),
            ("mother", []),
        ],
    )
    def test_are_looked_for_by_whole_words(self, identifier, found):
        assert forbidden_in(identifier) == found


def _refusals(base: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Those that can be raised: a class that only gathers others says nothing."""
    for refusal in base.__subclasses__():
        if refusal.__module__.startswith("gongzhi.") and (
            "code" in vars(refusal) or not refusal.__subclasses__()
        ):
            yield refusal
        yield from _refusals(refusal)


def _placeholders(message: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in string.Formatter().parse(message) if name is not None}


class TestEveryRefusal:
    def test_has_a_code_and_says_the_same_in_both_languages(self):
        for refusal in _refusals():
            assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", refusal.code), refusal
            assert re.search(r"[\u4e00-\u9fff]", refusal.zh), refusal
            assert not re.search(r"[\u4e00-\u9fff]", refusal.en), refusal
            assert _placeholders(refusal.zh) == _placeholders(refusal.en), refusal

    def test_has_a_sentence_of_its_own(self):
        said = Counter(refusal.en for refusal in _refusals() if "en" in refusal.__dict__)
        assert [sentence for sentence, times in said.items() if times > 1] == []


class TestThePublicFace:
    """What plugins build on; a change is deliberate, and written into ``public_api.txt``."""

    @pytest.mark.parametrize("room", ["core", "tenants"])
    def test_is_a_plain_sorted_list_of_what_it_imports(self, room):
        source = ast.parse((ROOT / room / "api.py").read_text(encoding="utf-8"))
        imported = [
            alias.asname or alias.name
            for node in source.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        [written] = [ast.literal_eval(node.value) for node in source.body if isinstance(node, ast.Assign)]
        assert sorted(written) == sorted(imported)
        assert written == sorted(written, key=_by_case)
        assert {type(node) for node in source.body} == {ast.Expr, ast.ImportFrom, ast.Assign}

    def test_is_as_published(self):
        present = [
            f"gongzhi.{room}.api.{name}"
            for room in ("core", "tenants")
            for name in _all(importlib.import_module(f"gongzhi.{room}.api"))
        ]
        assert present == listed("public_api.txt")


def _all(module: Any) -> list[str]:
    return list(module.__all__)


def _by_case(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions: the order ruff keeps."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
