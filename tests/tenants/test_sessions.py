"""A session proves itself with each request, ends when it is told to, and is worth nothing forged."""

from datetime import timedelta

import pytest

from gongzhi.core import clock
from gongzhi.core.api import hash_token, system_work
from gongzhi.core.testing import Client
from gongzhi.tenants import desk
from gongzhi.tenants.models import SignInSession
from gongzhi.tenants.sign_in import SignIn, SignInRefused, sign_in, sign_out

PASSWORD = "梅营社区 correct horse"
HERE = "{ here { code } }"


async def knock(client: Client, login: str, password: str = PASSWORD, **headers: str):
    return await client.http.post("/session", json={"login": login, "password": password}, headers=headers)


def cookies_of(response) -> dict[str, str]:
    """Cookie name to its attributes."""
    return {line.split("=")[0]: line for line in response.headers.get_list("set-cookie")}


def code_of(response) -> str:
    [error] = response.json()["errors"]
    return error["extensions"]["code"]


@pytest.fixture
def login(kernel, county, somebody):
    return somebody(kernel, ("community_admin", county.community))


class TestCsrf:
    @pytest.mark.parametrize("token", [None, "", "gzc_forged"])
    async def test_token_is_needed_by_whoever_comes_with_a_cookie(self, token, client, login):
        await knock(client, login)
        headers = {} if token is None else {"X-CSRF-Token": token}

        assert (await client.as_(**headers).ask(HERE)).code == "CSRF_MISSING"

    async def test_token_of_another_session_is_no_good(self, client, kernel, login):
        await knock(client, login)
        other = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")

        assert (await client.as_(**{"X-CSRF-Token": other.csrf}).ask(HERE)).code == "CSRF_MISSING"

    async def test_token_is_not_asked_of_a_bearer(self, kernel, county, client):
        token = await desk.create_token(kernel, county.community, label="csrf")

        assert (await client.as_(token).ask(HERE)).data == {"here": {"code": county.community}}

    async def test_token_is_needed_to_sign_out(self, client, login):
        csrf = (await knock(client, login)).json()["csrfToken"]

        refused = await client.http.delete("/session")

        assert (refused.status_code, code_of(refused)) == (403, "CSRF_MISSING")
        assert (await client.as_(**{"X-CSRF-Token": csrf}).ask(HERE)).errors == []


class TestSignOut:
    async def test_kills_the_session(self, client, login):
        """The cookie is worthless afterwards, whoever kept a copy."""
        csrf = {"X-CSRF-Token": (await knock(client, login)).json()["csrfToken"]}
        kept = client.http.cookies["gongzhi_session"]

        response = await client.http.delete("/session", headers=csrf)

        assert response.status_code == 200
        assert "gongzhi_session" not in client.http.cookies
        copied = client.as_(Cookie=f"gongzhi_session={kept}", **csrf)
        answered = await copied.ask(HERE)
        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")

    async def test_leaves_other_sessions(self, client, kernel, login):
        other = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")
        csrf = (await knock(client, login)).json()["csrfToken"]
        await client.http.delete("/session", headers={"X-CSRF-Token": csrf})

        cookie = {"Cookie": f"gongzhi_session={other.session}", "X-CSRF-Token": other.csrf}

        assert (await client.as_(**cookie).ask(HERE)).errors == []

    async def test_twice_is_harmless(self, kernel, login):
        opened = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")

        for _ in range(2):
            await sign_out(kernel, opened.session, opened.csrf)

    async def test_without_a_session_is_harmless(self, client):
        assert (await client.http.delete("/session")).status_code == 200

    async def test_works_where_the_community_is_suspended(self, client, kernel, county, login):
        """Who can't work any more can still leave."""
        csrf = (await knock(client, login)).json()["csrfToken"]
        await desk.turn_community(kernel, county.community, "suspend")

        response = await client.http.delete("/session", headers={"X-CSRF-Token": csrf})

        assert response.status_code == 200

    async def test_is_audited_with_the_account(self, kernel, login, rows_of):
        opened = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")

        await sign_out(kernel, opened.session, opened.csrf)

        seen = "select count(*) from core.audit e join tenants.account a on a.id = e.account_id where a.login = %s"
        assert rows_of(kernel, f"{seen} and action = 'tenants.session.close'", login) == [(1,)]


class TestSession:
    async def cookie(self, kernel, login):
        opened = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")
        return {"Cookie": f"gongzhi_session={opened.session}", "X-CSRF-Token": opened.csrf}

    async def test_expires(self, client, kernel, login):
        with clock.use(clock.FixedClock(clock.now())) as standing:
            cookie = await self.cookie(kernel, login)
            standing.advance(hours=12, seconds=-1)
            assert (await client.as_(**cookie).ask(HERE)).errors == []
            standing.advance(seconds=1)

            assert (await client.as_(**cookie).ask(HERE)).code == "NOT_SIGNED_IN"

    async def test_that_expired_is_swept_by_the_next_sign_in(self, kernel, login):
        with clock.use(clock.FixedClock(clock.now() - timedelta(days=2))):
            stale = await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")

        await self.cookie(kernel, login)

        async with system_work(kernel) as work:
            assert await work.session.get(SignInSession, hash_token(stale.session)) is None

    async def test_ends_with_the_account(self, client, kernel, login):
        cookie = await self.cookie(kernel, login)
        await desk.set_active(kernel, login, active=False)

        assert (await client.as_(**cookie).ask(HERE)).code == "NOT_SIGNED_IN"

        await desk.set_active(kernel, login, active=True)
        assert (await client.as_(**cookie).ask(HERE)).code == "NOT_SIGNED_IN"

    async def test_ends_with_the_password(self, client, kernel, login):
        cookie = await self.cookie(kernel, login)

        await desk.set_password(kernel, login, "another correct horse")

        assert (await client.as_(**cookie).ask(HERE)).code == "NOT_SIGNED_IN"
        with pytest.raises(SignInRefused):
            await sign_in(kernel, SignIn(login=login, password=PASSWORD), address="")

    @pytest.mark.parametrize("cookie", ["gzs_forged", "", "a=b", "'; drop table", "gzs_" + "x" * 5000])
    async def test_that_was_forged_is_none(self, cookie, client):
        forged = client.as_(Cookie=f"gongzhi_session={cookie}", **{"X-CSRF-Token": "x"})

        answered = await forged.ask(HERE)

        assert (answered.status, answered.code) == (401, "NOT_SIGNED_IN")
