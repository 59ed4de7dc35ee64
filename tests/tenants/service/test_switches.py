"""A community switches plugins on and off and sets them; nobody else notices."""

import asyncio

import pytest
from sqlalchemy import select

from gongzhi.core.api import PluginCard, Plugins
from gongzhi.core.hookspecs import hookimpl
from gongzhi.tenants import desk
from gongzhi.tenants.models import PluginSwitch
from gongzhi.tenants.service import switches
from gongzhi.tenants.service.switches import (
    ConfigurePlugin,
    PluginRequired,
    PluginRequires,
    PluginUnknown,
    SettingUnfit,
    SwitchPlugin,
    checked_settings,
    settings_type,
)
from gongzhi.tenants.settings import settings_of
from gongzhi.tenants.testing import make_place

SWITCHED = (
    "select payload from core.outbox where scope_id = %s and name = 'tenants.plugin_switched/1' order by id"
)


async def turn(working, step, plugin="mediation", code=None):
    async with working("community_admin", code) as work:
        return await getattr(switches.Plugins(work), step)(SwitchPlugin(plugin=plugin))


async def configure(working, settings, plugin="mediation"):
    async with working("community_admin") as work:
        return await switches.Plugins(work).configure(ConfigurePlugin(plugin=plugin, settings=settings))


class TestSwitch:
    async def test_turns_a_plugin_off_and_on(self, working, kernel, county, rows_of):
        """The county of the tests has mediation on in both communities."""
        off = await turn(working, "disable")
        assert (off.on, off.version) == (False, 3)
        on = await turn(working, "enable")
        assert (on.on, on.version) == (True, 4)

        assert [payload["on"] for (payload,) in rows_of(kernel, SWITCHED, county.scope().node)] == [
            True,
            False,
            True,
        ]

    async def test_leaves_other_communities_alone(self, working, kernel, county, rows_of):
        rows = "select s::text from tenants.plugin_switch s where tenant_id = %s"
        neighbour = county.scope(county.communities[1]).node
        before = rows_of(kernel, rows, neighbour)

        await turn(working, "disable")

        assert rows_of(kernel, rows, neighbour) == before
        assert rows_of(kernel, SWITCHED, neighbour) == [({"plugin": "mediation", "on": True},)]

    async def test_twice_is_told_once(self, working, kernel, county, rows_of):
        await turn(working, "enable")

        assert rows_of(kernel, SWITCHED, county.scope().node) == [({"plugin": "mediation", "on": True},)]

    async def test_by_two_at_once_is_one(self, working, kernel, county, rows_of):
        clear = "delete from tenants.plugin_switch where tenant_id = %s returning 1"
        rows_of(kernel, clear, county.scope().node)

        both = await asyncio.gather(turn(working, "enable"), turn(working, "enable"))

        assert [row.on for row in both] == [True, True]
        row = "select switched_on from tenants.plugin_switch where tenant_id = %s"
        assert rows_of(kernel, row, county.scope().node) == [(True,)]

    async def test_takes_effect_with_the_next_request(self, client, kernel):
        county = await make_place(kernel)
        tokens = [
            await desk.create_token(kernel, code, label="x", role="community_admin")
            for code in county.communities
        ]
        admin, other = (client.as_(token) for token in tokens)
        cases = "{ mediationCases { totalCount } }"
        assert (await admin.ask(cases)).code == "PLUGIN_DISABLED"

        payload = await admin.do("enablePlugin", {"plugin": "mediation"}, read="pluginSwitch { on settings }")

        assert payload["pluginSwitch"] == {"on": True, "settings": "{}"}
        assert (await admin.ask(cases)).data["mediationCases"] == {"totalCount": 0}
        assert (await other.ask(cases)).code == "PLUGIN_DISABLED"
        await admin.do("disablePlugin", {"plugin": "mediation"})
        assert (await admin.ask(cases)).code == "PLUGIN_DISABLED"

    @pytest.mark.parametrize("plugin", ["astrology", "tenants", "graphql", "x" * 60])
    @pytest.mark.parametrize("step", ["enable", "disable"])
    async def test_of_an_unknown_plugin_is_refused(self, step, plugin, working, looking):
        with pytest.raises(PluginUnknown, match="installed: mediation"):
            await turn(working, step, plugin)

        async with looking("community_admin") as work:
            names = (await work.session.scalars(select(PluginSwitch.plugin))).all()
        assert names == ["mediation"]


def plugin_named(name: str, *requires: str) -> tuple[str, type]:
    """A plugin that is nothing but its card."""

    class Plugin:
        @staticmethod
        @hookimpl
        def plugin_card():
            return PluginCard(name=name, zh=name, en=name, version="1", requires=requires)

    return name, Plugin


class TestRequirement:
    @pytest.fixture
    def needy(self, kernel, monkeypatch):
        """The kernel with two more plugins: the roof requires the wall."""
        more = Plugins.of([plugin_named("wall"), plugin_named("roof", "wall")])
        monkeypatch.setattr(kernel.plugins, "cards", kernel.plugins.cards | more.cards)

    async def test_comes_first(self, needy, working, looking):
        with pytest.raises(PluginRequires, match="before “roof”: wall"):
            await turn(working, "enable", "roof")
        await turn(working, "enable", "wall")

        assert (await turn(working, "enable", "roof")).on

    async def test_goes_last(self, needy, working):
        await turn(working, "enable", "wall")
        await turn(working, "enable", "roof")

        with pytest.raises(PluginRequired, match="before “wall”: roof"):
            await turn(working, "disable", "wall")
        await turn(working, "disable", "roof")

        assert not (await turn(working, "disable", "wall")).on

    async def test_that_is_no_longer_installed_hinders_nothing(self, working, kernel, county, rows_of):
        """A switch of a plugin that is gone stays in the table."""
        left = (
            "insert into tenants.plugin_switch (tenant_id, id, plugin, switched_on, settings, changed_at, version) "
            "values (%s, gen_random_uuid(), 'gone', true, '{}', now(), 1) returning 1"
        )
        rows_of(kernel, left, county.scope().node)

        assert not (await turn(working, "disable")).on


class TestConfigure:
    async def test_sets_what_it_is_told(self, working, looking, kernel):
        row = await configure(working, '{"due_days": 10}')

        assert row.settings["due_days"] == 10
        kind = settings_type(kernel, "mediation")
        async with looking("community_admin") as work:
            assert (await settings_of(work, "mediation", kind)).due_days == 10

    async def test_goes_back_to_defaults(self, working, looking, kernel):
        """Settings are told whole; what is left out is as the plugin has it."""
        await configure(working, '{"due_days": 10}')
        await configure(working, "{}")

        kind = settings_type(kernel, "mediation")
        async with looking("community_admin") as work:
            assert await settings_of(work, "mediation", kind) == kind()

    async def test_leaves_other_communities_alone(self, working, looking, county, kernel):
        await configure(working, '{"due_days": 10}')

        kind = settings_type(kernel, "mediation")
        async with looking("community_admin", county.communities[1]) as work:
            assert await settings_of(work, "mediation", kind) == kind()

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            "null",
            '"due_days"',
            '{"due_days": "soon"}',
            '{"due_days": -1}',
            '{"due_days": 1e400}',
            '{"colour": 1}',
            "[" * 20_000,
            '{"due_days":' * 1000,
            "\ud800",
        ],
    )
    async def test_refuses_what_does_not_fit(self, text, working, looking):
        with pytest.raises(SettingUnfit) as refused:
            await configure(working, text)

        assert refused.value.path == "settings"
        async with looking("community_admin") as work:
            assert (await work.session.scalars(select(PluginSwitch.settings))).all() == [{}]

    async def test_of_an_unknown_plugin_is_refused(self, working):
        with pytest.raises(PluginUnknown):
            await configure(working, "{}", "astrology")

    def test_of_a_plugin_without_settings_is_refused(self):
        with pytest.raises(SettingUnfit, match="no settings"):
            checked_settings(None, "{}")
