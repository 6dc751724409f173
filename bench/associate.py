"""Association: picks per second on one core, beside the picks such a network gives as time goes by.

Quakes at random under a network, each heard with P and S at all stations near it, and stray picks, as many as the
share says. Every cluster is taken for a quake. How many of the quakes were found stands beside the speed: a fast
associator that misses them is worth nothing.

    python bench/associate.py
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from houfeng.quake.associate.octo import Associate
from houfeng.quake.hearing import travel_times
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network, network_of
from houfeng.words.earth import travelled
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Cluster, Phase, Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

MODEL = VelocityModel(
    "crust",
    "bench",
    np.array([0.0, 10e3, 35e3]),
    np.array([5500.0, 6200.0, 8000.0]),
    np.array([3200.0, 3600.0, 4600.0]),
)
MIDDLE = (30.6, 114.3)
START_NS = 1_700_000_000 * NS_PER_S
DURATION_S = 600.0

#: Time moves on in steps like this in a live centre, too.
STEP_S = 10.0

#: Errors of onsets, s: those of a good picker.
SIGMA_S: dict[Phase, float] = {"P": 0.05, "S": 0.12}

#: A quake counts as found when a cluster's origin is this near in time, s.
NEAR_S = 2.0


@dataclass(frozen=True)
class Case:
    """So many stations in a square, so many quakes in DURATION_S, and strays as a share of the true picks."""

    stations: int
    half_width_m: float
    quakes: int
    strays: float


CASES = (
    Case(stations=16, half_width_m=30e3, quakes=6, strays=0.5),
    Case(stations=16, half_width_m=30e3, quakes=6, strays=1.0),
    Case(stations=24, half_width_m=60e3, quakes=4, strays=0.5),
)


def network_with(case: Case, rng: np.random.Generator) -> Network:
    """Stations at random in the square."""
    latitude, longitude = travelled(*MIDDLE, *rng.uniform(-case.half_width_m, case.half_width_m, (2, case.stations)))
    stations = tuple(
        Station("XX", f"S{i:03d}", float(latitude[i]), float(longitude[i]), 200.0) for i in range(case.stations)
    )
    sources = [SourceId("XX", station.code, "", "HHZ") for station in stations]
    return network_of(Inventory(stations), sources, START_NS)


def picks_of(
    case: Case, network: Network, times: TravelTimes, rng: np.random.Generator
) -> tuple[list[int], list[Pick]]:
    """Origin times of the quakes, ns, and every pick in time order."""
    origins_ns = START_NS + np.sort(rng.uniform(60, DURATION_S - 60, case.quakes) * NS_PER_S).astype(np.int64)
    picks = []
    for origin_ns in origins_ns.tolist():
        place = travelled(*MIDDLE, *rng.uniform(-case.half_width_m, case.half_width_m, 2))
        depth_m = rng.uniform(4e3, 18e3)
        away = network.away_m(float(place[0]), float(place[1]))
        for station, away_m in zip(network.stations.values(), away, strict=True):
            if away_m > network.reach_m:
                continue
            for phase, sigma_s in SIGMA_S.items():
                travel_s = float(times.seconds(phase, away_m, depth_m, station.elevation_m)) + rng.normal(0, sigma_s)
                source = SourceId("XX", station.code, "", "HHZ")
                picks.append(Pick(source, phase, origin_ns + seconds_to_ns(travel_s), sigma_s, 20.0, 0.9))
    codes = [station.code for station in network.stations.values()]
    for _ in range(round(case.strays * len(picks))):
        phase = "P" if rng.random() < 0.5 else "S"
        moment_ns = START_NS + seconds_to_ns(rng.uniform(0, DURATION_S))
        picks.append(Pick(SourceId("XX", str(rng.choice(codes)), "", "HHZ"), phase, moment_ns, 0.1, 5.0, 0.6))
    return origins_ns.tolist(), sorted(picks, key=lambda pick: pick.key)


def measure(case: Case) -> tuple[str, float, str, float | None, str]:
    """Associate the picks of a case as time goes by."""
    rng = np.random.default_rng(1800)
    network = network_with(case, rng)
    times = travel_times(MODEL, network)
    origins_ns, picks = picks_of(case, network, times, rng)
    found_ns: list[int] = []

    def weigh(cluster: Cluster) -> Any:
        arrivals = [SimpleNamespace(pick=pick) for pick in cluster.picks]
        return len(arrivals), SimpleNamespace(time_ns=cluster.time_ns, arrivals=arrivals, cluster=cluster)

    def tell(quake: Any) -> tuple[Pick, ...]:
        found_ns.append(quake.cluster.time_ns)
        return tuple(quake.cluster.picks)

    with tempfile.TemporaryDirectory() as scratch:
        associate = Associate(network, times, Path(scratch))
        waiting = iter(picks)
        pick = next(waiting, None)
        started = time.process_time()
        for now_ns in range(START_NS, START_NS + 2 * seconds_to_ns(DURATION_S), seconds_to_ns(STEP_S)):
            while pick is not None and pick.time_ns < now_ns:
                associate.handle(pick)
                pick = next(waiting, None)
            associate.elapse(now_ns, weigh, tell)
        spent_s = time.process_time() - started
    near_ns = seconds_to_ns(NEAR_S)
    found = sum(any(abs(origin_ns - other) < near_ns for other in found_ns) for origin_ns in origins_ns)
    what = f"{case.stations} stations, {found} of {case.quakes} quakes found, {case.strays:g} strays a pick"
    return what, len(picks) / spent_s, "picks", len(picks) / DURATION_S, "real time"


def rows() -> list[tuple[str, float, str, float | None, str]]:
    """What bench/run.py prints."""
    return [measure(case) for case in CASES]


if __name__ == "__main__":
    for what, rate, unit, beside, peer in rows():
        print(f"{what:60}{rate:12,.0f} {unit:8}" + (f"{rate / beside:8,.0f} x {peer}" if beside else ""))
