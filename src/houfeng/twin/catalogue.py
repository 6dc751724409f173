"""Which quakes happen: those that are named, swarms, and mainshocks with their aftershocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from houfeng.twin.made import MadeQuake
from houfeng.twin.source import usual_stress_pa
from houfeng.words.earth import travelled
from houfeng.words.instant import seconds_to_ns

#: The largest aftershock is this much smaller than its mainshock on average: Båth 1965,
#: doi:10.1016/0040-1951(65)90003-X.
BATH = 1.2

#: No quake nearer to the surface than this, m: none of this earth breaks it.
SHALLOWEST_M = 1_000.0


@dataclass(frozen=True, slots=True)
class QuakePlan:
    """One quake. Angles and stress drop that are None are left to chance.

    at_s  origin time after the recording's first sample; may be below zero
    """

    at_s: float
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    magnitude: float
    strike_deg: float | None = None
    dip_deg: float | None = None
    rake_deg: float | None = None
    stress_pa: float | None = None


@dataclass(frozen=True, slots=True)
class SwarmPlan:
    """Quakes that come evenly over a time, by Gutenberg & Richter 1944, doi:10.1785/BSSA0340040185.

    spread_m  standard deviation of their places in each direction
    b         of the magnitude-frequency relation
    """

    start_s: float
    duration_s: float
    count: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    spread_m: float
    least_magnitude: float
    most_magnitude: float
    b: float = 1.0


@dataclass(frozen=True, slots=True)
class SequencePlan:
    """A mainshock and what follows it.

    spread_m         standard deviation of the aftershocks' places along the ground; half of it in depth
    least_magnitude  of aftershocks that are made
    b                of their magnitude-frequency relation
    c_s, p           of Omori's law as Utsu 1961 changed it, rate ~ (t + c)^-p
    lasts_days       so long aftershocks are counted: their number follows from b and Båth's law
    """

    mainshock: QuakePlan
    spread_m: float
    least_magnitude: float
    b: float = 1.0
    c_s: float = 60.0
    p: float = 1.1
    lasts_days: float = 100.0


def quakes_of(
    plans: tuple[QuakePlan, ...],
    swarms: tuple[SwarmPlan, ...],
    sequences: tuple[SequencePlan, ...],
    *,
    start_ns: int,
    duration_s: float,
    stress_spread: float,
    rng: Generator,
) -> tuple[MadeQuake, ...]:
    """All quakes of a recording in time order."""
    planned = list(plans)
    for swarm in swarms:
        planned += _swarm(swarm, rng)
    for sequence in sequences:
        planned += [sequence.mainshock, *_aftershocks(sequence, duration_s, rng)]
    planned.sort(key=lambda plan: plan.at_s)
    return tuple(_made(plan, start_ns, stress_spread, rng) for plan in planned)


def magnitudes(count: int, least: float, most: float, b: float, rng: Generator) -> NDArray[np.float64]:
    """Magnitudes by Gutenberg and Richter's law between two bounds."""
    beta = b * np.log(10)
    return np.asarray(least - np.log1p(-rng.random(count) * -np.expm1(-beta * (most - least))) / beta)


def omori_times_s(count: int, c_s: float, p: float, from_s: float, to_s: float, rng: Generator) -> NDArray[np.float64]:
    """Times after the mainshock by Utsu's form of Omori's law, between two bounds (inverse of its integral)."""
    low, high = (_omori_integral(np.array([t]), c_s, p)[0] for t in (from_s, to_s))
    level = low + rng.random(count) * (high - low)
    if p == 1.0:
        return np.asarray(c_s * np.expm1(level))
    return np.asarray(c_s * ((1 + (1 - p) * level) ** (1 / (1 - p)) - 1))


def _omori_integral(t_s: NDArray[np.float64], c_s: float, p: float) -> NDArray[np.float64]:
    """Aftershocks up to t over the rate at first times c."""
    x = np.log1p(t_s / c_s)
    return np.asarray(x if p == 1.0 else np.expm1((1 - p) * x) / (1 - p), dtype=np.float64)


def _swarm(swarm: SwarmPlan, rng: Generator) -> Iterator[QuakePlan]:
    times = np.sort(rng.uniform(swarm.start_s, swarm.start_s + swarm.duration_s, swarm.count))
    sizes = magnitudes(swarm.count, swarm.least_magnitude, swarm.most_magnitude, swarm.b, rng)
    centre = (swarm.latitude_deg, swarm.longitude_deg, swarm.depth_m)
    return _scattered(times, sizes, centre, (swarm.spread_m, swarm.spread_m), rng)


def _aftershocks(sequence: SequencePlan, duration_s: float, rng: Generator) -> Iterator[QuakePlan]:
    main = sequence.mainshock
    expected = 10 ** (sequence.b * (main.magnitude - BATH - sequence.least_magnitude))
    lasts_s = sequence.lasts_days * 86_400.0
    within_s = np.array([0.0, max(duration_s - main.at_s, 0.0), lasts_s])
    counted = _omori_integral(np.minimum(within_s, lasts_s), sequence.c_s, sequence.p)
    count = int(rng.poisson(expected * counted[1] / counted[2]))
    times = main.at_s + np.sort(omori_times_s(count, sequence.c_s, sequence.p, 0.0, float(within_s[1]), rng))
    sizes = magnitudes(count, sequence.least_magnitude, main.magnitude, sequence.b, rng)
    centre = (main.latitude_deg, main.longitude_deg, main.depth_m)
    return _scattered(times, sizes, centre, (sequence.spread_m, sequence.spread_m / 2), rng)


def _scattered(
    times: NDArray[np.float64],
    sizes: NDArray[np.float64],
    centre: tuple[float, float, float],
    spread_m: tuple[float, float],
    rng: Generator,
) -> Iterator[QuakePlan]:
    """Quakes around a centre, spread along the ground and in depth."""
    east, north, down = (
        rng.normal(0.0, 1.0, (3, len(times))) * np.array([spread_m[0], spread_m[0], spread_m[1]])[:, None]
    )
    latitude, longitude = travelled(centre[0], centre[1], east, north)
    depth = np.maximum(centre[2] + down, SHALLOWEST_M)
    for values in zip(times, latitude, longitude, depth, np.round(sizes, 2), strict=True):
        yield QuakePlan(*map(float, values))


def _made(plan: QuakePlan, start_ns: int, stress_spread: float, rng: Generator) -> MadeQuake:
    # drawn whether needed or not, so that naming one value leaves the others as they were
    strike, dip, rake = (
        float(rng.uniform(0, 360)),
        float(rng.uniform(45, 90)),
        float(rng.choice([-90.0, 0.0, 90.0, 180.0])),
    )
    stress = usual_stress_pa(plan.magnitude) * float(np.exp(rng.normal(0.0, stress_spread)))
    return MadeQuake(
        time_ns=start_ns + seconds_to_ns(plan.at_s),
        latitude_deg=plan.latitude_deg,
        longitude_deg=plan.longitude_deg,
        depth_m=plan.depth_m,
        magnitude=plan.magnitude,
        strike_deg=strike if plan.strike_deg is None else plan.strike_deg,
        dip_deg=dip if plan.dip_deg is None else plan.dip_deg,
        rake_deg=rake if plan.rake_deg is None else plan.rake_deg,
        stress_pa=stress if plan.stress_pa is None else plan.stress_pa,
    )
