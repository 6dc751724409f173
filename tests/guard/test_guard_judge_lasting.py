"""Lasting and heavy sessions."""

import pytest
from sights import flow, heard, kinds, said

from houfeng.guard.judge.lasting import lasting_unknown, odd_service

OURS, FAR = "192.168.1.5", "198.51.100.4"
FAR_OURS = "192.168.1.9"


def is_ours(address):
    return address.startswith("192.168.")


def never(_):
    return False


def test_long_often_or_heavy_is_told_where_it_is_not_allowed():
    for talk in (
        [flow(n * 400, OURS, FAR, 1337, took_s=370) for n in range(12)],
        [flow(n * 300, OURS, FAR, 443) for n in range(250)],
        [flow(n * 300, OURS, FAR, 443, sent=200_000) for n in range(9)],
        [flow(0, OURS, FAR, 443, took_s=60 * n, ongoing=True) for n in range(1, 99)],
    ):
        found = heard(lasting_unknown(never, is_ours), talk)
        assert kinds(found) == [("lasting-unknown", OURS, FAR)]
        assert said(found[0])
        assert heard(lasting_unknown(lambda _: True, is_ours), talk) == []


def test_what_is_told_again_while_it_lasts_counts_once():
    talk = [flow(0, OURS, FAR, 443, took_s=60 * n, sent=90_000, ongoing=n < 9) for n in range(1, 10)]
    assert heard(lasting_unknown(never, is_ours), talk) == []


def test_what_a_stranger_takes_from_us_counts():
    taken = [flow(n, FAR, OURS, 18000, sent=300_000) for n in range(5)]
    found = heard(lasting_unknown(never, is_ours), taken)
    assert [(one.severity, dict(one.facts)["bytes"]) for one in found] == [("high", "1200000")]


def test_an_odd_service_is_told_with_little_weight():
    for talk in (
        [flow(n * 400, OURS, FAR, 1337, took_s=370) for n in range(12)],
        [flow(n * 12.6, OURS, FAR, 1177) for n in range(237)],
    ):
        found = heard(odd_service(is_ours), talk)
        assert [(one.detector, one.severity, one.probability) for one in found] == [("odd-service", "low", 0.2)]
        assert said(found[0])


@pytest.mark.parametrize(
    "harmless",
    [
        [flow(n, OURS, FAR, 443, took_s=900) for n in range(300)],
        [flow(n, OURS, FAR, 18000, took_s=9000) for n in range(300)],
        [flow(n, OURS, FAR_OURS, 8765) for n in range(300)],
        [flow(n, FAR, OURS, 8765) for n in range(300)],
        [flow(n, OURS, FAR, 51413, protocol="udp") for n in range(300)],
        [flow(n, OURS, FAR, 1337, "refused") for n in range(300)],
        [flow(n, OURS, FAR, 50000 + n, took_s=60) for n in range(300)],
        [flow(n, OURS, FAR, 1337, payload=0) for n in range(300)],
        [flow(n, OURS, FAR, 1337, service="http") for n in range(300)],
    ],
    ids=["web", "seedlink", "inside", "inwards", "udp", "refused", "data ports", "knocks", "named"],
)
def test_usual_services_are_not_odd(harmless):
    assert heard(odd_service(is_ours), harmless) == []
