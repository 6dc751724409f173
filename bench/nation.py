"""The nation at four times its pace: 15,900 stations of three channels at 100 Hz, every station-second signed.

Records of one second reach the centre as they would live, and go through what a running centre does with them: vouching
(every MAC, every hash, a signature a minute for each station), decoding, listening in all bands, amplitudes, what
stations show, and warning. First a stretch of noise, then a magnitude 7 with all its triggers. What a feed does before
a record is whole, the journal and the archive are not in it.

Usage: python bench/nation.py [--noise 20] [--quake 20] [--stations N] [--recording DIR]

The recording is made once (some five minutes of processor time; 2.3 GB): a directory that holds one of as much noise
and at least as long a quake is used as it is. Figures are of processor time of one process, as the machine may be
shared: four times real time is 0.25 s for a second of the nation.
"""

import argparse
import gc
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.guard.vouch import Vouch
from houfeng.quake.acquire.roster import Roster
from houfeng.quake.detect.trigger import Trigger, Watch
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.quake.warn.amplitude import Amplitudes
from houfeng.quake.warn.lookout import Lookout, _Felt
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset, Warn
from houfeng.quake.warn.testimony import Testimony
from houfeng.shell.arrivals.paced import decode_packets
from houfeng.words.alert import Alert
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import PacketBatch
from houfeng.words.station import Inventory
from memory import memory_mb
from nation_recording import CENTRE, FEED, WARM_UP_S, Nation, Plan, nation, nearest
from rows import Row, at_least

#: What arrives within this goes through together, at its end.
TOGETHER_NS = NS_PER_S // 20
PATIENCE_NS = 5 * NS_PER_S
ASKED = 4.0


class Spent:
    """Processor time by stage, s."""

    def __init__(self) -> None:
        self.by: Counter[str] = Counter()
        self._on: list[tuple[str, float]] = []

    def begin(self, stage: str) -> None:
        """A stage begins; the one it is within stands still meanwhile."""
        now = time.process_time()
        if self._on:
            self.by[self._on[-1][0]] += now - self._on[-1][1]
        self._on.append((stage, now))

    def end(self) -> None:
        """The stage that began last ends."""
        now = time.process_time()
        stage, since = self._on.pop()
        self.by[stage] += now - since
        if self._on:
            self._on[-1] = self._on[-1][0], now


class TimedWatch(Watch):
    """A watch whose time is taken."""

    spent: Spent
    triggers = 0

    def handle(self, batch: PacketBatch) -> tuple[Trigger, ...]:
        """Listen."""
        self.spent.begin("watch")
        said = super().handle(batch)
        self.triggers += sum(not trigger.ended for trigger in said)
        self.spent.end()
        return said


class TimedAmplitudes(Amplitudes):
    """Amplitudes whose time is taken."""

    spent: Spent

    def handle(self, batch: PacketBatch) -> None:
        """Hear."""
        self.spent.begin("amplitudes")
        super().handle(batch)
        self.spent.end()


class TimedWarn(Warn):
    """A warning whose time is taken and whose onsets and searches are counted."""

    spent: Spent
    onsets = 0
    refusals = 0
    searches = 0

    def handle(self, onset: Onset) -> Iterator[Alert]:
        """An onset."""
        self.onsets += 1
        return self._timed(super().handle(onset))

    def elapse(self, now_ns: int) -> Iterator[Alert]:
        """Time passed."""
        return self._timed(super().elapse(now_ns))

    def _timed(self, alerts: Iterator[Alert]) -> Iterator[Alert]:
        self.spent.begin("warn")
        told = list(alerts)
        self.spent.end()
        return iter(told)

    def _refused(self, *about: object) -> bool:
        refused = super()._refused(*about)  # type: ignore[arg-type]
        self.refusals += refused
        return refused

    def _search(self, *about: object) -> NDArray[np.float64]:
        self.searches += 1
        return super()._search(*about)  # type: ignore[arg-type]


@dataclass
class Played:
    """What came of a stretch.

    seconds     of the nation
    spent       processor time by stage, s
    heard_s     from a packet's arrival to its having been heard, for each batch; packets: how many these were
    told_s      from the arrival of the record that tipped the scales to its first alert
    """

    seconds: int = 0
    spent: Counter[str] = field(default_factory=Counter)
    macs: int = 0
    records: int = 0
    onsets: int = 0
    refusals: int = 0
    searches: int = 0
    triggers: int = 0
    wall_s: float = 0.0
    heard_s: list[NDArray[np.float64]] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


class Line:
    """The whole path in one process."""

    def __init__(self, nation: Nation, policy: Policy, stations: list[int]) -> None:
        scenario = nation.world.scenario
        everybody = [nation.world.stations[number].station for number in sorted(stations)]
        inventory = Inventory(tuple(everybody))
        sources = [channel.source for station in everybody for channel in station.channels]
        network = network_of(inventory, sources, nation.start_ns)
        times = travel_times(scenario.crust.model, network)
        roster = Roster()
        testimony = Testimony(list(network.stations.values()), policy, nation.start_ns)
        self.spent = Spent()
        self.amplitudes = TimedAmplitudes(inventory, roster)
        self.amplitudes.spent = self.spent
        self.watch = TimedWatch(network.aperture_m, roster)
        self.watch.spent = self.spent
        self.warn = TimedWarn(testimony, times, policy, measured=_Felt(self.amplitudes, testimony), status="test")
        self.warn.spent = self.spent
        self.lookout = Lookout(testimony, self.warn, network.aperture_m, self.amplitudes, roster)
        self.lookout._watch = self.watch  # noqa: SLF001 - its time is taken
        self.vouch = Vouch(nation.enrolments(stations), CENTRE, secured_feeds=(FEED,), patience_ns=PATIENCE_NS)
        self.vouch.handle(nation.opened(stations))
        self.vouched = 0

    def hear(self, packets: list[Packet], now_ns: int) -> list[Alert]:
        """What arrived together, at its end."""
        spent = self.spent
        spent.begin("vouch")
        told = self.vouch.handle(packets) + self.vouch.elapse(now_ns)
        records = [one for one in told if isinstance(one, Vouched)]
        good = [one.packet for one in records if one.tier is Tier.GATEWAY_SIGNED]
        spent.end()
        self.vouched += len(good)
        spent.begin("decode")
        batches = decode_packets(good).batches
        spent.end()
        spent.begin("lookout")
        alerts = list(self.lookout.vouched(records, now_ns))
        alerts += [alert for batch in batches for alert in self.lookout.handle(batch, now_ns)]
        spent.end()
        return alerts


def play(line: Line, nation: Nation, stations: list[int], first: int, last: int) -> Played:
    """Play some seconds, each batch when it would be complete or when the one before is done."""
    order = sorted(stations, key=lambda station: nation.arrival_ns(0, station))
    out = Played(last - first)
    before = line.spent.by.copy(), line.vouched, line.warn.onsets, line.warn.searches, line.watch.triggers
    refused = line.warn.refusals
    free_ns = 0
    for second in range(first, last):
        packets = nation.second(second, order)
        ticks = np.array([packet.arrival_ns for packet in packets]) // TOGETHER_NS
        cuts = [0, *(np.flatnonzero(np.diff(ticks)) + 1).tolist(), len(packets)]
        for begin, end in pairwise(cuts):
            together = packets[begin:end]
            now_ns = (int(ticks[begin]) + 1) * TOGETHER_NS
            wall, since = time.perf_counter(), time.process_time()
            alerts = line.hear(together, now_ns)
            took_s = time.process_time() - since
            out.wall_s += time.perf_counter() - wall
            free_ns = max(free_ns, now_ns) + round(took_s * NS_PER_S)
            arrivals = np.array([packet.arrival_ns for packet in together])
            out.heard_s.append((free_ns - arrivals) / NS_PER_S)
            first = [alert.ledger for alert in alerts if alert.kind == "first" and alert.ledger is not None]
            out.told_s += [(free_ns - ledger.arrived_ns) / NS_PER_S for ledger in first]
            out.alerts += alerts
    out.spent = line.spent.by - before[0]
    out.records, out.onsets = line.vouched - before[1], line.warn.onsets - before[2]
    out.refusals = line.warn.refusals - refused
    out.searches, out.triggers = line.warn.searches - before[3], line.watch.triggers - before[4]
    return out


def table(name: str, played: Played) -> Iterator[Row]:
    """Figures of a stretch."""
    total_s = sum(played.spent.values())
    for stage, spent_s in sorted(played.spent.items(), key=lambda each: -each[1]):
        yield Row(name, f"{stage}, times real time", "", f"{played.seconds / spent_s:.1f}", passed=True)
    yield at_least(name, "all in one process, times real time", played.seconds / total_s, ASKED, "{:.2f}")
    yield Row(
        name, "station-seconds, MACs verified, of CPU time", "", f"{played.records / 3 / total_s:,.0f}/s", passed=True
    )
    heard = np.concatenate(played.heard_s)
    p50_s, p99_s = np.percentile(heard, (50, 99))
    waited = f"p50 {p50_s:.3f} s, p99 {p99_s:.3f} s, worst {heard.max():.3f} s"
    yield Row(name, "from a packet's arrival to its having been heard", "", waited, passed=True)
    if played.told_s:
        p50_s, p99_s = np.percentile(played.told_s, (50, 99))
        yield Row(
            name, "from the packet that tipped to its alert", "", f"p50 {p50_s:.3f} s, p99 {p99_s:.3f} s", passed=True
        )
    work = (
        f"{played.triggers} triggers, {played.onsets} onsets, {played.refusals} refused, {played.searches} searches, "
        f"{len(played.alerts)} told"
    )
    yield Row(name, "done meanwhile", "", work, passed=True)
    spent = f"{played.wall_s / played.seconds:.3f} s, of CPU time {total_s / played.seconds:.3f} s"
    yield Row(name, "wall time for a second", "", spent, passed=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--noise", type=int, default=Plan().noise_s)
    parser.add_argument("--quake", type=int, default=Plan().quake_s)
    parser.add_argument("--stations", type=int, default=0, help="of the nation only the nearest to the quake")
    parser.add_argument("--recording", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="houfeng-nation-") as name:
        here = nation(asked.recording or Path(name), Plan(asked.noise, asked.quake))
        stations = nearest(here.world)[: asked.stations or None]
        line = Line(here, Policy(), stations)
        gc.collect()
        gc.freeze()  # as a centre does; the make-believe world is not to be gone through for garbage either
        play(line, here, stations, 0, WARM_UP_S)
        middle = WARM_UP_S + asked.noise
        for what, first, last in (("noise", WARM_UP_S, middle), ("M 7", middle, middle + asked.quake)):
            played = play(line, here, stations, first, last)
            for row in table(what, played):
                print(f"{row.name:8}{row.what:52}{row.asked:10}{row.got:60}{'pass' if row.passed else 'FAIL'}")
            for alert in played.alerts:
                print(f"  {alert.kind} {alert.version}: M {alert.magnitude}, score {alert.score:.1f}, {alert.reason}")
            print(f"{what}: memory {memory_mb('RssAnon'):.0f} MB")


if __name__ == "__main__":
    main()
