"""Records into the journal, unchanged and once, and after them what their stations say of them."""

from collections.abc import Iterable, Mapping, Sequence

from houfeng.shell.agent.author import Author
from houfeng.shell.agent.clock import ClockReading
from houfeng.shell.agent.past import STATEMENTS
from houfeng.shell.agent.voice import Voice
from houfeng.shell.journal.journal import Journal
from houfeng.wire.manifest import Name, is_carrier
from houfeng.words.errors import DataFault
from houfeng.words.packet import NO_SEQUENCE, Packet

#: Records of a station are named at the latest when so many wait, however fast they come: a centre holds records that
#: wait for their name, but not without bounds.
MOST_UNNAMED = 128


class Recorder:
    """The one writer of an agent's journal.

    journal  open
    authors  by station, as NET.STA
    voice    says what is odd

    When the disk refuses, take() and elapse() raise WorldFault and have changed nothing: call again later.
    """

    def __init__(self, journal: Journal, authors: Mapping[str, Author], voice: Voice) -> None:
        self._journal = journal
        self._authors = authors
        self._voice = voice
        self._outbox: list[Packet] = []

    @property
    def is_full(self) -> bool:
        """Whether elapse() should be called before more is taken."""
        return any(author.unnamed >= MOST_UNNAMED for author in self._authors.values())

    def take(self, packets: Sequence[Packet]) -> None:
        """Keep records that a digitiser delivered; those that came before, byte for byte, are left out.

        At most MOST_UNNAMED of them in one go, and then elapse() when is_full. Raises WorldFault when the disk refuses.
        """
        kept: list[Packet] = []
        names: dict[bytes, tuple[Author, Name]] = {}
        for packet in packets:
            author = self._authors.get(packet.station_key)
            if author is None:
                self._voice.trouble(packet.station_key, "is sent to us and not among the stations of the settings")
                continue
            if not is_carrier(packet.content):  # what another agent before us said speaks for itself
                try:
                    name = author.name_of(packet)
                except DataFault as fault:
                    self._voice.trouble(packet.station_key, f"sends a record that cannot be named: {fault.reason}")
                else:
                    if author.has_named(name) or name.digest in names:
                        continue
                    names[name.digest] = author, name
            kept.append(packet)
        if kept:
            self._journal.append(kept)
        for author, name in names.values():
            author.take(name)

    def elapse(self, now_ns: int, running_ns: int, reading: ClockReading) -> None:
        """Keep the statements that are due. Raises WorldFault when the disk refuses."""
        self._send()
        for station_key, author in self._authors.items():
            self._state(station_key, now_ns, author.elapse(now_ns, running_ns, reading))
        self._send()

    def close(self, now_ns: int, running_ns: int, reading: ClockReading) -> None:
        """Keep the last statements. Raises WorldFault when the disk refuses."""
        self._send()
        for station_key, author in self._authors.items():
            self._state(station_key, now_ns, author.close(now_ns, running_ns, reading))
        self._send()

    def _state(self, station_key: str, now_ns: int, records: Iterable[bytes]) -> None:
        # Once made they are part of a chain: should the disk refuse them, they are kept and go first.
        self._outbox += [Packet(STATEMENTS, station_key, NO_SEQUENCE, now_ns, record) for record in records]

    def _send(self) -> None:
        if self._outbox:
            self._journal.append(self._outbox)
            self._outbox = []
