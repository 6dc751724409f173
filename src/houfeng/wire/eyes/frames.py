"""Frames as columns: what the headers of many captured frames say, one row a frame."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: TCP flags, as in the header.
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))

#: Ethertypes.
IPV4, IPV6, ARP = 0x0800, 0x86DD, 0x0806

#: In place of a MAC address where the link has none.
NO_MAC: Final = -1

COLUMNS: Final = {
    "number": np.int64,
    "time_ns": np.int64,
    "frame_bytes": np.int32,
    "src_mac": np.int64,
    "dst_mac": np.int64,
    "ether_type": np.uint16,
    "src_hi": np.uint64,
    "src_lo": np.uint64,
    "dst_hi": np.uint64,
    "dst_lo": np.uint64,
    "protocol": np.int16,
    "src_port": np.uint16,
    "dst_port": np.uint16,
    "tcp_flags": np.uint8,
    "sequence": np.uint32,
    "acknowledged": np.uint32,
    "ip_bytes": np.int32,
    "payload_bytes": np.int32,
    "payload_at": np.int64,
    "payload_kept": np.int32,
    "digest": np.uint64,
    "counter": np.int32,
    "arp_op": np.uint8,
    "arp_mac": np.int64,
}


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Frames of one eye, in the order in which it saw them. Every column is [n], of the type in COLUMNS.

    eye            name of the file or interface
    number         frame number in the eye, from 1
    time_ns        when it was seen
    frame_bytes    its length on the wire
    src_mac, dst_mac  48 bits as an integer; NO_MAC where the link has none
    ether_type     IPV4, IPV6, ARP or any other; what lies behind VLAN tags
    src_hi, src_lo, dst_hi, dst_lo  addresses: IPv6 as two halves; IPv4 with src_hi 0 and src_lo below 2^32; of ARP the
                   sender's and the target's protocol address; 0 where there is none
    protocol       IP protocol (6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6); -1 without IP; 0 in a later fragment
    src_port, dst_port  of TCP and UDP; ICMP: type and code
    tcp_flags, sequence, acknowledged  of TCP, else 0
    ip_bytes       IP header and what follows, as IP's own length says, never beyond frame_bytes; 0 without IP
    payload_bytes  bytes above TCP, UDP or ICMP by the same lengths
    payload_at     where the payload begins in data
    payload_kept   how much of it was captured
    digest         a 64-bit digest of the captured payload, equal for equal payloads; 0 without payload
    counter        what the protocol itself counts its messages with, -1 where it does not or nobody looked
    arp_op         1 request, 2 reply; 0 for what is not ARP
    arp_mac        the sender's MAC address inside ARP, NO_MAC for what is not ARP
    data           the bytes that payload_at points into
    """

    eye: str
    number: NDArray[np.int64]
    time_ns: NDArray[np.int64]
    frame_bytes: NDArray[np.int32]
    src_mac: NDArray[np.int64]
    dst_mac: NDArray[np.int64]
    ether_type: NDArray[np.uint16]
    src_hi: NDArray[np.uint64]
    src_lo: NDArray[np.uint64]
    dst_hi: NDArray[np.uint64]
    dst_lo: NDArray[np.uint64]
    protocol: NDArray[np.int16]
    src_port: NDArray[np.uint16]
    dst_port: NDArray[np.uint16]
    tcp_flags: NDArray[np.uint8]
    sequence: NDArray[np.uint32]
    acknowledged: NDArray[np.uint32]
    ip_bytes: NDArray[np.int32]
    payload_bytes: NDArray[np.int32]
    payload_at: NDArray[np.int64]
    payload_kept: NDArray[np.int32]
    digest: NDArray[np.uint64]
    counter: NDArray[np.int32]
    arp_op: NDArray[np.uint8]
    arp_mac: NDArray[np.int64]
    data: bytes = b""

    def __len__(self) -> int:
        return len(self.number)


def mac_text(mac: int) -> str:
    """A MAC address as people write it, "" for NO_MAC."""
    return "" if mac == NO_MAC else mac.to_bytes(6, "big").hex(":")
