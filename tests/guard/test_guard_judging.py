"""All judges of the wire at once, with the conducts of several stations."""

from dataclasses import replace

import pytest

from houfeng.guard.judge.judging import Judging
from houfeng.words.conduct import Allowed, Conduct, Host, Reads
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.network import Flow, Outcome, Seen, Subscription

BEGIN_NS = parse_instant("2026-11-23T12:00:00Z")
CENTRE = "10.71.0.10"


def conduct(number):
    own, name = f"10.71.1.{number}", f"XX.S{number:03d}"
    hosts = Host(name, (own,), (), "station"), Host("centre", (CENTRE,), (), "centre")
    allowed = Allowed((CENTRE,), (own,), "tcp", 18000, "SeedLink", "continuous")
    return Conduct(name, hosts, (allowed,), reads=(Reads(CENTRE, (f"{name}.*.*",)),))


def handed(reader, number):
    channel, server = f"XX.S{number:03d}.00.HHZ", f"10.71.1.{number}"
    return Subscription(Seen("tap"), BEGIN_NS, BEGIN_NS, reader, server, "seedlink", channel, 1, 520)


def test_a_reader_of_several_stations_may_read_what_each_of_them_grants():
    judging = Judging([conduct(number) for number in (1, 2, 3)])
    assert [one for number in (1, 2, 3) for one in judging.handle(handed(CENTRE, number))] == []
    (found,) = judging.handle(handed(CENTRE, 4))
    assert (found.detector, found.subject) == ("channel-not-granted", CENTRE)
    (found,) = judging.handle(handed("10.71.0.99", 2))
    assert (found.detector, found.station) == ("unknown-reader", "XX.S002")


def knock(at_s, number, outcome: Outcome, *, port=40_000, ongoing=False):
    start_ns = BEGIN_NS + at_s * NS_PER_S
    flow = Flow(Seen("tap"), start_ns, start_ns, CENTRE, port, f"10.71.1.{number}", 18000, "tcp", 3, 3, 180, 180)
    return replace(flow, outcome=outcome, ongoing=ongoing)


def stream(number, seconds):
    """A stream's tellings while it lasts, one a minute, with what both sides sent so far."""
    first = knock(0, number, "answered", port=39_000, ongoing=True)
    return [
        replace(first, end_ns=first.start_ns + at_s * NS_PER_S, client_packets=3 + at_s, server_packets=3 + at_s)
        for at_s in range(0, seconds + 1, 60)
    ]


def missing_in(flows):
    judging = Judging([conduct(1)])
    found = [one for flow in flows for one in (*judging.elapse(flow.end_ns), *judging.handle(flow))]
    return [(one.subject, one.peer, one.station) for one in found if one.detector == "talk-missing"]


@pytest.mark.parametrize(("outcome", "missing"), [("refused", True), ("unanswered", True), ("answered", False)])
def test_a_station_at_whose_door_its_reader_knocks_in_vain_is_missing(outcome, missing):
    knocks = [knock(600 + 30 * k, 1, outcome, port=40_000 + k) for k in range(1, 30)]
    assert missing_in([*stream(1, 600), *knocks]) == [(CENTRE, "10.71.1.1", "XX.S001")] * missing


def test_a_reader_that_repeats_itself_to_a_dead_station_does_not_talk_with_it():
    *_, last = alive = stream(1, 600)
    later = [(replace(last, end_ns=last.end_ns + 60 * k * NS_PER_S), k) for k in range(1, 15)]
    alone = [replace(one, client_packets=one.client_packets + k) for one, k in later]
    both = [replace(one, server_packets=one.server_packets + k) for one, (_, k) in zip(alone, later, strict=True)]
    assert missing_in([*alive, *alone]) == [(CENTRE, "10.71.1.1", "XX.S001")]
    assert missing_in([*alive, *both]) == []
