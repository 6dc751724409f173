"""What every station shows at present, as columns: up to when it was heard, its onsets of late, how much it may say."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.warn.domains import UNITS_PER_NAT, partitions
from houfeng.quake.warn.likelihood import BEND, LIKELIEST, LOUDEST, SHARPEST, Shown
from houfeng.quake.warn.policy import Policy
from houfeng.words.assurance import Tier
from houfeng.words.earth import EARTH_RADIUS_M, azimuth_deg, distance_m
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.station import Station

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: Onsets remembered of a station, P, S, and what comes between and after, and how long they matter, s.
SLOTS: Final = 32
ONSETS_S: Final = 150.0
#: Triggers of a station closer than this are of one onset.
ONE_ONSET_S: Final = 1.0
#: Over how long stray onsets are counted, s; at first as if there had been a third of one in the minute before, so that
#: a minute shows a noisy station for what it is and a quiet one too. In the minute after an onset, in coda, more are to
#: be expected than that, up to one in so many s.
STRAY_MEMORY_S: Final = 900.0
STRAYS_BEFORE: Final = 1.0 / 3.0
STRAY_BEFORE_S: Final = 60.0
BURST_S: Final = 60.0
BURST_EVERY_S: Final = 8.0

#: P is looked at for so long, s; once it is known when S comes, until so long before it, within these limits.
P_S: Final = 4.0
BEFORE_S_S: Final = 0.5
SHORTEST_P_S: Final = 1.0
LONGEST_P_S: Final = 20.0
#: The largest of longer noise is larger, by so many decades a decade of its length.
NOISE_LATER: Final = 0.25

#: Noise of a station where nobody can tell it, log10 m/s2: of a town, or of an accelerometer of the better kind.
TYPICAL_HUSH: Final = -4.0


class Measured(Protocol):
    """Who knows how far the ground moves."""

    def since(self, rows: Wholes, onset_ns: Wholes, until_ns: Wholes | None = None) -> tuple[Reals, Reals, Reals]:
        """Log10 of the displacement since onsets of stations, over how long, log10 of noise before: m, s, m; [n].

        until_ns  [n] up to when to look; by default as long as a quake of any distance may be looked at
        """
        ...

    def hush(self, rows: Wholes) -> Reals:
        """Log10 of the acceleration of noise at stations, m/s2; NaN where it is not known; [n]."""
        ...


class Testimony:
    """The columns of all stations.

    stations  those with coordinates
    base_ns   instant that seconds count from

    Seconds are floats since base_ns: to a microsecond for a century.
    """

    def __init__(self, stations: Sequence[Station], policy: Policy, base_ns: int) -> None:
        self.base_ns = base_ns
        self.stations = tuple(stations)
        self.row = {station.key: row for row, station in enumerate(stations)}
        n = len(stations)
        self.latitude_deg, self.longitude_deg = np.array([station.place for station in stations]).reshape(n, 2).T
        self.elevation_m = np.array([station.elevation_m for station in stations])
        self._unit = _unit(self.latitude_deg, self.longitude_deg)
        self.front_s = np.full(n, -np.inf)
        self.onset_s = np.full((n, SLOTS), -np.inf)
        self.stray = np.zeros((n, SLOTS))
        self._heard_s = np.full(n, np.nan)
        self._strays = np.zeros(n)
        self.tier = np.full(n, Tier.NONE, dtype=np.int64)
        self.share = np.ones(n)
        self._policy = policy
        parted = partitions(policy, [station.domains for station in stations])
        self._domain = parted.codes.astype(np.int64)
        self._cap = parted.caps / UNITS_PER_NAT

    def seconds(self, time_ns: int) -> float:
        """An instant as the columns have it."""
        return (time_ns - self.base_ns) / NS_PER_S

    def instant(self, time_s: float) -> int:
        """The other way round, to the microsecond."""
        return self.base_ns + round(time_s * 1e6) * 1_000

    def heard(self, rows: Wholes, front_s: Reals) -> None:
        """Data of stations have come up to these instants; of a station's channels the first counts."""
        np.maximum.at(self.front_s, rows, front_s)
        first = np.isnan(self._heard_s[rows])
        if first.any():
            self._heard_s[rows[first]] = front_s[first]

    def note(self, row: int, onset_s: float) -> bool:
        """An onset at a station; False when it is one known already, seen by another channel, or nobody trusts it."""
        known = self.onset_s[row]
        near = np.abs(known - onset_s) <= ONE_ONSET_S
        if near.any():
            known[near] = np.minimum(known[near], onset_s)
            return False
        oldest = int(np.argmin(known))
        if onset_s < known[oldest]:
            return False
        latest_s = float(known.max())
        faded = np.exp(-abs(onset_s - latest_s) / STRAY_MEMORY_S) if latest_s > -np.inf else 0.0
        listened_s = np.clip(np.nan_to_num(onset_s - self._heard_s[row]), 0.0, STRAY_MEMORY_S)
        rate = (self._strays[row] * faded + STRAYS_BEFORE) / (listened_s + STRAY_BEFORE_S)
        burst = np.count_nonzero((known < onset_s) & (known > onset_s - BURST_S)) / BURST_S
        self.stray[row, oldest] = np.log(max(rate, min(burst, 1.0 / BURST_EVERY_S)))
        self._strays[row] = self._strays[row] * faded + 1.0
        known[oldest] = onset_s
        return bool(self.share[row] > 0)

    def share_of(self, tier: Tier) -> float:
        """How much a station may say by its tier alone."""
        return self._policy.shares[tier]

    def trust(self, row: int, share: float, tier: Tier) -> None:
        """How much a station may say, from 0 to 1 of a fully trusted one."""
        self.share[row], self.tier[row] = share, tier

    def near(self, latitude_deg: float, longitude_deg: float, most: int) -> Wholes:
        """The stations nearest to a place, in order of their rows."""
        (here,) = _unit(np.array([latitude_deg]), np.array([longitude_deg]))
        closeness = self._unit @ here
        if most >= len(closeness):
            return np.arange(len(closeness))
        return np.sort(np.argpartition(-closeness, most)[:most])

    def distance_m(self, rows: Wholes, latitude_deg: float, longitude_deg: float) -> Reals:
        """Of stations from a place, spherical."""
        (here,) = _unit(np.array([latitude_deg]), np.array([longitude_deg]))
        chord = np.linalg.norm(self._unit[rows] - here, axis=1)
        return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.minimum(chord / 2, 1.0)))

    def ceiling(self, rows: Wholes) -> float:
        """What stations together can say of any quake at the most, by how rare their onsets are, nats."""
        heard = SHARPEST / np.exp(np.min(self.stray[rows], axis=1, initial=np.inf))
        likeliest = np.log(LIKELIEST * heard + np.maximum(heard, 1.0))
        most = self._policy.most * self.share[rows]
        said = np.where(
            most > 0, LOUDEST * most * (1.0 - np.exp(-((likeliest / np.where(most > 0, most, 1.0)) ** BEND))), 0.0
        )
        sums = [np.bincount(kind, weights=said) for kind in self._domain[rows].T] if len(rows) else []
        held = [float(np.minimum(each, cap).sum()) for each, cap in zip(sums, self._cap, strict=bool(sums))]
        return min([float(said.sum()), *held])

    def shown(
        self,
        rows: Wholes,
        latitude_deg: float,
        longitude_deg: float,
        measured: Measured | None,
        span_s: tuple[float, float] = (-np.inf, np.inf),
        s_due_s: Reals | None = None,
    ) -> Shown:
        """What stations show, in a frame about a place; of their onsets those within a span.

        s_due_s  [stations] when S comes by what is known of the quake: until then P is looked at
        """
        away_m = distance_m(latitude_deg, longitude_deg, self.latitude_deg[rows], self.longitude_deg[rows])
        azimuth = np.radians(
            azimuth_deg(latitude_deg, longitude_deg, self.latitude_deg[rows], self.longitude_deg[rows])
        )
        onset_s, stray = self._of_late(rows, span_s)
        pd, noise, window_s = np.full(onset_s.shape, np.nan), np.full(onset_s.shape, np.nan), np.zeros(onset_s.shape)
        hush = np.full(len(rows), TYPICAL_HUSH)
        if measured is not None:
            which, slot = np.nonzero(onset_s > -np.inf)
            onset_ns = self.base_ns + np.round(onset_s[which, slot] * 1e6).astype(np.int64) * 1_000
            until_ns = None if s_due_s is None else self._p_only_ns(onset_ns, s_due_s[which])
            pd[which, slot], window_s[which, slot], noise[which, slot] = measured.since(rows[which], onset_ns, until_ns)
            noise[which, slot] += NOISE_LATER * np.log10(np.maximum(window_s[which, slot], P_S) / P_S)
            told = measured.hush(rows)
            hush = np.where(np.isfinite(told), told, hush)
        return Shown(
            away_m * np.sin(azimuth),
            away_m * np.cos(azimuth),
            self.elevation_m[rows],
            np.where(self.share[rows] > 0, self.front_s[rows], -np.inf),
            onset_s,
            pd,
            window_s,
            noise,
            hush,
            stray,
            self._policy.most * self.share[rows],
            self._policy.least * self.share[rows],
            *_numbered(self._domain[rows], self._cap),
        )

    def _p_only_ns(self, onset_ns: Wholes, s_due_s: Reals) -> Wholes:
        """Up to when displacement is that of P: until just before S."""
        s_due_ns = self.base_ns + np.round((s_due_s - BEFORE_S_S) * NS_PER_S).astype(np.int64)
        least_ns, most_ns = onset_ns + seconds_to_ns(SHORTEST_P_S), onset_ns + seconds_to_ns(LONGEST_P_S)
        return np.minimum(np.maximum(s_due_ns, least_ns), most_ns)

    def _of_late(self, rows: Wholes, span_s: tuple[float, float]) -> tuple[Reals, Reals]:
        """Onsets of stations that still matter, [n, as many as any of them has], and how rare they were."""
        onset_s, stray = self.onset_s[rows], self.stray[rows]
        # by its own data's time: a clock far ahead makes no other station's onsets old
        onset_s[(onset_s < self.front_s[rows, None] - ONSETS_S) | (self.share[rows, None] <= 0)] = -np.inf
        onset_s[(onset_s < span_s[0]) | (onset_s > span_s[1])] = -np.inf
        order = np.argsort(-onset_s, axis=1, kind="stable")
        most = max(1, int((onset_s > -np.inf).sum(axis=1).max(initial=0)))
        order = order[:, :most]
        return np.take_along_axis(onset_s, order, axis=1), np.take_along_axis(stray, order, axis=1)


def _unit(latitude_deg: Reals, longitude_deg: Reals) -> Reals:
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1
    )


def _numbered(domain: Wholes, cap: Reals) -> tuple[Wholes, Reals]:
    """Domains numbered afresh among few stations, so that sums over them stay short; and the cap of each."""
    fresh = np.empty_like(domain)
    for kind in range(domain.shape[1]):
        fresh[:, kind] = np.unique(domain[:, kind], return_inverse=True)[1]
    most = int(fresh.max(initial=0)) + 1
    return fresh, np.repeat(cap[:, None], most, axis=1)
