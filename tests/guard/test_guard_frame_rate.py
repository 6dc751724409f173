"""The judges of rates: a flood leaves its own past behind, and two ends of one conversation see the same."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making_frames import MASTER, MASTER_MAC, NS, SLAVE, Talk, batch, capture, cut

from houfeng.guard.judge.frame_rate import FrameRateJudge
from houfeng.guard.judge.port_rate import PortRateJudge
from houfeng.guard.judge.rate_envelope import Envelope
from houfeng.guard.judge.rules import rules_of
from houfeng.wire.eyes.frames import IPV4
from houfeng.wire.eyes.rate_table import RateBatch, RateTableReader

HOUR = 3600


def frames_of(per_second):
    """So many frames in each second from the master to the slave."""
    seconds = np.repeat(np.arange(len(per_second)), per_second)
    row = {"ether_type": IPV4, "protocol": 17, "src_lo": MASTER, "dst_lo": SLAVE, "src_mac": MASTER_MAC}
    return batch([{**row, "time_ns": int(second) * NS} for second in seconds])


def told(*batches):
    judge = FrameRateJudge()
    out = [judgement for one in batches for judgement in judge.handle(one)]
    return [(j.detector, j.subject, j.time_ns // NS) for j in [*out, *judge.elapse(10**9 * NS)]]


def counted(*columns, begin_s=0):
    times = (np.arange(len(columns[0])) + begin_s) * NS
    return RateBatch("eye", times, ("master_tcp", "slave_tcp"), np.stack(columns, axis=1).astype(np.int64))


def balanced(*batches):
    judge = PortRateJudge()
    told = [judgement for one in batches for judgement in judge.handle(one)]
    return [(j.detector, j.subject, dict(j.facts)["frames"], j.time_ns // NS) for j in told]


def usual(seconds, seed=3):
    return np.random.default_rng(seed).poisson(2, seconds)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3000), max_size=5))
def test_cutting_the_frames_changes_nothing(borders):
    frames = frames_of([2] * 900 + [80] * 10 + [2] * 20)
    edges = sorted({0, len(frames), *(border for border in borders if border < len(frames))})
    pieces = [cut(frames, slice(a, b)) for a, b in pairwise(edges)]
    assert told(*pieces) == told(frames) != []


def test_a_flood_is_told_by_its_third_second_and_once():
    calm = [2] * 900
    assert told(frames_of([*calm, *[80] * 50])) == [
        ("frame-flood", "10.0.0.2", 903), ("frame-flood", "02:00:00:00:00:01", 903)]  # fmt: skip


def test_a_burst_a_busy_host_and_a_stranger_without_a_past_are_left_alone():
    calm = [2] * 900
    assert told(frames_of([*calm, 200, 200, *calm])) == []
    assert told(frames_of([40, 60, 80, 50] * 300)) == []
    assert told(frames_of([2] * 300 + [500] * 60)) == []


def test_a_flood_of_made_up_names_does_not_displace_a_host():
    envelope = Envelope()
    for second in range(900):
        assert envelope.count(("10.0.0.2", "to"), second, 20) is None
    for n in range(10_000):
        assert envelope.count((f"02:{n}", "from"), 900, 1) is None
    assert [envelope.count(("10.0.0.2", "to"), 901 + n, 60) for n in range(5)] == [None] * 5
    assert [envelope.count(("10.0.0.2", "to"), 906 + n, 300) for n in range(4)] == [None, None, 60, None]


def test_what_is_said_can_be_filled_into_the_words():
    judge = PortRateJudge()
    same = usual(2 * HOUR)
    odd = same.copy()
    odd[HOUR + 600 : HOUR + 620] += 100
    kinds = set()
    for judgement in judge.handle(counted(same, odd)):
        kinds.add(judgement.detector)
        words = dict(judgement.facts) | {"subject": judgement.subject, "peer": judgement.peer}
        assert all(text.format_map(words) for text in rules_of("frame_rate")[judgement.detector].reason.values())
    assert kinds == {"frame-flood", "frames-unbalanced"}


def test_two_ends_that_see_the_same_are_left_alone():
    same = usual(3 * HOUR)
    late = same.copy()
    late[5000] -= 1  # counted a second later at the other port
    late[5001] += 1
    lossy = same.copy()
    lossy[4000::300] += 1
    assert balanced(counted(same, same)) == balanced(counted(same, late)) == balanced(counted(same, lossy)) == []


def test_attack_adds_a_few_frames_at_one_end():
    one, other = usual(2 * HOUR), usual(2 * HOUR)
    one[5000:5003] += 2
    found = balanced(counted(one, other))
    assert [(name, port) for name, port, _, _ in found] == [("frames-unbalanced", "master")]
    assert 5003 <= found[0][3] <= 5006
    ports_that_have_nothing_in_common = balanced(counted(usual(2 * HOUR, 4), usual(2 * HOUR, 5)))
    assert ports_that_have_nothing_in_common == []


def test_a_pause_of_the_eye_is_no_imbalance():
    calm, later = usual(2 * HOUR), usual(600, 9)
    shifted = later.copy()
    shifted[0] += 50  # one counter began half a second before the other
    assert balanced(counted(calm, calm), counted(later, shifted, begin_s=100_000)) == []


@pytest.mark.parametrize("name", ["net_seedlink_benign/capture.pcap", "net_synchrophasor_a/two_pmus_tcp.pcap"])
def test_benign_captures(houfeng_data, name):
    assert told(capture(houfeng_data / name)) == []
    assert told(Talk().polls(5).frames()) == []


def test_counters_of_telemetry_days(houfeng_data):
    judge = PortRateJudge()
    out = {}
    for day in ("control_testing_frequent", "attacks_training_infrequent"):
        folder = houfeng_data / "net_dnp3_qut_a" / day
        (batch,) = RateTableReader(day).read(gzip.decompress((folder / f"rates_{day}.csv.gz").read_bytes()))
        # Columns of the attacker's own address are truth and stay out.
        use = [n for n, column in enumerate(batch.columns) if "attacker" not in column]
        columns = tuple(batch.columns[n] for n in use)
        out[day] = judge.handle(RateBatch(day, batch.time_ns, columns, batch.frames[:, use]))
    assert out["control_testing_frequent"] == []
    # injection_WarmRestart and injection_replay, both only inside the session (the set's table of attacks, s).
    for begin_s, end_s in ((1475597849.5, 1475597875.3), (1475616556.7, 1475616561.2)):
        near = [j.detector for j in out["attacks_training_infrequent"] if begin_s <= j.time_ns / NS <= end_s + 5]
        assert "frames-unbalanced" in near
