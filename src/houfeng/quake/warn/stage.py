"""From onsets and silences to alerts: raised, updated, and taken back when the stations do not bear them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.forgery import domain_cost, score, station_cost
from houfeng.quake.warn.judging import rarer_kernel
from houfeng.quake.warn.likelihood import (
    DEPTH,
    EAST,
    FAR_KM,
    HYPOTHESIS,
    NORTH,
    NOTHING,
    SCORE,
    SILENT,
    SIZE,
    SUM,
    TIME,
    TRAVELS,
    About,
    P,
    S,
    Shown,
    floor_kernel,
    showing_kernel,
    travel_kernel,
    voice_kernel,
)
from houfeng.quake.warn.places import blind_zone_m
from houfeng.quake.warn.policy import Policy, audiences_of
from houfeng.quake.warn.search import NOWHERE, SIZES, judge_one_kernel, judged_room, refused_kernel, search_kernel
from houfeng.quake.warn.testimony import Measured, Testimony
from houfeng.words.alert import Alert, AlertKind, AlertStatus, Bound, Ledger, Voice
from houfeng.words.assurance import Tier
from houfeng.words.earth import azimuth_deg, distance_m, travelled
from houfeng.words.instant import format_instant, seconds_to_ns

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: How many stations are asked when an alert may begin, and when it goes on: the nearest.
FOUNDING_STATIONS: Final = 120
FOLLOWING_STATIONS: Final = 300
#: How far from the station whose onset raised the question quakes are looked for, and from where the alert was raised.
WIDEST_M: Final = 200_000.0
#: An alert that goes on stays within so much of where it was raised, or so many times its uncertainty: what is farther
#: off is another quake.
WANDERS_M: Final = 50_000.0
WANDERS: Final = 3.0
#: Nothing travels slower than this: farther apart in time, two onsets are not of one P. A little is for the onsets.
SLOWEST_MPS: Final = 5_000.0
ONSETS_S: Final = 3.0
#: Onsets that may be of one quake: so long before one of them; and so long before and after an origin time.
BEFORE_S: Final = 60.0
AFTER_ORIGIN_S: Final = (-15.0, 90.0)
#: What stations must say of some place on the coarse rings for it to be looked at closely, as a share of the threshold.
PROMISING: Final = 0.6
#: How far an origin time may lie from what the founding onset says, and from what it was when the alert was raised.
FOUNDING_S: Final = 1.5
FOLLOWING_S: Final = 6.0
#: Either is looked for again within so much of a place and time that is to be compared.
COMPARED_S: Final = 1.0

#: An alert is judged again so soon after it was raised, rarer later, and no more at the end.
AGAIN_S: Final = ((10.0, 0.5), (30.0, 1.0), (60.0, 3.0))
#: Its quake explains what follows for so long.
REMEMBERED_S: Final = 300.0
#: Versions of an alert, and searches for what else may explain its onsets, are at least this far apart.
APART_NS: Final = 500_000_000
#: It is said again when its size changes by so much, its forgery cost by so many stations, or its place by so many m.
RESIZED: Final = 0.3
SURER: Final = 2
MOVED_M: Final = 8_000.0
#: It is taken back when the score falls to this share of what was needed.
TAKEN_BACK: Final = 0.5
#: Onsets that an alert explains found no other: of P and S, and of coda, so long by the wait for S and at least.
EARLY_S: Final = 2.0
CODA_S: Final = 60.0
CODA_SHARE: Final = 2.5

#: Likelihood falls by this at one standard deviation: for two unknowns together, and for one.
ONE_SIGMA_PLANE, ONE_SIGMA_LINE = 1.15, 0.5
#: Scatter of a network's magnitude from the first seconds of P, whatever their number (Kuyuk & Allen 2013).
LEAST_SIZE_DOUBT: Final = 0.3
#: P displacement grows no more beyond this.
SATURATED: Final = 6.5


@dataclass(frozen=True, slots=True)
class Onset:
    """A station's power rose. Instants in ns; see Ledger in words/alert.py."""

    station_key: str
    onset_ns: int
    sampled_ns: int
    packed_ns: int
    arrived_ns: int


@dataclass(slots=True, eq=False)
class _Open:
    """An alert that goes on.

    alert      its last version
    anchor     the version that said where the quake is looked for: it may wander about there, no farther
    raised_ns  when the first was declared
    judged_ns  when it was judged last
    due_ns     when it is to be judged again
    asked_ns   when it was last asked whether onsets it explains are better explained otherwise
    turn       whose onset of its voices is to be asked about next
    elsewhere  places that were judged when it was last asked
    """

    alert: Alert
    anchor: Alert
    raised_ns: int
    judged_ns: int
    due_ns: int
    asked_ns: int = 0
    turn: int = 0
    elsewhere: "_Elsewhere | None" = None


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """Where else onsets of an alert may come from, all [n].

    latitude_deg, longitude_deg  of the places
    behind   how much less stations say of them than of the best place known, nats
    score    what they say, within all caps
    """

    latitude_deg: Reals
    longitude_deg: Reals
    behind: Reals
    score: Reals


@dataclass(frozen=True, slots=True)
class _Looked:
    """A search about an onset: the stations it asked, about which place, and what it judged, the best first."""

    rows: Wholes
    place: tuple[float, float]
    span_s: tuple[float, float]
    shown: Shown
    judged: Reals


class Warn:
    """Onsets and silences in, alerts out.

    testimony  what stations show; the caller keeps it up to date
    times      P and S travel times
    measured   who knows amplitudes; without, quakes have no sure size

    Everything depends on each station only by what it shows, within its caps.
    """

    def __init__(
        self,
        testimony: Testimony,
        times: TravelTimes,
        policy: Policy,
        *,
        measured: Measured | None = None,
        status: AlertStatus = "test",
    ) -> None:
        self._testimony = testimony
        self._times = times
        self._policy = policy
        self._measured = measured
        self._status = status
        self._room = judged_room()
        self._open: list[_Open] = []

    def handle(self, onset: Onset) -> Iterator[Alert]:
        """A station told of an onset."""
        row = self._testimony.row.get(onset.station_key)
        onset_s = self._testimony.seconds(onset.onset_ns)
        if row is None or not self._testimony.note(row, onset_s):
            return
        asked = True
        for held in self._open:
            if self._explains(held.alert, row, onset_s):
                held.due_ns = min(held.due_ns, max(onset.arrived_ns, held.judged_ns + APART_NS))
                asked = asked and held.asked_ns + APART_NS <= onset.arrived_ns
        if asked:
            yield from self._found(row, onset_s, onset)

    def trust(self, station_key: str, share: float, tier: Tier, now_ns: int) -> Iterator[Alert]:
        """A station is trusted more, or less, or not at all: open alerts are judged anew.

        One that would not be raised now, because of that, is taken back at once.
        """
        row = self._testimony.row.get(station_key)
        if row is None:
            return
        self._testimony.trust(row, share, tier)
        for held in list(self._open):
            if held in self._open:
                yield from self._judge_again(held, now_ns, self._policy.threshold)

    def recall(self, told: Sequence[Alert], now_ns: int) -> None:
        """Take up the alerts told before a restart: one that is open here goes on under the name it was told by.

        told  versions, in the order they were declared; an alert that nobody was told of is let go
        """
        latest = {alert.alert_id: alert for alert in told}
        first_ns: dict[str, int] = {}
        for alert in told:
            first_ns.setdefault(alert.alert_id, alert.declared_ns)
        again, self._open = self._open, []
        for alert in latest.values():
            if alert.kind != "cancel":
                held = next((each for each in again if self._is_of(each.alert, alert)), None)
                raised_ns = held.raised_ns if held else first_ns[alert.alert_id]
                self._open.append(_Open(alert, alert, raised_ns, alert.declared_ns, now_ns))

    def elapse(self, now_ns: int) -> Iterator[Alert]:
        """Time passed: judge again what is due."""
        for held in list(self._open):
            if held in self._open and held.due_ns <= now_ns:  # judging one may have ended another
                yield from self._ask_again(held, now_ns)

    def _found(self, row: int, onset_s: float, onset: Onset) -> Iterator[Alert]:
        """Ask whether an onset that nothing explains is one of a quake's."""
        looked = self._look(row, onset_s, PROMISING * self._policy.threshold)
        if looked is None or looked.judged[0, SCORE] < self._policy.threshold:
            return
        ledger = Ledger(onset.station_key, onset.onset_ns, onset.sampled_ns, onset.packed_ns, onset.arrived_ns)
        alert = self._worded(looked.rows, looked.judged, looked.place, looked.span_s, onset.arrived_ns, ledger)
        if alert.score < alert.of_score:
            return
        for held in self._open:
            if self._is_of(alert, held.alert):
                held.asked_ns = onset.arrived_ns
                if looked.judged[0, SUM] > self._sum_of(held.alert, looked.shown, looked.place) + self._policy.most:
                    yield from self._judge_at(alert, held, onset.arrived_ns)
                return
        self._open.append(_Open(alert, alert, onset.arrived_ns, onset.arrived_ns, onset.arrived_ns))
        yield alert

    def _look(self, row: int, onset_s: float, least: float) -> _Looked | None:
        """Search for what explains an onset, by the stations about the one that told of it; None when nothing can."""
        here = self._testimony
        place = float(here.latitude_deg[row]), float(here.longitude_deg[row])
        rows = here.near(*place, FOUNDING_STATIONS)
        if not self._could(rows, place, onset_s):
            return None
        span_s = onset_s - BEFORE_S, np.inf
        shown = here.shown(rows, *place, self._measured, span_s)
        about = About(int(np.searchsorted(rows, row)), onset_s, FOUNDING_S)
        if shown.onset_s[about.station, 0] == -np.inf:  # long past by what else came of its station
            return None
        if least > -np.inf and self._refused(shown, about):
            return None
        return _Looked(rows, place, span_s, shown, self._search(shown, about, least))

    def _judge_at(self, alert: Alert, held: _Open, now_ns: int) -> Iterator[Alert]:
        """Judge an open alert where another says that it is: that is by the stations about one, all are to decide."""
        held.anchor = alert
        yield from self._judge_again(held, now_ns, TAKEN_BACK * self._policy.threshold)
        held.anchor = held.alert

    def _ask_again(self, held: _Open, now_ns: int) -> Iterator[Alert]:
        """Judge an open alert that is due, where its onsets seem to come from now.

        Liars about the place can have set it far off, where the onsets of others are explained as well at first. So
        one of its voices after the other is asked about as if nothing were known; what that judges also tells how far
        off a coalition can have set it.
        """
        onsets = [voice for voice in held.alert.voices if voice.onset_ns is not None]
        looked, alert = None, None
        if onsets and _wait_s(held, now_ns) is not None:
            voice = onsets[held.turn % len(onsets)]
            assert voice.onset_ns is not None
            held.turn += 1
            row = self._testimony.row[voice.station_key]
            looked = self._look(row, self._testimony.seconds(voice.onset_ns), -np.inf)
        if looked is not None:
            own = self._sum_of(held.alert, looked.shown, looked.place)
            held.elsewhere = self._elsewhere(looked, own)
            if looked.judged[0, SCORE] >= self._policy.threshold and looked.judged[0, SUM] > own + self._policy.most:
                alert = self._worded(looked.rows, looked.judged, looked.place, looked.span_s, now_ns, held.alert.ledger)
        if alert is not None and alert.score >= alert.of_score and self._is_of(alert, held.alert):
            yield from self._judge_at(alert, held, now_ns)
        else:
            yield from self._judge_again(held, now_ns, TAKEN_BACK * self._policy.threshold)

    @staticmethod
    def _elsewhere(looked: _Looked, own: float) -> _Elsewhere:
        judged = looked.judged[looked.judged[:, SUM] > -np.inf]
        best = judged[:, SUM].max(initial=own)
        latitude_deg, longitude_deg = travelled(*looked.place, judged[:, EAST], judged[:, NORTH])
        return _Elsewhere(latitude_deg, longitude_deg, best - judged[:, SUM], judged[:, SCORE].copy())

    def _is_of(self, alert: Alert, other: Alert) -> bool:
        """Whether an alert is of a quake already warned of: most of its onsets may be that one's P, S or coda."""
        onsets = [(voice.station_key, voice.onset_ns) for voice in alert.voices if voice.onset_ns is not None]
        here = self._testimony
        shared = sum(self._explains(other, here.row[key], here.seconds(onset_ns)) for key, onset_ns in onsets)
        return 2 * shared >= len(onsets)

    def _said(self, held: _Open, alert: Alert, reason: str) -> Alert:
        """The next version of an alert that goes on. Whoever was told before is told again."""
        last = held.alert
        names = [audience.name for audience in self._policy.audiences]
        told = tuple(name for name in names if name in alert.audiences or name in last.audiences)
        kind: AlertKind = "cancel" if alert.kind == "cancel" else "update"
        held.alert = replace(alert, kind=kind, version=last.version + 1, audiences=told, reason=reason)
        return held.alert

    def _could(self, rows: Wholes, place: tuple[float, float], onset_s: float) -> bool:
        """Whether enough stations have onsets that could be of one P: without, no search reaches the threshold."""
        here = self._testimony
        apart_s = here.distance_m(rows, *place) / SLOWEST_MPS + ONSETS_S
        near = (np.abs(here.onset_s[rows] - onset_s) <= apart_s[:, None]).any(axis=1)
        return here.ceiling(rows[near]) >= self._policy.threshold

    def _refused(self, shown: Shown, about: About) -> bool:
        """Whether a search would surely raise nothing: by bounds, which is quicker than to search."""
        deepest_m, least = self._times.max_depth_m, PROMISING * self._policy.threshold
        return refused_kernel(self._times.table, shown, about, WIDEST_M, deepest_m, SIZES, least, self._room)

    def _search(
        self, shown: Shown, about: About, least: float, within_m: float = WIDEST_M, known: Reals = NOWHERE
    ) -> Reals:
        table, deepest_m = self._times.table, self._times.max_depth_m
        count = search_kernel(table, shown, about, WIDEST_M, within_m, deepest_m, SIZES, least, known, self._room)
        return self._room[:count]

    @staticmethod
    def _about(place: tuple[float, float], alert: Alert) -> Reals:
        """Where an alert's quake is in a frame about a place: east, north, depth, m."""
        away_m = float(distance_m(*place, alert.latitude_deg, alert.longitude_deg))
        azimuth = np.radians(float(azimuth_deg(*place, alert.latitude_deg, alert.longitude_deg)))
        return np.array([away_m * np.sin(azimuth), away_m * np.cos(azimuth), alert.depth_m])

    def _sum_of(self, alert: Alert, shown: Shown, place: tuple[float, float]) -> float:
        """What stations, in a frame about a place, say of an alert's hypothesis."""
        h = np.zeros(HYPOTHESIS)
        h[EAST], h[NORTH], h[DEPTH] = self._about(place, alert)
        about = About(-1, self._testimony.seconds(alert.origin_time_ns), COMPARED_S)
        judge_one_kernel(self._times.table, shown, h, about, np.array([alert.magnitude]))
        return float(h[SUM])

    def _judge_again(self, held: _Open, now_ns: int, least: float) -> Iterator[Alert]:
        """Judge an open alert by what stations show now; below the least score it is taken back."""
        last = held.alert
        wait_s = _wait_s(held, now_ns)
        if wait_s is None:
            if now_ns - held.raised_ns > seconds_to_ns(REMEMBERED_S):
                self._open.remove(held)
            return
        held.due_ns, held.judged_ns = now_ns + seconds_to_ns(wait_s), now_ns
        place = held.anchor.latitude_deg, held.anchor.longitude_deg
        rows = self._testimony.near(*place, FOLLOWING_STATIONS)
        origin_s = self._testimony.seconds(held.anchor.origin_time_ns)
        span_s = origin_s + AFTER_ORIGIN_S[0], origin_s + AFTER_ORIGIN_S[1]
        s_due_s = self._s_due_s(rows, held.anchor)
        shown = self._testimony.shown(rows, *place, self._measured, span_s, s_due_s)
        about = About(-1, origin_s, FOLLOWING_S)
        within_m = max(WANDERS_M, WANDERS * held.anchor.place_uncertainty_m)
        judged = self._search(shown, about, -np.inf, within_m, self._about(place, last)[None])
        if not judged[0, SCORE] >= least:
            self._open.remove(held)
            taken_back = replace(last, kind="cancel", declared_ns=now_ns)
            yield self._said(held, taken_back, "the stations do not bear it out")
            return
        alert = self._worded(rows, judged, place, span_s, now_ns, last.ledger, s_due_s, held.elsewhere)
        for other in [each for each in self._open if each is not held and self._is_of(alert, each.alert)]:
            if _wait_s(other, now_ns) is None:  # what is over is not taken back for what follows it
                continue
            others = self._sum_of(other.alert, shown, place)
            better, worse = (other, held) if others >= judged[0, SUM] else (held, other)
            self._open.remove(worse)
            reason = f"one quake with {better.alert.alert_id}"
            yield self._said(worse, replace(worse.alert, kind="cancel", declared_ns=now_ns), reason)
            if worse is held:
                return
        if news := _news(last, alert):
            yield self._said(held, replace(alert, alert_id=last.alert_id), news)

    def _worded(
        self,
        rows: Wholes,
        judged: Reals,
        place: tuple[float, float],
        span_s: tuple[float, float],
        now_ns: int,
        ledger: Ledger | None,
        s_due_s: Reals | None = None,
        elsewhere: _Elsewhere | None = None,
    ) -> Alert:
        """Put the best hypothesis into words, as a first version.

        What stations say of it is asked again for just the place, time and size that are printed, so that whoever has
        what they showed can reckon score and cost.
        """
        here, best = self._testimony, judged[0].copy()
        (latitude,), (longitude,) = travelled(*place, [best[EAST]], [best[NORTH]])
        origin_ns, magnitude = here.instant(best[TIME]), round(float(best[SIZE]), 1)
        best[EAST], best[NORTH], best[TIME], best[SIZE] = 0.0, 0.0, here.seconds(origin_ns), magnitude
        shown = here.shown(rows, float(latitude), float(longitude), self._measured, span_s, s_due_s)
        said, floor, voices = self._voices(rows, shown, best, now_ns)
        threshold = self._policy.threshold + rarer_kernel(best[DEPTH])
        stations = station_cost(said, -floor, shown.domain, shown.domain_cap, threshold)
        domains = domain_cost(said, -floor, shown.domain, shown.domain_cap, threshold)
        alert = Alert(
            alert_id=self._name(best, voices),
            version=1,
            kind="first",
            status=self._status,
            declared_ns=now_ns,
            origin_time_ns=origin_ns,
            latitude_deg=float(latitude),
            longitude_deg=float(longitude),
            depth_m=float(best[DEPTH]),
            place_uncertainty_m=_spread_m(judged),
            magnitude=magnitude,
            magnitude_uncertainty=_size_doubt(judged),
            magnitude_is_least=magnitude >= SATURATED,
            score=score(said, shown.domain, shown.domain_cap),
            of_score=threshold,
            forgery_cost_stations=stations,
            forgery_cost_domains=domains,
            bounds=self._bounds(self._rivals(judged, float(latitude), float(longitude), elsewhere), stations),
            blind_zone_m=0.0,
            voices=voices,
            assurance=_assurance(said, shown, self._testimony.tier[rows], threshold),
            audiences=audiences_of(self._policy, stations, domains, magnitude),
            ledger=ledger,
        )
        return replace(alert, blind_zone_m=blind_zone_m(alert, self._times, now_ns))

    def _s_due_s(self, rows: Wholes, alert: Alert) -> Reals:
        """When S of an alert's quake comes to stations."""
        here = self._testimony
        away_m = here.distance_m(rows, alert.latitude_deg, alert.longitude_deg)
        return here.seconds(alert.origin_time_ns) + self._times.seconds(
            "S", away_m, alert.depth_m, here.elevation_m[rows]
        )

    def _voices(self, rows: Wholes, shown: Shown, best: Reals, now_ns: int) -> tuple[Reals, Reals, tuple[Voice, ...]]:
        """What every station says of a hypothesis, the least it could have said by now, and both in words."""
        travel, heard = np.empty((TRAVELS, len(rows))), np.empty(3)
        said, floor, voices = np.zeros(len(rows)), np.zeros(len(rows)), []
        travel_kernel(self._times.table, best[EAST], best[NORTH], best[DEPTH], shown, np.arange(len(rows)), travel)
        now_s = self._testimony.seconds(now_ns)
        for i, row in enumerate(rows):
            p_s, s_s, far_km = travel[P, i], travel[S, i], travel[FAR_KM, i]
            floor[i] = floor_kernel(shown, i, best[TIME] + p_s, now_s, far_km, best[SIZE])
            showing = showing_kernel(shown, i, p_s, s_s, best[TIME], heard)
            if showing == NOTHING:
                continue
            said[i] = voice_kernel(shown, i, showing, heard, far_km, best[SIZE])
            key, tier = self._testimony.stations[row].key, Tier(int(self._testimony.tier[row]))
            if showing == SILENT:
                voices.append(Voice(key, None, 0.0, float(said[i]), tier))
                continue
            onset_s = float(shown.onset_s[i, showing])
            residual_s = min(onset_s - best[TIME] - p_s, onset_s - best[TIME] - s_s, key=abs)
            voices.append(Voice(key, self._testimony.instant(onset_s), residual_s, float(said[i]), tier))
        floor = np.minimum(floor, said)
        voices.sort(key=lambda voice: (voice.onset_ns is None, -voice.score, voice.station_key))
        return said, floor, tuple(voices)

    def _bounds(self, rivals: Reals, cost: int) -> tuple[Bound, ...]:
        """What coalitions could have done: a liar takes both its caps from the place and gives them to another.

        rivals  [n, 3] other places: how far off, m, how far behind by what stations say, and the score, nats
        """
        swing = 2 * (self._policy.most + self._policy.least)
        away_m, behind, scores = rivals.T
        bounds = []
        for liars in range(1, self._policy.limit + 1):
            reachable = (behind <= liars * swing) & (scores >= self._policy.threshold - liars * swing / 2)
            bounds.append(Bound(liars, float(away_m[reachable].max(initial=0.0)), missed=liars >= cost))
        return tuple(bounds)

    @staticmethod
    def _rivals(judged: Reals, latitude_deg: float, longitude_deg: float, elsewhere: _Elsewhere | None) -> Reals:
        """Every other place that was judged: in the search that found this one, and when its voices were asked last."""
        away_m = np.hypot(judged[:, EAST] - judged[0, EAST], judged[:, NORTH] - judged[0, NORTH])
        about: Reals = np.column_stack([away_m, judged[0, SUM] - judged[:, SUM], judged[:, SCORE]])
        if elsewhere is None:
            return about
        away_m = distance_m(latitude_deg, longitude_deg, elsewhere.latitude_deg, elsewhere.longitude_deg)
        return np.vstack([about, np.column_stack([away_m, elsewhere.behind, elsewhere.score])])

    def _explains(self, alert: Alert, row: int, onset_s: float) -> bool:
        """Whether an onset may be P, S or coda of an alert's quake."""
        here = self._testimony
        away_m = here.distance_m(np.array([row]), alert.latitude_deg, alert.longitude_deg)
        origin_s = here.seconds(alert.origin_time_ns)
        p_s, s_s = (
            origin_s + float(self._times.seconds(phase, away_m, alert.depth_m, here.elevation_m[row])[0])
            for phase in ("P", "S")
        )
        return p_s - EARLY_S <= onset_s <= s_s + max(CODA_S, CODA_SHARE * (s_s - p_s))

    def _name(self, best: Reals, voices: tuple[Voice, ...]) -> str:
        origin_ns = self._testimony.instant(best[TIME])
        stamp = format_instant(origin_ns, 0).replace("-", "").replace(":", "").rstrip("Z")
        content = ";".join(f"{voice.station_key} {voice.onset_ns}" for voice in voices)
        return f"{stamp}-{sha256(content.encode()).hexdigest()[:6]}"


def _wait_s(held: _Open, now_ns: int) -> float | None:
    """How soon an alert is to be judged again; None when it is over."""
    return next((wait for until, wait in AGAIN_S if now_ns - held.raised_ns <= seconds_to_ns(until)), None)


def _news(last: Alert, alert: Alert) -> str:
    """What is new in an update, one sentence; empty when nothing is."""
    gained = [name for name in alert.audiences if name not in last.audiences]
    if gained:
        return f"the cost of forging it now suffices for {', '.join(gained)}"
    if abs(alert.magnitude - last.magnitude) >= RESIZED:
        return f"magnitude {alert.magnitude:.1f} instead of {last.magnitude:.1f}"
    if abs(alert.forgery_cost_stations - last.forgery_cost_stations) >= SURER:
        return f"{alert.forgery_cost_stations} stations would have to lie now"
    moved_m = float(distance_m(alert.latitude_deg, alert.longitude_deg, last.latitude_deg, last.longitude_deg))
    if moved_m >= MOVED_M:
        return f"{moved_m / 1000:.0f} km from where it was"
    return ""


def _spread_m(judged: Reals) -> float:
    fits = judged[:, SUM] >= judged[0, SUM] - ONE_SIGMA_PLANE
    away_m = np.hypot(judged[fits, EAST] - judged[0, EAST], judged[fits, NORTH] - judged[0, NORTH])
    return float(max(away_m.max(initial=0.0), 1_000.0))


def _size_doubt(judged: Reals) -> float:
    fits = judged[:, SUM] >= judged[0, SUM] - ONE_SIGMA_LINE
    return float(max(np.ptp(judged[fits, SIZE]) / 2, LEAST_SIZE_DOUBT))


def _assurance(said: Reals, shown: Shown, tiers: Wholes, threshold: float) -> Tier:
    """The highest tier such that stations of at least that tier raise the alert even were all others against it."""
    for tier in sorted({int(tier) for tier in tiers}, reverse=True):
        without = np.where(tiers >= tier, said, np.minimum(said, 0.0))
        if score(without, shown.domain, shown.domain_cap) >= threshold:
            return Tier(tier)
    return Tier.NONE
