"""Warning: the figures asked for, on real sets and on the twin, as rows of the acceptance table.

Usage: python bench/warn.py [openeew|real|onsets|noise|twin] [--quakes N] [--hours N] [--recording FOLDER ...]
A recording is a folder that `houfeng twin` made; without, an hour of the city is made. Exit status 0 when all pass.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from attack_search import plain, real
from houfeng.quake.detect.picker import Picker
from houfeng.quake.warn.policy import Policy
from houfeng.words.alert import Alert
from houfeng.words.earth import distance_m, travelled
from live import made
from rows import DATA, Row, at_most
from warn_heard import Outcome, catalogue, false_ones, hear, outcomes
from warn_network import BASE_NS, LATENCY_S, Night, Shock, arrival_s, honest, play, province

#: Stated latency of records of which nobody recorded when they arrived, s.
STATED_S: Final = 1.0
REAL: Final = (
    "pleasanthill_2019",
    "hawaii_clipped_2019",
    "knet_aomori_2018",
    "nz_alpinefault_2013a",
    "iceland_dyke_2014",
)
#: From about this magnitude on quakes are felt.
FELT: Final = 3.0
#: Of the twin's quakes: how many, and what a warning is asked to find.
QUAKES, LEAST, MOST, ASKED = 200, 3.5, 7.5, 4.0
#: Hours of noise, and the share of stations whose stamps are seconds off.
NOISE_HOURS, MISTIMED_SHARE = 24, 0.02


def openeew(_: Picker | None, label: str) -> Iterator[Row]:
    """openeew_mexico_a: with the packets' real arrivals where the set has them."""
    name = "openeew_mexico_a"
    folder = DATA / name
    metadata = sorted((folder / "stations").iterdir())
    for quake in catalogue(folder / "truth" / "events.csv"):
        short = quake.name.removeprefix("ssn_")
        raw = folder / "raw_jsonl" / short
        files = sorted(raw.rglob("*.jsonl")) if raw.is_dir() else [folder / "waveforms" / f"{short}.mseed"]
        heard = hear(files, metadata, None, STATED_S)
        told = f"warn {short}{label}, {'real arrivals' if raw.is_dir() else f'stated latency {STATED_S:.0f} s'}"
        (one,) = outcomes(heard, [quake]) or [None]
        if one is None:
            yield Row(told, "stations with data", "≥ 4", "fewer", passed=False)
            continue
        yield at_most(
            told,
            f"M {quake.magnitude}: s from origin to first word (plain rule {one.plain_s:.1f}, bound {one.bound_s:.1f})",
            one.first_s,
            one.bound_s + 3.0,
        )
        yield at_most(told, f"epicentral error, km, final (first {one.first_m / 1e3:.0f})", one.final_m / 1e3, 40.0)
        yield at_most(
            told,
            f"|magnitude error|, final (first {one.first_size:+.1f})",
            round(abs(one.final_size), 2),
            0.7 if quake.magnitude > 7 else 0.5,
        )
        yield at_most(told, "false alerts", len(false_ones(heard.alerts, [quake])), 0, "{:.0f}")


def real_sets(_: Picker | None, label: str) -> Iterator[Row]:
    """Other real sets, with a stated latency."""
    found: list[Outcome] = []
    for name in REAL:
        folder = DATA / name
        stations = folder / "stations"
        model = stations / "velocity_model.csv"
        metadata = [path for path in sorted(stations.iterdir()) if path != model]
        heard = hear([folder / "waveforms"], metadata, model if model.exists() else None, STATED_S)
        quakes = catalogue(folder / "truth" / "events.csv")
        ones = outcomes(heard, quakes)
        found += ones
        told = f"warn {name}{label}"
        yield from _delays(told, ones)
        others = false_ones(heard.alerts, quakes)
        theirs = false_ones(heard.plain, quakes)
        loud = sum(len(alert.audiences) > 1 for alert in others)
        yield at_most(
            told, f"false alerts above operators (any: {len(others)}; plain rule: {len(theirs)})", loud, 0, "{:.0f}"
        )
    yield from _over_bound(f"warn real sets{label}", found)
    felt = [one for one in found if one.quake.magnitude >= FELT]
    yield from _over_bound(f"warn real sets, M ≥ {FELT:g}{label}", felt)


def _delays(told: str, ones: Sequence[Outcome]) -> Iterator[Row]:
    warned = [one for one in ones if np.isfinite(one.first_s)]
    after = np.array([one.first_s - one.fourth_s for one in warned])
    bound = np.array([one.bound_s - one.fourth_s for one in warned])
    theirs = np.array([one.plain_s - one.fourth_s for one in ones if np.isfinite(one.plain_s)])
    got = f"{_spread(after)} of {len(warned)}; plain {_spread(theirs)} of {len(theirs)}; bound {_spread(bound)}"
    yield Row(told, f"s from fourth P to first alert, median, worst; of {len(ones)} quakes", "-", got, passed=True)
    if warned:
        off = [[one.first_m / 1e3, one.final_m / 1e3, abs(one.first_size), abs(one.final_size)] for one in warned]
        middle = np.nanmedian(np.array(off), axis=0)
        got = f"{middle[0]:.1f}, {middle[1]:.1f} km; {middle[2]:.1f}, {middle[3]:.1f}"
        yield Row(told, "median error of place and size, first, final", "-", got, passed=True)


def _over_bound(told: str, ones: Sequence[Outcome]) -> Iterator[Row]:
    over = np.array([one.first_s - one.bound_s for one in ones if np.isfinite(one.first_s)])
    if len(over) == 0:
        yield Row(told, "alerts", "≥ 1", "0", passed=False)
        return
    yield at_most(told, f"s over the bound, median of {len(over)}", float(np.median(over)), 1.0)
    yield at_most(told, f"s over the bound, worst twentieth of {len(over)}", float(np.quantile(over, 0.95)), 3.0)


def _spread(values: np.ndarray) -> str:
    return f"{np.median(values):+.1f}, {values.max():+.1f}" if len(values) else "none"


def onsets(_: Picker | None, label: str, count: int = QUAKES) -> Iterator[Row]:
    """Quakes of a province of 300 stations, at the level of what stations tell (bench/warn_network.py)."""
    here, policy, rng = province(), Policy(), np.random.default_rng(7)
    live = rng.random(len(here.stations)) >= 0.03
    results = {"ours": [], "plain": []}  # type: dict[str, list[tuple[Shock, float, list[Alert]]]]
    for _number in range(count):
        place = here.places[int(rng.integers(len(here.stations)))]
        (latitude,), (longitude,) = travelled(*place, [rng.normal(0, 1e4)], [rng.normal(0, 1e4)])
        shock = Shock(float(latitude), float(longitude), rng.uniform(4e3, 2e4), 10.0, rng.uniform(LEAST, MOST))
        told = honest(here, [shock], live, (0.0, 32.0), rng)
        p_s, _s = here.travel_s_of(shock, np.arange(len(live)))
        bound_s = np.sort([arrival_s(10.0 + p, 0.0) for p in p_s[live]])[3]
        for name, maker in (("ours", real), ("plain", plain)):
            results[name].append((shock, float(bound_s), play(here, policy, Night(told, live, 32.0), maker)[0]))
    for name, each in results.items():
        yield from _of_onsets(f"warn twin onsets{label}, {name}", each)


def noise(_: Picker | None, label: str, hours: int = NOISE_HOURS) -> Iterator[Row]:
    """Hours without a quake: strays and spikes, with stations that are dead and stations whose clocks are wrong."""
    here, policy, rng = province(), Policy(), np.random.default_rng(24)
    told: list[Alert] = []
    theirs = 0
    for _hour in range(hours):
        live = rng.random(len(here.stations)) >= 0.03
        wrong = np.flatnonzero(rng.random(len(here.stations)) < MISTIMED_SHARE)
        ahead_s = dict(zip(wrong.tolist(), rng.normal(0.0, 5.0, len(wrong)).tolist(), strict=True))
        night = Night(honest(here, [], live, (0.0, 3600.0), rng), live, 3600.0, ahead_s)
        told += [alert for alert in play(here, policy, night, real)[0] if alert.kind == "first"]
        theirs += sum(alert.kind == "first" for alert in play(here, policy, night, plain)[0])
    name, loud = f"warn twin noise{label}", sum(len(alert.audiences) > 1 for alert in told)
    what = f"false alerts above operators in {hours} h of noise (any: {len(told)}; plain rule: {theirs})"
    yield at_most(name, what, loud, 0, "{:.0f}")


def _of_onsets(told: str, results: Sequence[tuple[Shock, float, list[Alert]]]) -> Iterator[Row]:
    """Missed, false, errors and delay of quakes with their alerts."""
    large = missed = false = 0
    over, errors = [], []
    ours = told.endswith("ours")
    for shock, bound_s, alerts in results:
        mine = [a for a in alerts if _near(a, shock) and a.kind != "cancel"]
        names = {a.alert_id for a in mine}
        false += len({a.alert_id for a in alerts if a.alert_id not in names and len(a.audiences) > 1})
        if shock.magnitude >= ASKED:
            large += 1
            missed += not mine
        if mine:
            over.append((mine[0].declared_ns - BASE_NS) / 1e9 - bound_s)
            errors.append(
                [
                    _km(mine[0], shock),
                    _km(mine[-1], shock),
                    abs(mine[0].magnitude - shock.magnitude),
                    abs(mine[-1].magnitude - shock.magnitude),
                ]
            )
    yield Row(told, f"missed of {large} of M {ASKED} and more", "0", str(missed), not ours or missed == 0)
    yield Row(
        told, f"false alerts above operators beside {len(results)} quakes", "0", str(false), not ours or false == 0
    )
    if errors:
        middle, worst = np.median(errors, axis=0), np.quantile(errors, 0.95, axis=0)
        said = [f"{value:.1f} ({rare:.1f})" for value, rare in zip(middle, worst, strict=True)]
        got = f"{said[0]}, {said[1]} km; {said[2]}, {said[3]}"
        yield Row(told, "error of place and size, first, final: median (95 %)", "-", got, passed=True)
        got = f"{np.median(over):.1f}, {np.quantile(over, 0.95):.1f}"
        within = float(np.median(over)) <= 1.0 and float(np.quantile(over, 0.95)) <= 3.0
        yield Row(told, "s over the bound, median, worst twentieth", "≤ 1, ≤ 3", got, not ours or within)


def _near(alert: Alert, shock: Shock) -> bool:
    return _km(alert, shock) < 100 and abs((alert.origin_time_ns - BASE_NS) / 1e9 - shock.time_s) < 20


def _km(alert: Alert, shock: Shock) -> float:
    return float(distance_m(alert.latitude_deg, alert.longitude_deg, shock.latitude_deg, shock.longitude_deg)) / 1e3


def twin(_: Picker | None, label: str, folders: Sequence[Path] = (), until_s: float = np.inf) -> Iterator[Row]:
    """Whole waveforms of the twin, with spikes, dead and mis-timed stations, lost and late packets."""
    if not folders:
        with tempfile.TemporaryDirectory(prefix="houfeng-warn-") as name:
            yield from twin(_, label, [made("city", 60, Path(name))], until_s)
        return
    for folder in folders:
        metadata = [folder / "stations.xml", folder / "domains.csv"]
        heard = hear([folder / "waveforms"], metadata, folder / "model.csv", LATENCY_S, until_s)
        known = catalogue(folder / "truth" / "events.csv")
        quakes = [quake for quake in known if quake.time_ns < max(int(each[-1, 0]) for each in heard.packets.values())]
        ones = outcomes(heard, quakes)
        told = f"warn twin {folder.name}{label}"
        yield from _delays(told, ones)
        yield from _over_bound(told, [one for one in ones if one.quake.magnitude >= LEAST])
        wanted = [one for one in ones if one.quake.magnitude >= LEAST]
        missed = sum(not np.isfinite(one.first_s) for one in wanted)
        yield at_most(told, f"missed of {len(wanted)} of M {LEAST} and more", missed, 0, "{:.0f}")
        others, theirs = false_ones(heard.alerts, quakes), false_ones(heard.plain, quakes)
        loud = sum(len(alert.audiences) > 1 for alert in others)
        yield at_most(
            told, f"false alerts above operators (any: {len(others)}; plain rule: {len(theirs)})", loud, 0, "{:.0f}"
        )


CHECKS: Final = {
    "warn openeew": openeew,
    "warn real": real_sets,
    "warn onsets": onsets,
    "warn noise": noise,
    "warn twin": twin,
}


def main() -> int:
    """Print the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("parts", nargs="*", default=["openeew", "real", "onsets", "noise", "twin"])
    parser.add_argument("--hours", type=int, default=NOISE_HOURS)
    parser.add_argument("--quakes", type=int, default=QUAKES)
    parser.add_argument("--recording", type=Path, nargs="*", default=[])
    parser.add_argument("--until", type=float, default=np.inf)
    args = parser.parse_args()
    passed = True
    for part in args.parts:
        rows = {
            "openeew": lambda: openeew(None, ""),
            "real": lambda: real_sets(None, ""),
            "onsets": lambda: onsets(None, "", args.quakes),
            "noise": lambda: noise(None, "", args.hours),
            "twin": lambda: twin(None, "", args.recording, args.until),
        }[part]()
        for row in rows:
            print(f"{'pass' if row.passed else 'FAIL'} | {row.name} | {row.what} | {row.asked} | {row.got}", flush=True)
            passed &= row.passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
