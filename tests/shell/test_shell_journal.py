"""The journal: numbers, marks, room, and what it does when the disk refuses."""

import errno
import os
import resource
import subprocess
import sys
import threading

import pytest

from houfeng.shell.journal import journal as journal_module
from houfeng.shell.journal.journal import Journal
from houfeng.words.errors import DataFault, OurFault, WorldFault
from houfeng.words.packet import NO_SEQUENCE, Packet

KEEP_BYTES = 1 << 30


def packet(number, *, feed="feed", station="XX.A", arrival_ns=None, size=100):
    return Packet(feed, station, number, number if arrival_ns is None else arrival_ns, bytes([number % 256]) * size)


def filled(root, count, *, batch=1, **settings):
    journal = Journal(root, **({"keep_bytes": KEEP_BYTES, "segment_bytes": 2000} | settings))
    for first in range(0, count, batch):
        journal.append([packet(number) for number in range(first, first + batch)])
    journal.sync()
    return journal


def fill(journal):
    while True:
        journal.append([packet(journal.next)])


def numbers(found):
    return [number for number, _ in found]


def test_packets_are_numbered_from_one_and_read_back(tmp_path):
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert (journal.first, journal.next) == (1, 1)
        assert journal.read(1) == []
        assert journal.append([packet(7), packet(8)]) == range(1, 3)
        journal.sync()
        assert journal.read(1) == [(1, packet(7)), (2, packet(8))]
        assert journal.append([]) == range(3, 3)


def test_only_what_is_durable_is_read(tmp_path):
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        journal.append([packet(1)])
        assert (journal.synced, journal.next, journal.read(1)) == (1, 2, [])
        journal.sync()
        assert (journal.synced, numbers(journal.read(1))) == (2, [1])


@pytest.mark.parametrize("reopened", [False, True])
def test_any_position_is_read_across_segments(tmp_path, reopened):
    journal = filled(tmp_path, 600)
    assert len(list(tmp_path.glob("*.journal"))) > 20
    if reopened:
        journal.close()
        journal = Journal(tmp_path, segment_bytes=2000, keep_bytes=KEEP_BYTES)
    with journal:
        for sequence in (1, 2, 300, 599, 600):
            assert journal.read(sequence, most=5) == [
                (number, packet(number - 1)) for number in range(sequence, min(sequence + 5, 601))
            ]
        assert numbers(journal.read(-5, most=1)) == [1]
        assert journal.read(601) == []


def test_a_clean_stop_leaves_no_gap_in_the_numbers(tmp_path):
    filled(tmp_path, 3).close()
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert journal.append([packet(3)]) == range(4, 5)


def test_a_record_longer_than_what_is_read_at_once(tmp_path):
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        journal.append([packet(1), packet(2, size=3_000_000), packet(3)])
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert [(number, len(each.content)) for number, each in journal.read(1)] == [(1, 100), (2, 3_000_000), (3, 100)]


def test_a_reader_gets_no_more_than_memory_allows(tmp_path, monkeypatch):
    monkeypatch.setattr("houfeng.shell.journal.ring.READ_BYTES", 1000)
    filled(tmp_path, 60).close()
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert numbers(journal.read(1)) == list(range(1, 11))
        assert numbers(journal.read(11, most=3)) == [11, 12, 13]


def test_marks_are_the_last_of_each_station_and_feed(tmp_path):
    with Journal(tmp_path, segment_bytes=1000, keep_bytes=2000) as journal:
        journal.append(
            [packet(5, feed="a"), packet(9, feed="b"), packet(6, feed="a"), packet(2, feed="a", station="XX.B")]
        )
        for _ in range(40):
            journal.hold(journal.next)
            journal.append([packet(NO_SEQUENCE, feed="c", arrival_ns=1)])
        assert journal.first > 4
    with Journal(tmp_path, segment_bytes=1000, keep_bytes=2000) as journal:
        assert journal.marks("a") == {"XX.A": 6, "XX.B": 2}
        assert journal.marks("b") == {"XX.A": 9}
        assert journal.marks("c") == {}


def test_a_feed_that_invents_stations_forgets_only_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("houfeng.shell.journal.marks.MOST_STATIONS", 3)
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        journal.append([packet(1, feed="honest")])
        journal.append([packet(number, feed="liar", station=f"XX.{number}") for number in range(9)])
        assert journal.marks("honest") == {"XX.A": 1}
        assert journal.marks("liar") == {"XX.6": 6, "XX.7": 7, "XX.8": 8}


def test_the_oldest_are_dropped_only_once_archived(tmp_path):
    with Journal(tmp_path, segment_bytes=1000, keep_bytes=4000) as journal:
        with pytest.raises(WorldFault, match="journal full"):
            fill(journal)
        given = journal.next - 1
        journal.sync()
        assert numbers(journal.read(1)) == list(range(1, given + 1))
        journal.hold(given)
        assert journal.append([packet(given)]) == range(given + 1, given + 2)
        assert 1 < journal.first <= given
        assert numbers(journal.read(1))[0] == journal.first
    assert sum(path.stat().st_size for path in tmp_path.glob("*.journal")) <= 4000


def test_a_second_writer_is_refused(tmp_path):
    with Journal(tmp_path, keep_bytes=KEEP_BYTES), pytest.raises(WorldFault, match="another process"):
        Journal(tmp_path, keep_bytes=KEEP_BYTES)


def test_a_disk_that_fills_up_takes_nothing_half_and_goes_on_when_there_is_room(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        journal.append([packet(1)])
        (file,) = tmp_path.glob("*.journal")
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size + 200, hard))
            with pytest.raises(WorldFault, match="too large"):
                journal.append([packet(2), packet(3), packet(4)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.append([packet(2)]) == range(2, 3)
        journal.sync()
        assert journal.read(1) == [(1, packet(1)), (2, packet(2))]
        assert journal.marks("feed") == {"XX.A": 2}
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert journal.read(1) == [(1, packet(1)), (2, packet(2))]
        assert journal.take_findings() == ()


def test_a_segment_that_finds_no_room_leaves_the_journal_as_it_was(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with filled(tmp_path, 1, segment_bytes=100) as journal:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
            with pytest.raises(WorldFault, match="too large"):
                journal.append([packet(1)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert list(tmp_path.glob("*.new")) == []
        assert journal.append([packet(1)]) == range(2, 3)
        journal.sync()
        assert journal.read(1) == [(1, packet(0)), (2, packet(1))]


def test_a_disk_that_fails_to_keep_is_not_believed_again(tmp_path, monkeypatch):
    def broken_disk(_handle):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with filled(tmp_path, 1) as journal:
        journal.append([packet(1)])
        monkeypatch.setattr(journal_module.os, "fdatasync", broken_disk)
        with pytest.raises(WorldFault, match="Input/output error"):
            journal.sync()
        monkeypatch.undo()
        with pytest.raises(WorldFault, match="Input/output error"):
            journal.append([packet(2)])
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert journal.read(1) == [(1, packet(0))]
        assert journal.marks("feed") == {"XX.A": 0}
        assert journal.next > 2


def test_a_torn_tail_is_cut_and_said(tmp_path):
    filled(tmp_path, 3).close()
    (file,) = tmp_path.glob("*.journal")
    os.truncate(file, file.stat().st_size - 1)
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        (finding,) = journal.take_findings()
        assert finding.kind == "torn-journal"
        assert numbers(journal.read(1)) == [1, 2]
        assert journal.next > 3
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert journal.take_findings() == ()


def test_a_damaged_head_costs_its_segment_and_no_number_comes_twice(tmp_path):
    filled(tmp_path, 60).close()
    newest = max(tmp_path.glob("*.journal"))
    lost = int(newest.stem)
    newest.write_bytes(b"\x00" * 30 + newest.read_bytes()[30:])
    with Journal(tmp_path, segment_bytes=2000, keep_bytes=KEEP_BYTES) as journal:
        assert [finding.kind for finding in journal.take_findings()] == ["journal-damage"]
        assert numbers(journal.read(1)) == list(range(1, lost))
        assert journal.next > 60
        assert journal.marks("feed") == {"XX.A": lost - 2}
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_damage_in_an_old_segment_is_said_when_it_is_read(tmp_path):
    filled(tmp_path, 60).close()
    oldest = min(tmp_path.glob("*.journal"))
    content = bytearray(oldest.read_bytes())
    content[-100] ^= 1
    oldest.write_bytes(content)
    with Journal(tmp_path, segment_bytes=2000, keep_bytes=KEEP_BYTES) as journal:
        lost = int(sorted(tmp_path.glob("*.journal"))[1].stem) - 1
        assert numbers(journal.read(1)) == [number for number in range(1, 61) if number != lost]
        assert [finding.kind for finding in journal.take_findings()] == ["journal-damage"]


def test_a_packet_that_looks_like_a_frame_is_only_content(tmp_path):
    filled(tmp_path / "other", 2).close()
    (other,) = (tmp_path / "other").glob("*.journal")
    forged = Packet("feed", "XX.A", 1, 1, other.read_bytes())
    with Journal(tmp_path / "mine", keep_bytes=KEEP_BYTES) as journal:
        journal.append([forged, packet(2)])
    (file,) = (tmp_path / "mine").glob("*.journal")
    content = bytearray(file.read_bytes())
    content[content.index(other.read_bytes()) - 3] ^= 1
    file.write_bytes(content)
    with Journal(tmp_path / "mine", keep_bytes=KEEP_BYTES) as journal:
        assert journal.read(1) == [(2, packet(2))]


@pytest.mark.parametrize(
    "bad",
    [
        Packet("feed", "X" * 65, 1, 1, b""),
        Packet("f" * 65, "XX.A", 1, 1, b""),
        Packet("feed", "XX.A", 2**64 - 1, 1, b""),
        Packet("feed", "XX.A", -2, 1, b""),
        Packet("feed", "XX.A", 1, 2**63, b""),
        Packet("feed", "XX.A", 1, 1, bytes((1 << 24) + 1)),
    ],
    ids=["station", "feed", "large-sequence", "negative-sequence", "arrival", "content"],
)
def test_a_packet_no_frame_can_hold_is_refused_whole(tmp_path, bad):
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        with pytest.raises(DataFault):
            journal.append([packet(1), bad])
        assert journal.append([packet(1)]) == range(1, 2)


def test_misuse_is_said(tmp_path):
    with pytest.raises(WorldFault, match="two segments"):
        Journal(tmp_path, segment_bytes=1000, keep_bytes=1999)
    journal = Journal(tmp_path, keep_bytes=KEEP_BYTES)
    with pytest.raises(OurFault):
        journal.append([packet(1)] * 65_537)
    journal.close()
    journal.close()
    with pytest.raises(OurFault):
        journal.append([packet(1)])


def test_readers_follow_a_writer_while_old_segments_go(tmp_path):
    count = 3000
    with Journal(tmp_path, segment_bytes=5_000, keep_bytes=200_000) as journal:
        seen = []

        def follow():
            at = 1
            while at <= count:
                for number, each in journal.read(at, most=7):
                    seen.append((number, each))
                    at = number + 1

        reader = threading.Thread(target=follow)
        reader.start()
        for number in range(count):
            journal.append([packet(number)])
            journal.sync()
            journal.hold(journal.next)
        reader.join(timeout=60)
        assert not reader.is_alive()
        assert all(each == packet(number - 1) for number, each in seen)
        assert seen[-1][0] == count
        assert numbers(seen) == sorted(set(numbers(seen)))


def test_the_journal_needs_nothing_but_the_standard_library():
    ours = "import sys; import houfeng.shell.journal.journal; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", ours], check=True, capture_output=True, text=True).stdout.split()
    assert "houfeng" in loaded
    assert {"numpy", "obspy", "sqlalchemy"}.isdisjoint(loaded)


def failing(_handle):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_disk_that_works_again_is_written_to_in_a_new_file(tmp_path, monkeypatch):
    with filled(tmp_path, 2, batch=2, segment_bytes=5000) as journal:
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", failing)
            journal.append([packet(2), packet(3, station="XX.B")])
            with pytest.raises(WorldFault, match="Input/output error"):
                journal.sync()
            assert journal.marks("feed") == {"XX.A": 1}
            assert numbers(journal.read(1)) == [1, 2]
        with monkeypatch.context() as broken:
            broken.setattr(os, "fsync", failing)
            with pytest.raises(WorldFault, match="Input/output error"):
                journal.mend()
            with pytest.raises(WorldFault, match="Input/output error"):
                journal.append([packet(2)])
        journal.mend()
        journal.mend()
        assert journal.append([packet(2)]) == range(5, 6)
        journal.sync()
        assert journal.read(1) == [(1, packet(0)), (2, packet(1)), (5, packet(2))]
        assert journal.read(3, most=1) == [(5, packet(2))]
        doubtful, mended = journal.take_findings()
        assert (doubtful.kind, mended.kind) == ("journal-doubtful", "journal-mended")
        assert "Input/output error" in doubtful.reason
        assert doubtful.file != mended.file
    with Journal(tmp_path, keep_bytes=KEEP_BYTES) as journal:
        assert journal.read(1) == [(1, packet(0)), (2, packet(1)), (5, packet(2))]
        assert journal.next == 6
        assert journal.take_findings() == ()


def test_a_disk_that_fails_again_and_again_leaves_no_heap_of_files(tmp_path, monkeypatch):
    with filled(tmp_path, 2) as journal:
        for number in range(2, 30):
            journal.append([packet(number)])
            with monkeypatch.context() as broken:
                broken.setattr(os, "fdatasync", failing)
                with pytest.raises(WorldFault):
                    journal.sync()
            journal.mend()
        assert len(list(tmp_path.glob("*.journal"))) == 2
        journal.append([packet(2)])
        journal.sync()
        assert [each for _, each in journal.read(1)] == [packet(0), packet(1), packet(2)]


def test_what_a_failing_disk_took_with_it_is_said(tmp_path, monkeypatch):
    with filled(tmp_path, 9, segment_bytes=5000) as journal:
        (file,) = tmp_path.glob("*.journal")
        journal.append([packet(9)])
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", failing)
            with pytest.raises(WorldFault):
                journal.sync()
        with file.open("r+b") as content:
            content.seek(-300, os.SEEK_END)
            content.write(b"bad")
        journal.mend()
        kinds = [finding.kind for finding in journal.take_findings()]
        assert kinds == ["journal-doubtful", "journal-mended", "journal-damage"]
        assert len(journal.read(1)) == 8
