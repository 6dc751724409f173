"""The shaking map: the figures asked for, measured on the station list of the South Napa quake.

Nothing is fitted to the set: defaults everywhere, and the outline of the rupture that comes with it.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.detect.picker import Picker
from houfeng.quake.shake.condition import Sites, condition
from houfeng.quake.shake.correlation import correlation
from houfeng.quake.shake.map import places_of, seen, usable
from houfeng.quake.shake.outliers import outliers
from houfeng.quake.shake.prior import Setting, prior
from houfeng.wire.fault import read_fault
from houfeng.wire.shakemap import StationList, read_station_list
from playing import true_origin
from rows import DATA, Row, at_least, at_most, rows_of

NAME = "napa_2014_shakemap"
WITHIN_M = 200_000.0


def check(_: Picker, label: str) -> Iterator[Row]:
    """napa_2014_shakemap: the ground-motion relation, the stations that count, and the map at stations left out."""
    told = f"{NAME}{label}"
    listed, setting = _given()
    yield from _stations(told, listed, setting)
    kept, _notes = usable(setting, listed.stations)
    ln_seen = seen("pga", kept)
    telling = np.isfinite(ln_seen)
    latitude, longitude = places_of(kept)
    sites = prior(setting, "pga", latitude[telling], longitude[telling])
    away_m = setting.away_m(latitude[telling], longitude[telling])[0]
    yield from _attenuation(told, ln_seen[telling], sites)
    yield from _left_out(told, ln_seen[telling], sites, away_m)


def _given() -> tuple[StationList, Setting]:
    folder = DATA / NAME / "shakemap"
    listed = read_station_list((folder / "stationlist.xml").read_bytes(), "stationlist.xml")
    event = rows_of(DATA / NAME / "truth" / "events.csv")[0]
    place = float(event["latitude"]), float(event["longitude"])
    fault = read_fault((folder / "boat_fault.txt").read_bytes(), "boat_fault.txt", place)
    origin = true_origin(NAME)
    return listed, Setting(origin, float(event["magnitude"]), fault)


def _stations(told: str, listed: StationList, setting: Setting) -> Iterator[Row]:
    kept, _notes = usable(setting, listed.stations)
    nowhere = sum(each.latitude_deg is None or each.latitude_deg == each.longitude_deg == 0 for each in kept)
    yield at_most(told, "map: stations at 0, 0 that count", nowhere, 0, "{:.0f}")
    components = rows_of(DATA / NAME / "truth" / "stationlist.csv")
    flagged = {row["station"] for row in components if row["flags"] != "0" and not row["component"].endswith("Z")}
    counted = {each.station_key for each, value in zip(kept, seen("pga", kept), strict=True) if np.isfinite(value)}
    yield at_most(
        told, f"map: of {len(flagged)} flagged stations those that count", len(flagged & counted), 0, "{:.0f}"
    )


def _attenuation(told: str, ln_seen: NDArray[np.float64], sites: Sites) -> Iterator[Row]:
    """Residuals in log10, of every unflagged station the relation reaches, wild ones included."""
    believed = np.zeros(len(ln_seen))
    good = ~outliers(ln_seen, believed, sites, correlation("pga"))
    found = condition(ln_seen[good], believed[good], sites.at(good), sites, correlation("pga"))
    alone = ln_seen - sites.ln_median
    for what, residual in (
        ("alone", alone),
        ("with this quake's own strength and attenuation", alone - sites.shared @ found.effects),
    ):
        size = float(np.median(np.abs(residual))) / np.log(10)
        yield at_most(told, f"map: PGA of {len(residual)} stations and the relation {what}, |log10|", size, 0.3)


def _left_out(told: str, ln_seen: NDArray[np.float64], sites: Sites, away_m: NDArray[np.float64]) -> Iterator[Row]:
    """Leave one station out, map the rest, outliers and all, and look there; every unflagged station in turn."""
    targets = np.flatnonzero(away_m <= WITHIN_M)
    errors = np.array([_one_left_out(ln_seen, sites, int(target)) for target in targets])
    ours, plain, alone = np.median(np.abs(errors[:, [0, 2, 3]]), axis=0)
    count = len(targets)
    yield at_most(told, f"map: ln PGA at {count} stations left out, and inverse distance (asked)", ours, plain)
    yield at_most(told, f"map: ln PGA at {count} stations left out, and the relation alone (asked)", ours, alone)
    covered = float(np.mean(np.abs(errors[:, 0]) <= errors[:, 1]))
    yield at_least(told, "map: share of stations left out within one sigma", covered, 0.60)
    yield at_most(told, "map: share of stations left out within one sigma", covered, 0.76)


def _one_left_out(ln_seen: NDArray[np.float64], sites: Sites, target: int) -> tuple[float, float, float, float]:
    """Error and sigma of the map, errors of interpolation by inverse squared distance and of the relation alone."""
    others = np.delete(np.arange(len(ln_seen)), target)
    wild = outliers(ln_seen[others], np.zeros(len(others)), sites.at(others), correlation("pga"))
    kept = others[~wild]
    there = sites.at(np.array([target]))
    found = condition(ln_seen[kept], np.zeros(len(kept)), sites.at(kept), there, correlation("pga"))
    squared = np.sum(np.square(sites.place_m[others] - there.place_m[0]), axis=1)
    weights = 1 / np.maximum(squared, 1.0)
    return (
        float(ln_seen[target] - found.ln_median[0]),
        float(found.sigma[0]),
        float(ln_seen[target] - weights @ ln_seen[others] / weights.sum()),
        float(ln_seen[target] - there.ln_median[0]),
    )
