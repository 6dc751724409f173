"""Velocity models: the layouts of the data sets, units and order, and the default one."""

import contextlib
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.model import default_model, read_velocity_model
from houfeng.words.errors import DataFault

layers = st.lists(
    st.tuples(st.floats(-5, 700).map(lambda v: round(v, 3)), st.floats(1, 14).map(lambda v: round(v, 3))),
    min_size=1,
    max_size=10,
    unique_by=lambda layer: layer[0],
).map(sorted)


@given(
    layers,
    st.permutations(["depth", "vp", "vs"]),
    st.sampled_from(["km", "m"]),
    st.booleans(),
    st.sampled_from([",", ";", "\t", " ", ", "]),
    st.booleans(),
)
def test_order_unit_case_and_separator_of_columns_do_not_matter(table, order, unit, upper, separator, comments):
    scale = 1 if unit == "km" else 1000
    names = {"depth": f"layer_top_{unit}", "vp": f"vp_{unit}_s", "vs": f"vs_{unit}_s"}
    header = separator.join(names[column] for column in order)
    lines = ["# made up"] * comments + [header.upper() if upper else header]
    for depth, vp in table:
        values = {"depth": depth * scale, "vp": vp * scale, "vs": vp / 2 * scale}
        lines.append(separator.join(repr(values[column]) for column in order) + " # a layer" * comments)
    model = read_velocity_model(("\ufeff" + "\r\n".join(lines) + "\r\n").encode(), "m.csv")
    assert not model.gradient
    np.testing.assert_allclose(model.depth_m, [depth * 1000 for depth, _ in table], rtol=1e-12)
    np.testing.assert_allclose(model.vp_mps, [vp * 1000 for _, vp in table], rtol=1e-12)
    np.testing.assert_allclose(model.vs_mps, [vp * 500 for _, vp in table], rtol=1e-12)


@given(st.binary(max_size=300))
def test_random_bytes_are_a_data_fault_or_a_model(data):
    with contextlib.suppress(DataFault):
        assert len(read_velocity_model(data, "random").depth_m) >= 1


@pytest.mark.parametrize(
    ("dataset", "gradient", "top", "count"),
    [
        ("nz_alpinefault_2013a", False, (0.0, 5500.0, 5500.0 / 1.7), 4),
        ("locate_alaska_2018", False, (0.0, 5300.0, 3010.0), 9),
        ("iceland_dyke_2014", True, (-3000.0, 1500.0, 843.0), 19),
    ],
)
def test_the_models_of_the_data_sets(houfeng_data, dataset, gradient, top, count):
    path = houfeng_data / dataset / "stations" / "velocity_model.csv"
    model = read_velocity_model(path.read_bytes(), dataset)
    assert model.gradient is gradient
    assert (model.depth_m[0], model.vp_mps[0], model.vs_mps[0]) == pytest.approx(top)
    assert len(model.depth_m) == count


@pytest.mark.parametrize(
    ("text", "gradient", "vs_mps"),
    [
        ("Depth,Vp,Vs\n0,6,3.5\n", True, 3500.0),
        ("depth_km vp vp/vs\n0 6 1.75\n", True, 6000 / 1.75),
        ("Depth (m),Vp (m/s),Vs (m/s)\n0,6000,3500\n", True, 3500.0),
        ("top_km,vp,vs\n0,6,3.5\n", False, 3500.0),
        ("layer_top_km,vp_km_s\n0,6\n", False, 6000 / 3**0.5),
        ("0 6 3.5\n10 7 4\n", False, 3500.0),
    ],
)
def test_headers_in_use(text, gradient, vs_mps):
    model = read_velocity_model(text.encode(), "m")
    assert (model.gradient, model.depth_m[0], model.vp_mps[0]) == (gradient, 0.0, 6000.0)
    assert model.vs_mps[0] == pytest.approx(vs_mps)


def test_two_values_at_one_depth_are_a_discontinuity_of_a_gradient_model():
    model = read_velocity_model(b"Depth,Vp,Vs\n0,5,3\n20,6,3.5\n20,7,4\n40,8,4.5\n", "m")
    assert list(model.depth_m) == [0.0, 20_000.0, 20_001.0, 40_000.0]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("# only a comment\n", "empty"),
        ("layer_top_km,vp_km_s,vs_km_s\n", "no layers"),
        ("a,b,c\n1,2,3\n", "names no"),
        ("layer_top_km,vp_km_s,vs_km_s\n0,6\n", "not 3 numbers"),
        ("layer_top_km,vp_km_s,vs_km_s\n0,6,x\n", "not 3 numbers"),
        ("layer_top_km,vp_km_s,vs_km_s\n0,6,nan\n", "not a number"),
        ("layer_top_km,vp_km_s,vs_km_s\n0,6,7\n", "vp > vs"),
        ("layer_top_km,vp_km_s,vs_km_s\n5,6,3\n0,7,4\n", "increase"),
        ("layer_top_km,vp_km_s,vs_km_s\n0,6,3\n0,7,4\n", "increase"),
        ("layer_top_km,vp_km_s,vp_vs\n0,6,0\n", "not a number"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_is_no_model_is_said(text, word):
    with pytest.raises(DataFault, match=word) as caught:
        read_velocity_model(text if isinstance(text, bytes) else text.encode(), "bad.csv")
    assert caught.value.subject == "bad.csv"


def test_the_default_model_is_iasp91():
    """Against the table of the same model that comes with ObsPy's TauP; 0.3 m/s is the rounding of that table."""
    model = default_model()
    assert (model.name, model.gradient) == ("iasp91", True)
    assert "10.1111/j.1365-246X.1991.tb06724.x" in model.source
    lines = Path(obspy.__path__[0], "taup", "data", "iasp91.tvel").read_text(encoding="utf-8").splitlines()
    table = np.array([[float(cell) for cell in line.split()] for line in lines[2:]])
    mantle = table[table[:, 0] < 2889]
    single = np.array([np.sum(mantle[:, 0] == depth) == 1 for depth in mantle[:, 0]])
    depth_m, vp_mps, vs_mps = (mantle[single, column] * 1000 for column in range(3))
    assert len(depth_m) > 40
    np.testing.assert_allclose(np.interp(depth_m, model.depth_m, model.vp_mps), vp_mps, atol=0.3)
    np.testing.assert_allclose(np.interp(depth_m, model.depth_m, model.vs_mps), vs_mps, atol=0.3)
    for moho in (20_000.0, 35_000.0, 410_000.0, 660_000.0):
        above, below = np.interp([moho, moho + 1], model.depth_m, model.vp_mps)
        assert below > above + 200
