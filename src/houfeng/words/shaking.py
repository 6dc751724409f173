"""How hard the ground shook: at stations, and in between."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from houfeng.words.source import SourceId

#: Peak acceleration, peak velocity, and 5 %-damped spectral acceleration at 0.3, 1.0 and 3.0 s.
Measure = Literal["pga", "pgv", "psa03", "psa10", "psa30"]
MEASURES: tuple[Measure, ...] = ("pga", "pgv", "psa03", "psa10", "psa30")


@dataclass(frozen=True, slots=True)
class ComponentMotion:
    """The peaks of one component. NaN where it cannot be known; lower bounds where clipped is not "".

    pga_mps2, pgv_mps, pgd_m  largest absolute acceleration, velocity and displacement of the ground
    clipped                   why the channel is taken for clipped, "" when it is not
    """

    source: SourceId
    pga_mps2: float
    pgv_mps: float
    pgd_m: float
    clipped: str = ""


@dataclass(frozen=True, slots=True)
class StationShaking:
    """How hard it shook at one sensor. NaN where a value cannot be known.

    station_key, location              NET.STA, and the sensor's location code
    latitude_deg, longitude_deg        None where nobody said
    distance_m                         epicentral; NaN without an origin
    pga_mps2, pgv_mps, pgd_m, psa..    of the horizontal component on which each is larger
    arias_mps, duration_s              Arias intensity of that component of the two which has more, m/s, and the time
                                       in which it grew from 5 to 95 %
    csis, jma, mmi                     instrumental intensities: GB/T 17742-2020, JMA 1996, Worden et al. 2012
    components                         each channel's own peaks
    refused                            why the sensor does not count, "" when it does; its values are then lower bounds
    """

    station_key: str
    location: str
    latitude_deg: float | None
    longitude_deg: float | None
    distance_m: float
    pga_mps2: float
    pgv_mps: float
    pgd_m: float
    psa03_mps2: float
    psa10_mps2: float
    psa30_mps2: float
    arias_mps: float
    duration_s: float
    csis: float
    jma: float
    mmi: float
    components: tuple[ComponentMotion, ...]
    refused: str = ""


@dataclass(frozen=True, slots=True)
class ShakingMap:
    """Shaking on a grid, from a ground-motion model updated by what stations saw.

    latitude_deg   [rows], ascending; longitude_deg: [columns], ascending
    median         by measure, [rows, columns]: m/s2, for pgv m/s; larger of two horizontal components
    sigma          by measure, [rows, columns]: standard deviation of the natural logarithm
    mmi, csis      [rows, columns], intensity of the medians
    mmi_sigma      [rows, columns], one standard deviation, intensity units
    notes          what a reader must know: the model with its DOI, stations left out, range exceeded
    """

    latitude_deg: NDArray[np.float64]
    longitude_deg: NDArray[np.float64]
    median: Mapping[Measure, NDArray[np.float64]]
    sigma: Mapping[Measure, NDArray[np.float64]]
    mmi: NDArray[np.float64]
    csis: NDArray[np.float64]
    mmi_sigma: NDArray[np.float64]
    notes: tuple[str, ...] = ()
