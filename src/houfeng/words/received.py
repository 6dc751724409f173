"""What a centre received of a station, as the centre itself counts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Received:
    """A count of one reader of the centre, over a span that no other count of it covers.

    station           NET.STA or the name of the site
    start_ns, end_ns  the span
    count_bytes       bytes of records, each counted once however often it was sent
    packets           how many records
    """

    station: str
    start_ns: int
    end_ns: int
    count_bytes: int
    packets: int = 0

    def __post_init__(self) -> None:
        if self.end_ns < self.start_ns or self.count_bytes < 0 or self.packets < 0:
            raise ValueError(f"{self.station}: no count of a span")
