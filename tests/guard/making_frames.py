"""Frames for tests: written down by hand, or read from a capture by the least that does it."""

import hashlib
import struct
from dataclasses import replace

import numpy as np

from houfeng.wire.eyes.frames import ACK, ARP, COLUMNS, IPV4, IPV6, NO_MAC, PSH, FrameBatch

MASTER, SLAVE, THIRD = 0x0A000001, 0x0A000002, 0x0A000003
MASTER_MAC, SLAVE_MAC, THIRD_MAC = 0x020000000001, 0x020000000002, 0x020000000003
PORT = 20000
NS = 1_000_000_000

NOTHING = {
    "number": 0, "time_ns": 0, "frame_bytes": 60, "src_mac": NO_MAC, "dst_mac": NO_MAC, "ether_type": 0, "src_hi": 0,
    "src_lo": 0, "dst_hi": 0, "dst_lo": 0, "protocol": -1, "src_port": 0, "dst_port": 0, "tcp_flags": 0, "sequence": 0,
    "acknowledged": 0, "ip_bytes": 0, "payload_bytes": 0, "payload_at": 0, "payload_kept": 0, "digest": 0,
    "counter": -1, "arp_op": 0, "arp_mac": NO_MAC,
}  # fmt: skip


def batch(rows, eye="test"):
    rows = [{**NOTHING, **row, "number": n} for n, row in enumerate(rows, 1)]
    return FrameBatch(eye, **{key: np.array([row[key] for row in rows], dtype=COLUMNS[key]) for key in COLUMNS})


def cut(frames, index):
    return replace(frames, **{key: getattr(frames, key)[index] for key in COLUMNS})


class Talk:
    """Both ends of one TCP session, as a capture between them sees it."""

    def __init__(self, begin_s=1000.0, seq=(1000, 900_000), port=50_000):
        self.rows = []
        self.now_s = begin_s
        self.seq = list(seq)
        self.port = port

    def frame(self, end, payload=b"", *, after_s=0.1, flags=ACK, seq=None, ack=None, mac=None, counter=-1):
        """A frame of end 0 (the master) or 1, beside the stream where seq is given."""
        self.now_s += after_s
        ends = ((MASTER, MASTER_MAC, self.port), (SLAVE, SLAVE_MAC, PORT))
        src, dst = ends[end], ends[1 - end]
        self.rows.append({
            "time_ns": round(self.now_s * NS), "ether_type": IPV4, "protocol": 6, "src_lo": src[0], "dst_lo": dst[0],
            "src_mac": src[1] if mac is None else mac, "dst_mac": dst[1], "src_port": src[2], "dst_port": dst[2],
            "tcp_flags": flags | (PSH if payload else 0),
            "sequence": self.seq[end] if seq is None else seq,
            "acknowledged": self.seq[1 - end] if ack is None else ack,
            "payload_bytes": len(payload), "payload_kept": len(payload), "digest": digest(payload),
            "frame_bytes": 54 + len(payload), "ip_bytes": 40 + len(payload), "counter": counter,
        })  # fmt: skip
        if seq is None:
            self.seq[end] = (self.seq[end] + len(payload)) % 2**32
        return self

    def polls(self, count, **options):
        """The master asks, the slave answers, each with content of its own, and the master acknowledges."""
        for n in range(count):
            self.frame(0, b"ask %010d......" % n, **options)
            self.frame(1, b"answer %010d......" % n, after_s=0.01, **options)
            self.frame(0, after_s=0.01)
        return self

    def frames(self):
        return batch(self.rows)


def digest(payload):
    return int.from_bytes(hashlib.blake2b(payload, digest_size=8).digest(), "big") if payload else 0


def arp(time_s, op, sender, mac, target, src_mac=None):
    return {
        "time_ns": round(time_s * NS), "ether_type": ARP, "arp_op": op, "src_lo": sender, "arp_mac": mac,
        "dst_lo": target, "src_mac": mac if src_mac is None else src_mac,
    }  # fmt: skip


def capture(path):
    """The frames of a classic little-endian capture of Ethernet in microseconds."""
    data = path.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    rows, at = [], 24
    while at + 16 <= len(data):
        second, micro, kept, length = struct.unpack_from("<IIII", data, at)
        rows.append({"time_ns": second * NS + micro * 1000, "frame_bytes": length, **_frame(data[at + 16 :][:kept])})
        at += 16 + kept
    return batch(rows, path.name)


def _frame(frame):
    ether_type = int.from_bytes(frame[12:14], "big")
    row = {
        "dst_mac": int.from_bytes(frame[:6], "big"), "src_mac": int.from_bytes(frame[6:12], "big"),
        "ether_type": ether_type,
    }  # fmt: skip
    packet = frame[14:]
    if ether_type == ARP:
        row |= {
            "arp_op": packet[7], "arp_mac": int.from_bytes(packet[8:14], "big"),
            "src_lo": int.from_bytes(packet[14:18], "big"), "dst_lo": int.from_bytes(packet[24:28], "big"),
        }  # fmt: skip
    elif ether_type == IPV4:
        whole = int.from_bytes(packet[2:4], "big")
        row |= {
            "protocol": packet[9], "src_lo": int.from_bytes(packet[12:16], "big"), "ip_bytes": whole,
            "dst_lo": int.from_bytes(packet[16:20], "big"),
        }  # fmt: skip
        row |= _segment(packet[9], packet[(packet[0] & 15) * 4 : whole])
    elif ether_type == IPV6:
        row |= {
            "protocol": packet[6], "src_hi": int.from_bytes(packet[8:16], "big"),
            "src_lo": int.from_bytes(packet[16:24], "big"), "dst_hi": int.from_bytes(packet[24:32], "big"),
            "dst_lo": int.from_bytes(packet[32:40], "big"),
        }  # fmt: skip
        row |= _segment(packet[6], packet[40 : 40 + int.from_bytes(packet[4:6], "big")])
    return row


def _segment(protocol, segment):
    if protocol not in {6, 17}:
        return {}
    row = {"src_port": int.from_bytes(segment[:2], "big"), "dst_port": int.from_bytes(segment[2:4], "big")}
    if protocol == 6:
        payload = segment[(segment[12] >> 4) * 4 :]
        row |= {
            "sequence": int.from_bytes(segment[4:8], "big"), "acknowledged": int.from_bytes(segment[8:12], "big"),
            "tcp_flags": segment[13], "payload_bytes": len(payload), "payload_kept": len(payload),
            "digest": digest(payload),
        }  # fmt: skip
    return row
