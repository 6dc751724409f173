"""Write quakes as QuakeML 1.2 (Basic Event Description), the same bytes for the same quakes."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from houfeng.wire import xml_pieces as xml
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
    parts = [_HEAD, f'<eventParameters publicID="smi:local/houfeng/catalogue/{xml.escaped_id(agency)}">\n']
    parts += [_EventWriter(quake, agency).event() for quake in latest.values()]
    parts.append("</eventParameters>\n</q:quakeml>\n")
    return "".join(parts).encode("utf-8")


def _waveform_id(source: SourceId) -> str:
    location = f' locationCode="{source.location}"' if source.location else ""
    channel = f' channelCode="{source.channel}"' if source.channel else ""
    return f'<waveformID networkCode="{source.network}" stationCode="{source.station}"{location}{channel}/>'


class _EventWriter:
    """One quake on its way to XML: keeps the identifiers so that references meet what they refer to."""

    def __init__(self, quake: Quake, agency: str) -> None:
        self._quake = quake
        self._root = f"smi:local/houfeng/{xml.escaped_id(quake.quake_id)}"
        self._version = f"v{quake.version}"
        self._creation = xml.tag(
            "creationInfo",
            xml.tag("agencyID", xml.text(agency)),
            xml.tag("author", "houfeng"),
            xml.tag("version", str(quake.version)),
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
                xml.tag("preferredOriginID", origin_id),
                xml.tag("preferredMagnitudeID", *magnitude_ids[:1]),
                _type(quake.discrimination),
                "\n",
                xml.tag("description", xml.tag("text", xml.text(quake.quake_id)), "<type>earthquake name</type>"),
                "".join(map(xml.comment, quake.notes)),
                xml.comment(_looks_like(quake.discrimination)) if quake.discrimination else "",
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
        uncertainty = xml.number(pick.uncertainty_s, _SECONDS)
        facts = {
            "snr": xml.number(pick.snr, 2) if pick.snr else "",
            "probability": xml.number(pick.probability, _SHARE),
            "polarity confidence": xml.number(pick.polarity_confidence, _SHARE) if pick.polarity else "",
        }
        said = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        polarity = {1: "positive", -1: "negative"}.get(pick.polarity, "undecidable")
        return "".join(
            (
                f'<pick publicID="{identifier}">',
                xml.quantity("time", format_instant(pick.time_ns, _TIME_DECIMALS), uncertainty),
                _waveform_id(pick.source),
                xml.tag("methodID", f"smi:local/houfeng/method/{xml.escaped_id(pick.method)}" if pick.method else ""),
                f"<phaseHint>{pick.phase}</phaseHint><polarity>{polarity}</polarity>",
                f"<evaluationMode>{'manual' if pick.method == 'analyst' else 'automatic'}</evaluationMode>",
                xml.comment(said) if said else "",
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
            identifier = self._new_id("amplitude", f"{amplitude.source.nslc}/{xml.escaped_id(amplitude.kind)}")
            self._amplitude_ids[amplitude] = identifier
            kind, unit = _AMPLITUDE_TYPES.get(amplitude.kind, (amplitude.kind[:32], "other"))
            yield "".join(
                (
                    f'<amplitude publicID="{identifier}">',
                    xml.quantity("genericAmplitude", value),
                    f"<type>{xml.text(kind)}</type><category>point</category><unit>{unit}</unit>",
                    xml.quantity("period", xml.number(amplitude.period_s, _SECONDS) if amplitude.period_s else ""),
                    xml.tag("snr", xml.number(amplitude.snr, 2) if amplitude.snr else ""),
                    xml.quantity("scalingTime", format_instant(amplitude.time_ns, _TIME_DECIMALS)),
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
                xml.quantity("time", time, xml.number(origin.time_uncertainty_s, _SECONDS)),
                xml.quantity("latitude", xml.number(origin.latitude_deg, _DEGREES), latitude_deg),
                xml.quantity("longitude", xml.number(origin.longitude_deg, _DEGREES), longitude_deg),
                xml.quantity(
                    "depth", xml.number(origin.depth_m, _METRES), xml.number(origin.depth_uncertainty_m, _METRES)
                ),
                "<depthType>from location</depthType>",
                "<methodID>smi:local/houfeng/method/edt-octree</methodID>",
                xml.tag(
                    "earthModelID", f"smi:local/houfeng/model/{xml.escaped_id(origin.model)}" if origin.model else ""
                ),
                _quality(origin),
                _uncertainty(origin),
                xml.comment(f"quality {origin.quality}") if origin.quality else "",
                "".join(map(xml.comment, origin.notes)),
                "".join(xml.comment(_said(ellipse)) for ellipse in origin.ellipses),
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
                xml.tag("azimuth", xml.number(arrival.azimuth_deg, 2)),
                xml.tag("distance", xml.number(arrival.distance_m / M_PER_DEG, _DEGREES)),
                xml.quantity("takeoffAngle", xml.number(arrival.takeoff_deg, 2)),
                xml.tag("timeResidual", xml.number(arrival.residual_s, _SECONDS)),
                xml.tag("timeWeight", xml.number(arrival.weight, _SHARE)),
                "</arrival>\n",
            )
        )

    def _magnitude(self, magnitude: Magnitude, origin_id: str) -> tuple[str, str]:
        identifier = self._new_id("magnitude", xml.escaped_id(magnitude.kind))
        stations, contributions = [], []
        for station in magnitude.stations:
            value = xml.number(station.value, _SHARE)
            if not value:
                continue
            name = f"{xml.escaped_id(magnitude.kind)}/{xml.escaped_id(station.station_key)}"
            station_id = self._new_id("stationmagnitude", name)
            stations.append(self._station_magnitude(station, magnitude.kind, station_id, origin_id, value))
            contributions.append(
                xml.tag(
                    "stationMagnitudeContribution",
                    xml.tag("stationMagnitudeID", station_id),
                    xml.tag("residual", xml.number(station.value - magnitude.value, _SHARE)),
                    xml.tag("weight", "0" if station.refused else "1"),
                )
            )
        text = "".join(
            (
                *stations,
                f'<magnitude publicID="{identifier}">',
                xml.quantity("mag", xml.number(magnitude.value, _SHARE), xml.number(magnitude.uncertainty, _SHARE)),
                xml.tag("type", xml.text(magnitude.kind[:32])),
                xml.tag("originID", origin_id),
                xml.tag("stationCount", str(sum(not station.refused for station in magnitude.stations))),
                xml.comment(f"relation {magnitude.relation}") if magnitude.relation else "",
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
                xml.tag("originID", origin_id),
                xml.quantity("mag", value),
                xml.tag("type", xml.text(kind[:32])),
                xml.tag("amplitudeID", *amplitude_ids[:1]),
                f'<waveformID networkCode="{xml.text(network)}" stationCode="{xml.text(code)}"/>',
                xml.comment(f"refused: {station.refused}") if station.refused else "",
                self._creation,
                "</stationMagnitude>\n",
            )
        )


def _type(discrimination: Discrimination | None) -> str:
    """What the source looks like, an earthquake where nobody asked; nothing when it cannot be told."""
    kind = _EVENT_TYPES.get(discrimination.verdict, "") if discrimination else "earthquake"
    return f"<type>{kind}</type><typeCertainty>suspected</typeCertainty>" if kind else ""


def _looks_like(said: Discrimination) -> str:
    odds = xml.number(said.log_ratio, 2) or "unknown"
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
    latitude = xml.number(math.degrees(north_m / north_radius_m), _DEGREES + 1)
    longitude = xml.number(math.degrees(east_m / parallel_m), _DEGREES + 1) if parallel_m > 1 else ""
    return latitude, longitude


def _quality(origin: Origin) -> str:
    used = [arrival for arrival in origin.arrivals if arrival.weight > 0]
    distances = [arrival.distance_m / M_PER_DEG for arrival in used if math.isfinite(arrival.distance_m)]
    return xml.tag(
        "quality",
        xml.tag("associatedPhaseCount", str(len(origin.arrivals))),
        xml.tag("usedPhaseCount", str(len(used))),
        xml.tag("usedStationCount", str(origin.station_count)),
        xml.tag("standardError", xml.number(origin.rms_s, _SECONDS)),
        xml.tag("azimuthalGap", xml.number(origin.gap_deg, 2)),
        xml.tag("minimumDistance", xml.number(origin.nearest_m / M_PER_DEG, _DEGREES)),
        xml.tag("maximumDistance", xml.number(max(distances), _DEGREES) if distances else ""),
        xml.tag("medianDistance", xml.number(float(np.median(distances)), _DEGREES) if distances else ""),
    )


def _uncertainty(origin: Origin) -> str:
    """The first ellipse given; QuakeML has room for one, all are also said in comments."""
    if not origin.ellipses:
        return ""
    ellipse = origin.ellipses[0]
    horizontal_m = math.sqrt(ellipse.semi_major_m * ellipse.semi_minor_m)  # the circle of the same area
    return xml.tag(
        "originUncertainty",
        xml.tag("horizontalUncertainty", xml.number(horizontal_m, _METRES)),
        xml.tag("minHorizontalUncertainty", xml.number(ellipse.semi_minor_m, _METRES)),
        xml.tag("maxHorizontalUncertainty", xml.number(ellipse.semi_major_m, _METRES)),
        xml.tag("azimuthMaxHorizontalUncertainty", xml.number(ellipse.azimuth_deg % 180.0, 2)),
        "<preferredDescription>uncertainty ellipse</preferredDescription>",
        xml.tag("confidenceLevel", xml.number(100 * ellipse.confidence, 1)),
    )


def _said(ellipse: Ellipse) -> str:
    major_m, minor_m = xml.number(ellipse.semi_major_m, _METRES), xml.number(ellipse.semi_minor_m, _METRES)
    return (
        f"{xml.number(100 * ellipse.confidence, 1)} % ellipse: semi-axes {major_m} and {minor_m} m, "
        f"major axis towards {xml.number(ellipse.azimuth_deg, 1)} degrees"
    )
