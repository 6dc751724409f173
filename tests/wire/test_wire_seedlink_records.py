"""What SeedLink reads of a record's header, and what it puts around records; libmseed is the oracle."""

import json
import struct
from xml.etree import ElementTree as ET

import numpy as np
import pymseed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire import mseed
from houfeng.wire.seedlink import info as documents
from houfeng.wire.seedlink.framing import frame_v3, frame_v4
from houfeng.wire.seedlink.info import ConnectionHeld, Knowledge, StationHeld, StreamHeld, info_v3, info_v4
from houfeng.wire.seedlink.instants import read_instant, write_instant
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Subscribed, read_note, write_note
from houfeng.wire.seedlink.outline import outline
from houfeng.wire.seedlink.requests import InfoWanted
from houfeng.words.errors import DataFault
from houfeng.words.instant import format_instant, parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-02-29T23:59:59.5")
SOURCE = SourceId("XX", "AB1", "00", "HHZ")
instants = st.integers(parse_instant("1971-01-01"), parse_instant("2099-12-31"))


def encoded(source=SOURCE, start_ns=START_NS, rate_hz=100.0, count=100, *, version=2, length=512):
    return mseed.encode(
        [Segment(source, start_ns, rate_hz, np.zeros(count, dtype=np.int32))], version=version, record_length=length
    )


class TestOutline:
    @given(
        instants,
        st.sampled_from([0.1, 1.0, 31.25, 100.0, 500.0]),
        st.integers(1, 50),  # they fit one record
        st.sampled_from([2, 3]),
        st.sampled_from([128, 256, 512, 4096]),
        st.sampled_from([SOURCE, SourceId("XX", "AB1", "", "BN1"), SourceId("X", "A-B", "0A", "LHZ")]),
    )
    @settings(deadline=None)
    def test_it_is_what_the_record_says(self, start_ns, rate_hz, count, version, length, source):
        record = encoded(source, start_ns, rate_hz, count, version=version, length=length)
        parsed = pymseed.MS3Record.parse(record)
        found = outline(record)
        assert found.start_ns == parsed.starttime
        # libmseed says when the last sample is, SeedLink when the one after it would be.
        assert abs(found.end_ns - parsed.endtime - 1e9 / rate_hz) <= 2
        assert f"FDSN:{source.network}_{source.station}_{found.stream_id}" == parsed.sourceid
        assert found.format == f"{version}D"
        assert found.fits_v3 == (version == 2 and length == 512)

    @given(st.binary(max_size=600), st.sampled_from([2, 3]), st.integers(0, 511), st.binary(min_size=1, max_size=8))
    @settings(max_examples=500, deadline=None)
    def test_any_bytes_are_a_record_or_a_fault(self, noise, version, at, damage):
        record = bytearray(encoded(version=version))
        at = min(at, len(record) - 1)
        record[at : at + len(damage)] = damage
        for data in (noise, bytes(record)):
            try:
                found = outline(data)
            except DataFault:
                continue
            assert found.end_ns >= found.start_ns
            assert not found.fits_v3 or len(data) == 512

    def test_a_record_that_lies_about_its_length_is_none(self):
        record = bytearray(encoded())
        assert outline(bytes(record)).fits_v3
        record[54] = 12  # blockette 1000: 2^12 bytes, which would swallow the packets behind it in version 3
        with pytest.raises(DataFault, match="its length is not what its header says"):
            outline(bytes(record))
        with pytest.raises(DataFault, match="its length is not what its header says"):
            outline(encoded(version=3) + b"x")

    def test_one_without_its_length_is_not_sent_in_version_3(self):
        record = bytearray(encoded())
        record[48:52] = struct.pack(">HH", 999, 0)
        assert not outline(bytes(record)).fits_v3

    @pytest.mark.parametrize(
        ("kind", "count", "format_"),
        [(201, 0, "2E"), (310, 0, "2C"), (500, 0, "2T"), (2000, 0, "2O"), (1001, 0, "2D"), (1001, 20, "2L")],
    )
    def test_records_without_samples(self, kind, count, format_):
        record = bytearray(encoded())
        record[30:32] = struct.pack(">H", count)
        record[32:36] = bytes(4)
        record[50:52] = struct.pack(">H", 56)
        record[56:60] = struct.pack(">HH", kind, 0)
        assert outline(bytes(record)).format == format_

    def test_time_corrections_and_microseconds_count(self):
        record = bytearray(encoded())
        plain_ns = outline(bytes(record)).start_ns
        record[40:44] = struct.pack(">i", -25)
        assert outline(bytes(record)).start_ns == plain_ns - 2_500_000
        record[36] = 0x02  # already applied
        assert outline(bytes(record)).start_ns == plain_ns


class TestFrames:
    def test_version_4(self):
        frame = frame_v4("3D", 2**40 + 7, "XX_AB1", b"payload")
        assert frame == b"SE3D\x07\0\0\0" + bytes([7, 0, 0, 0, 0, 1, 0, 0]) + b"\x06XX_AB1payload"

    def test_version_3_counts_to_24_bits(self):
        assert frame_v3(2**24 + 26, b"record") == b"SL00001Arecord"


class TestInstants:
    @given(instants)
    def test_they_are_read_as_written(self, time_ns):
        microseconds_ns = time_ns // 1000 * 1000
        assert write_instant(time_ns) == format_instant(microseconds_ns)
        assert read_instant(write_instant(time_ns), 4) == microseconds_ns
        commas = write_instant(time_ns)[:-1].replace("-", ",").replace("T", ",").replace(":", ",")
        assert read_instant(commas, 3) == read_instant(commas, 4) == microseconds_ns

    @pytest.mark.parametrize(
        "text", ["", "2024", "2024-13-01T00:00:00Z", "2024-02-30T00:00:00Z", "2024-01-01T24:00:00Z"]
    )
    def test_what_is_no_time(self, text):
        with pytest.raises(ValueError, match=r"."):
            read_instant(text, 4)

    def test_iso_is_not_known_to_version_3(self):
        with pytest.raises(ValueError, match="not a time"):
            read_instant("2024-02-29T00:00:00Z", 3)


def stream(stream_id="00_H_H_Z", format_="2D", *, fits_v3=True):
    return StreamHeld(stream_id, format_, START_NS, START_NS + 10**9, fits_v3)


KNOWLEDGE = Knowledge(
    "SeedLink v4.0 (Test/1) :: SLPROTO:4.0",
    'A "centre" & <friends>',
    START_NS,
    ("USERPASS",),
    (
        StationHeld("XX_AB1", 5, 2**24 + 1, (stream(), stream("_H_N_E", "3D", fits_v3=False))),
        StationHeld("XX_NEW", 6, 7, (stream(format_="3D", fits_v3=False),)),
    ),
    (ConnectionHeld("192.0.2.1", START_NS, "alice", 'x"<y', ("XX_*",), 3, 1560),),
)


def xml_of(packets):
    """The document in packets of version 3, put together by libmseed."""
    text = b""
    for at in range(0, len(packets), 520):
        last = at + 520 == len(packets)
        assert packets[at : at + 8] == (b"SLINFO  " if last else b"SLINFO *")
        text += bytes(pymseed.MS3Record.parse(packets[at + 8 : at + 520], unpack_data=True).datasamples)
    return ET.fromstring(text)


class TestInfo:
    @pytest.mark.parametrize(
        "level", ["ID", "FORMATS", "CAPABILITIES", "STATIONS", "STREAMS", "CONNECTIONS", "NOTHING"]
    )
    def test_every_level_is_a_document_in_both_versions(self, level):
        wanted = InfoWanted(level)
        packet = info_v4(wanted, KNOWLEDGE)
        told = json.loads(packet[17:])
        assert packet[:4] == (b"SEJE" if level == "NOTHING" else b"SEJI")
        assert int.from_bytes(packet[4:8], "little") == len(packet) - 17
        assert told["software"] == KNOWLEDGE.software
        root = xml_of(info_v3(wanted, KNOWLEDGE, START_NS))
        assert root.attrib["organization"] == told["organization"] == KNOWLEDGE.organisation

    def test_streams(self):
        told = json.loads(info_v4(InfoWanted("STREAMS", "*_AB?", "*_Z"), KNOWLEDGE)[17:])
        (station,) = told["station"]
        assert (station["id"], station["start_seq"], station["end_seq"]) == ("XX_AB1", 5, 2**24 + 1)
        assert [each["id"] for each in station["stream"]] == ["00_H_H_Z"]
        assert station["stream"][0]["start_time"] == "2024-02-29T23:59:59.500000Z"

    def test_version_3_lists_what_it_can_carry(self):
        root = xml_of(info_v3(InfoWanted("STREAMS"), KNOWLEDGE, START_NS))
        (station,) = root.findall("station")
        assert station.attrib["begin_seq"] == "000005"
        assert station.attrib["end_seq"] == "000001"
        (only,) = station.findall("stream")
        assert (only.attrib["location"], only.attrib["seedname"], only.attrib["type"]) == ("00", "HHZ", "D")

    def test_too_much_to_say_is_said(self, monkeypatch):
        monkeypatch.setattr(documents, "MOST_JSON_BYTES", 500)
        assert info_v4(InfoWanted("STREAMS"), KNOWLEDGE)[:4] == b"SEJE"


NOTES = [
    Connected(1, 2, "192.0.2.1", 3, encrypted=True),
    LoggedIn(1, 2, "192.0.2.1", "alice", "USERPASS", accepted=False, refusal="credentials"),
    Subscribed(1, 2, "::1", "", "x", 4, False, "XX_*", ("00_H_H_Z", "!*.2E"), "next", None, 5),
    Delivered(1, 2, "::1", "alice", "XX_AB1", "00_H_H_Z.2D", 3, 1560),
    Disconnected(1, 2, "::1", "alice", "bye", 3, 1560),
]


class TestNotes:
    @pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
    def test_they_are_read_as_written(self, note):
        assert read_note(write_note(note)) == note

    @given(st.sampled_from(NOTES), st.data())
    def test_any_other_line_is_a_fault(self, note, data):
        told = json.loads(write_note(note))
        name = data.draw(st.sampled_from(sorted(told)))
        told[name] = data.draw(st.sampled_from([None, [], {}, 1.5, [1]]))
        try:
            assert read_note(json.dumps(told)) != note or told[name] is None
        except DataFault:
            return
        assert name in {"streams", "start_ns", "end_ns"}

    @pytest.mark.parametrize("line", ["", "[]", "null", "{}", '{"kind":"connect"}', "[" * 100_000])
    def test_what_is_no_note(self, line):
        with pytest.raises(DataFault):
            read_note(line)
