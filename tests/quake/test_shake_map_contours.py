"""Contours as GeoJSON, the grid as a table, and who was shaken how hard."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from houfeng.quake.shake.contours import HEADER, LAYERS, contours, grid_rows
from houfeng.quake.shake.exposure import exposed, people_by_class
from houfeng.wire.places import Place
from houfeng.words.shaking import MEASURES, ShakingMap


def hill(longitude_deg: float = -122.0, rows: int = 41, columns: int = 61) -> ShakingMap:
    """A map that falls off from its middle."""
    latitude, longitude = 38 + 0.05 * np.arange(rows), longitude_deg + 0.05 * np.arange(columns)
    away = np.hypot(*np.meshgrid(latitude - latitude.mean(), longitude - longitude.mean(), indexing="ij"))
    pga = 3.0 * np.exp(-3 * away)
    median = {measure: (0.1 if measure == "pgv" else 1.0) * pga for measure in MEASURES}
    sigma = {measure: np.full(pga.shape, 0.5) for measure in MEASURES}
    return ShakingMap(latitude, longitude, median, sigma, 8.0 - 3 * away, 7.7 - 3 * away, np.full(pga.shape, 0.4))


@pytest.mark.parametrize("longitude", [-122.0, 178.9, -181.1, 350.0], ids=["plain", "across", "across-west", "turned"])
def test_contours_are_geojson_within_the_world_and_run_at_their_value(longitude):
    made = hill(longitude)
    drawn = json.loads(json.dumps(contours(made), allow_nan=False))
    assert drawn["type"] == "FeatureCollection"
    surfaces = {"mmi": made.mmi, "csis": made.csis, **made.median}
    layers = set()
    for feature in drawn["features"]:
        said = feature["properties"]
        layers.add(said["layer"])
        assert said["unit"] == LAYERS[said["layer"]][0]
        assert feature["geometry"]["type"] == "MultiLineString"
        reader = RegularGridInterpolator(
            (made.latitude_deg, made.longitude_deg), surfaces[said["layer"]], bounds_error=False, fill_value=None
        )
        for line in feature["geometry"]["coordinates"]:
            points = np.array(line)
            assert len(points) >= 2
            assert np.all(np.abs(points[:, 0]) <= 180)
            assert np.all(np.abs(np.diff(points[:, 0])) < 1)
            turned = (points[:, 0] - made.longitude_deg[0] + 1e-3) % 360 + made.longitude_deg[0] - 1e-3
            found = reader(np.column_stack((points[:, 1], turned)))
            np.testing.assert_allclose(found, said["value"], rtol=0.02)
    assert layers == set(LAYERS)


def test_lines_across_the_date_line_are_cut_there():
    levels = [f for f in contours(hill(178.9))["features"] if f["properties"]["value"] == 6.0]
    ends = [abs(line[k][0]) for feature in levels for line in feature["geometry"]["coordinates"] for k in (0, -1)]
    assert ends.count(180.0) >= 4


def test_a_map_without_numbers_has_no_contours():
    made = hill()
    for surface in (made.mmi, made.csis, *made.median.values()):
        surface[:] = np.nan
    assert contours(made)["features"] == []


def test_the_table_has_a_line_per_node():
    made = hill(178.9)
    header, *rows = grid_rows(made)
    assert header == HEADER
    assert len(rows) == made.mmi.size
    table = np.array(rows, dtype=np.float64)
    assert table.shape[1] == len(HEADER)
    column = {name: table[:, k].reshape(made.mmi.shape) for k, name in enumerate(HEADER)}
    np.testing.assert_allclose(column["mmi"], made.mmi, rtol=1e-4)
    np.testing.assert_allclose(column["pga_mps2"], made.median["pga"], rtol=1e-4)
    np.testing.assert_allclose(column["pgv_mps"], made.median["pgv"], rtol=1e-4)
    np.testing.assert_allclose(column["psa30_sigma"], made.sigma["psa30"], rtol=1e-4)
    np.testing.assert_allclose(column["latitude"][:, 0], made.latitude_deg)
    assert np.all((column["longitude"] >= -180) & (column["longitude"] < 180))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 40), st.integers(0, 60), st.sampled_from([-360, 0, 360]))
def test_a_place_at_a_node_has_its_intensity(row, column, turn):
    made = hill()
    place = Place("there", float(made.latitude_deg[row]), float(made.longitude_deg[column]) + turn, 10)
    (one,) = exposed(made, [place])
    assert one.mmi == pytest.approx(made.mmi[row, column], abs=1e-9)
    assert one.csis == pytest.approx(made.csis[row, column], abs=1e-9)


def test_the_hardest_shaken_come_first_and_those_beyond_the_map_not_at_all():
    made = hill()
    middle = float(made.latitude_deg.mean()), float(made.longitude_deg.mean())
    near, far = Place("near", *middle, 1000), Place("far", middle[0] + 0.9, middle[1], 5000)
    twin = Place("near and larger", *middle, 2000)
    beyond = Place("beyond", 50.0, 10.0, 9000)
    told = exposed(made, [far, beyond, near, twin])
    assert [one.place.name for one in told] == ["near and larger", "near", "far"]
    assert people_by_class(told) == {8: 3000, 5: 5000}


def test_no_places_shake_nobody():
    assert exposed(hill(), []) == ()
    assert people_by_class([]) == {}
