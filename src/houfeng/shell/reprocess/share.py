"""What runs on a worker: the ears of some stations, which read their recordings themselves."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from houfeng.quake.acquire import SLICE_NS
from houfeng.quake.detect.picker import Picker
from houfeng.quake.ears import Caught, Ears
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.shell.recordings import Recordings, open_recordings
from houfeng.shell.replay.replay import END_OF_TIME_NS
from houfeng.words.errors import HoufengError, OurFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: The slice after the last: lets every stage finish.
LAST = END_OF_TIME_NS // SLICE_NS

#: Number of a slice, what begins in it, and what was odd about reading it.
Played = tuple[int, tuple[PacketBatch, ...], tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Job:
    """What a share needs to know; it holds nothing that was computed.

    files     with packets of its stations, and their sizes here, so that a worker notices when it sees others
    stations  of the whole network, all epochs; channels: all that have samples; first_ns: the first of these
    samples   whether accepted packets are handed back
    """

    files: Mapping[Path, int]
    now_ns: int
    stations: tuple[Station, ...]
    channels: tuple[SourceId, ...]
    first_ns: int
    model: VelocityModel
    picker: Callable[[], Picker]
    samples: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one slice, and the channels that have spoken so far where there are new ones."""

    caught: tuple[Caught, ...]
    channels: tuple[SourceId, ...] | None


class LostShareError(Exception):
    """The worker has no such share, or one that is not where it should be: it was lost, and begun by somebody else."""


class Share:
    """The ears of a share of the stations.

    keys   the share, as NET.STA

    Raises WorldFault when this worker cannot read the recordings, or sees others under their names.
    """

    def __init__(self, job: Job, keys: Sequence[str]) -> None:
        for path, size in job.files.items():
            _check(path, size)
        inventory = Inventory(job.stations)
        network = network_of(inventory, job.channels, job.first_ns)
        self._job = job
        self._ears = Ears(network, inventory, job.picker(), travel_times(job.model, network))
        self._keys = tuple(keys)
        self._slices = play(open_recordings(tuple(job.files), now_ns=job.now_ns).only(frozenset(keys)))
        self._reader = ThreadPoolExecutor(1)
        self._next: Future[Played | None] = self._reader.submit(next, self._slices, None)
        self._begun: tuple[PacketBatch, ...] = ()
        self._known = self._passed = 0

    def ask(self, passed: int, what: str, *arguments: Any) -> Any:
        """The answer of the method named.

        passed  slices gone through so far, as the one who asks knows it

        Raises LostShareError when that is not so. All else that goes wrong is a fault of ours: what any other error
        means is that the worker was lost.
        """
        if passed != self._passed:
            raise LostShareError(f"{self._passed} slices gone through, not {passed}")
        try:
            return getattr(self, what)(*arguments)
        except HoufengError:
            raise
        except Exception as error:
            raise OurFault("a worker", f"{type(error).__name__}: {error}") from error

    def address(self) -> str:
        """Where this worker is."""
        from distributed import get_worker  # noqa: PLC0415  needs the optional extra "cluster"

        return str(get_worker().address)

    def advance(self, numbers: Sequence[int], quiet: bool = False) -> list[Step]:
        """Go through slices in order: hear what the one before held, then let time pass to where each begins.

        numbers  every slice of the whole recording, of whichever share, once; LAST at the end
        quiet    give back nothing: a share begun anew tells nothing twice
        """
        steps = [self._step(number) for number in numbers]
        self._passed += len(numbers)
        return [] if quiet else steps

    def look(self, station_key: str, phase: Phase, expected_ns: int, half_width_s: float) -> Pick | None:
        """The best onset of a phase at a station of this share within half a width of when it is expected, or None."""
        return self._ears.look(station_key, phase, expected_ns, half_width_s)

    def listening(self, time_ns: int) -> frozenset[str]:
        """The stations of this share that gave samples at an instant."""
        return frozenset(key for key in self._keys if self._ears.listening(key, time_ns))

    def segments(self, station_key: str, begin_ns: int, end_ns: int) -> dict[SourceId, tuple[Segment, ...]]:
        """What is remembered of every channel of a station from one instant to another."""
        return {
            source: tuple(self._ears.segments(source, begin_ns, end_ns))
            for source in self._ears.channels()
            if source.station_key == station_key
        }

    def _step(self, number: int) -> Step:
        caught: list[Caught] = []
        for batch in self._begun:
            caught.extend(self._ears.handle(batch))
        self._begun = ()
        caught.extend(self._ears.elapse(min(number * SLICE_NS, self._job.now_ns) if number < LAST else END_OF_TIME_NS))
        read = self._next.result()
        if read is not None and read[0] == number:
            _, self._begun, findings = read
            caught.extend(findings)
            # While this step is weighed elsewhere, the next is read.
            self._next = self._reader.submit(next, self._slices, None)
        channels = self._ears.channels()
        fresh = tuple(channels) if len(channels) > self._known else None
        self._known = len(channels)
        kept = tuple(c for c in caught if self._job.samples or not isinstance(c, PacketBatch))
        return Step(kept, fresh)


def play(recordings: Recordings) -> Iterator[Played]:
    """Every packet once, in slices of time."""
    for number, (_, batches, findings) in zip(recordings.slice_numbers().tolist(), recordings.play(), strict=True):
        yield number, batches, findings


def _check(path: Path, size: int) -> None:
    remedy = "put the recordings where every worker sees them, under the same names"
    try:
        found = path.stat().st_size
    except OSError as error:
        raise WorldFault(str(path), f"a worker cannot read it: {error.strerror or error}", remedy) from error
    if found != size:
        raise WorldFault(str(path), f"a worker sees another file of this name: {found} bytes, not {size}", remedy)
