"""A DataLink server, such as ringserver, as a feed: one position in its ring for all stations.

Source: DataLink 1.1, EarthScope. The protocol is EarthScope's datalink-client's job.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping

from datalink_client import AsyncDataLink, DataLinkError, DataLinkPacket
from datalink_client.protocol import StreamEvent, classify_stream_packet, parse_packet, parse_response

from houfeng.shell.feeds.calling import ANSWER_S, Calling
from houfeng.shell.feeds.feed import Deliver, Tell
from houfeng.shell.feeds.peers import Peer, Stations

#: The longest packet taken.
_MOST_BYTES = 1 << 24

#: Whose a stream is: NET_STA_LOC_CHA/TYPE or FDSN:NET_STA_LOC_B_S_SS/TYPE.
_STREAM = re.compile(r"(?:FDSN:)?([A-Za-z0-9-]{1,8})_([A-Za-z0-9-]{1,8})_[A-Za-z0-9_-]{0,64}/(MSEED3?)")

# What it has to say is told as findings.
logging.getLogger("datalink_client").setLevel(logging.CRITICAL)


class DataLink(Calling["_Client"]):
    """A DataLink server: see Calling.

    Its numbers are places in one ring, so the highest mark of all stations is where it goes on.
    """

    faults = (DataLinkError, OSError, ValueError)

    def _line(self) -> "_Client":
        return _Client(self._peer, self._context)

    async def _connect(self, line: "_Client", marks: Mapping[str, int], tell: Tell) -> None:
        async with asyncio.timeout(ANSWER_S):
            await line.connect()
            await line.identify("houfeng")
            await self._log_in(line, tell)
            await line.match(_pattern(self._stations))
            await self._go_on(line, marks)
            await line.stream()

    async def _log_in(self, line: "_Client", tell: Tell) -> None:
        login = self._peer.login
        if login is None:
            return
        try:
            if login.token:
                await line.auth_jwt(login.token)
            else:
                await line.auth_userpass(login.user, login.password)
        except DataLinkError as error:
            self._login_refused(tell, error)
            raise

    async def _go_on(self, line: "_Client", marks: Mapping[str, int]) -> None:
        """Go to the place after the last packet the journal has; without one, to the next that comes."""
        if not marks:
            return
        try:
            await line.position_set(max(marks.values()))
        except DataLinkError:
            if not line.is_connected:
                raise
            # It has left the ring: all there is now came after it.
            await line.position_set("EARLIEST")

    async def _take(self, what: DataLinkPacket, deliver: Deliver, tell: Tell) -> None:
        stream = _STREAM.fullmatch(what.streamid)
        if stream is None:
            self._desk.say(tell, "not-a-record", "", f"sent a packet of {what.streamid[:64]!r}")
            return
        key = f"{stream[1]}.{stream[2]}"
        if not 0 <= what.pktid < 2**63:
            self._desk.say(tell, "bad-record", key, f"sent a packet numbered {what.pktid}")
            return
        await self._desk.take(key, what.pktid, what.data, deliver, tell)


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
