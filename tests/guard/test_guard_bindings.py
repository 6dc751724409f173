"""The judges of addresses: whoever takes a held address is told, and what networks do by themselves is not."""

import gzip
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_frames import MASTER, MASTER_MAC, NS, SLAVE, SLAVE_MAC, THIRD_MAC, arp, batch, cut

from houfeng.guard.judge.arp_replies import ArpReplyJudge
from houfeng.guard.judge.bindings import BindingJudge
from houfeng.guard.judge.rules import rules_of
from houfeng.wire.eyes.frame_table import FrameTableReader
from houfeng.wire.eyes.frames import ARP, mac_text
from houfeng.words.network import Asked, Binding, Seen

ONE, TWO, THREE = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
VIRTUAL = "00:00:5e:00:01:07"


def uses(time_s, address, mac, how="arp"):
    return Binding(Seen("eye", 1), round(time_s * NS), address, mac, how)


def told(observations, known=frozenset()):
    judge = BindingJudge(known)
    return [judgement for one in observations for judgement in judge.handle(one)]


def kinds(observations, known=frozenset()):
    return [(j.detector, j.subject, j.severity) for j in told(observations, known)]


def minutely(address, mac, begin_s, end_s, how="arp"):
    return [uses(time_s, address, mac, how) for time_s in range(begin_s, end_s, 60)]


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 10**6), st.sampled_from(["10.0.0.1", "10.0.0.2", "fe80::1", "", "x"]),
            st.sampled_from([ONE, TWO, THREE, VIRTUAL, "", "ff:ff:ff:ff:ff:ff"]), st.sampled_from(["arp", "ip"]),
        ),
        max_size=60,
    )
)  # fmt: skip
def test_whatever_comes_the_words_can_be_filled(rows):
    for judgement in told(uses(*row) for row in rows):
        rule = rules_of("bindings")[judgement.detector]
        words = dict(judgement.facts) | {"subject": judgement.subject, "peer": judgement.peer}
        assert all(text.format_map(words) for text in (*rule.reason.values(), *rule.refuted_by.values()))


def test_quiet_neighbours_are_left_alone():
    lasting = minutely("10.0.0.1", ONE, 0, 3600) + minutely("10.0.0.2", TWO, 0, 3600, "ip")
    asked = [Asked(Seen("eye"), 5 * NS, "10.0.0.1", ONE, "10.0.0.2")]
    assert kinds(sorted(lasting, key=lambda one: one.time_ns) + asked) == []


def test_attack_takes_an_address_that_is_in_use():
    calm = minutely("10.0.0.1", ONE, 0, 300)
    assert kinds([*calm, uses(250, "10.0.0.1", THREE)]) == [("binding-conflict", THREE, "high")]
    # The true holder speaks up; the one who came later is still the one accused, once.
    after = [uses(250, "10.0.0.1", THREE), uses(251, "10.0.0.1", ONE), uses(310, "10.0.0.1", THREE)]
    assert kinds([*calm, *after]) == [("binding-conflict", THREE, "high")]
    later = [uses(250, "10.0.0.1", THREE), *minutely("10.0.0.1", ONE, 310, 1000), uses(1000, "10.0.0.1", THREE)]
    assert kinds([*calm, *later]).count(("binding-conflict", THREE, "high")) == 2


def test_attack_stands_between_two():
    calm = minutely("10.0.0.1", ONE, 0, 120) + minutely("10.0.0.2", TWO, 0, 120)
    both = [uses(130, "10.0.0.1", THREE), uses(131, "10.0.0.2", THREE)]
    accused = told([*calm, *both])
    assert [j.detector for j in accused] == ["binding-conflict", "binding-conflict", "binding-gathering"]
    assert dict(accused[-1].facts)["list"] == "10.0.0.1, 10.0.0.2"


def test_a_device_known_to_be_right_is_never_the_one_accused():
    known = frozenset({("10.0.0.1", ONE)})
    assert kinds([uses(0, "10.0.0.1", THREE), uses(10, "10.0.0.1", ONE)], known)[-1] == (
        "binding-conflict", THREE, "high")  # fmt: skip
    bonded = frozenset({("10.0.0.1", ONE), ("10.0.0.1", TWO)})
    assert kinds([uses(n, "10.0.0.1", (ONE, TWO)[n % 2]) for n in range(20)], bonded) == []


def test_leases_repairs_and_failovers_are_low_or_nothing():
    calm = minutely("10.0.0.1", ONE, 0, 300)
    assert kinds([*calm, uses(4000, "10.0.0.1", THREE)]) == [("binding-moved", THREE, "low")]
    assert kinds([*calm, uses(100_000, "10.0.0.1", THREE)]) == []
    assert kinds([*calm, uses(250, "10.0.0.1", VIRTUAL)]) == [("binding-moved", VIRTUAL, "low")]
    back = [*calm, uses(4000, "10.0.0.1", THREE), uses(9000, "10.0.0.1", ONE)]
    assert kinds(back) == [("binding-moved", THREE, "low")]


def test_addresses_behind_routers_are_nobodys_neighbours():
    remote = [uses(n, f"192.0.2.{n}", (ONE, TWO)[k], "ip") for n in range(10) for k in range(2)]
    assert kinds(remote) == []
    # A neighbour on one network is seen through the router on the other.
    assert kinds([*remote, uses(20, "10.0.0.9", THREE), uses(21, "10.0.0.9", ONE, "ip")]) == []
    assert kinds([*remote, uses(20, "10.0.0.9", THREE), uses(21, "10.0.0.9", ONE)]) == [
        ("binding-conflict", ONE, "high")
    ]


def test_a_flood_of_made_up_addresses_does_not_displace_those_in_use():
    used = [uses(0, "192.0.2.2", TWO)]
    made_up = [uses(1, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", ONE) for n in range(20_000)]
    known = frozenset({("192.0.2.1", TWO)})
    taken = [uses(2, "192.0.2.1", TWO), uses(3, "192.0.2.1", THREE), uses(4, "192.0.2.2", THREE)]
    assert [kind for kind, _, _ in kinds([*used, *made_up, *taken], known)] == [
        "binding-conflict", "binding-conflict", "binding-gathering"]  # fmt: skip


def replies(rows):
    return [(j.detector, j.subject, j.peer) for j in ArpReplyJudge().handle(batch(rows))]


def test_attack_keeps_telling_a_neighbour_what_it_did_not_ask():
    rows = [arp(n, 2, MASTER, THIRD_MAC, SLAVE) for n in range(20)]
    assert replies(rows) == [("reply-unasked", THREE, "10.0.0.2")]
    judge = ArpReplyJudge()
    frames = batch(rows)
    one_by_one = [j for n in range(20) for j in judge.handle(cut(frames, slice(n, n + 1)))]
    assert one_by_one == ArpReplyJudge().handle(frames)


def test_answers_announcements_and_single_replies_are_harmless():
    asked = [row for n in range(0, 60, 2)
             for row in (arp(n, 1, SLAVE, SLAVE_MAC, MASTER), arp(n + 0.01, 2, MASTER, MASTER_MAC, SLAVE))]  # fmt: skip
    announced = [arp(n, 2, MASTER, MASTER_MAC, MASTER) for n in range(20)]
    few = [arp(n, 2, MASTER, MASTER_MAC, SLAVE) for n in range(4)]
    assert replies(asked) == replies(announced) == replies(few) == []


@pytest.mark.parametrize("day", ["control_testing_frequent", "mitm_testing_infrequent"])
def test_telemetry_days(houfeng_data, day):
    folder = houfeng_data / "net_dnp3_qut_a" / day
    (frames,) = FrameTableReader(day).read(gzip.decompress((folder / f"packets_{day}.csv.gz").read_bytes()))
    judge, claims = BindingJudge(), ArpReplyJudge().handle(frames)
    last_ns: dict[tuple[int, int], int] = {}
    accused = []
    for n in (frames.ether_type == ARP).nonzero()[0].tolist():
        key, now_ns = (int(frames.src_lo[n]), int(frames.arp_mac[n])), int(frames.time_ns[n])
        if now_ns - last_ns.get(key, 0) >= 60 * NS:
            last_ns[key] = now_ns
            address = ".".join(str(key[0] >> shift & 255) for shift in (24, 16, 8, 0))
            accused += judge.handle(Binding(Seen(day, n + 1), now_ns, address, mac_text(key[1]), "arp"))
    if day.startswith("control"):
        assert accused == claims == []
        return
    # The set's eight attacks that break a binding begin so (its table of attacks, s).
    starts = [1474717655, 1474724710, 1474730012, 1474739380, 1474749046, 1474754479, 1474765000, 1474775524]
    assert {j.subject for j in [*accused, *claims]} == {"00:10:18:cb:8c:13"}
    found = [
        sum(0 <= j.time_ns / NS - start < 80 for j in accused if j.detector == "binding-gathering") for start in starts
    ]
    assert found == [1] * 8
    assert all(later.time_ns >= earlier.time_ns for earlier, later in pairwise(accused))
