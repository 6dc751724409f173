"""What each station can say on whether a quake was an explosion, and when none may be asked."""

from collections.abc import Mapping, Sequence

from houfeng.quake.size.clipping import clipped
from houfeng.quake.size.discriminate import Witness, discriminate
from houfeng.quake.size.ratio import p_over_s
from houfeng.quake.size.record import NOISE_S, PICK_MARGIN_S, TAIL_S, Record, cut_record
from houfeng.quake.size.sensors import ranked_sensors, verticals
from houfeng.quake.size.station import SegmentsOf, Site
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.quake import Discrimination, Origin
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory

#: An explosion is set off no deeper than people drill.
DEEPEST_EXPLOSION_M = 10_000.0

#: Where and when such an origin was is not known well enough to tell P from S by their times.
WORST_QUALITY = "D"


def source_type(
    origin: Origin,
    sites: Sequence[Site],
    channels: Mapping[str, Sequence[SourceId]],
    inventory: Inventory,
    segments_of: SegmentsOf,
    others: Sequence[Origin] = (),
) -> Discrimination:
    """Say whether a quake looks like an explosion, by P over S of its stations.

    sites     its stations; channels: those with data, by NET.STA. No response is needed
    others    quakes told already: a station where their waves may lie among these is not asked
    """
    told = _told(others)
    witnesses: dict[str, Witness] = {}
    busy = 0
    for site in sites:
        if _is_busy(site, told.get(site.key, ())):
            busy += 1
            continue
        record = _record(site, channels.get(site.key, ()), inventory, segments_of)
        if record is not None:
            lag_s = (site.window.s_ns - site.window.onset_ns) / NS_PER_S
            witnesses[site.key] = Witness(site.hypocentral_m, lag_s, p_over_s(record))
    said = discriminate(witnesses)
    notes = (*said.notes, f"waves of another quake at {busy} stations") if busy else said.notes
    against = _against(origin) if said.verdict == "explosion-like" else ""
    if against:
        return Discrimination("not discriminable", said.log_ratio, said.stations, (*notes, against))
    return Discrimination(said.verdict, said.log_ratio, said.stations, notes)


def _against(origin: Origin) -> str:
    """Why an origin cannot be called an explosion whatever its waves look like, "" when it can."""
    if origin.quality == WORST_QUALITY:
        return f"looks like an explosion, but from an origin of quality {WORST_QUALITY}"
    shallowest_m = origin.depth_m - 2 * origin.depth_uncertainty_m
    if shallowest_m > DEEPEST_EXPLOSION_M:
        return f"looks like an explosion, but at least {shallowest_m / 1000:.0f} km down"
    return ""


def _told(others: Sequence[Origin]) -> dict[str, list[int]]:
    """When waves of other quakes were expected, by NET.STA."""
    told: dict[str, list[int]] = {}
    for arrival in (arrival for other in others for arrival in other.arrivals):
        expected_ns = arrival.pick.time_ns - seconds_to_ns(arrival.residual_s)
        told.setdefault(arrival.pick.source.station_key, []).append(expected_ns)
    return told


def _is_busy(site: Site, arrivals_ns: Sequence[int]) -> bool:
    from_ns = site.window.onset_ns - (site.window.s_ns - site.window.onset_ns)
    return any(from_ns <= time_ns < site.window.end_ns for time_ns in arrivals_ns)


def _record(site: Site, sources: Sequence[SourceId], inventory: Inventory, segments_of: SegmentsOf) -> Record | None:
    """The vertical of the first sensor that is not clipped and recorded throughout."""
    from_ns = site.window.onset_ns - seconds_to_ns(NOISE_S + 2 * PICK_MARGIN_S)
    to_ns = site.window.end_ns + seconds_to_ns(2 * TAIL_S)
    for sensor in ranked_sensors(sources):
        upright = verticals(sensor, inventory, site.window.onset_ns)
        cuts = {source: cut_record(segments_of(source, from_ns, to_ns), site.window) for source in sensor}
        records = {source: cut for source, cut in cuts.items() if isinstance(cut, Record)}
        if any(clipped(record.shaking, record.rest) for record in records.values()):
            continue
        record = next((records[source] for source in upright if source in records), None)
        if record is not None and record.whole:
            return record
    return None
