"""Earthquake or explosion, from how strong P is beside S at several stations.

An explosion pushes outward all round and makes little S of its own; an earthquake shears. So P over S is larger for an
explosion, by a factor of about two and a half, above some 3 Hz and once the way has been allowed for. The likelihood
of all ratios is taken for both kinds of source, with the same unknowns for either, and the two compared:
1. an offset of the quake as a whole (its mechanism, its depth, the region);
2. how much the crust attenuates, which loses S more than P, and the more the farther and the higher in frequency;
3. an offset of each station (where it lies in the radiation, its ground), and a chance that a station is no witness;
4. noise of each band; a wave lost in noise or in the coda of the other gives a bound, and counts as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, logsumexp

from houfeng.quake.size.ratio import Ratio
from houfeng.words.quake import Discrimination, Verdict

#: Mean P over S of vertical records, 1 to 25 Hz, 10 to 610 km: 0.5 for earthquakes, 1.25 for explosions: Kim, Simpson
#: & Richards 1993, doi:10.1029/93GL01267, 1.3 < M < 4 in the eastern United States. They are not corrected for
#: distance, so they hold for the middle of it, where S comes 37 s after P, in that crust.
EARTHQUAKE = np.log10(0.5)
EXPLOSION = np.log10(1.25)
RANGE_M = (10_000.0, 610_000.0)
THEIR_LAG_S = 37.0

#: Quality of the crust, Q0 at 1 Hz and the power it grows with: the middle of California (Raoof, Herrmann & Malagnini
#: 1999, doi:10.1785/BSSA0890040888) and eastern North America (Atkinson 2004, doi:10.1785/0120030175), from S.
CALIFORNIA = (180.0, 0.45)
EASTERN = (893.0, 0.32)
MIDDLE = (float(np.sqrt(CALIFORNIA[0] * EASTERN[0])), (CALIFORNIA[1] + EASTERN[1]) / 2)

#: With the same Q for P, S loses more than P by all of what its longer way costs; measured side by side, QP = 32 f^0.95
#: and QS = 83 f^0.73 below the Kanto plain (Yoshimoto, Sato & Ohtake 1993, doi:10.1111/j.1365-246X.1993.tb01476.x), it
#: loses no more at all. The two are taken as two standard deviations either way: this share of it, and the spread.
LOSS, LOSS_SPREAD = 0.5, 0.25

#: Standard deviations, log10: of a quake, a station and a band. One station's ratios of one earthquake scatter by 0.15
#: to 0.3 about their mean in the sets of docs/golden.md, and the means of earthquakes by as much.
QUAKE_SPREAD = 0.15
STATION_SPREAD = 0.2
BAND_SPREAD = 0.15

#: How often a station is no witness (a wrong window, S blocked on its way), and how widely its ratios lie then.
STRAY = 0.1
STRAY_SPREAD = 1.0

#: One station can be fooled by its place in the radiation.
LEAST_STATIONS = 3

#: Log of the odds from which the answer is given, twenty to one.
LEAST_LOG_RATIO = np.log(20.0)

#: Points of the grids over the unknowns, in standard deviations.
_GRID = np.linspace(-3.0, 3.0, 13)
_LOG_WEIGHT = -0.5 * _GRID**2 - logsumexp(-0.5 * _GRID**2)


@dataclass(frozen=True, slots=True)
class Witness:
    """What one station says.

    distance_m  hypocentral
    lag_s       S travel time minus that of P, s
    ratios      by band
    """

    distance_m: float
    lag_s: float
    ratios: tuple[Ratio, ...]


def discriminate(witnesses: Mapping[str, Witness]) -> Discrimination:
    """Weigh the stations' P over S; "not discriminable" with the reason where they are too few or disagree.

    witnesses  by NET.STA

    Never decided by fewer than LEAST_STATIONS. An answer is about P and S alone: depth, first motions, place and time
    of day are for people.
    """
    inside = {key: one for key, one in witnesses.items() if RANGE_M[0] <= one.distance_m <= RANGE_M[1] and one.ratios}
    notes = [] if inside or not witnesses else ["no station with P or S between 10 and 610 km"]
    bounds = [key for key, one in inside.items() if all(ratio.bound for ratio in one.ratios)]
    if bounds:
        notes.append(f"P or S is lost, so that there is only a bound, at {len(bounds)} of {len(inside)} stations")
    if len(inside) < LEAST_STATIONS:
        notes.append(f"P and S of {len(inside)} of the {LEAST_STATIONS} stations needed")
        return Discrimination("not discriminable", 0.0, len(inside), tuple(notes))
    stations = [inside[key] for key in sorted(inside)]
    log_ratio = _log_likelihood(stations, EXPLOSION) - _log_likelihood(stations, EARTHQUAKE)
    if abs(log_ratio) < LEAST_LOG_RATIO:
        notes.append("the odds are less than twenty to one")
        return Discrimination("not discriminable", log_ratio, len(stations), tuple(notes))
    verdict: Verdict = "explosion-like" if log_ratio > 0 else "earthquake-like"
    return Discrimination(verdict, log_ratio, len(stations), tuple(notes))


def _log_likelihood(stations: Sequence[Witness], mean: float) -> float:
    """Of all ratios, the unknowns integrated out over their grids: quake, attenuation; within them station."""
    quake = QUAKE_SPREAD * _GRID[:, None]
    loss = (LOSS + LOSS_SPREAD * _GRID)[None, :]
    total = _LOG_WEIGHT[:, None] + _LOG_WEIGHT[None, :]
    for station in stations:
        honest = np.zeros((*total.shape, len(_GRID))) + _LOG_WEIGHT
        stray = 0.0
        for ratio in station.ratios:
            lost = _lost(ratio.frequency_hz, station.lag_s, MIDDLE) - _lost(ratio.frequency_hz, THEIR_LAG_S, EASTERN)
            expected = (mean + quake + lost * loss)[..., None] + STATION_SPREAD * _GRID
            honest = honest + _log_density(ratio, expected, BAND_SPREAD)
            stray += float(_log_density(ratio, np.array(LOSS * lost + (EARTHQUAKE + EXPLOSION) / 2), STRAY_SPREAD))
        total = total + np.logaddexp(np.log(1 - STRAY) + logsumexp(honest, axis=-1), np.log(STRAY) + stray)
    return float(logsumexp(total))


def _lost(frequency_hz: float, lag_s: float, quality: tuple[float, float]) -> float:
    """How much more of S than of P is lost on the way, log10 of amplitude."""
    q0, power = quality
    return float(np.pi * frequency_hz ** (1 - power) * lag_s / q0 * np.log10(np.e))


def _log_density(ratio: Ratio, expected: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    away = (ratio.log_ratio - expected) / spread
    if ratio.bound == "least":
        return np.asarray(log_ndtr(-away))
    if ratio.bound == "most":
        return np.asarray(log_ndtr(away))
    return np.asarray(-0.5 * away**2 - np.log(spread * np.sqrt(2 * np.pi)))
