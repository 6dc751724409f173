"""Read a folder of miniSEED files as they appear and grow, each record once, across restarts.

Which bytes are done with is written to a small file now and then, with the place in the journal for which it was true.
After a crash, the packets that the journal has from there on say what was done since: nothing is read twice or passed
over.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from houfeng.shell.keys.files import write_whole
from houfeng.wire.records import LONGEST_BYTES, cut
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.packet import Packet

#: A packet's number is its file's number and the byte after it: files up to 1 TiB, ten million of them.
_OFFSET_BITS = 40
_OFFSET_MASK = (1 << _OFFSET_BITS) - 1

#: The notes are written anew when the journal has so many packets more: reading those back takes a moment.
_NOTED_EVERY = 4096

#: Read at once. More than one record, so that what does not fit is no record.
_CHUNK_BYTES = 4 * LONGEST_BYTES

#: A folder with more files than this is some other folder, or must be tidied.
_MOST_FILES = 100_000


class Folder:
    """The files under a folder, hidden ones left out, in the order of their names.

    feed   name its packets carry
    root   the folder
    notes  file that says what is done with

    Raises DataFault when the notes are damaged.
    """

    def __init__(self, feed: str, root: Path, notes: Path) -> None:
        self._feed = feed
        self._root = root
        self._notes = notes
        self._done: dict[str, tuple[int, int]] = {}  # path -> number, bytes done with
        self._next_number = 0
        self.journal_next = 0
        self._unnoted = False
        self.skipped_bytes = 0
        if notes.exists():
            self._read_notes()

    @property
    def feed(self) -> str:
        """Name of its packets' feed."""
        return self._feed

    def resume(self, journalled: Iterable[Packet]) -> None:
        """Take note of packets that the journal has at and after journal_next. Those of other feeds do not matter."""
        paths = {number: path for path, (number, _) in self._done.items()}
        for packet in journalled:
            number, offset = packet.sequence >> _OFFSET_BITS, packet.sequence & _OFFSET_MASK
            if packet.feed == self._feed and number in paths:
                path = paths[number]
                self._done[path] = (number, max(offset, self._done[path][1]))

    def poll(self, now_ns: int, journal_next: Callable[[], int]) -> Iterator[list[Packet]]:
        """Every record that came since the last look, in portions; one that is not yet whole waits.

        journal_next  gives the journal's next position, for the notes

        Each portion must be in the journal before the next is asked for; one after which nothing is asked for counts
        as not given. Raises WorldFault when the folder cannot be read or the notes cannot be written.
        """
        found = self._files()
        gone = self._done.keys() - found.keys()
        for path in gone:
            del self._done[path]
        fresh = [path for path, size in found.items() if path not in self._done or size < self._done[path][1]]
        for path in fresh:
            self._done[path] = (self._next_number, 0)
            self._next_number += 1
        self._unnoted |= bool(fresh or gone)
        if self._unnoted:
            self._save(journal_next())  # a packet's number means nothing before its file's number is on the disk
        for path, size in found.items():
            for portion in self._read(path, size, now_ns):
                self._save_when_due(journal_next())
                yield portion
        self._save_when_due(journal_next())

    def _save_when_due(self, journal_next: int) -> None:
        if journal_next - self.journal_next >= _NOTED_EVERY:
            self._save(journal_next)

    def _save(self, journal_next: int) -> None:
        """Write the notes. Everything that counts as done is in the journal, before journal_next."""
        files = {path: list(done) for path, done in self._done.items()}
        notes = {"journal_next": journal_next, "next_number": self._next_number, "files": files}
        write_whole(self._notes, json.dumps(notes).encode(), secret=False, replace=True)
        self.journal_next, self._unnoted = journal_next, False

    def _read_notes(self) -> None:
        try:
            notes = json.loads(self._notes.read_bytes())
            self._done = {str(path): (int(number), int(offset)) for path, (number, offset) in notes["files"].items()}
            self._next_number, self.journal_next = int(notes["next_number"]), int(notes["journal_next"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            remedy = "remove it to read every file in the folder again"
            raise DataFault(str(self._notes), "cannot be read as this program's notes", remedy) from error

    def _files(self) -> dict[str, int]:
        """Size of every plain file, by its path under the root, in order of the paths."""
        sizes: dict[str, int] = {}
        try:
            self._root.stat()
            for folder, below, names in os.walk(self._root):
                below[:] = [name for name in below if not name.startswith(".")]
                for name in names:
                    path = Path(folder, name)
                    if not name.startswith(".") and path.is_file() and not path.is_symlink():
                        sizes[str(path.relative_to(self._root))] = path.stat().st_size
                if len(sizes) > _MOST_FILES:
                    raise WorldFault(str(self._root), f"holds more than {_MOST_FILES} files", "move old ones away")
        except OSError as error:
            raise WorldFault(str(self._root), f"cannot be read: {error.strerror}") from error
        return dict(sorted(sizes.items()))

    def _read(self, name: str, size: int, now_ns: int) -> Iterator[list[Packet]]:
        number, offset = self._done[name]
        while offset < size:
            try:
                with (self._root / name).open("rb") as file:
                    file.seek(offset)
                    data = file.read(_CHUNK_BYTES)
            except OSError:
                return  # gone since it was listed
            piece = cut(data)
            if not piece.used:
                return
            self.skipped_bytes += piece.skipped
            packets = [
                Packet(
                    self._feed, record.station_key, number << _OFFSET_BITS | offset + record.end, now_ns, record.content
                )
                for record in piece.records
                if record.station_key
            ]
            yield packets
            offset += piece.used
            self._done[name] = (number, offset)
