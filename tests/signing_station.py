"""A make-believe station that signs, for the tests of signed data."""

from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.wire import manifest as signed_data
from houfeng.wire import mseed
from houfeng.wire.manifest import Chain, Clock, name_of
from houfeng.words.assurance import EnrolledKey, Enrolment
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

NS = 1_000_000_000
START_S = 1_700_000_000
CENTRE = X25519PrivateKey.from_private_bytes(sha256(b"centre").digest())


def identity(name="identity"):
    return Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest())


def public(key):
    return key.public_key().public_bytes_raw()


def record(second_s, channel="HHZ", *, station="AB1", version=2, seed=0):
    """One second of a channel, Steim 2."""
    samples = np.random.default_rng([second_s, seed, *channel.encode()]).integers(-500, 500, 100).astype(np.int32)
    return mseed.encode(
        [Segment(SourceId("XX", station, "00", channel), second_s * NS, 100.0, samples)], version=version
    )


def enrolment(*keys, place="sensor", station="XX.AB1", revoked=()):
    gone = {public(key) for key in revoked}
    named = [public(key) for key in keys or (identity(),)]
    return Enrolment(station, tuple(EnrolledKey(key, place, 0, None, 0 if key in gone else None) for key in named))


class SigningStation:
    """Three channels a second and what its agent says of them."""

    def __init__(
        self, *, code="AB1", key=None, counter=1, place="sensor", centre=CENTRE, start_s=START_S, replaced=None
    ):
        self.code, self.channels = code, ("HHZ", "HHN", "HHE")
        ephemeral = X25519PrivateKey.from_private_bytes(sha256(f"{code} {counter} {place}".encode()).digest())
        key = key or identity()
        self.opening = signed_data.opening(
            station=f"XX_{code}",
            place=place,
            identity=key,
            ephemeral=ephemeral,
            centre=public(centre),
            session=sha256(f"{code} {counter} {start_s}".encode()).digest()[:16],
            counter=counter,
            time_ns=start_s * NS,
            replaced=replaced,
        )
        self.chain = Chain(self.opening, key, ephemeral, replaced)

    def second(self, second_s, *, seed=0):
        """The records of a second, and the manifest that names them, last."""
        records = [record(second_s, channel, station=self.code, seed=seed) for channel in self.channels]
        return [*records, self.chain.manifest(second_s, Clock(), [name_of(one) for one in records])]

    def minutes(self, seconds, start_s=START_S):
        """Everything the station sends in some seconds, signed every minute and at the end."""
        sent = [self.chain.first]
        for k in range(seconds):
            sent += self.second(start_s + k)
            if k % 60 == 59 or k == seconds - 1:
                sent += [self.chain.sign((start_s + k) * NS), self.chain.again((start_s + k) * NS)]
        return sent


class Feed:
    """Numbers records as a server does, and says when they came."""

    def __init__(self, name="main", station_key="XX.AB1", delay_ns=NS // 2):
        self.name, self.station_key, self.delay_ns, self.sequence = name, station_key, delay_ns, 0

    def packet(self, content, second_s, *, sequence=None):
        if sequence is None:
            self.sequence += 1
        number = self.sequence if sequence is None else sequence
        return Packet(self.name, self.station_key, number, second_s * NS + self.delay_ns, content)

    def packets(self, contents, second_s):
        return [self.packet(content, second_s) for content in contents]
