"""What the centre itself puts into its journal: that time has passed, and what is odd about a feed.

Such a packet has no station. With them the journal is all that the centre's thinking depends on.
"""

import json
from dataclasses import asdict

from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet


def tick(now_ns: int) -> Packet:
    """Nothing came for a while."""
    return Packet("", "", NO_SEQUENCE, now_ns, b"")


def note(finding: Finding, now_ns: int) -> Packet:
    """Something is odd."""
    return Packet("", "", NO_SEQUENCE, now_ns, json.dumps(asdict(finding)).encode())


def finding_of(packet: Packet) -> Finding | None:
    """The finding in a note, None for a tick. Raises DataFault for what neither made."""
    if not packet.content:
        return None
    try:
        return Finding(**json.loads(packet.content))
    except (ValueError, TypeError) as error:
        raise DataFault("journal", "a note in it makes no sense") from error
