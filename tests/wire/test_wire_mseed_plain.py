"""Starts of many records at once, with the reader of one record as the oracle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.manifest import fields_of
from houfeng.wire.mseed.layout import NO_TIME
from houfeng.wire.mseed.plain import plain_starts_ns
from houfeng.words.errors import DataFault
from signing_station import NS, START_S, SigningStation, record

PLAIN = [record(START_S + k, channel) for k in range(4) for channel in ("HHZ", "LCE")]
OTHER = [SigningStation().chain.first, record(START_S, version=3), b"", b"MS\x03", PLAIN[0][:63], PLAIN[0] + PLAIN[1]]


def with_1001(content, microseconds):
    """A record with blockette 1001 behind blockette 1000."""
    changed = bytearray(content)
    changed[50:52] = (56).to_bytes(2, "big")
    changed[56:64] = b"\x03\xe9\0\0" + bytes([100, microseconds % 256, 0, 7])
    return bytes(changed)


def test_plain_records_have_the_starts_they_were_made_with():
    assert plain_starts_ns(PLAIN) == [(START_S + k) * NS for k in range(4) for _ in range(2)]
    assert plain_starts_ns([with_1001(one, -3) for one in PLAIN])[:1] == [START_S * NS - 3_000]


def test_others_are_left_to_the_careful_reader():
    told = plain_starts_ns([*OTHER, *PLAIN])
    assert told[: len(OTHER)] == [NO_TIME] * len(OTHER)
    assert NO_TIME not in told[len(OTHER) :]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_few_records_are_left_to_the_careful_reader_too(count):
    assert plain_starts_ns(PLAIN[:count]) == [NO_TIME] * count


@given(st.data())
@settings(deadline=None, max_examples=400)
def test_what_is_told_in_haste_the_careful_reader_tells_too(data):
    contents = [with_1001(one, k) if k % 2 else one for k, one in enumerate(PLAIN)]
    for k in range(len(contents)):
        changed = bytearray(contents[k])
        for _ in range(data.draw(st.integers(0, 3))):
            changed[data.draw(st.integers(0, 64))] = data.draw(
                st.sampled_from([0, 1, 7, 8, 32, 48, 61]) | st.integers(0, 255)
            )
        contents[k] = bytes(changed)
    for content, start_ns in zip(contents, plain_starts_ns(contents), strict=True):
        if start_ns != NO_TIME:
            # Its codes are looked at by the careful reader only.
            assert carefully(content) == (start_ns, len(content)) or "not a " in carefully(content)


def carefully(content):
    """Start and length, or the reason why there are none."""
    try:
        _, start_ns, _, _, length_bytes = fields_of(content)
    except DataFault as fault:
        return fault.reason
    return start_ns, length_bytes
