"""Load over HTTP/1.1 that costs the client little: raw keep-alive sockets, requests encoded beforehand."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

#: Seconds a connection may wait for the answer under way when the turn is over.
_PATIENCE = 20
#: In place of an answer's length: its head is not there yet, or it comes in chunks.
_UNKNOWN, _CHUNKED = -1, -2


@dataclass
class Turn:
    """What came of sending requests for a while.

    :param seconds: from the first request to the last answer.
    :param took: seconds each answer took.
    :param complaint: the first answer that was no success.
    """

    seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    errors: int = 0
    complaint: str = ""
    client_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Successful answers a second."""
        return (len(self.took) - self.errors) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The time below which this share of the answers took, in milliseconds."""
        took = sorted(self.took)
        return took[min(len(took) - 1, int(len(took) * share))] * 1000 if took else 0.0


class _Connection(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is in."""

    def __init__(self, requests: Iterator[bytes], expected: bytes, turn: Turn, until: float) -> None:
        self._requests, self._expected, self._turn, self._until = requests, expected, turn, until
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: Any = None
        self._buffer = bytearray()
        self._sent_at = 0.0
        self._length = _UNKNOWN

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self._turn.errors += 1
            self._turn.complaint = self._turn.complaint or f"the connection was closed: {exc}"
            self.done.set_result(None)

    def _send(self) -> None:
        request = next(self._requests, None)
        self._sent_at = time.perf_counter()
        if request is None or self._sent_at >= self._until:
            self.done.set_result(None)
            self._transport.close()
            return
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if self._length < 0:
            self._length = _length(buffer)
        if self._length == _CHUNKED:
            if not buffer.endswith(b"\r\n0\r\n\r\n"):
                return
        elif self._length == _UNKNOWN or len(buffer) < self._length:
            return
        self._turn.took.append(time.perf_counter() - self._sent_at)
        if buffer[9:12] != b"200" or self._expected not in buffer or b'"errors"' in buffer:
            self._turn.errors += 1
            self._turn.complaint = self._turn.complaint or _told(buffer)
        self._buffer = bytearray()
        self._length = _UNKNOWN
        self._send()


def _told(answer: bytearray) -> str:
    """The first line of an answer and the beginning of its body."""
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    return f"{head.splitlines()[0]}: {' '.join(body[:300].split())}"


def _length(buffer: bytearray) -> int:
    """The length of the answer with its head, once that is there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return _UNKNOWN
    head = bytes(buffer[:end]).lower()
    at = head.find(b"content-length:")
    return _CHUNKED if at < 0 else end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])


async def _load(port: int, requests: Iterator[bytes], expected: bytes, seconds: float, at_once: int) -> Turn:
    turn = Turn()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    # An exception raised in the middle of a callback would be swallowed there.
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    begun = time.perf_counter()
    cpu = time.process_time()
    made = [
        await loop.create_connection(
            lambda: _Connection(requests, expected, turn, begun + seconds), "127.0.0.1", port
        )
        for _ in range(at_once)
    ]
    waiting = [connection.done for _transport, connection in made]
    _done, late = await asyncio.wait(waiting, timeout=seconds + _PATIENCE)
    turn.seconds = time.perf_counter() - begun
    turn.client_cpu = time.process_time() - cpu
    turn.errors += len(late)
    if late:
        turn.complaint = turn.complaint or f"no answer for {_PATIENCE} s"
    for transport, _connection in made:
        transport.abort()
    return turn


def load(port: int, requests: Iterator[bytes], expected: bytes, seconds: float, at_once: int) -> Turn:
    """Send these requests to a local server, so many at once, until the time is over or there are no more.

    :param expected: what every good answer contains.
    """
    before = signal.getsignal(signal.SIGTERM)
    gc.collect()
    gc.disable()
    try:
        return uvloop.run(_load(port, requests, expected, seconds, at_once))
    except asyncio.CancelledError:
        sys.exit(143)
    finally:
        signal.signal(signal.SIGTERM, before)
        gc.enable()


def encoded(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST request as it goes over the wire."""
    lines = {
        "Host": "127.0.0.1",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body
