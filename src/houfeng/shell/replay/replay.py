"""Playing recordings through the very stages a live centre uses."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from houfeng.quake.detect.picker import AicPicker, Picker
from houfeng.quake.hearing import Heard, Portrait, alone, travel_times
from houfeng.quake.network import Network, network_of
from houfeng.quake.size.attenuation import attenuation
from houfeng.quake.warn.lookout import lookout
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.policy_toml import packaged_policy, read_policy
from houfeng.shell.recordings import find_files, read_bytes
from houfeng.wire.inventory import ReadInventory, merge_inventories, read_inventory
from houfeng.wire.model import default_model, read_velocity_model
from houfeng.words.alert import Alert
from houfeng.words.errors import DataFault, HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.model import VelocityModel
from houfeng.words.quake import Pick, Quake
from houfeng.words.samples import Gap, Late, PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Station

#: Later than any sample: lets every stage finish.
END_OF_TIME_NS = 2**62


#: What a replay tells, as it comes: the network, accepted packets and late ones, picks, quakes with their records,
#: alerts, and all that is odd.
Told = Network | PacketBatch | Late | Pick | Finding | Portrait | Alert

OnTold = Callable[[Told], None]

#: Called with the recording's own time, the share of it played, and the picks and quakes so far.
OnProgress = Callable[[int, float, int, int], None]


#: Called with packets and the instant at which they had arrived, in that order; gives what is to be said at once.
OnArrival = Callable[[PacketBatch, int], Iterable[Alert]]


@dataclass(slots=True)
class Outcome:
    """What a replay comes to: its quakes, in time order once it has ended, and how many picks and alerts were told."""

    quakes: list[Quake] = field(default_factory=list)
    pick_count: int = 0
    alerts: list[Alert] = field(default_factory=list)


def load_inventory(patterns: Sequence[str]) -> ReadInventory:
    """Read and merge station metadata of any format; what cannot be read becomes a finding."""
    parts, findings = [], []
    for path in find_files(patterns) if patterns else []:
        try:
            parts.append(read_inventory(read_bytes(path), str(path)))
        except HoufengError as error:
            findings.append(Finding("unreadable-inventory", error.reason, file=str(path)))
    merged = merge_inventories(parts)
    return ReadInventory(merged.stations, (*findings, *merged.findings))


def load_picker(name: str, weights: Path | None, sha256: str | None) -> Picker:
    """The picker of that name: "classical", or "phasenet" with its weights from a local file.

    Raises WorldFault when PhaseNet is asked for without weights: nothing is ever downloaded.
    """
    if name == "classical":
        return AicPicker()
    if weights is None:
        raise WorldFault("--picker phasenet", "needs --weights FILE", "PhaseNet weights are never downloaded")
    from houfeng.quake.detect.phasenet import PhaseNet  # noqa: PLC0415  needs the optional extra "neural"

    return PhaseNet(read_bytes(weights), sha256=sha256)


def load_model(path: Path | None) -> VelocityModel:
    """The velocity model of a CSV file, named after it without its folder, or the default one."""
    if path is None:
        return default_model()
    return replace(read_velocity_model(read_bytes(path), str(path)), name=path.name)


def load_policy(path: Path | None) -> Policy:
    """What to warn whom, of a TOML file, or as packaged. Raises WorldFault or DataFault for one that will not do."""
    return packaged_policy() if path is None else read_policy(read_bytes(path), str(path))


class Played(Protocol):
    """What can be replayed: recordings as they lie, or as they arrived."""

    @property
    def channels(self) -> tuple[SourceId, ...]:
        """Every channel with samples, in order."""
        ...

    @property
    def stations(self) -> tuple[Station, ...]:
        """What self-describing files say of their own stations."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything odd met on opening."""
        ...

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """First and last instant of all samples, or None without any."""
        ...

    def play(self) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding, ...]]]:
        """Every packet once, in slices of time: (now_ns, batches, findings)."""
        ...


class Arriving(Protocol):
    """What can be replayed as it arrived."""

    def play_watched(
        self, on_arrival: OnArrival
    ) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding | Alert, ...]]]:
        """As play() of Played, and every packet first to on_arrival; what that gives is among what is told."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What a replay needs: recordings, what is known of the stations, an Earth, and a picker.

    arriving, policy  the same recordings as they arrived, and of what to warn while they do; None to warn of nothing
    """

    recordings: Played
    inventory: ReadInventory
    model: VelocityModel
    picker: Picker
    default_model_used: bool = False
    arriving: Arriving | None = None
    policy: Policy | None = None


def replay(setup: Setup, *, on_told: OnTold, on_progress: OnProgress) -> Outcome:
    """Play recordings from first to last sample.

    on_told      called with everything told, in order, the network first; only quakes are kept besides
    on_progress  called after every slice: instant reached, share played, picks and quakes so far

    Raises DataFault when there are no samples at all.
    """
    recordings = setup.recordings
    stations = merge_inventories([setup.inventory, ReadInventory(recordings.stations, ())])
    known = Inventory(stations.stations)
    first_ns, last_ns = recordings.span_ns or (0, 0)
    network = network_of(known, recordings.channels, first_ns)
    outcome = Outcome()

    def tell(heard: Iterable[Heard]) -> None:
        for value in told(heard):
            outcome.pick_count += isinstance(value, Pick)
            if isinstance(value, Portrait):
                outcome.quakes.append(value.quake)
            on_told(value)

    def say(values: Iterable[Finding | Alert]) -> None:
        for value in values:
            if isinstance(value, Alert):
                outcome.alerts.append(value)
            on_told(value)

    on_told(network)
    tell([*stations.findings, *recordings.findings, *unplaced_findings(network)])
    if recordings.span_ns is None:
        raise DataFault("recordings", "no readable samples", "see findings.jsonl for why")
    defaulted = f"default velocity model {setup.model.name}: no local model was given"
    with tempfile.TemporaryDirectory(prefix="houfeng-") as scratch:
        hearing = alone(
            inventory=known,
            network=network,
            model=setup.model,
            picker=setup.picker,
            relation=attenuation(),
            scratch=Path(scratch),
            notes=(defaulted,) if setup.default_model_used else (),
        )
        for now_ns, batches, said in _slices(setup, known, network, first_ns):
            say(said)
            tell(hearing.elapse(now_ns))
            for batch in batches:
                tell(hearing.handle(batch))
            share = min(max((now_ns - first_ns) / max(1, last_ns - first_ns), 0.0), 1.0)
            on_progress(now_ns, share, outcome.pick_count, len(outcome.quakes))
        tell(hearing.elapse(END_OF_TIME_NS))
        on_progress(last_ns, 1.0, outcome.pick_count, len(outcome.quakes))
    outcome.quakes.sort(key=lambda quake: (quake.origin.time_ns, quake.quake_id))
    return outcome


def _slices(
    setup: Setup, known: Inventory, network: Network, first_ns: int
) -> Iterator[tuple[int, tuple[PacketBatch, ...], tuple[Finding | Alert, ...]]]:
    if setup.arriving is None or setup.policy is None:
        return setup.recordings.play()
    watch = lookout(network, known, travel_times(setup.model, network), setup.policy, first_ns, status="test")
    return setup.arriving.play_watched(watch.handle)


def told(heard: Iterable[Heard]) -> Iterator[Told]:
    """What is heard as people are told of it: a gap is a finding."""
    for value in heard:
        yield _gap_finding(value) if isinstance(value, Gap) else value


def _gap_finding(gap: Gap) -> Finding:
    reason = f"{(gap.end_ns - gap.start_ns) / NS_PER_S:.3f} s without samples"
    return Finding("gap", reason, station=gap.source.nslc, time_ns=gap.start_ns)


def unplaced_findings(network: Network) -> list[Finding]:
    """One finding for each station without coordinates."""
    return [
        Finding("no-coordinates", "no coordinates known: its picks are kept, not located with", station=key)
        for key in network.unplaced
    ]
