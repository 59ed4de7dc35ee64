"""How the schema gets served: this room enters by the door every plugin uses."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from litestar import MediaType, Response, get
from litestar.handlers import asgi
from litestar.static_files import create_static_files_router

from gongzhi.core.api import Kernel, PluginCard, hookimpl
from gongzhi.graphql.http import Endpoint

_GRAPHIQL = Path(__file__).parent / "graphiql"

#: What GraphiQL's page may load: its own files, nothing from elsewhere.
_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; worker-src 'self' blob:; frame-ancestors 'none'"
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
def register_routes(kernel: Kernel) -> Iterable[Any]:
    routes: list[Any] = [asgi("/graphql", copy_scope=True)(Endpoint(kernel))]
    if kernel.settings.mode == "development":
        routes += [graphiql, create_static_files_router(path="/graphiql", directories=[_GRAPHIQL])]
    return routes


@get("/graphiql", media_type=MediaType.HTML, include_in_schema=False)
async def graphiql() -> Response[str]:
    """The page on which an integrator tries queries; offered in development only."""
    page = (_GRAPHIQL / "index.html").read_text(encoding="utf-8")
    return Response(page, headers={"Content-Security-Policy": _POLICY})


@hookimpl
def register_commands() -> Iterable[Any]:
    from gongzhi.graphql.commands import schema

    return (schema,)
