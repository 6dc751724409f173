"""Law 5, through the whole stage: what liars send, whom a coalition fools, and what may not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, composite

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.forgery import score
from houfeng.quake.warn.likelihood import (
    FAR_KM,
    NOTHING,
    TRAVELS,
    P,
    S,
    showing_kernel,
    travel_kernel,
    voice_kernel,
)
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset, Warn
from houfeng.quake.warn.testimony import Testimony as Columns
from houfeng.words.assurance import Tier
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.station import Station

BASE_NS = 1_700_000_000 * NS_PER_S
POLICY = Policy()
LAG_S = 1.5
#: The magnitude and place printed are rounded.
NEARLY = 0.5
MODEL = VelocityModel("two layers", "made up", np.array([0.0, 20e3]), np.array([6e3, 8e3]), np.array([3.5e3, 4.6e3]))
TIMES = TravelTimes(
    MODEL, max_distance_m=600e3, min_depth_m=-2_000.0, max_depth_m=60e3, elevations_m=[0.0, 500.0]
)  # fmt: skip


def network(seed: int, count: int, kinds: int) -> tuple[Station, ...]:
    rng = np.random.default_rng(seed)
    names = ["gateway", "carrier"][:kinds]
    return tuple(
        Station(
            "XX",
            f"S{number:02d}",
            float(30 + rng.uniform(-0.7, 0.7)),
            float(104 + rng.uniform(-0.8, 0.8)),
            domains=frozenset(f"{name}:{rng.integers(0, 2 + 3 * (name == 'gateway'))}" for name in names),
        )
        for number in range(count)
    )


def night(stations, seed, *, quake):
    """Onsets as (row, onset, s), by arrival: strays, and P of a quake where there is one."""
    rng = np.random.default_rng(seed)
    told = [(int(row), float(rng.uniform(0, 20))) for row in rng.integers(0, len(stations), rng.poisson(2))]
    if quake:
        place = 30 + rng.uniform(-0.4, 0.4), 104 + rng.uniform(-0.4, 0.4)
        for row, station in enumerate(stations):
            away_m = np.array([float(distance_m(*place, *station.place))])
            p_s = float(TIMES.seconds("P", away_m, 10e3, 0.0)[0])
            if rng.random() < 0.9:
                told.append((row, 10.0 + p_s + float(rng.normal(0, 0.15))))
    return sorted(told, key=lambda each: each[1])


def play(stations, told, *, shift_ns=0, sealed=(), until_s=24.0, fronts=None):
    """Every alert, each with what the testimony was when it was raised."""
    testimony = Columns(stations, POLICY, BASE_NS + shift_ns)
    for row in sealed:
        testimony.trust(row, 0.0, Tier.NONE)
    warn = Warn(testimony, TIMES, POLICY)
    rows, alerts, at_s = np.arange(len(stations)), [], 0.0
    testimony.heard(rows, np.full(len(rows), -600.0))

    def pass_until(now_s):
        ahead_s = np.array([(fronts or {}).get(stations[row].key, 0.0) for row in rows])
        testimony.heard(rows, now_s - LAG_S + ahead_s)

    for row, onset_s in told:
        arrived_s = onset_s + LAG_S + 0.5
        while at_s + 1.0 < arrived_s:
            at_s += 1.0
            pass_until(at_s)
            alerts += [(alert, state(testimony)) for alert in warn.elapse(testimony.instant(at_s))]
        pass_until(arrived_s)
        onset_ns, now_ns = testimony.instant(onset_s), testimony.instant(arrived_s)
        onset = Onset(stations[row].key, onset_ns, onset_ns, onset_ns, now_ns)
        alerts += [(alert, state(testimony)) for alert in warn.handle(onset)]
    while at_s < until_s:
        at_s += 1.0
        pass_until(at_s)
        alerts += [(alert, state(testimony)) for alert in warn.elapse(testimony.instant(at_s))]
    return alerts


def state(testimony):
    return testimony.front_s.copy(), testimony.onset_s.copy(), testimony.stray.copy()


def honest_score(stations, alert, shown_by, honest, liars):
    """The score of an alert's place, time and size, had the liars shown by then what they would have shown honestly."""
    front_s, onset_s, stray = shown_by
    testimony = Columns(stations, POLICY, BASE_NS)
    rows = np.arange(len(stations))
    testimony.heard(rows, np.full(len(rows), -600.0))
    declared_s = testimony.seconds(alert.declared_ns)
    for row, at_s in honest:
        if row in liars and at_s + LAG_S + 0.5 <= declared_s:
            testimony.note(row, at_s)
    true = [row for row in rows if row not in liars]
    testimony.front_s[:], testimony.onset_s[true], testimony.stray[true] = front_s, onset_s[true], stray[true]
    shown = testimony.shown(rows, alert.latitude_deg, alert.longitude_deg, None)
    travel, said, heard = np.empty((TRAVELS, len(rows))), np.zeros(len(rows)), np.empty(3)
    travel_kernel(TIMES.table, 0.0, 0.0, alert.depth_m, shown, rows, travel)
    origin_s = testimony.seconds(alert.origin_time_ns)
    for i in rows:
        showing = showing_kernel(shown, i, travel[P, i], travel[S, i], origin_s, heard)
        if showing != NOTHING:
            said[i] = voice_kernel(shown, i, showing, heard, travel[FAR_KM, i], alert.magnitude)
    return score(said, shown.domain, shown.domain_cap)


@composite
def scenes(draw: DrawFn):
    """A network, honest onsets and what liars tell instead."""
    stations = network(draw(st.integers(0, 10_000)), draw(st.integers(6, 20)), draw(st.integers(0, 2)))
    honest = night(stations, draw(st.integers(0, 10_000)), quake=draw(st.booleans()))
    f = draw(st.integers(1, min(6, len(stations) - 1)))
    liars = tuple(draw(st.permutations(range(len(stations))))[:f])
    # what fools most: P of a quake that is not, somewhere
    place = 30 + draw(st.floats(-0.8, 0.8)), 104 + draw(st.floats(-0.8, 0.8))
    origin_s, depth_m = draw(st.floats(4.0, 12.0)), draw(st.floats(0.0, 30e3))
    lies = []
    for row in liars:
        away_m = np.array([float(distance_m(*place, *stations[row].place))])
        lies.append((row, origin_s + float(TIMES.seconds("P", away_m, depth_m, 0.0)[0]) + draw(st.floats(-0.3, 0.3))))
    told = [each for each in honest if each[0] not in liars] + lies
    return stations, honest, sorted(told, key=lambda each: each[1]), liars


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_an_alert_that_would_not_be_without_its_liars_prints_no_cost_above_their_number(scene):
    stations, honest, told, liars = scene
    for alert, shown_by in play(stations, told):
        if honest_score(stations, alert, shown_by, honest, liars) < POLICY.threshold - NEARLY:
            assert alert.forgery_cost_stations <= len(liars)


@settings(max_examples=25, deadline=None)
@given(scenes())
def test_whoever_is_told_was_told_at_the_cost_they_ask(scene):
    stations, _, told, _ = scene
    asked = {audience.name: audience for audience in POLICY.audiences}
    told_before: dict[str, set[str]] = {}
    for alert, _ in play(stations, told):
        fresh = set(alert.audiences) - told_before.get(alert.alert_id, set())
        for name in fresh:
            assert alert.forgery_cost_stations >= asked[name].stations
            assert alert.forgery_cost_domains >= asked[name].domains
        told_before.setdefault(alert.alert_id, set()).update(alert.audiences)


@settings(max_examples=10, deadline=None)
@given(scenes(), st.integers(-400, 400).map(lambda days: days * 86_400 * NS_PER_S))
def test_shifting_all_times_shifts_the_alerts_and_nothing_else(scene, shift_ns):
    stations, _, told, _ = scene
    plain = [alert for alert, _ in play(stations, told)]
    moved = [alert for alert, _ in play(stations, told, shift_ns=shift_ns)]
    assert [
        replace(
            alert,
            alert_id="",
            declared_ns=alert.declared_ns - shift_ns,
            origin_time_ns=alert.origin_time_ns - shift_ns,
            ledger=None,
            voices=(),
            reason="",
        )
        for alert in moved
    ] == [replace(alert, alert_id="", ledger=None, voices=(), reason="") for alert in plain]


@settings(max_examples=10, deadline=None)
@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_of_stations_changes_nothing(scene, random):
    stations, _, told, _ = scene
    order = list(range(len(stations)))
    random.shuffle(order)
    mixed = tuple(stations[row] for row in order)
    again = [(order.index(row), onset_s) for row, onset_s in told]
    for (one, _), (other, _) in zip(play(stations, told), play(mixed, again), strict=True):
        assert one.declared_ns == other.declared_ns
        assert one.score == pytest.approx(other.score, abs=1e-6)
        assert (one.forgery_cost_stations, one.forgery_cost_domains) == (
            other.forgery_cost_stations,
            other.forgery_cost_domains,
        )
        assert (one.kind, one.audiences, one.stations) == (other.kind, other.audiences, other.stations)
        away_m = distance_m(one.latitude_deg, one.longitude_deg, other.latitude_deg, other.longitude_deg)
        assert float(away_m) < 10.0


@settings(max_examples=10, deadline=None)
@given(scenes(), st.lists(st.floats(0.0, 20.0), max_size=12))
def test_a_sealed_station_changes_nothing_whatever_it_shows(scene, onsets_s):
    stations, honest, _, liars = scene
    sealed = liars[0]
    quiet = [each for each in honest if each[0] != sealed]
    loud = sorted([*quiet, *((sealed, onset_s) for onset_s in onsets_s)], key=lambda each: each[1])
    told_of = [[alert for alert, _ in play(stations, each, sealed=(sealed,))] for each in (quiet, loud)]
    assert told_of[0] == told_of[1]


@settings(max_examples=10, deadline=None)
@given(scenes(), st.sampled_from([-1000.0, 200.0, 100_000.0]))
def test_a_station_with_a_clock_far_off_keeps_no_other_from_being_heard(scene, ahead_s):
    stations, honest, _, liars = scene
    quiet = [each for each in honest if each[0] != liars[0]]
    without = play(stations, quiet, sealed=(liars[0],))
    firsts = [alert for alert, _ in without if alert.forgery_cost_stations > 1]
    fronts = {stations[liars[0]].key: ahead_s}
    with_it = [alert for alert, _ in play(stations, quiet, fronts=fronts)]
    assert bool(with_it) or not firsts
