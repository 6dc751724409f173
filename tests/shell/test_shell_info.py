"""Files of any kind, said in a line."""

import numpy as np
import pytest

from houfeng.shell.demo import CRUST_CSV
from houfeng.shell.info import LISTED, describe
from houfeng.wire import mseed
from houfeng.words.instant import parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-01-01T00:00:00Z")
PICKS = b"station,phase,time\nAAA,P,2024-01-01T00:00:01Z\nAAA,S,2024-01-01T00:00:02Z\n"
STATIONS = b"network,station,latitude,longitude,elevation_m\nXX,AAA,30.5,114.25,120\nXX,BBB,30.6,114.3,80\n"
QUAKEML = b"""<?xml version="1.0"?><q:quakeml xmlns="http://quakeml.org/xmlns/bed/1.2"
xmlns:q="http://quakeml.org/xmlns/quakeml/1.2"><eventParameters publicID="smi:x/c"><event publicID="smi:x/e">
<origin publicID="smi:x/o"><time><value>2024-01-01T00:00:00Z</value></time><latitude><value>30.5</value></latitude>
<longitude><value>114.5</value></longitude><depth><value>8000</value></depth></origin>
<magnitude publicID="smi:x/m"><mag><value>3.2</value></mag><type>ML</type></magnitude>
</event></eventParameters></q:quakeml>"""
STATIONXML = b"""<?xml version="1.0"?><FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1">
<Source>x</Source><Created>2024-01-01T00:00:00Z</Created><Network code="XX"><Station code="AAA">
<Latitude>30.5</Latitude><Longitude>114.25</Longitude><Elevation>120</Elevation><Site><Name>x</Name></Site>
</Station></Network></FDSNStationXML>"""


def recording(channels: int) -> bytes:
    samples = np.arange(300, dtype=np.int32)
    return mseed.encode(Segment(SourceId("XX", f"S{k}", "", "HHZ"), START_NS, 100.0, samples) for k in range(channels))


def described(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    return describe(path)


@pytest.mark.parametrize(
    ("data", "summary", "line"),
    [
        (
            recording(2),
            "mseed: 2 channels, ",
            "XX.S0..HHZ  100 Hz  2024-01-01T00:00:00.000Z to 2024-01-01T00:00:03.000Z",
        ),
        (STATIONS, "station metadata: 2 station epochs", "XX.AAA  30.5000 114.2500 120 m"),
        (STATIONS.replace(b"XX,", b","), "station metadata: 2 station epochs", "AAA  30.5000 114.2500 120 m"),
        (STATIONXML, "station metadata: 1 station epochs", "XX.AAA  30.5000 114.2500 120 m"),
        (QUAKEML, "event catalogue: 1 events", "2024-01-01T00:00:00.00Z 30.5000 114.5000 8.0 km ML 3.2"),
        (PICKS, "phase picks: 1 sets", "2 picks"),
        (CRUST_CSV, "velocity model: ", "0 km  P 5.5  S 3.2 km/s"),
    ],
    ids=["mseed", "stations.csv", "no network", "stationxml", "quakeml", "picks.csv", "model.csv"],
)
def test_every_kind_is_known_by_its_content(tmp_path, data, summary, line):
    said = described(tmp_path, data)
    assert said.readable
    assert said.summary.startswith(summary)
    assert any(each.startswith(line) or f": {line}" in each for each in said.lines)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello\n", b"\x1f\x8b\x08xxxx", b"<svg/>", b"<FDSNStationXML>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ids=["empty", "text", "gzip", "svg", "torn xml", "entities"],
)
def test_what_is_no_input_of_ours_is_said_with_a_reason(tmp_path, data):
    said = described(tmp_path, data)
    assert not said.readable
    assert said.summary
    assert said.lines == ()


def test_a_missing_file_is_said(tmp_path):
    assert describe(tmp_path / "gone").readable is False


def test_a_cut_recording_is_readable_with_a_finding(tmp_path):
    said = described(tmp_path, recording(3)[:-100])
    assert said.readable
    assert said.findings


def test_long_lists_are_cut_and_counted(tmp_path):
    said = described(tmp_path, recording(LISTED + 7))
    assert len(said.lines) == LISTED + 1
    assert said.lines[-1] == "... and 7 more"
    assert f"{LISTED + 7} channels" in said.summary
