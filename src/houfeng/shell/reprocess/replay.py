"""Reprocessing an archive on Dask: stations shared between workers, one hearing, the same results."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from houfeng.quake.acquire import SLICE_NS
from houfeng.quake.associate.octo import plan_search
from houfeng.quake.detect.picker import Picker
from houfeng.quake.detect.stage import wait_ns
from houfeng.quake.hearing import Heard, Hearing, Portrait, travel_times
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network, network_of
from houfeng.quake.size.attenuation import attenuation
from houfeng.shell.recordings import Recordings
from houfeng.shell.replay.replay import END_OF_TIME_NS, OnProgress, OnTold, Outcome, Told, told, unplaced_findings
from houfeng.shell.reprocess.address import connected, workers_of
from houfeng.shell.reprocess.ears import ManyEars, strides
from houfeng.shell.reprocess.remote import RemoteShare
from houfeng.shell.reprocess.share import LAST, Job
from houfeng.wire.inventory import ReadInventory, merge_inventories
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory

if TYPE_CHECKING:
    from distributed import Client


@dataclass(frozen=True, slots=True)
class Spread:
    """How the work is spread.

    address        of Dask's scheduler: "local", tls://HOST:PORT, or tcp:// on this machine
    shares         of the stations; None: one for every worker
    samples        whether accepted samples are told too, for an archive
    plain_allowed  whether tcp:// to another machine was asked for knowingly
    """

    address: str
    shares: int | None = None
    samples: bool = False
    plain_allowed: bool = False


@dataclass(frozen=True, slots=True)
class DaskSetup:
    """What a replay on workers needs; as Setup, but for the picker, which every worker makes for itself.

    recordings  of files every worker can read under the same absolute path; now_ns: as they were opened with
    picker      makes one; it is pickled, so a function or a functools.partial of one
    """

    recordings: Recordings
    inventory: ReadInventory
    model: VelocityModel
    picker: Callable[[], Picker]
    now_ns: int
    default_model_used: bool = False


def replay_on_dask(setup: DaskSetup, spread: Spread, *, on_told: OnTold, on_progress: OnProgress) -> Outcome:
    """Play recordings from first to last sample as replay() does, with the ears on Dask's workers.

    What is told is what replay() tells; findings, gaps and samples of one slice come in another order.
    Samples are only told where spread.samples says so.

    Raises DataFault when there are no samples at all, WorldFault when there is no cluster, a worker cannot read the
    recordings, or no worker is left.
    """
    recordings = setup.recordings
    stations = merge_inventories([setup.inventory, ReadInventory(recordings.stations, ())])
    known = Inventory(stations.stations)
    first_ns, last_ns = recordings.span_ns or (0, 0)
    network = network_of(known, recordings.channels, first_ns)
    times = travel_times(setup.model, network)
    outcome = Outcome()

    given = {str(path.absolute()): str(path) for path in recordings.files_of(keys_of(recordings.channels))}

    def renamed(value: Told) -> Told:
        """The value with files as they were given: workers know them by their absolute paths."""
        if isinstance(value, Finding) and value.file in given:
            return replace(value, file=given[value.file])
        return value

    def tell(heard: Iterable[Heard]) -> None:
        for value in map(renamed, told(heard)):
            outcome.pick_count += isinstance(value, Pick)
            if isinstance(value, Portrait):
                outcome.quakes.append(value.quake)
            on_told(value)

    on_told(network)
    tell([*stations.findings, *recordings.findings, *unplaced_findings(network)])
    if recordings.span_ns is None:
        raise DataFault("recordings", "no readable samples", "see findings.jsonl for why")
    numbers = [*recordings.slice_numbers().tolist(), LAST]
    instants_ns = [min(number * SLICE_NS, setup.now_ns) for number in numbers[:-1]]
    turns = _turns(numbers, [*instants_ns, END_OF_TIME_NS], network, times)
    defaulted = f"default velocity model {setup.model.name}: no local model was given"
    with (
        tempfile.TemporaryDirectory(prefix="houfeng-") as scratch,
        connected(spread.address, workers=spread.shares, plain_allowed=spread.plain_allowed) as client,
    ):
        hearing = Hearing(
            ManyEars(_shares(client, setup, spread, known, first_ns), turns),
            inventory=known,
            network=network,
            times=times,
            relation=attenuation(),
            scratch=Path(scratch),
            notes=(defaulted,) if setup.default_model_used else (),
        )
        for now_ns in instants_ns:
            tell(hearing.elapse(now_ns))
            share = min(max((now_ns - first_ns) / max(1, last_ns - first_ns), 0.0), 1.0)
            on_progress(now_ns, share, outcome.pick_count, len(outcome.quakes))
        tell(hearing.elapse(END_OF_TIME_NS))
        on_progress(last_ns, 1.0, outcome.pick_count, len(outcome.quakes))
    outcome.quakes.sort(key=lambda quake: (quake.origin.time_ns, quake.quake_id))
    return outcome


def keys_of(channels: Iterable[SourceId]) -> frozenset[str]:
    """The stations of channels, as NET.STA."""
    return frozenset(source.station_key for source in channels)


def parted(channels: Sequence[SourceId], shares: int) -> list[tuple[str, ...]]:
    """Stations (NET.STA) in at most so many shares with about as many channels each."""
    of_station: dict[str, int] = {}
    for source in sorted(channels):
        of_station[source.station_key] = of_station.get(source.station_key, 0) + 1
    parts: list[list[str]] = [[] for _ in range(min(shares, len(of_station)))]
    loads = [0] * len(parts)
    for key, load in sorted(of_station.items(), key=lambda item: (-item[1], item[0])):
        least = loads.index(min(loads))
        parts[least].append(key)
        loads[least] += load
    return [tuple(sorted(part)) for part in parts]


def _turns(numbers: list[int], now_ns: list[int], network: Network, times: TravelTimes) -> list[list[int]]:
    plan = plan_search(network, times) if network.stations else None
    return strides(numbers, now_ns, wait_ns(network, times), plan)


def _shares(
    client: "Client", setup: DaskSetup, spread: Spread, known: Inventory, first_ns: int
) -> list[tuple[tuple[str, ...], RemoteShare]]:
    """Begin every share, the workers taking turns."""
    recordings = setup.recordings
    workers = workers_of(client)
    if not workers:
        raise WorldFault(f"--dask {spread.address}", "the scheduler has no workers", "start some: dask worker ADDRESS")
    parts = parted(recordings.channels, spread.shares or len(workers))
    shares = []
    for number, keys in enumerate(parts):
        files = recordings.files_of(keys)
        job = Job(
            {path.absolute(): _size_bytes(path) for path in files},
            setup.now_ns,
            known.stations,
            recordings.channels,
            first_ns,
            setup.model,
            setup.picker,
            spread.samples,
        )
        shares.append((keys, RemoteShare(client, job, keys, workers[number % len(workers)])))
    return shares


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise WorldFault(str(path), error.strerror or str(error), "check the path and its permissions") from error
