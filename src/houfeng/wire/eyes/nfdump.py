"""Files of nfdump and its collectors (nfcapd, nfpcapd): version 1.7, and the older layout of 1.6.

A file is a header and blocks of records: nfdump 1.7.1, src/lib/nffileV2.h; nfdump 1.6.17, bin/nffile.h. Blocks are
plain or packed with bzip2; of the other ways to pack (LZO, LZ4, zstd) the standard library knows none, so such a file
is told of with the command that unpacks it. Flows are of one direction unless nfdump joined them (nfdump -B), and long
ones lie in several records: guard/observe joins them.
"""

import bz2
import struct
from collections.abc import Iterator
from typing import Final, Protocol

from houfeng.wire.eyes.nfdump_records import RecordCutter, RecordReader
from houfeng.wire.eyes.oneway import flow_of
from houfeng.words.finding import Finding
from houfeng.words.network import Flow, Seen

_MAGIC: Final = b"\x0c\xa5"
_MAGIC_BIG: Final = b"\xa5\x0c"

#: Version 1: magic, version, flags, blocks, name; then 136 bytes of sums. Version 2: magic, version, nfdump's version,
#: time, compression, encryption, ... in 40 bytes.
_HEADERS: Final = {1: struct.Struct("<4xI4x128x136x"), 2: struct.Struct("<16xBB22x")}
_BLOCK: Final = struct.Struct("<IIHH")

#: Blocks of flow records in each version.
_BLOCK_KINDS: Final = {1: 2, 2: 3}

_PLAIN, _BZ2 = 0, 2
_PACKINGS: Final = {0: "none", 1: "LZO", 2: "bzip2", 3: "LZ4", 4: "zstd"}
_PACKINGS_1: Final = {0: 0, 1: 1, 8: 2, 16: 3}

#: Kinds of blocks there are: 1 of version 1.5, 2 to 4 of 1.6, 3 and 4 of 1.7.
_MOST_KIND: Final = 4

#: The flag of a block that was left plain in a packed file.
_LEFT_PLAIN: Final = 1

#: Unpacked bytes handed on at a time, so that a small block that claims to be huge costs no memory.
_STEP_BYTES: Final = 1 << 20

#: Broken records of one file told one by one.
_TOLD: Final = 20


class _Inflater(Protocol):
    def inflate(self, data: bytes) -> Iterator[bytes]: ...


class _Plain:
    def inflate(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Bzip2:
    """Unpacks one block, in steps of bounded size."""

    def __init__(self) -> None:
        self._decoder = bz2.BZ2Decompressor()

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Raises OSError for what is not bzip2."""
        while not self._decoder.eof:
            step = self._decoder.decompress(data, _STEP_BYTES)
            yield step
            data = b""
            if len(step) < _STEP_BYTES and self._decoder.needs_input:
                return


class NfdumpReader:
    """Reader of one nfdump file, in pieces of any size.

    name     of the file
    records  how many flows were read so far
    """

    def __init__(self, name: str) -> None:
        self.records = 0
        self._name = name
        self._pending = b""
        self._at = 0
        self._version = 0
        self._packing = _PLAIN
        self._refused = False
        self._reader = RecordReader()
        self._broken = 0
        self._block = _Block(0, 0, None)

    def read(self, data: bytes) -> list[Flow | Finding]:
        """More of the file came."""
        if self._refused:
            return []
        data, at = self._pending + data, 0
        out: list[Flow | Finding] = []
        if not self._version:
            at = self._header(data, out)
        while self._version and at < len(data):
            if not self._block.left_bytes:
                if len(data) - at < _BLOCK.size:
                    break
                at += _BLOCK.size
                out += self._begin(data[at - _BLOCK.size : at])
                continue
            piece = data[at : at + self._block.left_bytes]
            at += len(piece)
            out += self._records(piece)
        self._pending = b"" if self._refused else data[at:]
        return out

    def end(self) -> list[Finding]:
        """No more will come."""
        out = []
        at = self._at + len(self._pending)
        if self._refused:
            return []
        if not self._version:
            out.append(self._finding("nfdump-cut", f"the file ends in its header, at byte {at}"))
        elif self._block.left_bytes:
            missing = f"{self._block.left_bytes} bytes of its last block are missing"
            out.append(self._finding("nfdump-cut", f"the file ends at byte {at}: {missing}"))
        elif self._pending:
            out.append(self._finding("nfdump-cut", f"the file ends in the header of a block, at byte {at}"))
        if self._broken > _TOLD:
            out.append(self._finding("nfdump-record", f"the same for {self._broken - _TOLD} more records"))
        return out

    def _header(self, data: bytes, out: list[Flow | Finding]) -> int:
        """Read the header once it is there; returns its length, 0 before."""
        if len(data) >= 2 and data[:2] != _MAGIC:
            big = "it was written by a big-endian machine" if data[:2] == _MAGIC_BIG else "it is no nfdump file"
            out.append(self._refuse(f"{big}: it begins with {data[:4].hex()}"))
            return 0
        version = int.from_bytes(data[2:4], "little")
        if len(data) < 4 or version not in _HEADERS:
            if len(data) >= 4:
                out.append(self._refuse(f"it is of layout version {version}, and 1 and 2 are known"))
            return 0
        layout = _HEADERS[version]
        if len(data) < layout.size:
            return 0
        packing, encrypted = _packing(version, data)
        if encrypted or packing not in {_PLAIN, _BZ2}:
            way = "encryption" if encrypted else _PACKINGS.get(packing, f"compression {packing}")
            out.append(self._refuse(f"its blocks are under {way}; rewrite it with nfdump -r IN -w OUT -j"))
            return 0
        self._version, self._packing, self._at = version, packing, layout.size
        return layout.size

    def _begin(self, header: bytes) -> list[Finding]:
        """Begin a block."""
        _, size, kind, flags = _BLOCK.unpack(header)
        self._at += _BLOCK.size
        packed = self._packing == _BZ2 and not flags & _LEFT_PLAIN
        wanted = kind == _BLOCK_KINDS[self._version]
        self._block = _Block(size, self._at, (_Bzip2() if packed else _Plain()) if wanted else None)
        if 0 < kind <= _MOST_KIND:
            return []
        return [self._finding("nfdump-block", f"the block at byte {self._at} is of kind {kind}: skipped")]

    def _records(self, piece: bytes) -> Iterator[Flow | Finding]:
        """Read a piece of the block at hand, no longer than what is left of it."""
        block = self._block
        block.left_bytes -= len(piece)
        self._at += len(piece)
        if block.inflater is None:
            return
        try:
            for plain in block.inflater.inflate(piece):
                for kind, at, record in block.cutter.cut(plain):
                    yield from self._record(kind, at, record)
        except OSError:
            block.inflater = None
            yield self._finding("nfdump-block", f"the block at byte {block.at} does not unpack")
            return
        if not block.left_bytes and block.cutter.left:
            yield self._finding("nfdump-block", f"the block at byte {block.at}: {block.cutter.left}")

    def _record(self, kind: int, at: int, record: bytes) -> Iterator[Flow | Finding]:
        try:
            read = self._reader.read(kind, record)
        except ValueError as error:
            self._broken += 1
            if self._broken <= _TOLD:
                where = f"the record at byte {at} of the block at byte {self._block.at}"
                yield self._finding("nfdump-record", f"{where}: {error}")
            return
        if read is not None:
            exporter, sent = read
            self.records += 1
            # Several exporters may have seen the same packets: they are eyes of their own.
            eye = f"{self._name} exporter {exporter}" if exporter > 1 else self._name
            yield flow_of(Seen(eye, self.records), sent)

    def _refuse(self, reason: str) -> Finding:
        self._refused = True
        return self._finding("nfdump-refused", reason)

    def _finding(self, kind: str, reason: str) -> Finding:
        return Finding(kind, reason, self._name)


class _Block:
    """The block being read: what is left of it, where it began, how it is unpacked (None: skipped)."""

    __slots__ = ("at", "cutter", "inflater", "left_bytes")

    def __init__(self, size: int, at: int, inflater: _Inflater | None) -> None:
        self.left_bytes = size
        self.at = at
        self.inflater = inflater
        self.cutter = RecordCutter(0)


def _packing(version: int, header: bytes) -> tuple[int, int]:
    """How the blocks are packed, as version 2 numbers it, and encrypted."""
    fields = _HEADERS[version].unpack_from(header)
    return (fields[0], fields[1]) if version == 2 else (_PACKINGS_1.get(fields[0] & 0x19, -1), 0)
