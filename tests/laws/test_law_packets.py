"""Law 2: splitting, merging or batching packets differently changes no trigger."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Acquire, Recent
from houfeng.quake.detect.trigger import Trigger, Watch
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId

START_NS = 1_500_000_000 * NS_PER_S
RATES_HZ = (100.0, 40.0, 31.25)
SOURCES = tuple(SourceId("XX", "ABC", "", channel) for channel in ("HHZ", "BHZ", "HNZ"))
Packet = tuple[int, int, np.ndarray]  # channel, start, samples


def _channel(number: int, kind: type) -> list[tuple[int, np.ndarray]]:
    """A minute of one channel in two runs: noise, bursts, a spike, a gap."""
    rate_hz, random = RATES_HZ[number], np.random.default_rng(number)
    samples = random.standard_normal(int(60 * rate_hz)) * 500 + 3_000
    for second in (12, 17, 25, 47):
        at = int(second * rate_hz)
        length = min(int(8 * rate_hz), len(samples) - at)
        samples[at : at + length] += random.standard_normal(length) * 20_000 * np.exp(-np.arange(length) / rate_hz)
    samples[int(9 * rate_hz)] += 1e8
    edge = int(35 * rate_hz)
    later_ns = START_NS + round((edge + 4 * rate_hz) / rate_hz * NS_PER_S)
    return [(START_NS, samples[:edge].astype(kind)), (later_ns, samples[edge:].astype(kind))]


KINDS = (np.int32, np.int32, np.float64)
RUNS = [_channel(number, kind) for number, kind in enumerate(KINDS)]


def _packets(number: int, cuts: list[int]) -> list[Packet]:
    """One channel's packets, their lengths taken from cuts in turn."""
    packets, turn = [], 0
    for start_ns, samples in RUNS[number]:
        at = 0
        while at < len(samples):
            length = cuts[turn % len(cuts)]
            turn += 1
            packets.append((number, start_ns + round(at / RATES_HZ[number] * NS_PER_S), samples[at : at + length]))
            at += length
    return packets


def _batch(packets: list[Packet]) -> PacketBatch:
    return PacketBatch(
        SOURCES,
        np.array([number for number, _, _ in packets], dtype=np.int32),
        np.array([start_ns for _, start_ns, _ in packets], dtype=np.int64),
        np.array([RATES_HZ[number] for number, _, _ in packets]),
        np.cumsum([0, *(len(samples) for _, _, samples in packets)], dtype=np.int64),
        np.concatenate([samples for _, _, samples in packets]),
    )


def _heard(cuts: list[list[int]], batch_sizes: list[int]) -> list[Trigger]:
    """Everything said when the channels are cut and batched this way, by the channel, in the order it was said."""
    watch = Watch(100e3)
    acquire = Acquire(Recent(60.0))
    said: list[Trigger] = []
    # Integers and floats travel in batches of their own.
    for kind in (np.int32, np.float64):
        packets = [p for number in range(3) if KINDS[number] is kind for p in _packets(number, cuts[number])]
        packets.sort(key=lambda packet: packet[1])
        turn = 0
        while packets:
            size = batch_sizes[turn % len(batch_sizes)]
            turn += 1
            for batch in acquire.handle(_batch(packets[:size])).batches:
                said += watch.handle(batch)
            packets = packets[size:]
    for batch in acquire.elapse(START_NS + 3600 * NS_PER_S).batches:
        said += watch.handle(batch)
    return sorted(said, key=lambda t: (t.source, t.band.low_hz, t.at_ns, t.ended))


WHOLE = _heard([[10**6]] * 3, [10**6])

lengths = st.lists(st.integers(1, 700), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(st.lists(lengths, min_size=3, max_size=3), st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_cutting_and_batching_change_no_trigger(cuts: list[list[int]], batch_sizes: list[int]) -> None:
    cut = _heard(cuts, batch_sizes)
    assert [(t.source, t.band, t.ended) for t in cut] == [(t.source, t.band, t.ended) for t in WHOLE]
    # Starts of packets are whole nanoseconds, so instants may be cut one apart; the sample is the same.
    assert max(abs(a.on_ns - b.on_ns) for a, b in zip(cut, WHOLE, strict=True)) <= 1
    assert max(abs(a.at_ns - b.at_ns) for a, b in zip(cut, WHOLE, strict=True)) <= 1
    assert [t.ratio for t in cut] == [t.ratio for t in WHOLE]


def test_there_is_something_to_change() -> None:
    assert len(WHOLE) > 30
    assert {t.source for t in WHOLE} == set(SOURCES)
