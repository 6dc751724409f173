"""A SeedLink server whose ring holds a recording, in the order in which its packets would have arrived.

Prints the port and the number of records on one line, and serves until it is told to stop. With --paced the ring is
empty at first; once it is told so, by a line on its standard input, records go into it as slowly as they once came,
and it prints how far the present is ahead of the recording, ns.

Usage: python bench/live_source.py RECORDING RING [--paced]
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from houfeng.shell.arrivals.arrivals import open_arrivals
from houfeng.shell.journal.journal import Journal
from houfeng.shell.recordings import find_files
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer
from houfeng.words.packet import Packet

#: How often records that came meanwhile are sent, s; the network's own delays are a second and more.
STEP_S = 0.05


async def serve(recording: Path, ring: Path, *, paced: bool) -> None:
    """Fill the ring, before or while it is served."""
    journal = Journal(ring, keep_bytes=64 << 30)
    with open_arrivals(find_files([str(recording / "waveforms")]), latency=None, now_ns=time.time_ns()) as arrivals:
        coming = iter(arrivals)
        first = next(coming) if paced else None
        while not paced and (packets := list(islice(coming, 5000))):
            journal.append(packets)
            journal.sync()
        async with SeedlinkServer(
            journal, Readers.everything_open(), tell=lambda _: None, listen=[Listen(port=0)]
        ) as server:
            print(server.addresses[0][1], journal.next - 1, flush=True)
            if first is not None:
                await asyncio.to_thread(sys.stdin.readline)
                ahead_ns = time.time_ns() - first.arrival_ns
                print(ahead_ns, flush=True)
                await send(server, journal, first, coming, ahead_ns)
            await asyncio.Event().wait()


async def send(
    server: SeedlinkServer, journal: Journal, first: Packet, coming: Iterator[Packet], ahead_ns: int
) -> None:
    """Give records to the ring at their time."""
    waiting: Packet | None = first
    while waiting is not None:
        packets = []
        while waiting is not None and waiting.arrival_ns + ahead_ns <= time.time_ns() and len(packets) < 5000:
            packets.append(waiting)
            waiting = next(coming, None)
        if packets:
            numbers = journal.append(packets)
            await asyncio.to_thread(journal.sync)
            server.published(numbers, packets)
        await asyncio.sleep(STEP_S)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("recording", type=Path)
    asked.add_argument("ring", type=Path)
    asked.add_argument("--paced", action="store_true")
    chosen = asked.parse_args()
    asyncio.run(serve(chosen.recording, chosen.ring, paced=chosen.paced))
