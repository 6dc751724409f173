"""The documents that answer INFO: JSON in one packet for version 4, XML in log records for version 3.

Standard library only. Sources: SeedLink 4.0, Appendix B; the XML of SeisComP's server as clients read it;
SEED 2.4 manual, chapter 8, for the log records.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import quoteattr

from houfeng.wire.seedlink.framing import frame_v4
from houfeng.wire.seedlink.instants import write_instant
from houfeng.wire.seedlink.patterns import matcher
from houfeng.wire.seedlink.requests import V3_SEQUENCES, InfoWanted

#: Clients refuse larger answers; the spec lets a server say so instead.
MOST_JSON_BYTES = 12 << 20

LEVELS = ("ID", "FORMATS", "CAPABILITIES", "STATIONS", "STREAMS", "CONNECTIONS")

_FORMATS = {
    "2": ("application/vnd.fdsn.mseed", {"D": "data", "E": "event detection", "C": "calibration",
                                         "T": "timing exception", "L": "log", "O": "opaque"}),
    "3": ("application/vnd.fdsn.mseed3", {"D": "data"}),
    "J": ("application/json", {"I": "SeedLink information", "E": "SeedLink error"}),
}  # fmt: skip
_FILTERS = {"native": "records as they came, which is the only way they are sent"}
_CAPABILITIES_3 = ("dialup", "multistation", "window-extraction", *(f"info:{level.lower()}" for level in LEVELS))

#: A log record: 56 bytes of header, and text.
_LOG_HEADER = struct.Struct(">6s2s5s2s3s2sHHBBBBHHhhBBBBiHHHHBBBx")
_LOG_TEXT_BYTES = 512 - 64


@dataclass(frozen=True, slots=True)
class StreamHeld:
    """A stream in the ring: its id, format and subformat, and from when to when."""

    stream_id: str
    format: str
    start_ns: int
    end_ns: int
    fits_v3: bool


@dataclass(frozen=True, slots=True)
class StationHeld:
    """A station in the ring: the numbers of its first packet, and after its last."""

    station_id: str
    first: int
    next: int
    streams: tuple[StreamHeld, ...]


@dataclass(frozen=True, slots=True)
class ConnectionHeld:
    """A connection: from where, since when, by whom, and how much it was sent."""

    address: str
    since_ns: int
    reader: str
    agent: str
    stations: tuple[str, ...]
    records: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that an INFO may tell one reader: what it may not have is not in here.

    software  the first line of the answer to HELLO
    logins    ways to log in
    """

    software: str
    organisation: str
    started_ns: int
    logins: tuple[str, ...] = ()
    stations: Sequence[StationHeld] = ()
    connections: Sequence[ConnectionHeld] = ()


def info_v4(wanted: InfoWanted, knowledge: Knowledge) -> bytes:
    """The packet that answers INFO in version 4."""
    document: dict[str, object] = {"software": knowledge.software, "organization": knowledge.organisation}
    subformat = "I"
    if wanted.level not in LEVELS:
        document["error"] = {"code": "ARGUMENTS", "message": f"levels are {', '.join(LEVELS)}"}
        subformat = "E"
    else:
        document |= _json(wanted, knowledge)
    # Station by station: writing all of them in one go would hold up everything else that runs in Python.
    stations = _stations_json(wanted, knowledge) if wanted.level in {"STATIONS", "STREAMS"} else None
    text = json.dumps(document, separators=(",", ":")).encode()
    if stations is not None:
        text = text[:-1] + b',"station":[' + b",".join(stations) + b"]}"
    if len(text) > MOST_JSON_BYTES:
        return info_v4(InfoWanted(""), knowledge)
    return frame_v4("J" + subformat, 0, "", text)


def _json(wanted: InfoWanted, knowledge: Knowledge) -> dict[str, object]:
    formats = {
        "format": {code: {"mimetype": kind, "subformat": subformats} for code, (kind, subformats) in _FORMATS.items()},
        "filter": _FILTERS,
    }
    match wanted.level:
        case "FORMATS" | "STATIONS" | "STREAMS":
            return formats
        case "CAPABILITIES":
            logins = [f"AUTH:{login}" for login in knowledge.logins]
            return {"capability": ["SLPROTO:4.0", "SLPROTO:3.1", *logins, "TIME", "SEQWILDCARD"]}
        case "CONNECTIONS":
            return {"connections": {"client": [_connection_json(each) for each in knowledge.connections]}}
    return {"server_start": write_instant(knowledge.started_ns)}


def _stations_json(wanted: InfoWanted, knowledge: Knowledge) -> Iterator[bytes]:
    for station, streams in _chosen(wanted, knowledge):
        told = _station_json(station, streams if wanted.level == "STREAMS" else None)
        yield json.dumps(told, separators=(",", ":")).encode()


def _chosen(wanted: InfoWanted, knowledge: Knowledge) -> Iterator[tuple[StationHeld, list[StreamHeld]]]:
    station_matches, stream_matches = matcher(wanted.station), matcher(wanted.stream)
    format_matches = matcher(f"{wanted.format}*")
    for station in knowledge.stations:
        if station_matches(station.station_id):
            streams = [
                each for each in station.streams if stream_matches(each.stream_id) and format_matches(each.format)
            ]
            if streams:
                yield station, streams


def _station_json(station: StationHeld, streams: Iterable[StreamHeld] | None) -> dict[str, object]:
    told: dict[str, object] = {
        "id": station.station_id,
        "description": station.station_id,
        "start_seq": station.first,
        "end_seq": station.next,
    }
    if streams is not None:
        told["stream"] = [
            {
                "id": stream.stream_id,
                "format": stream.format[0],
                "subformat": stream.format[1],
                "origin": "native",
                "start_time": write_instant(stream.start_ns),
                "end_time": write_instant(stream.end_ns),
            }
            for stream in streams
        ]
    return told


def _connection_json(connection: ConnectionHeld) -> dict[str, object]:
    return {
        "ip_address": connection.address,
        "type": "SeedLink",
        "connect_time": write_instant(connection.since_ns),
        "client_id": connection.agent,
        "reader": connection.reader,
        "transmit_packets": connection.records,
        "transmit_bytes": connection.sent_bytes,
        "match": " ".join(connection.stations[:100]),
    }


def info_v3(wanted: InfoWanted, knowledge: Knowledge, now_ns: int) -> bytes:
    """The packets that answer INFO in version 3. Only what fits version 3 is listed.

    now_ns  time written into their headers
    """
    known = wanted.level in LEVELS
    lines = _xml(wanted, knowledge) if known else [f"<error message={quoteattr('levels are ' + ', '.join(LEVELS))}/>"]
    head = (
        f"<seedlink software={quoteattr(knowledge.software)} organization={quoteattr(knowledge.organisation)}"
        f" started={quoteattr(write_instant(knowledge.started_ns, slashes=True))}>"
    )
    text = f'<?xml version="1.0" encoding="utf-8"?>{head}{"".join(lines)}</seedlink>'
    # Some clients read this as ASCII only.
    data = text.encode("ascii", "xmlcharrefreplace")
    parts = [data[at : at + _LOG_TEXT_BYTES] for at in range(0, len(data), _LOG_TEXT_BYTES)]
    return b"".join(
        (b"SLINFO *" if number < len(parts) else b"SLINFO  ")
        + _log_record(part, b"INF" if known else b"ERR", now_ns, number)
        for number, part in enumerate(parts, start=1)
    )


def _xml(wanted: InfoWanted, knowledge: Knowledge) -> Iterable[str]:
    match wanted.level:
        case "CAPABILITIES":
            return [f'<capability name="{name}"/>' for name in _CAPABILITIES_3]
        case "FORMATS":
            return ['<format mimetype="application/vnd.fdsn.mseed" version="2" length="512"/>']
        case "STATIONS" | "STREAMS":
            return _stations_xml(wanted, knowledge)
        case "CONNECTIONS":
            return [
                f'<station name="CLIENT" network="SL" description="reader" begin_seq="000000" end_seq="000000">'
                f'<connection host={quoteattr(each.address)} port="" ctime='
                f'"{write_instant(each.since_ns, slashes=True)}" txcount="{each.records}" '
                f'totBytes="{each.sent_bytes}"/></station>'
                for each in knowledge.connections
            ]
    return []


def _stations_xml(wanted: InfoWanted, knowledge: Knowledge) -> Iterator[str]:
    for station, streams in _chosen(wanted, knowledge):
        fitting = [stream for stream in streams if stream.fits_v3]
        if not fitting:
            continue
        network, _, name = station.station_id.partition("_")
        yield (
            f'<station name="{name}" network="{network}" description="{station.station_id}" '
            f'begin_seq="{station.first % V3_SEQUENCES:06X}" end_seq="{station.next % V3_SEQUENCES:06X}" '
            f'stream_check="enabled">'
        )
        if wanted.level == "STREAMS":
            for stream in fitting:
                location, *channel = stream.stream_id.split("_")
                yield (
                    f'<stream location="{location}" seedname="{"".join(channel)}" type="{stream.format[1]}" '
                    f'begin_time="{write_instant(stream.start_ns, slashes=True)}" '
                    f'end_time="{write_instant(stream.end_ns, slashes=True)}"/>'
                )
        yield "</station>"


def _log_record(text: bytes, channel: bytes, now_ns: int, number: int) -> bytes:
    """A miniSEED 2 record of 512 bytes that holds text."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_ns // 1000)
    header = _LOG_HEADER.pack(
        b"%06d" % (number % 1_000_000), b"D ", b"INFO ", b"  ", channel, b"SL",
        time.year, time.timetuple().tm_yday, time.hour, time.minute, time.second, 0, time.microsecond // 100,
        len(text), 0, 0, 0, 0, 0, 1, 0, 64, 48, 1000, 0, 0, 1, 9,
    )  # fmt: skip
    return (header.ljust(64, b"\0") + text).ljust(512, b"\0")


def catalogue_v3(stations: Iterable[StationHeld]) -> bytes:
    """The answer to CAT of version 3: a line for each station, and END."""
    lines = (station.station_id.replace("_", " ", 1) for station in stations)
    return "".join(f"{line}\r\n" for line in (*lines, "END")).encode("ascii")
