"""A recording played by arrival through a lookout, and what its alerts are worth against the true quakes."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire.roster import Roster
from houfeng.quake.hearing import travel_times
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network, network_of
from houfeng.quake.warn.amplitude import Amplitudes
from houfeng.quake.warn.lookout import Lookout, lookout
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.testimony import Testimony
from houfeng.shell.arrivals.arrivals import Latency, open_arrivals
from houfeng.shell.arrivals.paced import AT_ONCE_NS, decode_packets
from houfeng.shell.recordings import find_files
from houfeng.shell.replay.replay import load_inventory, load_model
from houfeng.wire.inventory import ReadInventory, merge_inventories
from houfeng.words.alert import Alert
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.station import Inventory
from plain_rule import ENOUGH, PlainRule
from rows import rows_of

#: An alert is of a true quake within so much of its origin time and place.
NEAR_S, NEAR_M = 20.0, 100_000.0
#: P of a true quake of which nobody tells the depth.
DEPTH_KM = 15.0


@dataclass(frozen=True, slots=True)
class True_:  # noqa: N801 - True is taken
    """A catalogued quake.

    heard_at  stations where an analyst, or the catalogue's own program, saw P; empty where nobody says
    """

    name: str
    time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float
    magnitude: float
    heard_at: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Heard:
    """Alerts of a recording by both rules, and when its packets came.

    packets  by NET.STA, [n, 2]: last instant of a packet of its vertical, and when it arrived, ns
    """

    network: Network
    times: TravelTimes
    alerts: list[Alert]
    plain: list[Alert]
    packets: dict[str, NDArray[np.int64]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a true quake; seconds, m; NaN where there was no alert.

    fourth_s  P at the fourth station to have it, after the origin
    bound_s   the record with that P is there, for as many stations as the policy needs, of those that see P
    first_s   first alert, after the origin; plain_s: of the plain rule
    """

    quake: True_
    fourth_s: float
    bound_s: float
    first_s: float
    plain_s: float
    first_m: float
    final_m: float
    first_size: float
    final_size: float


def hear(
    files: Sequence[Path], metadata: Sequence[Path], model: Path | None, latency_s: float, until_s: float = np.inf
) -> Heard:
    """Play files, with what they or metadata say of their stations."""
    arrivals = open_arrivals(
        find_files([str(path) for path in files]), latency=Latency(latency_s), now_ns=time.time_ns()
    )
    known = load_inventory([str(path) for path in metadata])
    inventory = Inventory(merge_inventories([known, ReadInventory(arrivals.stations, ())]).stations)
    assert arrivals.span_ns is not None
    begin_ns = arrivals.span_ns[0]
    network = network_of(inventory, arrivals.channels, begin_ns)
    times = travel_times(load_model(model), network)
    policy = Policy()
    ours = lookout(network, inventory, times, policy, begin_ns, status="test")
    beside = Testimony(list(network.stations.values()), policy, begin_ns)
    roster = Roster()
    rule = PlainRule(beside, times, policy)
    other = Lookout(beside, rule, network.aperture_m, Amplitudes(inventory, roster), roster)  # type: ignore[arg-type]
    alerts: list[Alert] = []
    plain: list[Alert] = []
    packets: dict[str, list[tuple[int, int]]] = {}
    begun = time.perf_counter()
    for _, group in groupby(arrivals, key=lambda packet: packet.arrival_ns // AT_ONCE_NS):
        together = list(group)
        at_ns = together[-1].arrival_ns
        if at_ns > begin_ns + until_s * NS_PER_S:
            break
        for batch in decode_packets(together).batches:
            ends_ns = batch.start_ns + np.rint(np.diff(batch.offset) / batch.rate_hz * NS_PER_S).astype(np.int64)
            for channel, end_ns in zip(batch.channel.tolist(), ends_ns.tolist(), strict=True):
                source = batch.channels[channel]
                if source.channel[-1] == "Z":  # where P shows
                    packets.setdefault(source.station_key, []).append((end_ns, at_ns))
            alerts += ours.handle(batch, at_ns)
            plain += other.handle(batch, at_ns)
    spent_s = time.perf_counter() - begun
    table = {key: np.array(sorted(each)) for key, each in packets.items()}
    return Heard(network, times, alerts, plain, table, spent_s)


def catalogue(path: Path) -> list[True_]:
    """The true quakes of a set, and where its picks, if it has any, say that P was seen."""
    picks = path.with_name("picks.csv")
    seen: dict[str, set[str]] = {}
    for row in rows_of(picks) if picks.exists() else ():
        if row["phase"] == "P":
            seen.setdefault(row["event_id"], set()).add(f"{row['network']}.{row['station']}")
    return [
        True_(
            row["event_id"],
            parse_instant(row["origin_time"]),
            float(row["latitude"]),
            float(row["longitude"]),
            1000 * float(row["depth_km"] or DEPTH_KM),
            float(row["magnitude"] or "nan"),
            frozenset(seen.get(row["event_id"], ())),
        )
        for row in rows_of(path)
    ]


def outcomes(heard: Heard, quakes: Iterable[True_]) -> list[Outcome]:
    """What became of quakes that four stations could have seen before the end."""
    return [each for each in (_outcome(heard, quake) for quake in quakes) if each is not None]


def _outcome(heard: Heard, quake: True_) -> Outcome | None:
    due = []
    for key, station in heard.network.stations.items():
        if quake.heard_at and key not in quake.heard_at:
            continue  # whoever does not see P cannot speak
        away_m = distance_m(quake.latitude_deg, quake.longitude_deg, *station.place)
        p_s = float(heard.times.seconds("P", np.array([float(away_m)]), quake.depth_m, station.elevation_m)[0])
        p_ns = quake.time_ns + round(p_s * NS_PER_S)
        packets = heard.packets.get(key)
        if packets is None or packets[0, 0] > p_ns:
            continue
        holding = packets[packets[:, 0] >= p_ns, 1]
        if len(holding):
            due.append((p_s, (int(holding.min()) - quake.time_ns) / NS_PER_S))
    needed = ENOUGH
    if len(due) < needed:
        return None
    ours = [alert for alert in heard.alerts if is_of(alert, quake)]
    theirs = [alert for alert in heard.plain if is_of(alert, quake)]
    first = min(ours, key=lambda alert: alert.declared_ns, default=None)
    final = max(ours, key=lambda alert: (alert.declared_ns, alert.version), default=None)
    return Outcome(
        quake,
        sorted(p_s for p_s, _ in due)[3],
        sorted(at_s for _, at_s in due)[needed - 1],
        (first.declared_ns - quake.time_ns) / NS_PER_S if first else np.nan,
        min(((alert.declared_ns - quake.time_ns) / NS_PER_S for alert in theirs), default=np.nan),
        _off_m(first, quake),
        _off_m(final, quake),
        first.magnitude - quake.magnitude if first else np.nan,
        final.magnitude - quake.magnitude if final else np.nan,
    )


def is_of(alert: Alert, quake: True_) -> bool:
    """Whether an alert may be of a quake."""
    return abs(alert.origin_time_ns - quake.time_ns) <= NEAR_S * NS_PER_S and _off_m(alert, quake) <= NEAR_M


def false_ones(alerts: Sequence[Alert], quakes: Sequence[True_]) -> list[Alert]:
    """First alerts of which no version is of a true quake."""
    by_name: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_name.setdefault(alert.alert_id, []).append(alert)
    return [each[0] for each in by_name.values() if not any(is_of(alert, quake) for alert in each for quake in quakes)]


def _off_m(alert: Alert | None, quake: True_) -> float:
    if alert is None:
        return float("nan")
    return float(distance_m(alert.latitude_deg, alert.longitude_deg, quake.latitude_deg, quake.longitude_deg))
