"""Something odd, said once, with where and why."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A judgement that something is not as it should be.

    kind     short and stable, kebab-case: "overlap-conflict", "steim-integrity" ...
    reason   one plain sentence for a person
    file     the file concerned, "" when none
    station  NET.STA or NET.STA.LOC.CHA concerned, "" when none
    time_ns  when in the data it happened, None when it has no time
    """

    kind: str
    reason: str
    file: str = ""
    station: str = ""
    time_ns: int | None = None
