"""Motions of the twin without noise or instruments, for comparison with what is published."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.shake.oscillator import pseudo_acceleration
from houfeng.twin.chance import Purpose, chance
from houfeng.twin.made import MadeQuake, MadeStation, Site
from houfeng.twin.motion import Case, Ground, Motion, shake
from houfeng.twin.path import VERTICAL_POWER, log_site_amplification
from houfeng.twin.rays import rays_of
from houfeng.twin.rupture import Rupture, rupture
from houfeng.twin.scenario_toml import packaged_scenario
from houfeng.twin.source import radiation, usual_stress_pa
from houfeng.words.earth import travelled
from houfeng.words.station import Station

CRUST = packaged_scenario("city").crust
RATE_HZ = 100.0
PERIODS_S = {"psa03": 0.3, "psa10": 1.0, "psa30": 3.0}
CENTRE = (30.0, 114.0)


@dataclass(frozen=True, slots=True)
class Made:
    """One quake at one station of ordinary ground."""

    quake: MadeQuake
    rupture: Rupture
    motion: Motion
    epicentral_m: float
    hypocentral_m: float
    surface_m: float
    travel_s: float
    site: Site
    sv: float
    sh: float

    @property
    def acceleration(self) -> NDArray[np.float64]:
        """Up, north, east, m/s2."""
        return np.asarray(fft.irfft(self.motion.spectrum, self.motion.count))

    def integral(self, times: int) -> NDArray[np.float64]:
        """Velocity (1) or displacement (2)."""
        frequency = fft.rfftfreq(self.motion.count, 1 / RATE_HZ)
        turn = 2j * np.pi * np.where(frequency > 0, frequency, 1.0)
        return np.asarray(fft.irfft(self.motion.spectrum / turn**times, self.motion.count))

    def site_factor(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the ground makes of up, north and east, [3, lines]."""
        factor = log_site_amplification(frequency_hz)
        return np.asarray(np.exp(np.stack([VERTICAL_POWER * factor, factor, factor]) + self.site.log_gain))

    def measures(self) -> dict[str, float]:
        """The larger horizontal's peaks and spectral accelerations."""
        level, speed = self.acceleration[1:], self.integral(1)[1:]
        spectra = [pseudo_acceleration(one, RATE_HZ, list(PERIODS_S.values())) for one in level]
        told = dict(zip(PERIODS_S, np.max(spectra, axis=0).tolist(), strict=True))
        return {"pga": float(np.abs(level).max()), "pgv": float(np.abs(speed).max()), **told}


def made(magnitudes: list[float], distances_m: list[float], quakes: int, around: int, seed: int = 7) -> Iterator[Made]:
    """Quakes of each magnitude, each with stations around it at each distance."""
    rng = chance(seed, Purpose.LAYOUT)
    away = np.repeat(distances_m, around)
    angle = rng.uniform(0, 2 * np.pi, len(away))
    places = travelled(*CENTRE, away * np.cos(angle), away * np.sin(angle))
    stations = []
    for number, (latitude, longitude) in enumerate(zip(*places, strict=True)):
        site = Site(0.035 * float(np.exp(rng.normal(0, 0.2))), float(rng.normal(0, 0.25)), 0.3, 0.0)
        stations.append(MadeStation(number, Station("XX", f"S{number}", latitude, longitude), "broadband", site))
    times = TravelTimes(CRUST.model, max_distance_m=300e3, min_depth_m=0.0, max_depth_m=60e3, elevations_m=np.zeros(1))
    ground = Ground(CRUST, RATE_HZ, 2**31)
    for number in range(len(magnitudes) * quakes):
        magnitude = magnitudes[number // quakes]
        angles = float(rng.uniform(0, 360)), float(rng.uniform(45, 90)), float(rng.choice([-90, 0, 90, 180]))
        stress = usual_stress_pa(magnitude) * float(np.exp(rng.normal(0, 0.3)))
        quake = MadeQuake(0, *CENTRE, 10e3, magnitude, *angles, stress)
        broken = rupture(quake, CRUST, chance(seed, Purpose.RUPTURE, number))
        rays = rays_of(quake, broken, stations, times, CRUST)
        flat_m = np.sqrt(np.maximum(rays.hypocentral_m**2 - broken.depth_m**2, 0)).min(axis=1)
        _, sv, sh = radiation(*angles, rays.azimuth_deg, rays.takeoff_deg["S"])
        for station in stations:
            row = station.number
            motion = shake(
                Case(quake, broken, rays, row, station.site, 10.0), ground, chance(seed, Purpose.MOTION, number, row)
            )
            assert motion is not None
            yield Made(
                quake,
                broken,
                motion,
                float(rays.epicentral_m[row]),
                float(rays.hypocentral_m[row, 0]),
                float(flat_m[row]),
                float(rays.seconds["S"][row, 0]),
                station.site,
                float(sv[row]),
                float(sh[row]),
            )
