"""Detect: a share's records into archive, picks, gaps and findings; and answers about its ground."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from houfeng.quake.acquire.batches import joined
from houfeng.shell.archive.archive import Archive
from houfeng.shell.archive.lock import Part
from houfeng.shell.arrivals.paced import decode_packets as decode_samples
from houfeng.shell.centre.engine import SETTLE_NS
from houfeng.shell.cluster.ask_frames import (
    WAIT,
    Question,
    decode_question,
    encode_piece,
    encode_refusal,
)
from houfeng.shell.cluster.broker import Broker, Say, Waits, connected
from houfeng.shell.cluster.counts import DetectCounts
from houfeng.shell.cluster.done import decode_done, last_done
from houfeng.shell.cluster.heard_frames import encode_slice, is_last_part
from houfeng.shell.cluster.log import LogWriter, await_log, bounds, cut_off, make_log, read_entry
from houfeng.shell.cluster.log_reader import LogReader
from houfeng.shell.cluster.record_frames import decode_clock, decode_packets
from houfeng.shell.cluster.shard import DONE_SUBJECT, PREFIX, Shard
from houfeng.shell.cluster.share import Centre, Share
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import PacketBatch

#: Room for what was heard and is not done with, of all shares.
MOST_HEARD_BYTES = 2**29

#: How far detect may run ahead of associate, in data time: what lies between is held in memory.
AHEAD_NS = 600 * NS_PER_S

#: Filters and averages forget: after so long they are as if they had always run (e^-22 of the slowest, 40 s).
WARM_NS = 900 * NS_PER_S

#: Horizons associate goes back to find itself again.
HORIZONS_BACK = 2

#: Bytes of one slice of a share. More than that is no slice.
MOST_SLICE_BYTES = 2**30

#: How often it is asked whether associate has come to the end, s.
LOOK_S = 0.5

_Result = TypeVar("_Result")


async def run_detect(
    broker: Broker,
    shard: Shard,
    centre: Centre,
    *,
    archive: Path | None,
    say: Say,
    on_finding: Callable[[Finding], None] = lambda _: None,
    metrics: Metrics | None = None,
    most_bytes: int = MOST_HEARD_BYTES,
    until_end: bool = False,
) -> None:
    """Hear a share of the stations, until cancelled.

    archive     folder of the SDS tree, into which the other shares may write, too; None keeps no samples
    on_finding  told of what is odd about the archive's files
    metrics     where it counts what it does
    most_bytes  room at the broker for what all shares heard; when this one's part is full, detect waits

    until_end   end once the end of time was heard, here and by associate, and the archive has everything

    A record is let go of at the broker only when the archive's disk has it, what was heard in it is published, and
    neither this process nor associate needs it any more to find itself again after a crash.
    Raises WorldFault when another process detects for this share.
    """
    counts = DetectCounts(metrics or Metrics())
    async with connected(broker, f"{PREFIX} detect {shard}", say, counts.connection) as client:
        await make_log(client, shard.heard_stream, [shard.heard_subject], most_bytes // shard.count, say)
        await await_log(client, shard.record_stream, "intake", say)
        wanted_ns = EARLIEST_NS
        with ExitStack() as held:
            kept = None if archive is None else held.enter_context(Archive(archive, Part(shard.number, shard.count)))
            pool = held.enter_context(ThreadPoolExecutor(1, thread_name_prefix="detect"))
            while True:
                worker = _Worker(client, shard, centre, kept, pool, say, on_finding, counts)
                wanted_ns = await worker.work(wanted_ns, until_end=until_end)
                if worker.ended:
                    return
                say(f"share {shard}: associate has gone back; reading again from the beginning of the log")


class _Worker:
    """One life of a share: from the beginning of its log on, until associate goes back behind what is remembered."""

    def __init__(
        self,
        client: Client,
        shard: Shard,
        centre: Centre,
        archive: Archive | None,
        pool: ThreadPoolExecutor,
        say: Say,
        on_finding: Callable[[Finding], None],
        counts: DetectCounts,
    ) -> None:
        self._client = client
        self._shard = shard
        self._archive = archive
        self._pool = pool
        self._say = say
        self._on_finding = on_finding
        self._counts = counts
        self._share = Share(centre)
        self._kept_ns = HORIZONS_BACK * centre.horizon_ns + centre.horizon_ns + WARM_NS
        self._heard = LogWriter(client, shard.heard_stream, say, counts.log)
        self._begins: deque[tuple[int, int]] = deque()
        self._flushed_ns = EARLIEST_NS
        self._done_ns = EARLIEST_NS
        self._wanted_ns = EARLIEST_NS
        self._moved = asyncio.Event()
        self._gone_back = asyncio.Event()
        self.ended = False
        self._last_answer: tuple[tuple[int, Question], bytes] | None = None

    async def work(self, wanted_ns: int, *, until_end: bool) -> int:
        """Hear until associate goes back; returns where it has gone. With until_end, until it has ended, too."""
        done = await last_done(self._client, self._say)
        self._done_ns = EARLIEST_NS if done is None else done.now_ns
        self._wanted_ns = wanted_ns if wanted_ns > EARLIEST_NS else self._done_ns
        subscriptions = [
            await self._client.subscribe(self._shard.ask_subject, cb=self._asked),
            await self._client.subscribe(DONE_SUBJECT, cb=self._told_done),
        ]
        hearing = asyncio.ensure_future(self._hear())
        going_back = asyncio.ensure_future(self._gone_back.wait())
        ending = [asyncio.create_task(self._until_end())] if until_end else []
        try:
            await asyncio.wait({hearing, going_back, *ending}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                hearing.result()
            for task in ending:
                if task.done():
                    task.result()
        finally:
            hearing.cancel()
            going_back.cancel()
            for task in ending:
                task.cancel()
            await asyncio.gather(hearing, going_back, *ending, return_exceptions=True)
            for subscription in subscriptions:
                await _leave(subscription.unsubscribe)
            await self._heard.close()
        return self._wanted_ns

    async def _until_end(self) -> None:
        """Until nothing is left to do here, and nobody will ask any more."""
        while not (self._flushed_ns == END_OF_TIME_NS == self._done_ns):
            await asyncio.sleep(LOOK_S)
            # What associate says reaches us when it says it, or, where a connection broke just then, when we ask.
            done = await last_done(self._client, self._say)
            self._done_ns = self._done_ns if done is None else max(self._done_ns, done.now_ns)
        self.ended = True

    async def _hear(self) -> None:
        published_ns = await self._published()
        reader = LogReader(self._client, self._shard.record_stream, "detect", self._say)
        async for now_ns, first, packets in slices_of(reader, self._shard):
            while self._is_far_ahead():
                self._moved.clear()
                await self._moved.wait()
            begun_s = time.monotonic()
            batches, odd = await self._aside(_decoded, packets)
            heard, accepted = await self._aside(self._share.take, now_ns, batches)
            await self._follow()
            if accepted and self._archive is not None:
                await self._until_kept(self._append, accepted)
            if now_ns > published_ns:
                said = type(heard)(now_ns, heard.elapsed, (*odd, *heard.handled))
                await self._heard.append([(self._shard.heard_subject, part) for part in encode_slice(said)])
                self._counts.heard(said, packets)
            self._counts.took(time.monotonic() - begun_s, ahead_ns=self._ahead_ns(), most_ns=AHEAD_NS)
            self._begins.append((now_ns, first))
            await self._let_go(max(now_ns, published_ns))

    async def _published(self) -> int:
        """The last slice of which everything is published."""
        await self._heard.open()
        name = self._shard.heard_stream
        first, last = await bounds(self._client, name, self._say)
        for sequence in range(last, first - 1, -1):
            entry = await read_entry(self._client, name, sequence, self._say)
            now_ns = is_last_part(entry.content, entry.subject)
            if now_ns is not None:
                return now_ns
        return EARLIEST_NS

    def _is_far_ahead(self) -> bool:
        """Whether more lies between us and associate than should be held."""
        return self._ahead_ns() > AHEAD_NS

    def _ahead_ns(self) -> int:
        """How much data time lies between us and associate."""
        oldest_ns = self._begins[0][0] if self._begins else self._share.now_ns
        return self._share.now_ns - max(oldest_ns, self._wanted_ns)

    async def _follow(self) -> None:
        await self._aside(lambda: self._share.follow(min(self._wanted_ns, self._share.now_ns)))

    # --- keeping, and letting go ---------------------------------------------------------------------------------

    def _append(self, accepted: list[PacketBatch]) -> None:
        assert self._archive is not None
        for batch in accepted:
            self._archive.append(batch)

    async def _until_kept(self, keep: Callable[..., None], *what: object) -> None:
        """Give samples to the archive until it takes them."""
        waits = Waits(self._say, self._counts.archive)
        while True:
            try:
                await self._aside(keep, *what)
            except WorldFault as fault:
                await waits.wait(f"share {self._shard}: {fault}; waiting")
            else:
                waits.over(f"share {self._shard}: the archive takes samples again")
                return

    async def _let_go(self, published_ns: int) -> None:
        """Now and then: make the archive durable, then cut off what nobody needs any more.

        At the instants at which one process does it, so that silent channels' records are cut alike.
        """
        if self._share.now_ns // SETTLE_NS == self._flushed_ns // SETTLE_NS:
            return
        if self._archive is not None:
            await self._until_kept(self._archive.flush, self._share.now_ns - SETTLE_NS)
            for finding in self._archive.take_findings():
                self._on_finding(finding)
        self._flushed_ns = self._share.now_ns
        if self._done_ns == EARLIEST_NS:
            return
        oldest_ns = min(self._done_ns, published_ns, self._flushed_ns - SETTLE_NS) - self._kept_ns
        first = None
        while len(self._begins) > 1 and self._begins[1][0] <= oldest_ns:
            self._begins.popleft()
            first = self._begins[0][1]
        if first is not None:
            await cut_off(self._client, self._shard.record_stream, first, self._say)

    # --- answering -----------------------------------------------------------------------------------------------

    async def _told_done(self, message: Msg) -> None:
        done = decode_done(message.data)
        self._done_ns = max(self._done_ns, done.now_ns)
        self._wanted_ns = max(self._wanted_ns, done.now_ns)
        await self._follow()
        self._moved.set()

    async def _asked(self, message: Msg) -> None:
        try:
            now_ns, question, first_byte = decode_question(message.data)
        except DataFault as error:
            refusal = encode_refusal(str(error))
            await _leave(lambda: message.respond(refusal))
            return
        reply = WAIT
        if now_ns < self._wanted_ns:
            self._wanted_ns = now_ns
            if now_ns < self._share.answers_ns:
                self._gone_back.set()
        if now_ns >= self._wanted_ns and not self._gone_back.is_set():
            self._wanted_ns = now_ns
            await self._follow()
            self._moved.set()
            if self._share.answers_ns == now_ns:
                reply = encode_piece(await self._answer(now_ns, question), first_byte)
        await _leave(lambda: message.respond(reply))

    async def _answer(self, now_ns: int, question: Question) -> bytes:
        asked = (now_ns, question)
        if self._last_answer is None or self._last_answer[0] != asked:
            self._last_answer = (asked, await self._aside(self._share.answer, question))
        return self._last_answer[1]

    async def _aside(self, work: Callable[..., _Result], *what: object) -> _Result:
        """Do one thing after the other in the thread that owns the share, while the connection lives on."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *what)


async def slices_of(reader: LogReader, shard: Shard) -> AsyncIterator[tuple[int, int, list[Packet]]]:
    """Complete slices of a share's log: where they begin, in time and in the log, and their packets."""
    packets: list[Packet] = []
    size = 0
    async for entry in reader.entries():
        if entry.subject == shard.clock_subject:
            now_ns, first = decode_clock(entry.content, entry.subject)
            yield now_ns, first, packets
            packets, size = [], 0
            continue
        size += len(entry.content)
        if size > MOST_SLICE_BYTES:
            raise DataFault(shard.record_stream, "one slice of it is larger than 1 GB", "delete it and start again")
        packets += decode_packets(entry.content, entry.subject)


def _decoded(packets: list[Packet]) -> tuple[tuple[PacketBatch, ...], tuple[Finding, ...]]:
    """Samples in the order in which one process would be given them, whatever messages they came in."""
    decoded = decode_samples(packets)
    return joined(decoded.batches), decoded.findings


async def _leave(farewell: Callable[[], Awaitable[object]]) -> None:
    """Say something to a broker that may be gone: whoever misses it will ask again."""
    try:
        await farewell()
    except Error:
        return
