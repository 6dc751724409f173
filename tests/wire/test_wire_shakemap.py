"""ShakeMap station lists: the recorded one, flags, places, and hostile XML."""

import contextlib
import csv
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.shakemap import read_station_list
from houfeng.words.errors import DataFault

QUAKE = '<earthquake lat="38.2" lon="-122.3" mag="6.0"/>'


def amplitudes(pga="1.0", pgv="2.0", flag="0") -> str:
    rest = "".join(f'<{name} value="3.0" flag="0"/>' for name in ("psa03", "psa10", "psa30"))
    return f'<pga value="{pga}" flag="{flag}"/><pgv value="{pgv}" flag="0"/>{rest}'


def station(components, *, lat="38.0", lon="-122.0", code="NC.ABC") -> str:
    inside = "".join(f'<comp name="{name}">{values}</comp>' for name, values in components)
    return f'<station code="{code}" netid="NC" lat="{lat}" lon="{lon}" intensity="4.1">{inside}</station>'


def listed(*stations, quake=QUAKE):
    return read_station_list(
        f"<shakemap-data>{quake}<stationlist>{''.join(stations)}</stationlist></shakemap-data>".encode(), "list"
    )


NORTH, EAST, UP = ("--.HNN", amplitudes("1.0")), ("--.HNE", amplitudes("2.0")), ("--.HNZ", amplitudes("9.0"))


def test_the_larger_horizontal_in_si_units():
    (one,) = listed(station([NORTH, EAST, UP])).stations
    assert (one.station_key, one.location, one.refused) == ("NC.ABC", "", "")
    assert one.pga_mps2 == pytest.approx(0.02 * 9.80665)
    assert one.pgv_mps == pytest.approx(0.02)
    assert one.psa03_mps2 == pytest.approx(0.03 * 9.80665)
    assert one.mmi == 4.1
    assert one.distance_m == pytest.approx(34_400, rel=0.01)
    assert len(one.components) == 3


def test_a_flag_takes_its_measure_from_the_station_and_no_other():
    (one,) = listed(station([("--.HNN", amplitudes("9.0", flag="T")), EAST])).stations
    assert math.isnan(one.pga_mps2)
    assert one.pgv_mps > 0
    assert one.refused == ""


@pytest.mark.parametrize(
    ("components", "place", "why"),
    [
        ([NORTH, UP], {}, "two horizontal"),
        ([UP], {}, "two horizontal"),
        ([("HN1", amplitudes()), ("HN2", amplitudes()), ("HN3", amplitudes())], {}, "two horizontal"),
        ([NORTH, EAST], {"lat": "0", "lon": "0"}, "where it stands"),
        ([NORTH, EAST], {"lat": "nan"}, "where it stands"),
        ([NORTH, EAST], {"lat": "91"}, "where it stands"),
        ([NORTH, EAST], {"lat": ""}, "where it stands"),
        ([("HNN", '<pga value="1" flag="G"/>'), ("HNE", '<pga value="1" flag="0"/>')], {}, "flagged G"),
        ([("HNN", '<pga value="0"/>'), ("HNE", '<pga value="-3"/>')], {}, "no peaks"),
        ([("HNN", ""), ("HNE", "")], {}, "no peaks"),
    ],
    ids=range(10),
)
def test_what_cannot_count_is_refused_and_says_why(components, place, why):
    (one,) = listed(station(components, **place)).stations
    assert why in one.refused


def test_three_components_of_which_two_are_named_north_and_east():
    (one,) = listed(station([NORTH, EAST, ("--.HNU", amplitudes("7.0"))])).stations
    assert one.refused == ""
    assert one.pga_mps2 == pytest.approx(0.02 * 9.80665)


def test_oddities_are_findings():
    told = listed(
        station([NORTH, EAST]),
        station([NORTH, EAST]),
        station([("a b.c*d", amplitudes())], code="NC.X"),
        station([], code="NC.Y", lat="x"),
    )
    assert [finding.kind for finding in told.findings] == [
        "repeated-station",
        "bad-name",
        "no-peaks",
        "no-place",
        "no-peaks",
    ]
    assert len(told.stations) == 1


def test_a_list_without_its_quake_has_no_distances():
    told = listed(station([NORTH, EAST]), quake="")
    assert told.epicentre is None
    assert told.magnitude is None
    assert math.isnan(told.stations[0].distance_m)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a/>",
        b"<shakemap-data>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><stationlist><station code="&b;"/></stationlist>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><stationlist/>',
    ],
    ids=["empty", "other", "cut", "entity", "outside"],
)
def test_what_is_no_station_list_is_a_data_fault(data):
    with pytest.raises(DataFault):
        read_station_list(data, "list")


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_any_text_in_attributes_is_a_station_or_a_finding(name, value, place):
    from xml.sax.saxutils import escape

    with contextlib.suppress(DataFault):
        quoted = [escape(text, {'"': "&quot;"}) for text in (name, value, place)]
        told = listed(station([(quoted[0], amplitudes(quoted[1]))], lat=quoted[2]))
        assert len(told.stations) <= 1


def test_the_recorded_list_is_the_table_made_from_it(houfeng_data):
    folder = houfeng_data / "napa_2014_shakemap"
    told = read_station_list((folder / "shakemap" / "stationlist.xml").read_bytes(), "stationlist.xml")
    assert told.epicentre == (38.2152, -122.3123)
    assert told.magnitude == 6.0
    assert told.findings == ()
    by_key = {one.station_key: one for one in told.stations}
    with (folder / "truth" / "stationlist.csv").open(newline="", encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if not row["component"].endswith("Z")]
    assert {row["station"] for row in rows} <= set(by_key)
    for row in rows:
        one = by_key[row["station"]]
        assert one.latitude_deg == float(row["lat"])
        if row["flags"] == "0" and one.pga_mps2 == one.pga_mps2:
            assert one.pga_mps2 >= float(row["pga_pctg"]) * 0.0980665 - 1e-12
        if row["flags"] != "0":
            assert math.isnan(one.pga_mps2)
    assert sum(one.refused == "" for one in told.stations) > 700
