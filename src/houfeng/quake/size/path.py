"""How much of a source's moment arrives at a station: radiation, rock, spreading and ground."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.quake import Phase

#: A free surface doubles what comes from below.
FREE_SURFACE = 2.0

#: Corner of a circular source: CORNER beta (stress / M0)^(1/3) for S, SI units; Brune 1970,
#: doi:10.1029/JB075i026p04997.
CORNER = 0.4906

#: Top of the layer in km, P and S speed in m/s and density in kg/m3 there: ak135, Kennett, Engdahl & Buland 1995,
#: doi:10.1111/j.1365-246X.1995.tb03540.x. The slow growth inside the mantle changes Mw by less than 0.02.
EARTH = (
    (0.0, 5800.0, 3460.0, 2720.0),
    (20.0, 6500.0, 3850.0, 2920.0),
    (35.0, 8040.0, 4480.0, 3320.0),
    (210.0, 8300.0, 4523.0, 3426.0),
    (410.0, 9360.0, 5080.0, 3756.0),
)

#: Waves that stay in the crust spread over a sphere only until they fill it, from there on over a cylinder: Herrmann &
#: Kijko 1983, doi:10.1785/BSSA0730041157.
CRUST_M = 35_000.0
CYLINDER_FROM_M = 100_000.0

#: What rock weathered as usual (vs30 620 m/s) makes of an S wave from below, frequency in Hz and factor: Boore &
#: Joyner 1997, doi:10.1785/BSSA0870020327. Without it the plateau would be that of the ground, not of the source.
SITE_HZ = (0.01, 0.09, 0.16, 0.51, 0.84, 1.25, 2.26, 3.17, 6.05, 16.6, 61.2)
SITE_FACTOR = (1.0, 1.10, 1.18, 1.42, 1.58, 1.74, 2.06, 2.25, 2.58, 3.13, 4.0)
ROCK_VS30_MPS = 620.0

#: Accelerographs stand where people live, mostly on ground of 180 to 760 m/s (Ancheta et al. 2014,
#: doi:10.1193/070913EQS197M); the middle of that amplifies more than rock by (rock vs30 / vs30)^power, power by
#: frequency in Hz: Borcherdt 1994, doi:10.1193/1.1585791, from Fourier spectra in the San Francisco Bay region.
SOIL_VS30_MPS = 370.0
SOIL_HZ = (0.05, 0.2, 0.7, 1.0, 2.0, 4.0)
SOIL_POWER = (0.0, 0.60, 0.60, 0.65, 0.65, 0.35)

#: Where S is slow P is too, but less: vp = 1.16 vs + 1360 m/s: Castagna, Batzle & Eastwood 1985,
#: doi:10.1190/1.1441933.
MUDROCK = (1.16, 1360.0)


@dataclass(frozen=True, slots=True)
class Wave:
    """A body wave.

    radiation     average over the focal sphere: Boore & Boatwright 1984, doi:10.1785/BSSA0740051615
    components    on how many of a sensor its energy lies
    corner_ratio  its corner frequency over that of S: Madariaga 1976, doi:10.1785/BSSA0660030639
    """

    phase: Phase
    radiation: float
    components: int
    corner_ratio: float


P_WAVE = Wave("P", 0.52, 3, 1.5)
S_WAVE = Wave("S", 0.63, 2, 1.0)


@dataclass(frozen=True, slots=True)
class Way:
    """From the source to one station.

    travel_s    travel time of the wave, s, > 0
    distance_m  hypocentral, > 0
    depth_m     of the source, below sea level
    soil        whether the station is taken to stand on soil, not rock
    """

    travel_s: float
    distance_m: float
    depth_m: float
    soil: bool = False

    @property
    def s_speed_mps(self) -> float:
        """S speed at the source."""
        return _rock(self.depth_m)[1]


def spreading_m(distance_m: float, depth_m: float) -> float:
    """The length that spreading divides a wave's amplitude by: the distance; less beyond 100 km within the crust."""
    if depth_m > CRUST_M or distance_m <= CYLINDER_FROM_M:
        return distance_m
    return float(np.sqrt(CYLINDER_FROM_M * distance_m))


def moment_per_omega(wave: Wave, way: Way) -> float:
    """Seismic moment, N m, per m s of a displacement spectrum's plateau on rock.

    M0 / Omega = 4 pi sqrt(rho_s rho_r c_s^5 c_r) G / (radiation free_surface), density rho and speed c of the wave at
    source s and receiver r, and G the length that spreading comes to: Aki & Richards 2002, Quantitative Seismology,
    chapter 4.
    """
    column = 0 if wave.phase == "P" else 1
    source, receiver = _rock(way.depth_m), _rock(0.0)
    impedance = np.sqrt(source[2] * receiver[2] * source[column] ** 5 * receiver[column])
    return float(4 * np.pi * impedance * spreading_m(way.distance_m, way.depth_m) / (wave.radiation * FREE_SURFACE))


def site_factor(frequency_hz: NDArray[np.float64], wave: Wave, soil: bool) -> NDArray[np.float64]:
    """What the ground below an ordinary station makes of a wave from below, by frequency, Hz > 0."""
    factor = np.interp(np.log(frequency_hz), np.log(SITE_HZ), SITE_FACTOR)
    if soil:
        power = np.interp(np.log(frequency_hz), np.log(SOIL_HZ), SOIL_POWER)
        factor = factor * (ROCK_VS30_MPS / SOIL_VS30_MPS) ** power
    if wave.phase == "P":
        slope, offset_mps = MUDROCK
        rock_mps = _rock(0.0)[1]
        factor = np.sqrt((slope * rock_mps + offset_mps) / (slope * rock_mps / factor**2 + offset_mps))
    return np.asarray(factor, dtype=np.float64)


def _rock(depth_m: float) -> tuple[float, float, float]:
    """P speed, S speed and density at a depth below sea level."""
    _, *rock = [row for row in EARTH if row[0] * 1000.0 <= max(depth_m, 0.0)][-1]
    return rock[0], rock[1], rock[2]
