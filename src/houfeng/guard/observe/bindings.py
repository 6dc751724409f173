"""Bindings: which MAC address an address was claimed by or used from, told sparingly."""

from typing import Final, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.guard.observe.places import enter_all, find
from houfeng.wire.eyes.addresses import address_text
from houfeng.wire.eyes.frames import IPV6, NO_MAC, FrameBatch, mac_text
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Binding, Seen

Words = NDArray[np.int64]

#: A binding that lasts is told this often; one that comes and goes (two machines that answer for one address) at each
#: change, but no more often than once a second each.
LASTING_NS: Final = 60 * NS_PER_S
FLICKER_NS: Final = NS_PER_S

#: The most bindings remembered. When they are all in use those heard of longest ago are forgotten, and told anew
#: when they return.
MOST_BINDINGS: Final = 131_072

#: A row: address, tag (MAC address + 1, how, whether IPv6), the MAC address it has now, when told and heard last. The
#: row with tag MAC address 0 stands for the address whatever its MAC address.
_HI, _LO, _TAG, _MAC, _TOLD_NS, _HEARD_NS, _ALIVE, _WHOLES = range(8)
_KEY_WHOLES = _TAG + 1

_BY_ARP, _BY_IP = 0, 1

_DONE, _FULL = range(2)


class Bindings:
    """The bindings one eye saw.

    salt  mixed into the hashes, so that nobody can aim at one place of the table
    """

    def __init__(self, *, most: int = MOST_BINDINGS, salt: int = 0) -> None:
        self._table = np.zeros((most, _WHOLES), dtype=np.int64)
        self._index = np.full(1 << (2 * most - 1).bit_length(), -1, dtype=np.int64)
        self._salt = salt
        self._state = np.zeros(3, dtype=np.int64)

    def see(self, batch: FrameBatch) -> list[tuple[int, Binding]]:
        """What is to be told of the bindings in some frames, each with its row of the batch."""
        arp = (batch.arp_op == 1) | (batch.arp_op == 2)
        ip = (batch.protocol >= 0) & (batch.src_mac != NO_MAC)
        some = (batch.src_hi != 0) | (batch.src_lo != 0)
        rows = np.flatnonzero((arp | ip) & some & (batch.time_ns >= 0))
        claims = np.empty((len(rows), _WHOLES), dtype=np.int64)
        claims[:, _HI] = batch.src_hi[rows].view(np.int64)
        claims[:, _LO] = batch.src_lo[rows].view(np.int64)
        claims[:, _MAC] = np.where(arp, batch.arp_mac, batch.src_mac)[rows]
        claims[:, _TAG] = np.where(arp, _BY_ARP, _BY_IP)[rows] << 1 | (batch.ether_type[rows] == IPV6)
        claims[:, _HEARD_NS] = batch.time_ns[rows]
        chosen = np.empty(len(rows), dtype=np.int64)
        self._state[0] = self._state[1] = 0
        while _see(claims, self._table, self._index, self._state, self._salt, chosen) == _FULL:
            self._make_room()
        told = chosen[: self._state[1]].tolist()
        return [(int(rows[k]), _binding(batch, int(rows[k]), claims[k])) for k in told]

    def _make_room(self) -> None:
        """Forget the half heard of longest ago."""
        heard_ns = self._table[:, _HEARD_NS]
        kept = self._table[np.argsort(heard_ns, kind="stable")[len(self._table) // 2 :]]
        self._table[:] = 0
        self._table[: len(kept)] = kept
        self._index[:] = -1
        enter_all(self._table, self._index, len(kept), _ALIVE, _KEY_WHOLES, self._salt)
        self._state[2] = len(kept)


def _binding(batch: FrameBatch, row: int, claim: Words) -> Binding:
    tag = int(claim[_TAG])
    address = address_text(int(claim[_HI]), int(claim[_LO]), six=bool(tag & 1))
    how: Literal["arp", "ip"] = "ip" if tag >> 1 == _BY_IP else "arp"
    seen = Seen(batch.eye, int(batch.number[row]))
    return Binding(seen, int(batch.time_ns[row]), address, mac_text(int(claim[_MAC])), how)


@njit(nogil=True, cache=True)
def _see(claims: Words, table: Words, index: Words, state: Words, salt: int, chosen: Words) -> int:
    """Choose the claims to be told.

    claims  [n], as rows of the table, with how and whether IPv6 as their tag
    state   the next claim, how many were chosen, rows of the table in use
    chosen  out, [n]
    """
    key = np.empty(_KEY_WHOLES, dtype=np.int64)
    while state[0] < len(claims):
        if state[2] + 2 > len(table):
            return _FULL
        claim = claims[state[0]]
        key[:] = claim[:_KEY_WHOLES]
        now_ns, mac = claim[_HEARD_NS], claim[_MAC]
        address = table[_entry(table, index, key, state, salt, mac)]
        key[_TAG] |= (mac + 1) << 2
        before = state[2]
        pair = table[_entry(table, index, key, state, salt, mac)]
        fresh = state[2] > before
        changed = address[_MAC] != mac
        address[_MAC] = mac
        address[_HEARD_NS] = now_ns
        pair[_HEARD_NS] = now_ns
        wait_ns = FLICKER_NS if changed else LASTING_NS
        # A clock that was set back would leave it untold until then.
        if fresh or now_ns - pair[_TOLD_NS] >= wait_ns or now_ns < pair[_TOLD_NS] - LASTING_NS:
            pair[_TOLD_NS] = now_ns
            chosen[state[1]] = state[0]
            state[1] += 1
        state[0] += 1
    return _DONE


@njit(nogil=True, cache=True)
def _entry(table: Words, index: Words, key: Words, state: Words, salt: int, mac: int) -> int:
    """The row of a key, which is made when there is none."""
    spot = find(table, index, key, _KEY_WHOLES, salt)
    if index[spot] < 0:
        index[spot] = state[2]
        state[2] += 1
        row = table[index[spot]]
        row[:_KEY_WHOLES] = key
        row[_MAC] = mac
        row[_ALIVE] = 1
    return int(index[spot])
