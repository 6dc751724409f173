"""Write quakes as QuakeML 1.2 (Basic Event Description), the same bytes for the same quakes."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from houfeng.wire.events import EventRecord, ReadEvents, read_events
from houfeng.words.earth import M_PER_DEG, radii_m
from houfeng.words.instant import format_instant
from houfeng.words.quake import (
    Amplitude,
    Arrival,
    Discrimination,
    Ellipse,
    Magnitude,
    Origin,
    Pick,
    Quake,
    StationMagnitude,
)
from houfeng.words.source import SourceId

__all__ = ["EventRecord", "ReadEvents", "read_events", "write_quakeml"]

#: QuakeML's names for what we measure: amplitude type and unit. AML: IASPEI standard phase list, Wood-Anderson.
_AMPLITUDE_TYPES = {
    "wood_anderson": ("AML", "m"),
    "pd": ("pd", "m"),
    "pgd": ("pgd", "m"),
    "p_plateau": ("p_plateau", "m*s"),
    "s_plateau": ("s_plateau", "m*s"),
}

#: QuakeML's names for what a source looks like. Automatic, so no more than suspected.
_EVENT_TYPES = {"explosion-like": "explosion", "earthquake-like": "earthquake"}

#: Decimals written. A figure's last digit is well below its uncertainty, and below the noise between processors.
_DEGREES, _METRES, _SECONDS, _SHARE = 6, 1, 5, 4
_TIME_DECIMALS = 6  # QuakeML readers, ObsPy among them, keep microseconds

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2" xmlns="http://quakeml.org/xmlns/bed/1.2">\n'
)


def write_quakeml(quakes: Iterable[Quake], *, agency: str = "houfeng") -> bytes:
    """Write a catalogue with picks, arrivals, amplitudes, magnitudes and their uncertainties.

    quakes  in the order to be written; of several versions of one quake the highest is written, where the first stood
    agency  who publishes, into every creationInfo

    Public identifiers are made of quake_id, version and content, so they are the same in every run and stay with
    the quake; no clock is read. A value that is not finite is left out. Times are rounded to microseconds.
    Source: QuakeML 1.2 BED, Euchner & Schorlemmer 2013, https://quake.ethz.ch/quakeml/QuakeML.
    """
    latest: dict[str, Quake] = {}
    for quake in quakes:
        if quake.quake_id not in latest or latest[quake.quake_id].version <= quake.version:
            latest[quake.quake_id] = quake
    parts = [_HEAD, f'<eventParameters publicID="smi:local/houfeng/catalogue/{_escaped_id(agency)}">\n']
    parts += [_EventWriter(quake, agency).event() for quake in latest.values()]
    parts.append("</eventParameters>\n</q:quakeml>\n")
    return "".join(parts).encode("utf-8")


# The smallest pieces: text, tags, numbers, identifiers.

_MARKUP = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"}
#: What XML 1.0 cannot carry at all (section 2.2), and surrogates.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ODD = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _text(text: str) -> str:
    if _ODD.search(text) is None:
        return text
    return "".join(_MARKUP.get(letter, letter) for letter in _UNWRITABLE.sub("\ufffd", text))


def _tag(name: str, *content: str) -> str:
    """An element around what there is; nothing at all when there is nothing."""
    inside = "".join(content)
    return f"<{name}>{inside}</{name}>" if inside else ""


def _number(value: float, decimals: int) -> str:
    """Fixed decimals without trailing zeros; "" when not finite. Minus zero is zero."""
    if not math.isfinite(value):
        return ""
    text = f"{value:.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _quantity(name: str, value: str, uncertainty: str = "") -> str:
    return f"<{name}>{_tag('value', value)}{_tag('uncertainty', uncertainty)}</{name}>" if value else ""


def _comment(text: str) -> str:
    return _tag("comment", _tag("text", _text(text)))


def _escaped_id(text: str) -> str:
    """Any text as part of a QuakeML identifier, one to one: what is not allowed becomes ~hex~."""
    return re.sub(r"[^A-Za-z0-9_.+\-]", lambda match: f"~{ord(match[0]):x}~", text)


def _waveform_id(source: SourceId) -> str:
    location = f' locationCode="{source.location}"' if source.location else ""
    channel = f' channelCode="{source.channel}"' if source.channel else ""
    return f'<waveformID networkCode="{source.network}" stationCode="{source.station}"{location}{channel}/>'


class _EventWriter:
    """One quake on its way to XML: keeps the identifiers so that references meet what they refer to."""

    def __init__(self, quake: Quake, agency: str) -> None:
        self._quake = quake
        self._root = f"smi:local/houfeng/{_escaped_id(quake.quake_id)}"
        self._version = f"v{quake.version}"
        self._creation = _tag(
            "creationInfo",
            _tag("agencyID", _text(agency)),
            _tag("author", "houfeng"),
            _tag("version", str(quake.version)),
        )
        self._used: Counter[str] = Counter()
        self._amplitude_ids: dict[Amplitude, str] = {}

    def event(self) -> str:
        quake = self._quake
        origin_id = f"{self._root}/origin/{self._version}"
        picks = [(arrival, self._new_id("pick", _pick_name(arrival.pick))) for arrival in quake.origin.arrivals]
        amplitudes = "".join(self._amplitudes())
        magnitude_parts = [self._magnitude(magnitude, origin_id) for magnitude in quake.magnitudes]
        magnitude_ids = [identifier for identifier, _ in magnitude_parts]
        return "".join(
            (
                f'<event publicID="{self._root}/event">\n',
                _tag("preferredOriginID", origin_id),
                _tag("preferredMagnitudeID", *magnitude_ids[:1]),
                _type(quake.discrimination),
                "\n",
                _tag("description", _tag("text", _text(quake.quake_id)), "<type>earthquake name</type>"),
                "".join(map(_comment, quake.notes)),
                _comment(_looks_like(quake.discrimination)) if quake.discrimination else "",
                self._creation,
                "\n",
                "".join(self._pick(arrival.pick, identifier) for arrival, identifier in picks),
                amplitudes,
                self._origin(quake.origin, origin_id, picks),
                "".join(text for _, text in magnitude_parts),
                "</event>\n",
            )
        )

    def _new_id(self, kind: str, content: str) -> str:
        """An identifier not used before in this event; equal content is told apart by its order."""
        identifier = f"{self._root}/{kind}/{self._version}/{content}"
        self._used[identifier] += 1
        again = self._used[identifier]
        return identifier if again == 1 else f"{identifier}/{again}"

    def _pick(self, pick: Pick, identifier: str) -> str:
        uncertainty = _number(pick.uncertainty_s, _SECONDS)
        facts = {
            "snr": _number(pick.snr, 2) if pick.snr else "",
            "probability": _number(pick.probability, _SHARE),
            "polarity confidence": _number(pick.polarity_confidence, _SHARE) if pick.polarity else "",
        }
        said = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        polarity = {1: "positive", -1: "negative"}.get(pick.polarity, "undecidable")
        return "".join(
            (
                f'<pick publicID="{identifier}">',
                _quantity("time", format_instant(pick.time_ns, _TIME_DECIMALS), uncertainty),
                _waveform_id(pick.source),
                _tag("methodID", f"smi:local/houfeng/method/{_escaped_id(pick.method)}" if pick.method else ""),
                f"<phaseHint>{pick.phase}</phaseHint><polarity>{polarity}</polarity>",
                f"<evaluationMode>{'manual' if pick.method == 'analyst' else 'automatic'}</evaluationMode>",
                _comment(said) if said else "",
                self._creation,
                "</pick>\n",
            )
        )

    def _amplitudes(self) -> Iterator[str]:
        """Amplitudes of the quake, and those that only a station magnitude refers to."""
        used = (a for m in self._quake.magnitudes for s in m.stations for a in s.amplitudes)
        for amplitude in dict.fromkeys((*self._quake.amplitudes, *used)):
            value = f"{amplitude.value:.6g}" if math.isfinite(amplitude.value) else ""
            if not value:
                continue
            identifier = self._new_id("amplitude", f"{amplitude.source.nslc}/{_escaped_id(amplitude.kind)}")
            self._amplitude_ids[amplitude] = identifier
            kind, unit = _AMPLITUDE_TYPES.get(amplitude.kind, (amplitude.kind[:32], "other"))
            yield "".join(
                (
                    f'<amplitude publicID="{identifier}">',
                    _quantity("genericAmplitude", value),
                    f"<type>{_text(kind)}</type><category>point</category><unit>{unit}</unit>",
                    _quantity("period", _number(amplitude.period_s, _SECONDS) if amplitude.period_s else ""),
                    _tag("snr", _number(amplitude.snr, 2) if amplitude.snr else ""),
                    _quantity("scalingTime", format_instant(amplitude.time_ns, _TIME_DECIMALS)),
                    _waveform_id(amplitude.source),
                    "<evaluationMode>automatic</evaluationMode>",
                    self._creation,
                    "</amplitude>\n",
                )
            )

    def _origin(self, origin: Origin, identifier: str, picks: Sequence[tuple[Arrival, str]]) -> str:
        latitude_deg, longitude_deg = _uncertainty_deg(origin)
        time = format_instant(origin.time_ns, _TIME_DECIMALS)
        return "".join(
            (
                f'<origin publicID="{identifier}">',
                _quantity("time", time, _number(origin.time_uncertainty_s, _SECONDS)),
                _quantity("latitude", _number(origin.latitude_deg, _DEGREES), latitude_deg),
                _quantity("longitude", _number(origin.longitude_deg, _DEGREES), longitude_deg),
                _quantity("depth", _number(origin.depth_m, _METRES), _number(origin.depth_uncertainty_m, _METRES)),
                "<depthType>from location</depthType>",
                "<methodID>smi:local/houfeng/method/edt-octree</methodID>",
                _tag("earthModelID", f"smi:local/houfeng/model/{_escaped_id(origin.model)}" if origin.model else ""),
                _quality(origin),
                _uncertainty(origin),
                _comment(f"quality {origin.quality}") if origin.quality else "",
                "".join(map(_comment, origin.notes)),
                "".join(_comment(_said(ellipse)) for ellipse in origin.ellipses),
                "<evaluationMode>automatic</evaluationMode>",
                self._creation,
                "\n",
                "".join(self._arrival(arrival, pick_id) for arrival, pick_id in picks),
                "</origin>\n",
            )
        )

    def _arrival(self, arrival: Arrival, pick_id: str) -> str:
        return "".join(
            (
                f'<arrival publicID="{pick_id.replace("/pick/", "/arrival/", 1)}">',
                f"<pickID>{pick_id}</pickID><phase>{arrival.pick.phase}</phase>",
                _tag("azimuth", _number(arrival.azimuth_deg, 2)),
                _tag("distance", _number(arrival.distance_m / M_PER_DEG, _DEGREES)),
                _quantity("takeoffAngle", _number(arrival.takeoff_deg, 2)),
                _tag("timeResidual", _number(arrival.residual_s, _SECONDS)),
                _tag("timeWeight", _number(arrival.weight, _SHARE)),
                "</arrival>\n",
            )
        )

    def _magnitude(self, magnitude: Magnitude, origin_id: str) -> tuple[str, str]:
        identifier = self._new_id("magnitude", _escaped_id(magnitude.kind))
        stations, contributions = [], []
        for station in magnitude.stations:
            value = _number(station.value, _SHARE)
            if not value:
                continue
            name = f"{_escaped_id(magnitude.kind)}/{_escaped_id(station.station_key)}"
            station_id = self._new_id("stationmagnitude", name)
            stations.append(self._station_magnitude(station, magnitude.kind, station_id, origin_id, value))
            contributions.append(
                _tag(
                    "stationMagnitudeContribution",
                    _tag("stationMagnitudeID", station_id),
                    _tag("residual", _number(station.value - magnitude.value, _SHARE)),
                    _tag("weight", "0" if station.refused else "1"),
                )
            )
        text = "".join(
            (
                *stations,
                f'<magnitude publicID="{identifier}">',
                _quantity("mag", _number(magnitude.value, _SHARE), _number(magnitude.uncertainty, _SHARE)),
                _tag("type", _text(magnitude.kind[:32])),
                _tag("originID", origin_id),
                _tag("stationCount", str(sum(not station.refused for station in magnitude.stations))),
                _comment(f"relation {magnitude.relation}") if magnitude.relation else "",
                "<evaluationMode>automatic</evaluationMode>",
                self._creation,
                *contributions,
                "</magnitude>\n",
            )
        )
        return (identifier, text) if math.isfinite(magnitude.value) else ("", "".join(stations))

    def _station_magnitude(
        self, station: StationMagnitude, kind: str, identifier: str, origin_id: str, value: str
    ) -> str:
        network, _, code = station.station_key.partition(".")
        amplitude_ids = [self._amplitude_ids[a] for a in station.amplitudes if a in self._amplitude_ids]
        return "".join(
            (
                f'<stationMagnitude publicID="{identifier}">',
                _tag("originID", origin_id),
                _quantity("mag", value),
                _tag("type", _text(kind[:32])),
                _tag("amplitudeID", *amplitude_ids[:1]),
                f'<waveformID networkCode="{_text(network)}" stationCode="{_text(code)}"/>',
                _comment(f"refused: {station.refused}") if station.refused else "",
                self._creation,
                "</stationMagnitude>\n",
            )
        )


def _type(discrimination: Discrimination | None) -> str:
    """What the source looks like, an earthquake where nobody asked; nothing when it cannot be told."""
    kind = _EVENT_TYPES.get(discrimination.verdict, "") if discrimination else "earthquake"
    return f"<type>{kind}</type><typeCertainty>suspected</typeCertainty>" if kind else ""


def _looks_like(said: Discrimination) -> str:
    odds = _number(said.log_ratio, 2) or "unknown"
    told = f"{said.verdict}: P over S at {said.stations} stations, log likelihood ratio of an explosion {odds}"
    return "; ".join((told, *said.notes))


def _pick_name(pick: Pick) -> str:
    return f"{pick.source.nslc}/{pick.phase}/{pick.time_ns}"


def _uncertainty_deg(origin: Origin) -> tuple[str, str]:
    """One standard deviation of latitude and longitude in degrees, from the covariance in metres."""
    covariance = np.asarray(origin.covariance_m2, dtype=np.float64)
    if covariance.shape != (3, 3):
        return "", ""
    with np.errstate(invalid="ignore"):
        east_m, north_m = np.sqrt(covariance[0, 0]), np.sqrt(covariance[1, 1])
    north_radius_m, east_radius_m = radii_m(origin.latitude_deg)
    parallel_m = east_radius_m * math.cos(math.radians(origin.latitude_deg))
    latitude = _number(math.degrees(north_m / north_radius_m), _DEGREES + 1)
    longitude = _number(math.degrees(east_m / parallel_m), _DEGREES + 1) if parallel_m > 1 else ""
    return latitude, longitude


def _quality(origin: Origin) -> str:
    used = [arrival for arrival in origin.arrivals if arrival.weight > 0]
    distances = [arrival.distance_m / M_PER_DEG for arrival in used if math.isfinite(arrival.distance_m)]
    return _tag(
        "quality",
        _tag("associatedPhaseCount", str(len(origin.arrivals))),
        _tag("usedPhaseCount", str(len(used))),
        _tag("usedStationCount", str(origin.station_count)),
        _tag("standardError", _number(origin.rms_s, _SECONDS)),
        _tag("azimuthalGap", _number(origin.gap_deg, 2)),
        _tag("minimumDistance", _number(origin.nearest_m / M_PER_DEG, _DEGREES)),
        _tag("maximumDistance", _number(max(distances), _DEGREES) if distances else ""),
        _tag("medianDistance", _number(float(np.median(distances)), _DEGREES) if distances else ""),
    )


def _uncertainty(origin: Origin) -> str:
    """The first ellipse given; QuakeML has room for one, all are also said in comments."""
    if not origin.ellipses:
        return ""
    ellipse = origin.ellipses[0]
    horizontal_m = math.sqrt(ellipse.semi_major_m * ellipse.semi_minor_m)  # the circle of the same area
    return _tag(
        "originUncertainty",
        _tag("horizontalUncertainty", _number(horizontal_m, _METRES)),
        _tag("minHorizontalUncertainty", _number(ellipse.semi_minor_m, _METRES)),
        _tag("maxHorizontalUncertainty", _number(ellipse.semi_major_m, _METRES)),
        _tag("azimuthMaxHorizontalUncertainty", _number(ellipse.azimuth_deg % 180.0, 2)),
        "<preferredDescription>uncertainty ellipse</preferredDescription>",
        _tag("confidenceLevel", _number(100 * ellipse.confidence, 1)),
    )


def _said(ellipse: Ellipse) -> str:
    return (
        f"{_number(100 * ellipse.confidence, 1)} % ellipse: semi-axes {_number(ellipse.semi_major_m, _METRES)} and "
        f"{_number(ellipse.semi_minor_m, _METRES)} m, major axis towards {_number(ellipse.azimuth_deg, 1)} degrees"
    )
