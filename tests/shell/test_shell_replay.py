"""A short recording through the whole centre, from the command line: what is heard, and what is written."""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import obspy
import pytest
from short_recording import START_NS, Short, make_short
from typer.testing import CliRunner, Result

from houfeng.quake.detect.picker import AicPicker
from houfeng.shell.archive.archive import Archive
from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.cli.main import app
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import Setup, load_inventory, load_model, load_picker, replay
from houfeng.wire import mseed
from houfeng.wire.phases import COLUMNS, read_phases
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Pick, Quake
from houfeng.words.samples import Segment, segments_of
from houfeng.words.source import SourceId

NOW_NS = parse_instant("2025-01-01T00:00:00Z")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Played:
    short: Short
    out: Path
    result: Result


@pytest.fixture(scope="module")
def short(tmp_path_factory) -> Short:
    return make_short(tmp_path_factory.mktemp("recording"))


def play(short: Short, out: Path, *options: str, waveforms: Path | None = None) -> Played:
    words = ["replay", waveforms or short.waveforms, "--stations", short.stations, "--model", short.model]
    return Played(short, out, CliRunner().invoke(app, [*map(str, words), "--out", str(out), *options]))


@pytest.fixture(scope="module")
def played(short, tmp_path_factory) -> Played:
    return play(short, tmp_path_factory.mktemp("results") / "deep" / "folder")


@pytest.fixture(scope="module")
def played_again(short, tmp_path_factory) -> Played:
    return play(short, tmp_path_factory.mktemp("again"), "--no-pictures")


@dataclass
class Told:
    quakes: list[Quake] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def heard(short: Short, *paths: Path, now_ns: int = NOW_NS, stations: bool = True) -> Told:
    setup = Setup(
        recordings=open_recordings(paths, now_ns=now_ns),
        inventory=load_inventory([str(short.stations)] if stations else []),
        model=load_model(short.model),
        picker=AicPicker(),
    )
    told = Told()

    def listen(value) -> None:
        kept = {Pick: told.picks, Finding: told.findings}.get(type(value))
        if kept is not None:
            kept.append(value)

    outcome = replay(setup, on_told=listen, on_progress=lambda *_: None)
    assert outcome.pick_count == len(told.picks)
    told.quakes = outcome.quakes
    return told


def instants_s(catalogue: Path) -> list[float]:
    """Origin times in seconds after the recording's beginning."""
    return [event.preferred_origin().time.ns / 1e9 - START_NS / 1e9 for event in obspy.read_events(str(catalogue))]


# --- what is written --------------------------------------------------------------------------------------------------


def test_replay_ends_well_and_says_where_the_results_are(played):
    assert played.result.exception is None
    assert played.result.exit_code == 0
    assert f"{played.out}/catalogue.xml" in played.result.stdout


def test_the_catalogue_has_the_quakes_that_were_made(played):
    truth = played.short.hour.quakes
    events = obspy.read_events(str(played.out / "catalogue.xml"))
    assert len(events) <= len(truth) + 1
    found = instants_s(played.out / "catalogue.xml")
    assert found == sorted(found)
    matched = [quake for quake in truth if any(abs(t - (quake.time_ns - START_NS) / 1e9) < 1 for t in found)]
    assert truth[0] in matched
    assert len(matched) >= 3


def test_the_largest_quake_is_where_it_was_made(played):
    quake = played.short.hour.quakes[0]
    events = obspy.read_events(str(played.out / "catalogue.xml"))
    origins = [event.preferred_origin() for event in events]
    origin = min(origins, key=lambda o: abs(o.time.ns - quake.time_ns))
    away_m, _, _ = obspy.geodetics.gps2dist_azimuth(
        origin.latitude, origin.longitude, quake.latitude_deg, quake.longitude_deg
    )
    assert away_m < 3_000
    assert abs(origin.depth - quake.depth_m) < 5_000


def test_picks_are_every_pick_with_the_quake_that_claimed_it(played):
    data = (played.out / "picks.csv").read_bytes()
    header, *rows = data.decode().splitlines()
    assert tuple(header.split(",")) == COLUMNS
    column = {name: [row.split(",")[i] for row in rows] for i, name in enumerate(COLUMNS)}
    assert column["time"] == sorted(column["time"])
    events = obspy.read_events(str(played.out / "catalogue.xml"))
    claimed = sum(len(event.preferred_origin().arrivals) for event in events)
    assert sum(owner != "" for owner in column["quake_id"]) == claimed
    assert len(set(column["quake_id"]) - {""}) == len(events)
    assert sum(len(chosen.picks) for chosen in read_phases(data, "picks.csv").sets) > 0


def test_findings_are_one_object_a_line(played):
    for line in (played.out / "findings.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == ["kind", "file", "station", "time", "reason"]


def test_every_quake_has_its_pictures(played):
    folders = list((played.out / "quakes").iterdir())
    assert len(folders) == len(instants_s(played.out / "catalogue.xml"))
    for folder in folders:
        assert {file.name for file in folder.iterdir()} == {"record_section.png", "map.png", "residuals.png"}
        assert all(file.read_bytes().startswith(PNG) for file in folder.iterdir())


def test_no_half_written_files_are_left(played):
    assert [file for file in played.out.rglob("*") if file.name.endswith(".part")] == []


def test_pictures_can_be_left_out(played_again):
    assert played_again.result.exit_code == 0
    assert not (played_again.out / "quakes").exists()


def test_the_table_fits_an_ordinary_terminal(played):
    assert "…" not in played.result.stdout
    assert "2024-01-01 00:00:2" in played.result.stdout


# --- the same, whatever the files look like ---------------------------------------------------------------------------


def test_the_same_recording_gives_the_same_bytes(played, played_again):
    for name in ("catalogue.xml", "picks.csv"):
        assert (played.out / name).read_bytes() == (played_again.out / name).read_bytes()


def test_shuffled_files_give_the_same_bytes(short, played, tmp_path):
    """One file per station, named against the order of names, its records in disorder."""
    records: dict[str, list[bytes]] = {}
    for batch in short.hour.batches:
        for segment in segments_of(batch):
            records.setdefault(segment.source.station_key, []).append(mseed.encode([segment]))
    shuffle = random.Random(1).shuffle
    for number, parts in enumerate(reversed(records.values())):
        shuffle(parts)
        (tmp_path / f"{number}.bin").write_bytes(b"".join(parts))
    out = tmp_path / "out"
    assert play(short, out, "--no-pictures", waveforms=tmp_path).result.exit_code == 0
    for name in ("catalogue.xml", "picks.csv"):
        assert (out / name).read_bytes() == (played.out / name).read_bytes()


def test_records_of_1970_and_of_the_future_are_told_and_hide_no_quake(short, played, tmp_path):
    noise = np.random.default_rng(1).integers(-50, 50, 500).astype(np.int32)
    source = short.hour.stations[0].channels[0].source
    odd = [Segment(source, t, 100.0, noise) for t in (0, NOW_NS + 60 * 86_400 * NS_PER_S)]
    path = tmp_path / "odd.mseed"
    path.write_bytes(mseed.encode(odd))
    outcome = heard(short, path, short.waveforms)
    kinds = {finding.kind: finding for finding in outcome.findings}
    assert {"clock-reset", "clock-future"} <= set(kinds)
    assert kinds["clock-reset"].file == str(path)
    instants = [(quake.origin.time_ns - START_NS) / 1e9 for quake in outcome.quakes]
    assert instants == pytest.approx(instants_s(played.out / "catalogue.xml"), abs=0.1)


# --- what is kept for good --------------------------------------------------------------------------------------------


def bytes_below(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def samples_of(batches, source: SourceId) -> np.ndarray:
    """What batches hold of a channel, each piece where its time puts it."""
    pieces = [segment for batch in batches for segment in segments_of(batch) if segment.source == source]
    return np.concatenate([piece.samples for piece in sorted(pieces, key=lambda piece: piece.start_ns)])


@pytest.fixture(scope="module")
def kept(short, tmp_path_factory) -> Path:
    """A folder with the archive and catalogue of a replay whose files hold some packets twice and in disorder."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "files").mkdir()
    batches = list(short.hour.batches)
    for name, part in (("b", batches[:20]), ("a", batches[10:])):
        records = [mseed.encode(segments_of(batch)) for batch in reversed(part)]
        (folder / "files" / name).write_bytes(b"".join(records))
    assert keep(short, folder).exit_code == 0
    return folder


def keep(short: Short, folder: Path) -> Result:
    options = ("--no-pictures", "--archive", folder / "archive", "--catalogue", folder / "quakes.sqlite")
    return play(short, folder / "out", *map(str, options), waveforms=folder / "files").result


def test_the_archive_has_every_sample_once(short, kept):
    with Archive(kept / "archive") as archive:
        assert archive.channels() == sorted(short.hour.batches[0].channels)
        for source in archive.channels():
            (segment,) = archive.read(source, 0, 2**62)
            assert segment.start_ns == START_NS
            assert np.array_equal(segment.samples, samples_of(short.hour.batches, source))
        assert archive.take_findings() == ()


def test_the_catalogue_has_the_quakes_of_catalogue_xml(kept):
    with Catalogue(url_of(str(kept / "quakes.sqlite"))) as catalogue:
        assert write_quakeml(catalogue.query()) == (kept / "out/catalogue.xml").read_bytes()


def test_the_same_replay_again_changes_neither_archive_nor_catalogue(short, kept):
    before = bytes_below(kept / "archive")
    assert keep(short, kept).exit_code == 0
    assert bytes_below(kept / "archive") == before
    with Catalogue(url_of(str(kept / "quakes.sqlite"))) as catalogue:
        quakes = catalogue.query()
        assert [quake.version for quake in quakes] == [1] * len(instants_s(kept / "out/catalogue.xml"))


def test_the_archive_replayed_gives_the_same_quakes(short, kept):
    out = kept / "from-archive"
    assert play(short, out, "--no-pictures", waveforms=kept / "archive").result.exit_code == 0
    for name in ("catalogue.xml", "picks.csv"):
        assert (out / name).read_bytes() == (kept / "out" / name).read_bytes()


def test_what_the_archive_finds_odd_is_a_finding(short, tmp_path):
    """A channel without a station code has no place in SDS."""
    nameless = Segment(SourceId("XX", "", "", "HHZ"), START_NS, 100.0, np.arange(500, dtype=np.int32))
    (tmp_path / "nameless.mseed").write_bytes(mseed.encode([nameless]))
    out = tmp_path / "out"
    result = play(short, out, "--archive", str(tmp_path / "archive"), waveforms=tmp_path / "nameless.mseed").result
    assert result.exit_code == 0
    told = [json.loads(line)["kind"] for line in (out / "findings.jsonl").read_text().splitlines()]
    assert "not-archived" in told
    assert f"{len(told)} findings" in result.stdout


# --- what is missing --------------------------------------------------------------------------------------------------


def test_without_stations_there_are_picks_and_no_quakes(short):
    outcome = heard(short, short.waveforms, stations=False)
    assert outcome.quakes == []
    assert outcome.picks
    unplaced = {finding.station for finding in outcome.findings if finding.kind == "no-coordinates"}
    assert unplaced == {station.key for station in short.hour.stations}


def test_a_default_model_is_said_in_the_origin(short, tmp_path):
    words = ["replay", short.waveforms, "--stations", short.stations, "--out", tmp_path, "--no-pictures"]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    assert b"default velocity model" in (tmp_path / "catalogue.xml").read_bytes()


def test_damaged_metadata_is_a_finding_and_the_rest_is_used(short, tmp_path):
    (tmp_path / "broken.xml").write_text("<FDSNStationXML><Network>")
    read = load_inventory([str(tmp_path), str(short.stations)])
    assert {station.key for station in read.stations} == {station.key for station in short.hour.stations}
    assert [finding.file for finding in read.findings] == [str(tmp_path / "broken.xml")]


def test_no_samples_at_all_is_a_fault_of_the_data(short, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to hear\n")
    with pytest.raises(DataFault, match="no readable samples"):
        heard(short, *find_files([str(tmp_path)]))


def test_phasenet_without_weights_says_that_nothing_is_downloaded():
    with pytest.raises(WorldFault, match="never downloaded"):
        load_picker("phasenet", None, None)


def test_noise_alone_is_no_quake(short, tmp_path):
    rng = np.random.default_rng(2)
    noise = [
        Segment(SourceId("XX", f"W{k:02d}", "00", "HHZ"), START_NS, 100.0, rng.normal(0, 50, 6000).astype(np.int32))
        for k in range(6)
    ]
    (tmp_path / "noise.mseed").write_bytes(mseed.encode(noise))
    shown: list[tuple[int, float]] = []
    setup = Setup(
        recordings=open_recordings([tmp_path / "noise.mseed"], now_ns=NOW_NS),
        inventory=load_inventory([str(short.stations)]),
        model=load_model(short.model),
        picker=load_picker("classical", None, None),
    )
    outcome = replay(setup, on_told=lambda _: None, on_progress=lambda now, share, *_: shown.append((now, share)))
    assert outcome.quakes == []
    assert [share for _, share in shown] == sorted(share for _, share in shown)
    assert shown[-1][1] == 1.0
