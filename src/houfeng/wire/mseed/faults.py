"""Problems the kernels noted, told as findings."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from houfeng.wire.mseed import layout
from houfeng.wire.mseed.names import source_of
from houfeng.words.finding import Finding

#: Kind of finding and reason by problem. {offset} and {length} are in bytes.
_WORDS = {
    layout.UNREADABLE_BYTES: ("unreadable-bytes", "{length} bytes from byte {offset} are not a miniSEED record"),
    layout.TRUNCATED: ("truncated-record", "the record at byte {offset} is cut: not all its bytes are there"),
    layout.UNKNOWN_VERSION: ("unknown-version", "the record at byte {offset} has a format version not known here"),
    layout.BAD_DATE: ("bad-date", "the record at byte {offset} has an impossible start time"),
    layout.BAD_RATE: ("bad-rate", "the record at byte {offset} has samples and no sampling rate to place them by"),
    layout.BAD_BLOCKETTES: ("bad-blockettes", "the blockettes of the record at byte {offset} point backwards"),
    layout.BAD_DATA_OFFSET: ("bad-data-offset", "the record at byte {offset} says its samples lie outside it"),
    layout.BAD_LENGTH: ("bad-length", "the record at byte {offset} has an impossible or unsaid length"),
    layout.BAD_CRC: ("bad-crc", "the record at byte {offset} does not match its check sum"),
    layout.BAD_COUNT: ("bad-sample-count", "the record at byte {offset} promises more samples than it can hold"),
    layout.BAD_CODES: ("bad-codes", "the record at byte {offset} has station or channel codes that are no such"),
    layout.UNSUPPORTED_ENCODING: (
        "unsupported-encoding",
        "the record at byte {offset} is in an encoding not read here",
    ),
    layout.BAD_PAYLOAD: ("bad-payload", "the samples of the record at byte {offset} contradict its own last sample"),
}


@dataclass(slots=True)
class Faults:
    """The problem tables of one pass over a buffer. See walk.walk for their shape."""

    told: NDArray[np.int64] = field(default_factory=lambda: np.zeros(layout.PROBLEM_KINDS, dtype=np.int64))
    problems: NDArray[np.void] = field(
        default_factory=lambda: np.empty((layout.PROBLEM_KINDS, layout.PROBLEMS_TOLD), dtype=layout.PROBLEM)
    )

    def findings(self, b: NDArray[np.uint8], file: str) -> tuple[Finding, ...]:
        """One finding per problem, and one summing up where there are many of a kind."""
        found: list[Finding] = []
        if not self.told.any():
            return ()
        for problem, (kind, reason) in _WORDS.items():
            total = int(self.told[problem])
            rows = self.problems[problem, : min(total, layout.PROBLEMS_TOLD)]
            found.extend(_tell(b, row, kind, reason, file) for row in rows)
            if total > layout.PROBLEMS_TOLD:
                found.append(Finding(kind, f"the same for {total - layout.PROBLEMS_TOLD} more records", file))
        return tuple(found)


def _tell(b: NDArray[np.uint8], row: np.void, kind: str, reason: str, file: str) -> Finding:
    offset, length = int(row["offset"]), int(row["length"])
    station = ""
    if row["id_length"]:
        start = offset + int(row["id_at"])
        source = source_of(b[start : start + int(row["id_length"])].tobytes(), int(row["version"]))
        station = source.nslc if source else ""
    time_ns = None if row["start_ns"] == layout.NO_TIME else int(row["start_ns"])
    return Finding(kind, reason.format(offset=offset, length=length), file, station, time_ns)
