"""Instrumental intensity on the Chinese scale, GB/T 17742-2020, Annex A.

1. correct the baseline of three components of acceleration and band-pass them, 0.1 to 10 Hz;
2. integrate to velocity;
3. take the peaks of the vector sums of acceleration and of velocity;
4. turn each into an intensity; where both are 6.0 or more that of velocity counts, else their mean.

Two things are open until the bought text of the standard settles them. No public source states the filter's order or
whether it is causal: here it is a causal Butterworth filter with four poles at either corner, which a live stream can
have too, and `order` changes it. And step 4 is read with "and": three public readings have it so, one has "or".
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import cumulative_trapezoid
from scipy.signal import butter, sosfilt

#: The band of Annex A, and the poles at either of its corners (see above).
BAND_HZ = (0.1, 10.0)
ORDER = 4

LOWEST, HIGHEST = 1.0, 12.0

#: Slope and constant of intensity over the logarithms of peak acceleration, m/s2, and of peak velocity, m/s.
OF_PGA, OF_PGV = (3.17, 6.59), (3.00, 9.77)

#: From here on, if both agree, velocity alone counts.
_STRONG = 6.0


def csis_of_peaks(pga_mps2: ArrayLike, pgv_mps: ArrayLike) -> NDArray[np.float64]:
    """Intensity of the peaks of acceleration and velocity, not rounded.

    pga_mps2  peak acceleration, m/s2, >= 0, any shape; by the standard of the vector sum of three components
    pgv_mps   peak velocity, m/s, >= 0, broadcast against it

    Returns 1 to 12 in the shape of both; NaN where either is NaN or negative.
    Source: GB/T 17742-2020, Annex A.
    """
    from_pga = _scaled(pga_mps2, *OF_PGA)
    from_pgv = _scaled(pgv_mps, *OF_PGV)
    strong = (from_pga >= _STRONG) & (from_pgv >= _STRONG)
    # no motion at all is minus infinity on both sides, and clipped
    value = np.where(strong, from_pgv, (from_pga + from_pgv) / 2)
    return np.asarray(np.clip(value, LOWEST, HIGHEST), dtype=np.float64)


def csis(acceleration_mps2: NDArray[np.float64], rate_hz: float, *, order: int = ORDER) -> float:
    """Intensity of one record, to one decimal as the standard gives it.

    acceleration_mps2  [3, n], m/s2, three components at right angles, baseline corrected
    rate_hz            samples a second; where half of it lies below 10 Hz the upper corner is left out
    order              poles of the filter at either corner

    Returns 1.0 to 12.0; NaN where a sample is not finite, there are fewer than two, or rate_hz is 0.2 or less.
    """
    values = np.asarray(acceleration_mps2, dtype=np.float64)
    lowest_hz, highest_hz = BAND_HZ
    if values.ndim != 2 or values.shape[0] != 3 or values.shape[1] < 2 or not rate_hz > 2 * lowest_hz:
        return float("nan")
    if not np.all(np.isfinite(values)):
        return float("nan")
    corners, kind = (BAND_HZ, "bandpass") if rate_hz > 2 * highest_hz else (lowest_hz, "highpass")
    passed = sosfilt(butter(order, corners, kind, fs=rate_hz, output="sos"), values, axis=1)
    velocity = cumulative_trapezoid(passed, dx=1 / rate_hz, axis=1, initial=0.0)
    pga_mps2, pgv_mps = (float(np.sqrt(np.sum(each**2, axis=0)).max()) for each in (passed, velocity))
    return round(float(csis_of_peaks(pga_mps2, pgv_mps)), 1)


def _scaled(peak: ArrayLike, slope: float, constant: float) -> NDArray[np.float64]:
    values = np.asarray(peak, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(slope * np.log10(np.where(values >= 0, values, np.nan)) + constant, dtype=np.float64)
