"""What hostile requests cost: the CPU of each, in milliseconds of this process, database apart; aim under 20.

``make bench-hostile``; in production mode, without any cache helping.
"""

import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from hostile_requests import HOSTILE, Hostile

from gongzhi.core.api import Kernel, Settings, opened
from gongzhi.core.app import Application, make_app
from gongzhi.tenants import desk
from gongzhi.tenants.testing import make_place

AIM = 20.0
TIMES = 7


async def ask(app: Application, body: bytes, token: str | None) -> dict[str, Any]:
    """Send it through the whole application."""
    told: dict[str, Any] = {}
    headers = [(b"content-type", b"application/json")]
    headers += [] if token is None else [(b"authorization", f"Bearer {token}".encode())]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            told.update(msgspec.json.decode(message["body"]))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "headers": headers,
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    return told


async def cost(app: Application, hostile: Hostile, token: str | None) -> tuple[float, str]:
    """(milliseconds of CPU, the code of the answer)."""
    spent, codes = [], set()
    for _ in range(TIMES):
        body = hostile.body()
        before = time.process_time()
        answer = await ask(app, body, token)
        spent.append((time.process_time() - before) * 1000)
        codes.add(answer["errors"][0]["extensions"]["code"] if answer.get("errors") else "answered")
    return median(spent), "/".join(sorted(codes))


async def tell(kernel: Kernel) -> None:
    """Measure all of them."""
    await kernel.migrate()
    place = await make_place(kernel, communities=1)
    token = await desk.create_token(kernel, place.community, label="hostile", role="community_admin")
    app = make_app(kernel)
    await ask(app, b'{"query": "{ version }"}', token)
    print(f"{'':40} {'CPU ms':>8}   answered with")
    over = 0
    for hostile in HOSTILE:
        spent, code = await cost(app, hostile, token if hostile.signed_in else None)
        over += spent > AIM
        print(f"{hostile.name:40} {spent:8.1f}   {code}{'   ABOVE THE AIM' if spent > AIM else ''}")
    print(f"\n{len(HOSTILE) - over} of {len(HOSTILE)} within {AIM:.0f} ms")
    await kernel.database.dispose()


def main() -> None:
    """On an embedded database of its own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        told = {
            "GONGZHI_DATA_DIR": folder,
            "GONGZHI_QUERY_BUDGET": "1000000000",
            "GONGZHI_LOG_LEVEL": "error",
        }
        with opened(Settings.load({**os.environ, **told})) as kernel:
            asyncio.run(tell(kernel))


if __name__ == "__main__":
    main()
