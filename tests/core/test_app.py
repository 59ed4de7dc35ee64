"""The web application: health for probes, headers on everything."""

import pytest

NOSNIFF = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"


class TestHeaders:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/health/live", 200),
            ("GET", "/health/ready", 200),
            ("GET", "/nothing", 404),
            ("PUT", "/health/live", 405),
            ("GET", "/graphql", 405),
            ("POST", "/graphql", 400),
            ("POST", "/session", 400),
        ],
    )
    async def test_are_on_every_answer_refusals_included(self, client, method, path, status):
        response = await client.http.request(method, path)
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in NOSNIFF} == NOSNIFF
        assert response.headers["content-security-policy"] == NOTHING

    async def test_leave_a_route_its_own(self, client):
        policy = (await client.http.get("/graphiql")).headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert policy != [NOTHING]


class TestHealth:
    async def test_of_a_process_that_runs_is_told(self, client):
        assert (await client.http.get("/health/live")).json() == {"status": "alive"}

    async def test_names_what_it_looked_at_and_nothing_more(self, client):
        response = await client.http.get("/health/ready")
        body = response.json()
        assert (response.status_code, body["status"]) == (200, "ready")
        assert set(body) == {"status", "checks"}
        assert set(body["checks"].values()) <= {"well", "ailing"}


class TestBodies:
    async def test_of_ordinary_routes_stay_small(self, client):
        """Only /graphql takes files."""
        response = await client.http.post("/session", json={"login": "x" * 70_000, "password": "x"})
        assert response.status_code == 413
