"""One station at the centre: its records meet the names that its manifests give them."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from houfeng.guard.vouch.agenda import Agenda
from houfeng.guard.vouch.episodes import Episodes
from houfeng.guard.vouch.memory import StationMemory
from houfeng.guard.vouch.said import Came, Said
from houfeng.guard.vouch.session import MOST_FEEDS, NEVER_NS
from houfeng.guard.vouch.sessions import Sessions
from houfeng.guard.vouch.signing import STOPPED, Signing
from houfeng.guard.vouch.waiting import MOST_HELD, MOST_HELD_BYTES, Awaited, Read, Waiting, met_as, vouched
from houfeng.wire.manifest import Line, Names
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet

Out = list[Vouched | Finding]

#: Records noted that only a refused manifest named.
MOST_TAINTED: Final = 512

#: Above every sequence number: the one a feed has reached that has brought nothing yet.
_UNKNOWN: Final = 1 << 64


class Station:
    """One enrolled station.

    station_key  NET.STA
    sessions     what it states
    episodes     where oddities are told
    patience_ns  how long a record waits for its name, and a name for its record
    agenda       where is noted when something of it is due, under its number
    """

    __slots__ = (
        "_agenda", "_due_ns", "_feeds", "_key", "_patience_ns", "_signing", "_tainted", "_waiting", "episodes",
        "number", "sessions",
    )  # fmt: skip

    def __init__(
        self, station_key: str, sessions: Sessions, episodes: Episodes, patience_ns: int, agenda: Agenda
    ) -> None:
        self.number = agenda.enter()
        self.sessions = sessions
        self.episodes = episodes
        self._key = station_key
        self._patience_ns = patience_ns
        self._waiting = Waiting(patience_ns)
        self._tainted: dict[bytes, None] = {}
        self._signing = Signing()
        self._feeds: dict[str, int] = {}
        self._agenda = agenda
        self._due_ns = NEVER_NS

    # --- the doors: what comes out is added to a list ---

    def record(self, packet: Packet, names: Names, start_ns: int, transport: Tier, out: Out) -> None:
        """A record of samples arrived, with what its header says and the tier it has by the way it came."""
        waiting, signing, arrival_ns = self._waiting, self._signing, packet.arrival_ns
        if arrival_ns >= self._due_ns:
            self._catch_up(arrival_ns, out)
        if packet.sequence > self._feeds.get(packet.feed, _UNKNOWN):
            self._feeds[packet.feed], redelivered = packet.sequence, False
        else:
            redelivered = self._is_redelivered(packet)
        read = packet, names, start_ns, transport
        digest = sha256(packet.content).digest()
        if (
            digest in waiting.held
            or digest in waiting.met
            or waiting.awaited
            or signing.silent
            or names.channel not in signing.channels
        ):
            self._unusual(digest, read, out, redelivered=redelivered)
        else:  # as a rule it waits for the manifest of its second
            if arrival_ns + self._patience_ns < self._due_ns:
                self._note(arrival_ns + self._patience_ns)
            waiting.held[digest] = read
            waiting.held_bytes += len(packet.content)
        if waiting.held_bytes > MOST_HELD_BYTES or len(waiting.held) + waiting.copied > MOST_HELD:
            self._overflow(out)

    def statement(self, packet: Packet, raw: bytes, out: Out) -> None:
        """A statement arrived, carried by a packet that names this station."""
        arrival_ns = packet.arrival_ns
        if arrival_ns >= self._due_ns:
            self._catch_up(arrival_ns, out)
        redelivered = self._is_redelivered(packet)
        if self._went_on(packet, raw, out):
            return
        said = self.sessions.hear(raw, Came(packet.feed, arrival_ns, redelivered))
        out += said.findings
        if said.standing == "good":
            self._signing.hear(said, arrival_ns)
        if said.standing in ("good", "again"):
            self._named(said, arrival_ns, out)
        elif said.standing == "broken":
            self._taint(said.names)
        if self._waiting.awaited or said.lost or said.standing != "good":
            self._note_due(arrival_ns)

    def elapse(self, now_ns: int) -> Out:
        """Time passed: let go of what has waited long enough."""
        if now_ns < self._due_ns:
            return list(self.episodes.elapse(now_ns))
        out: Out = list(self.sessions.elapse(now_ns))
        out += self._never_came(now_ns)
        while self._waiting.overdue_ns <= now_ns:
            self._unnamed(next(iter(self._waiting.held)), out)
        self._note(self._next_due_ns())
        return [*out, *self.episodes.elapse(now_ns)]

    # --- over a restart ---

    @property
    def waiting_since_ns(self) -> int | None:
        """Arrival of the first record that waits, None when none does."""
        return min((packet.arrival_ns for packet, *_ in self._waiting.held.values()), default=None)

    def memory(self) -> StationMemory:
        """What to keep over a restart."""
        sessions, past = self.sessions.memory()
        keys = self.sessions.keys
        return StationMemory(
            self._key,
            sessions,
            tuple(keys.counters.items()),
            past,
            keys.heirs,
            tuple(self._feeds.items()),
            tuple(self._signing.channels),
            self._signing.signed,
            *self._waiting.memory(),
        )

    def recall(self, memory: StationMemory) -> None:
        """Go on where a memory ends."""
        self.sessions.recall(memory.sessions, memory.past)
        self._feeds = dict(memory.feeds)
        self._signing = Signing(memory.channels, signed=memory.signed)
        self._waiting.recall(memory.awaited, memory.met)
        self._note(self._next_due_ns())

    # --- names ---

    def _went_on(self, packet: Packet, raw: bytes, out: Out) -> bool:
        """Take in the manifest foreseen: the next of its chain, naming the records that wait and no others.

        It would come to the same below; False for any other statement, and nothing is changed.
        """
        waiting = self._waiting
        foreseen = waiting.foreseen(self._signing.channels)
        if foreseen is None:
            return False
        tier = self.sessions.goes_on(raw, foreseen, len(waiting.held), packet)
        if tier is None:
            return False
        self._signing.go_on(packet.arrival_ns)
        waiting.vouch_all(tier, packet.feed, out)
        return True

    def _named(self, said: Said, arrival_ns: int, out: Out) -> None:
        """Let records that a manifest names meet their names; the other names wait."""
        waiting, tier, unmet = self._waiting, said.tier, False
        for channel, start_ns, digest in said.names:
            reads = waiting.release(digest)
            for read in reads:
                packet, names, first_ns, _ = read
                waiting.remember(digest, met_as(tier, packet.feed, True))
                out.append(Vouched(packet, names.identifier, first_ns, tier))
            if reads:
                continue
            met = waiting.met.get(digest)
            if digest in waiting.awaited or (met is not None and met.named):
                if said.standing == "good":
                    reason = f"a record of {channel} was named in two manifests"
                    out += self.episodes.tell("replay", reason, arrival_ns, start_ns)
            elif met is not None:
                waiting.met[digest] = met_as(met.tier, met.feed, True)  # it came too late for the record to wait
            else:
                told = said.standing == "again"
                waiting.await_record(digest, Awaited(channel, start_ns, tier, said.due_ns, told))
                unmet = True
        if waiting.awaited:
            out += self._never_came(arrival_ns)
        if unmet:
            waiting.altered.update(
                digest
                for digest, read in waiting.held.items()
                if digest not in waiting.altered and self._is_altered(read)
            )

    def _never_came(self, now_ns: int) -> list[Finding]:
        """Names whose records have not come in time, or are too many to wait for."""
        findings: list[Finding] = []
        for awaited in self._waiting.never_came(now_ns):
            if not awaited.told:
                reason = f"a record of {awaited.channel} was named and never came"
                findings += self.episodes.tell("dropped-record", reason, now_ns, awaited.start_ns)
        return findings

    def _taint(self, names: Sequence[Line]) -> None:
        """Note what only a refused manifest names; as long as these come, records wait to be named by a good one."""
        self._signing.silent = False
        for _, _, digest in names:
            self._tainted[digest] = None
            if len(self._tainted) > MOST_TAINTED:
                del self._tainted[next(iter(self._tainted))]

    # --- records ---

    def _unusual(self, digest: bytes, read: Read, out: Out, *, redelivered: bool) -> None:
        """A record arrived that may have been named or have come before, or may not be waited for."""
        waiting, (packet, names, start_ns, transport) = self._waiting, read
        self._note_due(packet.arrival_ns)
        awaited, met = waiting.arrive(digest), waiting.met.get(digest)
        if awaited is not None:
            waiting.remember(digest, met_as(awaited.tier, packet.feed, True))
            out.append(vouched(read, awaited.tier))
        elif met is not None:  # by another feed, by one that resumed, or replayed
            out.append(vouched(read, met.tier))
            if met.named and met.feed == packet.feed and not redelivered:
                reason = f"a record of {names.channel} came again"
                out += self.episodes.tell("replay", reason, packet.arrival_ns, start_ns)
        elif digest in waiting.held:
            waiting.hold(digest, read)
        elif self._is_altered(read):
            waiting.altered.add(digest)
            waiting.hold(digest, read)
        elif self._signing.may_name(names.channel):
            waiting.hold(digest, read)
        else:
            out.append(self._let_by(digest, transport, read))
            out += self._stopped(read)

    def _is_altered(self, read: Read) -> bool:
        """Whether a name of the same channel and start is awaited, with other bytes.

        Two records may begin alike, so this one goes on waiting for a name of its own.
        """
        _, names, start_ns, _ = read
        awaited = self._waiting.awaited_at.get((names.channel, start_ns))
        if awaited is not None:
            awaited.told = True
        return awaited is not None

    def _unnamed(self, digest: bytes, out: Out) -> None:
        """A record's name never came."""
        told = self._why_unnamed(digest)
        reads = self._waiting.release(digest)
        for read in reads:
            tier = read[3] if told is None or told[0] == "downgrade" else Tier.BROKEN
            out.append(self._let_by(digest, tier, read))
            if told is not None and told[1]:
                out += self.episodes.tell(*told, reads[0][0].arrival_ns + self._patience_ns, read[2])

    def _why_unnamed(self, digest: bytes) -> tuple[str, str] | None:
        """Kind and reason of the finding that a record without a name is; no reason where one was told before."""
        packet, names, _, _ = self._waiting.held[digest]
        if digest in self._waiting.altered:
            return "altered-record", f"a record of {names.channel} is not the one that was signed"
        if digest in self._tainted:
            return "refused", ""
        return self._signing.why_unnamed(names.channel, packet.arrival_ns)

    def _stopped(self, read: Read) -> list[Finding]:
        """Whether a record goes unsigned because its station stopped signing."""
        if not (self._signing.silent and self._signing.signed):
            return []
        return self.episodes.tell(*STOPPED, read[0].arrival_ns, read[2])

    def _overflow(self, out: Out) -> None:
        """Let records go that cannot wait any longer because too many do."""
        waiting = self._waiting
        while waiting.is_full:
            digest = next(iter(waiting.held))
            broken = digest in waiting.altered or digest in self._tainted
            for read in waiting.release(digest):
                out.append(self._let_by(digest, Tier.BROKEN if broken else read[3], read))
                reason = "it sends more records than can wait for their manifests"
                out += self.episodes.tell("flood", reason, read[0].arrival_ns, read[2])

    def _let_by(self, digest: bytes, tier: Tier, read: Read) -> Vouched:
        """A record goes on without a name."""
        self._waiting.remember(digest, met_as(tier, read[0].feed, False))
        return vouched(read, tier)

    # --- time and feeds ---

    def _catch_up(self, arrival_ns: int, out: Out) -> None:
        """Do what is due before an arrival, so that results do not hang on how often time is told."""
        self._note(self._next_due_ns())
        if arrival_ns >= self._due_ns:
            out += self.elapse(arrival_ns)

    def _next_due_ns(self) -> int:
        return min(self._waiting.due_ns(), self.sessions.due_ns())

    def _note_due(self, arrival_ns: int) -> None:
        """Something may wait from an arrival on: nothing of it is due before its patience is over."""
        self._note(min(self._due_ns, arrival_ns + self._patience_ns))

    def _note(self, due_ns: int) -> None:
        """Nothing is due before an instant."""
        self._due_ns = due_ns
        self._agenda.note(self.number, due_ns)

    def _is_redelivered(self, packet: Packet) -> bool:
        """Whether a feed delivers again what it has delivered: it resumed, and numbers packets as before."""
        if packet.sequence == NO_SEQUENCE:
            return False
        highest = self._feeds.get(packet.feed, NO_SEQUENCE)
        if packet.sequence <= highest:
            return True
        if highest != NO_SEQUENCE or len(self._feeds) < MOST_FEEDS:
            self._feeds[packet.feed] = packet.sequence
        return False
