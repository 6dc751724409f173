"""What a replay leaves in its folder: catalogue.xml, picks.csv, findings.jsonl, alerts.jsonl and pictures."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from houfeng.quake.hearing import Portrait
from houfeng.quake.network import Network
from houfeng.serve.alerts.lines import write_line
from houfeng.serve.alerts.news import News
from houfeng.shell.replay.pick_spool import PickSpool
from houfeng.shell.replay.replay import Told
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.alert import Alert
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant
from houfeng.words.quake import Pick, Quake
from houfeng.words.station import Station


class Results:
    """The results of a replay: findings and pictures as they are told, the rest once all is told.

    folder    made when it is missing
    pictures  whether to draw every quake
    alerts    whether there can be any: then there is a file of them, be it empty

    finding_count counts them. Findings are put in their place also when the replay fails: they may say why.
    Raises WorldFault when the disk refuses.
    """

    def __init__(self, folder: Path, *, pictures: bool, alerts: bool = False) -> None:
        open_folder(folder)
        self.finding_count = 0
        self._folder = folder
        self._pictures = pictures
        self._stations: Mapping[str, Station] = {}
        self._findings = _Fresh(folder / "findings.jsonl")
        self._alerts = _Fresh(folder / "alerts.jsonl") if alerts else None
        self._picks = PickSpool()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._picks.close()
        self._findings.publish()
        if self._alerts is not None:
            self._alerts.publish()

    def tell(self, told: Told) -> None:
        """Something was told. Samples are left to the archive."""
        match told:
            case Network():
                self._stations = told.stations
            case Finding():
                self.finding_count += 1
                self._findings.write(finding_line(told))
            case Alert():
                if self._alerts is not None:
                    self._alerts.write(write_line(News(told)))
            case Pick():
                self._picks.add(told)
            case Portrait():
                self._picks.claim(told.quake)
                if self._pictures:
                    write_pictures(self._folder, told, self._stations)

    def finish(self, quakes: Sequence[Quake]) -> None:
        """All is told."""
        write_catalogue(self._folder, quakes)
        write_file(self._folder / "picks.csv", self._picks.content())


def open_folder(folder: Path) -> None:
    """Make the folder of results. Raises WorldFault when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldFault(str(folder), error.strerror or str(error), "choose another folder with --out") from error


def write_catalogue(folder: Path, quakes: Sequence[Quake]) -> None:
    """Write catalogue.xml, QuakeML 1.2."""
    write_file(folder / "catalogue.xml", write_quakeml(quakes))


def write_findings(folder: Path, findings: Iterable[Finding]) -> None:
    """Write findings.jsonl: one JSON object a line, with kind, file, station, time and reason."""
    write_file(folder / "findings.jsonl", map(finding_line, findings))


def finding_line(finding: Finding) -> bytes:
    """One line of findings.jsonl."""
    said = {
        "kind": finding.kind,
        "file": finding.file,
        "station": finding.station,
        "time": "" if finding.time_ns is None else format_instant(finding.time_ns),
        "reason": finding.reason,
    }
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def write_pictures(folder: Path, portrait: Portrait, stations: Mapping[str, Station]) -> None:
    """Write the record section, map and residuals of one quake as PNG, under quakes/ID/."""
    from houfeng.serve.figures import quake_map, record_section, residuals  # noqa: PLC0415  15 MB of matplotlib

    quake = portrait.quake
    own = folder / "quakes" / quake.quake_id
    open_folder(own)
    write_file(own / "record_section.png", record_section(quake, portrait.segments, portrait.predicted_ns))
    write_file(own / "map.png", quake_map(quake, tuple(stations.values())))
    write_file(own / "residuals.png", residuals(quake))


def write_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace a file in one step, so that a reader never sees half of it.

    content  the whole, or piece by piece

    Raises WorldFault when the disk refuses.
    """
    fresh = _Fresh(path)
    for piece in (content,) if isinstance(content, bytes) else content:
        fresh.write(piece)
    fresh.publish()


class _Fresh:
    """A file on its way: written beside its place, and put there in one step when it is published."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        with self._faults():
            self._file = self._part.open("wb")

    def write(self, piece: bytes) -> None:
        with self._faults():
            self._file.write(piece)

    def publish(self) -> None:
        with self._faults():
            self._file.close()
            self._part.replace(self._path)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            fault = WorldFault(str(self._path), error.strerror or str(error), "make room or choose another --out")
            raise fault from error
