"""How hard it is expected to shake at a distance from a quake of a size: a ground-motion relation.

Boore, Stewart, Seyhan & Atkinson 2014 (doi:10.1193/070113EQS184M), for shallow quakes of active crust. It gives the
median over horizontal directions (RotD50); Boore & Kishida 2017 (doi:10.1785/0120160250) turns that into the larger of
the two components as recorded, which is what stations report.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houfeng.quake.shake.coefficients import coefficients
from houfeng.words.errors import DataFault
from houfeng.words.shaking import Measure

RELATION = "Boore, Stewart, Seyhan & Atkinson 2014, doi:10.1193/070113EQS184M"
COMPONENT = "larger horizontal by Boore & Kishida 2017, doi:10.1785/0120160250"

#: What the relation was made for (its abstract and table 1); beyond it is extrapolated, and Vs30 taken at the limit.
LEAST_MAGNITUDE, MOST_MAGNITUDE = 3.0, 8.5
MOST_DISTANCE_M = 400_000.0
LEAST_VS30_MPS, MOST_VS30_MPS = 150.0, 1500.0

#: Ground the relation refers to, m/s.
ROCK_VS30_MPS = 760.0

#: Magnitudes between which its scatter changes, and the reference of its nonlinear term (equations 8, 14 and 17).
_SCATTER_MAGNITUDES = (4.5, 5.5)
_SOFT_VS30_MPS = 360.0

#: Boore & Kishida 2017: M and km they refer to; their fit has a logarithm of distance, so it is not taken to 0 km.
_LARGER_MAGNITUDE, _LARGER_KM, _LARGER_LEAST_KM = 5.5, 50.0, 1.0

STANDARD_GRAVITY_MPS2 = 9.80665  # CGPM 1901
_CM = 0.01

Mechanism = Literal["unspecified", "strike-slip", "normal", "reverse"]
_EVENT_TERM: Mapping[Mechanism, str] = {"unspecified": "e_0", "strike-slip": "e_1", "normal": "e_2", "reverse": "e_3"}

#: Where distance takes more away than in California, or less (its equation 4).
Region = Literal["global", "china_turkey", "italy_japan"]
_REGION_TERM: Mapping[Region, str] = {
    "global": "dc_3global",
    "china_turkey": "dc_3ct",
    "italy_japan": "dc_3ij",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a relation expects of one measure at [n] sites.

    ln_median  [n], natural logarithm of the median in m/s2, for pgv m/s
    tau        standard deviation between quakes of one size, natural logarithm
    phi        [n], standard deviation between sites within one quake
    path       [n], what one standard deviation of regional attenuation adds: that of the relation's three regions
               about their mean, growing with distance
    """

    ln_median: NDArray[np.float64]
    tau: float
    phi: NDArray[np.float64]
    path: NDArray[np.float64]


def expected(
    measure: Measure,
    magnitude: float,
    rjb_m: ArrayLike,
    vs30_mps: ArrayLike = ROCK_VS30_MPS,
    *,
    mechanism: Mechanism = "unspecified",
    region: Region = "global",
) -> Expected:
    """Predict the larger of two horizontal components, as stations record it.

    magnitude  moment magnitude, finite; made for 3 to 8.5, extrapolated beyond
    rjb_m      distance to the surface projection of the rupture, m, >= 0, [n]; made for up to 400 km
    vs30_mps   mean shear-wave speed of the uppermost 30 m, m/s, [n] or one for all; taken as at least 150, at most 1500

    Raises DataFault for a magnitude that is no number.
    Source: rotd50(); ratio and its scatter: Boore & Kishida 2017, doi:10.1785/0120160250, M 2 to 9, 0 to 400 km.
    """
    middle = rotd50(measure, magnitude, rjb_m, vs30_mps, mechanism=mechanism, region=region)
    c = coefficients("boore_kishida_2017")[measure]
    distance_km = np.clip(np.asarray(rjb_m, dtype=np.float64) / 1000, _LARGER_LEAST_KM, MOST_DISTANCE_M / 1000)
    bigger = np.clip(magnitude, 2.0, 9.0) - _LARGER_MAGNITUDE
    ratio = c["c0"] + c["r1"] * np.log(distance_km / _LARGER_KM) + c["m1"] * bigger + c["m2"] * bigger**2
    return replace(middle, ln_median=middle.ln_median + ratio, phi=np.hypot(middle.phi, c["sigma"]))


def rotd50(
    measure: Measure,
    magnitude: float,
    rjb_m: ArrayLike,
    vs30_mps: ArrayLike = ROCK_VS30_MPS,
    *,
    mechanism: Mechanism = "unspecified",
    region: Region = "global",
) -> Expected:
    """Predict the median over horizontal directions, with arguments as of expected().

    Raises DataFault for a magnitude that is no number.
    Source: Boore et al. 2014, doi:10.1193/070113EQS184M, without its basin term. Checked against
    tests/quake/data/boore_2014.csv.
    """
    if not np.isfinite(magnitude):
        raise DataFault("magnitude", f"{magnitude} is not a magnitude", "give a moment magnitude")
    distance_km, speed = np.broadcast_arrays(
        np.maximum(np.asarray(rjb_m, dtype=np.float64), 0.0) / 1000,
        np.clip(np.asarray(vs30_mps, dtype=np.float64), LEAST_VS30_MPS, MOST_VS30_MPS),
    )
    rock_g = np.exp(_rock(coefficients("boore_2014")["pga"], magnitude, distance_km, mechanism, region))
    c = coefficients("boore_2014")[measure]
    unit = _CM if measure == "pgv" else STANDARD_GRAVITY_MPS2
    ln_median = _rock(c, magnitude, distance_km, mechanism, region) + _site(c, rock_g, speed) + np.log(unit)
    larger = np.clip((magnitude - _SCATTER_MAGNITUDES[0]) / (_SCATTER_MAGNITUDES[1] - _SCATTER_MAGNITUDES[0]), 0.0, 1.0)
    tau = float(c["tau_1"] + (c["tau_2"] - c["tau_1"]) * larger)
    phi = c["phi_1"] + (c["phi_2"] - c["phi_1"]) * larger + _phi(c, distance_km, speed)
    per_km = float(np.std([c[term] for term in _REGION_TERM.values()], ddof=1))
    return Expected(ln_median, tau, phi, per_km * (np.hypot(distance_km, c["h"]) - c["R_ref"]))


def site_slope(measure: Measure) -> float:
    """How fast the logarithm of shaking changes with that of Vs30 on ground that stays linear (equation 6)."""
    return coefficients("boore_2014")[measure]["c"]


def _rock(
    c: Mapping[str, float], magnitude: float, distance_km: NDArray[np.float64], mechanism: Mechanism, region: Region
) -> NDArray[np.float64]:
    """Source and path, equations 2 to 4: natural logarithm of g or cm/s at Vs30 760 m/s."""
    above = magnitude - c["M_h"]
    event = c[_EVENT_TERM[mechanism]] + (c["e_6"] * above if above > 0 else c["e_4"] * above + c["e_5"] * above**2)
    reach_km = np.hypot(distance_km, c["h"])
    spreading = (c["c_1"] + c["c_2"] * (magnitude - c["M_ref"])) * np.log(reach_km / c["R_ref"])
    absorbed = (c["c_3"] + c[_REGION_TERM[region]]) * (reach_km - c["R_ref"])
    return np.asarray(event + spreading + absorbed, dtype=np.float64)


def _site(c: Mapping[str, float], rock_g: NDArray[np.float64], vs30_mps: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the ground adds, equations 5 to 8: linear, and less of it the harder the rock beneath shakes."""
    linear = c["c"] * np.log(np.minimum(vs30_mps, c["V_c"]) / ROCK_VS30_MPS)
    softness = np.exp(c["f_5"] * (np.minimum(vs30_mps, ROCK_VS30_MPS) - _SOFT_VS30_MPS))
    yielding = c["f_4"] * (softness - np.exp(c["f_5"] * (ROCK_VS30_MPS - _SOFT_VS30_MPS)))
    return np.asarray(linear + yielding * np.log1p(rock_g / c["f_3"]), dtype=np.float64)


def _phi(
    c: Mapping[str, float], distance_km: NDArray[np.float64], vs30_mps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What distance and soft ground change in the scatter, equations 15 and 16."""
    farther = np.log(np.maximum(distance_km, c["R_1"]) / c["R_1"]) / np.log(c["R_2"] / c["R_1"])
    softer = np.log(c["V_2"] / vs30_mps) / np.log(c["V_2"] / c["V_1"])
    return np.asarray(
        c["dphi_R"] * np.clip(farther, 0.0, 1.0) - c["dphi_V"] * np.clip(softer, 0.0, 1.0), dtype=np.float64
    )
