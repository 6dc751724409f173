"""Slices cut by headers alone are the engine's slices; and after a crash nothing is missing from them."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journalled import knowledge, packets_of
from short_recording import make_short

from houfeng.quake.acquire import Pace
from houfeng.quake.acquire.batches import joined
from houfeng.shell.arrivals.paced import Paced, decode_packets, first_ns
from houfeng.shell.centre.engine import Progress
from houfeng.shell.cluster.cutting import MOST_ASIDE, Cutter
from houfeng.shell.cluster.detect import _decoded
from houfeng.shell.cluster.intake import _stations
from houfeng.wire import mseed
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return make_short(tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def packets(short):
    return list(enumerate(packets_of(short), 1))


@pytest.fixture(scope="module")
def known(short):
    """With all channels named, so that slices are let go of on the way."""
    told = knowledge(short)
    sources = {source for batch in short.hour.batches for source in batch.channels}
    stations = tuple(
        replace(
            station, channels=tuple(Channel(source) for source in sorted(sources) if source.station_key == station.key)
        )
        for station in told.inventory.stations
    )
    return replace(told, inventory=Inventory(stations))


@pytest.fixture(scope="module")
def hasty(known):
    """A pace that remembers little, so that a short recording has places to begin again."""
    return replace(known, patience_ns=3 * NS_PER_S, slice_ns=2 * NS_PER_S)


@pytest.fixture(scope="module")
def delayed(packets):
    """Every tenth packet up to a minute late; and a station whose clock is ahead, so that its packets are held long."""
    random = Random(4)

    def arrives_ns(number, packet):
        late_ns = random.randrange(60 * NS_PER_S) if number % 10 == 0 else 0
        return packet.arrival_ns + late_ns - (40 * NS_PER_S if packet.station_key == "XX.W07" else 0)

    moved = [replace(packet, arrival_ns=arrives_ns(number, packet)) for number, packet in packets]
    return list(enumerate(sorted(moved, key=lambda packet: packet.arrival_ns), 1))


def paced_slices(known, packets):
    """What the engine would hear."""
    begun = [packet for _, packet in packets]
    standing = known.inventory.at(first_ns(begun))
    paced = Paced(Pace(channel.source for station in standing for channel in station.channels))
    seconds = {}
    for packet in begun:
        seconds.setdefault(packet.arrival_ns // NS_PER_S, []).append(packet)
    for second in seconds.values():
        yield from paced.handle(second, max(packet.arrival_ns for packet in second))
    yield from paced.finish()


def columns(batches):
    return [
        (batch.channels, batch.start_ns.tolist(), batch.channel.tolist(), batch.samples.tolist()) for batch in batches
    ]


def cut_all(cutter, packets):
    return [*cutter.handle(packets), *cutter.finish()]


def test_slices_are_those_the_engine_hears(known, packets):
    cuts = cut_all(Cutter(known, Progress.read(None), lambda _: None), packets)
    slices = list(paced_slices(known, packets))
    assert [cut.now_ns for cut in cuts] == [each.now_ns for each in slices]
    for cut, each in zip(cuts, slices, strict=True):
        assert columns(joined(decode_packets(cut.packets).batches)) == columns(each.batches)


@settings(max_examples=25, deadline=None)
@given(ends=st.lists(st.integers(1, 1000), max_size=4))
def test_after_a_crash_every_packet_not_kept_is_given_again(hasty, delayed, ends):
    """Killed after any of its commits, any number of times: all is given, and what was kept may be given again."""
    progress, kept = Progress.read(None), set()
    for end in sorted(ends):
        cutter = Cutter(hasty, Progress.read(progress.write()), lambda _: None)
        for begin in range(cutter.next, end, 97):
            kept.update(packet for cut in cutter.handle(delayed[begin - 1 : begin + 96]) for packet in cut.packets)
            progress = cutter.progress()
    last = Cutter(hasty, Progress.read(progress.write()), lambda _: None)
    kept.update(packet for cut in cut_all(last, delayed[last.next - 1 :]) for packet in cut.packets)
    assert kept == {packet for _, packet in delayed}


def test_the_place_to_begin_again_moves_on(hasty, delayed):
    cutter = Cutter(hasty, Progress.read(None), lambda _: None)
    list(cutter.handle(delayed))
    progress = cutter.progress()
    assert progress.begin > len(delayed) // 3
    assert progress.told_ns > progress.anchors[0].now_ns


def test_findings_and_assurance_are_told_once_over_all_lives(known, packets):
    said = []
    odd = [
        (number, replace(packet, content=b"no record")) if number % 100 == 0 else (number, packet)
        for number, packet in packets
    ]
    once = []
    cut_all(Cutter(known, Progress.read(None), once.append), odd)
    first = Cutter(known, Progress.read(None), said.append)
    list(first.handle(odd[:600]))
    second = Cutter(known, Progress.read(first.progress().write()), said.append)
    cut_all(second, odd[second.next - 1 :])
    assert [each.packet for each in said if not isinstance(each, Finding)] == [
        each.packet for each in once if not isinstance(each, Finding)
    ]
    assert any(isinstance(each, Finding) for each in once)


def test_a_flood_of_text_is_dropped_and_said(known, packets):
    """No samples, no time: nothing but the next slice would ever let go of them."""
    source = SourceId("XX", "W00", "", "LOG")
    text = mseed.encode([Segment(source, 0, 1.0, decode_packets([packets[0][1]]).batches[0].samples[:1])])
    silent = bytearray(text)
    silent[30:32] = b"\0\0"
    said = []
    cutter = Cutter(known, Progress.read(None), said.append)
    number = len(packets) + 1
    list(cutter.handle(packets[:10]))
    flood = [
        (number + k, Packet("test", "XX.W00", -1, packets[9][1].arrival_ns + 2 * NS_PER_S, bytes(silent)))
        for k in range(MOST_ASIDE + 5)
    ]
    cuts = cut_all(cutter, flood)
    assert [each.kind for each in said if isinstance(each, Finding)] == ["no-samples"]
    assert sum(len(cut.packets) for cut in cuts) == 10 + MOST_ASIDE


def test_a_record_hidden_behind_garbage_is_nobodys(packets):
    """Who finds it all the same hears what no station signed, under another station's name."""
    hidden = replace(packets[0][1], content=bytes(100) + packets[0][1].content)
    assert list(_stations([hidden])) == [""]
    batches, findings = _decoded([hidden])
    assert (batches, len(findings)) == ((), 1)
