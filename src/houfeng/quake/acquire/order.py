"""Acquire: each channel's packets in order, once, with its gaps and oddities said."""

from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire import passing
from houfeng.quake.acquire.batches import picked
from houfeng.quake.acquire.recent import KIND, RATE_TOLERANCE, SLIP_SAMPLES, Recent
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, NS_PER_S, format_instant
from houfeng.words.samples import Gap, Late, PacketBatch, Samples

#: A packet this far ahead of its channel, of the network and of the clock needs a witness; so does a channel's
#: first packet this far from the network.
FAR_NS = 3600 * NS_PER_S
#: A clock may go back this far without being believed: the channel is silent until it has caught up. Going back
#: farther it is believed, with a witness: silence for longer would be worse than a time told twice.
BACK_NS = 60 * NS_PER_S
#: Witnesses: so many packets on end that stay at the new time, or so many stations that went there.
STAYS_PACKETS = 3
STAYS_STATIONS = 3
#: Fewer channels than this have no opinion what time it is.
LEAST_VOICES = 3
#: A jump ahead longer than this is said even when the clock agrees: more likely a wrong year than a long silence.
LONG_SILENCE_NS = 366 * 86_400 * NS_PER_S
#: How often the packets of one call are tried on the fast path, channels having got over something odd in between.
TURNS = 16
#: Packets of one channel kept aside, or looked at in vain in one call, and samples kept; what is more is lost.
MOST_ASIDE = 512
MOST_ASIDE_SAMPLES = 2_000_000
#: Findings of one kind for one channel; after that it has been said.
MOST_FINDINGS = 8


@dataclass(frozen=True, slots=True)
class Acquired:
    """What order gave out.

    batches   every channel's packets ordered, each sample once, at the rate to believe; in the order to take them
    late      packets behind all that has gone on: worth keeping, too late to be heard
    gaps      where a channel missed something
    findings  what was odd
    """

    batches: tuple[PacketBatch, ...] = ()
    late: tuple[Late, ...] = ()
    gaps: tuple[Gap, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Packet:
    """cut: samples taken off its front because others, unlike them, had been given out for their time."""

    start_ns: int
    rate_hz: float
    samples: Samples
    cut: int = 0

    @property
    def end_ns(self) -> int:
        return self.start_ns + round(len(self.samples) / self.rate_hz * NS_PER_S)

    def slip(self, due_ns: int) -> float:
        """Samples by which it comes after an instant."""
        return (self.start_ns - due_ns) * self.rate_hz / NS_PER_S

    def without(self, count: int, cut: int = 0) -> "_Packet":
        """The same less its first samples."""
        start_ns = self.start_ns + round(count / self.rate_hz * NS_PER_S)
        return replace(self, start_ns=start_ns, samples=self.samples[count:], cut=self.cut + cut)


@dataclass(slots=True)
class _Aside:
    """A channel's packets that cannot go on yet: waiting for what is missing before them; or at a doubtful time."""

    waiting: list[_Packet] = field(default_factory=list)
    suspect: list[_Packet] = field(default_factory=list)


class Acquire:
    """The stage that puts packets in order.

    recent      where this stage remembers all it gives out (nobody else appends), and what overlaps are compared with
    patience_s  how much of a channel's own time a packet after a hole waits for the missing one, s, >= 0

    The rules, in the order they are asked of a packet:

    - It continues its channel, with less than a sample's slip: on.
    - It says again what was said: dropped, said once per channel ("duplicate").
    - It overlaps: what was said first stays, the rest goes on; samples that differ are counted ("overlap-conflict"),
      and the rest waits then, lest two streams of one name be woven into one: another packet may truly go on.
    - It comes after a hole: it waits, for patience_s or until elapse says that nothing more comes; then the hole is
      a Gap. A hole longer than patience_s is one at once.
    - It comes behind all that has gone on ("late-packet"): kept apart, unless by more than BACK_NS.
    - It lies farther behind, or FAR_NS ahead of its channel, the network and the clock: set aside. When elapse gets
      there, or STAYS_STATIONS stations went there, that was a Gap; when STAYS_PACKETS on end stay there, the channel's
      clock stepped ("clock-step"); when the channel goes on where it was, they are dropped ("clock-suspect").
    """

    def __init__(self, recent: Recent, patience_s: float = 10.0) -> None:
        self._recent = recent
        self._patience_ns = round(patience_s * NS_PER_S)
        self._calls = 0
        self._now_ns = EARLIEST_NS
        self._present_ns = EARLIEST_NS
        self._whole = np.zeros((0, passing.STATE_WHOLES), dtype=np.int64)
        self._real = np.zeros((0, passing.STATE_REALS))
        self._asides: dict[int, _Aside] = {}
        self._said: dict[tuple[int, str], int] = {}
        self._batches: list[PacketBatch] = []
        self._going: list[tuple[int, _Packet]] = []
        self._late: list[tuple[int, _Packet]] = []
        self._gaps: list[Gap] = []
        self._findings: list[Finding] = []

    def handle(self, batch: PacketBatch) -> Acquired:
        """Take packets in, in whatever order they came."""
        rows = self._recent.roster.rows(batch.channels)[batch.channel]
        self._recent.grow()
        self._grow(len(self._recent.roster))
        self._calls += 1
        if passing.is_disordered(rows, batch.start_ns, self._calls, self._whole):
            order = np.lexsort((batch.start_ns, rows))
            batch, rows = picked(batch, order), rows[order]
        verdict = np.zeros(len(batch), dtype=np.int8)
        todo = np.arange(len(batch))
        for turn in range(TURNS):
            self._pass(batch, rows, todo, verdict)
            todo = self._consider_all(batch, rows, todo[verdict[todo] == passing.ODD], last=turn == TURNS - 1)
            if len(todo) == 0:
                break
        self._say_once(batch, rows, verdict == passing.COPY, "duplicate", "packets were sent twice; one copy is kept")
        self._say_once(batch, rows, verdict == passing.ABSURD, "packet-absurd", "a packet's time or length cannot be")
        return self._taken()

    def elapse(self, now_ns: int) -> Acquired:
        """Every packet with samples before now_ns has been handled, or will never come."""
        self._now_ns = max(self._now_ns, now_ns)
        for row in sorted(self._asides):
            suspect, whole = self._asides[row].suspect, self._whole[row]
            known_ns = whole[passing.DUE_NS] if whole[passing.SPOKEN] else self._present_ns - FAR_NS
            if suspect and known_ns < suspect[0].start_ns <= self._now_ns:
                self._move(row, alone=False)
            self._release(row)
            self._settle(row)
        self._send()
        return self._taken()

    def _grow(self, channels: int) -> None:
        have = len(self._whole)
        if channels > have:
            more = max(channels, have + have // 2) - have
            self._whole = np.concatenate([self._whole, np.zeros((more, passing.STATE_WHOLES), dtype=np.int64)])
            self._real = np.concatenate([self._real, np.zeros((more, passing.STATE_REALS))])

    def _pass(
        self, batch: PacketBatch, rows: NDArray[np.int64], todo: NDArray[np.int64], verdict: NDArray[np.int8]
    ) -> None:
        """The fast path: remembers and gives out all that simply goes on, and says what became of each packet."""
        true_hz = batch.rate_hz.copy()
        earliest_ns, latest_ns = self._believable(batch)
        kind = int(batch.samples.dtype == np.float64)
        turn = 0
        while turn < len(todo):
            turn = passing.pass_packets(
                turn,
                todo,
                rows,
                batch.start_ns,
                batch.rate_hz,
                batch.offset,
                batch.samples,
                verdict,
                true_hz,
                earliest_ns,
                latest_ns,
                self._whole,
                self._real,
                kind,
                self._recent.span_s,
                *self._recent.columns(kind),
            )
            if turn < len(todo):
                self._recent.make_ring(int(rows[todo[turn]]), float(batch.rate_hz[todo[turn]]), kind)
        passed = todo[verdict[todo] == passing.PASSED]
        if 0 < len(passed) == len(batch):
            self._batches.append(replace(batch, rate_hz=true_hz))
        elif len(passed):
            self._batches.append(picked(replace(batch, rate_hz=true_hz), passed))

    def _consider_all(
        self, batch: PacketBatch, rows: NDArray[np.int64], odd: NDArray[np.int64], *, last: bool
    ) -> NDArray[np.int64]:
        """Take odd packets; returns those to try the fast path with again, their channel having got over it.

        A channel that sends more than MOST_ASIDE packets that cannot go on loses the rest of them.
        """
        again, over_it = [], set()
        refused: dict[int, int] = {}
        for packet in odd.tolist():
            row = int(rows[packet])
            if row in over_it:
                again.append(packet)
            elif refused.get(row, 0) < MOST_ASIDE:
                low, high = batch.offset[packet], batch.offset[packet + 1]
                one = _Packet(int(batch.start_ns[packet]), float(batch.rate_hz[packet]), batch.samples[low:high].copy())
                before = len(self._going)
                self._consider(row, one)
                if len(self._going) == before:
                    refused[row] = refused.get(row, 0) + 1
                if refused.get(row) == MOST_ASIDE:
                    self._say(row, "flood", "sends more packets out of place than are looked at; dropped", one)
                self._settle(row)
                if not last and row not in self._asides:
                    over_it.add(row)
        self._send()
        return np.array(again, dtype=np.int64)

    def _believable(self, batch: PacketBatch) -> tuple[int, int]:
        """Between which instants a channel's first packet is believed: near the network's present, if it has one."""
        due_ns = self._whole[self._whole[:, passing.SPOKEN] == 1, passing.DUE_NS]
        if len(due_ns) < LEAST_VOICES:
            due_ns = batch.start_ns
        if len(due_ns) < LEAST_VOICES:
            return EARLIEST_NS, LATEST_NS
        self._present_ns = int(np.median(due_ns))
        return self._present_ns - FAR_NS, max(self._present_ns, self._now_ns) + FAR_NS

    def _consider(self, row: int, packet: _Packet) -> None:
        """The slow path: one packet that does not simply go on."""
        whole, aside = self._whole[row], self._asides.setdefault(row, _Aside())
        due_ns = int(whole[passing.DUE_NS])
        far_ns = max(due_ns, self._present_ns, self._now_ns) + FAR_NS
        if whole[passing.SPOKEN] == 0 or packet.start_ns > far_ns:
            self._suspect(row, packet)
        elif self._follows(row, packet):
            self._go_on(row, packet)
            self._release(row)
        elif packet.slip(due_ns) > 0:
            aside.waiting.append(packet)
            self._release(row)
        else:
            self._overlap(row, packet)

    def _follows(self, row: int, packet: _Packet) -> bool:
        """Whether a packet simply continues its channel."""
        return self._repeats(row, packet) == 0 and passing.follows(
            row, self._whole, self._real, packet.start_ns, packet.rate_hz, EARLIEST_NS, LATEST_NS
        )

    def _repeats(self, row: int, packet: _Packet) -> int:
        """How many of a packet's first samples say exactly what the present run has said for their time."""
        kind, count = int(packet.samples.dtype == np.float64), len(packet.samples)
        line, pool, *_ = self._recent.columns(kind)
        if line[row, KIND] != kind:
            return 0
        return int(
            passing.repeats(
                row, self._whole, self._real, packet.start_ns, packet.rate_hz, packet.samples, 0, count, line, pool
            )
        )

    def _overlap(self, row: int, packet: _Packet) -> None:
        """A packet that begins before what is due: what was said first stays."""
        whole = self._whole[row]
        due_ns = int(whole[passing.DUE_NS])
        covered = min(len(packet.samples), max(0, round(-packet.slip(due_ns))))
        if covered == 0:
            self._go_on(row, packet)
            return
        known, differ = covered, 0
        if self._repeats(row, packet) != covered:
            known, differ = self._compare(row, packet, covered)
        if differ and packet.cut == 0:
            self._say(
                row, "overlap-conflict", f"{differ} of {covered} samples differ from those first received", packet
            )
        elif known == covered and not differ:
            self._say(row, "duplicate", "samples were sent twice; one copy is kept", packet, most=1)
        if covered < len(packet.samples):
            if differ or packet.cut:
                self._asides[row].waiting.append(packet.without(covered, cut=covered))
            else:
                self._go_on(row, packet.without(covered))
            self._release(row)
        elif due_ns - packet.start_ns > BACK_NS and (differ or known < covered):
            self._suspect(row, packet)
        elif known < covered:
            self._say(row, "late-packet", "came after later samples had been passed on: kept, not heard", packet)
            self._late.append((row, packet))

    def _compare(self, row: int, packet: _Packet, covered: int) -> tuple[int, int]:
        """How many of a packet's first samples are remembered, and how many of these differ."""
        known = differ = 0
        source = self._recent.roster.sources[row]
        end_ns = packet.without(covered).start_ns if covered else packet.start_ns
        half_ns = round(NS_PER_S / packet.rate_hz / 2)
        for segment in self._recent.segments(source, packet.start_ns - half_ns, end_ns - half_ns):
            low = max(0, round((segment.start_ns - packet.start_ns) * packet.rate_hz / NS_PER_S))
            both = min(covered - low, len(segment.samples))
            if both > 0:
                known += both
                differ += int(np.count_nonzero(packet.samples[low : low + both] != segment.samples[:both]))
        return known, differ

    def _suspect(self, row: int, packet: _Packet) -> None:
        """A packet at a doubtful time: keep it until there is a witness."""
        suspect = self._asides[row].suspect
        if suspect and abs(packet.slip(suspect[-1].end_ns)) > SLIP_SAMPLES:
            self._doubt(row)
        suspect.append(packet)
        there = [row]
        for other, aside in self._asides.items():
            if other != row and aside.suspect and abs(aside.suspect[-1].start_ns - packet.start_ns) <= FAR_NS:
                there.append(other)
        if len({self._recent.roster.sources[other].station_key for other in there}) >= STAYS_STATIONS:
            self._present_ns = packet.start_ns
            for other in sorted(there):
                self._move(other, alone=False)
        elif len(suspect) >= STAYS_PACKETS:
            self._move(row, alone=True)

    def _doubt(self, row: int) -> None:
        """Drop what was at a doubtful time."""
        suspect = self._asides[row].suspect
        if suspect:
            reason = f"a packet claims to be of {format_instant(suspect[0].start_ns, 3)}, no other agrees; dropped"
            self._say(row, "clock-suspect", reason, suspect[0])
            suspect.clear()

    def _move(self, row: int, *, alone: bool) -> None:
        """The channel goes on at its suspects' time."""
        self._release(row, all_of_them=True)
        aside, whole = self._asides[row], self._whole[row]
        moved, aside.suspect = aside.suspect, []
        if whole[passing.SPOKEN] == 1:
            step_s = (moved[0].start_ns - int(whole[passing.DUE_NS])) / NS_PER_S
            if alone:
                self._say(row, "clock-step", f"time jumps by {step_s:+.3f} s and stays there", moved[0])
            else:
                self._gap(row, moved[0])
        for packet in moved:
            self._go_on(row, packet)

    def _release(self, row: int, *, all_of_them: bool = False) -> None:
        """Let go on what waited, as far as holes are filled or past waiting for."""
        aside, whole = self._asides[row], self._whole[row]
        aside.waiting.sort(key=lambda packet: packet.start_ns)
        while aside.waiting:
            packet, due_ns = aside.waiting[0], int(whole[passing.DUE_NS])
            slip = packet.slip(due_ns)
            if packet.cut == 0 and self._follows(row, packet):
                self._go_on(row, aside.waiting.pop(0))
            elif round(slip) < 0 or (packet.cut == 0 and slip <= 0):
                self._overlap(row, aside.waiting.pop(0))
            elif all_of_them or self._is_past_waiting(aside, due_ns):
                self._gap(row, packet)
                self._go_on(row, aside.waiting.pop(0))
            else:
                break

    def _is_past_waiting(self, aside: _Aside, due_ns: int) -> bool:
        """Whether nothing that is missing before the first of those that wait can still come, or be waited for."""
        first, last = aside.waiting[0], aside.waiting[-1]
        return (
            first.start_ns < self._now_ns + (first.cut == 0)
            or first.start_ns - due_ns > self._patience_ns
            or last.start_ns - first.start_ns >= self._patience_ns
            or len(aside.waiting) >= MOST_ASIDE
            or sum(len(packet.samples) for packet in aside.waiting) >= MOST_ASIDE_SAMPLES
            or (first.cut == 0 and first.slip(due_ns) < 1.0)  # not one sample is missing
        )

    def _go_on(self, row: int, packet: _Packet) -> None:
        """Give a packet out; what was doubtful is dropped, since the channel is where it was."""
        whole, real = self._whole[row], self._real[row]
        if whole[passing.SPOKEN] == 1 and abs(packet.rate_hz / real[passing.STATED_HZ] - 1.0) > RATE_TOLERANCE:
            text = f"the sampling rate changes from {real[passing.STATED_HZ]:g} to {packet.rate_hz:g} Hz"
            self._say(row, "rate-change", text, packet)
        before_ns, before = int(whole[passing.LAST_NS]), int(whole[passing.LAST_COUNT])
        true_hz = passing.accept(row, self._whole, self._real, packet.start_ns, len(packet.samples), packet.rate_hz)
        if packet.cut:
            # It may overlap because the channel samples faster than it says: let the next packet tell.
            passing.hint(row, self._whole, self._real, before_ns, before, packet.cut)
        self._recent.append_run(row, packet.start_ns, true_hz, packet.samples)
        self._going.append((row, replace(packet, rate_hz=true_hz)))
        self._doubt(row)

    def _gap(self, row: int, packet: _Packet) -> None:
        """What is missing before a packet."""
        start_ns = int(self._whole[row, passing.DUE_NS])
        if packet.start_ns - start_ns > LONG_SILENCE_NS:
            since = format_instant(start_ns, 3)
            self._say(
                row, "clock-suspect", f"the packets before are of {since}: a wrong clock, or a long silence", packet
            )
        elif packet.start_ns > start_ns:
            self._gaps.append(Gap(self._recent.roster.sources[row], start_ns, packet.start_ns))

    def _settle(self, row: int) -> None:
        """A channel with nothing aside goes back to the fast path."""
        aside = self._asides.get(row)
        waits = aside is not None and bool(aside.waiting or aside.suspect)
        self._whole[row, passing.ASIDE] = int(waits)
        if not waits:
            self._asides.pop(row, None)

    def _send(self) -> None:
        """Put what the slow path let go on into batches."""
        self._batches += self._batched(self._going)
        self._going = []

    def _batched(self, packets: list[tuple[int, _Packet]]) -> list[PacketBatch]:
        sources = self._recent.roster.sources
        batches = []
        for _, together in groupby(packets, key=lambda going: going[1].samples.dtype):
            gone = list(together)
            named = {row: number for number, row in enumerate(dict.fromkeys(row for row, _ in gone))}
            batches.append(
                PacketBatch(
                    tuple(sources[row] for row in named),
                    np.array([named[row] for row, _ in gone], dtype=np.int32),
                    np.array([packet.start_ns for _, packet in gone], dtype=np.int64),
                    np.array([packet.rate_hz for _, packet in gone]),
                    np.cumsum([0, *(len(packet.samples) for _, packet in gone)], dtype=np.int64),
                    np.concatenate([packet.samples for _, packet in gone]),
                )
            )
        return batches

    def _say(self, row: int, kind: str, reason: str, packet: _Packet, most: int = MOST_FINDINGS) -> None:
        said = self._said.get((row, kind), 0)
        if said < most:
            self._said[row, kind] = said + 1
            station = self._recent.roster.sources[row].nslc
            self._findings.append(Finding(kind, reason, station=station, time_ns=packet.start_ns))

    def _say_once(
        self, batch: PacketBatch, rows: NDArray[np.int64], which: NDArray[np.bool_], kind: str, reason: str
    ) -> None:
        for packet in np.flatnonzero(which)[np.unique(rows[which], return_index=True)[1]].tolist():
            first = _Packet(int(batch.start_ns[packet]), float(batch.rate_hz[packet]), batch.samples[:0])
            self._say(int(rows[packet]), kind, reason, first, most=1)

    def _taken(self) -> Acquired:
        """Hand over what has gathered."""
        off = (self._whole[:, passing.RATE_OFF] == 1) & (self._whole[:, passing.RATE_SAID] == 0)
        for row in np.flatnonzero(off).tolist():
            self._whole[row, passing.RATE_SAID] = 1
            stated_hz, true_hz = self._real[row, passing.STATED_HZ], NS_PER_S / self._real[row, passing.STEP_NS]
            reason = f"the stamps tell {true_hz:.5g} Hz, the packets {stated_hz:.5g} Hz; the stamps are believed"
            station, time_ns = self._recent.roster.sources[row].nslc, int(self._whole[row, passing.LAST_NS])
            self._findings.append(Finding("rate-differs", reason, station=station, time_ns=time_ns))
        late = tuple(map(Late, self._batched(self._late)))
        acquired = Acquired(tuple(self._batches), late, tuple(self._gaps), tuple(self._findings))
        self._batches, self._late, self._gaps, self._findings = [], [], [], []
        return acquired
