"""Records of nfdump files, one after another in a block: flows of versions 1.6 and 1.7, and the rest skipped.

Layout of the records: nfdump 1.6.17, bin/nffile.h (extensions 0 to 45) and bin/nfx.c (their sizes); nfdump 1.7.1,
src/lib/nfxV3.h. Numbers are little-endian, as every machine writes them that nfdump runs on today.
"""

import struct
from collections.abc import Iterator
from typing import Final

from houfeng.wire.eyes.frames import NO_MAC
from houfeng.wire.eyes.netflow_clock import OLDEST_NS
from houfeng.wire.eyes.netflow_record import FLAGS
from houfeng.wire.eyes.oneway import Sent, address_text

_HEAD: Final = struct.Struct("<HH")

#: Record types: flows of 1.6 with one and with two bytes of exporter id, extension maps, flows of 1.7.
_COMMON_V0, _MAP, _COMMON, _V3 = 1, 2, 10, 11

_V3_HEAD: Final = struct.Struct("<4xH2xHxx")
_GENERIC: Final = struct.Struct("<QQ8xQQHHBB")
_COUNTERS: Final = struct.Struct("<8xQQ")
_MACS: Final = struct.Struct("<Q8xQ8x")

_COMMON_HEAD: Final = struct.Struct("<4xHHHHIIxBBxHH")
_COMMON_V0_HEAD: Final = struct.Struct("<4xBBHHHIIxBBxHH")
_MAP_HEAD: Final = struct.Struct("<4xHH")

#: Elements of a 1.7 record.
_E_GENERIC, _E_IPV4, _E_IPV6, _E_COUNTERS, _E_MACS = 1, 2, 3, 5, 15

#: Bytes of the optional extensions of 1.6 by number: nfx.c, extension_descriptor.
_SIZES: Final = {
    4: 4, 5: 8, 6: 4, 7: 8, 8: 4, 9: 4, 10: 16, 11: 4, 12: 16, 13: 4, 14: 4, 15: 8, 16: 4, 17: 8, 18: 4, 19: 8,
    20: 16, 21: 16, 22: 40, 23: 4, 24: 16, 25: 4, 26: 8, 27: 8, 37: 20, 38: 4, 39: 8, 40: 32, 41: 24, 42: 24, 43: 72,
    45: 24, 46: 12, 48: 8,
}  # fmt: skip

#: Those that count what came back, in 4 or 8 bytes.
_BACK_PACKETS: Final = (14, 15)
_BACK_BYTES: Final = (16, 17)

#: Flags of a 1.6 record: IPv6 addresses, 64-bit packets, 64-bit bytes.
_IPV6, _PACKETS_64, _BYTES_64 = 1, 2, 4

_NS_PER_MS: Final = 1_000_000

#: 32 bits of seconds, all that version 1.6 can say.
_LATEST_NS: Final = (1 << 32) * 1_000_000_000

#: Maps of one file: nfdump numbers them with 16 bits.
_MOST_MAPS: Final = 65_536


class RecordCutter:
    """Cuts the bytes of one block into records; their lengths are claims, so nothing is believed beyond the block.

    records  how many were met, of any kind
    """

    __slots__ = ("_at", "_pending", "broken", "records")

    def __init__(self, at: int) -> None:
        """Begin a block whose first record is `at` bytes into the file, or into what its block unpacks to."""
        self._pending = b""
        self._at = at
        self.records = 0
        self.broken = ""

    def cut(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """More of the block: type, position and bytes of every record now complete. Stops for good when broken."""
        data = self._pending + data
        at = 0
        while not self.broken and at + _HEAD.size <= len(data):
            kind, size = _HEAD.unpack_from(data, at)
            if size < _HEAD.size:
                self.broken = f"a record at byte {self._at + at} claims {size} bytes"
                break
            if at + size > len(data):
                break
            self.records += 1
            yield kind, self._at + at, data[at : at + size]
            at += size
        self._pending = b"" if self.broken else data[at:]
        self._at += at

    @property
    def left(self) -> str:
        """What is wrong with the end of the block, "" when it ends with a record."""
        if self.broken or not self._pending:
            return self.broken
        return f"the record at byte {self._at} is cut"


class RecordReader:
    """Reads records; those of 1.6 by the extension maps met before them."""

    __slots__ = ("_maps",)

    def __init__(self) -> None:
        self._maps: dict[int, tuple[int, ...]] = {}

    def read(self, kind: int, record: bytes) -> tuple[int, Sent] | None:
        """A flow with the number of its exporter, None for what is no flow. Raises ValueError for a broken one."""
        try:
            if kind == _V3:
                return _read_v3(record)
            if kind in {_COMMON, _COMMON_V0}:
                return self._common(kind, record)
            if kind == _MAP:
                self._map(record)
        except struct.error as error:
            raise ValueError("it is shorter than its fields") from error
        return None

    def _map(self, record: bytes) -> None:
        number, _ = _MAP_HEAD.unpack_from(record)
        ids = struct.unpack_from(f"<{(len(record) - _MAP_HEAD.size) // 2}H", record, _MAP_HEAD.size)
        if len(self._maps) < _MOST_MAPS or number in self._maps:
            # Maps are filled up to whole words with 0, which ends them.
            self._maps[number] = ids[: ids.index(0)] if 0 in ids else ids

    def _common(self, kind: int, record: bytes) -> tuple[int, Sent]:
        if kind == _COMMON:
            flags, number, *fields = _COMMON_HEAD.unpack_from(record)
            exporter = struct.unpack_from("<H", record, 28)[0]
            at = 32
        else:
            flags, exporter, number, *fields = _COMMON_V0_HEAD.unpack_from(record)
            at = 28
        first_ms, last_ms, first_s, last_s, tcp_flags, protocol, sender_port, receiver_port = fields
        extensions = self._maps.get(number)
        if extensions is None:
            raise ValueError(f"its extension map {number} was not told")
        sender, receiver, at = _addresses(record, at, wide=bool(flags & _IPV6))
        packets, at = _counter(record, at, wide=bool(flags & _PACKETS_64))
        count_bytes, at = _counter(record, at, wide=bool(flags & _BYTES_64))
        back = _back(record, at, extensions)
        return exporter, _checked(
            Sent(
                start_ns=(first_s * 1000 + first_ms) * _NS_PER_MS,
                end_ns=(last_s * 1000 + last_ms) * _NS_PER_MS,
                sender=sender,
                sender_port=sender_port,
                receiver=receiver,
                receiver_port=receiver_port,
                protocol=protocol,
                tcp_flags=tcp_flags & FLAGS,
                packets=packets,
                count_bytes=count_bytes,
                back_packets=back[0],
                back_bytes=back[1],
            )
        )


def _read_v3(record: bytes) -> tuple[int, Sent]:
    count, exporter = _V3_HEAD.unpack_from(record)
    elements: dict[int, bytes] = {}
    at = _V3_HEAD.size
    for _ in range(count):
        kind, length = _HEAD.unpack_from(record, at)
        if length < _HEAD.size or at + length > len(record):
            raise ValueError(f"its element {kind} claims {length} bytes")
        elements[kind] = record[at + _HEAD.size : at + length]
        at += length
    if _E_GENERIC not in elements or not elements.keys() & {_E_IPV4, _E_IPV6}:
        raise ValueError("it has no addresses or no counts")
    first_ms, last_ms, packets, count_bytes, *ports, protocol, tcp_flags = _GENERIC.unpack_from(elements[_E_GENERIC])
    wide = _E_IPV6 in elements
    sender, receiver, _ = _addresses(elements[_E_IPV6 if wide else _E_IPV4], 0, wide=wide)
    back_packets, back_bytes = _COUNTERS.unpack_from(elements[_E_COUNTERS]) if _E_COUNTERS in elements else (0, 0)
    macs = _MACS.unpack_from(elements[_E_MACS]) if _E_MACS in elements else (0, 0)
    return exporter, _checked(
        Sent(
            start_ns=first_ms * _NS_PER_MS,
            end_ns=last_ms * _NS_PER_MS,
            sender=sender,
            sender_port=ports[0],
            receiver=receiver,
            receiver_port=ports[1],
            protocol=protocol,
            tcp_flags=tcp_flags & FLAGS,
            packets=packets,
            count_bytes=count_bytes,
            back_packets=back_packets if back_packets or back_bytes else None,
            back_bytes=back_bytes,
            sender_mac=macs[0] % (1 << 48) or NO_MAC,
            receiver_mac=macs[1] % (1 << 48) or NO_MAC,
        )
    )


def _addresses(data: bytes, at: int, *, wide: bool) -> tuple[str, str, int]:
    """Two addresses in the writer's order of bytes: IPv4 as one number, IPv6 as two of 64 bits."""
    if not wide:
        sender, receiver = struct.unpack_from("<II", data, at)
        return address_text(sender.to_bytes(4, "big")), address_text(receiver.to_bytes(4, "big")), at + 8
    halves = struct.unpack_from("<4Q", data, at)
    return address_text(struct.pack(">2Q", *halves[:2])), address_text(struct.pack(">2Q", *halves[2:])), at + 32


def _counter(data: bytes, at: int, *, wide: bool) -> tuple[int, int]:
    return struct.unpack_from("<Q" if wide else "<I", data, at)[0], at + (8 if wide else 4)


def _back(record: bytes, at: int, extensions: tuple[int, ...]) -> tuple[int | None, int]:
    """What came back, where nfdump put it: only a file aggregated to two-way flows has it."""
    counted = {}
    for extension in extensions:
        size = _SIZES.get(extension, 0)
        if extension in _BACK_PACKETS + _BACK_BYTES:
            counted[extension in _BACK_BYTES] = _counter(record, at, wide=size == 8)[0]
        at += size
    packets, count_bytes = counted.get(False, 0), counted.get(True, 0)
    return (packets if packets or count_bytes else None), count_bytes


def _checked(sent: Sent) -> Sent:
    if not OLDEST_NS <= sent.start_ns <= sent.end_ns <= _LATEST_NS:
        raise ValueError("its times are impossible")
    return sent
