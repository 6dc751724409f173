"""Which onsets are P, which are S, which are neither: the likeliest reading of a whole window.

An onset alone is ambiguous; a window is not. S follows its P, steps up on the horizontals at a scale that grows
with the time since P, and leads into the largest motion before the next quake. Every reading of the candidates
as P, S or nothing is worth the sum of its log odds, and Viterbi's recursion finds the best one.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.detect.onset import kernel_aic, kernel_mean

#: S minus P within one window, s: 0.25 s is 2 km of path, 40 s some 330 km.
LEAST_SP_S, MOST_SP_S = 0.25, 40.0

#: S windows grow with the time since P, as P coda and S wave trains do: share of that time, least and most, s.
_SHARE, _LEAST_S, _MOST_S = 0.3, 0.15, 3.0

#: Motion just after an onset, and the windows in which loudness is compared, s.
_LOOK_S, _LOUD_S = 0.3, 0.5

#: How long the past is searched for louder motion than an onset, s.
_PAST_S = 10.0

# Log odds. The weights are those of a logistic regression over some 700 analyst onsets and 17,000 other steps of energy
# of four networks (California broadband and short-period, Alpine Fault, Iceland), rounded to one set for all; the
# constants are a third of an e-fold kinder to weak onsets, which an associator can still refuse.
_P_SNR, _P_LOUD, _P_SHEAR, _P_BASE = 2.0, 1.0, -0.35, -3.5
_S_RISE, _S_LOUD, _S_SHEAR, _S_BASE = 2.5, 5.0, 0.2, -1.2
_LONE_RISE, _LONE_SHEAR, _LONE_BASE = 2.5, 0.3, -5.0
#: Beyond this log amplitude ratio a step says no more for S: what follows P is never so quiet.
_MOST_RISE = 2.0
#: How far the rise over the whole window may exceed the rise at once, within a quarter of it, and still count.
_AT_ONCE = 0.6
#: How much louder motion elsewhere costs an S nothing, and where it stops costing more (log amplitude).
_S_SLACK, _S_FAR = 0.1, -1.0
#: A P whose S nobody finds; an S sought on the vertical.
_NO_S, _UPRIGHT_S = -0.5, -1.0


@njit(cache=True)
def kernel_span(p_column: int, column: int, rate_hz: float) -> int:
    """Columns of the windows that compare motion around an S this long after its P."""
    least, most = max(4, round(_LEAST_S * rate_hz)), max(4, round(_MOST_S * rate_hz))
    return min(max(round(_SHARE * (column - p_column)), least), most)


@njit(cache=True)
def kernel_rise(cumulative: NDArray[np.float64], begin: int, column: int, span: int) -> float:
    """Log amplitude ratio of a span after a column to the span before it, from begin on; at most _MOST_RISE."""
    after = kernel_mean(cumulative, column, min(column + span, len(cumulative) - 1))
    before = kernel_mean(cumulative, max(column - span, begin), column)
    if after <= 0.0:
        return 0.0
    return float(min(0.5 * np.log(after / max(before, 1e-9 * after)), _MOST_RISE))


@njit(cache=True)
def kernel_shear_evidence(
    vertical: NDArray[np.float64], horizontal: NDArray[np.float64], columns: NDArray[np.int64], rate_hz: float
) -> NDArray[np.float64]:
    """How much onsets look like S rather than P, as log odds clipped to -4 .. 4; 0 when nothing can be said.

    Under a station rays steepen, so P moves the vertical and S the horizontals. Two clues: how much larger the
    horizontal motion is just after the onset, and how much more it rose there.
    vertical, horizontal  running sums of energy, the latter per horizontal component
    """
    out = np.zeros(len(columns))
    span = max(4, round(_LOOK_S * rate_hz))
    last = len(vertical) - 1
    for k in range(len(columns)):
        at = columns[k]
        left, right = max(0, at - span), min(last, at + span)
        before_v, after_v = kernel_mean(vertical, left, at), kernel_mean(vertical, at, right)
        before_h, after_h = kernel_mean(horizontal, left, at), kernel_mean(horizontal, at, right)
        if min(before_v, after_v, before_h, after_h) <= 0.0:
            continue
        share = 0.5 * np.log(after_h / after_v)
        rise = share - 0.5 * np.log(before_h / before_v)
        out[k] = min(max(3.0 * share + 2.0 * rise, -4.0), 4.0)
    return out


@njit(cache=True)
def kernel_p_odds(
    cumulative: NDArray[np.float64],
    columns: NDArray[np.int64],
    snr: NDArray[np.float64],
    shear: NDArray[np.float64],
    rate_hz: float,
) -> NDArray[np.float64]:
    """Log odds that each onset is a P: it stands out, beats what went before, and moves the vertical.

    cumulative  running energy of the rows a P is sought on
    """
    out = np.empty(len(columns))
    look, span = max(4, round(_LOOK_S * rate_hz)), max(4, round(_LOUD_S * rate_hz))
    for k in range(len(columns)):
        at = columns[k]
        after = kernel_mean(cumulative, at, min(at + look, len(cumulative) - 1))
        loudest = 0.0
        begin = at - span
        while begin >= max(0, at - round(_PAST_S * rate_hz)):
            loudest = max(loudest, kernel_mean(cumulative, begin, begin + span))
            begin -= max(1, span // 2)
        louder = 0.5 * np.log(after / loudest) if after > 0.0 and loudest > 0.0 else 0.0
        out[k] = (
            _P_BASE + _P_SNR * min(np.log(snr[k]), 4.0) + _P_LOUD * min(max(louder, -2.0), 2.0) + _P_SHEAR * shear[k]
        )
    return out


@njit(cache=True)
def kernel_lone_odds(
    cumulative: NDArray[np.float64], columns: NDArray[np.int64], shear: NDArray[np.float64], rate_hz: float
) -> NDArray[np.float64]:
    """Log odds that each onset is an S whose P was not seen.

    cumulative  running energy of the rows an S is sought on
    """
    out = np.empty(len(columns))
    span = max(4, round(_LOUD_S * rate_hz))
    for k in range(len(columns)):
        at = columns[k]
        after = kernel_mean(cumulative, at, min(at + span, len(cumulative) - 1))
        before = kernel_mean(cumulative, max(0, at - 2 * span), at)
        rise = 0.5 * np.log(after / max(before, 1e-9 * after)) if after > 0.0 else 0.0
        rise = 0.5 * (min(rise, _MOST_RISE) + kernel_rise(cumulative, 0, at, max(4, span // 4)))
        out[k] = _LONE_BASE + _LONE_RISE * rise + _LONE_SHEAR * shear[k]
    return out


@njit(cache=True)
def kernel_loudness(
    columns: NDArray[np.int64], cumulative: NDArray[np.float64], rate_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log amplitudes of motion from each onset on.

    returns  (of the first _LOUD_S; of the loudest such stretch up to the next onset, MOST_SP_S at most)
    """
    n, end = len(columns), len(cumulative) - 1
    span = max(4, round(_LOUD_S * rate_hz))
    size, loud = np.empty(n), np.empty(n)
    for i in range(n):
        size[i] = kernel_mean(cumulative, columns[i], min(columns[i] + span, end))
        stop = min(end, columns[i] + round(MOST_SP_S * rate_hz))
        if i + 1 < n:
            stop = min(stop, columns[i + 1])
        loud[i] = kernel_mean(cumulative, columns[i], min(columns[i] + span, stop))
        at = columns[i]
        while at + span <= stop:
            loud[i] = max(loud[i], kernel_mean(cumulative, at, at + span))
            at += max(1, span // 2)
    return 0.5 * np.log(size + 1e-300), 0.5 * np.log(loud + 1e-300)


@njit(cache=True)
def kernel_lead_in(level: float, loudest: float) -> float:
    """What it costs an S of this log amplitude that louder motion stands elsewhere in its quake."""
    return _S_LOUD * min(max(level + _S_SLACK - loudest, _S_FAR), 0.0)


@njit(cache=True)
def kernel_pairs(
    columns: NDArray[np.int64],
    is_p: NDArray[np.bool_],
    shear: NDArray[np.float64],
    loud: NDArray[np.float64],
    cumulative: NDArray[np.float64],
    rate_hz: float,
    flat: bool,
) -> NDArray[np.float64]:
    """Log odds that candidate j is the S of candidate i, louder motion after j not yet held against it.

    flat     the rows summed in cumulative are horizontal
    returns  [n, n], -inf where impossible
    """
    n, end = len(columns), len(cumulative) - 1
    odds = np.full((n, n), -np.inf)
    for i in range(n):
        if not is_p[i]:
            continue
        loudest = loud[i]
        for j in range(i + 1, n):
            lapse = columns[j] - columns[i]
            if lapse > round(MOST_SP_S * rate_hz):
                break
            if not is_p[j] and lapse >= round(LEAST_SP_S * rate_hz):
                span = kernel_span(columns[i], columns[j], rate_hz)
                after = kernel_mean(cumulative, columns[j], min(columns[j] + span, end))
                if after > 0.0:
                    # An S steps up over its whole window and at once; a column just before it only the former.
                    whole = kernel_rise(cumulative, columns[i], columns[j], span)
                    at_once = kernel_rise(cumulative, columns[i], columns[j], max(4, span // 4))
                    odds[i, j] = (
                        _S_BASE
                        + (0.0 if flat else _UPRIGHT_S)
                        + _S_RISE * min(whole, at_once + _AT_ONCE)
                        + _S_SHEAR * shear[j]
                        + kernel_lead_in(0.5 * np.log(after), loudest)
                    )
            loudest = max(loudest, loud[j])
    return odds


@njit(cache=True)
def kernel_read(
    columns: NDArray[np.int64],
    is_p: NDArray[np.bool_],
    odds: NDArray[np.float64],
    pairs: NDArray[np.float64],
    size: NDArray[np.float64],
    loud: NDArray[np.float64],
    rate_hz: float,
) -> NDArray[np.int64]:
    """The reading of greatest log odds: every candidate is taken as what it may be, or as nothing.

    columns  [n], ascending; is_p: candidates for P, the others for S
    odds     [n], log odds of each standing alone (kernel_p_odds, kernel_lone_odds)
    pairs, size, loud  from kernel_pairs and kernel_loudness
    returns  [n], the index of the P an S belongs to; -1 taken without one; -2 not taken
    """
    n = len(columns)
    best = odds.copy()
    back = np.full(n, -1, dtype=np.int64)
    for j in range(n):
        loudest = -np.inf
        for i in range(j - 1, -1, -1):
            loudest = max(loudest, loud[i])
            if columns[j] - columns[i] < round(LEAST_SP_S * rate_hz):
                continue
            # Leaving i for j leaves a P without S, or holds what was louder since against the S.
            value = best[i] + odds[j] + (_NO_S if is_p[i] else kernel_lead_in(size[i], loudest))
            paired = best[i] + pairs[i, j]
            if max(value, paired) > best[j]:
                best[j], back[j] = max(value, paired), i
    at, most, loudest = -1, 0.0, -np.inf
    for i in range(n - 1, -1, -1):
        loudest = max(loudest, loud[i])
        value = best[i] + (_NO_S if is_p[i] else kernel_lead_in(size[i], loudest))
        if value > most:
            at, most = i, value
    parent = np.full(n, -2, dtype=np.int64)
    while at >= 0:
        before = back[at]
        married = before >= 0 and not is_p[at] and pairs[before, at] > odds[at] + _NO_S
        parent[at] = before if married else -1
        at = before
    return parent


@njit(cache=True)
def kernel_companion(
    of: int, until: int, pairs: NDArray[np.float64], size: NDArray[np.float64], loud: NDArray[np.float64]
) -> tuple[int, float]:
    """The likeliest S of candidate `of` among those before candidate `until`, and its log odds; (-1, -inf) for none."""
    found, most, loudest = -1, -np.inf, -np.inf
    for j in range(until - 1, of, -1):
        loudest = max(loudest, loud[j])
        value = pairs[of, j] + kernel_lead_in(size[j], loudest)
        if value > most:
            found, most = j, value
    return found, most


@njit(cache=True)
def kernel_split(
    cumulative: NDArray[np.float64], p_column: int, column: int, begin: int, end: int, rate_hz: float
) -> tuple[int, int]:
    """Where, near an S candidate, the energy divides best, and between how many columns it may (see kernel_aic).

    cumulative  running energy of the rows an S is sought on
    p_column    its P, or -1
    begin, end  the unbroken run the candidate stands in
    """
    if p_column >= 0:
        span = min(max(round(_SHARE * (column - p_column)), round(0.2 * rate_hz)), round(2.0 * rate_hz))
        left = max(column - span, column - round(0.6 * (column - p_column)), begin)
    else:
        span = round(_LOUD_S * rate_hz)
        left = max(column - span, begin)
    energy = np.diff(cumulative[left : min(column + span, end) + 1])
    split, blur = kernel_aic(energy, 0, len(energy))
    return (left + split, blur) if split >= 0 else (column, span)
