"""From a first cluster to a whole one: drop what does not fit, find what was missed.

1. locate with the picks the search grouped;
2. drop arrivals the origin does not explain;
3. for every station in hearing distance, predict P and S where there is none yet, corrected by what the
   station's other phase already told; take a spare pick near the prediction, else look for an onset there;
4. locate again; repeat until nothing changes, at most a few times.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from houfeng.quake.locate.locator import Locator
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.quake import Cluster, Origin, Phase, Pick

#: Look: is there an onset of this phase at this station within half a width of an instant?
Look = Callable[[str, Phase, int, float], Pick | None]

ROUNDS = 3

PHASES: tuple[Phase, ...] = ("P", "S")

#: An onset this clear is hardly a stray: it may lie so much farther off, on slow ground, for the locator to weigh.
CLEAR, CLEAR_WIDTH = 0.9, 2.0
#: Least probability of an onset to be taken for the other phase than it was read as.
RENAMED = 0.5

#: S is slower than P by about this much in crystalline rock; a late P foretells a later S.
S_OVER_P = 1.73

#: An epicentre in doubt by a kilometre puts arrivals in doubt by this speed's share of a second, but no more than so.
P_SPEED_MPS = 6_000.0
MOST_DOUBT_S = 0.5

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
    spare: Sequence[Pick],
    look: Look,
) -> Origin:
    """Locate a cluster with every arrival that belongs to it.

    spare  picks no other quake has claimed; look finds onsets nobody triggered on
    Raises DataFault when the picks do not make an origin.
    """
    picks = cluster.picks
    origin = locator.locate(picks, near=cluster)
    for _ in range(ROUNDS):
        kept = _explained(origin, tolerance)
        if len({pick.source.station_key for pick in kept}) < 3:
            raise DataFault("cluster", f"only {len(kept)} of {len(picks)} picks agree on an origin")
        found = _missed(origin, kept, network, times, tolerance, spare, look)
        whole = tuple(sorted([*kept, *found], key=lambda pick: pick.key))
        if whole == tuple(sorted(picks, key=lambda pick: pick.key)):
            break
        picks = whole
        origin = locator.locate(picks, near=_as_cluster(origin, picks))
    return origin


def _explained(origin: Origin, tolerance: Tolerance) -> list[Pick]:
    kept = []
    for arrival in origin.arrivals:
        travel_s = (arrival.pick.time_ns - origin.time_ns) / NS_PER_S
        if abs(arrival.residual_s) <= _allowed_s(arrival.pick, tolerance.at(travel_s, arrival.pick.phase)):
            kept.append(arrival.pick)
    return kept


def _missed(
    origin: Origin,
    kept: Sequence[Pick],
    network: Network,
    times: TravelTimes,
    tolerance: Tolerance,
    spare: Sequence[Pick],
    look: Look,
) -> list[Pick]:
    have = {(pick.source.station_key, pick.phase): pick for pick in kept}
    farthest_m = max(arrival.distance_m for arrival in origin.arrivals if arrival.pick in set(kept))
    away_m = network.away_m(origin.latitude_deg, origin.longitude_deg)
    elevation_m = np.array([station.elevation_m for station in network.stations.values()])
    travel = {phase: times.seconds(phase, away_m, origin.depth_m, elevation_m) for phase in PHASES}
    late = {arrival.pick.source.station_key: arrival for arrival in origin.arrivals if arrival.pick in set(kept)}
    # While the place is unsure, so are the predictions; as arrivals join, both tighten.
    doubt_s = min(origin.ellipses[0].semi_major_m / P_SPEED_MPS, MOST_DOUBT_S)
    found = []
    for row, key in enumerate(network.stations):
        if away_m[row] > HEARING_MARGIN * farthest_m:
            continue
        for phase in PHASES:
            if (key, phase) in have:
                continue
            travel_s = float(travel[phase][row])
            width_s = tolerance.at(travel_s, phase) + doubt_s
            if key in late:  # what delays one phase at a station delays the other
                other = late[key]
                travel_s += other.residual_s * (S_OVER_P if phase == "S" else 1 / S_OVER_P)
            expected_ns = origin.time_ns + seconds_to_ns(travel_s)
            pick = _nearest(spare, key, phase, expected_ns, width_s) or look(key, phase, expected_ns, width_s)
            if pick is not None:
                found.append(pick)
    return found


def _nearest(spare: Sequence[Pick], key: str, phase: Phase, expected_ns: int, width_s: float) -> Pick | None:
    near = [
        pick
        for pick in spare
        if pick.source.station_key == key
        and pick.probability >= (0.0 if pick.phase == phase else RENAMED)
        and abs(pick.time_ns - expected_ns)
        <= NS_PER_S * (_allowed_s(pick, width_s) if pick.phase == phase else width_s)
    ]
    # An onset read as the other phase is the same onset; the prediction knows better than its polarisation.
    best = min(near, key=lambda pick: (pick.phase != phase, abs(pick.time_ns - expected_ns), pick.key), default=None)
    if best is None or best.phase == phase:
        return best
    return replace(best, phase=phase, polarity=0, polarity_confidence=0.0)


def _allowed_s(pick: Pick, width_s: float) -> float:
    return width_s * (CLEAR_WIDTH if pick.probability >= CLEAR else 1.0)


def _as_cluster(origin: Origin, picks: tuple[Pick, ...]) -> Cluster:
    return Cluster(picks, origin.time_ns, origin.latitude_deg, origin.longitude_deg, origin.depth_m)
