"""What flows told in instalments add up to: each telling gives only what is new in it."""

from dataclasses import dataclass
from typing import Final

from houfeng.guard.conduct.tally import key_of
from houfeng.words.network import Flow

#: Conversations remembered at a time; the one longest untold is forgotten first.
MOST: Final = 50_000


@dataclass(frozen=True, slots=True)
class Increment:
    """What was sent from start_ns to end_ns, IP bytes and packets; payload None where the eye does not tell."""

    start_ns: int
    end_ns: int
    client_bytes: int
    server_bytes: int
    client_packets: int
    server_packets: int
    client_payload_bytes: int | None
    server_payload_bytes: int | None


class Increments:
    """The last telling of every ongoing conversation."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: dict[tuple[str, str, int, str, int, str, int], Flow] = {}

    def of(self, flow: Flow) -> Increment:
        """What this telling adds to the one before. A count that goes back adds nothing."""
        key = key_of(flow)
        before = self._last.pop(key, None)
        if flow.ongoing:
            self._last[key] = flow
            if len(self._last) > MOST:
                del self._last[next(iter(self._last))]
        if before is None:
            return _whole(flow)
        return Increment(
            start_ns=min(before.end_ns, flow.end_ns),
            end_ns=flow.end_ns,
            client_bytes=max(0, flow.client_bytes - before.client_bytes),
            server_bytes=max(0, flow.server_bytes - before.server_bytes),
            client_packets=max(0, flow.client_packets - before.client_packets),
            server_packets=max(0, flow.server_packets - before.server_packets),
            client_payload_bytes=_more(flow.client_payload_bytes, before.client_payload_bytes),
            server_payload_bytes=_more(flow.server_payload_bytes, before.server_payload_bytes),
        )


def _whole(flow: Flow) -> Increment:
    return Increment(
        start_ns=flow.start_ns,
        end_ns=flow.end_ns,
        client_bytes=flow.client_bytes,
        server_bytes=flow.server_bytes,
        client_packets=flow.client_packets,
        server_packets=flow.server_packets,
        client_payload_bytes=flow.client_payload_bytes,
        server_payload_bytes=flow.server_payload_bytes,
    )


def _more(now: int | None, before: int | None) -> int | None:
    return None if now is None else max(0, now - (before or 0))
