"""Capture files, pcap and pcapng: bytes in, frames as columns out."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.eyes.addresses import address_text
from houfeng.wire.eyes.capture_file import CaptureFile, link_name
from houfeng.wire.eyes.complaints import Complaints
from houfeng.wire.eyes.frame_ip import (
    BLOCK,
    FAULT,
    INTERFACE,
    IP_HEADER,
    IP_LENGTH,
    NUMBER,
    ROW_WHOLES,
    RUNT,
    SOUND,
    TIME_NS,
    TRANSPORT,
    UDP,
)
from houfeng.wire.eyes.frame_kernel import (
    AT,
    CAPTURED,
    NO_SUCH_TIME,
    POSITION,
    RECORD_WHOLES,
    STAMP_NS,
    UNSTAMPED,
    decode_frames,
)
from houfeng.wire.eyes.frame_times import NOBODY, judge_times
from houfeng.wire.eyes.frames import COLUMNS, IPV6, FrameBatch
from houfeng.wire.eyes.pcap_file import HEADER_BYTES, MAGICS, PcapFile
from houfeng.wire.eyes.pcapng_file import SECTION, PcapngFile
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant

#: In place of the time of a frame that has none which can be believed.
NO_TIME_NS = -1

_FAULTS = {
    RUNT: "is too short for its headers",
    IP_HEADER: "has an IP header that contradicts itself",
    IP_LENGTH: "claims more IP bytes than the frame has",
    TRANSPORT: "claims a TCP, UDP or ICMP header or length that its packet has no room for",
    BLOCK: "claims more captured bytes than its block has",
    INTERFACE: "names an interface that was not described",
}
_REMEDY = "give a pcap or pcapng file"


class PcapReader:
    """Reads one capture file, in pieces of any size.

    name     of the file, as batches and findings are to call it
    records  frames read so far, whatever they held

    Every frame in the file becomes one row: damaged ones (a finding each, "damaged-frame") without addresses, protocol
    and bytes; those of link types that are not read (one finding each type, "link-type") with their length alone.
    Stamps that cannot be, or are out of line with their neighbours (frame_times.py; "impossible-time"), become
    NO_TIME_NS. How the file is cut into pieces changes how frames are cut into batches, and nothing else.

    read() and end() raise DataFault for what is no capture file at all.
    """

    def __init__(self, name: str) -> None:
        self.records = 0
        self._name = name
        self._complaints = Complaints(name)
        self._file: CaptureFile | None = None
        self._over = False
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._wanted = len(SECTION)
        self._base = 0
        self._believed_ns = NOBODY
        self._unread: set[int] = set()
        self._held = np.empty((0, RECORD_WHOLES), dtype=np.int64)
        self._held_data = b""

    def read(self, data: bytes) -> list[FrameBatch | Finding]:
        """More of the file came: the frames that are complete by now, and what is odd."""
        if self._over or not data:
            return []
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting < self._wanted:
            return []
        joined = b"".join(self._pieces)
        if self._file is None:
            self._begin(joined)
            if self._file is None:
                return []
        return self._walk(self._file, joined)

    def end(self) -> list[FrameBatch | Finding]:
        """The file ends here: frames that waited for their neighbours, and what is left over."""
        if self._file is None:
            size = self._waiting
            raise DataFault(self._name, f"no capture: it ends after {size} bytes" if size else "is empty", _REMEDY)
        out = self._frames(b"", self._held[:0], last=True)
        if not self._over and self._waiting:
            at, size = self._base, self._waiting
            out += self._complaints.tell("cut-short", f"ends inside what begins at byte {at}, after {size} bytes of it")
        self._over = True
        return out + list(self._complaints.end())

    def _begin(self, data: bytes) -> None:
        magic = data[:4]
        if magic == SECTION:
            self._file = PcapngFile()
        elif magic not in MAGICS:
            raise DataFault(self._name, f"no capture: begins with {magic.hex()}, neither pcap nor pcapng", _REMEDY)
        elif len(data) < HEADER_BYTES:
            self._keep(data, HEADER_BYTES)
        else:
            self._file = PcapFile(data[:HEADER_BYTES])

    def _keep(self, data: bytes, wanted: int) -> None:
        self._pieces, self._waiting, self._wanted = [data] if data else [], len(data), wanted

    def _walk(self, file: CaptureFile, data: bytes) -> list[FrameBatch | Finding]:
        """Take steps through the file as far as its bytes are here."""
        out: list[FrameBatch | Finding] = []
        at, wants = 0, 0
        while not wants and not self._over:
            walked = file.walk(data, at, self._base)
            at, wants = walked.at, walked.wants
            for link_type in walked.unread:
                if link_type in self._unread:
                    continue
                self._unread.add(link_type)
                reason = f"link type {link_name(link_type)} is not read: its frames are only counted"
                out += self._complaints.tell("link-type", reason)
            out += self._frames(data, walked.records, last=False)
            if walked.fault:
                out += self._refuse(at, walked.fault)
        self._base += at
        self._keep(b"" if self._over else data[at:], wants)
        return out

    def _refuse(self, at: int, fault: str) -> list[Finding]:
        """The rest of the file cannot be read: after damage nothing tells where the next frame begins."""
        place = self._base + at
        if place == 0:
            raise DataFault(self._name, f"no capture: {fault}", _REMEDY)
        self._over = True
        return self._complaints.tell("damaged-capture", f"byte {place}: {fault}; nothing behind it was read")

    def _frames(self, data: bytes, records: NDArray[np.int64], *, last: bool) -> list[FrameBatch | Finding]:
        """Decode frames whose times are settled, those that waited first; the others wait."""
        if len(self._held):
            records = records.copy()
            records[:, AT] += len(self._held_data)
            records = np.concatenate([self._held, records])
            data = self._held_data + data
        if not len(records):
            return []
        lone = np.zeros(len(records), dtype=np.bool_)
        stamps = np.ascontiguousarray(records[:, STAMP_NS])
        settled, self._believed_ns = judge_times(stamps, self._believed_ns, last, lone)
        self._hold(data, records[settled:])
        if not settled:
            return []
        return self._batch(data, records[:settled], lone[:settled])

    def _hold(self, data: bytes, records: NDArray[np.int64]) -> None:
        pieces = [data[at : at + captured] for at, captured in records[:, (AT, CAPTURED)].tolist()]
        self._held = records.copy()
        self._held_data = b"".join(pieces)
        self._held[:, AT] = np.cumsum([0, *(len(piece) for piece in pieces)])[:-1]

    def _batch(self, data: bytes, records: NDArray[np.int64], lone: NDArray[np.bool_]) -> list[FrameBatch | Finding]:
        rows = np.empty((len(records), ROW_WHOLES), dtype=np.int64)
        decode_frames(np.frombuffer(data, dtype=np.uint8), records, rows)
        rows[:, NUMBER] = np.arange(self.records + 1, self.records + 1 + len(records))
        rows[lone | (records[:, STAMP_NS] < 0), TIME_NS] = NO_TIME_NS
        self.records += len(records)
        out: list[FrameBatch | Finding] = [*self._faults(rows, records), *self._times(rows, records, lone)]
        columns = (rows[:, k] for k in range(len(COLUMNS)))
        named = zip(COLUMNS.items(), columns, strict=True)
        out.append(FrameBatch(eye=self._name, data=data, **{key: column.astype(kind) for (key, kind), column in named}))
        return out

    def _faults(self, rows: NDArray[np.int64], records: NDArray[np.int64]) -> Iterator[Finding]:
        for i in np.flatnonzero(rows[:, FAULT] != SOUND).tolist():
            what = _FAULTS[int(rows[i, FAULT])]
            reason = f"frame {rows[i, NUMBER]} at byte {records[i, POSITION]} {what}: it was left out of every flow"
            yield from self._complaints.tell("damaged-frame", reason)

    def _times(self, rows: NDArray[np.int64], records: NDArray[np.int64], lone: NDArray[np.bool_]) -> Iterator[Finding]:
        stamps = records[:, STAMP_NS]
        for i in np.flatnonzero(lone | (stamps == NO_SUCH_TIME)).tolist():
            what = f"stamped {format_instant(int(stamps[i]))}, out of line with its neighbours"
            if stamps[i] == NO_SUCH_TIME:
                what = "has a stamp that is no time"
            reason = f"frame {rows[i, NUMBER]} at byte {records[i, POSITION]} {what}: counted without a time"
            yield from self._complaints.tell("impossible-time", reason)
        bare = int((stamps == UNSTAMPED).sum())
        if bare and not self._complaints.told_all("no-time"):
            yield from self._complaints.tell("no-time", "frames in simple packet blocks have no times")


def datagrams(batch: FrameBatch, port: int) -> Iterator[tuple[int, str, bytes]]:
    """UDP datagrams sent to a port: when, from which address, and as much of the payload as was captured.

    The time is NO_TIME_NS where the frame's cannot be believed.
    """
    chosen = np.flatnonzero((batch.protocol == UDP) & (batch.dst_port == port) & (batch.payload_kept > 0))
    for i in chosen.tolist():
        begins = int(batch.payload_at[i])
        source = address_text(int(batch.src_hi[i]), int(batch.src_lo[i]), six=batch.ether_type[i] == IPV6)
        yield int(batch.time_ns[i]), source, batch.data[begins : begins + int(batch.payload_kept[i])]
