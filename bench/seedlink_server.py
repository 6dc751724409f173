"""The SeedLink server beside ringserver: 500 readers of 1,000 stations, and one that never reads beside them.

Each reader asks for 20 stations of its own, in version 4, from a process of its own on the same machine. Records are
miniSEED 2 of 512 bytes. Twice: at the pace at which 1,000 stations of three channels send, a record each second, for
the delay from publishing to a reader's hands; and as fast as it goes, for records delivered per second. Houfeng's
delay includes making the records durable, which ringserver does not do. At their own pace the delays compare; as fast
as it goes they do not: there whoever publishes to Houfeng waits for the readers, ringserver takes everything at once.
Readers that take all stations, which every
record goes to, are measured in a third run.

Usage: python bench/seedlink_server.py        with RINGSERVER naming the program, or ringserver on the path
"""

import asyncio
import json
import os
import random
import resource
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Limits, Listen, SeedlinkServer
from houfeng.wire import mseed
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

STATIONS, CHANNELS, READERS, WANTED = 1_000, ("HHZ", "HHN", "HHE"), 500, 20
PACE_S, PACED_S = 0.05, 10
FAST_RECORDS = 30_000
WHOLE_READERS, WHOLE_RECORDS = 20, 20_000

#: Station names of one length, so that every packet of version 4 has the same.
NAMES = [f"S{k:04d}" for k in range(STATIONS)]
FRAME_BYTES = 17 + len("XX_S0000") + 512

#: Where in a packet the time of publishing stands: in place of the last samples.
STAMP_AT = FRAME_BYTES - 8

Publish = Callable[[list[Packet]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Load:
    """What is published and who reads.

    wanted  stations of each reader, 0 for all
    pace_s  time between batches, 0 for as fast as it goes
    """

    name: str
    readers: int
    wanted: int
    records: int
    batch: int
    pace_s: float


PACED = Load("at their own pace", READERS, WANTED, round(STATIONS * 3 * PACED_S), round(STATIONS * 3 * PACE_S), PACE_S)
LOADS = (
    PACED,
    Load("as fast as it goes", READERS, WANTED, FAST_RECORDS, 300, 0),
    Load("readers of all stations", WHOLE_READERS, 0, WHOLE_RECORDS, 300, 0),
)


def choices(load: Load) -> list[list[str]]:
    """The stations of each reader; none for all."""
    chance = random.Random(1)
    return [chance.sample(NAMES, load.wanted) if load.wanted else [] for _ in range(load.readers)]


def templates() -> list[Packet]:
    """One record of every channel."""
    samples = np.random.default_rng(1).integers(-3000, 3000, 100).astype(np.int32)
    found = []
    for name in NAMES:
        for channel in CHANNELS:
            segment = Segment(SourceId("XX", name, "00", channel), 1_700_000_000 * 10**9, 100.0, samples)
            found.append(Packet("bench", f"XX.{name}", 0, 0, mseed.encode([segment], record_length=512)))
    random.Random(2).shuffle(found)
    return found


def stamped(packets: list[Packet]) -> list[Packet]:
    """Packets that say when they were published."""
    stamp = time.monotonic_ns().to_bytes(8, "little")
    return [Packet(each.feed, each.station_key, 0, 0, each.content[:-8] + stamp) for each in packets]


async def published(load: Load, publish: Publish, records: list[Packet]) -> None:
    """Publish a load."""
    begun = time.monotonic()
    for number, first in enumerate(range(0, load.records, load.batch)):
        batch = [records[k % len(records)] for k in range(first, min(first + load.batch, load.records))]
        if load.pace_s:
            await asyncio.sleep(max(0, begun + number * load.pace_s - time.monotonic()))
        await publish(stamped(batch))


@asynccontextmanager
async def houfeng(folder: Path) -> AsyncIterator[tuple[int, Publish]]:
    """Our server: its port, and how to publish."""
    with Journal(folder / "journal", keep_bytes=2 << 30) as journal:
        readers = Readers.everything_open()
        listen, limits = [Listen(port=0)], Limits(of_one_address=1000)
        async with SeedlinkServer(journal, readers, tell=lambda _: None, listen=listen, limits=limits) as server:

            def keep(packets: list[Packet]) -> range:
                sequences = journal.append(packets)
                journal.sync()
                return sequences

            async def publish(packets: list[Packet]) -> None:
                sequences = await asyncio.to_thread(keep, packets)
                server.published(sequences, packets)
                # An owner does not run ahead of its readers by more than a moment.
                while server.edge < sequences.stop - 4 * len(packets):
                    await server.moved()

            yield server.addresses[0][1], publish


@asynccontextmanager
async def ringserver(folder: Path) -> AsyncIterator[tuple[int, Publish]]:
    """The peer, with a ring that holds everything, fed over DataLink without acknowledgements."""
    program = os.environ.get("RINGSERVER") or shutil.which("ringserver")
    if not program:
        raise FileNotFoundError("no ringserver: set RINGSERVER to the program")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "ring").mkdir()
    settings = f"RingDirectory {folder / 'ring'}\nRingSize 512M\nMaxClients 2000\nListenPort {port}\n"
    (folder / "ring.conf").write_text(settings)
    process = await asyncio.create_subprocess_exec(
        program, folder / "ring.conf", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.1)

        async def publish(packets: list[Packet]) -> None:
            frames = []
            for packet in packets:
                content = packet.content
                name = f"FDSN:XX_{packet.station_key[3:]}_00_{'_'.join(content[15:18].decode())}/MSEED"
                header = f"WRITE {name} 1700000000000000 1700000001000000 N {len(content)}".encode()
                frames.append(b"DL" + bytes([len(header)]) + header + content)
            writer.write(b"".join(frames))
            await writer.drain()

        yield port, publish
        writer.close()
    finally:
        process.terminate()
        await process.wait()


async def measured(server: Callable[[Path], object], load: Load) -> dict[str, float]:
    """What the readers of a load tell: records per second, and delays in milliseconds."""
    records = templates()
    with tempfile.TemporaryDirectory() as name:
        async with server(Path(name)) as (port, publish):
            # A server in use knows its stations.
            await publish(stamped(records))
            command = [sys.executable, __file__, "--read", str(port), load.name]
            readers = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20
            )
            await readers.stdout.readline()
            await published(load, publish, records)
            told, _ = await readers.communicate()
    return json.loads(told)


def read(port: int, load: Load) -> None:
    """Be the readers of a load: connect, say so, read until all is there, tell what was seen."""
    selector = selectors.DefaultSelector()
    wanted = choices(load)
    *asked, lazy = [ask(port, stations) for stations in [*wanted, []]]
    for connection in asked:
        selector.register(hear(*connection), selectors.EVENT_READ, bytearray())
    hear(*lazy)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    counts = dict.fromkeys(NAMES, 0)
    for k, packet in enumerate(templates()):
        counts[packet.station_key[3:]] += (load.records - k + len(NAMES) * 3 - 1) // (len(NAMES) * 3)
    expected = sum(load.records if not stations else sum(counts[name] for name in stations) for stations in wanted)
    delays, got, first_ns, last_ns = [], 0, 0, 0
    while got < expected:
        ready = selector.select(30)
        if not ready:
            break
        for key, _ in ready:
            held = key.data
            held += key.fileobj.recv(1 << 18)
            now_ns = time.monotonic_ns()
            whole = len(held) // FRAME_BYTES
            if whole:
                frames = np.frombuffer(held[: whole * FRAME_BYTES], dtype=np.uint8).reshape(whole, FRAME_BYTES)
                stamps = frames[:, STAMP_AT:].copy().view("<i8")[:, 0]
                delays.append((now_ns - stamps) / 1e6)
                first_ns = first_ns or int(stamps[0])
                last_ns = now_ns
                got += whole
                del held[: whole * FRAME_BYTES]
    delays_ms = np.concatenate(delays)
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "reader_cpu_s": used.ru_utime + used.ru_stime,
        "expected": expected,
        "got": got,
        "per_s": got / (last_ns - first_ns) * 1e9,
        **{f"p{share}_ms": float(np.percentile(delays_ms, share)) for share in (50, 99)},
        "worst_ms": float(delays_ms.max()),
    }
    sys.stdout.write(json.dumps(told))


def ask(port: int, stations: list[str]) -> tuple[socket.socket, int]:
    """A connection that asks for stations, and how many answers that gives before records."""
    connection = socket.create_connection(("127.0.0.1", port))
    patterns = [f"XX_{name}" for name in stations] or ["*"]
    lines = ["SLPROTO 4.0", *(line for each in patterns for line in (f"STATION {each}", "DATA"))]
    connection.sendall("".join(f"{line}\r\n" for line in [*lines, "END", "INFO ID"]).encode())
    return connection, len(lines)


def hear(connection: socket.socket, answers: int) -> socket.socket:
    """Read the answers away. The one to INFO says that the records have begun."""
    told = b""
    while told.count(b"OK\r\n") < answers:
        told += connection.recv(4096)
    told = told.removeprefix(b"OK\r\n" * answers)
    while len(told) < 17 or len(told) < 17 + int.from_bytes(told[4:8], "little"):
        told += connection.recv(4096)
    return connection


def main() -> None:
    """Measure both servers under every load, one after the other, and print what they did and the ratios.

    The last line says it in short. Exit status 1 when Houfeng lost a record.
    """
    short, lost = [], 0
    print(f"{'load':26}{'server':12}{'records/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'worst':>9}{'lost':>7}")
    for load in LOADS:
        found = {}
        for server in (houfeng, ringserver):
            told = found[server] = asyncio.run(measured(server, load))
            cells = f"{told['per_s']:12,.0f}{told['p50_ms']:9.1f}{told['p99_ms']:9.1f}{told['worst_ms']:9.1f}"
            print(f"{load.name:26}{server.__name__:12}{cells}{told['expected'] - told['got']:7.0f}", flush=True)
        ours, theirs = found[houfeng], found[ringserver]
        rate, delay = ours["per_s"] / theirs["per_s"], ours["p99_ms"] / theirs["p99_ms"]
        print(f"{load.name:26}{'ratio':12}{rate:12.2f}{'':9}{delay:9.2f}")
        short.append(
            f"{load.name}: {ours['per_s']:,.0f} records/s, p99 {ours['p99_ms']:.0f} ms ({rate:.2f}, {delay:.2f})"
        )
        lost += ours["expected"] - ours["got"]
    print(f"lost {lost}; {'; '.join(short)} of ringserver's")
    sys.exit(bool(lost))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read(int(sys.argv[2]), next(load for load in LOADS if load.name == sys.argv[3]))
    else:
        main()
