"""Where and when a quake was, and how sure that is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.agreement import Agreement, agree
from houfeng.quake.locate.frame import Frame, middle_deg
from houfeng.quake.locate.observations import ModelError, Observations, Prediction
from houfeng.quake.locate.octtree import Generation, box, climb, concentrate
from houfeng.quake.locate.posterior import CONFIDENCES, Posterior, ellipse, posterior_of, representative
from houfeng.quake.locate.quality import Reliability, gap_deg, grade
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.words.earth import azimuth_deg, distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import format_instant, seconds_to_ns
from houfeng.words.quake import Arrival, Cluster, Origin, Phase, Pick
from houfeng.words.station import Station

PHASES: tuple[Phase, ...] = ("P", "S")

#: Width of the pair kernel in standard deviations, squared. Narrow to search, where only the densest agreement counts;
#: wide to finish: averaged over partners that weighs residuals like Welsch's estimator with its usual constant 2.985,
#: as precise as least squares to 5 % (Holland & Welsch 1977, doi:10.1080/03610927708827533).
NARROW, WIDE = 1.0, 6.0
#: All pairs are used up to this many (110 picks), and a fair sample of them beyond.
MOST_PAIRS = 6000
#: Cells of a generation times (picks + a tenth of the pairs) stay below this: some ms.
GENERATION_WORK = 1_200_000
#: Cells from the middle to the edge of the first generation.
ROOT_HALF = 7
#: Smallest half width and depth range of a search.
LEAST_HALF_WIDTH_M = 30_000.0
#: P and S part by one second in about 8 km (Vp 6 km/s, Vp/Vs 1.73).
M_PER_S_MINUS_P_S = 8_200.0
#: Sources are looked for up to this far above the highest station: ridges between stations.
ABOVE_STATIONS_M = 500.0
#: Three arrivals always meet somewhere: fewer agreeing than this (2.9 of 3) is no solution.
LEAST_AGREEING = 2.9
#: The second search starts from cells this many times as large as what a wave goes in one standard deviation.
COARSE = 3.0
#: Cells kept from the last, blurred judgement to the final one: the margin of the search and a little.
BLURRED_MARGIN = 12.0
#: An arrival counts for gap, stations and phases from exp(-1) up, that is within two standard deviations.
COUNTS = 0.36
#: Below this weight (3.5 standard deviations) an arrival is called a stranger.
NO_WEIGHT = 0.05
#: Said to the reader: the depth's standard deviation beyond which it is poor (and as a share of the depth), a depth
#: this near an edge in standard deviations, residuals this many times too large.
POOR_DEPTH_M, POOR_DEPTH_SHARE, EDGE_SHARE, LARGE_SCALE = 5_000.0, 0.3, 0.5, 2.0
#: The azimuth from which a network cannot see round a source (Lee & Lahr 1975, USGS OFR 75-311).
OUTSIDE_GAP_DEG = 180.0


class Locator:
    """Locates quakes in one model with one network.

    stations     by NET.STA; stations without coordinates are not located with
    times        travel times that cover the network
    model_error  standard deviation of predicted times

    A value without memory: same picks, same origin, in whatever order they come.
    """

    def __init__(
        self, stations: Mapping[str, Station], times: TravelTimes, *, model_error: ModelError | None = None
    ) -> None:
        self._stations = stations
        self._times = times
        self._error = model_error or ModelError()

    def locate(self, picks: Sequence[Pick], *, near: Cluster | None = None, likeliest: bool = False) -> Origin:
        """Find the place and time that the picks agree on.

        picks  of one quake, any order; of several of one station and phase the surest counts
        near   a first guess around which to search
        likeliest  take the place that fits best, to judge picks by

        Returns the expected place (on a flat likelihood: the middle of what fits), with the posterior's covariance.
        Raises DataFault when fewer than three stations have coordinates, or no place explains three arrivals.
        """
        observations, notes = self._observe(picks)
        top_m = max(self._times.min_depth_m, -float(observations.columns.elevation_m.max()) - ABOVE_STATIONS_M)
        frame, coarse = self._search(observations, near, top_m)
        observations.share_ways(frame, coarse[-1].best)
        observations.weigh_doubts(frame, coarse[-1].best)
        observations.rescale_model(frame, coarse[-1].best)
        rough = observations.predict(frame, coarse[-1].best)
        agreement = agree(rough.delay_s, rough.sigma_s, observations.columns.trust)
        if agreement.agreeing < LEAST_AGREEING:
            raise DataFault(_when(picks), "no place explains as many as three arrivals")
        fine, best = _refine(observations, frame, coarse, agreement, rough, top_m)
        posterior = posterior_of(fine)
        place = best if likeliest else representative(fine, posterior, best)
        stretch = agreement.spread / agreement.scale  # residuals have longer tails than the kernel took for errors
        posterior = replace(posterior, covariance_m2=posterior.covariance_m2 * stretch**2)
        return self._origin(observations, frame, posterior, place, best, top_m, notes)

    def _observe(self, picks: Sequence[Pick]) -> tuple[Observations, list[str]]:
        """Keep the picks that can be used, and say which cannot."""
        surest: dict[tuple[str, str], Pick] = {}
        repeated, unplaced = 0, set()
        for pick in sorted(picks, key=lambda pick: (pick.uncertainty_s, pick.key)):
            key = pick.source.station_key
            station = self._stations.get(key)
            if station is None or station.latitude_deg is None:
                unplaced.add(key)
            elif (key, pick.phase) in surest:
                repeated += 1
            else:
                surest[key, pick.phase] = pick
        notes = []
        if unplaced:
            notes.append(f"not located with, no coordinates: {', '.join(sorted(unplaced))}")
        if repeated:
            notes.append(f"left out: {repeated} less sure picks of a station and phase already there")
        used = list(surest.values())
        if len({key for key, _ in surest}) < 3:
            known = len({key for key, _ in surest})
            raise DataFault(
                _when(picks),
                f"only {known} of the picked stations have coordinates, three are needed",
                "add the missing stations to the inventory" if unplaced else "",
            )
        stations = [self._stations[pick.source.station_key] for pick in used]
        return Observations(used, stations, self._times, self._error), notes

    def _search(self, observations: Observations, near: Cluster | None, top_m: float) -> tuple[Frame, list[Generation]]:
        """Find the neighbourhood of the maximum; the region doubles while that sits on its edge."""
        if near is None:
            frame = Frame(*middle_deg(observations.latitude_deg, observations.longitude_deg))
        else:
            frame = Frame(near.latitude_deg, near.longitude_deg)
        away_m = distance_m(
            frame.latitude_deg, frame.longitude_deg, observations.latitude_deg, observations.longitude_deg
        )
        half_width_m = max(LEAST_HALF_WIDTH_M, 1.5 * float(away_m.max()), _farthest_m(observations))
        while True:
            half_width_m = min(half_width_m, self._times.max_distance_m)
            side_m = half_width_m / ROOT_HALF
            bottom_m = min(max(half_width_m, LEAST_HALF_WIDTH_M) + top_m, self._times.max_depth_m)
            root = Generation(points := box(half_width_m, top_m, bottom_m, side_m), side_m, np.zeros(len(points)))
            generations = _concentrate(observations, frame, root, kernel=NARROW, scale=1.0, agreeing=len(observations))
            best = generations[-1].best
            beside = float(np.abs(best[:2]).max()) > half_width_m - side_m
            below = best[2] > bottom_m - side_m / 2 and bottom_m < self._times.max_depth_m
            if not (beside or below) or half_width_m >= self._times.max_distance_m:
                return frame, generations
            half_width_m *= 2

    def _origin(
        self,
        observations: Observations,
        frame: Frame,
        posterior: Posterior,
        place: NDArray[np.float64],
        best: NDArray[np.float64],
        top_m: float,
        notes: list[str],
    ) -> Origin:
        prediction = observations.predict(frame, place)
        agreement = agree(prediction.delay_s, prediction.sigma_s, observations.columns.trust)
        (latitude,), (longitude,) = frame.degrees(place[None, :])
        latitude_deg, longitude_deg, depth_m = float(latitude), float(longitude), float(place[2])
        times_s = observations.origin_times_s(frame, posterior.points, observations.columns.trust * agreement.weight)
        share = observations.columns.trust * agreement.weight / prediction.sigma_s**2
        spread_s2 = posterior.probability @ (times_s - posterior.probability @ times_s) ** 2
        own_s2 = agreement.spread**2 / share.sum()
        away_m = distance_m(latitude_deg, longitude_deg, observations.latitude_deg, observations.longitude_deg)
        azimuths_deg = azimuth_deg(latitude_deg, longitude_deg, observations.latitude_deg, observations.longitude_deg)
        residual_s = prediction.delay_s - agreement.time_s
        agreeing = np.unique(observations.columns.station[agreement.weight >= COUNTS])
        takeoff_deg = {
            phase: self._times.takeoff_deg(phase, away_m, depth_m, observations.columns.elevation_m) for phase in PHASES
        }
        arrivals = [
            Arrival(
                pick,
                residual_s=float(residual_s[i]),
                distance_m=float(away_m[k]),
                azimuth_deg=float(azimuths_deg[k]),
                takeoff_deg=float(takeoff_deg[pick.phase][k]),
                weight=float(agreement.weight[i]),
            )
            for i, (pick, k) in enumerate(zip(observations.picks, observations.columns.station, strict=True))
        ]
        ellipses = tuple(ellipse(posterior.covariance_m2, confidence) for confidence in CONFIDENCES)
        gap = gap_deg(azimuths_deg[agreeing])
        depth_uncertainty_m = float(np.sqrt(posterior.covariance_m2[2, 2]))
        facts = Reliability(
            horizontal_m=ellipses[0].semi_major_m,
            depth_m=depth_uncertainty_m,
            offset_m=float(np.linalg.norm(place - best)),
            gap_deg=gap,
            phases=int(np.count_nonzero(agreement.weight >= COUNTS)),
            misfit=agreement.scale,
        )
        return Origin(
            time_ns=observations.zero_ns + seconds_to_ns(agreement.time_s),
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
            depth_m=depth_m,
            covariance_m2=posterior.covariance_m2,
            time_uncertainty_s=float(np.sqrt(spread_s2 + own_s2)),
            depth_uncertainty_m=depth_uncertainty_m,
            ellipses=ellipses,
            gap_deg=gap,
            rms_s=float(np.sqrt(np.average(residual_s**2, weights=share))),
            nearest_m=float(away_m[agreeing].min()),
            station_count=len(agreeing),
            quality=grade(facts),
            model=self._times.model.name,
            arrivals=tuple(sorted(arrivals, key=lambda arrival: arrival.pick.key)),
            notes=tuple(notes + _remarks(facts, depth_m, top_m, self._times.max_depth_m, agreement)),
        )


def _concentrate(
    observations: Observations, frame: Frame, root: Generation, *, kernel: float, scale: float, agreeing: float
) -> list[Generation]:
    power = agreeing * float(observations.columns.trust.mean()) * _power_per_pick(kernel)
    middle = observations.predict(frame, root.points[len(root.points) // 2])
    return concentrate(
        observations.log_likelihood(frame, power=power, scale=scale * kernel**0.5, most_pairs=MOST_PAIRS),
        root.points,
        root.side_m,
        scatter_m=scale * float(np.median(middle.sigma_s / middle.slowness_spm)),
        power=power,
        most=_most_cells(len(observations)),
    )


def _refine(
    observations: Observations,
    frame: Frame,
    coarse: list[Generation],
    agreement: Agreement,
    rough: Prediction,
    top_m: float,
) -> tuple[Generation, NDArray[np.float64]]:
    """Search again with standard deviations as the residuals have them; returns the last cells and the best place."""
    scatter_m = agreement.scale * float(np.median(rough.sigma_s / rough.slowness_spm))
    root = next((cells for cells in reversed(coarse) if cells.side_m >= COARSE * scatter_m), coarse[0])
    last = _concentrate(observations, frame, root, kernel=WIDE, scale=agreement.scale, agreeing=agreement.agreeing)[-1]
    judge = observations.log_likelihood(
        frame,
        power=agreement.agreeing * float(observations.columns.trust.mean()) * _power_per_pick(WIDE),
        scale=agreement.scale * WIDE**0.5,
        most_pairs=MOST_PAIRS,
    )
    worthwhile = last.points[last.value >= last.value.max() - BLURRED_MARGIN]
    width_m = 0.0 if last.side_m < scatter_m else last.side_m
    fine = Generation(worthwhile, last.side_m, judge(worthwhile, width_m))
    return fine, climb(judge, fine.best, fine.side_m, top_m)


def _remarks(facts: Reliability, depth_m: float, top_m: float, bottom_m: float, agreement: Agreement) -> list[str]:
    """What a reader must know."""
    notes = []
    if facts.gap_deg > OUTSIDE_GAP_DEG:
        notes.append(f"outside the network: no station in {facts.gap_deg:.0f} degrees of azimuth")
    if depth_m - top_m <= EDGE_SHARE * facts.depth_m:
        notes.append("depth at the top of the search")
    elif bottom_m - depth_m <= EDGE_SHARE * facts.depth_m:
        notes.append("depth at the bottom of the search")
    if facts.depth_m > max(POOR_DEPTH_SHARE * abs(depth_m), POOR_DEPTH_M):
        notes.append("depth poorly resolved")
    if facts.offset_m > max(facts.horizontal_m, facts.depth_m):
        notes.append("several places explain the picks nearly as well")
    if agreement.scale > LARGE_SCALE:
        notes.append(f"residuals are {agreement.scale:.1f} times as large as the picks and the model promise")
    left_out = int(np.count_nonzero(agreement.weight < NO_WEIGHT))
    if left_out:
        notes.append(f"{left_out} {'arrival disagrees' if left_out == 1 else 'arrivals disagree'} with the others")
    return notes


def _when(picks: Sequence[Pick]) -> str:
    if not picks:
        return "no picks"
    return f"{len(picks)} picks from {format_instant(min(pick.time_ns for pick in picks), 1)}"


def _farthest_m(observations: Observations) -> float:
    """How far away S minus P allows the quake to be: the median over stations, so that one wild S is no matter."""
    columns = observations.columns
    first: dict[int, dict[int, float]] = {}
    for station, phase, time_s in zip(columns.station, columns.phase, columns.time_s, strict=True):
        first.setdefault(int(station), {})[int(phase)] = float(time_s)
    waits_s = [phases[1] - phases[0] for phases in first.values() if len(phases) == 2 and phases[1] > phases[0]]
    return 1.5 * M_PER_S_MINUS_P_S * float(np.median(waits_s)) if waits_s else 0.0


def _most_cells(picks: int) -> int:
    used = min(picks * (picks - 1) // 2, MOST_PAIRS)
    return int(np.clip(GENERATION_WORK / (picks + used / 10), 1000, 20_000))


def _power_per_pick(kernel: float) -> float:
    """Exponent of the likelihood that makes its width tell the scatter of its maximum.

    For n normal residuals of one standard deviation, with g the slope of the times: the pair sum to the power n has
    curvature n var(g) 2 / (kernel + 2) by convolution, and the maximum of a kernel that weighs residuals with
    exp(-z^2 / (2 h)), h = kernel + 1, scatters (1 + 2/h)^-1.5 / (1 + 1/h)^-3 times as much as least squares.
    """
    h = kernel + 1
    return float((kernel + 2) / 2 / ((1 + 2 / h) ** -1.5 * (1 + 1 / h) ** 3))
