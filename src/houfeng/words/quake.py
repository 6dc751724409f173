"""The seismic nouns: picks, what they add up to, and the quakes they tell of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from houfeng.words.source import SourceId

Phase = Literal["P", "S"]


@dataclass(frozen=True, slots=True)
class Pick:
    """The arrival of a phase at a channel.

    time_ns              the onset
    uncertainty_s        one standard deviation, > 0
    snr                  amplitude ratio of signal to noise at the onset; 0 when unknown
    probability          how likely this is an onset of this phase, 0 to 1
    polarity             first motion: +1 up, -1 down, 0 not readable
    polarity_confidence  0 to 1
    method               what made it: "stalta+aic", "phasenet", "analyst" ...; "guided": looked for where an origin
                         predicts it; "reread": told as the other phase, and picked again as this one
    """

    source: SourceId
    phase: Phase
    time_ns: int
    uncertainty_s: float
    snr: float = 0.0
    probability: float = 1.0
    polarity: int = 0
    polarity_confidence: float = 0.0
    method: str = ""

    @property
    def key(self) -> tuple[int, str, str]:
        """Sorts picks the same way everywhere: time, channel, phase."""
        return (self.time_ns, self.source.nslc, self.phase)


@dataclass(frozen=True, slots=True)
class Amplitude:
    """One measured amplitude, with what it was measured on.

    kind       "wood_anderson": zero-to-peak displacement seen by a Wood-Anderson pendulum, m, gain taken off;
               "p_plateau", "s_plateau": low-frequency level of the P or S displacement spectrum, m s;
               "pd", "pgd": largest vertical displacement of the first seconds of P, and largest horizontal one, m
    value      in the SI unit of its kind
    time_ns    when the peak was
    period_s   apparent period there, 0 when not measured
    snr        peak over noise peak before P
    """

    source: SourceId
    kind: str
    value: float
    time_ns: int
    period_s: float = 0.0
    snr: float = 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Picks that are one rupture, with a first guess of where and when. At most one pick per station and phase."""

    picks: tuple[Pick, ...]
    time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A pick as seen from an origin.

    residual_s   observed minus predicted
    distance_m   epicentral
    azimuth_deg  from epicentre to station
    takeoff_deg  angle of the ray at the source, 0 straight down, 180 straight up
    weight       share this arrival kept in the solution, 0 (outlier) to 1
    """

    pick: Pick
    residual_s: float
    distance_m: float
    azimuth_deg: float
    takeoff_deg: float
    weight: float


@dataclass(frozen=True, slots=True)
class Ellipse:
    """A confidence ellipse of the epicentre. azimuth_deg is that of the major axis, clockwise from north."""

    confidence: float
    semi_major_m: float
    semi_minor_m: float
    azimuth_deg: float


@dataclass(frozen=True, slots=True)
class Origin:
    """Where and when, and how sure.

    depth_m               below sea level; negative above
    covariance_m2         [3, 3] east, north, down, of the posterior
    time_uncertainty_s    one standard deviation
    depth_uncertainty_m   one standard deviation
    ellipses              at 68 and 95 %
    gap_deg               largest azimuth without a station, 360 with one station
    rms_s                 weighted residual
    nearest_m             epicentral distance of the nearest station used
    station_count         stations used
    quality               "A" best to "D": see quake/locate/quality.py for the rules
    model                 name of the velocity model
    notes                 what a reader must know: "default model", "depth poorly resolved" ...
    """

    time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    covariance_m2: NDArray[np.float64]
    time_uncertainty_s: float
    depth_uncertainty_m: float
    ellipses: tuple[Ellipse, ...]
    gap_deg: float
    rms_s: float
    nearest_m: float
    station_count: int
    quality: str
    model: str
    arrivals: tuple[Arrival, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StationMagnitude:
    """What one station says of the size. refused is why it was left out, "" when it counts."""

    amplitudes: tuple[Amplitude, ...]
    station_key: str
    value: float
    distance_m: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Magnitude:
    """A size on one scale.

    kind         "ML" ...
    value        robust mean over stations; uncertainty their scatter (one standard deviation)
    relation     name and DOI of the attenuation used
    stations     what each station says, those left out included
    """

    kind: str
    value: float
    uncertainty: float
    relation: str
    stations: tuple[StationMagnitude, ...]


#: What P beside S says of a source.
Verdict = Literal["explosion-like", "earthquake-like", "not discriminable"]


@dataclass(frozen=True, slots=True)
class Discrimination:
    """Earthquake or explosion, as far as P and S amplitudes tell.

    log_ratio  natural logarithm of likelihood of an explosion over that of an earthquake; 0 when nothing could be said
    stations   how many stations had a say
    notes      what stood in the way, what was only bounded
    """

    verdict: Verdict
    log_ratio: float
    stations: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quake:
    """An earthquake in one of its versions. quake_id stays, version counts up from 1.

    notes           what was refused and why ("no magnitude: no response for any channel")
    discrimination  whether it looks like an explosion; None when nobody asked
    """

    quake_id: str
    version: int
    origin: Origin
    magnitudes: tuple[Magnitude, ...] = ()
    amplitudes: tuple[Amplitude, ...] = ()
    notes: tuple[str, ...] = ()
    discrimination: Discrimination | None = None

    @property
    def magnitude(self) -> Magnitude | None:
        """The preferred magnitude: the first listed."""
        return self.magnitudes[0] if self.magnitudes else None
