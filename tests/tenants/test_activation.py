"""An account is made one's own with a code that is told once; nobody else ever knows the password."""

from datetime import timedelta

import pytest

from gongzhi.core import clock
from gongzhi.tenants import desk

PASSWORD = "梅营社区 correct horse"


@pytest.fixture
def admin(client, county, token_for):
    return client.as_(token_for("community_admin", county.community))


@pytest.fixture
def opened(admin, event_loop, make_login):
    """(login, code, account) of an account that the community's admin opened a moment ago."""
    login = make_login()
    told = {"login": login, "displayName": "试同事"}
    payload = event_loop.run(admin.do("openAccount", told, read="account { id version } activationCode"))
    return login, payload["activationCode"], payload["account"]


@pytest.fixture
def make_login():
    from uuid import uuid4

    return lambda: f"someone-{uuid4().hex[:12]}"


async def activate(client, login, code, password=PASSWORD):
    told = {"login": login, "code": code, "password": password}
    return await client.http.post("/session/activate", json=told)


async def sign_in(client, login, password=PASSWORD):
    return await client.http.post("/session", json={"login": login, "password": password})


def code_of(response):
    [error] = response.json()["errors"]
    return error["extensions"]["code"]


class TestActivation:
    async def test_lets_its_owner_in(self, client, opened):
        login, code, _account = opened
        assert (await sign_in(client, login)).status_code == 401
        assert (await activate(client, login, code)).status_code == 200
        assert (await sign_in(client, login)).status_code == 201

    async def test_works_once(self, client, opened):
        login, code, _account = opened
        await activate(client, login, code)
        again = await activate(client, login, code, "another password 1")
        assert (again.status_code, code_of(again)) == (401, "ACTIVATION_REFUSED")
        assert (await sign_in(client, login)).status_code == 201

    @pytest.mark.parametrize("wrong", ["gza_wrong", "", "x" * 500])
    async def test_refuses_another_code(self, client, opened, wrong):
        login, _code, _account = opened
        assert code_of(await activate(client, login, wrong)) == "ACTIVATION_REFUSED"

    async def test_refuses_anothers_code_with_the_same_words(self, client, opened, make_login):
        """Whether there is such an account is nobody's business."""
        _login, code, _account = opened
        assert code_of(await activate(client, make_login(), code)) == "ACTIVATION_REFUSED"

    async def test_ends_after_seven_days(self, client, opened):
        login, code, _account = opened
        with clock.use(clock.FixedClock(clock.now() + timedelta(days=7, seconds=1))):
            assert code_of(await activate(client, login, code)) == "ACTIVATION_REFUSED"

    async def test_keeps_the_code_where_the_password_is_weak(self, client, opened):
        login, code, _account = opened
        assert code_of(await activate(client, login, code, "short")) == "PASSWORD_WEAK"
        assert (await activate(client, login, code)).status_code == 200

    async def test_is_limited(self, client, opened, kernel):
        login, code, _account = opened
        for _ in range(kernel.settings.sign_in_attempts):
            await activate(client, login, "gza_wrong")
        assert code_of(await activate(client, login, code)) == "RATE_LIMITED"

    async def test_of_a_closed_account_is_refused(self, client, opened, kernel):
        login, code, _account = opened
        await desk.set_active(kernel, login, active=False)
        assert code_of(await activate(client, login, code)) == "ACTIVATION_REFUSED"

    async def test_signs_out_whoever_was_in(self, client, opened, admin):
        login, code, account = opened
        await activate(client, login, code)
        csrf = (await sign_in(client, login)).json()["csrfToken"]
        told = {"accountId": account["id"], "version": account["version"] + 1}
        payload = await admin.do("resetAccount", told, read="activationCode")
        assert (
            await activate(client, login, payload["activationCode"], "a new password 1")
        ).status_code == 200
        answered = await client.as_(**{"X-CSRF-Token": csrf}).ask("{ me { roles { code } } }")
        assert answered.code == "NOT_SIGNED_IN"

    async def test_takes_json_alone(self, client):
        response = await client.http.post("/session/activate", data={"login": "x"})
        assert code_of(response) == "INVALID_INPUT"


class TestCode:
    async def test_is_told_once(self, admin, make_login):
        """The answer that was lost does not tell it again: a new one is to be asked for."""
        told = {"login": make_login(), "displayName": "试同事"}
        read = "account { id } activationCode"
        first = await admin.do("openAccount", told, key="key-of-the-test", read=read)
        again = await admin.do("openAccount", told, key="key-of-the-test", read=read)
        assert first["activationCode"].startswith("gza_")
        assert again == first | {"activationCode": None}

    async def test_is_kept_as_a_hash(self, opened, rows_of, kernel):
        _login, code, _account = opened
        everything = str(
            rows_of(kernel, "select activation_hash::text, login, display_name from tenants.account")
        )
        assert code not in everything
