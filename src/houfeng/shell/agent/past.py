"""Where each station's statements stopped, read back from the journal: nothing else remembers it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from houfeng.shell.agent.author import REMEMBERED, Past
from houfeng.shell.journal.journal import Journal
from houfeng.wire.manifest import (
    Manifest,
    Name,
    Opening,
    Signature,
    Statement,
    carried,
    is_carrier,
    name_of,
    statement_of,
)
from houfeng.wire.manifest.body import CHANNEL
from houfeng.wire.records import station_of
from houfeng.words.errors import DataFault
from houfeng.words.packet import Packet

#: The feed of our own statements.
STATEMENTS = "agent"

#: Packets looked back over, at least and at most: a station says something every ten seconds and signs each minute.
_ENOUGH = 1 << 12
_MOST = 1 << 18

_AT_ONCE = 1000


def pasts(journal: Journal, stations: Sequence[str]) -> dict[str, Past]:
    """Read back as far as is needed to know where every station's statements stopped.

    stations  NET.STA

    Raises WorldFault when the disk refuses.
    """
    look = _ENOUGH
    while True:
        start = max(journal.first, journal.next - look)
        tales = {station: _Tale(station) for station in stations}
        at, count = start, 0
        while read := journal.read(at, most=_AT_ONCE):
            for _, packet in read:
                if packet.station_key in tales:
                    tales[packet.station_key].handle(packet)
            at, count = read[-1][0] + 1, count + len(read)
        known = count >= _ENOUGH and all(tale.is_whole for tale in tales.values())
        if known or start == journal.first or count >= _MOST:
            return {station: tale.past for station, tale in tales.items()}
        look *= 2  # each crash makes the numbers skip: so many numbers may be few packets


@dataclass(slots=True)
class _Tale:
    """What a stretch of the journal tells of one station."""

    station_key: str
    counter: int = -1
    session: Opening | None = None
    last: Statement | None = None
    signed_sequence: int | None = None
    from_begin: bool = False
    last_named: bytes = b""
    names: deque[Name] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def handle(self, packet: Packet) -> None:
        try:
            if packet.feed == STATEMENTS:
                self._hear(statement_of(carried(packet.content)[1]))
            elif not is_carrier(packet.content) and station_of(packet.content) == self.station_key:
                name = name_of(packet.content)
                if CHANNEL.fullmatch(name.channel.encode()) is not None:
                    self.names.append(name)
        except DataFault:
            return  # a record that cannot be named was not

    @property
    def is_whole(self) -> bool:
        """Whether a longer stretch would tell nothing more that matters.

        A record is followed by the manifest that names it, so every record of any stretch is named in it or not yet.
        """
        return self.session is not None and (self.from_begin or self.signed_sequence is not None)

    @property
    def past(self) -> Past:
        """What the station's author goes on from."""
        unnamed = 0
        for name in reversed(self.names):
            if name.digest == self.last_named:
                break
            unnamed += 1
        identity = self.session.identity if self.session is not None else b""
        return Past(self.counter, self._open(), identity, tuple(self.names), unnamed)

    def _hear(self, statement: Statement) -> None:
        said = statement.value
        if isinstance(said, Opening):
            if self.session is None or said.session != self.session.session:
                self.session, self.last, self.signed_sequence, self.from_begin = said, None, None, False
            self.counter = max(self.counter, said.counter)
        elif isinstance(said, Manifest):
            if self.session is not None and said.session == self.session.session:
                self.last = statement
                self.from_begin |= said.sequence == 0
            if said.names:
                self.last_named = said.names[-1].digest
        elif self.session is not None and said.session == self.session.session:
            self.signed_sequence = said.sequence

    def _open(self) -> Signature | None:
        """What the last session has still to sign for."""
        if self.session is None or self.last is None or not isinstance(self.last.value, Manifest):
            return None
        sequence = self.last.value.sequence
        signed = -1 if self.signed_sequence is None else self.signed_sequence
        if sequence == signed:
            return None
        return Signature(self.session.session, 0, sequence, sequence - signed, self.last.digest)
