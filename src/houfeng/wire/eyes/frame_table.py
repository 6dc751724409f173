"""Header tables: a capture written down as one line a frame, without the payload but with a digest of it.

The payload's digest takes the place of the payload: equal digests, equal payloads. Where the exporter read DNP3, the
sequence number of its application layer (IEEE 1815-2012, 4.2.2.4: the low 4 bits of the application control octet) is
the frame's counter.
"""

import ipaddress
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from houfeng.wire.eyes.frames import ACK, ARP, COLUMNS, FIN, IPV4, IPV6, NO_MAC, PSH, RST, SYN, URG, FrameBatch
from houfeng.wire.eyes.table_lines import TableLines, epoch_ns, shown, whole
from houfeng.words.finding import Finding

FIELDS: Final = (
    "t_utc_s", "len", "eth_src", "eth_dst", "l3", "ip_src", "ip_dst", "l4", "sport", "dport", "tcp_flags", "tcp_seq",
    "tcp_ack", "payload_len", "payload_sha8", "arp_op", "arp_sender_mac", "arp_sender_ip", "arp_target_ip",
    "dnp3_app_ctrl",
)  # fmt: skip

#: Rows of one batch at most: enough that a judge's kernel runs long, little enough to hold.
MOST_ROWS: Final = 1 << 16

_ETHER_BYTES: Final = 14
_PROTOCOLS: Final = {"ICMP": 1, "TCP": 6, "UDP": 17}
_FLAGS: Final = {"F": FIN, "S": SYN, "R": RST, "P": PSH, "A": ACK, "U": URG, "E": 0x40, "C": 0x80}
_COUNTER_BITS: Final = 0x0F
_NOWHERE: Final = (0, 0)

#: A frame of a header table, in the order of COLUMNS.
_Row = tuple[int, ...]


class FrameTableReader:
    """Reads a header table in pieces of any size. Packed ones are opened by whoever has the file.

    name     of the file; it is the eye of the frames and stands in the findings
    records  rows read so far, broken ones not counted

    A row that cannot be read is left out with a finding that says its line. A frame's IP bytes are its length less
    the Ethernet header, so padding of the shortest frames (60 bytes) counts in them. No payload is there to point to:
    payload_kept is 0 and the digest is of the whole payload, as the exporter made it.
    """

    __slots__ = ("_lines", "_name", "records")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines = TableLines(name, FIELDS)
        self.records = 0

    def read(self, data: bytes) -> list[FrameBatch | Finding]:
        """More of the file came."""
        return self._batches(self._lines.read(data))

    def end(self) -> list[FrameBatch | Finding]:
        """No more will come."""
        return self._batches(self._lines.end())

    def _batches(self, rows: Iterable[tuple[int, list[str]] | Finding]) -> list[FrameBatch | Finding]:
        out: list[FrameBatch | Finding] = []
        waiting: list[_Row] = []
        for row in rows:
            if isinstance(row, Finding):
                out.append(row)
                continue
            line, fields = row
            try:
                frame = _frame(fields)
            except ValueError as error:
                out.extend(self._lines.broken(line, str(error)))
                continue
            self.records += 1
            waiting.append((self.records, *frame))
            if len(waiting) == MOST_ROWS:
                out.append(_batch(self._name, waiting))
                waiting = []
        if waiting:
            out.append(_batch(self._name, waiting))
        return out


def _batch(name: str, rows: list[_Row]) -> FrameBatch:
    columns = zip(*rows, strict=True)
    values: dict[str, Any] = {
        key: np.array(column, dtype=COLUMNS[key]) for key, column in zip(COLUMNS, columns, strict=True)
    }
    return FrameBatch(name, **values)


def _frame(fields: list[str]) -> _Row:
    """A row as numbers, all of COLUMNS but the frame's own. Raises ValueError."""
    (time, length, src_mac, dst_mac, l3, ip_src, ip_dst, l4, sport, dport, flags, seq, ack, payload, digest,
     arp_op, arp_mac, arp_sender, arp_target, app_control) = fields  # fmt: skip
    ether_type = _ether_type(l3)
    frame_bytes = whole(length, 0x7FFF_FFFF)
    is_ip = ether_type in {IPV4, IPV6}
    src, dst = (arp_sender, arp_target) if ether_type == ARP else (ip_src, ip_dst)
    return (
        epoch_ns(time),
        frame_bytes,
        _mac(src_mac),
        _mac(dst_mac),
        ether_type,
        *_address(src),
        *_address(dst),
        _protocol(l4) if is_ip else -1,
        _or(0, sport, 0xFFFF),
        _or(0, dport, 0xFFFF),
        _flags(flags),
        _or(0, seq, 0xFFFF_FFFF),
        _or(0, ack, 0xFFFF_FFFF),
        max(frame_bytes - _ETHER_BYTES, 0) if is_ip else 0,
        min(_or(0, payload, 0x7FFF_FFFF), frame_bytes),
        0,
        0,
        _hex(digest, 16) if digest else 0,
        _or(-1, app_control, 0xFF) & _COUNTER_BITS if app_control else -1,
        _or(0, arp_op, 0xFF),
        _mac(arp_mac) if ether_type == ARP else NO_MAC,
    )


def _or(missing: int, text: str, most: int) -> int:
    return whole(text, most) if text else missing


def _hex(text: str, most_digits: int) -> int:
    if not 0 < len(text) <= most_digits or not text.isalnum():
        raise ValueError(f"{shown(text)} is no hexadecimal number")
    try:
        return int(text, 16)
    except ValueError:
        raise ValueError(f"{shown(text)} is no hexadecimal number") from None


def _kept(read: Callable[[str], int]) -> Callable[[str], int]:
    """A network has few addresses and a table has them in every row; what an intruder makes up is forgotten again."""
    return lru_cache(maxsize=4096)(read)


@_kept
def _mac(text: str) -> int:
    if not text:
        return NO_MAC
    pairs = text.split(":")
    if len(pairs) != 6 or any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{shown(text)} is no MAC address")
    return _hex("".join(pairs), 12)


@lru_cache(maxsize=4096)
def _address(text: str) -> tuple[int, int]:
    """Both halves of an address; IPv6 also as 32 digits without colons."""
    if not text:
        return _NOWHERE
    if len(text) == 32 and ":" not in text:
        value = _hex(text, 32)
    else:
        try:
            value = int(ipaddress.ip_address(text))
        except ValueError:
            raise ValueError(f"{shown(text)} is no address") from None
    return value >> 64, value & 0xFFFF_FFFF_FFFF_FFFF


@_kept
def _ether_type(text: str) -> int:
    known = {"IPv4": IPV4, "IPv6": IPV6, "ARP": ARP}
    return known[text] if text in known else _hex(text.removeprefix("0x"), 4)


@_kept
def _protocol(text: str) -> int:
    return _PROTOCOLS[text] if text in _PROTOCOLS else whole(text, 0xFF)


@_kept
def _flags(text: str) -> int:
    value = 0
    for letter in text:
        if letter not in _FLAGS:
            raise ValueError(f"{shown(text)} is no set of TCP flags")
        value |= _FLAGS[letter]
    return value
