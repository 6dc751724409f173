"""Compiled kernels that find where a trace changes: whitening, AIC, and what stands on either side of an onset."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Order of the prediction-error filter. AR-AIC pickers use 2 to 16 (Sleeman & van Eck 1999,
#: doi:10.1016/S0031-9201(99)00007-2); above 10 nothing is gained and short noise windows over-fit.
WHITENER_ORDER = 10

#: White floor of that filter (-10 dB), see kernel_whitener; and one so high that nothing is whitened.
WHITE_FLOOR, NO_WHITENING = 0.1, 1e9

#: Noise before a hint that shapes the whitening, and how far before the hint it ends, s.
_NOISE_S, _GUARD_S = 4.0, 0.5

#: AIC stretches before and after a hint, first wide, then close, s. A recursive STA/LTA fires up to a second or two
#: after an emergent onset and next to never before it.
_WIDE_S, _NARROW_S = (2.5, 0.7), (1.0, 0.4)

#: Windows of the signal-to-noise ratio after and before the onset, s.
_SIGNAL_S, _BEFORE_S = 0.3, 1.0

#: Least ratio of an onset. The AIC seeks the luckiest split, and white noise shows 1.4 there.
_LEAST_SNR = 1.8

#: Two onsets closer than this are one; a hint this long after an onset belongs to it; one this close to the hint
#: before shows the same, s.
_APART_S, _EXPLAINED_S, _CLOSE_S = 0.25, 0.4, 0.15

#: Spans over which steps of energy are sought, s: from a period of a near quake's S to the rise of a regional one.
_SPANS_S = (0.15, 0.3, 0.6, 1.2, 2.4)

#: Splits whose criterion is this little above the least are nearly as good: a likelihood ratio of exp(4).
_NEARLY = 8.0

#: Share of the energy of half a second that one sample holds in a glitch; of 350 analyst P none has 0.45.
_GLITCH = 0.6

#: Samples an AIC needs on either side of the split for its variances to mean something.
_EDGE = 4


@njit(cache=True)
def kernel_whitener(noise: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    """Prediction-error filter of a stretch of noise, by Levinson's recursion on Hann-tapered samples.

    noise   [n]
    floor   white power added before whitening, as a share of the noise power. Without it the filter lifts bands
            that hold nothing but the acausal ringing of anti-alias filters, and onsets come out early
    returns [WHITENER_ORDER + 1], first coefficient 1: filtering with it flattens that noise and, being causal
            with the current sample unweighted, delays no onset. The unit filter when the noise is silent or
            shorter than four times the order.
    """
    order = WHITENER_ORDER
    coefficients = np.zeros(order + 1)
    coefficients[0] = 1.0
    n = len(noise)
    if n < 4 * order:
        return coefficients
    mean = noise.mean()
    tapered = np.empty(n)
    for i in range(n):
        tapered[i] = (noise[i] - mean) * (0.5 - 0.5 * np.cos(2.0 * np.pi * (i + 0.5) / n))
    correlation = np.zeros(order + 1)
    for i in range(n):
        here = tapered[i]
        for lag in range(min(order + 1, n - i)):
            correlation[lag] += here * tapered[i + lag]
    if not correlation[0] > 0.0:
        return coefficients
    correlation[0] *= 1.0 + floor
    error = correlation[0]
    previous = np.zeros(order + 1)
    for m in range(1, order + 1):
        total = correlation[m]
        for i in range(1, m):
            total += coefficients[i] * correlation[m - i]
        reflection = -total / error
        previous[:m] = coefficients[:m]
        for i in range(1, m):
            coefficients[i] = previous[i] + reflection * previous[m - i]
        coefficients[m] = reflection
        error *= 1.0 - reflection * reflection
    return coefficients


@njit(cache=True)
def kernel_whiten(
    row: NDArray[np.float64], coefficients: NDArray[np.float64], begin: int, end: int
) -> NDArray[np.float64]:
    """Filter row[begin:end] with a prediction-error filter; samples before the row count as zero."""
    out = np.zeros(end - begin)
    for k in range(len(coefficients)):
        weight = coefficients[k]
        for i in range(max(begin, k), end):
            out[i - begin] += weight * row[i - k]
    return out


@njit(cache=True)
def kernel_aic(energy: NDArray[np.float64], begin: int, end: int) -> tuple[int, int]:
    """Where energy[begin:end] changes level: Akaike's criterion on the two variances (Maeda 1985).

    energy   squared samples, summed over components; silence is lifted to a hundred-millionth of the mean
    returns  (index of the first sample of the second part, number of splits that are nearly as good);
             (-1, 0) when the stretch is too short or silent
    """
    n = end - begin
    total = 0.0
    for i in range(begin, end):
        total += energy[i]
    if n < 2 * _EDGE + 1 or not total > 0.0:
        return -1, 0
    tiny = 1e-8 * total / n
    value = np.empty(n)
    before = 0.0
    best = _EDGE
    for k in range(1, n):
        before += energy[begin + k - 1]
        value[k] = k * np.log(before / k + tiny) + (n - k) * np.log(max(total - before, 0.0) / (n - k) + tiny)
        if _EDGE <= k <= n - _EDGE and value[k] < value[best]:
            best = k
    first = last = best
    while first > _EDGE and value[first - 1] < value[best] + _NEARLY:
        first -= 1
    while last < n - _EDGE and value[last + 1] < value[best] + _NEARLY:
        last += 1
    return begin + best, last - first + 1


@njit(cache=True)
def kernel_mean(cumulative: NDArray[np.float64], begin: int, end: int) -> float:
    """Mean of energy[begin:end] from its running sum (one longer than the energy); 0 when empty."""
    if end <= begin:
        return 0.0
    return float(max(cumulative[end] - cumulative[begin], 0.0) / (end - begin))


@njit(cache=True)
def kernel_energy(
    rows: NDArray[np.float64], quiet_begin: int, quiet_end: int, begin: int, end: int, floor: float
) -> NDArray[np.float64]:
    """Whitened energy of columns [begin, end), each row in units of its noise in [quiet_begin, quiet_end).

    floor  see kernel_whitener
    """
    energy = np.zeros(end - begin)
    for m in range(len(rows)):
        whitener = kernel_whitener(rows[m, quiet_begin:quiet_end], floor)
        quiet = kernel_whiten(rows[m], whitener, quiet_begin, quiet_end)
        white = kernel_whiten(rows[m], whitener, begin, end)
        level = np.dot(quiet, quiet) / len(quiet) if len(quiet) > 0 else 0.0
        if not level > 0.0:
            level = np.dot(white, white) / len(white) + 1e-300
        for i in range(end - begin):
            energy[i] += white[i] * white[i] / level
    return energy


@njit(cache=True)
def kernel_refine(energy: NDArray[np.float64], hint: int, wide: int, behind: int, rate_hz: float) -> tuple[int, int]:
    """Split energy around a hint by AIC over [hint - wide, hint + behind), then again close to what that finds.

    returns  as kernel_aic
    """
    least = 3 * _EDGE
    split, blur = kernel_aic(energy, max(0, hint - wide), min(len(energy), hint + max(behind, least)))
    if split < 0:
        return split, blur
    ahead, after = round(_NARROW_S[0] * rate_hz), max(round(_NARROW_S[1] * rate_hz), least)
    closer, closer_blur = kernel_aic(energy, max(0, split - ahead), min(len(energy), split + after))
    return (closer, closer_blur) if closer >= 0 else (split, blur)


@njit(cache=True)
def kernel_snr(energy: NDArray[np.float64], split: int, rate_hz: float) -> float:
    """Amplitude ratio of what follows a split to what precedes it; at most a million."""
    noise = energy[max(0, split - round(_BEFORE_S * rate_hz)) : split].mean()
    signal = energy[split : split + max(6, round(_SIGNAL_S * rate_hz))].mean()
    return float(np.sqrt(signal / max(noise, 1e-12 * signal))) if signal > 0.0 else 0.0


@njit(cache=True)
def kernel_glitch(rows: NDArray[np.float64], split: int, end: int, rate_hz: float) -> bool:
    """Whether what follows a split is a spike or a step: most of its energy, or of its slope's, in one sample.

    Ground motion takes several periods to die away; a digitiser's spike is over at once, and so is a step's slope.
    """
    left, right = max(split - 2, 1), min(split + max(50, round(0.5 * rate_hz)), end)
    if right - left < 10:
        return False
    for order in range(2):
        total = most = 0.0
        for i in range(left, right):
            value = 0.0
            for m in range(len(rows)):
                one = rows[m, i] - (rows[m, i - 1] if order == 1 else 0.0)
                value += one * one
            total += value
            most = max(most, value)
        if most > _GLITCH * total:
            return True
    return False


@njit(cache=True)
def kernel_sound(
    rows: NDArray[np.float64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    columns: NDArray[np.int64],
    rate_hz: float,
) -> NDArray[np.bool_]:
    """Which columns stand well inside an unbroken run, past the settling of the filter, and are no glitch.

    begin, end  [columns of the rows], see kernel_onsets
    """
    out = np.zeros(len(columns), dtype=np.bool_)
    for k in range(len(columns)):
        at = columns[k]
        inside = at - begin[at] >= round(_BEFORE_S * rate_hz) and end[at] - at >= max(
            _EDGE, round(_SPANS_S[0] * rate_hz)
        )
        out[k] = inside and not kernel_glitch(rows, at, end[at], rate_hz)
    return out


@njit(cache=True)
def kernel_onsets(
    rows: NDArray[np.float64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    hints: NDArray[np.int64],
    rate_hz: float,
    floor: float = WHITE_FLOOR,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Onsets near hints: whiten by the noise before each, split by AIC, narrow, split again.

    rows     [rows, columns], high-passed; several rows add up, each in units of its own noise
    begin    [columns], first column of the unbroken run each column belongs to; end: one past its last
    hints    columns, ascending; any outside the rows or in a gap are passed over
    floor    of the whitening, see kernel_whitener
    returns  (columns, ascending and at least _APART_S apart; signal-to-noise amplitude ratios; columns between
             which each may lie)

    Every hint is looked at twice, over a wide stretch and close by, since a second quake may follow a first one
    within seconds. A hint close to the one before, or explained by an onset already found, is passed over.
    """
    columns = rows.shape[1]
    found = np.empty(2 * len(hints), dtype=np.int64)
    ratio = np.empty(2 * len(hints))
    width = np.empty(2 * len(hints), dtype=np.int64)
    count = 0
    last = looked = -2 * columns - round(rate_hz)
    apart = round(_APART_S * rate_hz)
    for hint in hints:
        if not 0 <= hint < columns or end[hint] <= begin[hint] or hint - looked < round(_CLOSE_S * rate_hz):
            continue
        if last - round(0.1 * rate_hz) <= hint <= last + round(_EXPLAINED_S * rate_hz):
            continue
        looked = hint
        first = begin[hint]
        quiet_end = max(first, hint - round(_GUARD_S * rate_hz))
        quiet_begin = max(first, quiet_end - round(_NOISE_S * rate_hz))
        left = max(first, hint - round((_WIDE_S[0] + _BEFORE_S) * rate_hz))
        right = min(end[hint], hint + max(round((_WIDE_S[1] + _NARROW_S[1]) * rate_hz), 4 * _EDGE))
        energy = kernel_energy(rows, quiet_begin, quiet_end, left, right, floor)
        for wide_s, behind_s in (_WIDE_S, _NARROW_S):
            split, blur = kernel_refine(
                energy, hint - left, round(wide_s * rate_hz), round(behind_s * rate_hz), rate_hz
            )
            # What stands at the very start of a run is the filter settling.
            if split < 0 or left + split - first < round(_BEFORE_S * rate_hz):
                continue
            snr = kernel_snr(energy, split, rate_hz)
            if snr < _LEAST_SNR or kernel_glitch(rows, left + split, end[hint], rate_hz):
                continue
            last = left + split
            if count == 0 or np.abs(found[:count] - last).min() >= apart:
                found[count], ratio[count], width[count] = last, snr, blur
                count += 1
    order = np.argsort(found[:count])
    return found[:count][order], ratio[:count][order], width[:count][order]


@njit(cache=True)
def kernel_steps(
    cumulative: NDArray[np.float64], begin: int, end: int, rate_hz: float, least: float
) -> NDArray[np.int64]:
    """Columns in [begin, end) where energy steps up: peaks of the ratio after to before, over several spans.

    cumulative  running sum of the energy
    least       smallest log amplitude ratio of a step
    """
    if end - begin < 8:
        return np.empty(0, dtype=np.int64)
    marked = np.zeros(end - begin, dtype=np.bool_)
    ratio = np.empty(end - begin)
    bar = np.exp(2.0 * least)
    for span_s in _SPANS_S:
        span = max(4, round(span_s * rate_hz))
        ratio[:] = 0.0
        for t in range(begin + 4, end - span):
            after = cumulative[t + span] - cumulative[t]
            lead = min(span, t - begin)
            before = (cumulative[t] - cumulative[t - lead]) * (span / lead)
            if before > 0.0 and after > bar * before:
                ratio[t - begin] = after / before
        t = 0
        while t < end - begin:
            if ratio[t] < bar:
                t += 1
                continue
            top = t
            k = t
            while k < end - begin and k - top < span and ratio[k] >= bar:
                if ratio[k] > ratio[top]:
                    top = k
                k += 1
            marked[top] = True
            t = k
    return np.flatnonzero(marked) + begin
