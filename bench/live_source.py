"""A SeedLink server whose ring holds a recording, in the order in which its packets would have arrived.

Prints the port and the number of records on one line, and serves until it is told to stop.

Usage: python bench/live_source.py RECORDING RING
"""

import asyncio
import sys
import time
from itertools import islice
from pathlib import Path

from houfeng.shell.arrivals.arrivals import open_arrivals
from houfeng.shell.journal.journal import Journal
from houfeng.shell.recordings import find_files
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer


async def serve(recording: Path, ring: Path) -> None:
    """Fill the ring, and serve it."""
    journal = Journal(ring, keep_bytes=64 << 30)
    with open_arrivals(find_files([str(recording / "waveforms")]), latency=None, now_ns=time.time_ns()) as arrivals:
        coming = iter(arrivals)
        while packets := list(islice(coming, 5000)):
            journal.append(packets)
            journal.sync()
    async with SeedlinkServer(
        journal, Readers.everything_open(), tell=lambda _: None, listen=[Listen(port=0)]
    ) as server:
        print(server.addresses[0][1], journal.next - 1, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
