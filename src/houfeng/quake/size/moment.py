"""Seismic moment from the spectrum of one station's S waves.

Steps:
1. the spectrum of the horizontals around S, less that of the noise, as displacement;
2. what an ordinary rock site adds taken off, the Brune spectrum Omega0 exp(-pi f t*) / (1 + (f / fc)^2) that
   fits best over the bands clear of noise;
3. moment from the plateau Omega0, and from that Mw.
Unlike ML this needs no correction calibrated for a region, and holds below the crust.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.size.record import Record
from houfeng.quake.size.spectrum import band_edges, band_power, clear_bands, counts_to_displacement
from houfeng.words.station import Response

#: Brune 1970, doi:10.1029/JB075i026p04997; moment magnitude by Hanks & Kanamori 1979, doi:10.1029/JB084iB05p02348,
#: in the IASPEI form with M0 in N m.
RELATION = "Brune 1970 S-wave spectra, doi:10.1029/JB075i026p04997"

#: Average S radiation over the focal sphere: Boore & Boatwright 1984, doi:10.1785/BSSA0740051615.
RADIATION = 0.63

#: A free surface doubles what comes from below.
FREE_SURFACE = 2.0

#: Top of the layer in km, S speed in m/s and density in kg/m3 there: ak135, Kennett, Engdahl & Buland 1995,
#: doi:10.1111/j.1365-246X.1995.tb03540.x. The slow growth inside the mantle changes Mw by less than 0.02.
EARTH = (
    (0.0, 3460.0, 2720.0),
    (20.0, 3850.0, 2920.0),
    (35.0, 4480.0, 3320.0),
    (210.0, 4523.0, 3426.0),
    (410.0, 5080.0, 3756.0),
)

#: What rock weathered as usual (vs30 620 m/s) makes of a wave from below, frequency in Hz and factor: Boore &
#: Joyner 1997, doi:10.1785/BSSA0870020327. Without it the plateau would be that of the ground, not of the source.
SITE_HZ = (0.01, 0.09, 0.16, 0.51, 0.84, 1.25, 2.26, 3.17, 6.05, 16.6, 61.2)
SITE_FACTOR = (1.0, 1.10, 1.18, 1.42, 1.58, 1.74, 2.06, 2.25, 2.58, 3.13, 4.0)

#: Attenuation: 0.035 s below such a site (same source) and Q of 600 on the way, the middle of what crust has; the
#: fit may choose from a third to three times as much.
SITE_ATTENUATION_S = 0.035
PATH_Q = 600.0
ATTENUATION_CHOICE = np.geomspace(1 / 3, 3, 9)

#: Two octaves show both a plateau and its end.
LEAST_BANDS = 4

#: The plateau must be seen, not guessed: the corner lies an octave above the lowest band, or more.
PLATEAU_OCTAVE = 2.0

#: The S wave and what is scattered close behind it: this share of its travel time, and at least long enough for
#: the rupture of an M 6 (some 15 km at 2.5 km/s).
S_SHARE = 0.3
LEAST_S_S = 6.0


@dataclass(frozen=True, slots=True)
class Plateau:
    """What a spectrum says of its source.

    omega_m_s   plateau of the displacement spectrum, m s
    corner_hz   corner frequency
    snr         amplitude ratio of signal to noise where it is clearest
    """

    omega_m_s: float
    corner_hz: float
    snr: float


def s_plateau(records: Sequence[tuple[Record, Response]], s_travel_s: float) -> Plateau | str:
    """Fit one station's S spectrum, or say why that cannot be done.

    records     its horizontals, unclipped, of one rate; one alone counts as half the energy
    s_travel_s  travel time of the S wave, s, > 0
    """
    first = records[0][0]
    edges = band_edges(min(record.onset for record, _ in records), first.rate_hz)
    middle = np.sqrt(edges[:-1] * edges[1:])
    power, noise_power, length_s = np.zeros(len(middle)), np.zeros(len(middle)), 0.0
    for record, response in records:
        before = int(0.1 * (record.s - record.onset))
        after = int(max(LEAST_S_S, S_SHARE * s_travel_s) * record.rate_hz)
        shaking = record.samples[record.s - before : min(record.s + after, record.end)]
        length_s = len(shaking) / record.rate_hz
        to_m2 = np.abs(counts_to_displacement(middle, response)) ** 2
        power += band_power(shaking, record.rate_hz, edges) * to_m2
        noise_power += band_power(record.noise, record.rate_hz, edges) * to_m2
    clear = clear_bands(power, noise_power)
    keep = slice(max(clear.start, int(np.searchsorted(edges, 1 / length_s))), clear.stop)
    if keep.stop - keep.start < LEAST_BANDS:
        return "the plateau of its S spectrum is lost in noise"
    # one-sided power density times duration is twice the squared amplitude spectrum
    amplitude = np.sqrt((power - noise_power)[keep] * length_s / 2 * (2 / len(records)))
    amplitude /= np.interp(np.log(middle[keep]), np.log(SITE_HZ), SITE_FACTOR)
    t_star = ATTENUATION_CHOICE * (SITE_ATTENUATION_S + s_travel_s / PATH_Q)
    omega, corner_hz = _brune(middle[keep], amplitude, t_star)
    if corner_hz < PLATEAU_OCTAVE * edges[keep.start]:
        return "the plateau of its S spectrum is lost in noise"
    snr = float(np.sqrt(np.max(power[keep] / np.maximum(noise_power[keep], np.finfo(np.float64).tiny))))
    return Plateau(omega, corner_hz, snr)


def moment_magnitude(omega_m_s: float, distance_m: float, depth_m: float) -> float:
    """Moment magnitude from an S-wave plateau.

    omega_m_s   m s, > 0
    distance_m  hypocentral, > 0
    depth_m     of the source, below sea level

    M0 = 4 pi sqrt(rho_s rho_r beta_s^5 beta_r) R Omega / (radiation free_surface), source s and receiver r apart:
    Aki & Richards 2002, Quantitative Seismology, chapter 4. Mw = (log10 M0 - 9.1) / 1.5.
    """
    beta, density = speed_and_density(depth_m)
    surface_beta, surface_density = speed_and_density(0.0)
    impedance = np.sqrt(density * surface_density * beta**5 * surface_beta)
    moment = 4 * np.pi * impedance * distance_m * omega_m_s / (RADIATION * FREE_SURFACE)
    return float((np.log10(moment) - 9.1) / 1.5)


def speed_and_density(depth_m: float) -> tuple[float, float]:
    """S speed in m/s and density in kg/m3 at a depth below sea level."""
    rows = [row for row in EARTH if row[0] * 1000.0 <= max(depth_m, 0.0)]
    return rows[-1][1], rows[-1][2]


def _brune(
    frequency_hz: NDArray[np.float64], amplitude: NDArray[np.float64], t_star_s: NDArray[np.float64]
) -> tuple[float, float]:
    """Plateau and corner of the best fit by least squares in the logarithm, over a grid of corners and t*."""
    corners = np.geomspace(frequency_hz[0] / 2, frequency_hz[-1], 60)[:, None, None]
    shape = -np.log(1 + (frequency_hz / corners) ** 2) - np.pi * frequency_hz * t_star_s[:, None]
    level = (np.log(amplitude) - shape).mean(axis=2)
    misfit = ((np.log(amplitude) - shape - level[:, :, None]) ** 2).sum(axis=2)
    row, column = np.unravel_index(np.argmin(misfit), misfit.shape)
    return float(np.exp(level[row, column])), float(corners[row, 0, 0])
