"""The limit: what somebody would write by hand who needs these six answers and nothing else.

Raw ASGI, one prepared statement a request, the JSON that PostgreSQL made passed on as it came; nobody signs
in, nothing is checked but row-level security. ``python limit.py PORT DATABASE_URL CONNECTIONS``.
"""

import asyncio
import sys
import threading
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import uvicorn

_SCOPE = (
    "with s as materialized (select set_config('gongzhi.tenant', $1::text, true), "
    "set_config('gongzhi.lo', '', true), set_config('gongzhi.hi', '', true), $1::text::uuid as tenant)"
)
_GRID = (
    "(select row_to_json(r) from (select g.id, g.code, g.name from tenants.grid g "
    "where g.tenant_id = c.tenant_id and g.id = c.grid_id) r) as grid"
)
_MEDIATOR = (
    "(select row_to_json(r) from (select m.id, m.name from mediation.mediator m "
    "where m.tenant_id = c.tenant_id and m.id = c.mediator_id) r) as mediator"
)
_STEPS = (
    "(select coalesce(json_agg(r), '[]') from (select t.id, t.what, t.to_state as \"to\", t.at "
    "from mediation.step t where t.tenant_id = c.tenant_id and t.case_id = c.id order by t.id limit 5) r) as steps"
)
_TEN = (
    'c.id, c.number, c.state, c.source, c.category, c.title, c.received_at as "receivedAt", '
    'c.accepted_at as "acceptedAt", c.due_on as "dueOn", c.version'
)


def _page(columns: str) -> str:
    return (
        f"{_SCOPE} select (select coalesce(json_agg(r), '[]') from (select {columns} from mediation.case c "
        "where c.tenant_id = s.tenant order by c.id desc limit $2) r) from s"
    )


_SHORT = 'c.id, c.number, c.state, c.title, c.received_at as "receivedAt"'

#: Statement by path; each but the first takes its parameters in the order of the body's fields.
STATEMENTS = {
    "/case": f"{_SCOPE} select (select row_to_json(r) from (select {_SHORT}, {_GRID}, {_MEDIATOR} "
    "from mediation.case c where c.tenant_id = s.tenant and c.id = $2) r) from s",
    "/page": _page(f"{_SHORT}, {_GRID}, {_MEDIATOR}"),
    "/steps": _page(f"c.id, c.number, c.title, {_STEPS}"),
    "/rows": _page(_TEN),
    "/draw": f"""{_SCOPE}, here as (
        select a.id, a.code from tenants.area a, s where a.id = s.tenant
    ), drawn as (
        insert into tenants.grid (tenant_id, id, code, name, kind, version)
        select here.id, gen_random_uuid(), here.code || lpad($2::int::text, 3, '0'), $3, 'basic', 1 from here
        returning tenant_id, id, code, name, kind, version
    ), held as (
        insert into tenants.grid_version (tenant_id, id, grid_id, valid_from, households, bounds)
        select tenant_id, gen_random_uuid(), id, current_date, $4, $5 from drawn
    )
    select row_to_json(r) from (select id, code, name, kind, version from drawn) r""",
    "/register": f"""{_SCOPE}, made as (
        insert into tenants.household (tenant_id, id, number, grid_id, place, people, version)
        select g.tenant_id, gen_random_uuid(), $2, g.id, $4, $5, 1 from tenants.grid g, s
        where g.tenant_id = s.tenant and g.id = $3
        returning id, number, place, people
    )
    select row_to_json(r) from (select id, number, place, people from made) r""",
}


class _Asked(msgspec.Struct):
    """A body: whatever the statement of its path is told."""

    id: UUID | None = None
    first: int = 0
    number: int = 0
    name: str = ""
    households: int = 0
    bounds: str = ""
    label: str = ""
    grid: UUID | None = None
    place: str = ""
    people: int = 0


_DECODE = msgspec.json.Decoder(_Asked).decode
_JSON = (b"content-type", b"application/json")


def _told(path: str, asked: _Asked) -> tuple[Any, ...]:
    if path == "/case":
        return (asked.id,)
    if path == "/draw":
        return asked.number, asked.name, asked.households, asked.bounds
    if path == "/register":
        return asked.label, asked.grid, asked.place, asked.people
    return (asked.first,)


async def _body(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


class Limit:
    """The server; connections are taken from the end of a list and put back there."""

    def __init__(self, url: str, connections: int) -> None:
        self._url, self._connections = url, connections
        self._free: list[tuple[asyncpg.Connection, dict[str, Any]]] = []
        self._turns: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        asked = _DECODE(await _body(receive))
        tenant = next(value for name, value in scope["headers"] if name == b"gongzhi-tenant").decode()
        async with self._turns:
            connection = self._free.pop()
            try:
                made = await connection[1][path].fetchval(tenant, *_told(path, asked))
            finally:
                self._free.append(connection)
        body = b'{"data":' + (made or b"null") + b"}"
        headers = [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._turns = asyncio.Semaphore(self._connections)
        for _ in range(self._connections):
            connection = await asyncpg.connect(self._url)
            await connection.set_type_codec(
                "json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes
            )
            prepared = {path: await connection.prepare(sql) for path, sql in STATEMENTS.items()}
            self._free.append((connection, prepared))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for connection, _prepared in self._free:
            await connection.close()
        await send({"type": "lifespan.shutdown.complete"})


def main() -> None:
    """Serve until standard input closes, so that nothing outlives whoever started this."""
    port, url, connections = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    config = uvicorn.Config(
        Limit(url, connections),
        port=port,
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        server_header=False,
    )
    server = uvicorn.Server(config)

    def watch() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
