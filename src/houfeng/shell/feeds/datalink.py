"""A DataLink server, such as ringserver, as a feed: one position in its ring for all stations.

Source: DataLink 1.1, EarthScope. The protocol is EarthScope's datalink-client's job.
"""

import asyncio
import logging
import random
import re
import ssl
from collections.abc import Mapping

from datalink_client import AsyncDataLink, DataLinkError, DataLinkPacket
from datalink_client.protocol import StreamEvent, classify_stream_packet, parse_packet, parse_response

from houfeng.shell.feeds.feed import Backoff, Clock, Deliver, Desk, FeedHealth, Sleep, Tell, words_of
from houfeng.shell.feeds.peers import Peer, Stations
from houfeng.words.errors import PeerFault

#: How long a server may take to connect, and to answer one command, s.
ANSWER_S = 30.0

#: A connection that brings nothing for so long is made anew, s.
IDLE_S = 120.0

#: The longest packet taken.
_MOST_BYTES = 1 << 24

#: Whose a stream is: NET_STA_LOC_CHA/TYPE or FDSN:NET_STA_LOC_B_S_SS/TYPE.
_STREAM = re.compile(r"(?:FDSN:)?([A-Za-z0-9-]{1,8})_([A-Za-z0-9-]{1,8})_[A-Za-z0-9_-]{0,64}/(MSEED3?)")

_OF_THE_PEER = (DataLinkError, OSError, ValueError)

# What it has to say is told as findings.
logging.getLogger("datalink_client").setLevel(logging.CRITICAL)


class DataLink:
    """A DataLink server.

    name      of the feed
    stations  those asked for
    idle_s    a connection that brings nothing for so long is made anew

    Its numbers are places in one ring, so the highest mark of all stations is where it goes on.
    Raises WorldFault when the peer's certificates cannot be read.
    """

    def __init__(
        self,
        name: str,
        peer: Peer,
        *,
        clock: Clock,
        chance: random.Random,
        stations: Stations | None = None,
        idle_s: float = IDLE_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self._peer = peer
        self._context = peer.context()
        self._stations = stations or Stations()
        self._idle_s = idle_s
        self._sleep = sleep
        self._desk = Desk(name, clock, self._stations)
        self._backoff = Backoff(chance)

    @property
    def secured(self) -> bool:
        """Whether the server is known for who it is."""
        return self._peer.tls

    def health(self) -> FeedHealth:
        """How it is now."""
        return self._desk.health()

    async def run(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        """Bring packets until cancelled: see Feed."""
        while True:
            try:
                await self._session(marks, deliver, tell)
            except PeerFault as fault:
                self._desk.down(self._peer.scrub(fault.reason))
            await self._sleep(self._backoff.next_s())

    async def _session(self, marks: Mapping[str, int], deliver: Deliver, tell: Tell) -> None:
        client = _Client(self._peer, self._context)
        try:
            await self._connect(client, marks, tell)
            self._desk.up()
            while True:
                packet = await self._next(client)
                await self._take(packet, deliver, tell)
                self._backoff.reset()
        finally:
            client.abandon()

    async def _connect(self, client: "_Client", marks: Mapping[str, int], tell: Tell) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                await client.connect()
                await client.identify("houfeng")
                await self._log_in(client, tell)
                await client.match(_pattern(self._stations))
                await self._go_on(client, marks)
                await client.stream()
        except _OF_THE_PEER as error:
            raise PeerFault(self.name, words_of(error)) from error

    async def _log_in(self, client: "_Client", tell: Tell) -> None:
        login = self._peer.login
        if login is None:
            return
        try:
            if login.token:
                await client.auth_jwt(login.token)
            else:
                await client.auth_userpass(login.user, login.password)
        except DataLinkError as error:
            self._backoff.rest()
            self._desk.say(tell, "login-refused", "", self._peer.scrub(f"the server refuses our login: {error}"))
            raise

    async def _go_on(self, client: "_Client", marks: Mapping[str, int]) -> None:
        """Go to the place after the last packet the journal has; without one, to the next that comes."""
        if not marks:
            return
        try:
            await client.position_set(max(marks.values()))
        except DataLinkError:
            if not client.is_connected:
                raise
            # It has left the ring: all there is now came after it.
            await client.position_set("EARLIEST")

    async def _next(self, client: "_Client") -> DataLinkPacket:
        try:
            async with asyncio.timeout(self._idle_s):
                return await client.receive()
        except TimeoutError as error:
            raise PeerFault(self.name, f"nothing came for {self._idle_s:g} s") from error
        except _OF_THE_PEER as error:
            raise PeerFault(self.name, words_of(error)) from error

    async def _take(self, packet: DataLinkPacket, deliver: Deliver, tell: Tell) -> None:
        stream = _STREAM.fullmatch(packet.streamid)
        if stream is None:
            self._desk.say(tell, "not-a-record", "", f"sent a packet of {packet.streamid[:64]!r}")
            return
        key = f"{stream[1]}.{stream[2]}"
        if not 0 <= packet.pktid < 2**63:
            self._desk.say(tell, "bad-record", key, f"sent a packet numbered {packet.pktid}")
            return
        await self._desk.take(key, packet.pktid, packet.data, deliver, tell)


def _pattern(stations: Stations) -> str:
    """The regular expression that the server picks streams by."""
    names = [re.escape(pattern.replace(".", "_", 1)) for pattern in stations.patterns] or [".*"]
    joined = "|".join(names).replace("\\*", ".*").replace("\\?", ".")
    return f"^(FDSN:)?({joined})_.*/MSEED"


class _Client(AsyncDataLink):
    """EarthScope's client, with the peer's certificates, bounded packets, and a way out that waits for nobody."""

    def __init__(self, peer: Peer, context: ssl.SSLContext | None) -> None:
        super().__init__(peer.host, peer.port, tls=peer.tls)
        self._context = context

    async def connect(self) -> None:
        host = None if self._context is None else self._host
        streams = await asyncio.open_connection(self._host, self._port, ssl=self._context, server_hostname=host)
        self._reader, self._writer = streams

    async def close(self) -> None:
        self.abandon()
        await super().close()

    async def _recv_exact(self, n: int) -> bytes:
        if n > _MOST_BYTES:
            raise DataLinkError(f"sent a packet of {n} bytes")
        return await super()._recv_exact(n)

    async def receive(self) -> DataLinkPacket:
        """The next packet. Raises DataLinkError when there will be none."""
        while True:
            header, data = await self._recv_packet()
            what = classify_stream_packet(header)
            if what is StreamEvent.PACKET:
                return parse_packet(header, data)
            if what is StreamEvent.ENDSTREAM:
                raise DataLinkError("the server ended the stream")
            if what is StreamEvent.ERROR:
                raise DataLinkError(parse_response(header, data).message or "the server says ERROR")

    def abandon(self) -> None:
        """Let go of the connection at once, whatever the server does."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None
