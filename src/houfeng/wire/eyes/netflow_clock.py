"""When an exported flow was, and whether its exporter's clock can be believed.

NetFlow 5 and 9 count milliseconds since the exporter started, in 32 bits that wrap after 49.7 days, and say in every
datagram what that count and the time of day are. IPFIX mostly gives instants. The rule:

- A flow ended as long before its datagram as the difference of the two counts modulo 2^32 says, read as signed. Where
  that is more than LATE_MS, or later than the datagram by more than EARLY_MS, the clock is wrong by an unknown
  number of wraps or altogether: both times become the time of the datagram.
- A flow that then seems to start after its end, or LONGEST_MS or more before it, has an impossible start: it starts
  where it ends.
- A start of 0, the instant at which the exporter itself started, is what exporters write that never set the field,
  yet it may be true: the time is kept and doubted.
- An instant is believed unless it is later than the datagram by more than EARLY_MS or before 1996.
- A datagram from before 1996, or that arrives more than LATE_MS before it was sent, has no usable time: when it
  arrived stands for it.

Whatever is changed or doubted is said.
"""

from typing import Final, NamedTuple

from houfeng.words.instant import parse_instant

_NS_PER_MS: Final = 1_000_000
_WRAP_MS: Final = 1 << 32

#: Exporters hold a flow that ended for at most an hour (softflowd's timeout of TCP, 3,600 s; routers 15 s to 10 min).
#: A day leaves room for a slow one, for local time taken for UTC, and still catches 48 of 49 clocks that are out by
#: part of a wrap.
LATE_MS: Final = 86_400_000

#: A datagram is stamped in whole seconds and may be stamped when it was opened, not when it was sent; it is not kept
#: open for more than a minute.
EARLY_MS: Final = 60_000

#: The longest active timeout that routers and softflowd take: 604,800 s.
LONGEST_MS: Final = 604_800_000

#: NetFlow is of 1996: nothing exported is older.
OLDEST_NS: Final = parse_instant("1996-01-01")


class Times(NamedTuple):
    """First and last packet, and what is wrong with the clock that said so, "" when nothing is."""

    start_ns: int
    end_ns: int
    doubt: str = ""


def sent_at(stamp_ns: int, arrived_ns: int) -> Times:
    """When a datagram was sent (start and end are one): as it says, or when it arrived."""
    if stamp_ns < OLDEST_NS:
        return Times(arrived_ns, arrived_ns, "the exporter's time of day was never set; arrival stands for it")
    if stamp_ns > arrived_ns + LATE_MS * _NS_PER_MS:
        late_s = (stamp_ns - arrived_ns) // 1_000_000_000
        return Times(arrived_ns, arrived_ns, f"it was sent {late_s} s after it arrived; arrival stands for it")
    return Times(stamp_ns, stamp_ns)


def by_uptime(first_ms: int, last_ms: int, uptime_ms: int, sent_ns: int) -> Times:
    """Times of a flow in milliseconds since its exporter started, modulo 2^32.

    uptime_ms  the same count when the datagram was sent, at sent_ns
    """
    late_ms = (uptime_ms - last_ms) % _WRAP_MS
    late_ms -= _WRAP_MS if late_ms >= _WRAP_MS // 2 else 0
    if not -EARLY_MS <= late_ms <= LATE_MS:
        side = "before" if late_ms > 0 else "after"
        return Times(sent_ns, sent_ns, f"a flow ended {abs(late_ms) // 1000} s {side} it was exported")
    end_ns = sent_ns - late_ms * _NS_PER_MS
    lasted_ms = (last_ms - first_ms) % _WRAP_MS
    if lasted_ms > LONGEST_MS:
        return Times(end_ns, end_ns, "a flow's start is after its end, or a week and more before it")
    doubt = "a flow starts at 0, when the exporter itself started" if first_ms == 0 else ""
    return Times(end_ns - lasted_ms * _NS_PER_MS, end_ns, doubt)


def by_instants(start_ns: int, end_ns: int, sent_ns: int) -> Times:
    """Times of a flow that are given as instants."""
    if end_ns < OLDEST_NS or end_ns > sent_ns + EARLY_MS * _NS_PER_MS:
        return Times(sent_ns, sent_ns, "a flow ended before there were exporters, or after it was exported")
    if not OLDEST_NS <= start_ns <= end_ns:
        return Times(end_ns, end_ns, "a flow's start is after its end, or before there were exporters")
    return Times(start_ns, end_ns)
