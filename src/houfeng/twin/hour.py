"""A drawn hour in memory: a few quakes under a small network, noise all the while.

Pulses and coda are drawn, not modelled, and die away sooner than real ones; what is exact is when they arrive. Good for
tests of single stages that need truth within a minute or two; whole rehearsals are made by recording.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.twin.made import MadeQuake
from houfeng.words.earth import azimuth_deg, distance_m, travelled
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.model import VelocityModel
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Response, Station

__all__ = ["NOISE_MPS", "PACKET_S", "RATE_HZ", "SENSITIVITY", "Hour", "MadeQuake", "make_hour"]

RATE_HZ = 100.0
PACKET_S = 5

#: A short-period seismometer with a 24-bit digitiser: counts per m/s.
SENSITIVITY = 1.0e9

#: Quiet site: root mean square velocity of the background between 1 and 20 Hz, m/s
#: (Peterson 1993, doi:10.3133/ofr93322).
NOISE_MPS = 2.0e-8


@dataclass(frozen=True, slots=True)
class Hour:
    """A network, the quakes under it, and what its instruments recorded."""

    stations: tuple[Station, ...]
    quakes: tuple[MadeQuake, ...]
    batches: tuple[PacketBatch, ...]


def make_hour(model: VelocityModel, *, seed: int, start_ns: int, stations: int = 16, duration_s: int = 3600) -> Hour:
    """Make an hour of packets, the same for the same seed.

    model       the Earth the waves travel through
    start_ns    first sample
    stations    how many, scattered over about 60 km
    duration_s  a multiple of PACKET_S
    """
    rng = np.random.default_rng(seed)
    network = tuple(_station(number, rng) for number in range(stations))
    quakes = tuple(_quakes(rng, start_ns, duration_s))
    times = TravelTimes(
        model,
        max_distance_m=200_000.0,
        min_depth_m=-2_000.0,
        max_depth_m=40_000.0,
        elevations_m=np.array([station.elevation_m for station in network]),
    )
    sources = tuple(channel.source for station in network for channel in station.channels)
    count = int(duration_s * RATE_HZ)
    counts = np.empty((len(sources), count), dtype=np.int32)
    for row, station in enumerate(network):
        motion = _background(rng, count)
        for quake in quakes:
            _add_quake(motion, quake, station, times, start_ns, rng)
        counts[3 * row : 3 * row + 3] = np.clip(np.rint(motion * SENSITIVITY), -(2**23), 2**23 - 1)
    return Hour(network, quakes, tuple(_packets(sources, counts, start_ns)))


def _station(number: int, rng: np.random.Generator) -> Station:
    east, north = rng.uniform(-30_000.0, 30_000.0, 2)
    latitude, longitude = travelled(30.6, 114.3, east, north)  # around Wuhan
    code = f"W{number:02d}"
    response = Response("m/s", SENSITIVITY, 1.0)
    angles = {"Z": (0.0, -90.0), "N": (0.0, 0.0), "E": (90.0, 0.0)}
    channels = tuple(
        Channel(SourceId("XX", code, "00", f"HH{letter}"), rate_hz=RATE_HZ, azimuth_deg=a, dip_deg=d, response=response)
        for letter, (a, d) in angles.items()
    )
    elevation_m = float(np.round(rng.uniform(20.0, 400.0)))
    return Station("XX", code, float(latitude), float(longitude), elevation_m, channels=channels)


def _quakes(rng: np.random.Generator, start_ns: int, duration_s: int) -> Iterator[MadeQuake]:
    """A mainshock a sixth into the hour, aftershocks near it, and one quake elsewhere."""
    east, north = rng.uniform(-12_000.0, 12_000.0, 2)
    moments = np.array([1 / 6, 0.27, 0.36, 0.55, 0.8]) * duration_s + rng.uniform(0, 5, 5)
    for index, (moment_s, magnitude) in enumerate(zip(moments, (4.0, 2.2, 2.6, 1.9, 2.8), strict=True)):
        spread = rng.normal(0.0, 1_500.0, 2) if index < 4 else rng.uniform(-20_000.0, 20_000.0, 2)
        base = np.array([east, north]) if index < 4 else np.zeros(2)
        latitude, longitude = travelled(30.6, 114.3, *(base + spread))
        depth_m = float(np.round(rng.uniform(6_000.0, 14_000.0)))
        yield MadeQuake(start_ns + seconds_to_ns(moment_s), float(latitude), float(longitude), depth_m, magnitude)


def _background(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Three components of noise whose velocity spectrum falls off gently, like a rural site's."""
    white = np.fft.rfft(rng.standard_normal((3, count)), axis=1)
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    shape = 1 / np.sqrt(1 + (frequency / 1.0) ** 2) * np.where(frequency > 0.05, 1.0, 0.0)
    noise = np.asarray(np.fft.irfft(white * shape, count, axis=1), dtype=np.float64)
    return np.asarray(noise * (NOISE_MPS / float(noise.std())))


def _add_quake(
    motion: NDArray[np.float64],
    quake: MadeQuake,
    station: Station,
    times: TravelTimes,
    start_ns: int,
    rng: np.random.Generator,
) -> None:
    """Add P on the vertical and along the path, S across it, each with a decaying coda."""
    place = (quake.latitude_deg, quake.longitude_deg, station.latitude_deg or 0.0, station.longitude_deg or 0.0)
    flat_m = float(distance_m(*place))
    hypo_m = float(np.hypot(flat_m, quake.depth_m + station.elevation_m))
    azimuth = np.radians(float(azimuth_deg(*place)))
    steep = (quake.depth_m + station.elevation_m) / hypo_m
    toward = np.array([steep, np.cos(azimuth) * np.sqrt(1 - steep**2), np.sin(azimuth) * np.sqrt(1 - steep**2)])
    across = np.array([-0.2, -np.sin(azimuth), np.cos(azimuth)])
    # Peak velocity so that Hutton & Boore 1987 (doi:10.1785/BSSA0770062074) gives the magnitude back, within the
    # crudeness of one period for all: displacement nm = 10**(M + 2.09 - 1.11 lg r - 0.00189 r), r in km.
    r_km = hypo_m / 1000
    peak_m = 10 ** (quake.magnitude + 2.09 - 1.11 * np.log10(r_km) - 0.00189 * r_km) * 1e-9
    corner_hz = 10 ** (2.2 - 0.35 * quake.magnitude) / 4 + 1.0  # smaller is sharper
    for phase, direction, share in (("P", toward, 0.35), ("S", across, 1.0)):
        travel_s = float(
            times.seconds(
                "P" if phase == "P" else "S",
                np.array([flat_m]),
                np.array([quake.depth_m]),
                np.array([station.elevation_m]),
            )[0]
        )
        onset = (quake.time_ns - start_ns) / NS_PER_S + travel_s
        first = int(np.ceil(onset * RATE_HZ))
        t = np.arange(first, min(first + int(40 * RATE_HZ), motion.shape[1])) / RATE_HZ - onset
        envelope = np.minimum(t * corner_hz, 1.0) * np.exp(-t / (0.15 * quake.magnitude + 0.5))
        wave = np.sin(2 * np.pi * corner_hz * t) * envelope
        coda = _coda(rng, len(t), corner_hz) * envelope * np.minimum(t * corner_hz / 2, 1.0)
        amplitude = peak_m * 2 * np.pi * min(corner_hz, 5.0) * share
        motion[:, first : first + len(t)] += amplitude * (direction[:, None] * wave + 0.4 * coda)


def _coda(rng: np.random.Generator, count: int, corner_hz: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(rng.standard_normal((3, count)), axis=1)
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    coda = np.asarray(np.fft.irfft(spectrum / (1 + (frequency / corner_hz) ** 2), count, axis=1), dtype=np.float64)
    return coda / max(float(coda.std()), 1e-30)


def _packets(sources: tuple[SourceId, ...], counts: NDArray[np.int32], start_ns: int) -> Iterator[PacketBatch]:
    size = int(PACKET_S * RATE_HZ)
    channels = np.arange(len(sources), dtype=np.int32)
    for first in range(0, counts.shape[1], size):
        yield PacketBatch(
            channels=sources,
            channel=channels,
            start_ns=np.full(len(sources), start_ns + seconds_to_ns(first / RATE_HZ), dtype=np.int64),
            rate_hz=np.full(len(sources), RATE_HZ),
            offset=np.arange(len(sources) + 1, dtype=np.int64) * size,
            samples=np.ascontiguousarray(counts[:, first : first + size]).reshape(-1),
        )
