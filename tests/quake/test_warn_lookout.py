"""Packets as they arrive: what is repeated or late changes nothing, and what is broken takes a station's voice away."""

import numpy as np
import pytest

from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.quake.warn.lookout import BROKEN_NS, lookout
from houfeng.quake.warn.policy import SHARES, Policy
from houfeng.twin.hour import make_hour
from houfeng.wire.model import default_model
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import PacketBatch, segments_of
from houfeng.words.station import Inventory
from houfeng.words.trust import Trust

START_NS = 1_704_067_200 * NS_PER_S


@pytest.fixture(scope="module")
def hour():
    return make_hour(default_model(), seed=5, start_ns=START_NS, stations=8, duration_s=150)


def made(hour):
    inventory = Inventory(tuple(hour.stations))
    sources = {source for batch in hour.batches for source in batch.channels}
    network = network_of(inventory, sources, START_NS)
    return lookout(network, inventory, travel_times(default_model(), network), Policy(), START_NS, status="test")


def packets(hour):
    """Every second of every channel as a batch of its own, with when it arrives."""
    out = []
    for batch in hour.batches:
        for segment in segments_of(batch):
            step = round(segment.rate_hz)
            for begin in range(0, len(segment.samples) - step + 1, step):
                start_ns = segment.start_ns + round(begin / segment.rate_hz * NS_PER_S)
                cut = segment.samples[begin : begin + step]
                one = PacketBatch(
                    (segment.source,), np.zeros(1, np.int32), np.array([start_ns]), np.array([segment.rate_hz]),
                    np.array([0, len(cut)]), cut,
                )  # fmt: skip
                out.append((start_ns + 2 * NS_PER_S, segment.source, one))
    return sorted(out, key=lambda each: each[:2])


def played(hour, sent):
    watch = made(hour)
    return [alert for arrival_ns, _, one in sent for alert in watch.handle(one, arrival_ns)]


def test_the_largest_quake_is_warned_of(hour):
    largest = max(hour.quakes, key=lambda quake: quake.magnitude)
    said = played(hour, packets(hour))
    assert any(abs(alert.origin_time_ns - largest.time_ns) < 3 * NS_PER_S for alert in said)
    assert all(alert.declared_ns > alert.origin_time_ns for alert in said)


@pytest.mark.parametrize("together_s", [10, 60, 150])
def test_what_links_held_back_is_looked_at_as_it_was(hour, together_s):
    """Records of a minute, station by station, at once: no station is silent that has not been listened to."""
    sent = packets(hour)
    largest = max(hour.quakes, key=lambda quake: quake.magnitude)
    in_turn = [alert for alert in played(hour, sent) if alert.kind == "first"]
    watch, at_once = made(hour), []
    for first_s in range(0, 150, together_s):
        held = [
            (source, arrival_ns, one)
            for arrival_ns, source, one in sent
            if first_s <= (arrival_ns - START_NS) / NS_PER_S - 2 < first_s + together_s
        ]
        batch = one_of([one for _, _, one in sorted(held, key=lambda each: each[:2])])
        at_once += watch.handle(batch, START_NS + (first_s + together_s + 2) * NS_PER_S)
    firsts = [alert for alert in at_once if alert.kind == "first"]
    assert len(firsts) <= len(in_turn)
    assert any(abs(alert.origin_time_ns - largest.time_ns) < NS_PER_S for alert in firsts)


def one_of(batches):
    """Packets of batches of one packet each, in their order, as one batch."""
    channels = tuple(sorted({batch.channels[0] for batch in batches}))
    return PacketBatch(
        channels,
        np.array([channels.index(batch.channels[0]) for batch in batches], dtype=np.int32),
        np.concatenate([batch.start_ns for batch in batches]),
        np.concatenate([batch.rate_hz for batch in batches]),
        np.cumsum([0, *(len(batch.samples) for batch in batches)]),
        np.concatenate([batch.samples for batch in batches]),
    )


def test_packets_that_come_again_or_too_late_change_nothing(hour):
    sent = packets(hour)
    channels = len({source for _, source, _ in sent})
    again = []
    for number, each in enumerate(sent):
        again.append(each)
        if number % 3 == 0 and number >= 2 * channels:
            again.append((each[0], each[1], sent[number - channels][2]))  # the second before, once more
            again.append(each)
    assert played(hour, again) == played(hour, sent)


def test_a_station_with_broken_records_says_nothing_for_a_while(hour):
    watch = made(hour)
    key = hour.stations[0].key
    _, share = watch.felt()
    assert share[0] == 1.0
    for tier, after_ns, expected in (
        (Tier.SENSOR_SIGNED, 0, SHARES[Tier.SENSOR_SIGNED]),
        (Tier.BROKEN, NS_PER_S, 0.0),
        (Tier.SENSOR_SIGNED, 2 * NS_PER_S, 0.0),
        (Tier.NONE, 2 * NS_PER_S + BROKEN_NS, SHARES[Tier.NONE]),
    ):
        arrived_ns = START_NS + after_ns
        record = Vouched(Packet("test", key, 1, arrived_ns, b""), "", None, tier)
        list(watch.vouched([record], arrived_ns))
        assert share[[station.key for station in watch._testimony.stations].index(key)] == expected


def test_stations_that_the_guard_does_not_believe_raise_nothing_and_are_heard_again_when_it_does(hour):
    watch, sent = made(hour), packets(hour)
    keys = [station.key for station in hour.stations]
    for key in keys:
        assert list(watch.believe(Trust(key, START_NS, 0.0, ("session-replay",)), START_NS)) == []
    assert [alert for arrival_ns, _, one in sent for alert in watch.handle(one, arrival_ns)] == []
    assert watch.felt()[1].max() == 0.0

    again = made(hour)
    for value in (0.0, 1.0):
        for key in keys:
            assert list(again.believe(Trust(key, START_NS, value), START_NS)) == []
    assert [alert for arrival_ns, _, one in sent for alert in again.handle(one, arrival_ns)] == played(hour, sent)


def test_what_the_guard_believes_and_what_was_signed_count_together(hour):
    watch = made(hour)
    key = hour.stations[0].key
    list(watch.believe(Trust(key, START_NS, 0.5), START_NS))
    record = Vouched(Packet("test", key, 1, START_NS, b""), "", None, Tier.TRANSPORT_ONLY)
    list(watch.vouched([record], START_NS))
    row = [station.key for station in watch._testimony.stations].index(key)
    assert watch.felt()[1][row] == pytest.approx(0.5 * SHARES[Tier.TRANSPORT_ONLY])
