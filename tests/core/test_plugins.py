"""Plugins come in one by one; a broken one is named and left out, and the rest stands."""

import asyncio
import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from uuid import UUID

import pytest

from gongzhi.core.hookspecs import hookimpl
from gongzhi.core.migrations import History
from gongzhi.core.permissions import Allow, Level, Permission, Role, RoleTable
from gongzhi.core.plugins import PluginCard, Plugins


def card(name, *requires):
    return PluginCard(name=name, zh="某", en="Some", version="1", requires=requires)


def plugin(name, *requires, **hooks):
    """A plugin object with a card and these hooks."""
    made = ModuleType(f"some.{name}")
    hooks = {"plugin_card": lambda: card(name, *requires)} | hooks
    for hook, function in hooks.items():
        setattr(made, hook, hookimpl(function))
    return name, made


def standing(*points):
    """The names of the plugins that stand, and what was said of the others."""
    plugins = Plugins.of(points)
    return list(plugins.cards), {broken.name: broken.reason for broken in plugins.broken}


GOOD = plugin("good")


class TestAPluginIsSetAside:
    def test_that_does_not_import(self):
        missing = EntryPoint("missing", "gongzhi_no_such_module", "gongzhi")
        stands, broken = standing(missing, GOOD)
        assert stands == ["good"]
        assert broken == {"missing": "ModuleNotFoundError: No module named 'gongzhi_no_such_module'"}

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("def broken(:", "SyntaxError: invalid syntax (some_stranger.py, line 1)"),
            ("raise SystemExit(3)", "SystemExit: 3"),
        ],
    )
    def test_that_breaks_while_it_is_imported(self, tmp_path, monkeypatch, body, reason):
        (tmp_path / "some_stranger.py").write_text(body)
        monkeypatch.syspath_prepend(tmp_path)
        stands, broken = standing(EntryPoint("stranger", "some_stranger", "gongzhi"), GOOD)
        sys.modules.pop("some_stranger", None)
        assert stands == ["good"]
        assert broken == {"stranger": reason}

    def test_whose_entry_point_names_nothing_in_its_module(self):
        stands, broken = standing(EntryPoint("stranger", "gongzhi.core:no_such_thing", "gongzhi"), GOOD)
        assert stands == ["good"]
        assert "no_such_thing" in broken["stranger"]

    def test_that_has_no_card(self):
        stands, broken = standing(("empty", ModuleType("empty")), GOOD)
        assert stands == ["good"]
        assert broken == {"empty": "ValueError: plugin_card() must answer a PluginCard named 'empty'"}

    @pytest.mark.parametrize("answer", [lambda: card("other"), lambda: "some", lambda: None])
    def test_whose_card_is_not_its_own(self, answer):
        stands, broken = standing(plugin("some", plugin_card=answer), GOOD)
        assert stands == ["good"]
        assert broken == {"some": "ValueError: plugin_card() must answer a PluginCard named 'some'"}

    def test_whose_card_cannot_be_had(self):
        def plugin_card():
            raise OSError("no such file")

        stands, broken = standing(plugin("some", plugin_card=plugin_card), GOOD)
        assert stands == ["good"]
        assert broken == {"some": "OSError: no such file"}

    def test_that_implements_an_unknown_hook(self):
        """A misspelt hook would otherwise be silently never asked."""
        stands, broken = standing(plugin("some", register_quries=lambda: ()), GOOD)
        assert stands == ["good"]
        assert "register_quries" in broken["some"]

    def test_whose_hook_wants_other_arguments(self):
        stands, broken = standing(plugin("some", register_routes=lambda core: ()), GOOD)
        assert stands == ["good"]
        assert "core" in broken["some"]

    def test_whose_hook_is_plain_where_it_is_awaited(self):
        stands, broken = standing(plugin("some", find_caller=lambda kernel, credentials: None), GOOD)
        assert stands == ["good"]
        assert broken == {
            "some": "TypeError: find_caller is awaited or plain as its hookspec says, and this is not"
        }

    def test_whose_hook_is_awaited_where_it_is_plain(self):
        async def register_models():
            return ()

        stands, broken = standing(plugin("some", register_models=register_models), GOOD)
        assert stands == ["good"]
        assert "register_models" in broken["some"]

    def test_that_requires_what_is_missing(self):
        stands, broken = standing(plugin("some", "absent", "good"), GOOD)
        assert stands == ["good"]
        assert broken == {"some": "requires absent, which is missing, broken or circular"}

    def test_that_requires_a_broken_one(self):
        stands, broken = standing(plugin("some", "empty"), ("empty", ModuleType("empty")), GOOD)
        assert stands == ["good"]
        assert broken["some"] == "requires empty, which is missing, broken or circular"

    def test_that_requires_itself_round_a_corner(self):
        stands, broken = standing(plugin("one", "two"), plugin("two", "one"), plugin("me", "me"), GOOD)
        assert stands == ["good"]
        assert broken == {
            "one": "requires two, which is missing, broken or circular",
            "two": "requires one, which is missing, broken or circular",
            "me": "requires me, which is missing, broken or circular",
        }

    def test_that_comes_second_with_a_name(self):
        """The first stands; the reason names both."""
        impostor = ModuleType("impostor")
        impostor.plugin_card = hookimpl(lambda: card("good"))
        stands, broken = standing(GOOD, ("good", impostor), plugin("other", "good"))
        assert stands == ["good", "other"]
        assert broken == {"good": "ValueError: impostor has the name of some.good, which stands"}

    def test_that_declares_a_table_which_is_there(self, tmp_path, monkeypatch):
        (tmp_path / "some_stranger.py").write_text(
            "from gongzhi.core.api import Base, TenantRow\n"
            "class Household(TenantRow, Base):\n"
            "    __tablename__ = 'household'\n"
            "    __table_args__ = {'schema': 'tenants'}\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        import gongzhi.tenants.models  # noqa: F401  # the table's owner came first

        stands, broken = standing(EntryPoint("stranger", "some_stranger", "gongzhi"), GOOD)
        assert stands == ["good"]
        assert "'tenants.household' is already defined" in broken["stranger"]

    def test_and_health_says_so(self):
        """It stays off no page: readiness lists it, and ``gongzhi doctor``."""
        from gongzhi.core.health import _plugins_whole

        class Standing:
            plugins = Plugins.of([("empty", ModuleType("empty")), GOOD])

        assert asyncio.run(_plugins_whole(Standing())).startswith("empty: ValueError")


class TestInstalled:
    def test_finds_the_house_plugins(self):
        plugins = Plugins.installed()
        assert list(plugins.cards) == ["tenants", "graphql", "mediation"]
        assert plugins.broken == []

    def test_puts_our_own_before_strangers(self, monkeypatch):
        """No stranger takes the name of a house plugin, wherever it sorts and however it was installed."""
        from gongzhi.core import plugins as module

        house = sorted(module.entry_points(group="gongzhi"), key=lambda point: point.name)
        stranger = EntryPoint("mediation", "a_stranger", "gongzhi")
        monkeypatch.setattr(module, "entry_points", lambda group: [stranger, *house])
        plugins = Plugins.installed()
        assert list(plugins.cards) == ["tenants", "graphql", "mediation"]
        assert [(one.name, one.reason) for one in plugins.broken] == [
            ("mediation", "ValueError: a_stranger has the name of gongzhi.plugins.mediation, which stands")
        ]


class TestTheOrder:
    @pytest.mark.parametrize("names", ["abcd", "dcba", "bdac"])
    def test_is_the_same_however_they_were_found(self, names):
        """Who is required comes first, the alphabet decides the rest."""
        made = {"a": plugin("a", "d"), "b": plugin("b"), "c": plugin("c", "a"), "d": plugin("d")}
        plugins = Plugins.of([made[name] for name in names])
        assert list(plugins.cards) == ["b", "d", "a", "c"]

    def test_is_that_of_the_answers(self):
        def answering(name, *requires):
            return plugin(name, *requires, register_tasks=lambda: (f"{name}1", f"{name}2"))

        plugins = Plugins.of([answering("b"), answering("a", "b"), plugin("silent")])
        assert plugins.ask("register_tasks") == ["b1", "b2", "a1", "a2"]
        assert plugins.ask_each("register_tasks") == [("b", "b1"), ("b", "b2"), ("a", "a1"), ("a", "a2")]


class TestAsking:
    def test_tells_a_plugin_only_what_it_wants_to_know(self):
        plugins = Plugins.of(
            [
                plugin("deaf", register_routes=lambda: ("x",)),
                plugin("keen", register_routes=lambda kernel: (kernel,)),
            ]
        )
        assert plugins.ask("register_routes", kernel="the kernel") == ["x", "the kernel"]

    def test_names_the_plugin_that_raises(self):
        def register_models():
            raise RuntimeError("no models today")

        plugins = Plugins.of([GOOD, plugin("bad", register_models=register_models)])
        with pytest.raises(RuntimeError, match="no models today") as caught:
            plugins.ask("register_models")
        assert caught.value.__notes__ == ["the plugin bad was answering register_models"]

    def test_names_the_plugin_whose_answer_is_no_list(self):
        plugins = Plugins.of([plugin("bad", register_models=lambda: None)])
        with pytest.raises(TypeError) as caught:
            plugins.ask("register_models")
        assert caught.value.__notes__ == ["the plugin bad was answering register_models"]

    async def test_for_the_first_answer_stops_there(self):
        asked = []

        def answering(name, answer):
            async def plugin_switches(kernel, tenant):
                asked.append(name)
                return answer

            return plugin(name, plugin_switches=plugin_switches)

        plugins = Plugins.of(
            [answering("a", None), answering("b", frozenset("b")), answering("c", frozenset())]
        )
        answer = await plugins.first("plugin_switches", kernel=None, tenant=UUID(int=0))
        assert (answer, asked) == (frozenset("b"), ["a", "b"])

    async def test_for_the_first_answer_may_find_none(self):
        assert await Plugins.of([GOOD]).first("plugin_switches", kernel=None, tenant=UUID(int=0)) is None


class TestTwoPluginsThatClash:
    def test_over_a_root_field_are_both_named(self):
        import strawberry

        from gongzhi.graphql.catalogue import Clash
        from gongzhi.graphql.schema import build_schema

        class Query:
            things: int = strawberry.field(resolver=lambda: 1)

        plugins = Plugins.of(
            [
                plugin("one", register_queries=lambda: (Query,)),
                plugin("two", register_queries=lambda: (Query,)),
            ]
        )
        with pytest.raises(Clash, match="the field things is offered by one and by two"):
            build_schema(plugins)

    def test_over_a_role_stop_the_start(self):
        roles = [
            Role("clerk", Level.STREET, "办事员", "Clerk"),
            Role("clerk", Level.GRID, "书记员", "Scribe"),
        ]
        with pytest.raises(ValueError, match="two plugins declare 'clerk': 'Clerk', 'Scribe'"):
            RoleTable(roles, (), ())

    def test_over_a_permission_stop_the_start(self):
        codes = [Permission("a.b:c", "甲", "One"), Permission("a.b:c", "乙", "Two")]
        with pytest.raises(ValueError, match=r"two plugins declare 'a\.b:c': 'One', 'Two'"):
            RoleTable((), codes, ())

    def test_over_what_nobody_declared_stop_the_start(self):
        role, right = Role("clerk", Level.STREET, "办事员", "Clerk"), Permission("a.b:c", "甲", "One")
        with pytest.raises(ValueError, match="no role is called 'ghost'"):
            RoleTable([role], [right], [Allow("ghost", (right,))])
        with pytest.raises(ValueError, match=r"clerk is allowed \['a\.b:c'\], which no plugin registers"):
            RoleTable([role], [], [Allow("clerk", (right,))])


def test_a_broken_plugin_does_not_stop_the_platform(make_kernel, event_loop, tmp_path):
    """Its tables may be declared already; migrating and asking go on without it."""
    real = [
        (name, Plugins.installed()._manager.get_plugin(name)) for name in ("tenants", "graphql", "mediation")
    ]
    lost = plugin("lost", "absent", register_migrations=lambda: (History("lost", tmp_path, ("lost",)),))
    kernel = make_kernel(Plugins.of([*real, lost]))
    assert event_loop.run(kernel.migrate()) == []
    assert [history.name for history in kernel.histories] == ["kernel", "mediation"]
    assert [broken.name for broken in kernel.plugins.broken] == ["lost"]
