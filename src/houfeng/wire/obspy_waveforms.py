"""Waveform formats read through ObsPy, from bytes in memory only.

The formats are named one by one. Left out are those that open other files named in the bytes (CSS, NNSA_KB_CORE, Q)
or run what they hold (PICKLE), SAC as text (SACXY), whose header ObsPy trusts too far, and exploration and other
formats whose signs are too weak to tell them from noise.
"""

import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import entry_points
from io import BytesIO
from typing import Any, Final

import numpy as np

from houfeng.wire.bands import accelerometer_code
from houfeng.wire.decoded import Recording
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from houfeng.words.instant import EARLIEST_NS, LATEST_NS
from houfeng.words.samples import Samples, Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Response, Station

#: In the order asked: the surest signs first.
_FORMATS: Final = (
    "KNET",
    "SLIST",
    "TSPAIR",
    "SH_ASC",
    "SAC",
    "AH",
    "REFTEK130",
    "KINEMETRICS_EVT",
    "GCF",
)

#: Direction of a K-NET or KiK-net record to orientation letter, azimuth and dip.
_KNET_AXES: Final = {"NS": ("N", 0.0, 0.0), "EW": ("E", 90.0, 0.0), "UD": ("Z", 0.0, -90.0)}

# SAC header version 6: words 31, 32, 35, 36 are latitude and longitude of station and source; word 76 the version;
# 632 bytes in all. A value that is not given is -12345.
_SAC_PLACES: Final = (31, 32, 35, 36)
_SAC_VERSION: Final = slice(304, 308)
_SAC_HEADER: Final = 632
_SAC_UNDEFINED: Final = 12345.0

#: Accelerometers are flat far above 1 Hz and far below; the sensitivity holds here as anywhere.
_FLAT_HZ: Final = 1.0

#: Faster than one sample per nanosecond cannot be told apart in time.
_FASTEST_HZ: Final = 1e9


def format_of(data: bytes) -> str:
    """ObsPy's name of the format, "" when it is none of those read here."""
    for name in _FORMATS:
        if _recognises(name, data):
            return name
    return ""


def read(data: bytes, name: str, format_name: str) -> Recording:
    """Read a file in one of ObsPy's formats. Raises whatever ObsPy raises, and DataFault without any samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if format_name == "SAC":
            _refuse_sac_traps(data, name)
        stream = _plugin(format_name, "readFormat")(BytesIO(data))
    segments: list[Segment] = []
    stations: dict[Station, None] = {}
    findings: list[Finding] = []
    for trace in stream:
        odd = _odd(trace)
        if odd:
            findings.append(Finding(*odd, file=name))
            continue
        channel = _channel(trace)
        segments += _segments(trace, channel.source)
        try:
            stations |= dict.fromkeys(_stations(trace, channel))
        except ValueError as error:
            findings.append(Finding("bad-position", f"the header has {error}", name, channel.source.station_key))
    if not segments and not findings:
        raise DataFault(name, f"is a {format_name} file without samples")
    return Recording(tuple(segments), tuple(stations), tuple(findings))


@lru_cache
def _plugin(format_name: str, role: str) -> Callable[..., Any]:
    (found,) = entry_points(group=f"obspy.plugin.waveform.{format_name}", name=role)
    loaded: Callable[..., Any] = found.load()
    return loaded


def _recognises(format_name: str, data: bytes) -> bool:
    # Whatever the test stumbles over, it did not recognise its format.
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bool(_plugin(format_name, "isFormat")(BytesIO(data)))
    return False


def _refuse_sac_traps(data: bytes, name: str) -> None:
    """ObsPy 1.5.1 brings longitudes into range by 360 degrees at a time, which for a huge one never ends."""
    order = "<" if 0 < int.from_bytes(data[_SAC_VERSION], "little") < 256 else ">"
    places = np.frombuffer(data[:_SAC_HEADER], dtype=f"{order}f4")[list(_SAC_PLACES)]
    if not bool(np.all(np.abs(places) <= _SAC_UNDEFINED)):  # NaN fails this too
        raise DataFault(name, "has a station or a source nowhere on earth in its header")


def _odd(trace: Any) -> tuple[str, str] | None:
    """Kind and reason when a trace has no place in time or in the network."""
    rate_hz, start_ns = float(trace.stats.sampling_rate), int(trace.stats.starttime.ns)
    if not 0 < rate_hz <= _FASTEST_HZ:
        return "bad-rate", f"a sampling rate of {rate_hz} Hz"
    if not EARLIEST_NS <= start_ns <= LATEST_NS - len(trace.data) / rate_hz * 1e9:
        return "bad-date", "samples outside the years 1679 to 2260"
    try:
        _channel(trace)
    except ValueError as error:
        return "bad-codes", str(error)
    return None


def _channel(trace: Any) -> Channel:
    """The channel of a trace, with what its header says of it."""
    stats = trace.stats
    codes = [str(stats[key]).strip(" \0") for key in ("network", "station", "location", "channel")]
    if "knet" in stats:
        axis = codes[3]
        letter, azimuth, dip = _KNET_AXES.get(axis[:2], (axis[-1:], 0.0, 0.0))
        # KiK-net records twice at one site: 1 is the borehole, 2 the surface.
        source = SourceId(codes[0], codes[1], axis[2:], accelerometer_code(stats.sampling_rate, letter))
        response = Response("m/s2", 1 / stats.calib, _FLAT_HZ)
        return Channel(source, None, None, float(stats.sampling_rate), azimuth, dip, response)
    source = SourceId(*codes)
    sac = stats.get("sac", {})
    dip_deg = None if "cmpinc" not in sac else float(sac["cmpinc"]) - 90.0
    azimuth_deg = None if "cmpaz" not in sac else float(sac["cmpaz"])
    return Channel(source, rate_hz=float(stats.sampling_rate), azimuth_deg=azimuth_deg, dip_deg=dip_deg)


def _stations(trace: Any, channel: Channel) -> tuple[Station, ...]:
    """The station of a trace, if its header has a position. Raises ValueError when the position is none."""
    header = trace.stats.get("knet") or trace.stats.get("sac") or {}
    if "stla" not in header or "stlo" not in header:
        return ()
    source = channel.source
    elevation_m = float(header.get("stel", 0.0))
    position = (float(header["stla"]), float(header["stlo"]))
    return (Station(source.network, source.station, *position, elevation_m, channels=(channel,)),)


def _segments(trace: Any, source: SourceId) -> list[Segment]:
    """The stretches of a trace without masked samples."""
    rate_hz, start_ns = float(trace.stats.sampling_rate), int(trace.stats.starttime.ns)
    if not isinstance(trace.data, np.ma.MaskedArray):
        samples = _samples(trace.data, whole="knet" in trace.stats)
        return [Segment(source, start_ns, rate_hz, samples)] if len(samples) else []
    clumps: Any = np.ma.clump_unmasked  # without types
    return [
        Segment(source, start_ns + round(part.start / rate_hz * 1e9), rate_hz, _samples(trace.data.data[part]))
        for part in clumps(trace.data)
    ]


def _samples(values: Any, *, whole: bool = False) -> Samples:
    """As int32 where they are integers and fit (whole: or are whole numbers), otherwise as float64."""
    array = np.asarray(values)
    countable = array.dtype.kind in "iu" or (whole and bool(np.all(array == np.rint(array))))
    if countable and (array.size == 0 or bool(np.all(np.abs(array.astype(np.float64)) < 2**31))):
        return array.astype(np.int32)
    with np.errstate(invalid="ignore"):  # signalling NaNs; they are cut out later
        return array.astype(np.float64)
