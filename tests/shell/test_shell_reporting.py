"""The report of a replay: tables, map and page of the largest quake."""

import csv
import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from made_quake import a_quake

from houfeng.quake.hearing import Portrait
from houfeng.quake.network import network_of
from houfeng.shell.replay.reporting import Report, load_places
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.shaking import StationShaking
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

PLACES = "name,latitude,longitude,population\nFar,40.0,-122.0,9\nHere,37.91,-122.01,1200\nNowhere,x,1,2\n"
FAULT = "-122.05 37.85 2\n-121.95 37.95 2\n-121.95 37.95 9\n-122.05 37.85 9\n-122.05 37.85 2\n"


def _shaken(number):
    away_m = 5_000.0 * (number + 1)
    pga = 0.5 / (number + 1)
    return StationShaking(
        station_key=f"XX.S{number}",
        location="00",
        latitude_deg=37.9 + 0.04 * (number + 1),
        longitude_deg=-122.0,
        distance_m=away_m,
        pga_mps2=pga,
        pgv_mps=pga / 20,
        pgd_m=pga / 300,
        psa03_mps2=pga,
        psa10_mps2=pga / 3,
        psa30_mps2=pga / 20,
        arias_mps=0.01,
        duration_s=5.0,
        csis=5.0,
        jma=3.0,
        mmi=5.0,
        components=(),
        refused="clipped, its swings are cut off flat" if number == 3 else "",
    )


SHAKING = tuple(map(_shaken, range(4)))
STATIONS = tuple(Station("XX", f"S{number}", 37.9 + 0.04 * (number + 1), -122.0) for number in range(4))
NETWORK = network_of(Inventory(STATIONS), [SourceId("XX", f"S{number}", "00", "HNZ") for number in range(4)], 0)


def _portrait(quake_id, magnitude, shaking=SHAKING):
    return Portrait(a_quake(quake_id, magnitude=magnitude), MappingProxyType({}), MappingProxyType({}), shaking)


def _reported(folder, *told, **options):
    report = Report(folder, **options)
    for value in (NETWORK, *told):
        report.tell(value)
    report.finish([value.quake for value in told if isinstance(value, Portrait)])
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    places = folder / "places.csv"
    places.write_text(PLACES)
    told = (_portrait("small", 2.0), _portrait("large", 4.5), _portrait("unsized", None))
    finding = Finding("gap", "1.000 s without samples", station="XX.S0.00.HNZ")
    _reported(folder, *told, finding, replace(finding, reason="later"), places=load_places(places).places)
    return folder


def test_the_largest_quake_is_the_one_reported(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h1>ML 4.5 · 37.900° N, 122.000° W</h1>" in page
    assert page.count("data:image/png;base64,") == 6
    assert "ML 2.0" in page  # among the others


def test_findings_are_counted_by_kind_with_the_first_as_example(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<td>gap</td><td>2</td>" in page
    assert "XX.S0.00.HNZ: 1.000 s without samples" in page
    assert "later" not in page


def test_the_table_has_every_sensor(folder):
    rows = list(csv.DictReader((folder / "shaking.csv").open()))
    assert [row["station"] for row in rows] == ["S0", "S1", "S2", "S3"]


def test_the_grid_and_the_contours_say_the_same(folder):
    rows = list(csv.DictReader((folder / "shaking_grid.csv").open()))
    mmi = np.array([float(row["mmi"]) for row in rows])
    drawn = json.loads((folder / "shaking_contours.geojson").read_text())
    levels = [f["properties"]["value"] for f in drawn["features"] if f["properties"]["layer"] == "mmi"]
    assert drawn["type"] == "FeatureCollection"
    assert levels
    assert mmi.min() <= min(levels) <= max(levels) <= mmi.max()


def test_places_are_told_strongest_first_and_bad_lines_found(folder):
    read = load_places(folder / "places.csv")
    assert [place.name for place in read.places] == ["Far", "Here"]
    assert len(read.findings) == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<td>Here</td><td>1200</td>" in page


def test_without_a_size_there_is_no_map_and_the_page_says_why(tmp_path):
    page = _reported(tmp_path, _portrait("unsized", None))
    assert "no magnitude, so no map of shaking" in page
    assert not (tmp_path / "shaking_grid.csv").exists()
    assert len((tmp_path / "shaking.csv").read_text().splitlines()) == 5


def test_without_a_quake_there_is_a_page_that_says_so(tmp_path):
    assert "No earthquake was found" in _reported(tmp_path)
    assert len((tmp_path / "shaking.csv").read_text().splitlines()) == 1


def test_a_page_in_chinese_without_pictures(tmp_path):
    page = _reported(tmp_path, _portrait("large", 4.5), language="zh", pictures=False)
    assert "台站 S3" not in page
    assert "限幅，波峰被削平" in page
    assert "data:image" not in page


def test_the_outline_of_a_rupture_changes_the_map(tmp_path):
    outline = tmp_path / "fault.txt"
    outline.write_text(FAULT)
    _reported(tmp_path, _portrait("large", 6.5), pictures=False)
    point = (tmp_path / "shaking_grid.csv").read_bytes()
    _reported(tmp_path, _portrait("large", 6.5), pictures=False, fault=outline)
    assert (tmp_path / "shaking_grid.csv").read_bytes() != point


def test_an_outline_that_makes_no_sense_leaves_no_map_and_the_page_says_why(tmp_path):
    wrong = tmp_path / "fault.txt"
    wrong.write_bytes(b"\xff\xfe\x00")
    page = _reported(tmp_path, _portrait("large", 6.5), pictures=False, fault=wrong)
    assert "No map of shaking could be made: " in page
    assert not (tmp_path / "shaking_grid.csv").exists()


def test_files_that_are_not_what_they_should_be_are_refused(tmp_path):
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataFault):
        load_places(wrong)
    with pytest.raises(WorldFault):
        load_places(tmp_path / "missing")
    with pytest.raises(WorldFault):
        Report(tmp_path, fault=tmp_path / "missing")
