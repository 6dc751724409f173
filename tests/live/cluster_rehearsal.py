"""A recording through one process and through a cluster of roles, for the tests and the bench of the cluster."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from houfeng.quake.acquire import SLICE_NS
from houfeng.quake.detect.picker import AicPicker
from houfeng.quake.network import network_of
from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.cluster.associate import run_associate
from houfeng.shell.cluster.broker import Broker
from houfeng.shell.cluster.detect import run_detect
from houfeng.shell.cluster.intake import run_intake
from houfeng.shell.cluster.shard import shards
from houfeng.shell.cluster.share import Centre
from houfeng.shell.recordings import open_recordings
from houfeng.shell.replay.keeping import into_archive
from houfeng.shell.replay.replay import END_OF_TIME_NS, Setup, replay
from houfeng.twin.hour import make_hour
from houfeng.wire import mseed
from houfeng.wire.inventory import ReadInventory
from houfeng.wire.quakeml import write_quakeml
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.packet import Packet
from houfeng.words.quake import Pick
from houfeng.words.samples import segments_of
from houfeng.words.station import Inventory, Station

CRUST = VelocityModel(
    "test crust", "test", np.array([0.0, 10e3, 35e3]), np.array([5500.0, 6200, 8000]), np.array([3200.0, 3600, 4600])
)
START_NS = 1_700_000_000 * NS_PER_S
#: After every recording played here.
NOW_NS = 2_000_000_000 * NS_PER_S
#: Room at a test's broker, which sets it aside at once.
ROOM_BYTES = 64 * 2**20


@dataclass
class Told:
    """What came of a recording."""

    picks: list[Pick] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    catalogue: bytes = b""
    archive: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Rehearsal:
    """A recording cut into slices, what every role must know, and what one process makes of it."""

    slices: list[tuple[int, list[Packet]]]
    centre: Centre
    alone: Told


def rehearse(path: Path, stations: Sequence[Station], model: VelocityModel) -> Rehearsal:
    """Play a miniSEED file in one process, and cut it as the same player would."""
    recordings = open_recordings([path], now_ns=NOW_NS)
    alone = Told()

    def listen(told) -> None:
        {Pick: alone.picks, Finding: alone.findings}.get(type(told), []).append(told)

    read = ReadInventory(tuple(stations), ())
    with TemporaryDirectory() as folder:
        with into_archive(Path(folder), listen) as keep:

            def tell(told) -> None:
                listen(told)
                keep(told)

            outcome = replay(Setup(recordings, read, model, AicPicker()), on_told=tell, on_progress=lambda *_: None)
        alone.archive = archived(Path(folder))
    alone.catalogue = write_quakeml(outcome.quakes)
    inventory = Inventory(tuple(stations))
    network = network_of(inventory, recordings.channels, recordings.span_ns[0])
    return Rehearsal(cut(path.read_bytes()), Centre(inventory, network, model, AicPicker()), alone)


def archived(*roots: Path) -> dict[str, bytes]:
    """Every day file below some folders, by its path within the tree."""
    return {str(path.relative_to(root)): path.read_bytes() for root in roots for path in root.rglob("*.D.*")}


def cut(data: bytes) -> list[tuple[int, list[Packet]]]:
    """The records of a buffer in slices of time, as a player gives them out."""
    index = mseed.index(data)
    slices: dict[int, list[Packet]] = {}
    for row in np.argsort(index.start_ns, kind="stable").tolist():
        begin, length = int(index.offset[row]), int(index.length[row])
        key = index.channels[index.channel[row]].station_key
        start_ns = int(index.start_ns[row])
        packet = Packet("recording", key, row, start_ns, data[begin : begin + length])
        slices.setdefault(start_ns // SLICE_NS * SLICE_NS, []).append(packet)
    return [*sorted(slices.items()), (END_OF_TIME_NS, [])]


def make_recording(path: Path, *, stations: int = 8, duration_s: int = 150, seed: int = 5) -> tuple[Station, ...]:
    """Minutes under a make-believe network, written as miniSEED; gives its stations."""
    hour = make_hour(CRUST, seed=seed, start_ns=START_NS, stations=stations, duration_s=duration_s)
    path.write_bytes(b"".join(mseed.encode(segments_of(batch)) for batch in hour.batches))
    return hour.stations


async def given(slices, begin_ns: int = 0):
    """Slices as an intake takes them, from one on."""
    for now_ns, packets in slices:
        if now_ns >= begin_ns:
            yield now_ns, packets


async def run_cluster(
    address: str,
    count: int,
    rehearsal: Rehearsal,
    folder: Path,
    *,
    say: Callable = print,
    logins: Mapping[str, Path] = MappingProxyType({}),
    url: str = "",
    apart: bool = False,
) -> Told:
    """All roles as tasks of this process, until associate has heard the end.

    logins  a file for each role's name; url: of the catalogue, when not in folder
    apart   whether each share has an archive of its own
    """
    told = Told()
    ended = asyncio.Event()
    url = url or f"sqlite:///{folder / 'catalogue.sqlite'}"
    roots = {shard: folder / (f"archive-{shard.number}" if apart else "archive") for shard in shards(count)}

    def listen(value) -> None:
        {Pick: told.picks, Finding: told.findings}.get(type(value), []).append(value)

    def done(now_ns: int) -> None:
        if now_ns == END_OF_TIME_NS:
            ended.set()

    intake, detect, associate = (
        Broker(address, credentials=logins.get(role)) for role in ("intake", "detect", "associate")
    )
    roles = [
        run_intake(intake, count, given(rehearsal.slices), say=say, most_bytes=ROOM_BYTES),
        run_associate(associate, count, rehearsal.centre, catalogue_url=url, say=say, on_told=listen, on_done=done),
        *(
            run_detect(
                detect,
                shard,
                rehearsal.centre,
                archive=roots[shard],
                say=say,
                most_bytes=ROOM_BYTES,
            )
            for shard in shards(count)
        ),
    ]
    tasks = [asyncio.create_task(role) for role in roles]
    ending = asyncio.create_task(ended.wait())
    working = set(tasks)
    while not ending.done() and working:
        finished, _ = await asyncio.wait({*working, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in finished & working:
            task.result()
        working -= finished
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    with Catalogue(url) as catalogue:
        told.catalogue = write_quakeml(catalogue.query())
    told.archive = archived(*sorted(set(roots.values())))
    return told
