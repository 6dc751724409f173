"""What the cells of the search say together: mean, covariance, ellipses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.octtree import Generation
from houfeng.words.quake import Ellipse

#: Of the ellipses reported.
CONFIDENCES = (0.68, 0.95)


#: A likelihood has one top if that lies within so many standard deviations of its mean, and the mean fits.
ONE_TOP = 1.0
#: A cell fits if its log-likelihood is within this of the best: half of a three-dimensional normal density lies inside
#: 1.2 (chi-square 2.37), nine tenths inside 3.1.
FITS = 3.1
#: Cells compared with one another, the likeliest.
MOST_COMPARED = 1500


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


def representative(generation: Generation, posterior: Posterior, best: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place to report: the mean where the likelihood has one top, else the middle of what fits.

    The mean has the least expected error. On a long bent ridge (few stations, depth against distance) it may fit badly,
    and the top is an accident of noise; there the place nearest to all others on average is taken, among
    cells that fit nearly as well as the best.

    best  the most likely place, (east, north, down), m
    """
    off = best - posterior.mean_m
    at_mean = int(np.argmin(((generation.points - posterior.mean_m) ** 2).sum(axis=1)))
    fits = generation.value[at_mean] >= generation.value.max() - FITS
    if fits and off @ np.linalg.solve(posterior.covariance_m2, off) <= ONE_TOP**2:
        return posterior.mean_m
    likely = np.argsort(-posterior.probability, kind="stable")[:MOST_COMPARED]
    points, probability = posterior.points[likely], posterior.probability[likely]
    fitting = points[generation.value[likely] >= generation.value.max() - FITS]
    apart = np.sqrt(((fitting[:, None, :] - points) ** 2).sum(axis=2))
    return np.asarray(fitting[int(np.argmin(apart @ probability))])


def ellipse(covariance_m2: NDArray[np.float64], confidence: float) -> Ellipse:
    """Confidence ellipse of the epicentre from a covariance whose first two axes are east and north."""
    variances, axes = np.linalg.eigh(covariance_m2[:2, :2])
    stretch = -2 * np.log(1 - confidence)
    minor, major = np.sqrt(np.maximum(variances, 0.0) * stretch)
    azimuth = np.degrees(np.arctan2(axes[0, 1], axes[1, 1])) % 180.0
    return Ellipse(confidence, float(major), float(minor), float(azimuth))
