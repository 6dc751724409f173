"""Instrumental intensity on the Modified Mercalli scale, from peak acceleration and velocity.

Source: Worden, Gerstenberger, Rhoades & Wald 2012, doi:10.1785/0120110156, table 1 and equation 3: peaks of the larger
horizontal component, quakes of M 3 to 7.3 in California, intensities 2 to 8.6; as in ShakeMap used from 1 to 10.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LOWEST, HIGHEST = 1.0, 10.0

#: One standard deviation of what people felt about mmi(). The residuals of its two halves come from the same sites
#: and their correlation is not published; taken as full, which can only be too cautious.
PGA_SIGMA, PGV_SIGMA = 0.73, 0.65
MMI_SIGMA = (PGA_SIGMA + PGV_SIGMA) / 2

_CM_PER_M = 100.0


@dataclass(frozen=True, slots=True)
class _Bilinear:
    """c1 + c2 x up to the corner, c3 + c4 x above it, where x is log10 of a peak in cm/s2 or cm/s."""

    c1: float
    c2: float
    c3: float
    c4: float
    corner: float

    def at(self, peak: ArrayLike) -> NDArray[np.float64]:
        values = np.asarray(peak, dtype=np.float64)
        known = np.where(values >= 0, values, np.nan)
        with np.errstate(divide="ignore"):  # no motion is log10(0), clipped to the lowest intensity
            x = np.log10(_CM_PER_M * known)
        value = np.where(x <= self.corner, self.c1 + self.c2 * x, self.c3 + self.c4 * x)
        return np.asarray(np.clip(value, LOWEST, HIGHEST), dtype=np.float64)


_OF_PGA = _Bilinear(1.78, 1.55, -1.60, 3.70, 1.57)
_OF_PGV = _Bilinear(3.78, 1.47, 2.89, 3.16, 0.53)


def mmi_of_pga(pga_mps2: ArrayLike) -> NDArray[np.float64]:
    """Intensity, 1 to 10, of peak accelerations of any shape, m/s2; NaN where one is negative or NaN."""
    return _OF_PGA.at(pga_mps2)


def mmi_of_pgv(pgv_mps: ArrayLike) -> NDArray[np.float64]:
    """Intensity, 1 to 10, of peak velocities of any shape, m/s; NaN where one is negative or NaN."""
    return _OF_PGV.at(pgv_mps)


def mmi(pga_mps2: ArrayLike, pgv_mps: ArrayLike) -> NDArray[np.float64]:
    """Instrumental intensity: the mean of what acceleration and velocity say.

    pga_mps2  larger horizontal peak acceleration, m/s2, >= 0, any shape
    pgv_mps   larger horizontal peak velocity, m/s, >= 0, broadcast against it

    Returns 1 to 10 in the shape of both; NaN where either is NaN or negative. MMI_SIGMA is its standard deviation.
    """
    return np.asarray((mmi_of_pga(pga_mps2) + mmi_of_pgv(pgv_mps)) / 2, dtype=np.float64)
