"""How big, and what kind: sizes of the recorded quakes against their truth, clipping, and the explosion."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from houfeng.quake.detect.picker import Picker
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Quake
from playing import play
from rows import DATA, Row, at_most, rows_of

#: Sets of one mainshock each, what its published size is on, and how far off its origin may be, s.
MAINSHOCKS = ("pleasanthill_2019", "hawaii_clipped_2019", "antilles_2010", "knet_aomori_2018", "taiwan_hualien_2018")
EXPLOSION = "dprk_2017_explosion"
EARTHQUAKES = (
    *MAINSHOCKS,
    "openeew_mexico_a",
    "nz_alpinefault_2013a",
    "iceland_dyke_2014",
)
NEAR_S = 60.0


def check(picker: Picker, label: str) -> Iterator[Row]:
    """Every figure asked of sizes and of the kind of source, and for information all sizes beside the truth."""
    played = {name: play(name, picker).quakes for name in (*EARTHQUAKES, EXPLOSION)}
    yield from _pleasant_hill(played["pleasanthill_2019"], label)
    yield from _hawaii(played["hawaii_clipped_2019"], label)
    yield from _kinds(played, label)
    for truth in _truths():
        yield _beside(truth, played[truth.name], label)
    yield _alpine_fault(played["nz_alpinefault_2013a"], label)


@dataclass(frozen=True, slots=True)
class Truth:
    """One quake as its set publishes it."""

    name: str
    event: str
    time_ns: int
    size: str


def _truths() -> Iterator[Truth]:
    for name in (*MAINSHOCKS, "openeew_mexico_a"):
        for row in rows_of(DATA / name / "truth" / "events.csv"):
            size = f"{row['magnitude_type'] or 'M'} {row['magnitude']}"
            yield Truth(name, row["event_id"], parse_instant(row["origin_time"]), size)


def _nearest(quakes: list[Quake], time_ns: int) -> Quake | None:
    near = [quake for quake in quakes if abs(quake.origin.time_ns - time_ns) < NEAR_S * NS_PER_S]
    return min(near, key=lambda quake: abs(quake.origin.time_ns - time_ns), default=None)


def _pleasant_hill(quakes: list[Quake], label: str) -> Iterator[Row]:
    main = _nearest(quakes, parse_instant("2019-10-15T05:33:42.81Z"))
    size = next((magnitude for magnitude in main.magnitudes if magnitude.kind == "Mw"), None) if main else None
    off = abs(size.value - 4.46) if size else float("inf")
    yield at_most(f"pleasanthill_2019{label}", "mainshock |Mw - 4.46|", off, 0.3)
    preferred = main.magnitude.kind if main and main.magnitude else "none"
    yield Row(f"pleasanthill_2019{label}", "preferred magnitude", "Mw", preferred, preferred == "Mw")


def _hawaii(quakes: list[Quake], label: str) -> Iterator[Row]:
    told = f"hawaii_clipped_2019{label}"
    main = _nearest(quakes, parse_instant("2019-04-14T03:09:02Z"))
    notes = [note for note in (main.notes if main else ()) if note.startswith("clipped, ")]
    listed = {channel.strip() for note in notes for channel in note.split(": ", 1)[1].split(",")}
    labels = {row["id"]: row["clipped"] for row in rows_of(DATA / "hawaii_clipped_2019" / "truth" / "clipping.csv")}
    wanted = {channel for channel, label in labels.items() if label == "yes"}
    clean = {channel for channel, label in labels.items() if label == "no"}
    yield Row(told, "clipped channels listed", str(len(wanted)), str(len(wanted & listed)), wanted <= listed)
    yield at_most(told, "whole channels listed as clipped", len(clean & listed), 0, "{:.0f}")
    used = {a.source.nslc for a in main.amplitudes} if main else set()
    yield at_most(told, "clipped channels that a magnitude uses", len(used & listed), 0, "{:.0f}")


def _kinds(played: dict[str, list[Quake]], label: str) -> Iterator[Row]:
    truth = rows_of(DATA / EXPLOSION / "truth" / "events.csv")[0]
    quake = _nearest(played[EXPLOSION], parse_instant(truth["origin_time"]))
    said = quake.discrimination if quake else None
    got = f"{said.verdict}, {said.log_ratio:+.1f} from {said.stations} stations" if said else "nothing"
    passed = said is not None and said.verdict == "explosion-like"
    yield Row(f"{EXPLOSION}{label}", "looks like", "explosion-like", got, passed)
    verdicts = [
        quake.discrimination.verdict if quake.discrimination else "" for name in EARTHQUAKES for quake in played[name]
    ]
    told = f"{len(EARTHQUAKES)} sets{label}"
    yield at_most(told, "earthquakes called explosion-like", verdicts.count("explosion-like"), 0, "{:.0f}")
    yield Row(
        told, "earthquakes called earthquake-like", "-", f"{verdicts.count('earthquake-like')} of {len(verdicts)}", True
    )


def _alpine_fault(quakes: list[Quake], label: str) -> Row:
    """Small quakes whose ML is known, of which one station has a response: how far off its MLv lies."""
    off = []
    for row in rows_of(DATA / "nz_alpinefault_2013a" / "truth" / "events.csv"):
        quake = _nearest(quakes, parse_instant(row["origin_time"]))
        if quake and quake.magnitude and row["magnitude"]:
            off.append(quake.magnitude.value - float(row["magnitude"]))
    median = f"median {np.median(off):+.2f}, {min(off):+.2f} to {max(off):+.2f} of {len(off)}" if off else "none"
    return Row(f"nz_alpinefault_2013a{label}", "MLv of one station beside the network's ML", "-", median, passed=True)


def _beside(truth: Truth, quakes: list[Quake], label: str) -> Row:
    quake = _nearest(quakes, truth.time_ns)
    sizes = [f"{m.kind} {m.value:.2f}" for m in quake.magnitudes] if quake else ["not told"]
    return Row(
        f"{truth.name}{label}",
        f"sizes beside {truth.size} ({truth.event})",
        "-",
        ", ".join(sizes) or "none",
        passed=True,
    )
