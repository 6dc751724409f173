"""Read StationXML: guarded, held against the rules, then through ObsPy."""

import io
import math
import warnings
from copy import deepcopy
from typing import Any

from obspy import read_inventory as obspy_read_inventory

from houfeng.wire.obspy_inventory import stations_from_obspy
from houfeng.wire.safe_xml import child_number, child_text, children, iso_date, local, write_xml
from houfeng.wire.stationxml_rules import check_stationxml
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.source import SourceId
from houfeng.words.station import Station

#: What a value of a Station element may be; a station outside is refused.
_PLACE_LIMITS = {"Latitude": (-90.0, 90.0), "Longitude": (-180.0, 180.0), "Elevation": (-12_000.0, 9_000.0)}
#: What a value of a Channel element may be; a value outside is taken out, the channel stays.
_CHANNEL_LIMITS = {"Azimuth": (0.0, 360.0), "Dip": (-90.0, 90.0), "SampleRate": (0.0, math.inf)}


def read_stationxml(root: Any, name: str) -> tuple[tuple[Station, ...], tuple[Finding, ...]]:
    """Read a parsed StationXML document.

    root  element FDSNStationXML, from parse_xml; it is changed
    name  the file, for findings

    Stations with an impossible position or code are left out and said, as is every broken rule.
    Raises DataFault when nothing in it can be read.
    """
    findings = list(check_stationxml(root, name))
    findings += _take_out_what_cannot_be(root, name)
    try:
        inventory = _through_obspy(root)
    except Exception as error:  # noqa: BLE001  ObsPy raises whatever its parsing trips over
        return _one_by_one(root, name, findings, error)
    stations, more = stations_from_obspy(inventory, name)
    return stations, (*findings, *more)


def _through_obspy(root: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of, the rules have said
        return obspy_read_inventory(io.BytesIO(write_xml(root)), format="STATIONXML")


def _take_out_what_cannot_be(root: Any, name: str) -> list[Finding]:
    """Remove stations without a possible place or name, and impossible single values, each with a finding."""
    findings: list[Finding] = []
    for network in children(root, "Network"):
        findings += _take_out_bad_dates(network, name, network.get("code") or "")
        for station in children(network, "Station"):
            key = f"{network.get('code') or ''}.{station.get('code') or ''}"
            reason = _impossible(network, station)
            if reason:
                network.remove(station)
                findings.append(Finding("station-refused", f"station left out: {reason}", name, key))
                continue
            findings += _take_out_bad_dates(station, name, key)
            for channel in children(station, "Channel"):
                findings += _mend_channel(station, channel, name, key)
    return findings


def _impossible(network: Any, station: Any) -> str:
    try:
        SourceId(network.get("code") or "", station.get("code") or "", "", "")
    except ValueError as error:
        return str(error)
    if not station.get("code"):
        return "it has no code"
    for tag, (lowest, highest) in _PLACE_LIMITS.items():
        value = child_number(station, tag)
        if value is None or not lowest <= value <= highest:
            return f"{tag.lower()} {child_text(station, tag) or 'missing'} is not between {lowest:g} and {highest:g}"
    return ""


def _take_out_bad_dates(element: Any, name: str, key: str) -> list[Finding]:
    findings = []
    for attribute in ("startDate", "endDate"):
        try:
            iso_date(element.get(attribute))
        except (ValueError, OverflowError):
            reason = f"{local(element).lower()} {attribute} {element.get(attribute)!r} is no date, taken as open"
            findings.append(Finding("bad-date", reason, name, key))
            del element.attrib[attribute]
    return findings


def _mend_channel(station: Any, channel: Any, name: str, key: str) -> list[Finding]:
    findings = _take_out_bad_dates(channel, name, key)
    for tag in _PLACE_LIMITS:  # the station's position is used; a nonsense one here must not stop the reading
        value = child_number(channel, tag)
        if (
            value is None
            or not math.isfinite(value)
            or (tag != "Elevation" and not abs(value) <= _PLACE_LIMITS[tag][1])
        ):
            for element in children(channel, tag):
                channel.remove(element)
            channel.insert(0, deepcopy(children(station, tag)[0]))
    for tag, (lowest, highest) in _CHANNEL_LIMITS.items():
        value = child_number(channel, tag)
        if value is not None and not lowest <= value <= highest:
            said = f"{channel.get('locationCode') or ''}.{channel.get('code') or ''} {tag.lower()}"
            findings.append(Finding("bad-value", f"{said} {child_text(channel, tag)} cannot be, left out", name, key))
            for element in children(channel, tag):
                channel.remove(element)
    return findings


def _one_by_one(
    root: Any, name: str, findings: list[Finding], whole: Exception
) -> tuple[tuple[Station, ...], tuple[Finding, ...]]:
    """Read station by station, so that one that trips ObsPy does not take the others with it."""
    places = [(network, station) for network in children(root, "Network") for station in children(network, "Station")]
    for network, station in places:
        network.remove(station)
    stations: list[Station] = []
    for network, station in places:
        network.append(station)
        key = f"{network.get('code') or ''}.{station.get('code') or ''}"
        try:
            read, more = stations_from_obspy(_through_obspy(root), name)
            stations.extend(read)
            findings.extend(more)
        except Exception as error:  # noqa: BLE001  ObsPy raises whatever its parsing trips over
            findings.append(Finding("station-refused", f"station left out: {error}", name, key))
        network.remove(station)
    if not stations:
        raise DataFault(name, f"no station in this StationXML can be read: {whole}", "fetch it again") from whole
    return tuple(stations), tuple(findings)
