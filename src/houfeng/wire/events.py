"""Read event catalogues: QuakeML, SC3ML, Nordic (SEISAN S-files), NonLinLoc .hyp and IMS bulletins, through ObsPy."""

import io
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from obspy import read_events as obspy_read_events

from houfeng.wire.pick_quality import class_uncertainty_s, weight_uncertainty_s
from houfeng.wire.safe_xml import iso_date, local, parse_xml, write_xml
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS, parse_instant
from houfeng.words.quake import Phase, Pick
from houfeng.words.source import SourceId

_XML_FORMS = {"quakeml": "QUAKEML", "seiscomp": "SC3ML"}
_REMEDY = "convert it to QuakeML 1.2"
#: First line of an event: blank, year, month and day, hour and minute, seconds. Source: SEISAN manual 12, appendix A.
_NORDIC = re.compile(rb" [12]\d{3} ?[ \d]\d[ \d]\d[ F][ \d]{4} [ \d.]{4}")
_NO_NUMBER = re.compile(r"\s*[+-]?(nan|inf|infinity)\s*", re.IGNORECASE)
#: Names that mean the first arrival of the phase, at any distance we locate from. Onset letters may stand before.
_PHASES: tuple[tuple[re.Pattern[str], Phase], ...] = (
    (re.compile(r"[IE]?P(?:[gnb1*]|)", re.IGNORECASE), "P"),
    (re.compile(r"[IE]?S(?:[gnb1*]|)", re.IGNORECASE), "S"),
)


@dataclass(frozen=True, slots=True)
class Reference:
    """Where and when somebody else put an earthquake. depth_m below sea level, None when not said."""

    time_ns: int
    latitude_deg: float
    longitude_deg: float
    depth_m: float | None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One event of a catalogue.

    reference   the preferred origin, failing that the first; None when it has no time or place
    magnitude   the preferred one, failing that the first; None when there is none
    picks       P and S, one per station and phase, those the reference was located with first
    *_count     how many the file holds, whatever they are
    """

    event_id: str
    event_type: str
    reference: Reference | None
    magnitude: float | None
    magnitude_type: str
    picks: tuple[Pick, ...]
    origin_count: int
    magnitude_count: int
    pick_count: int
    arrival_count: int
    amplitude_count: int


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Events in the order of the file, and what was odd about them."""

    events: tuple[EventRecord, ...]
    findings: tuple[Finding, ...] = ()


def read_events(data: bytes, name: str) -> ReadEvents:
    """Read a catalogue.

    data  the whole file
    name  what to call it in messages; never opened

    A value that cannot be (31 February, a depth of NaN) is left out with a finding; the rest of its event stays.
    Raises DataFault when the file as a whole cannot be read.
    """
    if not data.strip():
        raise DataFault(name, "the file is empty", "fetch it again")
    if _is_xml(data):
        found, findings = _from_xml(data, name)
    else:
        found, findings = _from_text(data, name)
    events = []
    for number, event in enumerate(found, start=1):
        stated = str(event.resource_id.id) if event.resource_id is not None else ""
        # ObsPy makes up a random identifier where the file has none.
        event_id = stated if stated and stated.encode() in data else f"{name}#{number}"
        record, more = _record(event, event_id, name)
        events.append(record)
        findings += more
    if not events:
        findings.append(Finding("no-events", "the file holds no event", name))
    return ReadEvents(tuple(events), tuple(findings))


def _is_xml(data: bytes) -> bool:
    return data.lstrip()[:4].lstrip(b"\xef\xbb\xbf\xff\xfe\x00").startswith(b"<")


def _from_xml(data: bytes, name: str) -> tuple[list[Any], list[Finding]]:
    root = parse_xml(data.lstrip(), name)
    form = _XML_FORMS.get(local(root))
    if form is None:
        raise DataFault(name, f"XML of <{local(root)}>, not QuakeML", "give a file that starts with quakeml")
    findings = _take_out_what_cannot_be(root, name)
    try:
        events, warned = _through_obspy(write_xml(root), form)
    except Exception as error:  # ObsPy raises whatever its parsing trips over
        raise DataFault(name, f"not readable as {form}: {error}", _REMEDY) from error
    return events, findings + [Finding("bad-value", warning, name) for warning in warned]


def _from_text(data: bytes, name: str) -> tuple[list[Any], list[Finding]]:
    """Nordic files event by event, so that one that trips ObsPy does not take the others with it."""
    form = _text_form(data)
    if form is None:
        raise DataFault(name, "not an event file of a known format", _REMEDY)
    blocks = re.split(rb"\r?\n[ \t]*\r?\n", data) if form == "NORDIC" else [data]
    events: list[Any] = []
    findings: list[Finding] = []
    for number, block in enumerate((block for block in blocks if block.strip()), start=1):
        try:
            read, warned = _through_obspy(block.strip(b"\r\n") + b"\n\n", form)
        except Exception as error:  # noqa: BLE001  ObsPy raises whatever its parsing trips over
            reason = f"event {number} is not readable as {form}: {error or type(error).__name__}"
            findings.append(Finding("event-refused", reason, name))
            continue
        events += read
        findings += [Finding("bad-value", warning, name) for warning in warned]
    if not events and findings:
        raise DataFault(name, findings[0].reason, _REMEDY)
    return events, findings


def _text_form(data: bytes) -> str | None:
    first = next((line for line in data[:4096].splitlines() if line.strip()), b"")
    if first.startswith(b"NLLOC "):
        return "NLLOC_HYP"
    if first.startswith((b"BEGIN IMS", b"DATA_TYPE BULLETIN IMS")):
        return "IMS10BULLETIN"
    return "NORDIC" if _NORDIC.match(first) else None


def _through_obspy(data: bytes, form: str) -> tuple[list[Any], list[str]]:
    """Events, and what ObsPy warned of that concerns values. Raises whatever ObsPy raises."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        catalogue = obspy_read_events(io.BytesIO(data), format=form)
    said = (str(warning.message) for warning in caught)
    return list(catalogue), list(dict.fromkeys(text for text in said if "convert" in text))


def _take_out_what_cannot_be(root: Any, name: str) -> list[Finding]:
    """Remove numbers that are none and times that never were, each with a finding."""
    bad = []
    for element in root.iter():
        text = element.text
        if not text or len(element) or not isinstance(element.tag, str):
            continue
        if _NO_NUMBER.fullmatch(text) and local(element) != "text":
            bad.append((element, "is not a number"))
        elif _is_time(element) and not _is_instant(text):
            bad.append((element, "is not a time that can be"))
    findings = []
    for element, why in bad:
        parent = element.getparent()
        what = parent if local(element) == "value" else element
        inside = what.getparent()
        place = f"{local(what)} of {local(inside)} {inside.get('publicID') or ''}".rstrip()
        findings.append(Finding("bad-value", f"{place}: {element.text.strip()!r} {why}, left out", name))
        if what.getparent() is not None:
            inside.remove(what)
    return findings


def _is_time(element: Any) -> bool:
    tag = local(element)
    if tag == "value":
        return local(element.getparent()) in ("time", "scalingTime")
    return tag in ("creationTime", "modificationTime", "reference")


def _is_instant(text: str) -> bool:
    for read in (iso_date, parse_instant):
        try:
            read(text)
        except (ValueError, OverflowError):
            continue
        return True
    return False


def _record(event: Any, event_id: str, name: str) -> tuple[EventRecord, list[Finding]]:
    origin = event.preferred_origin() or (event.origins[0] if event.origins else None)
    magnitude = event.preferred_magnitude() or (event.magnitudes[0] if event.magnitudes else None)
    reference = _reference(origin)
    picks, findings = _picks(event, origin, name, event_id)
    if origin is not None and reference is None:
        findings.append(Finding("no-reference", f"the origin of {event_id} lacks its time or place", name))
    early = [pick for pick in picks if reference is not None and pick.time_ns < reference.time_ns]
    if early:
        said = f"{len(early)} picks of {event_id} are earlier than its origin, {early[0].source.nslc} first"
        findings.append(Finding("pick-before-origin", said, name, early[0].source.nslc, early[0].time_ns))
    record = EventRecord(
        event_id,
        str(event.event_type or ""),
        reference,
        None if magnitude is None or magnitude.mag is None else float(magnitude.mag),
        str(magnitude.magnitude_type or "") if magnitude is not None else "",
        picks,
        len(event.origins),
        len(event.magnitudes),
        len(event.picks),
        sum(len(each.arrivals) for each in event.origins),
        len(event.amplitudes),
    )
    return record, findings


def _reference(origin: Any) -> Reference | None:
    if origin is None or origin.time is None or origin.latitude is None or origin.longitude is None:
        return None
    if not EARLIEST_NS <= origin.time.ns <= LATEST_NS or not -90 <= origin.latitude <= 90:
        return None
    depth_m = None if origin.depth is None else float(origin.depth)
    return Reference(int(origin.time.ns), float(origin.latitude), float(origin.longitude), depth_m)


def _picks(event: Any, origin: Any, name: str, event_id: str) -> tuple[tuple[Pick, ...], list[Finding]]:
    """One pick per station and phase: those the origin was located with before the others, then the earlier."""
    by_id: dict[str, Any] = {str(pick.resource_id): pick for pick in event.picks}
    arrivals = [arrival for arrival in (origin.arrivals if origin is not None else ()) if str(arrival.pick_id) in by_id]
    referred = {str(arrival.pick_id) for arrival in arrivals}
    ranked: list[tuple[int, Any, str | None, float | None]] = [
        (0, by_id[str(arrival.pick_id)], arrival.phase, arrival.time_weight) for arrival in arrivals
    ]
    ranked += [(1, pick, pick.phase_hint, None) for pick in event.picks if str(pick.resource_id) not in referred]
    found: dict[tuple[str, Phase], tuple[int, int, Pick]] = {}
    refused: list[str] = []
    for rank, item, phase_name, weight in ranked:
        phase = phase_of(phase_name or item.phase_hint)
        if phase is None or item.evaluation_status == "rejected":
            continue
        try:
            pick = _pick(item, phase, weight)
        except ValueError as error:
            refused.append(str(error))
            continue
        key = (pick.source.station_key, phase)
        if key not in found or (rank, pick.time_ns) < found[key][:2]:
            found[key] = (rank, pick.time_ns, pick)
    findings = [Finding("pick-refused", f"{event_id}: pick left out: {why}", name) for why in dict.fromkeys(refused)]
    return tuple(pick for _, _, pick in found.values()), findings


def phase_of(text: str | None) -> Phase | None:
    """P or S for the names of first arrivals (P, Pg, Pn, Pb, P*, IP, EP, and the same of S); None for other phases."""
    squeezed = (text or "").strip()
    return next((phase for pattern, phase in _PHASES if pattern.fullmatch(squeezed)), None)


def _pick(item: Any, phase: Phase, weight: float | None) -> Pick:
    """Raises ValueError when it says no time or no station."""
    if item.time is None or not EARLIEST_NS <= item.time.ns <= LATEST_NS:
        raise ValueError("it has no time")
    stream = item.waveform_id
    if stream is None or not stream.station_code:
        raise ValueError("it names no station")
    manual = str(item.evaluation_mode or "manual") == "manual"
    method = str(item.method_id or "").rpartition("/")[2]
    return Pick(
        source_of(stream.network_code, stream.station_code, stream.location_code, stream.channel_code),
        phase,
        int(item.time.ns),
        _uncertainty_s(item.time_errors, weight, phase),
        polarity={"positive": 1, "negative": -1}.get(str(item.polarity), 0),
        polarity_confidence=1.0 if str(item.polarity) in ("positive", "negative") else 0.0,
        method=method or ("analyst" if manual else "automatic"),
    )


def source_of(network: str | None, station: str, location: str | None, channel: str | None) -> SourceId:
    """A channel name from a pick file, where "?", "*" and dashes stand for "not said". Raises ValueError."""
    codes: Iterable[str] = ((text or "").strip().strip("?*") for text in (network, station, location, channel))
    net, sta, loc, cha = codes
    return SourceId(net, sta, loc if loc.strip("-") else "", cha)


def _uncertainty_s(errors: Any, weight: float | None, phase: Literal["P", "S"]) -> float:
    stated = [getattr(errors, field, None) for field in ("uncertainty", "lower_uncertainty", "upper_uncertainty")]
    positive = [float(value) for value in stated if value is not None and value > 0]
    if positive:
        return positive[0] if stated[0] else sum(positive) / len(positive)
    return class_uncertainty_s(None, phase) if weight is None else weight_uncertainty_s(float(weight), phase)
