"""The page of health and metrics: a small HTTP server for programs that watch a centre."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST

from houfeng.shell.health.health import Level, judge
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.health.metrics_text import metrics_text
from houfeng.shell.settings.values import Address
from houfeng.words.errors import WorldFault
from houfeng.words.instant import NS_PER_S

#: Bytes a request's line and headers may take.
LARGEST_REQUEST_BYTES = 8192

#: How long a request may take to arrive, and its answer to be taken, s.
REQUEST_S = 5.0
ANSWER_S = 10.0

#: Connections at a time; those beyond are closed unheard.
MOST_CONNECTIONS = 32

#: An answer this young is given again: asking often costs nothing.
FRESH_NS = NS_PER_S

#: Names this machine goes by on loopback. A page in a browser here that calls itself otherwise is turned away.
_AT_HOME = ("localhost", "127.0.0.1", "::1")

_PHRASES = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered: a status, a content type, a body, and when it was made."""

    code: int
    kind: str
    body: bytes
    made_ns: int = 0


class HealthServer:
    """Answers GET and HEAD for /health and /metrics, one request per connection.

    metrics  what is counted
    clock    the present, ns since 1970
    """

    def __init__(self, metrics: Metrics, *, clock: Callable[[], int]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._begun_ns = clock()
        self._connections = 0
        self._hosts: frozenset[str] = frozenset()
        self._making = asyncio.Lock()
        self._made: dict[str, Answer] = {}

    async def serve(self, address: Address, stopping: asyncio.Event, on_listening: Callable[[int], None]) -> None:
        """Listen until the event is set.

        on_listening  told the port, which the system chooses when the address has port 0

        Raises WorldFault when the address cannot be listened on.
        """
        self._hosts = frozenset({*_AT_HOME, address.host}) if address.is_loopback else frozenset()
        try:
            server = await asyncio.start_server(
                self._connected, address.host, address.port, limit=LARGEST_REQUEST_BYTES, backlog=MOST_CONNECTIONS
            )
        except OSError as error:
            remedy = "choose another address in health.listen, or stop the program that has this one"
            raise WorldFault(f"health page at {address}", error.strerror or str(error), remedy) from error
        async with server:
            on_listening(server.sockets[0].getsockname()[1])
            await stopping.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        try:
            answer, with_body = await self._heard(reader)
            # Nothing may be left unsent when it is closed: a reader that never reads would keep it for ever.
            writer.transport.set_write_buffer_limits(0)
            writer.write(_written(answer, with_body=with_body))
            async with asyncio.timeout(ANSWER_S):
                await writer.drain()
            writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # gone, or too slow to be told anything
        finally:
            self._connections -= 1
            if not writer.is_closing():
                writer.transport.abort()

    async def _heard(self, reader: asyncio.StreamReader) -> tuple[Answer, bool]:
        """The answer to what a connection asks, and whether its body is wanted."""
        try:
            async with asyncio.timeout(REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _refusal(408), True
        except asyncio.LimitOverrunError:
            return _refusal(431), True
        try:
            method, path, host = read_request(head)
        except ValueError:
            return _refusal(400), True
        with_body = method != "HEAD"
        if method not in {"GET", "HEAD"}:
            return _refusal(405), with_body
        if host and self._hosts and host not in self._hosts:
            return _refusal(403), with_body
        return (await self._page(path) if path in {"/health", "/metrics"} else _refusal(404)), with_body

    async def _page(self, path: str) -> Answer:
        """A page as it was made within FRESH_NS, or made anew, beside the event loop."""
        async with self._making:
            made = self._made.get(path)
            if made is None or not 0 <= self._clock() - made.made_ns < FRESH_NS:
                make = self._health if path == "/health" else self._counted
                made = self._made[path] = await asyncio.to_thread(make, self._clock())
            return made

    def _health(self, now_ns: int) -> Answer:
        health = judge(self._metrics, now_ns=now_ns, begun_ns=self._begun_ns)
        body = json.dumps(health.document, ensure_ascii=False).encode("utf-8", "replace")
        return Answer(503 if health.level is Level.failing else 200, "application/json", body + b"\n", now_ns)

    def _counted(self, now_ns: int) -> Answer:
        return Answer(200, CONTENT_TYPE_LATEST, metrics_text(self._metrics), now_ns)


def read_request(head: bytes) -> tuple[str, str, str]:
    """The method, path and host of a request.

    head  its line and headers, with the empty line behind them

    Raises ValueError when it is no HTTP/1 request, or names several hosts, or, being HTTP/1.1, none.
    """
    line, *headers = head.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = line.split(" ")
    if version not in {"HTTP/1.0", "HTTP/1.1"} or not target.startswith("/"):
        raise ValueError("no HTTP/1 request")
    pairs = [header.partition(":") for header in headers]
    if any(not colon or not name.isprintable() or name != name.strip() for name, colon, _ in pairs):
        raise ValueError("no headers")
    hosts = [value.strip() for name, _, value in pairs if name.lower() == "host"]
    # HTTP/1.0 need not name one; browsers always do, and it is for them that hosts are looked at.
    (host,) = hosts or ([""] if version == "HTTP/1.0" else [])
    bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return method, target.partition("?")[0], bare.removeprefix("[").removesuffix("]").lower()


def _refusal(code: int) -> Answer:
    return Answer(code, _TEXT, f"{_PHRASES[code]}\n".encode("ascii"))


def _written(answer: Answer, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.code} {_PHRASES[answer.code]}\r\n"
        f"Content-Type: {answer.kind}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Allow: GET, HEAD\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + (answer.body if with_body else b"")
