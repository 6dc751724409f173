"""Where connections over TLS come in: counted from their first moment, not only once hands are shaken.

Standard library only.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from houfeng.shell.seedlink.bans import network_of

#: Handshakes at a time; when there are more, the longest one gives its place.
MOST_SHAKING = 256

#: How long one may take, s.
HANDSHAKE_S = 20.0

#: How long no connection is taken after the system had no room for one, s.
_REST_S = 0.5

_BACKLOG = 512


class Door:
    """Listens, and makes a protocol for each connection whose handshake is done.

    context         what to encrypt with
    make            gives a protocol
    of_one_address  handshakes at a time from one address
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        make: Callable[[], asyncio.BaseProtocol],
        *,
        of_one_address: int,
    ) -> None:
        self._context, self._make, self._of_one_address = context, make, of_one_address
        self._listening: list[socket.socket] = []
        self._waiting: list[asyncio.Task[None]] = []
        self._shaking: dict[asyncio.Task[None], str] = {}

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """What it listens with."""
        return tuple(self._listening)

    @property
    def shaking(self) -> int:
        """How many handshakes are going on."""
        return len(self._shaking)

    async def open(self, host: str, port: int) -> None:
        """Listen at an address. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, where in dict.fromkeys(found):
            listening = socket.create_server(where[:2], family=family, backlog=_BACKLOG)
            listening.setblocking(False)
            self._listening.append(listening)
            self._waiting.append(loop.create_task(self._wait(listening)))

    def close(self) -> None:
        """Listen no more, and end the handshakes that are going on."""
        for task in (*self._waiting, *self._shaking):
            task.cancel()
        for listening in self._listening:
            listening.close()

    async def _wait(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, where = await loop.sock_accept(listening)
            except OSError:  # no room for another one, or it is gone already
                await asyncio.sleep(_REST_S)
                continue
            address = network_of(str(where[0]))
            if list(self._shaking.values()).count(address) >= self._of_one_address:
                connection.close()
                continue
            if len(self._shaking) >= MOST_SHAKING:
                longest = next(iter(self._shaking))
                del self._shaking[longest]
                longest.cancel()
            task = loop.create_task(self._shake(connection))
            self._shaking[task] = address
            task.add_done_callback(lambda done: self._shaking.pop(done, None))
            # Others have their turn after each, however many come at once; and it is begun before it can be ended.
            await asyncio.sleep(0)

    async def _shake(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            # Whatever the other side does wrong is its own loss.
            with contextlib.suppress(OSError, ssl.SSLError):
                await loop.connect_accepted_socket(
                    self._make, connection, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S
                )
        except asyncio.CancelledError:
            connection.close()
            raise
