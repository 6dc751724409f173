"""Saying what a file is, whatever it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from houfeng.shell.recordings import read_bytes
from houfeng.wire.events import read_events
from houfeng.wire.inventory import read_inventory
from houfeng.wire.model import read_velocity_model
from houfeng.wire.phases import read_phases
from houfeng.wire.waveforms import read_waveforms, sniff
from houfeng.words.errors import DataFault, HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S, format_instant
from houfeng.words.source import shown

#: Channels, stations or events listed one by one; the summary counts them all.
LISTED = 50


@dataclass(frozen=True, slots=True)
class Description:
    """What a file is: one line, details, and what is odd about it."""

    readable: bool
    summary: str
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def describe(path: Path) -> Description:
    """Try every reader on a file, those first that know their format by content."""
    try:
        data = read_bytes(path)
    except HoufengError as fault:
        return Description(False, fault.reason)
    refusals = []
    for read in _READERS:
        try:
            return read(data, str(path))
        except DataFault as refusal:
            refusals.append(refusal)
    # The reader that came furthest knows best what is wrong; XML is for metadata or events, the rest for samples.
    last = refusals[1] if data.lstrip()[:1] == b"<" else refusals[0]
    return Description(False, f"{last.reason} ({last.remedy})" if last.remedy else last.reason)


def _waveforms(data: bytes, name: str) -> Description:
    form = sniff(data, name)
    decoded = read_waveforms(data, name)
    lines, packets, samples = [], 0, 0
    for batch in decoded.batches:
        packets += len(batch)
        samples += int(batch.offset[-1] - batch.offset[0])
        for number, source in enumerate(batch.channels):
            mine = batch.channel == number
            if not mine.any():
                continue
            length = batch.offset[1:][mine] - batch.offset[:-1][mine]
            first_ns = int(batch.start_ns[mine].min())
            last_ns = int((batch.start_ns[mine] + length / batch.rate_hz[mine] * NS_PER_S).max())
            lines.append(
                f"{source.nslc}  {batch.rate_hz[mine][0]:g} Hz  {format_instant(first_ns, 3)} to "
                f"{format_instant(last_ns, 3)}  {int(length.sum())} samples in {int(mine.sum())} packets"
            )
    if not decoded.batches and decoded.findings:
        return Description(False, f"{form}: no sample could be read", findings=decoded.findings)
    summary = f"{form}: {len(lines)} channels, {packets} packets, {samples} samples"
    return Description(True, summary, _some(lines), decoded.findings)


def _inventory(data: bytes, name: str) -> Description:
    read = read_inventory(data, name)
    if not read.stations:
        reasons = [finding.reason for finding in read.findings if "warning" not in finding.kind]
        raise DataFault(name, reasons[0] if reasons else "no stations in it")
    lines = [
        f"{shown(station.key)}  "
        + (
            "no coordinates"
            if station.latitude_deg is None
            else f"{station.latitude_deg:.4f} {station.longitude_deg:.4f} {station.elevation_m:.0f} m"
        )
        + f"  {len(station.channels)} channel epochs"
        for station in read.stations
    ]
    return Description(True, f"station metadata: {len(read.stations)} station epochs", _some(lines), read.findings)


def _events(data: bytes, name: str) -> Description:
    read = read_events(data, name)
    lines = []
    for event in read.events:
        place = "no origin"
        if event.reference is not None:
            depth_m = event.reference.depth_m
            place = (
                f"{format_instant(event.reference.time_ns, 2)} {event.reference.latitude_deg:.4f} "
                f"{event.reference.longitude_deg:.4f} " + ("" if depth_m is None else f"{depth_m / 1000:.1f} km")
            )
        size = "" if event.magnitude is None else f" {event.magnitude_type or 'M'} {event.magnitude:.1f}"
        lines.append(
            f"{place}{size}  {event.origin_count} origins, {event.magnitude_count} magnitudes, "
            f"{event.pick_count} picks, {event.arrival_count} arrivals"
        )
    return Description(True, f"event catalogue: {len(read.events)} events", _some(lines), read.findings)


def _phases(data: bytes, name: str) -> Description:
    read = read_phases(data, name)
    lines = [f"{chosen.name}: {len(chosen.picks)} picks" for chosen in read.sets]
    return Description(True, f"phase picks: {len(read.sets)} sets", _some(lines), read.findings)


def _model(data: bytes, name: str) -> Description:
    model = read_velocity_model(data, name)
    kind = "gradient" if model.gradient else "layers"
    lines = [
        f"{depth / 1000:g} km  P {vp / 1000:g}  S {vs / 1000:g} km/s"
        for depth, vp, vs in zip(model.depth_m, model.vp_mps, model.vs_mps, strict=True)
    ]
    return Description(True, f"velocity model: {len(lines)} depths, {kind}", _some(lines))


def _some(lines: list[str]) -> tuple[str, ...]:
    return (*lines[:LISTED], *((f"... and {len(lines) - LISTED} more",) if len(lines) > LISTED else ()))


_READERS: tuple[Callable[[bytes, str], Description], ...] = (_waveforms, _inventory, _events, _phases, _model)
