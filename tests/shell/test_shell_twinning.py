"""Scenarios on the disk: complete, the same twice, and heard by the centre."""

import csv
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from houfeng.quake.detect.picker import AicPicker
from houfeng.shell import twinning
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import Setup, load_inventory, load_model, replay
from houfeng.shell.twinning import load_scenario, write_recording
from houfeng.twin.digitiser import Transport
from houfeng.twin.faults import Fault
from houfeng.wire import mseed
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import NS_PER_S, parse_instant

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "twin"))  # the same small scenario
from small_scenario import SMALL


@pytest.fixture(scope="module")
def toml(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenario") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def made(toml, tmp_path_factory):
    scenario = load_scenario(str(toml))
    return write_recording(replace(scenario, transport=Transport(loss=0.02)), tmp_path_factory.mktemp("made"))


def content(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_recording_has_all_its_parts(made):
    folder = made.stations.parent
    assert set(content(folder)) == {
        "waveforms/0000.mseed", "stations.xml", "model.csv", "domains.csv", "arrivals.csv",
        "truth/events.csv", "truth/picks.csv", "truth/peaks.csv", "truth/faults.csv",
    }  # fmt: skip
    assert made.truth == folder / "truth/events.csv"
    assert made.samples == 8 * 3 * 24_000


def test_the_same_scenario_writes_the_same_bytes_in_files_of_any_size(made, toml, tmp_path, monkeypatch):
    scenario = replace(load_scenario(str(toml)), transport=Transport(loss=0.02))
    again = write_recording(scenario, tmp_path / "again")
    assert content(tmp_path / "again") == content(made.stations.parent)
    monkeypatch.setattr(twinning, "TO_A_FILE", 3)
    monkeypatch.setattr(twinning, "WORTH_A_PROCESS", 2)
    shares = []
    split = write_recording(scenario, tmp_path / "split", shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    parts = [path.read_bytes() for path in sorted(split.waveforms.iterdir())]
    assert len(parts) == 3
    assert b"".join(parts) == (again.waveforms / "0000.mseed").read_bytes()
    for name in ("events", "picks", "peaks", "faults"):
        assert (tmp_path / f"split/truth/{name}.csv").read_bytes() == (again.truth.parent / f"{name}.csv").read_bytes()


def test_arrivals_lead_to_every_packet_in_the_order_in_which_it_comes(made):
    data = (made.waveforms / "0000.mseed").read_bytes()
    table = rows(made.arrivals)
    assert 0.9 < len(table) / (8 * 3 * 48) < 1.0
    assert [row["arrival_time"] for row in table] == sorted(row["arrival_time"] for row in table)
    pieces = sorted((int(row["offset"]), int(row["length"])) for row in table)
    assert [begin for begin, _ in pieces] == np.cumsum([0, *(length for _, length in pieces)])[:-1].tolist()
    assert sum(length for _, length in pieces) == len(data)
    for row in table[::50]:
        packet = mseed.decode(data[int(row["offset"]) : int(row["offset"]) + int(row["length"])])
        (batch, *_) = packet.batches
        assert batch.channels[0].nslc == row["source"]
        assert batch.start_ns[0] == parse_instant(row["start_time"])
        assert parse_instant(row["arrival_time"]) > batch.start_ns[0] + 5 * NS_PER_S


def test_the_centre_hears_what_was_made_where_it_was_made(made):
    setup = Setup(
        recordings=open_recordings(find_files([str(made.waveforms)]), now_ns=parse_instant("2025-01-01")),
        inventory=load_inventory([str(made.stations)]),
        model=load_model(made.model),
        picker=AicPicker(),
    )
    outcome = replay(setup, on_told=lambda _: None, on_progress=lambda *_: None)
    for quake in made.quakes:
        near = [one for one in outcome.quakes if abs(one.origin.time_ns - quake.time_ns) < NS_PER_S]
        assert len(near) == 1
        assert near[0].magnitude.value == pytest.approx(quake.magnitude, abs=0.5)


def test_faults_are_told(toml, tmp_path):
    scenario = replace(load_scenario(str(toml)), duration_s=20, quakes=(), faults=(Fault("W2", "dead", "Z"),))
    told = write_recording(scenario, tmp_path)
    assert [(row["station"], row["kind"], row["component"]) for row in rows(told.truth.parent / "faults.csv")] == [
        ("W2", "dead", "Z")
    ]
    assert rows(told.truth) == []


def test_names_files_and_neither(toml, tmp_path):
    assert load_scenario("city").title.startswith("A city")
    assert load_scenario(str(toml)).title == "small"
    with pytest.raises(WorldFault, match="choose one of"):
        load_scenario("village")
    with pytest.raises(WorldFault, match=r"village\.toml"):
        load_scenario(str(tmp_path / "village.toml"))
    (tmp_path / "wrong.toml").write_text("seed = 1")
    with pytest.raises(DataFault, match="start is missing"):
        load_scenario(str(tmp_path / "wrong.toml"))


def test_a_disk_that_refuses_is_said(toml, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(WorldFault, match="taken"):
        write_recording(load_scenario(str(toml)), tmp_path / "taken")
