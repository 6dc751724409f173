"""What a station records: the ground through its instrument, and what is wrong with it."""

from dataclasses import replace

import numpy as np
import pytest

from houfeng.twin import recording
from houfeng.twin.digitiser import NEVER_NS, Transport, carry
from houfeng.twin.faults import KINDS, Fault, FaultShares, by_chance, miswire
from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.packing import pack
from houfeng.twin.recording import stretches
from houfeng.wire import mseed
from houfeng.words.instant import NS_PER_S

RATE_HZ = 100.0


def whole(world, made):
    return np.concatenate([stretch.counts for stretch in stretches(world, made)], axis=1)


def heard(world, made):
    return [one for stretch in stretches(world, made) for one in stretch.heard]


def with_faults(world, *faults):
    return replace(world, faults=(faults, *world.faults[1:]))


@pytest.fixture(scope="module")
def plain(world):
    return whole(world, world.stations[0])


def test_a_station_records_the_same_alone_and_in_whatever_stretches(world, plain, monkeypatch):
    alone = replace(world, happenings=world.happenings[::-1])
    assert np.array_equal(whole(alone, world.stations[0]), plain)
    monkeypatch.setattr(recording, "STRETCH_PACKETS", 7)
    cut = list(stretches(world, world.stations[0]))
    assert len(cut) == 7
    # what is drawn by stretch is faults and delays alone, of which this station's samples have none
    assert np.array_equal(np.concatenate([stretch.counts for stretch in cut], axis=1), plain)


def test_onsets_are_where_the_truth_says(world):
    for made in world.stations:
        if made.instrument not in {"broadband", "short_period"}:
            continue
        counts = whole(world, made)[0].astype(float)
        fast = np.diff(counts, n=2)
        one = next(each for each in heard(world, made) if each.quake == 0)
        at = round(one.onset_s["P"] * RATE_HZ)
        assert np.abs(fast[at : at + 100]).max() > 5 * np.abs(fast[at - 1000 : at - 20]).max()


def test_truth_tells_of_each_quake_once(world):
    for made in world.stations:
        told = heard(world, made)
        assert sorted({one.quake for one in told}) == sorted(one.quake for one in told)
        for one in told:
            assert one.station == made.number
            assert one.onset_s["P"] < one.onset_s["S"]
            assert (one.pga_mps2 > 0).all()
            assert (one.pgv_mps < one.pga_mps2).all()


def test_a_great_quake_nearby_meets_the_stop(world):
    near = replace(world.happenings[0], rupture=replace(world.happenings[0].rupture, moment_nm=1e18))
    counts = whole(replace(world, happenings=(near,)), world.stations[-1])
    assert counts.max() == INSTRUMENTS["broadband"].full_scale
    assert counts.min() == -INSTRUMENTS["broadband"].full_scale - 1


@pytest.mark.parametrize("kind", ["reversed", "swapped", "gain", "dead", "spikes"])
def test_what_is_miswired_shows(world, plain, kind):
    component = "" if kind == "swapped" else "N"
    fault = Fault(
        world.stations[0].station.code, kind, component, 50.0, 120.0, {"gain": 0.5, "spikes": 600.0}.get(kind, 0)
    )
    counts = whole(with_faults(world, fault), world.stations[0])
    before, during, after = slice(0, 5000), slice(5000, 12_000), slice(12_000, None)
    assert np.array_equal(counts[:, before], plain[:, before])
    assert np.array_equal(counts[:, after], plain[:, after])
    z, n, e = counts[:, during]
    assert np.array_equal(z, plain[0, during])
    expected = {
        "reversed": lambda: np.array_equal(n, -plain[1, during]),
        "swapped": lambda: np.array_equal(n, plain[2, during]) and np.array_equal(e, plain[1, during]),
        "gain": lambda: np.abs(n - plain[1, during] / 2).max() <= 1,
        "dead": lambda: np.ptp(n) <= 1,
        "spikes": lambda: 2 <= np.count_nonzero(n != plain[1, during]) <= 40,
    }
    assert expected[kind]()


def test_faults_of_no_length_or_beyond_the_end_change_nothing():
    counts = np.arange(30.0).reshape(3, 10)
    faults = [
        Fault("A", "dead", "Z", 5.0, 5.0),
        Fault("A", "reversed", "", 50.0, 60.0),
        Fault("A", "spikes", "Z", 0, 0, 9),
    ]
    miswire(counts, 0, 1.0, faults, 100, np.random.default_rng(1))
    assert np.array_equal(counts, np.arange(30.0).reshape(3, 10))


def test_shares_are_of_stations():
    shares = FaultShares(**dict.fromkeys(KINDS, 0.1))
    found = [by_chance(shares, "A", 3600.0, np.random.default_rng(seed)) for seed in range(2000)]
    for kind in KINDS:
        share = np.mean([any(fault.kind == kind for fault in faults) for faults in found])
        assert share == pytest.approx(0.1, abs=0.03)
    assert by_chance(FaultShares(), "A", 3600.0, np.random.default_rng(1)) == ()


# --- packets ----------------------------------------------------------------------------------------------------------

BEGIN_S = np.arange(0.0, 600.0, 5.0)


def carried(*faults, **transport):
    return carry(BEGIN_S, 0, Transport(**transport), faults, np.random.default_rng(1))


def test_packets_arrive_after_their_last_sample_and_not_all_in_order():
    got = carried(latency_s=0.5, jitter_s=2.0)
    delay_s = got.arrival_ns / NS_PER_S - BEGIN_S - 5.0
    assert delay_s.min() > 0.5
    assert np.median(delay_s) == pytest.approx(2.5, abs=0.4)
    assert (np.diff(got.arrival_ns, axis=1) < 0).any()
    assert np.array_equal(got.stamp_ns[0], BEGIN_S * NS_PER_S)


def test_loss_is_the_share_asked_for():
    lost = carried(loss=0.3).arrival_ns == NEVER_NS
    assert lost.mean() == pytest.approx(0.3, abs=0.08)
    assert not (carried().arrival_ns == NEVER_NS).any()


def test_a_link_that_drops_and_one_that_holds_back():
    down = (BEGIN_S + 5 >= 100) & (BEGIN_S + 5 < 200)
    lost = carried(Fault("A", "lost", "", 100.0, 200.0)).arrival_ns == NEVER_NS
    assert np.array_equal(lost, np.broadcast_to(down, lost.shape))
    held = carried(Fault("A", "held", "", 100.0, 200.0)).arrival_ns
    assert held.max() < NEVER_NS
    assert held[:, down].min() >= 200 * NS_PER_S
    assert held[:, down].max() < 210 * NS_PER_S


def test_clocks_that_step_and_drift():
    stepped = carried(Fault("A", "clock_step", "", 300.0, np.inf, 1.5)).stamp_ns[0] - BEGIN_S * NS_PER_S
    assert set(stepped[BEGIN_S < 300]) == {0}
    assert set(stepped[BEGIN_S >= 300]) == {1.5 * NS_PER_S}
    drifted = carried(Fault("A", "clock_drift", "", 0.0, np.inf, 20.0)).stamp_ns[0] - BEGIN_S * NS_PER_S
    assert drifted[-1] == pytest.approx(20e-6 * BEGIN_S[-1] * NS_PER_S, abs=1)


@pytest.mark.parametrize(("version", "length"), [(2, 512), (3, 1024)], ids=["mseed2", "mseed3"])
def test_packets_hold_all_samples_that_are_not_lost(world, version, length):
    scenario = replace(world.scenario, transport=Transport(version=version, record_length=length))
    one = next(stretches(replace(world, scenario=scenario), world.stations[0]))
    sources = tuple(channel.source for channel in world.stations[0].station.channels)
    packed = list(pack(one, sources, RATE_HZ, scenario.transport))
    for channel, source in enumerate(sources):
        data = b"".join(packet.content for packet in packed if packet.channel == channel)
        decoded = mseed.decode(data)
        samples = np.concatenate([batch.samples for batch in decoded.batches])
        assert {name for batch in decoded.batches for name in batch.channels} == {source}
        assert np.array_equal(samples, one.counts[channel])
