"""Recordings as the packets a centre would have had: when, in which order, and what is said where nobody wrote it."""

import csv
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from houfeng.shell.arrivals import files as arrivals_files
from houfeng.shell.arrivals.arrivals import Latency, open_arrivals
from houfeng.shell.recordings import find_files
from houfeng.shell.twinning import load_scenario, write_recording
from houfeng.twin.digitiser import Transport
from houfeng.wire import mseed
from houfeng.wire.openeew import read_openeew
from houfeng.wire.waveforms import read_waveforms
from houfeng.words.errors import WorldFault
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.packet import NO_SEQUENCE
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "twin"))  # the same small scenario
from small_scenario import SMALL

NOW_NS = parse_instant("2026-01-01T00:00:00Z")
START_NS = parse_instant("2024-01-01T00:00:00Z")
HEADER = "arrival_time,file,offset,length,source,start_time"
SOURCES = tuple(SourceId("XX", name, "", "HHZ") for name in ("AAA", "BBB"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Eight stations of the twin, a packet in fifty lost on the way."""
    folder = tmp_path_factory.mktemp("twin")
    (folder / "small.toml").write_text(SMALL)
    scenario = load_scenario(str(folder / "small.toml"))
    return write_recording(replace(scenario, transport=Transport(loss=0.02)), folder / "made")


def records(*segments):
    return [mseed.encode([segment]) for segment in segments]


def second(which, number, start_ns=None):
    samples = np.arange(100, dtype=np.int32) + number
    return Segment(SOURCES[which], START_NS + number * NS_PER_S if start_ns is None else start_ns, 100.0, samples)


def samples_of(packets):
    """Every channel's pieces: start and samples."""
    pieces = {}
    for packet in packets:
        for batch in mseed.decode(packet.content).batches:
            for segment in segments_of(batch):
                pieces.setdefault(segment.source, []).append(segment)
    return pieces


def played(paths, latency=None, now_ns=NOW_NS):
    with open_arrivals(paths, latency=latency, now_ns=now_ns) as arrivals:
        packets = list(arrivals)
        return packets, (*arrivals.findings, *arrivals.take_findings())


def kinds(findings):
    return [finding.kind for finding in findings]


# --- a table of arrivals ----------------------------------------------------------------------------------------------


def test_the_twins_packets_come_as_its_table_says(made):
    with made.arrivals.open(newline="") as file:
        rows = list(csv.DictReader(file))
    packets, findings = played(find_files([str(made.waveforms)]), now_ns=NOW_NS)
    assert findings == ()
    folder = made.arrivals.parent
    assert len(rows) > 1000
    coming = iter(packets)
    for row in rows:
        first, length = int(row["offset"]), int(row["length"])
        content = b""
        while len(content) < length:  # a line may hold several records
            packet = next(coming)
            content += packet.content
            assert packet.arrival_ns == parse_instant(row["arrival_time"])
            assert packet.station_key == ".".join(row["source"].split(".")[:2])
            assert (packet.feed, packet.sequence) == ("recording", NO_SEQUENCE)
        assert content == (folder / row["file"]).read_bytes()[first : first + length]
    assert next(coming, None) is None
    assert {len(packet.content) for packet in packets} == {512}


def test_what_is_known_before_the_first_packet(made):
    with open_arrivals(find_files([str(made.waveforms)]), latency=None, now_ns=NOW_NS) as arrivals:
        assert len(arrivals.channels) == 8 * 3
        assert arrivals.channels == tuple(sorted(arrivals.channels))
        first_ns, last_ns = arrivals.span_ns
        assert last_ns - first_ns == 240 * NS_PER_S


def test_recorded_arrivals_are_not_replaced_by_a_stated_latency(made):
    files = find_files([str(made.waveforms)])
    assert played(files, Latency(100.0)) == played(files)


def test_only_packets_of_the_chosen_files_come(tmp_path):
    table = [HEADER, f"2024-01-01T00:00:01.5Z,a,0,512,{SOURCES[0].nslc},x"]
    table += [f"2024-01-01T00:00:02Z,b,0,512,{SOURCES[1].nslc},x"]
    (tmp_path / "arrivals.csv").write_text("\n".join(table) + "\n")
    for name, which in (("a", 0), ("b", 1)):
        (tmp_path / name).write_bytes(b"".join(records(second(which, 0))))
    packets, findings = played([tmp_path / "b"])
    assert [(packet.station_key, packet.arrival_ns) for packet in packets] == [("XX.BBB", START_NS + 2 * NS_PER_S)]
    assert findings == ()


@pytest.mark.parametrize(
    "line",
    [
        "2024-01-01T00:00:01Z,a,512,512,XX.AAA..HHZ,x",
        "2024-01-01T00:00:01Z,a,0,99999999999,XX.AAA..HHZ,x",
        "2024-01-01T00:00:01Z,a,0,0,XX.AAA..HHZ,x",
        "2024-01-01T00:00:01Z,a,-1,512,XX.AAA..HHZ,x",
        "2024-01-01T00:00:01Z,a,0,512,XX.A/A..HHZ,x",
        "2024-01-01T00:00:01.١Z,a,0,512,XX.AAA..HHZ,x",
        "now,a,0,512,XX.AAA..HHZ,x",
        "2024-01-01T00:00:01Z,a,0,512",
        "\x00" * 100,
        "",
    ],
)
def test_a_line_that_cannot_be_right_costs_itself_only(tmp_path, line):
    good = "2024-01-01T00:00:02Z,a,0,512,XX.AAA..HHZ,x"
    (tmp_path / "arrivals.csv").write_text(f"{HEADER}\n{line}\n{good}")
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0))))
    packets, findings = played([tmp_path / "a"])
    assert [packet.arrival_ns for packet in packets] == [START_NS + 2 * NS_PER_S]
    assert kinds(findings) == ["bad-arrival"]


def test_a_table_cannot_name_files_that_were_not_given(tmp_path):
    (tmp_path / "secret").write_bytes(b"x" * 512)
    folder = tmp_path / "recording"
    folder.mkdir()
    names = ("../secret", str(tmp_path / "secret"), "a/../../secret")
    table = [HEADER, *(f"2024-01-01T00:00:01Z,{name},0,512,XX.AAA..HHZ,x" for name in names)]
    (folder / "arrivals.csv").write_text("\n".join(table))
    (folder / "a").write_bytes(b"".join(records(second(0, 0))))
    packets, findings = played([folder / "a"])
    assert packets == []
    assert kinds(findings) == ["no-arrivals"]


def test_a_line_longer_than_any_fills_no_memory(tmp_path):
    good = "2024-01-01T00:00:02Z,a,0,512,XX.AAA..HHZ,x"
    (tmp_path / "arrivals.csv").write_text("\n".join([HEADER, "x" * 5_000_000, good]))
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0))))
    packets, findings = played([tmp_path / "a"])
    assert len(packets) == 1
    assert kinds(findings) == ["bad-arrival"]


def test_lines_that_go_back_in_time_keep_their_place(tmp_path):
    content = records(second(0, 0), second(0, 1), second(0, 2))
    (tmp_path / "a").write_bytes(b"".join(content))
    lines = [f"2024-01-01T00:00:0{at}Z,a,{512 * k},512,XX.AAA..HHZ,x" for k, at in enumerate((5, 3, 6))]
    (tmp_path / "arrivals.csv").write_text("\n".join([HEADER, *lines]))
    packets, findings = played([tmp_path / "a"])
    assert [packet.content for packet in packets] == content
    assert [(packet.arrival_ns - START_NS) / NS_PER_S for packet in packets] == [5, 5, 6]
    assert kinds(findings) == ["arrivals-disordered"]


def test_another_table_of_that_name_is_none_of_ours(tmp_path):
    (tmp_path / "arrivals.csv").write_text("event,station,phase,time\n")
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0))))
    with pytest.raises(WorldFault, match="latency"):
        open_arrivals([tmp_path / "a"], latency=None, now_ns=NOW_NS)


# --- a stated latency -------------------------------------------------------------------------------------------------


def test_without_a_recorded_arrival_a_latency_must_be_stated(tmp_path):
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0))))
    with pytest.raises(WorldFault) as told:
        open_arrivals([tmp_path / "a"], latency=None, now_ns=NOW_NS)
    assert told.value.subject == str(tmp_path / "a")
    assert "--latency" in told.value.remedy


def test_a_record_arrives_so_long_after_its_last_sample_and_that_is_said(tmp_path):
    (tmp_path / "a").write_bytes(b"".join(records(second(1, 4), second(0, 0), second(0, 1))))
    packets, findings = played([tmp_path / "a"], Latency(2.5))
    assert [(packet.station_key, (packet.arrival_ns - START_NS) / NS_PER_S) for packet in packets] == [
        ("XX.AAA", 3.5),
        ("XX.AAA", 4.5),
        ("XX.BBB", 7.5),
    ]
    assert kinds(findings) == ["assumed-arrivals"]
    assert "2.5 s" in findings[0].reason


def test_the_seed_decides_the_jitter_whatever_files_are_chosen(tmp_path):
    for which, name in enumerate("ab"):
        (tmp_path / name).write_bytes(b"".join(records(*(second(which, number) for number in range(40)))))
    both = [tmp_path / "a", tmp_path / "b"]
    packets, _ = played(both, Latency(1.0, 0.9, 7))
    assert played(list(reversed(both)), Latency(1.0, 0.9, 7))[0] == packets
    assert played([both[0]], Latency(1.0, 0.9, 7))[0] == [p for p in packets if p.station_key == "XX.AAA"]
    assert played(both, Latency(1.0, 0.9, 8))[0] != packets
    took_s = [(p.arrival_ns - mseed.decode(p.content).batches[0].start_ns[0]) / NS_PER_S - 2.0 for p in packets]
    assert 0 <= min(took_s) < 0.2
    assert 0.7 < max(took_s) <= 0.9


@pytest.mark.parametrize(("constant_s", "jitter_s"), [(-1.0, 0.0), (1.0, -0.1), (float("nan"), 0.0), (float("inf"), 0)])
def test_a_latency_is_no_negative_or_endless_time(constant_s, jitter_s):
    with pytest.raises(WorldFault, match="latency"):
        Latency(constant_s, jitter_s)


def test_a_record_with_a_wrong_clock_arrives_with_those_around_it(tmp_path):
    wrong = [second(0, 2, start_ns=0), second(0, 3, start_ns=NOW_NS + 400 * 86_400 * NS_PER_S)]
    content = records(second(0, 0), second(0, 1), *wrong, second(0, 4))
    (tmp_path / "a").write_bytes(b"".join(content))
    packets, findings = played([tmp_path / "a"], Latency(1.0))
    assert sorted(packet.content for packet in packets) == sorted(content)
    assert [(packet.arrival_ns - START_NS) / NS_PER_S for packet in packets] == [2, 3, 3, 3, 6]
    assert {"clock-reset", "clock-future"} <= set(kinds(findings))


def test_files_of_another_format_are_cut_into_records_of_a_second(houfeng_data):
    files = find_files([str(houfeng_data / "knet_aomori_2018" / "waveforms" / "AOM00118*")])
    with open_arrivals(files, latency=Latency(1.0), now_ns=NOW_NS) as arrivals:
        packets = list(arrivals)
        assert {"assumed-arrivals", "assumed-packets"} <= set(kinds(arrivals.findings))
        assert [station.key for station in arrivals.stations if station.latitude_deg is not None]
    whole = {}
    for file in files:
        for batch in read_waveforms(file.read_bytes(), str(file)).batches:
            for segment in segments_of(batch):
                whole[segment.source] = segment
    pieces = samples_of(packets)
    assert set(pieces) == set(whole)
    for source, segments in pieces.items():
        assert np.array_equal(np.concatenate([piece.samples for piece in segments]), whole[source].samples)
        assert {len(piece.samples) for piece in segments[:-1]} == {round(whole[source].rate_hz)}
        assert [piece.start_ns for piece in segments] == [
            whole[source].time_ns(k * round(whole[source].rate_hz)) for k in range(len(segments))
        ]


def test_what_cannot_be_read_is_said_and_stops_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0))))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "noise").write_bytes(b"\x01\x02" * 500)
    packets, findings = played([tmp_path / name for name in ("empty", "noise", "gone", "a")], Latency(0.0))
    assert len(packets) == 1
    assert kinds(findings) == ["unreadable", "unreadable", "unreadable", "assumed-arrivals"]


def test_nothing_at_all_is_no_span(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    with open_arrivals([tmp_path / "empty"], latency=None, now_ns=NOW_NS) as arrivals:
        assert arrivals.span_ns is None
        assert list(arrivals) == []


def test_a_file_that_shrinks_while_it_is_played_is_said(tmp_path):
    (tmp_path / "a").write_bytes(b"".join(records(second(0, 0), second(0, 1))))
    with open_arrivals([tmp_path / "a"], latency=Latency(0.0), now_ns=NOW_NS) as arrivals:
        (tmp_path / "a").write_bytes(records(second(0, 0))[0])
        assert len(list(arrivals)) == 1
        assert kinds(arrivals.take_findings()) == ["unreadable"]
        assert arrivals.take_findings() == ()


def test_few_files_are_open_at_a_time(tmp_path):
    paths = [tmp_path / f"{k:03d}" for k in range(arrivals_files.MOST_OPEN + 20)]
    for k, path in enumerate(paths):
        path.write_bytes(records(second(k % 2, k))[0])
    pieces = arrivals_files.Pieces()
    for path in [*paths, *paths]:
        assert pieces.read(path, 0, 512) == path.read_bytes()
        assert len(pieces._open) <= arrivals_files.MOST_OPEN
    pieces.close()
    assert len(played(paths, Latency(0.0))[0]) == len(paths)


# --- OpenEEW: packets with arrivals of their own ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def openeew(houfeng_data):
    files = find_files([str(houfeng_data / "openeew_mexico_a" / "raw_jsonl" / "2018_1_29")])
    packets, findings = played(files)
    return files, packets, findings


def test_openeew_packets_arrive_when_the_server_had_them(openeew):
    files, packets, _ = openeew
    clouds = sorted(json.loads(line)["cloud_t"] for file in files for line in file.read_text().splitlines())
    assert len(packets) == 3 * len(clouds)
    assert [packet.arrival_ns for packet in packets[::3]] == [round(cloud * 1e6) * 1000 for cloud in clouds]


def test_openeew_times_agree_with_what_is_known_afterwards(openeew):
    files, packets, _ = openeew
    pieces = samples_of(packets)
    for file in files:
        known = read_openeew(file.read_bytes(), str(file)).segments
        for source in {segment.source for segment in known}:
            said = [segment for segment in known if segment.source == source]
            assert np.array_equal(
                np.concatenate([piece.samples for piece in pieces[source]]),
                np.concatenate([segment.samples for segment in said]),
            )
            if len(said) == 1:
                (whole,) = said
                numbers = np.cumsum([0, *(len(piece.samples) for piece in pieces[source])])
                off_s = [
                    (piece.start_ns - whole.time_ns(number)) / NS_PER_S
                    for number, piece in zip(numbers, pieces[source], strict=False)
                ]
                assert max(map(abs, off_s[60:])) < 0.1  # after a minute
                assert max(map(abs, off_s)) < 0.25


def test_openeew_packets_follow_each_other_without_slips(openeew):
    _, packets, _ = openeew
    for pieces in samples_of(packets).values():
        slips = [abs(after.start_ns - before.end_ns) * before.rate_hz / NS_PER_S for before, after in pairwise(pieces)]
        assert max(slips) < 1.0  # acquire takes that for jitter


def test_openeew_clocks_and_rates_that_are_wrong_are_said_once(openeew):
    _, _, findings = openeew
    assert {finding.kind for finding in findings} == {"clock-offset", "wrong-rate"}
    (offset,) = [finding for finding in findings if finding.kind == "clock-offset"]
    assert offset.station == "XX.MX015"
    assert "1947.5 s" in offset.reason
    rates = [finding.station for finding in findings if finding.kind == "wrong-rate"]
    assert len(rates) == len(set(rates)) == 16


def packet_line(number, late_s=0.3, device_s=None, **fields):
    last_s = 1.7e9 + number * 1.024 + 1.0
    said = {
        "device_id": "000", "x": [0.1] * 32, "y": [0.2] * 32, "z": [0.3] * 32, "sr": 31.25,
        "device_t": last_s if device_s is None else device_s, "cloud_t": last_s + late_s, **fields,
    }  # fmt: skip
    return json.dumps({key: value for key, value in said.items() if value is not None}) + "\n"


def starts_s(packets):
    return [
        (segment.start_ns - 1_700_000_000 * NS_PER_S) / NS_PER_S
        for source, pieces in samples_of(packets).items()
        if source.channel == "BNZ"
        for segment in pieces
    ]


def test_a_device_clock_that_is_set_is_followed_at_once(tmp_path):
    shifts = [0.0] * 20 + [-400.0] * 20
    lines = [packet_line(k, device_s=1.7e9 + k * 1.024 + 1.0 + shift) for k, shift in enumerate(shifts)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    packets, findings = played([tmp_path / "a.jsonl"])
    expected = [k * 1.024 + 1.0 - 31 / 31.25 + 0.3 for k in range(40)]
    assert starts_s(packets) == pytest.approx(expected, abs=0.01)
    assert [finding.kind for finding in findings] == ["clock-offset"]


def test_one_packet_that_took_seconds_moves_no_clock(tmp_path):
    lines = [packet_line(k, late_s=9.0 if k == 30 else 0.3) for k in range(60)]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    packets, findings = played([tmp_path / "a.jsonl"])
    expected = [k * 1.024 + 1.0 - 31 / 31.25 + 0.3 for k in range(60)]
    assert sorted(starts_s(packets)) == pytest.approx(expected, abs=0.01)
    assert findings == ()
    order = [packet.arrival_ns for packet in packets]
    assert order == sorted(order)


def test_openeew_packets_without_arrivals_take_the_stated_latency_or_are_left_out(tmp_path):
    (tmp_path / "a.jsonl").write_text("".join(packet_line(k, cloud_t=None) for k in range(5)) + "{}\n")
    packets, findings = played([tmp_path / "a.jsonl"])
    assert packets == []
    assert kinds(findings) == ["bad-packet", "no-arrivals"]
    packets, findings = played([tmp_path / "a.jsonl"], Latency(2.0))
    took_s = [(packet.arrival_ns / NS_PER_S - 1.7e9 - 1.0 - 2.0) / 1.024 for packet in packets[::3]]
    assert took_s == pytest.approx(range(5), abs=1e-3)
    assert kinds(findings) == ["bad-packet"]
