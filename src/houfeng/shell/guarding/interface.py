"""A live interface as an eye: frames from the kernel's ring, read as a capture file is."""

import mmap
import os
import socket
import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from houfeng.guard.observe.observing import Sight
from houfeng.wire.eyes.packet_ring import STATUS_AT, ring_file_header, ring_records
from houfeng.wire.eyes.pcap import PcapReader
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding

#: linux/if_packet.h; Python's socket module names few of them.
_SOL_PACKET, _ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 263, 1, 5, 6, 10, 23
_PROMISCUOUS: Final = 1
_TPACKET_V3: Final = 2
_ETH_P_ALL: Final = 3
#: A block's status: the kernel's until it sets the lowest bit.
_FOR_US: Final = 1

#: One block is filled at a time and given to us when it is full or after a while: 64 of 512 KiB hold 2.6 s of a full
#: 100 Mbit/s link, longer than judging ever takes for one of them.
_BLOCK_BYTES: Final = 512 << 10
_BLOCKS: Final = 64
#: The ring counts in frames of a size; with TPACKET_V3 it only has to divide the block.
_FRAME_BYTES: Final = 2048
#: What part of how soon a finding is made is ours to choose: a twentieth of a second is nothing to a person.
_GIVEN_AFTER_MS: Final = 50
#: Blocks taken at a time, so that other eyes get their turn.
_BLOCKS_AT_ONCE: Final = 8

#: Kinds of hardware (linux/if_arp.h) by the link type of their frames: Ethernet and loopback; tunnels without header.
_LINK_TYPES: Final = {1: 1, 772: 1, 65534: 101, 768: 101, 776: 101, 778: 101}
_LOOPBACK: Final = 772

_REMEDY: Final = "give the program CAP_NET_RAW: AmbientCapabilities=CAP_NET_RAW in its unit, or run it as root"


class Interface:
    """Frames of one interface.

    name         of the interface, such as "eth0"
    promiscuous  whether frames that are not for this machine are taken too

    Raises WorldFault when there is no such interface, its link is not read, or the right to listen is missing. Stamps
    are the kernel's. What it had no room for is counted by the kernel and told ("frames-dropped").
    """

    def __init__(self, name: str, *, promiscuous: bool = False) -> None:
        self.name = name
        self.dropped = 0
        self._reader = PcapReader(name)
        self._socket = _opened(name)
        try:
            self._ring = _ringed(self._socket, name, promiscuous=promiscuous)
            link_type = _link_type(name, self._socket)
        except WorldFault:
            self._socket.close()
            raise
        self._blocks = np.frombuffer(self._ring, dtype=np.uint8).reshape(_BLOCKS, _BLOCK_BYTES)
        self._next = 0
        self._reader.read(ring_file_header(link_type))

    def fileno(self) -> int:
        """What becomes readable when frames came."""
        return self._socket.fileno()

    def take(self) -> Iterator[Sight | Finding]:
        """The frames that came, some of them when there are many; "interface-down" when it went down."""
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            yield Finding("interface-down", f"nothing comes from it: {os.strerror(error)}", file=self.name)
        for _ in range(_BLOCKS_AT_ONCE):
            block = self._blocks[self._next]
            status = block[STATUS_AT : STATUS_AT + 4].view(np.uint32)
            if not int(status[0]) & _FOR_US:
                return
            data = ring_records(block)
            status[0] = 0  # the kernel's again
            self._next = (self._next + 1) % _BLOCKS
            yield from self._reader.read(data)

    def lost(self) -> Iterator[Finding]:
        """What the kernel had no room for since this was asked last."""
        _, dropped, _ = struct.unpack("3I", self._socket.getsockopt(_SOL_PACKET, _STATISTICS, 12))
        if dropped:
            self.dropped += dropped
            reason = f"{dropped} frames came faster than they were judged and were lost, {self.dropped} so far"
            yield Finding("frames-dropped", reason, file=self.name)

    def end(self) -> Iterator[Sight | Finding]:
        """Close it: what waited is given."""
        yield from self.lost()
        yield from self._reader.end()
        self._socket.close()


def _opened(name: str) -> socket.socket:
    if not hasattr(socket, "AF_PACKET"):
        raise WorldFault(name, "interfaces are listened to on Linux only", "give captures or flow exports instead")
    try:
        # Without a protocol nothing is taken until the ring is there and it is bound.
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    except PermissionError as error:
        raise WorldFault(name, "the right to listen to an interface is missing", _REMEDY) from error


def _ringed(sock: socket.socket, name: str, *, promiscuous: bool) -> mmap.mmap:
    try:
        index = socket.if_nametoindex(name)
        sock.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
        request = (_BLOCK_BYTES, _BLOCKS, _FRAME_BYTES, _BLOCK_BYTES // _FRAME_BYTES * _BLOCKS, _GIVEN_AFTER_MS, 0, 0)
        sock.setsockopt(_SOL_PACKET, _RX_RING, struct.pack("7I", *request))
        ring = mmap.mmap(sock.fileno(), _BLOCK_BYTES * _BLOCKS)
        if promiscuous:
            sock.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _PROMISCUOUS, 0, b""))
        sock.bind((name, 0))
        if sock.getsockname()[3] == _LOOPBACK:
            sock.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)  # what goes out comes in again
        sock.bind((name, _ETH_P_ALL))
    except PermissionError as error:
        raise WorldFault(name, "the right to listen to an interface is missing", _REMEDY) from error
    except OSError as error:
        raise WorldFault(name, f"cannot be listened to: {error.strerror or error}", "see: ip link") from error
    return ring


def _link_type(name: str, sock: socket.socket) -> int:
    hardware = sock.getsockname()[3]
    if hardware not in _LINK_TYPES:
        raise WorldFault(name, f"hardware of kind {hardware} is not read", "give an Ethernet interface")
    return _LINK_TYPES[hardware]
