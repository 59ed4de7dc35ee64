"""The kernel put together: its key ring fits its database, its names are unique, its nodes have scopes."""

from importlib.metadata import entry_points
from uuid import uuid4

import pytest

from gongzhi.core.address import DatabaseAddress
from gongzhi.core.crypto import KeyRing
from gongzhi.core.errors import Misconfigured
from gongzhi.core.events import Event, Listener, Task
from gongzhi.core.hookspecs import hookimpl
from gongzhi.core.kernel import Kernel, opened
from gongzhi.core.known_keys import known_keys, remember_keys
from gongzhi.core.plugins import PluginCard, Plugins
from gongzhi.core.scope import Community, Range
from gongzhi.core.settings import Settings
from gongzhi.core.testing import settings_for_tests

NOWHERE = DatabaseAddress("", "nowhere", {"host": "/nowhere", "port": "5432"})


@pytest.fixture
def settings(tmp_path):
    """An installation of its own, whose key ring is not made yet."""
    return settings_for_tests(data_dir=tmp_path / "data")


async def migrated(address, settings):
    kernel = Kernel.at(address, settings)
    await kernel.migrate()
    await kernel.database.dispose()
    return kernel


class TestKeyRing:
    async def test_is_made_with_a_new_database_and_known_to_it(self, empty_address, settings):
        kernel = await migrated(empty_address, settings)
        assert settings.keys.exists()
        assert known_keys(empty_address) == {kernel.keys.current}
        assert Kernel.at(empty_address, settings).keys.current == kernel.keys.current

    def test_that_went_missing_is_not_replaced(self, fresh_address, settings):
        with pytest.raises(Misconfigured, match=r"keys\.json is missing"):
            Kernel.at(fresh_address, settings)
        assert not settings.keys.exists()

    def test_of_another_installation_is_refused(self, fresh_address, settings):
        KeyRing.load_or_create(settings.keys)
        [begun_with] = known_keys(fresh_address)
        with pytest.raises(Misconfigured, match=f"the key ring lacks {begun_with}") as refused:
            Kernel.at(fresh_address, settings)
        assert f"缺少密钥 {begun_with}" in refused.value.message("zh")

    async def test_may_be_rotated_but_not_go_back(self, empty_address, settings):
        """A ring from a backup before the rotation would not open what was sealed since."""
        kernel = await migrated(empty_address, settings)
        before = settings.keys.read_bytes()
        new = kernel.keys.rotate()
        await migrated(empty_address, settings)
        assert known_keys(empty_address) == {*kernel.keys.key_ids} == {kernel.keys.key_ids[0], new}
        settings.keys.write_bytes(before)
        with pytest.raises(Misconfigured, match=f"lacks {new}"):
            Kernel.at(empty_address, settings)

    async def test_of_the_second_of_two_that_began_at_once_is_refused(
        self, empty_address, settings, tmp_path
    ):
        """Both found a database without keys; whoever comes first holds."""
        second = Kernel.at(empty_address, settings_for_tests(data_dir=tmp_path / "second"))
        first = await migrated(empty_address, settings)
        with pytest.raises(Misconfigured, match=first.keys.current):
            await second.migrate()
        await second.database.dispose()
        assert known_keys(empty_address) == {first.keys.current}

    def test_is_not_made_while_the_database_cannot_be_asked(self, settings):
        with pytest.raises(Misconfigured, match=r"no key ring .*, and the database does not answer"):
            Kernel.at(NOWHERE, settings)
        assert not settings.keys.exists()

    def test_that_exists_serves_when_the_database_comes_later(self, settings):
        """Health asks again before anything is served."""
        made = KeyRing.load_or_create(settings.keys)
        assert Kernel.at(NOWHERE, settings).keys.current == made.current

    def test_is_remembered_once(self, fresh_address, kernel):
        remember_keys(fresh_address, kernel.keys)
        assert known_keys(fresh_address) == {*kernel.keys.key_ids}


class Told(Event):
    name = "twins.told/1"


async def nothing(*_told, **_ids):
    """Do nothing."""


class Twins:
    """A plugin that registers everything twice."""

    @hookimpl
    def plugin_card(self):
        return PluginCard(name="twins", zh="双", en="Twins", version="1", requires=("tenants",))

    @hookimpl
    def register_events(self):
        return (Told, type("Again", (Told,), {"name": Told.name}))

    @hookimpl
    def register_listeners(self):
        return tuple(Listener(name="twins.hear", hears=Told.name, reads=Told, handler=nothing) for _ in "ab")

    @hookimpl
    def register_tasks(self):
        return (Task(name="twins.do", handler=nothing), Task(name="twins.do", handler=nothing, max_retries=1))


class TestNames:
    @pytest.mark.parametrize(
        ("what", "name"), [("events", Told.name), ("listeners", "twins.hear"), ("tasks", "twins.do")]
    )
    def test_given_twice_stop_the_start(self, make_kernel, what, name):
        """One of the two would never be reached, and nobody would know which."""
        kernel = make_kernel(Plugins.of([*entry_points(group="gongzhi"), ("twins", Twins())]))
        with pytest.raises(ValueError, match=f"{name} is registered twice"):
            getattr(kernel, what)


class TestScopeOf:
    async def test_is_a_community_or_a_range_or_nothing(self, kernel, county):
        community, whole = county.scope(), county.scope(county.county)
        assert isinstance(community, Community)
        assert isinstance(whole, Range)
        assert await kernel.scope_of(community.node) == community
        assert await kernel.scope_of(whole.node) == whole
        assert await kernel.scope_of(uuid4()) is None


class TestOpened:
    def test_reaches_the_database_of_the_settings(self, kernel):
        address = kernel.database.address
        url = f"postgresql:///{address.database}?host={address.options['host']}&port=5432"
        settings = Settings(data_dir=kernel.settings.data_dir, database_url=url)
        with opened(settings) as other:
            assert (other.database.address.database, other.keys.current) == (
                address.database,
                kernel.keys.current,
            )

    def test_needs_a_database_for_its_superuser(self, settings):
        asked = Settings(data_dir=settings.data_dir, database_admin_url="postgresql://postgres@/postgres")
        with pytest.raises(Misconfigured, match="database_admin_url needs database_url"), opened(asked):
            raise AssertionError
