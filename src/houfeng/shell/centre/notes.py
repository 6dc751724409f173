"""What the centre itself puts into its journal: that time has passed, what is odd about a feed, whom the guard trusts.

Such a packet has no station. With them the journal is all that the centre's thinking depends on.
"""

import json
from dataclasses import asdict

from houfeng.serve.judgements import read_trust, write_trust
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet
from houfeng.words.trust import Trust

#: What a note of trust begins with; no finding does.
_TRUST = b"trust "


def tick(now_ns: int) -> Packet:
    """Nothing came for a while."""
    return Packet("", "", NO_SEQUENCE, now_ns, b"")


def note(finding: Finding, now_ns: int) -> Packet:
    """Something is odd."""
    return Packet("", "", NO_SEQUENCE, now_ns, json.dumps(asdict(finding)).encode())


def note_of_trust(trust: Trust, now_ns: int) -> Packet:
    """The guard says how far a station is to be believed."""
    return Packet("", "", NO_SEQUENCE, now_ns, _TRUST + write_trust(trust))


def trust_of(packet: Packet) -> Trust | None:
    """The trust in a note, None for any other. Raises DataFault for what makes no sense."""
    return read_trust(packet.content[len(_TRUST) :]) if packet.content.startswith(_TRUST) else None


def finding_of(packet: Packet) -> Finding | None:
    """The finding in a note, None for a tick. Raises DataFault for what neither made."""
    if not packet.content:
        return None
    trust = trust_of(packet)
    if trust is not None:
        why = f": {', '.join(trust.reasons)}" if trust.reasons else ""
        reason = f"the guard believes it {trust.value:.0%}{why}"
        return Finding("station-trust", reason, station=trust.station_key, time_ns=trust.time_ns)
    try:
        return Finding(**json.loads(packet.content))
    except (ValueError, TypeError) as error:
        raise DataFault("journal", "a note in it makes no sense") from error
