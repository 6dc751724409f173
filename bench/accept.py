"""Every figure the issues ask for, measured on the real recordings, as one table: asked, got, pass.

Defaults everywhere: only a set's own inventory and model are given. The recordings are found as the tests find
them, in HOUFENG_DATA (default ../shared/data); score_catalogue.py lies beside them.

Usage: python bench/accept.py [SET ...] [--picker classical|phasenet|both]
Exit status 0 when every row passes, else 1.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from accept_live import CHECKS as LIVE
from accept_map import check as shaking_map
from accept_net import CHECKS as NET
from accept_shake import CHECKS as SHAKING
from accept_size import check as sizes
from accept_twin import check as twin
from accept_waveform import check as waveform
from attack import check as attack
from houfeng.quake.detect.picker import Picker
from houfeng.shell.locating import locate_file
from houfeng.shell.replay.replay import Outcome, load_inventory, load_model, load_picker
from houfeng.wire import mseed
from houfeng.wire.quakeml import write_quakeml
from houfeng.wire.waveforms import read_waveforms
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Pick, Quake
from intruder import CHECKS as INTRUDER
from playing import play
from rows import DATA, Row, at_least, at_most, rows_of
from warn import CHECKS as WARN

SCORER = DATA.parent / "score" / "score_catalogue.py"
TOLERANCE_S = {"P": 0.5, "S": 1.0}


def picks_told(name: str, picker: Picker) -> list[Pick]:
    """Every pick of a set, claimed by a quake or not."""
    told: list[Pick] = []
    play(name, picker, on_told=lambda value: told.append(value) if isinstance(value, Pick) else None)
    return told


def score(quakes: list[Quake], name: str, *options: str) -> dict[str, Any]:
    """What the scorer says of a catalogue."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as catalogue:
        catalogue.write(write_quakeml(quakes))
        catalogue.flush()
        command = [sys.executable, str(SCORER), catalogue.name, str(DATA / name), "--json", *options]
        said = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(said.stdout))


def pick_errors(picks: list[Pick], wanted: list[tuple[str, str, int]], phase: str) -> tuple[float, np.ndarray]:
    """Share of wanted arrivals (station, phase, time) found, and the errors of those, s."""
    errors, count = [], 0
    for station, what, time_ns in wanted:
        if what != phase:
            continue
        count += 1
        near = [
            (pick.time_ns - time_ns) / NS_PER_S
            for pick in picks
            if pick.source.station == station and pick.phase == phase
        ]
        best = min(near, key=abs, default=math.inf)
        if abs(best) <= TOLERANCE_S[phase]:
            errors.append(best)
    return len(errors) / max(1, count), np.array(errors)


def alpine_fault(picker: Picker, label: str) -> Iterator[Row]:
    """nz_alpinefault_2013a: small quakes, analyst picks 0.11 s early throughout."""
    name = "nz_alpinefault_2013a"
    outcome = play(name, picker)
    said = score(outcome.quakes, name)
    told = f"{name}{label}"
    used = [arrival.pick for quake in outcome.quakes for arrival in quake.origin.arrivals]
    wanted = [
        (r["station"], r["phase"][0], parse_instant(r["time"])) for r in rows_of(DATA / name / "truth" / "picks.csv")
    ]
    p_recall, p_errors = pick_errors(used, wanted, "P")
    s_recall, _ = pick_errors(used, wanted, "S")
    scatter = float(np.median(np.abs(p_errors - np.median(p_errors)))) if len(p_errors) else math.inf
    yield at_least(told, "quakes matched of 17", said["matched"], 14, "{:.0f}")
    yield at_most(told, "extra quakes", said["extra"], 3, "{:.0f}")
    yield at_most(told, "split quakes", said["split"], 0, "{:.0f}")
    yield at_most(told, "median epicentral error, km", said["km"]["median"] if said["km"] else math.inf, 2.0)
    yield at_least(told, "P recall", p_recall, 0.80)
    yield at_most(told, "P scatter (MAD about the median), s", scatter, 0.05)
    yield at_least(told, "S recall", s_recall, 0.55)


def iceland_dyke(picker: Picker, label: str) -> Iterator[Row]:
    """iceland_dyke_2014: 27 quakes in ten minutes."""
    name = "iceland_dyke_2014"
    outcome = play(name, picker)
    said = score(outcome.quakes, name, "--match-s", "1", "--match-km", "5")
    told = f"{name}{label}"
    yield at_least(told, "quakes matched of 27", said["matched"], 20, "{:.0f}")
    yield at_most(told, "split quakes", said["split"], 3, "{:.0f}")
    yield at_most(told, "median epicentral error, km", said["km"]["median"] if said["km"] else math.inf, 1.5)
    yield at_least(told, "P recall", said["picks"]["P"]["recall"], 0.85)


def stead(picker: Picker, label: str) -> Iterator[Row]:
    """picks_stead_a: single-station windows."""
    wanted = []
    for row in rows_of(DATA / "picks_stead_a" / "truth" / "picks.csv"):
        wanted += [("109C", "P", parse_instant(row["p_time"])), ("109C", "S", parse_instant(row["s_time"]))]
    asked = (0.9, 0.06, 0.8, 1.0) if not label else (25 / 25, 0.045, 24 / 25, 0.075)
    yield from _single(f"picks_stead_a{label}", picks_told("picks_stead_a", picker), wanted, asked)


def ncedc(picker: Picker, label: str) -> Iterator[Row]:
    """picks_ncedc_a: single-station windows of 48 stations, 54 of three components and 16 verticals."""
    wanted = []
    for row in rows_of(DATA / "picks_ncedc_a" / "truth" / "picks.csv"):
        wanted.append((row["station"], "P", parse_instant(row["p_time"])))
        if row["s_time"]:
            wanted.append((row["station"], "S", parse_instant(row["s_time"])))
    asked = (0.9, 0.02, 0.8, 1.0) if not label else (70 / 70, 0.015, 70 / 70, 0.035)
    yield from _single(f"picks_ncedc_a{label}", picks_told("picks_ncedc_a", picker), wanted, asked)


def _single(
    name: str, picks: list[Pick], wanted: list[tuple[str, str, int]], asked: tuple[float, float, float, float]
) -> Iterator[Row]:
    for phase, least, most in (("P", asked[0], asked[1]), ("S", asked[2], asked[3])):
        recall, errors = pick_errors(picks, wanted, phase)
        yield at_least(name, f"{phase} recall", recall, least)
        median = float(np.median(np.abs(errors))) if len(errors) else math.inf
        yield at_most(name, f"{phase} median absolute error, s", median, most)


def pleasant_hill(picker: Picker, label: str) -> Iterator[Row]:
    """pleasanthill_2019: a mainshock and three aftershocks with full responses."""
    name = "pleasanthill_2019"
    outcome = play(name, picker)
    said = score(outcome.quakes, name)
    told = f"{name}{label}"
    yield at_most(told, "mainshock epicentral error, km", said["km"]["worst"] if said["km"] else math.inf, 4.0)
    yield at_most(told, "mainshock origin time error, s", said["dt_s"]["worst"] if said["dt_s"] else math.inf, 0.7)
    main_ns = parse_instant("2019-10-15T05:33:42.81Z")
    main = min(outcome.quakes, key=lambda quake: abs(quake.origin.time_ns - main_ns), default=None)
    local = [size.value for size in main.magnitudes if size.kind == "ML"] if main else []
    yield at_most(told, "mainshock |ML - 4.46|", abs(local[0] - 4.46) if local else math.inf, 0.4)
    after_s = [(quake.origin.time_ns - main_ns) / NS_PER_S for quake in outcome.quakes]
    found = [any(abs(after - wanted) < 4.0 for after in after_s) for wanted in (83.8, 122.6, 152.2)]
    yield at_least(told, "aftershocks at 84, 123, 152 s", sum(found), 3, "{:.0f}")
    other = [after for after in after_s if min(abs(after - wanted) for wanted in (0, 83.8, 122.6, 152.2)) >= 4.0]
    yield at_most(told, "anything else", len(other), 0, "{:.0f}")


def antilles(picker: Picker, label: str) -> Iterator[Row]:
    """antilles_2010: one quake 138 km down, four stations."""
    outcome = play("antilles_2010", picker)
    told = f"antilles_2010{label}"
    yield Row(told, "quakes", "1", str(len(outcome.quakes)), len(outcome.quakes) == 1)
    depth_km = max((quake.origin.depth_m / 1000 for quake in outcome.quakes), default=0.0)
    yield at_least(told, "depth, km", depth_km, 100.0)
    sizes = [quake.magnitude.value for quake in outcome.quakes if quake.magnitude]
    yield at_most(told, "|magnitude - 3.33|", min((abs(size - 3.33) for size in sizes), default=math.inf), 0.5)


def hawaii(picker: Picker, label: str) -> Iterator[Row]:
    """hawaii_clipped_2019: six clipped stations to one side."""
    yield from _nearest("hawaii_clipped_2019", play("hawaii_clipped_2019", picker), label, 12.0, 10.0)


def explosion(picker: Picker, label: str) -> Iterator[Row]:
    """dprk_2017_explosion: regional, 370 to 3,900 km."""
    yield from _nearest("dprk_2017_explosion", play("dprk_2017_explosion", picker), label, 50.0, 4.0)


def aomori(picker: Picker, label: str) -> Iterator[Row]:
    """knet_aomori_2018: nine accelerographs 90 to 150 km away, all to one side."""
    name = "knet_aomori_2018"
    yield from _nearest(name, play(name, picker), label, 50.0, 4.0)
    exact, total, worst = 0, 0, 0.0
    for row in rows_of(DATA / name / "truth" / "header_values.csv"):
        data = (DATA / name / "waveforms" / f"{row['station']}1801241951.{row['component']}").read_bytes()
        batch = read_waveforms(data, row["station"]).batches[0]
        total += 1
        exact += int(batch.offset[-1] - batch.offset[0]) == int(row["npts"])
        scale = _knet_gal_per_count(data)
        peak_gal = float(np.abs(batch.samples - batch.samples.mean()).max()) * scale
        worst = max(worst, abs(peak_gal / float(row["header_max_acc_gal"]) - 1))
    yield Row(f"{name}{label}", "records read with all samples", str(total), str(exact), exact == total)
    yield at_most(f"{name}{label}", "PGA against header, %", 100 * worst, 0.5)


def _knet_gal_per_count(data: bytes) -> float:
    line = next(line for line in data.decode("ascii", "replace").splitlines() if line.startswith("Scale Factor"))
    gal, counts = line.split()[-1].split("(gal)/")
    return float(gal) / float(counts)


def _nearest(name: str, outcome: Outcome, label: str, most_km: float, most_s: float) -> Iterator[Row]:
    truth = rows_of(DATA / name / "truth" / "events.csv")[0]
    time_ns = parse_instant(truth["origin_time"])
    best = min(
        (
            (_km(quake, truth), abs(quake.origin.time_ns - time_ns) / NS_PER_S)
            for quake in outcome.quakes
            if abs(quake.origin.time_ns - time_ns) < 60 * NS_PER_S
        ),
        default=(math.inf, math.inf),
    )
    yield at_most(f"{name}{label}", "epicentral error, km", best[0], most_km)
    yield at_most(f"{name}{label}", "origin time error, s", best[1], most_s)


def _km(quake: Quake, truth: dict[str, str]) -> float:
    place = (float(truth["latitude"]), float(truth["longitude"]))
    return float(distance_m(*place, quake.origin.latitude_deg, quake.origin.longitude_deg)) / 1000


def mexico(picker: Picker, label: str) -> Iterator[Row]:
    """openeew_mexico_a: five quakes on low-cost accelerometers."""
    name = "openeew_mexico_a"
    outcome = play(name, picker)
    for truth in rows_of(DATA / name / "truth" / "events.csv"):
        told = f"{truth['event_id']}{label}"
        time_ns = parse_instant(truth["origin_time"])
        near = [quake for quake in outcome.quakes if abs(quake.origin.time_ns - time_ns) < 150 * NS_PER_S]
        best = min(near, key=lambda quake: abs(quake.origin.time_ns - time_ns), default=None)
        size = float(truth["magnitude"])
        yield at_most(told, "epicentral error, km", math.inf if best is None else _km(best, truth), 40.0)
        off = abs(best.magnitude.value - size) if best and best.magnitude else math.inf
        yield at_most(told, f"|magnitude - {size}|", off, 0.7 if size > 7 else 0.5)
        yield Row(told, "quakes told", "1", str(len(near)), len(near) == 1)
        picked = {arrival.pick.source.station_key for arrival in best.origin.arrivals} if best else set()
        yield at_least(told, "devices picked", len(picked), 4, "{:.0f}")


def alaska(_: Picker, label: str) -> Iterator[Row]:
    """locate_alaska_2018: picks with outliers, NonLinLoc's solutions."""
    folder = DATA / "locate_alaska_2018"
    inventory = load_inventory([str(folder / "stations" / "stations.csv")])
    model = load_model(folder / "stations" / "velocity_model.csv")
    quakes, _findings = locate_file(
        folder / "picks" / "2018-11-30-mww70-southern-alaska.obs", inventory, model, defaulted=False
    )
    inside = 0
    for truth in rows_of(folder / "truth" / "events.csv"):
        time_ns = parse_instant(truth["origin_time"])
        quake = min(quakes, key=lambda quake: abs(quake.origin.time_ns - time_ns))
        deep = float(truth["depth_km"]) > 0
        told = f"locate_alaska_2018{label} {truth['origin_time'][11:19]}"
        yield at_most(told, "epicentral difference, km", _km(quake, truth), 3.0 if deep else 8.0)
        if deep:
            yield at_most(
                told, "depth difference, km", abs(quake.origin.depth_m / 1000 - float(truth["depth_km"])), 5.0
            )
            yield at_most(told, "origin time difference, s", abs(quake.origin.time_ns - time_ns) / NS_PER_S, 0.5)
        inside += _inside_95(quake, truth)
    yield at_least(f"locate_alaska_2018{label}", "NonLinLoc inside our 95 % ellipse, of 7", inside, 5, "{:.0f}")


def _inside_95(quake: Quake, truth: dict[str, str]) -> bool:
    ellipse = next(ellipse for ellipse in quake.origin.ellipses if ellipse.confidence > 0.9)
    north = (float(truth["latitude"]) - quake.origin.latitude_deg) * 111_200
    east = (float(truth["longitude"]) - quake.origin.longitude_deg) * 111_200
    east *= math.cos(math.radians(quake.origin.latitude_deg))
    angle = math.radians(ellipse.azimuth_deg)
    along = east * math.sin(angle) + north * math.cos(angle)
    across = east * math.cos(angle) - north * math.sin(angle)
    return (along / ellipse.semi_major_m) ** 2 + (across / ellipse.semi_minor_m) ** 2 <= 1


def bingham(_: Picker, label: str) -> Iterator[Row]:
    """stationxml_quakeml_a: analyst picks around a mine, default model."""
    folder = DATA / "stationxml_quakeml_a"
    inventory = load_inventory([str(folder / "bingham" / "inventory.xml")])
    events = rows_of(folder / "truth" / "bingham_events.csv")
    picks = rows_of(folder / "truth" / "bingham_picks.csv")
    quakes, _findings = locate_file(
        folder / "quakeml" / "bingham_2013_events.xml", inventory, load_model(None), defaulted=True
    )
    for truth in events:
        arrivals = sum(row["event_id"] == truth["event_id"] for row in picks)
        if arrivals < 10:
            continue
        time_ns = parse_instant(truth["origin_time"])
        quake = min(quakes, key=lambda quake: abs(quake.origin.time_ns - time_ns))
        told = f"{truth['event_id']}{label}, {arrivals} arrivals"
        yield at_most(told, "epicentral difference, km", _km(quake, truth), 3.0)


def measured(command: list[str]) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run a command in a process of its own; what it said, and the most memory it held, MB."""
    counted = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(r.returncode)"
    )
    said = subprocess.run(
        [sys.executable, "-c", counted, *command], capture_output=True, text=True, check=False, timeout=60
    )
    return said, int(said.stdout.splitlines()[-1]) / 1024


def malformed(_: Picker, label: str) -> Iterator[Row]:
    """malformed_a: every file is refused or read, says why, in 5 s and under 200 MB."""
    files = [row["file"] for row in rows_of(DATA / "malformed_a" / "truth" / "expectations.csv")]
    good, bad = 0, []
    slowest_s = peak_mb = 0.0
    for name in files:
        path = DATA / "malformed_a" / "files" / name
        started = time.monotonic()
        said, used_mb = measured([sys.executable, "-m", "houfeng", "info", str(path)])
        peak_mb = max(peak_mb, used_mb)
        took_s = time.monotonic() - started
        slowest_s = max(slowest_s, took_s)
        fine = said.returncode in (0, 3) and "Traceback" not in said.stderr and name in said.stdout and took_s < 5
        good += fine
        bad += [] if fine else [name]
    told = f"malformed_a{label}"
    yield Row(told, "files that pass", str(len(files)), f"{good} {' '.join(bad)}".strip(), good == len(files))
    yield at_most(told, "slowest file, s", slowest_s, 5.0)
    yield at_most(told, "most memory, MB", peak_mb, 200.0, "{:.0f}")


def conformance(_: Picker, label: str) -> Iterator[Row]:
    """mseed_conformance_a: every record as libmseed decodes it."""
    from hashlib import sha256

    folder = DATA / "mseed_conformance_a"
    wanted: dict[str, list[dict[str, str]]] = {}
    for row in rows_of(folder / "truth" / "decoded_by_libmseed.csv"):
        wanted.setdefault(row["file"], []).append(row)
    passed, failed = 0, []
    for name, records in wanted.items():
        batches = mseed.decode((folder / name).read_bytes(), file=name).batches
        got = [
            (
                batch.channels[batch.channel[i]].fdsn,
                int(batch.start_ns[i]),
                batch.samples[batch.offset[i] : batch.offset[i + 1]],
            )
            for batch in batches
            for i in range(len(batch))
        ]
        spoken = [row for row in records if row["type"] in "ifd" and row["type"] and int(row["samples"]) > 0]
        same = len(got) == len(spoken)
        for row, (source, start_ns, samples) in zip(spoken, got, strict=False):
            kind = {"i": "<i4", "f": "<f4", "d": "<f8"}[row["type"]]
            digest = sha256(samples.astype(kind).tobytes()).hexdigest()[:16]
            late_ns = abs(start_ns - parse_instant(row["start_time"]))
            near = late_ns <= (0 if row["format_version"] == "3" else 1000)
            same &= source == row["source_id"] and near and digest == row["sha256_16_of_little_endian_samples"]
        passed += same
        failed += [] if same else [name]
    told = f"mseed_conformance_a{label}"
    yield Row(told, "files that pass", str(len(wanted)), f"{passed} {' '.join(failed)}".strip(), passed == len(wanted))


def locator(_: Picker, label: str) -> Iterator[Row]:
    """A 50-station, 100-phase quake, as bench/locate.py makes it."""
    import locate

    seconds, error_km = locate.fifty_stations()
    yield at_most(f"locator{label}", "50 stations, 100 phases, s", seconds, 0.05)
    yield at_most(f"locator{label}", "median 3-D error, km", error_km, 0.17)


BOTH_PICKERS: dict[str, Callable[[Picker, str], Iterator[Row]]] = {
    "nz_alpinefault_2013a": alpine_fault,
    "picks_stead_a": stead,
    "picks_ncedc_a": ncedc,
    "iceland_dyke_2014": iceland_dyke,
    "pleasanthill_2019": pleasant_hill,
    "antilles_2010": antilles,
    "hawaii_clipped_2019": hawaii,
    "dprk_2017_explosion": explosion,
    "knet_aomori_2018": aomori,
    "openeew_mexico_a": mexico,
}
ONCE: dict[str, Callable[[Picker, str], Iterator[Row]]] = {
    "locate_alaska_2018": alaska,
    "stationxml_quakeml_a": bingham,
    "malformed_a": malformed,
    "mseed_conformance_a": conformance,
    "locator": locator,
    **SHAKING,
    "napa_2014_shakemap map": shaking_map,
    "sizes": sizes,
    "twin": twin,
    **LIVE,
    **WARN,
    **NET,
    **INTRUDER,
    "net_waveform": lambda _picker, _label: waveform(),
    "warn attack": attack,
}


def measure(sets: list[str], which: str) -> list[Row]:
    """All rows of the chosen sets."""
    weights = DATA / "phasenet_original" / "phasenet.onnx"
    pickers = [("", load_picker("classical", None, None))] if which != "phasenet" else []
    if which != "classical":
        pickers.append((" (phasenet)", load_picker("phasenet", weights, None)))
    console = Console(stderr=True)
    rows: list[Row] = []
    for label, picker in pickers:
        for name, check in BOTH_PICKERS.items():
            if _wanted(name, sets):
                rows += _checked(name + label, check, picker, label, console)
    for name, check in ONCE.items():
        if _wanted(name, sets):
            rows += _checked(name, check, load_picker("classical", None, None), "", console)
    return rows


def _wanted(name: str, sets: list[str]) -> bool:
    """Whether a check was asked for, by its name or that of its set."""
    return not sets or name in sets or name.split(maxsplit=1)[0] in sets


def _checked(
    told: str, check: Callable[[Picker, str], Iterator[Row]], picker: Picker, label: str, console: Console
) -> list[Row]:
    started = time.monotonic()
    try:
        rows = list(check(picker, label))
    except Exception as error:  # noqa: BLE001  a set that breaks is a row that fails, and the others still count
        rows = [Row(told, "runs through", "yes", f"{type(error).__name__}: {error}", passed=False)]
    console.print(f"{told}: {sum(row.passed for row in rows)} of {len(rows)} in {time.monotonic() - started:.0f} s")
    return rows


def main() -> int:
    """Measure, print the table, and say whether all of it passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help="only these data sets")
    parser.add_argument("--picker", choices=("classical", "phasenet", "both"), default="both")
    args = parser.parse_args()
    if not SCORER.exists():
        print(f"no recordings at {DATA}: set HOUFENG_DATA to the folder of data sets", file=sys.stderr)
        return 1
    rows = measure(args.sets, args.picker)
    table = Table("set", "figure", "asked", "got", "pass")
    for row in rows:
        table.add_row(row.name, row.what, row.asked, row.got, "[green]yes[/]" if row.passed else "[bold red]NO[/]")
    Console(width=140).print(table)
    print(f"{sum(row.passed for row in rows)} passed, {sum(not row.passed for row in rows)} failed")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
