"""Rhythm: a ranking, and a judgement only of what is not allowed."""

import random

from hypothesis import given
from hypothesis import strategies as st
from sights import DAWN_NS, flow, heard, kinds, said

from houfeng.guard.judge.periodicity import Beacon, rank

OURS, FAR = "10.0.0.2", "198.51.100.4"


def even(count=60, step_s=60.0, jitter_s=3.0, **more):
    lot = random.Random(4)
    return [flow(n * step_s + lot.uniform(-jitter_s, jitter_s), OURS, FAR, 443, **more) for n in range(count)]


def by_chance(count=60, mean_s=60.0):
    lot, at_s, found = random.Random(5), 0.0, []
    for _ in range(count):
        at_s += lot.expovariate(1 / mean_s)
        found.append(flow(at_s, OURS, "192.0.2.80", 443, sent=lot.randrange(500, 90000)))
    return found


def test_even_calls_rank_above_calls_by_chance():
    ranked = rank([*by_chance(), *even()])
    assert [one.pair[1] for one in ranked] == ["198.51.100.0/24", "192.0.2.0/24"]
    assert ranked[0].score > 0.8
    assert ranked[1].score < 0.4
    assert abs(ranked[0].step_s - 60) < 3


def test_calls_left_out_do_not_spoil_a_rhythm():
    whole = even(100, jitter_s=1.0)
    holed = [one for n, one in enumerate(whole) if n % 7 and n % 11]
    assert rank(holed)[0].gaps > 0.9


def test_neighbouring_servers_are_one():
    two = [flow(n * 2.2, OURS, f"198.51.100.{4 + n % 2}", 443) for n in range(50)]
    ranked = rank(two)
    assert len(ranked) == 1
    assert ranked[0].servers == ("198.51.100.4", "198.51.100.5")


def test_calls_in_vain_and_unfinished_ones_are_left_out():
    assert rank([flow(n, OURS, FAR, 443, "refused") for n in range(99)]) == []
    assert rank([flow(0, OURS, FAR, 443, took_s=n, ongoing=True) for n in range(99)]) == []
    assert rank([]) == []


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 3), st.integers(0, 10**9)), max_size=40))
def test_scores_lie_between_nought_and_one_whatever_the_order(drawn):
    flows = [flow(at_s, OURS, f"8.8.{which}.8", 80, sent=sent) for at_s, which, sent in drawn]
    ranked = rank(flows)
    assert all(0 <= one.score <= 1 for one in ranked)
    assert rank(flows[::-1]) == ranked


def test_shifting_all_times_changes_nothing():
    assert [one.score for one in rank([flow(7777 + n * 9, OURS, FAR, 1) for n in range(20)])] == [
        one.score for one in rank([flow(n * 9, OURS, FAR, 1) for n in range(20)])
    ]


def test_a_beacon_is_judged_only_where_it_is_not_allowed():
    found = heard(Beacon(lambda _: False), even())
    assert kinds(found) == [("beacon", OURS, FAR)]
    assert dict(found[0].facts)["count"] == "12"
    assert found[0].time_ns < DAWN_NS + 12 * 63 * 10**9
    assert "every" in said(found[0])[0]
    assert heard(Beacon(lambda _: True), even()) == []
    assert heard(Beacon(lambda _: False), by_chance(300)) == []


def test_strangers_who_call_us_evenly_are_not_our_beacon():
    assert heard(Beacon(lambda _: False), [flow(n * 60, "8.8.8.8", OURS, 5060) for n in range(60)]) == []
