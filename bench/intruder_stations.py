"""The stations behind one gateway: each with a SeedLink server of Houfeng's own, polls of time and answers to others.

The shell and the console are imitations: they shake hands, ask for a name and a secret, and let in whoever says the
one secret that is good here. Behind them is nothing.

Usage: python bench/intruder_stations.py GATEWAY PLAN        until its input ends; prints "ready".
Lines on its input: "stop N" and "start N" for a station that falls silent and comes back.
"""

import asyncio
import contextlib
import datetime as dt
import random
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.wire import mseed
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from intruder_site import (
    CHANNELS,
    CLOCK,
    CONSOLE,
    HEALTH,
    NETWORK,
    RATE_HZ,
    RECORD_S,
    SECRET,
    SEEDLINK,
    SHELL,
    TIME,
    TIME_POLL_S,
    Place,
    Plan,
    commands,
    read_plan,
)

#: Standard deviation of the noise, counts: differences of 10 bits, three to a word of Steim2.
_NOISE_COUNTS = 50

#: Seconds a refusal takes, as pam_unix makes it wait (pam_fail_delay(3)).
_REFUSAL_S = 2.0

#: Where rings are kept: a disk in memory that the site's own namespace mounted.
_RINGS = Path("/run/rings")

Session = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Station:
    """One station."""

    def __init__(self, plan: Plan, place: Place) -> None:
        self.place, self.silent = place, False
        self._plan = plan
        self._chance = np.random.default_rng(place.number)
        self._random = random.Random(place.number)

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        """While inside, it serves, sends and polls."""
        where = self.place.address
        # Its sockets stay while its address is gone, as those of a station behind a cut line do.
        with Journal(_RINGS / self.place.code, segment_bytes=1 << 20, keep_bytes=8 << 20) as journal:
            listen = [Listen(where, SEEDLINK)]
            async with (
                SeedlinkServer(journal, Readers.everything_open(), tell=lambda _: None, listen=listen) as server,
                contextlib.AsyncExitStack() as open_,
            ):
                for port, answer in ((HEALTH, self._health), (SHELL, self._shell), (CONSOLE, self._console)):
                    await open_.enter_async_context(await asyncio.start_server(_closing(answer), where, port))
                tasks = [asyncio.create_task(self._send(server, journal)), asyncio.create_task(self._keep_time())]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, server: SeedlinkServer, journal: Journal) -> None:
        """Records at their pace."""
        await self._plan.wait(self._random.uniform(0, RECORD_S))
        begin_ns = self._plan.now_ns()
        while True:
            if not self.silent:
                packets = [self._record(channel, begin_ns) for channel in CHANNELS]
                numbers = journal.append(packets)
                journal.sync()
                server.published(numbers, packets)
            begin_ns += round(RECORD_S * 1e9)
            await self._plan.wait(max(0.0, (begin_ns - self._plan.now_ns()) / 1e9))

    def _record(self, channel: str, begin_ns: int) -> Packet:
        samples = self._chance.normal(0, _NOISE_COUNTS, round(RECORD_S * RATE_HZ)).astype(np.int32)
        segment = Segment(SourceId(NETWORK, self.place.code, "00", channel), begin_ns, RATE_HZ, samples)
        return Packet("made", self.place.key, 0, begin_ns, mseed.encode([segment], record_length=512))

    async def _keep_time(self) -> None:
        """Ask for the time as chrony does: each time from another port."""
        while True:
            await self._plan.wait(TIME_POLL_S * self._random.uniform(0.95, 1.05))
            if self.silent:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.bind((self.place.address, 0))
                asking.setblocking(False)
                # Version 4, client; the rest of the 48 bytes may be nothing (RFC 5905, 7.3).
                asking.connect((TIME, CLOCK))
                asking.send(b"\x23" + bytes(47))
                with contextlib.suppress(TimeoutError, OSError):
                    await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 512), 2)

    async def _health(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One answer to one request: voltages, temperature, clock."""
        await reader.readuntil(b"\r\n\r\n")
        body = f'{{"station":"{self.place.key}","volts":{self._random.uniform(12, 13):.2f},"clock":"locked"}}\n'
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())

    async def _shell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Something like sshd: a banner, keys as large as they usually are, one try; then it echoes."""
        peer, port = writer.get_extra_info("peername")[:2]
        writer.write(b"SSH-2.0-imitation\r\n" + self._random.randbytes(1100))
        await reader.readexactly(1400)
        user, _, secret = (await reader.readline()).decode("ascii", "replace").strip().partition(" ")
        good = secret in (SECRET, "key")
        if not good:
            await self._plan.wait(_REFUSAL_S)
        said, way = ("Accepted", "publickey" if secret == "key" else "password") if good else ("Failed", "password")
        self._log(f"{said} {way} for {user} from {peer} port {port} ssh2", port)
        writer.write(self._random.randbytes(80))
        while good and (typed := await reader.read(1024)):
            writer.write(typed + self._random.randbytes(200))

    async def _console(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Something like telnetd of an old digitiser."""
        writer.write(b"digitiser login: ")
        while await reader.readline():
            writer.write(b"Password: ")
            secret = await reader.readline()
            if secret.strip().decode("ascii", "replace") == SECRET:
                break
            await self._plan.wait(_REFUSAL_S)
            writer.write(b"\r\nLogin incorrect\r\ndigitiser login: ")
        writer.write(b"\r\nLast login: Sat Nov 21\r\n# ")
        while typed := await reader.readline():
            writer.write(typed + b"# ")

    def _log(self, line: str, number: int) -> None:
        stamp = dt.datetime.fromtimestamp(self._plan.now_ns() / 1e9, dt.UTC).isoformat(timespec="milliseconds")
        with (Path(self._plan.folder) / f"auth_{self.place.code}.log").open("a", encoding="ascii") as log:
            log.write(f"{stamp} {self.place.code.lower()} sshd[{number}]: {line}\n")


def _closing(answer: Session) -> Session:
    """A session that ends is closed, and one that breaks is over."""

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await answer(reader, writer)
        writer.close()

    return session


async def main() -> None:
    """Stand until the input ends."""
    gateway, plan = sys.argv[1], read_plan(Path(sys.argv[2]))
    stations = {place.number: Station(plan, place) for place in plan.places() if place.gateway == gateway}
    said = await commands()
    async with contextlib.AsyncExitStack() as standing:
        for station in stations.values():
            await standing.enter_async_context(station.standing())
        print("ready", flush=True)
        while line := (await said.readline()).decode().split():
            stations[int(line[1])].silent = line[0] == "stop"


if __name__ == "__main__":
    asyncio.run(main())
