"""What the way takes from a wave and adds to it: spreading, attenuation, duration, coda, site.

Numbers are those of active crust, fitted to California; the spreading and Q of a scenario's crust are its own.
"""

from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from houfeng.words.quake import Phase

#: Body waves spread as 1/R up to here, then guided ones as its root, m: Raoof, Herrmann & Malagnini 1999,
#: doi:10.1785/BSSA0890040888 (Southern California, 15 to 500 km).
BODY_WAVES_M = 40_000.0
REFERENCE_M = 1_000.0

#: How long the way makes S, from hypocentral distance (km) to duration (s), and s per km beyond: Boore & Thompson
#: 2014, doi:10.1785/0120140058, table 1, active crust.
DURATION_KM = (0.0, 7.0, 45.0, 125.0, 175.0, 270.0)
DURATION_S = (0.0, 2.4, 8.4, 10.9, 17.4, 34.2)
DURATION_BEYOND_S_PER_KM = 0.156

#: The window of shaking: Saragoni & Hart 1974, doi:10.1002/eqe.4290020305. It peaks at a share of its length, has
#: fallen to ETA at its end, and is this many durations long. Boore 2003 lets strong motion peak at 0.2 of it; P and S
#: of near quakes come at once, and pickers take a late peak for a second onset.
PEAKS_AT: Mapping[Phase, float] = {"P": 0.02, "S": 0.05}
ETA, WINDOW_DURATIONS = 0.05, 2.0

#: What generic rock (vs30 620 m/s) makes of a wave from below: Boore & Joyner 1997, doi:10.1785/BSSA0870020327, Hz.
SITE_HZ = (0.01, 0.09, 0.16, 0.51, 0.84, 1.25, 2.26, 3.17, 6.05, 16.6, 61.2)
SITE_FACTOR = (1.0, 1.10, 1.18, 1.42, 1.58, 1.74, 2.06, 2.25, 2.58, 3.13, 4.0)

#: Of a factor on horizontals this power acts on verticals: over the range of S speeds of generic rock the logarithm of
#: the P speed varies about half as much (Brocher 2005, doi:10.1785/0120050077, equation 9).
VERTICAL_POWER = 0.5

#: Scattering per metre in the crust, 1 to 30 Hz: the middle of those in Sato, Fehler & Maeda 2012, Seismic Wave
#: Propagation and Scattering in the Heterogeneous Earth, doi:10.1007/978-3-642-23029-5, chapter 3 (1e-6 to 1e-4).
SCATTERING_PER_M = 1e-5


def spreading(distance_m: ArrayLike) -> NDArray[np.float64]:
    """Amplitude over that at 1 km.

    distance_m  hypocentral, > 0; nearer than 1 km counts as 1 km
    """
    distance = np.maximum(np.asarray(distance_m, dtype=np.float64), REFERENCE_M)
    beyond = np.sqrt(BODY_WAVES_M / np.maximum(distance, BODY_WAVES_M))
    return np.asarray(REFERENCE_M / np.minimum(distance, BODY_WAVES_M) * beyond)


def path_duration_s(distance_m: ArrayLike) -> NDArray[np.float64]:
    """What the way adds to the duration of S, s, by hypocentral distance."""
    km = np.asarray(distance_m, dtype=np.float64) / 1000.0
    beyond = np.maximum(km - DURATION_KM[-1], 0.0) * DURATION_BEYOND_S_PER_KM
    return np.asarray(np.interp(km, DURATION_KM, DURATION_S) + beyond)


def log_attenuation(
    frequency_hz: NDArray[np.float64], travel_s: float, q: float, q_exponent: float, kappa_s: float
) -> NDArray[np.float64]:
    """Natural logarithm of what way and site leave of each frequency.

    q  quality factor at 1 Hz; it grows as frequency to the power q_exponent
    """
    return np.asarray(-np.pi * (travel_s / q * frequency_hz ** (1.0 - q_exponent) + kappa_s * frequency_hz))


def log_site_amplification(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of generic rock's factor on horizontals."""
    at = np.log(np.maximum(frequency_hz, SITE_HZ[0]))
    return np.asarray(np.interp(at, np.log(SITE_HZ), np.log(SITE_FACTOR)))


def causal(log_amplitude: NDArray[np.float64], count: int) -> NDArray[np.complex128]:
    """The spectrum with these amplitudes that lets nothing come before its cause: minimum phase.

    log_amplitude  natural logarithm at the lines of a record of count samples, count even

    Anything else would let a strong onset be seen before it arrives. Through the cepstrum: Oppenheim & Schafer 1975,
    Digital Signal Processing, section 7.2.
    """
    cepstrum = fft.irfft(log_amplitude, count)
    cepstrum[1 : count // 2] *= 2
    cepstrum[count // 2 + 1 :] = 0
    return np.asarray(np.exp(fft.rfft(cepstrum)), dtype=np.complex128)


@njit(cache=True, error_model="numpy")
def add_windows(
    power: NDArray[np.float64],
    onset: NDArray[np.float64],
    length: NDArray[np.float64],
    energy: NDArray[np.float64],
    peaks_at: float,
) -> None:
    """Add windows of shaking to the power of a noise, each of unit energy times its own.

    power   [n] changed in place
    onset   [m] in samples, may lie between two
    length  [m] whole window, samples, > 0
    """
    fall = -peaks_at * np.log(ETA) / (1 + peaks_at * (np.log(peaks_at) - 1))
    for j in range(len(onset)):
        first = max(int(np.ceil(onset[j])), 0)
        # past its nominal end the window goes on falling: it has fallen to 0.02 % at twice its length
        last = min(int(onset[j] + 2 * length[j]) + 2, len(power))
        window = np.empty(max(last - first, 0))
        for i in range(first, last):
            x = max((i - onset[j]) / length[j], 1e-9) / peaks_at
            window[i - first] = x ** (2 * fall) * np.exp(2 * fall * (1 - x))
        total = window.sum()
        if total > 0.0:
            power[first:last] += energy[j] / total * window


@njit(cache=True, error_model="numpy")
def coda_power(
    count: int, start_s: float, step_s: float, travel_s: float, speed_mps: float, loss_per_s: float
) -> NDArray[np.float64]:
    """Power per second of single scattering over the energy of the wave itself, [count] lapse times.

    start_s     lapse time of the first, from the origin time
    loss_per_s  2 pi f / Q

    Source: Sato 1977, doi:10.4294/jpe1952.25.27: scattering x speed x K(x) with K(x) = ln((x + 1) / (x - 1)) / x and x
    lapse over travel time. K is infinite at the wave itself, where the window of shaking stands for it.
    """
    out = np.zeros(count)
    for i in range(count):
        x = (start_s + i * step_s) / travel_s
        if x > 1.0:
            # fades in over half the travel time: what comes sooner is the window of shaking
            fade = min(2 * (x - 1.0), 1.0)
            y = max(x, 1.1)
            out[i] = fade * SCATTERING_PER_M * speed_mps * np.log((y + 1) / (y - 1)) / y
            out[i] *= np.exp(-loss_per_s * (x - 1.0) * travel_s)
    return out
