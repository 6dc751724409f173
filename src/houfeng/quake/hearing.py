"""The seismic sentence spoken: packets in; packets put in order, picks, gaps, findings and quakes out.

Follows the table in quake/line.py. Nothing here knows whether the packets are live or recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np

from houfeng.quake.associate.complete import PHASES, Tolerance, as_told, complete, fill
from houfeng.quake.associate.evidence import evidence
from houfeng.quake.associate.ghost import is_ghost
from houfeng.quake.associate.octo import LARGEST_MODEL_ERROR_S, MODEL_ERROR_RATIO, STATION_ERROR_S, Associate
from houfeng.quake.associate.strays import Strays
from houfeng.quake.detect.picker import Picker
from houfeng.quake.detect.stage import wait_ns
from houfeng.quake.ears import Caught, Ears, Listening, horizon_ns
from houfeng.quake.locate.locator import Locator
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.quake.shake.station import station_shaking
from houfeng.quake.size.attenuation import Attenuation
from houfeng.quake.size.network import Sized, size
from houfeng.quake.size.record import Window
from houfeng.quake.size.station import END_S, END_SHARE
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, format_instant, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Cluster, Origin, Phase, Pick, Quake
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.shaking import StationShaking
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: How far an arrival may lie from its prediction.
TOLERANCE = Tolerance(STATION_ERROR_S, MODEL_ERROR_RATIO, LARGEST_MODEL_ERROR_S)

#: Log odds above which an origin is told as a quake. By its own reckoning one false origin in e^12, 160,000; but picks
#: are not as independent as it reckons.
LEAST_EVIDENCE = 12.0

#: Two readings of a station closer than this are of one onset.
SAME_ONSET_S = 0.2

#: An origin whose arrivals scatter by more than this share of the tolerance for one of them explains nothing.
LARGEST_SCATTER = 0.75

#: Stations this much farther than the farthest arrival are asked how hard it shook: shaking is felt where P is lost.
SHAKEN_MARGIN = 1.5

#: How much of a record is shown before the origin and after the last arrival, s.
SHOWN_BEFORE_S = 5.0
SHOWN_AFTER_S = 15.0


@dataclass(frozen=True, slots=True)
class Portrait:
    """A quake with what there is to look at: its records, the arrivals its origin predicts, how hard it shook."""

    quake: Quake
    segments: Mapping[SourceId, tuple[Segment, ...]]
    predicted_ns: Mapping[tuple[str, Phase], int]
    shaking: tuple[StationShaking, ...] = ()


Heard = Caught | Portrait


class Hearing:
    """Every stage from packets to quakes, with two doors: handle what arrives, elapse what time settles.

    ears       what turns packets into picks and remembers them; in this process or in several others
    inventory  what is known of the stations; network: those expected to speak
    times      travel times in the Earth; relation: attenuation for ML
    scratch    a folder for PyOcto's travel-time table
    """

    def __init__(
        self,
        ears: Listening,
        *,
        inventory: Inventory,
        network: Network,
        times: TravelTimes,
        relation: Attenuation,
        scratch: Path,
        notes: tuple[str, ...] = (),
    ) -> None:
        self._ears = ears
        self._inventory = inventory
        self._network = network
        self._relation = relation
        self._notes = notes
        self._times = times
        self._locator = Locator(network.stations, times)
        self._associate = Associate(network, times, scratch) if network.stations else None
        self._wait_ns = wait_ns(network, times)
        self._horizon_ns = horizon_ns(network, times)
        self._quakes: list[Quake] = []

    def handle(self, batch: PacketBatch) -> Iterator[Heard]:
        """Packets arrived."""
        yield from self._ears.handle(batch)

    def elapse(self, now_ns: int) -> Iterator[Heard]:
        """Every packet with samples before now_ns has been handled, or will never come."""
        for caught in self._ears.elapse(now_ns):
            if self._associate is not None and isinstance(caught, Pick):
                self._associate.handle(caught)
            yield caught
        if self._associate is not None:
            born: list[Portrait] = []
            self._associate.elapse(now_ns - self._wait_ns, self._weigh, lambda origin: self._tell(origin, born))
            yield from sorted(born, key=lambda portrait: portrait.quake.origin.time_ns)
            self._forget(now_ns)

    def _weigh(self, cluster: Cluster) -> tuple[float, Origin] | None:
        """Where and when the quake of a cluster was, and the evidence for it, if there is enough."""
        assert self._associate is not None
        strays = Strays(self._associate.unclaimed)
        try:
            origin = complete(
                cluster,
                network=self._network,
                locator=self._locator,
                times=self._times,
                tolerance=TOLERANCE,
                strays=strays,
                look=self._look,
            )
        except DataFault:
            return None  # the picks agreed by chance
        travel_s = np.median([(arrival.pick.time_ns - origin.time_ns) / NS_PER_S for arrival in origin.arrivals])
        if origin.rms_s > LARGEST_SCATTER * TOLERANCE.at(float(travel_s), "P"):
            return None
        weight = evidence(origin, self._network, strays, self._ears.listening, self._associate.plan.step_s)
        return (weight, origin) if weight >= LEAST_EVIDENCE else None

    def _tell(self, origin: Origin, born: list[Portrait]) -> Sequence[Pick]:
        """Make a quake of an origin unless it is another's ghost; returns the picks it claims."""
        assert self._associate is not None
        if is_ghost(origin, self._quakes, self._times, self._network):
            return ()
        origin = fill(
            origin,
            network=self._network,
            locator=self._locator,
            times=self._times,
            tolerance=TOLERANCE,
            look=self._look,
        )
        sized = self._size(origin)
        origin = replace(origin, notes=(*self._notes, *origin.notes))
        quake = Quake(
            quake_name(origin),
            1,
            origin,
            sized.magnitudes,
            sized.amplitudes,
            sized.notes,
            sized.discrimination,
        )
        self._quakes.append(quake)
        born.append(self._portrait(quake))
        picks = [arrival.pick for arrival in origin.arrivals]
        strays = Strays(self._associate.unclaimed)
        return [*picks, *(told for pick in picks if pick.method == "reread" for told in as_told(pick, strays))]

    def _look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        pick = self._ears.look(station_key, phase, expected_ns, half_width_s)
        return None if pick is None or self._is_taken(pick) else pick

    def _is_taken(self, pick: Pick) -> bool:
        """Whether an onset belongs to a quake already told, or to a clearer one about to be."""
        assert self._associate is not None
        told = (arrival.pick for quake in self._quakes for arrival in quake.origin.arrivals)
        return any(
            other.source.station_key == pick.source.station_key
            and abs(other.time_ns - pick.time_ns) <= seconds_to_ns(SAME_ONSET_S)
            for other in (*told, *self._associate.promised)
        )

    def _size(self, origin: Origin) -> Sized:
        return size(
            origin,
            self._network.stations,
            self._inventory,
            self._ears.channels(),
            self._ears.segments,
            relation=self._relation,
            others=[quake.origin for quake in self._quakes],
        )

    def _portrait(self, quake: Quake) -> Portrait:
        origin = quake.origin
        last_ns = max(arrival.pick.time_ns for arrival in origin.arrivals)
        keys = {arrival.pick.source.station_key for arrival in origin.arrivals}
        begin_ns = origin.time_ns - seconds_to_ns(SHOWN_BEFORE_S)
        end_ns = last_ns + seconds_to_ns(SHOWN_AFTER_S)
        segments = {
            source: tuple(self._ears.segments(source, begin_ns, end_ns))
            for source in self._ears.channels()
            if source.station_key in keys
        }
        predicted: dict[tuple[str, Phase], int] = {}
        for arrival in origin.arrivals:
            station = self._network.stations[arrival.pick.source.station_key]
            for phase in PHASES:
                travel_s = self._times.seconds(phase, arrival.distance_m, origin.depth_m, station.elevation_m)
                predicted[station.key, phase] = origin.time_ns + seconds_to_ns(float(travel_s))
        return Portrait(quake, MappingProxyType(segments), MappingProxyType(predicted), self._shaking(origin))

    def _shaking(self, origin: Origin) -> tuple[StationShaking, ...]:
        """How hard it shook at every sensor of every station not much farther than those that heard it."""
        far_m = SHAKEN_MARGIN * max(arrival.distance_m for arrival in origin.arrivals)
        away_m = self._network.away_m(origin.latitude_deg, origin.longitude_deg)
        near = {key: float(away) for key, away in zip(self._network.stations, away_m, strict=True) if away <= far_m}

        def window_of(station: Station) -> Window:
            p_s, s_s = (
                float(self._times.seconds(phase, near[station.key], origin.depth_m, station.elevation_m))
                for phase in PHASES
            )
            lasting_s = END_S + END_SHARE * s_s
            return Window(*(origin.time_ns + seconds_to_ns(after_s) for after_s in (p_s, s_s, s_s + lasting_s)))

        sources = [source for source in self._ears.channels() if source.station_key in near]
        return station_shaking(origin, sources, self._inventory, self._ears.segments, window_of)

    def _forget(self, now_ns: int) -> None:
        """Let go of what can no longer matter, so that memory stays flat over years."""
        oldest_ns = now_ns - self._horizon_ns
        self._quakes = [quake for quake in self._quakes if quake.origin.time_ns >= oldest_ns]


def alone(
    *,
    inventory: Inventory,
    network: Network,
    model: VelocityModel,
    picker: Picker,
    relation: Attenuation,
    scratch: Path,
    notes: tuple[str, ...] = (),
) -> Hearing:
    """Hearing with ears of its own for all stations: the whole line in one process."""
    times = travel_times(model, network)
    ears = Ears(network, inventory, picker, times)
    return Hearing(
        ears, inventory=inventory, network=network, times=times, relation=relation, scratch=scratch, notes=notes
    )


def travel_times(model: VelocityModel, network: Network) -> TravelTimes:
    """Travel times as far and deep as this network listens."""
    return TravelTimes(
        model,
        max_distance_m=1.5 * (network.aperture_m + 2 * network.reach_m),
        min_depth_m=-network.highest_m - 1_000.0,
        max_depth_m=network.deepest_m,
        elevations_m=sorted(station.elevation_m for station in network.stations.values()) or [0.0],
    )


def quake_name(origin: Origin) -> str:
    """A quake's lasting name: when it was, and a fingerprint of the picks that first told of it."""
    content = ";".join(
        f"{arrival.pick.source.nslc} {arrival.pick.phase} {arrival.pick.time_ns}" for arrival in origin.arrivals
    )
    stamp = format_instant(origin.time_ns, 0).replace("-", "").replace(":", "").rstrip("Z")
    return f"{stamp}-{sha256(content.encode()).hexdigest()[:6]}"
