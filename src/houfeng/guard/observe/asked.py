"""Who asked the local network for whom: ARP requests and IPv6 neighbour solicitations."""

import numpy as np

from houfeng.wire.eyes.addresses import address_text
from houfeng.wire.eyes.frames import FrameBatch, mac_text
from houfeng.words.network import Asked, Seen

_REQUEST = 1
#: RFC 4861 section 4.3: a neighbour solicitation carries the address asked for behind the first eight bytes.
_ICMP6, _SOLICITATION, _TARGET_BYTES = 58, 135, 16


def asked(batch: FrameBatch) -> list[tuple[int, Asked]]:
    """The questions in some frames, each with its row of the batch.

    Who asks for its own address announces itself and asks nobody (RFC 5227 section 3).
    """
    own = (batch.src_lo == batch.dst_lo) & (batch.src_hi == batch.dst_hi)
    arp = (batch.arp_op == _REQUEST) & ~own
    solicited = (batch.protocol == _ICMP6) & (batch.src_port == _SOLICITATION) & (batch.payload_kept >= _TARGET_BYTES)
    rows = np.flatnonzero((arp | solicited) & (batch.time_ns >= 0)).tolist()
    return [(row, _asked(batch, row, six=bool(solicited[row]))) for row in rows]


def _asked(batch: FrameBatch, row: int, *, six: bool) -> Asked:
    high, low, mac = int(batch.dst_hi[row]), int(batch.dst_lo[row]), int(batch.arp_mac[row])
    if six:
        begins = int(batch.payload_at[row])
        high = int.from_bytes(batch.data[begins : begins + 8], "big")
        low = int.from_bytes(batch.data[begins + 8 : begins + 16], "big")
        mac = int(batch.src_mac[row])
    asker = address_text(int(batch.src_hi[row]), int(batch.src_lo[row]), six=six)
    seen = Seen(batch.eye, int(batch.number[row]))
    return Asked(seen, int(batch.time_ns[row]), asker, mac_text(mac), address_text(high, low, six=six))
