"""From an ObsPy inventory (StationXML, dataless SEED, RESP, SC3ML) to our stations."""

from collections import Counter
from typing import Any

from houfeng.wire.response import response_from_obspy
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Response, Station

#: What RESP files lack ObsPy fills with this elevation, m.
OBSPY_UNKNOWN_ELEVATION_M = 123456.0

#: Deeper "sensor depths" than the deepest borehole ever (Kola, 12.3 km) are typing errors.
DEEPEST_SENSOR_M = 12_300.0


def stations_from_obspy(inventory: Any, name: str) -> tuple[tuple[Station, ...], tuple[Finding, ...]]:
    """Turn an ObsPy inventory into stations with channel epochs and responses.

    inventory  obspy Inventory
    name       the file, for findings

    A station or channel that cannot be expressed is left out with a finding. Channels without a usable
    response are kept, and said once per station and reason.
    """
    stations: list[Station] = []
    findings: list[Finding] = []
    for network in inventory:
        for site in network:
            key = f"{network.code}.{site.code}"
            channels, channel_findings = _channels(network.code, site, name)
            findings.extend(channel_findings)
            try:
                stations.append(_station(network.code or "", site, channels))
            except (ValueError, TypeError, AttributeError) as error:
                findings.append(Finding("station-refused", f"station left out: {error}", name, key))
    return tuple(stations), tuple(findings)


def _station(network: str, site: Any, channels: tuple[Channel, ...]) -> Station:
    SourceId(network, site.code, "", "")  # raises ValueError for codes that nothing could ever be filed under
    if not site.code:
        raise ValueError("it has no code")
    placed = site.elevation is not None and float(site.elevation) != OBSPY_UNKNOWN_ELEVATION_M
    return Station(
        network,
        site.code,
        float(site.latitude) if placed else None,
        float(site.longitude) if placed else None,
        float(site.elevation) - _sensor_depth_m(site) if placed else 0.0,
        _instant(site.start_date),
        _instant(site.end_date),
        channels,
    )


def _sensor_depth_m(site: Any) -> float:
    """Depth of the shallowest sensor below the ground: a vault beside a borehole is where the station is."""
    depths = [float(channel.depth) for channel in site if channel.depth is not None]
    return min((depth for depth in depths if 0 <= depth <= DEEPEST_SENSOR_M), default=0.0)


def _channels(network: str, site: Any, name: str) -> tuple[tuple[Channel, ...], list[Finding]]:
    channels: list[Channel] = []
    findings: list[Finding] = []
    key = f"{network}.{site.code}"
    unusable: Counter[str] = Counter()
    first: dict[str, str] = {}
    for item in site:
        try:
            channel, reason = _channel(network, site.code, item)
        except (ValueError, TypeError, AttributeError) as error:  # repeated SEED fields come as lists
            findings.append(Finding("channel-refused", f"channel left out: {error}", name, key))
            continue
        if reason:
            unusable[reason] += 1
            first.setdefault(reason, f"{channel.source.location}.{channel.source.channel}")
        channels.append(channel)
    for reason, count in sorted(unusable.items()):
        more = f" and {count - 1} more channel epochs" if count > 1 else ""
        findings.append(Finding("no-response", f"{first[reason]}{more}: response not used, {reason}", name, key))
    return tuple(channels), findings


def _channel(network: str, station: str, item: Any) -> tuple[Channel, str]:
    """One channel epoch, and why its response is not used ("" when it is, or when there is none)."""
    location = (item.location_code or "").strip()
    location = location if location.strip("-?") else ""  # how SEED and its tools write "no location"
    response, reason = _response(item)
    channel = Channel(
        SourceId(network or "", station, location, item.code.strip()),
        _instant(item.start_date),
        _instant(item.end_date),
        float(item.sample_rate) if item.sample_rate else None,
        None if item.azimuth is None else float(item.azimuth),
        None if item.dip is None else float(item.dip),
        response,
    )
    return channel, reason


def _response(item: Any) -> tuple[Response | None, str]:
    try:
        return response_from_obspy(item.response)
    except (ValueError, TypeError, ArithmeticError) as error:
        return None, f"its numbers make no sense ({error})"


def _instant(time: Any) -> int | None:
    """Nanoseconds of an ObsPy time; None (open) when absent or beyond what 64 bits of nanoseconds can say."""
    if time is None or not EARLIEST_NS <= time.ns <= LATEST_NS:
        return None
    return int(time.ns)
