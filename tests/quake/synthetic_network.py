"""A made-up network and picks from known quakes, for location tests."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.words.earth import distance_m, travelled
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Station

CRUST = VelocityModel(
    "synthetic crust",
    "test",
    np.array([0.0, 5e3, 15e3, 35e3]),
    np.array([5000.0, 6000.0, 6700.0, 8000.0]),
    np.array([2900.0, 3500.0, 3900.0, 4600.0]),
)
EPOCH_NS = 1_700_000_000_000_000_000


@dataclass(frozen=True)
class Source:
    """A true quake at EPOCH_NS."""

    latitude_deg: float
    longitude_deg: float
    depth_m: float


def network(count, half_width_m, rng, *, latitude_deg=40.0, longitude_deg=30.0):
    """Stations at random in a square, up to 1500 m high."""
    latitude, longitude = travelled(latitude_deg, longitude_deg, *rng.uniform(-half_width_m, half_width_m, (2, count)))
    stations = [
        Station("XX", f"S{i:03d}", float(latitude[i]), float(longitude[i]), float(rng.uniform(0, 1500)))
        for i in range(count)
    ]
    return {station.key: station for station in stations}


def times_for(stations, *, far_m=500e3, deep_m=300e3, model=CRUST):
    """Tables that cover the stations."""
    elevations = [station.elevation_m for station in stations.values()]
    return TravelTimes(
        model, max_distance_m=far_m, min_depth_m=-max(elevations) - 1e3, max_depth_m=deep_m, elevations_m=elevations
    )


def source_in(half_width_m, rng, *, latitude_deg=40.0, longitude_deg=30.0, deep_m=20e3):
    """A quake at random in a square."""
    latitude, longitude = travelled(latitude_deg, longitude_deg, *rng.uniform(-half_width_m, half_width_m, 2))
    return Source(float(latitude), float(longitude), float(rng.uniform(2e3, deep_m)))


def picks_of(source, stations, times, rng, *, sigma_p_s=(0.05, 0.1), sigma_s_s=(0.1, 0.15), phases="PS", wild=0.0):
    """Picks with normal errors of the stated size; a share of them wild, up to 10 s off."""
    picks = []
    for station in stations.values():
        away = distance_m(source.latitude_deg, source.longitude_deg, station.latitude_deg, station.longitude_deg)
        for phase in phases:
            sigma = rng.uniform(*(sigma_p_s if phase == "P" else sigma_s_s))
            onset = float(times.seconds(phase, away, source.depth_m, station.elevation_m)) + rng.normal(0, sigma)
            if rng.random() < wild:
                onset += rng.uniform(2, 10) * rng.choice([-1, 1])
            picks.append(
                Pick(SourceId("XX", station.code, "", "HHZ"), phase, EPOCH_NS + round(onset * 1e9), round(sigma, 4))
            )
    return picks


def misses_m(origin, source):
    """How far an origin is off: east, north, down, m."""
    away = float(distance_m(source.latitude_deg, source.longitude_deg, origin.latitude_deg, origin.longitude_deg))
    east = (origin.longitude_deg - source.longitude_deg + 180) % 360 - 180
    direction = np.arctan2(east * np.cos(np.radians(source.latitude_deg)), origin.latitude_deg - source.latitude_deg)
    return np.array([away * np.sin(direction), away * np.cos(direction), origin.depth_m - source.depth_m])


def as_if_a_quake(cluster):
    """Weighs a cluster as a search asks for it: any of five picks is a quake, the surer the larger."""
    arrivals = [SimpleNamespace(pick=pick) for pick in cluster.picks]
    return (
        (len(arrivals), SimpleNamespace(time_ns=cluster.time_ns, arrivals=arrivals, cluster=cluster))
        if len(arrivals) >= 5
        else None
    )
