"""How far a station is to be believed now, and why. The guard says it; warning and sharing use it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trust:
    """Trust in one station from an instant on.

    station_key  NET.STA
    time_ns      from when on, until the next Trust of this station
    value        0 not at all to 1 as any station
    reasons      detectors that hold it down, the strongest first
    """

    station_key: str
    time_ns: int
    value: float
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0.0 <= self.value <= 1.0:
            raise ValueError(f"{self.station_key}: a trust of {self.value} is not between 0 and 1")
