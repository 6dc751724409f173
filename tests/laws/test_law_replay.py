"""Laws 1 and 2 from packets to quakes: the same packets tell the same, however they are cut."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.hearing import Portrait, alone
from houfeng.quake.network import network_of
from houfeng.quake.size.attenuation import attenuation
from houfeng.twin.hour import RATE_HZ, make_hour
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.samples import PacketBatch
from houfeng.words.station import Inventory

MODEL = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
START_NS = 1_700_000_000 * NS_PER_S
HOUR = make_hour(MODEL, seed=2, start_ns=START_NS, stations=8, duration_s=150)
#: The first quake and its coda.
LENGTH = 4200
INVENTORY = Inventory(HOUR.stations)
SOURCES = HOUR.batches[0].channels
SAMPLES = np.concatenate([batch.samples.reshape(len(SOURCES), -1) for batch in HOUR.batches], axis=1)[:, :LENGTH]


def _batch(packets):
    """Packets given as channel, first sample, one past the last."""
    return PacketBatch(
        SOURCES,
        np.array([channel for channel, _, _ in packets], dtype=np.int32),
        np.array([START_NS + round(first / RATE_HZ * NS_PER_S) for _, first, _ in packets], dtype=np.int64),
        np.full(len(packets), RATE_HZ),
        np.cumsum([0, *(last - first for _, first, last in packets)], dtype=np.int64),
        np.concatenate([SAMPLES[channel, first:last] for channel, first, last in packets]),
    )


def _cut(lengths):
    """All channels cut into packets, each with lengths of its own in turn, in the order of their starts."""
    packets = []
    for channel in range(len(SOURCES)):
        first, turn = 0, channel
        while first < LENGTH:
            last = min(first + lengths[turn % len(lengths)], LENGTH)
            packets.append((channel, first, last))
            first, turn = last, turn + 1
    return sorted(packets, key=lambda packet: (packet[1], packet[0]))


def _heard(packets, batch_size):
    """Picks in the order they were told, and quakes."""
    network = network_of(INVENTORY, SOURCES, START_NS)
    with tempfile.TemporaryDirectory() as scratch:
        hearing = alone(
            inventory=INVENTORY,
            network=network,
            model=MODEL,
            picker=AicPicker(),
            relation=attenuation(),
            scratch=Path(scratch),
        )
        told = []
        for number in range(0, len(packets), batch_size):
            batch = _batch(packets[number : number + batch_size])
            told += hearing.elapse(int(batch.start_ns[0]))
            told += hearing.handle(batch)
        told += hearing.elapse(2**62)
    picks = [value for value in told if isinstance(value, Pick)]
    quakes = sorted((v.quake for v in told if isinstance(v, Portrait)), key=lambda quake: quake.origin.time_ns)
    return picks, quakes


EVEN = _cut([500])
PICKS, QUAKES = _heard(EVEN, len(SOURCES))


def test_there_is_something_to_repeat():
    assert len(QUAKES) == 1
    assert len(PICKS) >= 2 * len(HOUR.stations) * 0.7
    assert any(quake.magnitude is not None for quake in QUAKES)


def test_the_same_packets_again_give_the_same_picks_and_the_same_bytes():
    picks, quakes = _heard(EVEN, len(SOURCES))
    assert picks == PICKS
    assert write_quakeml(quakes) == write_quakeml(QUAKES)


@settings(max_examples=4, deadline=None)
@given(st.lists(st.integers(150, 1500), min_size=1, max_size=6), st.integers(10, 60))
def test_cutting_packets_differently_moves_no_pick_by_more_than_a_sample(lengths, batch_size):
    picks, quakes = _heard(_cut(lengths), batch_size)
    order = sorted(picks, key=lambda pick: pick.key)
    known = sorted(PICKS, key=lambda pick: pick.key)
    assert [(p.source, p.phase) for p in order] == [(p.source, p.phase) for p in known]
    moved_ns = [abs(one.time_ns - other.time_ns) for one, other in zip(order, known, strict=True)]
    assert max(moved_ns) <= NS_PER_S / RATE_HZ
    assert len(quakes) == len(QUAKES)
    for one, other in zip(quakes, QUAKES, strict=True):
        assert abs(one.origin.time_ns - other.origin.time_ns) <= 5 * NS_PER_S / RATE_HZ
