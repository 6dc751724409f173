"""A collector of NetFlow 5 and 9 and IPFIX over UDP."""

import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

from houfeng.shell.guarding.reading import OneWay
from houfeng.shell.settings.values import Address
from houfeng.wire.eyes.netflow import NetFlowDecoder
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.network import Flow

#: linux/socket.h: every datagram comes with how many found no room before it. Python does not name it.
_SO_RXQ_OVFL: Final = 40

#: Asked of the kernel; it gives what net.core.rmem_max allows. 4 MiB are some thousand datagrams.
_BUFFER_BYTES: Final = 4 << 20
#: The largest datagram there is.
_DATAGRAM_BYTES: Final = 65_535
#: Datagrams taken at a time, so that other eyes get their turn.
_AT_ONCE: Final = 256


class Collector:
    """Listens for exporters.

    address  to listen on; port 0 takes any that is free

    Raises WorldFault when it cannot be listened on. Datagrams that found no room are told ("datagrams-dropped").
    """

    def __init__(self, address: Address) -> None:
        self.name = f"netflow {address}"
        self._decoder = NetFlowDecoder(self.name)
        self._dropped = self._told_dropped = 0
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
            self._socket.bind((address.host, address.port))
        except OSError as error:
            self._socket.close()
            reason = f"cannot be listened on: {error.strerror or error}"
            raise WorldFault(str(address), reason, "choose a free port of this machine") from error
        self.port: int = self._socket.getsockname()[1]

    def fileno(self) -> int:
        """What becomes readable when datagrams came."""
        return self._socket.fileno()

    def take(self) -> Iterator[OneWay | Finding]:
        """What the datagrams say that came, some of them when there are many."""
        for _ in range(_AT_ONCE):
            try:
                data, besides, _, sender = self._socket.recvmsg(_DATAGRAM_BYTES, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return
            except OSError:  # such as a port unreachable told of somebody we never wrote to
                continue
            for level, kind, value in besides:
                if (level, kind) == (socket.SOL_SOCKET, _SO_RXQ_OVFL) and len(value) == struct.calcsize("I"):
                    (self._dropped,) = struct.unpack("I", value)
            yield from self._said(data, str(sender[0]))

    def _said(self, data: bytes, exporter: str) -> Iterator[OneWay | Finding]:
        told = self._decoder.datagram(data, exporter, time.time_ns())
        yield from (one for one in told if isinstance(one, Finding))
        flows = tuple(one for one in told if isinstance(one, Flow))
        if flows:
            yield OneWay(flows)

    def lost(self) -> Iterator[Finding]:
        """What found no room since this was asked last, and what waited in vain for its template."""
        yield from self._decoder.elapse(time.time_ns())
        if self._dropped != self._told_dropped:
            more = (self._dropped - self._told_dropped) & 0xFFFF_FFFF
            self._told_dropped = self._dropped
            reason = f"{more} datagrams came faster than they were judged and were lost"
            yield Finding("datagrams-dropped", reason, file=self.name)

    def end(self) -> Iterator[Finding]:
        """Close it."""
        yield from self.lost()
        yield from self._decoder.end()
        self._socket.close()
