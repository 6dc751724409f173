"""Laws of playing by arrival: each packet once, not before its time, with what was known then; and law 1."""

import json
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire.pace import PATIENCE_NS
from houfeng.quake.detect.picker import AicPicker
from houfeng.shell.arrivals.arrivals import Latency, open_arrivals
from houfeng.shell.arrivals.paced import ByArrival
from houfeng.shell.recordings import open_recordings
from houfeng.shell.replay.replay import Setup, replay
from houfeng.twin.hour import make_hour
from houfeng.wire import mseed
from houfeng.wire.inventory import ReadInventory
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

NOW_NS = 1_800_000_000 * NS_PER_S
START_NS = 1_700_000_000 * NS_PER_S
MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
LATENCIES = st.builds(
    Latency,
    constant_s=st.floats(0, 30, allow_subnormal=False),
    jitter_s=st.floats(0, 30, allow_subnormal=False),
    seed=st.integers(0, 2**64),
)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), LATENCIES)
def test_every_record_comes_once_after_its_last_sample_and_none_overtakes_its_channel(seed, latency):
    random = Random(seed)
    sources = [SourceId("XX", name, "", channel) for name in ("AAA", "BBB", "CCC") for channel in ("HHZ", "HHN")]
    records = []
    for source in sources:
        start_ns = START_NS + random.randrange(NS_PER_S)
        for _ in range(random.randrange(1, 12)):
            samples = np.full(random.randrange(1, 400), random.randrange(1000), dtype=np.int32)
            segment = Segment(source, start_ns // 1000 * 1000, 100.0, samples)
            records.append(mseed.encode([segment]))
            start_ns = segment.end_ns + random.choice((0, 0, 0, NS_PER_S))
    random.shuffle(records)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a", "b", "c")]
        for number, path in enumerate(paths):
            path.write_bytes(b"".join(records[number::3]))
        with open_arrivals(paths, latency=latency, now_ns=NOW_NS) as arrivals:
            packets = list(arrivals)
    assert sorted(packet.content for packet in packets) == sorted(records)
    when = [packet.arrival_ns for packet in packets]
    assert when == sorted(when)
    reached = {}
    for packet in packets:
        (batch,) = mseed.decode(packet.content).batches
        (segment,) = segments_of(batch)
        assert packet.arrival_ns >= segment.end_ns + round(latency.constant_s * NS_PER_S)
        assert packet.station_key == segment.source.station_key
        assert segment.start_ns >= reached.get(segment.source, 0)
        reached[segment.source] = segment.start_ns


def packet_line(random, device, number, late_s):
    last_s = 1.7e9 + number * 1.065 + random.gauss(0, 0.005) + {"000": 0.0, "001": -1900.0}[device]
    values = [[random.randrange(-99, 99) / 1000 for _ in range(32)] for _ in "xyz"]
    axes = dict(zip("xyz", values, strict=True))
    cloud_s = 1.7e9 + number * 1.065 + late_s
    return json.dumps({"device_id": device, **axes, "device_t": last_s, "cloud_t": cloud_s, "sr": 31.25})


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_what_came_later_changes_no_packet_that_was_there(seed, share):
    random = Random(seed)
    lines = []
    for device in ("000", "001"):
        for number in range(40):
            if random.random() < 0.9:
                late_s = random.choice((0.3, 0.3, 0.31, 0.35, 4.0))
                lines.append((number * 1.065 + late_s, packet_line(random, device, number, late_s)))
    lines.sort()
    until = round(share * len(lines))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        played = []
        for kept in (lines, lines[:until]):
            path.write_text("".join(f"{line}\n" for _, line in kept) or "\n")
            with open_arrivals([path], latency=None, now_ns=NOW_NS) as arrivals:
                played.append(list(arrivals))
    whole, part = played
    assert len(whole) == 3 * len(lines)
    assert part == whole[: 3 * until]


HOUR = make_hour(MODEL, seed=2, start_ns=START_NS, stations=8, duration_s=150)


def seconds():
    """Every channel in records of a second."""
    for batch in HOUR.batches:
        for whole in segments_of(batch):
            size = round(whole.rate_hz)
            for first in range(0, len(whole.samples), size):
                yield Segment(whole.source, whole.time_ns(first), whole.rate_hz, whole.samples[first : first + size])


def heard(recordings):
    told = []
    setup = Setup(recordings, ReadInventory(HOUR.stations, ()), MODEL, AicPicker())
    outcome = replay(setup, on_told=told.append, on_progress=lambda *_: None)
    return write_quakeml(outcome.quakes), [value for value in told if isinstance(value, Pick)]


@cache
def heard_as_it_lies(path):
    return heard(open_recordings([path], now_ns=NOW_NS))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "a"
    path.write_bytes(mseed.encode(seconds(), version=3))
    return path


@settings(deadline=None, max_examples=3)
@given(latency=LATENCIES)
def test_by_arrival_a_recording_gives_the_same_picks_and_the_same_bytes(recording, latency):
    catalogue, picks = heard_as_it_lies(recording)
    with open_arrivals([recording], latency=latency, now_ns=NOW_NS) as arrivals:
        assert heard(ByArrival(arrivals, PATIENCE_NS)) == (catalogue, picks)
    assert len(picks) > 8
    assert b"<event " in catalogue
