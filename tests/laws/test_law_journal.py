"""Law 11: no crash loses an acknowledged packet, doubles one, or leaves half of one."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.journal.journal import Journal
from houfeng.words.packet import NO_SEQUENCE, Packet

KEEP_BYTES = 1 << 30

packets = st.builds(
    Packet,
    feed=st.sampled_from(["north", "süd"]),
    station_key=st.sampled_from(["XX.A", "XX.B"]),
    sequence=st.one_of(st.just(NO_SEQUENCE), st.integers(0, 2**64 - 2)),
    arrival_ns=st.integers(-(2**63), 2**63 - 1),
    content=st.binary(max_size=200),
)
batches = st.lists(st.lists(packets, max_size=5), max_size=6)


def everything(journal):
    found, at = [], 1
    while got := journal.read(at, most=3):
        found += got
        at = got[-1][0] + 1
    return found


def newest(root):
    return max(root.glob("*.journal"))


@settings(deadline=None, max_examples=60)
@given(kept=batches, lost=batches, data=st.data())
def test_a_crash_at_any_byte_keeps_what_was_acknowledged_and_no_half_packet(kept, lost, data):
    with tempfile.TemporaryDirectory() as folder:
        root, image = Path(folder, "journal"), Path(folder, "image")
        with Journal(root, segment_bytes=600, keep_bytes=KEEP_BYTES) as journal:
            for batch in kept:
                journal.append(batch)
            journal.sync()
            acknowledged = everything(journal)
            marks = {feed: journal.marks(feed) for feed in ("north", "süd")}
            synced_bytes = newest(root).stat().st_size
            synced_name = newest(root).name
            given_numbers = [number for batch in lost for number in journal.append(batch)]
            appended = [packet for batch in lost for packet in batch]
            # What lies on disk at this moment, never closed, is what a crash leaves.
            shutil.copytree(root, image)
        last = image / newest(image).name
        content = bytearray(last.read_bytes())
        safe = synced_bytes if last.name == synced_name else min(len(content), 4096)
        if last.name == synced_name:
            cut = data.draw(st.integers(safe, len(content)))
            content = content[:cut]
            for at in data.draw(st.lists(st.integers(safe, max(safe, cut - 1)), max_size=3)) if cut > safe else []:
                content[at] ^= data.draw(st.integers(1, 255))
            last.write_bytes(content)
        with Journal(image, segment_bytes=600, keep_bytes=KEEP_BYTES) as journal:
            after = everything(journal)
            assert after[: len(acknowledged)] == acknowledged
            later = dict(zip(given_numbers, appended, strict=True))
            assert all(later[number] == packet for number, packet in after[len(acknowledged) :])
            assert journal.next > max([number for number, _ in acknowledged] + given_numbers, default=0)
            if len(after) == len(acknowledged):
                assert {feed: journal.marks(feed) for feed in marks} == marks
            # And it goes on.
            (number,) = journal.append([Packet("north", "XX.A", 7, 8, b"9")])
            journal.sync()
            assert journal.read(number) == [(number, Packet("north", "XX.A", 7, 8, b"9"))]


@settings(deadline=None, max_examples=40)
@given(batch=st.lists(packets, min_size=3, max_size=12), data=st.data())
def test_a_damaged_middle_costs_the_packets_it_touches_and_is_said(batch, data):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with Journal(root, keep_bytes=KEEP_BYTES) as journal:
            head = newest(root).stat().st_size
            numbers = journal.append(batch)
            middle = newest(root).stat().st_size
            end = list(journal.append([Packet("north", "XX.A", 1, 2, b"last")]))
        content = bytearray(newest(root).read_bytes())
        content[data.draw(st.integers(head, middle - 1))] ^= data.draw(st.integers(1, 255))
        newest(root).write_bytes(content)
        with Journal(root, keep_bytes=KEEP_BYTES) as journal:
            after = dict(everything(journal))
            assert len(after) == len(batch)
            assert end[0] in after
            assert all(
                after[number] == packet for number, packet in zip(numbers, batch, strict=True) if number in after
            )
            assert [finding.kind for finding in journal.take_findings()] == ["journal-damage"]


WRITER = """
import random, sys
from pathlib import Path
from houfeng.shell.journal.journal import Journal
from houfeng.words.packet import Packet

chance = random.Random(int(sys.argv[2]))
with Journal(Path(sys.argv[1]), segment_bytes=1 << 18, keep_bytes=1 << 30) as journal:
    at = journal.marks("feed").get("XX.A", -1) + 1
    while True:
        batch = [
            Packet("feed", "XX.A", at + i, at + i, b"%d " % (at + i) * chance.randrange(1, 2000))
            for i in range(chance.randrange(1, 10))
        ]
        at += len(batch)
        numbers = journal.append(batch)
        journal.sync()
        print(numbers[0], *[packet.sequence for packet in batch], flush=True)
"""


def kill_writers(root, times, seed=11):
    """Let a process write until it is killed, many times; all it acknowledged, as number and feed's sequence."""
    chance = random.Random(seed)
    acknowledged = {}
    for run in range(times):
        with subprocess.Popen([sys.executable, "-c", WRITER, root, str(run)], stdout=subprocess.PIPE) as writer:
            lines = [writer.stdout.readline() for _ in range(chance.randrange(1, 20))]
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        for line in lines:
            if line.endswith(b"\n"):
                first, *sequences = map(int, line.split())
                acknowledged.update(enumerate(sequences, start=first))
    return acknowledged


def check_nothing_lost_or_doubled(root, acknowledged):
    with Journal(root, keep_bytes=KEEP_BYTES) as journal:
        found = everything(journal)
        sequences = [packet.sequence for _, packet in found]
        assert sequences == list(range(len(found)))
        assert len({number for number, _ in found}) == len(found)
        assert acknowledged.items() <= {number: packet.sequence for number, packet in found}.items()
        for _, packet in found:
            assert packet.content == b"%d " % packet.sequence * (len(packet.content) // len(b"%d " % packet.sequence))


def test_a_writer_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    acknowledged = kill_writers(tmp_path, 25)
    assert len(acknowledged) > 100
    check_nothing_lost_or_doubled(tmp_path, acknowledged)
