"""Flows: frames become two-way conversations, with bindings and questions beside them."""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from houfeng.guard.observe import flow_words as word
from houfeng.guard.observe.asked import asked
from houfeng.guard.observe.bindings import Bindings
from houfeng.guard.observe.flow_due import end_flow, tell, tick
from houfeng.guard.observe.flow_kernel import DONE, NEEDS_PLACE, RECENT, account
from houfeng.guard.observe.flow_words import FRAME_COLUMNS, KEY_WHOLES, Words
from houfeng.guard.observe.listening import Listening
from houfeng.guard.observe.places import enter_all
from houfeng.guard.observe.tap import TapFactory
from houfeng.wire.eyes.addresses import address_text
from houfeng.wire.eyes.frames import IPV6, FrameBatch, mac_text
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.network import Flow, Observation, Outcome, Seen

#: A TCP conversation is over when nothing was said for an hour: what polls over a connection that it keeps open polls
#: more often than that. RFC 5382 section 5 asks two hours of what translates addresses, which loses connections when
#: it forgets them; here only a flow is told in two parts.
TCP_IDLE_NS: Final = 3600 * NS_PER_S
#: Of anything else ten minutes: twice what RFC 4787 section 4.3 recommends for UDP, so that an exchange every five
#: minutes is one conversation.
OTHER_IDLE_NS: Final = 600 * NS_PER_S
#: Flows followed at a time: room for three scans of every port of a host (65,535 each), in 50 MB.
MOST_FLOWS: Final = 200_000

#: Flows there is room for at first; rows given out at a time.
_FIRST_PLACES: Final = 1024
_ROWS: Final = 4096
#: What part of a full table has to give way at a time, those heard longest ago: sorting it is then a matter of
#: microseconds a flow.
_GIVES_WAY: Final = 16

_OUTCOMES: Final[tuple[Outcome, ...]] = ("unknown", "unanswered", "refused", "answered")
_PROTOCOLS: Final = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}

Told = list[Observation | Finding]


class FlowTable:
    """The conversations one eye saw.

    idle_ns      silence after which a flow that is not TCP is over, > 0
    tcp_idle_ns  the same of TCP, > 0
    over_idle_ns the same of TCP that was closed by both sides, broken off or never answered; None as other TCP
    most_flows   followed at a time; beyond it those heard longest ago are told and dropped
    taps         what listens to payload, by the server's port
    salt         any number; mixed into the hashes, so that nobody can aim at one place of the table

    A flow is told when its outcome is settled or two seconds after it began, then at most once a minute while there
    is news, as ongoing; and once more when it is over. Frames without a time (-1) are counted in their flows and move
    no time. A connection that follows another on the same ports is the same flow.
    """

    def __init__(
        self,
        *,
        idle_ns: int = OTHER_IDLE_NS,
        tcp_idle_ns: int = TCP_IDLE_NS,
        over_idle_ns: int | None = None,
        most_flows: int = MOST_FLOWS,
        taps: Mapping[int, TapFactory] | None = None,
        salt: int = 0,
    ) -> None:
        self._most = most_flows
        self._salt = salt
        self._bindings = Bindings(salt=salt)
        self._listening = Listening(taps or {})
        self._tapped = np.zeros(65_536, dtype=np.bool_)
        self._tapped[list(taps or {})] = True
        self._eye = ""
        self._before_ns = 0
        self._limits = np.zeros(word.LIMIT_WHOLES, dtype=np.int64)
        self._limits[word.IDLE_TCP_NS], self._limits[word.IDLE_OTHER_NS] = tcp_idle_ns, idle_ns
        self._limits[word.IDLE_OVER_NS] = tcp_idle_ns if over_idle_ns is None else over_idle_ns
        self._state = np.zeros(word.STATE_WHOLES, dtype=np.int64)
        self._state[word.CLOCK_NS], self._state[word.DUE_NS], self._state[word.SWEEP] = word.NO_CLOCK, word.NEVER_NS, -1
        self._recent = np.zeros(RECENT, dtype=np.int64)
        self._rows = np.empty((_ROWS, word.ROW_WHOLES), dtype=np.int64)
        self._flows = np.zeros((0, word.FLOW_WHOLES), dtype=np.int64)
        self._grow(min(_FIRST_PLACES, most_flows))

    def handle(self, batch: FrameBatch) -> Told:
        """Frames came: what is to be told, in the order of the frames."""
        self._eye = batch.eye
        frames, data = _words(batch), np.frombuffer(batch.data, dtype=np.uint8)
        tapped = np.empty((len(batch), 3), dtype=np.int64)
        self._state[word.AT_FRAME] = self._state[word.AT_TAPPED] = 0
        rows: list[Words] = []
        why = -1
        while why != DONE:
            why = account(
                frames, data, self._flows, self._index, self._free, self._recent, self._state, self._limits, self._salt,
                self._tapped, self._rows, tapped,
            )  # fmt: skip
            rows.append(self._drain())
            if why == NEEDS_PLACE:
                rows += self._make_place()
        told: list[tuple[int, Observation | Finding]] = list(self._flow_rows(np.concatenate(rows)))
        told += [(at, binding) for at, binding in self._bindings.see(batch)]
        told += [(at, question) for at, question in asked(batch)]
        told += self._listen(batch, tapped[: self._state[word.AT_TAPPED]], np.concatenate(rows))
        told.sort(key=lambda pair: pair[0])
        return [observation for _, observation in told]

    def elapse(self, now_ns: int) -> Told:
        """Time passed without frames.

        now_ns  on the eye's own clock; earlier than its last frame it says nothing
        """
        told: Told = []
        settled = False
        while not settled:
            settled = tick(
                max(now_ns, int(self._state[word.CLOCK_NS])),
                self._flows,
                self._index,
                self._free,
                self._state,
                self._limits,
                self._salt,
                self._rows,
            )
            told += self._finish(self._drain())
        return told

    def end(self) -> Told:
        """The eye is closed: every flow is over. Of an eye that gave no time at all nothing can be told."""
        if self._state[word.CLOCK_NS] == word.NO_CLOCK:
            return []
        alive = np.flatnonzero(self._flows[: self._state[word.USED], word.ALIVE])
        told: Told = []
        for rows in self._end_flows(alive[np.argsort(self._flows[alive, word.FIRST], kind="stable")]):
            told += self._finish(rows)
        return told

    def _finish(self, rows: Words) -> Told:
        """Tell rows that came without frames, the taps of ended flows included."""
        told: Told = []
        for row, (_, flow) in zip(rows, self._flow_rows(rows), strict=True):
            if row[word.ROW_LAST]:
                told += self._listening.end(int(row[word.ROW_SLOT]))
            told.append(flow)
        return told

    def _listen(self, batch: FrameBatch, tapped: Words, rows: Words) -> Iterator[tuple[int, Observation | Finding]]:
        """Deliver payload to the taps, and end those whose flow ended, in the order of the frames."""
        ended = [(int(row[word.ROW_AT]), int(row[word.ROW_SLOT])) for row in rows[rows[:, word.ROW_LAST] != 0]]
        done = 0
        stamped = np.maximum.accumulate(np.where(batch.time_ns >= 0, np.arange(len(batch)), -1))
        for at, slot, from_client in tapped.tolist():
            while done < len(ended) and ended[done][0] <= at:
                yield from ((ended[done][0], said) for said in self._listening.end(ended[done][1]))
                done += 1
            timed = int(stamped[at])
            time_ns = int(batch.time_ns[timed]) if timed >= 0 else self._before_ns
            said_now = self._listening.hear(batch, at, slot, from_client=bool(from_client), time_ns=time_ns)
            yield from ((at, said) for said in said_now)
        for at, slot in ended[done:]:
            yield from ((at, said) for said in self._listening.end(slot))
        if len(batch) and stamped[-1] >= 0:
            self._before_ns = int(batch.time_ns[stamped[-1]])

    def _drain(self) -> Words:
        rows = self._rows[: self._state[word.AT_ROW]].copy()
        self._state[word.AT_ROW] = 0
        return rows

    def _make_place(self) -> list[Words]:
        """Make room for another flow: a larger table, or a sixteenth less of what is in it."""
        if len(self._flows) < self._most:
            self._grow(min(2 * len(self._flows), self._most))
            return []
        alive = np.flatnonzero(self._flows[:, word.ALIVE])
        oldest = np.lexsort((self._flows[alive, word.FIRST], self._flows[alive, word.HEARD_NS]))
        return list(self._end_flows(alive[oldest[: max(len(alive) // _GIVES_WAY, 1)]]))

    def _end_flows(self, slots: Words) -> Iterator[Words]:
        for slot in slots.tolist():
            if self._state[word.CLOCK_NS] != word.NO_CLOCK:
                tell(self._flows[slot], slot, True, self._state, self._rows)
            end_flow(slot, self._flows, self._index, self._free, self._state, self._salt)
            if self._state[word.AT_ROW] == len(self._rows):
                yield self._drain()
        yield self._drain()

    def _grow(self, places: int) -> None:
        flows = np.zeros((places, word.FLOW_WHOLES), dtype=np.int64)
        flows[: len(self._flows)] = self._flows
        self._flows = flows
        self._free = np.zeros(places, dtype=np.int64)
        self._index = np.full(1 << (2 * places - 1).bit_length(), -1, dtype=np.int64)
        enter_all(flows, self._index, int(self._state[word.USED]), word.ALIVE, KEY_WHOLES, self._salt)

    def _flow_rows(self, rows: Words) -> Iterator[tuple[int, Flow]]:
        return ((row[word.ROW_AT], _flow(row, self._eye)) for row in rows.tolist())


def _words(batch: FrameBatch) -> Words:
    """A batch as the kernel wants it, one row of words a frame."""
    frames = np.empty((len(batch), len(FRAME_COLUMNS)), dtype=np.int64)
    for k, name in enumerate(FRAME_COLUMNS):
        column = batch.ether_type == IPV6 if name == "six" else getattr(batch, name)
        frames[:, k] = column.view(np.int64) if column.dtype == np.uint64 else column
    return frames


def _flow(row: list[int], eye: str) -> Flow:
    """A row of the kernel as a flow."""
    client = row[word.CLIENT]
    server = 1 - client
    protocol, six = row[word.PORTS] >> 32 & 0xFF, bool(row[word.PORTS] >> 40 & 1)
    ports = (row[word.PORTS] & 0xFFFF, row[word.PORTS] >> 16 & 0xFFFF)
    server_port = max(row[word.ICMP_TYPE], 0) if protocol in (word.ICMP, word.ICMP6) else ports[server]
    return Flow(
        seen=Seen(eye, row[word.FIRST]),
        start_ns=row[word.START_NS],
        end_ns=row[word.END_NS],
        client=address_text(row[2 * client], row[2 * client + 1], six=six),
        client_port=ports[client],
        server=address_text(row[2 * server], row[2 * server + 1], six=six),
        server_port=server_port,
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        client_packets=row[word.PACKETS + client],
        server_packets=row[word.PACKETS + server],
        client_bytes=row[word.BYTES + client],
        server_bytes=row[word.BYTES + server],
        client_payload_bytes=row[word.PAYLOAD + client],
        server_payload_bytes=row[word.PAYLOAD + server],
        outcome=_OUTCOMES[row[word.ROW_OUTCOME]],
        begun=bool(row[word.BEGUN]),
        client_mac=mac_text(row[word.MAC + client]),
        server_mac=mac_text(row[word.MAC + server]),
        ongoing=not row[word.ROW_LAST],
    )
