"""The roles of a cluster as real processes that can be killed and started again, for its tests and bench."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import nats
from cluster_rehearsal import ROOM_BYTES, Rehearsal, Told, given
from nats_server import NatsServer

from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.cluster.associate import run_associate
from houfeng.shell.cluster.broker import Broker
from houfeng.shell.cluster.detect import run_detect
from houfeng.shell.cluster.far_ears import in_order
from houfeng.shell.cluster.fields import VERSION, Fields, u8
from houfeng.shell.cluster.heard_frames import Assembly, SliceHeard, decode_pick, encode_pick
from houfeng.shell.cluster.intake import run_intake
from houfeng.shell.cluster.shard import Shard, shards
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.quake import Pick

#: Everything here is over in seconds; a cluster that takes this long is stuck.
LIMIT_S = 120


class Processes:
    """Broker, intake, detect for every share, and associate, each a process of its own."""

    def __init__(self, broker: NatsServer, count: int, rehearsal: Rehearsal, folder: Path) -> None:
        self.broker = broker
        self.count = count
        self.names = ["intake", "associate", *(f"detect {shard}" for shard in shards(count))]
        self._rehearsal = rehearsal
        self._folder = folder
        self._url = f"sqlite:///{folder / 'catalogue.sqlite'}"
        self._kept = folder / "kept"
        self._running: dict[str, multiprocessing.Process] = {}
        self._ears, self._mouth = os.pipe()

    def __enter__(self) -> Self:
        for name in self.names:
            self.start(name)
        return self

    def __exit__(self, *error: object) -> None:
        for name in self.names:
            self.kill(name)
        os.close(self._ears)
        os.close(self._mouth)

    def start(self, name: str) -> None:
        """Start a role."""
        process = multiprocessing.get_context("fork").Process(target=self._live, args=(name,))
        process.start()
        self._running[name] = process

    def kill(self, name: str) -> None:
        """Kill a role with SIGKILL, by its process id, with no chance to tidy up. An intake may have ended."""
        process = self._running[name]
        process.kill()
        process.join()

    def strike(self, name: str) -> None:
        """Kill a role, or the broker, and start it again."""
        if name == "broker":
            self.broker.kill()
            self.broker.start()
        else:
            self.kill(name)
            self.start(name)

    def wait(self, seconds: float) -> bool:
        """Let time pass until one more slice was done; False when none was."""
        ready, _, _ = select.select([self._ears], [], [], seconds)
        return bool(ready) and bool(os.read(self._ears, 1))

    def forget_progress(self) -> None:
        """What was done before now shall not count as progress."""
        while select.select([self._ears], [], [], 0)[0]:
            os.read(self._ears, 4096)

    @property
    def ended(self) -> bool:
        """Whether associate has done the last slice."""
        return (self._folder / "ended").exists()

    def finish(self) -> None:
        """Wait until associate has done the last slice, and end all roles."""
        deadline = time.monotonic() + LIMIT_S
        while not self.ended:
            if time.monotonic() > deadline:
                raise AssertionError(f"stuck: {(self._folder / 'said').read_text()[-2000:]}")
            self.wait(1.0)

    def told(self) -> Told:
        """What associate told, that of a slice told again after a crash counted once; and the catalogue."""
        lines = dict.fromkeys((self._folder / "picks").read_text().split())
        picks = [decode_pick(Fields(bytes.fromhex(line), "pick")) for line in lines]
        with Catalogue(self._url) as catalogue:
            quakes = catalogue.query()
            assert all(len(catalogue.versions(quake.quake_id)) == 1 for quake in quakes)
        return Told(picks, [], write_quakeml(quakes))

    def published(self) -> list[Pick]:
        """Every pick as often as it was published, as far as the logs go back."""
        heard = asyncio.run(self._published())
        values = [value for share in heard for value in in_order(one for part in share for one in part.elapsed)]
        return [value for value in values if isinstance(value, Pick)]

    def let_go(self) -> int:
        """How many messages of records have been cut off the logs."""

        async def count() -> int:
            client = await nats.connect(self.broker.address)
            jet = client.jetstream()
            states = [(await jet.stream_info(shard.record_stream)).state for shard in shards(self.count)]
            await client.close()
            return sum(max(0, state.first_seq - 1) for state in states)

        return asyncio.run(count())

    async def _published(self) -> list[list[SliceHeard]]:
        """Every slice as published, those of all shares together."""
        slices: dict[int, list[SliceHeard]] = {}
        client = await nats.connect(self.broker.address)
        jet = client.jetstream()
        for shard in shards(self.count):
            assembly = Assembly()
            state = (await jet.stream_info(shard.heard_stream)).state
            for sequence in range(max(1, state.first_seq), state.last_seq + 1):
                message = await jet.get_msg(shard.heard_stream, sequence)
                whole = assembly.take(message.data, message.subject)
                if whole is not None:
                    slices.setdefault(whole.now_ns, []).append(whole)
        await client.close()
        return [shares for _, shares in sorted(slices.items())]

    # --- within a role's own process ------------------------------------------------------------------------------

    def _live(self, name: str) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._role(name))

    def _role(self, name: str):
        broker = Broker(self.broker.address)
        say = self._sayer(name)
        if name == "intake":
            kept_ns = int(self._kept.read_text()) if self._kept.exists() else -1
            slices = given(self._rehearsal.slices, kept_ns + 1)
            return run_intake(broker, self.count, slices, say=say, on_kept=self._note, most_bytes=ROOM_BYTES)
        if name == "associate":
            return run_associate(
                broker,
                self.count,
                self._rehearsal.centre,
                catalogue_url=self._url,
                say=say,
                on_told=self._tell,
                on_done=self._done,
            )
        number = int(name.removeprefix("detect ").partition("/")[0])
        return run_detect(
            broker,
            Shard(number, self.count),
            self._rehearsal.centre,
            archive=self._folder / "archive",
            say=say,
            most_bytes=ROOM_BYTES,
        )

    def _sayer(self, name: str) -> Callable[[str], None]:
        def say(text: str) -> None:
            with (self._folder / "said").open("a") as file:
                file.write(f"{name}: {text}\n")

        return say

    def _note(self, now_ns: int) -> None:
        fresh = self._kept.with_suffix(".new")
        fresh.write_text(str(now_ns))
        fresh.replace(self._kept)

    def _tell(self, value: object) -> None:
        if isinstance(value, Pick):
            with (self._folder / "picks").open("a") as file:
                file.write((u8(VERSION) + encode_pick(value)).hex() + "\n")

    def _done(self, now_ns: int) -> None:
        if now_ns == END_OF_TIME_NS:
            (self._folder / "ended").touch()
        os.write(self._mouth, b".")


def kill_at_random(processes: Processes, kills: int, rng: random.Random, longest_s: float) -> dict[str, int]:
    """Strike so many times, each at a random moment, a role or the broker drawn at random; how often each was."""
    struck: dict[str, int] = {}
    for _ in range(kills):
        processes.wait(rng.uniform(0.0, longest_s))
        name = rng.choice([*processes.names, "broker"])
        processes.strike(name)
        struck[name] = struck.get(name, 0) + 1
    return struck
