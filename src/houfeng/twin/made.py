"""The nouns of the twin: quakes that were made, and the stations that recorded them."""

from dataclasses import dataclass

from houfeng.words.station import Station


@dataclass(frozen=True, slots=True)
class MadeQuake:
    """The truth about one make-believe quake.

    magnitude                       moment magnitude
    depth_m                         of the hypocentre, below sea level
    strike_deg, dip_deg, rake_deg   of the fault, as Aki & Richards 2002 define them
    stress_pa                       stress drop of the rupture, > 0
    """

    time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    magnitude: float
    strike_deg: float = 0.0
    dip_deg: float = 90.0
    rake_deg: float = 0.0
    stress_pa: float = 8e6


@dataclass(frozen=True, slots=True)
class Site:
    """The ground below one station.

    kappa_s        attenuation of S straight below, s (Anderson & Hough 1984, doi:10.1785/BSSA0740051969)
    log_gain       natural logarithm of how much more it amplifies than an ordinary site
    percentile     where its noise lies between the low-noise model (0) and the high-noise model (1)
    night_fall_db  how much quieter people are at night than at noon, dB
    p_delay_s      how much later than the crust says P comes through the ground below; S by its own speed more
    """

    kappa_s: float
    log_gain: float
    percentile: float
    night_fall_db: float
    p_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MadeStation:
    """A station as its metadata tell it, and what only its maker knows.

    number      its own, from 0: names its streams of chance
    instrument  name of its class, see instruments.py
    site        the ground below it
    """

    number: int
    station: Station
    instrument: str
    site: Site
