"""The make-believe hour: what it says is true of it."""

import numpy as np
import pytest

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.twin.hour import NOISE_MPS, PACKET_S, RATE_HZ, SENSITIVITY, make_hour
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel

MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
START_NS = 1_700_000_000 * NS_PER_S
DURATION_S = 300


@pytest.fixture(scope="module")
def hour():
    return make_hour(MODEL, seed=11, start_ns=START_NS, stations=6, duration_s=DURATION_S)


@pytest.fixture(scope="module")
def traces(hour):
    """Counts by channel, joined over all packets."""
    joined = {}
    for batch in hour.batches:
        for packet in range(len(batch)):
            samples = batch.samples[batch.offset[packet] : batch.offset[packet + 1]]
            joined.setdefault(batch.channels[batch.channel[packet]], []).append(samples)
    return {source: np.concatenate(parts) for source, parts in joined.items()}


def test_the_same_seed_makes_the_same_hour(hour):
    again = make_hour(MODEL, seed=11, start_ns=START_NS, stations=6, duration_s=DURATION_S)
    assert again.stations == hour.stations
    assert again.quakes == hour.quakes
    for one, other in zip(again.batches, hour.batches, strict=True):
        assert np.array_equal(one.samples, other.samples)
        assert np.array_equal(one.start_ns, other.start_ns)


def test_another_seed_makes_another_hour(hour):
    other = make_hour(MODEL, seed=12, start_ns=START_NS, stations=6, duration_s=DURATION_S)
    assert other.quakes != hour.quakes
    assert {s.place for s in other.stations}.isdisjoint({s.place for s in hour.stations})
    assert not np.array_equal(other.batches[0].samples, hour.batches[0].samples)


def test_a_later_start_moves_all_times_and_nothing_else(hour):
    later = make_hour(MODEL, seed=11, start_ns=START_NS + 7 * NS_PER_S, stations=6, duration_s=DURATION_S)
    assert [q.time_ns - 7 * NS_PER_S for q in later.quakes] == [q.time_ns for q in hour.quakes]
    assert np.array_equal(later.batches[20].samples, hour.batches[20].samples)
    assert np.array_equal(later.batches[20].start_ns - 7 * NS_PER_S, hour.batches[20].start_ns)


def test_packets_follow_each_other_without_gap_or_overlap(hour):
    assert len(hour.batches) == DURATION_S // PACKET_S
    for number, batch in enumerate(hour.batches):
        assert len(batch) == len(batch.channels) == 3 * 6
        assert set(batch.start_ns) == {START_NS + number * PACKET_S * NS_PER_S}
        assert set(np.diff(batch.offset)) == {PACKET_S * RATE_HZ}
        assert batch.samples.dtype == np.int32


def test_stations_are_three_component_and_described(hour):
    assert len({station.key for station in hour.stations}) == 6
    for station in hour.stations:
        assert distance_m(30.6, 114.3, *station.place) < 45e3
        assert sorted(channel.source.component for channel in station.channels) == ["E", "N", "Z"]
        assert all(channel.response is not None for channel in station.channels)
        assert {channel.source for channel in station.channels} <= set(hour.batches[0].channels)


def test_quakes_fall_within_the_hour_and_under_the_network(hour):
    assert [q.time_ns for q in hour.quakes] == sorted(q.time_ns for q in hour.quakes)
    for quake in hour.quakes:
        assert START_NS < quake.time_ns < START_NS + DURATION_S * NS_PER_S
        assert 0 < quake.depth_m < 40e3
    assert max(q.magnitude for q in hour.quakes) == hour.quakes[0].magnitude


def test_the_ground_is_as_quiet_as_said_before_the_first_quake(hour, traces):
    before = int((hour.quakes[0].time_ns - START_NS) / NS_PER_S * RATE_HZ)
    for counts in traces.values():
        assert counts[:before].std() == pytest.approx(NOISE_MPS * SENSITIVITY, rel=0.5)


def test_p_arrives_on_the_sample_it_should_and_s_is_larger(hour, traces):
    quake = hour.quakes[0]
    elevations_m = [station.elevation_m for station in hour.stations]
    times = TravelTimes(MODEL, max_distance_m=200e3, min_depth_m=-2e3, max_depth_m=40e3, elevations_m=elevations_m)
    for station in hour.stations:
        away_m = float(distance_m(quake.latitude_deg, quake.longitude_deg, *station.place))
        first = {
            phase: (quake.time_ns - START_NS) / NS_PER_S * RATE_HZ
            + RATE_HZ * float(times.seconds(phase, away_m, quake.depth_m, station.elevation_m))
            for phase in ("P", "S")
        }
        three = np.abs([traces[channel.source] for channel in station.channels]).max(axis=0)
        p, s = int(np.ceil(first["P"])), int(np.ceil(first["S"]))
        noise = three[p - 500 : p - 2].max()
        assert three[p : p + 25].max() > 10 * noise
        assert three[p - 2 : p].max() <= 1.5 * noise
        assert three[s : s + 200].max() > three[p : s - 2].max()


def test_a_larger_quake_shakes_harder(hour, traces):
    def peak(quake):
        begin = int((quake.time_ns - START_NS) / NS_PER_S * RATE_HZ)
        return max(np.abs(counts[begin : begin + 2000]).max() for counts in traces.values())

    # A unit of magnitude is a factor of ten in amplitude; distances and depths differ by far less.
    assert peak(hour.quakes[0]) > 5 * peak(hour.quakes[1])
