"""Classes of intensity: peaks that give them back, and colours that stay in order for every eye."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.mmi import mmi_of_pga, mmi_of_pgv
from houfeng.serve.figures.intensity_scale import COLOURS, HIGHEST, ROMAN, class_of, classes
from houfeng.serve.figures.labels import FELT

#: Vision without red and without green cones: Machado, Oliveira & Fernandes 2009, doi:10.1109/TVCG.2009.113.
VISION = {
    "normal": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
#: sRGB to XYZ, and the white of D65: IEC 61966-2-1.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def lab(colour, vision):
    """CIE L*a*b* of a colour as such an eye sees it."""
    coded = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(VISION[vision] @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_each_class_looks_unlike_the_next(vision):
    seen = np.array([lab(colour, vision) for colour in COLOURS])
    # 2.3 is what an eye just notices side by side
    assert np.linalg.norm(np.diff(seen, axis=0), axis=1).min() > 3 * 2.3


@pytest.mark.parametrize("vision", ["normal", "deutan"])
def test_the_stronger_the_darker(vision):
    assert np.all(np.diff([lab(colour, vision)[0] for colour in COLOURS]) < 0)


def test_peaks_of_the_china_scale_give_the_class_back():
    for one in classes("csis"):
        assert csis_of_peaks(one.pga_mps2, one.pgv_mps) == pytest.approx(one.number, abs=1e-6)


def test_peaks_of_the_mercalli_scale_give_the_class_back():
    for one in classes("mmi"):
        assert mmi_of_pga(one.pga_mps2) == pytest.approx(one.number, abs=0.01)
        assert mmi_of_pgv(one.pgv_mps) == pytest.approx(one.number, abs=0.01)


@pytest.mark.parametrize("scale", ["mmi", "csis"])
def test_a_table_has_every_class_once_in_order(scale):
    shown = classes(scale)
    assert [one.number for one in shown] == list(range(1, HIGHEST[scale] + 1))
    assert [one.roman for one in shown] == list(ROMAN[: HIGHEST[scale]])
    assert len(FELT[scale]) == HIGHEST[scale]
    for weaker, stronger in pairwise(shown):
        assert weaker.pga_mps2 < stronger.pga_mps2
        assert weaker.pgv_mps < stronger.pgv_mps


@given(st.floats(-5, 20), st.sampled_from(["mmi", "csis"]))
def test_a_class_reaches_half_a_unit_to_either_side(intensity, scale):
    number = class_of(intensity, scale)
    assert abs(number - np.clip(intensity, 1, HIGHEST[scale])) <= 0.5


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_no_intensity_has_no_class(nothing):
    assert class_of(nothing, "mmi") is None
