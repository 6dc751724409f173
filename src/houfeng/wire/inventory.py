"""Read and join what is known of stations: StationXML, dataless SEED, RESP, SC3ML and station lists in text."""

import io
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from obspy import read_inventory as obspy_read_inventory

from houfeng.wire.obspy_inventory import stations_from_obspy
from houfeng.wire.safe_xml import local, parse_xml, write_xml
from houfeng.wire.station_text import read_station_text
from houfeng.wire.stationxml import read_stationxml
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.station import Channel, Response, Station

#: Two positions of one station further apart than a site is wide contradict each other (as StationXML rule 222).
SAME_PLACE_M = 1000.0
#: Two sensitivities further apart than calibration errors (a few per cent) contradict each other.
SAME_SENSITIVITY = 0.1

_SEED = re.compile(rb"\d{6}[VAST][ *]")
_RESP = re.compile(rb"^\s*B05\d[FS]\d\d", re.MULTILINE)
_XML_STARTS = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<\x00", b"\xfe\xff\x00<")


@dataclass(frozen=True, slots=True)
class ReadInventory:
    """Stations read, and what was odd about them."""

    stations: tuple[Station, ...]
    findings: tuple[Finding, ...] = ()


def read_inventory(data: bytes, name: str) -> ReadInventory:
    """Read one file about stations, whatever its format.

    data  the whole file
    name  what to call it in messages; never opened

    The format is told by the content. RESP files carry no coordinates, so their stations have none until
    merge_inventories finds them elsewhere. Raises DataFault when the file as a whole cannot be read.
    """
    if not data.strip():
        raise DataFault(name, "the file is empty", "fetch it again")
    if data.lstrip().startswith(_XML_STARTS):
        stations, findings = _read_xml(data, name)
    elif _SEED.match(data):
        stations, findings = _through_obspy(data, name, "SEED")
    elif _RESP.search(data):
        stations, findings = _through_obspy(data, name, "RESP")
    else:
        stations, findings = read_station_text(data, name)
    if not stations and not findings:
        findings = (Finding("no-stations", "the file names no station", name),)
    return merge_inventories([ReadInventory(stations, findings)])


def _read_xml(data: bytes, name: str) -> tuple[tuple[Station, ...], tuple[Finding, ...]]:
    root = parse_xml(data.lstrip(), name)
    if local(root) == "FDSNStationXML":
        return read_stationxml(root, name)
    if local(root) == "seiscomp":
        return _through_obspy(write_xml(root), name, "SC3ML")
    raise DataFault(name, f"XML of <{local(root)}>, not StationXML", "give a file that starts with FDSNStationXML")


def _through_obspy(data: bytes, name: str, form: str) -> tuple[tuple[Station, ...], tuple[Finding, ...]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what ObsPy mends by itself
            inventory = obspy_read_inventory(io.BytesIO(data), format=form)
    except Exception as error:  # ObsPy raises whatever its parsing trips over
        raise DataFault(
            name, f"not readable as {form}: {error}", "fetch it again, or convert it to StationXML"
        ) from error
    return stations_from_obspy(inventory, name)


def merge_inventories(parts: Sequence[ReadInventory]) -> ReadInventory:
    """Join what several files say of the same stations.

    parts  in order of precedence: where two contradict each other the first is believed, with a finding

    Epochs of a station with the same dates are joined; an entry without dates (a line of stations.csv, a RESP
    file) belongs to every epoch of its station. A station without a network code joins the one of that
    station code, if all such have one network. Channel epochs are joined likewise; those with a response come first.
    """
    findings = {finding: None for part in parts for finding in part.findings}
    networks: dict[str, set[str]] = {}
    for part in parts:
        for station in part.stations:
            networks.setdefault(station.code, set()).add(station.network)
    by_key: dict[str, list[Station]] = {}
    for part in parts:
        for station in part.stations:
            named = _with_network(station, networks[station.code] - {""})
            by_key.setdefault(named.key, []).append(named)
    stations = []
    for entries in by_key.values():
        joined, conflicts = _join_epochs(entries)
        stations.extend(joined)
        findings.update(dict.fromkeys(conflicts))
    return ReadInventory(tuple(stations), tuple(findings))


def _with_network(station: Station, networks: set[str]) -> Station:
    if station.network or len(networks) != 1:
        return station
    (network,) = networks
    channels = tuple(replace(c, source=replace(c.source, network=network)) for c in station.channels)
    return replace(station, network=network, channels=channels)


def _join_epochs(entries: list[Station]) -> tuple[list[Station], list[Finding]]:
    """Entries of one station, in order of precedence, as its epochs."""
    dates = list(dict.fromkeys((e.start_ns, e.end_ns) for e in entries if not _is_timeless(e))) or [(None, None)]
    joined, findings = [], []
    homeless = {channel for e in entries if _is_timeless(e) for channel in e.channels if not _meets_any(channel, dates)}
    for start_ns, end_ns in dates:
        within = [
            replace(
                entry,
                start_ns=start_ns,
                end_ns=end_ns,
                channels=tuple(
                    channel
                    for channel in entry.channels
                    if not _is_timeless(entry)
                    or _meets(channel, start_ns, end_ns)
                    or (channel in homeless and (start_ns, end_ns) == dates[-1])
                ),
            )
            for entry in entries
            if _is_timeless(entry) or (entry.start_ns, entry.end_ns) == (start_ns, end_ns)
        ]
        station, conflicts = _join(within)
        joined.append(station)
        findings.extend(conflicts)
    return joined, findings


def _is_timeless(station: Station) -> bool:
    return station.start_ns is None and station.end_ns is None


def _meets(channel: Channel, start_ns: int | None, end_ns: int | None) -> bool:
    begins = channel.end_ns is None or start_ns is None or channel.end_ns > start_ns
    return begins and (channel.start_ns is None or end_ns is None or channel.start_ns < end_ns)


def _meets_any(channel: Channel, dates: Iterable[tuple[int | None, int | None]]) -> bool:
    return any(_meets(channel, start_ns, end_ns) for start_ns, end_ns in dates)


def _join(alike: list[Station]) -> tuple[Station, list[Finding]]:
    """Entries of one station and epoch as one: the first position, all domains, all channels."""
    placed = [station for station in alike if station.latitude_deg is not None]
    first = placed[0] if placed else alike[0]
    findings = []
    for other in placed[1:]:
        apart_m = float(
            distance_m(
                first.latitude_deg or 0.0,
                first.longitude_deg or 0.0,
                other.latitude_deg or 0.0,
                other.longitude_deg or 0.0,
            )
        )
        if apart_m > SAME_PLACE_M:
            reason = f"two positions {apart_m / 1000:.1f} km apart are given; the first is kept"
            findings.append(Finding("position-conflict", reason, station=first.key))
    channels: dict[tuple[object, ...], Channel] = {}
    for channel in (channel for station in alike for channel in station.channels):
        epoch = (channel.source, channel.start_ns, channel.end_ns)
        if epoch in channels:
            channels[epoch], conflict = _join_channel(channels[epoch], channel)
            findings += conflict
        else:
            channels[epoch] = channel
    ordered = sorted(channels.values(), key=lambda c: (c.source, c.response is None, c.start_ns or 0))
    domains = frozenset().union(*(station.domains for station in alike))
    return replace(first, channels=tuple(ordered), domains=domains), findings


def _join_channel(first: Channel, other: Channel) -> tuple[Channel, list[Finding]]:
    findings = []
    if first.response is not None and other.response is not None and not _alike(first.response, other.response):
        reason = (
            f"two sensitivities are given, {first.response.sensitivity:g} and {other.response.sensitivity:g} counts "
            f"per {first.response.input_units} and {other.response.input_units}; the first is kept"
        )
        findings.append(Finding("response-conflict", reason, station=first.source.nslc))
    joined = replace(
        first,
        rate_hz=first.rate_hz if first.rate_hz is not None else other.rate_hz,
        azimuth_deg=first.azimuth_deg if first.azimuth_deg is not None else other.azimuth_deg,
        dip_deg=first.dip_deg if first.dip_deg is not None else other.dip_deg,
        response=first.response if first.response is not None else other.response,
    )
    return joined, findings


def _alike(one: Response, other: Response) -> bool:
    return one.input_units == other.input_units and abs(one.sensitivity / other.sensitivity - 1) <= SAME_SENSITIVITY
