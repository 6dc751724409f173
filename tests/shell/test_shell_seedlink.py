"""What the SeedLink server keeps: where times lie in the ring, the newest records, and who takes which stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.seedlink.audience import Audiences, Choice
from houfeng.shell.seedlink.holdings import MOST_STREAMS_OF_STATION, Holdings, TimeIndex
from houfeng.shell.seedlink.parcels import PIECE_BYTES, TAIL_BYTES, Parcel, Stream, Tail
from houfeng.shell.seedlink.readers import Permit
from houfeng.wire import mseed
from houfeng.wire.seedlink.patterns import Selector
from houfeng.wire.seedlink.requests import StationRequest, Subscription
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

NS = 10**9
START_NS = 1_700_000_000 * NS
STREAM = Stream("XX_AAA", "00_H_H_Z", "2D")


def packet(station="AAA", channel="HHZ", second=0, *, version=2):
    segment = Segment(
        SourceId("XX", station, "00", channel), START_NS + second * NS, 10.0, np.zeros(10, dtype=np.int32)
    )
    return Packet("made", f"XX.{station}", 0, 0, mseed.encode([segment], version=version, record_length=512))


def parcel(sequence, start_s=0, end_s=1, content=b""):
    return Parcel(sequence, STREAM, start_s * NS, end_s * NS, b"", content)


class TestTimeIndex:
    @given(
        st.lists(
            st.tuples(st.integers(1, 9000), st.integers(0, 99), st.integers(0, 9)), unique_by=lambda each: each[0]
        ),
        st.integers(0, 100),
        st.integers(0, 9500),
    )
    def test_what_is_skipped_has_no_part_in_the_window(self, held, begin_s, position):
        held = sorted(held)
        index = TimeIndex()
        for sequence, start_s, length_s in held:
            index.add(parcel(sequence, start_s, start_s + length_s))
        window = StationRequest("*", start_ns=begin_s * NS, end_ns=(begin_s + 5) * NS)
        stop = 9500
        found = index.skip(position, stop, window.covers)
        assert position <= found <= stop
        for sequence, start_s, length_s in held:
            if position <= sequence < found:
                assert not window.covers(start_s * NS, (start_s + length_s) * NS)

    def test_much_is_skipped(self):
        index = TimeIndex()
        for sequence in range(1, 100_000):
            index.add(parcel(sequence, sequence, sequence + 1))
        wanted = StationRequest("*", start_ns=70_000 * NS, end_ns=70_010 * NS)
        assert 68_900 < index.skip(1, 100_000, wanted.covers) <= 70_000

    def test_what_left_the_ring_is_forgotten(self):
        index = TimeIndex()
        for sequence in range(1, 5000):
            index.add(parcel(sequence, sequence, sequence + 1))
        index.forget(3000)
        assert 2 * 1024 * NS <= index.earliest_ns() <= 3000 * NS


class TestTail:
    @given(st.lists(st.integers(0, TAIL_BYTES // 4), max_size=30))
    @settings(max_examples=30, deadline=None)
    def test_it_holds_the_newest_and_says_from_where_on(self, sizes):
        tail = Tail(1)
        content = bytes(TAIL_BYTES // 4)
        for sequence, size in enumerate(sizes, start=1):
            tail.extend([parcel(sequence, content=content[:size])])
        held, position = [], tail.first
        while piece := tail.take(position, 1000):
            assert len(piece) == 1 or sum(len(each.v4) for each in piece) <= PIECE_BYTES
            held += piece
            position = piece[-1].sequence + 1
        assert [each.sequence for each in held] == list(range(tail.first, len(sizes) + 1))
        assert sum(len(each.v4) for each in held) <= TAIL_BYTES

    def test_at_most_so_many_are_taken_at_once(self):
        tail = Tail(1)
        tail.extend(parcel(sequence) for sequence in range(1, 10))
        assert [each.sequence for each in tail.take(4, 3)] == [4, 5, 6]


class TestHoldings:
    def test_what_is_held(self):
        holdings = Holdings()
        for sequence, second in enumerate((5, 3, 8), start=10):
            holdings.take(sequence, packet(second=second))
        holdings.take(13, packet("BBB", version=3))
        assert holdings.station_ids() == ["XX_AAA", "XX_BBB"]
        held = holdings.station("XX_AAA", 1)
        assert (held.first, held.next) == (10, 13)
        (stream,) = held.streams
        assert (stream.start_ns, stream.end_ns) == (START_NS + 3 * NS, START_NS + 9 * NS)
        assert stream.fits_v3
        assert not holdings.station("XX_BBB", 1).streams[0].fits_v3
        assert holdings.station("XX_CCC", 1) is None

    def test_what_left_the_ring_is_forgotten_and_makes_room(self):
        holdings = Holdings()
        letters = "ABCDEFGHIJKLMNOPQRST"
        names = [f"{a}{b}Z" for a in letters for b in letters]
        taken = [holdings.take(k, packet(channel=name)) for k, name in enumerate(names, start=1)]
        assert sum(each is not None for each in taken) == len(holdings) == MOST_STREAMS_OF_STATION
        assert [each.kind for each in holdings.take_findings()] == ["not-served"]
        assert holdings.take_findings() == []
        assert len(holdings.forget(200)) == 199
        assert holdings.take(1000, packet(channel=names[-1])) is not None

    def test_a_record_is_framed_the_same_from_the_disk(self):
        holdings = Holdings()
        one = packet()
        assert holdings.take(7, one) == holdings.again(7, one)
        assert holdings.again(8, packet("BBB")) is None


class Listener:
    def __init__(self):
        self.got = b""

    def deliver(self, content, tally, following):
        self.got += content
        assert sum(records for records, _ in tally.values()) >= 1
        assert sum(sent_bytes for _, sent_bytes in tally.values()) == len(content)
        assert following == 1000

    def miss(self, following):
        raise AssertionError(following)


stations = st.sampled_from(["XX_AAA", "XX_BBB", "YY_AAA", "XX_*", "*", "*_A??", "NO_NE"])
selectors = st.sampled_from([Selector("*"), Selector("*_Z"), Selector("*_Z", excludes=True), Selector("*", "3")])
requests = st.builds(StationRequest, stations, st.lists(selectors, max_size=2).map(tuple))
subscriptions = st.builds(Subscription, st.sampled_from([3, 4]), st.lists(requests, min_size=1, max_size=3).map(tuple))
permits = st.sampled_from([Permit(("*",)), Permit(("XX.*", "!XX.BBB")), Permit()])


class TestAudiences:
    @given(st.lists(st.tuples(subscriptions, permits), min_size=1, max_size=4), st.integers(0, 5), st.data())
    @settings(deadline=None)
    def test_everybody_gets_what_the_own_choice_says_whenever_streams_appear(self, wanted, known, data):
        packets = [
            packet(station, channel, version=version)
            for station, channel, version in [
                ("AAA", "HHZ", 2),
                ("AAA", "HHN", 2),
                ("BBB", "HHZ", 2),
                ("AAA", "HNZ", 3),
            ]
        ]
        packets += [Packet("made", "YY.AAA", 0, 0, packets[0].content)]
        holdings = Holdings()
        audiences = Audiences(holdings)
        parcels = [holdings.take(k, each) for k, each in enumerate(packets[:known], start=1)]
        listeners = []
        for subscription, permit in wanted:
            listeners.append(Listener())
            audiences.join(subscription, permit).live[listeners[-1]] = None
        for k, each in enumerate(packets[known:], start=known + 1):
            parcels.append(holdings.take(k, each))
            audiences.appear(parcels[-1].stream)
        gone = data.draw(st.sampled_from(range(len(wanted))))
        audiences.fan_out(parcels, 1000)
        for (subscription, permit), listener in zip(wanted, listeners, strict=True):
            choice = Choice(subscription, permit)
            expected, _ = choice.join(choice.chosen(parcels, [0] * len(subscription.requests)))
            assert listener.got == expected
        for subscription, permit in wanted[gone:] + wanted[:gone]:
            audiences.leave(subscription, permit)
        assert len(audiences) == 0
        audiences.fan_out(parcels, 1001)

    def test_those_who_ask_for_the_same_are_one_audience_wherever_they_begin(self):
        audiences = Audiences(Holdings())
        one, other = (Subscription(4, (StationRequest("XX_*", begin=begin),)) for begin in (5, 9))
        assert audiences.join(one, Permit(("*",))) is audiences.join(other, Permit(("*",)))
        assert audiences.join(one, Permit(("XX.*",))) is not audiences.join(one, Permit(("*",)))


@pytest.mark.parametrize("key", ["XX.A B", "XX", ".", "XX.ÄÖ", "NETWORK8.STATIONSTATION8", "XX.A_B"])
def test_a_station_without_a_name_for_seedlink_is_not_served(key):
    one = packet()
    assert Holdings().take(1, Packet("made", key, 0, 0, one.content)) is None
