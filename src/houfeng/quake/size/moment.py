"""Seismic moment from the spectrum of one station's P or S waves.

Steps:
1. displacement of the whole record, and only then the stretch around the wave: cutting first would leak the strong
   high frequencies of an accelerogram into the low ones, and integration would turn that leak into a false plateau;
2. the spectrum there, less that of the noise, and what an ordinary site adds taken off;
3. every spectrum Omega0 exp(-pi f t*) / (1 + (f / fc)^2n)^(1/n) weighed by its misfit over the bands clear of noise,
   by how usual its attenuation is, and by how usual the stress drop is that its moment and corner come to;
4. once more over a longer stretch of S when the rupture turns out to last longer;
5. moment from the plateau Omega0 and its spread among those weights, and from that Mw.
Unlike ML this needs no correction calibrated for a region, and holds below the crust.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.size.ground import TAPERED, displacement, lowest_clear_hz, passband
from houfeng.quake.size.path import CORNER, Wave, Way, moment_per_omega, site_factor
from houfeng.quake.size.record import Record
from houfeng.quake.size.spectrum import band_edges, band_power, clear_bands
from houfeng.words.station import Response

#: Brune 1970, doi:10.1029/JB075i026p04997; moment magnitude by Hanks & Kanamori 1979, doi:10.1029/JB084iB05p02348,
#: in the IASPEI form with M0 in N m.
RELATION = "Brune 1970 spectra of P and S, doi:10.1029/JB075i026p04997"

#: How sharply the spectrum bends at its corner: n = 1 is Brune's gentle bend, 2 that of Boatwright 1980,
#: Bull. Seismol. Soc. Am. 70:1-27. Both fall with the square of frequency; records bear out now one, now the other.
SHARPNESS = (1.0, 2.0)

#: Attenuation: 0.035 s below an ordinary rock site (Boore & Joyner 1997, doi:10.1785/BSSA0870020327) and Q of 600 on
#: the way, the middle of what crust has; the ends of the choice are two standard deviations away.
SITE_ATTENUATION_S = 0.035
PATH_Q = 600.0
ATTENUATION_CHOICE = np.geomspace(1 / 3, 3, 9)
ATTENUATION_SPREAD = np.log(3) / 2

#: Median stress drop of earthquakes, Pa, and its spread, a factor of four either way: Allmann & Shearer 2009,
#: doi:10.1029/2008JB005821.
STRESS_PA = 4e6
STRESS_SPREAD = np.log(4)

#: How far one independent line of a noise-like spectrum strays from its mean, natural logarithm of amplitude; a band
#: holds about as many lines as its width times the length of the stretch. A site is as uncertain as it amplifies.
LINE_SPREAD = 0.64

#: Two octaves show both a plateau and its end.
LEAST_BANDS = 4

#: A plateau known worse than this, a factor, natural logarithm, is not seen: 0.25 in magnitude.
LARGEST_SPREAD = 0.25 * 1.5 * np.log(10)

#: A spectrum that strays further from every model, mean square in standard deviations, is not that of a source: hum, or
#: ringing of the ground.
LARGEST_MISFIT = 4.0

#: A stretch of S holds what is scattered close behind it: this share of its travel time, at least so long, and at
#: least two periods of the corner, which outlast the rupture. P has the time until S, and must have some.
S_SHARE = 0.3
LEAST_S_S = 6.0
LEAST_P_S = 2.0
RUPTURE_PERIODS = 2.0

#: The wave begins this share of S minus P before it is expected.
EARLIER = 0.1

#: Passes over step 4.
PASSES = 3


@dataclass(frozen=True, slots=True)
class Plateau:
    """What a spectrum says of its source.

    omega_m_s   plateau of the displacement spectrum, m s
    corner_hz   corner frequency
    lowest_hz   lowest frequency that stood clear of noise
    snr         amplitude ratio of signal to noise where it is clearest
    spread      one standard deviation of the natural logarithm of omega_m_s, from the fit alone
    """

    omega_m_s: float
    corner_hz: float
    lowest_hz: float
    snr: float
    spread: float


def plateau(records: Sequence[tuple[Record, Response]], wave: Wave, way: Way) -> Plateau | str:
    """Fit one station's P or S spectrum, or say why that cannot be done.

    records  unclipped, of one rate: for S its horizontals, of which one alone counts as half the energy; for P all
    """
    lost = f"its {wave.phase} spectrum shows no plateau above noise"
    lowest = [hz for hz in (lowest_clear_hz(record) for record, _ in records) if hz is not None]
    if not lowest or len(lowest) < len(records):
        return lost
    lowest_hz = max(lowest)
    moved = [(record, displacement(record, response, lowest_hz)) for record, response in records]
    length_s = max(LEAST_S_S, S_SHARE * way.travel_s)
    fitted: Plateau | None = None
    for _ in range(PASSES):
        fitted = _fit(moved, wave, way, lowest_hz, length_s)
        if fitted is None or wave.phase == "P" or RUPTURE_PERIODS / fitted.corner_hz <= length_s:
            break
        length_s = RUPTURE_PERIODS / fitted.corner_hz
    return fitted or lost


def moment_magnitude(moment_n_m: float) -> float:
    """Mw = (log10 M0 - 9.1) / 1.5 of a seismic moment in N m, > 0."""
    return float((np.log10(moment_n_m) - 9.1) / 1.5)


def _fit(
    moved: Sequence[tuple[Record, NDArray[np.float64]]], wave: Wave, way: Way, lowest_hz: float, length_s: float
) -> Plateau | None:
    rate_hz = moved[0][0].rate_hz
    edges = band_edges(min(record.onset for record, _ in moved), rate_hz)
    middle = np.sqrt(edges[:-1] * edges[1:])
    power, noise_power, shortest_s = np.zeros(len(middle)), np.zeros(len(middle)), length_s
    for record, ground_m in moved:
        stretch = _stretch(record, ground_m, wave, length_s)
        shortest_s = min(shortest_s, len(stretch) / rate_hz)
        if not len(stretch):
            return None
        power += band_power(stretch, rate_hz, edges) * (len(stretch) / rate_hz)
        noise = ground_m[int(TAPERED * record.onset) : record.onset]
        noise_power += band_power(noise, rate_hz, edges) * (len(stretch) / rate_hz)
    if wave.phase == "P" and shortest_s < LEAST_P_S:
        return None
    clear = clear_bands(power, noise_power)
    keep = slice(max(clear.start, int(np.searchsorted(edges, max(1 / shortest_s, lowest_hz)))), clear.stop)
    if keep.stop - keep.start < LEAST_BANDS:
        return None
    site = site_factor(middle[keep], wave, way.soil)
    share = wave.components / len(moved)
    # one-sided power density times duration is twice the squared amplitude spectrum
    amplitude = np.sqrt((power - noise_power)[keep] / 2 * share) / (site * passband(middle[keep], rate_hz, lowest_hz))
    lines = np.maximum(np.diff(edges)[keep] * shortest_s, 1.0)
    spread = np.hypot(LINE_SPREAD / np.sqrt(lines), np.log(site))
    snr = float(np.sqrt(np.max(power[keep] / np.maximum(noise_power[keep], power[keep] * np.finfo(np.float64).eps))))
    seen = _Seen(middle[keep], np.log(amplitude), spread)
    return _weigh(seen, wave, way, float(edges[keep.start]), snr)


def _stretch(record: Record, ground_m: NDArray[np.float64], wave: Wave, length_s: float) -> NDArray[np.float64]:
    early = int(EARLIER * (record.s - record.onset))
    if wave.phase == "P":
        return ground_m[record.onset : record.s - early]
    return ground_m[record.s - early : min(record.s + int(length_s * record.rate_hz), record.end)]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A spectrum: logarithm of amplitude, and one standard deviation of it, by frequency, [bands]."""

    frequency_hz: NDArray[np.float64]
    level: NDArray[np.float64]
    spread: NDArray[np.float64]


def _weigh(seen: _Seen, wave: Wave, way: Way, lowest_hz: float, snr: float) -> Plateau | None:
    """Mean and spread of the plateau over all corners, attenuations and bends, each with its weight."""
    frequency_hz, trust = seen.frequency_hz, seen.spread**-2.0
    corners = np.geomspace(frequency_hz[0] / 4, 2 * frequency_hz[-1], 80)[:, None, None]
    t_star = ATTENUATION_CHOICE[:, None] * (SITE_ATTENUATION_S + way.travel_s / PATH_Q)
    bend = np.array(SHARPNESS)
    shape = -np.log1p((frequency_hz / corners[..., None]) ** (2 * bend[:, None])) / bend[:, None]
    shape = shape - np.pi * frequency_hz * t_star[..., None]
    level = ((seen.level - shape) * trust).sum(axis=-1) / trust.sum()
    misfit = ((seen.level - shape - level[..., None]) ** 2 * trust).sum(axis=-1)
    moment = np.exp(level) * moment_per_omega(wave, way)
    stress = moment * (corners / (CORNER * wave.corner_ratio * way.s_speed_mps)) ** 3
    attenuation = np.log(ATTENUATION_CHOICE)[:, None] / ATTENUATION_SPREAD
    cost = misfit + (np.log(stress / STRESS_PA) / STRESS_SPREAD) ** 2 + attenuation**2
    weight = np.exp(-(cost - cost.min()) / 2)
    weight /= weight.sum()
    mean = float((weight * level).sum())
    doubt = float(np.sqrt((weight * (level - mean) ** 2).sum() + 1 / trust.sum()))
    if doubt > LARGEST_SPREAD or float(misfit.min()) > LARGEST_MISFIT * len(seen.level):
        return None
    corner_hz = float(np.exp((weight * np.log(corners)).sum()))
    return Plateau(float(np.exp(mean)), corner_hz, lowest_hz, snr, doubt)
