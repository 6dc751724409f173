"""Locate made-up quakes: locations per second of processor time, and how far off they are.

Stations stand at random in a square of 100 km, quakes happen inside it at 2 to 20 km depth, every station has P and S
with normal errors of 0.05 and 0.10 s, and the model is the true one. Beside the error stands that of least squares told
the true errors and started from the truth: nothing can do better. NonLinLoc on a quake like the one of 50 stations took
0.7 to 2.4 s (EDT) or 0.1 to 0.4 s (Gaussian), at a median error of 0.17 km in either case.

Usage: python bench/locate.py
"""

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.locator import Locator
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.words.earth import distance_m, travelled
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Phase, Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Station

Measured = tuple[str, float, str, float | None, str]

HALF_WIDTH_M = 50e3
SIGMA_S: dict[Phase, float] = {"P": 0.05, "S": 0.10}
MIDDLE = (40.0, 30.0)
EPOCH_NS = 1_700_000_000_000_000_000
QUAKES = 60
MODEL = VelocityModel(
    "bench",
    "made up",
    np.array([0.0, 5e3, 15e3, 35e3]),
    np.array([5000.0, 6000.0, 6700.0, 8000.0]),
    np.array([2900.0, 3500.0, 3900.0, 4600.0]),
)


class Outcome(NamedTuple):
    """Of one network: seconds of processor time, error and least squares' error in km, all medians over quakes."""

    seconds: float
    error_km: float
    least_squares_km: float


def fifty_stations() -> tuple[float, float]:
    """A quake of 50 stations and 100 phases: seconds, and median three-dimensional error, km."""
    outcome = measure(50)
    return outcome.seconds, outcome.error_km


def rows() -> list[Measured]:
    """Locations per second with 20, 50 and 200 stations, and tables built per second."""
    measured: list[Measured] = []
    for count in (20, 50, 200):
        outcome = measure(count)
        what = f"{count} stations, {2 * count} phases: {outcome.error_km:.2f} km off"
        measured.append(
            (f"{what} (least squares {outcome.least_squares_km:.2f})", 1 / outcome.seconds, "locations", None, "")
        )
    return measured


def measure(count: int) -> Outcome:
    """Locate quakes in a network of so many stations."""
    rng = np.random.default_rng(count)
    latitude, longitude = travelled(*MIDDLE, *rng.uniform(-HALF_WIDTH_M, HALF_WIDTH_M, (2, count)))
    elevation = rng.uniform(0.0, 1500.0, count)
    stations = {
        f"XX.S{i}": Station("XX", f"S{i}", float(latitude[i]), float(longitude[i]), float(elevation[i]))
        for i in range(count)
    }
    times = TravelTimes(
        MODEL, max_distance_m=500e3, min_depth_m=-2.5e3, max_depth_m=200e3, elevations_m=elevation.tolist()
    )
    locator = Locator(stations, times)

    def travel_s(place: NDArray[np.float64]) -> NDArray[np.float64]:
        """P and S of all stations from a place (east, north, down)."""
        at = travelled(*MIDDLE, place[0], place[1])
        away = distance_m(*at, latitude, longitude)
        return np.concatenate([times.seconds(phase, away, place[2], elevation) for phase in SIGMA_S])

    sigma = np.repeat(list(SIGMA_S.values()), count)
    spent, error, best = [], [], []
    for number in range(QUAKES + 1):
        place = rng.uniform((-40e3, -40e3, 2e3), (40e3, 40e3, 20e3))
        noise = sigma * rng.standard_normal(2 * count)
        onset_ns = EPOCH_NS + np.round((travel_s(place) + noise) * 1e9).astype(np.int64)
        phases: list[Phase] = ["P"] * count + ["S"] * count
        picks = [
            Pick(SourceId("XX", f"S{i % count}", "", "HHZ"), phase, int(onset_ns[i]), SIGMA_S[phase])
            for i, phase in enumerate(phases)
        ]
        begin = time.process_time()
        origin = locator.locate(picks)
        if number == 0:  # compiles
            continue
        spent.append(time.process_time() - begin)
        true_latitude, true_longitude = travelled(*MIDDLE, place[0], place[1])
        off = distance_m(true_latitude, true_longitude, origin.latitude_deg, origin.longitude_deg)
        error.append(np.hypot(float(off), origin.depth_m - place[2]))
        slopes = [(travel_s(place + step) - travel_s(place - step)) / 400.0 for step in np.eye(3) * 200.0]
        system = np.column_stack([*slopes, np.ones(2 * count)]) / sigma[:, None]
        best.append(np.linalg.norm(np.linalg.lstsq(system, noise / sigma, rcond=None)[0][:3]))
    return Outcome(float(np.median(spent)), float(np.median(error)) / 1e3, float(np.median(best)) / 1e3)


if __name__ == "__main__":
    for row in rows():
        print(f"{row[0]}: {row[1]:,.0f} {row[2]}/s")
