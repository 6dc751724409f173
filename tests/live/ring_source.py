"""A SeedLink server as a process that can be killed: ring_source.py RING RECORDING HOST PORT.

A number N on standard input lets its ring grow to the first N packets of the recording, which is a journal.
It prints its port, and after each number the number that the last packet has in the ring.
"""

import asyncio
import sys
from pathlib import Path

from houfeng.shell.journal.journal import Journal
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import Listen, SeedlinkServer

_KEEP_BYTES = 1 << 30


async def serve(ring: Path, recording: Path, host: str, port: int) -> None:
    """Serve until standard input ends."""
    with Journal(recording, keep_bytes=_KEEP_BYTES) as journal:
        packets = [packet for _, packet in journal.read(0, most=1 << 20)]
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    with Journal(ring, keep_bytes=_KEEP_BYTES) as journal:
        have = len(journal.read(0, most=1 << 20))
        listen = [Listen(host, port)]
        async with SeedlinkServer(journal, Readers.everything_open(), tell=lambda _: None, listen=listen) as server:
            say(server.addresses[0][1])
            while line := await commands.readline():
                wanted = packets[have : int(line)]
                numbers = journal.append(wanted)
                journal.sync()
                server.published(numbers, wanted)
                have += len(wanted)
                say(journal.next - 1)


def say(number: int) -> None:
    """Answer, in one line."""
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
