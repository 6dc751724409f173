"""Bytes cut into miniSEED records by their headers alone."""

import pymseed
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.records import cut, station_of


@pytest.fixture(scope="module")
def file(houfeng_data):
    return (houfeng_data / "iceland_dyke_2014" / "waveforms" / "Z7.FLUR.mseed").read_bytes()[: 512 * 60]


def test_records_are_those_that_libmseed_finds(houfeng_data):
    folder = houfeng_data / "mseed_conformance_a" / "files"
    compared = 0
    for path in sorted(folder.rglob("*.mseed*")):
        if path.suffix == ".json" or "no-blockette1000" in path.name or path.stat().st_size > 1 << 20:
            continue
        data = path.read_bytes()
        expected = [record.reclen for record in pymseed.MS3Record.from_buffer(bytearray(data), unpack_data=False)]
        if max(expected) > 1 << 16:
            continue
        found = cut(data)
        assert [len(record.content) for record in found.records] == expected, path.name
        assert (found.used, found.skipped) == (len(data), 0), path.name
        compared += 1
    assert compared > 10


def test_a_file_cut_anywhere_waits_for_the_rest(file):
    whole = cut(file).records
    assert b"".join(record.content for record in whole) == file
    assert {record.station_key for record in whole} == {"Z7.FLUR"}
    for end in (0, 1, 7, 8, 47, 48, 63, 511, 512, 513, 1024 + 300):
        part = cut(file[:end])
        assert part.records == whole[: end // 512]
        assert (part.used, part.skipped) == (end // 512 * 512, 0)


def test_what_is_no_record_is_passed_over_and_counted(file):
    found = cut(b"garbage that is no record at all" + file[:512] + bytes(100) + file[512:1024] + b"and a tail of text")
    assert [record.content for record in found.records] == [file[:512], file[512:1024]]
    assert found.skipped == 32 + 100 + 18 - 7


@given(data=st.binary(max_size=3000))
def test_any_bytes_are_cut_without_end_or_fault(data):
    found = cut(data)
    assert 0 <= found.used <= len(data)
    assert found.used == found.skipped + sum(len(record.content) for record in found.records)
    again = cut(data[found.used :])
    assert again.used == 0 or len(data) - found.used < 8


@given(record=st.binary(max_size=100))
def test_any_bytes_have_a_station_or_none(record):
    assert isinstance(station_of(record), str)
    assert isinstance(station_of(b"MS\x03" + record), str)


@pytest.mark.parametrize("path", ["v3_huge_payload_length.mseed3", "libmseed_invalid_blockette_offsets.mseed2"])
def test_damaged_lengths_are_not_believed(houfeng_data, path):
    found = cut((houfeng_data / "malformed_a" / "files" / path).read_bytes())
    assert found.skipped > 0
