"""Joining: the records of an exporter, of one direction and cut in pieces, become two-way conversations.

Routers count each direction apart and tell a long conversation in pieces. Records belong together when one exporter
told them of the same two ends and protocol, and

- in TCP, unless a side opens once more that had opened before, after the other side had answered it: that is a new
  connection on old ports. A side that opens again unanswered only tries again;
- otherwise, while the silence between them is no longer than SILENCE_NS.

Packets and bytes are sums. The client is who certainly opened, as the record says (SYN never followed by ACK, or a
record of both sides); else whose first packet came first, where the exporter saw both sides begin; else who was not
refused; else as the records have it. It was answered when both sides spoke, refused when the server sent nothing but
resets. Where one side alone was heard, what its record says stands; but outside TCP it was not answered, if this
exporter has ever shown both sides of a conversation.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Flow, Outcome

#: Both directions fall silent together, so exporters tell of them together; a minute allows for a cache that is
#: looked through only now and then, and for records on their way.
HOLD_NS: Final = 60 * NS_PER_S

#: Nothing is cut that is shorter: the least active timeout that is in use.
PIECE_NS: Final = 60 * NS_PER_S

#: The next piece of a long conversation comes within 30 minutes, the active timeout of routers that were told none.
FORGET_NS: Final = 1800 * NS_PER_S + HOLD_NS

#: Silence that ends a conversation without connection. RFC 4787 (REQ-5) has address translators keep one for two
#: minutes at least.
SILENCE_NS: Final = 120 * NS_PER_S

#: Conversations kept at a time, some 100 MB. Beyond it the one heard of longest ago is told as it is.
MOST_KEPT: Final = 100_000

#: Exporters remembered to show both sides.
_MOST_EYES: Final = 4096

_Key = tuple[str, str, tuple[str, int], tuple[str, int]]

#: Who the client is, by what says so, the surest last: the record's guess, a refusal, who spoke first, who opened;
#: and it was told so before.
_GUESSED, _REFUSED, _FIRST, _OPENED, _TOLD = range(5)


def join(flows: Iterable[Flow]) -> list[Flow]:
    """Join all flows of a file that is read at once, in order of their start.

    flows  as readers of exporters' records tell them, in any order; their clock is not needed
    """
    joining = Joining()
    told: list[Flow] = []
    for flow in sorted(flows, key=lambda flow: flow.start_ns):
        told += joining.handle(flow)
    told += joining.end()
    return sorted(told, key=lambda flow: flow.start_ns)


class Joining:
    """The stage that joins, live.

    A conversation is told HOLD_NS after its last record came, and for good if it was shorter than PIECE_NS. A longer
    one is told as ongoing, again when more of it came, and for good once nothing came for FORGET_NS.
    """

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._now_ns = 0
        # Both in the order of when they were last heard of: not told yet since then, and told as ongoing.
        self._fresh: dict[_Key, _Talk] = {}
        self._waiting: dict[_Key, _Talk] = {}
        self._two_sided: set[str] = set()

    def handle(self, flow: Flow) -> list[Flow]:
        """A record came, at the time last given to elapse. Gives what it ends or crowds out."""
        out = []
        key = _key_of(flow)
        talk = self._fresh.pop(key, None) or self._waiting.pop(key, None)
        if talk is not None and not talk.goes_on(flow):
            out.append(self._tell(talk, ongoing=False))
            talk = None
        if talk is None:
            talk = _Talk(key, flow)
        talk.add(flow, self._now_ns)
        self._fresh[key] = talk
        eye = flow.seen.eye
        if talk.both_spoke and len(self._two_sided) < _MOST_EYES:
            self._two_sided.add(eye)
        if len(self._fresh) + len(self._waiting) > self._most_kept:
            crowded = self._waiting or self._fresh
            out.append(self._tell(crowded.pop(next(iter(crowded))), ongoing=False))
        return out

    def elapse(self, now_ns: int) -> list[Flow]:
        """Time passed, by the clock that the records come by."""
        self._now_ns = max(self._now_ns, now_ns)
        out = []
        for key, talk in list(_until(self._waiting, self._now_ns - FORGET_NS)):
            del self._waiting[key]
            out.append(self._tell(talk, ongoing=False))
        for key, talk in list(_until(self._fresh, self._now_ns - HOLD_NS)):
            del self._fresh[key]
            ongoing = talk.end_ns - talk.start_ns >= PIECE_NS
            if ongoing:
                self._waiting[key] = talk
            out.append(self._tell(talk, ongoing=ongoing))
        return out

    def end(self) -> list[Flow]:
        """No more will come: all that is kept is told for good."""
        talks = [*self._waiting.values(), *self._fresh.values()]
        self._waiting.clear()
        self._fresh.clear()
        return [self._tell(talk, ongoing=False) for talk in talks]

    def _tell(self, talk: "_Talk", *, ongoing: bool) -> Flow:
        return talk.flow(two_sided=talk.first.seen.eye in self._two_sided, ongoing=ongoing)


class _Talk:
    """One conversation as far as it is known. Its sides are 0 and 1, in the order of its key."""

    __slots__ = (
        "_begun_ns", "_bytes", "_client", "_ends", "_macs", "_only_resets", "_outcome", "_packets", "_surety",
        "end_ns", "first", "heard_ns", "start_ns",
    )  # fmt: skip

    def __init__(self, key: _Key, first: Flow) -> None:
        self._ends = key[2:]
        self.first = first
        self.start_ns, self.end_ns = first.start_ns, first.end_ns
        self.heard_ns = 0
        self._packets, self._bytes = [0, 0], [0, 0]
        self._begun_ns: list[int | None] = [None, None]
        self._only_resets = [True, True]
        self._macs = ["", ""]
        self._client, self._surety = 0, -1
        self._outcome: Outcome = first.outcome

    @property
    def both_spoke(self) -> bool:
        """Whether both sides were heard."""
        return all(self._bytes[side] or self._packets[side] for side in (0, 1))

    def goes_on(self, flow: Flow) -> bool:
        """Whether a record of the same ends belongs to this conversation."""
        silence_ns = max(flow.start_ns - self.end_ns, self.start_ns - flow.end_ns)
        if flow.protocol != "tcp":
            return silence_ns <= SILENCE_NS
        if silence_ns <= 0 or not flow.begun:
            return True
        side = self._side(flow)
        sender = side if flow.client_packets else 1 - side
        return self._begun_ns[sender] is None or self._only_resets[1 - sender]

    def add(self, flow: Flow, now_ns: int) -> None:
        """One more record of it."""
        client = self._side(flow)
        sides = (
            (client, flow.client_packets, flow.client_bytes, flow.client_mac),
            (1 - client, flow.server_packets, flow.server_bytes, flow.server_mac),
        )
        for side, packets, count_bytes, mac in sides:
            self._packets[side] += packets
            self._bytes[side] += count_bytes
            self._macs[side] = self._macs[side] or mac
            if not packets and not count_bytes:
                continue
            began = self._begun_ns[side]
            if flow.begun and (began is None or flow.start_ns < began):
                self._begun_ns[side] = flow.start_ns
            if side == client or flow.outcome != "refused":
                self._only_resets[side] = False
        self._judge(flow, client)
        self.start_ns, self.end_ns = min(self.start_ns, flow.start_ns), max(self.end_ns, flow.end_ns)
        self.heard_ns = now_ns

    def flow(self, *, two_sided: bool, ongoing: bool) -> Flow:
        """Tell it."""
        client = self._client = self._who_began()
        self._surety = _TOLD
        server = 1 - client
        first = self.first
        return Flow(
            seen=first.seen,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            client=self._ends[client][0],
            client_port=self._ends[client][1],
            server=self._ends[server][0],
            server_port=self._ends[server][1],
            protocol=first.protocol,
            client_packets=self._packets[client],
            server_packets=self._packets[server],
            client_bytes=self._bytes[client],
            server_bytes=self._bytes[server],
            outcome=self._how(server, two_sided=two_sided),
            begun=any(began is not None for began in self._begun_ns),
            service=first.service,
            client_mac=self._macs[client],
            server_mac=self._macs[server],
            ongoing=ongoing,
        )

    def _side(self, flow: Flow) -> int:
        return 0 if (flow.client, flow.client_port) == self._ends[0] else 1

    def _judge(self, flow: Flow, client: int) -> None:
        """Who the client is and how it went, as far as this record knows better than those before."""
        surety = _GUESSED
        if flow.outcome == "unanswered" or (flow.client_packets and flow.server_packets):
            surety = _OPENED
        elif flow.outcome == "refused":
            surety = _REFUSED
        if surety > self._surety:
            self._client, self._surety = client, surety
        if flow.outcome != self._outcome:
            self._outcome = "unknown"

    def _who_began(self) -> int:
        ahead, back = self._begun_ns
        if self._surety < _FIRST and self.first.protocol[:4] != "icmp" and ahead is not None and back is not None:
            return self._client if ahead == back else int(back < ahead)
        return self._client

    def _how(self, server: int, *, two_sided: bool) -> Outcome:
        if self.both_spoke:
            return "refused" if self._only_resets[server] else "answered"
        if two_sided and self.first.protocol != "tcp":
            return "unanswered"
        return self._outcome


def _key_of(flow: Flow) -> _Key:
    ends = (flow.client, flow.client_port), (flow.server, flow.server_port)
    return (flow.seen.eye, flow.protocol, min(ends), max(ends))


def _until(talks: dict[_Key, _Talk], heard_ns: int) -> Iterator[tuple[_Key, _Talk]]:
    """Those last heard of at that time or before, the first being heard of longest ago."""
    for key, talk in talks.items():
        if talk.heard_ns > heard_ns:
            return
        yield key, talk
