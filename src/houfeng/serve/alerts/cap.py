"""Alerts as messages of the Common Alerting Protocol 1.2.

Source: OASIS Standard CAP-v1.2, July 2010; the numbers of sections are its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from houfeng.serve.alerts import texts
from houfeng.serve.alerts.grades import Severity, certainty, class_of, reached, urgency
from houfeng.serve.alerts.news import News, contradicting, over_ns
from houfeng.serve.alerts.texts import Language
from houfeng.wire.safe_xml import child_text, parse_xml, write_xml
from houfeng.wire.xml_pieces import escaped_id, number, writable
from houfeng.words.alert import Alert, Expectation
from houfeng.words.assurance import tier_name
from houfeng.words.earth import distance_m
from houfeng.words.errors import DataFault
from houfeng.words.instant import NS_PER_S, format_instant

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"

#: The audience whose messages are for everybody; those of any other are for it alone.
PUBLIC: Final = "public"

_LANGUAGES: Final[tuple[tuple[Language, str, str], ...]] = (
    ("en", "en-US", "Earthquake"),
    ("zh", "zh-CN", "地震"),
)

_STATUS: Final = {"actual": "Actual", "exercise": "Exercise", "test": "Test"}

#: A circle is not drawn smaller, km: nobody lives in a point.
_LEAST_RADIUS_KM = 1.0


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who warns.

    sender      unique in the world, such as a domain name or an e-mail address; without spaces, commas, < and &
    name        for people
    offset_min  by how much clocks there are ahead of UTC, minutes
    """

    sender: str
    name: str
    offset_min: int = 0


def write_cap(news: News, issuer: Issuer, audience: str, earlier: Sequence[str] = ()) -> bytes:
    """One message, the same bytes for the same values: an <info> for each level of shaking in each language.

    audience  whom it is for; what is not for "public" is of scope Restricted
    earlier   references (see reference_of) to all messages that this audience was sent about the alert, in order

    The first that an audience is sent is an Alert, also when others were warned before. Not signed: see sign_cap.
    """
    alert = news.alert
    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(root, "identifier", identifier_of(alert, audience))
    _add(root, "sender", issuer.sender)
    _add(root, "sent", _clock(alert.declared_ns, issuer))
    _add(root, "status", _STATUS[alert.status])
    _add(root, "msgType", "Cancel" if alert.kind == "cancel" else "Update" if earlier else "Alert")
    _add(root, "source", "houfeng")
    _add(root, "scope", "Public" if audience == PUBLIC else "Restricted")
    _add(root, "restriction", "" if audience == PUBLIC else f"For {audience}")
    _add(root, "note", " ".join(filter(None, (texts.NOT_REAL[alert.status]["en"].replace(": ", "."), alert.reason))))
    _add(root, "references", " ".join(earlier))
    levels = () if alert.kind == "cancel" else reached(news.expectations)
    whole: tuple[int, Severity, tuple[Expectation, ...]]
    whole = (0, "Minor" if news.expectations or alert.kind == "cancel" else "Unknown", news.expectations)
    for level in levels or (whole,):
        for language in _LANGUAGES:
            _info(root, news, issuer, language, level)
    return write_xml(root)


def identifier_of(alert: Alert, audience: str) -> str:
    """The identifier of a message: of the alert, its version, whom it is for, and whether it is for real."""
    parts = [alert.alert_id, str(alert.version), audience, *([] if alert.status == "actual" else [alert.status])]
    return ".".join(map(escaped_id, parts))


def reference_of(message: bytes) -> str:
    """How a later message refers to this one: sender, identifier, sent. Raises DataFault when it is no CAP message."""
    root = parse_xml(message, "CAP message")
    parts = [child_text(root, name) for name in ("sender", "identifier", "sent")]
    if root.tag != f"{{{NAMESPACE}}}alert" or not all(parts):
        raise DataFault("CAP message", "is none: it says not who sent it, or when")
    return ",".join(filter(None, parts))


def _info(
    root: Any,
    news: News,
    issuer: Issuer,
    language: tuple[Language, str, str],
    level: tuple[int, Severity, tuple[Expectation, ...]],
) -> None:
    alert = news.alert
    (tongue, code, event), (least, severity, places) = language, level
    info = etree.SubElement(root, f"{{{NAMESPACE}}}info")
    grave = alert.kind != "cancel" and severity != "Minor"
    first_ns = min((one.s_ns for one in places), default=alert.origin_time_ns)
    _add(info, "language", code)
    _add(info, "category", "Geo")
    _add(info, "event", event)
    _add(info, "responseType", "AllClear" if alert.kind == "cancel" else "Shelter" if grave else "Monitor")
    _add(info, "urgency", urgency(alert, places))
    _add(info, "severity", severity)
    _add(info, "certainty", certainty(alert))
    _add(info, "effective", _clock(alert.declared_ns, issuer))
    _add(info, "onset", _clock(first_ns, issuer))
    _add(info, "expires", _clock(over_ns(news), issuer))
    _add(info, "senderName", issuer.name)
    _add(info, "headline", texts.headline(news, tongue))
    _add(info, "description", texts.description(news, tongue, offset_min=issuer.offset_min))
    _add(info, "instruction", texts.instruction(alert, places, tongue))
    for name, value in _parameters(news):
        parameter = etree.SubElement(info, f"{{{NAMESPACE}}}parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    radius_km = _radius_km(alert, places if least else ())
    area = etree.SubElement(info, f"{{{NAMESPACE}}}area")
    _add(area, "areaDesc", texts.area(least, radius_km, tongue))
    _add(area, "circle", f"{alert.latitude_deg:.4f},{alert.longitude_deg:.4f} {radius_km:.1f}")


def _add(parent: Any, name: str, text: str) -> None:
    """An element, where there is something to say."""
    if text:
        etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = writable(text)


def _clock(time_ns: int, issuer: Issuer) -> str:
    """3.3.2: whole seconds, a numeric offset, and for UTC -00:00. Cut, so that nothing is sent before it is known."""
    clock = format_instant((time_ns // NS_PER_S + 60 * issuer.offset_min) * NS_PER_S, 0).removesuffix("Z")
    hours, minutes = divmod(abs(issuer.offset_min), 60)
    return f"{clock}{'+' if issuer.offset_min > 0 else '-'}{hours:02}:{minutes:02}"


def _radius_km(alert: Alert, places: Sequence[Expectation]) -> float:
    """What reaches from the epicentre to the farthest of places; without any, two standard deviations of itself."""
    distances_m = [
        float(distance_m(alert.latitude_deg, alert.longitude_deg, one.place.latitude_deg, one.place.longitude_deg))
        for one in places
    ]
    radius_m = max(distances_m, default=2 * alert.place_uncertainty_m)
    if not math.isfinite(radius_m):
        return _LEAST_RADIUS_KM
    return max(_LEAST_RADIUS_KM, math.ceil(radius_m / 100) / 10)


def _parameters(news: News) -> list[tuple[str, str]]:
    """3.2.2: what CAP has no element for. Names say the unit."""
    alert = news.alert
    facts = [
        ("alertId", alert.alert_id),
        ("version", str(alert.version)),
        ("originTime", format_instant(alert.origin_time_ns, 3)),
        ("latitude_deg", number(alert.latitude_deg, 4)),
        ("longitude_deg", number(alert.longitude_deg, 4)),
        ("epicentreUncertainty_km", number(alert.place_uncertainty_m / 1000, 1)),
        ("blindZone_km", number(alert.blind_zone_m / 1000, 1)),
        ("depth_km", number(alert.depth_m / 1000, 1)),
        ("magnitude", number(alert.magnitude, 2)),
        ("magnitudeUncertainty", number(alert.magnitude_uncertainty, 2)),
        ("magnitudeIsLeast", str(alert.magnitude_is_least).lower()),
        ("score", number(alert.score, 2)),
        ("scoreNeeded", number(alert.of_score, 2)),
        ("forgeryCostStations", str(alert.forgery_cost_stations)),
        ("forgeryCostDomains", str(alert.forgery_cost_domains)),
        ("assurance", tier_name(alert.assurance)),
        ("stations", " ".join(alert.stations)),
        ("contradictingStations", " ".join(contradicting(alert))),
    ]
    if news.expectations:
        facts.append(("greatestMMI", str(max(class_of(one.mmi) for one in news.expectations))))
        facts.append(("greatestCSIS", str(max(class_of(one.csis) for one in news.expectations))))
    return [(name, value) for name, value in facts if value]
