"""The make-believe stations as FDSN StationXML 1.2: places, orientations, poles and zeros.

ObsPy would write the same; its objects for 48 thousand channels take gigabytes, this takes lines.
Source: FDSN StationXML 1.2, https://docs.fdsn.org/projects/stationxml.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from houfeng.twin.instruments import INSTRUMENTS
from houfeng.twin.made import MadeStation
from houfeng.words.instant import format_instant
from houfeng.words.station import Channel, Response

_UNITS = {"m": ("m", "Displacement in metres"), "m/s": ("m/s", "Velocity in metres per second"),
          "m/s2": ("m/s**2", "Acceleration in metres per second squared")}  # fmt: skip


def write_stationxml(stations: Sequence[MadeStation], *, created_ns: int, start_ns: int) -> Iterator[bytes]:
    """Write stations, all with coordinates, piece by piece.

    created_ns  what the document says of its own age
    start_ns    since when the stations stand there
    """
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.2">\n'
        f"<Source>Houfeng twin</Source>\n<Created>{format_instant(created_ns)}</Created>\n"
    ).encode()
    since = format_instant(start_ns)
    for code, members in groupby(stations, key=lambda made: made.station.network):
        yield f"<Network code={quoteattr(code)} startDate={quoteattr(since)}>\n".encode()
        for made in members:
            yield "".join(_station(made, since)).encode()
        yield b"</Network>\n"
    yield b"</FDSNStationXML>\n"


def _station(made: MadeStation, since: str) -> Iterator[str]:
    station, (latitude, longitude) = made.station, made.station.place
    place = (
        f"<Latitude>{latitude}</Latitude><Longitude>{longitude}</Longitude><Elevation>{station.elevation_m}</Elevation>"
    )
    yield f"<Station code={quoteattr(station.code)} startDate={quoteattr(since)}>{place}"
    yield f"<Site><Name>{escape(station.code)}</Name></Site>\n"
    for channel in station.channels:
        yield from _channel(channel, place, since, INSTRUMENTS[made.instrument].title)
    yield "</Station>\n"


def _channel(channel: Channel, place: str, since: str, title: str) -> Iterable[str]:
    codes = f"code={quoteattr(channel.source.channel)} locationCode={quoteattr(channel.source.location)}"
    assert channel.response is not None
    return (
        f"<Channel {codes} startDate={quoteattr(since)}>{place}<Depth>0.0</Depth>",
        f"<Azimuth>{channel.azimuth_deg}</Azimuth><Dip>{channel.dip_deg}</Dip>",
        f"<SampleRate>{channel.rate_hz}</SampleRate><Sensor><Description>{escape(title)}</Description></Sensor>",
        *_response(channel.response),
        "</Channel>\n",
    )


def _response(response: Response) -> Iterator[str]:
    name, description = _UNITS[response.input_units]
    units = f"<InputUnits><Name>{name}</Name><Description>{description}</Description></InputUnits>"
    counts = "<OutputUnits><Name>counts</Name><Description>Digital counts</Description></OutputUnits>"
    gain = f"<Value>{response.sensitivity!r}</Value><Frequency>{response.sensitivity_hz!r}</Frequency>"
    yield f"<Response><InstrumentSensitivity>{gain}{units}{counts}</InstrumentSensitivity>"
    s = 2j * np.pi * response.sensitivity_hz
    shape = np.prod([s - zero for zero in response.zeros_radps]) / np.prod([s - pole for pole in response.poles_radps])
    yield f'<Stage number="1"><PolesZeros>{units}{counts}'
    yield "<PzTransferFunctionType>LAPLACE (RADIANS/SECOND)</PzTransferFunctionType>"
    yield f"<NormalizationFactor>{1 / abs(shape)!r}</NormalizationFactor>"
    yield f"<NormalizationFrequency>{response.sensitivity_hz!r}</NormalizationFrequency>"
    for tag, roots in (("Zero", response.zeros_radps), ("Pole", response.poles_radps)):
        for number, root in enumerate(roots):
            yield f'<{tag} number="{number}"><Real>{root.real!r}</Real><Imaginary>{root.imag!r}</Imaginary></{tag}>'
    yield f"</PolesZeros><StageGain>{gain}</StageGain></Stage></Response>"
