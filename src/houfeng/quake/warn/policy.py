"""What a centre warns of: how much one station may say, how much must be said, and who is told at what cost of forgery.

An alert is false only if at least so many stations lie, in at least so many domains; each audience states how many it
wants that to be, and how large the quake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from houfeng.words.assurance import Tier

#: How much of a fully trusted station's caps a station has, by how surely its data are its own. One that cannot be
#: checked may say less than one that can; of one whose data were altered nothing counts.
SHARES: Final[Mapping[Tier, float]] = MappingProxyType(
    {
        Tier.BROKEN: 0.0,
        Tier.NONE: 0.85,
        Tier.TRANSPORT_ONLY: 0.9,
        Tier.GATEWAY_SIGNED: 1.0,
        Tier.SENSOR_SIGNED: 1.0,
    }
)


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told, and from what on.

    stations, domains  least forgery cost
    magnitude          least magnitude
    """

    name: str
    stations: int
    domains: int
    magnitude: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How loud anybody may be, in nats of log likelihood ratio.

    most, least       of one fully trusted station, for an alert and against it; both > 0
    domain_caps       of the stations of one domain together, by the domain's kind (the part of its name before ":")
    other_domain_cap  of a domain of any other kind
    threshold         sum from which there is an alert
    audiences         the least choosy first
    limit             coalitions are bounded up to this many stations
    shares            of most and least that a station has, by its tier, 0 to 1
    """

    most: float = 4.0
    least: float = 2.0
    domain_caps: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({"gateway": 4.0}))
    other_domain_cap: float = 12.0
    threshold: float = 12.0
    audiences: tuple[Audience, ...] = (
        Audience("operators", 1, 1),
        Audience("engineers", 2, 2, 4.0),
        Audience("public", 3, 2, 4.5),
    )
    limit: int = 6
    shares: Mapping[Tier, float] = field(default_factory=lambda: SHARES)

    def cap(self, kind: str) -> float:
        """How loud a domain of a kind may be, nats."""
        return self.domain_caps.get(kind, self.other_domain_cap)


def audiences_of(policy: Policy, stations_cost: int, domains_cost: int, magnitude: float) -> tuple[str, ...]:
    """Whom a policy lets know of an alert, in its order.

    stations_cost, domains_cost  forgery cost of the alert
    magnitude                    of the quake; one that is no number reaches nobody
    """
    return tuple(
        each.name
        for each in policy.audiences
        if stations_cost >= each.stations and domains_cost >= each.domains and magnitude >= each.magnitude
    )
