"""What an agent costs its small computer, and whether it survives being killed.

A digitiser (the house's SeedLink server), the agent as a process of its own, and a centre that reads it over TLS, in
real time: one record a second and channel, 100 samples each. The agent's processor time and memory are the kernel's
account of its process.

Usage: python bench/agent.py [--seconds 60] [--kills 0]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "live"))

from agent_account import Account
from agent_line import Agent, Digitiser, finish, is_whole, kill_often, reading

from houfeng.shell.keys import keys
from houfeng.wire import mseed
from houfeng.wire.manifest import is_carrier
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

RATE_HZ = 100
CHANNELS = (3, 9, 30)
STATION = "XX.S1"

#: More than the server keeps in memory.
BACKLOG = 45_000

#: A run of quiet ground, such that a second of it fills most of a record of 512 bytes.
_CHANCE = np.random.default_rng(1)


def second_of(channels: int, number: int) -> list[bytes]:
    """The records of one second."""
    records = []
    for channel in range(channels):
        source = SourceId("XX", "S1", f"{channel // 3:02d}", f"HH{'ZNE'[channel % 3]}")
        samples = np.cumsum(_CHANCE.integers(-300, 300, RATE_HZ)).astype(np.int32)
        segment = Segment(source, (1_790_000_000 + number) * NS_PER_S, float(RATE_HZ), samples)
        records.append(mseed.encode([segment], version=2, record_length=512))
    return records


def cpu_s(pid: int) -> float:
    """Processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int, kind: str) -> float:
    """Memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) / 1024


async def cost(folder: Path, channels: int, seconds: int) -> str:
    """Run so many seconds and say what they cost."""
    async with Digitiser(folder / "digitiser") as digitiser:
        agent = Agent(folder, (STATION,), digitiser.port)
        await agent.do("--make-keys")
        await agent.ready()
        async with reading(agent) as centre:
            digitiser.say(STATION, second_of(channels, 0))
            await centre.until(lambda centre: is_whole(centre, digitiser))
            pid = agent.process.pid
            began_cpu_s, began_s = cpu_s(pid), time.monotonic()
            for number in range(1, seconds + 1):
                digitiser.say(STATION, second_of(channels, number))
                await asyncio.sleep(max(0.0, began_s + number - time.monotonic()))
            share = (cpu_s(pid) - began_cpu_s) / (time.monotonic() - began_s)
            now_mib, peak_mib = memory_mib(pid, "VmRSS"), memory_mib(pid, "VmHWM")
            await centre.until(lambda centre: is_whole(centre, digitiser))
            await finish(agent, centre)
        got = centre.got[STATION]
        check(agent, got, digitiser.said[STATION])
    signed = sum(map(len, filter(is_carrier, got))) / sum(len(content) for content in got if not is_carrier(content))
    return (
        f"| {channels} | {100 * share:.1f} % | {now_mib:.0f} | {peak_mib:.0f} | "
        f"{len(digitiser.said[STATION])} | {100 * signed:.0f} % |"
    )


async def backlog(folder: Path, count: int) -> str:
    """Let a digitiser have so many records when the agent starts: what it takes to catch up, and the memory after."""
    async with Digitiser(folder / "digitiser") as digitiser:
        for number in range(0, count, 30):
            digitiser.say(STATION, second_of(30, number // 30))
        agent = Agent(folder, (STATION,), digitiser.port)
        await agent.do("--make-keys")
        await agent.ready()
        began_s = time.monotonic()
        async with reading(agent) as centre:
            await centre.until(lambda centre: len(centre.got[STATION]) >= count and is_whole(centre, digitiser))
            took_s, pid = time.monotonic() - began_s, agent.process.pid
            used = f"{cpu_s(pid):.1f} s of one core, {memory_mib(pid, 'VmRSS'):.0f} MiB after it"
            await finish(agent, centre)
        check(agent, centre.got[STATION], digitiser.said[STATION])
    return f"{count} records that waited: {took_s:.0f} s until the last was at the centre and named, {used}"


def check(agent: Agent, got: list[bytes], said: list[bytes]) -> Account:
    """Every record came as it was and is named once."""
    public = keys.public_of(keys.read_identity(agent.folder / "identity.pem"))
    account = Account(agent.centre, (public,))
    for content in got:
        account.add(content)
    account.settle()
    assert [content for content in got if not is_carrier(content)] == said
    assert set(account.named) == {sha256(content).digest() for content in said}
    return account


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="how long each run lasts")
    parser.add_argument("--kills", type=int, default=0, help="kill an agent that often instead")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    chosen = parser.parse_args()
    if chosen.kills:
        with tempfile.TemporaryDirectory(prefix="houfeng-agent-") as name:
            agent, centre, digitiser = asyncio.run(
                kill_often(Path(name), kills=chosen.kills, seed=chosen.seed, longest_s=1.2)
            )
            told = [check(agent, got, digitiser.said[station]) for station, got in centre.got.items()]
        records, sessions = sum(each.named.total() for each in told), sum(len(each.sessions) for each in told)
        print(f"{chosen.kills} kills, {records} records came and were named once each, 0 lost, 0 named twice;", end=" ")
        print(f"{sessions} sessions, every one signed to its end")
        return
    print("| channels at 100 Hz | of one core | RSS now, MiB | RSS most, MiB | records | statements / records, bytes |")
    print("|---|---|---|---|---|---|")
    for channels in CHANNELS:
        with tempfile.TemporaryDirectory(prefix="houfeng-agent-") as name:
            print(asyncio.run(cost(Path(name), channels, chosen.seconds)), flush=True)
    with tempfile.TemporaryDirectory(prefix="houfeng-agent-") as name:
        print(asyncio.run(backlog(Path(name), BACKLOG)))


if __name__ == "__main__":
    main()
