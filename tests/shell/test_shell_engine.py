"""The engine: what is signed, what is noted, and a world that refuses for a while."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from journalled import Room, packets_of
from short_recording import make_short

from houfeng.shell.centre.engine import Engine
from houfeng.shell.centre.notes import finding_of, note, tick
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet

sys.path.insert(0, str(Path(__file__).parents[1]))
from signing_station import CENTRE, START_S, SigningStation, enrolment, record

NS = 1_000_000_000


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return make_short(tmp_path_factory.mktemp("short"))


def arriving(contents, feed="line"):
    """Records as they would come, four a second."""
    return [
        Packet(feed, "XX.AB1", number, (START_S + number // 4 + 1) * NS, content)
        for number, content in enumerate(contents, 1)
    ]


def signing(tmp_path, short, contents):
    return Room(tmp_path, short, arriving(contents), enrolments=(enrolment(),), centre_key=CENTRE)


def tiers(room):
    return {
        (channel, (start_ns - START_S * NS) // NS): tier for channel, start_ns, tier in room.keepers.store.assurance()
    }


def test_signed_samples_are_told_as_signed(tmp_path, short):
    room = signing(tmp_path, short, SigningStation().minutes(90))
    room.finish()
    assert set(tiers(room).values()) == {"sensor-signed"}
    assert {channel for channel, _ in tiers(room)} == {f"FDSN:XX_AB1_00_H_H_{letter}" for letter in "ZNE"}
    room.close()


def test_what_is_broken_is_said_and_neither_heard_nor_archived(tmp_path, short):
    sent = SigningStation().minutes(60)
    at = sent.index(record(START_S + 30))
    sent[at] = record(START_S + 30, seed=1)  # other samples than those that were signed
    room = signing(tmp_path, short, sent)
    told = room.finish()
    assert b'"altered-record"' in told["findings"]
    assert tiers(room)["FDSN:XX_AB1_00_H_H_Z", 30] == "broken"
    assert tiers(room)["FDSN:XX_AB1_00_H_H_Z", 31] == "sensor-signed"
    (kept,) = room.keepers.archive.read(_channel(), START_S * NS, (START_S + 30) * NS)
    assert len(kept.samples) == 3000
    assert not room.keepers.archive.read(_channel(), (START_S + 30) * NS, (START_S + 31) * NS)
    room.close()


def test_unsigned_stations_are_told_as_such(tmp_path, short):
    room = Room(tmp_path, short, packets_of(short), secured_feeds=frozenset({"other"}))
    room.finish()
    assert {tier for _, _, tier in room.keepers.store.assurance()} == {"none"}
    room.close()


def test_notes_in_the_journal_become_findings_once_across_crashes(tmp_path, short):
    packets = packets_of(short)
    odd = Finding("station-mismatch", "said one thing and sent another", station="XX.W01")
    packets.insert(50, note(odd, packets[50].arrival_ns))
    packets.insert(60, tick(packets[60].arrival_ns))
    room = Room(tmp_path, short, packets)
    room.run(until=400)
    room.crash()
    room.start()
    assert room.finish()["findings"].count(b"station-mismatch") == 1
    room.close()


@pytest.mark.parametrize("content", [b"no json", b'{"no": "finding"}', b"[]"], ids=["text", "other", "list"])
def test_notes_that_nobody_wrote_are_refused(content):
    with pytest.raises(DataFault, match="note"):
        finding_of(Packet("", "", NO_SEQUENCE, 0, content))


def test_a_world_that_refuses_is_waited_for(tmp_path, short, monkeypatch):
    """The archive's disk is full for three tries: nothing is lost, nothing is doubled, and it is said."""
    room, said = Room(tmp_path, short, packets_of(short)), []
    append, refusals = room.keepers.archive.append, iter(range(3))

    def refusing(batch):
        if next(refusals, None) is not None:
            raise WorldFault("archive", "no space left on device", "make room")
        append(batch)

    monkeypatch.setattr(room.keepers.archive, "append", refusing)
    room.engine = Engine(room.knowledge, room.keepers, tmp_path, wait=lambda *each: said.append(each) or True)
    told = room.finish()
    assert [seconds for seconds, _ in said] == [0.5, 1.0, 2.0]
    assert "no space left" in str(said[0][1])
    room.close()
    other = Room(tmp_path / "other", short, packets_of(short))
    assert told == other.finish()
    other.close()


def test_a_feed_that_is_protected_is_told_as_such(tmp_path, short):
    packets = [replace(packet, feed="tls") for packet in packets_of(short)]
    room = Room(tmp_path, short, packets, secured_feeds=frozenset({"tls"}))
    room.finish()
    assert {tier for _, _, tier in room.keepers.store.assurance()} == {"transport-only"}
    room.close()


def _channel():
    from houfeng.words.source import SourceId

    return SourceId("XX", "AB1", "00", "HHZ")
