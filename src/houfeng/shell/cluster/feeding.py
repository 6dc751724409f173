"""Intake's part of a centre: what the journal holds goes, in slices, to the broker."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from houfeng.shell.centre.engine import Progress
from houfeng.shell.centre.gate import QUIET_S, TOGETHER
from houfeng.shell.centre.thinking import TOLD_FILE, Heard, knowledge_of
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.cluster.broker import Waits
from houfeng.shell.cluster.broker_settings import broker_of, room_bytes
from houfeng.shell.cluster.cutting import Cut, Cutter
from houfeng.shell.cluster.intake import Slice, run_intake
from houfeng.shell.cluster.log import Rival
from houfeng.shell.journal.journal import Journal
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.shell.settings.settings import read_settings
from houfeng.words.assurance import Vouched
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding

#: In the centre's folder: what intake found out about feeds and signatures, and how far it has got.
FOLDER = "intake"

logger = logging.getLogger("houfeng")

_Result = TypeVar("_Result")


class Feeder:
    """Stands where a single machine's engine stands.

    on_heard    called with what was found out, and how far it has got, in the event loop
    on_trouble  called with why it waits, "" when it goes on
    on_rival    called when another intake writes to the same logs: this one is to end, for good
    """

    def __init__(
        self,
        journal: Journal,
        settings_path: Path,
        *,
        on_heard: Callable[[Heard], None],
        on_trouble: Callable[[str], None],
        on_rival: Callable[[Rival], None],
    ) -> None:
        self._journal = journal
        self._settings_path = settings_path
        self._on_heard = on_heard
        self._on_trouble = on_trouble
        self._on_rival = on_rival
        self._broker_trouble = ""
        self._news = asyncio.Event()
        self._finishing = False
        self.idle = False
        self.running = True

    def stored(self) -> None:
        """There is more in the journal."""
        self._news.set()

    def finish(self) -> None:
        """End once the broker has all there is, and the marker that no more will come."""
        self._finishing = True
        self._news.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Feed the broker until the event is set, or until finish() is done. What it has not kept is given again.

        Raises WorldFault when the broker refuses for good: it can be run again.
        """
        settings = read_settings(self._settings_path)
        broker = broker_of(settings.cluster)
        known, odd = await asyncio.to_thread(knowledge_of, settings)
        with ExitStack() as held:
            store = held.enter_context(ToldStore(self._settings_path.parent / FOLDER / TOLD_FILE))
            pool = held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="cut"))
            line = _Line(store, pool)
            if store.progress is None:
                for finding in odd:
                    line.tell(finding)
            cutter = Cutter(known, Progress.read(store.progress), line.tell)
            working = asyncio.ensure_future(
                run_intake(
                    broker,
                    settings.cluster.shards,
                    self._slices(cutter, line),
                    say=_say,
                    asof=lambda: cutter.asof_ns,
                    on_finding=line.tell,
                    on_trouble=self._broker_stands,
                    most_bytes=room_bytes(settings.cluster.record_gb),
                )
            )
            asked = asyncio.ensure_future(stopping.wait())
            try:
                await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
                    self.running = False
            except Rival as rival:
                self._on_rival(rival)
            finally:
                working.cancel()
                asked.cancel()
                await asyncio.gather(working, asked, return_exceptions=True)

    async def _slices(self, cutter: Cutter, line: "_Line") -> AsyncIterator[Slice]:
        """Slices; whoever asks for the next one has kept the last."""
        while True:
            self._news.clear()
            packets = await line.aside(lambda: self._journal.read(cutter.next, most=TOGETHER))
            self.idle = not packets
            if packets:
                begun_s = time.monotonic()
                for cut in await line.aside(partial(_all, cutter.handle, packets)):
                    yield cut.now_ns, cut.packets
                await self._commit(cutter, line, time.monotonic() - begun_s, packets[-1][1].arrival_ns)
            elif self._finishing:
                break
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), QUIET_S)
        for cut in await line.aside(partial(_all, cutter.finish)):
            yield cut.now_ns, cut.packets
        if cutter.asof_ns is not None:
            yield END_OF_TIME_NS, ()
        await self._commit(cutter, line, 0.0, 0)

    async def _commit(self, cutter: Cutter, line: "_Line", took_s: float, arrived_ns: int) -> None:
        """Keep how far it has got; only then may the journal let go of what lies before."""
        progress = cutter.progress()
        waits = Waits(self._on_trouble)
        while True:
            try:
                await line.aside(lambda: line.store.commit(progress.write()))
                break
            except WorldFault as fault:
                await waits.wait(str(fault))
        self._journal.hold(progress.begin)
        told = Heard(progress.begin, progress.told_ns, took_s, arrived_ns, findings=line.take_findings())
        self._on_heard(told)
        if self._broker_trouble:  # that something was heard does not end it
            self._on_trouble(self._broker_trouble)

    def _broker_stands(self, trouble: str) -> None:
        """Why the broker takes nothing, "" when it does."""
        self._broker_trouble = trouble
        self._on_trouble(trouble)


class _Line:
    """What one life of a feeder has open; one thing is done after the other, in a thread of its own."""

    def __init__(self, store: ToldStore, pool: ThreadPoolExecutor) -> None:
        self.store = store
        self._pool = pool
        self._findings: list[Finding] = []

    async def aside(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def tell(self, value: Finding | Vouched) -> None:
        """Something was found out; it counts with the next commit."""
        if isinstance(value, Vouched):
            self.store.vouch(value)
        else:
            self.store.tell(value)
            self._findings.append(value)

    def take_findings(self) -> tuple[Finding, ...]:
        taken, self._findings = tuple(self._findings), []
        return taken


def _all(cut: Callable[..., Iterator[Cut]], *given: object) -> list[Cut]:
    return [*cut(*given)]


def _say(text: str) -> None:
    logger.info("%s", text)
