"""Recordings judged in their waveforms: a copy is found, its source named, and untouched data are left alone."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.guarding.waves import Kept, waves
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.wire import mseed
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

NOW_NS = parse_instant("2026-01-01")
SOURCE = SourceId("XX", "A", "", "HHZ")


def packet(start_s, count, value=0):
    return Segment(SOURCE, NOW_NS + start_s * NS_PER_S, 1.0, np.full(count, value, dtype=np.int32))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=20), st.integers(0, 300))
def test_what_is_fetched_is_a_stretch_within_the_span_without_gaps(packets, begin_s):
    kept = Kept()
    for start_s, count in packets:
        kept.add(packet(start_s, count))
    begin_ns, end_ns = NOW_NS + begin_s * NS_PER_S, NOW_NS + (begin_s + 50) * NS_PER_S
    got = kept.fetch(SOURCE, begin_ns, end_ns)
    there = {start_s + k for start_s, count in packets for k in range(count)}
    if got is None:
        assert not there & set(range(begin_s, begin_s + 50))
        return
    first_s = (got.start_ns - NOW_NS) // NS_PER_S
    assert begin_s <= first_s
    assert first_s + len(got.samples) <= begin_s + 51
    assert first_s in there


def test_memory_is_bounded_and_the_oldest_go_first():
    kept = Kept(most=100)
    for k in range(50):
        kept.add(packet(10 * k, 10, k))
    assert kept.fetch(SOURCE, NOW_NS, NOW_NS + 300 * NS_PER_S) is None
    got = kept.fetch(SOURCE, NOW_NS, NOW_NS + 10**6 * NS_PER_S)
    assert got.samples.tolist() == [value for value in range(40, 50) for _ in range(10)]


@pytest.fixture(scope="module")
def vertical(houfeng_data):
    """The longest vertical record of a set: its channel, first instant, rate and samples."""
    folder, runs = houfeng_data / "nz_alpinefault_2013a" / "waveforms", {}
    for _, batches, _ in open_recordings(find_files([str(folder)]), now_ns=NOW_NS).play():
        for segment in (one for batch in batches for one in segments_of(batch) if one.source.component == "Z"):
            runs.setdefault(segment.source, []).append(segment)
    packets = max(runs.values(), key=lambda run: sum(len(one.samples) for one in run))
    return packets, np.concatenate([one.samples for one in packets]).astype(np.int32)


def judged(*paths):
    return list(waves([str(path) for path in paths], now_ns=NOW_NS, tell=lambda _: None))


def test_a_scaled_copy_of_two_minutes_is_found_and_nothing_in_what_it_was_made_of(vertical, tmp_path):
    packets, samples = vertical
    first, last = packets[0], packets[-1]
    after_ns = last.time_ns(len(last.samples)) + NS_PER_S
    copy = samples[: int(120 * first.rate_hz)] * 3 + 7
    records = tmp_path / "record.mseed"
    records.write_bytes(mseed.encode(packets))
    assert judged(records) == []
    records.write_bytes(mseed.encode([*packets, Segment(first.source, after_ns, first.rate_hz, copy)]))
    found = [one for one in judged(records) if one.detector == "waveform-replay"]
    # The packets of several days, so that parts of the copy may have several lags.
    assert {(one.subject, one.peer, one.severity) for one in found} == {(first.source.nslc, first.source.nslc, "high")}
    assert all(after_ns < one.time_ns < after_ns + 120 * NS_PER_S for one in found)
    assert found[0].station == first.source.station_key


def test_the_command_says_it_as_lines_of_json(tmp_path, houfeng):
    samples = np.random.default_rng(3).normal(0, 400, 60_000).astype(np.int32)
    samples[20_000:] = samples[20_000]
    path = tmp_path / "frozen.mseed"
    path.write_bytes(mseed.encode([Segment(SOURCE, NOW_NS - 600 * NS_PER_S, 100.0, samples)]))
    code, out, _ = houfeng("guard", "waves", str(path), "--json")
    assert code == 0
    assert "waveform-frozen" in {json.loads(line)["detector"] for line in out.splitlines()}
