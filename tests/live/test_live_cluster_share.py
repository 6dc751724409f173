"""A share that detects far ahead answers as ears would that had heard nothing beyond the slice asked about."""

import pytest
from cluster_rehearsal import CRUST, cut, make_recording

from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.ears import Ears
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.shell.cluster.ask_frames import (
    AskLook,
    AskReach,
    AskSegments,
    decode_look,
    decode_reach,
    decode_segments,
)
from houfeng.shell.cluster.share import Centre, Share
from houfeng.wire import mseed
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Pick
from houfeng.words.samples import Late, PacketBatch
from houfeng.words.station import Inventory


def decoded(slices):
    """Slices of packets as slices of samples."""
    return [
        (now_ns, mseed.decode(b"".join(packet.content for packet in packets)).batches) for now_ns, packets in slices
    ]


def content(batch):
    """What a batch holds, for comparison."""
    columns = (batch.channel, batch.start_ns, batch.rate_hz, batch.offset, batch.samples)
    return batch.channels, *(column.tobytes() for column in columns)


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A centre, and its slices decoded."""
    path = tmp_path_factory.mktemp("recording") / "made.mseed"
    inventory = Inventory(make_recording(path))
    slices = decoded(cut(path.read_bytes())[:-1])
    channels = slices[0][1][0].channels
    return Centre(inventory, network_of(inventory, channels, slices[0][0]), CRUST, AicPicker()), slices


@pytest.mark.parametrize("ahead", [0, 5])
def test_answers_are_as_of_the_slice_asked_about(heard, ahead):
    centre, slices = heard
    ears = Ears(centre.network, centre.inventory, centre.picker, travel_times(centre.model, centre.network))
    share = Share(centre)
    taken = looked = 0
    for number, (now_ns, batches) in enumerate(slices):
        told = [value for value in ears.elapse(now_ns) if isinstance(value, Pick)]
        while taken <= min(number + ahead, len(slices) - 1):
            share.take(*slices[taken])
            taken += 1
        share.follow(now_ns)
        reach = decode_reach(share.answer(AskReach()))
        assert set(reach) == set(ears.channels())
        for source, until_ns in reach.items():
            assert not ears.listening(source.station_key, until_ns)
            assert ears.listening(source.station_key, until_ns - 1)
            mine = decode_segments(share.answer(AskSegments(source, 0, 2**62)), source)
            theirs = ears.segments(source, 0, 2**62)
            assert [(s.start_ns, s.rate_hz, s.samples.tobytes()) for s in mine] == [
                (s.start_ns, s.rate_hz, s.samples.tobytes()) for s in theirs
            ]
        for pick in told:
            asked = (pick.source.station_key, pick.phase, pick.time_ns + NS_PER_S // 5, 1.0)
            assert decode_look(share.answer(AskLook(*asked))) == ears.look(*asked)
            looked += 1
        for batch in batches:
            list(ears.handle(batch))
    assert looked > 10


def test_picks_of_shares_together_are_those_of_one_pair_of_ears(heard):
    centre, slices = heard
    ears = Ears(centre.network, centre.inventory, centre.picker, travel_times(centre.model, centre.network))
    share = Share(centre)
    for now_ns, batches in slices:
        told, _ = share.take(now_ns, batches)
        assert list(told.elapsed) == [value for value in ears.elapse(now_ns) if not isinstance(value, PacketBatch)]
        assert list(told.handled) == [
            value for batch in batches for value in ears.handle(batch) if not isinstance(value, PacketBatch)
        ]


def test_packets_too_late_to_be_heard_are_kept_all_the_same(heard, tmp_path):
    centre, _ = heard
    make_recording(tmp_path / "made.mseed")
    slices = cut((tmp_path / "made.mseed").read_bytes())[:-1]
    held = [packet for packet in slices[2][1] if packet.station_key == slices[2][1][0].station_key]
    slices[2] = slices[2][0], [packet for packet in slices[2][1] if packet not in held]
    slices[4][1].extend(held)
    ears = Ears(centre.network, centre.inventory, centre.picker, travel_times(centre.model, centre.network))
    share = Share(centre)
    late = 0
    for now_ns, batches in decoded(slices):
        _, kept = share.take(now_ns, batches)
        caught = [*ears.elapse(now_ns), *(value for batch in batches for value in ears.handle(batch))]
        late += sum(isinstance(value, Late) for value in caught)
        worth = [value.batch if isinstance(value, Late) else value for value in caught]
        assert [*map(content, kept)] == [content(value) for value in worth if isinstance(value, PacketBatch)]
    assert late > 0
