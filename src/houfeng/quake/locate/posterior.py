"""What the cells of the search say together: mean, covariance, ellipses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.octtree import Generation
from houfeng.words.quake import Ellipse

#: chi-square with two degrees of freedom: -2 ln(1 - confidence).
CONFIDENCES = (0.68, 0.95)


@dataclass(frozen=True, slots=True)
class Posterior:
    """Probability over cells of one size; points and mean are (east, north, down), m."""

    points: NDArray[np.float64]
    probability: NDArray[np.float64]
    mean_m: NDArray[np.float64]
    covariance_m2: NDArray[np.float64]


def posterior_of(generation: Generation) -> Posterior:
    """Integrate cells of equal volume."""
    probability = np.exp(generation.value - generation.value.max())
    probability /= probability.sum()
    mean = probability @ generation.points
    away = generation.points - mean
    # Inside its cell the density is taken as even: side^2 / 12 along each axis.
    covariance = (away * probability[:, None]).T @ away + np.eye(3) * generation.side_m**2 / 12
    return Posterior(generation.points, probability, mean, covariance)


def ellipse(covariance_m2: NDArray[np.float64], confidence: float) -> Ellipse:
    """Confidence ellipse of the epicentre from a covariance whose first two axes are east and north."""
    variances, axes = np.linalg.eigh(covariance_m2[:2, :2])
    stretch = -2 * np.log(1 - confidence)
    minor, major = np.sqrt(np.maximum(variances, 0.0) * stretch)
    azimuth = np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180.0
    return Ellipse(confidence, float(major), float(minor), float(azimuth))
