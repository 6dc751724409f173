"""Alerts: earthquake warnings to people, how sure they are, and how many stations would have to lie for them."""

from dataclasses import dataclass
from typing import Literal

from houfeng.words.assurance import Tier

#: A first word, a better one, or that there was nothing.
AlertKind = Literal["first", "update", "cancel"]

#: As in CAP 1.2: for real, part of an exercise, or a test of the machinery that nobody need act on.
AlertStatus = Literal["actual", "exercise", "test"]


@dataclass(frozen=True, slots=True)
class Voice:
    """What one station says of an alert, by an onset or by its silence.

    station_key  NET.STA
    onset_ns     when P arrived there; None when it is silent
    residual_s   onset minus the time the alert foretells; 0 for silence
    score        nats for the alert, negative against it, within the station's caps
    tier         how surely the data are the station's own
    """

    station_key: str
    onset_ns: int | None
    residual_s: float
    score: float
    tier: Tier


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the time went for the record that tipped the scales, instants in ns.

    onset_ns    P at that station
    sampled_ns  the sample at which the onset was beyond doubt: digitising and detecting end
    packed_ns   the last sample of the record that holds it: packing ends
    arrived_ns  the record reached the centre: the link ends
    """

    station_key: str
    onset_ns: int
    sampled_ns: int
    packed_ns: int
    arrived_ns: int


@dataclass(frozen=True, slots=True)
class Bound:
    """What a coalition of so many stations could have done to an alert, at most.

    stations  that lie
    moved_m   how far they could have moved the epicentre
    missed    whether their silence could have kept the alert from being raised
    """

    stations: int
    moved_m: float
    missed: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """One version of a warning. alert_id stays, version counts up from 1.

    declared_ns             when it was decided, by the clock that came in
    origin_time_ns          of the quake; depth_m below sea level
    place_uncertainty_m     one standard deviation of the epicentre
    magnitude               with one standard deviation; a lower bound where magnitude_is_least
    score                   nats, at the best place, within all caps; of_score: what a warning needs
    forgery_cost_stations   least number of stations that must be lying for the alert to be false
    forgery_cost_domains    likewise of domains
    bounds                  for coalitions of 1, 2, ... stations
    blind_zone_m            how far from the epicentre S had come when it was declared: nearer, nobody had a warning
    voices                  of every station that had a say, those for it first
    assurance               the least tier among the stations without which it would not have been raised
    audiences               whom the policy lets know
    reason                  of an update or cancellation, one sentence
    """

    alert_id: str
    version: int
    kind: AlertKind
    status: AlertStatus
    declared_ns: int
    origin_time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    place_uncertainty_m: float
    magnitude: float
    magnitude_uncertainty: float
    magnitude_is_least: bool
    score: float
    of_score: float
    forgery_cost_stations: int
    forgery_cost_domains: int
    bounds: tuple[Bound, ...]
    blind_zone_m: float
    voices: tuple[Voice, ...]
    assurance: Tier
    audiences: tuple[str, ...]
    ledger: Ledger | None
    reason: str = ""

    @property
    def stations(self) -> tuple[str, ...]:
        """The stations whose onsets speak for it, in order of name."""
        return tuple(sorted(voice.station_key for voice in self.voices if voice.onset_ns is not None))


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere people are. vs30_mps: mean shear-wave speed of its uppermost 30 m; 760 is rock."""

    name: str
    latitude_deg: float
    longitude_deg: float
    vs30_mps: float = 760.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a place has to expect.

    mmi, csis    intensities: Modified Mercalli, and GB/T 17742-2020
    s_ns         when strong shaking begins there
    left_s       till then, from when the alert, declared and let out, is there; below zero where it came too late
    by           what foretells more: the quake's source, or the shaking of stations nearby
    """

    place: Place
    mmi: float
    csis: float
    s_ns: int
    left_s: float
    by: Literal["source", "shaking nearby"]
