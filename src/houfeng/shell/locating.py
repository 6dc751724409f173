"""Locating quakes from picks somebody else made."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from houfeng.quake.hearing import quake_name, travel_times
from houfeng.quake.locate.locator import Locator
from houfeng.quake.network import network_of
from houfeng.shell.recordings import read_bytes
from houfeng.wire.inventory import ReadInventory
from houfeng.wire.phases import PickSet, read_phases
from houfeng.wire.station_labels import match_station_label
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick, Quake
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory


def locate_file(
    path: Path, inventory: ReadInventory, model: VelocityModel, *, defaulted: bool
) -> tuple[list[Quake], list[Finding]]:
    """Locate every pick set of a file. What cannot be located becomes a finding.

    Raises DataFault when the file holds no picks at all.
    """
    read = read_phases(read_bytes(path), str(path))
    findings = [*inventory.findings, *read.findings]
    if not read.sets:
        raise DataFault(str(path), "no picks in it", "see `houfeng info` for what it is")
    unknown: Counter[str] = Counter()
    sets = [_with_known_stations(chosen, inventory, unknown) for chosen in read.sets]
    findings += [
        Finding("no-coordinates", f"no coordinates known: its {count} picks are left out", str(path), key)
        for key, count in unknown.items()
    ]
    picks = [pick for chosen in sets for pick in chosen.picks]
    if not picks:
        raise DataFault(str(path), "no pick is of a station with coordinates", "give them with --stations")
    network = network_of(
        Inventory(inventory.stations), [pick.source for pick in picks], min(pick.time_ns for pick in picks)
    )
    locator = Locator(network.stations, travel_times(model, network))
    note = (f"default velocity model {model.name}: no local model was given",) if defaulted else ()
    quakes = []
    for chosen in sets:
        try:
            origin = locator.locate(chosen.picks)
        except DataFault as fault:
            findings.append(Finding("not-located", f"{chosen.name}: {fault.reason}", file=str(path)))
            continue
        origin = replace(origin, notes=(*note, *origin.notes))
        quakes.append(Quake(quake_name(origin), 1, origin))
    return sorted(quakes, key=lambda quake: (quake.origin.time_ns, quake.quake_id)), findings


def _with_known_stations(chosen: PickSet, inventory: ReadInventory, unknown: Counter[str]) -> PickSet:
    """Give picks the names the inventory uses; leave out, and count, those of stations it does not have."""
    known = [station.key for station in inventory.stations if station.latitude_deg is not None]
    kept: list[Pick] = []
    for pick in chosen.picks:
        key = match_station_label(pick.source.station_key, known)
        if key is None:
            unknown[pick.source.station_key] += 1
            continue
        network, _, code = key.partition(".")
        kept.append(replace(pick, source=SourceId(network, code, pick.source.location, pick.source.channel)))
    return replace(chosen, picks=tuple(kept))
