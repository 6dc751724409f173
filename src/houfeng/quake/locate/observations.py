"""The picks of one quake as arrays, and how well a place explains them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.agreement import model_scale
from houfeng.quake.locate.frame import Frame, places_m
from houfeng.quake.locate.likelihood import Columns, log_likelihood_kernel, origin_times_kernel, predict_kernel
from houfeng.quake.locate.octtree import LogLikelihood, Points
from houfeng.quake.locate.traveltime import TravelTimes, line_below_kernel
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Pick
from houfeng.words.station import Station

#: Rays to stations closer together than this share of their length meet the same unmodelled structure, so ten stations
#: on one distant volcano are wrong by the same amount and count as one.
SAME_WAY = 0.1

#: A stray pick may lie anywhere within so many seconds of where an arrival is expected.
STRAYS_WITHIN_S = 10.0
#: Even a pick its maker gave no chance was found where others agree.
LEAST_PROBABILITY = 0.05


@dataclass(frozen=True, slots=True)
class ModelError:
    """How wrong predicted times are: a share of the travel time within limits, one standard deviation.

    Stated on the safe side, for residuals lower it (rescale_model) where there are enough to tell: a model made
    for another region misses crustal speeds by some per cent and a tenth of a second under the station, which partly
    averages out along the ray. NonLinLoc's samples take 0.02, 0.05, 2.0 (LOCGAU2; Lomax et al. 2000,
    doi:10.1007/978-94-015-9536-0_5) for models of the region itself.
    """

    share: float = 0.03
    least_s: float = 0.1
    most_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a place predicts for every pick: observed minus travel time, its standard deviation, mean slowness."""

    delay_s: NDArray[np.float64]
    sigma_s: NDArray[np.float64]
    slowness_spm: NDArray[np.float64]


class Observations:
    """Picks in one fixed order with their stations, ready to be compared with places.

    picks     at least one, of stations with coordinates, in any order
    stations  of the picks, in the same order
    """

    def __init__(
        self, picks: Sequence[Pick], stations: Sequence[Station], times: TravelTimes, error: ModelError
    ) -> None:
        order = sorted(range(len(picks)), key=lambda i: (stations[i].key, picks[i].phase, picks[i].key))
        self.picks = tuple(picks[i] for i in order)
        self.zero_ns = sorted(pick.time_ns for pick in picks)[len(picks) // 2]
        distinct = {station.key: station for station in stations}
        keys = sorted(distinct)
        places = np.array([[distinct[key].latitude_deg, distinct[key].longitude_deg] for key in keys], np.float64)
        #: [stations] of the picks, each once
        self.latitude_deg, self.longitude_deg = places[:, 0], places[:, 1]
        elevation_m = np.array([distinct[key].elevation_m for key in keys], np.float64)
        lines = [line_below_kernel(times.table.elevations_m, elevation) for elevation in elevation_m]
        self.columns = Columns(
            station_place=places_m(self.latitude_deg, self.longitude_deg),
            station_line=np.array([line for line, _ in lines], np.int64),
            station_fraction=np.array([fraction for _, fraction in lines], np.float64),
            elevation_m=elevation_m,
            station=np.array([keys.index(stations[i].key) for i in order], np.int64),
            phase=np.array(["PS".index(pick.phase) for pick in self.picks], np.int64),
            time_s=np.array([(pick.time_ns - self.zero_ns) / NS_PER_S for pick in self.picks]),
            variance_s2=np.array([pick.uncertainty_s**2 for pick in self.picks]),
            trust=self._trust(error.most_s),
            crowd=np.ones(len(self.picks)),
            error_share=error.share,
            error_least_s=error.least_s,
            error_most_s=error.most_s,
        )
        self._table = times.table

    def __len__(self) -> int:
        return len(self.picks)

    def log_likelihood(self, frame: Frame, *, power: float, scale: float, most_pairs: int) -> LogLikelihood:
        """The function that judges places, origin time eliminated.

        power       exponent of the likelihood
        scale       factor on all standard deviations
        most_pairs  a fair sample of pairs is used when there are more
        """
        half = len(self) // 2
        wanted = min(half, max(1, most_pairs // len(self)))
        offsets = np.unique(np.linspace(1, half, wanted).round().astype(np.int64))

        def judge(points: Points, width_m: float) -> NDArray[np.float64]:
            depth_m, out = np.ascontiguousarray(points[:, 2]), np.empty(len(points))
            places = frame.places_m(points)
            log_likelihood_kernel(self.columns, self._table, offsets, scale, places, depth_m, width_m, out)
            return np.asarray(out * power)

        return judge

    def share_ways(self, frame: Frame, point: NDArray[np.float64]) -> None:
        """Let stations close together, as seen from a point, share their model error."""
        places, here = self.columns.station_place, frame.places_m(point[None, :])[0]
        way_m = np.sqrt(((places - here) ** 2).sum(axis=1) + point[2] ** 2)
        apart_m = np.linalg.norm(places[:, None, :] - places, axis=2)
        crowd = np.exp(-((apart_m / (SAME_WAY * way_m[:, None])) ** 2)).sum(axis=1)
        self.columns = self.columns._replace(crowd=crowd[self.columns.station])

    def weigh_doubts(self, frame: Frame, point: NDArray[np.float64]) -> None:
        """Let picks of low probability count less, the less the farther from a point their arrivals may stray."""
        self.columns = self.columns._replace(trust=self._trust(self.predict(frame, point).sigma_s))

    def _trust(self, sigma_s: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """How likely each pick is the arrival: by its probability, and the chance that a stray falls as close."""
        probability = np.maximum([pick.probability for pick in self.picks], LEAST_PROBABILITY)
        by_chance = np.minimum(np.sqrt(2 * np.pi) * sigma_s / STRAYS_WITHIN_S, 1.0)
        return np.asarray(probability / (probability + (1 - probability) * by_chance))

    def rescale_model(self, frame: Frame, point: NDArray[np.float64]) -> None:
        """Let the residuals at a point say how wrong the model is, once and for all."""
        prediction = self.predict(frame, point)
        factor = model_scale(
            prediction.delay_s, prediction.sigma_s, self.columns.trust, np.sqrt(self.columns.variance_s2)
        )
        self.columns = self.columns._replace(
            error_share=self.columns.error_share * factor,
            error_least_s=self.columns.error_least_s * factor,
            error_most_s=self.columns.error_most_s * factor,
        )

    def predict(self, frame: Frame, point: NDArray[np.float64]) -> Prediction:
        """What a point (east, north, down, m) predicts."""
        delay, variance, slowness = (np.empty(len(self)) for _ in range(3))
        place = frame.places_m(point[None, :])[0]
        predict_kernel(self.columns, self._table, place, float(point[2]), delay, variance, slowness)
        return Prediction(delay, np.sqrt(variance), slowness)

    def origin_times_s(self, frame: Frame, points: Points, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """The origin time, since zero_ns, that goes with each point, arrivals keeping the given weights."""
        out = np.empty(len(points))
        depth_m = np.ascontiguousarray(points[:, 2])
        origin_times_kernel(self.columns, self._table, weight, frame.places_m(points), depth_m, out)
        return out
