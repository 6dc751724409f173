"""The centre's gate: what feeds bring goes into the journal, and only then on to readers and to thinking."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from pathlib import Path
from typing import Protocol

from houfeng.shell.centre.engine import FIRST_WAIT_S, LONGEST_WAIT_S
from houfeng.shell.centre.notes import note, tick
from houfeng.shell.centre.thinking import Failed, Given, Heard, Stop, Trouble, Want, think
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.journal.journal import Journal
from houfeng.wire.manifest import is_carrier
from houfeng.words.errors import DataFault, OurFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet

#: Packets that wait to be written; when as many do, feeds wait.
MOST_WAITING = 8192

#: Packets written, or heard, in one go.
TOGETHER = 4096

#: How long nothing may come before that is noted, s.
QUIET_S = 1.0

#: How long the engine may take to put down what it holds, s.
STOP_S = 60.0


class Intake:
    """Writes what arrives into the journal.

    on_stored  called with the numbers and the packets once they are durable, in the event loop
    clock      the present, ns since 1970
    """

    def __init__(
        self,
        journal: Journal,
        metrics: Metrics,
        *,
        on_stored: Callable[[range, Sequence[Packet]], None],
        clock: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._on_stored = on_stored
        self._clock = clock
        self._waiting: asyncio.Queue[Packet] = asyncio.Queue(MOST_WAITING)
        self._marks: dict[str, dict[str, int]] = {}
        self._owed: list[Packet] = []
        self.last_arrival_ns: int | None = None

    def marks(self, feed: str) -> dict[str, int]:
        """The last sequence of a feed per station that is in the journal, kept up to date."""
        if feed not in self._marks:
            self._marks[feed] = self._journal.marks(feed)
        return self._marks[feed]

    async def deliver(self, packet: Packet) -> None:
        """A packet arrived. Returns when there is room for the next."""
        await self._waiting.put(packet)

    def tell(self, finding: Finding) -> None:
        """Something is odd about a feed. When far too much is, it is only counted."""
        self._metrics.finding_told(finding)
        if not self._waiting.full():
            self._waiting.put_nowait(note(finding, self._clock()))

    async def run(self, stopping: asyncio.Event) -> None:
        """Write until the event is set, and then what still waits."""
        while not (stopping.is_set() and self._waiting.empty() and not self._owed):
            packets, self._owed = self._owed, []
            try:
                async with asyncio.timeout(QUIET_S):
                    packets.append(await self._waiting.get())
            except TimeoutError:
                packets.append(tick(self._clock()))
            while len(packets) < TOGETHER and not self._waiting.empty():
                packets.append(self._waiting.get_nowait())
            self._metrics.queue_stands("journal", self._waiting.qsize(), MOST_WAITING)
            await self._store(packets)

    async def _store(self, packets: list[Packet]) -> None:
        """Write packets until the disk takes them. Feeds wait meanwhile, so that nothing is lost."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                numbers = await asyncio.to_thread(self._append, packets)
                break
            except DataFault as fault:
                # One that no frame can hold: the others must not suffer for it.
                packets = [packet for packet in packets if not _is_odd(packet)]
                self._metrics.trouble("journal", str(fault))
                if not packets:
                    return
            except WorldFault as fault:
                self._metrics.trouble("journal", str(fault))
                packets = self._notes() + packets
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._metrics.trouble("journal", "")
        self._owed = self._notes()
        for packet in packets:
            if packet.sequence != NO_SEQUENCE:
                self.marks(packet.feed)[packet.station_key] = packet.sequence
        spoken = [packet for packet in packets if packet.station_key]
        if spoken:
            self._metrics.packets_arrived(spoken)
            # An agent whose digitiser is silent goes on saying so.
            sounding = (packet.arrival_ns for packet in reversed(spoken) if not is_carrier(packet.content))
            self.last_arrival_ns = next(sounding, self.last_arrival_ns)
        self._on_stored(numbers, packets)

    def _notes(self) -> list[Packet]:
        """What the journal has to tell of itself, counted, and as what goes into it next."""
        findings = self._journal.take_findings()
        for finding in findings:
            self._metrics.finding_told(finding)
        return [note(finding, self._clock()) for finding in findings]

    def _append(self, packets: list[Packet]) -> range:
        self._journal.mend()
        numbers = self._journal.append(packets)
        self._journal.sync()
        return numbers


def _is_odd(packet: Packet) -> bool:
    return len(packet.feed) > 255 or len(packet.station_key) > 255 or packet.sequence < NO_SEQUENCE


class Thinking(Protocol):
    """What takes packets out of the journal."""

    @property
    def idle(self) -> bool:
        """Whether it has taken all there is."""
        ...

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        ...

    def stored(self) -> None:
        """There is more in the journal."""
        ...

    def finish(self) -> None:
        """End once everything there is was taken."""
        ...

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until the event is set, or until finish() is done."""
        ...


class Thinker:
    """Keeps an engine in a process of its own, and gives it what the journal holds.

    on_heard    called with what came of packets, in the event loop
    on_trouble  called with why the engine waits, "" when it goes on
    body        what its process does; one that only looks on keeps nothing in the journal
    """

    def __init__(
        self,
        journal: Journal,
        settings_path: Path,
        *,
        on_heard: Callable[[Heard], None],
        on_trouble: Callable[[str], None],
        body: Callable[[Connection, Path], None] = think,
    ) -> None:
        self._journal = journal
        self._body = body
        self._settings_path = settings_path
        self._on_heard = on_heard
        self._on_trouble = on_trouble
        self._news = threading.Condition()
        self._stop: Stop | None = None
        self.pid: int | None = None
        self.idle = False

    @property
    def running(self) -> bool:
        """Whether the engine has a process."""
        return self.pid is not None

    def stored(self) -> None:
        """There is more in the journal."""
        with self._news:
            self._news.notify_all()

    def finish(self) -> None:
        """Let the engine tell what is left once it has heard all there is, and end."""
        self._ask(Stop(finish=True))

    async def run(self, stopping: asyncio.Event) -> None:
        """Think until the event is set, or until finish() is done.

        Raises WorldFault when the engine's process dies or refuses its settings: it can be run again.
        """
        self._stop = None
        ours, theirs = SpawnContext().Pipe()
        process = SpawnContext().Process(target=self._body, args=(theirs, self._settings_path), daemon=True)
        await asyncio.to_thread(process.start)
        self.pid = process.pid
        theirs.close()
        asked = asyncio.create_task(self._when(stopping))
        try:
            await asyncio.to_thread(self._attend, ours, asyncio.get_running_loop())
        finally:
            asked.cancel()
            ours.close()
            await asyncio.to_thread(process.join, STOP_S)
            if process.is_alive():
                process.kill()
            self.pid, self.idle = None, False
        if self._stop is None:
            reason = f"its process ended (exit status {process.exitcode})"
            raise WorldFault("engine", reason, "it begins again where it stopped")

    async def _when(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._ask(Stop())

    def _ask(self, stop: Stop) -> None:
        with self._news:
            self._stop = stop
            self._news.notify_all()

    def _attend(self, pipe: Connection, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the engine until it ends."""
        try:
            while True:
                match pipe.recv():
                    case Want(sequence):
                        pipe.send(self._answer(sequence))
                    case Heard() as heard:
                        if self._body is think:
                            self._journal.hold(heard.needed)
                        loop.call_soon_threadsafe(self._on_heard, heard)
                    case Trouble(reason):
                        loop.call_soon_threadsafe(self._on_trouble, reason)
                        if self._stop is not None and not self._stop.finish:
                            pipe.send(self._stop)  # what is to be finished waits for the disk as everything does
                    case Failed(reason):
                        raise WorldFault("engine", reason)
                    case other:
                        raise OurFault("engine", f"said {other!r}")
        except (EOFError, ConnectionError):
            return

    def _answer(self, sequence: int) -> Given | Stop:
        """Packets from a number on, as soon as there are some; or that it is to stop."""
        while True:
            with self._news:
                if self._stop is not None and not self._stop.finish:
                    return self._stop
                packets = self._journal.read(sequence, most=TOGETHER)
                self.idle = not packets
                if packets:
                    return Given(tuple(packets))
                if self._stop is not None:
                    return self._stop
                self._news.wait(QUIET_S)
