"""The engine in a process of its own, so that thinking never delays what arrives and what is served.

The centre talks with it over a pipe: the engine asks for packets and says what it heard; the centre answers.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from houfeng.quake.hearing import Portrait
from houfeng.serve.alerts.news import News
from houfeng.shell.archive.archive import Archive
from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.centre.collecting import collect_rarely
from houfeng.shell.centre.engine import Engine, Keepers, Knowledge, Numbered, Stopped
from houfeng.shell.centre.stopwatch import Stopwatch
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.keys.enrolled import load as load_enrolments
from houfeng.shell.keys.keys import AGREEMENT_KEY, ENROLLED, read_centre_key
from houfeng.shell.replay.replay import Told, load_model, load_picker
from houfeng.shell.settings.secrets import catalogue_url
from houfeng.shell.settings.settings import Settings, read_settings
from houfeng.shell.settings.stations import load_stations
from houfeng.words.errors import HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, seconds_to_ns
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
    records_s   of some records: how long after its arrival each had been listened to, and what triggers in it was known
    news        of the vigil's process: alerts to be let out
    picks_s     of picks: how long after the arrival that showed time to have passed their wave trains they were told
    """

    needed: int
    told_ns: int
    took_s: float
    arrived_ns: int
    picks: tuple[Pick, ...] = ()
    quakes: tuple[Quake, ...] = ()
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    records_s: tuple[float, ...] = ()
    picks_s: tuple[float, ...] = ()
    news: tuple[News, ...] = ()


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


@dataclass(slots=True)
class _Head:
    """An engine, what was told, and how long that took."""

    engine: Engine
    ears: _Ears
    stopwatch: Stopwatch

    def hear(self, packets: tuple[Numbered, ...]) -> Heard:
        """What comes of packets."""
        engine, begun_ns = self.engine, time.monotonic_ns()
        self.stopwatch.given(packets, told_ns=engine.told_ns, clock_ns=time.time_ns(), steady_ns=begun_ns)
        engine.handle(packets)
        ended_ns = time.monotonic_ns()
        records_s, picks_s = self.stopwatch.stop(second=engine.second, told_ns=engine.told_ns, steady_ns=ended_ns)
        arrived_ns = packets[-1][1].arrival_ns if packets else 0
        heard = self.ears.heard(engine, (ended_ns - begun_ns) / NS_PER_S, arrived_ns)
        return replace(heard, records_s=records_s, picks_s=picks_s)

    def finish(self) -> Heard:
        """What is left when nothing more will come."""
        self.engine.finish()
        return self.ears.heard(self.engine, 0.0, 0)


def think(pipe: Connection, settings_path: Path) -> None:
    """Hear what the other end of the pipe gives, until it says stop or is gone. The body of the engine's process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the centre says when to stop
    try:
        with _engine(pipe, read_settings(settings_path), settings_path.parent) as head:
            _converse(pipe, head)
    except (Stopped, EOFError, BrokenPipeError):
        pass  # what was not committed is heard again
    except HoufengError as error:
        pipe.send(Failed(str(error)))


def _converse(pipe: Connection, head: _Head) -> None:
    collect_rarely()
    while True:
        pipe.send(Want(head.engine.next))
        answer = pipe.recv()
        if isinstance(answer, Stop):
            if answer.finish:
                pipe.send(head.finish())
            return
        pipe.send(head.hear(answer.packets))


@contextmanager
def _engine(pipe: Connection, settings: Settings, folder: Path) -> Iterator[_Head]:
    """An engine with everything it needs."""

    def tell(told: Told | Gap) -> None:
        ears.tell(told)
        if isinstance(told, Pick):
            stopwatch.pick(engine.second)

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
        ears, stopwatch = _Ears(), Stopwatch(known.slice_ns)
        for finding in findings:
            ears.tell(finding)
        engine = Engine(known, Keepers(archive, catalogue, store), Path(scratch), wait=wait, on_told=tell)
        yield _Head(engine, ears, stopwatch)


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
