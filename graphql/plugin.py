"""How the schema gets served: this room enters by the door every plugin uses."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath

from gongzhi.core.api import Kernel, PluginCard, hookimpl
from gongzhi.graphql.http import Endpoint

_GRAPHIQL = Path(__file__).parent / "graphiql"
_KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".txt": "text/plain"}

#: What GraphiQL's page may load: its own files, nothing from elsewhere.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@hookimpl
def plugin_card() -> PluginCard:
    return PluginCard(
        name="graphql",
        zh="数据接口",
        en="GraphQL",
        version=version("gongzhi"),
        switchable=False,
        requires=("tenants",),
    )


@hookimpl
def register_mounts(kernel: Kernel) -> Iterable[tuple[str, Any]]:
    return (("/graphql", Endpoint(kernel)),)


@hookimpl
def register_routes(kernel: Kernel) -> Iterable[Any]:
    return (graphiql, graphiql_file) if kernel.settings.mode == "development" else ()


@get("/graphiql", include_in_schema=False)
async def graphiql() -> Response[bytes]:
    """The page on which an integrator tries queries; offered in development only."""
    return _file("index.html")


@get("/graphiql/{name:str}", include_in_schema=False)
async def graphiql_file(name: FromPath[str]) -> Response[bytes]:
    """What the page consists of, and the licences of it; what only we need is not served."""
    return _file(name)


def _file(name: str) -> Response[bytes]:
    offered = {path.name: path for path in _GRAPHIQL.iterdir() if path.suffix in _KINDS}
    if name not in offered:
        raise NotFoundException
    content, kind = offered[name].read_bytes(), _KINDS[offered[name].suffix]
    return Response(content, media_type=kind, headers={"Content-Security-Policy": _POLICY})


@hookimpl
def register_commands() -> Iterable[Any]:
    from gongzhi.graphql.commands import schema

    return (schema,)
