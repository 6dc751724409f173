"""Slices of data time from packets as they arrive: none lost, none doubled, and nobody waits for long."""

from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Pace
from houfeng.quake.acquire.pace import FAR_NS, HOLE_NS, KEPT_UP, LONGEST_HOLE_NS, PATIENCE_NS, SLICE_NS
from houfeng.wire.decoded import batches_of
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

RATE_HZ = 10.0
START_NS = 170_000_000 * SLICE_NS
PACKET_NS = 2 * NS_PER_S
SOURCES = tuple(SourceId("XX", name, "", "HHZ") for name in ("AAA", "BBB", "CCC", "DDD"))


def packet(which, number, start_ns=None):
    samples = np.arange(20, dtype=np.int32) + 100 * (number % 1000)
    return Segment(SOURCES[which], START_NS + number * PACKET_NS if start_ns is None else start_ns, RATE_HZ, samples)


def batch(*segments):
    (whole,) = batches_of(segments)
    return whole


def arrived(pace, segments, clock_ns=None):
    """Slices let go when the segments arrive one by one, each when its last sample is there, or at one time."""
    return [
        slice_
        for segment in segments
        for slice_ in pace.handle(batch(segment), segment.end_ns if clock_ns is None else clock_ns)
    ]


def told(slices):
    return [
        (slice_.now_ns, [(s.source, s.start_ns, s.samples.tolist()) for b in slice_.batches for s in segments_of(b)])
        for slice_ in slices
    ]


def in_turn(last, channels=range(4), first=0):
    return [packet(which, number) for number in range(first, last) for which in channels]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 7))
def test_slices_owe_nothing_to_batching_nor_to_how_channels_are_mixed(seed, size):
    random = Random(seed)
    whole = Pace(SOURCES)
    asked = told([*arrived(whole, in_turn(60)), *whole.finish()])
    queues = [[packet(which, number) for number in range(60)] for which in range(4)]
    mixed = []
    while any(queues):
        queue = random.choice([queue for queue in queues if queue])
        # no channel runs ahead of the others by more than what those behind are waited for
        if queue[0].start_ns - min(q[0].start_ns for q in queues if q) < PATIENCE_NS / 2:
            mixed.append(queue.pop(0))
    pace, slices = Pace(SOURCES), []
    for first in range(0, len(mixed), size):
        part = mixed[first : first + size]
        slices += pace.handle(batch(*part), max(segment.end_ns for segment in part))
    assert told([*slices, *pace.finish()]) == asked


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.one_of(st.integers(0, 60), st.sampled_from([-(10**6), 10**6, 3 * 10**9 // 2])),
            st.integers(0, 10**12),
        ),
        max_size=60,
    )
)
def test_every_packet_comes_out_once_whatever_its_clock(packets):
    pace, out = Pace(SOURCES[:2]), []
    for which, number, clock_ns in packets:
        out += pace.handle(batch(packet(which, number)), START_NS + clock_ns)
    out += pace.finish()
    given_in = sorted((SOURCES[w], START_NS + n * PACKET_NS) for w, n, _ in packets)
    assert sorted((source, start_ns) for _, slice_ in told(out) for source, start_ns, _ in slice_) == given_in
    assert all(one.now_ns < other.now_ns for one, other in pairwise(out))


def test_a_slice_goes_as_soon_as_every_channel_is_past_it():
    pace = Pace(SOURCES)
    slices = arrived(pace, in_turn(5))  # ten seconds each
    assert [slice_.now_ns for slice_ in slices] == [START_NS]


@pytest.mark.parametrize("size", [1, 3, 40])
def test_a_packet_far_out_of_turn_is_waited_for_when_a_recording_is_played_fast(size):
    late = packet(0, 3)
    sent = [packet(0, number) for number in range(30) if number != 3]
    sent.insert(20, late)  # 36 s of its channel's time after its turn, but at once by the clock
    pace, slices = Pace(SOURCES[:1]), []
    for first in range(0, len(sent), size):
        slices += pace.handle(batch(*sent[first : first + size]), START_NS)
    slices += pace.finish()
    begin = [start_ns for _, slice_ in told(slices) for _, start_ns, _ in slice_]
    assert begin == sorted(begin)
    assert len(begin) == 30


def test_a_packet_out_of_turn_is_given_up_by_the_clock():
    sent = [packet(0, number) for number in range(30) if number != 3]
    hole_ns = START_NS + 3 * PACKET_NS
    pace = Pace(SOURCES[:1])
    first_ns = next(
        segment.end_ns for segment in sent for slice_ in pace.handle(batch(segment), segment.end_ns) if slice_
    )
    assert HOLE_NS < first_ns - hole_ns <= HOLE_NS + 3 * PACKET_NS


def test_a_packet_that_never_comes_holds_up_so_much_at_most_however_fast_time_is_played():
    pace = Pace(SOURCES[:1])
    last = 4 + LONGEST_HOLE_NS // PACKET_NS
    sent = [packet(0, number) for number in range(last + 2) if number != 3]
    assert not arrived(pace, sent[: last - 2], START_NS)
    assert arrived(pace, sent[last - 2 :], START_NS)


def test_a_dead_channel_costs_one_wait():
    pace = Pace(SOURCES)
    arrived(pace, in_turn(50))
    alive = in_turn(120, channels=range(3), first=50)
    late_s = [
        (segment.end_ns - SLICE_NS - slice_.now_ns) / NS_PER_S
        for segment in alive
        for slice_ in pace.handle(batch(segment), segment.end_ns)
    ]
    assert late_s[0] == PATIENCE_NS / NS_PER_S
    assert late_s[-1] == 0.0


def test_a_channel_never_heard_costs_one_wait_and_no_more():
    pace = Pace(SOURCES)
    slices = arrived(pace, in_turn(60, channels=[0]))
    assert slices[0].now_ns == START_NS
    assert len(slices) == 12


def test_a_channel_that_comes_back_is_waited_for_once_it_keeps_up():
    pace = Pace(SOURCES)
    arrived(pace, in_turn(5))
    arrived(pace, in_turn(60, channels=range(3), first=5))
    arrived(pace, in_turn(60 + 5 * (KEPT_UP + 1), first=60))
    number = 60 + 5 * (KEPT_UP + 1)
    assert not arrived(pace, in_turn(number + 5, channels=range(3), first=number))
    assert arrived(pace, in_turn(number + 5, channels=[3], first=number))


def test_when_all_fall_silent_the_clock_lets_go_what_is_held():
    pace = Pace(SOURCES)
    arrived(pace, [*in_turn(5), *in_turn(10, channels=range(3), first=5)])
    end_ns = START_NS + 10 * PACKET_NS
    assert not list(pace.elapse(end_ns + PATIENCE_NS - 1))
    assert [slice_.now_ns for slice_ in pace.elapse(end_ns + PATIENCE_NS)] == [START_NS + SLICE_NS]


@pytest.mark.parametrize("behind", [1, 10**7], ids=["a-slice", "a-year"])
def test_what_comes_late_goes_with_the_next_slice(behind):
    pace = Pace(SOURCES)
    arrived(pace, in_turn(20))
    late = packet(0, 0, START_NS - behind * SLICE_NS)
    slices = [*arrived(pace, [late, *in_turn(25, first=20)])]
    assert (late.source, late.start_ns, late.samples.tolist()) in told(slices)[0][1]


def test_a_clock_far_ahead_holds_nothing_up_and_is_heard_at_once():
    pace = Pace(SOURCES)
    arrived(pace, in_turn(20))
    wild = packet(0, 0, START_NS + 20 * PACKET_NS + FAR_NS + 1)
    slices = arrived(pace, [wild, *in_turn(25, first=20)])
    assert [slice_.now_ns for slice_ in slices] == [START_NS + 4 * SLICE_NS]
    assert any(start_ns == wild.start_ns for _, start_ns, _ in told(slices)[0][1])


def test_channels_that_no_inventory_names_are_heard_after_one_wait_and_then_at_once():
    pace = Pace(())
    slices = arrived(pace, in_turn(200))
    assert slices[0].now_ns == START_NS
    assert slices[-1].now_ns >= START_NS + 200 * PACKET_NS - 2 * SLICE_NS
    asked = Pace(SOURCES)
    assert told([*slices, *pace.finish()]) == told([*arrived(asked, in_turn(200)), *asked.finish()])


def test_a_clock_set_ahead_and_back_makes_nobody_wait_longer():
    pace = Pace(SOURCES)
    arrived(pace, in_turn(50))
    hour_ns = 3600 * NS_PER_S
    assert not list(pace.handle(batch(packet(0, 50)), packet(0, 50).end_ns + hour_ns))
    late_s = [
        (segment.end_ns - SLICE_NS - slice_.now_ns) / NS_PER_S
        for segment in in_turn(120, channels=range(3), first=50)[1:]  # one has died meanwhile
        for slice_ in pace.handle(batch(segment), segment.end_ns)
    ]
    assert max(late_s) <= PATIENCE_NS / NS_PER_S
    assert late_s[-1] == 0.0
