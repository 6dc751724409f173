"""Relations and the scale: anchors, ranges, and what a bad file says."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.size.attenuation import attenuation, read_attenuation, relation_names
from houfeng.quake.size.local_magnitude import local_magnitude
from houfeng.words.errors import DataFault, OutOfRange, WorldFault

ONE_MM_TRACE_M = 1e-3 / 2080  # a Wood-Anderson enlarges 2080 times

relations = st.sampled_from(relation_names()).map(attenuation)


@given(relations, st.floats(1e-10, 1e-2), st.floats(0, 1))
def test_ten_times_the_amplitude_is_one_magnitude(relation, amplitude_m, where):
    distance_m = relation.range_m[0] + where * (relation.range_m[1] - relation.range_m[0])
    small = local_magnitude(amplitude_m, distance_m, relation=relation)
    assert local_magnitude(10 * amplitude_m, distance_m, relation=relation) == pytest.approx(small + 1)


@given(relations, st.floats(0, 1), st.floats(0, 1))
def test_the_same_swing_from_farther_away_is_a_bigger_quake(relation, here, there):
    near, far = sorted(
        relation.range_m[0] + share * (relation.range_m[1] - relation.range_m[0]) for share in (here, there)
    )
    assert local_magnitude(1e-6, near, relation=relation) <= local_magnitude(1e-6, far, relation=relation) + 1e-9


@given(relations, st.floats(0.01, 1e7))
def test_outside_its_range_a_relation_refuses(relation, beyond_m):
    with pytest.raises(OutOfRange, match="km lies outside"):
        local_magnitude(1e-6, relation.range_m[1] + beyond_m, relation=relation)


@pytest.mark.parametrize("name", relation_names())
def test_one_millimetre_at_a_hundred_kilometres_is_magnitude_three(name):
    assert local_magnitude(ONE_MM_TRACE_M, 100_000.0, relation=attenuation(name)) == pytest.approx(3.0, abs=0.01)


@pytest.mark.parametrize(("distance_km", "correction"), [(10, 1.72), (50, 2.57), (100, 3.0), (300, 3.91), (700, 5.07)])
def test_hutton_and_boore_as_they_print_it(distance_km, correction):
    # -log A0 = 1.110 log(r / 100) + 0.00189 (r - 100) + 3.0, doi:10.1785/BSSA0770062074
    printed = 1.110 * math.log10(distance_km / 100) + 0.00189 * (distance_km - 100) + 3.0
    assert printed == pytest.approx(correction, abs=0.005)
    value = local_magnitude(ONE_MM_TRACE_M, distance_km * 1000.0, relation=attenuation("hutton_boore_1987"))
    assert value == pytest.approx(printed, abs=0.003)


def test_the_near_relation_takes_off_one_unit_close_by_and_nothing_far_away():
    plain, near = attenuation("hutton_boore_1987"), attenuation("luckett_2019")
    assert plain.nearer == near.name
    assert plain.correction_at(1_000.0) - near.correction_at(1_000.0) == pytest.approx(1.16 * math.exp(-0.2))
    for distance_m in (30_000.0, 300_000.0):
        assert near.correction_at(distance_m) == pytest.approx(plain.correction_at(distance_m), abs=0.003)


def test_richter_table_is_straight_between_its_points():
    richter = attenuation("richter_1935")
    assert [richter.correction_at(km * 1000.0) for km in (0, 30, 60, 80)] == pytest.approx([1.3, 2.05, 2.8, 2.9])


@pytest.mark.parametrize("amplitude_m", [0.0, -1e-6, math.nan, math.inf])
def test_what_is_no_amplitude_is_refused(amplitude_m):
    with pytest.raises(DataFault, match="is not an amplitude"):
        local_magnitude(amplitude_m, 50_000.0, relation=attenuation())


def test_every_relation_names_its_source():
    for name in relation_names():
        relation = attenuation(name)
        assert relation.doi.startswith("10.")
        assert relation.title in relation.label
        assert np.isfinite([relation.correction_at(edge) for edge in relation.range_m]).all()


def test_an_unknown_relation_is_answered_with_the_known_ones():
    with pytest.raises(WorldFault, match="hutton_boore_1987"):
        attenuation("kanto_2099")
    with pytest.raises(WorldFault):
        attenuation("../relations/richter_1935")


OPERATORS_OWN = b"""
title = "Province table 2024"
distance = "epicentral"
range_km = [0, 500]
amplitude_unit_m = 1e-6
magnification = 1.0
[table]
distance_km = [0, 100, 500]
correction = [1.8, 3.4, 4.6]
"""


def test_an_operator_can_bring_a_table():
    relation = read_attenuation(OPERATORS_OWN, "province.toml")
    assert local_magnitude(1e-4, 50_000.0, relation=relation) == pytest.approx(2 + 2.6)
    assert relation.label == "Province table 2024"
    assert relation.scatter is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"title", b"name"),
        (b"[0, 100, 500]", b"[0, 100]"),
        (b"[0, 100, 500]", b"[0, 500, 100]"),
        (b"[0, 500]", b"[500, 0]"),
        (b"[0, 500]", b"[0]"),
        (b"epicentral", b"air"),
        (b"1e-6", b"-1e-6"),
        (b"1e-6", b'"nm"'),
        (b"[table]", b"[tables]"),
        (b"= [", b"= ["[:1]),
        (b"Province", b"\xff\xfe"),
    ],
)
def test_a_file_that_is_no_relation_is_named(old, new):
    with pytest.raises(DataFault, match=r"province\.toml"):
        read_attenuation(OPERATORS_OWN.replace(old, new), "province.toml")


def test_a_logarithm_cannot_begin_at_zero():
    formula = OPERATORS_OWN.split(b"[table]")[0] + b"[formula]\nlog10 = 1.0\n"
    with pytest.raises(DataFault, match="0 km"):
        read_attenuation(formula, "province.toml")
