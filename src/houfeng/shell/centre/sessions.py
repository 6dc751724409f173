"""Who read what, one JSON object a line, in files that do not grow without end."""

from pathlib import Path

from houfeng.wire.seedlink.notes import Note, write_note

#: Who read what is kept here, and what came before in a file of the same name with the ending .1.
SESSIONS_FILE = "sessions.jsonl"

#: Bytes at which a new file is begun: a quarter of a million connections. Whoever connects again and again fills two
#: such files, and not the disk.
LARGEST_BYTES = 64 << 20


class SessionLog:
    """The session log of a centre.

    folder  of the centre
    """

    def __init__(self, folder: Path, *, largest_bytes: int = LARGEST_BYTES) -> None:
        self._path = folder / SESSIONS_FILE
        self._largest_bytes = largest_bytes

    def add(self, note: Note) -> None:
        """Write a note. Raises OSError when the disk refuses."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(write_note(note) + "\n")
            full = file.tell() >= self._largest_bytes
        if full:
            self._path.replace(self._path.with_name(f"{SESSIONS_FILE}.1"))
