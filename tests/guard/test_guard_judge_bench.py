"""The bench: all judges on the real sets, and what holds whatever they are fed."""

import csv
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import ordered, recorded
from sights import asked, flow, kinds, login, lookup, said

from houfeng.guard.judge.bench import Bench, cause_of, intrinsic_judges
from houfeng.guard.judge.periodicity import rank
from houfeng.guard.judge.rules import all_rules, rules_of
from houfeng.words.instant import LATEST_NS
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Login, time_of

FAMILIES = ("scanning", "guessing", "calling", "periodicity", "names", "lasting", "probing", "flooding")


def judged(observations, *judges):
    bench = Bench(judges or intrinsic_judges())
    found = [one for observation in observations for one in bench.handle(observation)]
    return found + bench.elapse(LATEST_NS)


def seconds_in(found, observations):
    begins = min(one.start_ns if isinstance(one, Flow) else time_of(one) for one in observations)
    return (found.time_ns - begins) / 1e9


# Laws


class Parrot:
    """A judge that says what it is given."""

    def __init__(self, *said_next):
        self.next = list(said_next)

    def handle(self, _):
        return [self.next.pop(0)] if self.next else []

    def elapse(self, _):
        return self.handle(None)


def judgement(at_s, subject="10.0.0.66", severity="low", detector="flood"):
    return Judgement(detector, int(at_s * 1e9), int(at_s * 1e9), subject, "", severity, 0.5)


def test_the_same_cause_twice_within_two_minutes_is_told_once_and_graver_ones_are_told():
    bench = Bench([Parrot(judgement(0), judgement(30), judgement(60, severity="high"), judgement(300))])
    found = [one for _ in range(4) for one in bench.handle(flow(0, "a", "b", 1))]
    assert [one.time_ns // 10**9 for one in found] == [0, 60, 300]


def test_two_judges_of_one_cause_are_told_once_and_in_order():
    bench = Bench([Parrot(judgement(5)), Parrot(judgement(4)), Parrot(judgement(4, "b", "high"))])
    assert [(one.time_ns, one.subject) for one in bench.handle(flow(0, "a", "b", 1))] == [
        (4 * 10**9, "b"),
        (4 * 10**9, "10.0.0.66"),
    ]


HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "8.8.8.8", "2001:db8::1", "224.0.0.1", "host\n", "", "0.0.0.0"])
TIMES = st.floats(0, 1e5)
ANY = st.one_of(
    st.builds(
        flow, TIMES, HOSTS, HOSTS, st.integers(0, 65535),
        st.sampled_from(["answered", "refused", "unanswered", "unknown"]),
        protocol=st.sampled_from(["tcp", "udp", "icmp", "47"]), took_s=TIMES, sent=st.integers(0, 10**12),
        packets=st.integers(0, 10**9), payload=st.none() | st.integers(0, 10**12), ongoing=st.booleans(),
        begun=st.booleans(), service=st.text(max_size=9),
    ),
    st.builds(
        login, TIMES, st.text(max_size=99), st.text(max_size=99), accepted=st.booleans(), tries=st.integers(0, 99)
    ),
    st.builds(asked, TIMES, HOSTS, HOSTS),
    st.builds(lookup, TIMES, HOSTS, st.text(max_size=99), st.text(max_size=9), st.text(max_size=9), HOSTS),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(ANY, max_size=60))
def test_nothing_seen_makes_a_judge_raise_and_replay_gives_the_same(observations):
    judges = (*intrinsic_judges(), *intrinsic_judges(allowed=lambda _: False))
    found = judged(observations * 3, *judges)
    again = judged(observations * 3, *intrinsic_judges(), *intrinsic_judges(allowed=lambda _: False))
    assert found == again
    assert all(said(one) for one in found)


def test_every_rule_says_why_and_what_its_words_need():
    detectors = [name for family in FAMILIES for name in rules_of(family)]
    assert len(detectors) == len(set(detectors)) == 13
    for name in detectors:
        rule = all_rules()[name]
        assert all(len(why) > 10 for why in rule.why.values())
        assert set(rule.why) == set(rule.limits)
        assert rule.technique.startswith("T")


# Real sets


@pytest.fixture(scope="module")
def attacks(houfeng_data):
    folder = houfeng_data / "net_bruteforce_scan_a"
    with (folder / "truth" / "truth.csv").open(encoding="utf-8") as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}
    return {name: (row, recorded(folder / name)) for name, row in truth.items()}


@pytest.mark.parametrize(
    ("name", "detector", "within_s"),
    [
        ("ssh_guess.pcap", "password-guessing", 66),
        ("ftp_bruteforce.pcap", "password-guessing", 37.5),
        ("arp_scan.pcap", "address-scan", 5),
        ("vertical_scan_conn.json.log", "port-scan", 6),
        ("iot_telnet_scan.binetflow", "host-scan", 194),
    ],
)
def test_each_attack_is_found_in_time_and_only_its_source_is_named(attacks, name, detector, within_s):
    truth, seen = attacks[name]
    found = judged(seen)
    assert {(one.detector, one.subject) for one in found} == {(detector, truth["source"])}
    assert seconds_in(found[0], seen) <= within_s
    assert len({cause_of(one) for one in found}) == (2 if name.startswith("iot") else 1)


@pytest.mark.parametrize("name", ["benign_ssh_single.pcap", "benign_snmpwalk.pcap", "benign_ntp.pcap"])
def test_look_alikes_are_not_accused(attacks, name):
    assert judged(attacks[name][1]) == []


def test_all_guessers_of_a_log_are_named_and_nobody_who_was_let_in(houfeng_data):
    folder = houfeng_data / "net_authlog_openssh_a"
    with (folder / "truth" / "sources.csv").open(encoding="utf-8") as file:
        guessing = {row["source"] for row in csv.DictReader(file) if row["label"] == "guessing"}
    seen = recorded(folder / "auth.log")
    assert sum(one.tries for one in seen if isinstance(one, Login) and not one.accepted) == 528
    found = judged(seen)
    assert {one.detector for one in found} == {"password-guessing"}
    assert {one.subject for one in found} == guessing
    assert len(guessing) == 12


def test_remcos_is_one_finding_on_its_pair(houfeng_data):
    folder = houfeng_data / "net_rat_a" / "remcos"
    seen = ordered([*recorded(folder / "conn.log.labeled"), *recorded(folder / "dns.log.labeled")])
    found = judged(seen)
    assert kinds(found) == [("calls-refused", "192.168.1.107", "66.63.168.35")]
    assert seconds_in(found[0], seen) < 60


def test_simda_is_one_finding_on_its_host(houfeng_data):
    folder = houfeng_data / "net_rat_a" / "simda"
    seen = ordered([*recorded(folder / "conn.log"), *recorded(folder / "dns.log")])
    found = judged(seen)
    assert len(found) == 1
    assert found[0].detector == "made-up-names"
    assert found[0].subject in {"192.168.1.116", "fd77:48a1:c0bb:0:b96c:506d:6c7f:e8be"}


def test_a_made_beacon_ranks_first_and_is_judged_only_with_a_profile(houfeng_data):
    seen = recorded(houfeng_data / "net_rat_a" / "periodic_https" / "capture.pcap")
    ranked = rank(one for one in seen if isinstance(one, Flow))
    assert ranked[0].pair == ("147.32.80.37", "141.193.213.0/24", 443, "tcp")
    assert ranked[0].score > 0.95
    assert judged(seen) == []
    found = judged(seen, *intrinsic_judges(allowed=lambda _: False))
    assert "beacon" in {one.detector for one in found}
    assert judged(seen, *intrinsic_judges(allowed=lambda _: True)) == []


def test_a_clean_host_on_the_internet_is_never_accused_and_strangers_are_few_findings(houfeng_data):
    seen = recorded(houfeng_data / "net_benign_day_a" / "conn.log.labeled")
    rows = [one for one in seen if isinstance(one, Flow)]
    for ours in (None, lambda address: address == "147.32.81.167"):
        found = judged(seen, *(intrinsic_judges(ours) if ours else intrinsic_judges()))
        assert "147.32.81.167" not in {one.subject for one in found}
        assert len(found) <= 12
        named = {one.subject for one in found} - {"outside"}
        assert all(one.server == "147.32.81.167" for one in rows if one.client in named)
        assert all(
            one.client != "147.32.81.167" or one.server not in named for one in rows if one.outcome == "answered"
        )


@pytest.mark.parametrize("name", ["one_pmu_tcp", "pmu1100_clean", "pmu1100_frames_only", "pmu1100_lan", "two_pmus_tcp"])
def test_streams_of_measurements_are_not_accused(houfeng_data, name):
    assert judged(recorded(houfeng_data / "net_synchrophasor_a" / f"{name}.pcap")) == []


def test_a_clean_station_is_not_accused(houfeng_data):
    assert judged(recorded(houfeng_data / "net_seedlink_benign" / "capture.pcap")) == []


@pytest.mark.parametrize("day", ["control_testing_frequent", "control_testing_infrequent"])
def test_clean_days_of_telemetry_are_not_accused(houfeng_data, day):
    assert judged(recorded(houfeng_data / "net_dnp3_qut_a" / day / f"packets_{day}.csv.gz")) == []


def test_the_sweep_that_opens_a_day_of_attacks_is_found_while_it_runs(houfeng_data):
    day = "mitm_testing_infrequent"
    folder = houfeng_data / "net_dnp3_qut_a" / day
    with (folder / f"attacks_{day}.csv").open(encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    found = judged(recorded(folder / f"packets_{day}.csv.gz"))
    assert kinds(found) == [("address-scan", "192.168.10.66", "")]
    assert float(first["start_utc_s"]) - 5 <= found[0].time_ns / 1e9 <= float(first["end_utc_s"]) + 5


def test_seconds_of_disorder_change_no_accusation(attacks, houfeng_data):
    lot = random.Random(6)
    rat = houfeng_data / "net_rat_a"
    sets = [seen for _, seen in attacks.values()]
    sets += [recorded(houfeng_data / "net_authlog_openssh_a" / "auth.log"), recorded(rat / "simda" / "dns.log")]
    for seen in sets:
        mixed = sorted(seen, key=lambda one: time_of(one) + lot.uniform(-2e9, 2e9))
        assert {(one.detector, one.subject) for one in judged(mixed)} == {
            (one.detector, one.subject) for one in judged(seen)
        }
