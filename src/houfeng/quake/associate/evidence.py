"""Weighs whether an origin is a quake, or picks that happen to agree.

Each station in hearing distance testifies for P and for S: an arrival where one is predicted speaks for the
quake, the more the rarer stray picks are there and the closer it falls; silence speaks against it. The sum is the
logarithm of a likelihood ratio, to be weighed against how many origins the search could have found by luck.
"""

from collections.abc import Callable

import numpy as np

from houfeng.quake.associate.strays import Strays, density_per_s
from houfeng.quake.network import Network
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Origin

#: Share of phases that are picked when a quake is just strong enough to be found: at the nearer half of the
#: stations that heard it, and at those between them and the farthest.
HEARD_NEAR = 0.7
HEARD_FAR = 0.4

#: Spread of true arrivals about their predictions once located, s: at least, and as a share of the travel time.
#: A robust location leaves half a per cent of the travel time (Husen & Hardebeck 2010, doi:10.5078/corssa-55815573).
SPREAD_S = 0.1
SPREAD_SHARE = 0.01

#: Speed that turns timing spread into distance when counting distinguishable origins, m/s.
S_SPEED_MPS = 3_500.0


def evidence(
    origin: Origin, network: Network, strays: Strays, listening: Callable[[str, int], bool], window_s: float
) -> float:
    """Log odds, in nats, that an origin is a quake rather than the luckiest coincidence of a search.

    strays     all picks around that time, from which the rate of stray ones is read
    listening  whether a station (NET.STA) gave data at an instant
    window_s   how much origin time the search covers at once

    Arrivals found by looking for them ("guided") neither count for the quake nor as silence.
    """
    arrived = {(arrival.pick.source.station_key, arrival.pick.phase): arrival for arrival in origin.arrivals}
    reached_m = np.array([arrival.distance_m for arrival in origin.arrivals])
    farthest_m, middle_m = float(reached_m.max()), float(np.median(reached_m))
    total = 0.0
    away_m = network.away_m(origin.latitude_deg, origin.longitude_deg)
    for key, away in zip(network.stations, away_m, strict=True):
        if away > farthest_m + 1.0 or not listening(key, origin.time_ns):
            continue
        heard = HEARD_NEAR if away <= middle_m else HEARD_FAR
        for phase in ("P", "S"):
            arrival = arrived.get((key, phase))
            if arrival is None:
                total += np.log(1 - heard)
            elif arrival.pick.method != "guided":
                density = density_per_s(arrival.residual_s, _spread_s(arrival.pick.time_ns - origin.time_ns))
                total += np.log(heard * density / strays.per_s(arrival.pick) + (1 - heard))
    spreads_s = [_spread_s(arrival.pick.time_ns - origin.time_ns) for arrival in origin.arrivals]
    return float(total - np.log(_distinguishable_origins(network, window_s, float(np.median(spreads_s)))))


def _spread_s(travel_ns: int) -> float:
    return SPREAD_S + SPREAD_SHARE * max(travel_ns / NS_PER_S, 0.0)


def _distinguishable_origins(network: Network, window_s: float, spread_s: float) -> float:
    cell_m = S_SPEED_MPS * spread_s
    across = (network.aperture_m + 2 * network.reach_m) / (10 * cell_m)
    # Depth and the two coordinates far from the network hardly change arrival times: a tenth of the cells differ.
    return max(1.0, window_s / spread_s * across**2 * network.deepest_m / (10 * cell_m))
