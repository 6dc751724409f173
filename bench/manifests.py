"""How fast signed data is verified: the centre's stage beside plain HMAC and one signature for each record.

    python bench/manifests.py

A manifest names three records of 512 bytes, one second of 100 Hz each. One core, CPU time, best of several runs;
quote the ratios, the absolutes depend on the machine.
"""

import hmac
import time
from collections.abc import Callable
from hashlib import sha256

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.guard.vouch import Vouch
from houfeng.wire import manifest as signed_data
from houfeng.wire import mseed
from houfeng.wire.manifest import Chain, Clock, carried, keyed, lines_of, mac_holds, name_of
from houfeng.words.assurance import EnrolledKey, Enrolment, Tier, Vouched
from houfeng.words.packet import Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

NS = 1_000_000_000
START_S = 1_700_000_000

#: Stations heard, and seconds of each; seconds before these, until the stage remembers as much as it ever does.
STATIONS, SECONDS, BEFORE = 200, 20, 100

#: Packets handled at once.
BATCH = 500

CENTRE = X25519PrivateKey.from_private_bytes(sha256(b"bench centre").digest())
IDENTITY = Ed25519PrivateKey.from_private_bytes(sha256(b"bench station").digest())


def second(code: str, second_s: int) -> list[bytes]:
    """Three records of one station and second."""
    random = np.random.default_rng(second_s)
    made = []
    for channel in ("HHZ", "HHN", "HHE"):
        samples = random.integers(-900, 900, 100).astype(np.int32)
        made.append(mseed.encode([Segment(SourceId("XX", code, "00", channel), second_s * NS, 100.0, samples)]))
    return made


def sent() -> tuple[list[Packet], list[Packet]]:
    """Openings, and seconds of every station in the order they come."""
    chains, openings, packets = {}, [], []
    for k in range(STATIONS):
        code = f"S{k:03d}"
        ephemeral = X25519PrivateKey.from_private_bytes(sha256(code.encode()).digest())
        begun = signed_data.opening(
            station=f"XX_{code}", place="gateway", identity=IDENTITY, ephemeral=ephemeral,
            centre=CENTRE.public_key().public_bytes_raw(), session=sha256(code.encode()).digest()[:16], counter=1,
            time_ns=START_S * NS,
        )  # fmt: skip
        chains[code] = Chain(begun, IDENTITY, ephemeral)
        openings.append(Packet("bench", f"XX.{code}", k, START_S * NS, chains[code].first))
    for second_s in range(START_S, START_S + BEFORE + SECONDS):
        for code, chain in chains.items():
            records = second(code, second_s)
            contents = [*records, chain.manifest(second_s, Clock("locked", 100, 99), map(name_of, records))]
            packets += [
                Packet("bench", f"XX.{code}", STATIONS + len(packets) + j, second_s * NS, content)
                for j, content in enumerate(contents)
            ]
    return openings, packets


def stage() -> Vouch:
    """A centre that knows every station."""
    key = EnrolledKey(IDENTITY.public_key().public_bytes_raw(), "gateway", 0)
    enrolments = [Enrolment(f"XX.S{k:03d}", (key,)) for k in range(STATIONS)]
    return Vouch(enrolments, CENTRE, secured_feeds=("bench",), patience_ns=5 * NS)


def best_s(work: Callable[[], object], before: Callable[[], None] = lambda: None, runs: int = 5) -> float:
    """Least CPU time of some runs, s; what comes before each is not counted."""
    times = []
    for _ in range(runs):
        before()
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return min(times)


def stage_per_s(openings: list[Packet], packets: list[Packet]) -> float:
    """Manifests with their records that the whole stage takes in, of every station in turn."""
    made: list[Vouch] = []
    begin = len(packets) * BEFORE // (BEFORE + SECONDS)

    def fresh() -> None:
        made[:] = [stage()]
        made[0].handle(openings)
        made[0].handle(packets[:begin])

    def work() -> int:
        signed = 0
        for k in range(begin, len(packets), BATCH):
            out = made[0].handle(packets[k : k + BATCH]) + made[0].elapse(packets[k].arrival_ns)
            signed += sum(isinstance(one, Vouched) and one.tier is Tier.GATEWAY_SIGNED for one in out)
        return signed

    fresh()
    assert work() == 3 * STATIONS * SECONDS
    return STATIONS * SECONDS / best_s(work, fresh)


def verified_per_s(groups: list[list[bytes]], key: bytes) -> float:
    """Manifests read, with their MAC checked and their three records hashed and compared: the least one can do."""
    mac = keyed(key)

    def work() -> None:
        for *records, carrier in groups:
            _, raw = carried(carrier)
            mac_holds(raw, mac)
            assert [sha256(record).digest() for record in records] == [digest for *_, digest in lines_of(raw).names]

    return len(groups) / best_s(work)


def proofs_per_s(groups: list[list[bytes]], key: bytes) -> float:
    """Four hashes and one MAC for each: what no program on this library does faster."""
    mac = keyed(key)
    raws = [(records, carried(carrier)[1]) for *records, carrier in groups]

    def work() -> None:
        for records, raw in raws:
            mac_holds(raw, mac)
            for content in (*records, raw):
                sha256(content).digest()

    return len(groups) / best_s(work)


def rows() -> list[tuple[str, float, str, float | None, str]]:
    """What bench/run.py prints."""
    openings, packets = sent()
    contents = [packet.content for packet in packets[-4 * STATIONS * SECONDS :]]
    groups = [contents[k : k + 4] for k in range(0, len(contents), 4)]
    records = [record for *three, _ in groups for record in three]
    key = bytes(32)
    public = IDENTITY.public_key()
    few = [(record, IDENTITY.sign(record)) for record in records[:600]]
    whole = stage_per_s(openings, packets)
    least, proofs = verified_per_s(groups, key), proofs_per_s(groups, key)
    macs = len(records) / best_s(lambda: [hmac.digest(key, record, "sha256") for record in records])
    hashes = len(records) / best_s(lambda: [sha256(record).digest() for record in records])
    signatures = len(few) / best_s(lambda: [public.verify(signature, record) for record, signature in few])
    return [
        ("station-seconds through the centre's stage", whole, "manifests", signatures / 3, "Ed25519 for each record"),
        ("read, MAC, three hashes", least, "manifests", signatures / 3, "Ed25519 for each record"),
        ("the same", least, "manifests", macs / 3, "HMAC for each record"),
        ("four hashes and a MAC", proofs, "manifests", whole, "the whole stage"),
        ("HMAC-SHA256 of a record", macs, "records", signatures, "Ed25519 of a record"),
        ("SHA-256 of a record", hashes, "records", macs, "HMAC-SHA256"),
    ]


if __name__ == "__main__":
    for name, ours, unit, theirs, what in rows():
        ratio = f"{ours / theirs:6.1f} x {what} ({theirs:,.0f}/s)" if theirs else ""
        print(f"{name:45} {ours:12,.0f} {unit}/s  {ratio}")
