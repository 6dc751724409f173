"""Ghosts: origins made of the late arrivals of a quake already known."""

from collections.abc import Iterable

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Origin, Quake

#: An arrival this close to one that a known quake predicts, relative to its travel time and at least, is that quake's.
SHARE_OF_TRAVEL = 0.05
LEAST_S = 1.0

#: With this share of its arrivals explained by one known quake, an origin is its ghost.
GHOST_SHARE = 0.5


def is_ghost(origin: Origin, known: Iterable[Quake], times: TravelTimes, network: Network) -> bool:
    """Whether the arrivals of an origin are better seen as late or doubled arrivals of a known quake.

    Two quakes seconds apart stay two: their arrivals differ at every station by about the time between them,
    while a ghost's P are another quake's S or coda.
    """
    return any(_explained_share(origin, quake.origin, times, network) >= GHOST_SHARE for quake in known)


def _explained_share(origin: Origin, other: Origin, times: TravelTimes, network: Network) -> float:
    explained = 0
    for arrival in origin.arrivals:
        station = network.stations[arrival.pick.source.station_key]
        away_m = distance_m(other.latitude_deg, other.longitude_deg, *station.place)
        since_s = (arrival.pick.time_ns - other.time_ns) / NS_PER_S
        for phase in ("P", "S"):
            travel_s = float(times.seconds(phase, away_m, other.depth_m, station.elevation_m))
            if abs(since_s - travel_s) <= max(LEAST_S, SHARE_OF_TRAVEL * travel_s):
                explained += 1
                break
    return explained / len(origin.arrivals)
