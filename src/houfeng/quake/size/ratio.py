"""How strong P is beside S at one station, by frequency band. Both on one channel, so no response is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from houfeng.quake.size.record import PICK_MARGIN_S, Record
from houfeng.quake.size.spectrum import USABLE_OF_NYQUIST

#: Bands in Hz: below them explosions look much like earthquakes, above them regional S is lost.
BANDS_HZ = ((2.0, 4.0), (4.0, 6.0), (6.0, 8.0))
FILTER_ORDER = 3

#: Amplitude is that of the strongest stretch of each wave, this share of S minus P long, and at least so long: regional
#: P is strongest as Pg, regional S as Lg, well after they begin.
STRETCH = 0.2
LEAST_STRETCH_S = 0.5

#: The filter swings in over this share of the noise.
TAPERED = 0.1

#: P ends, and S begins, this share of S minus P before S is expected; between them lies the coda of P.
P_ENDS = 0.25
S_BEGINS = 0.05

#: A wave is there when it stands so far above what comes before it, as a ratio of amplitudes.
LEAST_RISE = 1.5


@dataclass(frozen=True, slots=True)
class Ratio:
    """P over S in one band.

    frequency_hz  middle of the band
    log_ratio     log10 of the ratio of amplitudes
    bound         "least" when S is lost in the coda of P, "most" when P is lost in noise, "" when both are seen
    """

    frequency_hz: float
    log_ratio: float
    bound: Literal["", "least", "most"] = ""


def p_over_s(record: Record) -> tuple[Ratio, ...]:
    """Read a vertical record; bands in which neither wave is seen, or that it cannot hold, are left out.

    record  unclipped, of a window that lasts until the slowest S has passed
    """
    ratios = []
    for low_hz, high_hz in BANDS_HZ:
        if high_hz > USABLE_OF_NYQUIST * record.rate_hz / 2:
            continue
        sections = signal.butter(FILTER_ORDER, (low_hz, high_hz), "bandpass", fs=record.rate_hz, output="sos")
        ratio = _ratio(record, signal.sosfilt(sections, record.samples) ** 2, float(np.sqrt(low_hz * high_hz)))
        if ratio is not None:
            ratios.append(ratio)
    return tuple(ratios)


def _ratio(record: Record, power: NDArray[np.float64], frequency_hz: float) -> Ratio | None:
    onset = record.onset + int(PICK_MARGIN_S * record.rate_hz)
    gap = record.s - onset
    count = int(max(STRETCH * gap, LEAST_STRETCH_S * record.rate_hz))
    parts: Sequence[slice] = (
        slice(int(TAPERED * record.onset), record.onset),
        slice(onset, record.s - int(P_ENDS * gap)),
        slice(record.s - int(P_ENDS * gap), record.s - int(S_BEGINS * gap)),
        slice(record.s - int(S_BEGINS * gap), record.end),
    )
    if any(part.stop - part.start < 1 for part in parts) or parts[1].stop - parts[1].start < count:
        return None
    coda = float(power[parts[2]].mean())
    noise, p, s = (_strongest(power[part], count) for part in (parts[0], parts[1], parts[3]))
    p_seen, s_seen = p > LEAST_RISE**2 * noise, s > LEAST_RISE**2 * max(noise, coda)
    if not (p_seen or s_seen) or min(p, s) <= 0:
        return None
    bound: Literal["", "least", "most"] = "" if p_seen and s_seen else "least" if p_seen else "most"
    return Ratio(frequency_hz, 0.5 * float(np.log10(p / s)), bound)


def _strongest(power: NDArray[np.float64], count: int) -> float:
    """The largest mean over that many samples."""
    total = np.concatenate(([0.0], np.cumsum(power)))
    count = min(count, len(power))
    return float((total[count:] - total[:-count]).max() / count)
