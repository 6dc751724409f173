"""Folders of miniSEED and of OpenEEW packets as feeds: every record once, whatever happens in between."""

import asyncio
import json
import os
import random

import numpy as np
import pytest
from feed_peers import START_NS, Listener, record
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.feeds.folder import folder
from houfeng.shell.feeds.ledger import Ledger
from houfeng.shell.feeds.openeew import openeew
from houfeng.wire import mseed
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S

NOW_NS = 1_800_000_000_000_000_000


def looked(times=1):
    return lambda heard: len(heard.waits_s) >= times


def listen(root, *, marks=None, make=folder, until=None, heard=None):
    """What the feed of a folder brings until it finds nothing more."""

    async def run():
        listener = heard or Listener(dict(marks or {}))
        source = make(
            "files", root, root.parent / "ledger", clock=lambda: NOW_NS, chance=random.Random(1), sleep=listener.sleep
        )
        await listener.listen(source, until or looked())
        return listener, source

    return asyncio.run(run())


def contents(heard):
    return [packet.content for packet in heard.packets]


@pytest.fixture
def root(tmp_path):
    folder_ = tmp_path / "in"
    folder_.mkdir()
    return folder_


def test_every_record_of_every_file_is_brought_in_the_order_of_names(root):
    (root / "sub").mkdir()
    (root / "b.mseed").write_bytes(record(second=2))
    (root / "a.mseed").write_bytes(record(second=0) + record(second=1, version=3))
    (root / "sub" / "c.mseed").write_bytes(record("XX.B", second=3))
    (root / ".half.mseed").write_bytes(record(second=9))
    heard, source = listen(root)
    assert contents(heard) == [
        record(second=0),
        record(second=1, version=3),
        record(second=2),
        record("XX.B", second=3),
    ]
    sequences = [packet.sequence for packet in heard.packets]
    assert sequences == sorted(set(sequences))
    health = source.health()
    assert (health.connected, health.packets) == (True, 4)
    assert not source.secured


def test_a_file_that_grows_gives_what_is_new_once_it_is_whole(root):
    file = root / "a.mseed"
    file.write_bytes(record(second=0) + record(second=1)[:200])
    first, _ = listen(root)
    assert contents(first) == [record(second=0)]
    with file.open("ab") as end:
        end.write(record(second=1)[200:])
    second, _ = listen(root, marks=first.marks)
    assert contents(second) == [record(second=1)]


def test_nothing_is_brought_again_after_a_restart(root):
    (root / "a.mseed").write_bytes(record() * 3)
    heard, _ = listen(root)
    again, _ = listen(root, marks=heard.marks)
    assert again.packets == []


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_whenever_it_is_stopped_every_record_is_in_the_journal_once(tmp_path_factory, data):
    """The journal has a packet or not; the feed is stopped after any number of them, and files grow in between."""
    root = tmp_path_factory.mktemp("law") / "in"
    root.mkdir()
    journal, marks, written, second = [], {}, [], 0
    for _ in range(data.draw(st.integers(1, 4))):
        for name in data.draw(st.lists(st.sampled_from("abc"), max_size=4)):
            with (root / name).open("ab") as file:
                station = data.draw(st.sampled_from(["XX.A", "XX.B"]))
                file.write(record(station, second))
                written.append(record(station, second))
                second += 1
        taken = data.draw(st.integers(1, 5))
        heard = Listener(dict(marks))
        listen(root, heard=heard, until=lambda heard, taken=taken: len(heard.packets) >= taken or heard.waits_s)
        # Delivery may have gone on a little; what the journal made durable is a part from the beginning on.
        kept = heard.packets[: data.draw(st.integers(0, len(heard.packets)))]
        journal += [packet.content for packet in kept]
        marks.update({packet.station_key: packet.sequence for packet in kept})
    heard, _ = listen(root, marks=marks)
    journal += contents(heard)
    assert sorted(journal) == sorted(written)


def test_garbage_between_records_is_skipped_and_said(root):
    (root / "a.mseed").write_bytes(record(second=0) + b"\x00rubbish" * 40 + record(second=1))
    heard, _ = listen(root)
    assert contents(heard) == [record(second=0), record(second=1)]
    assert heard.kinds == [("skipped-bytes", "")]


def test_a_file_that_shrank_is_read_anew(root):
    file = root / "a.mseed"
    file.write_bytes(record(second=0) + record(second=1))
    first, _ = listen(root)
    file.write_bytes(record(second=2))
    second, _ = listen(root, marks=first.marks)
    assert contents(second) == [record(second=2)]
    assert second.kinds == [("file-shrunk", "")]


def test_links_lead_nowhere(root, tmp_path):
    (tmp_path / "secret").write_bytes(record())
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    heard, _ = listen(root)
    assert heard.packets == []


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path):
    root = tmp_path / "later"
    _heard, source = listen(root, until=looked(2))
    assert not source.health().connected
    assert "No such file" in source.health().last_error


def test_a_lost_ledger_is_said(root):
    (root / "a.mseed").write_bytes(record())
    heard, _ = listen(root, marks={"XX.A": 10_000})
    assert heard.kinds == [("ledger-lost", "")]
    assert heard.packets[0].sequence > 10_000


def test_a_damaged_ledger_is_refused(tmp_path):
    (tmp_path / "ledger").write_bytes(b"{}\n")
    with pytest.raises(DataFault, match="ledger"):
        Ledger(tmp_path / "ledger", -1)


def test_a_torn_ledger_line_was_never_given(tmp_path):
    ledger = Ledger(tmp_path / "ledger", -1)
    ledger.take([("a", 0, 512)], -1)
    with (tmp_path / "ledger").open("ab") as file:
        file.write(b'["a", 512')
    again = Ledger(tmp_path / "ledger", -1)
    assert again.done == {"a": 512}
    assert [(stretch.begin, stretch.length, stretch.place) for stretch in again.pending] == [(0, 512, 0)]
    assert Ledger(tmp_path / "ledger", 511).pending == ()


def line(second, *, device="abc", cloud=True, offset_s=0.0):
    """A packet of a second of an OpenEEW device."""
    last_s = START_NS / NS_PER_S + second + 31 / 32
    axes = {axis: [float(second + number) for number in range(32)] for axis in "xyz"}
    packet = {"device_id": device, "device_t": last_s - offset_s, "sr": 32.0, **axes}
    if cloud:
        packet["cloud_t"] = last_s + 0.25
    return json.dumps(packet).encode() + b"\n"


def test_openeew_packets_become_records_as_they_come(root):
    file = root / "a.jsonl"
    file.write_bytes(line(0) + line(1)[:50])
    first, _ = listen(root, make=openeew)
    assert [packet.station_key for packet in first.packets] == ["XX.MXabc"] * 3
    with file.open("ab") as end:
        end.write(line(1)[50:] + b"no packet\n" + line(2, device="def"))
    second, _ = listen(root, make=openeew, marks=first.marks)
    assert [packet.station_key for packet in second.packets] == ["XX.MXabc"] * 3 + ["XX.MXdef"] * 3
    assert ("bad-packet", "") in second.kinds
    (batch,) = mseed.decode(second.packets[0].content).batches
    assert batch.channels[0].nslc == "XX.MXabc..BNZ"
    assert abs(int(batch.start_ns[0]) - (START_NS + int(1.25 * NS_PER_S))) < NS_PER_S // 10
    assert np.array_equal(batch.samples, np.arange(1, 33, dtype=np.int32) * 1000)


def test_an_openeew_packet_half_given_is_given_to_its_end(root):
    (root / "a.jsonl").write_bytes(line(0))
    whole, _ = listen(root, make=openeew)
    (root.parent / "ledger").unlink()
    listen(root, make=openeew)
    rest, _ = listen(root, make=openeew, marks={"XX.MXabc": whole.packets[0].sequence})
    assert contents(rest) == contents(whole)[1:]


def test_an_openeew_clock_far_off_is_corrected_and_said(root):
    (root / "a.jsonl").write_bytes(b"".join(line(second, offset_s=500.0) for second in range(3)))
    heard, _ = listen(root, make=openeew)
    assert ("clock-offset", "XX.MXabc") in heard.kinds
    (batch,) = mseed.decode(heard.packets[-1].content).batches
    assert abs(int(batch.start_ns[0]) - (START_NS + 2 * NS_PER_S)) < NS_PER_S


def test_a_line_without_end_is_no_packet_and_takes_no_memory(root):
    (root / "a.jsonl").write_bytes(b"x" * 3_000_000 + b"\n" + line(0))
    heard, _ = listen(root, make=openeew, until=lambda heard: len(heard.packets) >= 3)
    assert len(heard.packets) == 3
    assert ("skipped-bytes", "") in heard.kinds
