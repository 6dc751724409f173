"""Files of eyes, whatever their format, as what they tell, in order of time."""

import contextlib
import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
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
EXPORT_PORTS: Final = (2055, 2056, 4739, 9555, 9995, 9996)

#: Formats whose records of one direction become conversations only when joined.
_ONE_WAY: Final = frozenset({"nfdump"})

#: Logs that a data server keeps of its own readers and writers.
_SERVER_LOG: Final = "ringserver-log"

#: Formats whose records are in order of time: they are read as they are needed.
_IN_ORDER: Final = frozenset({"pcap", "pcapng", "frame-table", "rate-table"})

#: What a file may be, for a refusal.
_KNOWN: Final = (
    "captures (pcap, pcapng), Zeek logs, Suricata EVE, nfdump, Argus binetflow, sshd or auth logs, ringserver logs and "
    "frame tables are read, packed with gzip, bzip2 or xz or not"
)

#: What nothing but the beginning is needed for: no line has to be complete first.
_BINARY: Final = frozenset({"pcap", "pcapng", "nfdump"})

Tell = Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class OneWay:
    """Records of exporters, each of one direction: conversations only when joined."""

    flows: tuple[Flow, ...]


class _Reader(Protocol):
    def read(self, data: bytes, /) -> Iterable[Sight | Finding]: ...
    def end(self) -> Iterable[Sight | Finding]: ...


class EyeFile:
    """One file of an eye, unpacked and in pieces of any size: its first bytes tell what it is.

    path        of the file, never opened
    changed_ns  when it was changed last: logs whose stamps have no year have it from there
    kind        what it is, as recognise() calls it; "" until that can be told

    read and end raise DataFault for what is no file of an eye.
    """

    def __init__(self, path: Path, changed_ns: int) -> None:
        self.kind = ""
        self._path = path
        self._changed_ns = changed_ns
        self._head = b""
        self._reader: _Reader | None = None
        self._exported = NetFlowDecoder(str(path))

    def read(self, data: bytes) -> Iterator[Sight | OneWay | Finding]:
        """More of the file came."""
        if self._reader is None:
            data = self._head + data
            self._reader = self._begin(data, over=False)
            self._head = b"" if self._reader else data
        if self._reader is not None:
            yield from self._sifted(self._reader.read(data))

    def end(self) -> Iterator[Sight | OneWay | Finding]:
        """No more will come."""
        if self._reader is None:
            if not self._head:
                raise DataFault(str(self._path), "it is empty", "")
            self._reader = self._begin(self._head, over=True)
            assert self._reader is not None
            yield from self._sifted(self._reader.read(self._head))
        yield from self._sifted(self._reader.end())
        yield from self._exported.end()

    def _begin(self, head: bytes, *, over: bool) -> _Reader | None:
        """The reader of what begins so; None while that cannot be told."""
        whole = over or len(head) >= _HEAD_BYTES
        kind = recognise(head[:_HEAD_BYTES], self._path.name)
        if not whole and kind not in _BINARY:
            kind = recognise(head[: head.rfind(b"\n") + 1], self._path.name)
        if not kind and not whole:
            return None
        if not kind:
            raise DataFault(str(self._path), "what it is cannot be told", _KNOWN)
        if kind == "auth-log" and self._path.suffix in {".pcap", ".pcapng", ".cap"}:
            reason = "it is named as a capture and holds lines of a log"
            raise DataFault(str(self._path), reason, "rename it to .log to read it")
        self.kind = kind
        return _reader(self._path, kind, _year_of(head, self._changed_ns))

    def _sifted(self, told: Iterable[Sight | Finding]) -> Iterator[Sight | OneWay | Finding]:
        flows = []
        for one in told:
            if self.kind in _ONE_WAY and isinstance(one, Flow):
                flows.append(one)
                continue
            yield one
            if isinstance(one, FrameBatch):
                yield from self._exports(one)
        if flows:
            yield OneWay(tuple(flows))

    def _exports(self, batch: FrameBatch) -> Iterator[OneWay | Finding]:
        """Flow records that were on their way to a collector when they were captured."""
        flows = []
        for port in EXPORT_PORTS:
            for time_ns, source, payload in datagrams(batch, port):
                for one in self._exported.datagram(payload, source, time_ns):
                    if isinstance(one, Finding):
                        yield one
                    else:
                        flows.append(one)
        if flows:
            yield OneWay(tuple(flows))


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
    return frozenset(str(path) for path in paths if _kind_of(path) == _SERVER_LOG)


def _kind_of(path: Path) -> str:
    """What a file is by its beginning, "" for what cannot be told or read; that is said where it is read."""
    with contextlib.suppress(HoufengError):
        head = next((chunk for chunk in pieces(path) if isinstance(chunk, bytes)), b"")
        return recognise(head[:_HEAD_BYTES], path.name)
    return ""


def _ordered(path: Path, tell: Tell, broken: list[HoufengError], *, alone: bool) -> Iterator[tuple[int, int, Sight]]:
    """The sights of one file with their times; its refusal becomes a finding."""
    try:
        told = _told(path, tell)
        kind, first = next(told)
        if kind in _IN_ORDER:
            latest_ns, count = 0, 0
            for sight in _joined(chain([(kind, first)], told)):
                # What other eyes saw meanwhile is heard in between.
                for part in [sight] if alone else _seconds(sight):
                    latest_ns, count = max(latest_ns, time_of_sight(part)), count + 1
                    yield latest_ns, count, part
            return
        seen = [one for _, one in told]
        seen.insert(0, first)
        together = [flow for one in seen if isinstance(one, OneWay) for flow in one.flows]
        rest = [one for one in seen if one is not None and not isinstance(one, OneWay)]
        timed = [(time_of_sight(sight), count, sight) for count, sight in enumerate([*join(together), *rest])]
    except HoufengError as error:
        broken.append(error)
        tell(refusal_of(path, error))
        return
    timed.sort(key=lambda one: one[:2])
    yield from timed


def _told(path: Path, tell: Tell) -> Iterator[tuple[str, Sight | OneWay | None]]:
    """What a file tells, each with what the file is; None once at its end."""
    changed_ns = 0
    with contextlib.suppress(OSError):  # pieces() says why
        changed_ns = path.stat().st_mtime_ns
    file = EyeFile(path, changed_ns)
    for chunk in pieces(path):
        for one in [chunk] if isinstance(chunk, Finding) else file.read(chunk):
            if isinstance(one, Finding):
                tell(one)
            else:
                yield file.kind, one
    for one in file.end():
        if isinstance(one, Finding):
            tell(one)
        else:
            yield file.kind, one
    yield file.kind, None


def _joined(told: Iterable[tuple[str, Sight | OneWay | None]]) -> Iterator[Sight]:
    for _, one in told:
        if isinstance(one, OneWay):
            yield from join(one.flows)
        elif one is not None:
            yield one


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


def refusal_of(path: Path, error: HoufengError) -> Finding:
    """A file's refusal as a finding: the others go on."""
    return Finding("refused", f"{error.reason}{'; ' if error.remedy else ''}{error.remedy}", file=str(path))


def time_of_sight(sight: Sight) -> int:
    """When what was seen was complete; 0 of frames without a time."""
    if isinstance(sight, FrameBatch | RateBatch):
        return int(sight.time_ns.max(initial=0))
    return time_of(sight)


def _reader(path: Path, kind: str, year: int) -> _Reader:
    name = str(path)
    made: dict[str, Callable[[], _Reader]] = {
        "pcap": lambda: PcapReader(name),
        "pcapng": lambda: PcapReader(name),
        "zeek": lambda: zeek_reader(name),
        "zeek-json": lambda: zeek_reader(name),
        "eve": lambda: eve_reader(name),
        "nfdump": lambda: NfdumpReader(name),
        "argus": lambda: ArgusReader(name),
        "auth-log": lambda: AuthLogReader(name, year=year),
        "ringserver-log": lambda: ServerLogReader(name),
        "frame-table": lambda: FrameTableReader(name),
        "rate-table": lambda: RateTableReader(name),
    }
    if kind not in made:
        raise DataFault(name, f"{kind} inside another packing is not read", "unpack it first")
    return made[kind]()


def _year_of(head: bytes, changed_ns: int) -> int:
    """The year a log's stamps without one begin in: the last in which the file, as old as it is, can have begun."""
    changed = time.gmtime(changed_ns / NS_PER_S + DAY_NS / NS_PER_S)
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    month, _, day = head[:6].decode("ascii", "replace").partition(" ")
    if month not in months or not day.strip().isdigit():
        return changed.tm_year
    return changed.tm_year - ((months.index(month) + 1, int(day)) > (changed.tm_mon, changed.tm_mday))
