"""How surely a record is what a station measured: the tier it has, who may sign, and what was found.

Standard library only, so that a station's agent can use it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Literal

from houfeng.words.packet import Packet

#: How far a record is vouched for, from least to most. Higher is surer, so that tiers compare and the least of several
#: is their min().
Tier = IntEnum("Tier", ["BROKEN", "NONE", "TRANSPORT_ONLY", "GATEWAY_SIGNED", "SENSOR_SIGNED"])

#: What each tier means, for people.
MEANINGS: Mapping[Tier, str] = MappingProxyType(
    {
        Tier.BROKEN: "altered, not among what the station signed, signed by the wrong key, or unreadable",
        Tier.NONE: "nothing shows where the record comes from",
        Tier.TRANSPORT_ONLY: "the way from the server was protected, the way to it may not have been",
        Tier.GATEWAY_SIGNED: "signed by the station's gateway: what lies between sensor and gateway could lie",
        Tier.SENSOR_SIGNED: "signed beside the sensor, before any network",
    }
)

#: Where a station signs: beside the sensor, or in the gateway that gathers its sensors.
Place = Literal["sensor", "gateway"]

#: The tier that a good signature made at a place gives.
SIGNED_TIERS: Mapping[Place, Tier] = MappingProxyType({"sensor": Tier.SENSOR_SIGNED, "gateway": Tier.GATEWAY_SIGNED})


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """An Ed25519 key that a station was enrolled with.

    public      32 bytes
    place       where its private half is kept
    from_ns     first instant it may open a session
    until_ns    instant from which it may not, None for no end
    revoked_ns  instant from which nothing of it is believed, whatever time it claims; None while it is believed

    Instants are by the clock of whoever verifies.
    """

    public: bytes
    place: Place
    from_ns: int
    until_ns: int | None = None
    revoked_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The keys of one station.

    station_key  NET.STA
    keys         several while one takes over from another; none to end the station's enrolment
    """

    station_key: str
    keys: tuple[EnrolledKey, ...]


@dataclass(frozen=True, slots=True, init=False)
class Vouched:
    """A record with its tier.

    packet    as it arrived
    channel   FDSN source identifier of the record itself, "" when its header cannot be read
    start_ns  time of its first sample, None when its header cannot be read
    tier      how surely the station's
    """

    packet: Packet
    channel: str
    start_ns: int | None
    tier: Tier

    def __init__(self, packet: Packet, channel: str, start_ns: int | None, tier: Tier) -> None:
        _SET_PACKET(self, packet)
        _SET_CHANNEL(self, channel)
        _SET_START(self, start_ns)
        _SET_TIER(self, tier)


# One is made for every record of a nation, and the way dataclasses fill a frozen value takes twice as long.
_SET_PACKET, _SET_CHANNEL, _SET_START, _SET_TIER = (vars(Vouched)[slot].__set__ for slot in Vouched.__slots__)


def tier_name(tier: Tier) -> str:
    """A tier as people write it: sensor-signed, transport-only ..."""
    return tier.name.lower().replace("_", "-")
