"""What one station says of one quake's size, with the best of its sensors."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from houfeng.quake.size.clipping import clipped
from houfeng.quake.size.record import NOISE_S, PICK_MARGIN_S, TAIL_S, Record, Window, cut_record
from houfeng.quake.size.sensors import horizontals, ranked_sensors
from houfeng.quake.size.wood_anderson import Reading, wood_anderson
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.quake import Arrival, Origin
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Response, Station

#: Samples in counts of a channel from one instant to another, in time order: a port to memory or archive.
SegmentsOf = Callable[[SourceId, int, int], Sequence[Segment]]

#: Vp/Vs of a Poisson solid: good to a few per cent in the crust, which is enough to place a window.
VP_VS = 3**0.5

#: Shaking lasts from S for half the S travel time more (group speeds down to 2/3 of S, Rg at 2.3 km/s) and
#: for 10 s of rupture and coda, as long as a rupture that ML can still size.
END_SHARE = 0.5
END_S = 10.0

NO_RESPONSE = "no response for any channel"


@dataclass(frozen=True, slots=True)
class Site:
    """One station as seen from the source.

    key            NET.STA
    s_travel_s     S travel time
    epicentral_m   distances
    hypocentral_m
    depth_m        of the source, below sea level
    """

    key: str
    window: Window
    s_travel_s: float
    epicentral_m: float
    hypocentral_m: float
    depth_m: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What the first of a station's sensors that serves says.

    readings     one per component; lower bounds when refused
    refused      why no sensor serves, "" when one does
    records      its components, those without a response included; none when refused
    responses    of those that have one
    horizontals  those of the components with records and responses; none when only a vertical could be read
    clipped      channels of this station that ran out of room, of any sensor tried, and why
    """

    readings: tuple[Reading, ...] = ()
    refused: str = ""
    records: Mapping[SourceId, Record] = field(default_factory=dict)
    responses: Mapping[SourceId, Response] = field(default_factory=dict)
    horizontals: tuple[SourceId, ...] = ()
    clipped: Mapping[SourceId, str] = field(default_factory=dict)

    @property
    def vertical(self) -> bool:
        """Whether only a vertical component could be read."""
        return bool(self.readings) and not self.horizontals and not self.refused


def sites_of(origin: Origin, stations: Mapping[str, Station], following: Sequence[Origin]) -> list[Site]:
    """The stations that have arrivals of a quake, and when to look there.

    stations   by NET.STA, for their elevations
    following  later quakes: a window ends before their first arrival, if that comes after S
    """
    arrivals = _by_station(origin.arrivals)
    later = _by_station(arrival for other in following for arrival in other.arrivals)
    sites = []
    for key in sorted(arrivals):
        window = _window(origin.time_ns, arrivals[key], [arrival.pick.time_ns for arrival in later.get(key, ())])
        if window is None:
            continue
        epicentral_m = float(np.median([arrival.distance_m for arrival in arrivals[key]]))
        height_m = origin.depth_m + (stations[key].elevation_m if key in stations else 0.0)
        s_travel_s = (window.s_ns - origin.time_ns) / NS_PER_S
        sites.append(Site(key, window, s_travel_s, epicentral_m, math.hypot(epicentral_m, height_m), origin.depth_m))
    return sites


def listen(site: Site, sources: Sequence[SourceId], inventory: Inventory, segments_of: SegmentsOf) -> Heard:
    """Try a station's sensors in turn until one serves; one with a vertical alone only when no other does.

    sources  its channels with data
    """
    if not sources:
        return Heard(refused="no data")
    failed: dict[str, None] = {}
    bounds: tuple[Reading, ...] = ()
    spoilt: dict[SourceId, str] = {}
    vertical: Heard | None = None
    for sensor in ranked_sensors(sources):
        responses = _responses(sensor, inventory, site.window.onset_ns)
        if not responses:
            continue
        heard = _read(site, sensor, responses, inventory, segments_of)
        spoilt.update(heard.clipped)
        if not heard.refused and not heard.vertical:
            return replace(heard, clipped=spoilt)
        if heard.refused:
            failed[heard.refused] = None
            bounds = bounds or heard.readings
        else:
            vertical = vertical or heard
    return replace(vertical or Heard(bounds, refused="; ".join(failed) or NO_RESPONSE), clipped=spoilt)


def _by_station(arrivals: Iterable[Arrival]) -> dict[str, list[Arrival]]:
    grouped: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        grouped[arrival.pick.source.station_key].append(arrival)
    return grouped


def _window(origin_ns: int, arrivals: Sequence[Arrival], later_ns: Sequence[int]) -> Window | None:
    """P and S where the location expects them: a pick it could not use says nothing of this quake."""
    expected = {arrival.pick.phase: arrival.pick.time_ns - seconds_to_ns(arrival.residual_s) for arrival in arrivals}
    p_ns = expected.get("P", origin_ns + round((expected.get("S", origin_ns) - origin_ns) / VP_VS))
    s_ns = expected.get("S", origin_ns + round((p_ns - origin_ns) * VP_VS))
    if not origin_ns < p_ns <= s_ns:
        return None
    onset_ns = min([p_ns, *(arrival.pick.time_ns for arrival in arrivals if arrival.weight > 0)])
    end_ns = s_ns + seconds_to_ns(END_S) + round((s_ns - origin_ns) * END_SHARE)
    return Window(onset_ns, s_ns, min([end_ns, *(time_ns for time_ns in later_ns if time_ns > s_ns + NS_PER_S)]))


def _responses(sensor: Sequence[SourceId], inventory: Inventory, time_ns: int) -> dict[SourceId, Response]:
    channels = ((source, inventory.channel(source, time_ns)) for source in sensor)
    return {source: channel.response for source, channel in channels if channel and channel.response}


def _read(
    site: Site,
    sensor: Sequence[SourceId],
    responses: Mapping[SourceId, Response],
    inventory: Inventory,
    segments_of: SegmentsOf,
) -> Heard:
    from_ns = site.window.onset_ns - seconds_to_ns(NOISE_S + 2 * PICK_MARGIN_S)
    to_ns = site.window.end_ns + seconds_to_ns(2 * TAIL_S)
    cuts = {source: cut_record(segments_of(source, from_ns, to_ns), site.window) for source in sensor}
    records = {source: record for source, record in cuts.items() if isinstance(record, Record)}
    if not records.keys() & responses.keys():
        return Heard(refused="; ".join(dict.fromkeys(cut for cut in cuts.values() if isinstance(cut, str))))
    # a mass that hits its stop, or a supply that sags, spoils every component of a sensor
    flaws = {source: why for source, record in records.items() if (why := clipped(record.shaking, record.rest))}
    served = [source for source in records if source in responses]
    level = horizontals(served, inventory, site.window.onset_ns)
    readings = tuple(wood_anderson(records[source], responses[source]) for source in level or served)
    if flaws:
        bounds = tuple(reading for reading in readings if reading.amplitude is not None)
        return Heard(bounds, refused=f"clipped, {next(iter(flaws.values()))}", clipped=flaws)
    refused = next((reading.refused for reading in readings if reading.refused), "")
    if refused:
        return Heard(refused=refused)
    return Heard(readings, records=records, responses=responses, horizontals=level)
