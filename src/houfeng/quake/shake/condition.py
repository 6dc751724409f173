"""What stations saw, spread to places without one: a ground-motion relation conditioned on observations.

Worden, Thompson, Baker, Bradley, Luco & Wald 2018 (doi:10.1785/0120170201), each measure by itself. What a quake does
beyond the relation is what all places share (its own strength, its own attenuation), normal, plus an amount of each
site, normal with phi and correlated over distance. Steps:
1. the shared part from all stations at once, by generalised least squares with its scatter between quakes as prior;
2. the sites' own amounts at each target from the stations near it, by simple kriging;
3. the variance left by 2, plus that of 1 as far as the stations near do not take its place.
With no station the relation and its own scatter come back; with at most MOST of them the result is that of one
multivariate normal over all stations and targets.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from houfeng.quake.shake.correlation import Correlation
from houfeng.words.earth import EARTH_RADIUS_M

#: Targets are done in tiles of neighbours: at most so many at once beside many stations, and so many pairs of a target
#: and a station beside few.
TILE, PAIRS = 128, 200_000

#: Up to so many stations all of them count everywhere. Of more, each target gets those nearest to it and those nearest
#: to the others of its tile, which is made small enough for them to be no more than MOST together: a nation's map stays
#: a matter of seconds, and what lies behind the nearest ones changes a logarithm by less than 0.003.
NEAREST, MOST = 60, 240


@dataclass(frozen=True, slots=True)
class Sites:
    """Where the relation speaks, [n] places.

    place_m    [n, 3] on a sphere, see on_sphere()
    ln_median  [n], natural logarithm of what the relation expects there
    phi        [n], > 0, scatter of sites within one quake, natural logarithm
    shared     [n, effects], what one standard deviation of each shared effect adds there, natural logarithm; the
               first is the quake's own strength, the same everywhere
    """

    place_m: NDArray[np.float64]
    ln_median: NDArray[np.float64]
    phi: NDArray[np.float64]
    shared: NDArray[np.float64]

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Sites":
        """Those of a mask or of indices."""
        return Sites(self.place_m[chosen], self.ln_median[chosen], self.phi[chosen], self.shared[chosen])

    def own_covariance(self, uncertainty: NDArray[np.float64], correlation: Correlation) -> NDArray[np.float64]:
        """Covariance [n, n] of what sites do by themselves, observed with an uncertainty [n]."""
        alike = correlation.between(cdist(self.place_m, self.place_m))
        np.fill_diagonal(alike, 1.0)
        return np.asarray(alike * np.multiply.outer(self.phi, self.phi) + np.diag(np.square(uncertainty)))


@dataclass(frozen=True, slots=True)
class Conditioned:
    """What is expected at [n] targets once stations have spoken.

    ln_median, sigma  [n], mean and standard deviation of the natural logarithm
    effects           [effects], the shared ones in their standard deviations, zeros where no station spoke
    """

    ln_median: NDArray[np.float64]
    sigma: NDArray[np.float64]
    effects: NDArray[np.float64]


def on_sphere(latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places in space, m, [n, 3]: straight lines between them stand for distances, to 0.1 % within 900 km."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    across = np.cos(latitude)
    axes = (across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude))
    return EARTH_RADIUS_M * np.column_stack(axes)


def condition(
    ln_observed: NDArray[np.float64],
    uncertainty: NDArray[np.float64],
    stations: Sites,
    targets: Sites,
    correlation: Correlation,
    standing_at: NDArray[np.intp] | None = None,
) -> Conditioned:
    """Spread observations to targets.

    ln_observed  [n], natural logarithms in the unit of the relation, finite; n may be 0
    uncertainty  [n], standard deviation of each itself, natural logarithm, 0 for a station that is believed
    standing_at  [targets], index of the station a target stands at, -1 where at none: there it gets that station's
                 value, while from other stations, however near, it keeps the difference no two sites share

    Works in memory for some thousand observations and any number of targets.
    """
    if standing_at is None:
        standing_at = np.full(len(targets.phi), -1, dtype=np.intp)
    if not len(ln_observed):
        sigma = np.sqrt(targets.phi**2 + np.square(targets.shared).sum(axis=1))
        return Conditioned(targets.ln_median.copy(), sigma, np.zeros(targets.shared.shape[1]))
    residual = ln_observed - stations.ln_median
    effects, doubt = _shared(residual, stations.own_covariance(uncertainty, correlation), stations.shared)
    left = residual - stations.shared @ effects
    ln_median, variance = targets.ln_median + targets.shared @ effects, np.empty(len(targets.phi))
    for tile, near in _tiles(targets.place_m, stations.place_m, standing_at):
        close = stations.at(near)
        factor = cholesky(close.own_covariance(uncertainty[near], correlation), lower=True)
        alike = correlation.between(cdist(close.place_m, targets.place_m[tile]))
        alike[near[:, None] == standing_at[tile]] = 1.0
        covariance = close.phi[:, None] * alike * targets.phi[tile]
        solved = solve_triangular(factor, np.column_stack((covariance, left[near], close.shared)), lower=True)
        weights, own, shared = np.split(solved, [len(tile), len(tile) + 1], axis=1)
        ln_median[tile] += own[:, 0] @ weights
        # what the stations near do not say of the shared part remains as doubtful as it is
        unsaid = targets.shared[tile] - weights.T @ shared
        unknown = targets.phi[tile] ** 2 - np.einsum("ij,ij->j", weights, weights)
        variance[tile] = np.maximum(unknown, 0.0) + np.einsum("ij,jk,ik->i", unsaid, doubt, unsaid)
    return Conditioned(ln_median, np.sqrt(np.maximum(variance, 0.0)), effects)


def _shared(
    residual: NDArray[np.float64], covariance: NDArray[np.float64], shared: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of the shared effects, in their own standard deviations: prior 0 and 1 each."""
    weighed = cho_solve(cho_factor(covariance, lower=True), shared)
    doubt = np.linalg.inv(np.eye(shared.shape[1]) + shared.T @ weighed)
    return doubt @ (weighed.T @ residual), doubt


def _tiles(
    targets_m: NDArray[np.float64], stations_m: NDArray[np.float64], standing_at: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Targets in groups of neighbours, halved along their longest side until small enough, and stations for each."""
    everyone = np.arange(len(stations_m), dtype=np.intp)
    few = len(everyone) <= MOST
    most = max(TILE, PAIRS // len(everyone)) if few else TILE
    nearest = everyone[None] if few else cKDTree(stations_m).query(targets_m, k=NEAREST)[1]
    waiting = [np.arange(len(targets_m), dtype=np.intp)]
    while waiting:
        group = waiting.pop()
        if 0 < len(group) <= most:
            near = everyone if few else np.union1d(nearest[group], standing_at[group][standing_at[group] >= 0])
            if len(near) <= MOST or len(group) == 1:
                yield group, near.astype(np.intp)
                continue
        if len(group) > 1:
            inside = targets_m[group]
            side = int(np.argmax(np.ptp(inside, axis=0)))
            order = np.argsort(inside[:, side], kind="stable")
            waiting += [group[order[: len(group) // 2]], group[order[len(group) // 2 :]]]
