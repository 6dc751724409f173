"""The clients of others, each asked for the same in its own way: what they were sent comes back as plain rows."""

import asyncio
import os
import re
from dataclasses import dataclass
from itertools import islice

import pymseed
from obspy import UTCDateTime
from obspy.clients.seedlink.client.seedlinkconnection import SeedLinkConnection
from obspy.clients.seedlink.slpacket import SLPacket
from seedlink_client import Protocol, SeedLink
from seedlink_peers import run_slinktool


@dataclass(frozen=True)
class Asked:
    """What to read: stations and selectors, and either what follows a sequence, or a time window."""

    station: str = "XX_*"
    selector: str = ""
    after: int | None = None
    window: tuple[int, int] | None = None
    tls: bool = False
    login: tuple[str, str] | str = ""


def row(record, sequence):
    parsed = pymseed.MS3Record.parse(bytes(record))
    network, station, location, channel = pymseed.sourceid2nslc(parsed.sourceid)
    return f"{network}.{station}.{location}.{channel}", parsed.starttime, sequence


class ObsPy:
    """ObsPy's SeedLinkConnection, version 3. Its timeout must be set: with its default, None, it never connects."""

    name, protocol, tls, logins, shows_sequence = "ObsPy", 3, False, (), True

    async def read(self, port, asked):
        return await asyncio.to_thread(self._read, port, asked)

    def _read(self, port, asked):
        connection = self._connection(port, asked)
        rows = []
        while isinstance(packet := connection.collect(), SLPacket):
            rows.append(row(packet.msrecord, packet.get_sequence_number()))
        assert packet == SLPacket.SLTERMINATE
        return rows

    def _connection(self, port, asked):
        connection = SeedLinkConnection(timeout=30)
        connection.set_sl_address(f"127.0.0.1:{port}")
        network, station = asked.station.split("_")
        # It takes no station without a selector.
        sequence = -1 if asked.after is None else asked.after
        connection.add_stream(network, station, asked.selector or "???", sequence, None)
        connection.dialup = asked.window is None
        if asked.window:
            connection.begin_time, connection.end_time = (UTCDateTime(ns=time_ns) for time_ns in asked.window)
        return connection

    async def info(self, port, level):
        def ask():
            connection = SeedLinkConnection(timeout=30)
            connection.set_sl_address(f"127.0.0.1:{port}")
            connection.request_info(level)
            while connection.collect().get_type() != SLPacket.TYPE_SLINFT:
                pass
            told = connection.get_info_string()
            connection.close()
            return told

        return await asyncio.to_thread(ask)

    async def follow(self, port, asked, count, ready):
        def follow():
            connection = self._connection(port, asked)
            connection.dialup = False
            rows = []
            while len(rows) < count:
                packet = connection.collect()
                rows.append(row(packet.msrecord, packet.get_sequence_number()))
            connection.close()
            return rows

        return await _followed(follow, ready)


class Client:
    """EarthScope's seedlink-client."""

    tls, shows_sequence = True, True

    def __init__(self, protocol):
        self.protocol = protocol
        self.name = f"seedlink-client v{protocol}"
        self.logins = ("USERPASS", "JWT") if protocol == 4 else ()

    def _client(self, port, asked, *, dial_up=True):
        client = SeedLink(
            "localhost" if asked.tls else "127.0.0.1",
            port,
            timeout=30,
            tls=asked.tls,
            protocol=Protocol.V4 if self.protocol == 4 else Protocol.V3,
            dialup=dial_up,
            auth=asked.login or None,
        )
        client.add_stream(asked.station, asked.selector or None, seqnum=asked.after)
        if asked.window:
            client.set_timewindow(*(str(UTCDateTime(ns=time_ns)) for time_ns in asked.window))
        return client

    async def read(self, port, asked):
        def read():
            with self._client(port, asked) as client:
                return [row(packet.payload, packet.seqnum) for packet in client.collect(reconnect=False)]

        return await asyncio.to_thread(read)

    async def info(self, port, level):
        def ask():
            with self._client(port, Asked()) as client:
                return client.info(level)

        return await asyncio.to_thread(ask)

    async def follow(self, port, asked, count, ready):
        def follow():
            with self._client(port, asked, dial_up=False) as client:
                packets = client.collect(reconnect=False)
                rows = [row(packet.payload, packet.seqnum) for packet in islice(packets, count)]
                packets.close()
                return rows

        return await _followed(follow, ready)


class Slinktool:
    """The program slinktool on libslink."""

    tls, shows_sequence = True, False

    def __init__(self, protocol):
        self.protocol = protocol
        self.name = f"slinktool v{protocol}"
        self.logins = ("USERPASS", "JWT") if protocol == 4 else ()

    def _arguments(self, asked):
        stream = asked.station + (f":{asked.selector}" if asked.selector else "")
        arguments = ["-p", f"-{self.protocol}", "-S", stream]
        if asked.window:
            begin, end = (str(UTCDateTime(ns=time_ns)) for time_ns in asked.window)
            arguments += ["-ts", begin, "-te", end]
        else:
            arguments.append("-d")
        return arguments + (["-T"] if asked.tls else [])

    async def read(self, port, asked, folder=None):
        arguments = self._arguments(asked)
        if asked.after is not None:
            state = folder / "slinktool.state"
            state.write_text(f"#V2\n{asked.station} {asked.after} 2023-11-14T22:14:00.000000Z\n")
            arguments += ["-x", str(state)]
        environment, typed = {}, None
        if isinstance(asked.login, tuple):
            environment = {"SEEDLINK_USERNAME": asked.login[0], "SEEDLINK_PASSWORD": asked.login[1]}
        elif asked.login:
            arguments.append("-At")
            typed = asked.login + "\n"
        host = "localhost" if asked.tls else "127.0.0.1"
        printed, status = await run_slinktool(*arguments, f"{host}:{port}", environment=environment, typed=typed)
        assert status == 0, printed
        return self._rows(printed)

    def _rows(self, printed):
        found = re.findall(r"FDSN:(\S+)_(\S+)_(\S*)_(\S)_(\S)_(\S), .* (\S+Z) \(", printed)
        return [
            (f"{net}.{sta}.{loc}.{band}{source}{sub}", UTCDateTime(time).ns, None)
            for net, sta, loc, band, source, sub, time in found
        ]

    async def info(self, port, level):
        printed, status = await run_slinktool(f"-{self.protocol}", "-i", level, f"127.0.0.1:{port}")
        assert status == 0, printed
        return printed

    async def follow(self, port, asked, count, ready):
        """Until so many records are in its file; it is then told to end."""
        process = await asyncio.create_subprocess_exec(
            "stdbuf", "-oL", slinktool_path(), *[each for each in self._arguments(asked) if each != "-d"],
            f"127.0.0.1:{port}", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            await ready()
            printed = ""
            while len(rows := self._rows(printed)) < count:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode(errors="replace")
            return rows
        finally:
            process.terminate()
            await process.wait()


def slinktool_path():
    return os.environ.get("SLINKTOOL") or "slinktool"


async def _followed(follow, ready):
    following = asyncio.create_task(asyncio.to_thread(follow))
    await ready()
    return await following


CLIENTS = [ObsPy(), Client(3), Client(4), Slinktool(3), Slinktool(4)]
