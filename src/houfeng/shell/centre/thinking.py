"""The engine in a process of its own, so that thinking never delays what arrives and what is served.

The centre talks with it over a pipe: the engine asks for packets and says what it heard; the centre answers.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from houfeng.quake.hearing import Portrait
from houfeng.shell.archive.archive import Archive
from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.centre.engine import Engine, Keepers, Knowledge, Numbered, Stopped
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.keys.enrolled import load as load_enrolments
from houfeng.shell.keys.keys import AGREEMENT_KEY, ENROLLED, read_centre_key
from houfeng.shell.replay.replay import Told, load_model, load_picker
from houfeng.shell.settings.secrets import catalogue_url
from houfeng.shell.settings.settings import Settings, read_settings
from houfeng.shell.settings.stations import load_stations
from houfeng.words.errors import HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import seconds_to_ns
from houfeng.words.quake import Pick, Quake
from houfeng.words.samples import Gap
from houfeng.words.station import Inventory

#: In the folder of the settings: what has been told, and how far.
TOLD_FILE = "told.sqlite"


@dataclass(frozen=True, slots=True)
class Want:
    """The engine asks for packets from a number on."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Given:
    """Packets, with their numbers."""

    packets: tuple[Numbered, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """The engine is to stop: at once, or, when finish is set, once it has told what is left as a replay does."""

    finish: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of the packets given.

    needed      the first packet that a restart would need
    told_ns     data time up to which everything has been told
    took_s      how long it took
    arrived_ns  when the last of the packets had arrived
    """

    needed: int
    told_ns: int
    took_s: float
    arrived_ns: int
    picks: tuple[Pick, ...] = ()
    quakes: tuple[Quake, ...] = ()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """The disk or the database refuses; the engine waits."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine cannot go on with these settings."""

    reason: str


@dataclass(slots=True)
class _Ears:
    """What was told since it was last asked."""

    picks: list[Pick] = field(default_factory=list)
    quakes: list[Quake] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    def tell(self, told: Told | Gap) -> None:
        match told:
            case Pick():
                self.picks.append(told)
            case Portrait():
                self.quakes.append(told.quake)
            case Finding():
                self.findings.append(told)
            case Gap():
                self.gaps.append(told)

    def heard(self, engine: Engine, took_s: float, arrived_ns: int) -> Heard:
        said = (tuple(self.picks), tuple(self.quakes), tuple(self.findings), tuple(self.gaps))
        self.picks, self.quakes, self.findings, self.gaps = [], [], [], []
        return Heard(engine.needed, engine.told_ns, took_s, arrived_ns, *said)


def think(pipe: Connection, settings_path: Path) -> None:
    """Hear what the other end of the pipe gives, until it says stop or is gone. The body of the engine's process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the centre says when to stop
    try:
        with _engine(pipe, read_settings(settings_path), settings_path.parent) as (engine, ears):
            _converse(pipe, engine, ears)
    except (Stopped, EOFError, BrokenPipeError):
        pass  # what was not committed is heard again
    except HoufengError as error:
        pipe.send(Failed(str(error)))


def _converse(pipe: Connection, engine: Engine, ears: _Ears) -> None:
    while True:
        pipe.send(Want(engine.next))
        answer = pipe.recv()
        if isinstance(answer, Stop):
            if answer.finish:
                engine.finish()
                pipe.send(ears.heard(engine, 0.0, 0))
            return
        begun_s = time.monotonic()
        engine.handle(answer.packets)
        arrived_ns = answer.packets[-1][1].arrival_ns if answer.packets else 0
        pipe.send(ears.heard(engine, time.monotonic() - begun_s, arrived_ns))


@contextmanager
def _engine(pipe: Connection, settings: Settings, folder: Path) -> Iterator[tuple[Engine, _Ears]]:
    """An engine with everything it needs."""

    def wait(seconds: float, fault: WorldFault) -> bool:
        pipe.send(Trouble(str(fault)))
        return not (pipe.poll(seconds) and isinstance(pipe.recv(), Stop))

    known, findings = knowledge_of(settings)
    url = url_of(catalogue_url(settings.catalogue, environment=os.environ))
    with (
        Archive(settings.archive.folder) as archive,
        Catalogue(url) as catalogue,
        ToldStore(folder / TOLD_FILE) as store,
        TemporaryDirectory(prefix="houfeng-") as scratch,
    ):
        ears = _Ears()
        for finding in findings:
            ears.tell(finding)
        yield Engine(known, Keepers(archive, catalogue, store), Path(scratch), wait=wait, on_told=ears.tell), ears


def knowledge_of(settings: Settings) -> tuple[Knowledge, tuple[Finding, ...]]:
    """What an engine is told by the settings, and what is odd about the files they name."""
    stations = load_stations(settings.stations)
    model = load_model(settings.stations.model)
    notes = () if settings.stations.model else (f"default velocity model {model.name}: no local model was given",)
    keys = settings.keys.folder
    known = Knowledge(
        inventory=Inventory(stations.stations),
        model=model,
        picker=load_picker(settings.picker.name, settings.picker.weights, settings.picker.sha256),
        slice_ns=seconds_to_ns(settings.pace.slice_s),
        patience_ns=seconds_to_ns(settings.pace.patience_s),
        notes=notes,
        enrolments=load_enrolments(keys / ENROLLED) if (keys / ENROLLED).exists() else (),
        centre_key=read_centre_key(keys / AGREEMENT_KEY) if (keys / AGREEMENT_KEY).exists() else None,
        secured_feeds=secured_feeds(settings),
    )
    return known, stations.findings


def secured_feeds(settings: Settings) -> frozenset[str]:
    """Feeds that come protected from a server that is known."""
    private = {feed.name for feed in settings.feeds if feed.kind == "dataselect" and feed.url.startswith("https://")}
    return frozenset(private | {feed.name for feed in settings.feeds if getattr(feed, "tls", False)})
