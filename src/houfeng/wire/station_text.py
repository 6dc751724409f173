"""Station lists in text: CSV, FDSN text, plain columns, SEISAN STATION0.HYP, NonLinLoc GTSRCE, JSON device lists."""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from houfeng.wire.numerals import finite, is_number
from houfeng.wire.response import motion_units
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import parse_instant
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Response, Station

Read = tuple[tuple[Station, ...], tuple[Finding, ...]]

#: Names that columns go by, ours first.
_ALIASES = {
    "network": ("network", "net", "network_code", "netcode"),
    "station": ("station", "sta", "code", "station_code", "name", "device_id", "site", "stationcode"),
    "latitude": ("latitude", "lat", "latitude_deg"),
    "longitude": ("longitude", "lon", "lng", "long", "longitude_deg"),
    "elevation": ("elevation_m", "elevation", "elev", "elev_m", "height", "altitude"),
    "domains": ("domains", "domain"),
    "location": ("location", "loc"),
    "channel": ("channel", "cha", "chan"),
    "depth": ("depth", "depth_m"),
    "azimuth": ("azimuth",),
    "dip": ("dip",),
    "scale": ("scale",),
    "scale_hz": ("scalefreq", "scalefrequency"),
    "scale_units": ("scaleunits",),
    "rate": ("samplerate", "sample_rate", "rate_hz"),
    "start": ("starttime", "start", "start_time", "startdate"),
    "end": ("endtime", "end", "end_time", "enddate"),
}
_SEISAN = re.compile(
    r"[ .](?P<code>[ A-Z0-9]{5})(?P<lat>[ \d]\d)(?P<lat_min>[ \d.]{5})(?P<ns>[NS])"
    r"(?P<lon> {2}\d| \d\d|\d{3})(?P<lon_min>[ \d.]{5})(?P<ew>[EW])(?P<elev>[ \d.-]{4,5})"
)


def read_station_text(data: bytes, name: str) -> Read:
    """Read a station list in any of the text layouts known here, told apart by their content.

    data  the file, UTF-8 with or without a byte-order mark
    name  what to call it in messages

    CSV and FDSN text go by their header; "NET STA LAT LON ELEV" and STATION0.HYP by their lines.
    STATION0.HYP, GTSRCE and device lists carry no network code; it stays empty.
    A line that cannot be read is left out with a finding. Raises DataFault when the layout is not known.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFault(name, f"not UTF-8 text (byte {error.start})", "save the station list as UTF-8") from error
    lines = text.splitlines()
    if text.lstrip().startswith(("[", "{")):
        return _from_rows(_json_rows(text, name), name)
    if any(line.split()[:1] == ["GTSRCE"] for line in lines):
        return _from_rows(_gtsrce_rows(lines), name)
    if any(_SEISAN.match(line) for line in lines):
        return _from_rows(_seisan_rows(lines), name)
    header = next((line for line in lines if line.strip()), "").lstrip("# ")
    for separator in ("|", ",", ";", "\t"):
        names = [_squeeze(cell) for cell in header.split(separator)]
        if {"latitude", "longitude", "station"} <= {_meaning(cell) for cell in names}:
            return _from_rows(_table_rows(lines, separator, [_meaning(cell) for cell in names]), name)
    rows = list(_plain_rows(lines))
    if rows:
        return _from_rows(rows, name)
    raise DataFault(
        name,
        "not a station list of a known layout",
        "use a CSV with the header network,station,latitude,longitude,elevation_m,notes",
    )


Row = dict[str, str]


def _squeeze(cell: str) -> str:
    return cell.strip().strip('"').lower().replace(" ", "")


def _meaning(cell: str) -> str:
    return next((meaning for meaning, names in _ALIASES.items() if cell in names), "")


def _table_rows(lines: Iterable[str], separator: str, meanings: list[str]) -> Iterator[Row]:
    kept = [line for line in lines if line.strip()][1:]
    for line in (line for line in kept if not line.startswith("#")):
        try:
            cells = next(csv.reader([line], delimiter=separator), [])
        except csv.Error:
            cells = []  # becomes a line without a station code, which is said
        yield {meaning: cell.strip() for meaning, cell in zip(meanings, cells, strict=False) if meaning}


def _plain_rows(lines: Iterable[str]) -> Iterator[Row]:
    """NET STA LAT LON [ELEV], comments with #, as many processing packages write it."""
    for line in lines:
        cells = line.split("#")[0].split()
        if 4 <= len(cells) <= 6 and all(is_number(cell) for cell in cells[2:4]) and not is_number(cells[0]):
            yield dict(zip(("network", "station", "latitude", "longitude", "elevation"), cells, strict=False))


def _gtsrce_rows(lines: Iterable[str]) -> Iterator[Row]:
    """GTSRCE label LATLON lat lon depth elev: kilometres. Source: NonLinLoc user guide, Vel2Grid and Grid2Time."""
    for line in lines:
        cells = line.split()
        if cells[:1] == ["GTSRCE"] and len(cells) >= 7 and cells[2].upper() == "LATLON":
            depth_km, elevation_km = (float(c) if is_number(c) else float("nan") for c in cells[5:7])
            yield {
                "station": cells[1],
                "latitude": cells[3],
                "longitude": cells[4],
                "elevation": repr(round(1000 * (elevation_km - depth_km), 3)),
            }
        elif cells[:1] == ["GTSRCE"]:
            yield {"station": " ".join(cells[1:2])}


def _seisan_rows(lines: Iterable[str]) -> Iterator[Row]:
    """Columns: code 2-6 (a dot before it: an alias, left out), degrees, minutes, N or S, degrees, minutes, E or W.

    Minutes without a point have three decimals. Source: SEISAN manual 12, appendix B, STATION0.HYP.
    """
    for line in lines:
        match = _SEISAN.match(line)
        if match is None or line.startswith((".", " .")):
            continue
        latitude, longitude = (
            _degrees(match[degrees], match[minutes], match[side])
            for degrees, minutes, side in (("lat", "lat_min", "ns"), ("lon", "lon_min", "ew"))
        )
        elevation = match["elev"].strip() or "0"
        yield {"station": match["code"].strip(), "latitude": latitude, "longitude": longitude, "elevation": elevation}


def _degrees(degrees: str, minutes: str, side: str) -> str:
    """Decimal degrees with sign; "nan" when the minutes are none."""
    value = int(degrees) + _minutes(minutes) / 60
    return repr(round(-value if side in "SW" else value, 6))


def _minutes(text: str) -> float:
    digits = text.replace(" ", "")
    if not is_number(digits):
        return float("nan")
    return float(digits) if "." in digits else int(digits) / 1000


def _json_rows(text: str, name: str) -> Iterator[Row]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DataFault(name, f"not valid JSON: {error}", "fetch the device list again") from error
    items = document if isinstance(document, list) else [document]
    if not all(isinstance(item, dict) for item in items):
        raise DataFault(name, "a JSON station list is a list of objects", "see the device list of OpenEEW")
    for item in items:
        yield {meaning: str(value) for key, value in item.items() if (meaning := _meaning(_squeeze(key)))}


def _from_rows(rows: Iterable[Row], name: str) -> Read:
    """Stations in the order met; lines of single channels are gathered into their station."""
    stations: list[Station] = []
    by_channel: dict[str, list[Station]] = {}
    findings: list[Finding] = []
    for row in rows:
        try:
            station = _station(row)
        except (ValueError, OverflowError) as error:
            key = f"{row.get('network', '')}.{row.get('station', '')}"
            findings.append(Finding("station-refused", f"line left out: {error}", name, key))
            continue
        if station.channels:
            by_channel.setdefault(station.key, []).append(station)
        else:
            stations.append(station)
    return (*stations, *map(_gathered, by_channel.values())), tuple(findings)


def _gathered(alike: list[Station]) -> Station:
    """Channel lines of one station as one station, in force as long as any of its channels."""
    starts, ends = [station.start_ns for station in alike], [station.end_ns for station in alike]
    return replace(
        alike[0],
        elevation_m=max(station.elevation_m for station in alike),  # the shallowest sensor
        start_ns=None if None in starts else min(start for start in starts if start is not None),
        end_ns=None if None in ends else max(end for end in ends if end is not None),
        channels=tuple(channel for station in alike for channel in station.channels),
    )


def _station(row: Row) -> Station:
    network, code = row.get("network", ""), row.get("station", "")
    if not code:
        raise ValueError("no station code")
    SourceId(network, code, "", "")
    latitude, longitude = _number(row, "latitude"), _number(row, "longitude")
    if latitude is None and longitude is None:
        raise ValueError("no coordinates")
    start_ns, end_ns = _instant(row, "start"), _instant(row, "end")
    return Station(
        network,
        code,
        latitude,
        longitude,
        (_number(row, "elevation") or 0.0) - (_number(row, "depth") or 0.0),
        start_ns,
        end_ns,
        _channels(row, start_ns, end_ns),
        frozenset(part.strip() for part in row.get("domains", "").split(";") if part.strip()),
    )


def _channels(row: Row, start_ns: int | None, end_ns: int | None) -> tuple[Channel, ...]:
    """The channel a line of FDSN channel text tells of, with its overall gain as a flat response."""
    if not row.get("channel"):
        return ()
    location = row.get("location", "")
    location = location if location.strip("-") else ""
    units, scale = motion_units(row.get("scale_units")), _number(row, "scale")
    response = None
    if units is not None and scale:
        response = Response(units[0], scale / units[1], _number(row, "scale_hz") or 0.0)
    return (
        Channel(
            SourceId(row.get("network", ""), row["station"], location, row["channel"]),
            start_ns,
            end_ns,
            _number(row, "rate") or None,
            _number(row, "azimuth"),
            _number(row, "dip"),
            response,
        ),
    )


def _number(row: Row, meaning: str) -> float | None:
    text = row.get(meaning, "")
    if not text:
        return None
    try:
        return finite(text)
    except ValueError as error:
        raise ValueError(f"{meaning}: {error}") from None


def _instant(row: Row, meaning: str) -> int | None:
    """A date beyond what nanoseconds can say (2599-12-31) is open."""
    text = row.get(meaning, "")
    if not text or text[:4] >= "2262":
        return None
    return parse_instant(text)
