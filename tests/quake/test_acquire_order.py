"""Acquire: whatever the order and oddities of packets, each sample once and in order, and everything odd said."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Acquire, Acquired, Recent
from houfeng.words.instant import LATEST_NS, NS_PER_S
from houfeng.words.samples import Gap, PacketBatch
from houfeng.words.source import SourceId

START_NS = 1_600_000_000 * NS_PER_S
YEAR_NS = 365 * 86_400 * NS_PER_S
RATE_HZ = 100.0
SOURCES = tuple(SourceId("XX", f"S{number}", "", "HHZ") for number in range(6))
Packet = tuple[int, int, np.ndarray] | tuple[int, int, np.ndarray, float]


def packet(second: float, *, channel: int = 0, seconds: float = 1.0, shift_s: float = 0.0) -> Packet:
    """A packet whose samples tell their own time: sample k of the channel's stream is k."""
    first = round(second * RATE_HZ)
    samples = np.arange(first, first + round(seconds * RATE_HZ)).astype(np.int32)
    return channel, START_NS + round((second + shift_s) * NS_PER_S), samples


def batch_of(packets: Iterable[Packet]) -> PacketBatch:
    columns = list(packets)
    return PacketBatch(
        SOURCES,
        np.array([column[0] for column in columns], dtype=np.int32),
        np.array([column[1] for column in columns], dtype=np.int64),
        np.array([column[3] if len(column) == 4 else RATE_HZ for column in columns]),
        np.cumsum([0, *(len(column[2]) for column in columns)], dtype=np.int64),
        np.concatenate([column[2] for column in columns]),
    )


class Taker:
    """Feeds an Acquire and keeps what comes out."""

    def __init__(self, patience_s: float = 10.0, span_s: float = 120.0) -> None:
        self.recent = Recent(span_s)
        self.acquire = Acquire(self.recent, patience_s)
        self.out: list[Acquired] = []

    def handle(self, *packets: Packet) -> "Taker":
        self.out.append(self.acquire.handle(batch_of(packets)))
        return self

    def each(self, *packets: Packet) -> "Taker":
        for one in packets:
            self.handle(one)
        return self

    def elapse(self, now_ns: int = LATEST_NS) -> "Taker":
        self.out.append(self.acquire.elapse(now_ns))
        return self

    @property
    def gaps(self) -> list[Gap]:
        return [gap for out in self.out for gap in out.gaps]

    @property
    def kinds(self) -> list[str]:
        return [finding.kind for out in self.out for finding in out.findings]

    def samples(self, channel: int = 0) -> np.ndarray:
        """All samples given out for a channel, in the order they were."""
        parts = [
            batch.samples[batch.offset[k] : batch.offset[k + 1]]
            for out in self.out
            for batch in out.batches
            for k in range(len(batch))
            if batch.channels[batch.channel[k]] == SOURCES[channel]
        ]
        return np.concatenate([np.empty(0), *parts])

    def starts(self, channel: int = 0) -> list[int]:
        return [
            int(batch.start_ns[k])
            for out in self.out
            for batch in out.batches
            for k in range(len(batch))
            if batch.channels[batch.channel[k]] == SOURCES[channel]
        ]


def test_what_goes_on_passes_untouched() -> None:
    taker = Taker()
    batch = batch_of([packet(0), packet(0, channel=1), packet(1), packet(2), packet(1, channel=1)])
    (given_out,) = taker.acquire.handle(batch).batches
    assert given_out.samples is batch.samples
    assert np.array_equal(given_out.start_ns, batch.start_ns)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_disorder_within_patience_changes_nothing(data: st.DataObject) -> None:
    """Packets up to seven places late, with copies among them, some lost, batched anyhow."""
    lost = data.draw(st.sets(st.integers(1, 38), max_size=3))
    kept = [second for second in range(40) if second not in lost]
    late = data.draw(st.lists(st.integers(0, 7), min_size=len(kept), max_size=len(kept)))
    twice = data.draw(st.lists(st.sampled_from(kept), max_size=5))
    order = [0, *sorted(kept[1:], key=lambda second: second + late[kept.index(second)])]
    for second in twice:
        order.insert(data.draw(st.integers(order.index(second), len(order))), second)
    taker = Taker(patience_s=10.0)
    while order:
        size = data.draw(st.integers(1, 6))
        taker.handle(*(packet(second) for second in order[:size]))
        order = order[size:]
    taker.elapse()
    plain = Taker().each(*(packet(second) for second in kept)).elapse()
    assert np.array_equal(taker.samples(), plain.samples())
    assert taker.starts() == plain.starts()
    assert taker.gaps == plain.gaps


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 400)), min_size=1, max_size=30), st.integers(1, 5))
def test_overlaps_of_the_same_stream_give_each_sample_once(pieces: list[tuple[int, int]], size: int) -> None:
    taker = Taker(patience_s=1000.0)
    packets = [packet(0), *(packet(at / 10, seconds=length / RATE_HZ) for at, length in pieces)]
    for k in range(0, len(packets), size):
        taker.handle(*packets[k : k + size])
    taker.elapse()
    samples = taker.samples()
    assert np.all(np.diff(samples) > 0)
    assert set(samples) == set(np.concatenate([one[2] for one in packets]))
    assert "overlap-conflict" not in taker.kinds


def test_copies_are_dropped_and_said_once() -> None:
    taker = Taker().each(*(packet(second) for second in range(20) for _ in range(2)))
    assert np.array_equal(taker.samples(), np.arange(2000))
    assert taker.kinds == ["duplicate"]


def test_conflicting_overlap_keeps_the_first_and_counts() -> None:
    channel, start_ns, samples = packet(1.5, seconds=1.0)
    changed = samples.copy()
    changed[:30] += 7
    taker = Taker().each(packet(0), packet(1), (channel, start_ns, changed)).elapse()
    assert np.array_equal(taker.samples(), np.arange(250))
    (finding,) = taker.out[2].findings
    assert (finding.kind, finding.station, finding.time_ns) == ("overlap-conflict", SOURCES[0].nslc, start_ns)
    assert "30 of 50" in finding.reason


def test_two_streams_of_one_name_are_not_woven_into_one() -> None:
    ours = [packet(second) for second in range(10)]
    others = [
        (channel, start_ns + NS_PER_S // 2, samples + 10**6) for channel, start_ns, samples in [*ours[5:], packet(10)]
    ]
    taker = Taker().each(*sorted(ours + others, key=lambda one: one[1])).elapse()
    assert np.array_equal(taker.samples()[:1000], np.arange(1000))
    assert np.array_equal(taker.samples()[1000:], 10**6 + np.arange(950, 1100))
    assert taker.gaps == []


def test_hole_waits_then_becomes_a_gap() -> None:
    taker = Taker(patience_s=3.0).each(packet(0), packet(1), packet(3), packet(4), packet(5))
    assert len(taker.samples()) == 200
    taker.handle(packet(6))
    assert taker.gaps == [Gap(SOURCES[0], START_NS + 2 * NS_PER_S, START_NS + 3 * NS_PER_S)]
    assert len(taker.samples()) == 600
    taker.handle(packet(2))  # too late
    assert len(taker.samples()) == 600
    assert taker.kinds == ["late-packet"]


def test_elapse_ends_the_waiting() -> None:
    taker = Taker().each(packet(0), packet(3)).elapse(START_NS + 2 * NS_PER_S)
    assert taker.gaps == []
    taker.elapse(START_NS + 3 * NS_PER_S)
    assert taker.gaps == [Gap(SOURCES[0], START_NS + NS_PER_S, START_NS + 3 * NS_PER_S)]


def test_long_hole_is_a_gap_at_once() -> None:
    taker = Taker(patience_s=10.0).each(packet(0), packet(600))
    assert len(taker.gaps) == 1
    assert len(taker.samples()) == 200


@pytest.mark.parametrize("away_ns", [-50 * YEAR_NS, 30 * YEAR_NS, -86_400 * NS_PER_S, 2 * 3600 * NS_PER_S])
def test_one_packet_with_a_wrong_clock_is_dropped_and_said(away_ns: int) -> None:
    channel, start_ns, samples = packet(3)
    taker = Taker().each(packet(0), packet(1), packet(2), (channel, start_ns + away_ns, samples))
    taker.elapse(START_NS + 4 * NS_PER_S).each(packet(4), packet(5)).elapse(START_NS + 6 * NS_PER_S)
    assert np.array_equal(taker.samples(), [*range(300), *range(400, 600)])
    assert taker.kinds == ["clock-suspect"]
    assert taker.gaps == [Gap(SOURCES[0], START_NS + 3 * NS_PER_S, START_NS + 4 * NS_PER_S)]


@pytest.mark.parametrize("away_s", [-50 * 365 * 86_400.0, -300.0, 7200.0, 30 * 365 * 86_400.0])
def test_clock_that_stays_elsewhere_is_followed(away_s: float) -> None:
    taker = Taker().each(*(packet(second) for second in range(5)))
    taker.each(*(packet(second, shift_s=away_s) for second in range(5, 10)))
    assert np.array_equal(taker.samples(), np.arange(1000))
    assert taker.kinds == ["clock-step"]


def test_clock_going_back_a_little_is_waited_for() -> None:
    taker = Taker().each(*(packet(second) for second in range(20)))
    taker.each(*(packet(second, shift_s=-10.0) for second in range(20, 40))).elapse()
    starts = taker.starts()
    assert starts == sorted(starts)
    assert starts[-1] == START_NS + 29 * NS_PER_S
    assert set(taker.kinds) == {"overlap-conflict"}


def test_wrong_first_packet_does_not_hold_the_channel() -> None:
    """A file whose first record says 1970, in order of time."""
    _, _, samples = packet(0)
    taker = Taker().each((0, 0, samples), *(packet(second) for second in range(1, 6))).elapse()
    assert np.array_equal(taker.samples(), np.arange(600))
    assert taker.kinds == ["clock-step"]


def test_wrong_clock_of_one_moves_nobody_else() -> None:
    taker = Taker()
    for second in range(4):
        taker.handle(*(packet(second, channel=channel) for channel in range(4)))
    taker.handle((4, START_NS + 30 * YEAR_NS, packet(4)[2]), *(packet(4, channel=channel) for channel in range(4)))
    taker.handle(packet(5, channel=5)).elapse(START_NS + 6 * NS_PER_S)
    assert len(taker.samples(4)) == 0
    assert len(taker.samples(5)) == 100
    assert all(len(taker.samples(channel)) == 500 for channel in range(4))


def test_network_that_moves_together_is_followed_without_a_word() -> None:
    """Event windows days apart."""
    taker = Taker()
    for day in range(3):
        for channel in range(5):
            taker.handle(packet(day * 86_400, channel=channel, seconds=20.0))
    assert all(len(taker.samples(channel)) == 6000 for channel in range(5))
    assert taker.kinds == []
    assert len(taker.gaps) == 10


def test_single_station_windows_go_on_when_the_clock_gets_there() -> None:
    taker = Taker()
    for day in (0, 1, 5):
        taker.handle(packet(day * 86_400, seconds=60.0)).elapse(START_NS + day * 86_400 * NS_PER_S)
    assert len(taker.samples()) == 18_000
    assert taker.kinds == []


def test_long_silence_is_said_not_made_a_gap() -> None:
    taker = Taker().each(packet(0), packet(40 * 365 * 86_400.0)).elapse()
    assert len(taker.samples()) == 200
    assert taker.gaps == []
    assert taker.kinds == ["clock-suspect"]


@pytest.mark.parametrize(("true_hz", "length"), [(30.05, 32), (31.31, 32), (32.5, 32), (30.05, 128), (32.9, 100)])
def test_wrong_rate_is_followed_by_the_stamps(true_hz: float, length: int) -> None:
    jitter = np.random.default_rng(1).uniform(-1e6, 1e6, 400)
    taker = Taker()
    for k in range(400):
        start_ns = START_NS + round(k * length / true_hz * NS_PER_S + jitter[k])
        samples = np.arange(k * length, (k + 1) * length, dtype=np.int32)
        taker.handle((0, start_ns, samples, 31.25))
    assert len(taker.samples()) >= 399 * length
    assert len(taker.gaps) <= 1
    assert set(taker.kinds) <= {"rate-differs", "overlap-conflict"}
    assert taker.kinds.count("rate-differs") == 1
    believed = float(taker.out[-1].batches[-1].rate_hz[-1])
    assert believed == pytest.approx(true_hz, rel=2e-4)
    (last,) = taker.recent.segments(SOURCES[0], taker.starts()[-1] - 60 * NS_PER_S, LATEST_NS)
    assert last.rate_hz == pytest.approx(true_hz, rel=1e-3)
    assert abs(last.time_ns(len(last.samples) - length) - taker.starts()[-1]) < 0.5e9 / true_hz


def test_right_rate_with_jitter_is_left_alone() -> None:
    jitter = np.random.default_rng(2).uniform(-4e6, 4e6, 300)  # almost half a sample
    taker = Taker()
    for k in range(300):
        taker.handle((0, START_NS + k * NS_PER_S + round(jitter[k]), packet(k)[2]))
    assert np.array_equal(taker.samples(), np.arange(30_000))
    assert taker.kinds == []
    assert taker.gaps == []
    assert {float(rate) for out in taker.out for batch in out.batches for rate in batch.rate_hz} == {RATE_HZ}


def test_change_of_rate_breaks_the_run() -> None:
    taker = Taker().each(packet(0), packet(1))
    taker.handle((0, START_NS + 2 * NS_PER_S, np.arange(40, dtype=np.int32), 40.0))
    taker.handle((0, START_NS + 3 * NS_PER_S, np.arange(40, dtype=np.int32), 40.0))
    assert taker.kinds == ["rate-change"]
    segments = taker.recent.segments(SOURCES[0], START_NS, START_NS + 10 * NS_PER_S)
    assert [(segment.rate_hz, len(segment.samples)) for segment in segments] == [(100.0, 200), (40.0, 80)]


def test_flooding_channel_costs_only_itself() -> None:
    random = np.random.default_rng(3)
    taker = Taker()
    for second in range(5):
        flood = [
            (0, START_NS + int(random.integers(0, 200)) * NS_PER_S, random.integers(0, 9, 100).astype(np.int32))
            for _ in range(3000)
        ]
        taker.handle(*flood, *(packet(second, channel=channel) for channel in range(1, 6)))
    for channel in range(1, 6):
        assert np.array_equal(taker.samples(channel), np.arange(500))
    assert len([f for out in taker.out for f in out.findings if f.station == SOURCES[0].nslc]) < 60
    aside = taker.acquire._asides.get(0)
    assert aside is None or len(aside.waiting) <= 512


def test_many_packets_after_an_odd_one_all_pass() -> None:
    """A long file read at one go, with a hole, a copy and an overlap."""
    seconds = [*range(1000), *range(1500, 2500), 2499, 2499.5, *range(2501, 3000)]
    taker = Taker().handle(*(packet(second) for second in seconds)).elapse()
    assert np.array_equal(taker.samples(), [*range(100_000), *range(150_000, 250_050), *range(250_100, 300_000)])


def test_every_packet_overlapping_the_last() -> None:
    taker = Taker().handle(*(packet(second, seconds=1.25) for second in range(2000)))
    assert np.array_equal(taker.samples(), np.arange(200_025))


def test_strangers_beyond_the_limit_are_ignored() -> None:
    recent = Recent(10.0)
    recent.roster.most = 2
    acquired = Acquire(recent).handle(batch_of([packet(0, channel=channel) for channel in range(6)]))
    assert {acquired.batches[0].channels[k] for k in acquired.batches[0].channel} == set(SOURCES[:2])


def test_absurd_packets_are_said() -> None:
    taker = Taker().handle((0, START_NS, packet(0)[2], 1e-9), (1, 2**63 - 1, packet(0)[2]), packet(0, channel=2))
    assert taker.kinds == ["packet-absurd", "packet-absurd"]
    assert len(taker.samples(2)) == 100


def test_integers_and_floats_of_one_channel() -> None:
    channel, start_ns, samples = packet(1)
    taker = Taker().each(packet(0), (channel, start_ns, samples.astype(np.float64)), packet(2))
    assert np.array_equal(taker.samples(), np.arange(300))


def test_empty_batch() -> None:
    empty = np.empty(0, dtype=np.int64)
    batch = PacketBatch((), empty.astype(np.int32), empty, np.empty(0), np.zeros(1, dtype=np.int64), np.empty(0))
    assert Acquire(Recent(10.0)).handle(batch) == Acquired()


def _raw_packets(folder: Path) -> list[Packet]:
    """A device's packets as it sent them: stamp of the last sample, stated rate."""
    packets = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            said = json.loads(line)
            samples = np.array(said["x"]) * 1000
            start_s = said["device_t"] - (len(samples) - 1) / said["sr"]
            packets.append((0, round(start_s * NS_PER_S), samples.astype(np.int32), said["sr"]))
    return packets


def test_real_low_cost_devices_with_a_wrong_rate(houfeng_data: Path) -> None:
    devices = [path for path in sorted((houfeng_data / "openeew_mexico_a" / "raw_jsonl").glob("*/*")) if path.is_dir()]
    assert devices
    for device in devices:
        packets = _raw_packets(device)
        taker = Taker().each(*packets).elapse()
        given_out, sent = len(taker.samples()), sum(len(one[2]) for one in packets)
        assert given_out >= 0.9 * sent
        starts = np.sort([one[1] for one in packets])
        missing = int(np.count_nonzero(np.diff(starts) > 1.5e9))
        assert len(taker.gaps) <= 2 * missing + 1, device


@pytest.mark.parametrize(
    ("name", "total", "kinds"),
    [
        ("shuffled_records", 43_966, set()),
        ("duplicated_records", 43_966, {"duplicate"}),
        ("clock_reset_1970", 17_427, {"clock-suspect"}),
        ("future_2050", 12_678, {"clock-suspect"}),
    ],
)
def test_malformed_records_in_order_of_time(houfeng_data: Path, name: str, total: int, kinds: set[str]) -> None:
    """As the replay gives them: sorted by start, the clock following."""
    records = sorted(
        obspy.read(str(houfeng_data / "malformed_a" / "files" / f"{name}.mseed")),
        key=lambda trace: trace.stats.starttime,
    )
    recent, findings, count = Recent(600.0), [], {}
    acquire = Acquire(recent)
    for trace in records:
        stats = trace.stats
        source = SourceId(stats.network, stats.station, stats.location, stats.channel)
        offset, rate_hz = np.array([0, stats.npts], dtype=np.int64), np.array([stats.sampling_rate])
        start_ns, samples = np.array([stats.starttime.ns], dtype=np.int64), trace.data.astype(np.int32)
        batch = PacketBatch((source,), np.zeros(1, dtype=np.int32), start_ns, rate_hz, offset, samples)
        for out in (acquire.handle(batch), acquire.elapse(stats.starttime.ns)):
            findings += out.findings
            assert all(gap.end_ns - gap.start_ns < YEAR_NS for gap in out.gaps)
            for given_out in out.batches:
                count[source] = count.get(source, 0) + len(given_out.samples)
    assert sum(count.values()) == total
    assert {finding.kind for finding in findings} == kinds


def test_late_packets_are_kept_apart():
    taker = Taker().each(*(packet(second, seconds=2.0) for second in (0, 4, 6, 8, 10, 12, 14, 16, 2)))
    ((late,),) = [out.late for out in taker.out if out.late]
    assert late.batch.start_ns.tolist() == [START_NS + 2 * NS_PER_S]
    assert late.batch.samples.tolist() == list(range(200, 400))
