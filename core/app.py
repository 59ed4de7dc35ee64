"""The web application: health, and whatever routes and mounts the plugins bring."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Response, get
from litestar.datastructures import MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from gongzhi.core.health import examine
from gongzhi.core.kernel import Kernel

#: What every answer carries, unless its route says otherwise: nothing is guessed, framed, or passed on.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


async def _secure(message: Message, _scope: Scope) -> None:
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)


_HEADER_LINES = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]


class Application:
    """What the server runs: mounts answer their path as bare ASGI, Litestar everything else.

    A mount is for what is asked thousands of times a second; routing costs as much as a small query.
    """

    def __init__(self, routes: Litestar, mounts: Mapping[str, ASGIApp]) -> None:
        self.routes, self._mounts = routes, mounts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        mounted = self._mounts.get(scope["path"]) if scope["type"] == "http" else None
        if mounted is None:
            await self.routes(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADER_LINES]
            await send(message)

        await mounted(scope, receive, secured)


def make_app(kernel: Kernel) -> Application:
    """The application of this kernel."""

    @get("/health/live", media_type="application/json")
    async def live() -> dict[str, str]:
        """The process runs."""
        return {"status": "alive"}

    @get("/health/ready", media_type="application/json")
    async def ready() -> Response[dict[str, Any]]:
        """Requests may be sent; what ails is named, and nothing else about the installation."""
        findings = await examine(kernel)
        well = all(finding.ails is None for finding in findings if finding.needed)
        told = {finding.name: "well" if finding.ails is None else "ailing" for finding in findings}
        return Response(
            {"status": "ready" if well else "not ready", "checks": told}, status_code=200 if well else 503
        )

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        yield
        await kernel.database.dispose()

    routes = Litestar(
        route_handlers=[live, ready, *kernel.plugins.ask("register_routes", kernel=kernel)],
        lifespan=[lifespan],
        before_send=[_secure],
        openapi_config=None,
        logging_config=None,
        debug=False,
        request_max_body_size=64 * 1024,
    )
    return Application(routes, _mounts(kernel))


def _mounts(kernel: Kernel) -> dict[str, ASGIApp]:
    """:raises ValueError: two plugins would answer one path."""
    found: dict[str, ASGIApp] = {}
    for plugin, (path, mounted) in kernel.plugins.ask_each("register_mounts", kernel=kernel):
        if found.setdefault(path, mounted) is not mounted:
            raise ValueError(f"{plugin} mounts {path}, which another plugin answers")
    return found
