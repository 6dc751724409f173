"""The stage: packets in, packets with their tier and what was found out."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.guard.vouch.agenda import Agenda
from houfeng.guard.vouch.episodes import Episodes
from houfeng.guard.vouch.keys import Keys
from houfeng.guard.vouch.memory import Memory, StationMemory
from houfeng.guard.vouch.sessions import Sessions
from houfeng.guard.vouch.station import Out, Station
from houfeng.wire.manifest import Names, carried_if_any, fields_of, source_in, source_of, statement_in
from houfeng.wire.manifest.head import CODES_2, names_2
from houfeng.wire.mseed.layout import NO_TIME
from houfeng.wire.mseed.plain import plain_starts_ns
from houfeng.words.assurance import Enrolment, Tier, Vouched
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: The findings of this stage.
KINDS: Final = (
    "downgrade", "replay", "reordering", "dropped-record", "dropped-manifest", "unknown-key", "wrong-key",
    "revoked-key", "forged-mac", "altered-record", "unnamed-record", "clock-rollback", "chain-mismatch",
    "unknown-session", "other-centre", "key-rotated", "unsigned-chain", "unreadable-statement", "unreadable-record",
    "flood",
)  # fmt: skip

#: Channels whose station is remembered: a nation has 50,000.
MOST_LANES: Final = 1 << 17

#: Packets whose headers are read together; it bounds what is copied for that.
MOST_AT_ONCE: Final = 1024

#: Stations without enrolment whose oddities are told; those of any more are not, whoever names them.
MOST_STRANGERS: Final = 1024


class Vouch:
    """Gives every record its tier, by what its station signed, with two doors.

    enrolments      stations that sign
    centre          the centre's private X25519 key
    secured_feeds   names of feeds that come protected (TLS) from a server that is known
    patience_ns     how long a record waits for the manifest that names it, and a name for its record
    memory          what memory() gave before a restart

    A record's station is what its own header says, not what the feed says. Records of one station never wait for
    another's. Every record given comes out once; a record that carries a statement does not come out.
    """

    def __init__(
        self,
        enrolments: Iterable[Enrolment],
        centre: X25519PrivateKey,
        *,
        secured_feeds: Collection[str],
        patience_ns: int,
        memory: Memory = (),
    ) -> None:
        self._centre = centre
        self._secured = frozenset(secured_feeds)
        self._patience_ns = patience_ns
        self._stations: dict[str, Station] = {}
        self._numbered: list[Station] = []
        self._speakers: dict[bytes, Station] = {}
        self._agenda = Agenda()
        self._odd: set[str] = set()
        self._strangers: dict[str, Episodes] = {}
        self._odd_strangers: set[str] = set()
        self._lanes: dict[bytes, tuple[Names, Station | None]] = {}
        # A station may be enrolled again before it is heard of: its memory waits for that.
        self._memories: dict[str, StationMemory] = {remembered.station_key: remembered for remembered in memory}
        for enrolment in enrolments:
            self._enrol(enrolment)

    def handle(self, value: Iterable[Packet] | Enrolment) -> Out:
        """Packets arrived, data and statements mixed; or the keys of a station changed."""
        if isinstance(value, Enrolment):
            self._enrol(value)
            return []
        out: Out = []
        packets = list(value)
        for k in range(0, len(packets), MOST_AT_ONCE):
            self._take(packets[k : k + MOST_AT_ONCE], out)
        return out

    def elapse(self, now_ns: int) -> Out:
        """Time passed, by the clock that arrivals are told in."""
        out: Out = []
        odd = (self._stations[station_key].number for station_key in self._odd)
        for number in sorted({*self._agenda.due(now_ns), *odd}):
            out += self._numbered[number].elapse(now_ns)
        for station_key in list(self._strangers):
            out += self._strangers[station_key].elapse(now_ns)
            if station_key not in self._odd_strangers:
                del self._strangers[station_key]
        return out

    @property
    def waiting_since_ns(self) -> int | None:
        """Arrival of the first record that waits, None when none does."""
        since = [station.waiting_since_ns for station in self._stations.values()]
        return min((since_ns for since_ns in since if since_ns is not None), default=None)

    def memory(self) -> Memory:
        """What to give the next Vouch, so that a restart is no hole for replays.

        To be kept together with the acknowledgement of what was handled. A record is done with once it has come out;
        those that wait are not in the memory and must be delivered again, from waiting_since_ns on.
        """
        live = {key: station.memory() for key, station in self._stations.items()}
        return tuple({**self._memories, **live}.values())

    def _enrol(self, enrolment: Enrolment) -> None:
        station = self._stations.get(enrolment.station_key)
        if station is not None:
            station.sessions.enrol(enrolment)
            return
        episodes = Episodes(enrolment.station_key, self._odd)
        remembered = self._memories.pop(enrolment.station_key, None)
        keys = Keys(enrolment)
        if remembered is not None:
            keys = Keys(enrolment, remembered.heirs, dict(remembered.counters))
        speaker = enrolment.station_key.replace(".", "_")
        sessions = Sessions(speaker, keys, episodes, self._centre, self._patience_ns)
        station = self._stations[enrolment.station_key] = Station(
            enrolment.station_key, sessions, episodes, self._patience_ns, self._agenda
        )
        self._numbered.append(station)
        self._speakers[source_of(speaker)] = station
        self._lanes.clear()
        if remembered is not None:
            station.recall(remembered)

    def _take(self, packets: Sequence[Packet], out: Out) -> None:
        secured, lanes = self._secured, self._lanes
        starts_ns = plain_starts_ns([packet.content for packet in packets])
        for packet, plain_ns in zip(packets, starts_ns, strict=True):
            content, start_ns, length_bytes = packet.content, plain_ns, len(packet.content)
            try:
                if plain_ns != NO_TIME:
                    names, station = lanes.get(content[CODES_2]) or self._lane(content[CODES_2])
                elif self._is_statement(packet, out):
                    continue
                else:
                    names, start_ns, _, _, length_bytes = fields_of(content)
                    station = self._stations.get(names.station_key)
            except DataFault as fault:
                self._unreadable(packet, fault.reason, out)
                continue
            if length_bytes != len(content):
                # A second record behind the first would ride on its tier.
                self._unreadable(packet, "a packet holds more than one record", out)
                continue
            transport = Tier.TRANSPORT_ONLY if packet.feed in secured else Tier.NONE
            if station is not None:
                station.record(packet, names, start_ns, transport, out)
            else:
                out.append(Vouched(packet, names.identifier, start_ns, transport))

    def _lane(self, codes: bytes) -> tuple[Names, Station | None]:
        """Names and station of a channel, remembered for its next record."""
        names = names_2(codes)
        if len(self._lanes) >= MOST_LANES:
            self._lanes.clear()
        lane = self._lanes[codes] = names, self._stations.get(names.station_key)
        return lane

    def _is_statement(self, packet: Packet, out: Out) -> bool:
        """Whether a packet carries a statement; if so it is taken in."""
        content = packet.content
        station = self._speakers.get(source_in(content))
        try:
            if station is None:
                return self._is_strange(packet, out)
            raw = statement_in(content)
        except DataFault as fault:
            out += self._tell(packet.station_key, "unreadable-statement", fault.reason, packet.arrival_ns)
            return True
        station.statement(packet, raw, out)
        return True

    def _is_strange(self, packet: Packet, out: Out) -> bool:
        """Whether a packet carries a statement of a station not enrolled."""
        told = carried_if_any(packet.content)
        if told is not None:
            reason = "it signs, and no key of it is enrolled"
            out += self._tell(told[0].replace("_", "."), "unknown-key", reason, packet.arrival_ns)
        return told is not None

    def _unreadable(self, packet: Packet, reason: str, out: Out) -> None:
        out.append(Vouched(packet, "", None, Tier.BROKEN))
        out += self._tell(packet.station_key, "unreadable-record", reason, packet.arrival_ns)

    def _tell(self, station_key: str, kind: str, reason: str, arrival_ns: int) -> list[Finding]:
        """Tell of a packet whose station cannot be trusted to be who it says."""
        episodes = self._strangers.get(station_key)
        if episodes is None:
            if len(self._strangers) >= MOST_STRANGERS:
                return []
            episodes = self._strangers[station_key] = Episodes(station_key, self._odd_strangers)
        return episodes.tell(kind, reason, arrival_ns)
