"""Learning and deriving a conduct profile, and refusing to learn."""

import pytest
from plain_eye import PlainEye, frames_of_pcap, frames_of_table

from houfeng.guard.conduct.derive import Reader, Site, derive, stream_envelope
from houfeng.guard.conduct.document import read_conduct, write_conduct
from houfeng.guard.conduct.learn import learn
from houfeng.words.conduct import Host, Window
from houfeng.words.judgement import Judgement
from houfeng.words.network import Asked, Binding, Flow, Seen, Subscription
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Station

S = 10**9
HERE = Seen("t", 1)


def call(k, client="10.0.0.1", server="10.0.0.9", port=80, outcome="answered", protocol="tcp", last_s=1, packets=5):
    answered = packets if outcome == "answered" else 0
    start_ns = k * 30 * S
    return Flow(HERE, start_ns, start_ns + last_s * S, client, 40_000 + k, server, port, protocol, packets, answered,
                packets * 100, answered * 200, outcome=outcome)  # fmt: skip


def clean():
    return [call(k) for k in range(10)]


def test_a_poll_a_stream_and_a_rare_call_are_told_apart():
    stream = call(0, "10.0.0.2", port=18000, last_s=270, packets=500)
    learned = learn([*clean(), stream, call(4, "10.0.0.3", port=22, last_s=9)], name="c")
    found = {each.server_port: each for each in learned.conduct.allowed}
    assert (found[80].rhythm, found[80].every_s) == ("every", 30.0)
    assert found[18000].rhythm == "continuous"
    assert found[22].rhythm == "rare"
    assert found[18000].server_rate.expected_bytes_per_s == pytest.approx(100_000 / 270, abs=0.01)
    assert found[80].server_rate is None
    assert learned.doubts == ()
    assert any("10.0.0.3 to 10.0.0.9 tcp/22, rare" in line for line in learned.trusts)


def test_bursts_with_pauses_are_not_taken_for_a_stream():
    # One conversation by its ports, told in instalments, with a quarter of an hour between some of them.
    told = [(0, 0), (5, 30), (905, 31), (910, 60), (1810, 61), (1815, 90)]
    flows = [Flow(HERE, 0, t * S, "10.0.0.1", 137, "10.0.0.9", 137, "udp", n, 0, n * 50, 0, ongoing=True)
             for t, n in told]  # fmt: skip
    assert learn(flows, name="c").conduct.allowed[0].rhythm == "rare"


def refused(doubt, observations, judgements=()):
    learned = learn([*clean(), *observations], judgements, name="c")
    assert learned.conduct is None
    assert len(learned.doubts) == 1
    assert doubt in learned.doubts[0]
    assert learned.trusts


def test_a_day_with_two_owners_of_an_address_is_refused():
    macs = ("02:00:00:00:00:01", "02:00:00:00:00:66")
    refused("10.0.0.1 was used from", [Binding(HERE, k, "10.0.0.1", mac, "arp") for k, mac in enumerate(macs)])


def test_a_day_with_a_scan_is_refused():
    refused("looks like a scan", [call(k, server=f"10.0.0.{k + 20}", outcome="refused") for k in range(6)])


def test_a_day_with_a_sweep_of_the_link_is_refused():
    refused("looks like a sweep", [Asked(HERE, k, "10.0.0.7", "02:00:00:00:00:07", f"10.0.0.{k}") for k in range(17)])


def test_a_day_on_which_a_stranger_is_called_in_vain_is_refused():
    refused("never answered", [call(k, server="203.0.113.9", port=5888, outcome="refused") for k in range(3)])


def test_a_day_that_another_judge_finds_fault_with_is_refused():
    beacon = Judgement("beacon", 0, 0, "10.0.0.1", "203.0.113.9", "medium", 0.5)
    refused("beacon was judged of 10.0.0.1", [], [beacon])
    noted = Judgement("note", 0, 0, "10.0.0.1", "", "info", 0.5)
    assert learn(clean(), [noted], name="c").conduct is not None


def test_a_day_without_traffic_is_refused():
    assert learn([], name="c").doubts == ("no conversation was seen",)


def test_one_call_in_vain_is_left_out_and_said():
    learned = learn([*clean(), call(3, server="203.0.113.9", outcome="unanswered")], name="c")
    assert [each.server for each in learned.conduct.allowed] == [("10.0.0.9",)]
    assert "left out: 10.0.0.1 to 203.0.113.9 tcp/80, a call that was never answered" in learned.trusts


def test_a_router_is_known_by_what_it_passes_on():
    router, host = "02:00:00:00:00:01", "02:00:00:00:00:02"
    used = [Binding(HERE, k, f"198.51.100.{k}", router, "ip") for k in range(3)]
    claimed = [Binding(HERE, 9, "10.0.0.1", host, "arp"), Binding(HERE, 9, "10.0.0.254", router, "arp")]
    hosts = learn([*clean(), *used, *claimed], name="c").conduct.hosts
    assert [each.macs for each in hosts if each.role == "router"] == [(router,)]
    assert {each.addresses[0]: each.macs for each in hosts if each.macs and each.addresses} == {
        "10.0.0.1": (host,),
        "10.0.0.254": (router,),
    }


def test_what_readers_were_given_is_what_they_may_read():
    given = [Subscription(HERE, 0, S, "10.0.0.1", "10.0.0.9", "seedlink", f"NC.CRH..HN{c}", 3, 1536) for c in "ZN"]
    learned = learn([*clean(), *given], name="c")
    assert [(each.reader, each.patterns) for each in learned.conduct.reads] == [
        ("10.0.0.1", ("NC.CRH..HNN", "NC.CRH..HNZ"))
    ]


# Deriving.


def station(rates=(100.0, 100.0, 100.0)):
    channels = tuple(
        Channel(SourceId("NC", "CRH", "", code), 0, None, rate)
        for code, rate in zip(("HNZ", "HNN", "HNE"), rates, strict=True)
    )
    return Station("NC", "CRH", 37.0, -122.0, channels=channels)


def site(**more):
    hosts = (
        Host("gateway", ("10.71.1.2",), (), "station"),
        Host("clock", ("10.71.9.5",), (), "time"),
        Host("resolver", ("10.71.9.6",), (), "resolver"),
        Host("notebook", ("10.71.9.40",), (), "maintenance"),
    )
    readers = (
        Reader("acquisition", "10.71.9.20", ("*",), "10.71.1.2"),
        Reader("backup", "10.71.9.21", ("*.??Z",), "10.71.1.2"),
    )
    return Site(hosts, readers, **more)


def test_a_profile_follows_from_the_inventory():
    conduct = derive(station(), site(windows=(Window(7200, 14_400),)), at_ns=1)
    found = {(each.client, each.server_port): each for each in conduct.allowed}
    assert conduct.name == "NC.CRH"
    all_of_it = found[("10.71.9.20",), 18000].server_rate
    third = found[("10.71.9.21",), 18000].server_rate
    assert all_of_it.expected_bytes_per_s == pytest.approx(3 * third.expected_bytes_per_s)
    assert found[("10.71.1.2",), 123].rhythm == "every"
    assert found[("10.71.9.40",), 22].windows == (Window(7200, 14_400),)
    assert [(each.reader, each.patterns) for each in conduct.reads] == [("10.71.9.20", ("*",)),
                                                                       ("10.71.9.21", ("*.??Z",))]  # fmt: skip
    assert read_conduct(write_conduct(conduct), "c") == (conduct, [])


def test_the_bounds_hold_what_compression_can_do():
    envelope = stream_envelope([100.0])
    # 100 samples a second of 4 bytes, uncompressed, with no header at all, are within; two such streams are not.
    assert 400 < envelope.high_bytes_per_s < 2 * 1600
    # Seven samples to a word of 4 bytes is the best there is.
    assert 57 < envelope.low_bytes_per_s < 100 * 4 / 7 * 1.4


# The recordings.


def halves(path, cut_s=None):
    frames = list(frames_of_pcap(path))
    first_ns, last_ns = frames[0].time_ns, frames[-1].time_ns
    cut_ns = first_ns + cut_s * S if cut_s else (first_ns + last_ns) // 2
    return [f for f in frames if f.time_ns < cut_ns], [f for f in frames if f.time_ns >= cut_ns]


@pytest.mark.parametrize("name", ["one_pmu_tcp", "pmu1100_clean", "pmu1100_frames_only", "two_pmus_tcp"])
def test_a_measurement_stream_is_learned_from_half_a_recording(houfeng_data, name):
    first, second = halves(houfeng_data / f"net_synchrophasor_a/{name}.pcap")
    learned = learn(PlainEye().see(first), name=name).conduct
    again = {(a.client, a.server, a.server_port): a for a in learn(PlainEye().see(second), name=name).conduct.allowed}
    streams = [each for each in learned.allowed if each.server_port == 4712]
    assert len(streams) == (2 if name == "two_pmus_tcp" else 1)
    for each in streams:
        assert each.rhythm == "continuous"
        later = again[each.client, each.server, 4712].server_rate
        assert later.packets_per_s == pytest.approx(each.server_rate.packets_per_s, rel=0.1)
        assert later.expected_bytes_per_s == pytest.approx(each.server_rate.expected_bytes_per_s, rel=0.1)


def test_a_host_behind_two_macs_stops_learning(houfeng_data):
    # 192.168.0.18 answers ARP from one MAC address and sends IP from another: harmless there, but not to be guessed.
    seen = PlainEye().see(frames_of_pcap(houfeng_data / "net_synchrophasor_a/pmu1100_lan.pcap"))
    assert learn(seen, name="lan").doubts == ("192.168.0.18 was used from 00:25:65:00:2b:c2 and 74:86:7a:07:28:94",)


def test_a_day_of_man_in_the_middle_is_not_learned(houfeng_data):
    day = "mitm_testing_infrequent"
    seen = PlainEye().see(frames_of_table(houfeng_data / f"net_dnp3_qut_a/{day}/packets_{day}.csv.gz"))
    doubts = learn(seen, name=day).doubts
    assert any("192.168.10.221 was used from" in doubt for doubt in doubts)


def test_what_the_inventory_says_holds_the_real_station(houfeng_data):
    first, second = halves(houfeng_data / "net_seedlink_benign/capture.pcap")
    codes = [("BK", "BRIB", "01", c) for c in ("HHZ", "HHN", "HHE")]
    codes += [("NC", s, "", c) for s in ("CRH", "CTA") for c in ("HNZ", "HNN", "HNE")]
    channels = tuple(Channel(SourceId(*code), None, None, 100.0) for code in codes)
    readers = (
        Reader("digitiser", "10.71.1.10", ("*",), "10.71.1.2", 16_000, "datalink"),
        Reader("acquisition", "10.71.9.20", ("*",), "10.71.1.2"),
        Reader("backup", "10.71.9.21", ("*.??Z",), "10.71.1.2"),
    )
    conduct = derive(Station("X", "Y", None, None, channels=channels), Site((), readers), at_ns=0)
    for half in (first, second):
        for real in learn(PlainEye().see(half), name="c").conduct.allowed:
            for said in conduct.allowed:
                if (said.client, said.server_port) != (real.client, real.server_port) or real.server_rate is None:
                    continue
                for bounds, rate in ((said.client_rate, real.client_rate), (said.server_rate, real.server_rate)):
                    assert bounds.low_bytes_per_s <= rate.expected_bytes_per_s <= bounds.high_bytes_per_s
