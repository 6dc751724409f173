"""Settings and station metadata read again when their files change; what will not do is said, and the old is kept."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.recordings import read_bytes
from houfeng.shell.settings.files import check_files, files_of, parts_of
from houfeng.shell.settings.settings import Settings, read_settings
from houfeng.shell.settings.stations import load_stations
from houfeng.wire.inventory import ReadInventory
from houfeng.words.errors import DataFault, HoufengError
from houfeng.words.finding import Finding

#: How often files are looked at, s. A change counts once two looks agree on it, so that nothing is read half-written.
EVERY_S = 2.0

#: The finding that says a file cannot be read, as load_inventory tells it.
_UNREADABLE = "unreadable-inventory"


@dataclass(frozen=True, slots=True)
class Change:
    """New settings, valid as a whole.

    changed   what is different: names of tables ("stations", "pace"), and "feeds.NAME" for each feed that came,
              went or changed; a table counts as changed also when a file it names has other content
    stations  the station metadata, when "stations" is among them
    """

    settings: Settings
    changed: frozenset[str]
    stations: ReadInventory | None


class Watch:
    """The files that a centre's settings stand in, and those they name.

    path         of the settings file
    environment  as os.environ, for secrets that are named by variable
    first        what they say at the beginning: all of it new

    At the beginning, station metadata that cannot be read are findings; later they are refused.
    Raises WorldFault or DataFault when the settings, or a file that they name, will not do.
    """

    def __init__(self, path: Path, *, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self._unreadable: frozenset[str] | None = None
        self._digests: Mapping[str, bytes] = {}
        self._settled: tuple[object, ...] = ()
        self._seen: tuple[object, ...] = ()
        first = self._read()
        assert first is not None
        self.first = first

    def look(self) -> Change | Finding | None:
        """What is new since the last look: a change, a finding that one will not do (said once), or nothing."""
        look = _look(self._path, self._looked_at)
        still = look == self._seen
        self._seen = look
        if look == self._settled or not still:
            return None
        self._settled = look
        try:
            return self._read()
        except HoufengError as fault:
            return Finding("settings-refused", f"{fault}; the old settings stay in force", file=str(self._path))

    def _read(self) -> Change | None:
        own = _stamp(self._path)
        settings = read_settings(self._path)
        # Settings that will be refused count here too: mending a file they name is a change.
        self._looked_at = settings
        # Looked at before they are read, so that what is written meanwhile is seen next time.
        self._settled = self._seen = (own, *_look(self._path, settings)[1:])
        digests = _digests(settings)
        changed = frozenset(part for part in {*digests, *self._digests} if digests.get(part) != self._digests.get(part))
        check_files(settings, environment=self._environment)
        stations = self._stations(settings) if "stations" in changed else None
        self._digests = digests
        return Change(settings, changed, stations) if changed else None

    def _stations(self, settings: Settings) -> ReadInventory:
        """The station metadata. Raises DataFault when a file cannot be read that could be before, or is new."""
        stations = load_stations(settings.stations)
        unreadable = {finding.file: finding.reason for finding in stations.findings if finding.kind == _UNREADABLE}
        for file in sorted(unreadable):
            if self._unreadable is not None and file not in self._unreadable:
                raise DataFault(file, unreadable[file], "mend it, or take it out of the inventory")
        self._unreadable = frozenset(unreadable)
        return stations


async def changes(
    watch: Watch,
    *,
    on_finding: Callable[[Finding], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Change]:
    """Every change of the settings, for ever. Files are read beside the event loop.

    on_finding  told of settings that will not do
    sleep       waits so many seconds, as asyncio.sleep
    """
    while True:
        await sleep(EVERY_S)
        told = await asyncio.to_thread(watch.look)
        if isinstance(told, Finding):
            on_finding(told)
        elif told is not None:
            yield told


def _look(path: Path, settings: Settings) -> tuple[object, ...]:
    """How the files look from outside, the settings file first: enough to tell that nothing was written."""
    named = (file for files in files_of(settings).values() for file in files)
    return (_stamp(path), *((str(file), _stamp(file)) for file in named))


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _digests(settings: Settings) -> dict[str, bytes]:
    """What each part of the settings says, with the content of the files it names, in short."""
    files = files_of(settings)
    digests = {}
    for part, section in parts_of(settings):
        digest = hashlib.sha256(repr(section).encode("utf-8", "surrogateescape"))
        for path in files[part]:
            digest.update(_content(path))
        digests[part] = digest.digest()
    return digests


def _content(path: Path) -> bytes:
    try:
        return hashlib.sha256(read_bytes(path)).digest()
    except HoufengError as fault:
        return fault.reason.encode("utf-8", "surrogateescape")
