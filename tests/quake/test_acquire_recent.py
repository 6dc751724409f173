"""Recent: the last seconds of every channel, against plain slicing of the whole stream."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Recent, Roster
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId

START_NS = 1_600_000_000 * NS_PER_S
SOURCE = SourceId("XX", "ABC", "", "HHZ")


def packet(
    first: int, count: int, rate_hz: float = 100.0, source: SourceId = SOURCE, kind: type = np.int32
) -> PacketBatch:
    """Samples first to first + count of the stream whose sample k is k."""
    return PacketBatch(
        (source,),
        np.zeros(1, dtype=np.int32),
        np.array([START_NS + round(first / rate_hz * NS_PER_S)], dtype=np.int64),
        np.array([rate_hz]),
        np.array([0, count], dtype=np.int64),
        np.arange(first, first + count).astype(kind),
    )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 900), st.sampled_from([0, 0, 0, 1, 5, 300])), min_size=1, max_size=60),
    st.integers(0, 12_000),
    st.integers(1, 4_000),
)
def test_gives_back_what_was_appended(pieces: list[tuple[int, int]], begin: int, count: int) -> None:
    recent, at, had = Recent(20.0), 0, []
    for length, hole in pieces:
        at += hole if hole == 0 or hole > 2 else 0  # a hole of a sample or two is no hole
        recent.append(packet(at, length))
        had.append((at, at + length))
        at += length
    start_ns, end_ns = START_NS + begin * NS_PER_S // 100, START_NS + (begin + count) * NS_PER_S // 100
    segments = recent.segments(SOURCE, start_ns, end_ns)
    for segment in segments:
        first = int(segment.samples[0])
        assert np.array_equal(segment.samples, np.arange(first, first + len(segment.samples)))
        assert segment.start_ns == START_NS + first * NS_PER_S // 100
        assert segment.rate_hz == 100.0
    everything = np.concatenate([np.arange(low, high) for low, high in had])
    remembered = everything[-2000:]
    wanted = remembered[(remembered >= begin) & (remembered < begin + count)]
    got = np.concatenate([np.empty(0), *(segment.samples for segment in segments)])
    assert set(wanted) <= set(got) <= set(everything)


def test_knows_its_channels_and_how_far_they_came() -> None:
    recent, other = Recent(10.0), SourceId("XX", "DEF", "", "HHZ")
    recent.append(packet(0, 250))
    recent.append(packet(0, 100, source=other))
    assert recent.channels() == (SOURCE, other)
    assert recent.until_ns(SOURCE) == START_NS + 2_500_000_000
    assert recent.until_ns(SourceId("XX", "GHI", "", "HHZ")) is None
    assert recent.segments(SourceId("XX", "GHI", "", "HHZ"), 0, START_NS) == []


def test_memory_does_not_grow_with_time_or_changing_rates() -> None:
    recent = Recent(10.0)
    for k in range(400):
        recent.append(packet(0, 50, rate_hz=float(20 + 480 * (k * 7 % 11) / 10), kind=(np.int32, np.float64)[k % 2]))
    sizes = [len(pool) for pool in recent._pools]
    for k in range(400):
        recent.append(packet(0, 50, rate_hz=float(20 + 480 * (k * 7 % 11) / 10), kind=(np.int32, np.float64)[k % 2]))
    assert [len(pool) for pool in recent._pools] == sizes
    assert sum(sizes) < 10 * 10 * 500 * 2


def test_memory_of_a_channel_survives_another_joining() -> None:
    recent = Recent(10.0)
    for k in range(50):
        recent.append(packet(k * 100, 100))
        recent.append(packet(k * 100, 100, source=SourceId("XX", f"S{k}", "", "HHZ")))
    (segment,) = recent.segments(SOURCE, START_NS + 45 * NS_PER_S, START_NS + 50 * NS_PER_S)
    assert np.array_equal(segment.samples, np.arange(4500, 5000))


def test_packet_longer_than_the_memory() -> None:
    recent = Recent(10.0)
    recent.append(packet(0, 100_000))
    (segment,) = recent.segments(SOURCE, START_NS + 995 * NS_PER_S, START_NS + 2000 * NS_PER_S)
    assert np.array_equal(segment.samples, np.arange(99_500, 100_000))


def test_rate_comes_from_the_stamps_where_the_stated_one_misses_them() -> None:
    recent, true_hz = Recent(100.0), 100.5
    for k in range(60):
        batch = packet(k * 100, 100)
        stamped = np.array([START_NS + round(k * 100 / true_hz * NS_PER_S)])
        recent.append(PacketBatch(batch.channels, batch.channel, stamped, batch.rate_hz, batch.offset, batch.samples))
    (segment,) = recent.segments(SOURCE, START_NS, START_NS + 100 * NS_PER_S)
    assert abs(segment.rate_hz - true_hz) < 0.01
    assert len(segment.samples) == 6000


def test_roster_gives_each_channel_one_row() -> None:
    roster = Roster(most=3)
    channels = tuple(SourceId("XX", f"S{k % 3}", "", "HHZ") for k in range(6))
    assert roster.rows(channels).tolist() == [0, 1, 2, 0, 1, 2]
    assert roster.rows((SOURCE,)).tolist() == [-1]
    assert roster.row(channels[2]) == 2
    assert roster.row(SOURCE) is None
