"""Run a station: hear its digitiser, keep, name and sign its records, serve them to the centre."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path

from houfeng.shell.agent.acknowledged import Acknowledged
from houfeng.shell.agent.author import Author, Signer
from houfeng.shell.agent.clock import SOURCES
from houfeng.shell.agent.digitiser import hear
from houfeng.shell.agent.folder import Folder
from houfeng.shell.agent.past import pasts
from houfeng.shell.agent.recorder import MOST_UNNAMED, Recorder
from houfeng.shell.agent.serving import Publisher, make_server, readers_of
from houfeng.shell.agent.settings import AgentSettings, KeySettings
from houfeng.shell.agent.voice import Voice
from houfeng.shell.journal.journal import Journal
from houfeng.shell.keys.files import read_passphrase
from houfeng.shell.keys.keys import public_of, read_centre_public, read_identity
from houfeng.shell.seedlink.readers import Readers
from houfeng.shell.seedlink.server import SeedlinkServer
from houfeng.wire.seedlink.notes import Connected, Delivered, Disconnected, LoggedIn, Note, Subscribed
from houfeng.words.errors import HoufengError, PeerFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.packet import Packet

#: A record waits at most so long for others to be made durable with.
_SYNC_S = 0.2

#: A manifest a second.
_STATE_S = 1.0

#: The clock's keeper is asked this often, and the room looked after.
_CLOCK_S = 10.0
_HOUSEKEEPING_S = 60.0

#: Waits between attempts to reach a digitiser, doubled up to the last; and between looks into a folder.
_RETRY_S = (1.0, 30.0)
_LOOK_S = 1.0

#: When so much of the journal's room holds what the centre has not acknowledged, it is asked to come again, which
#: acknowledges: at most so often.
_UNACKNOWLEDGED = 0.75
_ASKED_EVERY_S = 600.0


def read_signer(settings: KeySettings) -> Signer:
    """The keys that the settings name. Raises WorldFault or DataFault for one that cannot be used."""
    passphrase = read_passphrase(settings.passphrase)
    identity = read_identity(settings.identity, passphrase)
    replaced = None
    if settings.previous is not None and settings.previous.exists():
        replaced = read_identity(settings.previous, passphrase)
        if public_of(replaced) == public_of(identity):  # a rotation was cut short: nothing was taken over yet
            replaced = None
    return Signer(identity, replaced, settings.place, read_centre_public(settings.centre))


async def run(settings: AgentSettings, voice: Voice) -> None:
    """Run until SIGTERM or SIGINT.

    Raises WorldFault or DataFault when it cannot begin, or the disk no longer keeps what it was given.
    """
    signer = read_signer(settings.keys)
    folder = settings.folder / "journal"
    segment_bytes = min(64 << 20, settings.keep_bytes // 16)
    with Journal(folder, segment_bytes=segment_bytes, keep_bytes=settings.keep_bytes) as journal:
        for finding in journal.take_findings():
            voice.say(f"journal: {finding.reason}")
        station = _Station(settings, signer, journal, voice)
        await station.run()


class _Station:
    """The parts of a running agent, all in one thread but the waiting for the disk."""

    def __init__(self, settings: AgentSettings, signer: Signer, journal: Journal, voice: Voice) -> None:
        self._settings, self._journal, self._voice = settings, journal, voice
        known = pasts(journal, settings.stations)
        authors = {station: Author(station, signer, past) for station, past in known.items()}
        self._recorder = Recorder(journal, authors, voice)
        self._publisher = Publisher(journal)
        self._acknowledged = Acknowledged(settings.stations, settings.serve.centre)
        self._clock = SOURCES[settings.clock]
        self._reading = self._clock()
        self._server: SeedlinkServer | None = None
        self._asked_s = -_ASKED_EVERY_S
        self._notes = self._folder_notes()

    async def run(self) -> None:
        """Run until told to stop; the last words are kept and signed before it ends."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        making = make_server(self._journal, self._settings.serve, self._tell)
        parts = (self._hear(), self._speak(), self._sync(), self._keep_clock(), self._keep_house())
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            # It first reads the whole journal, which may take a minute: the digitiser is heard meanwhile.
            async with making as server:
                self._server = server
                self._publisher.publish(server)
                for host, port in server.addresses:
                    self._voice.say(f"serving on {host} port {port}")
                stopping = asyncio.create_task(stop.wait())
                await asyncio.wait((stopping, *tasks), return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
                await self._end(tasks)
                self._recorder.close(time.time_ns(), time.monotonic_ns(), self._reading)
                self._journal.sync()
                self._publisher.publish(server)
        finally:
            await self._end(tasks)
        self._voice.say("stopped")

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        """End what goes on. Raises what one of them ended by."""
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error

    # What goes on at the same time.

    async def _hear(self) -> None:
        if self._notes is not None:
            await self._hear_folder(self._notes)
        wait_s = _RETRY_S[0]
        digitiser = self._settings.digitiser
        assert digitiser is not None
        while True:
            try:
                async with contextlib.aclosing(hear(digitiser, self._marks(), time.time_ns)) as heard:
                    async for packet in heard:
                        self._voice.well(digitiser.subject)
                        wait_s = _RETRY_S[0]
                        await self._take([packet])
            except (WorldFault, PeerFault) as fault:
                self._voice.trouble(fault.subject, fault.reason)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _RETRY_S[1])

    async def _hear_folder(self, notes: Folder) -> None:
        while True:
            try:
                for packets in notes.poll(time.time_ns(), lambda: self._journal.next):
                    for at in range(0, len(packets), MOST_UNNAMED):
                        await self._take(packets[at : at + MOST_UNNAMED])
                    await asyncio.sleep(0)
                self._voice.well(str(self._settings.files))
            except WorldFault as fault:
                self._voice.trouble(str(self._settings.files), fault.reason)
            if notes.skipped_bytes:
                self._voice.trouble(str(self._settings.files), f"{notes.skipped_bytes} bytes in it are no miniSEED")
            await asyncio.sleep(_LOOK_S)

    async def _speak(self) -> None:
        while True:
            await self._until_kept(self._elapse)
            await asyncio.sleep(_STATE_S)

    async def _sync(self) -> None:
        while True:
            if self._journal.synced < self._journal.next:
                await asyncio.to_thread(self._journal.sync)
                if self._server is not None:
                    self._publisher.publish(self._server)
            await asyncio.sleep(_SYNC_S)

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_S)
            self._reading = await asyncio.to_thread(self._clock)

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            if self._server is not None:
                self._ask(self._server)

    # The journal.

    async def _take(self, packets: list[Packet]) -> None:
        """Keep records, and name them when many wait."""
        await self._until_kept(lambda: self._recorder.take(packets))
        if self._recorder.is_full:
            await self._until_kept(self._elapse)

    async def _until_kept(self, keep: Callable[[], None]) -> None:
        """Do it; while the disk refuses, wait, and let the digitiser hold what comes after."""
        while True:
            try:
                keep()
            except WorldFault as fault:
                self._voice.trouble("journal", f"takes nothing: {fault.reason}")
                await asyncio.sleep(_STATE_S)
            else:
                self._voice.well("journal")
                return

    def _elapse(self) -> None:
        self._recorder.elapse(time.time_ns(), time.monotonic_ns(), self._reading)

    def _marks(self) -> dict[str, int]:
        assert self._settings.digitiser is not None
        return self._journal.marks(self._settings.digitiser.feed)

    def _folder_notes(self) -> Folder | None:
        if self._settings.files is None:
            return None
        notes = Folder("files", self._settings.files, self._settings.folder / "files.json")
        at = notes.journal_next
        while read := self._journal.read(at):
            notes.resume(packet for _, packet in read)
            at = read[-1][0] + 1
        return notes

    # The centre.

    def _tell(self, note: Note | Finding) -> None:
        """Say who reads; take what a resumption acknowledges."""
        if isinstance(note, Subscribed):
            self._acknowledged.handle(note)
            upto = min(self._acknowledged.upto, self._journal.next)
            if upto:
                self._journal.hold(upto)
            self._voice.say(f"{note.address} {note.reader or '-'} reads {note.station} from {note.begin}")
        elif isinstance(note, LoggedIn) and not note.accepted:
            self._voice.say(f"{note.address} was refused: {note.refusal}")
        elif isinstance(note, Disconnected):
            self._voice.say(f"{note.address} {note.reader or '-'} left: {note.reason}")
        elif isinstance(note, Finding):
            self._voice.trouble(note.station or "server", note.reason)
        else:
            assert isinstance(note, Connected | Delivered | LoggedIn)

    def _ask(self, server: SeedlinkServer) -> None:
        """When room runs out, end the connections: whoever comes again says how far it has everything."""
        held = max(self._acknowledged.upto, self._journal.first)
        used = self._used_bytes() * (self._journal.next - held) / max(1, self._journal.next - self._journal.first)
        if used < _UNACKNOWLEDGED * self._settings.keep_bytes or time.monotonic() - self._asked_s < _ASKED_EVERY_S:
            return
        self._asked_s = time.monotonic()
        self._voice.say("journal: filling up with what the centre has not acknowledged; asking it to come again")
        try:
            readers = readers_of(self._settings.serve)
        except HoufengError as fault:
            self._voice.trouble(fault.subject, fault.reason)
            return
        server.change_readers(Readers())
        server.change_readers(readers)

    def _used_bytes(self) -> int:
        folder: Path = self._settings.folder / "journal"
        sizes = 0
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                sizes += path.stat().st_size
        return sizes
