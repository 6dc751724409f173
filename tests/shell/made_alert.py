"""A made-up alert with its versions, what places have to expect, and a key and certificate to sign with."""

import datetime as dt
from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from houfeng.serve.alerts.news import News
from houfeng.words.alert import Alert, Bound, Expectation, Ledger, Place, Voice
from houfeng.words.assurance import Tier
from houfeng.words.instant import NS_PER_S, parse_instant

ORIGIN_NS = parse_instant("2026-05-12T06:28:01.250")
DECLARED_NS = ORIGIN_NS + 6_700_000_000


def after(seconds):
    return ORIGIN_NS + round(seconds * NS_PER_S)


FIRST = Alert(
    alert_id="20260512T062801-1",
    version=1,
    kind="first",
    status="actual",
    declared_ns=DECLARED_NS,
    origin_time_ns=ORIGIN_NS,
    latitude_deg=31.0,
    longitude_deg=103.4,
    depth_m=14_000.0,
    place_uncertainty_m=2_500.0,
    magnitude=6.24,
    magnitude_uncertainty=0.3,
    magnitude_is_least=False,
    score=20.5,
    of_score=12.0,
    forgery_cost_stations=4,
    forgery_cost_domains=3,
    bounds=(Bound(1, 1_200.0, missed=False), Bound(2, float("inf"), missed=True)),
    blind_zone_m=8_500.0,
    voices=(
        Voice("SC.WCH", after(2.9), 0.1, 4.0, Tier.SENSOR_SIGNED),
        Voice("SC.CD2", after(3.4), -0.2, 3.5, Tier.GATEWAY_SIGNED),
        Voice("SC.QUI", None, 0.0, -1.5, Tier.NONE),
    ),
    assurance=Tier.GATEWAY_SIGNED,
    audiences=("operators", "public"),
    ledger=Ledger("SC.CD2", after(3.4), after(4.4), after(5.0), after(6.2)),
)

EXPECTATIONS = (
    Expectation(Place("成都", 30.66, 104.06, 350.0), 6.2, 6.6, after(22.0), 15.3, "source"),
    Expectation(Place("Wenchuan", 31.48, 103.59), 8.3, 8.1, after(16.0), 9.3, "source"),
    Expectation(Place("Chongqing", 29.56, 106.55), 4.1, 4.4, after(98.0), 91.3, "shaking nearby"),
)


def version(number, kind="update", **changes):
    """A later version, a second after the one before it."""
    declared_ns = DECLARED_NS + (number - 1) * NS_PER_S
    return replace(FIRST, version=number, kind=kind, declared_ns=declared_ns, **changes)


def news(alert=FIRST):
    return News(alert, EXPECTATIONS)


def certified(name="centre"):
    """A new key and its certificate, good in 2026."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    return key, certificate
