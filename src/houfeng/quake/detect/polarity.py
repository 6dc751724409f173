"""First motion: which way the ground went first."""

import math

import numpy as np
from numpy.typing import NDArray


def first_motion(samples: NDArray[np.float64], column: int, rate_hz: float, begin: int) -> tuple[int, float]:
    """Read the first swing after an onset on unfiltered samples of an upright component.

    samples  float64 [columns], as recorded (any unit, any offset)
    column   the onset
    begin    first column of the unbroken run
    returns  (+1 up, -1 down, 0 not readable; confidence 0 to 1)

    The level is the mean of the noise just before; the first swing is the first excursion after the onset that
    leaves the noise (3 standard deviations), up to where it turns back. Its confidence is its size against
    that noise: 0.5 at 3 standard deviations, 0.9 near 9.
    """
    # Onsets are read a sample or two late as often as early, and the first swing must not be lost.
    column = max(column - max(1, round(0.01 * rate_hz)), begin)
    quiet = samples[max(begin, column - max(8, round(0.5 * rate_hz))) : max(column - 1, begin)]
    ahead = samples[column : column + max(6, round(0.3 * rate_hz))]
    if len(quiet) < 6 or len(ahead) < 3:
        return 0, 0.0
    # A straight line through the noise follows microseisms across the onset better than a constant does.
    at = np.arange(len(quiet)) - 0.5 * (len(quiet) - 1)
    level = float(quiet.mean())
    slope = float(at @ quiet) / float(at @ at) if len(quiet) >= 16 else 0.0
    noise = math.sqrt(float(np.mean((quiet - level - slope * at) ** 2)))
    swing = ahead - level - slope * (at[-1] + 2.0 + np.arange(len(ahead)))
    peak = float(np.abs(swing).max())
    if not peak > 3.0 * noise:
        return 0, 0.0
    # The first excursion that counts beats the noise and is no ripple beside what follows.
    bar = max(3.0 * noise, 0.1 * peak)
    first = int(np.argmax(np.abs(swing) > bar))
    sign = 1 if swing[first] > 0 else -1
    turn = first
    while turn + 1 < len(swing) and swing[turn + 1] * sign > swing[turn] * sign:
        turn += 1
    ratio = abs(float(swing[turn])) / noise if noise > 0 else math.inf
    return sign, 1.0 if math.isinf(ratio) else ratio * ratio / (ratio * ratio + 9.0)
