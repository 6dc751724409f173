"""Recorded arrivals: the table arrivals.csv beside a recording, as the twin writes it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from houfeng.shell.arrivals.files import Pieces
from houfeng.wire.mseed.layout import LONGEST_3
from houfeng.wire.records import cut
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.packet import NO_SEQUENCE, Packet
from houfeng.words.source import parse_source

#: The table's name, and its first line.
TABLE = "arrivals.csv"
COLUMNS = b"arrival_time,file,offset,length,source,start_time"

#: Read of a table at a time; a line longer than this is none.
_BLOCK_BYTES = 1 << 20


def table_of(path: Path) -> Path | None:
    """The table that speaks for a file of waveforms: beside it, or in the folder above."""
    for folder in path.absolute().parents[:2]:
        table = folder / TABLE
        if is_table(table):
            return table
    return None


def is_table(path: Path) -> bool:
    """Whether a file is a table of arrivals; many data sets have another arrivals.csv."""
    try:
        with path.open("rb") as file:
            return file.read(len(COLUMNS) + 1).rstrip(b"\r\n") == COLUMNS
    except OSError:
        return False


class Table:
    """The packets of files for which one table speaks.

    files  chosen files, by the names the table has for them; what it says of others is passed over
    """

    def __init__(self, path: Path, files: Mapping[str, Path]) -> None:
        self._path = path
        self._files = files
        self._pieces = Pieces()
        self._unspoken = dict.fromkeys(files)
        self._bad = self._late = 0

    def packets(self) -> Iterator[Packet]:
        """Packets in the order of the table, each one record, read as they are asked for.

        A line may hold several records: they arrive together. One that goes back in time is believed for its order, and
        takes the time of the one before.
        Raises WorldFault when the table cannot be read.
        """
        latest_ns = None
        for line in self._lines():
            packet = self._packet(line)
            if packet is None:
                continue
            if latest_ns is not None and packet.arrival_ns < latest_ns:
                self._late += 1
                packet = Packet(packet.feed, packet.station_key, packet.sequence, latest_ns, packet.content)
            latest_ns = packet.arrival_ns
            for record in cut(packet.content).records:
                yield replace(packet, content=record.content)

    def take_findings(self) -> tuple[Finding, ...]:
        """What was odd, once all is played."""
        told = [
            (self._bad, "bad-arrival", "lines tell of no record there is; passed over"),
            (self._late, "arrivals-disordered", "lines go back in time; their packets arrive with the one before"),
            (
                len(self._unspoken),
                "no-arrivals",
                "of the files given are not in this table: none of their packets came",
            ),
        ]
        self._bad = self._late = 0
        self._unspoken = {}
        return tuple(Finding(kind, f"{count} {reason}", str(self._path)) for count, kind, reason in told if count)

    def close(self) -> None:
        """Close every file."""
        self._pieces.close()

    def _lines(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                rest, first = b"", True
                while block := file.read(_BLOCK_BYTES):
                    *lines, rest = (rest + block).split(b"\n")
                    yield from lines[first:]  # the first line of all names the columns
                    first = first and not lines
                    if len(rest) > _BLOCK_BYTES:
                        self._bad += 1
                        rest = b""
                if rest:
                    yield rest
        except OSError as error:
            fault = WorldFault(str(self._path), error.strerror or str(error), "check the path and its permissions")
            raise fault from error

    def _packet(self, line: bytes) -> Packet | None:
        """The packet of a line; None, counted, for a line that cannot be right, and for files not chosen."""
        fields = line.rstrip(b"\r").decode(errors="replace").split(",")
        path = self._files.get(fields[1]) if len(fields) == 6 else None
        if path is None:
            self._bad += len(fields) != 6
            return None
        try:
            arrival_ns, station_key = _instant(fields[0]), _station_key(fields[4])
            offset, length = _whole(fields[2]), _whole(fields[3])
        except ValueError:
            self._bad += 1
            return None
        content = self._pieces.read(path, offset, length) if 0 < length <= LONGEST_3 else None
        if content is None:
            self._bad += 1
            return None
        self._unspoken.pop(fields[1], None)
        return Packet("recording", station_key, NO_SEQUENCE, arrival_ns, content)


def _instant(text: str) -> int:
    """An instant as the table writes it; the second, which many lines share, is read once."""
    if text[19:20] != "." or text[-1:] != "Z":
        return parse_instant(text)
    fraction = text[20:-1]
    if not (fraction.isascii() and fraction.isdigit() and len(fraction) <= 9):
        raise ValueError(f"not an ISO 8601 UTC time: {text!r}")
    return _second(text[:19]) + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=256)
def _second(text: str) -> int:
    return parse_instant(text)


@lru_cache(maxsize=4096)
def _station_key(text: str) -> str:
    return parse_source(text).station_key


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(f"not a whole number: {text[:20]!r}")
    return int(text)
