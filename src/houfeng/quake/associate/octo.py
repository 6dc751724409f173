"""Grouping picks into ruptures with PyOcto, over sliding windows.

PyOcto (Münchmeyer 2024, doi:10.26443/seismica.v3i1.1130) searches space and time for origins that many
picks agree on. Every parameter follows from the network's geometry and the Earth model:

1. time advances in steps; a step is searched once the slowest S of a quake in it has crossed the network;
2. picks from one crossing before the step to one crossing after it take part, less those already spent;
3. a quake is told in the step its time falls in, when all its picks are there, or in the next if it was missed;
4. of what one search finds the quake with the most evidence is told first, and what it claims is no other's.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from struct import pack

import numpy as np
import pandas as pd
import pyocto
from scipy.stats import poisson

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.earth import azimuth_deg, travelled
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.quake import Cluster, Origin, Phase, Pick
from houfeng.words.source import SourceId

#: Nodes of the travel-time table along its longer side: interpolation error far below the tolerance.
TABLE_NODES = 400

#: Fewest stations whose picks can tell a quake from coincidence: four unknowns, one to spare comes from S.
LEAST_STATIONS = 4
LEAST_PICKS = 5

#: Quakes farther outside the network than this are regional or distant; nobody locates them well from here.
LARGEST_MARGIN_M = 300_000.0

#: Arrival times depart from a layered model by a few hundredths of the travel time (lateral structure)
#: plus what stations add locally (sediments): Husen & Hardebeck 2010, doi:10.5078/corssa-55815573.
STATION_ERROR_S = 0.4
MODEL_ERROR_RATIO = 0.02
#: Over long paths the errors average out: the Earth's heterogeneity is worth at most this (Kennett & Engdahl 1991,
#: doi:10.1111/j.1365-246X.1991.tb06724.x, figure 10).
LARGEST_MODEL_ERROR_S = 2.5

#: Beyond this reach crossings take minutes, and faint picks are mostly coda.
FAINT_REACH_M = 300_000.0

#: Says where and when the quake of a cluster was, and the evidence for it; None when there is no quake in it.
Weigh = Callable[[Cluster], tuple[float, Origin] | None]
#: Takes note of a quake; returns the picks it claims.
Tell = Callable[[Origin], Iterable[Pick]]


@dataclass(frozen=True, slots=True)
class Plan:
    """The search as PyOcto needs it, in km and s.

    crossing_s   longest S travel time of a quake worth listening for
    step_s       how much origin time is searched at once
    tolerance_s  how far a pick may lie from its predicted time
    """

    crossing_s: float
    step_s: float
    tolerance_s: float
    margin_km: float
    node_km: float


@dataclass(frozen=True, slots=True)
class Tier:
    """One of the searches of a step. Clear picks come first, so that the strays around them cannot bend a clear quake.

    least_probability  of the picks that take part
    luck               how often strays as dense as the picks may bring a cluster together at any one place: the more
                       strays among the picks, the rarer. Evidence is weighed later; this keeps the search from
                       following every chance meeting
    reach              stations up to so many times the network's reach found a quake, the less clear the fewer; those
                       farther join once it is located. After a large quake in a dense network this makes the search
                       thirty times faster
    coarse             nodes are searched down to so many times the size, for speed
    most_picks         of one phase at one station that take part, the likeliest first: more quakes than that in two
                       crossings of the network are not told apart, and a station gone mad cannot drown the others
    """

    least_probability: float
    luck: float
    reach: float
    coarse: int = 1
    most_picks: int = 10


CLEAR, LIKELY = Tier(0.8, 0.2, reach=2.0), Tier(0.5, 0.05, reach=1.5)
FAINT = Tier(0.2, 0.001, reach=1.0, coarse=2)
FAINT_FAR = Tier(0.2, 0.001, reach=1.0, coarse=4, most_picks=4)


def plan_search(network: Network, times: TravelTimes) -> Plan:
    """Derive the search from the network's reach and the Earth model."""
    farthest = np.array([network.reach_m])
    crossing_s = float(times.seconds("S", farthest, np.array([10_000.0]), np.array([0.0]))[0])
    longest_p_s = float(times.seconds("P", farthest, np.array([10_000.0]), np.array([0.0]))[0])
    return Plan(
        crossing_s=crossing_s,
        step_s=float(np.clip(crossing_s / 2, 10.0, 300.0)),
        tolerance_s=STATION_ERROR_S + min(MODEL_ERROR_RATIO * longest_p_s, LARGEST_MODEL_ERROR_S),
        margin_km=min(network.reach_m, LARGEST_MARGIN_M) / 1000,
        node_km=float(np.clip(network.reach_m / 1000 / 10, 4.0, 150.0)),
    )


class Associate:
    """Picks in, clusters out; what a quake claimed founds no other.

    network  stations with coordinates; picks of others are kept out
    times    travel times of the model in force
    scratch  a folder PyOcto may read its table from; written once, here
    """

    def __init__(self, network: Network, times: TravelTimes, scratch: Path) -> None:
        self.plan = plan_search(network, times)
        self._network = network
        self._tiers = (CLEAR, LIKELY, FAINT if network.reach_m <= FAINT_REACH_M else FAINT_FAR)
        self._search = _Search(network, times, self.plan, scratch)
        self._picks: list[Pick] = []
        self._next_ns = EARLIEST_NS
        #: Clusters of quakes of a later step found in a search, and their arrivals, which none with less evidence gets.
        self._later: list[Cluster] = []
        self.promised: set[Pick] = set()

    @property
    def unclaimed(self) -> Sequence[Pick]:
        """Picks free for the cluster being weighed, in time order, back to where an origin could explain them.

        Those of quakes already told are not, nor those of a surer one whose turn is yet to come.
        """
        promised = _onsets(self.promised)
        return [pick for pick in self._picks if (pick.source, pick.time_ns) not in promised]

    def handle(self, pick: Pick) -> None:
        """Take a pick into account. It counts once time has moved on far enough."""
        if pick.source.station_key in self._network.stations:
            insort(self._picks, pick, key=_key)

    def elapse(self, now_ns: int, weigh: Weigh, tell: Tell) -> None:
        """Search all origin times that nothing arriving after now_ns can change.

        weigh  is given clusters, and again what is left of one when a surer quake has claimed some of it
        tell   is given quakes, the surest of a search first
        """
        crossing_ns, step_ns = round(self.plan.crossing_s * NS_PER_S), round(self.plan.step_s * NS_PER_S)
        while self._picks:
            begin_ns = max(self._next_ns, (self._picks[0].time_ns - crossing_ns) // step_ns * step_ns)
            if begin_ns + step_ns + crossing_ns > now_ns:
                return
            searched: list[Pick] = []
            for tier in self._tiers:
                searched = self._search_step(begin_ns, tier, weigh, tell, searched)
            self._next_ns = begin_ns + step_ns
            # A pick matters until no origin from the next step on can explain it.
            del self._picks[: bisect_left(self._picks, self._next_ns, key=_time_ns)]

    def _search_step(self, begin_ns: int, tier: Tier, weigh: Weigh, tell: Tell, already: list[Pick]) -> list[Pick]:
        """Search one step among picks of a tier; returns those picks.

        already  what the last search of this step had; with nothing new, there is nothing to search

        The faintest search, the slowest by far, leaves out what quakes of later steps hold: their turn comes.
        """
        faintest = tier is self._tiers[-1]
        taken = _onsets(self.promised) if faintest else set()  # under either name
        end_ns = begin_ns + round(self.plan.step_s * NS_PER_S)
        crossing_ns = round(self.plan.crossing_s * NS_PER_S)
        low = bisect_left(self._picks, begin_ns - crossing_ns, key=_time_ns)
        high = bisect_left(self._picks, end_ns + crossing_ns, key=_time_ns)
        chosen = _likeliest(
            [
                pick
                for pick in self._picks[low:high]
                if pick.probability >= tier.least_probability and (pick.source, pick.time_ns) not in taken
            ],
            tier.most_picks,
        )
        if chosen == already:
            return already
        picks = _under_both_names(chosen, self._picks[low:high], crossing_ns)
        clusters = self._search.clusters(picks, tier)
        if not faintest:
            clusters = [*self._later, *clusters]
            self._later, self.promised = [], set()
        weighed = [(weigh(cluster), cluster) for cluster in clusters]
        while found := [(*quake, cluster) for quake, cluster in weighed if quake is not None]:
            _, origin, cluster = max(found, key=lambda one: one[0])
            weighed = [(quake, other) for quake, other in weighed if other is not cluster]
            if taken.isdisjoint(_onsets(arrival.pick for arrival in origin.arrivals)):
                if origin.time_ns >= end_ns:
                    self._later.append(cluster)
                    self.promised.update(arrival.pick for arrival in origin.arrivals)
                    taken |= _onsets(self.promised)
                else:
                    claimed = _onsets(tell(origin))
                    self._picks = [pick for pick in self._picks if (pick.source, pick.time_ns) not in claimed]
                    taken |= claimed
            else:
                left = replace(cluster, picks=tuple(p for p in cluster.picks if (p.source, p.time_ns) not in taken))
                again = weigh(left)
                if again is not None and taken.isdisjoint(_onsets(arrival.pick for arrival in again[1].arrivals)):
                    weighed.append((again, left))
        return chosen


def _onsets(picks: Iterable[Pick]) -> set[tuple[SourceId, int]]:
    return {(pick.source, pick.time_ns) for pick in picks}


def _likeliest(picks: list[Pick], most: int) -> list[Pick]:
    """At most so many of each station and phase, in time order."""
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for pick in sorted(picks, key=lambda pick: (-pick.probability, -pick.snr, pick.key)):
        taken[pick.source.station_key, pick.phase] += 1
        if taken[pick.source.station_key, pick.phase] <= most:
            kept.append(pick)
    return sorted(kept, key=lambda pick: pick.key)


def _under_both_names(picks: list[Pick], told: Iterable[Pick], crossing_ns: int) -> list[Pick]:
    """Picks in time order, an S before which its station told no likely P joined by its twin named P.

    Near a quake P may shake sideways and be read as S.
    """
    p_picks: dict[str, list[Pick]] = {}
    for pick in told:
        if pick.phase == "P":
            p_picks.setdefault(pick.source.station_key, []).append(pick)
    twins = [
        replace(pick, phase="P", polarity=0, polarity_confidence=0.0)
        for pick in picks
        if pick.phase == "S"
        and not any(
            0 <= pick.time_ns - p.time_ns <= crossing_ns and p.probability >= pick.probability / 2
            for p in p_picks.get(pick.source.station_key, ())
        )
    ]
    return sorted([*picks, *twins], key=_key)


def _key(pick: Pick) -> tuple[int, str, str]:
    return pick.key


def _time_ns(pick: Pick) -> int:
    return pick.time_ns


class _Search:
    """One call of PyOcto, with Houfeng's values on both sides."""

    def __init__(self, network: Network, times: TravelTimes, plan: Plan, scratch: Path) -> None:
        self._centre = _centre(network)
        self._plan = plan
        self._reach_km = network.reach_m / 1000
        self._stations = _station_table(network, self._centre)
        self._datum_km = -float(self._stations["elevation_km"].mean()) if len(self._stations) else 0.0
        self._stations["z"] = -self._stations.pop("elevation_km") - self._datum_km
        core = _core(self._stations, self._reach_km)
        east, north = core["x"], core["y"]
        xlim = (float(east.min()) - plan.margin_km, float(east.max()) + plan.margin_km)
        ylim = (float(north.min()) - plan.margin_km, float(north.max()) + plan.margin_km)
        zlim = (0.0, network.deepest_m / 1000 - self._datum_km)
        table = scratch / "travel_times.pyocto"
        width_km = float(np.hypot(xlim[1] - xlim[0], ylim[1] - ylim[0])) + network.aperture_m / 1000
        _write_table(table, times, width_km, zlim[1], self._datum_km)
        self._model = pyocto.VelocityModel1D(
            table,
            tolerance=plan.tolerance_s,
            surface_p_velocity=_surface_speed_kmps(times, "P", self._datum_km),
            surface_s_velocity=_surface_speed_kmps(times, "S", self._datum_km),
        )
        self._associator = pyocto.OctoAssociator(
            xlim=xlim,
            ylim=ylim,
            zlim=zlim,
            velocity_model=self._model,
            time_before=plan.crossing_s,
            time_slicing=10 * (plan.step_s + 2 * plan.crossing_s),  # the window is the slice
            min_node_size=plan.node_km,
            min_node_size_location=plan.node_km / 8,
            pick_match_tolerance=plan.tolerance_s,
            min_interevent_time=2 * plan.tolerance_s,
            max_pick_overlap=0,
            n_picks=LEAST_PICKS,
            n_p_picks=2,
            n_s_picks=0,
            n_p_and_s_picks=0,
            min_pick_fraction=0.0,  # stations that were off look like stations that heard nothing
            n_threads=1,  # one thread, one order of events: replays stay identical
        )

    def clusters(self, picks: list[Pick], tier: Tier) -> list[Cluster]:
        """Clusters among picks, the largest first."""
        if len({pick.source.station_key for pick in picks}) < LEAST_STATIONS:
            return []
        self._associator.n_picks = self._least_picks(picks, tier.luck)
        self._associator.min_node_size = self._plan.node_km * tier.coarse
        self._model.association_cutoff_distance = tier.reach * self._reach_km
        base_ns = picks[0].time_ns
        table = pd.DataFrame(
            {
                "station": [pick.source.station_key for pick in picks],
                "phase": [pick.phase for pick in picks],
                "time": [(pick.time_ns - base_ns) / NS_PER_S for pick in picks],
            }
        )
        events, assignments = self._associator.associate(table, self._stations)
        chosen: dict[int, list[Pick]] = {}
        for event, number in zip(assignments["event_idx"], assignments["pick_idx"], strict=True):
            chosen.setdefault(int(event), []).append(picks[int(number)])
        found = [
            self._cluster(row, base_ns, sorted(chosen[int(row["idx"])], key=lambda pick: pick.key))
            for _, row in events.iterrows()
        ]
        return sorted(found, key=lambda cluster: (-len(cluster.picks), cluster.time_ns, cluster.picks[0].key))

    def _least_picks(self, picks: list[Pick], luck: float) -> int:
        """How many picks make a cluster: more than luck brings together at this density of picks."""
        span_s = self._plan.step_s + 2 * self._plan.crossing_s
        counts = Counter((pick.source.station_key, pick.phase) for pick in picks)
        by_luck = sum(1 - np.exp(-count / span_s * 2 * self._plan.tolerance_s) for count in counts.values())
        return max(LEAST_PICKS, int(poisson.isf(luck, by_luck)) + 1)

    def _cluster(self, row: "pd.Series[float]", base_ns: int, picks: list[Pick]) -> Cluster:
        latitude, longitude = travelled(*self._centre, row["x"] * 1000, row["y"] * 1000)
        return Cluster(
            picks=tuple(picks),
            time_ns=base_ns + round(float(row["time"]) * NS_PER_S),
            latitude_deg=float(latitude),
            longitude_deg=float(longitude),
            depth_m=(float(row["z"]) + self._datum_km) * 1000,
        )


def _centre(network: Network) -> tuple[float, float]:
    """Middle of the network, right across the date line too."""
    lat, lon = np.radians([station.place for station in network.stations.values()]).T
    x, y, z = (np.cos(lat) * np.cos(lon)).mean(), (np.cos(lat) * np.sin(lon)).mean(), np.sin(lat).mean()
    return float(np.degrees(np.arctan2(z, np.hypot(x, y)))), float(np.degrees(np.arctan2(y, x)))


def _station_table(network: Network, centre: tuple[float, float]) -> pd.DataFrame:
    stations = list(network.stations.values())
    latitude, longitude = np.array([station.place for station in stations]).T
    distance_km = network.away_m(*centre) / 1000
    azimuth = np.radians(azimuth_deg(*centre, latitude, longitude))
    return pd.DataFrame(
        {
            "id": [station.key for station in stations],
            "x": distance_km * np.sin(azimuth),
            "y": distance_km * np.cos(azimuth),
            "elevation_km": [station.elevation_m / 1000 for station in stations],
        }
    )


def _core(stations: pd.DataFrame, reach_km: float) -> pd.DataFrame:
    """The stations with enough others in reach to locate a quake near them; all, where none has."""
    x, y = stations["x"].to_numpy(), stations["y"].to_numpy()
    company = [int((np.hypot(x - x[row], y - y[row]) <= reach_km).sum()) for row in range(len(stations))]
    core = stations[np.array(company) >= LEAST_STATIONS]
    return core if len(core) else stations


def _write_table(path: Path, times: TravelTimes, width_km: float, height_km: float, datum_km: float) -> None:
    """Write P and S times from a station at the datum, [distance, depth], as PyOcto reads them."""
    delta_km = max(0.1, max(width_km, height_km) / TABLE_NODES)
    columns, rows = int(width_km / delta_km) + 2, int(height_km / delta_km) + 2
    distance = (np.arange(columns) * delta_km * 1000)[:, None]
    depth = ((np.arange(rows) * delta_km + datum_km) * 1000)[None, :]
    elevation = np.array([[-datum_km * 1000]])
    with path.open("wb") as file:
        file.write(pack("iid", columns, rows, delta_km))
        phases: tuple[Phase, ...] = ("P", "S")
        for phase in phases:
            file.write(
                np.ascontiguousarray(times.seconds(phase, distance, depth, elevation), dtype=np.float64).tobytes()
            )


def _surface_speed_kmps(times: TravelTimes, phase: Phase, datum_km: float) -> float:
    """Speed over the first kilometre below the datum, for elevation corrections."""
    one_km = times.seconds(phase, np.array([0.0]), np.array([(datum_km + 1.0) * 1000]), np.array([-datum_km * 1000]))
    return 1.0 / float(one_km[0])
