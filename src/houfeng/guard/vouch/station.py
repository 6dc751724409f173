"""One station at the centre: its records meet the names that its manifests give them."""

from hashlib import sha256
from typing import Final

from houfeng.guard.vouch.episodes import Episodes
from houfeng.guard.vouch.memory import StationMemory
from houfeng.guard.vouch.session import MOST_FEEDS
from houfeng.guard.vouch.sessions import Came, Said, Sessions
from houfeng.guard.vouch.waiting import Awaited, Held, Met, Read, Waiting, met_as
from houfeng.wire.manifest.values import Name
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet

Out = list[Vouched | Finding]

#: Channels of a station noted as signed. One never signed is not waited for once this many manifests have come.
MOST_CHANNELS: Final = 256
SETTLED_MANIFESTS: Final = 60

#: Records noted that only a refused manifest named.
MOST_TAINTED: Final = 512

_STOPPED: Final = ("downgrade", "it used to sign its records and stopped")


class Station:
    """One enrolled station.

    station_key  NET.STA
    sessions     what it states
    episodes     where oddities are told
    patience_ns  how long a record waits for its name, and a name for its record
    """

    def __init__(self, station_key: str, sessions: Sessions, episodes: Episodes, patience_ns: int) -> None:
        self.sessions = sessions
        self.episodes = episodes
        self._key = station_key
        self._patience_ns = patience_ns
        self._waiting: Waiting = Waiting()
        self._tainted: dict[bytes, None] = {}
        self._channels: dict[str, int] = {}
        self._feeds: dict[str, int] = {}
        self._manifests = 0
        self._manifest_ns: int | None = None
        self._lost_ns: int | None = None
        self._signed = False
        self._silent = False
        self._due_ns: int | None = None

    # --- the two doors ---

    def record(self, read: Read) -> Out:
        """A record of samples arrived."""
        out = self._caught_up(read.packet.arrival_ns)
        redelivered = self._is_redelivered(read.packet)
        digest = sha256(read.packet.content).digest()
        awaited = self._waiting.arrive(digest)
        if awaited is not None:
            return [*out, self._meet(digest, read, awaited.tier)]
        met = self._waiting.met.get(digest)
        if met is not None:
            return [*out, *self._met_again(met, read, redelivered=redelivered)]
        if digest in self._waiting.held:
            self._waiting.hold_again(digest, read, len(read.packet.content))
            return [*out, *self._overflown()]
        altered = self._is_altered(read)
        if not altered and not self._is_waited_for(read):
            self._remember(digest, read.transport, read, named=False)
            return [*out, read.vouched(read.transport), *self._stopped(read, read.packet.arrival_ns)]
        due_ns = read.packet.arrival_ns + self._patience_ns
        self._waiting.hold(digest, Held([read], due_ns, len(read.packet.content), altered))
        if self._due_ns is None or due_ns < self._due_ns:
            self._due_ns = due_ns
        return [*out, *self._overflown()]

    def statement(self, packet: Packet, raw: bytes) -> Out:
        """A statement arrived, carried by a packet that names this station."""
        out = self._caught_up(packet.arrival_ns)
        came = Came(packet.feed, packet.arrival_ns, self._is_redelivered(packet))
        said = self.sessions.hear(raw, came)
        out += said.findings
        if said.standing == "good":
            self._heard(said, packet.arrival_ns)
        if said.standing in ("good", "again"):
            out += self._named(said, packet)
        elif said.standing == "broken":
            self._taint(said.names)
        self._note_due()
        return out

    def elapse(self, now_ns: int) -> Out:
        """Time passed: let go of what has waited long enough."""
        if self._due_ns is None or now_ns < self._due_ns:
            return list(self.episodes.elapse(now_ns))
        out: Out = list(self.sessions.elapse(now_ns))
        out += self._never_came(now_ns)
        for digest, held in self._waiting.overdue(now_ns):
            out += self._unnamed(digest, held)
        self._note_due()
        return [*out, *self.episodes.elapse(now_ns)]

    # --- over a restart ---

    @property
    def waiting_since_ns(self) -> int | None:
        """Arrival of the first record that waits, None when none does."""
        due_ns = min((held.due_ns for held in self._waiting.held.values()), default=None)
        return None if due_ns is None else due_ns - self._patience_ns

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
            tuple(self._channels),
            self._signed,
            *self._waiting.memory(),
        )

    def recall(self, memory: StationMemory) -> None:
        """Go on where a memory ends."""
        self.sessions.recall(memory.sessions, memory.past)
        self._feeds = dict(memory.feeds)
        self._channels = dict.fromkeys(memory.channels, 0)
        self._signed = memory.signed
        self._waiting.recall(memory.awaited, memory.met)
        self._note_due()

    # --- names ---

    def _heard(self, said: Said, arrival_ns: int) -> None:
        """Note that the station signs."""
        self._signed, self._silent = True, False
        self._manifests += 1
        self._manifest_ns = arrival_ns
        if said.lost:
            self._lost_ns = arrival_ns
        if len(self._channels) < MOST_CHANNELS:
            self._channels.update((name.channel, 0) for name in said.names[:MOST_CHANNELS])

    def _named(self, said: Said, packet: Packet) -> Out:
        """Let records that a manifest names meet their names; the other names wait."""
        out: Out = []
        unmet = False
        for name in said.names:
            held = self._waiting.release(name.digest)
            if held is not None:
                out += [self._meet(name.digest, read, said.tier) for read in held.reads]
            elif self._is_named_before(name):
                if said.standing == "good":
                    reason = f"a record of {name.channel} was named in two manifests"
                    out += self.episodes.tell("replay", reason, packet.arrival_ns, name.start_ns)
            elif name.digest in self._waiting.met:
                met = self._waiting.met[name.digest]  # the name came too late for the record to wait
                self._waiting.met[name.digest] = met_as(met.tier, met.feed, named=True)
            else:
                told = said.standing == "again"
                awaited = Awaited(name.channel, name.start_ns, said.tier, said.due_ns, told)
                self._waiting.await_record(name.digest, awaited)
                unmet = True
        out += self._never_came(packet.arrival_ns)
        if unmet and self._waiting.held:
            for held in self._waiting.held.values():
                held.altered = held.altered or self._is_altered(held.reads[0])
        return out

    def _never_came(self, now_ns: int) -> list[Finding]:
        """Names whose records have not come in time, or are too many to wait for."""
        findings: list[Finding] = []
        for awaited in self._waiting.never_came(now_ns):
            if not awaited.told:
                reason = f"a record of {awaited.channel} was named and never came"
                findings += self.episodes.tell("dropped-record", reason, now_ns, awaited.start_ns)
        return findings

    def _is_named_before(self, name: Name) -> bool:
        met = self._waiting.met.get(name.digest)
        return name.digest in self._waiting.awaited or (met is not None and met.named)

    def _taint(self, names: tuple[Name, ...]) -> None:
        """Note what only a refused manifest names; as long as these come, records wait to be named by a good one."""
        self._silent = False
        for name in names:
            self._tainted[name.digest] = None
            if len(self._tainted) > MOST_TAINTED:
                del self._tainted[next(iter(self._tainted))]

    # --- records ---

    def _meet(self, digest: bytes, read: Read, tier: Tier) -> Vouched:
        self._remember(digest, tier, read, named=True)
        return read.vouched(tier)

    def _met_again(self, met: Met, read: Read, *, redelivered: bool) -> Out:
        """A record that went on before came again: by another feed, by one that resumed, or replayed."""
        out: Out = [read.vouched(met.tier)]
        if met.named and met.feed == read.packet.feed and not redelivered:
            reason = f"a record of {read.channel} came again"
            out += self.episodes.tell("replay", reason, read.packet.arrival_ns, read.start_ns)
        return out

    def _is_altered(self, read: Read) -> bool:
        """Whether a name of the same channel and start is awaited, with other bytes.

        Two records may begin alike, so this one goes on waiting for a name of its own.
        """
        awaited = self._waiting.awaited_at.get((read.channel, read.start_ns))
        if awaited is not None:
            awaited.told = True
        return awaited is not None

    def _is_waited_for(self, read: Read) -> bool:
        """Whether a name may still come: not when the station does not sign at present, or never this channel."""
        settled = self._manifests >= SETTLED_MANIFESTS and len(self._channels) < MOST_CHANNELS
        return not self._silent and not (settled and read.channel not in self._channels)

    def _unnamed(self, digest: bytes, held: Held) -> Out:
        """A record whose name never came."""
        first = held.reads[0]
        told = self._why_unnamed(digest, held, first)
        out: Out = []
        for read in held.reads:
            tier = read.transport if told is None or told[0] == "downgrade" else Tier.BROKEN
            self._remember(digest, tier, read, named=False)
            out.append(read.vouched(tier))
            if told is not None and told[1]:
                out += self.episodes.tell(*told, held.due_ns, read.start_ns)
        return out

    def _why_unnamed(self, digest: bytes, held: Held, read: Read) -> tuple[str, str] | None:
        """Kind and reason of the finding that a record without a name is; no reason where one was told before."""
        if held.altered:
            return "altered-record", f"a record of {read.channel} is not the one that was signed"
        if digest in self._tainted:
            return "refused", ""
        arrival_ns = read.packet.arrival_ns
        if self._manifest_ns is None or self._manifest_ns < arrival_ns:
            self._silent = True
            return _STOPPED if self._signed else None
        lost = self._lost_ns is not None and self._lost_ns >= arrival_ns
        if lost or read.channel not in self._channels:
            return None
        return "unnamed-record", f"it signs {read.channel} and did not sign this record"

    def _stopped(self, read: Read, now_ns: int) -> list[Finding]:
        """Whether a record goes unsigned because its station stopped signing."""
        if not (self._silent and self._signed):
            return []
        return self.episodes.tell(*_STOPPED, now_ns, read.start_ns)

    def _overflown(self) -> Out:
        """Records that cannot wait any longer because too many do."""
        out: Out = []
        for digest, held in self._waiting.too_many():
            for each in held.reads:
                tier = Tier.BROKEN if held.altered or digest in self._tainted else each.transport
                self._remember(digest, tier, each, named=False)
                reason = "it sends more records than can wait for their manifests"
                out += [
                    each.vouched(tier),
                    *self.episodes.tell("flood", reason, each.packet.arrival_ns, each.start_ns),
                ]
        return out

    def _remember(self, digest: bytes, tier: Tier, read: Read, *, named: bool) -> None:
        self._waiting.remember(digest, met_as(tier, read.packet.feed, named=named))

    # --- time and feeds ---

    def _caught_up(self, arrival_ns: int) -> Out:
        """What is due before an arrival, so that results do not hang on how often time is told."""
        return self.elapse(arrival_ns) if self._due_ns is not None and self._due_ns <= arrival_ns else []

    def _note_due(self) -> None:
        due = [due_ns for due_ns in (self._waiting.due_ns(), self.sessions.due_ns()) if due_ns is not None]
        self._due_ns = min(due, default=None)

    def _is_redelivered(self, packet: Packet) -> bool:
        """Whether a feed delivers again what it has delivered: it resumed, and numbers packets as before."""
        if packet.sequence == NO_SEQUENCE:
            return False
        highest = self._feeds.get(packet.feed, NO_SEQUENCE)
        if packet.sequence <= highest:
            return True
        if packet.feed in self._feeds or len(self._feeds) < MOST_FEEDS:
            self._feeds[packet.feed] = packet.sequence
        return False
