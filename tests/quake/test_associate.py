"""Clusters out of picks; whole origins out of clusters; quakes told from luck and from ghosts."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic_network import EPOCH_NS, Source, as_if_a_quake, misses_m, network, picks_of, times_for

from houfeng.quake.associate.complete import Tolerance, as_told, complete, fill
from houfeng.quake.associate.evidence import evidence
from houfeng.quake.associate.ghost import is_ghost
from houfeng.quake.associate.octo import (
    LARGEST_MODEL_ERROR_S,
    MODEL_ERROR_RATIO,
    STATION_ERROR_S,
    Associate,
    plan_search,
)
from houfeng.quake.associate.strays import Strays
from houfeng.quake.hearing import LEAST_EVIDENCE, travel_times
from houfeng.quake.locate.locator import Locator
from houfeng.quake.network import network_of
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Cluster, Pick, Quake
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
STATIONS = network(12, 35e3, np.random.default_rng(5))
NETWORK = network_of(
    Inventory(tuple(STATIONS.values())), [SourceId("XX", s.code, "", "HHZ") for s in STATIONS.values()], EPOCH_NS
)
TIMES = travel_times(MODEL, NETWORK)
LOCATOR = Locator(NETWORK.stations, TIMES)
TOLERANCE = Tolerance(STATION_ERROR_S, MODEL_ERROR_RATIO, LARGEST_MODEL_ERROR_S)
END_NS = 2**62
HERE = Source(40.05, 30.08, 9e3)
THERE = Source(39.85, 29.86, 12e3)


def _picks(source=HERE, at_s=0.0, seed=1, probability=0.9, **options):
    picks = picks_of(source, STATIONS, TIMES, np.random.default_rng(seed), **options)
    return [_later(replace(pick, probability=probability, snr=10.0), at_s) for pick in picks]


def _later(pick, by_s):
    return replace(pick, time_ns=pick.time_ns + seconds_to_ns(by_s))


def _strays(rng, per_station, begin_s=-60.0, end_s=60.0, stations=None):
    """Picks of nothing, at random over two minutes."""
    return [
        Pick(
            SourceId("XX", station.code, "", "HHZ"),
            "P" if rng.random() < 0.6 else "S",
            EPOCH_NS + seconds_to_ns(float(rng.uniform(begin_s, end_s))),
            0.1,
            snr=3.0,
            probability=float(rng.uniform(0.2, 0.7)),
        )
        for station in (stations or STATIONS).values()
        for _ in range(rng.poisson(per_station))
    ]


@pytest.fixture
def associate(tmp_path):
    return Associate(NETWORK, TIMES, tmp_path)


def _clusters(associate, picks, now_ns=END_NS):
    """Clusters of picks when every cluster is a quake, the surer the larger, that claims what made it."""
    for pick in picks:
        associate.handle(pick)
    clusters = []
    associate.elapse(now_ns, as_if_a_quake, lambda quake: clusters.append(quake.cluster) or quake.cluster.picks)
    return clusters


def _nothing(*_):
    return None


def _completed(cluster, spare=(), look=_nothing):
    strays = Strays({*spare, *cluster.picks})
    return complete(
        cluster, network=NETWORK, locator=LOCATOR, times=TIMES, tolerance=TOLERANCE, strays=strays, look=look
    )


def _filled(origin, look, among=NETWORK):
    return fill(origin, network=among, locator=LOCATOR, times=TIMES, tolerance=TOLERANCE, look=look)


def _evidence(origin, spare=(), listening=lambda *_: True):
    return evidence(origin, NETWORK, Strays(spare), listening, plan_search(NETWORK, TIMES).step_s)


def _origins(associate, picks):
    """Origins that weigh enough, as the hearing weighs them."""
    origins = []

    def weigh(cluster):
        try:
            origin = _completed(cluster, associate.unclaimed)
        except DataFault:
            return None
        weight = _evidence(origin, associate.unclaimed)
        return (weight, origin) if weight >= LEAST_EVIDENCE else None

    def tell(origin):
        known = [Quake(str(number), 1, other) for number, other in enumerate(origins)]
        if is_ghost(origin, known, TIMES, NETWORK):
            return ()
        origins.append(origin)
        return [arrival.pick for arrival in origin.arrivals]

    for pick in picks:
        associate.handle(pick)
    associate.elapse(END_NS, weigh, tell)
    return origins


def _as_cluster(picks, source=HERE, at_s=0.0):
    ordered = tuple(sorted(picks, key=lambda pick: pick.key))
    return Cluster(ordered, EPOCH_NS + seconds_to_ns(at_s), source.latitude_deg, source.longitude_deg, source.depth_m)


# The search.


@pytest.mark.parametrize("seed", range(3))
def test_one_quake_is_one_cluster(associate, seed):
    picks = _picks(seed=seed)
    (cluster,) = _clusters(associate, picks)
    assert len(set(cluster.picks) & set(picks)) >= 0.8 * len(picks)
    assert abs(cluster.time_ns - EPOCH_NS) < 1.5 * NS_PER_S
    assert np.hypot(*misses_m(cluster, HERE)[:2]) < 10e3


def test_a_cluster_has_one_pick_of_each_station_and_phase(associate):
    picks = _picks()
    doubled = [*picks, *(_later(pick, 0.15) for pick in picks[:4])]
    for cluster in _clusters(associate, doubled):
        of = [(pick.source.station_key, pick.phase) for pick in cluster.picks]
        assert len(of) == len(set(of))


@pytest.mark.parametrize("other", [HERE, THERE], ids=["same place", "elsewhere"])
def test_two_quakes_four_seconds_apart_stay_two(associate, other):
    origins = sorted(_origins(associate, [*_picks(HERE), *_picks(other, at_s=4.0, seed=2)]), key=lambda o: o.time_ns)
    assert len(origins) == 2
    for origin, source, at_s in zip(origins, (HERE, other), (0.0, 4.0), strict=True):
        assert abs(origin.time_ns - EPOCH_NS - seconds_to_ns(at_s)) < NS_PER_S
        assert np.hypot(*misses_m(origin, source)[:2]) < 5e3


def test_picks_in_the_coda_make_no_second_quake(associate):
    rng = np.random.default_rng(8)
    coda = [
        replace(_later(pick, float(rng.uniform(0.3, 1.0))), phase="P", probability=0.6)
        for pick in _picks(seed=3, phases="S")
    ]
    (origin,) = _origins(associate, [*_picks(), *coda])
    assert abs(origin.time_ns - EPOCH_NS) < NS_PER_S
    assert not {arrival.pick for arrival in origin.arrivals} & set(coda)


@pytest.mark.parametrize("per_station", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_strays_are_no_quake(associate, seed, per_station):
    assert _origins(associate, _strays(np.random.default_rng(seed), per_station)) == []


def test_a_quake_is_found_among_strays(associate):
    origins = _origins(associate, [*_picks(), *_strays(np.random.default_rng(4), 3)])
    assert len(origins) == 1
    assert np.hypot(*misses_m(origins[0], HERE)[:2]) < 5e3


@pytest.mark.parametrize("probability", [0.5, 1.0], ids=["unsure", "sure"])
def test_a_station_gone_mad_hides_no_quake(associate, probability):
    mad = dict(list(STATIONS.items())[:1])
    flood = [replace(pick, probability=probability) for pick in _strays(np.random.default_rng(4), 600, stations=mad)]
    (origin,) = _origins(associate, [*_picks(), *flood])
    assert np.hypot(*misses_m(origin, HERE)[:2]) < 5e3
    assert origin.station_count >= len(STATIONS) - 1


def test_three_stations_are_not_enough(associate):
    three = set(list(STATIONS)[:3])
    assert _clusters(associate, [pick for pick in _picks() if pick.source.station_key in three]) == []


def test_stations_without_coordinates_take_no_part(associate):
    stranger = replace(_picks()[0], source=SourceId("YY", "NEW", "", "HHZ"))
    (cluster,) = _clusters(associate, [*_picks(), stranger])
    assert stranger not in cluster.picks


def test_what_a_quake_claims_founds_no_other(associate):
    picks = _picks()
    first = _clusters(associate, picks)
    assert len(first) == 1
    assert _clusters(associate, []) == []


def test_nothing_is_said_before_the_last_arrival_could_have_come(associate):
    picks = _picks()
    last_s = max(pick.time_ns - EPOCH_NS for pick in picks) / NS_PER_S
    assert associate.plan.crossing_s > last_s
    assert _clusters(associate, picks, EPOCH_NS + seconds_to_ns(last_s)) == []
    settled_ns = EPOCH_NS + seconds_to_ns(2 * associate.plan.crossing_s + associate.plan.step_s)
    assert len(_clusters(associate, [], settled_ns)) == 1


def test_time_passing_in_small_steps_changes_no_cluster(tmp_path):
    picks = sorted(
        [*_picks(), *_picks(THERE, at_s=31.0, seed=2), *_strays(np.random.default_rng(4), 2)], key=lambda pick: pick.key
    )
    (tmp_path / "whole").mkdir()
    whole = _clusters(Associate(NETWORK, TIMES, tmp_path / "whole"), picks)
    stepped, stepwise = [], Associate(NETWORK, TIMES, tmp_path)
    for pick in picks:
        stepped += _clusters(stepwise, [], pick.time_ns)
        stepwise.handle(pick)
    stepped += _clusters(stepwise, [])
    assert stepped == whole
    assert len(whole) >= 2


def test_old_picks_are_forgotten(associate):
    for minute in range(30):
        for pick in _strays(np.random.default_rng(minute), 0.5):
            associate.handle(_later(pick, 120.0 * minute))
        associate.elapse(EPOCH_NS + seconds_to_ns(120.0 * minute + 60.0), _nothing, _nothing)
        oldest_s = 2 * associate.plan.crossing_s + associate.plan.step_s
        least_ns = EPOCH_NS + seconds_to_ns(120.0 * minute + 60.0 - oldest_s)
        assert all(pick.time_ns >= least_ns for pick in associate.unclaimed)


# Completion.


def test_spare_picks_complete_a_cluster():
    picks = _picks()
    origin = _completed(_as_cluster(picks[:10]), spare=picks)
    assert len(origin.arrivals) >= 0.9 * len(picks)
    assert np.hypot(*misses_m(origin, HERE)[:2]) < 2e3


def test_picks_that_do_not_fit_are_dropped_and_right_ones_taken_instead():
    picks = _picks()
    wrong = [_later(pick, 6.0) for pick in picks[:3]]
    origin = _completed(_as_cluster([*wrong, *picks[3:]]), spare=picks)
    kept = {arrival.pick for arrival in origin.arrivals}
    assert not kept & set(wrong)
    assert set(picks[:3]) <= kept


def test_onsets_nobody_triggered_on_are_looked_for_where_they_must_be():
    picks = _picks()
    missing = {(pick.source.station_key, pick.phase): pick for pick in picks[4:7]}
    asked = []

    def look(key, phase, expected_ns, half_width_s):
        asked.append((key, phase))
        pick = missing.get((key, phase))
        near = pick is not None and abs(pick.time_ns - expected_ns) <= half_width_s * NS_PER_S
        return replace(pick, method="guided") if near else None

    origin = _filled(_completed(_as_cluster([*picks[:4], *picks[7:]])), look)
    assert set(asked) == set(missing)
    found = {(a.pick.source.station_key, a.pick.phase) for a in origin.arrivals if a.pick.method == "guided"}
    assert found == set(missing)


def test_an_onset_found_at_the_edge_of_doubt_that_fits_no_better_later_is_not_kept():
    picks = _picks()
    silent = picks[0].source.station_key
    answered = []

    def look(key, phase, expected_ns, half_width_s):
        answered.append(half_width_s)
        found = next(pick for pick in picks if pick.source.station_key == key and pick.phase == phase)
        return replace(found, time_ns=expected_ns + seconds_to_ns(half_width_s), uncertainty_s=2.0, method="guided")

    origin = _filled(_completed(_as_cluster([pick for pick in picks if pick.source.station_key != silent])), look)
    assert answered
    assert not [arrival for arrival in origin.arrivals if arrival.pick.source.station_key == silent]


def test_stations_far_beyond_those_that_heard_are_not_asked():
    far = Station("XX", "FAR", HERE.latitude_deg + 2.0, HERE.longitude_deg)
    channels = [SourceId("XX", code, "", "HHZ") for code in ("FAR", *(s.code for s in STATIONS.values()))]
    wider = network_of(Inventory((*STATIONS.values(), far)), channels, EPOCH_NS)
    asked = set()
    silent = "XX.S001"
    origin = _completed(_as_cluster([pick for pick in _picks() if pick.source.station_key != silent]))
    _filled(origin, lambda key, *_: asked.add(key), wider)
    assert asked == {silent}


def test_picks_that_agree_on_nothing_make_no_origin():
    picks = [_later(pick, 25.0 * number) for number, pick in enumerate(_picks()[::4])]
    with pytest.raises(DataFault):
        _completed(_as_cluster(picks))


# Evidence.


@pytest.mark.parametrize("seed", range(3))
def test_a_true_quake_weighs_far_more_than_it_must(seed):
    picks = _picks(seed=seed)
    assert _evidence(_completed(_as_cluster(picks)), picks) > 3 * LEAST_EVIDENCE


def test_a_few_picks_that_happen_to_agree_weigh_too_little():
    # Four of twelve stations, their P alone, far enough off to be luck, while all the others were silent.
    away_m = NETWORK.away_m(HERE.latitude_deg, HERE.longitude_deg)
    four = [list(NETWORK.stations)[row] for row in np.argsort(away_m)[[2, 5, 8, 11]]]
    rng = np.random.default_rng(0)
    picks = [
        _later(replace(pick, probability=0.4), float(rng.normal(0, 0.2)))
        for pick in _picks()
        if pick.source.station_key in four and pick.phase == "P"
    ]
    origin = LOCATOR.locate(picks)
    assert _evidence(origin, _strays(rng, 4)) < LEAST_EVIDENCE


def test_silence_of_a_listening_station_speaks_against():
    away_m = NETWORK.away_m(HERE.latitude_deg, HERE.longitude_deg)
    silent = list(NETWORK.stations)[int(np.argsort(away_m)[3])]
    origin = LOCATOR.locate([pick for pick in _picks() if pick.source.station_key != silent])
    assert _evidence(origin) < _evidence(origin, listening=lambda key, _: key != silent)


def test_stray_picks_weaken_the_evidence():
    origin = LOCATOR.locate(_picks())
    rng = np.random.default_rng(2)
    own = [arrival.pick for arrival in origin.arrivals]
    clear = [replace(pick, probability=0.95) for pick in _strays(rng, 60)]
    weights = [_evidence(origin, [*own, *clear[:count]]) for count in (0, len(clear) // 6, len(clear))]
    assert weights[0] > weights[1] > weights[2]


def test_what_was_looked_for_is_no_evidence():
    picks = _picks()
    told = LOCATOR.locate(picks)
    guided = LOCATOR.locate([replace(pick, method="guided") for pick in picks])
    assert _evidence(told) > LEAST_EVIDENCE > _evidence(guided)


def test_own_picks_are_no_strays():
    picks = _picks()
    origin = LOCATOR.locate(picks)
    assert _evidence(origin, picks) == _evidence(origin, ())


def test_only_picks_as_clear_are_strays_that_matter():
    picks = _picks()
    origin = LOCATOR.locate(picks)
    faint = [replace(pick, probability=0.2) for pick in _strays(np.random.default_rng(2), 60)]
    assert _evidence(origin, [*picks, *faint]) == _evidence(origin, picks)


def test_strays_are_counted_at_their_station_and_under_their_name():
    pick = replace(_picks()[0], probability=0.5)
    alone = Strays([pick]).per_s(pick)
    others = {
        "clearer": replace(_later(pick, 5.0), probability=0.6),
        "fainter": replace(_later(pick, 5.0), probability=0.4),
        "of S": replace(_later(pick, 5.0), probability=0.6, phase="S"),
        "long ago": replace(_later(pick, -90.0), probability=0.6),
        "elsewhere": replace(_later(pick, 5.0), probability=0.6, source=SourceId("XX", "OTHER", "", "HHZ")),
    }
    rates = {name: Strays([pick, other]).per_s(pick) for name, other in others.items()}
    assert rates == {name: 2 * alone if name == "clearer" else alone for name in others}


def test_an_onset_read_as_the_other_phase_is_read_again():
    picks = _picks()
    first = picks[0]
    misread = replace(_later(first, 0.3), phase="S" if first.phase == "P" else "P")
    spare = [*picks[1:], misread]

    def look(key, phase, expected_ns, half_width_s):
        near = abs(first.time_ns - expected_ns) <= half_width_s * NS_PER_S
        return first if (key, phase) == (first.source.station_key, first.phase) and near else None

    origin = _completed(_as_cluster(picks[1:]), spare, look)
    reread = [arrival.pick for arrival in origin.arrivals if arrival.pick.method == "reread"]
    assert [(pick.time_ns, pick.phase) for pick in reread] == [(first.time_ns, first.phase)]
    assert misread in as_told(reread[0], Strays(spare))


def test_one_onset_is_not_both_phases():
    # Close to a station S follows P so soon that an S lies within reach of where P is expected.
    near = Source(STATIONS["XX.S001"].latitude_deg, STATIONS["XX.S001"].longitude_deg, 3e3)
    picks = _picks(near)
    without_p = [pick for pick in picks if (pick.source.station_key, pick.phase) != ("XX.S001", "P")]
    origin = _completed(_as_cluster(without_p, near))
    onsets = [(arrival.pick.source.station_key, arrival.pick.time_ns) for arrival in origin.arrivals]
    assert len(onsets) == len(set(onsets))


def test_s_is_sought_far_from_where_p_alone_puts_it():
    # P of a network to one side says little of the distance; S does.
    away = Source(40.0, 30.9, 10e3)
    picks = _picks(away)
    only_p = [pick for pick in picks if pick.phase == "P"]
    origin = _completed(_as_cluster(only_p, away), picks)
    assert sum(arrival.pick.phase == "S" for arrival in origin.arrivals) >= 0.8 * (len(picks) - len(only_p))


# Ghosts.


def _known(source=HERE):
    return [Quake("known", 1, LOCATOR.locate(_picks(source)))]


def test_late_arrivals_of_a_known_quake_are_its_ghost():
    late = [replace(_later(pick, 0.5), phase="P") for pick in _picks(seed=4, phases="S")]
    ghost = LOCATOR.locate(late)
    assert is_ghost(ghost, _known(), TIMES, NETWORK)
    assert not is_ghost(ghost, [], TIMES, NETWORK)


@pytest.mark.parametrize("other", [HERE, THERE], ids=["same place", "elsewhere"])
@pytest.mark.parametrize("at_s", [-12.0, 12.0])
def test_another_quake_is_no_ghost(other, at_s):
    second = LOCATOR.locate(_picks(other, at_s=at_s, seed=6))
    assert not is_ghost(second, _known(), TIMES, NETWORK)


# The plan.


def test_the_search_follows_from_the_size_of_the_network():
    plans = []
    for width_m in (20e3, 150e3, 500e3):
        stations = network(30, width_m, np.random.default_rng(3))
        sources = [SourceId("XX", station.code, "", "HHZ") for station in stations.values()]
        wide = network_of(Inventory(tuple(stations.values())), sources, EPOCH_NS)
        plans.append(plan_search(wide, times_for(stations, far_m=2.5e6, deep_m=100e3)))
    for small, large in pairwise(plans):
        assert small.crossing_s < large.crossing_s
        assert small.step_s <= large.step_s
        assert small.tolerance_s <= large.tolerance_s
        assert small.node_km <= large.node_km
        assert small.margin_km <= large.margin_km
    assert plans[0].crossing_s == pytest.approx(50 / 3.4, rel=0.2)
