"""Trust in a station as one line of JSON: what the guard writes and a centre follows."""

import json

from houfeng.words.errors import DataFault
from houfeng.words.instant import format_instant, parse_instant
from houfeng.words.trust import Trust

#: A line is far shorter; what is longer is not one.
LONGEST_LINE_BYTES = 4096


def write_trust(trust: Trust) -> bytes:
    """The line, with its end."""
    told = {
        "time": format_instant(trust.time_ns, 9),
        "station": trust.station_key,
        "trust": round(trust.value, 4),
        "reasons": list(trust.reasons),
    }
    return json.dumps(told, separators=(",", ":")).encode() + b"\n"


def read_trust(line: bytes) -> Trust:
    """The trust in a line that write_trust() made. Raises DataFault for any other."""
    if len(line) > LONGEST_LINE_BYTES:
        raise DataFault("trust", f"a line of it has {len(line)} bytes")
    try:
        told = json.loads(line)
        reasons = tuple(str(reason) for reason in told["reasons"])
        return Trust(str(told["station"]), parse_instant(told["time"]), float(told["trust"]), reasons)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataFault("trust", f"a line of it makes no sense: {str(error)[:80]}") from error
