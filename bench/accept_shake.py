"""How hard it shook at sensors: the figures asked for, measured on the real recordings."""

import math
import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from houfeng.quake.acquire import Recent
from houfeng.quake.detect.picker import Picker
from houfeng.quake.shake.jma import jma_class, jma_level_gal, jma_of_level
from houfeng.quake.shake.jma_realtime import JmaRealtime
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.shake.motion import Motion
from houfeng.quake.shake.oscillator import pseudo_acceleration
from houfeng.quake.shake.station import motion_of, station_shaking
from houfeng.quake.shake.taiwan import taiwan_class
from houfeng.quake.size.record import Window
from houfeng.shell.replay.replay import load_inventory
from houfeng.wire.waveforms import read_waveforms, stations_from_waveforms
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.samples import Segment
from houfeng.words.shaking import ComponentMotion, StationShaking
from houfeng.words.source import SourceId
from houfeng.words.station import Inventory, Response, Station
from playing import true_origin
from rows import DATA, Row, at_least, at_most, rows_of

GAL_PER_MPS2 = 100.0
PERCENT_G_MPS2 = 0.0980665
INCH_M = 0.0254
AS_IT_IS = Response("m/s2", 1.0, 1.0)

#: P and S of a local quake, m/s, the former on the fast side: noise ends before it.
P_MPS, S_MPS = 6500.0, 3400.0


def remember(name: str, pattern: str = "*") -> Recent:
    """The records of a set, packets joined to runs."""
    memory = Recent(DAY_NS / NS_PER_S / 24)
    for path in sorted((DATA / name / "waveforms").glob(pattern)):
        for batch in read_waveforms(path.read_bytes(), path.name).batches:
            memory.append(batch)
    return memory


def told_stations(name: str, pattern: str = "*") -> Inventory:
    """The stations that the records of a set tell of."""
    paths = sorted((DATA / name / "waveforms").glob(pattern))
    return Inventory(tuple(s for path in paths for s in stations_from_waveforms(path.read_bytes(), path.name)))


def whole(name: str, pattern: str = "*", inventory: Inventory | None = None) -> tuple[StationShaking, ...]:
    """Shaking from whole records, as of strong-motion files."""
    memory = remember(name, pattern)
    known = told_stations(name, pattern) if inventory is None else inventory
    return station_shaking(None, memory.channels(), known, memory.segments, lambda _: None)


def of_quake(name: str) -> tuple[StationShaking, ...]:
    """Shaking of the set's true quake at its stations, looked for where straight rays put P and S."""
    memory = remember(name, "*.mseed")
    inventory = load_inventory([str(path) for path in sorted((DATA / name / "stations").glob("*.xml"))])
    origin = true_origin(name)

    def window(station: Station) -> Window:
        away_m = float(distance_m(origin.latitude_deg, origin.longitude_deg, *station.place))
        ray_m = math.hypot(away_m, origin.depth_m)
        p_ns, s_ns = (origin.time_ns + round(ray_m / speed * NS_PER_S) for speed in (P_MPS, S_MPS))
        return Window(p_ns, s_ns, s_ns + 10 * NS_PER_S + (s_ns - origin.time_ns) // 2)

    channels = memory.channels()
    return station_shaking(origin, channels, Inventory(inventory.stations), memory.segments, window)


def components(shaking: Sequence[StationShaking]) -> dict[str, ComponentMotion]:
    """Every channel's peaks, by name."""
    return {component.source.nslc: component for sensor in shaking for component in sensor.components}


def worst(asked: Sequence[float], got: Sequence[float]) -> float:
    """Largest relative difference, %; infinite where one is missing."""
    apart = np.abs(np.divide(got, asked) - 1) * 100
    return float(np.nan_to_num(apart, nan=np.inf).max()) if len(apart) else np.inf


def pleasant_hill(_: Picker, label: str) -> Iterator[Row]:
    """pleasanthill_2019: accelerometers and one broadband sensor beside one."""
    name, told = "pleasanthill_2019", f"pleasanthill_2019{label}"
    shaking = of_quake(name)
    said = components(shaking)
    truth = {
        row["id"]: float(row["peak_demeaned"]) for row in rows_of(DATA / name / "truth/peaks_sensitivity_only.csv")
    }
    strong = [channel for channel in truth if channel.split(".")[3][1] == "N"]
    asked = [truth[channel] for channel in strong]
    yield at_least(told, "accelerometer channels measured", len(strong), 30, "{:.0f}")
    yield at_most(told, "PGA off, largest, %", worst(asked, [said[channel].pga_mps2 for channel in strong]), 5)
    pairs = {letter: [said[f"BK.BRIB.01.{kind}{letter}"] for kind in ("HN", "HH")] for letter in "ENZ"}
    sound = [pair for pair in pairs.values() if not any(component.clipped for component in pair)]
    told_clipped = ", ".join(f"HH{letter}" for letter, pair in pairs.items() if pair[1].clipped) or "none"
    for measure in ("pga_mps2", "pgv_mps"):
        asked, got = ([getattr(pair[which], measure) for pair in sound] for which in (0, 1))
        what = f"BRIB: {measure[:3].upper()} of HH off from HN, largest, %, clipped and left out: {told_clipped}"
        yield at_most(told, what, worst(asked, got), 5)
    nearest = min((s for s in shaking if not s.refused), key=lambda s: s.distance_m)
    got = f"{nearest.mmi:.2f} ({nearest.station_key}, {nearest.distance_m / 1000:.1f} km)"
    yield Row(told, "MMI at the nearest station", "5 to 7", got, passed=5.0 <= nearest.mmi < 7.0)


def hawaii(_: Picker, label: str) -> Iterator[Row]:
    """hawaii_clipped_2019: which channels count as clipped."""
    name, told = "hawaii_clipped_2019", f"hawaii_clipped_2019{label}"
    shaking = of_quake(name)
    flagged = {channel for channel, motion in components(shaking).items() if motion.clipped}
    truth = {row["id"]: row["clipped"] for row in rows_of(DATA / name / "truth" / "clipping.csv")}
    clipped = [channel for channel, label in truth.items() if label == "yes"]
    sound = [channel for channel, label in truth.items() if label == "no"]
    yield at_least(
        told, f"clipped channels flagged of {len(clipped)}", len(flagged & {*clipped}), len(clipped), "{:.0f}"
    )
    yield at_most(told, f"sound channels flagged of {len(sound)}", len(flagged & {*sound}), 0, "{:.0f}")
    yield at_least(told, "stations refused of 6", sum(bool(s.refused) for s in shaking), 6, "{:.0f}")


def la_habra(_: Picker, label: str) -> Iterator[Row]:
    """csmip_lahabra_2014: the agency's own peaks and spectra."""
    name, told = "csmip_lahabra_2014", f"csmip_lahabra_2014{label}"
    (sensor,) = whole(name, "*.V2")
    letters = {"90 Deg": "E", "360 Deg": "N", "Up": "Z"}
    said = {component.source.component: component for component in sensor.components}
    yield from _header_peaks(told, name, lambda row: said[letters[row["direction"]]], 0.01, (0.05, 2, 10))
    spectra = _v3_spectra((DATA / name / "waveforms" / "CIWLT.V3").read_text("latin-1"))
    memory = remember(name, "*.V2")
    apart = []
    for source, letter in zip(sorted(memory.channels()), "ENZ", strict=True):
        motion = motion_of({source: (memory.segments(source, 0, 2**62)[0], AS_IT_IS)})[source]
        assert isinstance(motion, Motion)
        periods_s, asked = spectra["ENZ".index(letter)]
        got = pseudo_acceleration(motion.acceleration_mps2, motion.rate_hz, periods_s)
        apart += [100 * (got[k] / asked[k] - 1) for k in np.searchsorted(periods_s, [0.2999, 0.9999, 2.9999])]
    yield at_most(told, "PSA at 0.3, 1 and 3 s off, largest, %", float(np.abs(apart).max()), 3)


def kaikoura(_: Picker, label: str) -> Iterator[Row]:
    """geonet_kaikoura_2016: one g beside the fault."""
    name, told = "geonet_kaikoura_2016", f"geonet_kaikoura_2016{label}"
    shaking = {sensor.station_key: sensor for sensor in whole(name)}

    def of(row: dict[str, str]) -> ComponentMotion:
        sensor = shaking[f"NZ.{row['file'].split('_')[2]}"]
        return sensor.components[_order(name, row)]

    yield from _header_peaks(told, name, of, 0.001, (0.1, 2, 10))
    yield at_least(told, "MMI at WTMC", shaking["NZ.WTMC"].mmi, 9, "{:.2f}")


def hualien(_: Picker, label: str) -> Iterator[Row]:
    """taiwan_hualien_2018: peaks in gal, and the classes they make."""
    name, told = "taiwan_hualien_2018", f"taiwan_hualien_2018{label}"
    said = {(c.source.station, c.source.component): c.pga_mps2 for c in components(whole(name)).values()}
    apart, classes = [], []
    for row in rows_of(DATA / name / "truth" / "header_values.csv"):
        asked = max(abs(float(row["header_max"])), abs(float(row["header_min"])))
        got = said[row["station"], {"U": "Z"}.get(row["component"], row["component"])]
        apart.append(abs(asked - GAL_PER_MPS2 * got))
        classes.append(bool(taiwan_class(got) == taiwan_class(asked / GAL_PER_MPS2)))
    yield at_most(told, f"PGA of {len(apart)} components off, largest, gal", max(apart), 0.01, "{:.2g}")
    yield at_least(told, "components in the class of their header, %", 100 * float(np.mean(classes)), 100)


def aomori(_: Picker, label: str) -> Iterator[Row]:
    """knet_aomori_2018: peaks in the headers."""
    name, told = "knet_aomori_2018", f"knet_aomori_2018{label}"
    shaking = whole(name)
    said = {(c.source.station, c.source.component): c.pga_mps2 for c in components(shaking).values()}
    letters = {"EW": "E", "NS": "N", "UD": "Z"}
    truth = rows_of(DATA / name / "truth" / "header_values.csv")
    got = [GAL_PER_MPS2 * said[row["station"], letters[row["component"]]] for row in truth]
    yield at_most(
        told,
        f"PGA of {len(got)} components off, largest, %",
        worst([float(row["header_max_acc_gal"]) for row in truth], got),
        0.5,
    )
    yield from _realtime(told, name)


def openeew(_: Picker, label: str) -> Iterator[Row]:
    """openeew_mexico_a: low-cost sensors with offsets and gaps."""
    name, told = "openeew_mexico_a", f"openeew_mexico_a{label}"
    inventory = load_inventory([str(DATA / name / "stations" / "stations_derived.xml")])
    truth = rows_of(DATA / name / "truth" / "peaks_gal.csv")
    asked, got = [], []
    for event in sorted({row["event_id"] for row in truth}):
        said = components(whole(name, f"{event.removeprefix('ssn_')}.mseed", Inventory(inventory.stations)))
        for row in truth:
            if row["event_id"] != event:
                continue
            for column, code in (("pga_vertical_x", "BNZ"), ("pga_y", "BN1"), ("pga_z", "BN2")):
                asked.append(float(row[column]))
                got.append(GAL_PER_MPS2 * said[f"XX.{row['station']}..{code}"].pga_mps2)
    apart = np.abs(np.divide(got, asked) - 1) * 100
    yield at_least(
        told, f"PGA within 2 % of {len(apart)} components, %", 100 * float(np.mean(apart <= 2)), 100, "{:.1f}"
    )


def jma_records(_: Picker, label: str) -> Iterator[Row]:
    """jma_intensity_a: intensity as the agency printed it."""
    name, told = "jma_intensity_a", f"jma_intensity_a{label}"
    for row in rows_of(DATA / name / "truth" / "jma_intensity.csv"):
        (sensor,) = whole(name, f"{row['file']}.csv")
        site, printed = row["file"], float(row["published_jma_intensity"])
        what = f"{site}: intensity off from {printed}, {jma_class(sensor.jma)}"
        yield at_most(told, what, round(abs(sensor.jma - printed), 3), 0.1)
        if row["published_a_gal"]:
            level_gal = _level_gal(name, f"{site}.csv")
            asked = float(row["published_a_gal"])
            yield at_most(told, f"{site}: a off from {asked} gal, %", 100 * abs(level_gal / asked - 1), 0.5)
        said = {c.source.component: GAL_PER_MPS2 * c.pga_mps2 for c in sensor.components}
        off = max(abs(float(row[f"pga_{axis}_gal"]) - said[c]) for axis, c in (("ns", "N"), ("ew", "E"), ("ud", "Z")))
        yield at_most(told, f"{site}: PGA off, largest, gal", off, 0.1, "{:.2g}")
    yield from _realtime(told, name)


def napa(_: Picker, label: str) -> Iterator[Row]:
    """napa_2014_shakemap: peaks and intensities of a ShakeMap's station list."""
    name, told = "napa_2014_shakemap", f"napa_2014_shakemap{label}"
    listed = rows_of(DATA / name / "truth" / "stationlist.csv")
    said = components(of_quake(name))
    asked = {
        row["component"][-1]: PERCENT_G_MPS2 * float(row["pga_pctg"])
        for row in listed
        if row["station"] == "BK.CMB" and row["component"].split(".")[1][:2] == "HH"
    }
    got = [said[f"BK.CMB.00.HN{letter}"].pga_mps2 for letter in "ENZ"]
    yield at_most(told, "BK.CMB: PGA off from the list, largest, %", worst([asked[c] for c in "ENZ"], got), 15)
    yield from _listed_intensities(told, listed)
    yield from _concord(told, name)


def _listed_intensities(told: str, listed: Sequence[dict[str, str]]) -> Iterator[Row]:
    stations: dict[str, list[dict[str, str]]] = {}
    for row in listed:
        level = not row["component"].endswith(("Z", "U", "3"))
        if row["flags"] in {"", "0"} and row["pga_pctg"] and row["pgv_cms"] and level:
            stations.setdefault(row["station"], []).append(row)
    apart = []
    for rows in stations.values():
        asked = float(rows[0]["intensity_mmi"])
        if asked > 3.5:
            pga = max(float(row["pga_pctg"]) for row in rows) * PERCENT_G_MPS2
            apart.append(float(mmi(pga, max(float(row["pgv_cms"]) for row in rows) / 100)) - asked)
    share = 100 * float(np.mean(np.abs(apart) <= 0.7))
    yield at_least(told, f"MMI within 0.7 of the list, {len(apart)} stations over 3.5, %", share, 95, "{:.1f}")
    yield at_most(told, "MMI: mean off from the list", abs(float(np.mean(apart))), 0.4, "{:.2f}")


def _concord(told: str, name: str) -> Iterator[Row]:
    text = (DATA / name / "waveforms" / "CE58667.V2").read_text("latin-1")
    found = {what: re.findall(rf"Peak\s+{what}\s*=\s*(-?[\d.]+)", text) for what in KINDS}
    try:
        (sensor,) = whole(name, "*.V2")
    except DataFault as fault:
        yield Row(told, "CE58667: can be read", "yes", fault.reason, passed=False)
        return
    # channels 1, 2, 3 of the file are a horizontal, the vertical, the other horizontal
    order = sorted(sensor.components, key=lambda each: each.source.component == "Z")
    order = [order[0], order[2], order[1]]
    for what, limit in zip(KINDS, (1.0, 3.0, 5.0), strict=True):
        asked = [abs(float(value)) / 100 for value in found[what]]
        got = [getattr(component, KINDS[what]) for component in order]
        yield at_most(told, f"CE58667: {what} off, largest, %", worst(asked, got), limit)


KINDS = {"acceleration": "pga_mps2", "velocity": "pgv_mps", "displacement": "pgd_m"}


def _header_peaks(
    told: str, name: str, of: Callable[[dict[str, str]], ComponentMotion], unit: float, limits: tuple[float, ...]
) -> Iterator[Row]:
    rows = rows_of(DATA / name / "truth" / "header_values.csv")
    for what, limit in zip(KINDS, limits, strict=True):
        chosen = [row for row in rows if row["quantity"] == what]
        asked = [abs(float(row["peak"])) * unit for row in chosen]
        yield at_most(
            told, f"{what} off, largest, %", worst(asked, [getattr(of(row), KINDS[what]) for row in chosen]), limit
        )


def _order(name: str, row: dict[str, str]) -> int:
    """Which component of its sensor, in order of code, a header speaks of: E before N, 1 before 2, Z last."""
    rows = rows_of(DATA / name / "truth" / "header_values.csv")
    directions = [r["direction"] for r in rows if r["file"] == row["file"] and r["quantity"] == row["quantity"]]
    return sorted(directions, key=lambda each: (each == "Up", each == "N00E", directions.index(each))).index(
        row["direction"]
    )


def _v3_spectra(text: str) -> list[tuple[list[float], list[float]]]:
    """Periods, s, and 5 %-damped pseudo-acceleration, m/s2, of every channel of a volume 3."""
    spectra = []
    for part in text.split("Response and Fourier amplitude spectra")[1:]:
        count = int(re.findall(r"\((\d+) periods", part)[0])
        numbers = re.split(r"Fourier amplitude spectra in in/sec", part)[0].split("\n")
        start = next(
            k for k, line in enumerate(numbers) if line.split()[:5] == [".000", ".020", ".050", ".100", ".200"]
        )
        periods_s = [float(value) for line in numbers[start + 1 :] for value in line.split()][:count]
        block = re.split(r"Damping =  \.05\. Data of [^\n]*\n", part)[1]
        sd_m = [INCH_M * float(value) for value in block.split()[:count]]
        spectra.append((periods_s, [sd * (2 * math.pi / t) ** 2 for sd, t in zip(sd_m, periods_s, strict=True)]))
    return spectra


def _three(name: str, pattern: str) -> Iterator[tuple[np.ndarray, float]]:
    """Acceleration of every station with three components, offset removed, m/s2."""
    memory = remember(name, pattern)
    known = told_stations(name, pattern)
    groups: dict[str, list[SourceId]] = {}
    for source in sorted(memory.channels()):
        groups.setdefault(source.station_key, []).append(source)
    for sources in groups.values():
        runs = [max(memory.segments(source, 0, 2**62), key=_length) for source in sources]
        channels = [known.channel(source, run.start_ns) for source, run in zip(sources, runs, strict=True)]
        responses = [channel.response or AS_IT_IS if channel else AS_IT_IS for channel in channels]
        values = [run.samples / response.sensitivity for run, response in zip(runs, responses, strict=True)]
        yield np.stack([each - each.mean() for each in values]), runs[0].rate_hz


def _length(segment: Segment) -> int:
    return len(segment.samples)


def _level_gal(name: str, pattern: str) -> float:
    ((acceleration, rate_hz),) = _three(name, pattern)
    return jma_level_gal(acceleration, rate_hz)


def _realtime(told: str, name: str) -> Iterator[Row]:
    apart = []
    for path in sorted((DATA / name / "waveforms").iterdir()) if name == "jma_intensity_a" else [None]:
        for acceleration, rate_hz in _three(name, path.name if path else "*"):
            grown = JmaRealtime(rate_hz).handle(acceleration)
            apart.append(abs(float(np.nanmax(grown)) - jma_of_level(jma_level_gal(acceleration, rate_hz))))
    yield at_most(
        told, f"real-time JMA intensity off from the official, {len(apart)} records", max(apart), 0.1, "{:.3f}"
    )


CHECKS: dict[str, Callable[[Picker, str], Iterator[Row]]] = {
    "pleasanthill_2019 shaking": pleasant_hill,
    "hawaii_clipped_2019 shaking": hawaii,
    "csmip_lahabra_2014": la_habra,
    "geonet_kaikoura_2016": kaikoura,
    "taiwan_hualien_2018 shaking": hualien,
    "knet_aomori_2018 shaking": aomori,
    "openeew_mexico_a shaking": openeew,
    "jma_intensity_a": jma_records,
    "napa_2014_shakemap stations": napa,
}
