"""Scans, and what only looks like one."""

from dataclasses import replace

import pytest
from sights import DAWN_NS, asked, flow, heard, kinds, said

from houfeng.guard.judge.scanning import Scanning
from houfeng.words.network import Binding, Seen

INTRUDER, VICTIM = "10.0.0.66", "10.0.0.2"


def ports(count, step_s=0.1, outcome="refused", **more):
    return [flow(n * step_s, INTRUDER, VICTIM, 100 + n, outcome, **more) for n in range(count)]


def hosts(count, step_s=0.1, outcome="unanswered", port=23, **more):
    return [flow(n * step_s, INTRUDER, f"10.1.{n // 200}.{1 + n % 200}", port, outcome, **more) for n in range(count)]


@pytest.mark.parametrize("outcome", ["refused", "unanswered"])
def test_many_ports_of_one_host_are_a_scan_at_the_fifteenth(outcome):
    found = heard(Scanning(), ports(60, outcome=outcome))
    assert kinds(found) == [("port-scan", INTRUDER, VICTIM)]
    assert found[0].time_ns == DAWN_NS + 1_500_000_000
    assert found[0].severity == "high"
    assert "15 different ports of 10.0.0.2" in said(found[0])[0]
    assert heard(Scanning(), ports(14, outcome=outcome)) == []


def test_a_scan_that_only_knocks_at_open_doors_is_a_scan():
    knocks = ports(20, outcome="answered", packets=3, sent=160, payload=0)
    assert kinds(heard(Scanning(), knocks)) == [("port-scan", INTRUDER, VICTIM)]


def test_a_slow_scan_of_one_port_in_half_an_hour_is_found_within_the_day():
    assert kinds(heard(Scanning(), ports(45, step_s=1800))) == [("port-scan", INTRUDER, VICTIM)]


def test_a_scan_that_goes_on_is_told_again_when_tenfold_and_an_hour_later():
    quick = heard(Scanning(), ports(300))
    slow = heard(Scanning(), ports(300, step_s=20))
    assert len(quick) == 1
    assert [dict(one.facts)["count"] for one in slow] == ["15", "195"]  # an hour after the first


def test_a_second_scan_after_a_pause_is_told_of_ours_and_not_of_strangers():
    for scanner, times in ((INTRUDER, 2), ("8.8.4.4", 1)):
        twice = [flow(n + 1000 * (n > 19), scanner, VICTIM, 100 + n % 20, "refused") for n in range(40)]
        assert len(heard(Scanning(), twice)) == times


def test_the_scanned_host_is_never_accused():
    answers = [flow(n, VICTIM, INTRUDER, 40000 + n, "refused", begun=False) for n in range(60)]
    late = [flow(n, VICTIM, INTRUDER, 1024 + n, "unanswered", protocol="udp", client_port=53) for n in range(60)]
    assert heard(Scanning(), answers + late) == []


@pytest.mark.parametrize(
    "innocent",
    [
        [flow(n, INTRUDER, VICTIM, 50000 + n, "unanswered") for n in range(99)],  # passive FTP through a firewall
        [flow(n, INTRUDER, VICTIM, 33434 + n, "unanswered", protocol="udp") for n in range(90)],  # traceroute
        [flow(n, INTRUDER, VICTIM, 100 + n) for n in range(99)],  # services that answer
        [flow(n, INTRUDER, f"224.0.1.{n}", 5000, "unanswered", protocol="udp") for n in range(99)],  # multicast
        hosts(300, outcome="answered", protocol="udp", port=123),  # NTP, SNMP, DNS that is answered
        hosts(300, outcome="answered", port=25) + [flow(n, INTRUDER, f"10.9.0.{n}", 25, "refused") for n in range(60)],
    ],
    ids=["ftp", "traceroute", "served", "multicast", "polls", "mail"],
)
def test_what_is_answered_or_expects_no_answer_is_no_scan(innocent):
    innocent = sorted(innocent, key=lambda one: one.end_ns)
    assert heard(Scanning(), innocent) == []


def test_one_port_of_many_hosts_is_a_scan_at_the_twenty_fifth():
    found = heard(Scanning(), hosts(80))
    assert kinds(found) == [("host-scan", INTRUDER, "")]
    assert dict(found[0].facts)["port"] == "tcp 23"
    assert dict(found[0].facts)["count"] == "25"
    assert heard(Scanning(), hosts(24)) == []


def test_a_monitor_is_no_scanner_on_the_day_when_its_stations_are_cut_off():
    polls = hosts(200, outcome="answered", port=18000)
    cut_off = [flow(3600 + n * 0.1, INTRUDER, one.server, 18000, "unanswered") for n, one in enumerate(polls)]
    assert heard(Scanning(), polls + cut_off) == []


def test_broken_ipv6_is_no_scan_and_the_sweep_of_one_link_is():
    web = [flow(n, "2001:db8::5", f"2a00:{n:x}::1", 443, "unanswered") for n in range(99)]
    link = [flow(n, "2001:db8::5", f"2001:db8:1::{n:x}", 22, "unanswered") for n in range(99)]
    assert heard(Scanning(), web) == []
    assert kinds(heard(Scanning(), link)) == [("host-scan", "2001:db8::5", "")]


def test_asking_for_every_address_is_a_scan():
    found = heard(Scanning(), [asked(n * 0.01, INTRUDER, f"10.0.0.{n}") for n in range(1, 255)])
    assert kinds(found) == [("address-scan", INTRUDER, "")]
    assert dict(found[0].facts) == {"count": "25", "seconds": "0.2", "mac": "02:00:00:00:00:66"}


def test_asking_for_hosts_that_are_there_is_none():
    there = [Binding(Seen("wire"), DAWN_NS, f"10.0.0.{n}", f"02:00:00:00:01:{n:02x}", "arp") for n in range(1, 255)]
    polls = [asked(n * 0.01, INTRUDER, f"10.0.0.{n}") for n in range(1, 255)]
    assert heard(Scanning(), there + polls) == []


def test_a_router_asks_for_a_scanner_outside_and_is_not_accused():
    router = "02:00:00:00:00:01"
    routed = [Binding(Seen("wire"), DAWN_NS, f"8.8.{n}.8", router, "ip") for n in range(9)]
    asks = [asked(1 + n * 0.01, "10.0.0.1", f"10.0.0.{n}", router) for n in range(1, 255)]
    assert heard(Scanning(), routed + asks) == []


def test_strangers_cannot_fill_the_memory():
    judge = Scanning()
    heard(judge, [flow(n, f"8.{n >> 16}.{n >> 8 & 255}.{n & 255}", VICTIM, 23, "unanswered") for n in range(5000)])
    assert len(judge._by_host) <= 1024
    assert len(judge._by_port) <= 1024


def test_a_scan_of_dead_addresses_is_found_while_its_calls_wait_for_an_answer():
    found = heard(Scanning(), hosts(60, ongoing=True))
    assert kinds(found) == [("host-scan", INTRUDER, "")]
    assert found[0].time_ns == DAWN_NS + 2_500_000_000  # the 25th, not when an eye gives its flow up
    twice = [one for tried in hosts(24, ongoing=True) for one in (tried, replace(tried, ongoing=False))]
    assert heard(Scanning(), twice) == []


def test_a_call_that_is_answered_after_all_is_taken_back():
    calls, answers = hosts(60, ongoing=True), hosts(60, outcome="answered")
    assert heard(Scanning(), [one for pair in zip(calls, answers, strict=True) for one in pair]) == []
