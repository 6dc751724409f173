"""The command line: words, exit codes and messages. tests/shell/test_shell_replay.py plays a recording through it."""

import json
import sys
from importlib.metadata import version

import numpy as np
import pytest
from typer.testing import CliRunner

from houfeng.shell import cli, demo
from houfeng.wire import mseed
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


@pytest.fixture
def houfeng(monkeypatch, capsys, tmp_path):
    """Run the program in an empty folder: exit code, standard output, standard error."""

    def run(*words):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["houfeng", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


# --- help -------------------------------------------------------------------------------------------------------------


def test_version_is_that_of_the_package(houfeng):
    assert houfeng("--version") == (0, f"houfeng {version('houfeng')}\n", "")


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("replay", "-h"), ("locate", "-h"), ("info", "-h")])
def test_help_is_given(houfeng, words):
    code, said, _ = houfeng(*words)
    assert code == 0
    assert "Usage" in said


# --- exit codes, as in docs/reference/exit-codes.md -------------------------------------------------------------------


def test_0_also_when_there_is_no_quake(houfeng, noise, tmp_path):
    code, said, _ = houfeng("replay", noise, "--out", "out")
    assert code == 0
    assert "No quakes." in said
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"catalogue.xml", "picks.csv", "findings.jsonl"}
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


# --- demo -------------------------------------------------------------------------------------------------------------


def test_the_demo_plays_what_it_made(houfeng, monkeypatch, tmp_path):
    """Two minutes of it: the hour takes too long here."""

    def brief(model, *, seed, start_ns):
        return whole(model, seed=seed, start_ns=start_ns, stations=6, duration_s=120)

    whole = demo.make_hour
    monkeypatch.setattr(demo, "make_hour", brief)
    code, said, _ = houfeng("demo", "--out", "made")
    assert code == 0
    made = {path.name for path in (tmp_path / "made/recording").iterdir()}
    assert made == {"hour.mseed", "stations.csv", "model.csv", "truth.csv"}
    assert (tmp_path / "made/results/catalogue.xml").exists()
    assert "made/recording/truth.csv" in said
    header, *rows = (tmp_path / "made/recording/truth.csv").read_text().splitlines()
    assert header == "event_id,origin_time,latitude,longitude,depth_km,magnitude"
    assert len(rows) == 5
