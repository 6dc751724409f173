"""The table of shaking: its columns, and what is not known left empty."""

import csv
import io

from houfeng.wire.shaking_csv import COLUMNS, write_shaking_csv
from houfeng.words.shaking import ComponentMotion, StationShaking
from houfeng.words.source import SourceId

NAN = float("nan")


def a_station(key="XX.A", location="", clipped="", **values):
    measured = "distance_m pga_mps2 pgv_mps pgd_m psa03_mps2 psa10_mps2 psa30_mps2 arias_mps duration_s csis jma mmi"
    known = dict.fromkeys(measured.split(), NAN)
    network, _, station = key.partition(".")
    component = ComponentMotion(SourceId(network, station, location, "HNZ"), 1.0, 0.1, 0.01, clipped)
    return StationShaking(
        station_key=key,
        location=location,
        latitude_deg=30.0,
        longitude_deg=114.0,
        components=(component,),
        **{**known, **values},
    )


def _rows(stations):
    return list(csv.DictReader(io.StringIO(write_shaking_csv(stations).decode())))


def test_columns_are_those_documented():
    asked = "network station location pga_mps2 pgv_mps pgd_m psa03_mps2 psa10_mps2 psa30_mps2"
    asked += " arias_mps csis jma mmi clipped"
    assert tuple(asked.split()) == COLUMNS
    assert write_shaking_csv([]).decode() == ",".join(COLUMNS) + "\n"


def test_values_come_back_and_unknown_ones_are_empty():
    (row,) = _rows([a_station(location="10", pga_mps2=1.4191205, mmi=5.649)])
    assert (row["network"], row["station"], row["location"]) == ("XX", "A", "10")
    assert float(row["pga_mps2"]) == 1.4191
    assert row["mmi"] == "5.6"
    assert row["jma"] == row["pgd_m"] == ""
    assert row["clipped"] == "no"


def test_a_clipped_channel_marks_its_sensor():
    assert [row["clipped"] for row in _rows([a_station(), a_station(clipped="flat")])] == ["no", "yes"]


def test_codes_are_no_formulas():
    (row,) = _rows([a_station(key="-X.-1")])
    assert (row["network"], row["station"]) == ("'-X", "'-1")
