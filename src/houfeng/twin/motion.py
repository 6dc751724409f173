"""How the ground moves at one station in one quake: the stochastic method, with phases, onsets and coda.

Steps (Boore 2003, doi:10.1007/PL00012553, for each of P and S):
1. an excitation of flat spectrum: a pulse at the onset, noise under windows of shaking, and coda;
2. shaped as acceleration: omega-squared source, spreading, attenuation with the delays that causes ask for;
3. turned from along the ray, SV and SH into up, north and east, doubled by the free surface, amplified by the ground.

There are no surface waves, no conversions and no basins here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

from houfeng.twin.crust import Crust
from houfeng.twin.excitation import Coming, excite
from houfeng.twin.made import MadeQuake, Site
from houfeng.twin.path import (
    PEAKS_AT,
    REFERENCE_M,
    VERTICAL_POWER,
    WINDOW_DURATIONS,
    causal,
    log_attenuation,
    log_site_amplification,
    path_duration_s,
    spreading,
)
from houfeng.twin.rays import PHASES, Rays
from houfeng.twin.rupture import Rupture
from houfeng.twin.source import MEAN_P, MEAN_SH, MEAN_SV, P_CORNER_RATIO, radiation, seen_radiation
from houfeng.words.quake import Phase

FREE_SURFACE = 2.0

#: Share of the noise that has lost its direction of motion.
DEPOLARISED = 0.3

#: Kappa of P over that of S: weathered rock has P at least twice as fast as S, and like Q.
P_KAPPA_RATIO = 0.5

#: Middles of the bands in which the coda of S decays by itself; that of P is soon covered: one band.
CODA_HZ: Mapping[Phase, tuple[float, ...]] = {"P": (6.0,), "S": (1.0, 2.5, 6.0, 15.0)}

#: A record begins so long before P, and lasts as long as coda is usually read, M = -0.87 + 2 log10 s: Lee, Bennett &
#: Meagher 1972, doi:10.3133/ofr72223; but not longer than this.
BEFORE_S, LONGEST_S = 1.0, 240.0
#: Frequencies above this share of Nyquist fall to next to nothing, as the digitiser's own filter makes them.
KEPT_OF_NYQUIST, LEFT_AT_NYQUIST = 0.8, 1e-3


@dataclass(frozen=True, slots=True)
class Ground:
    """What motions are made with: the crust, and the sampling.

    rate_hz  > 0
    samples  of the whole recording: nothing is made beyond
    """

    crust: Crust
    rate_hz: float
    samples: int


@dataclass(frozen=True, slots=True)
class Motion:
    """Acceleration of the ground in one quake at one station.

    first     number of its first sample, from the recording's start; below zero when it began before
    count     of samples
    spectrum  [3, count // 2 + 1] of up, north, east: numpy's rfft of m/s2
    onset     by phase: sample after the first at which it arrives, may lie between two
    """

    first: int
    count: int
    spectrum: NDArray[np.complex128]
    onset: Mapping[Phase, float]


@dataclass(frozen=True, slots=True)
class Case:
    """One quake at one station.

    rays      of all stations; row is this one's
    origin_s  origin time after the recording's first sample
    """

    quake: MadeQuake
    rupture: Rupture
    rays: Rays
    row: int
    site: Site
    origin_s: float

    def duration_s(self, phase: Phase, crust: Crust) -> NDArray[np.float64]:
        """How long each patch shakes the station; scattering detours are as long for P, and quicker."""
        source_hz = self.rupture.class_hz[self.rupture.patch_class] * (P_CORNER_RATIO if phase == "P" else 1.0)
        speeds = (crust.speed_mps("S", self.quake.depth_m), crust.speed_mps(phase, self.quake.depth_m))
        return np.asarray(1 / source_hz + path_duration_s(self.rays.hypocentral_m[self.row]) * speeds[0] / speeds[1])


def shake(case: Case, ground: Ground, rng: Generator) -> Motion | None:
    """Make the motion of one quake at one station; None where it arrives after the recording.

    rng  of this quake and station
    """
    rate_hz = ground.rate_hz
    arrive_s = {phase: case.rays.seconds[phase][case.row] + case.origin_s for phase in PHASES}
    first = int(np.floor((arrive_s["P"].min() - BEFORE_S) * rate_hz))
    count = _count(case, arrive_s, first, ground)
    if count < 2:
        return None
    frequency = fft.rfftfreq(count, 1 / rate_hz)
    total = np.zeros((3, len(frequency)), np.complex128)
    for phase in PHASES:
        coming = _coming(case, phase, arrive_s[phase] * rate_hz - first, ground)
        total += _turned(case, phase, _shaped(case, phase, coming, frequency, count, ground, rng))
    amplify, digitise = log_site_amplification(frequency), _log_filter(frequency, rate_hz)
    total[0] *= causal(VERTICAL_POWER * amplify + digitise, count)
    total[1:] *= causal(amplify + digitise, count)
    total *= np.exp(case.site.log_gain) * rate_hz
    onset = {phase: float(arrive_s[phase][0] * rate_hz - first) for phase in PHASES}
    total[:, 0] = 0.0  # no quake leaves the ground under way
    return Motion(first, count, total, onset)


def _count(case: Case, arrive_s: Mapping[Phase, NDArray[np.float64]], first: int, ground: Ground) -> int:
    """Samples of the record: until the windows have closed and the coda is usually lost, or the recording ends."""
    windows_s = 1.25 * WINDOW_DURATIONS * case.duration_s("S", ground.crust)
    shaking_s = float(np.max(arrive_s["S"] + windows_s) - arrive_s["P"].min())
    coda_s = min(10 ** ((case.quake.magnitude + 0.87) / 2), LONGEST_S)
    wanted = int((max(shaking_s, coda_s) + BEFORE_S) * ground.rate_hz)
    left = ground.samples - first
    return 2 * int(fft.next_fast_len(min(wanted, left) // 2, real=True)) if left > 1 else 0


def _coming(case: Case, phase: Phase, onset: NDArray[np.float64], ground: Ground) -> Coming:
    crust, depth_m = ground.crust, case.quake.depth_m
    distance_m = case.rays.hypocentral_m[case.row]
    return Coming(
        onset=onset,
        window=WINDOW_DURATIONS * case.duration_s(phase, crust) * ground.rate_hz,
        peaks_at=PEAKS_AT[phase],
        energy=(case.rupture.weight * spreading(distance_m)) ** 2,
        patch_class=case.rupture.patch_class,
        distance_m=float(distance_m[0]),
        travel_s=float(case.rays.seconds[phase][case.row, 0] - case.rupture.delay_s[0]),
        speed_mps=crust.speed_mps(phase, depth_m),
        q=crust.path_q(phase, depth_m),
        q_exponent=crust.q_exponent,
        coda_hz=CODA_HZ[phase],
    )


def _shaped(
    case: Case, phase: Phase, coming: Coming, frequency: NDArray[np.float64], count: int, ground: Ground, rng: Generator
) -> NDArray[np.complex128]:
    """Acceleration spectrum along the ray, along SV and along SH, [3, lines], before the surface."""
    excitation = excite(coming, count, ground.rate_hz, rng)
    rupture, ratio = case.rupture, P_CORNER_RATIO if phase == "P" else 1.0
    kappa_s = case.site.kappa_s * (P_KAPPA_RATIO if phase == "P" else 1.0)
    lost = causal(log_attenuation(frequency, coming.travel_s, coming.q, coming.q_exponent, kappa_s), count)
    density = ground.crust.density_at(case.quake.depth_m)
    far = rupture.moment_nm / (4 * np.pi * density * coming.speed_mps**3 * REFERENCE_M)
    common = far * (2j * np.pi * frequency) ** 2 * lost
    patches = common * causal(np.log(rupture.restored(frequency / ratio)), count)
    classes = [patches / (1 + 1j * frequency / (ratio * hz)) ** 2 for hz in rupture.class_hz]
    pulse = sum(shape * excitation.pulse[k] for k, shape in enumerate(classes))
    noise = sum(shape * excitation.noise[k] for k, shape in enumerate(classes))
    coda = common / (1 + 1j * frequency / (ratio * rupture.corner_hz)) ** 2 * excitation.coda
    ordered, mixed = _seen(case, phase, frequency, count)
    mean = np.sqrt((MEAN_P**2 if phase == "P" else MEAN_SV**2 + MEAN_SH**2) / 3)
    return np.asarray(ordered * pulse + mixed * noise + mean * coda)


def _seen(
    case: Case, phase: Phase, frequency: NDArray[np.float64], count: int
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Radiation along the ray, SV and SH, [3, lines]: of the pulse, and of the noise, some of which has strayed."""
    quake, rays = case.quake, case.rays
    angles = (quake.strike_deg, quake.dip_deg, quake.rake_deg, rays.azimuth_deg[case.row])
    p, sv, sh = (float(one) for one in radiation(*angles, rays.takeoff_deg[phase][case.row]))
    patterns = ((p, MEAN_P),) if phase == "P" else ((sv, MEAN_SV), (sh, MEAN_SH))
    size = [seen_radiation(frequency, *pattern) for pattern in patterns]
    signed = [
        np.copysign(1.0, pattern) * causal(np.log(one), count) for (pattern, _), one in zip(patterns, size, strict=True)
    ]
    stray = DEPOLARISED / 3 * np.sum(np.square(size), axis=0)
    mixed = [causal(0.5 * np.log((1 - DEPOLARISED) * one**2 + stray), count) for one in size]
    strays, nothing = causal(0.5 * np.log(stray), count), np.zeros(len(frequency))
    if phase == "P":
        return np.stack([*signed, nothing, nothing]), np.stack([*mixed, strays, strays])
    return np.stack([nothing, *signed]), np.stack([strays, *mixed])


def _turned(case: Case, phase: Phase, along: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """From along the ray, SV and SH to up, north and east at the free surface."""
    steep, heading = np.radians(case.rays.incidence_deg[phase][case.row]), np.radians(case.rays.heading_deg[case.row])
    north, east = np.cos(heading), np.sin(heading)
    turn = np.array(
        [
            [np.cos(steep), np.sin(steep), 0.0],
            [np.sin(steep) * north, -np.cos(steep) * north, -east],
            [np.sin(steep) * east, -np.cos(steep) * east, north],
        ]
    )
    return np.asarray(FREE_SURFACE * (turn @ along))


def _log_filter(frequency_hz: NDArray[np.float64], rate_hz: float) -> NDArray[np.float64]:
    """Natural logarithm of the digitiser's own filter: one, falling to a thousandth from KEPT_OF_NYQUIST to Nyquist."""
    fall = np.clip((frequency_hz / (rate_hz / 2) - KEPT_OF_NYQUIST) / (1 - KEPT_OF_NYQUIST), 0.0, 1.0)
    return np.asarray(np.log(LEFT_AT_NYQUIST) * 0.5 * (1 - np.cos(np.pi * fall)), dtype=np.float64)
