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
from scipy import fft

from houfeng.quake.size.clipping import clipped
from houfeng.quake.size.record import Record
from houfeng.quake.size.spectrum import USABLE_OF_NYQUIST, band_edges, band_power, clear_bands, counts_to_displacement
from houfeng.words.quake import Amplitude
from houfeng.words.station import Response

#: The standard torsion seismometer: Uhrhammer & Collins 1990, doi:10.1785/BSSA0800030702.
FREE_PERIOD_S = 0.8
DAMPING = 0.7

#: Largest swing over largest noise before P; less is as likely noise as quake.
LEAST_SNR = 3.0

#: Steepness of the high-pass: a Butterworth filter of this order, forward and backward.
HIGHPASS_ORDER = 4

#: The share of the noise that is tapered at its start, and the share of a cut-off record too close to its end to
#: say that the shaking has passed its height; such a record is tapered over half a second, less than a swing of S.
TAPERED = 0.1
SHORTEST_TAPER_S = 0.5


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
    edges = band_edges(record.onset, record.rate_hz)
    clear = clear_bands(
        band_power(record.shaking, record.rate_hz, edges), band_power(record.noise, record.rate_hz, edges)
    )
    if clear.start == clear.stop:
        return Reading(None, "does not rise above its noise")
    # one band below what stands clear, so that the filter's flank does not cut into it
    swing = _pendulum(record, response, float(edges[max(clear.start - 1, 0)]))
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
    last_s = max(TAPERED * len(record.shaking) / record.rate_hz, 2 * SHORTEST_TAPER_S)
    if not record.whole and peak >= record.end - last_s * record.rate_hz:
        return Reading(None, "ends while the shaking still grows")
    return Reading(amplitude)


def _pendulum(record: Record, response: Response, lowest_hz: float) -> NDArray[np.float64]:
    samples = record.samples
    # room for the high-pass to ring down without coming round again
    size = fft.next_fast_len(len(samples) + int(2 * record.rate_hz / lowest_hz), real=True)
    frequency = fft.rfftfreq(size, 1 / record.rate_hz)[1:]
    spectrum = fft.rfft(samples * _taper(record), size)
    s = 2j * np.pi * frequency
    natural = 2 * np.pi / FREE_PERIOD_S
    spectrum[0] = 0.0
    spectrum[1:] *= s**2 / (s**2 + 2 * DAMPING * natural * s + natural**2)
    spectrum[1:] *= counts_to_displacement(frequency, response) * _pass(frequency, record.rate_hz, lowest_hz)
    return np.asarray(fft.irfft(spectrum, size)[: len(samples)], dtype=np.float64)


def _taper(record: Record) -> NDArray[np.float64]:
    """Ones, rising over the first noise and falling after the window, or at its end when nothing follows it."""
    count = len(record.samples)
    rise = int(TAPERED * record.onset)
    fall = max(count - record.end, int(SHORTEST_TAPER_S * record.rate_hz))
    taper = np.ones(count)
    taper[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / max(rise, 1))
    taper[count - fall :] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / fall)
    return taper


def _pass(frequency_hz: NDArray[np.float64], rate_hz: float, lowest_hz: float) -> NDArray[np.float64]:
    """The band kept: from lowest_hz up, falling to nothing over the last quarter of what the response is good for."""
    high = 1.0 / (1.0 + (lowest_hz / frequency_hz) ** (2 * HIGHPASS_ORDER))
    fall = np.clip(4 * frequency_hz / (USABLE_OF_NYQUIST * rate_hz / 2) - 3, 0.0, 1.0)
    return np.asarray(high * (0.5 + 0.5 * np.cos(np.pi * fall)), dtype=np.float64)


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
