"""Law 11, of a disk that fails and works again: nothing acknowledged is lost, nothing doubled, without a restart."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.shell.journal.journal import Journal
from houfeng.words.errors import WorldFault
from houfeng.words.packet import Packet

KEEP_BYTES = 1 << 30
SEGMENT_BYTES = 700


class Disk:
    """Refuses to make durable, or to cut, as it is told call by call; and remembers what it made durable.

    well  of each call from now on in turn; after the last one it is well for good
    """

    def __init__(self):
        self.well = iter(())
        self._real = {name: getattr(os, name) for name in ("fsync", "fdatasync", "ftruncate")}
        self.kept_bytes = {}

    def __enter__(self):
        self._patches = [
            mock.patch.object(os, "fsync", lambda handle: self._keep("fsync", handle)),
            mock.patch.object(os, "fdatasync", lambda handle: self._keep("fdatasync", handle)),
            mock.patch.object(os, "ftruncate", self._cut),
        ]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *error):
        for each in self._patches:
            each.stop()

    def _keep(self, name, handle):
        status = os.fstat(handle)
        if next(self.well, True):
            self._real[name](handle)
            self.kept_bytes[status.st_ino] = status.st_size
            return
        kept = self.kept_bytes.get(status.st_ino, 0)
        path = Path(f"/proc/self/fd/{handle}")
        if status.st_size > kept and path.is_file():
            # Memory has let go of what was not written; what is read there now is what the disk had.
            with path.open("r+b") as file:
                file.seek(kept)
                file.write(bytes((status.st_size - kept) // 2))
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _cut(self, handle, size):
        if not next(self.well, True):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._real["ftruncate"](handle, size)
        status = os.fstat(handle)
        self.kept_bytes[status.st_ino] = min(size, self.kept_bytes.get(status.st_ino, 0))


class Gate:
    """What the centre does: it tries again until the disk takes a batch, and only then goes on to the next."""

    def __init__(self, journal):
        self.journal = journal
        self.acknowledged = {}
        self._given = journal.marks("feed").get("XX.A", -1) + 1
        self.refusals = 0

    def bring(self, count, *, most_tries=200):
        batch = [Packet("feed", "XX.A", self._given + i, i, b"%d " % (self._given + i) * 9) for i in range(count)]
        for _ in range(most_tries):
            try:
                self.journal.mend()
                numbers = self.journal.append(batch)
                self.journal.sync()
            except WorldFault:
                self.refusals += 1
                continue
            self.acknowledged.update(zip(numbers, batch, strict=True))
            self._given += count
            return
        raise AssertionError("the journal never took it")


def everything(journal):
    found, at = [], 1
    while got := journal.read(at, most=3):
        found += got
        at = got[-1][0] + 1
    return found


calls = st.lists(st.booleans(), max_size=40)
counts = st.lists(st.integers(1, 5), min_size=1, max_size=12)


@settings(deadline=None, max_examples=150)
@given(well=calls, batches=counts)
def test_what_was_acknowledged_is_read_at_once_and_after_an_orderly_stop(well, batches):
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), segment_bytes=SEGMENT_BYTES, keep_bytes=KEEP_BYTES)
        gate = Gate(journal)
        with Disk() as disk:
            disk.well = iter(well)
            for count in batches:
                gate.bring(count)
                assert everything(journal) == list(gate.acknowledged.items())
                assert journal.marks("feed") == {"XX.A": max(each.sequence for each in gate.acknowledged.values())}
        kinds = [finding.kind for finding in journal.take_findings()]
        assert ("journal-doubtful" in kinds) == ("journal-mended" in kinds)
        assert "journal-damage" not in kinds
        journal.close()
        with Journal(Path(folder), segment_bytes=SEGMENT_BYTES, keep_bytes=KEEP_BYTES) as journal:
            assert everything(journal) == list(gate.acknowledged.items())
            assert journal.next > max(gate.acknowledged)


@settings(deadline=None, max_examples=150)
@given(well=calls, batches=counts, crash_at=st.integers(0, 11), data=st.data())
def test_a_crash_of_a_disk_that_fails_loses_and_doubles_nothing(well, batches, crash_at, data):
    with tempfile.TemporaryDirectory() as folder:
        root, image = Path(folder, "journal"), Path(folder, "image")
        with Disk() as disk:
            journal = Journal(root, segment_bytes=SEGMENT_BYTES, keep_bytes=KEEP_BYTES)
            gate = Gate(journal)
            disk.well = iter(well)
            for count in batches[:crash_at]:
                gate.bring(count)
            try:
                gate.bring(batches[-1], most_tries=1)
            except AssertionError:
                assert gate.refusals > 0
            shutil.copytree(root, image)
            for path in root.glob("*.journal"):
                _crash(image / path.name, disk.kept_bytes.get(path.stat().st_ino, 0), data)
        next_before = journal.next
        journal.close()
        with Journal(image, segment_bytes=SEGMENT_BYTES, keep_bytes=KEEP_BYTES) as journal:
            assert gate.acknowledged.items() <= dict(everything(journal)).items()
            # Numbers that were given before the crash are not given again.
            assert journal.next >= next_before
            after = Gate(journal)
            after.bring(3)
            sequences = [packet.sequence for _, packet in everything(journal)]
            if any(finding.kind == "journal-damage" for finding in journal.take_findings()):
                # Never acknowledged, and some of it on the disk behind some that is not: that is asked for again.
                assert sorted(set(sequences)) == list(range(max(sequences) + 1))
            else:
                assert sequences == list(range(len(sequences)))


def _crash(path, kept, data):
    """Of a file only what was made durable is sure; of the rest some may be there, and some of that garbled."""
    content = bytearray(path.read_bytes())
    kept = min(kept, len(content))
    del content[data.draw(st.integers(kept, len(content))) :]
    if len(content) > kept:
        content[data.draw(st.integers(kept, len(content) - 1))] ^= data.draw(st.integers(0, 255))
    path.write_bytes(content)
