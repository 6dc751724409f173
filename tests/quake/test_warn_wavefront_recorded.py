"""Shaking nearby on the stations of the South Napa quake, each left out in turn; and two of them lying."""

from dataclasses import replace

import numpy as np
import pytest

from houfeng.quake.shake.mmi import mmi
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.wavefront import nearby, surroundings
from houfeng.wire.shakemap import read_station_list
from houfeng.words.alert import Place
from houfeng.words.earth import distance_m
from houfeng.words.station import Station


@pytest.fixture(scope="module")
def napa(houfeng_data):
    """Who stands around whom within 150 km, and what each saw."""
    path = houfeng_data / "napa_2014_shakemap" / "shakemap" / "stationlist.xml"
    told = read_station_list(path.read_bytes(), path.name)
    kept = [one for one in told.stations if not one.refused and np.isfinite(one.pga_mps2 + one.pgv_mps)]
    kept = [one for one in kept if distance_m(*told.epicentre, one.latitude_deg, one.longitude_deg) < 150_000]
    stations = [Station("XX", f"N{k:03d}", one.latitude_deg, one.longitude_deg) for k, one in enumerate(kept)]
    places = [Place(one.code, *one.place) for one in stations]
    seen = np.array([float(mmi(one.pga_mps2, one.pgv_mps)) for one in kept])
    return surroundings(Policy(), stations, places), seen


def left_out(around, seen, place):
    """What the others around one place let it expect, and the largest that any of them saw."""
    rows = slice(around.begins[place], around.begins[place + 1])
    columns = {name: getattr(around, name)[rows] for name in ("station", "away_m", "codes", "amplified")}
    alone = replace(around, begins=np.array([0, rows.stop - rows.start]), **columns)
    others = seen.copy()
    others[place] = np.nan
    return nearby(alone, others, 1.0, stations=3, domains=3).mmi[0], np.nanmax(others[columns["station"]])


def test_the_third_largest_and_its_guard_come_closer_than_the_largest(napa):
    around, seen = napa
    strong = np.flatnonzero(seen >= 4)
    assert len(strong) > 90
    told = np.array([left_out(around, seen, place) for place in strong])
    known = np.isfinite(told[:, 0])
    assert known.mean() > 0.95
    off = np.abs(told[known] - seen[strong[known], None])
    assert np.median(off[:, 0]) < 1.0
    assert np.median(off[:, 1]) > 1.8


def test_attack_two_stations_anywhere_raise_nobody(napa):
    around, seen = napa
    rng = np.random.default_rng(5)
    for _ in range(50):
        liars = rng.choice(len(seen), 2, replace=False)
        lie, silent = seen.copy(), seen.copy()
        lie[liars], silent[liars] = 10.0, np.nan
        raised = nearby(around, lie, 1.0, stations=3, domains=3).mmi
        alone = nearby(around, silent, 1.0).mmi
        assert (np.nan_to_num(raised) <= np.nan_to_num(alone)).all()
        assert np.nanmax(raised) < 10
