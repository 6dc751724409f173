"""How long records and picks take: each is timed once, whatever the clock does, and in bounded room."""

import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from houfeng.shell.centre import stopwatch as tuned
from houfeng.shell.centre.notes import tick
from houfeng.shell.centre.stopwatch import ONE_OF, Stopwatch
from houfeng.words.instant import EARLIEST_NS, NS_PER_S
from houfeng.words.packet import NO_SEQUENCE, Packet

sys.path.insert(0, str(Path(__file__).parents[1]))
from signing_station import START_S, record

SLICE_NS = 10 * NS_PER_S
RECORDS = [record(START_S + second) for second in range(60)]
FIRST_NS = START_S * NS_PER_S // SLICE_NS * SLICE_NS


def arrived(number, second, after_ns=2 * NS_PER_S):
    """A record of a second that came a while after it began, under a number of the journal."""
    return number, Packet("line", "XX.AB1", NO_SEQUENCE, (START_S + second) * NS_PER_S + after_ns, RECORDS[second])


def stopped(watch, told_ns, now_ns, second=0):
    records_s, picks_s = watch.stop(second=second, told_ns=told_ns, steady_ns=now_ns)
    return sorted(records_s), sorted(picks_s)


# --- laws -------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 10**10)), max_size=80),
    st.integers(-(10**15), 10**15),
    st.lists(st.integers(0, 80), max_size=5),
)
def test_every_record_that_comes_in_turn_is_timed_once_in_any_pieces(came, ahead_ns, cuts):
    """The steady clock began at another time: only differences count."""
    packets = [arrived(number * ONE_OF, second, after_ns) for number, (second, after_ns) in enumerate(came)]
    clock_ns = (START_S + 100) * NS_PER_S
    watch, took = Stopwatch(SLICE_NS), []
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(packets)], strict=True):
        watch.given(packets[begin:end], told_ns=EARLIEST_NS, clock_ns=clock_ns, steady_ns=clock_ns + ahead_ns)
    for told_ns in range(FIRST_NS, FIRST_NS + 7 * SLICE_NS, SLICE_NS):
        records_s, _ = watch.stop(second=0, told_ns=told_ns, steady_ns=clock_ns + ahead_ns)
        took += records_s
    assert sorted(took) == sorted((clock_ns - packet.arrival_ns) / NS_PER_S for _, packet in packets)


# --- examples ---------------------------------------------------------------------------------------------------------


def test_a_record_is_timed_until_its_slice_is_told():
    watch = Stopwatch(SLICE_NS)
    now_ns = (START_S + 13) * NS_PER_S
    watch.given([arrived(0, 0), arrived(ONE_OF, 11)], told_ns=EARLIEST_NS, clock_ns=now_ns, steady_ns=0)
    assert stopped(watch, FIRST_NS - SLICE_NS, NS_PER_S) == ([], [])
    assert stopped(watch, FIRST_NS, NS_PER_S) == ([12.0], [])
    assert stopped(watch, FIRST_NS + 2 * SLICE_NS, 20 * NS_PER_S) == ([20.0], [])


def test_a_pick_is_timed_from_the_packets_that_showed_it():
    watch = Stopwatch(SLICE_NS)
    now_ns = (START_S + 10) * NS_PER_S
    watch.given([arrived(1, 5), (2, tick(now_ns))], told_ns=EARLIEST_NS, clock_ns=now_ns, steady_ns=0)
    watch.pick(1)
    watch.pick(2)
    watch.pick(99)  # of a journal that was begun anew
    assert stopped(watch, EARLIEST_NS, NS_PER_S, second=2) == ([], [1.0, 4.0])
    watch.pick(1)
    assert stopped(watch, EARLIEST_NS, NS_PER_S) == ([], [])


def test_a_clock_set_back_makes_no_time_negative_and_one_set_later_changes_nothing():
    watch = Stopwatch(SLICE_NS)
    watch.given([arrived(0, 0)], told_ns=EARLIEST_NS, clock_ns=START_S * NS_PER_S - 3600 * NS_PER_S, steady_ns=0)
    watch.given([arrived(ONE_OF, 1)], told_ns=EARLIEST_NS, clock_ns=(START_S + 3) * NS_PER_S, steady_ns=0)
    assert stopped(watch, FIRST_NS + SLICE_NS, 5 * NS_PER_S) == ([5.0, 5.0], [])


def test_what_was_told_before_a_restart_or_comes_late_is_not_timed():
    watch = Stopwatch(SLICE_NS)
    watch.given([arrived(0, 0)], told_ns=FIRST_NS, clock_ns=START_S * NS_PER_S, steady_ns=0)
    assert stopped(watch, FIRST_NS + 5 * SLICE_NS, 0) == ([], [])


def test_one_of_some_is_timed_and_nothing_without_samples():
    watch = Stopwatch(SLICE_NS)
    now_ns = (START_S + 10) * NS_PER_S
    odd = Packet("line", "XX.AB1", NO_SEQUENCE, now_ns, b"garbage")
    packets = [*(arrived(number, 0) for number in range(3 * ONE_OF)), (3 * ONE_OF, odd), (4 * ONE_OF, tick(now_ns))]
    watch.given(packets, told_ns=EARLIEST_NS, clock_ns=now_ns, steady_ns=0)
    records_s, _ = stopped(watch, FIRST_NS, 0)
    assert len(records_s) == 3


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_records_of_the_far_future_and_a_flood_take_bounded_room(monkeypatch):
    monkeypatch.setattr(tuned, "MOST_TIMED", 10)
    watch = Stopwatch(SLICE_NS)
    now_ns = (START_S + 10) * NS_PER_S
    far_ns = FIRST_NS - tuned.FAR_NS - SLICE_NS
    watch.given([arrived(0, 0)], told_ns=far_ns, clock_ns=now_ns, steady_ns=0)
    assert stopped(watch, FIRST_NS, 0) == ([], [])
    watch.given(
        [arrived(number * ONE_OF, 0) for number in range(50)], told_ns=EARLIEST_NS, clock_ns=now_ns, steady_ns=0
    )
    records_s, _ = stopped(watch, FIRST_NS, 0)
    assert len(records_s) == 10
