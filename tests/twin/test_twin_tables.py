"""What a recording says of itself: metadata as the words have them, and the truth in the columns of the real sets."""

import csv
import io

import numpy as np
import pytest

from houfeng.twin import truth
from houfeng.twin.recording import stretches
from houfeng.twin.stationxml import write_stationxml
from houfeng.wire.inventory import read_inventory
from houfeng.wire.model import read_velocity_model
from houfeng.words.instant import parse_instant

FREQUENCY = np.array([0.005, 0.05, 1.0, 10.0, 40.0])


def rows(table):
    return list(csv.DictReader(io.StringIO(table.decode())))


@pytest.fixture(scope="module")
def heard(world):
    return [one for made in world.stations for stretch in stretches(world, made) for one in stretch.heard]


def test_the_centre_reads_just_what_was_made(world):
    since = world.scenario.start_ns
    data = b"".join(write_stationxml(world.stations, created_ns=since, start_ns=since))
    read = read_inventory(data, "stations.xml")
    assert read.findings == ()
    assert [station.key for station in read.stations] == [made.station.key for made in world.stations]
    for station, made in zip(read.stations, world.stations, strict=True):
        assert (station.place, station.elevation_m) == (made.station.place, made.station.elevation_m)
        by_source = {channel.source: channel for channel in station.channels}
        assert len(by_source) == 3
        for channel in made.station.channels:
            other = by_source[channel.source]
            assert (other.azimuth_deg, other.dip_deg, other.rate_hz) == (channel.azimuth_deg, channel.dip_deg, 100.0)
            assert other.response.input_units == channel.response.input_units
            assert other.response.at(FREQUENCY) == pytest.approx(channel.response.at(FREQUENCY), rel=1e-9)


def test_the_model_reads_back(world):
    model = read_velocity_model(truth.model_table(world), "model.csv")
    ours = world.scenario.crust.model
    assert not model.gradient
    for column in ("depth_m", "vp_mps", "vs_mps"):
        assert getattr(model, column) == pytest.approx(getattr(ours, column))


def test_events_tell_what_was_made(world):
    table = rows(truth.events_table(world.quakes))
    assert [row["event_id"] for row in table] == ["made_1", "made_2"]
    for row, quake in zip(table, world.quakes, strict=True):
        assert parse_instant(row["origin_time"]) == pytest.approx(quake.time_ns, abs=1000)
        assert float(row["magnitude"]) == quake.magnitude
        assert float(row["depth_km"]) * 1000 == quake.depth_m
        assert row["magnitude_type"] == "mw"


def test_picks_tell_when_phases_arrive(world, heard):
    table = rows(truth.picks_table(world, heard))
    assert len(table) == 2 * len(heard)
    for row in table:
        quake = world.quakes[int(row["event_id"].removeprefix("made_")) - 1]
        made = next(made for made in world.stations if made.station.code == row["station"])
        happening = next(one for one in world.happenings if one.quake is quake)
        travel_s = (parse_instant(row["time"]) - quake.time_ns) / 1e9
        assert travel_s == pytest.approx(happening.rays.seconds[row["phase"]][made.number, 0], abs=1e-5)
        assert row["channel_hint"][2] == {"P": "Z", "S": "N"}[row["phase"]]
        assert float(row["quality"].removeprefix("snr=")) >= 0


def test_peaks_fall_with_distance_and_grow_with_size(world, heard):
    table = rows(truth.peaks_table(world, heard))
    assert len(table) == 3 * len(heard)
    one, other = (
        {row["id"]: float(row["pgv_mps"]) for row in table if row["event_id"] == name} for name in ("made_1", "made_2")
    )
    both = sorted(one.keys() & other.keys())
    assert np.median([one[name] / other[name] for name in both]) > 3


def test_stations_and_what_they_share(world):
    table = rows(truth.domains_table(world.stations))
    for made in world.stations:
        assert {row["domain"] for row in table if row["station"] == made.station.code} == made.station.domains
    assert rows(truth.faults_table(world)) == []
