"""Stations, their channels, and how a channel turns ground motion into counts."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from houfeng.words.source import SourceId


@dataclass(frozen=True, slots=True)
class Response:
    """How ground motion becomes counts: poles, zeros and one overall gain.

    input_units     what the sensor feels: "m", "m/s" or "m/s2"
    sensitivity     counts per input unit at sensitivity_hz, not zero
    zeros_radps     of the Laplace transfer function, rad/s
    poles_radps     likewise
    Digital filters are taken as flat, so the value holds below about 0.8 of the Nyquist frequency.
    """

    input_units: str
    sensitivity: float
    sensitivity_hz: float
    zeros_radps: tuple[complex, ...] = ()
    poles_radps: tuple[complex, ...] = ()

    def __post_init__(self) -> None:
        if self.input_units not in ("m", "m/s", "m/s2"):
            raise ValueError(f"unknown input units {self.input_units!r}")
        if not np.isfinite(self.sensitivity) or self.sensitivity == 0:
            raise ValueError("a response has a sensitivity that is not zero")

    def at(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Counts per input unit at each frequency (any shape, Hz)."""
        shape = self._shape(2j * np.pi * np.asarray(frequency_hz, dtype=np.float64))
        reference = abs(self._shape(np.array([2j * np.pi * self.sensitivity_hz]))[0])
        return shape * (self.sensitivity / reference if reference > 0 else self.sensitivity)

    def _shape(self, s: NDArray[np.complex128]) -> NDArray[np.complex128]:
        value = np.ones_like(s)
        for zero in self.zeros_radps:
            value = value * (s - zero)
        for pole in self.poles_radps:
            value = value / (s - pole)
        return value


@dataclass(frozen=True, slots=True)
class Channel:
    """One epoch of one channel. Angles in degrees: azimuth from north, dip down from horizontal."""

    source: SourceId
    start_ns: int | None = None
    end_ns: int | None = None
    rate_hz: float | None = None
    azimuth_deg: float | None = None
    dip_deg: float | None = None
    response: Response | None = None


@dataclass(frozen=True, slots=True)
class Station:
    """A front-end site with its sensors and its network gear, in one epoch.

    latitude_deg, longitude_deg  None when nobody said; such a station is kept but not located with
    elevation_m                  above sea level, sensor depth already taken off
    domains                      the sets of stations it can fail or lie together with
                                 ("gateway:G7", "carrier:A", "vendor:X"), shared fate by name
    """

    network: str
    code: str
    latitude_deg: float | None
    longitude_deg: float | None
    elevation_m: float = 0.0
    start_ns: int | None = None
    end_ns: int | None = None
    channels: tuple[Channel, ...] = ()
    domains: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if (self.latitude_deg is None) != (self.longitude_deg is None):
            raise ValueError(f"{self.key}: half a position")
        if self.latitude_deg is not None and not -90 <= self.latitude_deg <= 90:
            raise ValueError(f"{self.key}: latitude {self.latitude_deg} outside -90 to 90")
        if self.longitude_deg is not None and not -180 <= self.longitude_deg <= 180:
            raise ValueError(f"{self.key}: longitude {self.longitude_deg} outside -180 to 180")
        if not -12_000 <= self.elevation_m <= 9_000:
            raise ValueError(f"{self.key}: elevation {self.elevation_m} m outside -12 to 9 km")

    @property
    def key(self) -> str:
        """NET.STA, the station's name wherever one is needed."""
        return f"{self.network}.{self.code}"

    @property
    def place(self) -> tuple[float, float]:
        """Latitude and longitude. Raises ValueError for a station without."""
        if self.latitude_deg is None or self.longitude_deg is None:
            raise ValueError(f"{self.key} has no coordinates")
        return self.latitude_deg, self.longitude_deg


def _covers(start_ns: int | None, end_ns: int | None, time_ns: int) -> bool:
    return (start_ns is None or start_ns <= time_ns) and (end_ns is None or time_ns < end_ns)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The stations a centre knows, all epochs of them."""

    stations: tuple[Station, ...] = ()
    _by_key: dict[str, tuple[Station, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key: dict[str, tuple[Station, ...]] = {}
        for station in self.stations:
            by_key[station.key] = (*by_key.get(station.key, ()), station)
        object.__setattr__(self, "_by_key", by_key)

    def station(self, key: str, time_ns: int) -> Station | None:
        """The epoch of NET.STA in force at an instant; failing that its nearest epoch; failing that None.

        A closed epoch still tells where the instrument stood, which beats not knowing.
        """
        epochs = self._by_key.get(key, ())
        for station in epochs:
            if _covers(station.start_ns, station.end_ns, time_ns):
                return station
        return epochs[-1] if epochs else None

    def at(self, time_ns: int) -> tuple[Station, ...]:
        """The station epochs in force at an instant, each with the channels then in force."""
        return tuple(
            replace(
                station,
                channels=tuple(each for each in station.channels if _covers(each.start_ns, each.end_ns, time_ns)),
            )
            for station in self.stations
            if _covers(station.start_ns, station.end_ns, time_ns)
        )

    def channel(self, source: SourceId, time_ns: int) -> Channel | None:
        """The epoch of a channel in force at an instant, or None.

        Where the location code differs between data and metadata, the channel counts as found if the
        station has just one of that channel code in force.
        """
        alike = [
            channel
            for station in self._by_key.get(source.station_key, ())
            for channel in station.channels
            if channel.source.channel == source.channel and _covers(channel.start_ns, channel.end_ns, time_ns)
        ]
        exact = [channel for channel in alike if channel.source.location == source.location]
        if exact:
            return exact[0]
        return alike[0] if len({channel.source.location for channel in alike}) == 1 else None
