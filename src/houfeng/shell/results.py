"""What a replay leaves in its folder: catalogue.xml, picks.csv, findings.jsonl and pictures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from houfeng.quake.hearing import Portrait
from houfeng.serve.figures import quake_map, record_section, residuals
from houfeng.wire.phases import write_picks_csv
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant
from houfeng.words.quake import Pick, Quake
from houfeng.words.station import Station


def open_folder(folder: Path) -> None:
    """Make the folder of results. Raises WorldFault when that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldFault(str(folder), error.strerror or str(error), "choose another folder with --out") from error


def write_catalogue(folder: Path, quakes: Sequence[Quake]) -> None:
    """Write catalogue.xml, QuakeML 1.2."""
    write_file(folder / "catalogue.xml", write_quakeml(quakes))


def write_picks(folder: Path, picks: Iterable[Pick], quakes: Sequence[Quake]) -> None:
    """Write picks.csv: every pick in time order, with the quake that claimed it."""
    owner = {arrival.pick: quake.quake_id for quake in quakes for arrival in quake.origin.arrivals}
    claimed = {(pick.source, pick.time_ns) for pick in owner}  # perhaps under the name of the other phase
    spare = (pick for pick in picks if (pick.source, pick.time_ns) not in claimed)
    every = sorted({*spare, *owner}, key=lambda pick: pick.key)
    write_file(folder / "picks.csv", write_picks_csv((pick, owner.get(pick, "")) for pick in every))


def write_findings(folder: Path, findings: Iterable[Finding]) -> None:
    """Write findings.jsonl: one JSON object a line, with kind, file, station, time and reason."""
    lines = (
        json.dumps(
            {
                "kind": finding.kind,
                "file": finding.file,
                "station": finding.station,
                "time": "" if finding.time_ns is None else format_instant(finding.time_ns),
                "reason": finding.reason,
            },
            ensure_ascii=False,
        )
        for finding in findings
    )
    write_file(folder / "findings.jsonl", "".join(f"{line}\n" for line in lines).encode())


def write_pictures(folder: Path, portrait: Portrait, stations: Mapping[str, Station]) -> None:
    """Write the record section, map and residuals of one quake as PNG, under quakes/ID/."""
    quake = portrait.quake
    own = folder / "quakes" / quake.quake_id
    open_folder(own)
    write_file(own / "record_section.png", record_section(quake, portrait.segments, portrait.predicted_ns))
    write_file(own / "map.png", quake_map(quake, tuple(stations.values())))
    write_file(own / "residuals.png", residuals(quake))


def write_file(path: Path, content: bytes) -> None:
    """Replace a file in one step, so that a reader never sees half of it.

    Raises WorldFault when the disk refuses.
    """
    fresh = path.with_name(f".{path.name}.part")
    try:
        fresh.write_bytes(content)
        fresh.replace(path)
    except OSError as error:
        raise WorldFault(str(path), error.strerror or str(error), "make room or choose another --out") from error
