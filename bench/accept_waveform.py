"""Judges in the waveform: what of planted replays, gain, clock and number tricks is found, and what in nothing.

Every plant is made of real records: the set is the past, and a copy out of it, altered in one of a dozen ways, is
sent a day later behind made-up noise of the same spectrum.

Usage: python bench/accept_waveform.py [--plants 1000] [--days 30]
"""

import argparse
import copy
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from houfeng.guard.waveform.clock import ClockJudge
from houfeng.guard.waveform.gain import GainJudge
from houfeng.guard.waveform.index import ReplayIndex
from houfeng.guard.waveform.landmarks import BANDS_HZ, TICK_NS, Landmarks, Marks
from houfeng.guard.waveform.moveout import MoveoutJudge
from houfeng.guard.waveform.replay import ReplayJudge
from houfeng.guard.waveform.synthetic import SyntheticJudge
from houfeng.words.instant import DAY_NS, NS_PER_S, parse_instant
from houfeng.words.judgement import Judgement
from houfeng.words.quake import Phase, Pick
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId
from rows import DATA, Row, at_least, at_most, rows_of
from waveform_records import ALTERATIONS, SETS, Reals, Store, load, packets_of, surrogate

#: Longer than the sets span: a past of years is searched like one of a month.
FOREVER_DAYS = 4_000
LENGTHS_S = (30.0, 60.0, 120.0)
#: Copies that are right to the sample are to be found nearly always, the others as they are.
SURE = ("exact", "scaled", "polarity turned", "constant added")
MONTH_H = 30 * 24.0


def check(plants: int = 1_000, days: int = 30) -> Iterator[Row]:
    """Every figure."""
    sets = {name: load(name) for name in SETS}
    rng = np.random.default_rng(20_261_122)
    yield from _untouched(sets)
    yield from _replays(sets, plants, rng)
    yield from _injected(sets, max(plants // 10, 10), rng)
    yield from _numbers(sets, plants, rng)
    yield from _clocks()
    yield from _moveout(max(plants // 10, 10), rng)
    yield from _speed(sets, days, rng)


def _vertical(segments: Iterable[Segment]) -> list[Segment]:
    return [segment for segment in segments if segment.source.component in ("Z", "3")]


def _untouched(sets: dict[str, list[Segment]]) -> Iterator[Row]:
    """What is found where nobody did anything."""
    hours = 0.0
    totals: Counter[str] = Counter()
    for name, segments in sets.items():
        store, found = Store(), Counter[str]()
        judges = (ReplayJudge(store.fetch, ReplayIndex(days=FOREVER_DAYS)), SyntheticJudge(), GainJudge(), ClockJudge())
        for segment in segments:
            store.add(segment)
        packets = [packet for segment in segments for packet in packets_of(segment)]
        for packet in sorted(packets, key=lambda packet: (int(packet.start_ns[0]), packet.channels[0])):
            found.update(judgement.detector for judge in judges for judgement in judge.handle(packet))
        stations = len({segment.source.station_key for segment in segments})
        spent = sum(len(segment.samples) / segment.rate_hz for segment in segments) / 3600
        hours += spent * stations / max(len({segment.source for segment in segments}), 1)
        totals += found
        told = ", ".join(f"{kind.removeprefix('waveform-')} {count}" for kind, count in sorted(found.items())) or "none"
        yield Row(name, f"found in {spent:.1f} channel-hours of untouched data", "-", told, passed=True)
    for kind in ("waveform-replay", "waveform-repeat", "waveform-loop", "waveform-held", "waveform-white"):
        yield at_most("all sets", f"{kind} in untouched data", totals[kind], 0, "{:.0f}")
    for kind, count in sorted(totals.items()):
        rate = f"{count} in {hours:.1f} station-hours: {count / hours * MONTH_H:.0f} a station-month, extrapolated"
        yield Row("all sets", f"{kind} per station-month", "-", rate, passed=True)
    upper = 3.0 / hours * MONTH_H
    yield Row(
        "all sets", "what none found allows, 95 %", "-", f"{upper:.0f} a station-month, {hours:.1f} h", passed=True
    )


def _replays(sets: dict[str, list[Segment]], plants: int, rng: np.random.Generator) -> Iterator[Row]:
    score: dict[tuple[str, float], list[int]] = defaultdict(lambda: [0, 0, 0])
    delays: list[float] = []
    places = [name for name in sets if len(_vertical(sets[name])) > 1]
    kinds = [(kind, length_s) for kind in ALTERATIONS for length_s in LENGTHS_S]
    each = -(-plants // (len(places) * len(kinds)))
    for name in places:
        segments = _vertical(sets[name])
        store = Store()
        past = ReplayJudge(store.fetch, ReplayIndex(days=FOREVER_DAYS))
        for segment in segments:
            store.add(segment)
            for packet in packets_of(segment):
                past.handle(packet)
        later_ns = max(segment.end_ns for segment in segments) + DAY_NS
        for kind, length_s in kinds:
            long = [one for one in segments if len(one.samples) >= (length_s + 1) * one.rate_hz]
            for _ in range(each if long else 0):
                planted = _copied(long[rng.integers(len(long))], kind, length_s, later_ns, rng)
                found = _sent(past, store, planted)
                tally = score[kind, length_s]
                tally[0] += 1
                tally[1] += any(judgement.detector == "waveform-replay" for judgement in found)
                tally[2] += any(judgement.detector == "waveform-repeat" for judgement in found)
                delays += [(j.time_ns - later_ns) / NS_PER_S - 20 for j in found if j.detector == "waveform-replay"][:1]
    for (kind, length_s), (count, sure, alike) in sorted(score.items()):
        what = f"replay, {kind}, {length_s:.0f} s: {count} planted, share found"
        if kind in SURE and length_s >= 60:
            yield at_least("replays", what, sure / count, 0.95)
        else:
            yield Row("replays", what, "-", f"{sure / count:.2f}, and {alike} as a repeated wave", passed=True)
    total, sure = sum(t[0] for t in score.values()), sum(t[1] for t in score.values())
    yield Row("replays", f"all {total} replays, share found", "-", f"{sure / total:.2f}", passed=True)
    yield Row("replays", "seconds of copy until it is told, median", "-", f"{np.median(delays):.0f}", passed=True)


def _copied(segment: Segment, kind: str, length_s: float, later_ns: int, rng: np.random.Generator) -> Segment:
    """Twenty seconds of made-up noise, then the altered copy of a stretch."""
    count = int(length_s * segment.rate_hz)
    first = int(rng.integers(len(segment.samples) - count))
    altered = ALTERATIONS[kind](segment.samples[first : first + count].astype(np.float64), segment.rate_hz, rng)
    lead = surrogate(altered, int(20 * segment.rate_hz), rng) + altered.mean()
    return Segment(segment.source, later_ns, segment.rate_hz, _whole(np.concatenate([lead, altered])))


def _whole(samples: Reals) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    return np.clip(np.rint(samples), -(2**31), 2**31 - 1).astype(np.int32)


def _sent(past: ReplayJudge, store: Store, planted: Segment) -> list[Judgement]:
    store.add(planted)
    judge = copy.deepcopy(past, {id(store): store})
    found = [judgement for packet in packets_of(planted, 5.0) for judgement in judge.handle(packet)]
    store.remove(planted)
    return found


def _injected(sets: dict[str, list[Segment]], plants: int, rng: np.random.Generator) -> Iterator[Row]:
    """Quakes of a station's own past, added to its later noise: the loud half of a window over the quiet one."""
    segments = [one for one in _vertical(sets["nz_alpinefault_2013a"]) if len(one.samples) >= 85 * one.rate_hz]
    store = Store()
    past = ReplayJudge(store.fetch, ReplayIndex(days=FOREVER_DAYS))
    for segment in segments:
        store.add(segment)
        for packet in packets_of(segment):
            past.handle(packet)
    later_ns = max(segment.end_ns for segment in segments) + DAY_NS
    tally: Counter[str] = Counter()
    for _ in range(plants):
        segment = segments[rng.integers(len(segments))]
        half = len(segment.samples) // 2
        samples = segment.samples.astype(np.float64)
        quake = samples[half:] - np.median(samples[half:])
        noise = surrogate(samples[:half], len(samples), rng)
        noise[half : half + len(quake)] += 3.0 * quake
        found = _sent(past, store, Segment(segment.source, later_ns, segment.rate_hz, _whole(noise)))
        tally[min((judgement.detector for judgement in found), default="nothing")] += 1
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(tally.items()))
    yield Row("injected quakes", f"{plants} quakes added to later noise, 3 times as strong", "-", told, passed=True)


Trick = Callable[[Reals, float, np.random.Generator], Reals]

#: What is done to the second half of a record, and which detectors may say so.
TRICKS: dict[str, tuple[Trick, tuple[str, ...]]] = {
    "frozen": (lambda x, _r, _g: np.full(len(x), x[0]), ("waveform-frozen", "waveform-clipped")),
    "last 5 s in a loop": (lambda x, r, _g: np.resize(x[: int(5 * r)], len(x)), ("waveform-loop",)),
    "every value held twice": (lambda x, _r, _g: np.repeat(x[::2], 2)[: len(x)], ("waveform-held",)),
    "three bits cut off": (lambda x, _r, _g: np.floor(x / 8) * 8, ("waveform-comb",)),
    "white noise": (lambda x, _r, g: g.normal(0, np.std(x) + 1, len(x)), ("waveform-white",)),
    "gain x 1.2": (lambda x, _r, _g: x * 1.2, ("waveform-gain", "waveform-comb")),
    "gain x 2": (lambda x, _r, _g: x * 2, ("waveform-gain", "waveform-comb")),
    "gain x 10": (lambda x, _r, _g: x * 10, ("waveform-gain", "waveform-comb")),
    "gain / 2": (lambda x, _r, _g: x / 2, ("waveform-gain", "waveform-comb")),
    "gain / 10": (lambda x, _r, _g: x / 10, ("waveform-gain", "waveform-comb", "waveform-microseism")),
    "gain x 2, blurred": (lambda x, _r, g: x * 2 + g.integers(0, 2, len(x)), ("waveform-gain", "waveform-comb")),
    "gain x 10, blurred": (lambda x, _r, g: x * 10 + g.integers(0, 10, len(x)), ("waveform-gain", "waveform-comb")),
    "polarity turned": (lambda x, _r, _g: -x, ("waveform-polarity",)),
    "nothing": (lambda x, _r, _g: x, ()),
}


def _numbers(sets: dict[str, list[Segment]], plants: int, rng: np.random.Generator) -> Iterator[Row]:
    """Tricks with numbers and gains in the second half of records of five minutes and more."""
    long = [one for segments in sets.values() for one in segments if len(one.samples) >= 280 * one.rate_hz]
    each = max(plants // len(TRICKS), 5)
    for kind, (trick, may_say) in TRICKS.items():
        found = false = 0
        for k in rng.integers(len(long), size=each):
            samples = long[k].samples.astype(np.float64)
            half = len(samples) // 2
            # Gains act on the ground's motion, not on the constant the digitiser adds.
            about = np.median(samples[:half])
            changed = trick(samples[half:] - about, long[k].rate_hz, rng) + about
            segment = Segment(
                long[k].source, long[k].start_ns, long[k].rate_hz, _whole(np.concatenate([samples[:half], changed]))
            )
            judges = (SyntheticJudge(), GainJudge())
            after_ns = segment.time_ns(half)
            said = [j for packet in packets_of(segment) for judge in judges for j in judge.handle(packet)]
            found += any(j.detector in may_say and j.time_ns >= after_ns for j in said)
            false += any(j.detector not in may_say for j in said)
        got = f"{found / each:.2f}, and {false} of them with another finding"
        yield Row("numbers and gains", f"{kind}: {each} planted, share found", "-", got, passed=True)


def _clocks() -> Iterator[Row]:
    """Clock steps in packets with their real times of arrival."""
    devices = _arrivals()
    for step_s in (0.0, 0.1, 0.5, 2.0, -0.1, -0.5, -2.0):
        seen: Counter[str] = Counter()
        for packets in devices.values():
            said = set(_stepped(packets, step_s))
            seen.update(said)
            seen["any"] += bool(said)
        by = f"tears {seen['waveform-clock-tear']}, arrivals {seen['waveform-clock-arrival']}"
        told = f"{seen['any'] / len(devices):.2f} ({by})"
        what = f"clock step of {step_s:+.1f} s at 60 % of five minutes, {len(devices)} devices: share found"
        yield Row("openeew_mexico_a", what, "-", told, passed=True)


Arrived = tuple[float, float, Reals]


def _arrivals() -> dict[str, list[Arrived]]:
    devices: dict[str, list[Arrived]] = defaultdict(list)
    for path in sorted((DATA / "openeew_mexico_a" / "raw_jsonl").rglob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            packet = json.loads(line)
            key = f"{path.parts[-2]} {packet['device_id']}"
            devices[key].append((packet["cloud_t"], packet["device_t"], np.array(packet["x"], dtype=np.float64)))
    return {key: sorted(packets, key=lambda p: p[:2]) for key, packets in devices.items() if len(packets) >= 150}


def _stepped(packets: list[Arrived], step_s: float) -> Iterator[str]:
    """The detectors that speak after a step at 60 % of the packets."""
    judge = ClockJudge()
    source = SourceId("XX", "MX", "", "BNZ")
    period_s = float(np.median(np.diff(sorted(device_s for _, device_s, _ in packets))))
    for k, (cloud_s, device_s, samples) in enumerate(packets):
        rate_hz = len(samples) / period_s
        stepped = k >= 0.6 * len(packets)
        start_ns = round((device_s + step_s * stepped - period_s) * NS_PER_S)
        columns = (np.zeros(1, dtype=np.int32), np.array([start_ns]), np.array([rate_hz]), np.array([0, len(samples)]))
        for judgement in judge.handle(PacketBatch((source,), *columns, samples), round(cloud_s * NS_PER_S)):
            if stepped:
                yield judgement.detector


def _moveout(plants: int, rng: np.random.Generator) -> Iterator[Row]:
    """Analysts' picks as they are; then one station's P and S sent by five stations of a network."""
    for name in ("nz_alpinefault_2013a", "iceland_dyke_2014"):
        folder = DATA / name
        places = {
            f"{row['network']}.{row['station']}": (float(row["latitude"]), float(row["longitude"]))
            for row in rows_of(folder / "stations" / "stations.csv")
        }
        picks = sorted((_pick(row) for row in rows_of(folder / "truth" / "picks.csv")), key=lambda pick: pick.key)
        judge = MoveoutJudge(places)
        found = sum(len(judge.handle(pick)) for pick in picks)
        yield at_most(name, f"impossible moveouts in {len(picks)} true picks", found, 0, "{:.0f}")
    # A country of stations 30 km apart: what one of them saw 10 to 60 km away, five send within a second.
    seen = 0
    for _ in range(plants):
        keys = [f"XX.S{k}" for k in range(100)]
        places = {key: (30 + 0.27 * (k // 10), 100 + 0.31 * (k % 10)) for k, key in enumerate(keys)}
        judge = MoveoutJudge(places)
        onsets: tuple[tuple[Phase, float], ...] = (("P", 0.0), ("S", float(rng.uniform(1.2, 7.5))))
        liars = rng.choice(keys, 5, replace=False)
        starts = [int(rng.uniform(0, NS_PER_S)) for _ in liars]
        picks = [
            Pick(SourceId("XX", liar[3:], "", "HHZ"), phase, start_ns + round(later_s * NS_PER_S), 0.1)
            for liar, start_ns in zip(liars, starts, strict=True)
            for phase, later_s in onsets
        ]
        seen += any(judge.handle(pick) for pick in sorted(picks, key=lambda pick: pick.key))
    what = f"one P and S sent by 5 of 100 stations 30 km apart, {plants} times: share found"
    yield Row("moveout", what, "-", f"{seen / plants:.2f}", passed=True)


def _pick(row: dict[str, str]) -> Pick:
    source = SourceId(row["network"], row["station"], "", "")
    phase: Phase = "S" if row["phase"].upper().startswith("S") else "P"
    return Pick(source, phase, parse_instant(row["time"]), 0.1)


def _speed(sets: dict[str, list[Segment]], days: int, rng: np.random.Generator) -> Iterator[Row]:
    """A month of one station in the index, made of the intervals of all real landmarks; then one more day."""
    pools = _intervals(sets)
    index = ReplayIndex(days=FOREVER_DAYS)
    source = SourceId("XX", "A", "", "HHZ")
    accidents = 0
    for hour in range(24 * days):
        accidents += len(index.handle(_hour(source, pools, hour, rng)))
    live = [list(_hour(source, pools, 24 * days + hour, rng)) for hour in range(24)]
    spent_s = []
    for begun in (index, ReplayIndex(days=FOREVER_DAYS)):
        runs_s = []
        for _ in range(3):
            searched = copy.deepcopy(begun)
            started = time.process_time()
            matches = [match for hour in live for match in searched.handle(hour)]
            runs_s.append(time.process_time() - started)
        accidents += len(matches)
        spent_s.append(min(runs_s))
    per_day_ms = (spent_s[0] - spent_s[1]) / days * 1e3
    yield at_most("replay search", "a day of one station against one station-day of archive, ms", per_day_ms, 10.0)
    yield Row("replay search", "index, MB a station-day", "-", f"{index.count_bytes / days / 1e6:.2f}", passed=True)
    told = f"{accidents} of about {(days * 126_000) ** 2 / 2:.1e} pairs"
    yield Row("replay search", "walks of 25 nats by accident, before samples are asked", "-", told, passed=True)
    noise = Segment(source, 0, 100.0, rng.normal(0, 1000, 100 * 3600).astype(np.int32))
    landmarks = Landmarks()
    list(landmarks.follow(noise))
    started = time.process_time()
    list(landmarks.follow(noise))
    yield Row(
        "replay search",
        "landmarks of a station-day at 100 Hz, s",
        "-",
        f"{(time.process_time() - started) * 24:.2f}",
        passed=True,
    )


def _intervals(sets: dict[str, list[Segment]]) -> list["np.ndarray[tuple[int], np.dtype[np.int64]]"]:
    pools: list[list[np.ndarray[tuple[int], np.dtype[np.int64]]]] = [[] for _ in BANDS_HZ]
    for segments in sets.values():
        landmarks = Landmarks()
        for segment in _vertical(segments):
            for marks in landmarks.follow(segment):
                pools[marks.band].append(np.diff(marks.ticks))
    return [np.concatenate(pool) for pool in pools]


def _hour(
    source: SourceId, pools: list["np.ndarray[tuple[int], np.dtype[np.int64]]"], hour: int, rng: np.random.Generator
) -> Iterator[Marks]:
    length = 3600 * NS_PER_S // TICK_NS
    for band, pool in enumerate(pools):
        ticks = np.cumsum(rng.choice(pool, int(1.3 * length / pool.mean())))
        ticks = ticks[ticks < length] + hour * length
        yield Marks(source, band, ticks, rng.exponential(1.0, len(ticks)), fresh=False)


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plants", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=30)
    args = parser.parse_args()
    passed = True
    for row in check(args.plants, args.days):
        passed &= row.passed
        print(f"{row.name:26} {row.what:75} {row.asked:>8} {row.got}{'' if row.passed else '  NO'}", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
