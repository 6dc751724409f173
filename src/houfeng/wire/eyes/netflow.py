"""NetFlow 5 and 9 and IPFIX: datagrams of exporters become Flows.

NetFlow 5: Cisco's table of 24 bytes of header and 48 bytes a record. NetFlow 9: RFC 3954. IPFIX: RFC 7011, biflows by
RFC 5103. Records of one direction stay of one direction here; guard/observe joins them. When a flow was, and when its
clock is not believed, is said in netflow_clock; who is the client, in oneway.

Counts are told as the exporter gives them. An exporter that samples counts only some of the packets, which is said
once and not made good: what it did not see is not known.
"""

import struct
from collections.abc import Generator, Iterator
from typing import Final

from houfeng.wire.eyes.netflow_clock import by_uptime, sent_at
from houfeng.wire.eyes.netflow_memory import Exporter, Exporters
from houfeng.wire.eyes.netflow_record import FLAGS, Export, sent_of
from houfeng.wire.eyes.netflow_templates import Template, Values, read_records, read_templates
from houfeng.wire.eyes.oneway import Sent, address_text, flow_of
from houfeng.words.finding import Finding
from houfeng.words.network import Flow, Seen

_HEADER_5: Final = struct.Struct(">HHIIIIBBH")
_RECORD_5: Final = struct.Struct(">4s4s4xHHIIIIHHxBBxHHBBxx")
_HEADER_9: Final = struct.Struct(">HHIIII")
_HEADER_10: Final = struct.Struct(">HHIII")
_SET: Final = struct.Struct(">HH")

#: What a template may say about sampling: one packet in N (34, 50), or some packets left out after some (306).
_SAMPLED: Final = {34: 1, 50: 1, 306: 0}

#: Exporters remembered at a time: more than the gateways of any one network of stations.
_MOST_EXPORTERS: Final = 4096

#: Of an exporter's name, and of a list of template numbers, this much is said.
_MOST_SAID: Final = 60
_MOST_NUMBERS: Final = 5

_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000


class NetFlowDecoder:
    """Decoder of the datagrams that any number of exporters send.

    name     of the file or the collector, for findings
    records  how many flow records were told so far
    Of each kind of trouble of an exporter the first is told, the tenth, the hundredth and so on, with the count.
    """

    def __init__(self, name: str) -> None:
        self.records = 0
        self._name = name
        self._datagrams = 0
        self._forgotten = 0
        self._exporters = Exporters(_MOST_EXPORTERS)

    def datagram(self, data: bytes, exporter: str, arrived_ns: int) -> list[Flow | Finding]:
        """What a datagram says. Garbage gives findings, never an exception.

        exporter    address that it came from
        arrived_ns  when it came, by our clock
        """
        self._datagrams += 1
        state, forgotten = self._exporters.heard(exporter)
        out: list[Flow | Finding] = []
        if forgotten is not None:
            self._forgotten += 1
            if _is_told(self._forgotten):
                reason = f"it was forgotten to make room for others, {self._forgotten} so far"
                out.append(self.finding("exporter-forgotten", forgotten, reason))
        out += self._given_up(exporter, *state.expire(arrived_ns))
        out += self._one(_Datagram(self, exporter, state), data, arrived_ns)
        return out

    def elapse(self, now_ns: int) -> list[Finding]:
        """Time passed: say what waited for its template in vain."""
        return [found for name, state in self._exporters.all() for found in self._given_up(name, *state.expire(now_ns))]

    def end(self) -> list[Finding]:
        """No more will come: say what still waits for its template."""
        return [found for name, state in self._exporters.all() for found in self._given_up(name, *state.end())]

    def _one(self, datagram: "_Datagram", data: bytes, arrived_ns: int) -> Iterator[Flow | Finding]:
        version = int.from_bytes(data[:2], "big")
        reader = {5: datagram.five, 9: datagram.nine, 10: datagram.ipfix}.get(version)
        if len(data) < 2 or reader is None:
            yield from datagram.complain(
                "netflow-version", f"it is of version {version}, or of none: {len(data)} bytes"
            )
            return
        try:
            yield from reader(data, arrived_ns)
        except struct.error:
            yield from datagram.complain("netflow-malformed", f"it ends in its header, at byte {len(data)}")

    def said_by(self, exporter: str, sent: Sent) -> Flow:
        """The Flow of one more record."""
        self.records += 1
        return flow_of(Seen(f"{self._name} {exporter[:_MOST_SAID]}".strip(), self.records), sent)

    def finding(self, kind: str, exporter: str, reason: str, time_ns: int | None = None) -> Finding:
        """Something odd about the datagram at hand."""
        who = repr(exporter[:_MOST_SAID])
        return Finding(kind, f"datagram {self._datagrams} of exporter {who}: {reason}", self._name, time_ns=time_ns)

    def _given_up(self, name: str, given_up: int, wanted: list[int]) -> list[Finding]:
        if not given_up:
            return []
        more = f" and {len(wanted) - _MOST_NUMBERS} more" if len(wanted) > _MOST_NUMBERS else ""
        numbers = ", ".join(map(str, wanted[:_MOST_NUMBERS])) + more
        reason = f"{given_up} data sets dropped: unknown template {numbers} never came"
        return [self.finding("unknown-template", name, reason)]


def _is_told(count: int) -> bool:
    """Whether trouble met that many times is told of again: 1, 10, 100 ..."""
    return str(count).rstrip("0") == "1"


class _Datagram:
    """One datagram of one exporter, being read."""

    __slots__ = ("_decoder", "_exporter", "_state")

    def __init__(self, decoder: NetFlowDecoder, exporter: str, state: Exporter) -> None:
        self._decoder = decoder
        self._exporter = exporter
        self._state = state

    def complain(self, kind: str, reason: str, time_ns: int | None = None) -> Iterator[Finding]:
        """A finding for the first, tenth, hundredth ... trouble of a kind."""
        count = self._state.told.get(kind, 0) + 1
        self._state.told[kind] = count
        if _is_told(count):
            told = reason if count == 1 else f"{reason}; {count} times so far"
            yield self._decoder.finding(kind, self._exporter, told, time_ns)

    def five(self, data: bytes, arrived_ns: int) -> Iterator[Flow | Finding]:
        """Read NetFlow 5. Its count of records is a claim: the bytes decide."""
        _, count, uptime_ms, second, nanosecond, _, _, _, sampling = _HEADER_5.unpack_from(data)
        sent_ns = yield from self._sent(second * _NS_PER_S + min(nanosecond, _NS_PER_S - 1), arrived_ns)
        yield from self._sampled({34: sampling & 0x3FFF})
        held = (len(data) - _HEADER_5.size) // _RECORD_5.size
        if count > held:
            yield from self.complain("netflow-malformed", f"it promises {count} records and holds {held}")
        for number in range(min(count, held)):
            fields = _RECORD_5.unpack_from(data, _HEADER_5.size + number * _RECORD_5.size)
            times = by_uptime(fields[6], fields[7], uptime_ms, sent_ns)
            sent = Sent(
                *times[:2], address_text(fields[0]), fields[8], address_text(fields[1]), fields[9],
                fields[11], fields[10] & FLAGS, fields[4], fields[5],
            )  # fmt: skip
            yield from self._flow(sent, times.doubt)

    def nine(self, data: bytes, arrived_ns: int) -> Iterator[Flow | Finding]:
        """Read NetFlow 9."""
        _, _, uptime_ms, second, _, source = _HEADER_9.unpack_from(data)
        sent_ns = yield from self._sent(second * _NS_PER_S, arrived_ns)
        yield from self._sets(Export(False, source, sent_ns, uptime_ms, arrived_ns), data, _HEADER_9.size)

    def ipfix(self, data: bytes, arrived_ns: int) -> Iterator[Flow | Finding]:
        """Read one IPFIX message. What follows it in the datagram is no part of it."""
        _, length, second, _, domain = _HEADER_10.unpack_from(data)
        if length > len(data):
            yield from self.complain("netflow-malformed", f"it promises {length} bytes and holds {len(data)}")
        sent_ns = yield from self._sent(second * _NS_PER_S, arrived_ns)
        started_ms = self._state.started_ms.get(domain)
        uptime_ms = None if started_ms is None else sent_ns // _NS_PER_MS - started_ms
        yield from self._sets(Export(True, domain, sent_ns, uptime_ms, arrived_ns), data[:length], _HEADER_10.size)

    def _sent(self, stamp_ns: int, arrived_ns: int) -> Generator[Finding, None, int]:
        times = sent_at(stamp_ns, arrived_ns)
        if times.doubt:
            yield from self.complain("implausible-clock", times.doubt, times.end_ns)
        return times.end_ns

    def _sets(self, export: Export, data: bytes, at: int) -> Iterator[Flow | Finding]:
        while at + _SET.size <= len(data):
            number, length = _SET.unpack_from(data, at)
            if length < _SET.size and not any(data[at:]):
                return  # padding
            if length < _SET.size or at + length > len(data):
                yield from self.complain("netflow-malformed", f"set {number} at byte {at} claims {length} bytes")
            if length < _SET.size:
                return
            yield from self._set(export, number, data[at + _SET.size : at + length], at)
            at += length

    def _set(self, export: Export, number: int, body: bytes, at: int) -> Iterator[Flow | Finding]:
        kinds = (2, 3) if export.ipfix else (0, 1)
        if number in kinds:
            yield from self._templates(export, body, options=number == kinds[1], at=at)
        elif number < 256:
            yield from self.complain("netflow-malformed", f"set {number} at byte {at} is of no known kind")
        elif (template := self._state.template(export, number)) is None:
            self._state.hold(export, number, body)
        else:
            yield from self._data(export, template, body)

    def _templates(self, export: Export, body: bytes, *, options: bool, at: int) -> Iterator[Flow | Finding]:
        try:
            for number, template in read_templates(body, ipfix=export.ipfix, options=options):
                for waiting in self._state.learn(export, number, template):
                    assert template is not None
                    yield from self._data(waiting.export, template, waiting.body)
        except ValueError as error:
            yield from self.complain("netflow-malformed", f"the template set at byte {at}: {error}")

    def _data(self, export: Export, template: Template, body: bytes) -> Iterator[Flow | Finding]:
        if not template.options and not template.has_addresses:
            yield from self.complain("flows-without-addresses", "its template names no addresses: nobody to tell of")
            return
        samples = not _SAMPLED.keys().isdisjoint(template.names)
        try:
            for values in read_records(template, body):
                if samples:
                    yield from self._sampled(values)
                if template.options:
                    self._started(export, values)
                else:
                    yield from self._flow(*sent_of(values, export))
        except ValueError as error:
            yield from self.complain("netflow-malformed", f"a data set: {error}")

    def _flow(self, sent: Sent, doubt: str) -> Iterator[Flow | Finding]:
        if doubt:
            yield from self.complain("implausible-clock", doubt, sent.end_ns)
        yield self._decoder.said_by(self._exporter, sent)

    def _sampled(self, values: Values) -> Iterator[Finding]:
        for number, harmless in _SAMPLED.items():
            told = values.get(number)
            if isinstance(told, int) and told > harmless and "sampled-flows" not in self._state.told:
                reason = f"it samples ({told} by field {number}); counts are of sampled packets, short flows are missed"
                yield from self.complain("sampled-flows", reason)

    def _started(self, export: Export, values: Values) -> None:
        """Remember when the exporter started (IPFIX 160): its flows may count from there."""
        started_ms = values.get(160)
        known = self._state.started_ms
        if isinstance(started_ms, int) and (export.domain in known or len(known) < _MOST_EXPORTERS):
            known[export.domain] = started_ms
