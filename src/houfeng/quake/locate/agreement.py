"""Origin time at a known place: what most arrivals agree on, which do, and how well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Standard deviations are rescaled by the residuals, against this many imaginary picks that say they are right.
PRIOR_PICKS = 6.0
#: Limits of that scale: errors are not less than half of what was said, and beyond ten times the model is useless.
LEAST_SCALE, MOST_SCALE = 0.5, 3.0
#: An arrival z standard deviations off keeps exp(-z^2 / 4): the pair kernel averaged over normal partners.
WEIGHT_WIDTH = 4.0
#: Over normal residuals: the mean of that weight, and the mean of weight times z^2 over the mean weight.
MEAN_WEIGHT, MEAN_WEIGHTED_SQUARE = (2 / 3) ** 0.5, 2 / 3
#: Parameters that a location takes from the residuals: place and time.
PARAMETERS = 4
#: Rounds of reweighting; each at least halves the change.
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the arrivals say together.

    time_s    origin time, on the clock of the delays
    weight    [n] share each arrival kept, 0 to 1
    scale     factor by which standard deviations are too small (or large)
    agreeing  how many arrivals agree, a sum of weights that is n for normal errors
    """

    time_s: float
    weight: NDArray[np.float64]
    scale: float
    agreeing: float


def agree(delay_s: NDArray[np.float64], sigma_s: NDArray[np.float64]) -> Agreement:
    """Find the origin time by reweighting, starting from where delays are densest.

    delay_s  [n] observed minus travel time
    sigma_s  [n] one standard deviation of each, > 0
    """
    width = sigma_s[:, None] ** 2 + sigma_s**2
    density = (np.exp(-((delay_s[:, None] - delay_s) ** 2) / width) / np.sqrt(width)).sum(axis=1)
    time = float(delay_s[int(np.argmax(density))])
    scale = float(np.clip(1.4826 * np.median(np.abs(delay_s - time) / sigma_s), 1.0, MOST_SCALE))
    weight, agreeing = np.ones_like(delay_s), float(len(delay_s))
    for _ in range(ROUNDS):
        z = (delay_s - time) / sigma_s
        weight = np.exp(-((z / scale) ** 2) / WEIGHT_WIDTH)
        total = weight.sum()
        agreeing = min(float(len(delay_s)), float(total / MEAN_WEIGHT))
        square = float((weight * z**2).sum() / total / MEAN_WEIGHTED_SQUARE)
        freedom = PRIOR_PICKS + max(agreeing - PARAMETERS, 0.0)
        scale = float(np.clip(np.sqrt((PRIOR_PICKS + agreeing * square) / freedom), LEAST_SCALE, MOST_SCALE))
        time = float(np.average(delay_s, weights=weight / sigma_s**2))
    return Agreement(time, weight, scale, agreeing)
