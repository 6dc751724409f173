"""What stations say of the shaking: laws over made records, refusals that name their reason, and real quakes."""

import csv
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.acquire import Recent
from houfeng.quake.shake.station import station_shaking
from houfeng.quake.size.record import Window
from houfeng.wire.inventory import read_inventory
from houfeng.wire.waveforms import read_waveforms, stations_from_waveforms
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Origin
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory, Response, Station

RATE_HZ = 100.0
START_NS = 1_600_000_000 * NS_PER_S
WINDOW = Window(START_NS + 30 * NS_PER_S, START_NS + 35 * NS_PER_S, START_NS + 55 * NS_PER_S)
ACCELEROMETER = Response("m/s2", 2e5, 1.0)
ORIGIN = Origin(
    START_NS + 25 * NS_PER_S, 30.0, 103.0, 1e4, np.eye(3), 0.1, 1e3, (), 90.0, 0.1, 1e4, 5, "A", "", ()
)  # fmt: skip


def shaken(seed, peak_mps2=1.0, offset=300):
    """Counts of an accelerometer: noise, and from 30 s a burst of 1 to 4 Hz."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(0, 60, 1 / RATE_HZ)
    burst = np.clip(time_s - 30, 0, None) * np.exp(-np.clip(time_s - 30, 0, None) / 4)
    swing = sum(rng.normal() * np.sin(2 * np.pi * f * time_s + rng.uniform(0, 6)) for f in (1.0, 1.7, 2.6, 4.0))
    motion = burst * swing
    counts = 2e5 * peak_mps2 * motion / np.abs(motion).max() + rng.normal(0, 3, len(time_s)) + offset
    return np.round(counts).astype(np.int32)


def made(station="AAA", codes=("HNE", "HNN", "HNZ"), location=""):
    return {
        (source := SourceId("XX", station, location, code)): Segment(source, START_NS, RATE_HZ, shaken(seed))
        for seed, code in enumerate(codes)
    }


def inventory_of(records, response=ACCELEROMETER):
    stations = {}
    for source in records:
        stations.setdefault((source.network, source.station), []).append(Channel(source, response=response))
    return Inventory(tuple(Station(*key, 30.1, 103.1, channels=tuple(c)) for key, c in stations.items()))


def asked(records, origin=ORIGIN, inventory=None, window=WINDOW):
    def segments_of(source, start_ns, end_ns):
        run = records[source]
        return [run] if run.start_ns < end_ns and start_ns < run.end_ns else []

    known = inventory_of(records) if inventory is None else inventory
    return station_shaking(origin, tuple(records), known, segments_of, lambda _: window)


def test_a_whole_sensor_says_everything():
    records = made()
    (said,) = asked(records)
    assert (said.station_key, said.location, said.refused) == ("XX.AAA", "", "")
    assert said.distance_m == pytest.approx(14_700, rel=0.01)
    assert said.pga_mps2 == pytest.approx(1.0, rel=0.001)
    values = [v for v in astuple(said) if isinstance(v, float)]
    assert np.isfinite(values).all()
    assert said.pga_mps2 == max(c.pga_mps2 for c in said.components if c.source.component != "Z")
    assert [component.source.channel for component in said.components] == ["HNE", "HNN", "HNZ"]


@settings(deadline=None, max_examples=10)
@given(st.permutations(["AAA", "BBB", "CCC"]))
def test_the_order_of_channels_changes_nothing(order):
    every = {name: made(name) for name in order}
    records = {source: run for name in order for source, run in every[name].items()}
    sensors = asked(records)
    assert [sensor.station_key for sensor in sensors] == ["XX.AAA", "XX.BBB", "XX.CCC"]
    again = asked(dict(sorted(records.items(), reverse=True)))
    assert [repr(sensor) for sensor in again] == [repr(sensor) for sensor in sensors]


def test_neighbours_change_nothing():
    alone = asked(made("BBB"))
    broken = {source: Segment(source, START_NS, RATE_HZ, np.full(6000, np.nan)) for source in made("AAA")}
    together = asked(broken | made("BBB"))
    assert together[0].refused == "a sample is not a number"
    assert repr(together[1:]) == repr(alone)


def test_sensors_of_one_station_each_have_a_row():
    records = made() | made(location="10") | made(codes=("HHE", "HHN", "HHZ"))
    sensors = asked(records)
    assert [(s.location, s.components[0].source.channel[:2]) for s in sensors] == [("", "HH"), ("", "HN"), ("10", "HN")]


def test_without_a_vertical_there_is_no_intensity_of_three_components():
    (said,) = asked(made(codes=("HNE", "HNN")))
    assert np.isnan([said.csis, said.jma]).all()
    assert np.isfinite([said.pga_mps2, said.pgv_mps, said.psa10_mps2, said.mmi]).all()
    assert said.refused == ""


def test_with_a_vertical_alone_nothing_is_said_but_its_own():
    (said,) = asked(made(codes=("HNZ",)))
    assert said.refused == "no horizontal component"
    assert np.isnan(said.pga_mps2)
    assert said.components[0].pga_mps2 == pytest.approx(1.0, rel=0.001)


def test_without_a_response_it_is_refused():
    (said,) = asked(made(), inventory=Inventory())
    assert said.refused == "no response"
    assert said.latitude_deg is None
    assert np.isnan([said.pga_mps2, said.distance_m, said.mmi]).all()


def test_one_horizontal_without_data_makes_a_lower_bound():
    records = made()
    dead = SourceId("XX", "AAA", "", "HNE")
    records[dead] = Segment(dead, START_NS, RATE_HZ, np.full(6000, 7, dtype=np.int32))
    (said,) = asked(records)
    assert said.refused == "does not move"
    assert said.pga_mps2 == pytest.approx(1.0, rel=0.001)


@pytest.mark.parametrize("code", ["HNE", "HNN", "HNZ"])
def test_one_clipped_component_refuses_the_sensor(code):
    records = made()
    source = SourceId("XX", "AAA", "", code)
    records[source] = Segment(source, START_NS, RATE_HZ, np.clip(records[source].samples, -60_000, 60_000))
    (said,) = asked(records)
    assert said.refused.startswith("clipped")
    assert [bool(component.clipped) for component in said.components] == [c == code for c in ("HNE", "HNN", "HNZ")]
    assert said.pga_mps2 > 0


def test_a_record_that_ends_in_the_shaking_is_refused():
    records = {
        source: Segment(source, START_NS, RATE_HZ, run.samples[: int(33.0 * RATE_HZ)]) for source, run in made().items()
    }
    (said,) = asked(records, window=Window(WINDOW.onset_ns, WINDOW.onset_ns + NS_PER_S, WINDOW.end_ns))
    assert said.refused == "ends while the shaking still grows"


def test_components_that_begin_apart_are_lined_up():
    records = made()
    late = SourceId("XX", "AAA", "", "HNN")
    records[late] = Segment(late, START_NS + NS_PER_S // 2, RATE_HZ, records[late].samples[50:])
    (said,), (whole,) = asked(records), asked(made())
    assert (said.jma, said.csis) == (whole.jma, whole.csis)


def test_components_of_different_times_make_no_intensity():
    records = made()
    late = SourceId("XX", "AAA", "", "HNZ")
    records[late] = Segment(late, START_NS + 100 * NS_PER_S, RATE_HZ, records[late].samples)
    (said,) = asked(records, origin=None, window=None)
    assert np.isnan([said.csis, said.jma]).all()
    assert np.isfinite(said.mmi)


def test_a_trigger_record_that_starts_at_p_still_counts():
    records = {
        source: Segment(source, START_NS + 30 * NS_PER_S, RATE_HZ, run.samples[3000:]) for source, run in made().items()
    }
    (said,) = asked(records)
    assert said.refused == ""
    assert said.pga_mps2 == pytest.approx(1.0, rel=0.01)


def test_a_station_without_a_window_is_left_out_unless_no_origin_is_known():
    assert asked(made(), window=None) == ()
    (said,) = asked(made(), origin=None, window=None)
    assert said.pga_mps2 == pytest.approx(1.0, rel=0.001)
    assert np.isnan(said.distance_m)


def test_no_data_is_told():
    records = made()
    said = station_shaking(ORIGIN, tuple(records), inventory_of(records), lambda *_: [], lambda _: WINDOW)
    assert [sensor.refused for sensor in said] == ["no data"]
    said = station_shaking(None, tuple(records), inventory_of(records), lambda *_: [], lambda _: None)
    assert [sensor.refused for sensor in said] == ["no data"]


@settings(deadline=None, max_examples=10)
@given(st.integers(-(10**15), 10**15))
def test_shifting_time_changes_nothing(shift_ns):
    window = Window(WINDOW.onset_ns + shift_ns, WINDOW.s_ns + shift_ns, WINDOW.end_ns + shift_ns)
    moved = {s: Segment(s, run.start_ns + shift_ns, RATE_HZ, run.samples) for s, run in made().items()}
    assert repr(asked(moved, window=window)) == repr(asked(made()))


def heard(folder, pattern, inventory=None):
    """Whole records of a folder as shaking."""
    memory, stations = Recent(3600.0), []
    for path in sorted(folder.glob(pattern)):
        data = path.read_bytes()
        stations.extend(stations_from_waveforms(data, path.name))
        for batch in read_waveforms(data, path.name).batches:
            memory.append(batch)
    known = Inventory(tuple(stations)) if inventory is None else inventory
    return memory, station_shaking(None, memory.channels(), known, memory.segments, lambda _: None)


def rows(path):
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


UNITS = {"acceleration": "pga_mps2", "velocity": "pgv_mps", "displacement": "pgd_m"}


def test_la_habra_has_the_peaks_of_its_agency(houfeng_data):
    folder = houfeng_data / "csmip_lahabra_2014"
    _, (said,) = heard(folder / "waveforms", "*.V2")
    parts = {component.source.component: component for component in said.components}
    for row in rows(folder / "truth" / "header_values.csv"):
        got = getattr(parts[{"90 Deg": "E", "360 Deg": "N", "Up": "Z"}[row["direction"]]], UNITS[row["quantity"]])
        within = {"acceleration": 0.0005, "velocity": 0.02, "displacement": 0.10}[row["quantity"]]
        assert got == pytest.approx(abs(float(row["peak"])) / 100, rel=within)


def test_beside_the_fault_of_kaikoura(houfeng_data):
    folder = houfeng_data / "geonet_kaikoura_2016"
    _, (said,) = heard(folder / "waveforms", "*WTMC*")
    assert said.mmi >= 9
    truth = [row for row in rows(folder / "truth" / "header_values.csv") if "WTMC" in row["file"]]
    for number, component in enumerate(said.components):
        for row in truth[3 * number : 3 * number + 3]:
            within = {"acceleration": 0.001, "velocity": 0.02, "displacement": 0.10}[row["quantity"]]
            asked_m = abs(float(row["peak"])) / 1000
            assert getattr(component, UNITS[row["quantity"]]) == pytest.approx(asked_m, rel=within)


def test_accelerometers_of_pleasant_hill(houfeng_data):
    folder = houfeng_data / "pleasanthill_2019"
    stations = [
        s
        for path in sorted((folder / "stations").glob("*.xml"))
        for s in read_inventory(path.read_bytes(), path.name).stations
    ]
    _, sensors = heard(folder / "waveforms", "*.HN?__*.mseed", Inventory(tuple(stations)))
    truth = {row["id"]: float(row["peak_demeaned"]) for row in rows(folder / "truth" / "peaks_sensitivity_only.csv")}
    got = {component.source.nslc: component.pga_mps2 for sensor in sensors for component in sensor.components}
    assert len(got) == 33
    for channel, value in got.items():
        assert value == pytest.approx(truth[channel], rel=0.05), channel


def test_clipped_channels_of_hawaii(houfeng_data):
    folder = houfeng_data / "hawaii_clipped_2019"
    stations = [
        s
        for path in sorted((folder / "stations").glob("*.xml"))
        for s in read_inventory(path.read_bytes(), path.name).stations
    ]
    _, sensors = heard(folder / "waveforms", "*.mseed", Inventory(tuple(stations)))
    flagged = {c.source.nslc: bool(c.clipped) for sensor in sensors for c in sensor.components}
    for row in rows(folder / "truth" / "clipping.csv"):
        assert row["clipped"] == "uncertain" or flagged[row["id"]] == (row["clipped"] == "yes"), row["id"]
    assert all(sensor.refused.startswith("clipped") for sensor in sensors)


@pytest.mark.parametrize("name", ["AA06EA01", "Q4149CF2"])
def test_intensity_as_the_agency_printed_it(houfeng_data, name):
    folder = houfeng_data / "jma_intensity_a"
    (truth,) = [row for row in rows(folder / "truth" / "jma_intensity.csv") if row["file"] == name]
    data = (folder / "waveforms" / f"{name}.csv").read_bytes()
    sources = [source for batch in read_waveforms(data, name).batches for source in batch.channels]
    channels = tuple(Channel(source, response=Response("m/s2", 1.0, 1.0)) for source in sources)
    place = Inventory((Station(sources[0].network, sources[0].station, None, None, channels=channels),))
    _, (said,) = heard(folder / "waveforms", f"{name}.csv", place)
    assert said.jma == pytest.approx(float(truth["published_jma_intensity"]), abs=0.1001)
    got = {component.source.component: 100 * component.pga_mps2 for component in said.components}
    for axis, letter in (("ns", "N"), ("ew", "E"), ("ud", "Z")):
        assert got[letter] == pytest.approx(float(truth[f"pga_{axis}_gal"]), abs=0.1)
