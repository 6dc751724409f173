"""Origin time at a known place: what most arrivals agree on, which do, and how well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Standard deviations are rescaled by the residuals, against this many imaginary picks that say they are right.
PRIOR_PICKS = 6.0
#: Limits of that scale: errors are not less than half of what was said, and beyond three times they are mistakes.
LEAST_SCALE, MOST_SCALE = 0.5, 3.0
#: Limit of the scale that uncertainties are told with: beyond, residuals tell of strangers, not of errors.
MOST_SPREAD = 6.0
#: An arrival z standard deviations off keeps exp(-z^2 / width): narrow to tell who agrees (the search's pair kernel
#: averaged over normal partners); wide, Welsch's usual constant 2.985, for all who have a say in the place.
NARROW_WIDTH, WIDE_WIDTH = 4.0, 2.985**2
#: Factors tried on the model's error, a third apart: it may be smaller than stated, and when residuals are larger one
#: cannot tell the model from the picks, so that is left to scale. Student's t with so many degrees of freedom judges.
MODEL_SCALES = 1.35 ** np.arange(-8.0, 1.0)
TAILS = 2.0
#: Parameters that a location takes from the residuals: place and time.
PARAMETERS = 4
#: Rounds of reweighting; each at least halves the change.
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the arrivals say together.

    time_s    origin time, on the clock of the delays
    weight    [n] share each arrival kept, 0 to 1
    scale     factor by which standard deviations are too small (or large), by those who agree
    spread    the same by all who have a say, at least scale: what uncertainties must be told with
    agreeing  how many arrivals agree, a sum of weights that is n for normal errors
    """

    time_s: float
    weight: NDArray[np.float64]
    scale: float
    spread: float
    agreeing: float


def agree(delay_s: NDArray[np.float64], sigma_s: NDArray[np.float64], trust: NDArray[np.float64]) -> Agreement:
    """Find the origin time by reweighting, starting from where delays are densest.

    delay_s  [n] observed minus travel time
    sigma_s  [n] one standard deviation of each, > 0
    trust    [n] how likely each is the arrival it is taken for, > 0 to 1
    """
    width = sigma_s[:, None] ** 2 + sigma_s**2
    density = trust * (trust * np.exp(-((delay_s[:, None] - delay_s) ** 2) / width) / np.sqrt(width)).sum(axis=1)
    time = float(delay_s[int(np.argmax(density))])
    scale = float(np.clip(1.4826 * np.median(np.abs(delay_s - time) / sigma_s), 1.0, MOST_SCALE))
    for _ in range(ROUNDS):
        z = (delay_s - time) / sigma_s
        weight, scale, agreeing = _rescaled(z, scale, NARROW_WIDTH, MOST_SCALE)
        time = float(np.average(delay_s, weights=trust * weight / sigma_s**2))
    spread = scale
    for _ in range(ROUNDS):
        spread = _rescaled((delay_s - time) / sigma_s, spread, WIDE_WIDTH, MOST_SPREAD)[1]
    return Agreement(time, weight, scale, max(scale, spread), agreeing)


def model_scale(
    delay_s: NDArray[np.float64],
    sigma_s: NDArray[np.float64],
    trust: NDArray[np.float64],
    own_s: NDArray[np.float64],
) -> float:
    """Find by how much the error of the model is overstated, from residuals at a known place.

    delay_s  [n] observed minus travel time
    sigma_s  [n] one standard deviation with the stated error of the model
    trust    [n] how likely each is the arrival it is taken for, > 0 to 1
    own_s    [n] of that the pick's own, below sigma_s

    The likeliest of MODEL_SCALES under Student's t, which forgives strangers, against PRIOR_PICKS that say 1.
    """
    freedom = 1 - PARAMETERS / len(delay_s)
    if freedom < 0.5:  # residuals of few picks are small whatever the errors
        return 1.0
    time = agree(delay_s, sigma_s, trust).time_s
    model_s2 = sigma_s**2 - own_s**2
    sigma = np.sqrt(own_s**2 + MODEL_SCALES[:, None] ** 2 * model_s2)
    z2 = ((delay_s - time) / sigma) ** 2 / freedom
    told = -freedom * (np.log(sigma) + (TAILS + 1) / 2 * np.log1p(z2 / TAILS)).sum(axis=1)
    return float(MODEL_SCALES[int(np.argmax(told - PRIOR_PICKS * np.log(MODEL_SCALES) ** 2 / 2))])


def _rescaled(
    z: NDArray[np.float64], scale: float, width: float, most: float
) -> tuple[NDArray[np.float64], float, float]:
    """One round: weights, the scale they give, and how many agree."""
    weight = np.exp(-((z / scale) ** 2) / width)
    total = float(weight.sum())
    # Over normal z the weight's mean is (1 + 2/width)^-1/2, and the weighted mean of z^2 is 1 / (1 + 2/width).
    agreeing = min(float(len(z)), total * (1 + 2 / width) ** 0.5)
    square = float((weight * z**2).sum()) / total * (1 + 2 / width)
    freedom = PRIOR_PICKS + max(agreeing - PARAMETERS, 0.0)
    scaled = float(np.sqrt((PRIOR_PICKS + agreeing * square) / freedom))
    return weight, min(max(scaled, LEAST_SCALE), most), agreeing
