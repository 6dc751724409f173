"""Alerts raised, updated, taken back and taken up again, over a made-up network of forty stations."""

from dataclasses import replace

import numpy as np
import pytest

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset, Warn
from houfeng.quake.warn.testimony import Testimony as Columns
from houfeng.wire.model import default_model
from houfeng.words.assurance import Tier
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.station import Station

BASE_NS = 1_700_000_000 * NS_PER_S
PLACE, ORIGIN_S, DEPTH_M = (30.1, 104.1), 20.0, 10_000.0
LAG_S = 1.0


@pytest.fixture(scope="module")
def times():
    return TravelTimes(
        default_model(), max_distance_m=600_000.0, min_depth_m=-2_000.0, max_depth_m=100_000.0, elevations_m=[0.0]
    )


def network(count=40, **domains):
    rng = np.random.default_rng(3)
    return [
        Station(
            "XX",
            f"S{k:02d}",
            float(30 + rng.uniform(-0.5, 0.5)),
            float(104 + rng.uniform(-0.6, 0.6)),
            domains=frozenset(f"{kind}:{of(k)}" for kind, of in domains.items()),
        )
        for k in range(count)
    ]


class Rehearsal:
    """A network whose stations show what they are told to, a second after it happens."""

    def __init__(self, stations, times):
        self.columns = Columns(stations, Policy(), BASE_NS)
        self.warn = Warn(self.columns, times, Policy())
        self.rows = np.arange(len(stations))
        self.columns.heard(self.rows, np.full(len(stations), -600.0))
        away_m = distance_m(*PLACE, self.columns.latitude_deg, self.columns.longitude_deg)
        self.p_s = ORIGIN_S + times.seconds("P", away_m, DEPTH_M, 0.0)
        self.said = []

    def wait(self, until_s, step_s=0.5):
        now_s = float(self.columns.front_s.max())
        while now_s < until_s:
            now_s += step_s
            self.columns.heard(self.rows, np.full(len(self.rows), now_s))
            self.said += self.warn.elapse(BASE_NS + round((now_s + LAG_S) * NS_PER_S))

    def onset(self, row, onset_s):
        self.wait(onset_s)
        at = [BASE_NS + round((onset_s + later) * NS_PER_S) for later in (0.0, 0.3, 0.5, LAG_S)]
        self.said += self.warn.handle(Onset(self.columns.stations[row].key, *at))

    def quake(self, count, *, deaf=()):
        order = [row for row in np.argsort(self.p_s).tolist() if row not in deaf][:count]
        for row in order:
            self.onset(row, float(self.p_s[row]))
        return order


def test_a_quake_is_warned_of_within_a_second_of_the_fifth_station(times):
    rehearsal = Rehearsal(network(), times)
    order = rehearsal.quake(8)
    first = rehearsal.said[0]
    assert (first.kind, first.version, first.status) == ("first", 1, "test")
    assert (first.declared_ns - BASE_NS) / NS_PER_S <= rehearsal.p_s[order[4]] + LAG_S
    last = rehearsal.said[-1]
    assert distance_m(last.latitude_deg, last.longitude_deg, *PLACE) < 15_000
    assert abs((last.origin_time_ns - BASE_NS) / NS_PER_S - ORIGIN_S) < 2.0
    assert last.forgery_cost_stations > first.forgery_cost_stations
    assert {alert.alert_id for alert in rehearsal.said} == {first.alert_id}
    assert [alert.version for alert in rehearsal.said] == list(range(1, len(rehearsal.said) + 1))


def test_what_the_record_that_tipped_the_scales_cost_is_told(times):
    rehearsal = Rehearsal(network(), times)
    rehearsal.quake(8)
    ledger = rehearsal.said[0].ledger
    assert ledger.onset_ns < ledger.sampled_ns < ledger.packed_ns < ledger.arrived_ns == rehearsal.said[0].declared_ns


def test_scattered_strays_raise_nothing(times):
    rehearsal = Rehearsal(network(), times)
    for k, row in enumerate((3, 30, 17, 25, 8)):
        rehearsal.onset(row, 20.0 + 7.0 * k)
    rehearsal.wait(80.0)
    assert rehearsal.said == []


def test_an_onset_long_past_by_what_else_came_of_its_station_asks_nothing(times, monkeypatch):
    rehearsal = Rehearsal(network(), times)
    order = rehearsal.quake(3)
    late = next(row for row in rehearsal.rows.tolist() if row not in order)
    rehearsal.columns.heard(np.array([late]), np.array([ORIGIN_S + 400.0]))  # another channel, of another clock
    monkeypatch.setattr(rehearsal.warn, "_could", lambda *_: True)
    monkeypatch.setattr(rehearsal.warn, "_search", lambda *_: pytest.fail("it was looked for"))
    onset_ns = BASE_NS + round(float(rehearsal.p_s[late]) * NS_PER_S)
    assert list(rehearsal.warn.handle(Onset(rehearsal.columns.stations[late].key, *[onset_ns] * 4))) == []


def test_an_alert_that_nobody_else_bears_out_is_taken_back(times):
    """The nearest stations to a place lie in concert; all others stay silent."""
    rehearsal = Rehearsal(network(), times)
    rehearsal.quake(5)
    assert rehearsal.said[0].kind == "first"
    rehearsal.wait(ORIGIN_S + 40.0)
    assert rehearsal.said[-1].kind == "cancel"
    assert rehearsal.said[-1].audiences == rehearsal.said[0].audiences
    assert rehearsal.said[-1].reason


def test_stations_behind_one_gateway_are_one_voice(times):
    stations = network(gateway=lambda k: k)
    nearest = np.argsort(Rehearsal(stations, times).p_s)[:5].tolist()
    together = [
        replace(each, domains=frozenset({"gateway:G"})) if k in nearest else each for k, each in enumerate(stations)
    ]
    rehearsal = Rehearsal(together, times)
    rehearsal.quake(5)
    assert rehearsal.said == []


def test_sealing_stations_takes_back_what_only_they_said(times):
    rehearsal = Rehearsal(network(), times)
    order = rehearsal.quake(6)
    assert rehearsal.said[0].kind == "first"
    now_ns = rehearsal.said[-1].declared_ns + NS_PER_S
    for row in order[:4]:
        rehearsal.said += rehearsal.warn.trust(rehearsal.columns.stations[row].key, 0.0, Tier.BROKEN, now_ns)
    assert rehearsal.said[-1].kind == "cancel"


def test_coda_raises_no_second_alert(times):
    rehearsal = Rehearsal(network(), times)
    order = rehearsal.quake(20)
    for k, row in enumerate(order[:10]):
        rehearsal.onset(row, ORIGIN_S + 22.0 + 1.5 * k)
    assert len({alert.alert_id for alert in rehearsal.said}) == 1


def test_after_a_restart_an_alert_goes_on_under_its_name(times):
    before = Rehearsal(network(), times)
    before.quake(6)
    again = Rehearsal(network(), times)
    again.quake(6)
    told = [replace(alert, alert_id="told-before") for alert in before.said]
    again.warn.recall(told, told[-1].declared_ns)
    again.said = []
    for row in np.argsort(again.p_s).tolist()[6:25]:
        again.onset(row, float(again.p_s[row]))
    assert again.said
    assert {alert.alert_id for alert in again.said} == {"told-before"}
    assert again.said[0].version == told[-1].version + 1


def test_two_alerts_of_one_quake_end_as_one(times):
    """As after a restart that took both up: judging the one ends the other, and nothing else goes wrong."""
    rehearsal = Rehearsal(network(), times)
    rehearsal.quake(8)
    last = rehearsal.said[-1]
    twins = [replace(last, alert_id=name) for name in ("one", "other")]
    rehearsal.warn.recall(twins, last.declared_ns)
    rehearsal.said = []
    rehearsal.wait(float(rehearsal.columns.front_s.max()) + 3.0)
    assert [
        (alert.kind, alert.reason.partition(" with ")[0]) for alert in rehearsal.said if alert.kind == "cancel"
    ] == [("cancel", "one quake")]


def test_an_alert_set_far_off_comes_back_to_where_its_onsets_come_from(times):
    """Liars about a quake can have it looked for where others' onsets are explained nearly as well."""
    rehearsal = Rehearsal(network(), times)
    rehearsal.quake(12)
    (held,) = rehearsal.warn._open
    far_off = replace(held.alert, latitude_deg=PLACE[0] + 1.5, origin_time_ns=held.alert.origin_time_ns - 20 * NS_PER_S)
    held.alert = held.anchor = far_off
    rehearsal.wait(float(rehearsal.columns.front_s.max()) + 2.0)
    last = rehearsal.said[-1]
    assert (last.kind, last.alert_id) == ("update", held.alert.alert_id)
    assert distance_m(last.latitude_deg, last.longitude_deg, *PLACE) < 15_000
    assert held.anchor is held.alert


def test_how_far_a_coalition_can_move_an_alert_counts_places_of_other_times(times):
    """A place far off explains what few stations show as well, by a quake at another time than the alert's."""
    rehearsal = Rehearsal(network(), times)
    rehearsal.quake(7)
    rehearsal.wait(float(rehearsal.columns.front_s.max()) + 1.0)
    (held,) = rehearsal.warn._open
    there = held.elsewhere
    assert there is not None
    assert len(there.behind) > 50
    assert np.all(there.behind >= 0)
    policy = Policy()
    for bound in held.alert.bounds:
        swing = bound.stations * 2 * (policy.most + policy.least)
        reached = (there.behind <= swing) & (there.score >= policy.threshold - swing / 2)
        away_m = distance_m(held.alert.latitude_deg, held.alert.longitude_deg, there.latitude_deg, there.longitude_deg)
        assert bound.moved_m >= away_m[reached].max(initial=0.0) - 20_000.0  # it may have been asked once more since
