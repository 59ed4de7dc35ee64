"""People sign in with a password and carry a cookie; what goes wrong tells a stranger nothing."""

import asyncio

import pytest

from gongzhi.core.testing import Client, client_of
from gongzhi.tenants import desk
from gongzhi.tenants.sign_in import WINDOW, SignedIn, SignIn, SignInRefused, sign_in

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


class TestSignIn:
    async def test_opens_a_session(self, client, county, login):
        response = await knock(client, login)

        assert response.status_code == 201
        signed_in = client.as_(**{"X-CSRF-Token": response.json()["csrfToken"]})
        assert (await signed_in.ask(HERE)).data == {"here": {"code": county.community}}

    async def test_hides_the_session_from_scripts_and_foreign_pages(self, client, login):
        cookies = cookies_of(await knock(client, login))

        session, csrf = cookies["gongzhi_session"].lower(), cookies["gongzhi_csrf"].lower()
        assert "httponly" in session
        assert "httponly" not in csrf
        for cookie in (session, csrf):
            assert "samesite=strict" in cookie
            assert "path=/" in cookie
            assert "max-age=43200" in cookie
            assert "secure" not in cookie

    async def test_sends_cookies_over_https_only_in_production(self, make_kernel, event_loop):
        production = make_kernel(mode="production")
        await desk.create_account(production, "somebody", "某人", password=PASSWORD)

        async with client_of(production) as client:
            cookies = cookies_of(await knock(client, "somebody"))

        assert [line for line in cookies.values() if "; Secure" not in line] == []
        assert len(cookies) == 2

    async def test_keeps_hashes_alone(self, client, kernel, login, contents):
        """Whoever reads the database can't sign in with what is in it."""
        response = await knock(client, login)

        held = "".join(row for rows in contents(kernel).values() for row in rows)
        for secret in (client.http.cookies["gongzhi_session"], response.json()["csrfToken"], PASSWORD):
            assert secret not in held
            assert secret.encode().hex() not in held

    async def test_is_audited_with_the_account(self, client, kernel, login, rows_of):
        await knock(client, login)
        await knock(client, login, "wrong password here")

        seen = rows_of(
            kernel,
            "select e.outcome, e.account_id = a.id from core.audit e join tenants.account a "
            "on a.id = e.subject_id where a.login = %s and action = 'tenants.session.open' order by e.id",
            login,
        )
        assert seen == [("done", True), ("SIGN_IN_REFUSED", True)]

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("text/plain", b'{"login": "somebody", "password": "="}'),
            ("application/x-www-form-urlencoded", b"login=somebody&password=x"),
            ("application/json", b'{"login": "somebody"}'),
            ("application/json", b'{"login": 7, "password": "x"}'),
            ("application/json", b"\xff"),
            ("application/json", b"[" * 20_000),
        ],
    )
    async def test_takes_json_alone(self, content_type, body, client):
        """A foreign page may send text or a form without asking first, never JSON."""
        headers = {"Content-Type": content_type}

        response = await client.http.post("/session", content=body, headers=headers)

        assert (response.status_code, code_of(response)) == (400, "INVALID_INPUT")
        assert cookies_of(response) == {}


class TestRefused:
    async def test_tells_a_wrong_password_like_an_unknown_login(self, client, login):
        wrong, unknown = await knock(client, login, "wrong password"), await knock(client, "nobody-at-all")

        assert wrong.status_code == unknown.status_code == 401
        assert wrong.json() == unknown.json()
        assert code_of(wrong) == "SIGN_IN_REFUSED"
        assert cookies_of(wrong) == cookies_of(unknown) == {}

    async def test_hashes_for_an_unknown_login_too(self, kernel, monkeypatch):
        """The answer takes as long as if there were such an account."""
        hashed = []
        monkeypatch.setattr(
            "gongzhi.tenants.sign_in.password_fits", lambda kept, password: hashed.append(kept) or False
        )

        for nobody in ("nobody-at-all", "no such login", "\0", ""):
            with pytest.raises(SignInRefused):
                await sign_in(kernel, SignIn(login=nobody, password=PASSWORD), address="")

        assert hashed == [None] * 4

    async def test_speaks_the_language_of_the_request(self, client, login):
        english = await knock(client, login, "wrong", **{"Accept-Language": "en-GB, zh"})
        chinese = await knock(client, login, "wrong")

        assert english.json()["errors"][0]["message"] == "The account or the password is wrong"
        assert chinese.json()["errors"][0]["message"] == "账号或密码不正确"

    async def test_to_a_closed_account_is_a_wrong_password(self, client, kernel, login):
        await desk.set_active(kernel, login, active=False)

        response = await knock(client, login)

        assert (response.status_code, code_of(response)) == (401, "SIGN_IN_REFUSED")

    async def test_says_no_password_in_a_traceback(self):
        assert PASSWORD not in repr(SignIn(login="somebody", password=PASSWORD))
        assert "gz" not in repr(SignedIn("gzs_x", "gzc_x", 12))


class TestRateLimit:
    @pytest.fixture
    def strict(self, make_kernel, event_loop):
        kernel = make_kernel(sign_in_attempts=3)
        event_loop.run(desk.create_account(kernel, "somebody", "某人", password=PASSWORD))
        return kernel

    async def test_stops_an_account_after_its_failures(self, strict, fixed_clock):
        """The right password does not help either, so nobody learns that it is right."""
        async with client_of(strict) as client:
            for _ in range(3):
                assert code_of(await knock(client, "somebody", "wrong")) == "SIGN_IN_REFUSED"
                fixed_clock.advance(minutes=1)

            stopped = await knock(client, "somebody")

        assert (stopped.status_code, code_of(stopped)) == (429, "RATE_LIMITED")
        assert stopped.headers["retry-after"] == "720"
        assert "720秒" in stopped.json()["errors"][0]["message"]

    async def test_ends_when_the_first_failure_is_old(self, strict, fixed_clock):
        async with client_of(strict) as client:
            for _ in range(3):
                await knock(client, "somebody", "wrong")
            fixed_clock.advance(seconds=WINDOW.total_seconds() - 1)
            assert code_of(await knock(client, "somebody")) == "RATE_LIMITED"
            fixed_clock.advance(seconds=2)

            assert (await knock(client, "somebody")).status_code == 201

    async def test_is_the_account_s_own(self, strict):
        await desk.create_account(strict, "other", "另一人", password=PASSWORD)
        async with client_of(strict) as client:
            for _ in range(3):
                await knock(client, "somebody", "wrong")

            assert (await knock(client, "other")).status_code == 201

    async def test_holds_for_logins_that_do_not_exist(self, strict):
        """Otherwise the limit would tell which do."""
        async with client_of(strict) as client:
            answers = [code_of(await knock(client, "nobody", "wrong")) for _ in range(4)]

        assert answers == ["SIGN_IN_REFUSED"] * 3 + ["RATE_LIMITED"]

    async def test_forgets_the_account_s_failures_once_the_password_was_right(self, strict):
        async with client_of(strict) as client:
            for _ in range(3):
                await knock(client, "somebody", "wrong")
                await knock(client, "somebody", "wrong")
                assert (await knock(client, "somebody")).status_code == 201

    async def test_stops_an_address_after_ten_times_as_many(self, strict, monkeypatch):
        monkeypatch.setattr("gongzhi.tenants.sign_in.password_fits", lambda kept, _password: kept is not None)
        async with client_of(strict) as client:
            for number in range(30):
                assert code_of(await knock(client, f"nobody-{number}")) == "SIGN_IN_REFUSED"

            stopped = await knock(client, "somebody")

        assert code_of(stopped) == "RATE_LIMITED"
        opened = await sign_in(strict, SignIn(login="somebody", password=PASSWORD), address="192.0.2.7")
        assert opened.hours == 12

    async def test_is_not_forgiven_to_an_address_that_knows_one_password(self, strict, monkeypatch):
        """An account of one's own would otherwise be a way to try others without end."""
        monkeypatch.setattr("gongzhi.tenants.sign_in.password_fits", lambda kept, _password: kept is not None)
        async with client_of(strict) as client:
            for number in range(29):
                await knock(client, f"nobody-{number}")
            assert (await knock(client, "somebody")).status_code == 201
            assert code_of(await knock(client, "nobody-29")) == "SIGN_IN_REFUSED"

            assert code_of(await knock(client, "somebody")) == "RATE_LIMITED"

    async def test_holds_for_many_at_once(self, strict):
        """Whoever sends all attempts in one moment gets no more of them."""
        async with client_of(strict) as client:
            answers = await asyncio.gather(*(knock(client, "somebody", "wrong") for _ in range(8)))

        assert sorted(code_of(answer) for answer in answers) == ["RATE_LIMITED"] * 5 + ["SIGN_IN_REFUSED"] * 3
