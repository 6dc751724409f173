"""Picks from triggered windows: the port every picker has, and the classical picker behind it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.detect.bands import USABLE_NYQUIST
from houfeng.quake.detect.onset import NO_WHITENING, WHITE_FLOOR, kernel_onsets, kernel_sound, kernel_steps
from houfeng.quake.detect.polarity import first_motion
from houfeng.quake.detect.sequence import (
    kernel_companion,
    kernel_lone_odds,
    kernel_loudness,
    kernel_p_odds,
    kernel_pairs,
    kernel_read,
    kernel_shear_evidence,
    kernel_split,
)
from houfeng.quake.detect.view import View, in_band, view
from houfeng.quake.detect.window import Window
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Phase, Pick


class Picker(Protocol):
    """Finds P and S onsets in a triggered window."""

    def picks(self, window: Window, triggers_ns: Sequence[int]) -> tuple[Pick, ...]:
        """The distinct P and S onsets in a window, in time order.

        window       some 10 s before the first trigger to some tens of seconds after the last
        triggers_ns  instants at which any component triggered; without one there are no picks
        """
        ...

    def pick_near(self, window: Window, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The onset of a phase within half_width_s of where it is expected, or None when there is none."""
        ...


#: How long before the first trigger an onset may stand, s: recursive STA/LTA triggers late on emergent onsets.
_EARLIER_S = 3.0

#: Least log amplitude ratio of a step of energy that is looked at as a possible P, or S.
_P_STEP, _S_STEP = math.log(2.0), math.log(1.3)
#: The same for a P that is expected: within its interval there are few steps to mistake for it.
_EXPECTED_P_STEP = math.log(1.3)

#: Log odds above which an onset is reported even where the likeliest reading of the window does without it.
_DOUBTFUL = -1.5

#: Least uncertainty of a P, s: an analyst's reading of a sharp onset. S, which comes amid P coda, has twice that.
_LEAST_S = 0.01

#: What being expected within half a second adds to the log odds of an onset: the odds of the reading were fitted among
#: some ten other onsets for one P (steps this small included), and a hundred steps for one S; within the interval of a
#: prediction there are one or two, and fewer the shorter it is.
_EXPECTED_P, _EXPECTED_S, _EXPECTED_WITHIN_S = 3.0, 3.0, 0.5


#: An expected P is looked for in these bands too, Hz, as far as the rate allows: what hides it (tremor, a small quake
#: near by, the coda of the one before) seldom fills them all. Looking several times finds more chance onsets.
_BANDS_HZ, _LOOKED_AGAIN = ((2.0, 8.0), (4.0, 16.0), (8.0, 32.0)), 1.0


#: Two readings of a sensor closer than this are of one onset, s: the least S minus P.
_ONE_ONSET_S = 0.25

#: Probability from which a reading silences one of the other phase at the same onset; below, both stay as doubts.
_FIRM = 0.7


class AicPicker:
    """The classical picker: whitening, Akaike's criterion, and the likeliest reading of the onsets as P and S."""

    def picks(self, window: Window, triggers_ns: Sequence[int]) -> tuple[Pick, ...]:
        """See Picker. Picks of probability below 0.5 are doubts, reported for an associator to weigh."""
        seen = view(window, min(triggers_ns) - NS_PER_S // 2) if triggers_ns else None
        if seen is None:
            return ()
        rate_hz, columns = seen.panel.rate_hz, seen.rows.shape[1]
        triggers = np.array(sorted(seen.panel.index(t) for t in triggers_ns), dtype=np.int64)
        first = min(max(0, int(triggers[0]) - round(_EARLIER_S * rate_hz)), columns)
        onsets = _onsets(seen, triggers, first, columns)
        if len(onsets.columns) == 0:
            return ()
        at, is_p, odds = onsets.columns, onsets.is_p, onsets.odds
        size, loud = kernel_loudness(at, onsets.sheared, rate_hz)
        pairs = kernel_pairs(at, is_p, onsets.shear, loud, onsets.sheared, rate_hz, 0 not in seen.shearing)
        parent = kernel_read(at, is_p, odds, pairs, size, loud, rate_hz)
        # Where nothing tells shear from pressure, a firm P may well be the S.
        firm_at = _FIRM if np.any(onsets.shear) else 1.0
        firm = np.flatnonzero(is_p & ((parent > -2) | (odds > 0)))
        # 1. Every P worth reporting; 2. the S the reading gave it, failing that its likeliest one; 3. S without P.
        found: dict[int, Pick] = {}
        for k in np.flatnonzero(is_p & ((parent > -2) | (odds > _DOUBTFUL))):
            pick = _p_pick(seen, onsets, int(k), _logistic(float(odds[k])))
            found[int(k)] = pick
            later = firm[firm > k]
            s, gain = kernel_companion(k, int(later[0]) if len(later) else len(at), pairs, size, loud)
            if (parent == k).any():
                s, gain = int(np.flatnonzero(parent == k)[0]), float(pairs[k, parent == k][0])
            if s >= 0 and gain > _DOUBTFUL:
                probability = pick.probability * _logistic(gain)
                if s not in found or found[s].probability < probability:
                    found[s] = _s_pick(seen, onsets, s, int(at[k]), probability)
        for k in np.flatnonzero(~is_p & (parent == -1)):
            found.setdefault(int(k), _s_pick(seen, onsets, int(k), -1, _logistic(float(odds[k]))))
        return tuple(sorted(_likeliest(found.values(), firm_at), key=lambda pick: pick.key))

    def pick_near(self, window: Window, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """See Picker. Being expected counts for an onset; standing far from the expectation counts against it."""
        half_ns = round(half_width_s * NS_PER_S)
        seen = view(window, expected_ns - half_ns)
        if seen is None:
            return None
        rate_hz = seen.panel.rate_hz
        expected, reach = seen.panel.index(expected_ns), round(half_width_s * rate_hz)
        begin, end = max(0, expected - reach), min(seen.rows.shape[1], expected + reach + 1)
        if end <= begin:
            return None
        expecting = (_EXPECTED_P if phase == "P" else _EXPECTED_S) + math.log(_EXPECTED_WITHIN_S / half_width_s)
        found: list[tuple[float, View, _Onsets, int]] = []
        for shown, floor in [(seen, WHITE_FLOOR), *_banded(seen, phase)]:
            onsets = _onsets(shown, np.array([expected]), begin, end, _EXPECTED_P_STEP, floor)
            wanted = (onsets.is_p == (phase == "P")) & (np.abs(onsets.columns - expected) <= reach)
            if wanted.any():
                away = (onsets.columns - expected) / max(0.5 * reach, 1.0)
                again = 0.0 if shown is seen else _LOOKED_AGAIN
                odds = np.where(wanted, onsets.odds + expecting - 0.5 * away**2 - again, -np.inf)
                k = int(np.argmax(odds))
                found.append((float(odds[k]), shown, onsets, k))
        if not found:
            return None
        most, shown, onsets, k = max(found, key=lambda one: one[0])
        if most < 0:
            return None
        probability = _logistic(most)
        pick = _p_pick(shown, onsets, k, probability) if phase == "P" else _s_pick(seen, onsets, k, -1, probability)
        return replace(pick, method="guided")


def _banded(seen: View, phase: Phase) -> list[tuple[View, float]]:
    """The bands an expected phase is sought in, and how to whiten there: not at all."""
    if phase == "S":
        return []
    ceiling_hz = USABLE_NYQUIST * seen.panel.rate_hz / 2
    return [(in_band(seen, low, high), NO_WHITENING) for low, high in _BANDS_HZ if high <= ceiling_hz]


def _likeliest(picks: Iterable[Pick], firm: float) -> list[Pick]:
    """Of readings of one onset the likeliest; one of the other phase too, where the likeliest is not firm."""
    kept: list[Pick] = []
    for pick in sorted(picks, key=lambda pick: (-pick.probability, pick.key)):
        if all(
            abs(pick.time_ns - other.time_ns) >= _ONE_ONSET_S * NS_PER_S
            or (pick.phase != other.phase and other.probability < firm)
            for other in kept
        ):
            kept.append(pick)
    return kept


@dataclass(frozen=True, slots=True)
class _Onsets:
    """Candidates of both kinds in time order, and the running energy S is sought on.

    columns, is_p, shear, odds  see kernel_read
    snr, blur                   of P candidates: signal-to-noise ratio; columns between which the onset may lie
    """

    columns: NDArray[np.int64]
    is_p: NDArray[np.bool_]
    snr: NDArray[np.float64]
    blur: NDArray[np.int64]
    shear: NDArray[np.float64]
    odds: NDArray[np.float64]
    sheared: NDArray[np.float64]


def _onsets(
    seen: View,
    hints: NDArray[np.int64],
    begin: int,
    end: int,
    p_step: float = _P_STEP,
    floor: float = WHITE_FLOOR,
) -> _Onsets:
    """Candidates for P near hints and steps of energy in [begin, end), candidates for S at steps of shear energy."""
    rate_hz = seen.panel.rate_hz
    sensed, sheared = _add(seen, seen.sensing), _add(seen, seen.shearing)
    run = seen.run[list(seen.sensing)]
    hints = np.union1d(hints, kernel_steps(sensed, begin, end, rate_hz, p_step)).astype(np.int64)
    rows = np.ascontiguousarray(seen.rows[list(seen.sensing)])
    p_columns, snr, blur = kernel_onsets(rows, run[:, 0].max(axis=0), run[:, 1].min(axis=0), hints, rate_hz, floor)
    free = ~seen.stops(seen.sensing, p_columns)
    p_columns, snr, blur = p_columns[free], snr[free], blur[free]
    s_columns = kernel_steps(sheared, begin, end, rate_hz, _S_STEP)
    s_run = seen.run[list(seen.shearing)]
    s_rows = np.ascontiguousarray(seen.rows[list(seen.shearing)])
    s_columns = s_columns[kernel_sound(s_rows, s_run[:, 0].max(axis=0), s_run[:, 1].min(axis=0), s_columns, rate_hz)]
    s_columns = s_columns[~seen.stops(seen.shearing, s_columns)]
    columns = np.concatenate((p_columns, s_columns))
    order = np.argsort(columns, kind="stable")
    columns, is_p = columns[order], order < len(p_columns)
    shear = _shear(seen, columns, sheared)
    odds, ratio, span = np.empty(len(columns)), np.zeros(len(columns)), np.zeros(len(columns), dtype=np.int64)
    ratio[is_p], span[is_p] = snr, blur
    odds[is_p] = kernel_p_odds(sensed, p_columns, snr, shear[is_p], rate_hz)
    odds[~is_p] = kernel_lone_odds(sheared, s_columns, shear[~is_p], rate_hz)
    return _Onsets(columns, is_p, ratio, span, shear, odds, sheared)


def _add(seen: View, rows: tuple[int, ...]) -> NDArray[np.float64]:
    """Running energy of several rows together."""
    total: NDArray[np.float64] = seen.energy[list(rows)].sum(axis=0)
    return total


def _shear(seen: View, at: NDArray[np.int64], sheared: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evidence of S at columns; zeros for a sensor that is all vertical or all horizontal."""
    if not seen.panel.upright or 0 in seen.shearing:
        return np.zeros(len(at))
    evidence: NDArray[np.float64] = kernel_shear_evidence(
        seen.energy[0], sheared / len(seen.shearing), at, seen.panel.rate_hz
    )
    return evidence


def _logistic(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))


def _p_pick(seen: View, onsets: _Onsets, k: int, probability: float) -> Pick:
    column, rate_hz = int(onsets.columns[k]), seen.panel.rate_hz
    polarity, confidence = 0, 0.0
    if seen.panel.stated:
        polarity, confidence = first_motion(seen.panel.samples[0], column, rate_hz, seen.stretch((0,), column)[0])
    return Pick(
        source=seen.panel.sources[seen.sensing[0]],
        phase="P",
        time_ns=seen.panel.time_ns(column),
        uncertainty_s=_LEAST_S + 0.5 * float(onsets.blur[k]) / rate_hz,
        snr=float(onsets.snr[k]),
        probability=probability,
        polarity=polarity,
        polarity_confidence=confidence,
        method="stalta+aic",
    )


def _s_pick(seen: View, onsets: _Onsets, k: int, p_column: int, probability: float) -> Pick:
    rate_hz = seen.panel.rate_hz
    begin, end = seen.stretch(seen.shearing, int(onsets.columns[k]))
    column, blur = kernel_split(onsets.sheared, p_column, int(onsets.columns[k]), begin, end, rate_hz)
    right = min(column + max(4, round(0.3 * rate_hz)), seen.rows.shape[1])
    loudest = max(seen.shearing, key=lambda row: float(seen.energy[row, right] - seen.energy[row, column]))
    return Pick(
        source=seen.panel.sources[loudest],
        phase="S",
        time_ns=seen.panel.time_ns(column),
        uncertainty_s=2.0 * _LEAST_S + 0.5 * blur / rate_hz,
        snr=seen.ratio(loudest, column),
        probability=probability,
        method="stalta+aic",
    )
