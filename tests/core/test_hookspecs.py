"""Every hook has a docstring, a house plugin that needs it, and a test here that shows it at work."""

import inspect
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from gongzhi.core import hookspecs
from gongzhi.core.plugins import PluginCard, Plugins

HOOKS = [
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and hasattr(value, f"{hookspecs.PROJECT}_spec")
]
ROOMS = Path(hookspecs.__file__).parent.parent


@pytest.fixture(scope="module")
def plugins():
    return Plugins.installed()


class TestEveryHook:
    @pytest.mark.parametrize("hook", HOOKS)
    def test_has_a_docstring(self, hook):
        assert len(inspect.getdoc(getattr(hookspecs, hook)) or "") > 20

    @pytest.mark.parametrize("hook", HOOKS)
    def test_tells_what_its_arguments_are(self, hook):
        function = getattr(hookspecs, hook)
        for name in inspect.signature(function).parameters:
            assert f":param {name}:" in inspect.getdoc(function)

    @pytest.mark.parametrize("hook", HOOKS)
    def test_is_needed_by_a_house_plugin(self, hook, plugins):
        assert plugins._implementations(hook), (
            f"no plugin of ours implements {hook}; delete it or find it a user"
        )

    @pytest.mark.parametrize("hook", HOOKS)
    def test_is_asked_somewhere(self, hook):
        """A hook that nobody asks is a promise to plugins that nobody keeps."""
        asking = [
            path
            for room in ("core", "graphql", "tenants")
            for path in (ROOMS / room).rglob("*.py")
            if path.name != "hookspecs.py" and f'"{hook}"' in path.read_text(encoding="utf-8")
        ]
        assert asking or hook == "plugin_card"

    @pytest.mark.parametrize("hook", HOOKS)
    def test_is_tested(self, hook):
        tests = [name for name, value in vars(TestTheHook).items() if inspect.isfunction(value)]
        assert f"test_{hook}" in tests, f"no test shows {hook} at work"


class TestTheHook:
    """One test a hook, named after it: what a house plugin answers reaches whoever asked."""

    def test_plugin_card(self, plugins):
        assert all(isinstance(card, PluginCard) for card in plugins.cards.values())
        assert plugins.cards["mediation"].requires == ("tenants",)

    def test_register_models(self, plugins):
        """Every table of a room is named by exactly one plugin; the kernel's own are the kernel's."""
        from gongzhi.core.tables import Base

        named = [model.__table__.fullname for model in plugins.ask("register_models")]
        assert len(named) == len(set(named))
        declared = {table.fullname for table in Base.metadata.tables.values() if table.schema != "core"}
        assert set(named) == declared

    def test_register_migrations(self, kernel):
        assert [(one.name, one.schemas) for one in kernel.histories] == [
            ("kernel", ("core", "tenants")),
            ("mediation", ("mediation",)),
        ]

    def test_register_permissions(self, kernel):
        assert "mediation.case:accept" in kernel.roles.permissions

    def test_register_roles(self, kernel):
        assert {"mediator", "community_admin"} <= kernel.roles.roles.keys()

    def test_register_allows(self, kernel):
        """Each permission is somebody's, or nobody has it."""
        given = {code for role in kernel.roles.roles for code in kernel.roles.allowed(role)}
        assert given == set(kernel.roles.permissions)

    def test_register_separations(self, kernel):
        pairs = {(pair.first.code, pair.second.code) for pair in kernel.roles.separations}
        assert ("tenants.community:steer", "tenants.community:archive") in pairs

    def test_register_queries(self, plugins):
        from gongzhi.graphql.catalogue import root_fields

        assert root_fields(plugins, "register_queries")["mediation_cases"][0] == "mediation"

    def test_register_mutations(self, plugins):
        from gongzhi.graphql.catalogue import root_fields

        assert root_fields(plugins, "register_mutations")["open_mediation_case"][0] == "mediation"

    def test_register_events(self, kernel):
        assert all(event.name == name for name, event in kernel.events.items())
        assert {name.split(".")[0] for name in kernel.events} == {"tenants", "mediation"}

    def test_register_listeners(self, kernel):
        assert kernel.listeners
        for name, (plugin, listener) in kernel.listeners.items():
            assert name.split(".")[0] == plugin
            assert listener.hears in kernel.events

    def test_register_tasks(self, kernel):
        assert all(task.name == name for name, task in kernel.tasks.items())
        assert "tenants" in {name.split(".")[0] for name in kernel.tasks}

    def test_register_settings(self, plugins):
        """Each has a default for every field: a community that never chose has settings all the same."""
        for _plugin, kind in plugins.ask_each("register_settings"):
            kind()

    def test_register_commands(self, plugins):
        from gongzhi.core.cli import main

        listed = CliRunner().invoke(main, ["--help"]).output
        commands = plugins.ask("register_commands")
        assert {command.name for command in commands} >= {"onboard", "schema"}
        assert all(command.name in listed for command in commands)

    def test_register_mounts(self, client, event_loop):
        answer = event_loop.run(client.ask("{ __typename }"))
        assert answer.data == {"__typename": "Query"}

    def test_register_routes(self, client, event_loop):
        answer = event_loop.run(client.http.post("/session", json={}))
        assert answer.status_code == 400

    def test_register_health_checks(self, make_kernel, event_loop):
        """A community's switch for a plugin that is gone is found, and keeps no request away."""
        from gongzhi.core.health import examine

        kernel = make_kernel()

        def findings():
            found = {one.name: one for one in event_loop.run(examine(kernel))}
            return [found[check.name] for check in kernel.plugins.ask("register_health_checks")]

        assert [one.ails for one in findings()] == [None]
        with psycopg.connect(kernel.database.address.url_for("gongzhi_owner")) as connection:
            connection.execute(
                "insert into tenants.plugin_switch "
                "(tenant_id, id, plugin, switched_on, settings, changed_at, version) "
                "values (gen_random_uuid(), gen_random_uuid(), 'gone', true, '{}', now(), 1)"
            )
        [lost] = findings()
        assert (lost.ails, lost.needed) == ("switched on and not installed: gone", False)

    def test_find_caller(self, client, county, token_for, event_loop):
        token = token_for("mediator", county.community)
        assert event_loop.run(client.as_("no such token").ask("{ version }")).code == "NOT_SIGNED_IN"
        assert event_loop.run(client.as_(token).ask("{ version }")).errors == []

    async def test_plugin_switches(self, kernel, county):
        switched_on = await kernel.plugins.first(
            "plugin_switches", kernel=kernel, tenant=county.scope(county.community).tenant
        )
        assert switched_on == {"mediation"}
