"""What a picker looks at: a panel, high-passed, with running energies and the runs without gaps."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from houfeng.quake.detect.onset import kernel_mean, kernel_whiten, kernel_whitener
from houfeng.quake.detect.window import Panel, Window, panel

#: Corner of the causal high-pass, Hz. It takes off offset, drift and microseisms (0.1 to 0.5 Hz, Peterson 1993,
#: doi:10.3133/ofr93322); a causal high-pass delays nothing above its corner and rings only after an onset.
CORNER_HZ = 1.0

#: The quiet stretch that shapes the whitening: its length and the hops at which it is sought, s.
_QUIET_S, _HOP_S = 4.0, 1.0

#: White floor of the whitening, a share of the noise power (-5 dB): S waves lie lower in frequency than the P they
#: must outshine, so this whitening is gentler than that of a P onset.
_FLOOR = 0.3


#: A sensor or converter at its stop stands still for most of so long, s, beyond this share of its farthest swing.
#: What it does on coming off looks like an onset out of perfect quiet.
_STOP_S, _FAR = 0.3, 0.5


@dataclass(frozen=True, slots=True)
class View:
    """A panel ready for picking.

    panel     as laid out
    rows      float64 [rows, columns], high-passed
    energy    float64 [rows, columns + 1], running sum of squares of the rows, all whitened by the one filter that
              flattens the leading row's noise, so that amplitudes of different rows still compare
    run       int64 [rows, 2, columns], first column and one past the last column of the unbroken run each
              column belongs to; both equal to the column itself where nothing is valid
    sensing   rows a P is sought on: the vertical alone, or all of them without a vertical of stated name
    shearing  rows an S is sought on: the horizontals, or the vertical alone without any
    """

    panel: Panel
    rows: NDArray[np.float64]
    energy: NDArray[np.float64]
    run: NDArray[np.int64]
    sensing: tuple[int, ...]
    shearing: tuple[int, ...]

    def stretch(self, which: tuple[int, ...], column: int) -> tuple[int, int]:
        """The columns around one in which all the rows named are unbroken; empty (column, column) if not at it."""
        if not 0 <= column < self.rows.shape[1]:
            return column, column
        begin = max(int(self.run[row, 0, column]) for row in which)
        end = min(int(self.run[row, 1, column]) for row in which)
        return (begin, end) if begin <= column < end else (column, column)

    def stops(self, which: tuple[int, ...], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether any of the rows named stands at a stop just before each column: still, and far from rest."""
        length = max(4, round(_STOP_S * self.panel.rate_hz))
        stopped = np.zeros(len(columns), dtype=np.bool_)
        for row in which:
            samples = self.panel.samples[row]
            away = np.abs(samples - np.median(samples))
            still = np.concatenate(([False], np.diff(samples) == 0)) & (away > _FAR * away.max())
            count = np.concatenate(([0], np.cumsum(still)))
            stopped |= count[columns] - count[np.maximum(columns - length, 0)] > length / 2
        return stopped

    def ratio(self, row: int, column: int) -> float:
        """Amplitude ratio of a row's 0.3 s after a column to its second before; 0 when unreadable."""
        begin, end = self.stretch((row,), column)
        before = kernel_mean(self.energy[row], max(begin, column - round(self.panel.rate_hz)), column)
        after = kernel_mean(self.energy[row], column, min(end, column + max(6, round(0.3 * self.panel.rate_hz))))
        return math.sqrt(after / before) if before > 0 else 0.0


def view(window: Window, before_ns: int) -> View | None:
    """High-pass a window and add up its whitened energies. None when the window holds nothing that moves.

    before_ns  the noise that shapes the whitening is the quietest stretch that ends before this instant
    """
    laid = panel(window)
    if laid is None:
        return None
    rows = np.ascontiguousarray(sosfilt(_high_pass(laid.rate_hz), laid.samples - laid.samples[:, :1], axis=1))
    energy = np.zeros((len(rows), rows.shape[1] + 1))
    run = _runs(laid.valid)
    begin, end = _quiet(rows[0], laid.valid[0], laid.index(before_ns), laid.rate_hz)
    whitener = kernel_whitener(rows[0, begin:end], _FLOOR)
    for row in range(len(rows)):
        white = kernel_whiten(rows[row], whitener, 0, rows.shape[1])
        np.cumsum(white * white, out=energy[row, 1:])
    every = tuple(range(len(rows)))
    sensing = every[:1] if laid.stated else every
    shearing = every[1:] if laid.upright and len(rows) > 1 else every
    return View(laid, rows, energy, run, sensing, shearing)


def in_band(seen: View, low_hz: float, high_hz: float) -> View:
    """The same panel seen through a causal band-pass instead of a high-pass and whitening."""
    sections = _band_pass(seen.panel.rate_hz, low_hz, high_hz)
    samples = seen.panel.samples
    rows = np.ascontiguousarray(sosfilt(sections, samples - samples[:, :1], axis=1))
    energy = np.zeros((len(rows), rows.shape[1] + 1))
    np.cumsum(rows * rows, axis=1, out=energy[:, 1:])
    return replace(seen, rows=rows, energy=energy)


@lru_cache(maxsize=64)
def _high_pass(rate_hz: float) -> NDArray[np.float64]:
    """Second-order sections of the high-pass; sensors of a network share a handful of rates."""
    sections: NDArray[np.float64] = butter(2, min(CORNER_HZ, 0.25 * rate_hz), "highpass", fs=rate_hz, output="sos")
    return sections


@lru_cache(maxsize=256)
def _band_pass(rate_hz: float, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    sections: NDArray[np.float64] = butter(2, (low_hz, high_hz), "bandpass", fs=rate_hz, output="sos")
    return sections


def _quiet(row: NDArray[np.float64], valid: NDArray[np.bool_], before: int, rate_hz: float) -> tuple[int, int]:
    """The quietest unbroken stretch of a row that ends before a column; all there is when that is short."""
    span, hop = round(_QUIET_S * rate_hz), max(1, round(_HOP_S * rate_hz))
    before = min(max(before, 0), len(row))
    if before <= span:
        return 0, before
    ends = np.arange(before, span - 1, -hop)
    power = np.concatenate(([0.0], np.cumsum(row[:before] ** 2)))
    holes = np.concatenate(([0], np.cumsum(~valid[:before])))
    level = power[ends] - power[ends - span]
    level[holes[ends] > holes[ends - span]] = np.inf
    end = int(ends[np.argmin(level)])
    return end - span, end


def _runs(valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """First column and one past the last of the valid run each column lies in."""
    rows, columns = valid.shape
    run = np.empty((rows, 2, columns), dtype=np.int64)
    for row in range(rows):
        edges = np.flatnonzero(np.diff(valid[row].astype(np.int8), prepend=0, append=0))
        run[row] = np.arange(columns)
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            run[row, 0, begin:end] = begin
            run[row, 1, begin:end] = end
    return run
