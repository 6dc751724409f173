"""Tables of places: any order of columns, and lines that make no sense."""

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.places import Place, read_places
from houfeng.words.errors import DataFault

names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(str.strip)
places = st.builds(Place, names.map(str.strip), st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 10**8))


@given(st.lists(places, max_size=5), st.permutations(["name", "latitude", "longitude", "population", "note"]))
def test_a_table_comes_back_whatever_the_order_of_its_columns(wanted, order):
    out = io.StringIO()
    writer = csv.DictWriter(out, order)
    writer.writeheader()
    for place in wanted:
        values = (place.name, place.latitude_deg, place.longitude_deg, place.population, "x")
        writer.writerow(dict(zip(["name", "latitude", "longitude", "population", "note"], values, strict=True)))
    told = read_places(b"\xef\xbb\xbf" + out.getvalue().encode(), "p.csv")
    assert list(told.places) == wanted
    assert told.findings == ()


@given(st.binary(max_size=300))
def test_random_bytes_are_a_data_fault_or_places(data):
    with contextlib.suppress(DataFault):
        assert isinstance(read_places(data, "random").places, tuple)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Here,38,-122", "too few"),
        ("Here,38,-122,many", "not a number"),
        ("Here,nan,-122,5", "not a number"),
        ("Here,98,-122,5", "no place on the Earth"),
        ("Here,38,-122,-5", "no number of people"),
        ("Here,38,-122,1e11", "no number of people"),
        (",38,-122,5", "no name"),
    ],
    ids=range(7),
)
def test_a_bad_line_is_a_finding_and_the_others_stay(line, why):
    told = read_places(f"name,latitude,longitude,population\n{line}\nThere,38,-122,7\n\n".encode(), "p.csv")
    assert [place.name for place in told.places] == ["There"]
    (finding,) = told.findings
    assert why in finding.reason
    assert "line 2" in finding.reason


@pytest.mark.parametrize("data", [b"", b"name,latitude\n", b"\xff\xfe"], ids=["empty", "columns", "bytes"])
def test_what_is_no_table_of_places_is_a_data_fault(data):
    with pytest.raises(DataFault):
        read_places(data, "p.csv")
