"""The judge of TCP sessions: whatever a capture loses or disorders is harmless, and what a third party adds is not."""

import gzip
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_frames import MASTER_MAC, THIRD_MAC, Talk, capture, cut

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.session import SessionJudge
from houfeng.wire.eyes.frame_table import FrameTableReader
from houfeng.wire.eyes.frames import ACK, FIN, RST, SYN

BENIGN = (
    "net_seedlink_benign/capture.pcap",
    "net_synchrophasor_a/one_pmu_tcp.pcap",
    "net_synchrophasor_a/pmu1100_clean.pcap",
    "net_synchrophasor_a/pmu1100_frames_only.pcap",
    "net_synchrophasor_a/pmu1100_lan.pcap",
    "net_synchrophasor_a/two_pmus_tcp.pcap",
)
SPOILT = ("drop a hundredth", "drop a third", "no acknowledgements", "one way", "disorder", "twice", "from the middle")


def judged(*frames):
    judge = SessionJudge()
    return [judgement for one in frames for judgement in judge.handle(one)]


def signs(talk):
    return sorted({(j.detector, dict(j.facts)["sign"]) for j in judged(talk.frames())})


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=5))
def test_cutting_the_frames_into_batches_changes_nothing(borders):
    talk = Talk().polls(40)
    talk.frame(0, b"forged of that size.", seq=talk.seq[0] - 20)
    talk.polls(10).frame(0, flags=RST).polls(10)
    frames = talk.frames()
    edges = sorted({0, len(frames), *(border for border in borders if border < len(frames))})
    pieces = [cut(frames, slice(a, b)) for a, b in pairwise(edges)]
    whole = judged(frames)
    assert len(whole) >= 2
    assert judged(*pieces) == whole


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_frame_makes_it_stumble(data):
    frames = Talk().polls(8).frames()
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    odd = {
        "sequence": rng.integers(0, 2**32, len(frames), dtype=np.uint32),
        "acknowledged": rng.integers(0, 2**32, len(frames), dtype=np.uint32),
        "tcp_flags": rng.integers(0, 256, len(frames)).astype(np.uint8),
        "counter": rng.integers(-1, 2**31 - 1, len(frames)).astype(np.int32),
        "payload_bytes": rng.integers(0, 2**31 - 1, len(frames)).astype(np.int32),
        "time_ns": rng.integers(-(2**62), 2**62, len(frames)),
        "src_mac": rng.integers(-1, 2**48, len(frames)),
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(odd))))
    for judgement in judged(replace(frames, **{key: odd[key] for key in chosen})):
        rule = rules_of("session")[judgement.detector]
        words = dict(judgement.facts) | {"subject": judgement.subject, "peer": judgement.peer}
        assert rule.reason["en"].format_map(words)
        assert rule.reason["zh"].format_map(words)


def test_a_session_that_only_talks_is_left_alone():
    assert judged(Talk().polls(500).frames()) == []


def test_what_networks_do_by_themselves_is_harmless():
    talk = Talk().polls(20)
    before = talk.seq[0]
    talk.frame(0, b"sent and lost....").frame(0, b"sent and lost....", seq=before)
    talk.frame(0, b"\0", seq=talk.seq[0] - 1).frame(0, seq=talk.seq[0] - 1).polls(5)  # keep-alives with and without
    talk.seq[0] += 5000  # the capture missed frames
    talk.polls(5)
    later = talk.seq[0]
    talk.frame(0, b"second of the two", seq=later + 17, after_s=0.001).frame(0, b"first of the two.", after_s=0.001)
    talk.seq[0] = later + 34
    talk.polls(5).frame(0, flags=FIN | ACK).frame(1, flags=FIN | ACK)
    assert judged(talk.frames()) == []


def test_ports_used_again_are_another_session():
    first, again = Talk().polls(20), Talk(begin_s=1100, seq=(5_000_000, 7_000_000))
    first.frame(0, flags=FIN | ACK).frame(1, flags=RST)
    again.frame(0, flags=SYN, seq=4_999_999).frame(1, flags=SYN | ACK, seq=6_999_999, ack=5_000_000).polls(20)
    assert judged(first.frames(), again.frames()) == []
    unseen = Talk(begin_s=1100, seq=(3_000_000_000, 2_000_000_000)).polls(60)
    assert judged(Talk().polls(20).frames(), unseen.frames()) == []


def test_attack_other_content_at_a_number_already_used():
    talk = Talk().polls(20)
    before = talk.seq[0]
    talk.frame(0, b"open breaker 1").frame(0, b"open breaker 2", seq=before, after_s=0.05)
    assert signs(talk) == [("session-injection", "other-content")]


def test_attack_new_bytes_where_the_peer_has_acknowledged_others():
    talk = Talk().polls(20)
    talk.frame(1, ack=talk.seq[0] + 100)  # what the true end sent by another way
    talk.frame(0, b"warm restart 1.", ack=talk.seq[1]).frame(0, b"warm restart 2.", ack=talk.seq[1])
    assert signs(talk) == [("session-injection", "already-acknowledged")]
    alone = Talk().polls(20)
    alone.frame(1, ack=alone.seq[0] + 100).frame(0, b"one frame only.")
    assert signs(alone) == []


def test_attack_a_second_numbering_beside_the_first():
    talk = Talk().polls(20).frame(0, b"guessed wrong..", seq=3_000_000_000).polls(2)
    assert signs(talk) == [("session-injection", "two-numberings")]


def test_attack_a_handshake_inside_the_stream():
    talk = Talk().polls(20)
    talk.frame(0, b"hello again....", flags=SYN, seq=talk.seq[0] + 10)
    assert ("session-injection", "handshake-inside") in signs(talk)


@pytest.mark.parametrize(("flags", "sign"), [(RST, "RST"), (SYN, "SYN")])
def test_attack_cut_in_the_name_of_an_end_that_goes_on(flags, sign):
    talk = Talk().polls(20)
    talk.frame(0, flags=flags, seq=talk.seq[0] if flags == RST else 3_000_000_000).polls(3)
    assert signs(talk) == [("session-cut", sign)]
    ended = Talk().polls(20).frame(0, flags=flags, seq=3_000_000_000)
    assert signs(ended) == []


def test_attack_leaves_two_ends_that_no_longer_agree():
    talk = Talk().polls(20)
    for _ in range(40):
        talk.frame(0, after_s=0.001, ack=talk.seq[1]).frame(1, after_s=0.001, ack=talk.seq[0])
    assert signs(talk) == [("session-desync", "acknowledgement-storm")]
    one_sided = Talk().polls(20)
    for _ in range(100):
        one_sided.frame(0, after_s=0.001, ack=one_sided.seq[1])
    assert signs(one_sided) == []


def test_attack_speaks_for_an_end_that_never_hears_the_answer():
    talk = Talk().polls(20)
    talk.frame(1, b"recorded message").frame(0, b"confirmed.", after_s=0.01)
    for wait_s in (0.2, 0.6, 1.2):
        talk.frame(0, b"confirmed.", seq=talk.seq[0] - 10, after_s=wait_s)
    assert [(j.detector, j.subject, j.severity) for j in judged(talk.frames())] == [("session-deaf", "10.0.0.2", "low")]


def test_attack_sends_a_recorded_message_again():
    talk = Talk().polls(400)
    talk.frame(0, b"ask %010d......" % 300)
    told = judged(talk.frames())
    assert [j.detector for j in told] == ["session-replay"]
    assert dict(told[0].facts)["payloads"] == "400"
    repeating = Talk()
    for n in range(2000):
        repeating.frame(0, b"ask %010d......" % (n % 16))
    assert judged(repeating.frames()) == []


def test_attack_from_another_machine():
    talk = Talk().polls(20).frame(0, b"from elsewhere..", mac=THIRD_MAC).polls(2)
    told = judged(talk.frames())
    assert [(j.detector, j.subject) for j in told] == [("session-hijack", "02:00:00:00:00:03")]
    assert dict(told[0].facts)["mac_before"] == f"{MASTER_MAC.to_bytes(6, 'big').hex(':')}"


def test_two_routers_that_share_the_load_are_no_hijack():
    talk = Talk()
    for n in range(60):
        talk.frame(0, b"ask %010d......" % n, mac=(MASTER_MAC, THIRD_MAC)[n % 2])
    virtual = Talk().polls(20).frame(0, b"from a standby..", mac=0x00005E000105).polls(2)
    assert judged(talk.frames()) == judged(virtual.frames()) == []


def test_the_counter_of_the_protocol():
    talk = Talk()
    for n in range(100):  # a request and its confirmation, and unsolicited messages beside them
        talk.frame(0, b"request %08d" % n, counter=n % 16).frame(0, b"confirm %08d" % n, counter=n % 16)
        if n % 3 == 0:
            talk.frame(0, b"unsolicited %06d" % n, counter=(n // 3 + 7) % 16)
    assert signs(talk) == []
    repeat = Talk()
    for n in range(3):
        repeat.frame(0, b"restart %08d" % n, counter=14)
    assert signs(repeat) == [("counter-broken", "repeat")]
    for n in range(20):
        talk.frame(0, b"request %08d" % (1000 + n), counter=(talk.rows[-1]["counter"] + 5) % 16)
    assert ("counter-broken", "jump") in signs(talk)


def test_a_flood_of_made_up_sessions_does_not_displace_an_old_one():
    talk = Talk().polls(100)
    judge = SessionJudge()
    judge.handle(talk.frames())
    made_up = Talk(begin_s=2000)
    made_up.rows = [{**talk.rows[0], "src_lo": n, "time_ns": 2_000 * 10**9 + n} for n in range(1, 60_001)]
    judge.handle(made_up.frames())
    talk.now_s = 2100
    talk.rows.clear()
    before = talk.seq[0]
    talk.frame(0, b"open breaker 1").frame(0, b"open breaker 2", seq=before)
    assert [j.detector for j in judge.handle(talk.frames())] == ["session-injection"]


def spoil(frames, how):
    rng = np.random.default_rng(7)
    n = len(frames)
    index = {
        "drop a hundredth": np.flatnonzero(rng.random(n) > 0.01),
        "drop a third": np.flatnonzero(rng.random(n) > 0.33),
        "no acknowledgements": np.flatnonzero((frames.payload_bytes > 0) | (frames.tcp_flags != ACK)),
        "one way": np.flatnonzero(frames.src_lo < frames.dst_lo),
        "disorder": np.argsort(frames.time_ns + rng.integers(0, 5_000_000, n), kind="stable"),
        "twice": np.repeat(np.arange(n), 2),
        "from the middle": np.arange(n // 3, n),
    }[how]
    return cut(frames, index)


@pytest.mark.parametrize("name", BENIGN)
def test_benign_captures_whole_and_spoilt(houfeng_data, name):
    frames = capture(houfeng_data / name)
    assert judged(frames) == []
    assert {how: judged(spoil(frames, how)) for how in SPOILT} == {how: [] for how in SPOILT}


def test_attacks_inside_the_session_of_a_telemetry_day(houfeng_data):
    day = houfeng_data / "net_dnp3_qut_a" / "attacks_training_infrequent"
    packed = (day / "packets_attacks_training_infrequent.csv.gz").read_bytes()
    told = judged(*FrameTableReader(day.name).read(gzip.decompress(packed)))
    # Start and end of injection_WarmRestart and injection_replay in the set's table of attacks, s.
    for begin_s, end_s, detector in (
        (1475597849.5, 1475597875.3, "session-injection"),
        (1475616556.7, 1475616561.2, "session-deaf"),
    ):
        assert detector in {j.detector for j in told if begin_s <= j.time_ns / 1e9 <= end_s + 5}
