"""One record of a station as it came over a feed, unread: what is journalled, relayed and vouched for."""

from dataclasses import dataclass

#: A sequence number nobody gave: the feed counts none.
NO_SEQUENCE = -1


@dataclass(frozen=True, slots=True)
class Packet:
    """A record, byte for byte as the feed delivered it.

    feed         name of the feed that brought it, as in the settings
    station_key  station the feed says it is of, as NET.STA; the record itself may say otherwise
    sequence     the feed's own number of it, >= 0, or NO_SEQUENCE
    arrival_ns   when it reached us
    content      the record: miniSEED 2 or 3, whole

    Standard library only, so that a station's agent can use it.
    """

    feed: str
    station_key: str
    sequence: int
    arrival_ns: int
    content: bytes
