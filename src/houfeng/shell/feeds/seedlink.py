"""A SeedLink server as a feed: versions 3 and 4, many stations on one connection, each resumed where it stopped.

Sources: SeedLink 4.0, FDSN; SeedLink 3.1, SeisComP. The protocol is EarthScope's seedlink-client's job.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping
from typing import Any, Literal

from seedlink_client import AsyncSeedLink, Protocol, SeedLinkAuthError, SeedLinkError
from seedlink_client._commands import Command
from seedlink_client.protocol import (
    FORMAT_MSEED2,
    HEADSIZE_V3,
    MAX_COMMAND_LEN,
    SeedLinkResponse,
    _RawFrame,
    decode_frame_v3,
    parse_header_v3,
    parse_reply,
)

from houfeng.shell.feeds.calling import ANSWER_S, IDLE_S, Calling
from houfeng.shell.feeds.feed import Clock, Deliver, Sleep, Tell
from houfeng.shell.feeds.peers import Peer, Stations
from houfeng.words.errors import PeerFault
from houfeng.words.packet import NO_SEQUENCE

#: Stations named one by one on resuming; there is no connection with more than a nation's.
MOST_RESUMED = 20_000

#: Sequence numbers of version 3 have six hexadecimal digits.
_WRAP_3 = 1 << 24

#: A record of version 3 is this long when its header does not say.
_RECORD_3 = 512

#: Payloads that are records: miniSEED 2 and 3.
_RECORDS = ("2", "3")

# What it has to say is told as findings, and what it logs in detail holds passwords.
logging.getLogger("seedlink_client").setLevel(logging.CRITICAL)


class SeedLink(Calling["_Client"]):
    """A SeedLink server: see Calling.

    stations   those asked for; wildcards need version 4, or a version 3 server that knows them
    selectors  channels asked for, as SELECT takes them; of either version
    version    of the protocol, None: the newest both know; a login needs 4
    oldest     begin a station that has no mark with the oldest record the server has, not with the next one
    """

    faults = (SeedLinkError, OSError, ValueError)

    def __init__(
        self,
        name: str,
        peer: Peer,
        *,
        clock: Clock,
        chance: random.Random,
        stations: Stations | None = None,
        selectors: tuple[str, ...] = (),
        version: Literal[3, 4] | None = None,
        oldest: bool = False,
        idle_s: float = IDLE_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(name, peer, clock=clock, chance=chance, stations=stations, idle_s=idle_s, sleep=sleep)
        self._selectors = selectors
        # Version 3 has no logins: without this, who says it knows no other would get us in without ours.
        self._version = 4 if peer.login else version
        self._fresh = 0 if oldest else None

    def _line(self) -> "_Client":
        return _Client(self._peer, self._context, self._version)

    async def _connect(self, line: "_Client", marks: Mapping[str, int], tell: Tell) -> None:
        try:
            await line.connect()
            self._ask_for(line, marks)
            await line.negotiate()
        except SeedLinkAuthError as error:
            self._login_refused(tell, error)
            raise PeerFault(self.name, f"login refused: {error}") from error
        finally:
            for station, reason in line.refused.items():
                key = station.replace("_", ".", 1)
                self._desk.say(tell, "station-refused", key, self._peer.scrub(f"the server refuses {key}: {reason}"))

    def _ask_for(self, line: "_Client", marks: Mapping[str, int]) -> None:
        """Name every station that has a mark, then the patterns, which SeedLink reads as all others that match."""
        three = line.protocol is Protocol.V3
        everything = not self._stations.patterns
        if three and everything and not line.server_capabilities.get("NSWILDCARD"):
            # An old server sends all it has when no station is named; it has one count for all of them.
            last = max(marks.values(), default=self._fresh)
            line.set_all_stations(list(self._selectors), seqnum=_before(last, three=True))
            return
        known = [key for key in marks if key in self._stations][-MOST_RESUMED:]
        for key in known:
            line.add_stream(_wire_name(key), list(self._selectors), seqnum=_before(marks[key], three=three))
        for pattern in self._stations.patterns or ("*.*",):
            if pattern not in marks:
                named = "*" if pattern == "*.*" and not three else _wire_name(pattern)
                line.add_stream(named, list(self._selectors), seqnum=self._fresh)

    async def _take(self, what: _RawFrame, deliver: Deliver, tell: Tell) -> None:
        key = what.station_id.replace("_", ".", 1)  # "" in version 3
        if what.payload_format not in _RECORDS:
            self._desk.say(tell, "not-a-record", key[:64], f"sent a packet of format {what.payload_format!r}")
            return
        # 2^64 - 1 is SeedLink's own word for no number.
        sequence = NO_SEQUENCE if what.seqnum in (None, 2**64 - 1) else what.seqnum
        assert sequence is not None
        await self._desk.take(key, sequence, what.payload, deliver, tell)


def _wire_name(pattern: str) -> str:
    return pattern.replace(".", "_", 1)


def _before(mark: int | None, *, three: bool) -> int | None:
    """What the client is told was the last number: it asks for the one after."""
    if mark is None:
        return None
    return (mark + 1) % _WRAP_3 - 1 if three else mark


class _Client(AsyncSeedLink):
    """EarthScope's client, with the peer's certificates, without our secrets in its log and errors, with a time limit
    on every answer, and with one station's refusal or bad record kept from touching another's.

    refused  stations the server would not give, and its reasons
    """

    def __init__(self, peer: Peer, context: ssl.SSLContext | None, version: int | None) -> None:
        login = peer.login
        super().__init__(
            peer.host,
            peer.port,
            tls=peer.tls,
            protocol=None if version is None else Protocol(str(version)),
            clientname="houfeng",
            auth=None if login is None else login.token or (login.user, login.password),
        )
        self._context = context
        self.refused: dict[str, str] = {}

    def _ssl_context(self) -> Any:
        return self._context

    async def connect(self, handshake: bool = True) -> None:
        async with asyncio.timeout(ANSWER_S):
            await super().connect(handshake)

    async def _send_command(self, cmd: Command) -> Any:
        line = cmd.text.encode("ascii") + cmd.terminator
        if self._writer is None or len(line) > MAX_COMMAND_LEN:
            raise SeedLinkError("the connection is closed" if self._writer is None else "a command is too long")
        async with asyncio.timeout(ANSWER_S):
            self._writer.write(line)
            await self._writer.drain()
            if cmd.parse is None:
                return None
            reply = await self._read_line()
        if cmd.role == "generic":
            return cmd.parse(reply)
        response = parse_reply(reply)
        if not response:
            self.refused[cmd.stream_id or ""] = " ".join(filter(None, (response.code, response.message))) or "no reason"
        return response

    async def _recv_frame_v3(self) -> _RawFrame:
        """As the client does, but a record that cannot be read is passed on as it is instead of ending the stream."""
        header = parse_header_v3(await self._read_exact(HEADSIZE_V3))
        try:
            payload = await self._read_mseed_payload()
        except SeedLinkError:
            if self._writer is None:
                raise
            payload = await self._read_exact(_RECORD_3)
        if header.is_info:
            return decode_frame_v3(header, payload)
        return _RawFrame("", header.seqnum, FORMAT_MSEED2, "D", payload, info_continues=False)

    async def close(self) -> None:
        self.abandon()
        await super().close()

    async def receive(self) -> _RawFrame:
        """The next packet that is no INFO. Raises SeedLinkError when there will be none."""
        # The client's own collect() waits in a way that now and then loses a cancellation.
        while True:
            frame = await self._recv_frame()
            if frame is None:
                raise SeedLinkError("the server ended the stream")
            if isinstance(frame, SeedLinkResponse):
                raise SeedLinkError(frame.message or "the server says ERROR")
            if self._is_json_error_frame(frame):
                raise SeedLinkError(self._json_error_message(frame.payload))
            if not self._is_info_frame(frame):
                return frame

    def abandon(self) -> None:
        """Let go of the connection at once, whatever the server does."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._reader = self._writer = None
            self._streaming = False
