"""The neural picker: PhaseNet through ONNX Runtime, behind the same port as the classical one."""

import hashlib
import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from houfeng.quake.detect.polarity import first_motion
from houfeng.quake.detect.view import View, view
from houfeng.quake.detect.window import Window
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Phase, Pick

#: SHA-256 of the published weights as one ONNX file (training run 190703-214543, epoch 95; Zhu & Beroza 2019).
PUBLISHED_SHA256 = "7b797ace32f9857641cd9f3335abf104c7ff56d829362ac889bb779cee13d08d"

#: The network was trained on 30 s at 100 Hz. Its strided layers pad as in training only at 3000 samples.
RATE_HZ, SAMPLES = 100.0, 3000
#: Windows start this many samples apart, and what they say within so many samples of an inner edge is not heard.
_STEP, _EDGE = 1000, 250
#: Windows run in one call, which bounds memory (some 12 MB at 32 windows).
_BATCH = 32

#: The published threshold, and that of an onset which is expected.
_THRESHOLD, _EXPECTED_THRESHOLD = 0.3, 0.1
#: Least time between two picks of a phase, s (of the original).
_APART_S = 0.5

#: From this rate on the record is read a second time at half speed: near microearthquakes radiate above 20 Hz,
#: outside the habit of the network, and at half speed they look like the quakes it knows.
_FAST_HZ = 200.0

#: Onsets scatter by half the width (as standard deviation) of their peak: the network was taught with peaks 0.1 s wide.
_SHARPNESS = 0.5

_ROW: dict[Phase, int] = {"P": 1, "S": 2}


@dataclass(frozen=True, slots=True)
class _Curve:
    """Probability of P and S along a panel, at one playing speed.

    probability  float64 [3, n]: noise, P, S
    per_column   samples of the curve per column of the panel
    """

    probability: NDArray[np.float64]
    per_column: float


class PhaseNet:
    """PhaseNet of Zhu & Beroza (2019), doi:10.1093/gji/ggy423.

    weights  the ONNX file's bytes: input `waveform` float32 [batch, 3, samples] (E, N, Z),
             output `probability` float32 [batch, 3, samples] (noise, P, S)
    sha256   hexadecimal digest the bytes must have; None: that of the published file

    Raises DataFault when the digest differs or the file is no such network, WorldFault when ONNX Runtime is missing.
    One thread; the same bytes and samples give the same picks.
    """

    def __init__(self, weights: bytes, *, sha256: str | None = None) -> None:
        found, pinned = hashlib.sha256(weights).hexdigest(), (sha256 or PUBLISHED_SHA256).lower()
        if found != pinned:
            reason = f"SHA-256 is {found}, not the pinned {pinned}"
            raise DataFault("PhaseNet weights", reason, "use the published file, or pin this one knowingly")
        try:
            runtime: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise WorldFault("onnxruntime", "is not installed", "pip install 'houfeng[neural]'") from error
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime's own exceptions share no base
            raise DataFault("PhaseNet weights", "ONNX Runtime cannot read them") from error

    def probability(self, windows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of noise, P and S for every sample.

        windows  [count, 3, samples], E, N, Z at 100 Hz, finite, any unit; a missing component is all zero
        returns  [count, 3, samples]
        """
        centred = windows - windows.mean(axis=2, keepdims=True)
        spread = centred.std(axis=2, keepdims=True)
        live = (spread > 0).sum(axis=1, keepdims=True)
        # The original weighs up what is left when components are missing.
        scaled = centred / np.where(spread > 0, spread, 1.0) * (3.0 / np.maximum(live, 1))
        parts = [
            self._session.run(["probability"], {"waveform": scaled[k : k + _BATCH].astype(np.float32)})[0]
            for k in range(0, len(scaled), _BATCH)
        ]
        probability: NDArray[np.float64] = np.concatenate(parts).astype(np.float64)
        return probability

    def picks(self, window: Window, triggers_ns: Sequence[int]) -> tuple[Pick, ...]:
        """See Picker."""
        seen = view(window, min(triggers_ns) - NS_PER_S // 2) if triggers_ns else None
        if seen is None:
            return ()
        found: list[Pick] = []
        for curve in self._curves(seen, (1.0, 0.5) if seen.panel.rate_hz >= _FAST_HZ else (1.0,)):
            for phase in ("P", "S"):
                peaks = _peaks(curve, phase, _THRESHOLD, seen.panel.rate_hz)
                found.extend(_pick(seen, phase, *peak) for peak in peaks)
        return tuple(sorted(_apart(found), key=lambda pick: pick.key))

    def pick_near(self, window: Window, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """See Picker."""
        seen = view(window, expected_ns - round(half_width_s * NS_PER_S))
        if seen is None:
            return None
        near = [
            _pick(seen, phase, *peak)
            for curve in self._curves(seen, (1.0, 0.5))
            for peak in _peaks(curve, phase, _EXPECTED_THRESHOLD, seen.panel.rate_hz)
            if abs(seen.panel.time_ns(peak[0]) - expected_ns) <= half_width_s * NS_PER_S
        ]
        return max(near, key=lambda pick: (pick.probability, -pick.time_ns), default=None)

    def _curves(self, seen: View, speeds: tuple[float, ...]) -> Iterator[_Curve]:
        """The curves of a view at each playing speed; where windows overlap, the higher value counts."""
        for speed in speeds:
            ratio = Fraction(RATE_HZ / speed / seen.panel.rate_hz).limit_denominator(1000)
            rows = _components(seen)
            if ratio != 1:
                rows = resample_poly(rows, ratio.numerator, ratio.denominator, axis=1)
            count = rows.shape[1]
            padded = np.zeros((3, max(count, SAMPLES)))
            padded[:, :count] = rows
            last = padded.shape[1] - SAMPLES
            starts = [*range(0, last, _STEP), last]
            read = self.probability(np.stack([padded[:, k : k + SAMPLES] for k in starts]))
            merged = np.zeros_like(padded)
            for k, part in zip(starts, read, strict=True):
                begin, end = (0 if k == 0 else _EDGE), (SAMPLES if k == last else SAMPLES - _EDGE)
                merged[:, k + begin : k + end] = np.maximum(merged[:, k + begin : k + end], part[:, begin:end])
            yield _Curve(merged[:, :count], float(ratio))


def _components(seen: View) -> NDArray[np.float64]:
    """The high-passed rows of a view as E, N, Z, zeros for what is missing; E and N may change places."""
    rows = np.zeros((3, seen.rows.shape[1]))
    first = 1 if seen.panel.upright else 0
    if first:
        rows[2] = seen.rows[0]
    rows[: len(seen.rows) - first] = seen.rows[first:]
    return rows


def _peaks(curve: _Curve, phase: Phase, threshold: float, rate_hz: float) -> Iterator[tuple[float, float, float]]:
    """Local maxima at or above a threshold, none within _APART_S of a higher one.

    yields  (column of the panel, height, width at half height in seconds)
    """
    row = curve.probability[_ROW[phase]]
    apart = round(_APART_S * rate_hz * curve.per_column)
    high = np.flatnonzero(row >= threshold)
    top = [k for k in high if row[k] == row[max(0, k - 1) : k + 2].max()]
    kept: list[int] = []
    for k in sorted(top, key=lambda k: (-row[k], k)):
        if all(abs(k - other) > apart for other in kept):
            kept.append(int(k))
    for k in sorted(kept):
        left = right = k
        while left > 0 and row[left - 1] > 0.5 * row[k]:
            left -= 1
        while right + 1 < len(row) and row[right + 1] > 0.5 * row[k]:
            right += 1
        yield k / curve.per_column, float(row[k]), (right - left + 1) / curve.per_column / rate_hz


def _pick(seen: View, phase: Phase, column: float, height: float, width_s: float) -> Pick:
    panel = seen.panel
    at = min(max(round(column), 0), seen.rows.shape[1] - 1)
    rows = seen.sensing if phase == "P" else seen.shearing
    ratio = {row: seen.ratio(row, at) for row in rows}
    loudest = max(rows, key=lambda row: ratio[row])
    polarity, confidence = 0, 0.0
    if phase == "P" and panel.stated:
        polarity, confidence = first_motion(panel.samples[0], at, panel.rate_hz, seen.stretch((0,), at)[0])
    return Pick(
        source=panel.sources[loudest],
        phase=phase,
        time_ns=panel.time_ns(column),
        uncertainty_s=max(_SHARPNESS * width_s / 2.355, 1.0 / panel.rate_hz),
        snr=ratio[loudest],
        probability=min(height, 1.0),
        polarity=polarity,
        polarity_confidence=confidence,
        method="phasenet",
    )


def _apart(picks: list[Pick]) -> list[Pick]:
    """Of picks of one phase closer than _APART_S, the likelier one (they come from two playing speeds)."""
    kept: list[Pick] = []
    for pick in sorted(picks, key=lambda pick: (-pick.probability, pick.key)):
        if all(o.phase != pick.phase or abs(o.time_ns - pick.time_ns) > _APART_S * NS_PER_S for o in kept):
            kept.append(pick)
    return kept
