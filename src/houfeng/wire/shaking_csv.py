"""How hard it shook at each sensor, as a table."""

import math
from collections.abc import Iterable

from houfeng.wire.csv_text import harmless, write_csv
from houfeng.words.shaking import StationShaking

COLUMNS = (
    "network",
    "station",
    "location",
    "pga_mps2",
    "pgv_mps",
    "pgd_m",
    "psa03_mps2",
    "psa10_mps2",
    "psa30_mps2",
    "arias_mps",
    "csis",
    "jma",
    "mmi",
    "clipped",
)

#: Significant digits: two more than any instrument's gain is known to.
_DIGITS = 5


def write_shaking_csv(stations: Iterable[StationShaking]) -> bytes:
    """A line per sensor with its channels' values in SI units; what is not known is left empty.

    clipped is "yes" where a channel of the sensor was clipped: its values are then lower bounds.
    """
    return write_csv([COLUMNS, *(_line(one) for one in stations)])


def _line(one: StationShaking) -> tuple[str, ...]:
    network, _, station = one.station_key.partition(".")
    motions = (one.pga_mps2, one.pgv_mps, one.pgd_m, one.psa03_mps2, one.psa10_mps2, one.psa30_mps2, one.arias_mps)
    intensities = (one.csis, one.jma, one.mmi)
    clipped = "yes" if any(component.clipped for component in one.components) else "no"
    return (
        harmless(network),
        harmless(station),
        harmless(one.location),
        *(f"{value:.{_DIGITS}g}" if math.isfinite(value) else "" for value in motions),
        *(f"{value:.1f}" if math.isfinite(value) else "" for value in intensities),
        clipped,
    )
