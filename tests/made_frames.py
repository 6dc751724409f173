"""Frames and capture files made byte by byte, for tests of what reads them."""

import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START_NS = 1_700_000_000_000_000_000


def ethernet(payload: bytes, kind: int = 0x0800, *, src: bytes = MAC_A, dst: bytes = MAC_B) -> bytes:
    return dst + src + kind.to_bytes(2, "big") + payload


def tag(frame: bytes, kind: int = 0x8100, number: int = 7) -> bytes:
    """The same frame behind a VLAN tag."""
    return frame[:12] + struct.pack(">HH", kind, number) + frame[12:]


def ip4(
    src: str,
    dst: str,
    protocol: int,
    payload: bytes,
    *,
    options: bytes = b"",
    total: int | None = None,
    fragment: int = 0,
) -> bytes:
    header = 20 + len(options)
    first = struct.pack(
        ">BBHHHBBH",
        0x40 | header // 4,
        0,
        header + len(payload) if total is None else total,
        1,
        fragment,
        64,
        protocol,
        0,
    )
    return first + IPv4Address(src).packed + IPv4Address(dst).packed + options + payload


def ip6(src: str, dst: str, follows: int, payload: bytes, *, length: int | None = None) -> bytes:
    first = struct.pack(">IHBB", 6 << 28, len(payload) if length is None else length, follows, 64)
    return first + IPv6Address(src).packed + IPv6Address(dst).packed + payload


def tcp(src_port: int, dst_port: int, flags: int, payload: bytes = b"", *, sequence: int = 0, ack: int = 0) -> bytes:
    return struct.pack(">HHIIBBHHH", src_port, dst_port, sequence, ack, 5 << 4, flags, 1024, 0, 0) + payload


def udp(src_port: int, dst_port: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack(">HHHH", src_port, dst_port, 8 + len(payload) if length is None else length, 0) + payload


def icmp(kind: int, code: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">BBHI", kind, code, 0, 0) + payload


def arp(operation: int, sender: str, target: str, *, mac: bytes = MAC_A) -> bytes:
    head = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
    return head + mac + IPv4Address(sender).packed + bytes(6) + IPv4Address(target).packed


def pcap(
    frames: Iterable[tuple[int, bytes]], *, link: int = 1, order: str = "<", nano: bool = True, snap: int = 262_144
) -> bytes:
    """A capture file of frames with their times in nanoseconds."""
    magic, unit = (0xA1B23C4D, 1) if nano else (0xA1B2C3D4, 1000)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for time_ns, frame in frames:
        kept = frame[:snap]
        second, rest = divmod(time_ns, 10**9)
        out += [struct.pack(order + "IIII", second, rest // unit, len(kept), len(frame)), kept]
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order: str = "<", *, link: int = 1, resolution: int | None = None, offset_s: int | None = None) -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset_s is not None:
        options += struct.pack(order + "HHq", 14, 8, offset_s)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(stamp: int, frame: bytes, order: str = "<", *, number: int = 0, captured: int | None = None) -> bytes:
    size = len(frame) if captured is None else captured
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, size, max(size, len(frame)))
    return block(6, head + frame, order)
