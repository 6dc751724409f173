"""One magnitude from what all stations say."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from houfeng.words.quake import Magnitude, StationMagnitude

#: What one station's magnitude is worth when too few speak to tell: Kanamori & Jennings 1978,
#: doi:10.1785/BSSA0680020471, 14 accelerographs of one quake without station corrections.
STATION_SCATTER = 0.26
FEW_STATIONS = 3

#: A station this many robust standard deviations from the median is left out. Stations that happen to agree
#: closely do not make outliers of the rest: the standard deviation is at least STATION_SCATTER.
OUTLIER_SIGMAS = 3.0


def consensus(
    kind: str,
    said: Sequence[StationMagnitude],
    relation: str,
    *,
    scatter: float | None = None,
    doubts: Sequence[float] | None = None,
) -> Magnitude | None:
    """Mean of the stations near the median, scatter among them; None when no station counts.

    said     what each station says, those refused included
    scatter  standard deviation of one station as its relation was published, None when not
    doubts   one standard deviation of each station's own measurement, as long as said: the mean is weighted by it
             and by STATION_SCATTER; None weighs all alike
    """
    counts = [station for station in said if not station.refused and np.isfinite(station.value)]
    if not counts:
        return None
    values = np.array([station.value for station in counts])
    median = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - median))), STATION_SCATTER)  # MAD of a normal law
    stations = tuple(_judged(station, median, spread) for station in said)
    kept = np.array([not station.refused for station in stations])
    values = np.array([station.value for station in stations])[kept]
    weights = np.ones(len(stations)) if doubts is None else 1 / (np.square(doubts) + STATION_SCATTER**2)
    value = float(np.average(values, weights=weights[kept]))
    few = len(values) < FEW_STATIONS
    uncertainty = max(scatter or 0.0, STATION_SCATTER) if few else float(np.std(values, ddof=1))
    return Magnitude(kind, value, uncertainty, relation, stations)


def counted(magnitude: Magnitude) -> int:
    """How many stations count in a magnitude."""
    return sum(not station.refused for station in magnitude.stations)


def _judged(station: StationMagnitude, median: float, spread: float) -> StationMagnitude:
    if station.refused:
        return station
    if not np.isfinite(station.value):
        return replace(station, refused="not a number")
    if abs(station.value - median) > OUTLIER_SIGMAS * spread:
        return replace(station, refused=f"{station.value - median:+.1f} from the median of all stations")
    return station
