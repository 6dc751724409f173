"""Hostile metadata, each test named by its attack."""

import builtins
import io
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from houfeng.wire.inventory import ReadInventory, read_inventory
from houfeng.wire.phases import ReadPhases, read_phases
from houfeng.wire.quakeml import ReadEvents, read_events
from houfeng.wire.safe_xml import LARGEST_BYTES, parse_xml
from houfeng.words.errors import DataFault

READERS = [(read_inventory, ReadInventory), (read_events, ReadEvents), (read_phases, ReadPhases)]


def stationxml(inside="", doctype="", source="test"):
    return (
        f'<?xml version="1.0"?>{doctype}<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">'
        f"<Source>{source}</Source><Created>2020-01-01T00:00:00</Created>{inside}</FDSNStationXML>"
    ).encode()


def outcome(reader, data, name):
    """What reading gives: a result, or the one error that is documented, naming the file. Anything else escapes."""
    try:
        return reader(data, name)
    except DataFault as fault:
        return fault if fault.subject == name and fault.reason else None


BILLION_LAUGHS = "<!DOCTYPE l [<!ENTITY a 'lol'>{}]>".format(
    "".join(f"<!ENTITY {new} '{f'&{old};' * 10}'>" for old, new in zip("abcdefgh", "bcdefghi", strict=True))
)
QUADRATIC = f"<!DOCTYPE l [<!ENTITY a '{'x' * 100_000}'>]>"
OUTSIDE_FILE = "<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"
OUTSIDE_URL = "<!DOCTYPE l SYSTEM 'http://192.0.2.1/evil.dtd' [<!ENTITY a SYSTEM 'http://192.0.2.1/a'>]>"
PARAMETER = "<!DOCTYPE l [<!ENTITY % p SYSTEM 'file:///etc/hostname'> %p;]>"


@pytest.mark.parametrize("reader", [read for read, _ in READERS])
@pytest.mark.parametrize(
    ("doctype", "source"),
    [
        (BILLION_LAUGHS, "&i;"),
        (QUADRATIC, "&a;" * 1000),
        (OUTSIDE_FILE, "&a;"),
        (OUTSIDE_URL, "&a;"),
        (PARAMETER, "x"),
    ],
    ids=["billion laughs", "quadratic blow-up", "file from outside", "page from outside", "parameter entity"],
)
def test_entities_are_refused_and_never_expanded(reader, doctype, source):
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(DataFault) as caught:
        reader(stationxml(doctype=doctype, source=source), "bomb.xml")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - started < 2
    assert peak < 50e6
    assert "bomb.xml" in str(caught.value)


def test_an_external_dtd_is_not_fetched():
    root = parse_xml(stationxml(doctype="<!DOCTYPE FDSNStationXML SYSTEM 'http://192.0.2.1/station.dtd'>"), "x.xml")
    assert root is not None  # returned at once: nothing listens at 192.0.2.1 (RFC 5737)


@pytest.mark.parametrize("reader", [read for read, _ in READERS])
def test_xml_nested_too_deep_is_refused(reader):
    with pytest.raises(DataFault):
        reader(stationxml("<a>" * 100_000 + "</a>" * 100_000), "deep.xml")


def test_xml_too_large_is_refused_before_it_is_parsed():
    class Huge(bytes):
        def __len__(self):
            return LARGEST_BYTES + 1

    with pytest.raises(DataFault, match="refused"):
        parse_xml(Huge(b"<a/>"), "huge.xml")


@pytest.mark.parametrize("reader", [read for read, _ in READERS])
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "http://192.0.2.1/x", "C:\\x", "a\nb", "~/.ssh/id"]
)
def test_a_path_trick_in_the_name_is_only_a_name(reader, name, monkeypatch):
    def forbidden(*args, **_):
        raise AssertionError(f"opened {args}")

    monkeypatch.setattr(builtins, "open", forbidden)
    monkeypatch.setattr(io, "open", forbidden)
    with pytest.raises(DataFault) as caught:
        reader(b"/etc/passwd\n../../etc/passwd\n", name)
    assert caught.value.subject == name


@pytest.mark.parametrize(
    "trick", ["../../x", "a/b", "$(id)", "<b>", "A\u0000", "SEVENTEENLETTERSX", "é", "a b", "'; DROP"]
)
def test_a_trick_in_a_code_never_becomes_a_station(trick):
    escaped = trick.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("\u0000", "")
    station = "<Latitude>1</Latitude><Longitude>2</Longitude><Elevation>3</Elevation><Site><Name>n</Name></Site>"
    stations = "".join(f'<Station code="{code}">{station}</Station>' for code in (escaped, "GOOD"))
    inside = f'<Network code="NZ">{stations}</Network>'
    result = read_inventory(stationxml(inside), "tricks.xml")
    kept = {found.code for found in result.stations}
    assert "GOOD" in kept
    assert kept <= {"GOOD", "A"}
    table = f'network,station,latitude,longitude,elevation_m\nNZ,"{trick.replace(chr(0), "")}",1,2,3\nNZ,GOOD,1,2,3\n'
    assert {found.code for found in read_inventory(table.encode(), "tricks.csv").stations} <= {"GOOD", "A"}


def test_numbers_that_are_none_are_no_coordinates():
    values = ["nan", "inf", "-inf", "1e999", "", "0x10", '"1,5"', "９", "1_0"]
    lines = [f"NZ,S{number},{value},170,1" for number, value in enumerate(values)]
    table = "\n".join(["network,station,latitude,longitude,elevation_m", *lines, "NZ,GOOD,1,2,3"])
    assert {station.code for station in read_inventory(table.encode(), "s.csv").stations} == {"GOOD"}


@pytest.mark.parametrize(("reader", "kind"), READERS)
@given(data=st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)))
def test_random_bytes_give_the_documented_error_or_a_result(reader, kind, data):
    assert isinstance(outcome(reader, data, "random"), kind | DataFault)


SAMPLES = [
    ("pleasanthill_2019/stations/CE.58360.xml", read_inventory),
    ("nz_alpinefault_2013a/stations/RESP.NZ.GCSZ.10.EHZ", read_inventory),
    ("nz_alpinefault_2013a/stations/STATION0.HYP", read_inventory),
    ("locate_alaska_2018/stations/station_coordinates.txt", read_inventory),
    ("openeew_mexico_a/stations/device_locations.json", read_inventory),
    ("stationxml_quakeml_a/quakeml/anonymised_mine_event_a.xml", read_phases),
    ("malformed_a/files/real_bad_picks.sfile", read_phases),
    ("locate_alaska_2018/picks/2018-11-30-mww70-southern-alaska.obs", read_phases),
    ("stationxml_quakeml_a/truth/bingham_picks.csv", read_phases),
]


@pytest.mark.parametrize(("path", "reader"), SAMPLES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=5000)
@given(data=st.data())
def test_a_damaged_real_file_gives_the_documented_error_or_a_result(houfeng_data, path, reader, data):
    whole = bytearray((houfeng_data / path).read_bytes())
    start = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["cut", "overwrite", "remove", "double"]))
    length = data.draw(st.integers(1, 200))
    if how == "cut":
        del whole[start:]
    elif how == "overwrite":
        junk = data.draw(st.binary(min_size=1, max_size=10))
        whole[start : start + len(junk)] = junk
    elif how == "remove":
        del whole[start : start + length]
    else:
        whole[start:start] = whole[start : start + length]
    assert outcome(reader, bytes(whole), "damaged") is not None


def test_a_resp_field_said_twice_refuses_that_channel_only(houfeng_data):
    """ObsPy hands such a field over as a list."""
    lines = (houfeng_data / "nz_alpinefault_2013a/stations/RESP.NZ.GCSZ.10.EHZ").read_bytes().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith(b"B052F22"))
    lines.insert(first, lines[first])
    result = read_inventory(b"".join(lines), "RESP.twice")
    assert [finding.kind for finding in result.findings] == ["channel-refused"]
    assert len(result.stations[0].channels) == 2
