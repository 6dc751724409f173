"""Read a policy from its TOML file: every value is checked, and no key goes unread."""

import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

from houfeng.quake.warn.policy import SHARES, Audience, Policy
from houfeng.words.assurance import Tier, tier_name
from houfeng.words.errors import DataFault

#: A policy is a page; a larger file is none.
LARGEST_FILE_BYTES = 2**16

#: Nats that still mean something: e^0.01 is a hundredth, and nobody is surer of anything than e^1000.
NATS = (0.01, 1000.0)

#: Audiences and kinds of domains that one person can oversee; coalitions that can be bounded while the ground shakes.
MOST_AUDIENCES, MOST_KINDS, MOST_LIMIT = 32, 32, 50

MAGNITUDES = (0.0, 10.0)
_LONGEST_NAME = 64
_REFERENCE = "see docs/reference/policy.md"


def packaged_policy() -> Policy:
    """The policy of a centre that has none of its own."""
    file = resources.files("houfeng.quake.warn") / "policy.toml"
    return read_policy(file.read_bytes(), "policy.toml")


def read_policy(data: bytes, name: str) -> Policy:
    """Read a policy; what its file leaves out is as in Policy.

    name  of the file, for messages

    Raises DataFault, naming the key and what is allowed.
    """
    if len(data) > LARGEST_FILE_BYTES:
        raise DataFault(name, f"{len(data)} bytes are no policy", f"keep it below {LARGEST_FILE_BYTES} bytes")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DataFault(name, f"is no TOML: {error}", _REFERENCE) from error
    usual = Policy()
    keys = _Keys(table, name, "")
    keys.only("most", "least", "threshold", "other_domain_cap", "limit", "domain_caps", "tiers", "audiences")
    policy = Policy(
        most=keys.number("most", NATS, usual.most),
        least=keys.number("least", NATS, usual.least),
        domain_caps=_caps(keys.value("domain_caps", usual.domain_caps), name),
        other_domain_cap=keys.number("other_domain_cap", NATS, usual.other_domain_cap),
        threshold=keys.number("threshold", NATS, usual.threshold),
        audiences=_audiences(keys.value("audiences", None), name) or usual.audiences,
        limit=keys.whole("limit", (1, MOST_LIMIT), usual.limit),
        shares=_shares(keys.value("tiers", {}), name),
    )
    _check(policy, name)
    return policy


class _Keys:
    """One table: its values by key, checked; place is what stands before a key in messages."""

    def __init__(self, table: Any, name: str, place: str) -> None:
        if not isinstance(table, Mapping):
            raise DataFault(f"{name}: {place.rstrip('.')}", "is not a table", _REFERENCE)
        self._table, self._name, self._place = table, name, place

    def only(self, *known: str) -> None:
        for key in self._table:
            if key not in known:
                raise self.fault(key, "is not known here", f"known are {', '.join(known)}")

    def value(self, key: str, default: Any) -> Any:
        return self._table.get(key, default)

    def number(self, key: str, within: tuple[float, float], default: float | None = None) -> float:
        value = self._there(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not within[0] <= value <= within[1]:
            raise self.fault(key, "is not allowed", f"give a number from {within[0]:g} to {within[1]:g}")
        return float(value)

    def whole(self, key: str, within: tuple[int, int], default: int | None = None) -> int:
        value = self._there(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not within[0] <= value <= within[1]:
            raise self.fault(key, "is not allowed", f"give a whole number from {within[0]} to {within[1]}")
        return value

    def word(self, key: str) -> str:
        value = self._there(key, None)
        if not isinstance(value, str) or not is_name(value):
            raise self.fault(key, "is no name", f"give 1 to {_LONGEST_NAME} letters, digits, - or _ in quotes")
        return value

    def fault(self, key: str, reason: str, remedy: str) -> DataFault:
        return DataFault(f"{self._name}: {self._place}{key[:_LONGEST_NAME]}", reason, remedy)

    def _there(self, key: str, default: Any) -> Any:
        if key not in self._table and default is None:
            raise self.fault(key, "is missing", _REFERENCE)
        return self._table.get(key, default)


def is_name(text: str) -> bool:
    """Whether a text names an audience or a kind of domain."""
    return 0 < len(text) <= _LONGEST_NAME and text.replace("-", "").replace("_", "").isalnum()


def _caps(table: Any, name: str) -> Mapping[str, float]:
    keys = _Keys(table, name, "domain_caps.")
    if len(table) > MOST_KINDS:
        raise DataFault(f"{name}: domain_caps", f"has {len(table)} kinds", f"keep {MOST_KINDS} of them")
    for kind in table:
        if not is_name(kind):
            raise keys.fault(kind, "is no kind of domain", "give what stands before the colon of a domain's name")
    return MappingProxyType({kind: keys.number(kind, NATS) for kind in table})


def _shares(table: Any, name: str) -> Mapping[Tier, float]:
    """By tier; of broken data nothing ever counts."""
    keys = _Keys(table, name, "tiers.")
    settable = {tier_name(tier): tier for tier in sorted(Tier) if tier is not Tier.BROKEN}
    keys.only(*settable)
    shares = {Tier.BROKEN: SHARES[Tier.BROKEN]}
    for word, tier in settable.items():
        shares[tier] = keys.number(word, (0.0, 1.0), SHARES[tier])
        less_sure = Tier(tier - 1)
        if shares[tier] < shares[less_sure]:
            reason = f"{shares[tier]:g} lets surer data say less than {tier_name(less_sure)} ({shares[less_sure]:g})"
            raise keys.fault(word, reason, f"raise it, or lower {tier_name(less_sure)}")
    return MappingProxyType(shares)


def _audiences(tables: Any, name: str) -> tuple[Audience, ...]:
    if tables is None:
        return ()
    if not isinstance(tables, list) or not 1 <= len(tables) <= MOST_AUDIENCES:
        remedy = f"give 1 to {MOST_AUDIENCES} [[audiences]] tables"
        raise DataFault(f"{name}: audiences", "is no list of audiences", remedy)
    found: dict[str, Audience] = {}
    for number, table in enumerate(tables, start=1):
        keys = _Keys(table, name, f"audiences.number {number}.")
        keys.only("name", "stations", "domains", "magnitude")
        word = keys.word("name")
        if word in found:
            raise keys.fault("name", f"{word!r} is taken", "give every audience a name of its own")
        found[word] = Audience(
            name=word,
            stations=keys.whole("stations", (1, MOST_LIMIT)),
            domains=keys.whole("domains", (1, MOST_LIMIT)),
            magnitude=keys.number("magnitude", MAGNITUDES, 0.0),
        )
    return tuple(found.values())


def _check(policy: Policy, name: str) -> None:
    """Numbers that are each allowed and make no sense together."""
    for key, cap in (
        *((f"domain_caps.{kind}", cap) for kind, cap in policy.domain_caps.items()),
        ("other_domain_cap", policy.other_domain_cap),
    ):
        if cap < policy.most:
            reason = f"{cap:g} lets a whole domain say less than one of its stations ({policy.most:g})"
            raise DataFault(f"{name}: {key}", reason, "raise it to most, or lower most")
    if policy.threshold <= policy.most:
        reason = f"{policy.threshold:g} is what one station may say alone ({policy.most:g})"
        raise DataFault(f"{name}: threshold", reason, "raise it above most, or lower most")
    for audience in policy.audiences:
        if audience.stations > policy.limit:
            reason = f"{audience.name} wants {audience.stations}, and coalitions are bounded up to {policy.limit}"
            raise DataFault(f"{name}: limit", reason, f"raise it to {audience.stations}")
