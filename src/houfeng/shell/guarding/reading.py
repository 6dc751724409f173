"""Files of eyes, whatever their format, as what they tell, in order of time."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from houfeng.guard.observe.joining import join
from houfeng.guard.observe.observing import Sight
from houfeng.shell.guarding.opening import pieces
from houfeng.wire.eyes.argus import ArgusReader
from houfeng.wire.eyes.authlog import AuthLogReader
from houfeng.wire.eyes.eve import eve_reader
from houfeng.wire.eyes.frame_table import FrameTableReader
from houfeng.wire.eyes.frames import COLUMNS, FrameBatch
from houfeng.wire.eyes.netflow import NetFlowDecoder
from houfeng.wire.eyes.nfdump import NfdumpReader
from houfeng.wire.eyes.pcap import PcapReader, datagrams
from houfeng.wire.eyes.rate_table import RateBatch, RateTableReader
from houfeng.wire.eyes.recognise import recognise
from houfeng.wire.eyes.serverlog import ServerLogReader
from houfeng.wire.eyes.zeek import zeek_reader
from houfeng.words.errors import DataFault, HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.network import Flow, time_of

#: So much of a file is looked at to tell what it is.
_HEAD_BYTES: Final = 4096

#: UDP ports that NetFlow and IPFIX are exported to: the exporters' own defaults.
_EXPORT_PORTS: Final = (2055, 2056, 4739, 9555, 9995, 9996)

#: Formats whose records of one direction become conversations only when joined.
_ONE_WAY: Final = frozenset({"nfdump"})

#: What a file may be, for a refusal.
_KNOWN: Final = (
    "captures (pcap, pcapng), Zeek logs, Suricata EVE, nfdump, Argus binetflow, sshd or auth logs, ringserver logs and "
    "frame tables are read, packed with gzip, bzip2 or xz or not"
)

Tell = Callable[[Finding], None]


class _Reader(Protocol):
    def read(self, data: bytes, /) -> Iterable[Sight | Finding]: ...
    def end(self) -> Iterable[Sight | Finding]: ...


def sights(paths: Sequence[Path], tell: Tell) -> Iterator[Sight]:
    """What files tell, in order of time.

    paths  files; tell  is called with what is odd about them

    Captures are read as they are needed; a log is read whole first, since none is in order of time. A file that
    cannot be read is told of and the others go on; raises DataFault when none could be.
    """
    broken: list[HoufengError] = []
    streams = [_ordered(path, tell, broken, alone=len(paths) == 1) for path in paths]
    yield from (sight for _, _, sight in heapq.merge(*streams, key=lambda timed: timed[:2]))
    if len(broken) == len(paths):
        raise broken[0]


def server_logs(paths: Sequence[Path]) -> frozenset[str]:
    """Which of some files are servers' own logs, by the name that their observations carry."""
    found = set()
    for path in paths:
        with suppress(HoufengError):
            if _recognised(path)[0] == "ringserver-log":
                found.add(str(path))
    return frozenset(found)


def _ordered(path: Path, tell: Tell, broken: list[HoufengError], *, alone: bool) -> Iterator[tuple[int, int, Sight]]:
    """The sights of one file with their times; its refusal becomes a finding."""
    try:
        kind, chunks = _recognised(path)
        told = _told(path, kind, chunks, tell)
        if kind in {"pcap", "pcapng", "frame-table", "rate-table"}:
            latest_ns, count = 0, 0
            for sight in told:
                # What other eyes saw meanwhile is heard in between.
                for part in [sight] if alone else _seconds(sight):
                    latest_ns, count = max(latest_ns, _time_of(part)), count + 1
                    yield latest_ns, count, part
            return
        if kind in _ONE_WAY:
            seen = list(told)
            told = iter(
                [*join(one for one in seen if isinstance(one, Flow)), *(s for s in seen if not isinstance(s, Flow))]
            )
        timed = [(_time_of(sight), count, sight) for count, sight in enumerate(told)]
    except HoufengError as error:
        broken.append(error)
        tell(Finding("refused", f"{error.reason}{'; ' if error.remedy else ''}{error.remedy}", file=str(path)))
        return
    timed.sort(key=lambda one: one[:2])
    yield from timed


def _seconds(sight: Sight) -> Iterator[Sight]:
    """Frames in pieces of a second of their own time."""
    if not isinstance(sight, FrameBatch):
        yield sight
        return
    second = np.maximum.accumulate(sight.time_ns) // NS_PER_S
    edges = np.flatnonzero(np.diff(second)) + 1
    columns = {name: getattr(sight, name) for name in COLUMNS}
    for begin, end in pairwise([0, *edges.tolist(), len(sight)]):
        yield replace(sight, **{name: column[begin:end] for name, column in columns.items()})


def _time_of(sight: Sight) -> int:
    if isinstance(sight, FrameBatch | RateBatch):
        return int(sight.time_ns.max(initial=0))
    return time_of(sight)


def _recognised(path: Path) -> tuple[str, Iterator[bytes | Finding]]:
    chunks = pieces(path)
    kept: list[bytes | Finding] = []
    head = b""
    for chunk in chunks:
        kept.append(chunk)
        if isinstance(chunk, bytes):
            head += chunk[:_HEAD_BYTES]
            if len(head) >= _HEAD_BYTES:
                break
    if not head:
        raise DataFault(str(path), "it is empty", "")
    kind = recognise(head[:_HEAD_BYTES], path.name)
    if not kind:
        raise DataFault(str(path), "what it is cannot be told", _KNOWN)
    if kind == "auth-log" and path.suffix in {".pcap", ".pcapng", ".cap"}:
        raise DataFault(str(path), "it is named as a capture and holds lines of a log", "rename it to .log to read it")

    def again() -> Iterator[bytes | Finding]:
        yield from kept
        yield from chunks

    return kind, again()


def _told(path: Path, kind: str, chunks: Iterator[bytes | Finding], tell: Tell) -> Iterator[Sight]:
    reader, exported = _reader(path, kind), NetFlowDecoder(str(path))
    for chunk in chunks:
        if isinstance(chunk, Finding):
            tell(chunk)
            continue
        yield from _sifted(reader.read(chunk), exported, tell)
    yield from _sifted(reader.end(), exported, tell)
    for finding in exported.end():
        tell(finding)


def _sifted(told: Iterable[Sight | Finding], exported: NetFlowDecoder, tell: Tell) -> Iterator[Sight]:
    for one in told:
        if isinstance(one, Finding):
            tell(one)
            continue
        yield one
        if isinstance(one, FrameBatch):
            yield from _exports(one, exported, tell)


def _exports(batch: FrameBatch, decoder: NetFlowDecoder, tell: Tell) -> Iterator[Sight]:
    """Flow records that were on their way to a collector when they were captured."""
    flows = []
    for port in _EXPORT_PORTS:
        for time_ns, source, payload in datagrams(batch, port):
            for one in decoder.datagram(payload, source, time_ns):
                if isinstance(one, Finding):
                    tell(one)
                else:
                    flows.append(one)
    yield from join(flows)


def _reader(path: Path, kind: str) -> _Reader:
    name = str(path)
    made: dict[str, Callable[[], _Reader]] = {
        "pcap": lambda: PcapReader(name),
        "pcapng": lambda: PcapReader(name),
        "zeek": lambda: zeek_reader(name),
        "zeek-json": lambda: zeek_reader(name),
        "eve": lambda: eve_reader(name),
        "nfdump": lambda: NfdumpReader(name),
        "argus": lambda: ArgusReader(name),
        "auth-log": lambda: AuthLogReader(name, year=_year_of(path)),
        "ringserver-log": lambda: ServerLogReader(name),
        "frame-table": lambda: FrameTableReader(name),
        "rate-table": lambda: RateTableReader(name),
    }
    if kind not in made:
        raise DataFault(name, f"{kind} inside another packing is not read", "unpack it first")
    return made[kind]()


def _year_of(path: Path) -> int:
    """The year a log's stamps without one begin in: the last in which the file, as old as it is, can have begun."""
    changed = time.gmtime(path.stat().st_mtime_ns / NS_PER_S + DAY_NS / NS_PER_S)
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    with_stamp = next((chunk for chunk in pieces(path) if isinstance(chunk, bytes)), b"")[:6].decode("ascii", "replace")
    month, _, day = with_stamp.partition(" ")
    if month not in months or not day.strip().isdigit():
        return changed.tm_year
    return changed.tm_year - ((months.index(month) + 1, int(day)) > (changed.tm_mon, changed.tm_mday))
