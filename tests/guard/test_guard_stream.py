"""One direction of TCP: whatever order segments come in, the bytes come out in theirs, and holes are told."""

from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.observe.stream import WINDOW_BYTES, Stream
from made_frames import ACK, SYN

#: Where sequence numbers begin: also just before they wrap.
STARTS = [0, 1, 2**31, 2**32 - 5, 2**32 - 1]


def pieces_of(stream: Stream, segments: list[tuple[int, bytes]], start: int) -> list[bytes | None]:
    out: list[bytes | None] = []
    for at, data in segments:
        out += stream.take((start + 1 + at) % 2**32, ACK, data, len(data))
    return out


def begun(start: int) -> Stream:
    stream = Stream()
    assert list(stream.take(start, SYN, b"", 0)) == []
    return stream


@given(
    text=st.binary(min_size=1, max_size=60),
    cuts=st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=30),
    order=st.randoms(use_true_random=False),
    start=st.sampled_from(STARTS),
)
@settings(max_examples=300, deadline=None)
def test_any_order_overlap_and_repetition_gives_the_text(text, cuts, order, start) -> None:  # type: ignore[no-untyped-def]
    segments = [(at, text[at : at + size]) for at, size in cuts if at < len(text)]
    segments += [(at, text[at : at + 7]) for at in range(0, len(text), 7)]
    order.shuffle(segments)
    got = pieces_of(begun(start), segments, start)
    assert None not in got
    assert b"".join(piece for piece in got if piece) == text


def test_a_hole_is_told_when_the_other_side_has_what_was_missed() -> None:
    stream = begun(99)
    assert pieces_of(stream, [(0, b"abc"), (6, b"ghi")], 99) == [b"abc"]
    assert list(stream.acknowledge(99 + 1 + 3)) == []
    assert list(stream.acknowledge(99 + 1 + 9)) == [None, b"ghi"]
    assert pieces_of(stream, [(9, b"jkl")], 99) == [b"jkl"]


def test_a_hole_is_told_when_too_much_came_after_it() -> None:
    stream = begun(0)
    segments = [(at, bytes(1000)) for at in range(1000, WINDOW_BYTES + 3000, 1000)]
    got = pieces_of(stream, segments, 0)
    assert got[0] is None
    assert got.count(None) == 1
    small = begun(0)
    assert None in pieces_of(small, [(at, b"x") for at in range(10, 5000, 2)], 0)


def test_a_hole_at_the_end_is_told_with_what_came_after_it() -> None:
    stream = begun(0)
    assert pieces_of(stream, [(5, b"late")], 0) == []
    assert list(stream.end()) == [None, b"late"]
    assert list(stream.end()) == []


def test_a_segment_cut_by_the_capture_leaves_a_hole() -> None:
    stream = begun(0)
    assert list(stream.take(1, ACK, b"abc", 10)) == [b"abc", None]
    assert list(stream.take(11, ACK, b"k", 1)) == [b"k"]


def test_without_its_beginning_it_starts_at_the_first_segment() -> None:
    stream = Stream()
    assert list(stream.take(5000, ACK, b"abc", 3)) == [b"abc"]
    assert list(stream.take(4999, ACK, b"", 0)) == []  # keep-alive
    assert list(stream.take(4999, ACK, b"x", 1)) == []
    assert list(stream.take(5003, ACK, b"d", 1)) == [b"d"]


def test_a_segment_from_nowhere_is_followed() -> None:
    stream = begun(0)
    assert list(stream.take(2**31 + 1, ACK, b"other", 5)) == [None, b"other"]
