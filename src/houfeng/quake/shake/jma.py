"""Instrumental seismic intensity of the Japan Meteorological Agency.

1. Fourier-transform each of three components of acceleration, in gal;
2. multiply by a filter of three parts: the effect of period, a high cut, a low cut;
3. transform back and take the length of the vector;
4. find the level a that is reached for 0.3 s in total, not necessarily at a stretch;
5. I = 2 log10(a) + 0.94, its third decimal rounded and its second cut off.

Source: Japan Meteorological Agency 1996, Notification No. 4.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft

GAL_PER_MPS2 = 100.0
REACHED_S = 0.3

#: The high cut's polynomial in even powers of f / 10 Hz, from the 0th to the 12th.
_HIGH_CUT = (1.0, 0.694, 0.241, 0.0557, 0.009664, 0.00134, 0.000155)
_HIGH_CUT_HZ = 10.0
_LOW_CUT_HZ = 0.5

#: Zeros after the record, so that one end of it does not shake the other: the filter's longest period twice over.
_PAD_S = 10.0

#: Lower bounds of the classes. Source: the same notification.
_CLASSES = (
    (6.5, "7"),
    (6.0, "6 upper"),
    (5.5, "6 lower"),
    (5.0, "5 upper"),
    (4.5, "5 lower"),
    (3.5, "4"),
    (2.5, "3"),
    (1.5, "2"),
    (0.5, "1"),
)


def jma_weight(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The filter of step 2: gain at frequencies >= 0 Hz, any shape; 0 at 0 Hz, its limit there."""
    y2 = (frequency_hz / _HIGH_CUT_HZ) ** 2
    high_cut = np.polyval(_HIGH_CUT[::-1], y2) ** -0.5
    low_cut = np.sqrt(-np.expm1(-((frequency_hz / _LOW_CUT_HZ) ** 3)))
    period = np.where(frequency_hz > 0, frequency_hz, np.inf) ** -0.5
    return np.asarray(period * high_cut * low_cut, dtype=np.float64)


def jma_level_gal(acceleration_mps2: NDArray[np.float64], rate_hz: float) -> float:
    """The level a of step 4, gal.

    acceleration_mps2  [3, n], m/s2, three components at right angles, offset removed
    rate_hz            samples a second, > 0

    Between samples of the ordered vector lengths it is interpolated, since 0.3 s need not be a whole number of them.
    NaN where a sample is not finite or the record is shorter than 0.3 s.
    """
    values = np.asarray(acceleration_mps2, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != 3 or not np.all(np.isfinite(values)):
        return float("nan")
    count, reached = values.shape[1], REACHED_S * rate_hz
    if not 1 <= reached <= count:
        return float("nan")
    size = fft.next_fast_len(count + math.ceil(_PAD_S * rate_hz), real=True)
    weight = jma_weight(fft.rfftfreq(size, 1 / rate_hz))
    passed = fft.irfft(fft.rfft(GAL_PER_MPS2 * values, size) * weight, size)[:, :count]
    length = np.sort(np.sqrt(np.sum(passed**2, axis=0)))[::-1]
    return float(np.interp(reached, np.arange(1, count + 1), length))


def jma_of_level(level_gal: float) -> float:
    """Step 5 without its rounding; NaN where nothing moves."""
    return 2 * math.log10(level_gal) + 0.94 if level_gal > 0 else float("nan")


def jma_cut(intensity: float) -> float:
    """Round the third decimal half up and cut off the second, as the agency prints it; downwards below 0 too."""
    return math.floor(100 * intensity + 0.5) // 10 / 10 if math.isfinite(intensity) else intensity


def jma(acceleration_mps2: NDArray[np.float64], rate_hz: float) -> float:
    """Intensity of one record, as the agency prints it: one decimal. Arguments and NaN as for jma_level_gal()."""
    return jma_cut(jma_of_level(jma_level_gal(acceleration_mps2, rate_hz)))


def jma_class(intensity: float) -> str:
    """The class of an intensity: "0" to "4", "5 lower", "5 upper", "6 lower", "6 upper", "7"; "" for NaN."""
    if math.isnan(intensity):
        return ""
    return next((name for least, name in _CLASSES if intensity >= least), "0")
