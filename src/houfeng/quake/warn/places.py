"""What places have to expect of a quake whose source is known: how hard, from when on, and where it is too late.

Intensity is that of the median of the ground-motion relation. The strike of the rupture is not known when a warning is
given: distances are means over ruptures of the length usual for the magnitude, of any strike, that began anywhere along
themselves (shake/fault.py), which matters from about M 6.5 on. Strong shaking begins with S from the hypocentre: a
rupture that runs slower than S sends none ahead of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.fault import usual_rjb_m
from houfeng.quake.shake.ground_motion import MOST_DISTANCE_M, ROCK_VS30_MPS, Region, expected
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.prior import SHALLOW_M
from houfeng.words.alert import Expectation, Place
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S

Reals = NDArray[np.float64]
Scale = Literal["mmi", "csis"]

#: Seconds from a decision until people have it, by what carries it: measured in Sichuan, Sichuan Earthquake 2024(1),
#: 35-38; television for a million people, and more for more.
PUBLISH_S: Final[Mapping[str, float]] = MappingProxyType(
    {"terminal": 0.002, "app": 0.065, "broadcast": 1.5, "television": 2.0}
)

#: Circles are found to this.
_STEP_M = 100.0


class Quaking(Protocol):
    """What is asked of a source; an Alert is one."""

    @property
    def origin_time_ns(self) -> int:
        """When it began."""
        ...

    @property
    def latitude_deg(self) -> float:
        """Of the epicentre."""
        ...

    @property
    def longitude_deg(self) -> float:
        """Likewise."""
        ...

    @property
    def depth_m(self) -> float:
        """Below sea level."""
        ...

    @property
    def magnitude(self) -> float:
        """Moment magnitude, or what stands for it."""
        ...


@dataclass(frozen=True, slots=True)
class Foretold:
    """What [n] places have to expect, as columns.

    mmi, csis  intensities: Modified Mercalli, and GB/T 17742-2020
    s_ns       when S arrives
    left_s     from the declaration till then, less what publishing takes
    """

    mmi: Reals
    csis: Reals
    s_ns: NDArray[np.int64]
    left_s: Reals


def expectations(
    source: Quaking,
    places: Sequence[Place],
    times: TravelTimes,
    declared_ns: int,
    *,
    publish_s: float = 0.0,
    region: Region = "global",
) -> tuple[Expectation, ...]:
    """What each place has to expect, in their order, with arguments as of foretold()."""
    found = foretold(source, columns_of(places), times, declared_ns, publish_s=publish_s, region=region)
    rows = zip(places, found.mmi.tolist(), found.csis.tolist(), found.s_ns.tolist(), found.left_s.tolist(), strict=True)
    return tuple(Expectation(place, level, csis, s_ns, left_s, "source") for place, level, csis, s_ns, left_s in rows)


def foretold(
    source: Quaking,
    places: Reals,
    times: TravelTimes,
    declared_ns: int,
    *,
    publish_s: float = 0.0,
    region: Region = "global",
) -> Foretold:
    """What places have to expect.

    source       magnitude finite; where it is only a lower bound, so are intensities
    places       latitude, longitude, degrees, and Vs30, m/s, [n, 3], as columns_of() has them
    times        to stations at sea level, as deep as the source
    declared_ns  when the alert was decided
    publish_s    from then until it is there, s, as in PUBLISH_S
    region       whose attenuation

    Raises DataFault when magnitude or place of the source is no number.
    """
    _check(source)
    away_m = distance_m(source.latitude_deg, source.longitude_deg, places[:, 0], places[:, 1])
    pga_mps2, pgv_mps = _peaks(source, away_m, places[:, 2], region)
    s_ns = source.origin_time_ns + np.rint(NS_PER_S * times.seconds("S", away_m, source.depth_m, 0.0)).astype(np.int64)
    return Foretold(
        mmi=mmi(pga_mps2, pgv_mps),
        csis=csis_of_peaks(pga_mps2, pgv_mps),
        s_ns=s_ns,
        left_s=(s_ns - declared_ns) / NS_PER_S - publish_s,
    )


def blind_zone_m(source: Quaking, times: TravelTimes, declared_ns: int, *, publish_s: float = 0.0) -> float:
    """How far from the epicentre S had come when the alert was there: whoever is nearer had no warning.

    Arguments as of foretold(). 0 when the alert was there before S reached the epicentre.
    """
    _check(source)
    passed_s = (declared_ns - source.origin_time_ns) / NS_PER_S + publish_s
    least_m, most_m = 0.0, times.max_distance_m
    if passed_s <= float(times.seconds("S", 0.0, source.depth_m, 0.0)):
        return 0.0
    while float(times.seconds("S", most_m, source.depth_m, 0.0)) < passed_s:
        least_m, most_m = most_m, 2 * most_m
    while most_m - least_m > _STEP_M:
        middle_m = (least_m + most_m) / 2
        came = float(times.seconds("S", middle_m, source.depth_m, 0.0)) < passed_s
        least_m, most_m = (middle_m, most_m) if came else (least_m, middle_m)
    return most_m


def reach_m(
    source: Quaking, level: float, *, scale: Scale = "mmi", vs30_mps: float = ROCK_VS30_MPS, region: Region = "global"
) -> float:
    """How far from the epicentre an intensity is expected; 0 when not even there.

    level     on the scale
    vs30_mps  of the ground everywhere, m/s, > 0

    At most 400 km, the range of the relation. Raises DataFault as foretold().
    """
    _check(source)
    away_m = np.arange(0.0, MOST_DISTANCE_M + _STEP_M, _STEP_M)
    peaks = _peaks(source, away_m, np.full(len(away_m), vs30_mps), region)
    reached = np.flatnonzero((mmi(*peaks) if scale == "mmi" else csis_of_peaks(*peaks)) >= level)
    return float(away_m[reached[-1]]) if len(reached) else 0.0


def columns_of(places: Sequence[Place]) -> Reals:
    """Latitude, longitude and Vs30 of places, [n, 3]. Raises DataFault, naming a place, when one is no number."""
    columns = np.array([(each.latitude_deg, each.longitude_deg, each.vs30_mps) for each in places], dtype=np.float64)
    columns = columns.reshape(-1, 3)
    good = np.isfinite(columns).all(axis=1) & (np.abs(columns[:, 0]) <= 90) & (columns[:, 2] > 0)
    if not good.all():
        wrong = places[int(np.argmin(good))]
        raise DataFault(
            f"place {wrong.name!r}", "has no position or no ground", "give degrees, and Vs30 in m/s above 0"
        )
    return columns


def _peaks(source: Quaking, epicentral_m: Reals, vs30_mps: ArrayLike, region: Region) -> tuple[Reals, Reals]:
    """Medians of peak acceleration, m/s2, and velocity, m/s.

    Of a source below the crust that the relation was made for, what lies deeper counts as distance.
    """
    deeper_m = max(source.depth_m - SHALLOW_M, 0.0)
    away_m = np.hypot(usual_rjb_m(epicentral_m, source.magnitude)[0], deeper_m)
    pga, pgv = (
        np.exp(expected(measure, source.magnitude, away_m, vs30_mps, region=region).ln_median)
        for measure in ("pga", "pgv")
    )
    return pga, pgv


def _check(source: Quaking) -> None:
    numbers = (source.latitude_deg, source.longitude_deg, source.depth_m, source.magnitude)
    if not np.isfinite(numbers).all() or abs(source.latitude_deg) > 90:
        raise DataFault("quake", "its magnitude or its place is no number", "locate and size it first")
