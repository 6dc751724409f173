"""What a station says of its own records: a manifest each second, a signature each minute, one session at a time."""

import secrets
from collections import deque
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.shell.agent.clock import ClockReading
from houfeng.wire.manifest import Chain, Clock, Name, Signature, carry, name_of, opening, signed
from houfeng.wire.manifest.body import CHANNEL
from houfeng.wire.records import station_of
from houfeng.words.assurance import Place
from houfeng.words.errors import DataFault
from houfeng.words.packet import Packet

_NS_PER_S = 1_000_000_000

#: A chain is signed once a minute.
_SIGNED_EVERY_NS = 60 * _NS_PER_S

#: A station with nothing to say still says so, that silence and suppression can be told apart.
_SILENT_NS = 10 * _NS_PER_S

#: A clock that steps back further than this begins a new session; until it is past the last second, less holds it.
_STEP_BACK_S = 5

#: Names in one manifest: fewer than the format allows, so that a record stays below 32 KiB.
_MOST_NAMES = 400

#: Names of this many records, the newest, are remembered to know a record that comes again: an hour of 3 channels.
REMEMBERED = 8192


@dataclass(frozen=True, slots=True)
class Signer:
    """With what a station signs.

    identity  its key
    replaced  the key it takes over from, None when there is none
    place     where these keys are
    centre    public X25519 key of the centre, 32 bytes
    """

    identity: Ed25519PrivateKey
    replaced: Ed25519PrivateKey | None
    place: Place
    centre: bytes


@dataclass(frozen=True, slots=True)
class Past:
    """Where a station's statements stopped, as its journal tells.

    counter  of its last opening, -1 before the first
    open     what the last session still has to sign for, None when nothing
    identity public key that session was opened with, b"" when there was none
    names    of records, the newest, in order
    unnamed  how many of those, at the end, no manifest names yet
    """

    counter: int = -1
    open: Signature | None = None
    identity: bytes = b""
    names: tuple[Name, ...] = ()
    unnamed: int = 0


class Author:
    """The statements of one station. Time and clock come in; records to keep come out, in order.

    station_key  NET.STA
    past         where it stopped

    Records given with take() are named once each, in their order.
    """

    def __init__(self, station_key: str, signer: Signer, past: Past) -> None:
        self._key = station_key
        self._station = station_key.replace(".", "_", 1)
        self._signer = signer
        self._counter = past.counter
        self._past = past
        self._names = deque(past.names[len(past.names) - past.unnamed :])
        self._seen = dict.fromkeys(name.digest for name in past.names)
        self._chain: Chain | None = None
        self._second_s = 0
        self._unsigned = 0
        self._said_ns = self._signed_ns = 0

    @property
    def unnamed(self) -> int:
        """How many records wait for the next manifest."""
        return len(self._names)

    def name_of(self, packet: Packet) -> Name:
        """A record's name. Raises DataFault when it cannot have one: its header is damaged, or of another station."""
        if station_of(packet.content) != self._key:
            raise DataFault(self._key, "its header is of another station")
        name = name_of(packet.content)
        if CHANNEL.fullmatch(name.channel.encode()) is None:
            raise DataFault(self._key, "its channel has no name that a manifest can say")
        return name

    def has_named(self, name: Name) -> bool:
        """Whether the same record came before, as far as is remembered."""
        return name.digest in self._seen

    def take(self, name: Name) -> None:
        """Name a record in the next manifest. It is in the journal, and new."""
        self._names.append(name)
        self._seen[name.digest] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def elapse(self, now_ns: int, running_ns: int, reading: ClockReading) -> list[bytes]:
        """Records that are due now, to be kept in this order.

        now_ns      by the station's clock, which may step
        running_ns  by a clock that never does
        reading     what is known of the station's clock
        """
        due = []
        now_s = now_ns // _NS_PER_S
        if self._chain is not None and now_s < self._second_s - _STEP_BACK_S:
            due += self._end(now_ns)
        if self._chain is None:
            due += self._begin(now_ns, running_ns)
        chain = self._chain
        assert chain is not None
        self._second_s = max(self._second_s, now_s)
        while self._names or running_ns - self._said_ns >= _SILENT_NS:
            portion = [self._names[at] for at in range(min(_MOST_NAMES, len(self._names)))]
            due.append(chain.manifest(self._second_s, _clock(reading), portion))
            for _ in portion:
                self._names.popleft()
            self._unsigned += 1
            self._said_ns = running_ns
        if self._unsigned and running_ns - self._signed_ns >= _SIGNED_EVERY_NS:
            due += [chain.again(now_ns), chain.sign(now_ns)]
            self._unsigned, self._signed_ns = 0, running_ns
        return due

    def close(self, now_ns: int, running_ns: int, reading: ClockReading) -> list[bytes]:
        """What is due before the program ends: everything named, the chain signed."""
        return [*self.elapse(now_ns, running_ns, reading), *self._end(now_ns)]

    def _begin(self, now_ns: int, running_ns: int) -> list[bytes]:
        """Open a session, after signing for what the last one left unsigned."""
        ephemeral = X25519PrivateKey.generate()
        # Should the journal ever be lost, the clock still makes the counter grow.
        self._counter = max(self._counter + 1, now_ns // _NS_PER_S)
        begun = opening(
            station=self._station,
            place=self._signer.place,
            identity=self._signer.identity,
            ephemeral=ephemeral,
            centre=self._signer.centre,
            session=secrets.token_bytes(16),
            counter=self._counter,
            time_ns=now_ns,
            replaced=self._signer.replaced,
        )
        self._chain = Chain(begun, self._signer.identity, ephemeral, self._signer.replaced)
        self._second_s, self._unsigned = now_ns // _NS_PER_S, 0
        self._said_ns, self._signed_ns = running_ns - _SILENT_NS, running_ns
        return [*self._signed_off(now_ns), self._chain.first]

    def _end(self, now_ns: int) -> list[bytes]:
        """Sign what the session has said since its last signature, and let go of it."""
        chain, self._chain = self._chain, None
        return [chain.sign(now_ns)] if chain is not None and self._unsigned else []

    def _signed_off(self, now_ns: int) -> list[bytes]:
        """The signature that a session cut short by a crash still lacks, when its key is still here."""
        past, self._past = self._past, Past()
        if past.open is None:
            return []
        said = Signature(past.open.session, now_ns, past.open.sequence, past.open.count, past.open.head)
        for key in (self._signer.identity, self._signer.replaced):
            if key is not None and key.public_key().public_bytes_raw() == past.identity:
                return [carry(signed(said, key), self._station, now_ns)]
        return []


def _clock(reading: ClockReading) -> Clock:
    """A reading as a manifest says it: 100 % for a microsecond or better, 10 % less for each ten times that."""
    if reading.synchronised is None:
        return Clock()
    quality = None
    if reading.error_ns is not None:
        decades = len(str(max(reading.error_ns, 1000) // 1000)) - 1
        quality = max(0, 100 - 10 * decades)
    return Clock("locked" if reading.synchronised else "free-running", None, quality)
