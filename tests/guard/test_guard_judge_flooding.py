"""Floods, and what a busy hour looks like."""

import pytest
from sights import flow, heard, kinds, said

from houfeng.guard.judge.flooding import Flooding

HOST = "10.0.0.2"


def opened(count, step_s, client="10.0.0.{}", outcome="unanswered"):
    return [flow(n * step_s, client.format(n % 200), HOST, 20000, outcome, took_s=0.0) for n in range(count)]


def stream(at_s, rate, took_s=60.0, size=120, client="10.0.0.66"):
    return flow(at_s, client, HOST, 20000, took_s=took_s, packets=int(rate * took_s), sent=int(rate * took_s * size))


def test_connections_begun_and_left_by_the_hundred_are_a_flood():
    found = heard(Flooding(), opened(3000, 0.005))
    assert kinds(found) == [("flood", "many", HOST)]
    assert "500 connections to tcp 20000" in said(found[0])[0]
    assert kinds(heard(Flooding(), opened(3000, 0.005, "10.0.0.66"))) == [("flood", "10.0.0.66", HOST)]
    assert heard(Flooding(), opened(718, 0.53, "10.0.0.66", "refused")) == []
    assert heard(Flooding(), opened(3000, 0.005, outcome="answered")) == []


def test_small_packets_far_above_the_past_are_a_flood():
    past = [stream(n * 300, 5) for n in range(15)]
    found = heard(Flooding(), [*past, stream(5000, 400)])
    assert kinds(found) == [("flood", "10.0.0.66", HOST)]
    assert "400 packets a second for 60 s; the most before was 5.0" in said(found[0])[0]


@pytest.mark.parametrize(
    "busy",
    [
        stream(5000, 80),
        stream(5000, 400, took_s=5),
        stream(5000, 900, size=1200),
    ],
    ids=["twice an earthquake", "a walk", "a transfer"],
)
def test_what_is_busy_is_no_flood(busy):
    assert heard(Flooding(), [*[stream(n * 300, 40) for n in range(15)], busy]) == []


def test_without_a_past_there_is_nothing_to_compare_with():
    assert heard(Flooding(), [stream(0, 400), stream(100, 400), stream(300, 400)]) == []


def test_a_stream_that_was_always_so_is_no_flood():
    assert heard(Flooding(), [stream(n * 300, 400) for n in range(50)]) == []
