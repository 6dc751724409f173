"""Ground displacement from counts, and how low in frequency it can be trusted."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from houfeng.quake.size.record import Record
from houfeng.quake.size.spectrum import USABLE_OF_NYQUIST, band_edges, band_power, clear_bands, counts_to_displacement
from houfeng.words.station import Response

#: Steepness of the high-pass: a Butterworth filter of this order, forward and backward.
HIGHPASS_ORDER = 4

#: The share of the noise that is tapered at its start; a record cut off at its end is tapered over half a second,
#: less than a swing of S.
TAPERED = 0.1
SHORTEST_TAPER_S = 0.5


def lowest_clear_hz(record: Record) -> float | None:
    """Where to high-pass a record: one band below those in which the shaking stands above the noise.

    Lower, taking the instrument off would only magnify noise, of an accelerometer more than of any other; without
    the band below, the filter's flank would cut into the signal. None when nothing stands above the noise.
    """
    edges = band_edges(record.onset, record.rate_hz)
    noise = band_power(record.noise, record.rate_hz, edges)
    clear = clear_bands(band_power(record.shaking, record.rate_hz, edges), noise)
    return None if clear.start == clear.stop else float(edges[max(clear.start - 1, 0)])


def displacement(
    record: Record, response: Response, lowest_hz: float, *, pendulum: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """What the ground did, m, sample by sample: instrument taken off, high-passed without shift in time.

    response   of that channel; without poles and zeros it counts as flat
    lowest_hz  corner of the high-pass, > 0; slower motion, and a lasting offset, are not in the result
    pendulum   free period, s, and damping of a pendulum to see it through; None for the ground itself
    """
    samples = record.samples
    # room for the high-pass to ring down without coming round again
    size = fft.next_fast_len(len(samples) + int(2 * record.rate_hz / lowest_hz), real=True)
    frequency = fft.rfftfreq(size, 1 / record.rate_hz)[1:]
    spectrum = fft.rfft(samples * _taper(record), size)
    spectrum[0] = 0.0
    spectrum[1:] *= counts_to_displacement(frequency, response) * passband(frequency, record.rate_hz, lowest_hz)
    if pendulum is not None:
        period_s, damping = pendulum
        s, natural = 2j * np.pi * frequency, 2 * np.pi / period_s
        spectrum[1:] *= s**2 / (s**2 + 2 * damping * natural * s + natural**2)
    return np.asarray(fft.irfft(spectrum, size)[: len(samples)], dtype=np.float64)


def passband(frequency_hz: NDArray[np.float64], rate_hz: float, lowest_hz: float) -> NDArray[np.float64]:
    """The share kept: from lowest_hz up, falling to nothing over the last quarter of what the response is good for."""
    high = 1.0 / (1.0 + (lowest_hz / frequency_hz) ** (2 * HIGHPASS_ORDER))
    fall = np.clip(4 * frequency_hz / (USABLE_OF_NYQUIST * rate_hz / 2) - 3, 0.0, 1.0)
    return np.asarray(high * (0.5 + 0.5 * np.cos(np.pi * fall)), dtype=np.float64)


def _taper(record: Record) -> NDArray[np.float64]:
    """Ones, rising over the first noise and falling after the window, or at its end when nothing follows it."""
    count = len(record.samples)
    rise = int(TAPERED * record.onset)
    fall = max(count - record.end, int(SHORTEST_TAPER_S * record.rate_hz))
    taper = np.ones(count)
    taper[:rise] = 0.5 - 0.5 * np.cos(np.pi * np.arange(rise) / max(rise, 1))
    taper[count - fall :] = 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fall + 1) / fall)
    return taper


def causal_displacement(
    record: Record, response: Response, highpass_hz: float, lowpass_hz: float | None = None
) -> NDArray[np.float64]:
    """Ground displacement, m, that at no instant knows what comes after: for reading P before a larger S.

    response     of that channel; without poles and zeros it counts as flat
    highpass_hz  corner of a Butterworth filter of two poles, run once; lowpass_hz: of another, None without
    """
    # room for the filter to ring down
    size = fft.next_fast_len(len(record.samples) + int(4 * record.rate_hz / highpass_hz), real=True)
    frequency = fft.rfftfreq(size, 1 / record.rate_hz)[1:]
    spectrum = fft.rfft(record.samples * _taper(record), size)
    spectrum[0] = 0.0
    s = 2j * np.pi * frequency
    spectrum[1:] *= counts_to_displacement(frequency, response) * _two_poles(s, highpass_hz, s**2)
    spectrum[1:] *= passband(frequency, record.rate_hz, highpass_hz / 100)
    if lowpass_hz is not None:
        spectrum[1:] *= _two_poles(s, lowpass_hz, np.full_like(s, (2 * np.pi * lowpass_hz) ** 2))
    return np.asarray(fft.irfft(spectrum, size)[: len(record.samples)], dtype=np.float64)


def _two_poles(s: NDArray[np.complex128], corner_hz: float, top: NDArray[np.complex128]) -> NDArray[np.complex128]:
    natural = 2 * np.pi * corner_hz
    return np.asarray(top / (s**2 + np.sqrt(2) * natural * s + natural**2), dtype=np.complex128)
