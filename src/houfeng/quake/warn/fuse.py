"""What a place has to expect, by the source of a quake or by what stations nearby already feel: the more of both."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.mmi import mmi_of_pga, mmi_of_pgv
from houfeng.quake.warn.wavefront import Nearby
from houfeng.words.alert import Expectation, Place
from houfeng.words.instant import NS_PER_S

#: S in the upper crust, iasp91 (Kennett & Engdahl 1991, doi:10.1111/j.1365-246X.1991.tb06724.x): shaking seen at a
#: station is not here sooner.
S_MPS: Final = 3360.0

#: Peaks that every intensity of the scale lies between, m/s2 or m/s.
_PEAKS: Final = np.geomspace(1e-5, 1e3, 2001)


def fuse(
    places: Sequence[Place],
    source: Sequence[Expectation],
    found: Nearby,
    *,
    now_ns: int,
    declared_ns: int,
    publish_s: float = 0.0,
) -> tuple[Expectation, ...]:
    """What each place has to expect, by whichever foretells more.

    places       [n]
    source       what the source lets them expect, in the same order; empty while no source is known
    found        what stations nearby let them expect, [n]
    now_ns       the instant of what the stations show
    declared_ns  when the alert was decided
    publish_s    from then until it is there, s

    Without a source, places for which stations nearby say nothing are left out. Where shaking nearby foretells more,
    it begins when the nearest station that shows it says, or when the source does, whichever is first.
    Raises ValueError when the lengths differ.
    """
    if len(found.mmi) != len(places) or len(source) not in (0, len(places)):
        raise ValueError(f"{len(places)} places, {len(source)} of the source and {len(found.mmi)} of stations nearby")
    csis = csis_of_mmi(found.mmi)
    out = list(source)
    for row in np.flatnonzero(np.isfinite(found.mmi)).tolist():
        told = source[row] if source else None
        if told is not None and told.mmi >= found.mmi[row]:
            continue
        s_ns = now_ns + round(NS_PER_S * float(found.away_m[row]) / S_MPS)
        stronger = float(csis[row])
        if told is not None:
            s_ns, stronger = min(s_ns, told.s_ns), max(stronger, told.csis)
        left_s = (s_ns - declared_ns) / NS_PER_S - publish_s
        near = Expectation(places[row], float(found.mmi[row]), stronger, s_ns, left_s, "shaking nearby")
        if source:
            out[row] = near
        else:
            out.append(near)
    return tuple(out)


def csis_of_mmi(mmi: ArrayLike) -> NDArray[np.float64]:
    """The Chinese intensity of the peaks that make an intensity on the Modified Mercalli scale, any shape.

    mmi  1 to 10, as of shake/mmi.py; NaN stays NaN
    """
    level = np.asarray(mmi, dtype=np.float64)
    pga, pgv = (_least_peak(of(_PEAKS), level) for of in (mmi_of_pga, mmi_of_pgv))
    return np.where(np.isfinite(level), csis_of_peaks(pga, pgv), np.nan)


def _least_peak(levels: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """The least of the peaks that make an intensity; where its two branches do not meet, the higher counts."""
    rising, first = np.unique(np.maximum.accumulate(levels), return_index=True)
    return np.asarray(np.exp(np.interp(level, rising, np.log(_PEAKS[first]))), dtype=np.float64)
