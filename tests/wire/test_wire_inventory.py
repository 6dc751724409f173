"""Station metadata: every format the data sets hold, responses against evalresp, and how files are joined."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.inventory import ReadInventory, merge_inventories, read_inventory
from houfeng.wire.response import motion_units, response_from_obspy
from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory, Response, Station

OBSPY_OUTPUT = {"m": "DISP", "m/s": "VEL", "m/s2": "ACC"}


def read(folder, *parts):
    path = folder.joinpath(*parts)
    return read_inventory(path.read_bytes(), path.name)


# Laws.

codes = st.text("ABCXYZ019", min_size=1, max_size=5)
rows = st.lists(
    st.tuples(
        st.text("ABXY1", max_size=2),
        codes,
        st.floats(-90, 90).map(lambda value: round(value, 6)),
        st.floats(-180, 180).map(lambda value: round(value, 6)),
        st.floats(-11_000, 8_900).map(lambda value: round(value, 1)),
        st.sets(st.text("abc:G7", min_size=1, max_size=6), max_size=3),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[1],
)


@given(rows)
def test_a_station_csv_reads_back_as_what_was_written(table):
    lines = ["network,station,latitude,longitude,elevation_m,notes,domains"]
    lines += [f'{n},{s},{la!r},{lo!r},{el!r},"a, note",{";".join(sorted(d))}' for n, s, la, lo, el, d in table]
    result = read_inventory("\n".join(lines).encode(), "stations.csv")
    assert result.findings == ()
    assert [
        (s.network, s.code, s.latitude_deg, s.longitude_deg, s.elevation_m, s.domains) for s in result.stations
    ] == [(n, s, la, lo, el, frozenset(d)) for n, s, la, lo, el, d in table]


@given(rows, st.randoms(use_true_random=False))
def test_joining_a_file_with_itself_or_line_by_line_changes_nothing(table, random):
    whole = ReadInventory(tuple(Station(n, s, la, lo, el, domains=frozenset(d)) for n, s, la, lo, el, d in table))
    once = merge_inventories([whole])
    assert merge_inventories([whole, whole]) == once
    parts = [ReadInventory((station,)) for station in whole.stations]
    random.shuffle(parts)
    assert set(merge_inventories(parts).stations) == set(once.stations)


@given(st.floats(0.2, 400.0), st.floats(0.1, 1.0), st.floats(1e3, 1e10))
def test_poles_in_hertz_and_in_radians_mean_the_same(corner_hz, damping, sensitivity):
    def inventory_response(form, factor):
        pole = corner_hz * factor * complex(-damping, np.sqrt(1 - damping**2))
        stage = obspy.core.inventory.PolesZerosResponseStage(
            1, sensitivity, corner_hz, "M/S", "COUNTS", form, corner_hz, [0, 0], [pole, pole.conjugate()], 1.0
        )
        return response_from_obspy(obspy.core.inventory.Response(response_stages=[stage]))[0]

    frequencies = np.geomspace(corner_hz / 100, corner_hz * 100, 21)
    hertz = inventory_response("LAPLACE (HERTZ)", 1.0).at(frequencies)
    radians = inventory_response("LAPLACE (RADIANS/SECOND)", 2 * np.pi).at(frequencies)
    np.testing.assert_allclose(hertz, radians, rtol=1e-9)


# Units.


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("M/S", ("m/s", 1.0)),
        ("m/s", ("m/s", 1.0)),
        ("M/S**2", ("m/s2", 1.0)),
        ("m/s^2", ("m/s2", 1.0)),
        ("M/(S**2)", ("m/s2", 1.0)),
        ("M/S/S", ("m/s2", 1.0)),
        ("M/SEC**2", ("m/s2", 1.0)),
        ("NM/S", ("m/s", 1e-9)),
        ("nm", ("m", 1e-9)),
        ("CM/S**2", ("m/s2", 1e-2)),
        ("gal", ("m/s2", 1e-2)),
        ("M", ("m", 1.0)),
        ("M/S - Velocity in Meters Per Second", ("m/s", 1.0)),
        ("PA", None),
        ("V", None),
        ("COUNTS", None),
        ("M/M", None),
        ("rad/s", None),
        ("", None),
        (None, None),
    ],
)
def test_units_of_motion(text, meaning):
    assert motion_units(text) == meaning


def test_nanometres_per_second_are_turned_into_metres():
    sensitivity = obspy.core.inventory.InstrumentSensitivity(2.0, 1.0, "NM/S", "COUNTS")
    response, reason = response_from_obspy(obspy.core.inventory.Response(instrument_sensitivity=sensitivity))
    assert reason == ""
    assert (response.input_units, response.sensitivity) == ("m/s", pytest.approx(2e9))


def test_without_a_stated_sensitivity_the_stage_gains_are_multiplied():
    sensor = obspy.core.inventory.PolesZerosResponseStage(
        1, 100.0, 5.0, "M/S", "V", "LAPLACE (RADIANS/SECOND)", 5.0, [0j, 0j], [-4.4 + 4.4j, -4.4 - 4.4j], 1.0
    )
    digitiser = obspy.core.inventory.CoefficientsTypeResponseStage(
        2, 4e5, 0.0, "V", "COUNTS", "DIGITAL", numerator=[1.0], denominator=[]
    )
    response, _ = response_from_obspy(obspy.core.inventory.Response(response_stages=[sensor, digitiser]))
    assert response.sensitivity == pytest.approx(4e7)
    assert response.sensitivity_hz == 5.0
    assert abs(response.at(np.array([5.0]))[0]) == pytest.approx(4e7)


# Responses against ObsPy's evalresp, which works through every stage.


def stated_and_computed(channel):
    gains = [stage.stage_gain for stage in channel.response.response_stages]
    if any(gain is None for gain in gains):  # then only the stated one exists
        return 1.0
    return channel.response.instrument_sensitivity.value / float(np.prod(gains))


@pytest.mark.parametrize("dataset", ["pleasanthill_2019", "antilles_2010", "hawaii_clipped_2019"])
def test_responses_agree_with_evalresp(houfeng_data, dataset):
    """Within 2 % below half of Nyquist where a file agrees with itself; its own contradiction comes on top.

    The FIR filters of one network of antilles_2010 are not flat (2.5 % at half of Nyquist) and its stated sensitivities
    are 1 % below its stage gains: there 5 %.
    """
    checked = 0
    for path in sorted((houfeng_data / dataset / "stations").glob("*.xml")):
        ours = Inventory(read_inventory(path.read_bytes(), path.name).stations)
        for network in obspy.read_inventory(path):
            for station in network:
                for channel in station:
                    source = SourceId(network.code, station.code, channel.location_code, channel.code)
                    response = ours.channel(source, channel.start_date.ns).response
                    frequencies = np.linspace(0.01, 0.25, 8) * channel.sample_rate
                    full = channel.response.get_evalresp_response_for_frequencies(
                        frequencies, output=OBSPY_OUTPUT[response.input_units]
                    )
                    error = np.max(np.abs(np.abs(response.at(frequencies)) / np.abs(full) - 1))
                    assert error < (0.02 if abs(stated_and_computed(channel) - 1) < 0.005 else 0.05), (source, error)
                    checked += 1
    assert checked >= 18


def test_resp_files_give_responses_without_coordinates(houfeng_data):
    result = read(houfeng_data, "nz_alpinefault_2013a", "stations", "RESP.WZ01.ZT")
    (station,) = result.stations
    assert (station.key, station.latitude_deg, station.longitude_deg, station.elevation_m) == ("ZT.WZ01", None, None, 0)
    velocity = next(channel for channel in station.channels if channel.source.channel == "ELZ")
    assert velocity.source == SourceId("ZT", "WZ01", "", "ELZ")
    assert velocity.rate_hz == 100.0
    assert velocity.start_ns == parse_instant("2012-01-18T04:00:00")
    assert velocity.response.input_units == "m/s"
    assert velocity.response.sensitivity == pytest.approx(1.74992e9, rel=1e-4)


def test_dataless_seed():
    path = Path(obspy.__path__[0], "io", "xseed", "tests", "data", "dataless.seed.BW_RJOB")
    result = read_inventory(path.read_bytes(), path.name)
    assert {station.key for station in result.stations} == {"BW.RJOB"}
    assert result.stations[0].latitude_deg == pytest.approx(47.737167)
    assert all(c.response.input_units == "m/s" for s in result.stations for c in s.channels)


# Every station file of the data sets, against its stations.csv.


@pytest.mark.parametrize(
    ("dataset", "file", "tolerance_deg"),
    [
        ("dprk_2017_explosion", "stations_as_published.txt", 1e-9),
        ("dprk_2017_explosion", "stations_derived.xml", 1e-9),
        ("locate_alaska_2018", "station_coordinates.txt", 1e-9),
        ("iceland_dyke_2014", "stations_derived.xml", 1e-9),
        ("nz_alpinefault_2013a", "stations_derived.xml", 1e-6),
        ("openeew_mexico_a", "stations_derived.xml", 1e-9),
        ("antilles_2010", "inventory.xml", 1e-6),
    ],
)
def test_other_station_files_say_the_same_as_stations_csv(houfeng_data, dataset, file, tolerance_deg):
    table = {station.key: station for station in read(houfeng_data, dataset, "stations", "stations.csv").stations}
    other = {station.key: station for station in read(houfeng_data, dataset, "stations", file).stations}
    assert other.keys() == table.keys()
    for key, station in other.items():
        assert station.latitude_deg == pytest.approx(table[key].latitude_deg, abs=tolerance_deg)
        assert station.longitude_deg == pytest.approx(table[key].longitude_deg, abs=tolerance_deg)
        assert station.elevation_m == pytest.approx(table[key].elevation_m, abs=5.0)  # sensor depths come off


def test_seisan_station_file_agrees_with_the_csv_made_from_it(houfeng_data):
    table = read(houfeng_data, "nz_alpinefault_2013a", "stations", "stations.csv").stations
    seisan = {s.code: s for s in read(houfeng_data, "nz_alpinefault_2013a", "stations", "STATION0.HYP").stations}
    shared = [station for station in table if station.code in seisan]
    assert len(shared) >= 19
    for station in shared:
        assert seisan[station.code].latitude_deg == pytest.approx(station.latitude_deg, abs=2e-6)
        assert seisan[station.code].longitude_deg == pytest.approx(station.longitude_deg, abs=2e-6)
        assert seisan[station.code].elevation_m == station.elevation_m


def test_device_list_in_json(houfeng_data):
    path = houfeng_data / "openeew_mexico_a" / "stations" / "device_locations.json"
    result = read_inventory(path.read_bytes(), path.name)
    stations = {station.code: station for station in result.stations}
    assert len(stations) == len({item["device_id"] for item in json.loads(path.read_text())})
    assert (stations["004"].latitude_deg, stations["004"].longitude_deg) == (16.35, -98.05)


def test_fdsn_station_text():
    text = (
        "#Network | Station | Latitude | Longitude | Elevation | SiteName | StartTime | EndTime\n"
        "TA|A04A|48.7197|-122.707|23.0|Legoe Bay, Lummi Island, WA, USA|2004-09-19T00:00:00|2008-02-19T23:59:59\n"
        "TA|A05A|48.9985|-122.087|22.0|Maple Falls, WA, USA|2004-09-19T00:00:00|2599-12-31T23:59:59\n"
    )
    closed, still_open = read_inventory(text.encode(), "station.txt").stations
    assert (closed.key, closed.latitude_deg, closed.elevation_m) == ("TA.A04A", 48.7197, 23.0)
    assert closed.end_ns == parse_instant("2008-02-19T23:59:59")
    assert still_open.end_ns is None


def test_fdsn_channel_text_gives_flat_responses():
    text = (
        "#Network | Station | Location | Channel | Latitude | Longitude | Elevation | Depth | Azimuth | Dip | "
        "SensorDescription | Scale | ScaleFreq | ScaleUnits | SampleRate | StartTime | EndTime\n"
        "AK|BAGL||BHE|60.4896|-142.0915|1470.0|2.0|90.0|0.0|T120P|1.50933E9|0.2|M/S|50.0|2013-01-01T00:00:00|\n"
        "AK|BAGL||BHZ|60.4896|-142.0915|1470.0|2.0|0.0|-90.0|T120P|1.50933E9|0.2|M/S|50.0|2013-01-01T00:00:00|\n"
    )
    (station,) = read_inventory(text.encode(), "channel.txt").stations
    assert station.elevation_m == 1468.0
    assert [channel.source.channel for channel in station.channels] == ["BHE", "BHZ"]
    assert station.channels[0].response == Response("m/s", 1.50933e9, 0.2)


def test_a_bad_line_is_left_out_and_said():
    lines = ["network,station,latitude,longitude,elevation_m,notes", "NZ,GOOD,-43,170,10,", "NZ,BAD,-143,170,10,"]
    text = "\n".join([*lines, "NZ,WORSE,x,1,1,"])
    result = read_inventory(text.encode(), "stations.csv")
    assert [station.code for station in result.stations] == ["GOOD"]
    assert [(finding.station, finding.file) for finding in result.findings] == [
        ("NZ.BAD", "stations.csv"),
        ("NZ.WORSE", "stations.csv"),
    ]
    assert "143" in result.findings[0].reason


def test_end_dates_beyond_what_nanoseconds_can_say_are_open(houfeng_data):
    stations = read(houfeng_data, "stationxml_quakeml_a", "stationxml", "p_421.xml").stations
    assert stations[0].end_ns is None
    assert stations[0].start_ns == parse_instant("1972-01-03")


def test_sensor_depth_is_taken_off_the_elevation(houfeng_data):
    (station,) = read(houfeng_data, "stationxml_quakeml_a", "stationxml_fdsn_examples", "overview_example.xml").stations
    assert station.elevation_m == pytest.approx(1820 - 188)


def test_large_inventories_are_read(houfeng_data):
    for parts in (("pleasanthill_2019", "stations", "BK.BRIB.xml"), ("antilles_2010", "stations", "inventory.xml")):
        data = houfeng_data.joinpath(*parts).read_bytes()
        assert read_inventory(data, parts[-1]).stations


# Joining.

OLD, NEW = parse_instant("2010-01-01"), parse_instant("2020-01-01")
VELOCITY = Response("m/s", 1e9, 1.0)


def channel(start_ns=None, end_ns=None, response=None, network="NZ"):
    return Channel(SourceId(network, "AAA", "10", "HHZ"), start_ns, end_ns, 100.0, response=response)


def test_coordinates_and_responses_from_two_files_meet():
    csv = ReadInventory((Station("NZ", "AAA", -43.0, 170.0, 12.0, domains=frozenset({"gateway:G7"})),))
    resp = ReadInventory((Station("NZ", "AAA", None, None, channels=(channel(OLD, NEW, VELOCITY),)),))
    for parts in ([csv, resp], [resp, csv]):
        (station,) = merge_inventories(parts).stations
        assert (station.latitude_deg, station.elevation_m) == (-43.0, 12.0)
        assert station.channels[0].response == VELOCITY
        assert station.domains == {"gateway:G7"}


def test_a_line_without_dates_serves_every_epoch():
    epochs = ReadInventory(
        (Station("NZ", "AAA", None, None, 0.0, OLD, NEW), Station("NZ", "AAA", None, None, 0.0, NEW))
    )
    csv = ReadInventory((Station("NZ", "AAA", -43.0, 170.0, 12.0),))
    joined = merge_inventories([epochs, csv]).stations
    assert [(s.start_ns, s.end_ns, s.latitude_deg) for s in joined] == [(OLD, NEW, -43.0), (NEW, None, -43.0)]


def test_a_station_without_network_joins_the_only_one_of_its_code():
    csv = ReadInventory((Station("", "AAA", -43.0, 170.0, 12.0),))
    resp = ReadInventory((Station("NZ", "AAA", None, None, channels=(channel(response=VELOCITY),)),))
    (station,) = merge_inventories([csv, resp]).stations
    assert (station.key, station.latitude_deg) == ("NZ.AAA", -43.0)


def test_a_station_without_network_is_not_given_one_of_two():
    parts = [ReadInventory((Station(network, "AAA", -43.0, 170.0),)) for network in ("", "NZ", "AF")]
    assert {station.key for station in merge_inventories(parts).stations} == {".AAA", "NZ.AAA", "AF.AAA"}


def test_contradicting_positions_keep_the_first_and_say_so():
    first = ReadInventory((Station("NZ", "AAA", -43.0, 170.0),))
    second = ReadInventory((Station("NZ", "AAA", -43.02, 170.0),))
    result = merge_inventories([first, second])
    assert result.stations[0].latitude_deg == -43.0
    (finding,) = result.findings
    assert (finding.kind, finding.station) == ("position-conflict", "NZ.AAA")
    assert "2.2 km" in finding.reason


def test_contradicting_sensitivities_keep_the_first_and_say_so():
    parts = [
        ReadInventory((Station("NZ", "AAA", -43.0, 170.0, channels=(channel(response=response),)),))
        for response in (VELOCITY, Response("m/s", 2e9, 1.0))
    ]
    result = merge_inventories(parts)
    assert result.stations[0].channels[0].response == VELOCITY
    assert [finding.kind for finding in result.findings] == ["response-conflict"]


def test_a_channel_epoch_with_a_response_is_found_before_one_without():
    bare = ReadInventory((Station("NZ", "AAA", -43.0, 170.0, channels=(channel(),)),))
    full = ReadInventory((Station("NZ", "AAA", None, None, channels=(channel(OLD, NEW, VELOCITY),)),))
    inventory = Inventory(merge_inventories([bare, full]).stations)
    source = SourceId("NZ", "AAA", "10", "HHZ")
    assert inventory.channel(source, (OLD + NEW) // 2).response == VELOCITY
    assert inventory.channel(source, NEW + 1).response is None


def test_the_data_sets_own_files_join(houfeng_data):
    folder = houfeng_data / "nz_alpinefault_2013a" / "stations"
    files = ["stations.csv", "stations_derived.xml", "RESP.NZ.GCSZ.10.EHZ", "RESP.WZ01.ZT"]
    result = merge_inventories([read_inventory((folder / file).read_bytes(), file) for file in files])
    stations = {station.key: station for station in result.stations}
    assert not [finding for finding in result.findings if finding.kind == "position-conflict"]
    assert stations["NZ.GCSZ"].latitude_deg == pytest.approx(-43.316)
    assert any(channel.response is not None for channel in stations["NZ.GCSZ"].channels)


# Refusals.


@pytest.mark.parametrize("data", [b"", b" \n\n", b"\x00\x01\x02\xff", b"hello", b"<html></html>", b"[1, 2]", b"{"])
def test_what_is_no_inventory_is_a_data_fault_naming_the_file(data):
    with pytest.raises(DataFault) as caught:
        read_inventory(data, "some.file")
    assert caught.value.subject == "some.file"
    assert caught.value.reason
    assert caught.value.remedy


def test_reading_warns_of_nothing(houfeng_data):
    """What ObsPy mends by itself is either a finding or nobody's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(houfeng_data, "pleasanthill_2019", "stations", "BK.BRIB.xml")


def test_stationxml_reads_as_obspy_reads_it(houfeng_data):
    data = (houfeng_data / "stationxml_quakeml_a" / "bingham" / "inventory.xml").read_bytes()
    ours = Inventory(read_inventory(data, "inventory.xml").stations)
    count = 0
    for network in obspy.read_inventory(io.BytesIO(data)):
        for station in network:
            for item in station:
                source = SourceId(network.code, station.code, item.location_code, item.code)
                found = ours.channel(source, item.start_date.ns)
                assert (found.rate_hz, found.azimuth_deg, found.dip_deg) == (item.sample_rate, item.azimuth, item.dip)
                count += 1
    assert count == 57
