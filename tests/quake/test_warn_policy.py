"""The policy: read from its file with every mistake named, who is told, and what a network can never give."""

import re
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.quake.warn.policy import SHARES, Audience, Policy, audiences_of
from houfeng.quake.warn.policy_toml import LARGEST_FILE_BYTES, packaged_policy, read_policy
from houfeng.quake.warn.reach import unreachable
from houfeng.words.assurance import Tier, tier_name
from houfeng.words.errors import DataFault
from houfeng.words.station import Station

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/policy.md"
WHOLE = (resources.files("houfeng.quake.warn") / "policy.toml").read_text(encoding="utf-8")


def read(text):
    return read_policy(text.encode(), "policy.toml")


def test_the_packaged_policy_is_the_one_without_a_file():
    assert packaged_policy() == Policy() == read("")


def test_every_number_of_the_packaged_policy_has_its_reason_above_it():
    said = re.compile(r"\[|\w+ = ")
    lines = WHOLE.splitlines()
    tops = [row for row, line in enumerate(lines) if said.match(line) and not said.match(lines[row - 1])]
    assert len(tops) == 5 + 1 + 1 + 3
    assert all(lines[row - 1].startswith("# ") for row in tops)


def test_a_file_says_what_differs():
    policy = read(
        'most = 5\nthreshold = 20.5\n[domain_caps]\npower = 8\n[[audiences]]\nname = "a"\nstations = 2\ndomains = 1'
    )
    assert policy == Policy(most=5.0, threshold=20.5, domain_caps={"power": 8.0}, audiences=(Audience("a", 2, 1),))
    assert (policy.cap("power"), policy.cap("gateway")) == (8.0, 12.0)


def test_of_the_tiers_too_a_file_says_what_differs():
    policy = read("[tiers]\nnone = 0.5")
    assert policy.shares == {**SHARES, Tier.NONE: 0.5}
    assert policy.shares[Tier.BROKEN] == 0


AUDIENCE = '[[audiences]]\nname = "a"\nstations = 1\ndomains = 1\n'


@pytest.mark.parametrize(
    ("text", "subject", "reason"),
    [
        ("mots = 4", "mots", "is not known"),
        ("most = 0", "most", "not allowed"),
        ("most = nan", "most", "not allowed"),
        ("most = inf", "most", "not allowed"),
        ("most = true", "most", "not allowed"),
        ('least = "2"', "least", "not allowed"),
        ("least = -1", "least", "not allowed"),
        ("limit = 2.0", "limit", "not allowed"),
        ("limit = 0", "limit", "not allowed"),
        ("limit = 2", "limit", "wants 3"),
        ("[tiers]\nnone = 1.5", "tiers.none", "not allowed"),
        ("[tiers]\nbroken = 1", "tiers.broken", "is not known"),
        ("[tiers]\nnone = 0.95", "tiers.transport-only", "surer data say less than none"),
        ("tiers = 3", "tiers", "not a table"),
        ("threshold = 4", "threshold", "one station may say alone"),
        ("other_domain_cap = 3", "other_domain_cap", "less than one of its stations"),
        ("[domain_caps]\ngateway = 3.5", "domain_caps.gateway", "less than one of its stations"),
        ("[domain_caps]\ngateway = [6]", "domain_caps.gateway", "not allowed"),
        ('[domain_caps]\n"gate:way" = 6', "domain_caps.gate:way", "no kind of domain"),
        ("domain_caps = 6", "domain_caps", "not a table"),
        ("audiences = 6", "audiences", "no list"),
        ("audiences = []", "audiences", "no list"),
        ("audiences = [1]", "audiences.number 1", "not a table"),
        (AUDIENCE + "magnitude = 11", "audiences.number 1.magnitude", "not allowed"),
        (AUDIENCE + "cost = 1", "audiences.number 1.cost", "is not known"),
        (AUDIENCE + AUDIENCE, "audiences.number 2.name", "is taken"),
        ('[[audiences]]\nname = "a"\nstations = 1', "audiences.number 1.domains", "is missing"),
        ('[[audiences]]\nname = "a b"\nstations = 1\ndomains = 1', "audiences.number 1.name", "no name"),
        ("most = ", "policy.toml", "is no TOML"),
        ("a = " + "[" * 10_000, "policy.toml", "is no TOML"),
        ("# " + "x" * LARGEST_FILE_BYTES, "policy.toml", "no policy"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_what_to_do(text, subject, reason):
    with pytest.raises(DataFault) as caught:
        read(text)
    assert caught.value.subject.endswith(subject)
    assert reason in caught.value.reason
    assert caught.value.remedy


@given(st.binary(max_size=300))
def test_no_bytes_crash_it(data):
    try:
        policy = read_policy(data, "policy.toml")
    except DataFault:
        policy = Policy()
    assert policy.audiences


def test_audiences_by_forgery_cost_and_magnitude():
    assert audiences_of(Policy(), 1, 1, 7.0) == ("operators",)
    assert audiences_of(Policy(), 9, 1, 7.0) == ("operators",)
    assert audiences_of(Policy(), 3, 3, 4.4) == ("operators", "engineers")
    assert audiences_of(Policy(), 3, 3, 4.5) == ("operators", "engineers", "public")
    assert audiences_of(Policy(), 0, 0, 7.0) == ()
    assert audiences_of(Policy(), 3, 3, float("nan")) == ()


@given(st.integers(0, 9), st.integers(0, 9), st.floats(0, 9), st.integers(0, 2))
def test_more_cost_never_tells_fewer(stations, domains, magnitude, more):
    fewer = audiences_of(Policy(), stations, domains, magnitude)
    assert set(fewer) <= set(audiences_of(Policy(), stations + more, domains + more, magnitude + more))


def network(count, **kinds):
    return [
        Station("XX", f"S{k}", 0.0, 0.0, domains=frozenset(f"{kind}:{of(k)}" for kind, of in kinds.items()))
        for k in range(count)
    ]


def kinds_of(findings):
    return [finding.kind for finding in findings]


def test_a_network_that_can_do_all_is_said_nothing_of():
    assert unreachable(Policy(), network(12, carrier=lambda k: k % 6, gateway=lambda k: k)) == ()
    assert unreachable(Policy(), network(12)) == ()


def test_too_few_stations_never_raise_an_alert():
    (said,) = unreachable(Policy(), network(2))
    assert said.kind == "policy-unreachable"
    assert "7.68 nats" in said.reason
    assert "add stations" in said.reason
    assert kinds_of(unreachable(Policy(), [])) == ["policy-unreachable"]


def test_all_behind_one_gateway_never_raise_an_alert():
    (said,) = unreachable(Policy(), network(9, gateway=lambda _: 1))
    assert said.kind == "policy-unreachable"
    assert "raise domain_caps.gateway" in said.reason


def test_all_of_one_carrier_alarm_operators_alone():
    said = unreachable(Policy(), network(30, carrier=lambda _: "A"))
    assert kinds_of(said) == ["audience-unreachable"] * 2
    assert said[0].reason.startswith("engineers can never be told")
    assert "by carrier they are 1 domain;" in said[0].reason
    assert "ask for fewer domains" in said[1].reason


def test_few_stations_give_little_cost():
    assert kinds_of(unreachable(Policy(), network(3))) == ["policy-unreachable"]  # three are never quite enough
    said = unreachable(Policy(), network(4))
    assert {text for each in said for text in re.findall(r"cost of \d (\w+)", each.reason)} == {"stations", "domains"}


def test_the_page_has_every_key_with_its_default():
    keys = PAGE.read_text(encoding="utf-8").split("## What a network")[0]
    rows = dict(re.findall(r"^\| `([\w.-]+)` \| (.*?) \|", keys, re.MULTILINE))
    usual = Policy()
    for key in ("most", "least", "threshold", "other_domain_cap", "limit"):
        assert rows.pop(key) == f"`{getattr(usual, key):g}`"
    for tier, share in usual.shares.items():
        assert rows.pop(tier_name(tier), "`0`") == f"`{share:g}`"
    assert set(rows) == {"name", "stations", "domains", "magnitude"}
    for audience in usual.audiences:
        row = f"| {audience.name} | {audience.stations} | {audience.domains} | {audience.magnitude:g} |"
        assert row in PAGE.read_text(encoding="utf-8")
    for kind, cap in usual.domain_caps.items():
        assert f"`{kind} = {cap:g}`" in PAGE.read_text(encoding="utf-8")
