"""What is known of the stations: their metadata, and the domains they share."""

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from houfeng.shell.recordings import read_bytes
from houfeng.shell.replay.replay import load_inventory
from houfeng.shell.settings.settings import StationsSettings
from houfeng.wire.inventory import ReadInventory
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding

#: The columns a table of domains has; a column network may stand beside them, and NET.STA is then in two.
COLUMNS = ("station", "domain")


def load_stations(settings: StationsSettings) -> ReadInventory:
    """Read station metadata and say of each station what it can fail or lie together with.

    Files that cannot be read become findings. Raises WorldFault for a path that leads nowhere, DataFault for
    a table of domains that is none.
    """
    read = load_inventory(settings.inventory)
    return read if settings.domains is None else with_domains(read, settings.domains)


def with_domains(read: ReadInventory, path: Path) -> ReadInventory:
    """Say of each station what it can fail or lie together with, as a table of domains has it.

    Raises WorldFault for a path that leads nowhere, DataFault for a table that is none.
    """
    domains = read_domains(read_bytes(path), path)
    stations = tuple(
        replace(station, domains=station.domains | domains.get(station.key, frozenset())) for station in read.stations
    )
    strangers = sorted(set(domains) - {station.key for station in stations})
    findings = [
        Finding("domain-of-nobody", "a domain is told of a station that is not in the inventory", str(path), key)
        for key in strangers
    ]
    return ReadInventory(stations, (*read.findings, *findings))


def read_domains(data: bytes, path: Path) -> Mapping[str, frozenset[str]]:
    """Read a table of domains: the domains of each station, by NET.STA.

    data  CSV with the columns station (NET.STA) and domain, or network, station (STA) and domain; a station in
          several domains has several lines
    path  of the file, for messages; never opened

    Raises DataFault, naming the line.
    """
    try:
        lines = csv.DictReader(io.StringIO(data.decode("utf-8-sig")), strict=True)
        found: defaultdict[str, set[str]] = defaultdict(set)
        if not set(COLUMNS) <= set(lines.fieldnames or ()):
            raise DataFault(str(path), "has no columns station and domain", "write them as its first line")
        for line in lines:
            network, station, domain = ((line.get(column) or "").strip() for column in ("network", *COLUMNS))
            station = f"{network}.{station}" if network else station
            if station.count(".") != 1 or not all(station.split(".")) or not domain or not domain.isprintable():
                raise DataFault(
                    str(path),
                    f"line {lines.line_num} is no station and domain",
                    "write NET.STA, then a comma, then a name",
                )
            found[station].add(domain)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataFault(str(path), f"is no CSV: {error}", "save it as CSV in UTF-8") from error
    return {station: frozenset(domains) for station, domains in found.items()}
