"""Fusion: what findings leave of the trust in a station.

Every finding that concerns a station takes a share of its trust: its probability, times what findings of its severity
are worth. Shares of different detectors multiply, as independent witnesses do; the same detector on the same pair
counts once, at its strongest, since a hundred repeats of one error are one error. A share halves in RECOVERY_NS once
the finding's time is over, so that trust comes back by itself where nothing new is found. Stations that can lie
together (one gateway, one carrier) lose part of what one of them loses.
"""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.trust import Trust

#: What a certain finding of a severity takes. "high" leaves a tenth: a station is shut out by a person or a broken
#: signature, not by one judge. "info" needs nobody and takes nothing.
WORTH: Final[Mapping[Severity, float]] = {"info": 0.0, "low": 0.1, "medium": 0.5, "high": 0.9}

#: A share halves in so long: a shift of a duty crew, who can end it sooner by saying that it was harmless.
RECOVERY_NS: Final = 8 * 3600 * NS_PER_S

#: What stations of the same domain lose of it: with no more known than that they share a gateway with a liar, one in
#: three to lie too keeps a domain of four from being worth more than two of its stations.
SPREAD: Final = 0.3

#: Trust is told when it changed by so much, or is whole again.
STEP: Final = 0.01

#: Shares below this are forgotten.
NEGLIGIBLE: Final = 0.005


@dataclass(slots=True)
class _Share:
    taken: float
    until_ns: int

    def left(self, now_ns: int) -> float:
        return self.taken * math.exp2(-max(0, now_ns - self.until_ns) / RECOVERY_NS)


class Trusting:
    """Tells how far each station is to be believed, with two doors.

    domains  stations by what they share: domain name to its stations (NET.STA)
    """

    def __init__(self, domains: Mapping[str, tuple[str, ...]]) -> None:
        self._neighbours: dict[str, set[str]] = defaultdict(set)
        for members in domains.values():
            for member in members:
                self._neighbours[member].update(members)
                self._neighbours[member].discard(member)
        self._shares: dict[str, dict[tuple[str, str, str], _Share]] = defaultdict(dict)
        self._told: dict[str, float] = {}

    def handle(self, judgement: Judgement) -> list[Trust]:
        """A finding was said: the trust of the stations it changes."""
        taken = judgement.probability * WORTH[judgement.severity]
        if not judgement.station or taken <= NEGLIGIBLE:
            return []
        self._take(judgement.station, judgement, taken)
        touched = [judgement.station]
        for neighbour in sorted(self._neighbours.get(judgement.station, ())):
            self._take(neighbour, judgement, SPREAD * taken)
            touched.append(neighbour)
        return self._told_of(touched, judgement.time_ns)

    def elapse(self, now_ns: int) -> list[Trust]:
        """Time passed: trust that came back."""
        return self._told_of(sorted(self._shares), now_ns)

    def _take(self, station: str, judgement: Judgement, taken: float) -> None:
        shares = self._shares[station]
        key = (judgement.detector, judgement.subject, judgement.peer)
        known = shares.get(key)
        if known is not None:
            taken = max(taken, known.left(judgement.time_ns))
        shares[key] = _Share(taken, max(judgement.until_ns, known.until_ns if known else judgement.until_ns))

    def _told_of(self, stations: list[str], now_ns: int) -> list[Trust]:
        told = []
        for station in stations:
            trust = self._trust(station, now_ns)
            before = self._told.get(station, 1.0)
            whole = trust.value == 1.0
            if abs(trust.value - before) >= STEP or (whole and before != 1.0):
                told.append(trust)
                self._told[station] = trust.value
            if whole:
                self._shares.pop(station, None)
                self._told.pop(station, None)
        return told

    def _trust(self, station: str, now_ns: int) -> Trust:
        shares = self._shares[station]
        for key in [key for key, share in shares.items() if share.left(now_ns) < NEGLIGIBLE]:
            del shares[key]
        left = {key: share.left(now_ns) for key, share in shares.items()}
        reasons = dict.fromkeys(key[0] for key in sorted(left, key=lambda key: (-left[key], key)))
        return Trust(station, now_ns, math.prod(1.0 - share for share in left.values()), tuple(reasons))
