"""What travels between the roles comes out as it went in, and damaged bytes are a fault of the data."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from houfeng.shell.cluster.ask_frames import (
    PIECE_BYTES,
    WAIT,
    AskLook,
    AskReach,
    AskSegments,
    decode_look,
    decode_question,
    decode_reach,
    decode_reply,
    decode_segments,
    encode_look,
    encode_piece,
    encode_question,
    encode_reach,
    encode_refusal,
    encode_segments,
)
from houfeng.shell.cluster.heard_frames import Assembly, SliceHeard, encode_slice, is_last_part
from houfeng.shell.cluster.record_frames import (
    MESSAGE_BYTES,
    decode_clock,
    decode_packets,
    encode_clock,
    encode_packets,
)
from houfeng.shell.cluster.shard import Shard, parse_shard, shard_of, shards
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet
from houfeng.words.quake import Pick
from houfeng.words.samples import Gap, Segment
from houfeng.words.source import SourceId

instants = st.integers(-(2**62), 2**62)
numbers = st.floats(allow_nan=False)
codes = st.text("ABCXYZ019-_", max_size=5)
sources = st.builds(SourceId, codes, codes, codes, st.text("BHENZ123", max_size=3))
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
picks = st.builds(
    Pick,
    sources,
    st.sampled_from(["P", "S"]),
    instants,
    numbers,
    numbers,
    numbers,
    st.sampled_from([-1, 0, 1]),
    numbers,
    words,
)
findings = st.builds(Finding, words, words, words, words, st.none() | instants)
values = st.lists(picks | findings | st.builds(Gap, sources, instants, instants), max_size=8).map(tuple)
packets = st.builds(Packet, words, words, st.integers(-1, 2**62), instants, st.binary(max_size=600))


@given(st.lists(packets, max_size=6))
def test_packets_come_out_as_they_went_in(given_packets):
    messages = list(encode_packets(given_packets))
    assert [packet for message in messages for packet in decode_packets(message, "s")] == given_packets


def test_packets_are_cut_into_messages_a_broker_takes():
    many = [Packet("feed", "NN.STA", number, 0, bytes(4096)) for number in range(200)]
    messages = list(encode_packets(many))
    assert len(messages) > 1
    assert max(map(len, messages)) < MESSAGE_BYTES + 5000
    assert [packet for message in messages for packet in decode_packets(message, "s")] == many


@given(instants, st.integers(1, 2**62))
def test_clocks_come_out_as_they_went_in(now_ns, first):
    assert decode_clock(encode_clock(now_ns, first), "s") == (now_ns, first)


@given(instants, values, values)
def test_slices_come_out_as_they_went_in(now_ns, elapsed, handled):
    heard = SliceHeard(now_ns, elapsed, handled)
    assembly = Assembly()
    (message,) = encode_slice(heard)
    assert assembly.take(message, "s") == heard
    assert is_last_part(message, "s") == now_ns


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_slice_begun_again_by_a_successor_is_whole_once(left, begun_again):
    """A writer left so many parts and died; the next one published some again, died, and then all."""
    many = tuple(Finding("odd", "x" * 50_000, station=f"NN.S{number}") for number in range(30))
    parts = encode_slice(SliceHeard(7, many, ()))
    assert len(parts) > 5
    assembly = Assembly()
    for part in (*parts[:left], *parts[:begun_again], *parts[:-1]):
        assert assembly.take(part, "s") is None
        assert is_last_part(part, "s") is None
    whole = assembly.take(parts[-1], "s")
    assert whole == SliceHeard(7, many, ())


def test_a_slice_that_lacks_a_part_is_refused():
    many = tuple(Finding("odd", "x" * 50_000) for _ in range(30))
    assembly = Assembly()
    with pytest.raises(DataFault, match="lacks a part"):
        assembly.take(encode_slice(SliceHeard(7, many, ()))[1], "s")


@given(
    instants,
    st.just(AskReach())
    | st.builds(AskLook, words, st.sampled_from(["P", "S"]), instants, numbers)
    | st.builds(AskSegments, sources, instants, instants),
    st.integers(0, 2**32 - 1),
)
def test_questions_come_out_as_they_went_in(now_ns, question, first_byte):
    assert decode_question(encode_question(now_ns, question, first_byte)) == (now_ns, question, first_byte)


@given(st.lists(st.tuples(sources, instants), unique_by=lambda one: one[0], max_size=8), st.none() | picks)
def test_answers_come_out_as_they_went_in(reach, pick):
    assert decode_reach(encode_reach(reach)) == dict(reach)
    assert decode_look(encode_look(pick)) == pick


samples = arrays.arrays(st.sampled_from([np.int32, np.float64]), st.integers(1, 50))


@given(sources, st.lists(st.tuples(instants, st.floats(0.01, 1000.0), samples), max_size=4))
def test_segments_come_out_as_they_went_in(source, runs):
    segments = [Segment(source, *run) for run in runs]
    found = decode_segments(encode_segments(segments), source)
    assert [(s.start_ns, s.rate_hz, s.samples.dtype) for s in found] == [
        (s.start_ns, s.rate_hz, s.samples.dtype) for s in segments
    ]
    assert all(a.samples.tobytes() == b.samples.tobytes() for a, b in zip(found, segments, strict=True))


@given(st.integers(0, 3 * PIECE_BYTES))
def test_long_answers_come_in_pieces(length):
    answer = bytes(length)
    got = b""
    while True:
        whole, piece = decode_reply(encode_piece(answer, len(got)))
        got += piece
        if len(got) == whole:
            break
    assert got == answer


def test_a_reply_may_be_to_wait_or_a_refusal():
    assert decode_reply(WAIT) is None
    with pytest.raises(DataFault, match="no such thing"):
        decode_reply(encode_refusal("no such thing"))


@pytest.mark.parametrize(
    "decode",
    [
        lambda data: decode_packets(data, "s"),
        lambda data: decode_clock(data, "s"),
        lambda data: Assembly().take(data, "s"),
        decode_question,
        decode_reply,
        decode_reach,
        decode_look,
        lambda data: decode_segments(data, SourceId("", "", "", "")),
    ],
)
@given(tail=st.binary(max_size=80))
def test_garbage_is_a_fault_of_the_data_and_nothing_else(decode, tail):
    for data in (tail, b"\x01" + tail):
        try:
            decode(data)
        except DataFault:
            continue


@given(codes, codes, st.integers(1, 512))
def test_a_station_is_always_in_the_same_share(network, station, count):
    key = f"{network}.{station}"
    shard = shard_of(key, count)
    assert shard in shards(count)
    assert shard == shard_of(key, count)
    assert parse_shard(str(shard)) == shard
    assert len(shard.record_subject(key).split(".")) == 5


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/9999", "a/b", "1/2/3", "²/2"])
def test_shares_that_cannot_be_are_refused(text):
    with pytest.raises(WorldFault, match="shard"):
        parse_shard(text)


def test_shares_are_about_even():
    sizes = [0] * 8
    for number in range(4000):
        sizes[shard_of(f"NN.S{number}", 8).number - 1] += 1
    assert min(sizes) > 400
    assert Shard(2, 8).ask_subject == "houfeng.ask.2of8"
