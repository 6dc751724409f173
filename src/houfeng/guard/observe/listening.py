"""Payload from frames to taps: which conversation a frame belongs to, and what its tap says of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.observe.stream import Stream
from houfeng.guard.observe.tap import Said, Tap, TapFactory
from houfeng.wire.eyes.addresses import address_text
from houfeng.wire.eyes.frames import ACK, IPV6, SYN, FrameBatch
from houfeng.words.finding import Finding
from houfeng.words.network import Observation, Seen

_TCP = 6

#: Kept of segments that came early, all conversations together: holes are given up beyond it.
MOST_EARLY_BYTES: Final = 64 * 1024 * 1024


@dataclass(slots=True)
class _Listener:
    """A conversation listened to: its tap, the client's SYN, both streams (server's first), and how far it came."""

    tap: Tap
    syn: int | None = None
    streams: tuple[Stream, Stream] = field(default_factory=lambda: (Stream(), Stream()))
    delivered_bytes: int = 0
    time_ns: int = 0
    line: int = 0

    def full(self) -> bool:
        quota = getattr(self.tap, "quota_bytes", None)
        return bool(getattr(self.tap, "done", False)) or (quota is not None and self.delivered_bytes >= quota)


class Listening:
    """The taps of one flow table.

    taps  their factories by the server's port
    """

    def __init__(self, taps: Mapping[int, TapFactory]) -> None:
        self._taps = taps
        self._listeners: dict[int, _Listener] = {}
        self._early_bytes = 0

    def hear(
        self, batch: FrameBatch, row: int, slot: int, *, from_client: bool, time_ns: int
    ) -> Iterator[Observation | Finding]:
        """A frame of a flow that is listened to.

        row      of the batch
        slot     place of the flow in the flow table
        time_ns  of the frame, or of the one before it that had a time
        """
        flags, sequence = int(batch.tcp_flags[row]), int(batch.sequence[row])
        syn = sequence if from_client and flags & (SYN | ACK) == SYN else None
        listener = self._listeners.get(slot)
        if listener and syn is not None and syn != listener.syn:
            # Another connection on the same ports: one flow in the table, two conversations to listen to.
            yield from self.end(slot)
            listener = None
        if listener is None:
            listener = _Listener(self._tap(batch, row, from_client=from_client), syn)
            self._listeners[slot] = listener
        listener.time_ns = time_ns
        listener.line = int(batch.number[row])
        if listener.full():
            return
        begins = int(batch.payload_at[row])
        data = batch.data[begins : begins + int(batch.payload_kept[row])]
        size = int(batch.payload_bytes[row])
        if int(batch.protocol[row]) != _TCP:
            yield from _deliver(listener, [data] if size <= len(data) else [data, None], from_client=from_client)
            return
        stream, other = listener.streams[from_client], listener.streams[not from_client]
        early_bytes = stream.early_bytes + other.early_bytes
        yield from _deliver(listener, stream.take(sequence, flags, data, size), from_client=from_client)
        if flags & ACK:
            pieces = other.acknowledge(int(batch.acknowledged[row]))
            yield from _deliver(listener, pieces, from_client=not from_client)
        self._early_bytes += stream.early_bytes + other.early_bytes - early_bytes
        if self._early_bytes > MOST_EARLY_BYTES:
            yield from self._give_up_holes(listener)

    def end(self, slot: int) -> Iterator[Observation | Finding]:
        """A flow is over."""
        listener = self._listeners.pop(slot, None)
        if listener is not None:
            yield from self._give_up_holes(listener)
            yield from listener.tap.end(listener.time_ns)

    def _give_up_holes(self, listener: _Listener) -> Iterator[Observation | Finding]:
        self._early_bytes -= sum(stream.early_bytes for stream in listener.streams)
        for from_client in (True, False):
            yield from _deliver(listener, listener.streams[from_client].end(), from_client=from_client)
        # A tap that has heard enough leaves the rest where it is.
        self._early_bytes += sum(stream.early_bytes for stream in listener.streams)

    def _tap(self, batch: FrameBatch, row: int, *, from_client: bool) -> Tap:
        six = int(batch.ether_type[row]) == IPV6
        source = address_text(int(batch.src_hi[row]), int(batch.src_lo[row]), six=six)
        target = address_text(int(batch.dst_hi[row]), int(batch.dst_lo[row]), six=six)
        ends = [(source, int(batch.src_port[row])), (target, int(batch.dst_port[row]))]
        (client, client_port), (server, server_port) = ends if from_client else reversed(ends)
        protocol = "tcp" if int(batch.protocol[row]) == _TCP else "udp"
        seen = Seen(batch.eye, int(batch.number[row]))
        return self._taps[server_port](seen, client, server, client_port, server_port, protocol)


def _deliver(listener: _Listener, pieces: Iterable[bytes | None], *, from_client: bool) -> Said:
    for piece in pieces:
        if listener.full():
            return
        if piece is None:
            listener.tap.lost(from_client)
        elif piece:
            listener.delivered_bytes += len(piece)
            yield from listener.tap.hear(listener.time_ns, from_client=from_client, data=piece, line=listener.line)
