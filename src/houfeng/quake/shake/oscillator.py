"""Spectral acceleration: how hard a simple building of one period would be shaken.

Between samples the ground's acceleration is taken as a straight line, for which the oscillator's motion has an exact
solution: Nigam & Jennings 1969, doi:10.1785/BSSA0590020909. A straight line between samples weakens what is quick
compared with them, and the largest swing falls between them too. So the record is first interpolated, as a
band-limited signal, to SAMPLES_PER_PERIOD in each period of the oscillator, or of the quickest motion that the record
can hold when that is slower; both errors are then below half a per cent.
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

#: A sampled cosine loses at most 1 - cos(pi / 40) = 0.3 % of its height, a straight-line one (pi / 40)^2 / 3 = 0.2 %.
SAMPLES_PER_PERIOD = 40

DAMPING = 0.05

#: Interpolated records grow no longer than this, 256 MiB; coarser ones are what a longer record gets.
_MOST_SAMPLES = 2**25


def pseudo_acceleration(
    acceleration_mps2: NDArray[np.float64], rate_hz: float, periods_s: Sequence[float], *, damping: float = DAMPING
) -> NDArray[np.float64]:
    """Pseudo-spectral acceleration at each period, m/s2: the largest relative displacement times (2 pi / T)^2.

    acceleration_mps2  [n], m/s2, of one component, at rest before and after
    rate_hz            samples a second, > 0
    periods_s          > 0, s
    damping            share of critical, 0 to 1 (1 not included)

    Free swinging in the period after the record's end counts. NaN where a sample or period is not finite, a period is
    not above 0, or there are no samples. Raises ValueError for a damping outside its range.
    """
    if not 0 <= damping < 1:
        raise ValueError(f"damping {damping} outside 0 to 1")
    values = np.asarray(acceleration_mps2, dtype=np.float64)
    if len(values) == 0 or not np.all(np.isfinite(values)):
        return np.full(len(periods_s), np.nan)
    made: dict[int, NDArray[np.float64]] = {}
    peaks = []
    for period_s in periods_s:
        if not (math.isfinite(period_s) and period_s > 0):
            peaks.append(math.nan)
            continue
        factor = _factor(len(values), rate_hz, period_s)
        if factor not in made:
            made[factor] = _interpolated(values, factor)
        tail = min(math.ceil(period_s * rate_hz), len(values)) * factor
        natural = 2 * math.pi / period_s
        peaks.append(natural**2 * _largest(made[factor], tail, *_step(natural, damping, 1 / (factor * rate_hz))))
    return np.array(peaks)


def _factor(count: int, rate_hz: float, period_s: float) -> int:
    wanted = math.ceil(SAMPLES_PER_PERIOD / (max(period_s, 2 / rate_hz) * rate_hz))
    return max(1, min(wanted, _MOST_SAMPLES // count))


def _interpolated(values: NDArray[np.float64], factor: int) -> NDArray[np.float64]:
    """The band-limited signal through the samples, factor times as dense."""
    if factor == 1:
        return values
    size = fft.next_fast_len(2 * len(values), real=True)
    dense = fft.irfft(fft.rfft(values, size), size * factor) * factor
    return np.asarray(dense[: len(values) * factor], dtype=np.float64)


def _step(natural: float, damping: float, interval_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The matrices A and B that carry displacement and velocity over one interval.

    [x, v] after = A [x, v] before + B [ground before, ground after], where x" + 2 h w x' + w^2 x = -ground.
    """
    w, h, d = natural, damping, interval_s
    root = math.sqrt(1 - h * h)
    damped = w * root
    decay, sine, cosine = math.exp(-h * w * d), math.sin(damped * d), math.cos(damped * d)
    a = np.array(
        [
            [decay * (h / root * sine + cosine), decay / damped * sine],
            [-w / root * decay * sine, decay * (cosine - h / root * sine)],
        ]
    )
    p, q = (2 * h * h - 1) / (w * w * d), 2 * h / (w**3 * d)
    slide, turn = cosine - h / root * sine, damped * sine + h * w * cosine
    b = np.array(
        [
            [
                decay * ((p + h / w) * sine / damped + (q + 1 / w**2) * cosine) - q,
                -decay * (p * sine / damped + q * cosine) - 1 / w**2 + q,
            ],
            [
                decay * ((p + h / w) * slide - (q + 1 / w**2) * turn) + 1 / (w * w * d),
                -decay * (p * slide - q * turn) - 1 / (w * w * d),
            ],
        ]
    )
    return a, b


@njit(cache=True)
def _largest(ground: NDArray[np.float64], tail: int, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Largest relative displacement while the ground moves and for tail intervals after."""
    x = v = before = largest = 0.0
    for index in range(len(ground) + tail):
        now = ground[index] if index < len(ground) else 0.0
        x, v = (
            a[0, 0] * x + a[0, 1] * v + b[0, 0] * before + b[0, 1] * now,
            a[1, 0] * x + a[1, 1] * v + b[1, 0] * before + b[1, 1] * now,
        )
        before = now
        largest = max(largest, abs(x))
    return largest
