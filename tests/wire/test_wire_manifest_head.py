"""Headers of raw records in plain Python, with the bulk decoder as the oracle."""

import struct
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pymseed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire import mseed
from houfeng.wire.manifest import Name, head_of, name_of
from houfeng.wire.manifest.crc import crc32c
from houfeng.words.errors import DataFault
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from signing_station import NS, START_S, record

sources = st.sampled_from([SourceId("XX", "AB1", "00", "HHZ"), SourceId("X", "LONGR", "", "BN1")])
starts = st.integers(0, 4_000_000_000).map(lambda microseconds: START_S * NS + microseconds * 1_000)
rates = st.sampled_from([1.0, 20.0, 31.25, 62.5, 100.0, 500.0, 0.1])


@given(sources, starts, rates, st.integers(1, 60), st.sampled_from([2, 3]))
@settings(deadline=None)
def test_header_says_what_the_decoder_says(source, start_ns, rate_hz, count, version):
    content = mseed.encode([Segment(source, start_ns, rate_hz, np.arange(count, dtype=np.int32))], version=version)
    head = head_of(content)
    (batch,) = mseed.decode(content).batches
    assert (head.source, head.samples, head.length_bytes) == (source, count, len(content))
    assert head.start_ns == start_ns == int(batch.start_ns[0])
    assert head.rate_hz == pytest.approx(float(batch.rate_hz[0]), rel=1e-6)


def test_every_header_of_the_conformance_set_is_read_as_libmseed_reads_it(houfeng_data):
    count = 0
    for path in sorted((houfeng_data / "mseed_conformance_a").rglob("*.mseed*")):
        data = path.read_bytes()
        at = 0
        for theirs in pymseed.MS3Record.from_buffer(data):
            content = data[at : at + theirs.reclen]
            at += theirs.reclen
            try:
                ours = head_of(content)
            except DataFault:
                assert not theirs.sourceid.startswith("FDSN:") or theirs.reclen < 48, path.name
                continue
            assert ours.source.fdsn == theirs.sourceid, path.name
            assert ours.start_ns == theirs.starttime, path.name
            assert ours.samples == theirs.samplecnt, path.name
            assert ours.rate_hz == pytest.approx(theirs.samprate, rel=1e-6), path.name
            count += 1
    assert count > 20


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data):
    for form in data, b"MS\x03" + data, b"000001D AB1  00HHZXX" + data:
        try:
            head = head_of(form)
        except DataFault:
            continue
        assert head.length_bytes <= len(form)


@pytest.mark.parametrize("version", [2, 3])
@given(data=st.data())
@settings(deadline=None)
def test_a_damaged_record_is_read_or_refused(version, data):
    content = bytearray(record(START_S, version=version))
    content[data.draw(st.integers(0, min(len(content), 64) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(DataFault):
        assert head_of(bytes(content)).length_bytes <= len(content)


def test_a_cut_record_is_refused():
    content = record(START_S)
    for length in 0, 7, 47, 48, 60, len(content) - 1:
        with pytest.raises(DataFault):
            head_of(content[:length])


def test_a_name_is_channel_start_and_hash():
    name = name_of(record(START_S))
    assert (name.channel, name.start_ns) == ("00_H_H_Z", START_S * NS)
    assert name == name_of(record(START_S)) != name_of(record(START_S, seed=1))
    assert isinstance(name, Name)


def test_two_records_at_once_have_no_name():
    with pytest.raises(DataFault, match="follow"):
        name_of(record(START_S) + record(START_S + 1))


def test_a_record_with_two_lengths_is_refused():
    content = bytearray(record(START_S))
    second = 56  # after the first blockette 1000
    content[50:52] = second.to_bytes(2, "big")
    content[second : second + 8] = (1000).to_bytes(2, "big") + bytes([0, 0, 11, 1, 8, 0])
    with pytest.raises(DataFault, match="two lengths"):
        head_of(bytes(content))


def test_a_channel_without_source_identifier_has_no_name():
    content = bytearray(record(START_S))
    content[8:13] = b"AB_1 "
    with pytest.raises(DataFault, match="identifier"):
        name_of(bytes(content))


def test_crc_of_the_standard():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 appendix B.4's check value
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"") == 0


@given(
    starts,
    st.sampled_from("><"),
    st.integers(-128, 127),
    st.permutations([1000, 1001, 100, 300]),
    st.integers(0, 60),
    st.integers(0, 200),
)
@settings(deadline=None)
def test_blockettes_mean_the_same_wherever_they_stand(start_ns, order, microseconds, kinds, gap, tail):
    """Most headers end within the first 64 bytes and are read in haste; others are read to their end."""
    content = bytearray(head_in(order, start_ns) + bytes(16 * len(kinds) + len(kinds) * gap))
    at = 46
    for number, kind in enumerate(kinds):
        here = 48 + number * (16 + gap)
        content[at : at + 2] = here.to_bytes(2, "big" if order == ">" else "little")
        at = here + 2
        content[here : here + 4] = struct.pack(order + "HH", kind, 0)
        content[here + 4 : here + 8] = {
            1000: bytes([11, 1, 9, 0]),
            1001: struct.pack("BbBB", 100, microseconds, 0, 7),
            100: struct.pack(order + "f", 12.5),
            300: b"\xff\xff\xff\xff",
        }[kind]
    content += bytes(512 - len(content) + tail)
    head = head_of(bytes(content))
    assert (head.start_ns, head.rate_hz) == (start_ns // 100_000 * 100_000 + microseconds * 1_000, 12.5)
    assert (head.source, head.samples, head.length_bytes) == (SourceId("XX", "AB1", "00", "HHZ"), 7, 512)


@given(st.sampled_from("><"), st.integers(48, 80))
def test_a_record_that_is_a_header_and_little_more_is_read(order, length):
    head = head_of(head_in(order, START_S * NS) + bytes(length - 48))
    assert (head.start_ns, head.rate_hz, head.length_bytes) == (START_S * NS, 100.0, length)


@pytest.mark.parametrize("at", [49, 61, 63, 64, 600])
def test_a_blockette_that_is_cut_off_is_refused(at):
    content = bytearray(head_in(">", START_S * NS)) + bytes(at + 3 - 48 if at < 512 else 16)
    content[46:48] = at.to_bytes(2, "big")
    with pytest.raises(DataFault, match="cannot be read"):
        head_of(bytes(content))


def head_in(order, start_ns):
    """The fixed header of a miniSEED 2 record of 7 samples, in a byte order."""
    when = datetime.fromtimestamp(start_ns // NS, UTC)
    return b"000001D AB1  00HHZXX" + struct.pack(
        order + "HHBBBBHHhhBBBBiHH",
        *(when.year, when.timetuple().tm_yday, when.hour, when.minute, when.second, 0),
        *(start_ns % NS // 100_000, 7, 100, 1, 0, 0, 0, 0, 0, 64, 0),
    )
