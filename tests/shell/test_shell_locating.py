"""Locating from picks in a file, from the command line."""

import json

import numpy as np
import obspy
import obspy.geodetics
import pytest
from typer.testing import CliRunner

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.shell.cli.main import app
from houfeng.shell.demo import CRUST_CSV
from houfeng.shell.locating import locate_file
from houfeng.shell.replay.replay import load_inventory, load_model
from houfeng.wire.model import read_velocity_model
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import format_instant, parse_instant, seconds_to_ns

ORIGIN_NS = parse_instant("2024-01-01T00:00:00Z")
PLACE_DEG, DEPTH_M = (30.6, 114.3), 9_000.0
OFFSETS_DEG = {"AAA": (0.2, 0.1), "BBB": (-0.15, 0.2), "CCC": (0.05, -0.3), "DDD": (-0.25, -0.1), "EEE": (0.1, 0.02)}


@pytest.fixture
def files(tmp_path):
    """Exact P and S times of one quake at five stations, the stations, and the Earth they were made in."""
    model = read_velocity_model(CRUST_CSV, "crust")
    times = TravelTimes(
        model, max_distance_m=100e3, min_depth_m=-1e3, max_depth_m=40e3, elevations_m=np.zeros(len(OFFSETS_DEG))
    )
    stations, picks = ["network,station,latitude,longitude,elevation_m"], ["network,station,phase,time,uncertainty_s"]
    for code, (north, east) in OFFSETS_DEG.items():
        place = (PLACE_DEG[0] + north, PLACE_DEG[1] + east)
        stations.append(f"XX,{code},{place[0]},{place[1]},0")
        away_m = np.array([float(distance_m(*PLACE_DEG, *place))])
        for phase in ("P", "S"):
            travel_s = float(times.seconds(phase, away_m, np.array([DEPTH_M]), np.array([0.0]))[0])
            picks.append(f"XX,{code},{phase},{format_instant(ORIGIN_NS + seconds_to_ns(travel_s))},0.05")
    for name, lines in (("stations.csv", stations), ("picks.csv", picks)):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    (tmp_path / "model.csv").write_bytes(CRUST_CSV)
    return tmp_path


def run(folder, *, picks="picks.csv", stations="stations.csv", model=("--model", "model.csv")):
    """Run locate on files of a folder; findings and catalogue are in its folder "out"."""
    words = ["locate", folder / picks, "--stations", folder / stations, "--out", folder / "out"]
    options = [folder / word if word.endswith(".csv") else word for word in model]
    return CliRunner().invoke(app, [str(word) for word in (*words, *options)])


def away_km(origin, latitude, longitude):
    return obspy.geodetics.gps2dist_azimuth(origin.latitude, origin.longitude, latitude, longitude)[0] / 1000


def test_exact_picks_are_located_where_they_came_from(files):
    result = run(files)
    assert result.exit_code == 0
    (event,) = obspy.read_events(str(files / "out/catalogue.xml"))
    origin = event.preferred_origin()
    assert away_km(origin, *PLACE_DEG) < 1.0
    assert abs(origin.depth - DEPTH_M) < 2_000
    assert abs(origin.time.ns - ORIGIN_NS) < 0.2e9
    assert len(origin.arrivals) == 10
    assert (files / "out/findings.jsonl").read_text() == ""


def test_a_catalogue_written_here_is_read_again(files):
    """The picks within the QuakeML that locate wrote give the same place."""
    assert run(files).exit_code == 0
    (files / "out/catalogue.xml").rename(files / "again.xml")
    first = obspy.read_events(str(files / "again.xml"))[0].preferred_origin()
    assert run(files, picks="again.xml").exit_code == 0
    second = obspy.read_events(str(files / "out/catalogue.xml"))[0].preferred_origin()
    assert away_km(first, second.latitude, second.longitude) < 0.5


def test_a_station_without_coordinates_is_left_out_and_told(files):
    lines = (files / "stations.csv").read_text().splitlines()
    (files / "stations.csv").write_text("\n".join(line for line in lines if ",EEE," not in line) + "\n")
    assert run(files).exit_code == 0
    told = [json.loads(line) for line in (files / "out/findings.jsonl").read_text().splitlines()]
    assert [(finding["kind"], finding["station"]) for finding in told] == [("no-coordinates", "XX.EEE")]
    assert "2 picks" in told[0]["reason"]
    (event,) = obspy.read_events(str(files / "out/catalogue.xml"))
    assert len(event.preferred_origin().arrivals) == 8


def test_a_default_model_is_said(files):
    assert run(files, model=()).exit_code == 0
    assert b"default velocity model" in (files / "out/catalogue.xml").read_bytes()


def test_too_few_picks_are_a_fault_told_in_the_findings(files):
    lines = (files / "picks.csv").read_text().splitlines()
    (files / "few.csv").write_text("\n".join(lines[:2]) + "\n")
    result = run(files, picks="few.csv")
    assert isinstance(result.exception, DataFault)
    (line,) = (files / "out/findings.jsonl").read_text().splitlines()
    assert json.loads(line)["kind"] == "not-located"


@pytest.mark.parametrize("text", ["", "hello\n", "network,station,phase,time\n"], ids=["empty", "prose", "header"])
def test_a_file_without_picks_is_a_fault_of_the_data(files, text):
    (files / "none.csv").write_text(text)
    with pytest.raises(DataFault):
        locate_file(files / "none.csv", load_inventory([]), load_model(None), defaulted=True)


def test_no_known_station_is_a_fault_that_asks_for_stations(files):
    with pytest.raises(DataFault, match="--stations"):
        locate_file(files / "picks.csv", load_inventory([]), load_model(None), defaulted=True)


def test_alaska_2018_from_the_phase_file(houfeng_data, tmp_path):
    folder = houfeng_data / "locate_alaska_2018"
    (picks,) = (folder / "picks").glob("*.obs")
    words = ["locate", picks, "--stations", folder / "stations/stations.csv"]
    words += ["--model", folder / "stations/velocity_model.csv", "--out", tmp_path]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0
    events = obspy.read_events(str(tmp_path / "catalogue.xml"))
    assert len(events) == 7
    main = events[0].preferred_origin()
    assert away_km(main, 61.335856, -149.948920) < 5  # NonLinLoc's place: truth/events.csv
    assert abs(main.time - obspy.UTCDateTime("2018-11-30T17:29:29.07")) < 1
