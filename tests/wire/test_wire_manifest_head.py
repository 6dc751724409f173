"""Headers of raw records in plain Python, with the bulk decoder as the oracle."""

from contextlib import suppress

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
