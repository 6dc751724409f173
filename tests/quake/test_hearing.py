"""From packets to quakes: what was made is heard, once each, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.hearing import Portrait, alone, quake_name, travel_times
from houfeng.quake.network import network_of
from houfeng.quake.size.attenuation import attenuation
from houfeng.twin.hour import make_hour
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.samples import Gap
from houfeng.words.station import Inventory

MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
START_NS = 1_700_000_000 * NS_PER_S
#: Packets up to here hold the first quake, a magnitude 4, and its coda.
FIRST_ONLY = 8


class _AicWithCoda(AicPicker):
    """Takes a swing of the coda behind every S for a P."""

    def picks(self, window, triggers_ns):
        found = super().picks(window, triggers_ns)
        late = [replace(p, phase="P", time_ns=p.time_ns + 6 * 10**8, probability=0.6) for p in found if p.phase == "S"]
        return tuple(sorted([*found, *late], key=lambda pick: pick.key))


@pytest.fixture(scope="module")
def hour():
    return make_hour(MODEL, seed=2, start_ns=START_NS, stations=8, duration_s=150)


def _heard(hour, folder, *, stations=None, batches=None, picker=None, notes=()):
    batches = hour.batches if batches is None else batches
    inventory = Inventory(hour.stations if stations is None else stations)
    hearing = alone(
        inventory=inventory,
        network=network_of(inventory, hour.batches[0].channels, START_NS),
        model=MODEL,
        picker=picker or AicPicker(),
        relation=attenuation(),
        scratch=folder,
        notes=notes,
    )
    told = []
    for batch in batches:
        told += hearing.elapse(int(batch.start_ns[0]))
        told += hearing.handle(batch)
    return [*told, *hearing.elapse(2**62)]


@pytest.fixture(scope="module")
def told(hour, tmp_path_factory):
    """All that is heard of the whole recording."""
    return _heard(hour, tmp_path_factory.mktemp("hearing"), notes=("a note",))


def _portraits(told):
    return [value for value in told if isinstance(value, Portrait)]


def test_every_quake_made_is_heard_once_where_and_when_it_was(hour, told):
    origins = [portrait.quake.origin for portrait in _portraits(told)]
    assert len(origins) == len(hour.quakes)
    for origin, made in zip(sorted(origins, key=lambda o: o.time_ns), hour.quakes, strict=True):
        assert abs(origin.time_ns - made.time_ns) < NS_PER_S
        away_m = distance_m(origin.latitude_deg, origin.longitude_deg, made.latitude_deg, made.longitude_deg)
        assert away_m < 5e3


def test_no_pick_belongs_to_two_quakes_and_triggered_ones_were_told_before(told):
    claimed = [a.pick for portrait in _portraits(told) for a in portrait.quake.origin.arrivals]
    assert len(claimed) == len(set(claimed))
    before = set()
    for value in told:
        if isinstance(value, Pick):
            before.add((value.source, value.time_ns))
        elif isinstance(value, Portrait):
            used = [a.pick for a in value.quake.origin.arrivals if a.pick.method not in ("guided", "reread")]
            assert {(pick.source, pick.time_ns) for pick in used} <= before  # the phase may be read anew


def test_a_portrait_shows_the_records_and_what_the_origin_predicts(told):
    for portrait in _portraits(told):
        origin = portrait.quake.origin
        for arrival in origin.arrivals:
            key, phase = arrival.pick.source.station_key, arrival.pick.phase
            late_s = (arrival.pick.time_ns - portrait.predicted_ns[key, phase]) / NS_PER_S
            assert late_s == pytest.approx(arrival.residual_s, abs=0.05)
            segments = portrait.segments[arrival.pick.source]
            assert any(s.start_ns <= arrival.pick.time_ns < s.end_ns for s in segments)
            assert min(s.start_ns for s in segments) < origin.time_ns


def test_quakes_have_names_of_their_own_and_carry_the_notes(told):
    quakes = [portrait.quake for portrait in _portraits(told)]
    assert len({quake.quake_id for quake in quakes}) == len(quakes)
    assert all("a note" in quake.origin.notes for quake in quakes)
    assert all(quake.version == 1 for quake in quakes)
    assert all(quake.quake_id == quake_name(quake.origin) for quake in quakes)


def test_late_picks_in_the_coda_make_no_second_quake(hour, tmp_path):
    told = _heard(hour, tmp_path, batches=hour.batches[:FIRST_ONLY], picker=_AicWithCoda())
    phases = [value.phase for value in told if isinstance(value, Pick)]
    assert phases.count("P") > 1.5 * phases.count("S")
    assert len(_portraits(told)) == 1


def test_before_the_first_quake_there_is_none(hour, tmp_path):
    assert _portraits(_heard(hour, tmp_path, batches=hour.batches[:5])) == []


def test_without_coordinates_there_are_picks_but_no_quakes(hour, tmp_path):
    told = _heard(hour, tmp_path, stations=(), batches=hour.batches[:FIRST_ONLY])
    assert sum(isinstance(value, Pick) for value in told) >= len(hour.stations)
    assert _portraits(told) == []


def test_what_was_missed_is_told(hour, tmp_path):
    told = _heard(hour, tmp_path, batches=[*hour.batches[:2], *hour.batches[3:FIRST_ONLY]])
    gaps = [value for value in told if isinstance(value, Gap)]
    assert {gap.source for gap in gaps} == set(hour.batches[0].channels)
    assert all(gap.end_ns - gap.start_ns == pytest.approx(5 * NS_PER_S, abs=NS_PER_S / 100) for gap in gaps)


def test_travel_times_reach_as_far_and_deep_as_the_network_listens(hour):
    network = network_of(Inventory(hour.stations), hour.batches[0].channels, START_NS)
    times = travel_times(MODEL, network)
    assert times.max_distance_m >= network.aperture_m + 2 * network.reach_m
    assert times.max_depth_m == network.deepest_m
    assert times.min_depth_m < -network.highest_m


def test_a_quake_is_named_after_its_instant_and_its_picks(told):
    origin = _portraits(told)[0].quake.origin
    moved = replace(origin.arrivals[0].pick, time_ns=origin.arrivals[0].pick.time_ns + 1)
    other = replace(origin, arrivals=(replace(origin.arrivals[0], pick=moved), *origin.arrivals[1:]))
    later = replace(origin, time_ns=origin.time_ns + seconds_to_ns(3600.0))
    assert len({quake_name(origin), quake_name(other), quake_name(later)}) == 3
    assert quake_name(other).split("-")[0] == quake_name(origin).split("-")[0]
    assert quake_name(later).split("-")[1] == quake_name(origin).split("-")[1]
