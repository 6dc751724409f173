"""Outlines of ruptures: both orders of columns, separators, and files that cannot be meant."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.fault import read_fault
from houfeng.words.errors import DataFault


def text_of(corners, *, swapped: bool, separator: str = " ") -> bytes:
    rows = [(b, a, c) if swapped else (a, b, c) for a, b, c in corners]
    return "\n".join(separator.join(map(repr, row)) for row in rows).encode()


@given(
    st.floats(-85, 85),
    st.floats(-180, 180),
    st.booleans(),
    st.sampled_from([" ", "\t", ", ", ","]),
    st.booleans(),
)
def test_both_orders_give_the_same_rupture_or_are_refused(latitude, longitude, swapped, separator, closed):
    corners = [
        (latitude + dy, longitude + dx, depth) for dy, dx, depth in ((0, 0, 1.0), (0.1, 0.2, 1.0), (0.1, 0.2, 9.0))
    ]
    corners += corners[:1] * closed
    try:
        fault = read_fault(text_of(corners, swapped=swapped, separator=separator), "f", (latitude + 0.05, longitude))
    except DataFault:
        assert abs(latitude - longitude) < 2
        return
    np.testing.assert_allclose(fault.polygons[0], np.array(corners[:3]) * (1, 1, 1000), rtol=1e-12)


@given(st.binary(max_size=300))
def test_random_bytes_are_a_data_fault_or_a_rupture(data):
    with contextlib.suppress(DataFault):
        assert len(read_fault(data, "random", (10.0, 20.0)).polygons) >= 1


def test_the_header_that_says_the_other_order_is_not_believed(houfeng_data):
    data = (houfeng_data / "napa_2014_shakemap" / "shakemap" / "boat_fault.txt").read_bytes()
    for epicentre in ((38.2152, -122.3123), None):
        (polygon,) = read_fault(data, "boat_fault.txt", epicentre).polygons
        np.testing.assert_allclose(polygon[0], [38.22, -122.313, 2000.0])
        np.testing.assert_allclose(polygon[2], [38.31, -122.333, 11_000.0])
        assert len(polygon) == 4


def test_polygons_are_separated_and_comments_left_out():
    block = "38 -122 1 # first\n38.1 -122 1\n38.1 -122 9\n"
    fault = read_fault(f"# a rupture\n{block}>\n{block}>\n".encode(), "f")
    assert [len(polygon) for polygon in fault.polygons] == [3, 3]


TRIANGLE = "35 40 1\n35.2 40.1 1\n35.2 40.1 9\n"


@pytest.mark.parametrize(
    ("text", "epicentre", "why"),
    [
        ("", None, "no polygon"),
        ("# only words\n>\n", None, "no polygon"),
        ("35 40\n", None, "not three numbers"),
        ("35 40 nan\n", None, "not three numbers"),
        ("35 forty 3\n", None, "not three numbers"),
        ("35 1e9 3\n", None, "no place"),
        ("95 -122 3\n", None, "no place"),
        ("38 -122 9000\n", None, "no place"),
        ("38 -122 1\n-122 38 1\n38 -122 9\n", None, "some lines"),
        ("38 -122 1\n38 -122 1\n38.1 -122 9\n38 -122 1\n", None, "fewer than three"),
        (TRIANGLE, None, "cannot be told"),
        ("38 38.1 1\n38.1 38 1\n38 38 9\n", (38.0, 38.0), "too alike"),
        (TRIANGLE, (-20.0, 100.0), "from the epicentre"),
        ("38 -122 1\n38.1 -122 1\n38.1 -122 9\n", (10.0, 10.0), "from the epicentre"),
        ("38 -122 1\n" * 20_001, None, "more than any rupture"),
    ],
    ids=range(15),
)
def test_what_cannot_be_meant_is_refused(text, epicentre, why):
    with pytest.raises(DataFault, match=why):
        read_fault(text.encode(), "f", epicentre)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DataFault, match="not text"):
        read_fault(b"\xff\xfe\x00 1 2", "f")


@pytest.mark.parametrize(("epicentre", "swapped"), [((35.1, 40.0), False), ((40.0, 35.1), True)])
def test_the_epicentre_decides_where_range_does_not(epicentre, swapped):
    (polygon,) = read_fault(TRIANGLE.encode(), "f", epicentre).polygons
    assert polygon[0, :2].tolist() == ([40.0, 35.0] if swapped else [35.0, 40.0])
