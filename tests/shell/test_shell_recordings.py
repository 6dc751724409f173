"""Files found, indexed and played in the order of time."""

import random

import numpy as np
import pytest

from houfeng.shell import recordings as module
from houfeng.shell.recordings import SLICE_NS, Recordings, find_files, open_recordings, read_bytes
from houfeng.wire import mseed
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-01-01T00:00:00Z")
NOW_NS = parse_instant("2025-01-01T00:00:00Z")
SOURCES = tuple(SourceId("XX", code, "", "HHZ") for code in ("AAA", "BBB", "CCC"))


def piece(source: SourceId, start_ns: int, count: int = 500, seed: int = 0) -> Segment:
    samples = np.random.default_rng(seed).integers(-100, 100, count).astype(np.int32)
    return Segment(source, start_ns, 100.0, samples)


def minute() -> list[Segment]:
    """Twelve pieces of 5 s of each channel."""
    return [piece(source, START_NS + k * 5 * NS_PER_S, seed=7 * k) for k in range(12) for source in SOURCES]


def opened(*paths, now_ns: int = NOW_NS) -> Recordings:
    return open_recordings(paths, now_ns=now_ns)


def packets(recordings: Recordings) -> list[tuple[int, SourceId, int, tuple[int, ...]]]:
    """Every packet in the order played, with the clock of its slice."""
    told = []
    for now_ns, batches, findings in recordings.play():
        assert findings == ()
        for batch in batches:
            for i in range(len(batch)):
                samples = tuple(batch.samples[batch.offset[i] : batch.offset[i + 1]].tolist())
                told.append((now_ns, batch.channels[batch.channel[i]], int(batch.start_ns[i]), samples))
    return told


# --- finding files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    for name in ("b.mseed", "a.mseed", "deep/er/c.sac", ".hidden"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_a_folder_is_all_files_below_it_without_hidden_ones(tree):
    assert find_files([str(tree)]) == [tree / "a.mseed", tree / "b.mseed", tree / "deep/er/c.sac"]


def test_globs_and_paths_name_each_file_once(tree):
    patterns = [str(tree / "b.mseed"), str(tree / "*.mseed"), str(tree / "**" / "*.sac")]
    assert find_files(patterns) == [tree / "b.mseed", tree / "a.mseed", tree / "deep/er/c.sac"]


def test_globs_are_read_from_the_working_folder(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert [str(path) for path in find_files(["*.mseed"])] == ["a.mseed", "b.mseed"]


def test_a_glob_may_name_folders(tree):
    assert find_files([str(tree / "de*")]) == [tree / "deep/er/c.sac"]


@pytest.mark.parametrize("pattern", ["nothing-here", "*.seed", "empty", "**wrong", "nothing\0here", "x" * 5000])
def test_what_matches_nothing_is_a_fault_that_names_it(tree, pattern):
    with pytest.raises(WorldFault) as caught:
        find_files([f"{tree}/{pattern}"])
    assert caught.value.subject == f"{tree}/{pattern}"


def test_reading_a_missing_file_is_a_fault_of_the_world(tmp_path):
    with pytest.raises(WorldFault, match="No such file"):
        read_bytes(tmp_path / "gone")


def test_a_file_too_large_to_hold_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_WHOLE_FILE_BYTES", 10)
    (tmp_path / "big").write_bytes(b"0" * 11)
    with pytest.raises(DataFault, match="too large"):
        read_bytes(tmp_path / "big")


# --- playing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_records_in_several_files_play_in_time_order_each_once(tmp_path, seed):
    parts = minute()
    random.Random(seed).shuffle(parts)
    paths = [tmp_path / f"{k}.mseed" for k in range(4)]
    for k, path in enumerate(paths):
        path.write_bytes(mseed.encode(parts[k::4]))
    played = packets(opened(*paths))
    assert [now for now, *_ in played] == sorted(now for now, *_ in played)
    # Every packet lies in the slice that begins with the clock of that moment.
    assert all(now <= start < now + SLICE_NS for now, _, start, _ in played)
    whole: dict[SourceId, list[int]] = {}
    for _, source, _, samples in sorted(played, key=lambda packet: packet[2]):
        whole.setdefault(source, []).extend(samples)
    for source in SOURCES:
        made = [sample for part in minute() if part.source == source for sample in part.samples.tolist()]
        assert whole[source] == made


def test_channels_span_and_slices_are_those_of_all_files(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(mseed.encode(minute()))
    recordings = opened(path)
    assert recordings.channels == SOURCES
    first_ns, last_ns = recordings.span_ns
    assert first_ns == START_NS
    assert abs(last_ns - (START_NS + 60 * NS_PER_S)) <= 0.02 * NS_PER_S
    assert len(list(recordings.play())) == 6


def test_other_formats_are_cut_so_that_no_channel_runs_ahead(tmp_path):
    """A minute of SAC beside a minute of miniSEED: both are played slice by slice."""
    import obspy

    samples = np.arange(6000, dtype=np.float32)
    header = {"network": "YY", "station": "SACK", "channel": "HHZ", "sampling_rate": 100.0}
    trace = obspy.Trace(samples, header | {"starttime": obspy.UTCDateTime(ns=START_NS)})
    trace.write(str(tmp_path / "one.sac"), "SAC")
    (tmp_path / "two.mseed").write_bytes(mseed.encode(minute()))
    recordings = opened(tmp_path / "one.sac", tmp_path / "two.mseed")
    played = packets(recordings)
    assert {str(source.station_key) for _, source, _, _ in played} == {"YY.SACK", "XX.AAA", "XX.BBB", "XX.CCC"}
    sac = [packet for packet in played if packet[1].network == "YY"]
    assert len(sac) == 6
    assert [sample for *_, part in sac for sample in part] == samples.tolist()
    assert all(now <= start < now + SLICE_NS for now, _, start, _ in played)


def test_nothing_at_all_plays_nothing():
    recordings = opened()
    assert recordings.span_ns is None
    assert recordings.channels == ()
    assert list(recordings.play()) == []


# --- wrong clocks -----------------------------------------------------------------------------------------------------


def test_a_record_of_1970_is_played_and_told(tmp_path):
    path = tmp_path / "reset.mseed"
    path.write_bytes(mseed.encode([piece(SOURCES[0], 0), piece(SOURCES[1], START_NS)]))
    recordings = opened(path)
    (finding,) = recordings.findings
    assert (finding.kind, finding.file, finding.time_ns) == ("clock-reset", str(path), 0)
    assert len({source for _, source, _, _ in packets(recordings)}) == 2


def test_a_record_of_the_future_is_told_and_does_not_move_the_clock(tmp_path):
    later_ns = NOW_NS + 40 * 365 * 86_400 * NS_PER_S
    path = tmp_path / "future.mseed"
    path.write_bytes(mseed.encode([piece(SOURCES[0], later_ns), piece(SOURCES[1], START_NS)]))
    recordings = opened(path)
    (finding,) = recordings.findings
    assert (finding.kind, finding.time_ns) == ("clock-future", later_ns)
    clocks = {source.station: now for now, source, _, _ in packets(recordings)}
    assert clocks["BBB"] == START_NS
    assert clocks["AAA"] == NOW_NS


def test_clocks_a_little_ahead_are_nothing_to_tell(tmp_path):
    path = tmp_path / "now.mseed"
    path.write_bytes(mseed.encode([piece(SOURCES[0], NOW_NS + 60 * NS_PER_S)]))
    assert opened(path).findings == ()


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 4096, b"hello\n", b"<xml/>", b"\x1f\x8b\x08packed", random.Random(1).randbytes(5000)],
    ids=["empty", "zeros", "text", "xml", "gzip", "noise"],
)
def test_what_is_no_recording_becomes_a_finding_and_the_rest_is_played(tmp_path, content):
    odd, good = tmp_path / "odd", tmp_path / "good.mseed"
    odd.write_bytes(content)
    good.write_bytes(mseed.encode(minute()))
    recordings = opened(odd, good)
    assert [(finding.kind, finding.file) for finding in recordings.findings] == [("unreadable", str(odd))]
    assert recordings.findings[0].reason
    assert len(packets(recordings)) == len(packets(opened(good)))


def test_a_file_that_vanished_becomes_a_finding(tmp_path):
    (finding,) = opened(tmp_path / "gone.mseed").findings
    assert (finding.kind, finding.file) == ("unreadable", str(tmp_path / "gone.mseed"))


def test_a_file_cut_in_the_middle_of_a_record_gives_the_records_before_and_a_finding(tmp_path):
    path = tmp_path / "cut.mseed"
    data = mseed.encode(minute())
    path.write_bytes(data[: len(data) - 100])
    recordings = opened(path)
    assert recordings.findings
    assert all(finding.file == str(path) for finding in recordings.findings)
    assert 0 < len(packets(recordings)) < len(data) // 512
