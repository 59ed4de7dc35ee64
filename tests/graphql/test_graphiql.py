"""GraphiQL: served in development alone, from files of ours, and usable in a browser without the internet."""

import asyncio
import shutil
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from gongzhi.core.app import make_app
from gongzhi.core.testing import client_of

FOLDER = Path(__file__).parents[2] / "graphql" / "graphiql"
SERVED = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".html", ".js", ".css", ".txt"))
KEPT = sorted(path.name for path in FOLDER.iterdir() if path.name not in SERVED)


class TestPage:
    async def test_is_served_in_development(self, client):
        response = await client.http.get("/graphiql")
        assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert response.content == (FOLDER / "index.html").read_bytes()

    async def test_may_load_nothing_from_elsewhere(self, client):
        headers = (await client.http.get("/graphiql")).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "//" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"

    async def test_is_not_there_in_production(self, make_kernel):
        async with client_of(make_kernel(mode="production")) as client:
            for path in ("/graphiql", *(f"/graphiql/{name}" for name in SERVED)):
                assert (await client.http.get(path)).status_code == 404


class TestFiles:
    @pytest.mark.parametrize("name", SERVED)
    async def test_of_the_page_and_their_licences_are_served(self, client, name):
        response = await client.http.get(f"/graphiql/{name}")
        kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}
        assert response.headers["content-type"] == f"{kinds[Path(name).suffix]}; charset=utf-8"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.content == (FOLDER / name).read_bytes()

    @pytest.mark.parametrize(
        "name", [*KEPT, "nothing.js", "..%2fplugin.py", "%2e%2e/plugin.py", "../plugin.py"]
    )
    async def test_of_ours_are_not(self, client, name):
        assert (await client.http.get(f"/graphiql/{name}")).status_code == 404

    def test_of_both_sorts_are_there(self):
        """The two tests above are about something."""
        assert {"README.md", "refresh.sh"} <= set(KEPT)
        assert {"index.html", "start.js", "LICENSE-graphiql.txt"} <= set(SERVED)


@asynccontextmanager
async def serving(kernel):
    """The application on a free port of this machine; the kernel outlives it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(make_app(kernel), lifespan="off", log_config=None, ws="none"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            async with asyncio.timeout(20):
                while not server.started:  # noqa: ASYNC110  # uvicorn offers no event
                    await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@pytest.mark.heavy
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
class TestBrowser:
    async def test_runs_a_query_and_asks_no_foreign_host(self, kernel):
        """The page as an integrator meets it: open, run, read the answer."""
        from playwright.async_api import async_playwright, expect

        asked, complaints = [], []
        async with serving(kernel) as address, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = await browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            await page.goto(f"{address}/graphiql")
            await page.get_by_role("button", name="Execute query").click()
            await expect(page.locator(".result-window")).to_contain_text('"__typename": "Query"')
            await browser.close()
        foreign = [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))]
        assert foreign == []
        assert f"{address}/graphql" in asked
        assert complaints == []
