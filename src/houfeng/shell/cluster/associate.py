"""Associate: what all shares heard into quakes, in one place, each kept once."""

import asyncio
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error, NoRespondersError

from houfeng.quake.ears import Caught
from houfeng.quake.hearing import Hearing, Portrait, travel_times
from houfeng.quake.size.attenuation import attenuation
from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.cluster.broker import Broker, OnTrouble, Say, Waits, connected
from houfeng.shell.cluster.counts import AssociateCounts
from houfeng.shell.cluster.detect import HORIZONS_BACK
from houfeng.shell.cluster.done import Done, encode_done, last_done, make_done
from houfeng.shell.cluster.far_ears import FarEars, in_order
from houfeng.shell.cluster.heard_frames import Assembly, SliceHeard
from houfeng.shell.cluster.log import LogWriter, await_log, cut_off
from houfeng.shell.cluster.log_reader import LogReader
from houfeng.shell.cluster.shard import DONE_STREAM, DONE_SUBJECT, PREFIX, Shard, shards
from houfeng.shell.cluster.share import Centre
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.words.errors import OurFault, WorldFault
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.quake import Quake

#: Slices of a share held while others catch up.
MOST_WAITING = 32

#: How long a share may take over a question before it is asked again, s: it may have died with the question.
REPLY_S = 2.0

#: Data time between two cuts of the logs.
CUT_NS = 60 * NS_PER_S

#: What associate tells: all that detect told, and quakes with their records.
Told = Caught | Portrait

#: Opens the catalogue; raises WorldFault while the database is away.
OpenCatalogue = Callable[[], Catalogue]


async def run_associate(
    broker: Broker,
    count: int,
    centre: Centre,
    *,
    catalogue_url: str,
    say: Say,
    on_told: Callable[[Told], None] = lambda _: None,
    on_all_told: Callable[[int], None] = lambda _: None,
    on_done: Callable[[int], None] = lambda _: None,
    metrics: Metrics | None = None,
    until_end: bool = False,
) -> None:
    """Make quakes of what so many shares heard, until cancelled.

    catalogue_url  where quakes are kept: SQLite or PostgreSQL
    on_told        called with everything told, in the order of one process; a quake once it is in the catalogue.
                   After a crash it is called again with what was told of the slice then in hand, and nothing before
    on_all_told    called with now_ns of every slice once all of it was told, before that counts as done; again after
                   a crash between the two
    on_done        called with now_ns of every slice that is done
    metrics        where it counts what it does
    until_end      end once the end of time is done

    Raises WorldFault when another process associates.
    """
    counts = AssociateCounts(metrics or Metrics(), shards(count))
    async with connected(broker, f"{PREFIX} associate", say, counts.connection) as client:
        await make_done(client, say)
        for shard in shards(count):
            await await_log(client, shard.heard_stream, f"detect {shard}", say)
        with tempfile.TemporaryDirectory(prefix="houfeng-") as scratch:
            keeper = _Keeper(catalogue_url, say, counts.catalogue)
            role = _Associate(client, count, centre, Path(scratch), keeper, say, counts)
            try:
                await role.work(on_told, on_all_told, on_done, until_end=until_end)
            except BaseExceptionGroup as group:
                raise _first(group) from group
            finally:
                role.close()


def _first(error: BaseException) -> BaseException:
    """What went wrong first, out of its wrapping."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _Keeper:
    """The catalogue, kept trying until it takes a quake."""

    def __init__(self, url: str, say: Say, on_trouble: OnTrouble) -> None:
        self._url = url
        self._say = say
        self._on_trouble = on_trouble
        self._catalogue: Catalogue | None = None

    async def keep(self, quake: Quake) -> None:
        """Keep a quake, once, however often it is given."""
        waits = Waits(self._say, self._on_trouble)
        while True:
            try:
                await asyncio.to_thread(self._revise, quake)
            except WorldFault as fault:
                await waits.wait(f"{fault}; the quake waits")
            else:
                waits.over("the catalogue takes quakes again")
                return

    def _revise(self, quake: Quake) -> None:
        if self._catalogue is None:
            self._catalogue = Catalogue(self._url)
        self._catalogue.revise(quake)

    def close(self) -> None:
        """Let go of the database."""
        if self._catalogue is not None:
            self._catalogue.close()


class _Associate:
    def __init__(
        self,
        client: Client,
        count: int,
        centre: Centre,
        scratch: Path,
        keeper: _Keeper,
        say: Say,
        counts: AssociateCounts,
    ) -> None:
        self._client = client
        self._shards = shards(count)
        self._keeper = keeper
        self._say = say
        self._counts = counts
        self._stopped = False
        self._ears = FarEars(count, self._send, asyncio.get_running_loop())
        self._hearing = Hearing(
            self._ears,
            inventory=centre.inventory,
            network=centre.network,
            times=travel_times(centre.model, centre.network),
            relation=attenuation(),
            scratch=scratch,
            notes=centre.notes,
        )
        self._back_ns = HORIZONS_BACK * centre.horizon_ns
        self._begins: deque[tuple[int, tuple[int, ...]]] = deque()
        self._cut_ns = EARLIEST_NS

    def close(self) -> None:
        """Let a thread that waits for an answer go, and the database."""
        self._stopped = True
        self._keeper.close()

    async def work(
        self,
        on_told: Callable[[Told], None],
        on_all_told: Callable[[int], None],
        on_done: Callable[[int], None],
        *,
        until_end: bool,
    ) -> None:
        """Slice by slice."""
        done = await last_done(self._client, self._say)
        done_ns = EARLIEST_NS if done is None else done.now_ns
        writer = LogWriter(self._client, DONE_STREAM, self._say)
        await writer.open()
        places: list[asyncio.Queue[tuple[SliceHeard, int]]] = [asyncio.Queue(MOST_WAITING) for _ in self._shards]
        async with asyncio.TaskGroup() as group:
            reading = [
                group.create_task(self._read(shard, place)) for shard, place in zip(self._shards, places, strict=True)
            ]
            while not (until_end and done_ns == END_OF_TIME_NS):
                heard, begins = await _next_slice(places)
                now_ns = heard[0].now_ns
                begun_s = time.monotonic()
                told = await asyncio.to_thread(self._hear, heard)
                self._counts.took(time.monotonic() - begun_s)
                if now_ns > done_ns:
                    for value in told:
                        if isinstance(value, Portrait):
                            await self._keeper.keep(value.quake)
                        self._counts.told(value)
                        on_told(value)
                    on_all_told(now_ns)
                    await self._cut(done_ns)
                    last = await writer.append([(DONE_SUBJECT, encode_done(Done(now_ns)))])
                    await cut_off(self._client, DONE_STREAM, last, self._say)
                    done_ns = now_ns
                    on_done(now_ns)
                self._begins.append((now_ns, begins))
            for task in reading:
                task.cancel()

    def _hear(self, heard: Sequence[SliceHeard]) -> list[Told]:
        """One slice, as one process would hear it."""
        self._ears.settle(heard)
        told: list[Told] = list(self._hearing.elapse(heard[0].now_ns))
        told.extend(in_order(value for share in heard for value in share.handled))
        return told

    async def _read(self, shard: Shard, place: "asyncio.Queue[tuple[SliceHeard, int]]") -> None:
        """A share's slices, each with the sequence its messages begin with."""
        assembly = Assembly()
        first: int | None = None
        size = 0
        async for entry in LogReader(self._client, shard.heard_stream, "associate", self._say).entries():
            first = entry.sequence if first is None else first
            whole = assembly.take(entry.content, entry.subject)
            size += len(entry.content)
            if whole is not None:
                await place.put((whole, first))
                self._counts.slice_came(shard, size, waiting=place.qsize(), most=MOST_WAITING)
                first, size = None, 0

    async def _cut(self, done_ns: int) -> None:
        """Now and then: cut off what would not be needed to begin again."""
        if done_ns < self._cut_ns + CUT_NS:
            return
        self._cut_ns = done_ns
        begins = None
        while len(self._begins) > 1 and self._begins[1][0] <= done_ns - self._back_ns:
            self._begins.popleft()
            begins = self._begins[0][1]
        for shard, begin in zip(self._shards, begins or (), strict=bool(begins)):
            await cut_off(self._client, shard.heard_stream, begin, self._say)

    async def _send(self, shard: Shard, question: bytes) -> bytes:
        """Ask a share until it replies."""
        waits = Waits(self._say, partial(self._counts.share, shard))
        while not self._stopped:
            try:
                reply = await self._client.request(shard.ask_subject, question, timeout=REPLY_S)
            except NoRespondersError:
                await waits.wait(f"nobody answers for share {shard}; asking again")
            except (TimeoutError, Error, OSError) as error:
                await waits.wait(f"share {shard}: {str(error).removeprefix('nats: ') or 'no answer'}; asking again")
            else:
                waits.over(f"share {shard} answers")
                return reply.data
        raise OurFault("associate", "was stopped while it waited for an answer")


async def _next_slice(
    places: "Sequence[asyncio.Queue[tuple[SliceHeard, int]]]",
) -> tuple[list[SliceHeard], tuple[int, ...]]:
    """The next slice all shares have heard. Their logs may have been cut at different places; never later on."""
    heads = [await place.get() for place in places]
    while True:
        latest_ns = max(heard.now_ns for heard, _ in heads)
        behind = [number for number, (heard, _) in enumerate(heads) if heard.now_ns < latest_ns]
        if not behind:
            return [heard for heard, _ in heads], tuple(begin for _, begin in heads)
        for number in behind:
            heads[number] = await places[number].get()
