"""An alert as a QuakeML 1.2 event (Basic Event Description): automatic, preliminary, or, once cancelled, rejected."""

import math

from houfeng.serve.alerts.news import contradicting
from houfeng.serve.alerts.texts import NOT_REAL
from houfeng.wire import xml_pieces as xml
from houfeng.words.alert import Alert, Voice
from houfeng.words.assurance import tier_name
from houfeng.words.earth import radii_m
from houfeng.words.instant import format_instant

_TIME_DECIMALS = 6  # QuakeML readers, ObsPy among them, keep microseconds

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2" xmlns="http://quakeml.org/xmlns/bed/1.2">\n'
)


def write_alert_quakeml(alert: Alert, *, agency: str = "houfeng") -> bytes:
    """One version of an alert with its onsets; the same bytes for the same values.

    agency  who publishes, into every creationInfo

    Identifiers stay with the alert and its version. Whether it is an exercise or a test, and what a forgery would
    cost, is said in the description and in comments: QuakeML has no place for it. What is not finite is left out.
    """
    root = f"smi:local/houfeng/alert/{xml.escaped_id(alert.alert_id)}"
    version = f"v{alert.version}"
    cancelled = alert.kind == "cancel"
    evaluated = (
        "<evaluationMode>automatic</evaluationMode>"
        f"<evaluationStatus>{'rejected' if cancelled else 'preliminary'}</evaluationStatus>"
    )
    creation = xml.tag(
        "creationInfo",
        xml.tag("agencyID", xml.text(agency)),
        xml.tag("author", "houfeng"),
        xml.tag("creationTime", format_instant(alert.declared_ns, _TIME_DECIMALS)),
        xml.tag("version", str(alert.version)),
    )
    spoken = [voice for voice in alert.voices if voice.onset_ns is not None]
    picks = [(voice, f"{root}/pick/{version}/{number}") for number, voice in enumerate(spoken, 1)]
    kind = "<type>not existing</type>" if cancelled else "<type>earthquake</type>"
    parts = (
        _HEAD,
        f'<eventParameters publicID="smi:local/houfeng/alerts/{xml.escaped_id(agency)}">\n',
        f'<event publicID="{root}/event">\n',
        xml.tag("preferredOriginID", f"{root}/origin/{version}"),
        xml.tag("preferredMagnitudeID", f"{root}/magnitude/{version}" if math.isfinite(alert.magnitude) else ""),
        f"{kind}<typeCertainty>suspected</typeCertainty>",
        xml.tag("description", xml.tag("text", xml.text(_name(alert))), "<type>earthquake name</type>"),
        *(xml.comment(fact) for fact in _facts(alert)),
        creation,
        "\n",
        *(_pick(voice, identifier, creation) for voice, identifier in picks),
        _origin(alert, root, version, picks, evaluated + creation),
        _magnitude(alert, root, version, evaluated + creation),
        "</event>\n</eventParameters>\n</q:quakeml>\n",
    )
    return "".join(parts).encode("utf-8")


def _name(alert: Alert) -> str:
    return f"{NOT_REAL[alert.status]['en']}earthquake warning {alert.alert_id}, version {alert.version}"


def _facts(alert: Alert) -> list[str]:
    against = contradicting(alert)
    return [
        f"status {alert.status}",
        f"score {xml.number(alert.score, 2)} of {xml.number(alert.of_score, 2)} needed",
        f"forgery cost {alert.forgery_cost_stations} stations, {alert.forgery_cost_domains} domains",
        f"assurance {tier_name(alert.assurance)}",
        *([f"contradicted by {' '.join(against)}"] if against else []),
        *([alert.reason] if alert.reason else []),
    ]


def _pick(voice: Voice, identifier: str, creation: str) -> str:
    network, _, station = voice.station_key.partition(".")
    assert voice.onset_ns is not None
    return "".join(
        (
            f'<pick publicID="{identifier}">',
            xml.quantity("time", format_instant(voice.onset_ns, _TIME_DECIMALS)),
            f'<waveformID networkCode="{xml.text(network)}" stationCode="{xml.text(station)}"/>',
            "<phaseHint>P</phaseHint><evaluationMode>automatic</evaluationMode>",
            creation,
            "</pick>\n",
        )
    )


def _origin(alert: Alert, root: str, version: str, picks: list[tuple[Voice, str]], evaluated: str) -> str:
    spread_m = alert.place_uncertainty_m
    north_m, east_m = radii_m(alert.latitude_deg)
    parallel_m = east_m * math.cos(math.radians(alert.latitude_deg))
    latitude = xml.number(math.degrees(spread_m / north_m), 5)
    longitude = xml.number(math.degrees(spread_m / parallel_m), 5) if parallel_m > 1 else ""
    within = xml.number(spread_m, 1)
    return "".join(
        (
            f'<origin publicID="{root}/origin/{version}">',
            xml.quantity("time", format_instant(alert.origin_time_ns, _TIME_DECIMALS)),
            xml.quantity("latitude", xml.number(alert.latitude_deg, 5), latitude),
            xml.quantity("longitude", xml.number(alert.longitude_deg, 5), longitude),
            xml.quantity("depth", xml.number(alert.depth_m, 1)),
            "<methodID>smi:local/houfeng/method/warn</methodID>",
            xml.tag("quality", xml.tag("usedPhaseCount", str(len(picks)))),
            xml.tag("originUncertainty", xml.tag("horizontalUncertainty", within)) if within else "",
            evaluated,
            *(_arrival(voice, identifier) for voice, identifier in picks),
            "</origin>\n",
        )
    )


def _arrival(voice: Voice, pick_id: str) -> str:
    return "".join(
        (
            f'<arrival publicID="{pick_id.replace("/pick/", "/arrival/", 1)}">',
            f"<pickID>{pick_id}</pickID><phase>P</phase>",
            xml.tag("timeResidual", xml.number(voice.residual_s, 3)),
            "</arrival>",
        )
    )


def _magnitude(alert: Alert, root: str, version: str, evaluated: str) -> str:
    value = xml.number(alert.magnitude, 2)
    if not value:
        return ""
    return "".join(
        (
            f'<magnitude publicID="{root}/magnitude/{version}">',
            xml.comment("a lower bound") if alert.magnitude_is_least else "",
            xml.quantity("mag", value, xml.number(alert.magnitude_uncertainty, 2)),
            "<type>M</type>",
            xml.tag("originID", f"{root}/origin/{version}"),
            evaluated,
            "</magnitude>\n",
        )
    )
