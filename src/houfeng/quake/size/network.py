"""One quake's size from all its stations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from houfeng.quake.size.attenuation import Attenuation, attenuation
from houfeng.quake.size.local_magnitude import local_magnitude
from houfeng.quake.size.moment import RELATION, Plateau, moment_magnitude
from houfeng.quake.size.station import NO_RESPONSE, Heard, SegmentsOf, Site, listen, sites_of
from houfeng.words.errors import OutOfRange
from houfeng.words.quake import Amplitude, Magnitude, Origin, StationMagnitude
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: What one station's magnitude is worth when too few speak to tell: Kanamori & Jennings 1978,
#: doi:10.1785/BSSA0680020471, 14 accelerographs of one quake without station corrections.
STATION_SCATTER = 0.26
FEW_STATIONS = 3

#: A station this many robust standard deviations from the median is left out. Stations that happen to agree
#: closely do not make outliers of the rest: the standard deviation is at least STATION_SCATTER.
OUTLIER_SIGMAS = 3.0

#: IASPEI gives ML for crustal quakes; the thickest crust, Tibet's, reaches 70 km.
CRUST_M = 70_000.0

#: A note names no more stations than this.
NAMED = 6


@dataclass(frozen=True, slots=True)
class Sized:
    """What could be said of a quake's size.

    magnitudes  ML; for a quake below the crust, where no ML was calibrated, Mw in front of it
    amplitudes  everything measured that counts
    notes       what was left out and why; why there is no magnitude when there is none
    """

    magnitudes: tuple[Magnitude, ...]
    amplitudes: tuple[Amplitude, ...]
    notes: tuple[str, ...]


def size(
    origin: Origin,
    stations: Mapping[str, Station],
    inventory: Inventory,
    channels: Iterable[SourceId],
    segments_of: SegmentsOf,
    *,
    relation: Attenuation | None = None,
    following: Sequence[Origin] = (),
) -> Sized:
    """Size a quake from the stations that have arrivals of it.

    stations     by NET.STA, for their elevations
    inventory    responses and orientations of channels
    channels     all channels with data, of any station
    segments_of  samples in counts of a channel from one instant to another, in time order
    relation     attenuation for ML, the IASPEI standard when None; below its range its nearer one takes over
    following    later quakes, whose waves may run into this one's: windows end before their arrivals

    Each station counts once, with its best sensor that is not clipped. Its ML is the mean over both
    horizontals, each read by itself as IASPEI asks; its Mw, for a deep quake, comes from their S spectra. The
    network's value is the mean of the stations within 3 robust standard deviations of the median. With verticals
    only, the kind is MLv.
    """
    by_station: dict[str, list[SourceId]] = defaultdict(list)
    for source in channels:
        by_station[source.station_key].append(source)
    sites = sites_of(origin, stations, following)
    heard = [(site, listen(site, by_station.get(site.key, ()), inventory, segments_of)) for site in sites]
    if heard and all(result.refused == NO_RESPONSE for _, result in heard):
        return Sized((), (), (f"no response for any channel of {len(heard)} stations, so no absolute magnitude",))
    notes = _Notes()
    for site, result in heard:
        if result.refused:
            notes.add(f"not sized, {result.refused}", site.key)
    local = _local(heard, relation or attenuation(), notes)
    magnitudes: tuple[Magnitude, ...] = () if local is None else (local,)
    if local is not None and origin.depth_m > CRUST_M:
        notes.add(f"ML is made for the crust; at {origin.depth_m / 1000:.0f} km it tends to be too large")
        spectral = _moment(heard, origin.depth_m, notes)
        magnitudes = magnitudes if spectral is None else (spectral, local)
    counted = (
        amplitude
        for magnitude in magnitudes
        for station in magnitude.stations
        if not station.refused
        for amplitude in station.amplitudes
    )
    return Sized(magnitudes, tuple(counted), notes.lines())


class _Notes:
    """Remarks, each said once with the stations it concerns."""

    def __init__(self) -> None:
        self._stations: dict[str, list[str]] = {}

    def add(self, remark: str, station: str = "") -> None:
        self._stations.setdefault(remark, []).extend([station] if station else [])

    def lines(self) -> tuple[str, ...]:
        lines = []
        for remark, stations in self._stations.items():
            more = f" and {len(stations) - NAMED} more" if len(stations) > NAMED else ""
            lines.append(f"{remark}: {', '.join(stations[:NAMED])}{more}" if stations else remark)
        return tuple(lines)


def _local(heard: Sequence[tuple[Site, Heard]], relation: Attenuation, notes: _Notes) -> Magnitude | None:
    said: list[StationMagnitude] = []
    horizontal = any(result.readings and not result.vertical and not result.refused for _, result in heard)
    for site, result in heard:
        amplitudes = tuple(reading.amplitude for reading in result.readings if reading.amplitude is not None)
        if not amplitudes:
            continue
        refused = result.refused or ("only a vertical" if result.vertical and horizontal else "")
        used = _relation_at(site, relation)
        distance_m = site.hypocentral_m if used.distance == "hypocentral" else site.epicentral_m
        try:
            values = [local_magnitude(amplitude.value, distance_m, relation=used) for amplitude in amplitudes]
        except OutOfRange as error:
            notes.add(f"not sized, {error.reason}", site.key)
            continue
        if used is not relation and not refused:
            notes.add(f"nearer than {relation.title} reaches, ML by {used.label}", site.key)
        said.append(StationMagnitude(amplitudes, site.key, float(np.mean(values)), site.hypocentral_m, refused))
    kind = "ML" if horizontal else "MLv"
    magnitude = _network(kind, said, relation.label, relation.scatter)
    if magnitude is None:
        bounds = [station.value for station in said]
        if bounds:
            notes.add(f"ML is at least {np.median(bounds):.1f}: all {len(bounds)} stations that could say are clipped")
    elif kind == "MLv":
        notes.add("ML from vertical components only, for which its relation was not made")
    return magnitude


def _relation_at(site: Site, relation: Attenuation) -> Attenuation:
    distance_m = site.hypocentral_m if relation.distance == "hypocentral" else site.epicentral_m
    return attenuation(relation.nearer) if relation.nearer and distance_m < relation.range_m[0] else relation


def _moment(heard: Sequence[tuple[Site, Heard]], depth_m: float, notes: _Notes) -> Magnitude | None:
    said = []
    for site, result in heard:
        if result.refused:
            continue
        if not isinstance(result.plateau, Plateau):
            notes.add(f"no Mw, {result.plateau}", site.key)
            continue
        source = next(reading.amplitude.source for reading in result.readings if reading.amplitude is not None)
        amplitude = Amplitude(
            source=source,
            kind="s_plateau",
            value=result.plateau.omega_m_s,
            time_ns=site.window.s_ns,
            period_s=1 / result.plateau.corner_hz,
            snr=result.plateau.snr,
        )
        value = moment_magnitude(result.plateau.omega_m_s, site.hypocentral_m, depth_m)
        said.append(StationMagnitude((amplitude,), site.key, value, site.hypocentral_m))
    return _network("Mw", said, RELATION, None)


def _network(kind: str, said: Sequence[StationMagnitude], relation: str, scatter: float | None) -> Magnitude | None:
    """Mean of the stations near the median, scatter among them; None when no station counts."""
    values = np.array([station.value for station in said if not station.refused])
    if not len(values):
        return None
    median = float(np.median(values))
    spread = max(1.4826 * float(np.median(np.abs(values - median))), STATION_SCATTER)  # MAD of a normal law
    stations = tuple(
        replace(station, refused=f"{station.value - median:+.1f} from the median of all stations")
        if not station.refused and abs(station.value - median) > OUTLIER_SIGMAS * spread
        else station
        for station in said
    )
    kept = np.array([station.value for station in stations if not station.refused])
    uncertainty = max(scatter or 0.0, STATION_SCATTER) if len(kept) < FEW_STATIONS else float(np.std(kept, ddof=1))
    return Magnitude(kind, float(kept.mean()), uncertainty, relation, stations)
