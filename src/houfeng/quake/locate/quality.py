"""One letter for how far an epicentre and depth can be relied on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The scheme of Husen & Smith 2004 (doi:10.1785/0120030170, table 2) for NonLinLoc solutions, A to D by the mean
#: semi-axis of the 68 % region (2 km) and the distance between expected and most likely place (0.5 km), extended by the
#: geometry HYPO71 asks for (Lee & Lahr 1975, USGS OFR 75-311, Q_D: picks, gap, distance to the nearest station).
#: HYPO71's rms limits (0.15, 0.3, 0.5 s) are for nets of tens of km; here rms is compared with the picks' own
#: standard deviations, which grow with travel time.
GOOD_M, FAIR_M, POOR_M = 2_000.0, 5_000.0, 15_000.0
GOOD_GAP_DEG, FAIR_GAP_DEG, POOR_GAP_DEG = 135.0, 180.0, 270.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """What the grade rests on.

    horizontal_m   semi-major axis of the 68 % ellipse
    depth_m        standard deviation of the depth
    offset_m       between the expected and the most likely place
    gap_deg        largest azimuth without a station
    phases         arrivals that agree with the solution
    misfit         rms of residuals in standard deviations, 1 when errors are as stated
    """

    horizontal_m: float
    depth_m: float
    offset_m: float
    gap_deg: float
    phases: int
    misfit: float


def grade(facts: Reliability) -> str:
    """Grade a solution "A" (epicentre and depth) to "D" (neither).

    A  epicentre within 2 km, depth within 2 km or so, stations all round, at least 8 phases, residuals as expected
    B  epicentre within 5 km, depth known roughly
    C  epicentre within 15 km, or a poor geometry
    D  anything less
    """
    if (
        facts.horizontal_m <= GOOD_M
        and facts.depth_m <= GOOD_M
        and facts.offset_m <= GOOD_M / 2
        and facts.gap_deg <= GOOD_GAP_DEG
        and facts.phases >= 8
        and facts.misfit <= 2
    ):
        return "A"
    if (
        facts.horizontal_m <= FAIR_M
        and facts.depth_m <= 2 * FAIR_M
        and facts.gap_deg <= FAIR_GAP_DEG
        and facts.phases >= 6
        and facts.misfit <= 3
    ):
        return "B"
    if facts.horizontal_m <= POOR_M and facts.gap_deg <= POOR_GAP_DEG and facts.phases >= 5:
        return "C"
    return "D"


def gap_deg(azimuths_deg: NDArray[np.float64]) -> float:
    """Largest angle at the epicentre without a station, 360 with one station or none."""
    if len(azimuths_deg) < 2:
        return 360.0
    around = np.sort(np.asarray(azimuths_deg) % 360.0)
    return float(np.diff(np.append(around, around[0] + 360.0)).max())
