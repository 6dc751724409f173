"""The plain rule that alerts are compared with: four stations that triggered within a window, as one P could make them.

Whoever triggers counts alike; silence says nothing; nobody is asked how many stations would have to lie.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset
from houfeng.quake.warn.testimony import Measured, Testimony
from houfeng.words.alert import Alert, Voice
from houfeng.words.assurance import Tier
from houfeng.words.earth import travelled
from houfeng.words.instant import NS_PER_S, format_instant

#: How many stations, how far they may lie from the last to trigger, and how slow P may be.
ENOUGH: Final = 4
REACH_M: Final = 150_000.0
SLOWEST_MPS: Final = 5_000.0
SLACK_S: Final = 1.0
#: P of one place fits when all onsets scatter about its times by no more than this; places tried, m.
FITS_S: Final = 1.0
GRID_M: Final = np.arange(-100_000.0, 100_001.0, 10_000.0)
DEPTH_M: Final = 10_000.0
#: Onsets within so long of a quake told are of it.
SAME_S: Final = 60.0


class PlainRule:
    """Onsets in, alerts out; the same doors as quake/warn's stage.

    testimony  what stations show, kept up to date by the caller
    times      travel times
    policy     whom alerts reach, by magnitude alone
    measured   amplitudes, for the magnitude
    """

    def __init__(
        self, testimony: Testimony, times: TravelTimes, policy: Policy, measured: Measured | None = None
    ) -> None:
        self._testimony = testimony
        self._times = times
        self._policy = policy
        self._measured = measured
        self._told_s = -np.inf

    def handle(self, onset: Onset) -> Iterator[Alert]:
        """A station told of an onset."""
        here = self._testimony
        row = here.row.get(onset.station_key)
        onset_s = here.seconds(onset.onset_ns)
        if row is None or not here.note(row, onset_s) or onset_s < self._told_s + SAME_S:
            return
        rows, first_s = self._of_one_p(row, onset_s)
        if len(rows) < ENOUGH:
            return
        place = self._fitting(row, rows, first_s)
        if place is None:
            return
        self._told_s = onset_s
        yield self._worded(rows, first_s, place, onset)

    def elapse(self, now_ns: int) -> Iterator[Alert]:  # noqa: ARG002 - the door is there, and nothing behind it
        """Nothing is ever reconsidered."""
        return iter(())

    def _of_one_p(self, row: int, onset_s: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Stations whose latest onsets P could have made on one way, the last to trigger among them."""
        here = self._testimony
        place = float(here.latitude_deg[row]), float(here.longitude_deg[row])
        near = here.near(*place, 120)
        away_m = here.distance_m(near, *place)
        at_s = np.where(here.onset_s[near] <= onset_s + SLACK_S, here.onset_s[near], -np.inf).max(axis=1)
        fits = (away_m <= REACH_M) & (np.abs(at_s - onset_s) <= away_m / SLOWEST_MPS + SLACK_S)
        return near[fits], at_s[fits]

    def _fitting(
        self, row: int, rows: NDArray[np.int64], onset_s: NDArray[np.float64]
    ) -> tuple[float, float, float] | None:
        """Latitude, longitude and origin time whose P explains most onsets, at least four; None when none does."""
        here = self._testimony
        best: tuple[int, float, float, float] | None = None
        east, north = (each.ravel() for each in np.meshgrid(GRID_M, GRID_M))
        latitudes, longitudes = travelled(float(here.latitude_deg[row]), float(here.longitude_deg[row]), east, north)
        for latitude, longitude in zip(latitudes, longitudes, strict=True):
            away_m = here.distance_m(rows, float(latitude), float(longitude))
            origins = onset_s - self._times.seconds("P", away_m, DEPTH_M, 0.0)
            middle = float(np.median(origins))
            count = int((np.abs(origins - middle) <= FITS_S).sum())
            if count >= ENOUGH and (best is None or count > best[0]):
                best = count, float(latitude), float(longitude), middle
        return best and best[1:]

    def _worded(
        self, rows: NDArray[np.int64], onset_s: NDArray[np.float64], place: tuple[float, float, float], onset: Onset
    ) -> Alert:
        here = self._testimony
        latitude, longitude, origin_s = place
        far_km = np.hypot(here.distance_m(rows, latitude, longitude), DEPTH_M) / 1000
        magnitude = 4.5
        if self._measured is not None:
            onset_ns = np.array([here.instant(at) for at in onset_s])
            pd = self._measured.since(rows, onset_ns)[0]
            sizes = 5.39 + 1.23 * (pd + 2.0) + 1.38 * np.log10(far_km)
            magnitude = float(np.nanmedian(sizes)) if np.isfinite(sizes).any() else magnitude
        voices = tuple(
            Voice(here.stations[row].key, here.instant(at), 0.0, 1.0, Tier.NONE)
            for row, at in zip(rows, onset_s, strict=True)
        )
        return Alert(
            alert_id=format_instant(here.instant(origin_s), 0),
            version=1,
            kind="first",
            status="test",
            declared_ns=onset.arrived_ns,
            origin_time_ns=here.base_ns + round(origin_s * NS_PER_S),
            latitude_deg=latitude,
            longitude_deg=longitude,
            depth_m=DEPTH_M,
            place_uncertainty_m=GRID_M[1] - GRID_M[0],
            magnitude=round(magnitude, 1),
            magnitude_uncertainty=0.5,
            magnitude_is_least=False,
            score=float(len(rows)),
            of_score=float(ENOUGH),
            forgery_cost_stations=0,
            forgery_cost_domains=0,
            bounds=(),
            blind_zone_m=0.0,
            voices=voices,
            assurance=Tier.NONE,
            audiences=tuple(each.name for each in self._policy.audiences if magnitude >= each.magnitude),
            ledger=None,
        )
