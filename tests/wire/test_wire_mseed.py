"""miniSEED in bulk: round trips, any cut, any damage, and libmseed as the oracle."""

import mmap
import time
import tracemalloc
from itertools import pairwise

import numpy as np
import pymseed
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from houfeng.wire import mseed
from houfeng.wire.mseed.crc import crc32c, record_crc
from houfeng.wire.mseed.records import as_bytes
from houfeng.wire.mseed.walk import _hash
from houfeng.words.errors import DataFault
from houfeng.words.instant import parse_instant
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

START_NS = parse_instant("2024-02-29T23:59:59.5")
SOURCE = SourceId("XX", "AB1", "00", "HHZ")

rates = st.sampled_from([0.1, 1.0, 20.0, 31.25, 50.0, 62.5, 100.0, 125.0, 200.0, 500.0])
starts = st.integers(parse_instant("1970-01-01"), parse_instant("2099-12-31"))
integers = st.one_of(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=80),
    st.lists(st.integers(-3000, 3000), min_size=1, max_size=600),
).map(lambda values: np.array(values, dtype=np.int32))
floats = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=200).map(
    lambda values: np.array(values, dtype=np.float64)
)
segments = st.builds(
    Segment,
    source=st.sampled_from([SOURCE, SourceId("XX", "AB2", "", "BN1"), SourceId("", "Q", "", "LHZ")]),
    start_ns=starts,
    rate_hz=rates,
    samples=st.one_of(integers, floats),
)


def some_records(*, version=2, count=12, record_length=512):
    rng = np.random.default_rng(count)
    return [
        mseed.encode(
            [
                Segment(
                    SourceId("XX", f"S{k % 3}", "00", "HHZ"),
                    START_NS + k * 10**9,
                    100.0,
                    np.cumsum(rng.integers(-40 - 30 * k, 40 + 30 * k, 100)).astype(np.int32),
                )
            ],
            version=version,
            record_length=record_length,
        )
        for k in range(count)
    ]


def packets(decoded):
    return [
        (
            batch.channels[batch.channel[k]],
            int(batch.start_ns[k]),
            float(batch.rate_hz[k]),
            batch.samples[batch.offset[k] : batch.offset[k + 1]].tolist(),
        )
        for batch in decoded.batches
        for k in range(len(batch))
    ]


class TestRoundTrip:
    @given(st.lists(segments, min_size=1, max_size=4), st.sampled_from([2, 3]), st.sampled_from([256, 512, 4096]))
    @settings(deadline=None, max_examples=60)
    def test_encode_then_decode_is_the_identity(self, given_segments, version, record_length):
        data = mseed.encode(given_segments, version=version, record_length=record_length)
        decoded = mseed.decode(data)
        assert decoded.findings == ()
        for dtype in (np.int32, np.float64):
            wanted = [segment for segment in given_segments if segment.samples.dtype == dtype]
            got = [batch for batch in decoded.batches if batch.samples.dtype == dtype]
            assert len(got) == bool(wanted)
            if wanted:
                samples = np.concatenate([segment.samples for segment in wanted])
                np.testing.assert_array_equal(got[0].samples, samples)
        heads = [packet[:3] for packet in packets(decoded)]
        for segment in given_segments:
            start_ns = segment.start_ns if version == 3 else round(segment.start_ns, -3)
            assert (segment.source, start_ns, pytest.approx(segment.rate_hz, rel=1e-7)) in heads

    def test_records_after_the_first_keep_time(self):
        segment = Segment(SOURCE, START_NS, 200.0, np.arange(20_000, dtype=np.int32) % 977)
        (batch,) = mseed.decode(mseed.encode([segment])).batches
        assert len(batch) > 10
        expected = START_NS + batch.offset[:-1] * 5_000_000
        np.testing.assert_array_equal(batch.start_ns, expected)

    def test_what_steim_cannot_hold_is_written_plainly(self):
        spike = np.array([0, 2**31 - 1, -(2**31), 5], dtype=np.int32)
        data = mseed.encode([Segment(SOURCE, START_NS, 100.0, spike)])
        assert mseed.index(data).encoding.tolist() == [3]
        np.testing.assert_array_equal(mseed.decode(data).batches[0].samples, spike)

    def test_version_2_has_no_room_for_long_codes(self):
        segment = Segment(SourceId("XX", "LONGNAME", "", "HHZ"), START_NS, 1.0, np.zeros(3, dtype=np.int32))
        with pytest.raises(DataFault, match=r"XX\.LONGNAME\.\.HHZ: has codes too long"):
            mseed.encode([segment])
        assert packets(mseed.decode(mseed.encode([segment], version=3)))[0][0] == segment.source

    @pytest.mark.parametrize(
        "codes", [("XX", "NP040_D0", "", "HHZ"), ("XX", "S1", "0_", "HHZ"), ("XX", "S1", "", "ABCD")]
    )
    @pytest.mark.parametrize("version", [2, 3])
    def test_codes_no_identifier_can_say_are_refused(self, codes, version):
        segment = Segment(SourceId(*codes), START_NS, 1.0, np.zeros(3, dtype=np.int32))
        assert not segment.source.has_fdsn
        with pytest.raises(DataFault, match="no FDSN source identifier"):
            mseed.encode([segment], version=version)


class TestCuts:
    @given(st.lists(st.integers(0, 24), max_size=5), st.sampled_from([2, 3]))
    @settings(deadline=None, max_examples=30)
    def test_whole_records_in_pieces_decode_as_the_whole(self, cuts, version):
        records = some_records(version=version, count=24)
        edges = sorted({0, len(records), *cuts})
        pieces = [b"".join(records[begin:end]) for begin, end in pairwise(edges)]
        whole = packets(mseed.decode(b"".join(records)))
        assert [packet for piece in pieces for packet in packets(mseed.decode(piece))] == whole
        assert len(whole) == 24

    def test_any_byte_cut_keeps_every_whole_record(self):
        records = some_records(count=3, record_length=256) + some_records(version=3, count=3)
        data = b"".join(records)
        ends = np.cumsum([len(record) for record in records])
        whole = packets(mseed.decode(data))
        for cut in range(0, len(data), 7):
            kept = packets(mseed.decode(data[:cut]))
            assert kept == whole[: int(np.searchsorted(ends, cut, side="right"))]

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, dtype=np.uint8)])
    def test_any_buffer_will_do(self, wrap):
        data = b"".join(some_records())
        assert packets(mseed.decode(wrap(data))) == packets(mseed.decode(data))

    def test_a_mapped_file_can_be_closed_afterwards(self, tmp_path):
        data = b"".join(some_records())
        (tmp_path / "x").write_bytes(data)
        with (tmp_path / "x").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            decoded, index = mseed.decode(mapped), mseed.index(mapped)
            chosen = mseed.decode_records(mapped, index.offset, index.length)
        assert packets(decoded) == packets(chosen) == packets(mseed.decode(data))

    def test_nothing_gives_nothing(self):
        assert mseed.decode(b"") == mseed.Decoded(())
        assert len(mseed.index(b"")) == 0


class TestDamage:
    @given(st.binary(max_size=700), st.binary(max_size=700), st.binary(max_size=700), st.sampled_from([2, 3]))
    @settings(deadline=None, max_examples=60)
    def test_garbage_before_between_and_after_keeps_good_records(self, before, between, after, version):
        records = some_records(version=version, count=6)
        data = before + b"".join(records[:3]) + between + b"".join(records[3:]) + after
        assert packets(mseed.decode(data)) == packets(mseed.decode(b"".join(records)))

    @given(st.data(), st.sampled_from([2, 3]))
    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    def test_any_corruption_is_survived_and_read_the_same_way_twice(self, data, version):
        damaged = bytearray(b"".join(some_records(version=version, count=4)))
        for _ in range(data.draw(st.integers(1, 30))):
            at = data.draw(
                st.integers(0, len(damaged) - 1) | st.sampled_from([512 * k + j for k in range(3) for j in range(64)])
            )
            damaged[min(at, len(damaged) - 1)] = data.draw(st.integers(0, 255))
        decoded, index = mseed.decode(bytes(damaged)), mseed.index(bytes(damaged))
        assert packets(mseed.decode_records(bytes(damaged), index.offset, index.length)) == packets(decoded)
        assert all(np.isfinite(batch.samples).all() for batch in decoded.batches)

    def test_lost_bytes_inside_a_record_cost_that_record_alone(self):
        records = some_records(count=5)
        data = records[0] + records[1][:300] + b"".join(records[2:])
        decoded = mseed.decode(data, file="cut.mseed")
        assert len(packets(decoded)) == 4
        (finding,) = decoded.findings
        assert (finding.kind, finding.file, finding.station) == ("truncated-record", "cut.mseed", "XX.S1.00.HHZ")

    def test_a_crc_that_does_not_match_drops_the_record_alone(self):
        records = some_records(version=3, count=3)
        broken = bytearray(records[1])
        broken[-1] ^= 1
        decoded = mseed.decode(records[0] + bytes(broken) + records[2])
        assert [finding.kind for finding in decoded.findings] == ["bad-crc"]
        assert len(packets(decoded)) == 2

    def test_not_a_number_splits_a_packet_in_time(self):
        samples = np.array([1.0, 2.0, np.nan, np.inf, 5.0, 6.0, np.nan])
        data = mseed.encode([Segment(SOURCE, START_NS, 10.0, samples)])
        decoded = mseed.decode(data)
        assert packets(decoded) == [
            (SOURCE, START_NS, 10.0, [1.0, 2.0]),
            (SOURCE, START_NS + 400_000_000, 10.0, [5.0, 6.0]),
        ]
        (finding,) = decoded.findings
        assert finding.kind == "non-finite-samples"
        assert finding.reason.startswith("3 samples")

    def test_all_not_a_number_leaves_no_packet(self):
        data = mseed.encode([Segment(SOURCE, START_NS, 10.0, np.full(5, np.nan))])
        assert mseed.decode(data).batches == ()


def patched(record, *changes):
    changed = bytearray(record)
    for at, value in changes:
        changed[at : at + len(value)] = value
    return bytes(changed)


def name_hash(name):
    b = np.frombuffer(name.encode(), dtype=np.uint8)
    return int(_hash(as_bytes(b), 0, len(b)))


def sealed_3(record):
    """A version 3 record with its check sum made right again."""
    crc = int(record_crc(as_bytes(record), 0, len(record)))
    return patched(record, (28, crc.to_bytes(4, "little")))


class TestAttacks:
    """Bytes made by somebody who wants memory, time or made-up ground motion."""

    def one(self, version=2):
        return some_records(version=version, count=1)[0]

    def test_crc_of_the_check_string(self):
        text = np.frombuffer(b"123456789", dtype=np.uint8)
        assert crc32c(text, 0, 9, 0) == 0xE3069283  # RFC 3720, B.4

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            ("bad-sample-count", [(30, b"\xff\xff")]),
            ("bad-data-offset", [(44, b"\xff\xf0")]),
            ("bad-data-offset", [(44, b"\x00\x10")]),
            ("bad-date", [(20, b"\x00\x00\x03\xe7")]),
            ("bad-date", [(20, b"\x07\xe7\x01\x6e")]),  # day 366 of 2023
            ("bad-rate", [(32, b"\x00\x00\x00\x00")]),
            ("bad-codes", [(8, b"A\x01B\xff ")]),
            ("bad-length", [(54, b"\x1f")]),
            ("bad-length", [(54, b"\x03")]),
            ("unsupported-encoding", [(52, b"\x13")]),
            ("bad-payload", [(64 + 8, b"\x12\x34\x56\x78")]),
            ("bad-blockettes", [(46, b"\x00\x34"), (52, b"\x00\x64\x00\x30")]),
            ("truncated-record", [(54, b"\x10")]),
        ],
    )
    def test_lies_in_a_version_2_header_are_refused(self, kind, changes):
        good = self.one()
        lie = patched(good, *changes)
        decoded = mseed.decode(lie + good, file="lie.mseed")
        assert [finding.kind for finding in decoded.findings] == [kind]
        assert decoded.findings[0].file == "lie.mseed"
        assert packets(decoded) == packets(mseed.decode(good))

    @pytest.mark.parametrize(
        ("kind", "changes"),
        [
            ("unknown-version", [(2, b"\x09")]),
            ("bad-length", [(36, b"\xf0\xff\xff\xff")]),
            ("truncated-record", [(36, b"\x00\x00\x01\x00")]),
            ("bad-sample-count", [(24, b"\xff\xff\xff\xff")]),
            ("bad-sample-count", [(24, b"\xff\xff\x00\x00")]),
            ("bad-date", [(10, b"\x6f\x01")]),
            ("bad-date", [(4, b"\x00\xca\x9a\x3b")]),  # a full second of nanoseconds
            ("bad-rate", [(16, np.float64(np.nan).tobytes())]),
            ("bad-rate", [(16, np.float64(0).tobytes())]),
            ("bad-rate", [(16, np.float64(-1e300).tobytes())]),
            ("bad-rate", [(16, np.float64(1e300).tobytes())]),
            ("bad-codes", [(45, b"\xff")]),
            ("unsupported-encoding", [(15, b"\x13")]),
        ],
    )
    def test_lies_in_a_version_3_header_are_refused(self, kind, changes):
        good = self.one(3)
        lie = patched(good, *changes)
        if kind not in {"bad-length", "truncated-record"}:
            lie = sealed_3(lie)
        decoded = mseed.decode(lie + good, file="lie.mseed3")
        assert [finding.kind for finding in decoded.findings] == [kind]
        assert packets(decoded) == packets(mseed.decode(good))

    def test_a_negative_rate_is_a_period(self):
        record = sealed_3(patched(self.one(3), (16, np.float64(-0.02).tobytes())))
        assert packets(mseed.decode(record))[0][2] == pytest.approx(50.0)

    @pytest.mark.parametrize(
        "bomb",
        [
            b"MS\x03".ljust(36, b"\x01") + b"\xff\xff\x00\x00" + b"\x00" * 8,  # headers in headers, bad sums
            b"000001D ".ljust(24, b"A") + b"\x01\x01\x01" + b"A" * 22,  # no blockette 1000 anywhere
            b"000001D AAAAA  HHZXX\x07\xe7\x00\x01\x01\x01\x01\x00\x00\x00\x00\x01\x00\x01\x00\x01"
            + b"\x00" * 9
            + b"\x31",
            (
                b"000001D AAAAA  HHZXX\x07\xe7\x00\x01\x01\x01\x01\x00\x00\x00\x00\x01\x00\x01\x00\x01\x00\x00\x00\x01"
                b"\x00\x00\x00\x00\x00\x30\x00\x30\x03\xe8\x00\x38\x0b\x01\x11\x00"
            ),  # each claims 128 KiB
            b"\x00",
            b"M",
            b"D",
        ],
    )
    def test_bombs_take_time_in_proportion_to_their_size(self, bomb):
        data = (bomb * (3_000_000 // len(bomb) + 1))[:3_000_000]
        mseed.decode(data[:1000])
        tracemalloc.start()
        begin = time.process_time()
        decoded = mseed.decode(data)
        took_s = time.process_time() - begin
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert took_s < 5
        assert peak < 60_000_000
        assert len(decoded.findings) < 300

    def test_names_made_to_collide_stay_apart(self):
        names = (f"S{k:05d}" for k in range(10**5))
        colliding = [name for name in names if name_hash(f"FDSN:XX_{name}_00_H_H_Z") % 1024 == 7][:80]
        assert len(colliding) == 80  # more than are looked for in the table of names
        samples = np.zeros(100, dtype=np.int32)
        data = mseed.encode(
            [Segment(SourceId("XX", name, "00", "HHZ"), START_NS, 100.0, samples) for name in colliding], version=3
        )
        assert [packet[0].station for packet in packets(mseed.decode(data))] == colliding

    def test_findings_of_one_kind_are_summed_up(self):
        lie = patched(self.one(), (20, b"\x00\x00\x03\xe7"))
        decoded = mseed.decode(lie * 500, file="x")
        assert len(decoded.findings) == 21
        assert decoded.findings[-1].reason == "the same for 480 more records"

    def test_made_up_offsets_are_refused(self):
        data = self.one()
        offsets = np.array([-1, 0, 511, 10**18, 0, 5], dtype=np.int64)
        lengths = np.array([512, -512, 512, 512, 10**18, 100], dtype=np.int64)
        decoded = mseed.decode_records(data, offsets, lengths)
        assert decoded.batches == ()
        assert len(decoded.findings) == len(offsets)


class TestIndex:
    @pytest.mark.parametrize("version", [2, 3])
    def test_columns(self, version):
        records = some_records(version=version, count=5)
        index = mseed.index(b"garbage" + b"".join(records), file="x")
        assert len(index) == 5
        assert index.offset[0] == 7
        np.testing.assert_array_equal(index.length, [len(record) for record in records])
        np.testing.assert_array_equal(index.start_ns, START_NS + np.arange(5) * 10**9)
        np.testing.assert_array_equal(index.end_ns, index.start_ns + 10**9)
        assert set(index.sample_count.tolist()) == {100}
        assert set(index.version.tolist()) == {version}
        assert set(index.encoding.tolist()) == {11}
        assert set(index.publication.tolist()) == {1}
        assert [index.channels[k].station for k in index.channel] == ["S0", "S1", "S2", "S0", "S1"]
        assert [finding.kind for finding in index.findings] == ["unreadable-bytes"]

    def test_chosen_records_in_chosen_order(self):
        data = b"".join(some_records(count=6))
        index, whole = mseed.index(data), packets(mseed.decode(data))
        order = np.array([4, 0, 3])
        assert packets(mseed.decode_records(data, index.offset[order], index.length[order])) == [
            whole[k] for k in order
        ]


def little_endian(record, encoding):
    """A version 2 record with header, blockettes and payload words turned to little-endian."""
    swapped = bytearray(record)
    for at, size in ((20, 2), (22, 2), (28, 2), (30, 2), (32, 2), (34, 2), (40, 4), (44, 2), (46, 2)):
        swapped[at : at + size] = swapped[at : at + size][::-1]
    at = int.from_bytes(record[46:48], "big")
    while at:
        following = int.from_bytes(record[at + 2 : at + 4], "big")
        for k in (at, at + 2):
            swapped[k : k + 2] = swapped[k : k + 2][::-1]
        if int.from_bytes(record[at : at + 2], "big") == 1000:
            swapped[at + 5] = 0
        at = following
    data = int.from_bytes(record[44:46], "big")
    words = np.frombuffer(record[data:], dtype=">u4").astype("<u4")
    if encoding in {10, 11}:  # words of four single bytes stay as they are
        frames = words.reshape(-1, 16)
        codes = frames[:, :1] >> np.arange(30, -2, -2).astype(np.uint32) & 3
        frames[codes == 1] = frames[codes == 1].byteswap()
    if encoding == 10:  # and words of two 16-bit numbers keep their order
        frames[codes == 2] = frames[codes == 2] >> 16 | frames[codes == 2] << 16
    return bytes(swapped[:data]) + words.tobytes()


def by_libmseed(data):
    """Packets as libmseed sees them, samples as numbers; header-only, text and the like left out."""
    found = []
    at = 0
    while at < len(data):
        try:
            record = pymseed.MS3Record.parse(data[at:], unpack_data=True)
        except pymseed.MiniSEEDError:
            break
        if record.numsamples and record.sampletype in {"i", "f", "d"}:
            found.append((record.sourceid, record.starttime, record.samprate, list(record.np_datasamples)))
        at += record.reclen
    return found


def as_libmseed(decoded):
    return [(source.fdsn, start_ns, rate_hz, samples) for source, start_ns, rate_hz, samples in packets(decoded)]


class TestLibmseedAgrees:
    @given(integers, st.sampled_from([1, 3, 10, 11]))
    @settings(deadline=None, max_examples=60)
    def test_in_either_byte_order(self, samples, encoding):
        if encoding == 1:
            samples = samples.astype(np.int16).astype(np.int32)
        if encoding == 11:
            samples = (samples >> 3).astype(np.int32)
        packer = pymseed.MS3Record(reclen=512, encoding=encoding)
        packer.formatversion = 2
        packer.sourceid, packer.starttime, packer.samprate = SOURCE.fdsn, START_NS, 100.0
        records = list(packer.generate(samples, "i"))
        big = b"".join(records)
        assert as_libmseed(mseed.decode(big)) == by_libmseed(big)
        if encoding == 1:  # its payload is not made of 32-bit words
            return
        little = b"".join(little_endian(record, encoding) for record in records)
        assert as_libmseed(mseed.decode(little)) == by_libmseed(little)
        np.testing.assert_array_equal(mseed.decode(little).batches[0].samples, samples)

    @pytest.mark.parametrize(
        "pattern",
        [
            "pleasanthill_2019/waveforms/*",
            "antilles_2010/waveforms/*",
            "iceland_dyke_2014/waveforms/*",
            "nz_alpinefault_2013a/waveforms/*",
            "dprk_2017_explosion/waveforms/*",
            "hawaii_clipped_2019/waveforms/*",
            "openeew_mexico_a/waveforms/*",
            "raspberryshake_udp_2020/truth/*.mseed",
            "net_seedlink_benign/received/*.mseed",
        ],
    )
    def test_on_real_recordings(self, houfeng_data, pattern):
        files = sorted(path for path in houfeng_data.glob(pattern) if path.suffix == ".mseed")
        assert files
        for path in files[:2]:
            data = path.read_bytes()[: 200 * 4096]
            data = data[: len(data) // 4096 * 4096]
            decoded = mseed.decode(data, file=path.name)
            expected = by_libmseed(data)
            got = as_libmseed(decoded)
            assert len(got) == len(expected) > 0
            assert all(finding.kind == "truncated-record" for finding in decoded.findings)
            for ours, theirs in zip(got, expected, strict=True):
                assert ours[:3] == theirs[:3]
                assert ours[3] == theirs[3]
