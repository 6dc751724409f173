"""Power by frequency band, and where a quake stands above its noise."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import windows

from houfeng.words.station import Response

#: Response holds up to here (see words.Response).
USABLE_OF_NYQUIST = 0.8

#: Longest period of interest, 20 s: no local quake that ML or a single S wave can size has more to say below it.
LOWEST_HZ = 0.05

#: Two bands to the octave: fine enough to follow a spectrum, wide enough to average.
BANDS_PER_OCTAVE = 2

#: Signal over noise amplitude that a band must have to be used.
LEAST_BAND_SNR = 2.0

#: Share of a stretch tapered for its spectrum: little, since shaking may stand at either end.
TAPERED = 0.2


def band_edges(noise_length: int, rate_hz: float) -> NDArray[np.float64]:
    """Edges of the bands that can be judged, Hz: the lowest needs one period of the noise."""
    lowest, highest = max(LOWEST_HZ, rate_hz / noise_length), USABLE_OF_NYQUIST * rate_hz / 2
    count = max(1, round(BANDS_PER_OCTAVE * np.log2(highest / lowest))) if highest > lowest else 1
    return np.geomspace(min(lowest, highest / 2), highest, count + 1)


def band_power(values: NDArray[np.float64], rate_hz: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean power density in each band, counts^2/Hz, of a stretch of any length.

    values  [n], padded so that every band holds a spectral line
    edges   [m + 1] Hz, increasing
    """
    taper = windows.tukey(len(values), TAPERED)
    size = fft.next_fast_len(max(len(values), int(4 * rate_hz / (edges[1] - edges[0]))), real=True)
    lines = np.abs(fft.rfft((values - values.mean()) * taper, size)) ** 2 * (2 / rate_hz / np.sum(taper**2))
    band = np.searchsorted(edges, fft.rfftfreq(size, 1 / rate_hz), side="right") - 1
    inside = (band >= 0) & (band < len(edges) - 1)
    count = np.bincount(band[inside], minlength=len(edges) - 1)
    total = np.bincount(band[inside], weights=lines[inside], minlength=len(edges) - 1)
    return np.asarray(total / np.maximum(count, 1), dtype=np.float64)


def clear_bands(signal_power: NDArray[np.float64], noise_power: NDArray[np.float64]) -> slice:
    """The run of bands, around the clearest one, in which the signal stands above the noise; empty when none does.

    Both as counts^2/Hz of the same channel: the instrument cancels.
    """
    # a record without noise is as clear as numbers tell apart, not infinitely
    least = max(float(signal_power.max()) * np.finfo(np.float64).eps ** 2, np.finfo(np.float64).tiny)
    floor = np.maximum(noise_power, least)
    clear = signal_power >= LEAST_BAND_SNR**2 * floor
    first = last = int(np.argmax(signal_power / floor))
    if not clear[first]:
        return slice(0, 0)
    while first > 0 and clear[first - 1]:
        first -= 1
    while last + 1 < len(clear) and clear[last + 1]:
        last += 1
    return slice(first, last + 1)


def counts_to_displacement(frequency_hz: NDArray[np.float64], response: Response) -> NDArray[np.complex128]:
    """What turns the spectrum of counts into that of ground displacement, m per count; 0 where a channel is deaf.

    frequency_hz  above 0
    """
    instrument = response.at(frequency_hz)
    alive = np.abs(instrument) > 0
    integrate = (2j * np.pi * frequency_hz) ** -{"m": 0.0, "m/s": 1.0, "m/s2": 2.0}[response.input_units]
    return np.where(alive, integrate / np.where(alive, instrument, 1.0), 0.0)
