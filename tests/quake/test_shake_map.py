"""The shaking map as a whole: what stations say comes back, what must not count does not, and odd quakes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.shake.ground_motion import expected
from houfeng.quake.shake.map import shaking_map
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.prior import Setting, prior
from houfeng.wire.fault import Fault
from houfeng.words.errors import DataFault
from houfeng.words.quake import Origin
from houfeng.words.shaking import MEASURES, StationShaking

NAN = float("nan")


def origin_at(latitude_deg=38.2, longitude_deg=-122.3, depth_m=10_000.0) -> Origin:
    return Origin(0, latitude_deg, longitude_deg, depth_m, np.eye(3), 0.1, 1e3, (), 90.0, 0.1, 0.0, 9, "A", "", ())


def station_at(latitude_deg, longitude_deg, times=1.0, *, name="XX.A", magnitude=6.0, origin=None, refused=""):
    """A station that shows so many times what the relation expects."""
    setting = Setting(origin or origin_at(), magnitude)
    where = np.array([latitude_deg or 0.0]), np.array([longitude_deg or 0.0])
    values = {m: times * float(np.exp(prior(setting, m, *where).ln_median[0])) for m in MEASURES}
    return StationShaking(
        name,
        "",
        latitude_deg,
        longitude_deg,
        0.0,
        values["pga"],
        values["pgv"],
        NAN,
        values["psa03"],
        values["psa10"],
        values["psa30"],
        NAN,
        NAN,
        NAN,
        NAN,
        NAN,
        (),
        refused,
    )


def around(count, times=1.0, seed=1):
    rng = np.random.default_rng(seed)
    places = rng.uniform(-0.8, 0.8, (count, 2)) + np.array([38.2, -122.3])
    return [
        station_at(la, lo, times * float(np.exp(rng.normal(0, 0.3))), name=f"XX.S{k}")
        for k, (la, lo) in enumerate(places)
    ]


def node_of(made, latitude_deg, longitude_deg):
    return int(np.argmin(abs(made.latitude_deg - latitude_deg))), int(
        np.argmin(abs(made.longitude_deg - longitude_deg))
    )


def notes_of(made) -> str:
    return "\n".join(made.notes)


def assert_sound(made):
    shape = (len(made.latitude_deg), len(made.longitude_deg))
    assert min(shape) >= 2
    assert shape[0] * shape[1] <= 40_000
    assert np.all(np.diff(made.latitude_deg) > 0)
    assert np.all(np.diff(made.longitude_deg) > 0)
    assert np.ptp(made.longitude_deg) < 360
    for measure in MEASURES:
        assert made.median[measure].shape == made.sigma[measure].shape == shape
        assert np.all(made.median[measure] > 0)
        assert np.all(np.isfinite(made.median[measure]))
        assert np.all((made.sigma[measure] >= 0) & (made.sigma[measure] < 3))
    assert made.mmi.shape == made.csis.shape == made.mmi_sigma.shape == shape
    assert np.all((made.mmi >= 1) & (made.mmi <= 10))
    assert np.all(made.mmi_sigma >= 0)


def test_without_stations_it_is_the_relation():
    made = shaking_map(origin_at(), 6.0, [])
    assert_sound(made)
    row, column = node_of(made, 38.2, -122.3)
    near, far = made.median["pga"][row, column], made.median["pga"][0, 0]
    assert near == pytest.approx(float(np.exp(expected("pga", 6.0, 0.0).ln_median)), rel=0.05)
    assert far < near / 10
    assert "the relation alone" in notes_of(made)
    assert "no rupture given" in notes_of(made)


def test_a_station_comes_back_in_its_cell_with_no_doubt_left():
    stations = around(30)
    made = shaking_map(origin_at(), 6.0, stations)
    assert_sound(made)
    for one in stations:
        node = node_of(made, one.latitude_deg, one.longitude_deg)
        assert made.median["pga"][node] == pytest.approx(one.pga_mps2, rel=1e-6)
        assert made.median["psa30"][node] == pytest.approx(one.psa30_mps2, rel=1e-6)
        assert made.sigma["pga"][node] == pytest.approx(0.0, abs=1e-5)
        assert made.mmi[node] == pytest.approx(float(mmi(one.pga_mps2, one.pgv_mps)), abs=1e-5)
        assert made.mmi_sigma[node] == pytest.approx(0.0, abs=1e-4)
    assert "outliers" not in notes_of(made)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_order_of_stations_changes_nothing(seed):
    stations = around(12, seed=seed)
    one = shaking_map(origin_at(), 5.0, stations)
    other = shaking_map(origin_at(), 5.0, [stations[k] for k in np.random.default_rng(seed).permutation(12)])
    np.testing.assert_allclose(np.log(one.median["pga"]), np.log(other.median["pga"]), atol=1e-8)
    assert sorted(one.notes) == sorted(other.notes)


@settings(max_examples=15, deadline=None)
@given(st.floats(-40, 40), st.integers(-6, 6), st.floats(2.5, 8.5))
def test_shifted_along_a_parallel_the_map_is_the_same(latitude, turns, magnitude):
    # 30 degrees are a whole number of every spacing
    here, there = (shaking_map(origin_at(latitude, where), magnitude, []) for where in (20.013, 20.013 + 30 * turns))
    assert here.mmi.shape == there.mmi.shape
    np.testing.assert_allclose(here.mmi, there.mmi, atol=1e-6)


def test_a_strong_quake_is_mapped_strong_everywhere():
    plain, strong = (shaking_map(origin_at(), 6.0, around(40, times)) for times in (1.0, 2.0))
    gain = np.log(strong.median["pga"] / plain.median["pga"])
    assert np.median(gain) == pytest.approx(np.log(2), abs=0.15)
    assert gain.min() > 0.2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"refused": "clipped"}, "left out: clipped"),
        ({"latitude_deg": None}, "nobody said"),
        ({"longitude_deg": None}, "nobody said"),
        ({"latitude_deg": NAN}, "nobody said"),
        ({"latitude_deg": 138.2}, "nobody said"),
        ({"latitude_deg": 0.0, "longitude_deg": 0.0}, "latitude 0, longitude 0"),
        ({"latitude_deg": -38.2}, "farther than 400 km"),
        (
            {"pga_mps2": NAN, "pgv_mps": 0.0, "psa03_mps2": -1.0, "psa10_mps2": float("inf"), "psa30_mps2": NAN},
            "no station tells",
        ),
    ],
    ids=["refused", "no-latitude", "no-longitude", "nan", "beyond-the-pole", "null-island", "far", "no-values"],
)
def test_what_must_not_count_does_not_and_is_told(change, why):
    wrong = replace(station_at(38.3, -122.2, 2.0), **change)
    made, bare = (shaking_map(origin_at(), 6.0, stations) for stations in ([wrong], []))
    np.testing.assert_array_equal(made.median["pga"], bare.median["pga"])
    assert why in notes_of(made)


def test_a_liar_is_left_out_by_name():
    honest = around(40)
    liar = station_at(38.25, -122.25, 60.0, name="XX.LIAR")
    with_it, without = (shaking_map(origin_at(), 6.0, stations) for stations in ([*honest, liar], honest))
    np.testing.assert_allclose(with_it.median["pga"], without.median["pga"], rtol=1e-9)
    assert "pga: left out as outliers XX.LIAR" in notes_of(with_it)


def test_a_measure_that_a_station_lacks_is_taken_from_the_others():
    stations = around(10)
    stations[0] = replace(stations[0], pgv_mps=NAN)
    made = shaking_map(origin_at(), 6.0, stations)
    assert any(note.startswith("pga:") and note.endswith("from 10 stations") for note in made.notes)
    assert any(note.startswith("pgv:") and note.endswith("from 9 stations") for note in made.notes)


def test_two_sensors_in_one_place_are_no_trouble():
    one, other = station_at(38.3, -122.2, 1.5), station_at(38.3, -122.2, 1.2, name="XX.B")
    made = shaking_map(origin_at(), 6.0, [one, other])
    assert_sound(made)
    node = node_of(made, 38.3, -122.2)
    assert made.median["pga"][node] in (pytest.approx(one.pga_mps2), pytest.approx(other.pga_mps2))


def test_soft_ground_shakes_more_and_known_ground_is_less_in_doubt():
    def ground(latitude_deg, longitude_deg):
        return np.where(latitude_deg > 38.2, 250.0, 760.0) + 0 * longitude_deg

    rock, known = shaking_map(origin_at(), 6.0, []), shaking_map(origin_at(), 6.0, [], vs30=ground)
    np.testing.assert_array_equal(rock.latitude_deg, known.latitude_deg)
    south, north = rock.latitude_deg < 38.19, rock.latitude_deg > 38.21
    np.testing.assert_allclose(known.median["pgv"][south], rock.median["pgv"][south])
    assert np.all(known.median["pgv"][north] > 1.5 * rock.median["pgv"][north])
    assert np.all(known.sigma["pgv"] < rock.sigma["pgv"])


def test_a_station_on_soft_ground_tells_no_more_of_rock_than_it_knows():
    def ground(latitude_deg, longitude_deg):
        return np.where(np.hypot(latitude_deg - 38.5, longitude_deg + 122.3) < 0.02, 200.0, 760.0)

    setting = Setting(origin_at(), 6.0, vs30_mps=ground)
    where = np.array([38.5]), np.array([-122.3])
    as_expected = {
        ("pgv_mps" if m == "pgv" else f"{m}_mps2"): float(np.exp(prior(setting, m, *where).ln_median[0]))
        for m in MEASURES
    }
    soft = replace(station_at(38.5, -122.3), **as_expected)
    made, bare = (shaking_map(origin_at(), 6.0, stations, vs30=ground) for stations in ([soft], []))
    away = np.abs(made.latitude_deg - 38.5) > 0.05
    np.testing.assert_allclose(made.median["pga"][away], bare.median["pga"][away], rtol=1e-9)


def test_around_a_known_rupture_shaking_follows_it():
    corners = np.array([[38.2, -122.3, 1000.0], [38.7, -122.3, 1000.0], [38.7, -122.3, 12e3], [38.2, -122.3, 12e3]])
    made = shaking_map(origin_at(), 6.8, [], fault=Fault((corners,)))
    along, across = made.median["pga"][node_of(made, 38.6, -122.3)], made.median["pga"][node_of(made, 38.2, -122.75)]
    assert along > 3 * across
    assert "no rupture given" not in notes_of(made)


@pytest.mark.parametrize(
    ("latitude", "longitude", "magnitude"),
    [
        (-17.0, 179.9, 7.0),
        (52.0, -179.9, 7.5),
        (89.95, 10.0, 6.0),
        (-90.0, 0.0, 8.0),
        (0.0, 540.0, 6.0),
        (10.0, 10.0, 9.5),
        (10.0, 10.0, -2.0),
    ],
    ids=["date-line-west", "date-line-east", "north-pole", "south-pole", "longitude-540", "m9.5", "m-2"],
)
def test_odd_quakes_have_sound_maps(latitude, longitude, magnitude):
    made = shaking_map(origin_at(latitude, longitude), magnitude, [])
    assert_sound(made)
    assert ("lies outside" in notes_of(made)) == (not 3 <= magnitude <= 8.5)


def test_stations_across_the_date_line_count_on_both_sides():
    origin = origin_at(-17.0, 179.95)
    stations = [station_at(-17.1, lo, 1.5, origin=origin, name=f"XX.S{k}") for k, lo in enumerate((179.7, -179.8))]
    made = shaking_map(origin, 6.0, stations)
    for one, longitude in zip(stations, (179.7, 180.2), strict=True):
        assert made.median["pga"][node_of(made, -17.1, longitude)] == pytest.approx(one.pga_mps2, rel=1e-6)


def test_a_deep_source_is_said_to_be_one():
    assert "120 km deep" in notes_of(shaking_map(origin_at(depth_m=120_000.0), 6.0, []))


@pytest.mark.parametrize(
    ("origin", "magnitude"),
    [
        (origin_at(), NAN),
        (origin_at(), float("inf")),
        (origin_at(NAN), 6.0),
        (origin_at(95.0), 6.0),
        (origin_at(10.0, NAN), 6.0),
    ],
    ids=["no-magnitude", "infinite", "no-latitude", "beyond-the-pole", "no-longitude"],
)
def test_a_quake_that_is_none_is_a_data_fault(origin, magnitude):
    with pytest.raises(DataFault):
        shaking_map(origin, magnitude, [])


@pytest.mark.parametrize(
    "vs30",
    [NAN, -5.0, 0.0, lambda *axes: axes[0] * NAN, lambda *_: np.ones(3), lambda *_: "soft"],
    ids=["nan", "negative", "zero", "nan-by-place", "too-few", "words"],
)
def test_ground_that_is_none_is_a_data_fault(vs30):
    with pytest.raises(DataFault, match="vs30"):
        shaking_map(origin_at(), 6.0, around(2), vs30=vs30)
