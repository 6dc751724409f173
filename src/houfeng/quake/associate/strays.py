"""How likely it is that a pick near a prediction is the arrival, and not a stray.

Stray picks are counted, not assumed: where many picks at a station are as clear as this one, one near the prediction
says little; where it is the clearest for a minute either side, it says much, be the ground quiet, ringing or shaken by
a swarm. Only the order of the picks matters, so that a picker whose probabilities are off is trusted no more for it.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable

from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Phase, Pick

#: Stray picks are counted over this long either side; the pick itself always counts as one.
AROUND_S = 60.0

#: However clear an onset, so often it is of something else.
LEAST_DOUBT = 0.2

#: Arrival times have long tails: one in ten belongs to a distribution three times as wide.
TAIL_SHARE, TAIL_WIDTH = 0.1, 3.0

#: Share of onsets read as the other phase than they are.
MISREAD = 0.1


class Strays:
    """The picks of a network that compete to explain an arrival."""

    def __init__(self, picks: Iterable[Pick]) -> None:
        lanes: dict[tuple[str, Phase], list[Pick]] = {}
        for pick in picks:
            lanes.setdefault((pick.source.station_key, pick.phase), []).append(pick)
        self._lanes = {key: sorted(lane, key=lambda pick: pick.key) for key, lane in lanes.items()}

    def __contains__(self, pick: Pick) -> bool:
        """Whether a pick was told, under this name."""
        return pick in self.near(pick.source.station_key, pick.phase, pick.time_ns, 0.0)

    def near(self, station_key: str, phase: Phase, time_ns: int, within_s: float) -> list[Pick]:
        """Picks of a phase at a station within so many seconds of an instant."""
        lane = self._lanes.get((station_key, phase), [])
        reach_ns = round(within_s * NS_PER_S)
        low = bisect_left(lane, time_ns - reach_ns, key=_time_ns)
        high = bisect_left(lane, time_ns + reach_ns + 1, key=_time_ns)
        return lane[low:high]

    def per_s(self, pick: Pick) -> float:
        """Rate of strays at least as clear as this pick at its station, itself among them as far as it is in doubt."""
        around = self.near(pick.source.station_key, pick.phase, pick.time_ns, AROUND_S)
        clearer = sum(
            other.probability >= pick.probability and abs(other.time_ns - pick.time_ns) > 0 for other in around
        )
        return (clearer + 1) / (2 * AROUND_S) * max(1 - pick.probability, LEAST_DOUBT)


def density_per_s(residual_s: float, spread_s: float) -> float:
    """Probability density of an arrival's residual, 1/s."""
    return (1 - TAIL_SHARE) * _normal(residual_s, spread_s) + TAIL_SHARE * _normal(residual_s, TAIL_WIDTH * spread_s)


def _normal(x: float, sigma: float) -> float:
    return math.exp(-0.5 * (x / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))


def _time_ns(pick: Pick) -> int:
    return pick.time_ns
