"""What one phase brings to a station before source and way shape it: a pulse, noise under windows, and coda.

All of flat spectrum. The energy of the pulse and the noise of a patch add up to the patch's; the coda comes besides.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

from houfeng.twin.path import SCATTERING_PER_M, add_windows, coda_power

#: Share of the energy that is still one pulse near the source; scattering takes of it on the way. First motions can be
#: read because of it.
PULSE_SHARE = 0.05

#: A record's excitation falls over this share of it, and is silent for the last.
TAPERED, SILENT = 0.1, 0.02


@dataclass(frozen=True, slots=True)
class Coming:
    """One phase as it comes from the patches of a rupture.

    onset        [n] samples after the record's first
    window       [n] samples, length of the window of shaking
    peaks_at     where in it shaking is largest, 0 to 1
    energy       [n] of each patch
    patch_class  [n] which spectrum it has
    distance_m   of the hypocentre
    travel_s     from it
    speed_mps    of the phase
    q            at 1 Hz, growing with frequency to the power q_exponent
    coda_hz      middles of the bands in which its coda decays, rising
    """

    onset: NDArray[np.float64]
    window: NDArray[np.float64]
    peaks_at: float
    energy: NDArray[np.float64]
    patch_class: NDArray[np.int64]
    distance_m: float
    travel_s: float
    speed_mps: float
    q: float
    q_exponent: float
    coda_hz: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Excitation:
    """Spectra as of numpy's rfft, m = count // 2 + 1 lines.

    pulse  [classes, m]
    noise  [classes, 3, m] three that know nothing of each other
    coda   [3, m]
    """

    pulse: NDArray[np.complex128]
    noise: NDArray[np.complex128]
    coda: NDArray[np.complex128]


def excite(coming: Coming, count: int, rate_hz: float, rng: Generator) -> Excitation:
    """Make the excitation of a record of count samples."""
    classes = int(coming.patch_class.max()) + 1
    pulse, power = np.zeros((classes, count)), np.zeros((classes, count))
    share = np.zeros(len(coming.onset))
    share[0] = PULSE_SHARE * np.exp(-SCATTERING_PER_M * coming.distance_m)
    for number in range(classes):
        mine = coming.patch_class == number
        _add_pulses(pulse[number], coming.onset[mine], np.sqrt(share[mine] * coming.energy[mine]))
        add_windows(
            power[number],
            coming.onset[mine],
            coming.window[mine],
            (1 - share[mine]) * coming.energy[mine],
            coming.peaks_at,
        )
    # independent noises under windows of their own are one noise under the sum of their powers
    noise = rng.standard_normal((classes, 3, count)) * (np.sqrt(power) * _end(count))[:, None, :]
    return Excitation(fft.rfft(pulse), fft.rfft(noise), _coda(coming, count, rate_hz, rng))


def _add_pulses(series: NDArray[np.float64], onset: NDArray[np.float64], height: NDArray[np.float64]) -> None:
    """Between two samples a pulse is shared by both: what that takes off above 10 Hz the ground has taken before."""
    whole = np.floor(onset)
    for index, weight in ((whole, 1 - (onset - whole)), (whole + 1, onset - whole)):
        inside = (index >= 0) & (index < len(series))
        np.add.at(series, index[inside].astype(np.int64), (height * weight)[inside])


def _coda(coming: Coming, count: int, rate_hz: float, rng: Generator) -> NDArray[np.complex128]:
    """Noise that fades band by band as single scattering and attenuation make it."""
    white = rng.standard_normal((3, count))
    alone = len(coming.coda_hz) == 1
    lines = white if alone else fft.rfft(white)
    frequency = fft.rfftfreq(count, 1 / rate_hz)
    start_s = coming.travel_s - coming.onset[0] / rate_hz
    total = np.zeros((3, count))
    for middle_hz, band in zip(coming.coda_hz, _bands(frequency, coming.coda_hz), strict=True):
        loss = 2 * np.pi * middle_hz ** (1 - coming.q_exponent) / coming.q
        power = coda_power(count, start_s, 1 / rate_hz, coming.travel_s, coming.speed_mps, loss)
        noise = white if alone else fft.irfft(lines * band, count)
        total += noise * np.sqrt(power * float(coming.energy.sum()) / rate_hz)
    return np.asarray(fft.rfft(total * _end(count)), dtype=np.complex128)


def _end(count: int) -> NDArray[np.float64]:
    """Ones, falling to nothing over the last of a record, and nothing for a while: what rings on has room to."""
    silent, fall = max(int(SILENT * count), 1), max(int(TAPERED * count), 1)
    out = np.ones(count)
    out[count - silent :] = 0.0
    out[count - silent - fall : count - silent] = 0.5 + 0.5 * np.cos(np.pi * np.arange(fall) / fall)
    return out


def _bands(frequency_hz: NDArray[np.float64], middles_hz: tuple[float, ...]) -> NDArray[np.float64]:
    """Bands that add up to one, [bands, lines]: from one middle to the next they give way on a straight line."""
    at = np.interp(np.log(np.maximum(frequency_hz, 1e-9)), np.log(middles_hz), np.arange(len(middles_hz)))
    return np.asarray(np.maximum(1 - np.abs(at - np.arange(len(middles_hz))[:, None]), 0.0), dtype=np.float64)
