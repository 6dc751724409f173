"""The shaking map: how hard it shook in between stations.

Steps:
1. take the stations that count and lie where the ground-motion relation holds;
2. choose a grid around the rupture;
3. per measure, ask the relation at stations and nodes, and condition it on what the stations saw;
4. intensities of the medians, and in words what was assumed or left out.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.shake.condition import Conditioned, condition
from houfeng.quake.shake.correlation import RELATION as CORRELATION
from houfeng.quake.shake.correlation import correlation
from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.grid import Grid, grid_for, near
from houfeng.quake.shake.ground_motion import MOST_DISTANCE_M, ROCK_VS30_MPS, Mechanism, Region
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.outliers import outliers
from houfeng.quake.shake.prior import Ground, Setting, assumptions, prior
from houfeng.wire.fault import Fault
from houfeng.words.quake import Origin
from houfeng.words.shaking import MEASURES, Measure, ShakingMap, StationShaking

#: More than a solution over all of them at once should hold in memory; the nearest count.
MOST_STATIONS = 3000

#: So many names or reasons in the notes; of the rest the number.
_NAMED = 10


def shaking_map(
    origin: Origin,
    magnitude: float,
    stations: Sequence[StationShaking],
    *,
    vs30: Ground | float = ROCK_VS30_MPS,
    fault: Fault | None = None,
    mechanism: Mechanism = "unspecified",
    region: Region = "global",
) -> ShakingMap:
    """Map the shaking around a quake.

    magnitude  moment magnitude, or what stands for it, finite
    stations   any number, none included; those refused or without a place are left out, and the notes say so
    vs30       mean shear-wave speed of the uppermost 30 m: a function of latitudes and longitudes, degrees, [n],
               giving m/s, [n]; or one speed for all ground, which then counts as not known
    fault      outline of the rupture; without it distances are means over usual ones at the epicentre
    mechanism  style of faulting
    region     whose attenuation

    A node in whose cell a station stands shows that station's value, with sigma 0. csis takes the larger horizontal
    for the vector sum that the standard asks for, which is a little less.
    Raises DataFault when magnitude or epicentre is no number, or vs30 gives something that is no speed.
    Source: ground_motion.RELATION, correlation.RELATION; Worden et al. 2018, doi:10.1785/0120170201.
    """
    setting = Setting(origin, magnitude, fault, vs30, mechanism, region)
    kept, left_out = usable(setting, stations)
    latitude, longitude = places_of(kept)
    grid = grid_for(*_extent(setting), magnitude, setting.away_m(latitude, longitude)[0])
    shape = (len(grid.latitude_deg), len(grid.longitude_deg))
    solved = {measure: _measure(setting, measure, kept, grid) for measure in MEASURES}
    median = {measure: np.exp(found.ln_median).reshape(shape) for measure, (found, _) in solved.items()}
    sigma = {measure: found.sigma.reshape(shape) for measure, (found, _) in solved.items()}
    return ShakingMap(
        latitude_deg=grid.latitude_deg,
        longitude_deg=grid.longitude_deg,
        median=median,
        sigma=sigma,
        mmi=mmi(median["pga"], median["pgv"]),
        csis=csis_of_peaks(median["pga"], median["pgv"]),
        mmi_sigma=_mmi_sigma(median, sigma),
        notes=(
            *assumptions(setting),
            CORRELATION,
            *left_out,
            *(said for _, notes in solved.values() for said in notes),
        ),
    )


def usable(setting: Setting, stations: Sequence[StationShaking]) -> tuple[list[StationShaking], tuple[str, ...]]:
    """Stations that count for a map, and a note on every reason for which others do not.

    Left out are those refused, those without a place or at 0, 0, and those farther than the relation was made for.
    """
    reasons: Counter[str] = Counter()
    kept: list[StationShaking] = []
    for station in stations:
        why = station.refused or _no_place(station)
        reasons[why] += bool(why)
        if not why:
            kept.append(station)
    away_m = setting.away_m(*places_of(kept))[0]
    order = [int(index) for index in np.argsort(away_m, kind="stable") if away_m[index] <= MOST_DISTANCE_M]
    reasons[f"farther than {MOST_DISTANCE_M / 1000:g} km"] = len(kept) - len(order)
    reasons[f"beyond the {MOST_STATIONS} nearest"] = max(0, len(order) - MOST_STATIONS)
    told = sorted(((count, why) for why, count in reasons.items() if count), key=lambda pair: (-pair[0], pair[1]))
    said = [f"{count} stations left out: {why}" for count, why in told[:_NAMED]]
    if len(told) > _NAMED:
        said.append(f"{sum(count for count, _ in told[_NAMED:])} stations left out for other reasons")
    return [kept[index] for index in sorted(order[:MOST_STATIONS])], tuple(said)


def _no_place(station: StationShaking) -> str:
    latitude, longitude = station.latitude_deg, station.longitude_deg
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 360):
        return "nobody said where they stand"
    return "at latitude 0, longitude 0" if latitude == longitude == 0 else ""


def places_of(stations: Sequence[StationShaking]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes, degrees, each [n], of stations that have them."""
    places = np.array([(each.latitude_deg, each.longitude_deg) for each in stations], dtype=np.float64).reshape(-1, 2)
    return places[:, 0], places[:, 1]


def seen(measure: Measure, stations: Sequence[StationShaking]) -> NDArray[np.float64]:
    """Natural logarithms of what stations saw of a measure, m/s2, for pgv m/s, [n]; NaN where they do not say."""
    names = {"pgv": "pgv_mps"}
    values = np.array([getattr(each, names.get(measure, f"{measure}_mps2")) for each in stations], dtype=np.float64)
    good = np.isfinite(values) & (values > 0)
    return np.log(values, out=np.full(len(values), np.nan), where=good)


def _measure(
    setting: Setting, measure: Measure, stations: Sequence[StationShaking], grid: Grid
) -> tuple[Conditioned, tuple[str, ...]]:
    """One measure at all nodes, row by row, and what there is to say about it."""
    ln_seen = seen(measure, stations)
    telling = np.flatnonzero(np.isfinite(ln_seen))
    latitude, longitude = (axis[telling] for axis in places_of(stations))
    sites, alike = prior(setting, measure, latitude, longitude), correlation(measure)
    believed = np.zeros(len(telling))
    wild = outliers(ln_seen[telling], believed, sites, alike)
    good = ~wild
    sites, ln_seen = sites.at(good), ln_seen[telling[good]]
    nodes = prior(setting, measure, *grid.nodes())
    standing_at = _standing_at(grid, latitude[good], longitude[good])
    # a node in whose cell a station stands speaks for the ground under that station
    standing = standing_at >= 0
    for ours, theirs in (
        (nodes.place_m, sites.place_m),
        (nodes.ln_median, sites.ln_median),
        (nodes.phi, sites.phi),
        (nodes.shared, sites.shared),
    ):
        ours[standing] = theirs[standing_at[standing]]
    found = condition(ln_seen, believed[good], sites, nodes, alike, standing_at)
    said = [f"{measure}: the relation alone, no station tells"]
    if len(ln_seen):
        times = float(np.exp(sites.shared[0, 0] * found.effects[0]))
        said = [f"{measure}: {times:.2f} times as strong as the relation expects, from {len(ln_seen)} stations"]
    if wild.any():
        names = [f"{stations[index].station_key}.{stations[index].location}".rstrip(".") for index in telling[wild]]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        said.append(f"{measure}: left out as outliers {', '.join(names[:_NAMED])}{more}")
    return found, tuple(said)


def _standing_at(grid: Grid, latitude_deg: NDArray[np.float64], longitude_deg: NDArray[np.float64]) -> NDArray[np.intp]:
    """For every node the station in its cell, of several the one nearest to it, -1 where there is none."""
    node = grid.nearest_node(latitude_deg, longitude_deg)
    rows, columns = np.divmod(node, len(grid.longitude_deg))
    east_deg = near(longitude_deg - grid.longitude_deg[columns], 0.0)
    off_deg = np.hypot(latitude_deg - grid.latitude_deg[rows], east_deg)
    standing_at = np.full(len(grid.latitude_deg) * len(grid.longitude_deg), -1, dtype=np.intp)
    for station in np.lexsort((-np.arange(len(node)), -off_deg)):
        if node[station] >= 0:
            standing_at[node[station]] = station
    return standing_at


def _extent(setting: Setting) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Epicentre and corners of the rupture, degrees."""
    epicentre = np.array([[setting.origin.latitude_deg, setting.origin.longitude_deg]])
    corners = [polygon[:, :2] for polygon in setting.fault.polygons] if setting.fault is not None else []
    places = np.concatenate([epicentre, *corners])
    return places[:, 0], places[:, 1]


def _mmi_sigma(
    median: dict[Measure, NDArray[np.float64]], sigma: dict[Measure, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Half the change of intensity between both peaks one sigma up and both one sigma down.

    Acceleration and velocity rise together (Bradley 2012, doi:10.1193/1.3675582, has correlation 0.73); taking them
    as one makes this at most 8 % too wide.
    """
    up, down = (
        mmi(*(median[measure] * np.exp(sign * sigma[measure]) for measure in ("pga", "pgv"))) for sign in (1.0, -1.0)
    )
    return np.asarray((up - down) / 2, dtype=np.float64)
