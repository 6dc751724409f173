"""The outlet that is a WebSocket server: whoever connects gets every open alert, and then each version as it comes."""

import asyncio
import contextlib
import http
import logging
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from houfeng.shell.outlets.outlet import Issue
from houfeng.shell.seedlink.bans import Bans, network_of
from houfeng.shell.seedlink.readers import Readers
from houfeng.words.errors import WorldFault

#: Connections at a time, together and from one address.
MOST_CLIENTS, MOST_OF_ONE_ADDRESS = 500, 50

#: Versions that may wait for one client, beyond the open alerts it begins with. Who is further behind is let go.
MOST_BEHIND = 64

#: How long a client may take to take one version, s.
TAKE_S = 10.0

#: Bytes that a client may send at once. It has nothing to say.
_MOST_HEARD_BYTES = 256

_PING_S = 20.0

#: What goes wrong with a client is the client's business: whoever scans ports must not fill the log.
_SILENT = logging.getLogger("houfeng.websocket")
_SILENT.setLevel(logging.CRITICAL + 1)


@dataclass(slots=True, eq=False)
class _Client:
    """A connection, and what it is still to be sent."""

    connection: ServerConnection
    behind: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MOST_BEHIND))


class WebSocketOutlet:
    """Sends every version as one text message: its line of JSON, with the loudest voices.

    host, port  where to listen; port 0 for any that is free
    tls         None for plain text
    readers     who may connect, by a JSON Web Token as bearer; None: everybody on this machine but pages in browsers
    clock       the present, ns

    on_listening is called with the port.
    """

    lasting = False
    trouble = ""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        clock: Callable[[], int],
        tls: ssl.SSLContext | None = None,
        readers: Readers | None = None,
        on_listening: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._host, self._port = host, port
        self._clock = clock
        self._tls = tls
        self._readers = readers
        self._on_listening = on_listening
        self._server: Server | None = None
        self._open: dict[str, Issue] = {}
        self._clients: dict[ServerConnection, _Client] = {}
        self._bans = Bans()
        self._begun = 0

    async def open(self, earlier: Sequence[Issue]) -> None:
        """See Outlet."""
        self._open = {issue.alert_id: issue for issue in earlier}
        try:
            self._server = await serve(
                self._attend,
                self._host,
                self._port,
                ssl=self._tls,
                process_request=self._admit,
                compression=None,  # it would cost every version time, for each client
                max_size=_MOST_HEARD_BYTES,
                max_queue=1,
                ping_interval=_PING_S,
                ping_timeout=_PING_S,
                server_header=None,
                create_connection=self._counted(),
                logger=_SILENT,
            )
        except OSError as error:
            remedy = "choose another address, or stop the program that has this one"
            raise WorldFault(f"{self._host}:{self._port}", f"cannot listen: {error.strerror}", remedy) from error
        self._on_listening(next(iter(self._server.sockets)).getsockname()[1])

    async def give(self, issue: Issue) -> None:
        """See Outlet. Clients are not waited for."""
        self._open[issue.alert_id] = issue
        for client in tuple(self._clients.values()):
            try:
                client.behind.put_nowait(issue.brief)
            except asyncio.QueueFull:
                self._let_go(client)

    async def close(self) -> None:
        """See Outlet."""
        if self._server is not None:
            self._server.close(close_connections=False)
            for client in tuple(self._clients.values()):
                self._let_go(client)
            await self._server.wait_closed()
            self._server = None

    @property
    def connected(self) -> int:
        """How many clients there are."""
        return len(self._clients)

    def _counted(self) -> type[ServerConnection]:
        """Connections that are counted from their first byte on: who never asks for anything has a place too."""
        outlet = self

        class Counted(ServerConnection):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                outlet._begun += 1
                if outlet._begun > MOST_CLIENTS:
                    self.transport.abort()

            def connection_lost(self, exc: Exception | None) -> None:
                outlet._begun -= 1
                super().connection_lost(exc)

        return Counted

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let somebody in, or say why not."""
        address = connection.remote_address[0]
        mine = network_of(address)
        if sum(network_of(other.remote_address[0]) == mine for other in self._clients) >= MOST_OF_ONE_ADDRESS:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many are connected\n")
        if self._readers is None:
            # A page from anywhere, in a browser on this machine, is on this machine too.
            if "Origin" in request.headers:
                return connection.respond(http.HTTPStatus.FORBIDDEN, "not from a browser without a token\n")
        elif not self._knows(address, request.headers.get_all("Authorization")):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "Authorization: Bearer TOKEN is needed\n")
        return None

    def _knows(self, address: str, said: Sequence[str]) -> bool:
        """Whether a token is that of a reader. An address that guesses has to wait."""
        assert self._readers is not None
        now_ns = self._clock()
        if self._bans.banned(address, now_ns):
            return False
        scheme, _, token = said[0].partition(" ") if len(said) == 1 else ("", "", "")
        if scheme.lower() == "bearer" and self._readers.check_token(token.strip(), now_ns):
            return True
        self._bans.failed(address, now_ns)
        return False

    async def _attend(self, connection: ServerConnection) -> None:
        """Send to one client until it goes, falls behind, or says anything."""
        client = _Client(connection)
        first = [issue.brief for issue in self._current()]
        self._clients[connection] = client
        sending = asyncio.create_task(self._send(client, first))
        try:
            await connection.recv()
        except ConnectionClosed:
            pass
        else:
            await connection.close(1003, "nothing is to be said here")
        finally:
            del self._clients[connection]
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _current(self) -> list[Issue]:
        """The open alerts, those that are over forgotten."""
        now_ns = self._clock()
        self._open = {name: issue for name, issue in self._open.items() if issue.over_ns > now_ns}
        return list(self._open.values())

    async def _send(self, client: _Client, first: Sequence[bytes]) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in first:
                await self._send_one(client, message)
            while True:
                await self._send_one(client, await client.behind.get())

    async def _send_one(self, client: _Client, message: bytes) -> None:
        try:
            async with asyncio.timeout(TAKE_S):
                await client.connection.send(message, text=True)
        except TimeoutError:
            self._let_go(client)

    def _let_go(self, client: _Client) -> None:
        """End a connection without waiting for the other side."""
        client.connection.transport.abort()
