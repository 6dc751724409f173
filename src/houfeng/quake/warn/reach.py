"""Whether a network can do what its policy asks at all."""

from collections.abc import Sequence

import numpy as np

from houfeng.quake.warn.domains import ALONE, UNITS_PER_NAT, partitions
from houfeng.quake.warn.forgery import domain_cost
from houfeng.quake.warn.likelihood import LOUDEST
from houfeng.quake.warn.policy import Policy
from houfeng.words.finding import Finding
from houfeng.words.station import Station


def unreachable(policy: Policy, stations: Sequence[Station]) -> tuple[Finding, ...]:
    """What a policy asks for and a network can never give, were all its stations fully trusted and of one mind.

    stations  one epoch of each

    Findings: `policy-unreachable` when no alert can ever be raised, else `audience-unreachable` for each audience that
    can never be told. What a network passes as a whole, a part of it far from the rest may still not.
    """
    parted = partitions(policy, [station.domains for station in stations])
    loudest = LOUDEST * policy.most
    said, least = (np.full(len(stations), nats) for nats in (loudest, policy.least))
    caps = np.repeat(parted.caps[:, None] / UNITS_PER_NAT, len(stations), axis=1)
    by_kind = {kind: np.bincount(parted.codes[:, k], weights=said) for k, kind in enumerate(parted.kinds)}
    counts = {kind: len(sums) for kind, sums in by_kind.items()}
    together = {kind: float(np.minimum(sums, policy.cap(kind)).sum()) for kind, sums in by_kind.items()}
    softest = min(together, key=lambda kind: together[kind])
    if together[softest] < policy.threshold:
        reason = (
            f"all {len(stations)} stations together can say {together[softest]:g} nats, an alert needs "
            f"{policy.threshold:g}: {_counted(softest, counts)}; {_remedy(softest, policy)}, or lower threshold"
        )
        return (Finding("policy-unreachable", reason),)
    most_stations = int((len(stations) * loudest - policy.threshold) // (loudest + policy.least)) + 1
    most_domains = domain_cost(said, least, parted.codes.astype(np.int64), caps, policy.threshold)
    narrowest = min(counts, key=lambda kind: counts[kind])
    found = []
    for audience in policy.audiences:
        if audience.stations > most_stations:
            reason = (
                f"{audience.name} can never be told: they ask for a forgery cost of {audience.stations} stations, and "
                f"{len(stations)} stations can give {most_stations}; add stations, or ask for fewer"
            )
            found.append(Finding("audience-unreachable", reason))
        if audience.domains > most_domains:
            reason = (
                f"{audience.name} can never be told: they ask for a forgery cost of {audience.domains} domains, and "
                f"the network can give {most_domains}: {_counted(narrowest, counts)}; "
                f"spread stations over more of them, or ask for fewer domains"
            )
            found.append(Finding("audience-unreachable", reason))
    return tuple(found)


def _counted(kind: str, counts: dict[str, int]) -> str:
    return f"by {kind} they are {counts[kind]} " + ("domain" if counts[kind] == 1 else "domains")


def _remedy(kind: str, policy: Policy) -> str:
    if kind == ALONE:
        return "add stations, raise most"
    key = f"domain_caps.{kind}" if kind in policy.domain_caps else "other_domain_cap"
    return f"spread stations over more {kind}s, raise {key}"
