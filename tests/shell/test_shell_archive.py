"""The archive keeps every sample it acknowledged, once, where SDS says."""

import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime, read
from obspy.clients.filesystem.sds import Client

from houfeng.shell.archive import archive as archive_module
from houfeng.shell.archive import files as archive_files
from houfeng.shell.archive.archive import DAY_NS, Archive
from houfeng.shell.archive.lock import Part
from houfeng.wire import mseed
from houfeng.words.errors import WorldFault
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, NS_PER_S, parse_instant
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId

SOURCE = SourceId("BK", "BRK", "00", "HHZ")
MIDNIGHT_NS = parse_instant("2019-10-16")


def batch_of(*segments):
    """Segments as a batch of packets, each a packet."""
    channels = tuple(dict.fromkeys(segment.source for segment in segments))
    return PacketBatch(
        channels=channels,
        channel=np.array([channels.index(segment.source) for segment in segments], dtype=np.int32),
        start_ns=np.array([segment.start_ns for segment in segments], dtype=np.int64),
        rate_hz=np.array([segment.rate_hz for segment in segments]),
        offset=np.cumsum([0, *(len(segment.samples) for segment in segments)], dtype=np.int64),
        samples=np.concatenate([segment.samples for segment in segments]),
    )


def part(segment, begin, end):
    return Segment(segment.source, segment.time_ns(begin), segment.rate_hz, segment.samples[begin:end])


def ground(count, *, start_ns=MIDNIGHT_NS, rate_hz=100.0, source=SOURCE, dtype=np.int32, seed=0):
    samples = np.cumsum(np.random.default_rng(seed).integers(-300, 300, count))
    return Segment(source, start_ns, rate_hz, samples.astype(dtype))


def everything(archive, source=SOURCE):
    return archive.read(source, EARLIEST_NS + DAY_NS, LATEST_NS - DAY_NS)


def assert_same(found, expected):
    """Segments are as expected, times to the microsecond that the format holds."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.source == other.source
        assert abs(one.start_ns - other.start_ns) <= 1000
        assert one.rate_hz == pytest.approx(other.rate_hz, rel=1e-6)
        assert one.samples.dtype == other.samples.dtype
        np.testing.assert_array_equal(one.samples, other.samples)


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.D.*"))


# --- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_stream_is_the_same_however_it_was_cut_repeated_and_interrupted(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("archive")
    rate_hz = data.draw(st.sampled_from([0.1, 1.0, 20.0, 100.0, 200.0 / 3.0, 500.0]))
    dtype = data.draw(st.sampled_from([np.int32, np.float64]))
    count = data.draw(st.integers(1, 9000))
    before_ns = data.draw(st.integers(0, int(count / rate_hz * NS_PER_S)))
    stream = ground(count, start_ns=MIDNIGHT_NS - before_ns, rate_hz=rate_hz, dtype=dtype)
    cuts = sorted({0, count, *data.draw(st.lists(st.integers(0, count), max_size=12))})
    packets = [part(stream, begin, end) for begin, end in pairwise(cuts)]
    given_ = packets + data.draw(st.lists(st.sampled_from(packets), max_size=5))
    if data.draw(st.booleans()):
        given_ = data.draw(st.permutations(given_))
    archive = Archive(root)
    for packet in given_:
        archive.append(batch_of(packet))
        step = data.draw(st.sampled_from(["on", "on", "flush", "reopen"]))
        if step == "flush":
            archive.flush()
        elif step == "reopen":
            archive.close()
            archive = Archive(root)
    archive.close()
    with Archive(root) as archive:
        assert_same(everything(archive), [stream])
        assert archive.take_findings() == ()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_window_gives_just_the_samples_taken_in_it(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("archive")
    stream = ground(500, start_ns=MIDNIGHT_NS - 3 * NS_PER_S)
    start_ns = stream.start_ns + data.draw(st.integers(-200, 600)) * 10_000_000 + data.draw(st.integers(-1, 1))
    end_ns = stream.start_ns + data.draw(st.integers(-200, 600)) * 10_000_000 + data.draw(st.integers(-1, 1))
    wanted = [i for i in range(500) if start_ns <= stream.time_ns(i) < end_ns]
    expected = [part(stream, wanted[0], wanted[-1] + 1)] if wanted else []
    with Archive(root) as archive:
        archive.append(batch_of(stream))
        assert_same(archive.read(SOURCE, start_ns, end_ns), expected)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.lists(st.booleans(), min_size=1, max_size=30), seed=st.integers(0, 2**32 - 1))
def test_gaps_stay_and_late_packets_fill_them(tmp_path_factory, kept, seed):
    root = tmp_path_factory.mktemp("archive")
    stream = ground(20 * len(kept), start_ns=MIDNIGHT_NS - NS_PER_S, rate_hz=20.0)
    packets = [part(stream, 20 * i, 20 * i + 20) for i in range(len(kept))]
    first, late = [[p for p, keep in zip(packets, kept, strict=True) if keep is said] for said in (True, False)]
    random.Random(seed).shuffle(first)
    runs = np.flatnonzero(np.diff([False, *kept, False])).reshape(-1, 2).tolist()
    with Archive(root) as archive:
        if first:
            archive.append(batch_of(*first))
        assert_same(everything(archive), [part(stream, 20 * begin, 20 * end) for begin, end in runs])
        if late:
            archive.append(batch_of(*late))
        assert_same(everything(archive), [stream])


# --- examples ---------------------------------------------------------------------------------------------------------


def test_the_tree_is_sds_and_obspy_reads_it(tmp_path):
    stream = ground(6000, start_ns=MIDNIGHT_NS - 30 * NS_PER_S)
    other = ground(300, source=SourceId("NC", "C030", "", "HNE"), dtype=np.float64)
    with Archive(tmp_path / "sds") as archive:
        archive.append(batch_of(stream))
        archive.append(batch_of(other))
        assert archive.channels() == [SOURCE, other.source]
    assert files(tmp_path / "sds") == [
        "2019/BK/BRK/HHZ.D/BK.BRK.00.HHZ.D.2019.288",
        "2019/BK/BRK/HHZ.D/BK.BRK.00.HHZ.D.2019.289",
        "2019/NC/C030/HNE.D/NC.C030..HNE.D.2019.289",
    ]
    client = Client(str(tmp_path / "sds"))
    assert sorted(client.get_all_nslc()) == [("BK", "BRK", "00", "HHZ"), ("NC", "C030", "", "HNE")]
    midnight = UTCDateTime(ns=MIDNIGHT_NS)
    (trace,) = client.get_waveforms("BK", "BRK", "00", "HHZ", midnight - 60, midnight + 60)
    assert trace.stats.starttime == midnight - 30
    assert trace.stats.sampling_rate == 100.0
    np.testing.assert_array_equal(trace.data, stream.samples)
    (trace,) = client.get_waveforms("NC", "C030", "", "HNE", midnight - 60, midnight + 60)
    np.testing.assert_array_equal(trace.data, other.samples)


@pytest.mark.parametrize(
    ("day", "name"),
    [("2020-12-31T23:59:59.99", "2020.366"), ("2021-01-01", "2021.001"), ("1969-12-31T23:59:59.99", "1969.365")],
)
def test_days_are_counted_in_utc_from_new_year(tmp_path, day, name):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(1, start_ns=parse_instant(day))))
    assert [file[-8:] for file in files(tmp_path)] == [name]


@pytest.mark.parametrize(
    "source",
    [
        SourceId("XX", "LONGNAME", "00", "HHZ"),
        SourceId("EXPERIMENT2024", "S1", "10", "HH_H_Z"),
        SourceId("XX", "A-B", "", "Z"),
        SourceId("XX", "S1", "", "H_H_Z"),
        SourceId("--", "-", "-", "HHZ"),
    ],
)
def test_codes_beyond_the_usual_come_back_as_they_were(tmp_path, source):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(50, source=source)))
        archive.flush()
        assert archive.channels() == [source]
        assert_same(everything(archive, source), [ground(50, source=source)])


@pytest.mark.parametrize(
    "source",
    [
        SourceId("XX", "A_B", "", "HHZ"),  # an underscore parts the codes of an FDSN source identifier
        SourceId("XX", "S1", "", "HH"),
    ],
)
def test_a_code_no_record_can_hold_is_said_not_swallowed(tmp_path, source):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(50, source=source), ground(50)))
        archive.flush()
        assert archive.channels() == [SOURCE]
        (finding,) = archive.take_findings()
        assert (finding.kind, finding.station) == ("not-archived", source.nslc)


@pytest.mark.parametrize("year", [1700, 1899, 1905, 2098, 2150, 2250])
def test_a_clock_in_another_century_is_kept_all_the_same(tmp_path, year):
    odd = ground(50, start_ns=parse_instant(f"{year}-06-01"))
    with Archive(tmp_path) as archive:
        archive.append(batch_of(odd))
    with Archive(tmp_path) as archive:
        assert_same(everything(archive), [odd])


def test_samples_steim2_cannot_hold_are_kept(tmp_path):
    rough = Segment(SOURCE, MIDNIGHT_NS, 100.0, np.array([2**31 - 1, -(2**31)] * 500, dtype=np.int32))
    with Archive(tmp_path) as archive:
        archive.append(batch_of(rough))
        assert_same(everything(archive), [rough])


def test_what_came_first_stays(tmp_path):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(500)))
        archive.append(batch_of(ground(500, seed=1)))
        assert_same(everything(archive), [ground(500)])


def test_a_slow_drift_of_the_clock_is_kept_to_half_a_sample(tmp_path):
    # 200 packets of one second, each 0.1 ms late on top of the last: 20 ms, two samples, in all.
    stream = ground(20_000)
    late = [
        Segment(SOURCE, packet.start_ns + i * 100_000, 100.0, packet.samples)
        for i, packet in enumerate(part(stream, i * 100, i * 100 + 100) for i in range(200))
    ]
    with Archive(tmp_path) as archive:
        for packet in late:
            archive.append(batch_of(packet))
        found = everything(archive)
    np.testing.assert_array_equal(np.concatenate([segment.samples for segment in found]), stream.samples)
    told = np.concatenate([[s.time_ns(i) for i in range(0, len(s.samples), 100)] for s in found])
    assert np.abs(found[-1].end_ns - late[-1].end_ns) <= 5_000_000
    assert told[0] == MIDNIGHT_NS


def test_records_are_filled_however_small_the_packets(tmp_path):
    stream = ground(60_000)
    for name, size in (("small", 100), ("large", 60_000)):
        with Archive(tmp_path / name) as archive:
            for begin in range(0, 60_000, size):
                archive.append(batch_of(part(stream, begin, begin + size)))
    small, large = (sum(p.stat().st_size for p in (tmp_path / name).rglob("*.D.*")) for name in ("small", "large"))
    assert small <= 1.2 * large


def test_a_channel_sds_cannot_name_is_said_once_and_starves_nobody(tmp_path):
    nameless = SourceId("", "S1", "", "HHZ")
    with Archive(tmp_path) as archive:
        for _ in range(3):
            archive.append(batch_of(ground(50, source=nameless), ground(50)))
        assert_same(everything(archive), [ground(50)])
        (finding,) = archive.take_findings()
        assert (finding.kind, finding.station) == ("not-archived", ".S1..HHZ")
        assert archive.take_findings() == ()


@pytest.mark.parametrize("code", ["..", ".", "/", "a/b", "\0", "a b", "*", "é"])
def test_path_traversal_by_code(code):
    for codes in ((code, "S", "", "HHZ"), ("N", code, "", "HHZ"), ("N", "S", code, "HHZ"), ("N", "S", "", code)):
        with pytest.raises(ValueError, match="not a"):
            SourceId(*codes)


def test_files_held_open_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_files, "OPEN_FILES", 4)
    monkeypatch.setattr(archive_files, "KNOWN_DAYS", 6)
    sources = [SourceId("XX", f"S{number}", "", "HHZ") for number in range(20)]
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Archive(tmp_path) as archive:
        for second in range(3):
            for source in sources:
                archive.append(batch_of(part(ground(300, source=source), second * 100, second * 100 + 100)))
            archive.flush()
            assert len(list(Path("/proc/self/fd").iterdir())) <= before + 4 + 1  # and the lock
        for source in sources:
            assert_same(everything(archive, source), [ground(300, source=source)])
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- the world refuses ------------------------------------------------------------------------------------------------


def test_kill_9_loses_nothing_acknowledged_and_doubles_nothing(tmp_path):
    """A writer is killed at random moments, each time restarted a little before what it had acknowledged."""
    program = textwrap.dedent(
        """
        import sys
        sys.path[:0] = [sys.argv[3]]
        from pathlib import Path
        from test_shell_archive import MIDNIGHT_NS, NS_PER_S, Archive, batch_of, ground, part
        stream = ground(2_000_000, start_ns=MIDNIGHT_NS - 60 * NS_PER_S)
        archive = Archive(Path(sys.argv[1]))
        for begin in range(int(sys.argv[2]), 2_000_000, 100):
            archive.append(batch_of(part(stream, begin, begin + 100)))
            if begin % 700 == 0:
                archive.flush()
                print(begin + 100, flush=True)
        """
    )
    moments = random.Random(2)
    acknowledged = 0
    for _ in range(4):
        arguments = [str(tmp_path / "sds"), str(max(0, acknowledged - 500)), str(Path(__file__).parent)]
        writer = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.3))
        writer.send_signal(signal.SIGKILL)
        said = writer.communicate()[0].rsplit("\n", 1)[0].split("\n")[-1]
        acknowledged = max(acknowledged, int(said or 0))
    stream = ground(2_000_000, start_ns=MIDNIGHT_NS - 60 * NS_PER_S)
    with Archive(tmp_path / "sds") as archive:
        (found,) = everything(archive)
    assert acknowledged <= len(found.samples) < 2_000_000
    assert_same([found], [part(stream, 0, len(found.samples))])
    assert sum(segment_lengths(tmp_path / "sds")) == len(found.samples)


def segment_lengths(root):
    """Samples in every record of every file, told by ObsPy: doubles would show."""
    return [trace.stats.npts for name in files(root) for trace in read(str(root / name))]


@pytest.mark.parametrize("lost", [1, 100, 511, 512, 700])
def test_a_torn_record_is_cut_off_and_written_again(tmp_path, lost):
    stream = ground(3000)
    with Archive(tmp_path) as archive:
        archive.append(batch_of(stream))
    (path,) = tmp_path.rglob("*.D.*")
    path.write_bytes(path.read_bytes()[:-lost])
    with Archive(tmp_path) as archive:
        archive.append(batch_of(part(stream, 2900, 3000)))
        archive.append(batch_of(stream))
        assert_same(everything(archive), [stream])
        kinds = [finding.kind for finding in archive.take_findings() if finding.file == str(path)]
    assert ("torn-record" in kinds) == (lost != 512)
    assert path.stat().st_size % 512 == 0


def test_a_file_of_zeros_left_by_a_power_cut_is_begun_anew(tmp_path):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(300)))
    (path,) = tmp_path.rglob("*.D.*")
    path.write_bytes(bytes(4096))
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(300)))
        assert_same(everything(archive), [ground(300)])


def test_a_file_that_is_something_else_is_named_and_starves_nobody(tmp_path):
    with Archive(tmp_path) as archive:
        archive.append(batch_of(ground(300)))
    (path,) = tmp_path.rglob("*.D.*")
    path.write_bytes(b"not a waveform\n" * 100)
    other = ground(300, source=SourceId("XX", "S1", "", "HHZ"))
    archive = Archive(tmp_path)
    archive.append(batch_of(ground(300), other))
    with pytest.raises(WorldFault, match=r"BK\.BRK\.00\.HHZ\.D\.2019\.289: holds no miniSEED.*move it out"):
        archive.flush()
    assert_same(everything(archive, other.source), [other])
    path.rename(tmp_path / "moved")
    archive.close()
    with Archive(tmp_path) as archive:
        assert_same(everything(archive), [ground(300)])


def test_a_full_disk_is_named_tears_nothing_and_loses_nothing(tmp_path):
    """The limit on file sizes refuses a write half-way, as a full disk does."""
    stream = ground(60_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    archive = Archive(tmp_path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        packets = [batch_of(part(stream, begin, begin + 100)) for begin in range(0, 60_000, 100)]
        with pytest.raises(WorldFault, match=r"BK\.BRK\.00\.HHZ\.D\.2019\.289: .*give the samples again"):
            any(archive.append(packet) for packet in packets)
        (path,) = tmp_path.rglob("*.D.*")
        assert path.stat().st_size % 512 == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    archive.append(batch_of(stream))
    archive.close()
    with Archive(tmp_path) as archive:
        assert_same(everything(archive), [stream])
        assert archive.take_findings() == ()


def test_while_the_disk_refuses_memory_does_not_grow(tmp_path):
    archive = Archive(tmp_path)
    stream = ground(60_000)
    (tmp_path / "2019").write_text("a file where a folder should be")
    faults = 0
    for begin in range(0, 60_000, 100):
        try:
            archive.append(batch_of(part(stream, begin, begin + 100)))
        except WorldFault:
            faults += 1
    assert faults > 500
    assert archive._pending[SOURCE].count <= archive_module.RUN_SAMPLES + 100
    (tmp_path / "2019").unlink()
    archive.append(batch_of(stream))
    assert_same(everything(archive), [stream])
    archive.close()


def test_two_writers_are_one_too_many(tmp_path):
    first, second = Archive(tmp_path), Archive(tmp_path)
    first.append(batch_of(ground(100)))
    first.flush()
    second.append(batch_of(ground(100)))
    with pytest.raises(WorldFault, match="another process is writing"):
        second.flush()
    assert_same(everything(Archive(tmp_path)), [ground(100)])  # readers are welcome
    first.close()
    second.close()
    with Archive(tmp_path) as archive:
        assert_same(everything(archive), [ground(100)])


def files_of(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.D.*"))}


def test_writers_of_a_part_each_make_the_tree_one_writer_makes(tmp_path):
    sources = [SourceId("BK", f"S{number}", "00", "HHZ") for number in range(6)]
    streams = [ground(4000, source=source, seed=number) for number, source in enumerate(sources)]
    parts = [Archive(tmp_path / "shared", Part(number, 3)) for number in (1, 2, 3)]
    with Archive(tmp_path / "alone") as alone:
        for begin in range(0, 4000, 100):
            for number, stream in enumerate(streams):
                packet = batch_of(part(stream, begin, begin + 100))
                alone.append(packet)
                parts[number % 3].append(packet)
            parts[begin // 100 % 3].flush(MIDNIGHT_NS)
    for archive in parts:
        archive.close()
    assert files_of(tmp_path / "shared") == files_of(tmp_path / "alone")
    assert len(files_of(tmp_path / "alone")) == len(sources)


@pytest.mark.parametrize(
    ("first", "second"),
    [(Part(1, 2), Part(1, 2)), (Part(1, 2), Part(1, 3)), (Part(1, 2), None), (None, Part(2, 2))],
    ids=["the same part", "another division", "all beside a part", "a part beside all"],
)
def test_writers_whose_channels_may_meet_are_refused(tmp_path, first, second):
    with Archive(tmp_path, first) as writer:
        writer.append(batch_of(ground(100)))
        writer.flush()
        rival = Archive(tmp_path, second)
        rival.append(batch_of(ground(100)))
        with pytest.raises(WorldFault, match="another process is writing"):
            rival.flush()
    rival.close()
    with Archive(tmp_path) as archive:
        assert_same(everything(archive), [ground(100)])


def test_how_often_a_slow_channel_is_flushed_does_not_show(tmp_path):
    stream = ground(4000, rate_hz=1.0)
    for name, every in (("never", 10**9), ("often", 1), ("now and then", 7)):
        with Archive(tmp_path / name) as archive:
            for number, begin in enumerate(range(0, 4000, 10), 1):
                archive.append(batch_of(part(stream, begin, begin + 10)))
                if number % every == 0:
                    archive.flush(stream.time_ns(begin) - archive_module.RUN_NS)
    assert files_of(tmp_path / "never") == files_of(tmp_path / "often") == files_of(tmp_path / "now and then")


def test_real_records_come_back_sample_for_sample(tmp_path, houfeng_data):
    path = min((houfeng_data / "nz_alpinefault_2013a").rglob("*.mseed"), key=lambda path: path.stat().st_size)
    decoded = mseed.decode(path.read_bytes())
    given_ = {}
    with Archive(tmp_path) as archive:
        for batch in decoded.batches:
            archive.append(batch)
            for i in range(len(batch)):
                samples = batch.samples[batch.offset[i] : batch.offset[i + 1]]
                given_.setdefault(batch.channels[batch.channel[i]], []).append((batch.start_ns[i], samples))
        assert archive.channels() == sorted(given_)
        for source, packets in given_.items():
            kept = np.concatenate([segment.samples for segment in everything(archive, source)])
            packets.sort(key=lambda packet: packet[0])
            np.testing.assert_array_equal(kept, np.concatenate([samples for _, samples in packets]))
