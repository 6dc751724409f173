"""A short recording in a journal, and what an engine makes of it."""

import contextlib
import time
from dataclasses import replace
from pathlib import Path

from houfeng.quake.acquire.pace import PATIENCE_NS
from houfeng.shell.archive.archive import Archive
from houfeng.shell.arrivals.arrivals import Latency, open_arrivals
from houfeng.shell.arrivals.paced import ByArrival
from houfeng.shell.catalogue.catalogue import Catalogue, url_of
from houfeng.shell.centre.engine import Engine, Keepers, Knowledge, Stopped
from houfeng.shell.centre.told import ToldStore
from houfeng.shell.journal.journal import Journal
from houfeng.shell.recordings import open_recordings
from houfeng.shell.replay.keeping import into_archive
from houfeng.shell.replay.replay import Setup, load_inventory, load_model, load_picker, replay
from houfeng.shell.replay.results import Results
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.station import Inventory

LATENCY = Latency(0.7, 1.5, 3)


def packets_of(short):
    with open_arrivals([short.waveforms], latency=LATENCY, now_ns=time.time_ns()) as arrivals:
        return [replace(packet, feed="test", sequence=n) for n, packet in enumerate(arrivals, 1)]


def knowledge(short, **changes):
    inventory = Inventory(load_inventory([str(short.stations)]).stations)
    return replace(Knowledge(inventory, load_model(short.model), load_picker("classical", None, None)), **changes)


class Room:
    """A folder with a journal, and an engine that can be crashed."""

    def __init__(self, folder: Path, short, packets, **changes):
        self.folder, self.knowledge = folder, knowledge(short, **changes)
        self.journal = Journal(folder / "journal", keep_bytes=1 << 30)
        self.add(packets)
        self.start()

    def add(self, packets):
        self.journal.append(packets)
        self.journal.sync()

    def start(self):
        self.keepers = Keepers(
            Archive(self.folder / "archive"),
            Catalogue(url_of(str(self.folder / "catalogue.sqlite"))),
            ToldStore(self.folder / "told.sqlite"),
        )
        self.engine = Engine(self.knowledge, self.keepers, self.folder, wait=lambda *_: False)

    def crash(self):
        """What a kill leaves: nothing that was only in memory."""
        self.keepers.archive._pending.clear()
        self.keepers.archive.close()
        self.keepers.catalogue.close()
        self.keepers.store.close()

    def run(self, until=2**62, most=500):
        while self.engine.next < until and (got := self.journal.read(self.engine.next, most=most)):
            with contextlib.suppress(Stopped):
                self.engine.handle(got)

    def finish(self):
        self.run()
        self.engine.finish()
        return self.outcome()

    def outcome(self):
        """picks.csv, findings.jsonl, catalogue.xml, and every file of the archive."""
        root = self.folder / "archive"
        return {
            "picks": b"".join(self.keepers.store.picks()),
            "findings": b"".join(sorted(self.keepers.store.findings())),
            "catalogue": write_quakeml(self.keepers.catalogue.query()),
            **{str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*.D.*"))},
        }

    def close(self):
        self.keepers.archive.close()
        self.keepers.catalogue.close()
        self.keepers.store.close()
        self.journal.close()


def replayed(short, results, archive):
    """What a replay by arrival of the same recording tells."""
    with open_arrivals([short.waveforms], latency=LATENCY, now_ns=time.time_ns()) as arrivals:
        return _replayed(ByArrival(arrivals, PATIENCE_NS), short, results, archive)


def replayed_at_once(short, results, archive):
    """What a replay of the same recording tells."""
    return _replayed(open_recordings([short.waveforms], now_ns=time.time_ns()), short, results, archive)


def _replayed(played, short, results, archive):
    with Results(results, pictures=False) as told, into_archive(archive, told.tell) as keep:

        def on_told(value):
            told.tell(value)
            keep(value)

        setup = Setup(
            played,
            load_inventory([str(short.stations)]),
            load_model(short.model),
            load_picker("classical", None, None),
        )
        quakes = replay(setup, on_told=on_told, on_progress=lambda *_: None).quakes
        told.finish(quakes)
    found = (results / "findings.jsonl").read_bytes().splitlines(keepends=True)
    return {
        "picks": (results / "picks.csv").read_bytes(),
        "findings": b"".join(sorted(line for line in found if b"assumed-arrivals" not in line)),
        "catalogue": (results / "catalogue.xml").read_bytes(),
        **{str(path.relative_to(archive)): path.read_bytes() for path in sorted(archive.rglob("*.D.*"))},
    }
