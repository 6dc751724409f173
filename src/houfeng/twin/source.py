"""What a rupture sends out, and in which directions: moment, corner frequency, radiation pattern.

Source spectrum: omega-squared, Brune 1970, doi:10.1029/JB075i026p04997; use in the stochastic method: Boore 2003,
doi:10.1007/PL00012553.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Corner of P over corner of S: Madariaga 1976, doi:10.1785/BSSA0660030639, for ruptures at 0.9 of the S speed.
P_CORNER_RATIO = 1.5

#: Root mean square over the focal sphere of A & R's patterns: sqrt(4/15) and sqrt(2/5), half the S energy each in SV
#: and SH: Boore & Boatwright 1984, doi:10.1785/BSSA0740051615.
MEAN_P = float(np.sqrt(4 / 15))
MEAN_SV = MEAN_SH = float(np.sqrt(1 / 5))

#: Up to the first frequency the pattern is that of a double couple, from the second on scattering has made it round:
#: Pitarka et al. 2000, Bull. Seismol. Soc. Am. 90, 566-586. Hz.
PATTERN_HOLDS_HZ, PATTERN_GONE_HZ = 1.0, 3.0
#: On a nodal plane so much of the mean is left.
NODE_LEAST = 0.1

#: Stress drop of a quake that names none, Pa: the level with which peaks come out as in active crust
#: (bench/accept_twin.py), and how it falls below the second magnitude, natural logarithm per unit, and scatters between
#: quakes: Yenier & Atkinson 2015, doi:10.1785/0120140332, equation 21.
STRESS_PA, STRESS_MAGNITUDE, STRESS_PER_MAGNITUDE = 8e6, 5.0, 0.229


def usual_stress_pa(magnitude: float) -> float:
    """The middle stress drop of quakes of a magnitude, Pa."""
    return float(STRESS_PA * np.exp(STRESS_PER_MAGNITUDE * min(0.0, magnitude - STRESS_MAGNITUDE)))


def moment_nm(magnitude: ArrayLike) -> NDArray[np.float64]:
    """Seismic moment, N m: Hanks & Kanamori 1979, doi:10.1029/JB084iB05p02348, in the IASPEI form."""
    return np.asarray(10 ** (1.5 * np.asarray(magnitude, dtype=np.float64) + 9.1))


def corner_hz(moment: ArrayLike, stress_pa: float, vs_mps: float) -> NDArray[np.float64]:
    """Corner frequency of S, Hz: Brune 1970 as corrected in 1971, 0.4906 vs (stress / moment)^(1/3) in SI units."""
    return np.asarray(0.4906 * vs_mps * np.cbrt(stress_pa / np.asarray(moment, dtype=np.float64)))


def radiation(
    strike_deg: float, dip_deg: float, rake_deg: float, azimuth_deg: ArrayLike, takeoff_deg: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Radiation of P, SV and SH by a double couple, -1 to 1; arguments broadcast.

    azimuth_deg  from source to station
    takeoff_deg  0 straight down, 180 straight up

    Source: Aki & Richards 2002, Quantitative Seismology, equations 4.89 to 4.91. P is positive away from the source,
    SV towards growing takeoff, SH towards growing azimuth.
    """
    dip, rake = np.radians(dip_deg), np.radians(rake_deg)
    off, i = np.radians(np.subtract(azimuth_deg, strike_deg)), np.radians(takeoff_deg)
    slip_cos, slip_sin = np.cos(rake), np.sin(rake)
    p = (
        slip_cos * np.sin(dip) * np.sin(i) ** 2 * np.sin(2 * off)
        - slip_cos * np.cos(dip) * np.sin(2 * i) * np.cos(off)
        + slip_sin * np.sin(2 * dip) * (np.cos(i) ** 2 - np.sin(i) ** 2 * np.sin(off) ** 2)
        + slip_sin * np.cos(2 * dip) * np.sin(2 * i) * np.sin(off)
    )
    sv = (
        slip_sin * np.cos(2 * dip) * np.cos(2 * i) * np.sin(off)
        - slip_cos * np.cos(dip) * np.cos(2 * i) * np.cos(off)
        + 0.5 * slip_cos * np.sin(dip) * np.sin(2 * i) * np.sin(2 * off)
        - 0.5 * slip_sin * np.sin(2 * dip) * np.sin(2 * i) * (1 + np.sin(off) ** 2)
    )
    sh = (
        slip_cos * np.cos(dip) * np.cos(i) * np.sin(off)
        + slip_cos * np.sin(dip) * np.sin(i) * np.cos(2 * off)
        + slip_sin * np.cos(2 * dip) * np.cos(i) * np.cos(off)
        - 0.5 * slip_sin * np.sin(2 * dip) * np.sin(i) * np.sin(2 * off)
    )
    return np.asarray(p), np.asarray(sv), np.asarray(sh)


def seen_radiation(frequency_hz: NDArray[np.float64], pattern: float, mean: float) -> NDArray[np.float64]:
    """Size of a double couple's radiation as it arrives, by frequency: the pattern at low ones, its mean at high ones.

    pattern  of the double couple, -1 to 1; where it sends nothing, scattering still brings a little
    mean     root mean square over the focal sphere
    """
    share = np.log(np.maximum(frequency_hz, 1e-9) / PATTERN_HOLDS_HZ) / np.log(PATTERN_GONE_HZ / PATTERN_HOLDS_HZ)
    gone = np.clip(share, 0.0, 1.0)
    least = max(abs(pattern), NODE_LEAST * mean)
    return np.asarray(np.sqrt((1 - gone) * least**2 + gone * mean**2), dtype=np.float64)
