"""Blocks of the packet ring: the same frames as in a capture file, and no block can do harm."""

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire.eyes.packet_ring import ring_file_header, ring_records
from houfeng.wire.eyes.pcap import PcapReader

FRAMES = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 999_999_999), st.binary(max_size=200)), max_size=9
)


def block_of(frames, *, size=8192):
    """A block as the kernel writes it (linux/if_packet.h), each frame 82 bytes behind its header."""
    block = bytearray(struct.pack("<IIIIII", 3, 48, 1, len(frames), 48, 0).ljust(48, b"\0"))
    for place, (second, nanosecond, frame) in enumerate(frames):
        step = 0 if place == len(frames) - 1 else -(-(82 + len(frame)) // 16) * 16
        header = struct.pack("<IIIIIIHH", step, second, nanosecond, len(frame), len(frame) + 7, 1, 82, 96)
        piece = header.ljust(82, b"\0") + frame
        block += piece.ljust(step, b"\0")
    return np.frombuffer(bytes(block).ljust(size, b"\0"), dtype=np.uint8)


@settings(deadline=None)  # the first is compiled
@given(frames=FRAMES)
def test_every_packet_of_a_block_becomes_a_record(frames):
    wanted = b"".join(
        struct.pack("<IIII", second, nanosecond, len(frame), len(frame) + 7) + frame
        for second, nanosecond, frame in frames
    )
    assert ring_records(block_of(frames)) == wanted


@settings(deadline=None)  # the first is compiled
@given(data=st.binary(min_size=48, max_size=400))
def test_no_block_does_harm(data):
    block = np.frombuffer(data, dtype=np.uint8)
    assert len(ring_records(block)) <= len(block)


@settings(deadline=None)  # the first is compiled
@given(frames=FRAMES.filter(len), at=st.integers(0, 400), value=st.integers(0, 255))
def test_one_wrong_byte_gives_no_more_than_the_block_has(frames, at, value):
    block = block_of(frames, size=4096).copy()
    block[at] = value
    assert len(ring_records(block)) <= len(block)


def test_the_records_behind_the_header_are_a_capture():
    reader = PcapReader("eth0")
    frames = [(1_700_000_000, k, bytes(60)) for k in range(5)]
    told = [*reader.read(ring_file_header(1)), *reader.read(ring_records(block_of(frames))), *reader.end()]
    (batch,) = told
    assert batch.time_ns.tolist() == [1_700_000_000_000_000_000 + k for k in range(5)]
    assert batch.frame_bytes.tolist() == [67] * 5
