"""What is not in the profile is told, what is in it is not."""

import csv
from dataclasses import replace

import pytest
from plain_eye import PlainEye, frames_of_pcap, frames_of_table, judged

from houfeng.guard.conduct.document import read_conduct
from houfeng.guard.conduct.learn import learn
from houfeng.guard.judge.newcomers import DETECTORS, Newcomers
from houfeng.guard.judge.rules import rules_of
from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Window
from houfeng.words.instant import parse_instant
from houfeng.words.network import Binding, Flow, Seen, time_of

S = 10**9
T = parse_instant("2026-11-23T12:00:00Z")
STATION, CENTRE, POLLER, TECH = "10.71.1.2", "10.71.9.20", "10.71.9.30", "10.71.9.40"
MAC, ROUTER, STRANGER = "02:71:01:00:00:02", "02:71:01:00:00:01", "02:00:00:00:00:66"


def profile(**more):
    hosts = (
        Host("gateway", (STATION,), (MAC,), "station"),
        Host("router", (), (ROUTER,), "router"),
        Host("acquisition", (CENTRE,), (), "centre"),
    )
    allowed = (
        Allowed((CENTRE,), (STATION,), "tcp", 18000, "SeedLink", "continuous", server_rate=Envelope(100, 500, 1000)),
        Allowed((POLLER,), (STATION,), "tcp", 8080, "poll", "every", 30.0),
        Allowed((STATION,), ("10.71.9.5",), "udp", 123, "NTP"),
        Allowed((POLLER,), (STATION,), "icmp", 8, "ping"),
        Allowed((TECH,), (STATION,), "tcp", 22, "ssh", "window", 0.0, (Window(7200, 14_400),)),
    )
    return Conduct("NC.CRH", hosts, allowed, **more)


def flow(client, server, port, protocol="tcp", at_s=0.0, last_s=1.0, client_port=40_000, **more):
    start_ns = T + round(at_s * S)
    known = {"client_packets": 3, "server_packets": 3, "client_bytes": 180, "server_bytes": 180, "outcome": "answered"}
    return Flow(Seen("t", 7), start_ns, start_ns + round(last_s * S), client, client_port, server, port, protocol,
                **{**known, **more})  # fmt: skip


def told(*observations, conduct=None):
    judge = Newcomers(conduct or profile())
    return [each for observation in observations for each in judge.handle(observation)]


def names(*observations, **more):
    return [each.detector for each in told(*observations, **more)]


def test_what_is_allowed_is_not_told():
    assert names(flow(CENTRE, STATION, 18000), flow(STATION, "10.71.9.5", 123, "udp"), flow(POLLER, STATION, 8, "icmp"),
                 flow(TECH, STATION, 22, at_s=-9 * 3600)) == []  # fmt: skip


def test_a_call_to_a_stranger_is_a_new_peer():
    (said,) = told(flow(STATION, "203.0.113.9", 443))
    assert (said.detector, said.subject, said.peer) == ("new-peer", STATION, "203.0.113.9")
    assert (said.severity, said.station, said.time_ns) == ("high", "NC.CRH", T)
    assert dict(said.facts)["service"] == "tcp/443"
    assert said.evidence == (Seen("t", 7),)


def test_a_knock_that_nobody_answers_is_less_than_one_that_is():
    knock = flow("203.0.113.9", STATION, 23, outcome="refused")
    assert [each.severity for each in told(knock, replace(knock, outcome="answered"))] == ["low", "high"]


def test_a_known_pair_on_another_port_is_a_new_service():
    assert names(flow(POLLER, STATION, 4444)) == ["new-service"]


def test_a_server_that_calls_its_client_is_reversed():
    assert names(flow(STATION, POLLER, 4444)) == ["direction-reversed"]
    assert names(flow(STATION, CENTRE, 50_000, client_port=18000)) == ["direction-reversed"]


def test_maintenance_outside_its_hours_breaks_the_silence():
    assert names(flow(TECH, STATION, 22)) == ["silence-broken"]


def test_one_newcomer_is_one_finding_in_an_hour():
    assert names(*[flow(STATION, "203.0.113.9", 443, at_s=60 * k) for k in range(120)]) == ["new-peer"]
    assert names(*[flow(STATION, "203.0.113.9", 443, at_s=3700 * k) for k in range(2)]) == ["new-peer"] * 2


def test_that_two_spoke_is_told_beside_that_one_only_reached_the_other():
    reached = flow(STATION, "203.0.113.9", 443)
    spoke = replace(flow(STATION, "203.0.113.9", 443, at_s=10), client_payload_bytes=90, server_payload_bytes=60)
    assert names(reached, spoke, replace(spoke, start_ns=spoke.start_ns + 1)) == ["new-peer"] * 2


@pytest.mark.parametrize(
    "harmless",
    [
        flow(STATION, CENTRE, 50_000, client_port=18000, begun=False),
        flow("10.71.9.5", STATION, 40_000, "udp", client_port=123),
        flow(STATION, POLLER, 0, "icmp"),
        flow(STATION, "203.0.113.9", 3, "icmp"),
        flow(STATION, "203.0.113.9", 55_555, client_port=23, begun=False, server_packets=0, client_bytes=40,
             client_packets=1, outcome="unknown"),
        flow("10.71.1.77", "10.71.1.255", 138, "udp"),
        flow("10.71.1.77", "239.255.255.250", 1900, "udp"),
        flow("10.71.1.77", "203.0.113.9", 443),
        flow("fe80::5", "ff02::1", 135, "icmp6"),
    ],
    ids=["return of a stream", "return of NTP", "echo reply alone", "unreachable", "reset to a scanner", "broadcast",
         "multicast", "not the station's", "neighbour discovery"],
)  # fmt: skip
def test_what_nobody_began_is_no_newcomer(harmless):
    assert names(harmless) == []


def test_an_answer_to_a_question_asked_of_a_group_is_no_newcomer():
    asked = flow(STATION, "239.255.255.250", 1900, "udp", client_port=59_419)
    answer = flow("10.71.1.1", STATION, 59_419, "udp", client_port=1900)
    assert names(asked, answer) == []
    assert names(answer) == ["new-peer"]


def test_invented_addresses_do_not_flood_anybody():
    knocks = [flow(f"203.0.{k >> 8}.{k & 255}", STATION, 23, at_s=k / 10, outcome="refused") for k in range(2000)]
    assert len(names(*knocks)) == 10
    strangers = [claim("10.71.1.66", f"02:00:00:00:{k >> 8:02x}:{k & 255:02x}", k / 10) for k in range(1000)]
    assert len(names(*strangers)) == 30
    # An answer is never lost among them.
    assert names(*knocks, replace(knocks[-1], outcome="answered"))[-1] == "new-peer"
    assert told(*knocks, replace(knocks[-1], outcome="answered"))[-1].severity == "high"


# Bindings.


def claim(address, mac, at_s=0.0, how="arp"):
    return Binding(Seen("t", 9), T + round(at_s * S), address, mac, how)


def test_an_address_from_another_mac_is_a_broken_binding():
    (said,) = told(claim(STATION, STRANGER))
    assert (said.detector, said.subject, said.peer, said.severity) == ("binding-broken", STRANGER, STATION, "high")
    assert names(claim(STATION, ROUTER, how="ip")) == ["binding-broken"]
    assert names(claim(STATION, MAC), claim("203.0.113.9", ROUTER, how="ip")) == []


def test_a_stranger_on_the_link_is_told_and_not_who_comes_through_the_router():
    assert names(claim("10.71.1.66", STRANGER)) == ["unknown-mac"]
    assert names(claim("10.71.1.66", STRANGER, how="ip")) == ["unknown-mac"]


@pytest.mark.parametrize("apart_s", [40, 100, 600])
def test_attacks_are_each_told_however_soon_they_come_again(apart_s):
    rightful = [claim(STATION, MAC, apart_s * k + 20) for k in range(3)]
    attacks = [claim(STATION, STRANGER, apart_s * k + s) for k in range(3) for s in (0, 4, 8)]
    assert names(*sorted(rightful + attacks, key=time_of)) == ["binding-broken"] * 3


def test_a_claim_that_lasts_is_told_once():
    assert names(*[claim(STATION, STRANGER, 60 * k) for k in range(30)]) == ["binding-broken"]


def test_a_profile_that_does_not_know_all_hosts_knows_no_stranger():
    half = replace(profile(), closed=False)
    assert names(claim("10.71.1.66", STRANGER), claim("10.71.1.66", MAC), conduct=half) == []
    assert names(claim(STATION, STRANGER), conduct=half) == ["binding-broken"]


def test_without_bindings_nothing_is_said_of_bindings():
    bare = replace(profile(), hosts=(Host("gateway", (STATION,), (), "station"),))
    assert names(claim(STATION, STRANGER), claim("10.71.1.66", STRANGER), conduct=bare) == []


# Rhythm and rate.


def polls(count, every_s=30.0):
    return [flow(POLLER, STATION, 8080, at_s=every_s * k) for k in range(count)]


def test_a_poll_that_stops_is_missed_once_and_again_when_it_stops_again():
    judge = Newcomers(profile())
    assert judged(judge, polls(10), tail_s=200) == []
    missed = judge.elapse(T + 1000 * S)
    assert [each.detector for each in missed] == ["talk-missing"]
    assert judge.elapse(T + 2000 * S) == []
    back = [replace(each, start_ns=each.start_ns + 3000 * S, end_ns=each.end_ns + 3000 * S) for each in polls(5)]
    assert [each.detector for each in judged(judge, back, tail_s=600)] == ["talk-missing"]


def test_an_eye_that_tells_of_streams_at_their_end_shows_no_silence():
    judge = Newcomers(profile())
    stream = flow(CENTRE, STATION, 18000, last_s=43_200, server_bytes=43_200 * 500)
    assert judged(judge, [stream], tail_s=86_400) == []


def stream_of(rate_bytes_per_s, minutes, start_s=0):
    """A stream told every minute; the rate may be a function of the minute."""
    sent, out = 0, []
    for k in range(minutes):
        sent += 60 * (rate_bytes_per_s(k) if callable(rate_bytes_per_s) else rate_bytes_per_s)
        out.append(flow(CENTRE, STATION, 18000, at_s=start_s, last_s=60 * (k + 1), server_bytes=sent, ongoing=True))
    return out


def test_more_than_the_ground_can_make_is_told():
    said = judged(Newcomers(profile()), stream_of(3000, 60))
    assert [(each.detector, each.subject, each.peer) for each in said] == [("rate-off", STATION, CENTRE)]
    assert dict(said[0].facts)["rate"] == "3000"
    assert dict(said[0].facts)["high"] == "1000"


def test_less_than_silence_compresses_to_is_told_when_it_lasts():
    assert judged(Newcomers(profile()), stream_of(lambda k: 20 if k % 4 == 0 else 500, 60)) == []
    assert [each.detector for each in judged(Newcomers(profile()), stream_of(20, 60))] == ["rate-off"]


def test_an_earthquake_and_a_backlog_are_no_finding():
    assert judged(Newcomers(profile()), stream_of(lambda k: 990 if 10 <= k < 30 else 400, 60)) == []
    # Three hours of silence, and all of them in one minute: more than a ring holds that nobody waited for.
    before = stream_of(500, 40)
    after = stream_of(lambda k: 500 * 180 if k == 0 else 500, 40, start_s=40 * 60 + 10_800)
    said = judged(Newcomers(profile()), [*before, *after])
    assert [each.detector for each in said] == ["talk-missing"]
    unasked = judged(Newcomers(profile()), stream_of(lambda k: 500 * 180 if k == 20 else 500, 40))
    assert [each.detector for each in unasked] == ["rate-off"]


def test_every_detector_has_words_for_its_facts():
    judge = Newcomers(profile())
    said = told(flow(STATION, "203.0.113.9", 443), flow(POLLER, STATION, 4444), flow(STATION, POLLER, 4444),
                flow(TECH, STATION, 22), claim(STATION, STRANGER), claim("10.71.1.66", STRANGER))  # fmt: skip
    said += [*judged(judge, [*polls(10), *stream_of(3000, 60)], tail_s=3600)]
    assert {each.detector for each in said} == set(DETECTORS)
    for each in said:
        rule = rules_of("newcomers")[each.detector]
        assert rule.facts <= dict(each.facts).keys()
        for words in rule.reason.values():
            assert "{" not in words.format(subject=each.subject, peer=each.peer, **dict(each.facts))


# The recordings.


@pytest.fixture(scope="module")
def station_frames(houfeng_data):
    return list(frames_of_pcap(houfeng_data / "net_seedlink_benign/capture.pcap"))


def test_the_declared_station_gives_no_finding(houfeng_data, station_frames):
    conduct, findings = read_conduct((houfeng_data / "net_seedlink_benign/profile.csv").read_bytes(), "profile.csv")
    assert findings == []
    assert len(conduct.allowed) == 9
    assert judged(Newcomers(conduct), PlainEye().see(station_frames)) == []


@pytest.mark.parametrize(("learned_s", "most"), [(90, 1), (150, 0)])
def test_the_learned_station_gives_no_finding_but_for_the_first_login(station_frames, learned_s, most):
    cut_ns = station_frames[0].time_ns + learned_s * S
    eye = PlainEye()
    learned = learn(eye.see(f for f in station_frames if f.time_ns < cut_ns), name="c")
    assert learned.doubts == ()
    said = judged(Newcomers(learned.conduct), eye.see(f for f in station_frames if f.time_ns >= cut_ns))
    assert [(each.detector, each.subject) for each in said] == [("new-peer", TECH)] * most


@pytest.mark.parametrize("name", ["one_pmu_tcp", "pmu1100_clean", "pmu1100_frames_only", "two_pmus_tcp"])
def test_the_second_half_of_a_measurement_stream_fits_the_first(houfeng_data, name):
    frames = list(frames_of_pcap(houfeng_data / f"net_synchrophasor_a/{name}.pcap"))
    middle_ns = (frames[0].time_ns + frames[-1].time_ns) // 2
    eye = PlainEye()
    learned = learn(eye.see(f for f in frames if f.time_ns < middle_ns), name=name)
    assert judged(Newcomers(learned.conduct), eye.see(f for f in frames if f.time_ns >= middle_ns)) == []


TABLES = "net_dnp3_qut_a/{0}/packets_{0}.csv.gz"
CONTROLS = ("control_testing_frequent", "control_testing_infrequent")


@pytest.fixture(scope="module")
def telemetry(houfeng_data):
    """The profile of both clean days, and what is normally not to be seen from that port: the master's own polls."""
    days = [PlainEye().see(frames_of_table(houfeng_data / TABLES.format(day))) for day in CONTROLS]
    learned = [learn(day, name=name).conduct for name, day in zip(CONTROLS, days, strict=True)]
    both = learn(sorted([*days[0], *days[1]], key=time_of), name="both").conduct
    polls = Allowed(("192.168.10.221",), ("192.168.10.222",), "tcp", 20_000, "DNP3")
    return days, learned, replace(both, allowed=(*both.allowed, polls))


def test_a_clean_day_fits_the_profile_of_the_other(telemetry):
    days, learned, _ = telemetry
    assert judged(Newcomers(learned[0]), days[1], 60) == []
    assert judged(Newcomers(learned[1]), days[0], 60) == []


@pytest.mark.parametrize(
    ("day", "missed"), [("mitm_testing_frequent", []), ("attacks_training_infrequent", ["0", "0"])]
)
def test_attacks_on_telemetry_are_found_unless_they_are_within_the_session(houfeng_data, telemetry, day, missed):
    seen = PlainEye().see(frames_of_table(houfeng_data / TABLES.format(day)))
    times_s = [each.time_ns / S for each in judged(Newcomers(telemetry[2]), seen, 60)]
    with (houfeng_data / f"net_dnp3_qut_a/{day}/attacks_{day}.csv").open() as file:
        attacks = [(float(row["start_utc_s"]), float(row["end_utc_s"]), row) for row in csv.DictReader(file)]
    unfound = [row for start, end, row in attacks if not any(start - 5 <= t <= end + 5 for t in times_s)]
    # What has the right addresses, MAC addresses and ports is beyond a profile.
    assert [row["rows_attacker_host"] for row in unfound] == missed
    false = [t for t in times_s if not any(start - 5 <= t <= end + 120 for start, end, _ in attacks)]
    assert false == []
