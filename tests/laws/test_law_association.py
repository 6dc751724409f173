"""Law 3: permuting the order of simultaneous picks changes no cluster."""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.associate.octo import Associate
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.words.earth import distance_m, travelled
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

MODEL = VelocityModel("test", "test", np.array([0.0, 8e3]), np.array([5400.0, 6300.0]), np.array([3100.0, 3600.0]))
EPOCH_NS = 1_600_000_000 * NS_PER_S
COARSE_NS = NS_PER_S // 2  # instants rounded so coarsely that many picks are simultaneous


def _stations():
    latitude, longitude = travelled(47.0, 11.0, *np.random.default_rng(17).uniform(-15e3, 15e3, (2, 9)))
    return [Station("XX", f"S{i}", float(latitude[i]), float(longitude[i]), 100.0 * i) for i in range(9)]


STATIONS = _stations()
CHANNELS = [SourceId("XX", station.code, "", "HHZ") for station in STATIONS]
NETWORK = network_of(Inventory(tuple(STATIONS)), CHANNELS, EPOCH_NS)
TIMES = travel_times(MODEL, NETWORK)


def _picks():
    """Two quakes and strays, on a coarse clock."""
    picks = []
    for at_s, latitude_deg, longitude_deg in ((0.0, 47.03, 11.05), (9.0, 46.95, 10.93)):
        for source, station in zip(CHANNELS, STATIONS, strict=True):
            away_m = distance_m(latitude_deg, longitude_deg, *station.place)
            for phase in ("P", "S"):
                onset_s = at_s + float(TIMES.seconds(phase, away_m, 9e3, station.elevation_m))
                time_ns = EPOCH_NS + round(onset_s * NS_PER_S / COARSE_NS) * COARSE_NS
                picks.append(Pick(source, phase, time_ns, 0.15, probability=0.9))
    rng = np.random.default_rng(3)
    for source in CHANNELS:
        time_ns = EPOCH_NS + int(rng.integers(-20, 40)) * COARSE_NS
        picks.append(Pick(source, "P", time_ns, 0.15, probability=0.6))
    return picks


PICKS = _picks()


def _clusters(picks):
    clusters = []

    def weigh(cluster):
        arrivals = [SimpleNamespace(pick=pick) for pick in cluster.picks]
        return len(arrivals), SimpleNamespace(time_ns=cluster.time_ns, arrivals=arrivals, cluster=cluster)

    def tell(quake):
        clusters.append(quake.cluster)
        return quake.cluster.picks

    with tempfile.TemporaryDirectory() as scratch:
        associate = Associate(NETWORK, TIMES, Path(scratch))
        for pick in picks:
            associate.handle(pick)
        associate.elapse(2**62, weigh, tell)
    return clusters


KNOWN = _clusters(sorted(PICKS, key=lambda pick: pick.key))


@settings(max_examples=12, deadline=None)
@given(order=st.permutations(range(len(PICKS))))
def test_the_order_of_simultaneous_picks_changes_no_cluster(order):
    shuffled = sorted((PICKS[i] for i in order), key=lambda pick: pick.time_ns)
    assert _clusters(shuffled) == KNOWN


@settings(max_examples=12, deadline=None)
@given(turns=st.permutations([pick.source for pick in PICKS]))
def test_nor_does_it_matter_which_station_is_heard_first(turns):
    waiting = {
        source: iter(sorted((p for p in PICKS if p.source == source), key=lambda p: p.key)) for source in CHANNELS
    }
    assert _clusters([next(waiting[source]) for source in turns]) == KNOWN


def test_there_is_something_to_change():
    assert len(KNOWN) >= 2
    assert len({pick.time_ns for pick in PICKS}) < 0.75 * len(PICKS)
