"""The ground-motion relation and the correlation: published values, limits and directions."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.shake.correlation import correlation
from houfeng.quake.shake.ground_motion import STANDARD_GRAVITY_MPS2, expected, rotd50
from houfeng.words.errors import DataFault
from houfeng.words.shaking import MEASURES

LINES = (Path(__file__).parent / "data" / "boore_2014.csv").read_text(encoding="utf-8").splitlines()
VECTORS = list(csv.DictReader(line for line in LINES if not line.startswith("#")))

measures = st.sampled_from(MEASURES)
magnitudes = st.floats(3.0, 8.5)


@pytest.mark.parametrize("row", VECTORS, ids=[f"{k:02d}-{row['measure']}" for k, row in enumerate(VECTORS)])
def test_the_relation_gives_what_another_implementation_of_it_gives(row):
    got = rotd50(
        row["measure"],
        float(row["magnitude"]),
        float(row["rjb_km"]) * 1000,
        float(row["vs30_mps"]),
        mechanism=row["mechanism"],
    )
    unit = 0.01 if row["measure"] == "pgv" else STANDARD_GRAVITY_MPS2
    assert got.ln_median - np.log(unit) == pytest.approx(float(row["ln_median"]), abs=2e-6)
    assert got.tau == pytest.approx(float(row["tau"]), abs=2e-6)
    assert got.phi == pytest.approx(float(row["phi"]), abs=2e-6)


@given(measures, magnitudes, st.floats(0, 390_000), st.floats(1000, 10_000))
def test_farther_away_less_is_expected(measure, magnitude, rjb_m, step_m):
    near, far = expected(measure, magnitude, np.array([rjb_m, rjb_m + step_m])).ln_median
    assert far < near


@given(measures, st.floats(0, 400_000), st.floats(150, 1500))
def test_many_sites_at_once_are_as_each_alone(measure, rjb_m, vs30_mps):
    many = expected(measure, 6.0, np.array([rjb_m, 1e4]), np.array([vs30_mps, 400.0]))
    one = expected(measure, 6.0, rjb_m, vs30_mps)
    assert many.ln_median[0] == pytest.approx(float(one.ln_median), abs=1e-12)
    assert many.phi[0] == pytest.approx(float(one.phi), abs=1e-12)


@given(measures, magnitudes, st.floats(0, 400_000))
def test_the_larger_component_is_a_tenth_to_a_fifth_above_the_middle_of_directions(measure, magnitude, rjb_m):
    ratio = float(np.exp(expected(measure, magnitude, rjb_m).ln_median - rotd50(measure, magnitude, rjb_m).ln_median))
    assert 1.05 < ratio < 1.25


def test_the_larger_component_by_boore_and_kishida():
    # at M 5.5 and 50 km only their constant remains: 0.1126 for PGA
    above = expected("pga", 5.5, 50_000.0).ln_median - rotd50("pga", 5.5, 50_000.0).ln_median
    assert above == pytest.approx(0.112633, abs=1e-9)
    assert expected("pga", 6.0, 1e4).phi == pytest.approx(np.hypot(0.495, 0.0938741), abs=1e-9)


@pytest.mark.parametrize("region", ["china_turkey", "italy_japan"])
def test_regions_differ_far_away_and_hardly_near(region):
    far = expected("pga", 6.0, 2e5, region=region).ln_median - expected("pga", 6.0, 2e5).ln_median
    near = expected("pga", 6.0, 0.0, region=region).ln_median - expected("pga", 6.0, 0.0).ln_median
    assert abs(far) > 0.4
    assert abs(near) < 0.02
    assert (far > 0) == (region == "china_turkey")


def test_a_magnitude_that_is_none_is_a_data_fault():
    with pytest.raises(DataFault):
        expected("pga", float("nan"), 1e4)


@given(measures, st.floats(0, 1e6), st.floats(0.1, 1e6))
def test_correlation_falls_with_distance_and_stays_below_one(measure, distance_m, step_m):
    near, far = correlation(measure).between(np.array([distance_m, distance_m + step_m]))
    assert 0 <= far <= near < 1


@pytest.mark.parametrize(
    ("measure", "at_zero", "at_20_km"),
    [
        ("pga", 0.76, 0.29 * np.exp(-3) + 0.47 * np.exp(-60 / 70)),
        ("pgv", 0.81, 0.33 * np.exp(-3) + 0.48 * np.exp(-60 / 70)),
    ],
)
def test_correlation_of_loth_and_baker(measure, at_zero, at_20_km):
    np.testing.assert_allclose(correlation(measure).between(np.array([0.0, 20_000.0])), [at_zero, at_20_km], atol=1e-12)
