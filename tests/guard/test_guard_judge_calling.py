"""Calls in vain."""

import pytest
from sights import flow, heard, kinds, said

from houfeng.guard.judge.calling import Calling

OURS, FAR, NEAR = "192.168.1.107", "66.63.168.35", "192.168.1.20"


def calls(count, step_s, server=FAR, outcome="refused", **more):
    return [flow(n * step_s, OURS, server, 5888, outcome, **more) for n in range(count)]


@pytest.mark.parametrize("outcome", ["refused", "unanswered"])
def test_calls_at_half_second_steps_are_found_at_the_sixtieth(outcome):
    found = heard(Calling(), calls(718, 0.53, outcome=outcome))
    assert kinds(found) == [("calls-refused", OURS, FAR)]
    assert dict(found[0].facts)["count"] == "60"
    assert found[0].severity == "medium"
    assert "tcp 5888 of 66.63.168.35 60 times" in said(found[0])[0]


def test_towards_our_own_network_it_is_low():
    assert [one.severity for one in heard(Calling(), calls(718, 0.53, NEAR))] == ["low"]


def test_slow_and_steady_is_low():
    assert [one.severity for one in heard(Calling(), calls(237, 12.6))] == ["low"]


@pytest.mark.parametrize(
    "harmless",
    [
        calls(30, 20, NEAR),
        calls(300, 30),
        calls(200, 5, outcome="unanswered", protocol="udp"),
        [one for n in range(200) for one in (flow(n, OURS, FAR, 1, "refused"), flow(n + 0.5, OURS, FAR, 1))],
        [flow(n, OURS, FAR, n, "refused") for n in range(200)],
        [flow(n, FAR, OURS, 23, "refused") for n in range(200)],
    ],
    ids=["dead printer", "slinktool", "syslog", "now and then", "many ports", "strangers"],
)
def test_less_than_that_is_nothing(harmless):
    assert heard(Calling(), harmless) == []


def test_a_station_may_call_its_centre_for_ever():
    assert heard(Calling(allowed=lambda one: one.server == FAR), calls(718, 0.53)) == []


def test_pairs_cannot_fill_the_memory():
    judge = Calling()
    heard(judge, [flow(n, OURS, f"8.8.{n >> 8}.{n & 255}", 9, "refused") for n in range(3000)])
    assert len(judge._calls) <= 2048
