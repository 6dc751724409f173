"""Which of a station's sensors, and which of their components, can size a quake."""

from collections.abc import Iterable

from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory

#: Instrument letter of the SEED convention (FDSN Source Identifiers 1.0): seismometers resolve small quakes,
#: accelerometers (N, G) large ones.
_INSTRUMENT_RANK = {"H": 0, "L": 1, "P": 1, "N": 2, "G": 3}

#: Band letter: broadband before short-period.
_BAND_RANK = dict.fromkeys("FCHB", 0) | dict.fromkeys("GDES", 1)

#: A component within this of level counts as horizontal, within this of plumb as vertical.
LEVEL_DEG = 20.0

_VERTICAL_LETTERS = frozenset("ZU3")


def ranked_sensors(channels: Iterable[SourceId]) -> tuple[tuple[SourceId, ...], ...]:
    """Group channels of one station by sensor, the one to try first in front.

    Broadband seismometers, then short-period ones, then accelerometers; among equals the higher band code
    (HH before BH). Clipped ones are found out later and the next is tried.
    """
    sensors: dict[str, list[SourceId]] = {}
    for source in sorted(set(channels)):
        sensors.setdefault(source.sensor, []).append(source)
    order = sorted(sensors.values(), key=lambda sources: (_rank(sources[0]), sources[0]))
    return tuple(tuple(sources) for sources in order)


def horizontals(sources: Iterable[SourceId], inventory: Inventory, time_ns: int) -> tuple[SourceId, ...]:
    """The two horizontal components of a sensor, or as many as it has; N and E before 1 and 2 when it has both."""
    level = [source for source in sources if _is_level(source, inventory.channel(source, time_ns))]
    level.sort(key=lambda source: (source.component not in {"N", "E"}, source.component))
    return tuple(level[:2])


def verticals(sources: Iterable[SourceId], inventory: Inventory, time_ns: int) -> tuple[SourceId, ...]:
    """The components of a sensor that stand upright, by their dip, or by their letter where no dip is known."""
    return tuple(source for source in sources if not _is_level(source, inventory.channel(source, time_ns)))


def is_broadband(sources: Iterable[SourceId]) -> bool:
    """Whether any channel's letters say a broadband seismometer."""
    codes = (source.channel.replace("_", "") for source in sources)
    return any(code[:1] in set("FCHB") and code[1:2] == "H" for code in codes)


def is_accelerometer(source: SourceId) -> bool:
    """Whether a channel's instrument letter says acceleration."""
    return source.channel.replace("_", "")[1:2] in {"N", "G"}


def _rank(source: SourceId) -> tuple[int, int, int]:
    code = source.channel.replace("_", "")
    band, instrument = code[:1], code[1:2]
    finest = "FGCDHEBS".find(band)
    return (_INSTRUMENT_RANK.get(instrument, 4), _BAND_RANK.get(band, 2), finest if finest >= 0 else 8)


def _is_level(source: SourceId, channel: Channel | None) -> bool:
    if channel is not None and channel.dip_deg is not None:
        return abs(channel.dip_deg) <= LEVEL_DEG
    return source.component not in _VERTICAL_LETTERS
