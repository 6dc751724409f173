"""The command line: words, exit codes and messages. tests/shell/test_shell_replay.py plays a recording through it."""

import csv
import json
import re
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import pytest
from made_quake import a_quake
from typer.testing import CliRunner

from houfeng.shell import demo
from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.cli import main as cli
from houfeng.wire import mseed
from houfeng.wire.quakes_csv import COLUMNS
from houfeng.words.errors import DataFault, HoufengError, OurFault, OutOfRange, PeerFault, WorldFault
from houfeng.words.instant import parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-01-01T00:00:00Z")


@pytest.fixture
def noise(tmp_path):
    """A minute of noise at one station: nothing to locate."""
    samples = np.random.default_rng(1).normal(0, 50, 6000).astype(np.int32)
    path = tmp_path / "noise.mseed"
    path.write_bytes(mseed.encode([Segment(SourceId("XX", "ONE", "", "HHZ"), START_NS, 100.0, samples)]))
    return path


# --- help -------------------------------------------------------------------------------------------------------------


def test_version_is_that_of_the_package(houfeng):
    assert houfeng("--version") == (0, f"houfeng {version('houfeng')}\n", "")


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("replay", "-h"), ("locate", "-h"), ("info", "-h")])
def test_help_is_given(houfeng, words):
    code, said, _ = houfeng(*words)
    assert code == 0
    assert "Usage" in said


def test_a_replay_holds_no_library_in_memory_that_it_may_not_need():
    code = "import sys; from houfeng.shell.replay import keeping, replay, results; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"matplotlib", "sqlalchemy", "onnxruntime"}.isdisjoint(loaded)


# --- exit codes, as in docs/reference/exit-codes.md -------------------------------------------------------------------


def test_0_also_when_there_is_no_quake(houfeng, noise, tmp_path):
    code, said, _ = houfeng("replay", noise, "--out", "out")
    assert code == 0
    assert "No quakes." in said
    written = {"catalogue.xml", "picks.csv", "findings.jsonl", "shaking.csv", "report.html"}
    assert {file.name for file in (tmp_path / "out").iterdir()} == written
    told = [json.loads(line) for line in (tmp_path / "out/findings.jsonl").read_text().splitlines()]
    assert [(finding["kind"], finding["station"]) for finding in told] == [("no-coordinates", "XX.ONE")]


@pytest.mark.parametrize(
    "words",
    [
        ("replay",),
        ("replay", "x", "--wrong"),
        ("replay", "x", "--picker", "oracle"),
        ("locate",),
        ("info",),
        ("listen",),
    ],
)
def test_2_for_a_wrong_command_line(houfeng, words):
    assert houfeng(*words)[0] == 2


def test_3_for_recordings_without_samples_which_are_told_in_the_findings(houfeng, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to hear\n")
    code, _, said = houfeng("replay", "notes.txt", "--out", "out")
    assert code == 3
    assert "no readable samples" in said
    (line,) = (tmp_path / "out/findings.jsonl").read_text().splitlines()
    assert json.loads(line)["file"] == "notes.txt"


def test_3_for_a_model_that_is_none(houfeng, noise, tmp_path):
    (tmp_path / "model.csv").write_text("colour,taste\nred,sweet\n")
    code, _, said = houfeng("replay", noise, "--model", "model.csv")
    assert code == 3
    assert "model.csv" in said


def test_3_for_info_on_what_nobody_knows(houfeng, tmp_path):
    (tmp_path / "riddle").write_bytes(b"\x01\x02\x03")
    code, said, _ = houfeng("info", "riddle")
    assert code == 3
    assert "riddle: " in said


@pytest.mark.parametrize("words", [("replay", "gone"), ("info", "gone*"), ("locate", "gone")])
def test_4_for_what_is_not_there(houfeng, words):
    code, _, said = houfeng(*words)
    assert code == 4
    assert words[1] in said


def test_4_for_stations_that_are_not_there(houfeng, noise):
    code, _, said = houfeng("replay", noise, "--stations", "gone.xml")
    assert code == 4
    assert "gone.xml" in said


def test_4_for_results_that_cannot_be_written(houfeng, noise, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    code, _, said = houfeng("replay", noise, "--out", "taken")
    assert code == 4
    assert "--out" in said


def test_4_for_phasenet_without_weights(houfeng, noise):
    code, _, said = houfeng("replay", noise, "--picker", "phasenet")
    assert code == 4
    assert "--weights" in said
    assert "never downloaded" in said


def test_4_for_weights_that_are_not_there(houfeng, noise):
    code, _, said = houfeng("replay", noise, "--picker", "phasenet", "--weights", "gone.onnx")
    assert code == 4
    assert "gone.onnx" in said


@pytest.mark.parametrize(
    ("fault", "code"), [(DataFault, 3), (OutOfRange, 3), (WorldFault, 4), (OurFault, 70), (PeerFault, 70)]
)
def test_every_fault_is_one_line_and_a_code(monkeypatch, capsys, fault, code):
    def fail():
        raise fault("some [red]file[/]", "is wrong", "mend it")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == code
    assert capsys.readouterr().err == "houfeng: some [red]file[/]: is wrong (mend it)\n"


def test_what_is_no_fault_of_ours_is_not_hidden(monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_fault_stops_before_anything_is_written(noise, tmp_path):
    words = ["replay", str(noise), "--picker", "phasenet", "--out", str(tmp_path / "out")]
    assert isinstance(CliRunner().invoke(cli.app, words).exception, HoufengError)
    assert not (tmp_path / "out").exists()


# --- catalogue --------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """Two quakes, one of them in two versions."""
    with Catalogue(url_of(str(tmp_path / "quakes.sqlite"))) as catalogue:
        catalogue.add(a_quake("near", time_ns=START_NS, quality="B", magnitude=2.5))
        catalogue.add(a_quake("near", version=2, time_ns=START_NS, quality="A", magnitude=2.5))
        catalogue.add(a_quake("=far", time_ns=START_NS + 86_400 * 10**9, longitude_deg=12.0, quality="C"))
    return "quakes.sqlite"


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 2),
        (("--versions",), 3),
        (("--start", "2024-01-01T12:00:00"), 1),
        (("--end", "2024-01-02"), 1),
        (("--box", 30, 45, 10, 15), 1),
        (("--min-magnitude", 1.0), 1),
        (("--max-magnitude", 1.0), 0),
        (("--quality", "A"), 1),
    ],
)
def test_a_catalogue_shows_and_writes_the_quakes_that_fit(houfeng, kept, tmp_path, options, count):
    code, said, _ = houfeng("catalogue", kept, *options, "--csv", "found.csv", "--quakeml", "found.xml")
    assert code == 0
    assert len(said.splitlines()) == (count + 1 if count else 1)
    table = csv.DictReader((tmp_path / "found.csv").open())
    rows = list(table)
    assert tuple(table.fieldnames) == COLUMNS
    assert len(rows) == count
    written = re.findall("<event publicID", (tmp_path / "found.xml").read_text())
    assert len(written) == len({row["quake_id"] for row in rows})


def test_the_table_of_a_catalogue_is_exact_and_harmless(houfeng, kept, tmp_path):
    assert houfeng("catalogue", kept, "--versions", "--csv", "found.csv")[0] == 0
    first, second, last = csv.DictReader((tmp_path / "found.csv").open())
    assert [row["version"] for row in (first, second)] == ["1", "2"]
    assert first["time"] == "2024-01-01T00:00:00.000000Z"
    assert float(second["magnitude"]) == 2.5
    assert last["quake_id"] == "'=far"
    assert last["magnitude"] == ""


@pytest.mark.parametrize(
    "options", [("--start", "yesterday"), ("--box", 2, 1, 0, 1), ("--quality", "E"), ("--box", 1, 2, 3)]
)
def test_2_for_a_question_nobody_can_answer(houfeng, kept, options):
    assert houfeng("catalogue", kept, *options)[0] == 2


def test_4_for_a_catalogue_that_is_not_there(houfeng, tmp_path):
    code, _, said = houfeng("catalogue", "gone.sqlite")
    assert code == 4
    assert "gone.sqlite" in said
    assert not (tmp_path / "gone.sqlite").exists()


def test_4_for_a_replay_into_what_is_no_catalogue(houfeng, noise, tmp_path):
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    code, _, said = houfeng("replay", noise, "--catalogue", "notes.txt", "--out", "out")
    assert code == 4
    assert "notes.txt" in said
    assert not (tmp_path / "out").exists()


# --- demo -------------------------------------------------------------------------------------------------------------


BRIEF = """
title = "Two minutes"
seed = 3
start = "2024-01-01T00:00:00Z"
duration_s = 120

[crust]
layer = [
  { top_km = 0, vp_km_s = 5.5, vs_km_s = 3.2, density_kg_m3 = 2600, qs = 180 },
  { top_km = 35, vp_km_s = 8.0, vs_km_s = 4.6, density_kg_m3 = 3300, qs = 180 },
]

[network]
group = [{ prefix = "A", latitude = 30.6, longitude = 114.3, radius_km = 25, stations = 8 }]
instruments = { broadband = 0.5, mems_a = 0.5 }

[[quake]]
at_s = 40
latitude = 30.6
longitude = 114.3
depth_km = 9
magnitude = 4.0
"""


def test_the_demo_plays_what_it_made(houfeng, monkeypatch, tmp_path):
    """Two minutes of it: the hour takes too long here."""
    (tmp_path / "brief.toml").write_text(BRIEF)
    monkeypatch.setattr(demo, "SCENARIO", str(tmp_path / "brief.toml"))
    code, said, _ = houfeng("demo", "--out", "made")
    assert code == 0
    made = {path.name for path in (tmp_path / "made/recording").iterdir()}
    assert made == {"waveforms", "stations.xml", "model.csv", "domains.csv", "arrivals.csv", "truth"}
    assert (tmp_path / "made/results/catalogue.xml").exists()
    assert "made/recording/truth/events.csv" in said
    (line,) = said[said.index("made (UTC)") :].splitlines()[1:2]
    size, kind, *numbers = line.split()[2:]
    assert size == "4.0"
    assert kind in {"ML", "Mw"}
    heard_size, late_s, away_km, deeper_km = map(float, numbers)
    assert heard_size == pytest.approx(4.0, abs=0.5)
    assert abs(late_s) < 0.5
    assert away_km < 3
    assert abs(deeper_km) < 5
    header, row = (tmp_path / "made/recording/truth/events.csv").read_text().splitlines()
    assert header.startswith("event_id,origin_time,latitude,longitude,depth_km,magnitude,magnitude_type")
    assert row.startswith("made_1,2024-01-01T00:00:40.000000Z,30.6,114.3,9.0,4.0,mw")


def test_the_twin_writes_the_same_recording_twice(houfeng, tmp_path):
    (tmp_path / "brief.toml").write_text(BRIEF)
    for out in ("one", "two"):
        code, said, _ = houfeng("twin", "brief.toml", "--out", out)
        assert code == 0
        assert said.startswith("1 quakes, 288,000 samples")
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) >= 9
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


def test_3_for_a_scenario_with_a_wrong_value_and_4_for_one_that_is_not_there(houfeng, tmp_path):
    (tmp_path / "brief.toml").write_text(BRIEF.replace("magnitude = 4.0", "magnitude = 40"))
    code, _, said = houfeng("twin", "brief.toml")
    assert code == 3
    assert "magnitude" in said
    assert houfeng("twin", "nowhere")[0] == 4
