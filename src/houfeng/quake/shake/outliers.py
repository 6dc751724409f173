"""Which stations to leave out of a map because no such quake would make them show what they show.

Stations whose record began late, hold another quake or lie differ from what the relation and their neighbours say by
far more than ground does. Two tests, since each has its blind side:
1. against the middle of all stations, which a minority cannot move: finds many wild ones, also side by side;
2. against what the map would say there without the station, the worst first and then again: finds the one that its
   neighbours contradict.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

from houfeng.quake.shake.condition import Sites
from houfeng.quake.shake.correlation import Correlation

#: Standard deviations from which on a station is left out, as in Worden et al. 2018, doi:10.1785/0120170201.
OUTLIER_SIGMAS = 3.0

#: A median of n normal values varies this much more than their mean (asymptotic).
_MEDIAN_VARIANCE = np.pi / 2


def outliers(
    ln_observed: NDArray[np.float64], uncertainty: NDArray[np.float64], stations: Sites, correlation: Correlation
) -> NDArray[np.bool_]:
    """Mark observations to leave out.

    ln_observed, uncertainty  as for condition(), [n]

    Returns [n], True for those that lie OUTLIER_SIGMAS or more away.
    """
    wild = _far_from_the_middle(ln_observed, uncertainty, stations)
    kept = np.flatnonzero(~wild)
    if not len(kept):
        return wild
    sites = stations.at(kept)
    covariance = sites.own_covariance(uncertainty[kept], correlation) + sites.shared @ sites.shared.T
    wild[kept[_contradicted(ln_observed[kept] - sites.ln_median, covariance)]] = True
    return wild


def _far_from_the_middle(
    ln_observed: NDArray[np.float64], uncertainty: NDArray[np.float64], stations: Sites
) -> NDArray[np.bool_]:
    """Test 1. Where few stations tell of the quake's own strength, their median is shrunk towards the relation."""
    residual = ln_observed - stations.ln_median
    if not len(residual):
        return np.zeros(0, dtype=np.bool_)
    own = stations.phi**2 + uncertainty**2
    between = float(stations.shared[0, 0]) ** 2
    trust = between / (between + _MEDIAN_VARIANCE * float(np.median(own)) / len(residual))
    spread = np.sqrt(own + np.square(stations.shared).sum(axis=1) - trust * between)
    return np.asarray(np.abs(residual - trust * np.median(residual)) >= OUTLIER_SIGMAS * spread)


def _contradicted(residual: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.intp]:
    """Test 2. Leave-one-out residuals come from the inverse P of the covariance: (P r)_i / sqrt(P_ii) is standard.

    Source: Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, MIT Press, equations 5.10 to 5.12.
    """
    inverse = np.asfortranarray(np.linalg.inv(covariance))
    weighed, diagonal = inverse @ residual, np.diag(inverse).copy()
    kept = np.ones(len(residual), dtype=np.bool_)
    while kept.sum() > 1:
        score = np.where(kept, np.abs(weighed) / np.sqrt(np.where(kept, diagonal, 1.0)), 0.0)
        worst = int(np.argmax(score))
        if score[worst] < OUTLIER_SIGMAS:
            break
        kept[worst] = False
        # the inverse of what remains, with one row and column less
        gone = inverse[worst] / np.sqrt(inverse[worst, worst])
        weighed -= gone * (weighed[worst] / np.sqrt(inverse[worst, worst]))
        diagonal -= gone**2
        inverse = dger(-1.0, gone, gone, a=inverse, overwrite_a=True)
    return np.flatnonzero(~kept)
