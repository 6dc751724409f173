"""From a first cluster to a whole one: drop what does not fit, find what was missed.

1. locate with the picks the search grouped;
2. drop arrivals the origin does not explain;
3. for every station in hearing distance, predict P and S where there is none yet, corrected by what the
   station's other phase already told; take the pick that most surely is the arrival;
4. locate again; repeat until nothing changes, at most a few times.

Once the origin is believed, fill looks for the onsets nobody triggered on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from houfeng.quake.associate.octo import LEAST_STATIONS
from houfeng.quake.associate.strays import MISREAD, Strays, density_per_s
from houfeng.quake.locate.locator import Locator
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.quake import Arrival, Cluster, Origin, Phase, Pick

#: Look: is there an onset of this phase at this station within half a width of an instant?
Look = Callable[[str, Phase, int, float], Pick | None]

ROUNDS = 4

#: P and S readings of one onset lie this close; closer than the second, the one onset cannot be both.
SAME_ONSET_S, ONE_ONSET_S = 0.5, 0.2

PHASES: tuple[Phase, ...] = ("P", "S")

#: How many widths from a prediction picks are considered: beyond, not even the clearest of them is the arrival.
MOST_WIDTHS = 2.0

#: S is slower than P by about this much in crystalline rock; a late P foretells a later S.
S_OVER_P = 1.73

#: What a kilometre of doubt in the epicentre does to predictions, s/m: arrivals that gave the place tie those of their
#: own phase down, and while there is none of S, S minus P (of 6 and 3.5 km/s) is open. Believed up to a limit, s.
TIED_SPM, OPEN_SPM = 1 / 6_000.0, 1 / 3_500.0 - 1 / 6_000.0
MOST_TIED_S, MOST_OPEN_S = 0.5, 4.0

#: An onset nobody triggered on is looked for within so many times the scatter of those known, at least so many s.
LOOKED_SCATTER, LEAST_LOOKED_S = 3.0, 0.15

#: Stations up to this much farther than the farthest that triggered are asked too.
HEARING_MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an arrival may lie from its prediction, s: a floor plus a share of the travel time, up to a limit."""

    floor_s: float
    ratio: float
    limit_s: float

    def at(self, travel_s: float, phase: Phase) -> float:
        """Half-width of the search for a phase after this much travel."""
        return (self.floor_s + min(self.ratio * travel_s, self.limit_s)) * (1.25 if phase == "S" else 1.0)


def complete(
    cluster: Cluster,
    *,
    network: Network,
    locator: Locator,
    times: TravelTimes,
    tolerance: Tolerance,
    strays: Strays,
    look: Look,
) -> Origin:
    """Locate a cluster with every pick that belongs to it.

    strays  picks no other quake has claimed, the cluster's own among them
    look    finds the onset again when a pick turns out to be of the other phase than it was read as
    Raises DataFault when the picks do not make an origin.
    """
    picks = tuple(pick if pick in strays else _renamed(pick, pick.phase, look) for pick in cluster.picks)
    origin = locator.locate(picks, near=cluster, likeliest=True)

    def told(key: str, phase: Phase, expected_ns: int, width_s: float) -> Pick | None:
        pick = _likeliest(strays, key, phase, expected_ns, width_s)
        return pick if pick is None or pick.phase == phase else _renamed(pick, phase, look)

    for left in reversed(range(ROUNDS)):
        kept = _explained(origin, tolerance, strays)
        if len({pick.source.station_key for pick in kept}) < 3:
            raise DataFault("cluster", f"only {len(kept)} of {len(picks)} picks agree on an origin")
        # The last round only drops.
        missed = _missed(origin, kept, network, times, tolerance, MOST_OPEN_S, told) if left else []
        whole = _joined(kept, missed)
        if whole == _joined(picks, ()):
            break
        picks = whole
        origin = locator.locate(picks, near=_as_cluster(origin, picks), likeliest=True)
    stations = len({pick.source.station_key for pick in picks})
    if stations < LEAST_STATIONS:
        raise DataFault("cluster", f"only {stations} stations agree on an origin")
    return origin


def fill(
    origin: Origin, *, network: Network, locator: Locator, times: TravelTimes, tolerance: Tolerance, look: Look
) -> Origin:
    """Look in the records for the arrivals nobody triggered on, and locate with them."""
    picks = _joined([arrival.pick for arrival in origin.arrivals], ())
    strict = Tolerance(
        min(tolerance.floor_s, max(LEAST_LOOKED_S, LOOKED_SCATTER * origin.rms_s)), tolerance.ratio, origin.rms_s
    )
    origin = locator.locate(picks, near=_as_cluster(origin, picks))
    for left in reversed(range(ROUNDS)):
        true = [
            arrival.pick
            for arrival in origin.arrivals
            if arrival.pick.method != "guided" or abs(arrival.residual_s) <= _width_s(origin, arrival, strict)
        ]
        # The last round only drops.
        whole = _joined(true, _missed(origin, true, network, times, strict, MOST_TIED_S, look) if left else ())
        if whole == picks:
            break
        picks = whole
        origin = locator.locate(picks, near=_as_cluster(origin, picks))
    return origin


def _joined(picks: Sequence[Pick], more: Sequence[Pick]) -> tuple[Pick, ...]:
    return tuple(sorted([*picks, *more], key=lambda pick: pick.key))


def _explained(origin: Origin, tolerance: Tolerance, strays: Strays) -> list[Pick]:
    return [
        arrival.pick
        for arrival in origin.arrivals
        if density_per_s(arrival.residual_s, _width_s(origin, arrival, tolerance) / 2) > strays.per_s(arrival.pick)
    ]


def _width_s(origin: Origin, arrival: Arrival, tolerance: Tolerance) -> float:
    return tolerance.at((arrival.pick.time_ns - origin.time_ns) / NS_PER_S, arrival.pick.phase)


def _missed(
    origin: Origin,
    kept: Sequence[Pick],
    network: Network,
    times: TravelTimes,
    tolerance: Tolerance,
    most_open_s: float,
    look: Look,
) -> list[Pick]:
    have = {(pick.source.station_key, pick.phase): pick for pick in kept}
    true = set(kept)
    late = {arrival.pick.source.station_key: arrival for arrival in origin.arrivals if arrival.pick in true}
    farthest_m = max(arrival.distance_m for arrival in origin.arrivals if arrival.pick in true)
    away_m = network.away_m(origin.latitude_deg, origin.longitude_deg)
    elevation_m = np.array([station.elevation_m for station in network.stations.values()])
    travel = {phase: times.seconds(phase, away_m, origin.depth_m, elevation_m) for phase in PHASES}
    # While the place is unsure, so are the predictions; as arrivals join, both tighten.
    unsure_m = origin.ellipses[-1].semi_major_m
    doubt_s = dict.fromkeys(PHASES, min(unsure_m * TIED_SPM, MOST_TIED_S))
    if all(pick.phase == "P" for pick in kept):
        doubt_s["S"] = min(unsure_m * OPEN_SPM, most_open_s)
    found = []
    for row, key in enumerate(network.stations):
        if away_m[row] > HEARING_MARGIN * farthest_m:
            continue
        for phase in PHASES:
            if (key, phase) in have:
                continue
            travel_s = float(travel[phase][row])
            width_s = tolerance.at(travel_s, phase) + doubt_s[phase]
            if key in late:  # what delays one phase at a station delays the other
                other = late[key]
                travel_s += other.residual_s * (S_OVER_P if phase == "S" else 1 / S_OVER_P)
            pick = look(key, phase, origin.time_ns + seconds_to_ns(travel_s), width_s)
            if pick is None:
                continue
            rival = have.get((key, "S" if phase == "P" else "P"))
            if rival is None or abs(pick.time_ns - rival.time_ns) > ONE_ONSET_S * NS_PER_S:
                have[key, phase] = pick
                found.append(pick)
    return found


def _likeliest(strays: Strays, key: str, phase: Phase, expected_ns: int, width_s: float) -> Pick | None:
    """The pick that most surely is the arrival, under whichever name it was read; None when none likely is."""
    best, most = None, 0.0
    for name in PHASES:
        for pick in strays.near(key, name, expected_ns, MOST_WIDTHS * width_s):
            likely = density_per_s((pick.time_ns - expected_ns) / NS_PER_S, width_s / 2) / strays.per_s(pick)
            odds = likely * (1.0 if name == phase else MISREAD)
            if odds > max(most, 1.0):
                best, most = pick, odds
    return best


def _renamed(pick: Pick, phase: Phase, look: Look) -> Pick:
    """A pick as the other phase: the prediction knows better than polarisation, and P begins before it is strong."""
    again = look(pick.source.station_key, phase, pick.time_ns, SAME_ONSET_S)
    if again is None:
        return replace(pick, phase=phase, polarity=0, polarity_confidence=0.0)
    return replace(again, probability=pick.probability, method="reread")


def as_told(pick: Pick, strays: Strays) -> list[Pick]:
    """The picks as which an onset read again was told at first."""
    near = [strays.near(pick.source.station_key, phase, pick.time_ns, SAME_ONSET_S) for phase in PHASES]
    return [told for told in near[0] + near[1] if told.phase != pick.phase]


def _as_cluster(origin: Origin, picks: tuple[Pick, ...]) -> Cluster:
    return Cluster(picks, origin.time_ns, origin.latitude_deg, origin.longitude_deg, origin.depth_m)
