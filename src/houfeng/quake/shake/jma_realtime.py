"""JMA seismic intensity as it grows, sample by sample.

The official filter needs the whole record; this one, six sections of second order in time, comes close to its gain:
within 3 % from 0.05 to 10 Hz at 100 samples a second or more, within 4.5 % up to 5 Hz at 30 to 50. Of the vector's
length, the level reached for 0.3 s in the last minute is the a of the official formula.

Source: Kunugi, Aoi, Nakamura, Suzuki, Morikawa & Fujiwara 2013, doi:10.4294/zisin.65.223: corner frequencies,
dampings and gain; they found 99 % of records within 0.1 of the official intensity. The three low-pass sections are
here made digital together by impulse invariance: their published form is unstable below 50 samples a second.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.signal import bilinear, sosfilt, zpk2sos

from houfeng.quake.shake.jma import GAL_PER_MPS2, REACHED_S

#: Corner frequencies, Hz, dampings and gain of Kunugi et al. 2013: a high-pass at F0 joined to a slope of f^-1/2
#: around F1, a dip at F2, and three low-passes.
_F0_HZ, _F1_HZ, _F2_HZ = 0.45, 7.0, 0.5
_H2_ABOVE, _H2_BELOW = 1.0, 0.75
_LOW_PASSES = ((12.0, 0.9), (20.0, 0.6), (30.0, 0.6))
_GAIN = 1.262

#: The level is that of the last minute, longer than any one quake's strongest part.
MEMORY_S = 60.0

#: Rates at which the filter says what it should.
RATES_HZ = (20.0, 1000.0)


class JmaRealtime:
    """The growing intensity of one sensor.

    rate_hz   samples a second, 20 to 1000; raises ValueError outside
    memory_s  length of the stretch in which the level must be reached, s, > 0.3

    Chunks cut anywhere give the same numbers. A gap ends it: begin another.
    """

    def __init__(self, rate_hz: float, memory_s: float = MEMORY_S) -> None:
        if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
            raise ValueError(f"{rate_hz} samples a second, outside {RATES_HZ[0]:g} to {RATES_HZ[1]:g}")
        if not REACHED_S < memory_s <= 3600:
            raise ValueError(f"a memory of {memory_s} s, outside {REACHED_S} to 3600")
        self._sections = realtime_sections(rate_hz)
        self._state = np.zeros((len(self._sections), 3, 2))
        self._last = np.zeros(3)
        self._rest: NDArray[np.float64] | None = None
        self._reached = REACHED_S * rate_hz
        size = math.ceil(memory_s * rate_hz)
        self._ring, self._ordered = np.zeros(size), np.zeros(size)
        self._seen = 0

    def handle(self, acceleration_mps2: ArrayLike) -> NDArray[np.float64]:
        """Take the next samples and say the intensity after each.

        acceleration_mps2  [3, n], m/s2, any n; a sample that is not finite counts as the one before it, and the
                           very first one is taken for rest

        Returns [n]; NaN until 0.3 s have been seen, and while nothing moves. Raises ValueError for another shape.
        """
        values = np.array(acceleration_mps2, dtype=np.float64)
        if values.ndim != 2 or values.shape[0] != 3:
            raise ValueError(f"three components are needed, not {values.shape}")
        if values.shape[1] == 0:
            return np.zeros(0)
        values = self._held(values)
        if self._rest is None:
            self._rest = values[:, :1].copy()
        passed, self._state = sosfilt(self._sections, GAL_PER_MPS2 * (values - self._rest), axis=1, zi=self._state)
        length = np.hypot(np.hypot(passed[0], passed[1]), passed[2])
        level = _levels(length, self._ring, self._ordered, self._seen, self._reached)
        self._seen += len(length)
        return np.asarray(2 * np.log10(np.where(level > 0, level, np.nan)) + 0.94, dtype=np.float64)

    def _held(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        joined = np.concatenate([self._last[:, None], values], axis=1)
        held = np.maximum.accumulate(np.where(np.isfinite(joined), np.arange(joined.shape[1]), 0), axis=1)
        values = np.take_along_axis(joined, held, axis=1)[:, 1:]
        self._last = values[:, -1].copy()
        return values


def realtime_sections(rate_hz: float) -> NDArray[np.float64]:
    """The filter at a sampling rate, as second-order sections [6, 6] for scipy.signal.sosfilt."""
    w0, w1, w2 = (2 * math.pi * frequency for frequency in (_F0_HZ, _F1_HZ, _F2_HZ))
    sections = [
        np.concatenate(bilinear(above, below, rate_hz))
        for above, below in (
            ([1, w1, 0], [2, 2 * w0 + w1, w0 * w1]),
            ([1, 4.25 * w1, w1**2], [4, 8.5 * w1, w1**2]),
            ([1, 2 * _H2_ABOVE * w2, w2**2], [1, 2 * _H2_BELOW * w2, w2**2]),
        )
    ]
    return np.vstack([*sections, _low_pass_sections(rate_hz)])


def _low_pass_sections(rate_hz: float) -> NDArray[np.float64]:
    """The three low-passes together, with the gain of all: the digital filter whose response samples theirs."""
    poles: list[complex] = []
    gain = _GAIN
    for corner_hz, damping in _LOW_PASSES:
        w = 2 * math.pi * corner_hz
        pole = w * complex(-damping, math.sqrt(1 - damping**2))
        poles += [pole, pole.conjugate()]
        gain *= w**2
    residues = [gain / np.prod([pole - other for other in poles if other != pole]) for pole in poles]
    digital = np.exp(np.array(poles) / rate_hz)
    response = np.real(digital[:, None] ** np.arange(len(poles)) * np.array(residues)[:, None]).sum(axis=0) / rate_hz
    # times the denominator, what is left is the numerator; the response starts at 0, so one delay is common to all
    below = np.real(np.poly(digital))
    above = np.convolve(below, response)[1 : len(poles)]
    above *= _GAIN * below.sum() / above.sum()  # what is folded back from beyond Nyquist must not lift 0 Hz
    return np.asarray(zpk2sos(np.roots(above), digital, above[0]), dtype=np.float64)


@njit(cache=True)
def _levels(
    length: NDArray[np.float64], ring: NDArray[np.float64], ordered: NDArray[np.float64], seen: int, reached: float
) -> NDArray[np.float64]:
    """After each sample, the length reached by `reached` of those in the ring, interpolated between ranks.

    ordered holds what the ring holds, ascending, in its first min(seen, len(ring)) places.
    """
    size = len(ring)
    whole = int(reached)
    part = reached - whole
    levels = np.empty(len(length))
    for index in range(len(length)):
        value = length[index]
        count = min(seen, size)
        if count == size:
            at = np.searchsorted(ordered, ring[seen % size])
            ordered[at : size - 1] = ordered[at + 1 : size].copy()
            count -= 1
        at = np.searchsorted(ordered[:count], value)
        ordered[at + 1 : count + 1] = ordered[at:count].copy()
        ordered[at] = value
        ring[seen % size] = value
        seen += 1
        count += 1
        if count < whole + 1:
            levels[index] = np.nan
        else:
            levels[index] = (1 - part) * ordered[count - whole] + part * ordered[count - whole - 1]
    return levels
