"""The nation's minutes as the records its stations would send, signed: made once by the twin, then played many times.

Warm-up, in which filters settle; a stretch of noise; and from the next second on a magnitude 7 for as long. A station's
second is three records of 512 bytes and the manifest that names them; once a minute its chain is signed.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from numpy.typing import NDArray

from houfeng.twin.made import MadeStation
from houfeng.twin.recording import stretches
from houfeng.twin.scenario import Scenario
from houfeng.twin.scenario_toml import packaged_scenario
from houfeng.twin.world import World, world_of
from houfeng.wire import mseed
from houfeng.wire.manifest import Chain, Clock, Name, opening
from houfeng.words.assurance import EnrolledKey, Enrolment
from houfeng.words.earth import distance_m
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from nation_steim import steim2

CENTRE = X25519PrivateKey.from_private_bytes(sha256(b"bench centre").digest())
IDENTITY = Ed25519PrivateKey.from_private_bytes(sha256(b"bench station").digest())

#: Seconds before anything is measured.
WARM_UP_S = 30
#: Bytes kept for each record, and what a second of a station holds: records, and the manifest of the second.
ROOM = 512
KINDS = 4
#: A chain is signed so often, s.
SIGNED_S = 60
#: How long a record is on its way, ns.
LATENCY_NS = 300_000_000
FEED = "bench"


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds of noise, and from the beginning of a magnitude 7 on."""

    noise_s: int = 20
    quake_s: int = 20

    @property
    def length_s(self) -> int:
        """Of it all."""
        return WARM_UP_S + self.noise_s + self.quake_s


def scenario(plan: Plan) -> Scenario:
    """The packaged nation with a magnitude 7 instead of its own quakes, between Chengdu and the mountains."""
    nation = packaged_scenario("nation")
    great = replace(nation.quakes[0], at_s=float(WARM_UP_S + plan.noise_s), magnitude=7.0)
    return replace(nation, duration_s=plan.length_s, quakes=(great,))


@dataclass(frozen=True, slots=True)
class Nation:
    """What a folder holds.

    records  [seconds, stations, KINDS, ROOM] bytes
    lengths  [seconds, stations, KINDS] bytes used
    signs    [minutes, stations, ROOM]; sign_lengths [minutes, stations]
    openings [stations, ROOM]; opening_lengths [stations]
    """

    world: World
    records: NDArray[np.uint8]
    lengths: NDArray[np.int32]
    signs: NDArray[np.uint8]
    sign_lengths: NDArray[np.int32]
    openings: NDArray[np.uint8]
    opening_lengths: NDArray[np.int32]

    @property
    def start_ns(self) -> int:
        """First sample."""
        return self.world.scenario.start_ns

    def enrolments(self, stations: Sequence[int]) -> list[Enrolment]:
        """Keys of stations."""
        key = EnrolledKey(IDENTITY.public_key().public_bytes_raw(), "gateway", 0)
        return [Enrolment(self.world.stations[number].station.key, (key,)) for number in stations]

    def opened(self, stations: Sequence[int]) -> list[Packet]:
        """Openings of the sessions of stations."""
        return [
            self._packet(number, 0, self.start_ns, self.openings[number, : self.opening_lengths[number]].tobytes())
            for number in stations
        ]

    def second(self, number: int, stations: Sequence[int]) -> list[Packet]:
        """What stations send after a second of theirs, in the order of stations given; arrivals are set by play()."""
        packets: list[Packet] = []
        data, lengths = self.records[number], self.lengths[number].tolist()
        minute, at = divmod(number, SIGNED_S)
        for station in stations:
            arrival_ns = self.arrival_ns(number, station)
            for kind in range(KINDS):
                content = data[station, kind, : lengths[station][kind]].tobytes()
                packets.append(self._packet(station, 1 + (KINDS + 1) * number + kind, arrival_ns, content))
            if station % SIGNED_S == at:
                content = self.signs[minute, station, : self.sign_lengths[minute, station]].tobytes()
                packets.append(self._packet(station, (KINDS + 1) * (number + 1), arrival_ns, content))
        return packets

    def arrival_ns(self, number: int, station: int) -> int:
        """When a station's second arrives: stations pack at their own moments, spread evenly over the second."""
        spread_ns = (station * 7_919 % len(self.world.stations)) * NS_PER_S // len(self.world.stations)
        return self.start_ns + (number + 1) * NS_PER_S + LATENCY_NS + spread_ns

    def _packet(self, station: int, sequence: int, arrival_ns: int, content: bytes) -> Packet:
        return Packet(FEED, self.world.stations[station].station.key, sequence, arrival_ns, content)


def nation(folder: Path, plan: Plan) -> Nation:
    """The recording in a folder, made there if there is none of as much noise and at least as long a quake."""
    plan = _made(folder, plan) or plan
    world = world_of(scenario(plan))
    count, length = len(world.stations), plan.length_s
    shapes = {
        "records": ((length, count, KINDS, ROOM), np.uint8),
        "lengths": ((length, count, KINDS), np.int32),
        "signs": ((length // SIGNED_S + 1, count, ROOM), np.uint8),
        "sign_lengths": ((length // SIGNED_S + 1, count), np.int32),
        "openings": ((count, ROOM), np.uint8),
        "opening_lengths": ((count,), np.int32),
    }
    done = folder / "done"
    if not (done.exists() and done.read_text() == str(plan)):
        folder.mkdir(parents=True, exist_ok=True)
        for name, (shape, dtype) in shapes.items():
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape).flush()
        with ProcessPoolExecutor(2, get_context("spawn")) as pool:
            list(pool.map(_make, *zip(*((folder, plan, part) for part in range(2)), strict=True)))
        done.write_text(str(plan))
    return Nation(world, *(np.load(folder / f"{name}.npy", mmap_mode="r") for name in shapes))


def _made(folder: Path, plan: Plan) -> Plan | None:
    """The plan of the recording in a folder, when it will do."""
    done = folder / "done"
    numbers = [int(number) for number in re.findall(r"\d+", done.read_text())] if done.exists() else []
    made = Plan(*numbers) if len(numbers) == 2 else None
    return made if made and made.noise_s == plan.noise_s and made.quake_s >= plan.quake_s else None


def nearest(world: World) -> list[int]:
    """Numbers of the stations, those nearest to the quake first."""
    quake = world.quakes[0]
    places = np.array([made.station.place for made in world.stations])
    away_m = distance_m(quake.latitude_deg, quake.longitude_deg, places[:, 0], places[:, 1])
    return [int(number) for number in np.argsort(away_m, kind="stable")]


def _make(folder: Path, plan: Plan, part: int) -> None:
    """Every second station's records."""
    world = world_of(scenario(plan))
    names = ("records", "lengths", "signs", "sign_lengths", "openings", "opening_lengths")
    records, lengths, signs, sign_lengths, openings, opening_lengths = (
        np.load(folder / f"{name}.npy", mmap_mode="r+") for name in names
    )
    for number in nearest(world)[part::2]:
        made = world.stations[number]
        chain = _chain(made, world.scenario.start_ns)
        _put(chain.first, openings[made.number], opening_lengths, made.number)
        for second, contents in enumerate(_seconds(world, made, chain)):
            for kind, content in enumerate(contents):
                _put(content, records[second, made.number, kind], lengths, (second, made.number, kind))
            if second % SIGNED_S == made.number % SIGNED_S:
                minute = second // SIGNED_S
                signed = chain.sign(world.scenario.start_ns + (second + 1) * NS_PER_S)
                _put(signed, signs[minute, made.number], sign_lengths, (minute, made.number))


def _put(content: bytes, room: NDArray[np.uint8], lengths: NDArray[np.int32], at: int | tuple[int, ...]) -> None:
    room[: len(content)] = np.frombuffer(content, dtype=np.uint8)
    lengths[at] = len(content)


def _chain(made: MadeStation, start_ns: int) -> Chain:
    seed = sha256(made.station.key.encode()).digest()
    ephemeral = X25519PrivateKey.from_private_bytes(seed)
    begun = opening(
        station=made.station.key.replace(".", "_"), place="gateway", identity=IDENTITY, ephemeral=ephemeral,
        centre=CENTRE.public_key().public_bytes_raw(), session=seed[:16], counter=1, time_ns=start_ns,
    )  # fmt: skip
    return Chain(begun, IDENTITY, ephemeral)


def _seconds(world: World, made: MadeStation, chain: Chain) -> Iterator[list[bytes]]:
    """A station's records of each second, and their manifest."""
    rate_hz, start_ns = world.scenario.rate_hz, world.scenario.start_ns
    counts = np.concatenate([stretch.counts for stretch in stretches(world, made)], axis=1)
    size = round(rate_hz)
    sources = [channel.source for channel in made.station.channels]
    still = np.zeros(size, dtype=np.int32)
    heads = [
        mseed.encode([Segment(source, start_ns, rate_hz, still)], version=2, record_length=ROOM) for source in sources
    ]
    for second in range(counts.shape[1] // size):
        begin_ns, second_s = start_ns + second * NS_PER_S, start_ns // NS_PER_S + second
        piece = np.ascontiguousarray(counts[:, second * size : (second + 1) * size])
        contents = [_record(head, second_s, row) for head, row in zip(heads, piece, strict=True)]
        names = [
            Name(f"{source.location}_{'_'.join(source.channel)}", begin_ns, sha256(content).digest())
            for source, content in zip(sources, contents, strict=True)
        ]
        yield [*contents, chain.manifest(second_s, Clock("locked", 100, 99), names)]


def _record(head: bytes, second_s: int, samples: NDArray[np.int32]) -> bytes:
    """A record like another, of another second of the same day and other samples: thirty times as fast as libmseed."""
    record = np.frombuffer(head, dtype=np.uint8).copy()
    record[24:27] = second_s // 3600 % 24, second_s // 60 % 60, second_s % 60
    steim2(samples, record[64:].view(">u4"))
    return record.tobytes()
