"""What a Wood-Anderson pendulum would have shown, from digital counts.

Steps:
1. find the lowest frequency at which the shaking still stands above the noise, and high-pass there: below it,
   taking the instrument off would only magnify noise, of an accelerometer more than of any other;
2. divide by the instrument and multiply by the pendulum, in one pass over frequency;
3. read the largest swing from P to the end of the shaking, its period, and the largest swing before P;
4. refuse what is clipped, drowned in noise or cut short.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.size.clipping import clipped
from houfeng.quake.size.ground import SHORTEST_TAPER_S, TAPERED, displacement, lowest_clear_hz
from houfeng.quake.size.record import Record
from houfeng.words.quake import Amplitude
from houfeng.words.station import Response

#: The standard torsion seismometer: Uhrhammer & Collins 1990, doi:10.1785/BSSA0800030702.
FREE_PERIOD_S = 0.8
DAMPING = 0.7

#: Largest swing over largest noise before P; less is as likely noise as quake.
LEAST_SNR = 3.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read off one channel.

    amplitude  None when nothing could be read
    refused    why it does not count, "" when it does; a clipped channel keeps its amplitude as a lower bound
    """

    amplitude: Amplitude | None
    refused: str = ""


def wood_anderson(record: Record, response: Response) -> Reading:
    """Read the largest Wood-Anderson swing of one channel.

    response  of that channel; without poles and zeros it counts as flat

    The amplitude is zero to peak, m, pendulum gain taken off, as IASPEI asks for ML.
    """
    lowest_hz = lowest_clear_hz(record)
    if lowest_hz is None:
        return Reading(None, "does not rise above its noise")
    swing = displacement(record, response, lowest_hz, pendulum=(FREE_PERIOD_S, DAMPING))
    size = np.abs(swing)
    peak = record.onset + int(np.argmax(size[record.onset : record.end]))
    noise = float(size[int(TAPERED * record.onset) : record.onset].max())
    snr = float(size[peak]) / noise if noise > 0 else 0.0
    if size[peak] == 0 or (noise > 0 and snr < LEAST_SNR):
        return Reading(None, "does not rise above its noise")
    amplitude = Amplitude(
        source=record.source,
        kind="wood_anderson",
        value=float(size[peak]),
        time_ns=record.time_ns(peak),
        period_s=_period_s(swing, peak, record.rate_hz),
        snr=snr,
    )
    flaw = clipped(record.shaking, record.rest)
    if flaw:
        return Reading(amplitude, f"clipped, {flaw}")
    # too close to its end to say that the shaking has passed its height
    last_s = max(TAPERED * len(record.shaking) / record.rate_hz, 2 * SHORTEST_TAPER_S)
    if not record.whole and peak >= record.end - last_s * record.rate_hz:
        return Reading(None, "ends while the shaking still grows")
    return Reading(amplitude)


def _period_s(swing: NDArray[np.float64], peak: int, rate_hz: float) -> float:
    """Twice the time between the zero crossings on either side of the peak, 0 when one is missing."""
    opposite = swing * np.sign(swing[peak]) <= 0
    before, after = np.flatnonzero(opposite[:peak]), np.flatnonzero(opposite[peak:])
    if not len(before) or not len(after):
        return 0.0
    left, right = int(before[-1]), peak + int(after[0])
    first = left + swing[left] / (swing[left] - swing[left + 1])
    last = right - swing[right] / (swing[right] - swing[right - 1])
    return float(2 * (last - first) / rate_hz)
