"""Packets in the order they arrive turned into slices of data time, as a recording is played.

A centre does not know what is still on its way. A slice is let go once every channel that is waited for has got past
it, or once those behind have been waited for long enough: by the clock since the network's front passed the slice, and
in data time that the front has gone on since. The front is how far half of the channels have got; while nobody speaks
it goes on with the clock. So one wrong clock moves nothing, a dead channel costs one wait, and a recording played
through at any speed gives the slices it gives when it is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.acquire.batches import joined, picked
from houfeng.quake.acquire.roster import Roster
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId

Wholes = NDArray[np.int64]

#: Data time taken at once.
SLICE_NS = 10 * NS_PER_S

#: Links that come back after a minute have nothing cut from what is heard; the wait costs only while someone is behind.
PATIENCE_NS = 60 * NS_PER_S

#: A packet that is missing is waited for over so much of its channel's own time, and so long by the clock: links
#: deliver out of turn by seconds. Acquire waits as long. Over more it is not waited for, however fast time is played.
HOLE_NS = 10 * NS_PER_S
LONGEST_HOLE_NS = 2 * PATIENCE_NS

#: Packets so far ahead of the front, and not only of the slice, are not kept until the network gets there: their clock
#: is wrong, and acquire knows what to do with them.
FAR_NS = 600 * NS_PER_S

#: A stranger, or a channel that was given up, is waited for once it has been at most a slice behind
#: for so many slices.
KEPT_UP = 6

#: Samples held at most; beyond that the earliest slice is let go as it is: a quarter of an hour of a thousand channels.
MOST_HELD = 90_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """What is heard next: time first, then the packets that begin in [now_ns, next slice), and any that came late.

    batches  by channel and time, at most one of each kind of samples
    """

    now_ns: int
    batches: tuple[PacketBatch, ...]


class Pace:
    """The stage that says how far time has got.

    expected    channels to wait for at the start
    patience_ns how much data time those behind are waited for, >= 0
    """

    def __init__(
        self, expected: Iterable[SourceId], *, slice_ns: int = SLICE_NS, patience_ns: int = PATIENCE_NS
    ) -> None:
        self._slice_ns = slice_ns
        self._patience_ns = patience_ns
        self._roster = Roster()
        rows = self._roster.rows(tuple(expected))
        self._reached_ns = np.full(len(rows), EARLIEST_NS, dtype=np.int64)
        self._furthest_ns = self._reached_ns.copy()
        self._beyond_ns = self._reached_ns.copy()
        self._since_ns = np.zeros(len(rows), dtype=np.int64)
        self._awaited = np.ones(len(rows), dtype=np.bool_)
        self._kept_up = np.zeros(len(rows), dtype=np.int64)
        self._held: dict[int, list[PacketBatch]] = {}
        self._gone: int | None = None
        self._front_ns = EARLIEST_NS
        self._clock_ns: int | None = None
        self._now_ns = self._heard_ns = 0
        self._passed: tuple[int, int] | None = None
        self._count = 0

    def handle(self, batch: PacketBatch, clock_ns: int) -> Iterator[Slice]:
        """Packets arrived, at clock_ns; gives the slices that are ready."""
        if len(batch):
            self._tell_time(clock_ns)
            self._heard_ns = self._now_ns
            self._reach(batch)
            self._keep(batch)
        yield from self.elapse(clock_ns)

    def elapse(self, clock_ns: int) -> Iterator[Slice]:
        """Nothing more arrived by clock_ns; gives the slices that are ready."""
        self._tell_time(clock_ns)
        if self._now_ns >= self._patience_ns:
            self._awaited &= self._reached_ns > EARLIEST_NS
        while self._held:
            number = min(self._held)
            if not self._is_ready((number + 1) * self._slice_ns):
                return
            yield self._let_go(number)

    def finish(self) -> Iterator[Slice]:
        """Nothing more will arrive; gives all that is left."""
        while self._held:
            yield self._let_go(min(self._held))

    def _tell_time(self, clock_ns: int) -> None:
        """Go on with the clock, which may be set back: then what went by before has still gone by."""
        if self._clock_ns is not None:
            self._now_ns += max(0, clock_ns - self._clock_ns)
        self._clock_ns = clock_ns

    def _reach(self, batch: PacketBatch) -> None:
        rows = self._roster.rows(batch.channels)
        more = len(self._roster) - len(self._reached_ns)
        if more:
            unheard = np.full(more, EARLIEST_NS, dtype=np.int64)
            self._reached_ns, self._furthest_ns, self._beyond_ns = (
                np.concatenate([known, unheard]) for known in (self._reached_ns, self._furthest_ns, self._beyond_ns)
            )
            self._awaited = np.concatenate([self._awaited, np.zeros(more, dtype=np.bool_)])
            self._kept_up, self._since_ns = (
                np.concatenate([known, np.zeros(more, dtype=np.int64)]) for known in (self._kept_up, self._since_ns)
            )
        mine = rows[batch.channel]
        order = np.lexsort((batch.start_ns, mine))
        order = order[mine[order] >= 0]  # beyond the roster's room a stranger is heard, not waited for
        span_ns = np.minimum(np.diff(batch.offset) / batch.rate_hz * NS_PER_S, FAR_NS).astype(np.int64)
        step_ns = np.minimum(NS_PER_S / batch.rate_hz, FAR_NS).astype(np.int64)
        got = Got(self._reached_ns, self._furthest_ns, self._beyond_ns, self._since_ns)
        _advance(order, mine, batch.start_ns, span_ns, step_ns, self._now_ns, got)
        # With nobody to wait for, as where a station list names no channels, the front is that of all who spoke.
        followed = self._awaited if self._awaited.any() else self._reached_ns > EARLIEST_NS
        reached = np.sort(self._reached_ns[followed])
        if len(reached):
            self._front_ns = max(self._front_ns, int(reached[(len(reached) - 1) // 2]))

    def _keep(self, batch: PacketBatch) -> None:
        """Put packets into their slices; those that come late, or from nowhere, into the next one."""
        numbers = batch.start_ns // self._slice_ns
        if self._front_ns > EARLIEST_NS:
            following = min(self._held, default=int(numbers.min())) if self._gone is None else self._gone + 1
            numbers = np.where(batch.start_ns > self._front_ns + FAR_NS, following, numbers)
        if self._gone is not None:
            numbers = np.maximum(numbers, self._gone + 1)
        for number in np.unique(numbers).tolist():
            self._held.setdefault(number, []).append(picked(batch, np.flatnonzero(numbers == number)))
        self._count += int(batch.offset[-1] - batch.offset[0])

    def _is_ready(self, end_ns: int) -> bool:
        awaited = self._reached_ns[self._awaited]
        if len(awaited) and bool(np.all(awaited >= end_ns)):
            return True
        front_ns = self._front_ns + self._now_ns - self._heard_ns
        if front_ns < end_ns:
            return self._count > MOST_HELD
        if self._passed is None or self._passed[0] != end_ns:
            self._passed = end_ns, self._now_ns
        waited_ns = min(front_ns - end_ns, self._now_ns - self._passed[1])
        return waited_ns >= self._patience_ns or self._count > MOST_HELD

    def _let_go(self, number: int) -> Slice:
        self._gone = number
        there = self._reached_ns >= (number + 1) * self._slice_ns
        given_up = self._awaited & ~there
        near = (self._reached_ns >= number * self._slice_ns) & ~given_up
        self._kept_up = np.where(near, self._kept_up + 1, 0)
        self._awaited = (self._awaited & there) | (self._kept_up >= KEPT_UP)
        batches = self._held.pop(number)
        self._count -= sum(len(batch.samples) for batch in batches)
        return Slice(number * self._slice_ns, joined(batches))


class Got(NamedTuple):
    """How far each channel has got.

    reached_ns   without a hole that may still be filled
    furthest_ns  end of all it sent
    beyond_ns    where that goes on after the hole
    since_ns     when the hole was seen, by the clock
    """

    reached_ns: Wholes
    furthest_ns: Wholes
    beyond_ns: Wholes
    since_ns: Wholes


@njit(cache=True)
def _advance(
    order: Wholes, row: Wholes, start_ns: Wholes, span_ns: Wholes, step_ns: Wholes, now_ns: int, got: Got
) -> None:
    """Note how far each channel has got, its packets taken in this order."""
    reached_ns, furthest_ns, beyond_ns, since_ns = got
    for packet in order:
        k, start, end = row[packet], start_ns[packet], start_ns[packet] + span_ns[packet]
        if furthest_ns[k] == EARLIEST_NS:
            reached_ns[k] = furthest_ns[k] = end
            continue
        whole = furthest_ns[k] <= reached_ns[k]
        if start <= reached_ns[k] + step_ns[packet]:
            reached_ns[k] = max(reached_ns[k], end)
        elif whole or start < beyond_ns[k]:
            beyond_ns[k] = start
            since_ns[k] = now_ns if whole else since_ns[k]
        furthest_ns[k] = max(furthest_ns[k], end)
        filled, over_ns = reached_ns[k] + step_ns[packet] >= beyond_ns[k], furthest_ns[k] - reached_ns[k]
        if filled or over_ns > LONGEST_HOLE_NS or (over_ns > HOLE_NS and now_ns - since_ns[k] >= HOLE_NS):
            reached_ns[k] = furthest_ns[k]
