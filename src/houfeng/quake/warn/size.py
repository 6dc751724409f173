"""How large a quake is by what stations felt of its first seconds, as a likelihood: compiled, of plain numbers.

The largest displacement x = log10 Pd that a channel shows in a window is that of P or that of its noise, whichever is
larger. P's lies about what a relation foretells, with a scatter; and it falls short of that

- while the window is shorter than FULL_S: by up to GROWTH_DECADES (1 / window - 1 / FULL_S);
- above what its window can show: by up to what the relation would add from there on. Over 4 s that is SATURATES; a
  rupture that goes on longer is seen whole only by a longer window, SATURATES_LATER a decade of it,

all shortfalls up to the greatest being alike probable. So a short window, or a great quake, says "at least so large"
and no more, and much noise says nothing. This is one density over x, without cases. One station in a hundred says
anything at all.

The figures beside the relations were measured by Amplitudes on 106 records of 11 quakes of M 3.3 to 7.8 at 58 stations
in California, Hawaii, Japan, Taiwan, New Zealand, Mexico and the Antilles, at 14 to 400 km. Against Kuyuk & Allen 2013
by hypocentral distance, 43 records with 3 s of P at 35 stations lie 0.2 decades higher in the median, with a robust
standard deviation of 0.46; Pd at 0.5, 1 and 2 s is 0.6, 0.3 and 0.02 decades below that at 4 s in the median, and 1.2,
0.5 and 0.4 in the lowest tenth; 7 records of M 7.2 and 7.8 lie 0.6 below.
"""

import math

from numba import njit

#: Constant, per magnitude and per log10 of km, of log10 Pd in metres, of relations packaged in size/peaks. Numbers, as
#: compiled code outlives files; a test holds them to the files.
KUYUK_ALLEN = (-6.382114, 0.813008, -1.121951)
WU_ZHAO = (-5.463, 0.729, -1.374)
#: What is used: the first, with the 0.2 decades that were measured above it.
MEASURED = (KUYUK_ALLEN[0] + 0.2, KUYUK_ALLEN[1], KUYUK_ALLEN[2])

#: Above this they stop growing; below that they were not made, and Pd falls with the moment, 1.5 decades a magnitude.
SATURATES = 6.5
#: In a window longer than SATURATES_S they go on growing, as ruptures do for half as long as they last, some 20 s at
#: M 7.8 (Meier, Ampuero & Heaton 2017, doi:10.1126/science.aan5643).
SATURATES_S = 4.0
SATURATES_LATER = 1.9
SMALLEST = 3.0
PER_MAGNITUDE_BELOW = 1.5
#: Nearer than this a rupture is no point.
NEAREST_KM = 3.0

#: Decades: scatter of one record, and how far P may still grow for each (1 / window - 1 / FULL_S), window in s.
SCATTER = 0.45
GROWTH_DECADES = 0.7
FULL_S = 3.0
SHORTEST_S = 0.2
#: The closed form wants some shortfall; this much is nothing beside the scatter.
LEAST_SHORTFALL = 0.02

#: The largest of 4 s of noise above the noise level of Amplitudes, decades, and its scatter.
NOISE_PEAK = 0.25
NOISE_SCATTER = 0.25
#: So many scatters above noise it cannot be noise: what follows is spared.
CLEAR = 6.0

#: Share of stations that say anything, over so many decades.
ODD = 0.01
ODD_DECADES = 6.0

#: Of stray onsets so many show no more than noise does, and so many are the rarer the more they stand out, ten times a
#: decade; the rest, glitches, come in all sizes over so many decades.
STRAY_QUIET = 0.5
STRAY_FALLING = 0.4
STRAY_DECADES = 6.0

#: Largest acceleration of 3 s of P on a vertical, log10 m/s2, of the same records: constant, per magnitude and per
#: log10 of km. The slopes are rounded from a fit, as distance and magnitude went together; scatter 0.35.
SHAKING = (-0.50, 0.45, -2.0)
#: How the chance of a trigger within 2.5 s of P rises with its decades above noise: half at HALF. 83 of 106 records had
#: one; fitted, HALF is 0.32 and WIDTH 0.06, made wider here for the scatter of other networks.
HALF = 0.32
WIDTH = 0.15
#: Chances that neither the quietest station reaches, nor one that hears nothing falls under.
MOST = 0.97
LEAST = 0.001
#: Beyond so many WIDTHs above HALF the logarithm of a miss is below this with the sign changed: what follows is spared.
LOUD = 3.0
LOUD_MISSED = 2.5

#: How much less probable a magnitude more is beforehand, nats: enough that "at least so large" does not mean the most
#: there can be. Nature's 2.3, ten times rarer, would outweigh any one station over the magnitudes.
RARER = 1.0

_SQRT_2PI = math.sqrt(2 * math.pi)
_LN_10 = math.log(10.0)


@njit(cache=True)
def _below(z: float) -> float:
    """Probability that a standard normal number is below z."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@njit(cache=True)
def _bell(z: float) -> float:
    return math.exp(-0.5 * z * z) / _SQRT_2PI


@njit(cache=True)
def _below_summed(z: float) -> float:
    """The integral of _below up to z."""
    return z * _below(z) + _bell(z)


@njit(cache=True)
def _by_size(magnitude: float, law: tuple[float, float, float]) -> float:
    within = max(magnitude, SMALLEST)
    return law[0] + law[1] * within - PER_MAGNITUDE_BELOW * (within - magnitude)


@njit(cache=True)
def _by_distance(hypocentral_km: float, law: tuple[float, float, float]) -> float:
    return law[2] * math.log10(max(hypocentral_km, NEAREST_KM))


@njit(cache=True)
def _relation(magnitude: float, hypocentral_km: float, law: tuple[float, float, float]) -> float:
    """What a law foretells, with the steeper slope below SMALLEST."""
    return _by_size(magnitude, law) + _by_distance(hypocentral_km, law)


@njit(cache=True)
def expected_log10_pd(magnitude: float, hypocentral_km: float, law: tuple[float, float, float] = MEASURED) -> float:
    """log10 of the displacement of P, m, that a quake would give without end to its window and without saturation."""
    return _relation(magnitude, hypocentral_km, law)


@njit(cache=True)
def saturates(window_s: float) -> float:
    """The magnitude above which displacement of P in such a window grows no more."""
    return SATURATES + SATURATES_LATER * math.log10(max(window_s, SATURATES_S) / SATURATES_S)


@njit(cache=True)
def pd_log_likelihood(
    log10_pd: float,
    log10_noise: float,
    magnitude: float,
    hypocentral_km: float,
    window_s: float,
    law: tuple[float, float, float] = MEASURED,
) -> float:
    """Log density, nats, of what a station showed, per decade of it, if a quake did it.

    log10_pd     largest displacement since the onset, m
    log10_noise  noise level before, m; not finite where unknown: then all is signal
    window_s     how much of P that was

    0 where nothing was shown: log10_pd is not finite or window_s not above 0. Never under log(ODD / ODD_DECADES).
    """
    if not (math.isfinite(log10_pd) and window_s > 0.0):
        return 0.0
    return log_likelihood_below(
        log10_pd, log10_noise, magnitude, _relation(magnitude, hypocentral_km, law), window_s, law
    )


@njit(cache=True)
def log_likelihood_below(
    log10_pd: float,
    log10_noise: float,
    magnitude: float,
    top: float,
    window_s: float,
    law: tuple[float, float, float] = MEASURED,
) -> float:
    """As pd_log_likelihood of something shown, with the displacement that its law foretells, log10 m."""
    growth = GROWTH_DECADES * max(0.0, 1.0 / max(window_s, SHORTEST_S) - 1.0 / FULL_S)
    shortfall = LEAST_SHORTFALL + growth + law[1] * max(0.0, magnitude - saturates(window_s))
    high, low = (log10_pd - top + shortfall) / SCATTER, (log10_pd - top) / SCATTER
    density = (_below(high) - _below(low)) / shortfall
    z = (log10_pd - log10_noise - NOISE_PEAK) / NOISE_SCATTER
    if math.isfinite(log10_noise) and z < CLEAR:
        under = (_below_summed(high) - _below_summed(low)) * SCATTER / shortfall
        density = density * _below(z) + under * _bell(z) / NOISE_SCATTER
    return math.log(max(0.0, (1.0 - ODD) * density) + ODD / ODD_DECADES)


@njit(cache=True)
def stray_pd_density(log10_pd: float, log10_noise: float) -> float:
    """Density per decade of what a station showed if a stray onset did it; arguments of pd_log_likelihood."""
    glitch = (1.0 - STRAY_QUIET - STRAY_FALLING) / STRAY_DECADES
    if not math.isfinite(log10_noise):
        return 1.0 / STRAY_DECADES
    above = log10_pd - log10_noise - NOISE_PEAK
    falling = STRAY_FALLING * _LN_10 * math.exp(-_LN_10 * above) if above > 0.0 else 0.0
    return STRAY_QUIET * _bell(above / NOISE_SCATTER) / NOISE_SCATTER + falling + glitch


@njit(cache=True)
def most_pd_density(log10_pd: float, log10_noise: float) -> float:
    """What the density of pd_log_likelihood does not exceed, whatever quake did it."""
    if not math.isfinite(log10_noise):
        return 1.0 / (SCATTER * _SQRT_2PI) + ODD / ODD_DECADES
    z = (log10_pd - log10_noise - NOISE_PEAK) / NOISE_SCATTER
    return _below(z) / (SCATTER * _SQRT_2PI) + _bell(z) / NOISE_SCATTER + ODD / ODD_DECADES


@njit(cache=True)
def detectable(magnitude: float, hypocentral_km: float, log10_noise_mps2: float) -> float:
    """Probability that a station triggers on P of a quake.

    log10_noise_mps2  its noise level of acceleration (Stations.noise_mps2), log10 m/s2; not finite where unknown: then
                      the chance is even at best

    Acceleration, as triggers listen to higher frequencies than displacement has, where microseism hides no small quake.
    """
    return triggers(_relation(magnitude, hypocentral_km, SHAKING), log10_noise_mps2)


@njit(cache=True)
def triggers(felt: float, log10_noise_mps2: float) -> float:
    """As detectable(), of the acceleration that is foretold, log10 m/s2."""
    if not math.isfinite(log10_noise_mps2):
        return 0.5
    z = (felt - log10_noise_mps2 - HALF) / WIDTH
    return LEAST + (MOST - LEAST) / (1.0 + math.exp(min(max(-z, -50.0), 50.0)))


@njit(cache=True)
def displaced_by_size(magnitude: float) -> float:
    """The part of what MEASURED foretells that hangs on the size alone."""
    return _by_size(magnitude, MEASURED)


@njit(cache=True)
def displaced_by_distance(hypocentral_km: float) -> float:
    """The part that hangs on the distance alone."""
    return _by_distance(hypocentral_km, MEASURED)


@njit(cache=True)
def shaking_by_size(magnitude: float) -> float:
    """The part of what SHAKING foretells that hangs on the size alone."""
    return _by_size(magnitude, SHAKING)


@njit(cache=True)
def shaking_by_distance(hypocentral_km: float) -> float:
    """The part that hangs on the distance alone."""
    return _by_distance(hypocentral_km, SHAKING)


@njit(cache=True)
def log_missed(felt: float, log10_noise_mps2: float, least: float) -> float:
    """Logarithm of 1 - detectable(), of the sum of both parts; where it is below -least that is enough."""
    if not math.isfinite(log10_noise_mps2):
        return max(math.log(0.5), -least)
    z = (felt - log10_noise_mps2 - HALF) / WIDTH
    if z >= LOUD and least <= LOUD_MISSED:
        return -least
    return max(math.log(1.0 - (LEAST + (MOST - LEAST) / (1.0 + math.exp(min(max(-z, -50.0), 50.0))))), -least)
