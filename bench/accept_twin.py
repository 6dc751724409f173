"""Whether the twin's earth is like the real one: against published relations, models and recordings."""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.signal import butter, sosfiltfilt, welch

from houfeng.quake.detect.picker import Picker
from houfeng.quake.shake.csis import csis_of_peaks
from houfeng.quake.shake.ground_motion import expected
from houfeng.shell.recordings import find_files, open_recordings
from houfeng.shell.replay.replay import Setup, load_inventory, load_model, replay
from houfeng.shell.twinning import load_scenario, write_recording
from houfeng.twin.catalogue import QuakePlan
from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.motion import FREE_SURFACE
from houfeng.twin.noise import Background
from houfeng.twin.path import log_attenuation, path_duration_s, spreading
from houfeng.twin.scenario import FaultShares, Scenario
from houfeng.twin.source import MEAN_SH, MEAN_SV, seen_radiation
from houfeng.twin.world import world_of
from houfeng.words.instant import NS_PER_S, parse_instant
from houfeng.words.quake import Pick
from rows import DATA, Row, at_least, at_most, rows_of
from twin_motions import CRUST, RATE_HZ, Made, made

NAME = "twin"
MAGNITUDES = [4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0]
DISTANCES_M = [10e3, 20e3, 35e3, 60e3, 100e3, 150e3]
#: Ground of generic rock: Boore & Joyner 1997, doi:10.1785/BSSA0870020327.
ROCK_VS30_MPS = 620.0


def check(picker: Picker, label: str) -> Iterator[Row]:
    """Every figure asked of the twin."""
    yield from ground_motion()
    yield from source_spectra()
    yield from noise_levels()
    yield from phase_ratios()
    yield from picking(picker, label)
    yield same_bytes()
    yield from nation()


def residuals() -> dict[str, list[tuple[float, float, float]]]:
    """By measure: magnitude, distance and natural logarithm of made over expected."""
    out: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for one in made(MAGNITUDES, DISTANCES_M, quakes=2, around=8):
        for measure, value in one.measures().items():
            relation = expected(measure, one.quake.magnitude, np.array([one.surface_m]), ROCK_VS30_MPS)
            out[measure].append((one.quake.magnitude, one.epicentral_m, float(np.log(value) - relation.ln_median[0])))
    return out


def ground_motion() -> Iterator[Row]:
    """Peaks against Boore et al. 2014, and how intensity falls with distance."""
    for measure, values in residuals().items():
        columns = np.array(values)
        by_size = [float(np.median(columns[columns[:, 0] == magnitude, 2])) for magnitude in MAGNITUDES]
        spread = ", ".join(f"{value:+.2f}" for value in by_size)
        what = f"|median ln residual| of {measure} to BSSA14, M 4-7, 10-150 km (by size {spread})"
        yield at_most(NAME, what, abs(float(np.median(columns[:, 2]))), 0.5)
    rises = 0
    for magnitude in (5.0, 6.0, 7.0):
        felt: dict[float, list[float]] = defaultdict(list)
        for one in made([magnitude], DISTANCES_M, quakes=2, around=8):
            peaks = [np.linalg.norm(series, axis=0).max() for series in (one.acceleration, one.integral(1))]
            felt[round(one.epicentral_m, -3)].append(float(csis_of_peaks(*peaks)))
        medians = [float(np.median(felt[distance])) for distance in sorted(felt)]
        rises += sum(later >= before for before, later in pairwise(medians))
    yield at_most(NAME, "distances at which the median CSIS intensity does not fall, M 5, 6, 7", rises, 0, "{:.0f}")


def source_spectrum(records: list[Made], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Displacement spectrum of S at 1 km, way, site and radiation taken off, m s: rms over stations."""
    powers, radiated = [], []
    for one in records:
        begin = int(one.motion.onset["S"])
        length_s = 2 * (1 / one.rupture.corner_hz + float(path_duration_s(one.hypocentral_m)))
        window = one.integral(2)[:, begin : begin + int(length_s * RATE_HZ)]
        lines = fft.rfftfreq(window.shape[1], 1 / RATE_HZ)
        site = one.site_factor(lines)
        power = np.sum(np.abs(fft.rfft(window) / RATE_HZ / site) ** 2, axis=0)
        smooth = np.array([np.mean(power[np.abs(np.log(np.maximum(lines, 1e-9) / f)) < 0.15]) for f in frequency])
        q = CRUST.path_q("S", one.quake.depth_m)
        lost = log_attenuation(frequency, one.travel_s, q, CRUST.q_exponent, one.site.kappa_s)
        seen = seen_radiation(frequency, one.sv, MEAN_SV) ** 2 + seen_radiation(frequency, one.sh, MEAN_SH) ** 2
        powers.append(smooth / (np.exp(2 * lost) * FREE_SURFACE**2 * float(spreading(one.hypocentral_m)) ** 2))
        radiated.append(seen)
    return np.asarray(np.sqrt(np.sum(powers, axis=0) / np.sum(radiated, axis=0)))


def brune_fit(frequency: NDArray[np.float64], level: NDArray[np.float64]) -> tuple[float, float]:
    """Corner, Hz, and plateau of the best fit in the logarithm."""
    corners = np.geomspace(0.3, 30.0, 400)
    shape = -np.log(1 + (frequency / corners[:, None]) ** 2)
    offset = (np.log(level) - shape).mean(axis=1)
    best = int(np.argmin(((np.log(level) - shape - offset[:, None]) ** 2).sum(axis=1)))
    return float(corners[best]), float(np.exp(offset[best]))


def source_spectra() -> Iterator[Row]:
    """Corner and plateau, fitted to what was made."""
    frequency = np.geomspace(0.5, 20.0, 60)
    corners, plateaus = [], []
    for magnitude in (3.0, 3.5, 4.0, 4.5):
        records = list(made([magnitude], [15e3, 20e3, 25e3, 30e3, 35e3], quakes=1, around=12))
        corner, plateau = brune_fit(frequency, source_spectrum(records, frequency))
        first = records[0]
        vs, density = CRUST.speed_mps("S", first.quake.depth_m), CRUST.density_at(first.quake.depth_m)
        corners.append(corner / first.rupture.corner_hz)
        plateaus.append(plateau / (first.rupture.moment_nm / (4 * np.pi * density * vs**3 * 1000)))
    for what, values in (("corner", corners), ("plateau", plateaus)):
        said = ", ".join(f"{value:.2f}" for value in values)
        worst = max(abs(value - 1) for value in values)
        yield at_most(NAME, f"Brune {what} fitted over made, M 3 to 4.5 ({said}): worst error", worst, 0.2)


def noise_spectra(scenario: Scenario, stations: int) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """Frequency, made and wanted power density of acceleration of verticals, at the recording's start."""
    for station in world_of(replace(scenario, quakes=(), sequences=())).stations[:stations]:
        place = station.station.place[1]
        broadband = INSTRUMENTS["broadband"]
        background = Background(
            scenario.seed, station.number, station.site, place, broadband, scenario.start_ns, scenario.rate_hz
        )
        counts = background.counts(0, int(1800 * scenario.rate_hz))
        frequency, density = welch(counts[0], scenario.rate_hz, nperseg=8192)
        keep = (frequency >= 0.05) & (frequency <= 20.0)
        response = np.abs(broadband.of_acceleration(frequency[keep])) ** 2
        wanted = background.ground(frequency[keep], int(900 * scenario.rate_hz)) + broadband.own_noise(frequency[keep])
        yield frequency[keep], density[keep] / response, wanted


def noise_levels() -> Iterator[Row]:
    """Noise against the models it is placed between."""
    worst = 0.0
    for frequency, density, wanted in noise_spectra(load_scenario("city"), 12):
        octave = np.floor(np.log2(frequency) * 2)
        for number in np.unique(octave):
            band = octave == number
            worst = max(worst, abs(float(np.median(10 * np.log10(density[band] / wanted[band])))))
    yield at_most(NAME, "noise off its place between Peterson's models, 0.05-20 Hz, worst half octave, dB", worst, 3.0)


def _ratio(samples: dict[str, NDArray[np.float64]], rate_hz: float, p: int, s: int) -> float | None:
    """Largest P on the vertical over largest S on a horizontal, 2 to 10 Hz; None where P does not stand out."""
    band = butter(4, (2.0, min(10.0, 0.4 * rate_hz)), "bandpass", fs=rate_hz, output="sos")
    shown = {letter: np.abs(sosfiltfilt(band, series - series.mean())) for letter, series in samples.items()}
    end = s + max(int(2 * (s - p)), int(3 * rate_hz))
    vertical = shown.get("Z")
    level = [shown[letter] for letter in shown if letter != "Z"]
    if vertical is None or not level or s - p < 0.5 * rate_hz or p < 2 * rate_hz:
        return None
    noise = vertical[int(max(p - 5 * rate_hz, 0)) : int(p - 0.5 * rate_hz)].max()
    first, second = vertical[p : s - int(0.1 * rate_hz)].max(), max(one[s:end].max() for one in level)
    return float(first / second) if first > 3 * noise else None


def recorded_ratios(name: str) -> list[float]:
    """P over S amplitudes of a real set; raw counts, in which like components of a sensor compare."""
    import obspy

    folder = DATA / name
    wanted: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    if (folder / "truth" / "picks.csv").exists():
        for row in rows_of(folder / "truth" / "picks.csv"):
            wanted[row["event_id"], row["station"]][row["phase"][0]] = parse_instant(row["time"])
    else:
        (event,) = rows_of(folder / "truth" / "events.csv")
        origin = parse_instant(event["origin_time"])
        for row in rows_of(folder / "truth" / "theoretical_p.csv"):
            p = parse_instant(row["time"])
            wanted[row["event_id"], row["station"]] = {"P": p, "S": round(origin + (p - origin) * 3**0.5)}
    stream = obspy.read(str(folder / "waveforms" / "*"))
    ratios = []
    for (_, station), times in wanted.items():
        if len(times) < 2:
            continue
        begin, end = (
            obspy.UTCDateTime(ns=times["P"] - 10 * NS_PER_S),
            obspy.UTCDateTime(ns=times["S"] + 20 * NS_PER_S),
        )
        cut = stream.select(station=station).slice(begin, end)
        for sensor in sorted({(trace.stats.location, trace.stats.channel[:2]) for trace in cut}):
            parts = [trace for trace in cut if (trace.stats.location, trace.stats.channel[:2]) == sensor]
            first = max(trace.stats.starttime.ns for trace in parts)
            length = min(trace.stats.npts for trace in parts)
            rate_hz = parts[0].stats.sampling_rate
            samples = {trace.stats.channel[2]: trace.data[:length].astype(float) for trace in parts}
            p, s = (round((times[phase] - first) / NS_PER_S * rate_hz) for phase in "PS")
            ratio = _ratio(samples, rate_hz, p, s) if s < length else None
            ratios += [ratio] if ratio is not None else []
    return ratios


def made_ratios(magnitude: float, distances_m: list[float]) -> list[float]:
    """The same of the twin, without noise."""
    ratios = []
    for one in made([magnitude], distances_m, quakes=6, around=6):
        quiet = np.zeros((3, int(6 * RATE_HZ)))
        series = np.concatenate([quiet, one.acceleration], axis=1)
        p, s = (int(one.motion.onset[phase]) + quiet.shape[1] for phase in "PS")
        ratio = _ratio(dict(zip("ZNE", series, strict=True)), RATE_HZ, p, s)
        ratios += [ratio] if ratio is not None else []
    return ratios


def phase_ratios() -> Iterator[Row]:
    """How strong P is beside S."""
    for name, magnitude, distances_m in (
        ("nz_alpinefault_2013a", 1.3, [5e3, 10e3, 15e3, 20e3]),
        ("pleasanthill_2019", 4.5, [5e3, 10e3, 15e3]),
    ):
        real, ours = (
            float(np.median(values)) for values in (recorded_ratios(name), made_ratios(magnitude, distances_m))
        )
        what = f"P/S amplitude, 2-10 Hz: twin {ours:.2f}, {name} {real:.2f}; |log10 of their ratio|"
        yield at_most(NAME, what, abs(float(np.log10(ours / real))), 0.5)


def small_quakes() -> Scenario:
    """Ten minutes of the city with quakes as small as those of the Alpine Fault set."""
    city = load_scenario("city")
    rng = np.random.default_rng(3)
    quakes = tuple(
        QuakePlan(
            60.0 + 60.0 * number,
            30.6 + float(rng.uniform(-0.12, 0.12)),
            114.3 + float(rng.uniform(-0.12, 0.12)),
            float(rng.uniform(5e3, 11e3)),
            float(rng.uniform(1.2, 2.4)),
        )
        for number in range(9)
    )
    seismometers = replace(city.network, shares=(("broadband", 0.5), ("short_period", 0.5)))
    return replace(city, duration_s=660, quakes=quakes, sequences=(), network=seismometers, fault_shares=FaultShares())


def picking(picker: Picker, label: str) -> Iterator[Row]:
    """What the centre's picker makes of the twin's onsets. For comparison: on nz_alpinefault_2013a it is asked P recall
    0.80, scatter 0.05 s.
    """
    with tempfile.TemporaryDirectory() as name:
        made_of = write_recording(small_quakes(), Path(name))
        setup = Setup(
            recordings=open_recordings(find_files([str(made_of.waveforms)]), now_ns=time.time_ns()),
            inventory=load_inventory([str(made_of.stations)]),
            model=load_model(made_of.model),
            picker=picker,
        )
        told: list[Pick] = []
        replay(setup, on_told=lambda v: told.append(v) if isinstance(v, Pick) else None, on_progress=lambda *_: None)
        wanted = rows_of(made_of.truth.parent / "picks.csv")
    clear = [row for row in wanted if row["phase"] == "P" and float(row["quality"].removeprefix("snr=")) >= 5.0]
    errors = []
    for row in clear:
        at = parse_instant(row["time"])
        near = [
            (pick.time_ns - at) / NS_PER_S
            for pick in told
            if pick.source.station == row["station"] and pick.phase == "P"
        ]
        best = min(near, key=abs, default=np.inf)
        if abs(best) <= 0.5:
            errors.append(best)
    scatter = float(np.median(np.abs(errors - np.median(errors)))) if errors else np.inf
    middle = float(np.median(errors)) if errors else np.nan
    what = f"recall of {len(clear)} P of M 1.2-2.4, SNR 5 or more{label} (nz_alpinefault_2013a: asked 0.80)"
    yield at_least(NAME, what, len(errors) / max(len(clear), 1), 0.80)
    what = f"their scatter about the median {middle:+.3f} s, MAD, s{label} (nz_alpinefault_2013a: asked 0.05)"
    yield at_most(NAME, what, scatter, 0.05)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def same_bytes() -> Row:
    """One scenario, made twice."""
    digests = set()
    for _ in range(2):
        with tempfile.TemporaryDirectory() as name:
            write_recording(small_quakes(), Path(name))
            digests.add(_digest(Path(name)))
    return at_most(NAME, "different recordings from one scenario made twice", len(digests), 1, "{:.0f}")


def nation() -> Iterator[Row]:
    """The whole nation's minute, written to disk by a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, __file__, "--nation", name]
        said = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    seconds, samples = said["seconds"], said["samples"]
    yield at_most(NAME, "memory to make and write 15,900 stations, processes added up, GB", said["peak_gb"], 4.0)
    got = f"{samples / seconds / 1e6:.2f} ({samples / 1e6:.0f} in {seconds:.0f} s)"
    yield Row(NAME, "million samples a second made and written, 60 s of the nation", "-", got, passed=True)


def _write_nation(folder: Path) -> None:
    import resource

    begin = time.perf_counter()
    made_of = write_recording(load_scenario("nation"), folder)
    seconds = time.perf_counter() - begin
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    import os

    peak_gb = (own + len(os.sched_getaffinity(0)) * children) / 1e6
    print(json.dumps({"seconds": seconds, "samples": made_of.samples, "peak_gb": peak_gb}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--nation"]:
        _write_nation(Path(sys.argv[2]))
    else:
        from houfeng.quake.detect.picker import AicPicker

        for row in check(AicPicker(), ""):
            print("pass" if row.passed else "FAIL", row.what, "asked", row.asked, "got", row.got)
