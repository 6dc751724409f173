"""Ears in other processes: what they told of a slice, and what they answer when asked."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from houfeng.quake.ears import Caught
from houfeng.shell.cluster.ask_frames import (
    LARGEST_ANSWER_BYTES,
    AskLook,
    AskReach,
    AskSegments,
    Question,
    decode_look,
    decode_reach,
    decode_reply,
    decode_segments,
    encode_question,
)
from houfeng.shell.cluster.heard_frames import SliceHeard, Value
from houfeng.shell.cluster.shard import Shard, shard_of, shards
from houfeng.words.errors import DataFault, OurFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import Gap, PacketBatch, Segment
from houfeng.words.source import SourceId

#: Sends a question to a share and gives its reply, however long that takes.
Send = Callable[[Shard, bytes], Awaitable[bytes]]

#: Who has come to the slice asked about answers at once; others are asked again after this long, s.
ASK_AGAIN_S = 0.05


class FarEars:
    """Ears of all shares, for a Hearing that runs in a thread of its own.

    count  of shares; send: asks one of them; loop: where send is to run

    Every answer is as of the slice given to settle: what one process would have known then.
    """

    def __init__(self, count: int, send: Send, loop: asyncio.AbstractEventLoop) -> None:
        self._count = count
        self._send = send
        self._loop = loop
        self._now_ns = EARLIEST_NS
        self._told: tuple[Caught, ...] = ()
        self._reach: dict[SourceId, int] | None = None
        self._by_station: dict[str, int] = {}

    def settle(self, heard: Sequence[SliceHeard]) -> None:
        """A slice, as all shares heard it: what elapse gives next, and what answers are about."""
        self._now_ns = heard[0].now_ns
        self._told = in_order(value for share in heard for value in share.elapsed)
        self._reach = None

    def handle(self, batch: PacketBatch) -> Iterable[Caught]:
        """Nobody gives packets to ears that are elsewhere. Raises OurFault."""
        raise OurFault("associate", f"was given {len(batch)} packets, which go to intake")

    def elapse(self, now_ns: int) -> Iterable[Caught]:
        """What all shares told when time reached now_ns. Raises OurFault for any other instant than settled."""
        if now_ns != self._now_ns:
            raise OurFault("associate", "asks for a slice it was not given")
        return self._told

    def look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The best onset of a phase at a station within half a width of when it is expected, or None."""
        question = AskLook(station_key, phase, expected_ns, half_width_s)
        return decode_look(self._ask(shard_of(station_key, self._count), question))

    def listening(self, station_key: str, time_ns: int) -> bool:
        """Whether a station gave samples at an instant."""
        self._known()
        return self._by_station.get(station_key, 0) > time_ns

    def channels(self) -> Sequence[SourceId]:
        """Every channel that ever gave samples, in order."""
        return sorted(self._known())

    def segments(self, source: SourceId, begin_ns: int, end_ns: int) -> Sequence[Segment]:
        """What is remembered of a channel from one instant to another."""
        answer = self._ask(shard_of(source.station_key, self._count), AskSegments(source, begin_ns, end_ns))
        return decode_segments(answer, source)

    def _known(self) -> dict[SourceId, int]:
        """How far every channel has got, asked for once a slice."""
        if self._reach is None:
            self._reach = {}
            for shard in shards(self._count):
                self._reach.update(decode_reach(self._ask(shard, AskReach())))
            self._by_station = {}
            for source, until_ns in self._reach.items():
                key = source.station_key
                self._by_station[key] = max(until_ns, self._by_station.get(key, 0))
        return self._reach

    def _ask(self, shard: Shard, question: Question) -> bytes:
        return asyncio.run_coroutine_threadsafe(self._whole(shard, question), self._loop).result()

    async def _whole(self, shard: Shard, question: Question) -> bytes:
        """The answer to a question, put together from its pieces."""
        answer = b""
        length = LARGEST_ANSWER_BYTES
        while len(answer) < length:
            reply = decode_reply(await self._send(shard, encode_question(self._now_ns, question, len(answer))))
            if reply is None:
                await asyncio.sleep(ASK_AGAIN_S)
                continue
            if answer and reply[0] != length:
                answer = b""  # another worker took over, and answers otherwise
                continue
            length, piece = reply
            answer += piece
        if len(answer) != length:
            raise DataFault(f"share {shard}", "gave an answer that does not fit together")
        return answer


def in_order(values: Iterable[Value]) -> tuple[Value, ...]:
    """What several shares told at once, in the order one process would have: findings, gaps, picks by time."""
    findings, gaps, picks = [], [], []
    for value in values:
        if isinstance(value, Finding):
            findings.append(value)
        elif isinstance(value, Gap):
            gaps.append(value)
        else:
            picks.append(value)
    findings.sort(key=lambda finding: finding.station)
    gaps.sort(key=lambda gap: gap.source)
    picks.sort(key=lambda pick: pick.key)
    return (*findings, *gaps, *picks)
