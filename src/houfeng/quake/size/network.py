"""One quake's size from all its stations."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from houfeng.quake.size.attenuation import Attenuation, attenuation
from houfeng.quake.size.consensus import consensus, counted
from houfeng.quake.size.local_magnitude import local_magnitude
from houfeng.quake.size.moment_network import is_sound, moment_of_network
from houfeng.quake.size.peak import FIRST_SECONDS, WHOLE_RECORD, peak_relation
from houfeng.quake.size.peak_network import peak_of_network
from houfeng.quake.size.remarks import Remarks
from houfeng.quake.size.sensors import is_broadband
from houfeng.quake.size.station import NO_RESPONSE, Heard, SegmentsOf, Site, listen, sites_of
from houfeng.quake.size.witness import source_type
from houfeng.words.earth import M_PER_DEG
from houfeng.words.errors import OutOfRange
from houfeng.words.quake import Amplitude, Discrimination, Magnitude, Origin, StationMagnitude
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: IASPEI gives ML for crustal quakes; the thickest crust, Tibet's, reaches 70 km.
CRUST_M = 70_000.0

#: MS is for quakes that raise surface waves, seen from beyond 2 degrees: GB 17740-2017. Smaller ones need no word.
SURFACE_WAVES_FROM = 5.0
SURFACE_WAVES_M = 2 * M_PER_DEG


@dataclass(frozen=True, slots=True)
class Sized:
    """What could be said of a quake's size.

    magnitudes      the preferred first: Mw where it is sound, else ML
    amplitudes      everything measured that counts
    notes           what was left out and why; why there is no magnitude when there is none
    discrimination  whether it looks like an explosion
    """

    magnitudes: tuple[Magnitude, ...]
    amplitudes: tuple[Amplitude, ...]
    notes: tuple[str, ...]
    discrimination: Discrimination | None = None


def size(
    origin: Origin,
    stations: Mapping[str, Station],
    inventory: Inventory,
    channels: Iterable[SourceId],
    segments_of: SegmentsOf,
    *,
    relation: Attenuation | None = None,
    following: Sequence[Origin] = (),
    others: Sequence[Origin] = (),
) -> Sized:
    """Size a quake from the stations that have arrivals of it.

    stations     by NET.STA, for their elevations
    inventory    responses and orientations of channels
    channels     all channels with data, of any station
    segments_of  samples in counts of a channel from one instant to another, in time order
    relation     attenuation for ML, the IASPEI standard when None; below its range its nearer one takes over
    following    later quakes, whose waves may run into this one's: windows end before their arrivals
    others       quakes told already, whose waves may pass for this one's when P is compared with S

    Each station counts once, with its best sensor that is not clipped. Its ML is the mean over both horizontals,
    each read by itself as IASPEI asks, with verticals only MLv; its Mw comes from its P and S spectra, its Mpd and
    Mpgd from peak displacements. The network's value is the mean of the stations within 3 robust standard deviations
    of the median. Mw goes first where it is sound (GB 17740-2017), no scale is ever converted into another.
    """
    by_station: dict[str, list[SourceId]] = defaultdict(list)
    for source in channels:
        by_station[source.station_key].append(source)
    sites = sites_of(origin, stations, following)
    looks_like = source_type(origin, sites, by_station, inventory, segments_of, others)
    heard = [(site, listen(site, by_station.get(site.key, ()), inventory, segments_of)) for site in sites]
    if heard and all(result.refused == NO_RESPONSE for _, result in heard):
        why = f"no response for any channel of {len(heard)} stations, so no absolute magnitude"
        return Sized((), (), (why,), looks_like)
    remarks = Remarks()
    for site, result in heard:
        if result.refused:
            remarks.add(f"not sized, {result.refused}", site.key)
    _say_clipped(heard, remarks)
    magnitudes = _magnitudes(heard, origin, relation or attenuation(), remarks)
    used = (
        amplitude
        for magnitude in magnitudes
        for station in magnitude.stations
        if not station.refused
        for amplitude in station.amplitudes
    )
    return Sized(magnitudes, tuple(used), remarks.lines(), looks_like)


def _magnitudes(
    heard: Sequence[tuple[Site, Heard]], origin: Origin, relation: Attenuation, remarks: Remarks
) -> tuple[Magnitude, ...]:
    """All scales that can be told, the preferred first."""
    local = _local(heard, relation, remarks)
    if local is not None and origin.depth_m > CRUST_M:
        remarks.add(f"ML is made for the crust; at {origin.depth_m / 1000:.0f} km it tends to be too large")
    moment = moment_of_network(heard, local, remarks)
    if moment is not None and not is_sound(moment):
        remarks.add(f"Mw is not preferred: stations {counted(moment)}, scatter {moment.uncertainty:.1f}")
    whole = peak_of_network(heard, peak_relation(WHOLE_RECORD), remarks)
    first = peak_of_network(heard, peak_relation(FIRST_SECONDS), remarks)
    ranked = (moment, local) if is_sound(moment) else (local, moment)
    told = tuple(magnitude for magnitude in (*ranked, whole, first) if magnitude is not None)
    if told and told[0].value >= SURFACE_WAVES_FROM:
        far = any(site.epicentral_m > SURFACE_WAVES_M and is_broadband(result.records) for site, result in heard)
        why = "the window ends before surface waves" if far else "no broadband record from beyond 2 degrees"
        remarks.add(f"no MS: {why}")
    return told


def _say_clipped(heard: Sequence[tuple[Site, Heard]], remarks: Remarks) -> None:
    """List every channel that ran out of room, by the sign that gave it away."""
    clipped: dict[str, list[str]] = defaultdict(list)
    for _, result in heard:
        for source, why in result.clipped.items():
            clipped[why].append(source.nslc)
    for why, channels in clipped.items():
        remarks.add(f"clipped, {why}: {', '.join(sorted(channels))}")


def _local(heard: Sequence[tuple[Site, Heard]], relation: Attenuation, remarks: Remarks) -> Magnitude | None:
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
            remarks.add(f"not sized, {error.reason}", site.key)
            continue
        if used is not relation and not refused:
            remarks.add(f"nearer than {relation.title} reaches, ML by {used.label}", site.key)
        said.append(StationMagnitude(amplitudes, site.key, float(np.mean(values)), site.hypocentral_m, refused))
    kind = "ML" if horizontal else "MLv"
    magnitude = consensus(kind, said, relation.label, scatter=relation.scatter)
    if magnitude is None:
        bounds = [station.value for station in said]
        if bounds:
            remarks.add(
                f"ML is at least {np.median(bounds):.1f}: all {len(bounds)} stations that could say are clipped"
            )
    elif kind == "MLv":
        remarks.add("ML from vertical components only, for which its relation was not made")
    return magnitude


def _relation_at(site: Site, relation: Attenuation) -> Attenuation:
    distance_m = site.hypocentral_m if relation.distance == "hypocentral" else site.epicentral_m
    return attenuation(relation.nearer) if relation.nearer and distance_m < relation.range_m[0] else relation
