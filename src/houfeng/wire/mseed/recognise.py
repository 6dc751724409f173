"""Whether there is any miniSEED in a buffer."""

from houfeng.wire.mseed.header import next_header, version_at
from houfeng.wire.mseed.records import Buffer, as_bytes


def begins_with_record(data: Buffer) -> bool:
    """Whether the buffer begins with what looks like the header of a miniSEED record."""
    b = as_bytes(data)
    return bool(version_at(b, 0, len(b)))


def holds_records(data: Buffer) -> bool:
    """Whether something in the buffer looks like the header of a miniSEED record."""
    b = as_bytes(data)
    return bool(next_header(b, 0, len(b)) < len(b))
