"""A scenario onto the disk: waveforms, metadata, truth, and when each packet would arrive."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.shell.recordings import read_bytes
from houfeng.shell.replay.results import open_folder, write_file
from houfeng.twin import truth
from houfeng.twin.made import MadeQuake
from houfeng.twin.packing import pack
from houfeng.twin.recording import Heard, stretches
from houfeng.twin.scenario import Scenario
from houfeng.twin.scenario_toml import packaged_scenario, read_scenario, scenario_names
from houfeng.twin.stationxml import write_stationxml
from houfeng.twin.world import World, world_of
from houfeng.words.instant import DAY_NS
from houfeng.words.source import SourceId

#: Stations whose waveforms share a file.
TO_A_FILE = 25

#: Below so many a second process would take longer to start than it saves.
WORTH_A_PROCESS = 200

#: Lines of arrivals.csv written together.
ROWS_AT_A_TIME = 100_000

#: Called with the share that is made.
OnProgress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a recording's parts lie, and the truth about it.

    waveforms  folder of miniSEED
    stations   StationXML
    model      velocity model, CSV
    truth      table of quakes; picks, peaks and faults lie beside it
    arrivals   table of packets in the order in which they reach the centre
    samples    made, all channels together
    """

    waveforms: Path
    stations: Path
    model: Path
    truth: Path
    arrivals: Path
    quakes: tuple[MadeQuake, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class _Share:
    """Stations from one number up to another, and the file of their waveforms."""

    file: Path
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Written:
    """What came of one file of waveforms.

    sources  its channels
    packets  [n, 5] of arrival, ns; offset and length in the file; number of the channel; stamp, ns
    heard    quakes at its stations
    samples  made, all channels together
    """

    file: Path
    sources: tuple[SourceId, ...]
    packets: NDArray[np.int64]
    heard: tuple[Heard, ...]
    samples: int


def load_scenario(name_or_path: str) -> Scenario:
    """A packaged scenario by its name, or a TOML file by its path.

    Raises WorldFault for neither, DataFault, naming the key, for a scenario with a wrong value.
    """
    path = Path(name_or_path)
    if name_or_path in scenario_names() or not (path.suffix or path.exists()):
        return packaged_scenario(name_or_path)
    return read_scenario(read_bytes(path), str(path))


def write_recording(scenario: Scenario, folder: Path, on_progress: OnProgress = lambda _: None) -> Recording:
    """Make a scenario and write it: waveforms/, stations.xml, model.csv, domains.csv, arrivals.csv and truth/.

    on_progress  called now and then with the share that is made, 0 to 1

    Raises WorldFault when the disk refuses.
    """
    world = world_of(scenario)
    waveforms, told = folder / "waveforms", folder / "truth"
    open_folder(waveforms)
    open_folder(told)
    firsts = range(0, len(world.stations), TO_A_FILE)
    shares = [_Share(waveforms / f"{k:04d}.mseed", first, first + TO_A_FILE) for k, first in enumerate(firsts)]
    written: list[_Written] = []
    with ExitStack() as opened:
        for one in _made(world, shares, opened):
            written.append(one)
            on_progress(len(written) / len(shares))
    heard = sorted((h for one in written for h in one.heard), key=lambda h: (h.quake, h.station))
    since_ns = scenario.start_ns // DAY_NS * DAY_NS
    write_file(folder / "stations.xml", write_stationxml(world.stations, created_ns=since_ns, start_ns=since_ns))
    write_file(folder / "model.csv", truth.model_table(world))
    write_file(folder / "domains.csv", truth.domains_table(world.stations))
    write_file(folder / "arrivals.csv", _arrivals(written, folder))
    write_file(told / "events.csv", truth.events_table(world.quakes))
    write_file(told / "picks.csv", truth.picks_table(world, heard))
    write_file(told / "peaks.csv", truth.peaks_table(world, heard))
    write_file(told / "faults.csv", truth.faults_table(world))
    return Recording(
        waveforms,
        folder / "stations.xml",
        folder / "model.csv",
        told / "events.csv",
        folder / "arrivals.csv",
        world.quakes,
        sum(one.samples for one in written),
    )


_WORLD: World | None = None


def _made(world: World, shares: list[_Share], opened: ExitStack) -> Iterator[_Written]:
    """Every file of waveforms, in order; on all cores where that pays."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1 or len(world.stations) < WORTH_A_PROCESS:
        for share in shares:
            yield _write(world, share)
        return
    pool = opened.enter_context(
        ProcessPoolExecutor(cores, get_context("spawn"), initializer=_remember, initargs=(world.scenario,))
    )
    yield from pool.map(_write_remembered, shares)


def _remember(scenario: Scenario) -> None:
    """A worker makes the world for itself: the same, and sooner than it could be sent."""
    global _WORLD  # noqa: PLW0603  what a pool's worker keeps from task to task can live nowhere else
    _WORLD = world_of(scenario)


def _write_remembered(share: _Share) -> _Written:
    assert _WORLD is not None
    return _write(_WORLD, share)


def _write(world: World, share: _Share) -> _Written:
    made = world.stations[share.first : share.last]
    sources = tuple(channel.source for one in made for channel in one.station.channels)
    packets: list[tuple[int, int, int, int, int]] = []
    heard: list[Heard] = []
    samples = 0

    def pieces() -> Iterator[bytes]:
        nonlocal samples
        offset = 0
        for first, station in zip(range(0, len(sources), 3), made, strict=True):
            for stretch in stretches(world, station):
                heard.extend(stretch.heard)
                samples += stretch.counts.size
                scenario = world.scenario
                for packed in pack(stretch, sources[first : first + 3], scenario.rate_hz, scenario.transport):
                    size = len(packed.content)
                    packets.append((packed.arrival_ns, offset, size, first + packed.channel, packed.stamp_ns))
                    offset += size
                    yield packed.content

    write_file(share.file, pieces())
    return _Written(share.file, sources, np.array(packets, dtype=np.int64).reshape(-1, 5), tuple(heard), samples)


def _arrivals(written: list[_Written], folder: Path) -> Iterator[bytes]:
    """Packets in the order in which they arrive; those of one instant in the order of files."""
    yield b"arrival_time,file,offset,length,source,start_time\n"
    names = [one.file.relative_to(folder).as_posix() for one in written]
    labels = [[source.nslc for source in one.sources] for one in written]
    which = np.repeat(np.arange(len(written)), [len(one.packets) for one in written])
    packets = np.concatenate([one.packets for one in written])
    order = np.argsort(packets[:, 0], kind="stable")
    for first in range(0, len(order), ROWS_AT_A_TIME):
        rows = order[first : first + ROWS_AT_A_TIME]
        part = packets[rows]
        arrivals, stamps = (np.datetime_as_string(part[:, column].astype("M8[ns]")) for column in (0, 4))
        columns = (
            arrivals,
            which[rows].tolist(),
            part[:, 1].tolist(),
            part[:, 2].tolist(),
            part[:, 3].tolist(),
            stamps,
        )
        yield "".join(
            f"{arrival}Z,{names[file]},{offset},{length},{labels[file][channel]},{stamp}Z\n"
            for arrival, file, offset, length, channel, stamp in zip(*columns, strict=True)
        ).encode()
