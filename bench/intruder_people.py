"""Who talks with the stations by right: the centre's reader, its monitor, its maintenance, its time server.

And the outsider's own side: two ports that answer whoever calls.

Usage: python bench/intruder_people.py centre|outside PLAN        until its input ends; prints "ready".
A line "visit N" on the centre's input: maintenance logs in to station N for half a minute.
"""

import asyncio
import contextlib
import random
import struct
import sys
import time
from pathlib import Path
from typing import cast

from intruder_site import (
    CENTRE,
    CLOCK,
    DEPOT,
    HEALTH,
    HEALTH_POLL_S,
    MAINTENANCE,
    MONITOR,
    NETWORK,
    ORDERS,
    OUTSIDER,
    SEEDLINK,
    SHELL,
    TIME,
    Place,
    Plan,
    commands,
    read_plan,
)

#: A reader that lost its station tries again after so long: slinktool's default.
_AGAIN_S = 30.0

#: How long a call may stay unanswered.
_PATIENCE_S = 20.0

#: NTP counts from 1900.
_NTP_EPOCH_S = 2_208_988_800


async def read_station(plan: Plan, place: Place) -> None:
    """Take a station's records for ever, in SeedLink 4."""
    asked = f"SLPROTO 4.0\r\nSTATION {NETWORK}_{place.code}\r\nDATA\r\nEND\r\n".encode()
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            calling = asyncio.open_connection(place.address, SEEDLINK, local_addr=(CENTRE, 0))
            reader, writer = await asyncio.wait_for(calling, _PATIENCE_S / plan.speed)
            try:
                writer.write(asked)
                # A line on which nothing comes for a minute is given up.
                while await asyncio.wait_for(reader.read(1 << 16), 60 / plan.speed):
                    pass
            finally:
                writer.transport.abort()
        await plan.wait(_AGAIN_S)


async def ask_health(plan: Plan, place: Place) -> None:
    """Ask how a station is, each minute."""
    chance = random.Random(place.number)
    await plan.wait(chance.uniform(0, HEALTH_POLL_S))
    due_ns = plan.now_ns()
    while True:
        with contextlib.suppress(OSError, TimeoutError):
            calling = asyncio.open_connection(place.address, HEALTH, local_addr=(MONITOR, 0))
            reader, writer = await asyncio.wait_for(calling, _PATIENCE_S / plan.speed)
            writer.write(f"GET /health HTTP/1.1\r\nHost: {place.address}\r\nConnection: close\r\n\r\n".encode())
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(reader.read(), _PATIENCE_S / plan.speed)
            writer.close()
        due_ns += round((HEALTH_POLL_S + chance.uniform(-1, 1)) * 1e9)
        await plan.wait(max(0.0, (due_ns - plan.now_ns()) / 1e9))


async def visit(plan: Plan, place: Place) -> None:
    """Log in with a key, type some commands, leave."""
    chance = random.Random(plan.now_ns())
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection(place.address, SHELL, local_addr=(MAINTENANCE, 0))
        hello = b"SSH-2.0-imitation\r\n"
        writer.write(hello + chance.randbytes(1400 - len(hello)) + b"operator key\n")
        await reader.readexactly(1100)
        for _ in range(chance.randint(3, 9)):
            await plan.wait(chance.uniform(2, 6))
            writer.write(chance.randbytes(chance.randint(40, 120)))
            await reader.read(4096)
        writer.close()


class TimeServer(asyncio.DatagramProtocol):
    """Answers with the time (RFC 5905, section 7.3)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember how to answer."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Somebody asked."""
        now = time.time() + _NTP_EPOCH_S
        stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
        self._transport.sendto(b"\x24\x01\x06\xec" + bytes(12) + stamp + data[40:48] + stamp + stamp, addr)


async def centre(plan: Plan) -> None:
    """The centre's side."""
    said, places = await commands(), {place.number: place for place in plan.places()}
    await asyncio.get_running_loop().create_datagram_endpoint(TimeServer, local_addr=(TIME, CLOCK))
    tasks = [asyncio.create_task(does(plan, place)) for place in places.values() for does in (read_station, ask_health)]
    print("ready", flush=True)
    while line := (await said.readline()).decode().split():
        tasks.append(asyncio.create_task(visit(plan, places[int(line[1])])))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def outside(_: Plan) -> None:
    """The outsider's ports: one gives orders, which are nothing, the other takes what comes."""

    async def orders(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if await reader.read(1024):
                writer.write(bytes(128))
            await reader.read()
        writer.close()

    async def depot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(1 << 16):
                pass
        writer.close()

    said = await commands()
    async with await asyncio.start_server(orders, OUTSIDER, ORDERS), await asyncio.start_server(depot, OUTSIDER, DEPOT):
        print("ready", flush=True)
        while await said.readline():
            pass


if __name__ == "__main__":
    asyncio.run({"centre": centre, "outside": outside}[sys.argv[1]](read_plan(Path(sys.argv[2]))))
