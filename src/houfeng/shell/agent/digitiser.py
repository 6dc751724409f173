"""Hear a digitiser: a SeedLink client, versions 3 and 4, for one server beside the station's computer."""

import asyncio
import struct
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

from houfeng.words.errors import PeerFault, WorldFault
from houfeng.words.packet import NO_SEQUENCE, Packet

#: Longest record taken: miniSEED 2 ends here in practice, and a digitiser's records have 512 bytes to 4 KiB.
RECORD_LIMIT_BYTES = 1 << 16

#: A line of the handshake: 255 bytes by the specification of version 4, more from chatty servers of version 3.
_LINE_LIMIT_BYTES = 1024

#: Every answer of the handshake must come within this time.
_ANSWER_LIMIT_S = 20.0

#: Silence after which the server is asked for a sign of life, and the number of silences that mean it is gone.
_SILENCE_S = 20.0
_SILENCES = 3

#: Version 3: "SL", six hexadecimal digits, 512 bytes of miniSEED 2; sequence numbers begin again after 24 bits.
_HEADER_3_BYTES = 8
_RECORD_3_BYTES = 512
_SEQUENCES_3 = 1 << 24

#: Version 4: "SE", format, subformat, length of the record, sequence, length of the station's name.
_HEADER_4 = struct.Struct("<2sccIQB")
_MINISEED = (b"2", b"3")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A station to ask a digitiser for.

    station_key  NET.STA
    selectors    streams as the server's protocol version writes them, () for all
    """

    station_key: str
    selectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Digitiser:
    """Where a digitiser's SeedLink server is and what is wanted of it.

    feed  name its packets carry
    """

    feed: str
    host: str
    port: int
    stations: tuple[Wanted, ...]

    @property
    def subject(self) -> str:
        """What a message about it is about."""
        return f"digitiser {self.host}:{self.port}"


async def hear(digitiser: Digitiser, marks: Mapping[str, int], now_ns: Callable[[], int]) -> AsyncGenerator[Packet]:
    """Connect once and give every record as it comes. Ends by a fault, or by being closed.

    marks   last sequence number had of each station (NET.STA): the server is asked for what follows it; of a station
            without one for all it has (version 4) or what comes from now on (version 3)
    now_ns  gives the present time

    Raises WorldFault when the server cannot be reached or leaves, PeerFault when it breaks the protocol.
    """
    wanted = {station.station_key for station in digitiser.stations}
    try:
        connecting = asyncio.open_connection(digitiser.host, digitiser.port, limit=2 * RECORD_LIMIT_BYTES)
        reader, writer = await asyncio.wait_for(connecting, _ANSWER_LIMIT_S)
    except (OSError, TimeoutError) as error:
        raise WorldFault(digitiser.subject, f"cannot be reached: {_said(error)}") from error
    line = _Line(digitiser.subject, reader, writer)
    try:
        read = line.packet_4 if await _agree(line, digitiser, marks) == 4 else line.packet_3
        while True:
            station_key, sequence, content = await read()
            if station_key in wanted:
                yield Packet(digitiser.feed, station_key, sequence, now_ns(), content)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise WorldFault(digitiser.subject, f"the connection ended: {_said(error)}") from error
    finally:
        writer.transport.abort()


async def _agree(line: "_Line", digitiser: Digitiser, marks: Mapping[str, int]) -> int:
    """Shake hands and ask for the stations. Returns the version of the protocol, 3 or 4."""
    line.send("HELLO")
    greeting = await line.answer()
    await line.answer()  # the second line names the place
    if not greeting.startswith("SeedLink v"):
        raise PeerFault(digitiser.subject, f"does not greet as a SeedLink server does: {greeting[:60]!r}")
    version = 4 if "SLPROTO:4." in greeting else 3
    if version == 4:
        await line.ask("SLPROTO 4.0")
    for wanted in digitiser.stations:
        network, _, station = wanted.station_key.partition(".")
        await line.ask(f"STATION {network}_{station}" if version == 4 else f"STATION {station} {network}")
        for selector in wanted.selectors:
            await line.ask(f"SELECT {selector}")
        await line.ask(_resume(version, marks.get(wanted.station_key, NO_SEQUENCE)))
    line.send("END")
    return version


def _resume(version: int, mark: int) -> str:
    """Ask for what follows a sequence number; when there is none for all there is, which version 3 cannot say."""
    if mark == NO_SEQUENCE:
        return "DATA ALL" if version == 4 else "DATA"
    return f"DATA {mark + 1}" if version == 4 else f"DATA {(mark + 1) % _SEQUENCES_3:06X}"


class _Line:
    """The bytes of one connection, each length checked before it is believed."""

    def __init__(self, subject: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._subject = subject
        self._reader = reader
        self._writer = writer

    def send(self, command: str) -> None:
        self._writer.write(f"{command}\r\n".encode("ascii"))

    async def answer(self) -> str:
        try:
            async with asyncio.timeout(_ANSWER_LIMIT_S):
                line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise PeerFault(self._subject, "its answer does not end") from error
        if len(line) > _LINE_LIMIT_BYTES:
            raise PeerFault(self._subject, f"its answer has {len(line)} bytes")
        return line.decode("ascii", "replace").strip()

    async def ask(self, command: str) -> None:
        self.send(command)
        answer = await self.answer()
        if not answer.startswith("OK"):
            raise PeerFault(self._subject, f"refuses {command!r}: {answer[:60]!r}", "check the station and selectors")

    async def packet_3(self) -> tuple[str, int, bytes]:
        """The next packet of version 3: station, sequence, record. Station "" for what is no record."""
        header = await self._exactly(_HEADER_3_BYTES, at_rest=True)
        if header[:2] != b"SL":
            raise PeerFault(self._subject, f"sends something that is no packet: {header!r}")
        record = await self._exactly(_RECORD_3_BYTES)
        if header[2:6] == b"INFO":
            return "", NO_SEQUENCE, record
        try:
            sequence = int.from_bytes(bytes.fromhex(header[2:].decode("ascii")))
        except ValueError as error:
            raise PeerFault(self._subject, f"sends a packet without a number: {header!r}") from error
        # Version 3 names the station nowhere but in the record's own header.
        network, station = (record[part].decode("ascii", "replace").strip() for part in (slice(18, 20), slice(8, 13)))
        return f"{network}.{station}", sequence, record

    async def packet_4(self) -> tuple[str, int, bytes]:
        """The next packet of version 4: station, sequence, record. Station "" for what is no record."""
        header = await self._exactly(_HEADER_4.size, at_rest=True)
        signature, form, _, length, sequence, name_bytes = _HEADER_4.unpack(header)
        if signature != b"SE":
            raise PeerFault(self._subject, f"sends something that is no packet: {header!r}")
        if length > RECORD_LIMIT_BYTES:
            raise PeerFault(self._subject, f"sends a record of {length} bytes")
        name = (await self._exactly(name_bytes)).decode("ascii", "replace")
        content = await self._exactly(length)
        return (name.replace("_", ".", 1) if form in _MINISEED else ""), sequence, content

    async def _exactly(self, count: int, *, at_rest: bool = False) -> bytes:
        """Read that many bytes. Between packets, a silent server is asked whether it is still there."""
        for _ in range(_SILENCES):
            try:
                async with asyncio.timeout(_SILENCE_S):
                    return await self._reader.readexactly(count)  # given up, it leaves what has come so far
            except TimeoutError:
                if at_rest:
                    self.send("INFO ID")
        raise TimeoutError(f"silent for {_SILENCES * _SILENCE_S:.0f} s")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
