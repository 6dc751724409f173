"""Sockets of a host against flows of a tap: a rootkit is found, and what merely looks like one is not."""

from dataclasses import replace

import pytest

from houfeng.guard.judge.crossed import Crossing
from houfeng.serve.judgements import reason_of
from houfeng.words.host import HostReport, HostSocket
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Flow, Seen

START_S = 1_700_000_000
OWN = "10.0.0.2"


def at(seconds):
    return (START_S + seconds) * NS_PER_S


def flow(begin, end, *, port=44_000, server="198.51.100.7", server_port=443, **changed):
    made = Flow(
        seen=Seen("tap"), start_ns=at(begin), end_ns=at(end), client=OWN, client_port=port, server=server,
        server_port=server_port, protocol="tcp", client_packets=50, server_packets=50, client_bytes=5000,
        server_bytes=5000, outcome="answered",
    )  # fmt: skip
    return replace(made, **changed)


def called(begin, end, *, port=51_000, caller="198.51.100.7"):
    return flow(begin, end, client=caller, port=port, client_port=port, server=OWN, server_port=22)


LISTENING = HostSocket("tcp", "listening", "*", 22, process="sshd")


def socket(port=44_000, remote="198.51.100.7", remote_port=443, *, state="established", local=OWN):
    return HostSocket("tcp", state, local, port, remote, remote_port)


def report(seconds, *sockets, **changed):
    made = HostReport("XX.STA", "gw", at(seconds), "ssh", clock_ns=at(seconds), sockets=(LISTENING, *sockets))
    return replace(made, **changed)


def crossed(*values, last=None, **settings):
    crossing = Crossing("XX.STA", "gw", {OWN}, **settings)
    found = [one for value in values for one in crossing.handle(value)]
    return found if last is None else [*found, *crossing.elapse(at(last))]


# --- hidden -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["report", "flow"])
def test_attack_rootkit_hides_its_conversation(first):
    values = [report(500), flow(0, 1000)]
    (found,) = crossed(*(values if first == "report" else values[::-1]))
    assert (found.detector, found.subject, found.peer, found.severity) == (
        "hidden-conversation", "gw", "198.51.100.7", "high",
    )  # fmt: skip
    assert "198.51.100.7" in reason_of(found)
    assert "{" not in reason_of(found, "zh")


def test_attack_rootkit_hides_a_login_beside_one_it_shows():
    shown = HostSocket("tcp", "established", OWN, 22, "10.1.0.9", 40_000)
    (found,) = crossed(report(500, shown), called(0, 1000))
    assert found.peer == "198.51.100.7"


def test_attack_rootkit_is_told_once_for_all_reports_and_pieces():
    reports = [report(k) for k in range(100, 2000, 300)]
    pieces = [flow(k * 100, k * 100 + 99, begun=k == 0, ongoing=True) for k in range(20)]
    assert len(crossed(*reports, *pieces)) == 1


def test_attack_rootkit_seen_in_pieces_by_an_exporter():
    pieces = [flow(k * 100, k * 100 + 99, begun=False) for k in range(20)]
    assert len(crossed(report(950), *pieces)) == 1


def test_a_conversation_that_is_shown_is_silent():
    assert crossed(report(500, socket()), flow(0, 1000)) == []
    assert crossed(report(500, socket(state="closing")), flow(0, 1000)) == []


@pytest.mark.parametrize(
    ("begin", "end"), [(0, 300), (495, 505), (450, 1000), (0, 550), (600, 900)],
)  # fmt: skip
def test_what_did_not_surely_last_over_the_report_is_silent(begin, end):
    assert crossed(report(500), flow(begin, end)) == []


def test_translation_of_the_other_side_is_silent():
    assert crossed(report(500, socket(remote="172.16.0.9", remote_port=8443)), flow(0, 1000)) == []


def test_a_host_that_forwards_is_hardly_accused():
    (found,) = crossed(report(500), flow(0, 1000), forwards=True)
    assert found.severity == "low"
    assert found.probability < 0.3


@pytest.mark.parametrize(
    "changed",
    [
        {"protocol": "udp"},
        {"outcome": "unanswered", "server_packets": 0},
        {"outcome": "refused"},
        {"outcome": "unknown"},
        {"client": "10.0.0.99"},
    ],
)
def test_what_a_host_need_not_list_is_silent(changed):
    assert crossed(report(500), flow(0, 1000, **changed)) == []


def test_a_host_that_tells_no_sockets_is_not_accused_here():
    assert crossed(report(500, sockets=None), flow(0, 1000)) == []


def test_ports_used_again_are_two_conversations():
    assert crossed(report(500), flow(0, 495), flow(505, 1000)) == []


# --- claimed ----------------------------------------------------------------------------------------------------------

HOURS = range(0, 6 * 3600, 900)


def test_attack_way_out_that_the_tap_does_not_see():
    reports = [report(k, socket(), socket(45_000, "10.9.0.1", 18_000)) for k in HOURS]
    values = [flow(-100, 6 * 3600, port=45_000, server="10.9.0.1", server_port=18_000), *reports]
    (found,) = crossed(*values, last=6 * 3600 + 100)
    assert (found.detector, found.peer, found.severity) == ("claimed-conversation", "198.51.100.7", "low")


def test_a_connection_silent_for_less_than_it_may_be_is_silent():
    reports = [report(k, socket(), socket(45_000, "10.9.0.1", 18_000)) for k in range(0, 7200, 900)]
    values = [flow(-100, 6 * 3600, port=45_000, server="10.9.0.1", server_port=18_000), *reports]
    assert crossed(*values, last=6 * 3600 + 100) == []


def test_a_tap_that_sees_nothing_of_the_host_accuses_nobody():
    reports = [report(k, socket()) for k in HOURS]
    others = [flow(k - 100, k, client="10.0.0.77") for k in HOURS]
    assert crossed(*others, *reports, last=6 * 3600 + 100) == []


def test_a_tap_that_began_later_accuses_nobody():
    reports = [report(k, socket(), socket(45_000, "10.9.0.1", 18_000)) for k in HOURS]
    values = [flow(3 * 3600, 6 * 3600, port=45_000, server="10.9.0.1", server_port=18_000), *reports]
    assert crossed(*values, last=6 * 3600 + 100) == []


def test_loopback_is_not_asked_of_the_tap():
    inner = socket(remote="127.0.0.1", local="127.0.0.1")
    reports = [report(k, inner, socket(45_000, "10.9.0.1", 18_000)) for k in HOURS]
    values = [flow(-100, 6 * 3600, port=45_000, server="10.9.0.1", server_port=18_000), *reports]
    assert crossed(*values, last=6 * 3600 + 100) == []


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_attack_made_up_restart():
    values = [report(100, socket(), boot_ns=at(-9000)), flow(0, 2000), report(1900, socket(), boot_ns=at(1000))]
    (found,) = crossed(*values)
    assert (found.detector, found.severity) == ("reboot-disagrees", "medium")
    assert "{" not in reason_of(found)


def test_a_true_restart_and_a_clock_that_is_off_are_silent():
    assert crossed(flow(0, 950), report(1900, socket(), boot_ns=at(1000)), flow(1050, 3000)) == []
    off = {"clock_ns": at(1900 - 5000), "boot_ns": at(-9000 - 5000)}
    assert crossed(flow(-8000, 2000), report(1900, socket(), **off)) == []
