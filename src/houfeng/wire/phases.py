"""Read arrival times to locate from, whatever their format, and write our own."""

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from houfeng.wire.csv_text import harmless, write_csv
from houfeng.wire.events import Reference, phase_of, read_events, source_of
from houfeng.wire.numerals import finite
from houfeng.wire.pick_quality import class_uncertainty_s, weight_uncertainty_s
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import format_instant, parse_instant, seconds_to_ns
from houfeng.words.quake import Phase, Pick

#: Columns of our own picks.csv.
COLUMNS = (
    "network",
    "station",
    "location",
    "channel",
    "phase",
    "time",
    "uncertainty_s",
    "snr",
    "probability",
    "polarity",
    "polarity_confidence",
    "method",
    "quake_id",
)


@dataclass(frozen=True, slots=True)
class PickSet:
    """The picks of one earthquake, or of one file that does not tell earthquakes apart.

    reference  where somebody else put it, None when not said
    """

    name: str
    picks: tuple[Pick, ...]
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class ReadPhases:
    """Pick sets in the order of the file, and what was odd about it."""

    sets: tuple[PickSet, ...]
    findings: tuple[Finding, ...] = ()


def read_phases(data: bytes, name: str) -> ReadPhases:
    """Read picks.

    data  the whole file: QuakeML, SC3ML, Nordic, NonLinLoc .obs or .hyp, HYPO71 phase cards, IMS bulletin, or CSV
          with at least the columns station, phase and time (ours, or event_id,network,station,channel_hint,...)
    name  what to call it in messages; never opened

    Only first arrivals of P and S are kept. A pick that cannot be read is left out with a finding. Where a file
    gives a weight or class in place of an uncertainty, the uncertainty follows pick_quality.
    Raises DataFault when the file as a whole cannot be read.
    """
    if not data.strip():
        raise DataFault(name, "the file is empty", "fetch it again")
    lines = _lines(data)
    for recognises, read in _TEXT_FORMS:
        if recognises(lines):
            return read(lines, name)
    events = read_events(data, name)
    sets = tuple(PickSet(event.event_id, event.picks, event.reference) for event in events.events)
    return ReadPhases(sets, events.findings)


def write_picks_csv(picks: Iterable[tuple[Pick, str]], *, header: bool = True) -> bytes:
    """Write picks as CSV, one line each, in the order given.

    picks   each with the identifier of its quake, "" when it belongs to none
    header  False for lines that will follow others

    Times have nanoseconds, and read_phases reads it back with the same values.
    """
    rows = (
        (
            pick.source.network,
            pick.source.station,
            pick.source.location,
            pick.source.channel,
            pick.phase,
            format_instant(pick.time_ns, 9),
            float(pick.uncertainty_s),
            float(pick.snr),
            float(pick.probability),
            pick.polarity,
            float(pick.polarity_confidence),
            harmless(pick.method),
            harmless(quake_id),
        )
        for pick, quake_id in picks
    )
    return write_csv([COLUMNS, *rows] if header else rows)


def _lines(data: bytes) -> list[str]:
    """Text lines of a file that is text, none for XML and binary. Analysts' remarks may be in Latin-1."""
    if data.lstrip().startswith(b"<") or b"\0" in data:
        return []
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return data.decode("latin-1").splitlines()


class _Sets:
    """Pick sets under way: by name, in the order met, one pick per station and phase (the first kept)."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._picks: dict[str, dict[tuple[str, Phase], Pick]] = {}
        self.findings: list[Finding] = []

    def add(self, name: str, line: int, make: Callable[[], Pick | None]) -> None:
        """Take a pick in; what make raises becomes a finding, None (another phase) is passed over."""
        try:
            pick = make()
        except (ValueError, IndexError, OverflowError) as error:
            self.findings.append(Finding("pick-refused", f"line {line} left out: {error}", self._file))
            return
        if pick is None:
            return
        picks = self._picks.setdefault(name, {})
        key = (pick.source.station_key, pick.phase)
        if key in picks:
            what = f"line {line}: a second {pick.phase} of this station in {name}; the first is kept"
            self.findings.append(Finding("duplicate-pick", what, self._file, pick.source.station_key, pick.time_ns))
            return
        picks[key] = pick

    def read(self) -> ReadPhases:
        """What was gathered. Raises DataFault when that is nothing."""
        if not self._picks:
            reason = self.findings[0].reason if self.findings else "it holds no P or S pick"
            raise DataFault(self._file, f"no pick can be read: {reason}", "check the layout of the file")
        sets = tuple(PickSet(name, tuple(picks.values())) for name, picks in self._picks.items())
        return ReadPhases(sets, tuple(self.findings))


# CSV.

_CSV_NAMES = {
    "event": ("event_id", "quake_id", "event"),
    "network": ("network", "net"),
    "station": ("station", "sta"),
    "location": ("location", "loc"),
    "channel": ("channel", "channel_hint", "cha"),
    "phase": ("phase", "phase_hint", "type"),
    "time": ("time", "phase_time", "pick_time", "time_utc"),
    "uncertainty": ("uncertainty_s", "uncertainty", "sigma", "err"),
    "weight": ("weight",),
    "snr": ("snr",),
    "probability": ("probability", "prob", "phase_score"),
    "polarity": ("polarity",),
    "polarity_confidence": ("polarity_confidence",),
    "method": ("method",),
    "quality": ("quality",),
    "evaluation": ("evaluation",),
}
_POLARITIES = dict.fromkeys(("1", "+", "u", "c", "up", "positive"), 1) | dict.fromkeys(
    ("-1", "-", "d", "down", "negative"), -1
)
_Row = dict[str, str]


def _is_csv(lines: list[str]) -> bool:
    header = {_csv_name(cell) for cell in (lines[0] if lines else "").split(",")}
    return {"station", "phase", "time"} <= header


def _csv_name(cell: str) -> str:
    plain = cell.strip().strip('"').lower()
    return next((name for name, names in _CSV_NAMES.items() if plain in names), "")


def _read_csv(lines: list[str], file: str) -> ReadPhases:
    sets = _Sets(file)
    names = [_csv_name(cell) for cell in lines[0].split(",")]
    for number, line in enumerate(lines[1:], start=2):
        try:
            cells = next(csv.reader([line]), [])
        except csv.Error as error:
            sets.findings.append(Finding("pick-refused", f"line {number} left out: {error}", file))
            continue
        row = {name: cell.strip() for name, cell in zip(names, cells, strict=False) if name}
        if not any(row.values()):
            continue
        sets.add(_said(row.get("event", "")) or file, number, partial(_csv_pick, row))
    return sets.read()


def _csv_pick(row: _Row) -> Pick | None:
    phase = phase_of(row.get("phase"))
    if phase is None:
        return None
    merged = _quality(row.get("quality", "")) | {name: value for name, value in row.items() if value}
    polarity = _POLARITIES.get(merged.get("polarity", "").lower(), 0)
    network, _, station = row.get("station", "").rpartition(".")  # some write NET.STA
    return Pick(
        source_of(network or row.get("network"), station, row.get("location"), row.get("channel")),
        phase,
        parse_instant(row.get("time", "")),
        _csv_uncertainty_s(merged, phase),
        snr=_float(merged.get("snr"), 0.0),
        probability=min(max(_float(merged.get("probability"), 1.0), 0.0), 1.0),
        polarity=polarity,
        polarity_confidence=_float(merged.get("polarity_confidence"), 1.0 if polarity else 0.0),
        method=_said(merged.get("method", "")) or {"manual": "analyst"}.get(merged.get("evaluation", ""), ""),
    )


def _quality(text: str) -> _Row:
    """What a free quality column says by name: "weight=0.75", "sigma=1e-2", "err=0.08 snr=16.2"."""
    parts = (part.split("=", 1) for part in text.split() if "=" in part)
    return {_csv_name(key): value for key, value in parts if re.fullmatch(r"[\d.eE+-]+", value)}


def _csv_uncertainty_s(row: _Row, phase: Phase) -> float:
    stated = _float(row.get("uncertainty"), 0.0)
    if stated > 0:
        return stated
    if row.get("weight"):
        return weight_uncertainty_s(_float(row["weight"], 1.0), phase)
    return class_uncertainty_s(None, phase)


def _said(text: str) -> str:
    """Free text as it was before it was made harmless."""
    return text.removeprefix("'")


def _float(text: str | None, otherwise: float) -> float:
    return finite(text) if text else otherwise


# NonLinLoc observations. Source: NonLinLoc user guide, "NonLinLoc Phase file format".

_NLL = re.compile(r"\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+\d{8}\s+\d{1,4}\s+-?[\d.]+\s+\w+\s+\S+")


def _is_nll(lines: list[str]) -> bool:
    first = next((line for line in lines if line.strip() and not line.startswith(("#", "PUBLIC_ID"))), "")
    return _NLL.match(first) is not None


def _read_nll(lines: list[str], file: str) -> ReadPhases:
    sets = _Sets(file)
    block, inside = 0, False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            inside = False
            continue
        if line.startswith(("#", "PUBLIC_ID")):
            continue
        block += not inside
        inside = True
        sets.add(f"block{block}", number, partial(_nll_pick, line.split()))
    return sets.read()


def _nll_pick(cells: list[str]) -> Pick | None:
    """Station, instrument, component, onset, phase, first motion, date, hour-minute, seconds, error type, error ..."""
    phase = phase_of(cells[4])
    if phase is None or (len(cells) > 14 and cells[14] != ">" and float(cells[14]) == 0):
        return None  # a prior weight of zero means: not to be used
    clock = cells[7].zfill(4)
    minute_ns = parse_instant(f"{cells[6][:4]}-{cells[6][4:6]}-{cells[6][6:8]}T{clock[:2]}:{clock[2:]}:00")
    sigma = _float(cells[10], 0.0) if cells[9] == "GAU" else 0.0
    polarity = _polarity(cells[5])
    return Pick(
        source_of("", cells[0], "", cells[2]),
        phase,
        minute_ns + seconds_to_ns(_float(cells[8], 0.0)),
        sigma if sigma > 0 else class_uncertainty_s(None, phase),
        polarity=polarity,
        polarity_confidence=1.0 if polarity else 0.0,
        method="nonlinloc-obs",
    )


def _polarity(letter: str) -> int:
    return 1 if letter in ("c", "C", "u", "U", "+") else -1 if letter in ("d", "D", "-") else 0


# HYPO71 phase cards. Source: Lee & Lahr 1975, HYPO71 (revised), USGS Open-File Report 75-311, table 2.4.

_HYPO71 = re.compile(r"[A-Z0-9 ]{4}[ A-Z]P[ UDCN+-][ 0-4].\d[ \d]{9}[ \d.]{5}")


def _is_hypo71(lines: list[str]) -> bool:
    return any(_HYPO71.match(line) for line in lines[:20])


def _read_hypo71(lines: list[str], file: str) -> ReadPhases:
    """Cards of one earthquake end with one that has no station (often a 10 in column 18)."""
    sets = _Sets(file)
    block, inside = 1, False
    for number, line in enumerate(lines, start=1):
        if _HYPO71.match(line) is None:
            if not line[:4].strip():
                block, inside = block + inside, False
            continue
        inside = True
        for phase in ("P", "S"):
            sets.add(f"block{block}", number, partial(_hypo71_pick, line, phase))
    return sets.read()


def _hypo71_pick(line: str, phase: Phase) -> Pick | None:
    """Columns 1-4 station, 5-8 P remark, 10-19 yymmddhhmm, 20-24 P seconds, 32-36 S seconds, 37-40 S remark."""
    seconds, remark = (line[19:24], line[4:8]) if phase == "P" else (line[31:36], line[36:40])
    if not seconds.strip() or (phase == "S" and "S" not in remark):
        return None
    weight = remark[3:4].strip()
    if weight == "4":
        return None  # class 4 means: not to be used
    digits = line[9:19].replace(" ", "0")
    century = "20" if digits[:2] < "70" else "19"
    minute_ns = parse_instant(f"{century}{digits[:2]}-{digits[2:4]}-{digits[4:6]}T{digits[6:8]}:{digits[8:10]}:00")
    value = float(seconds) if "." in seconds else float(seconds) / 100
    polarity = _polarity(remark[2:3]) if phase == "P" else 0
    return Pick(
        source_of("", line[:4], "", ""),
        phase,
        minute_ns + seconds_to_ns(value),
        class_uncertainty_s(int(weight) if weight.isdigit() else 0, phase),
        polarity=polarity,
        polarity_confidence=1.0 if polarity else 0.0,
        method="analyst",
    )


_TEXT_FORMS: tuple[tuple[Callable[[list[str]], bool], Callable[[list[str], str], ReadPhases]], ...] = (
    (_is_csv, _read_csv),
    (_is_nll, _read_nll),
    (_is_hypo71, _read_hypo71),
)
