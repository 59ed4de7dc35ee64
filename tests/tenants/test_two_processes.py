"""Two servers on one database: what is committed through one is heeded by the very next request to the other."""

import asyncio
import datetime as dt
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count

import httpx
import psycopg
import pytest

from gongzhi.core import clock
from gongzhi.core.ids import global_id
from gongzhi.core.testing import Client
from gongzhi.tenants import desk
from gongzhi.tenants.sign_in import SignIn, sign_in

TIMES = 20
READ = "{ households { totalCount } }"
READ_CODE = "tenants.household:read"
OWN_ROLE = "ownRole { id code version }"
HERE = "{ here { code } }"
PASSWORD = "梅营社区 correct horse"
#: Seconds after which what should have come by itself is given up.
PATIENCE = 20.0

numbers = count(100)


@contextmanager
def serving(kernel) -> Iterator[str]:
    """``gongzhi serve`` on the tests' database; its address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GONGZHI_")}
    address = kernel.database.address
    options = "&".join(f"{name}={value}" for name, value in address.options.items())
    told = {
        "DATA_DIR": str(kernel.settings.data_dir),
        "DATABASE_URL": f"postgresql://{address.hosts}/{address.database}?{options}",
        "MODE": "development",
        "PORT": "0",
        "QUERY_BUDGET": "1000000000",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "gongzhi.core.cli", "serve", "--with-parent"],
        env=environment | {f"GONGZHI_{name}": value for name, value in told.items()},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            lines = (re.search(r"running on (http://[\w.:]+)", line) for line in process.stderr)
            url = next(found[1] for found in lines if found)
            # What it says from now on is read as well: a full pipe would stop it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)


@dataclass(frozen=True)
class Processes:
    """Both servers; which of them is told and which is asked changes from time to time."""

    both: tuple[Client, Client]

    def turns(self) -> Iterator[tuple[Client, Client]]:
        """(the one that is told, the one that is asked), as often as a promise is tried."""
        for at in range(TIMES):
            yield self.both if at % 2 == 0 else self.both[::-1]


@pytest.fixture(scope="module")
def processes(kernel, event_loop):
    with ExitStack() as opened:
        urls = [opened.enter_context(serving(kernel)) for _ in range(2)]
        https = [httpx.AsyncClient(base_url=url, timeout=30) for url in urls]
        yield Processes((Client(https[0]), Client(https[1])))
        for http in https:
            event_loop.run(http.aclose())


@pytest.fixture
def admin(kernel, county, token_for):
    """A community admin's token, as headers."""
    return Client(None).as_(token_for("community_admin", county.community), county.community).headers


@pytest.fixture
def signed_in(kernel):
    """Sign in anew: the headers."""

    async def open_session(login):
        opened = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address=login)
        return {"Cookie": f"gongzhi_session={opened.session}", "X-CSRF-Token": opened.csrf}

    return open_session


@pytest.fixture
def open_account(kernel):
    """Open an account: its login."""

    async def make():
        login = f"somebody-{secrets.token_hex(6)}"
        await desk.create_account(kernel, login, "某人", password=PASSWORD)
        return login

    return make


@pytest.fixture
def person(kernel, county, event_loop, open_account, signed_in):
    """(login, headers) of somebody who holds nothing yet that would allow to read households."""

    async def make():
        login = await open_account()
        await desk.grant(kernel, login, "mediator", county.community, reason="test")
        return login, {**await signed_in(login), "Gongzhi-Scope": county.community}

    return event_loop.run(make())


async def code_of(client, headers, document=READ):
    """What a request is refused with; None where it is answered."""
    errors = (await client.as_(**headers).ask(document)).errors
    return errors[0]["extensions"]["code"] if errors else None


async def do(client, headers, mutation, told, read):
    """Perform it, and answer the part of its payload that was read.

    :raises AssertionError: it was refused.
    """
    came = await client.as_(**headers).do(mutation, told, read=read)
    assert came["__typename"].endswith("Success"), came
    return came


async def give(client, admin, login, role, **period):
    told = {"login": login, "role": role, "reason": "test", **period}
    return (await do(client, admin, "giveRole", told, "grant { id }"))["grant"]["id"]


async def revoke(client, admin, grant):
    await do(client, admin, "revokeGrant", {"grantId": grant, "reason": "test"}, "grant { id }")


async def make_role(client, admin, **brings):
    made = {"name": f"自定义{secrets.token_hex(4)}", **brings}
    return (await do(client, admin, "makeRole", made, OWN_ROLE))["ownRole"]


async def draw(client, headers):
    """The code with which drawing a grid is refused; None where it is drawn."""
    told = {"number": next(numbers), "name": "新网格"}
    return (await client.as_(**headers).do("drawGrid", told)).get("code")


class TestAGrant:
    async def test_is_heeded_at_once_and_its_end_as_well(self, processes, admin, person):
        login, headers = person
        for told, asked in processes.turns():
            assert await code_of(asked, headers) == "FORBIDDEN"
            grant = await give(told, admin, login, "community_officer")
            assert await code_of(asked, headers) is None
            await revoke(told, admin, grant)

    async def test_is_heeded_by_the_next_command_and_its_end_as_well(
        self, processes, admin, person, open_account, rows_of, kernel, county
    ):
        """Somebody else is an admin as well, since the last one is not taken away."""
        login, headers = person
        await give(processes.both[0], admin, await open_account(), "community_admin")
        for told, asked in processes.turns():
            grant = await give(told, admin, login, "community_admin")
            assert await draw(asked, headers) is None
            await revoke(told, admin, grant)
            assert await draw(asked, headers) == "FORBIDDEN"
        drawn = "select count(*) from tenants.grid where tenant_id = %s and kind = 'basic'"
        assert rows_of(kernel, drawn, county.scope().node) == [(TIMES,)]

    async def test_opens_a_place_and_its_end_closes_it(self, processes, kernel, county, person):
        """One of the server's own command line, a third process."""
        login, headers = person
        elsewhere = headers | {"Gongzhi-Scope": county.communities[1]}
        for _told, asked in processes.turns():
            assert await code_of(asked, elsewhere) == "SCOPE_UNKNOWN"
            await desk.grant(kernel, login, "community_officer", county.communities[1], reason="test")
            assert await code_of(asked, elsewhere) is None
            await desk.revoke_grant(kernel, login, "community_officer", county.communities[1])

    async def test_is_heeded_by_whoever_is_asked_while_it_changes(self, processes, admin, person):
        """Four ask all the time, so that the servers look up, forget and look up again while somebody changes it."""
        login, headers = person
        answers, answered, over = [], asyncio.Event(), False

        async def ask(client):
            while not over:
                begun = time.monotonic()
                answers.append((begun, await code_of(client, headers)))
                answered.set()

        async def heeded(expected):
            """Until eight have begun after this moment, before anything changes again."""
            since, first = time.monotonic(), len(answers)
            while len(told := [code for begun, code in answers[first:] if begun >= since]) < 8:
                answered.clear()
                await answered.wait()
            assert set(told) == {expected}

        async def change():
            nonlocal over
            try:
                for told, _asked in processes.turns():
                    grant = await give(told, admin, login, "community_officer")
                    await heeded(None)
                    await revoke(told, admin, grant)
                    await heeded("FORBIDDEN")
            finally:
                over = True

        await asyncio.gather(change(), *(ask(client) for client in processes.both * 2))


class TestATime:
    async def test_begins_and_ends_a_grant_by_itself(self, processes, admin, person):
        """Asked all the time, by a process that knows the account: nothing is committed when a grant begins or ends."""
        login, headers = person
        told, asked = processes.both
        begins = clock.now() + dt.timedelta(seconds=1)
        ends = begins + dt.timedelta(seconds=1)
        period = {"validFrom": begins.isoformat(), "validUntil": ends.isoformat()}
        await give(told, admin, login, "community_officer", **period)
        seen = []
        while clock.now() < ends + dt.timedelta(seconds=PATIENCE):
            before = clock.now()
            seen.append((before, await code_of(asked, headers), clock.now()))
            if before > ends:
                break
        within = [code for before, code, after in seen if before >= begins and after < ends]
        without = [code for before, code, after in seen if after < begins or before >= ends]
        assert set(within) == {None}
        assert set(without) == {"FORBIDDEN"}
        assert seen[0][2] < begins
        # Who was not asked meanwhile goes by the time as well.
        assert await code_of(told, headers) == "FORBIDDEN"


class TestAnOwnRole:
    @pytest.mark.parametrize(
        ("what", "others", "with_it", "without"),
        [("allowed", (), None, "FORBIDDEN"), ("denied", ("community_officer",), "FORBIDDEN", None)],
        ids=["that allows", "that denies"],
    )
    async def test_is_heeded_as_it_is_now(self, processes, admin, person, what, others, with_it, without):
        login, headers = person
        role = await make_role(processes.both[0], admin, **{what: [READ_CODE]})
        for code in (*others, role["code"]):
            await give(processes.both[1], admin, login, code)
        for told, asked in processes.turns():
            for codes, expected in (([], without), ([READ_CODE], with_it)):
                change = {"roleId": role["id"], "version": role["version"], what: codes}
                role = (await do(told, admin, "changeRole", change, OWN_ROLE))["ownRole"]
                assert await code_of(asked, headers) == expected

    async def test_that_is_retired_brings_nothing_from_then_on(self, processes, admin, person):
        login, headers = person
        for told, asked in processes.turns():
            role = await make_role(told, admin, allowed=[READ_CODE])
            await give(told, admin, login, role["code"])
            assert await code_of(asked, headers) is None
            await do(
                told,
                admin,
                "retireRole",
                {"roleId": role["id"], "version": role["version"]},
                "ownRole { id }",
            )
            assert await code_of(asked, headers) == "FORBIDDEN"


class TestAToken:
    async def test_works_at_once_and_not_once_it_is_revoked(self, processes, admin, county):
        for told, asked in processes.turns():
            wanted = {"label": "test", "role": "community_officer"}
            issued = await do(told, admin, "issueToken", wanted, "apiToken { id } secret")
            headers = {"Authorization": f"Bearer {issued['secret']}", "Gongzhi-Scope": county.community}
            assert await code_of(asked, headers) is None
            await do(told, admin, "revokeToken", {"tokenId": issued["apiToken"]["id"]}, "apiToken { id }")
            assert await code_of(asked, headers) == "NOT_SIGNED_IN"

    async def test_that_another_took_the_place_of_ends_with_the_overlap(self, processes, admin, county):
        wanted = {"label": "test", "role": "community_officer"}
        issued = await do(processes.both[0], admin, "issueToken", wanted, "apiToken { id } secret")
        for told, asked in processes.turns():
            old = {"Authorization": f"Bearer {issued['secret']}", "Gongzhi-Scope": county.community}
            assert await code_of(asked, old) is None
            rotation = {"tokenId": issued["apiToken"]["id"], "overlapHours": 0}
            issued = await do(told, admin, "rotateToken", rotation, "apiToken { id } secret")
            new = old | {"Authorization": f"Bearer {issued['secret']}"}
            assert [await code_of(asked, one) for one in (old, new)] == ["NOT_SIGNED_IN", None]


class TestAnAccount:
    @pytest.fixture
    def account(self, kernel, county, admin, person, processes, event_loop):
        """(id, version) as the community's admin sees it: it was opened there."""
        login, _headers = person
        with psycopg.connect(kernel.database.address.url_for("gongzhi_owner")) as connection:
            looked_after = "update tenants.account set node_id = %s where login = %s returning id, version"
            [(row_id, version)] = connection.execute(looked_after, (county.scope().node, login)).fetchall()
        return {"accountId": global_id("Account", row_id), "version": version}

    async def test_that_is_closed_is_signed_out_of_both(self, processes, admin, person, account, signed_in):
        login, _headers = person
        for told, asked in processes.turns():
            headers = await signed_in(login)
            assert await code_of(asked, headers, HERE) is None
            for step, code in (("closeAccount", "NOT_SIGNED_IN"), ("reopenAccount", "NOT_SIGNED_IN")):
                turned = await do(told, admin, step, account, "account { version }")
                account["version"] = turned["account"]["version"]
                assert await code_of(asked, headers, HERE) == code

    async def test_that_is_closed_at_the_servers_command_line_is_signed_out(
        self, processes, kernel, person, signed_in
    ):
        login, _headers = person
        for _told, asked in processes.turns():
            headers = await signed_in(login)
            assert await code_of(asked, headers, HERE) is None
            await desk.set_active(kernel, login, active=False)
            assert await code_of(asked, headers, HERE) == "NOT_SIGNED_IN"
            await desk.set_active(kernel, login, active=True)
            assert await code_of(asked, headers, HERE) == "NOT_SIGNED_IN"
