"""Health: alive whatever ails; ready only when database, migrations and keys are well."""

import asyncio

import psycopg
import pytest

from gongzhi.core import health
from gongzhi.core.address import DatabaseAddress
from gongzhi.core.crypto import KeyRing
from gongzhi.core.health import HealthCheck, examine
from gongzhi.core.kernel import Kernel
from gongzhi.core.plugins import Broken
from gongzhi.core.roles import DatabaseRole
from gongzhi.core.testing import client_of

WELL = {"database": "well", "migrations": "well", "keys": "well", "plugins": "well"}


async def probe(kernel):
    """(status of live, status of ready, the kernel's checks of ready); a room's own are its own tests' business."""
    async with client_of(kernel) as client:
        live, ready = [await client.http.get(f"/health/{what}") for what in ("live", "ready")]
    checks = ready.json()["checks"]
    return live.status_code, ready.status_code, {name: checks[name] for name in WELL}


def superuser(address):
    return psycopg.connect(f"postgresql://postgres@/postgres?host={address.options['host']}", autocommit=True)


def take_down(address):
    """Let nobody in any more, and whoever is in, out."""
    with superuser(address) as connection:
        connection.execute(f'alter database "{address.database}" allow_connections false')
        out = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        connection.execute(out, [address.database])


def bring_up(address):
    with superuser(address) as connection:
        connection.execute(f'alter database "{address.database}" allow_connections true')


@pytest.fixture
def empty(kernel, empty_address, event_loop):
    """A kernel on a database that nobody has migrated."""
    made = Kernel.at(empty_address, kernel.settings)
    yield made
    event_loop.run(made.database.dispose())


class TestReady:
    async def test_is_so_when_all_is_well(self, make_kernel):
        assert await probe(make_kernel()) == (200, 200, WELL)

    async def test_is_not_before_the_first_migration(self, empty):
        assert await probe(empty) == (200, 503, WELL | {"migrations": "ailing"})

    async def test_is_not_while_a_migration_is_pending(self, make_kernel):
        kernel = make_kernel()
        with psycopg.connect(kernel.database.address.url_for(DatabaseRole.OWNER.value)) as connection:
            connection.execute("delete from mediation.alembic_version")
        assert await probe(kernel) == (200, 503, WELL | {"migrations": "ailing"})

    async def test_is_not_while_the_database_is_down_and_is_again_afterwards(self, make_kernel):
        """Nobody has to start the process again, and its dead connections are gone."""
        kernel = make_kernel()
        assert await probe(kernel) == (200, 200, WELL)
        take_down(kernel.database.address)
        ailing = dict.fromkeys(("database", "migrations", "keys"), "ailing")
        assert await probe(kernel) == (200, 503, WELL | ailing)
        bring_up(kernel.database.address)
        assert await probe(kernel) == (200, 200, WELL)

    async def test_is_not_where_there_is_no_database(self, kernel):
        nowhere = DatabaseAddress("", "nowhere", {"host": "/nowhere", "port": "5432"})
        ailing = dict.fromkeys(("database", "migrations", "keys"), "ailing")
        assert await probe(Kernel.at(nowhere, kernel.settings)) == (200, 503, WELL | ailing)

    async def test_is_not_with_the_keys_of_another_installation(self, make_kernel, tmp_path):
        kernel = make_kernel()
        kernel.keys = KeyRing.load_or_create(tmp_path / "keys.json")
        assert await probe(kernel) == (200, 503, WELL | {"keys": "ailing"})

    async def test_is_so_though_a_plugin_is_broken(self, make_kernel):
        """The rest of the house serves; the finding says what is missing."""
        kernel = make_kernel()
        kernel.plugins.broken.append(Broken("stranger", "ImportError"))
        assert await probe(kernel) == (200, 200, WELL | {"plugins": "ailing"})


class TestExamine:
    async def test_names_the_histories_that_are_behind(self, empty):
        [behind] = [finding.ails for finding in await examine(empty) if finding.name == "migrations"]
        assert behind == "run `gongzhi migrate`: kernel, mediation"

    @pytest.mark.parametrize(
        ("check", "ails"),
        [("raises", "RuntimeError: no"), ("hangs", "TimeoutError: "), ("ails", "poorly"), ("is_well", None)],
    )
    async def test_tells_what_a_check_found_or_met(self, kernel, monkeypatch, check, ails):
        monkeypatch.setattr(health, "_PATIENCE", 0.01)
        monkeypatch.setattr(health, "CHECKS", (HealthCheck(name="probe", check=globals()[check]),))
        first, *_rooms = await examine(kernel)
        assert (first.name, first.ails) == ("probe", ails)


async def raises(_kernel):
    raise RuntimeError("no")


async def hangs(_kernel):
    await asyncio.Event().wait()


async def ails(_kernel):
    return "poorly"


async def is_well(_kernel):
    return None
