"""Statements of stations as bytes: canonical, proven, carried by records that every relay knows."""

import json
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pymseed
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.wire import mseed
from houfeng.wire.manifest import (
    Clock,
    Manifest,
    Name,
    Opening,
    Signature,
    body_of,
    carried,
    carry,
    is_carrier,
    mac_holds,
    maced,
    session_key,
    signature_holds,
    signed,
    statement_of,
)
from houfeng.wire.manifest.body import LARGEST_BYTES, MOST_NAMES
from houfeng.wire.manifest.carrier import crc_holds
from houfeng.words.errors import DataFault
from signing_station import CENTRE, NS, START_S, SigningStation, identity, public

KEY = bytes(range(32))

digests = st.binary(min_size=32, max_size=32)
sessions = st.binary(min_size=16, max_size=16)
instants = st.integers(-(2**63) + 1, 2**63 - 1)
clocks = st.builds(
    Clock,
    st.sampled_from(["unknown", "locked", "free-running"]),
    st.none() | instants,
    st.none() | st.integers(0, 100),
)
channels = st.from_regex(r"\A[A-Z0-9]{0,2}_[A-Z]_[A-Z]_[A-Z0-9]\Z")
names = st.builds(Name, channels, instants, digests)
numbers = st.integers(0, 2**64 - 1)
manifests = st.builds(Manifest, sessions, numbers, instants, digests, clocks, st.lists(names, max_size=12).map(tuple))
openings = st.builds(
    Opening,
    st.just("XX_AB1") | st.from_regex(r"\A[A-Z0-9]{1,8}_[A-Z0-9-]{1,8}\Z"),
    sessions,
    numbers,
    instants,
    st.sampled_from(["sensor", "gateway"]),
    digests,
    digests,
    digests,
    st.just(b"") | digests,
)
signatures = st.builds(Signature, sessions, instants, numbers, st.integers(0, 2**32 - 1), digests)
values = manifests | openings | signatures


def proof_for(value):
    if isinstance(value, Manifest):
        return bytes(16)
    return bytes(128 if isinstance(value, Opening) and value.replaces else 64)


class TestCanonicalBytes:
    @given(values)
    @settings(deadline=None)
    def test_reading_gives_back_what_was_written(self, value):
        body = body_of(value)
        statement = statement_of(body + proof_for(value))
        assert statement.value == value
        assert (statement.body, statement.proof) == (body, proof_for(value))

    @given(values, st.data())
    @settings(deadline=None)
    def test_every_other_bytes_say_something_else_or_nothing(self, value, data):
        raw = body_of(value) + proof_for(value)
        at = data.draw(st.integers(0, len(raw) - 1))
        other = raw[:at] + bytes([raw[at] ^ data.draw(st.integers(1, 255))]) + raw[at + 1 :]
        try:
            statement = statement_of(other)
        except DataFault:
            return
        assert body_of(statement.value) + statement.proof == other
        assert (statement.value, statement.proof) != (value, proof_for(value))

    @given(st.binary(max_size=400))
    def test_any_bytes_are_read_or_refused(self, raw):
        for form in raw, b"HF\x01O" + raw, b"HF\x01M" + raw, b"HF\x01S" + raw:
            try:
                statement = statement_of(form)
            except DataFault:
                continue
            assert statement.body + statement.proof == form

    @given(values, st.data())
    @settings(deadline=None)
    def test_a_cut_statement_is_refused(self, value, data):
        raw = body_of(value) + proof_for(value)
        with pytest.raises(DataFault):
            statement_of(raw[: data.draw(st.integers(0, len(raw) - 1))])
        with pytest.raises(DataFault):
            statement_of(raw + b"\0")

    def test_another_version_is_refused(self):
        raw = body_of(Signature(bytes(16), 0, 0, 0, bytes(32))) + bytes(64)
        with pytest.raises(DataFault, match="version"):
            statement_of(b"HF\x02" + raw[3:])

    @pytest.mark.parametrize(
        "wrong",
        [
            Manifest(bytes(15), 0, 0, bytes(32), Clock(), ()),
            Manifest(bytes(16), -1, 0, bytes(32), Clock(), ()),
            Manifest(bytes(16), 0, 0, bytes(31), Clock(), ()),
            Manifest(bytes(16), 0, 0, bytes(32), Clock(quality_percent=101), ()),
            Manifest(bytes(16), 0, 0, bytes(32), Clock(), (Name("HHZ", 0, bytes(32)),)),
            Manifest(bytes(16), 0, 0, bytes(32), Clock(), (Name("00_H_H_é", 0, bytes(32)),)),
            Manifest(bytes(16), 0, 0, bytes(32), Clock(), (Name("00_H_H_Z", 0, bytes(32)),) * (MOST_NAMES + 1)),
            Signature(bytes(16), 0, 0, 2**32, bytes(32)),
            Opening("XXAB1", bytes(16), 0, 0, "sensor", bytes(32), bytes(32), bytes(32)),
            Opening("XX_../A", bytes(16), 0, 0, "sensor", bytes(32), bytes(32), bytes(32)),
        ],
    )
    def test_what_the_format_cannot_say_is_refused(self, wrong):
        with pytest.raises(DataFault):
            body_of(wrong)

    def test_the_largest_manifest_fits_into_a_record_and_a_larger_one_is_refused(self):
        full = tuple(Name("00000000_H_H_Z", k, bytes(32)) for k in range(MOST_NAMES))
        record = carry(maced(Manifest(bytes(16), 0, 0, bytes(32), Clock(), full), KEY), "XX_AB1", 0)
        assert statement_of(carried(record)[1]).value.names == full
        wide = tuple(replace(name, channel="00000000_HHHHHHHH_HHHHHHHH_ZZZZZZZZ") for name in full)
        with pytest.raises(DataFault, match="name fewer"):
            body_of(Manifest(bytes(16), 0, 0, bytes(32), Clock(), wide))


class TestProofs:
    def test_both_sides_derive_one_session_key(self):
        station = SigningStation()
        ephemeral = X25519PrivateKey.from_private_bytes(sha256(b"AB1 1 sensor").digest())
        theirs = session_key(station.opening, ephemeral.exchange(CENTRE.public_key()))
        shared = CENTRE.exchange(X25519PublicKey.from_public_bytes(station.opening.ephemeral))
        assert session_key(station.opening, shared) == theirs
        statement = carried(station.second(START_S)[-1])[1]
        assert mac_holds(statement, theirs)

    @pytest.mark.parametrize(
        "change", [{"station": "XX_AB2"}, {"session": bytes(16)}, {"counter": 9}, {"identity": KEY}, {"centre": KEY}]
    )
    def test_the_session_key_is_bound_to_the_whole_opening(self, change):
        opening = SigningStation().opening
        assert session_key(replace(opening, **change), KEY) != session_key(opening, KEY)

    @given(manifests, st.data())
    @settings(deadline=None)
    def test_a_changed_byte_breaks_the_mac(self, manifest, data):
        raw = maced(manifest, KEY)
        assert mac_holds(raw, KEY)
        at = data.draw(st.integers(0, len(raw) - 1))
        assert not mac_holds(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], KEY)
        assert not mac_holds(raw, bytes(32))

    def test_a_handover_is_signed_by_both(self):
        old, new = identity("old"), identity("new")
        station = SigningStation(key=new, replaced=old)
        statement = statement_of(carried(station.chain.first)[1])
        assert signature_holds(statement, public(new))
        assert signature_holds(statement, public(old), 1)
        assert not signature_holds(statement, public(old))
        assert not signature_holds(statement, public(new), 1)

    def test_a_signature_is_of_this_format_and_no_other(self):
        value = Signature(bytes(16), 0, 0, 1, bytes(32))
        statement = statement_of(signed(value, identity()))
        assert signature_holds(statement, public(identity()))
        bare = replace(statement, proof=identity().sign(statement.body))
        assert not signature_holds(bare, public(identity()))

    def test_what_is_no_key_verifies_nothing(self):
        statement = statement_of(signed(Signature(bytes(16), 0, 0, 1, bytes(32)), identity()))
        assert not signature_holds(statement, b"short")
        assert not signature_holds(statement, b"\xff" * 32)


class TestChain:
    def test_each_statement_names_the_one_before(self):
        station = SigningStation()
        raw = [carried(station.chain.first)[1]]
        raw += [carried(station.second(START_S + k)[-1])[1] for k in range(3)]
        raw.append(carried(station.chain.sign((START_S + 3) * NS))[1])
        said = [statement_of(one) for one in raw]
        assert [one.value.sequence for one in said[1:4]] == [0, 1, 2]
        assert [one.value.previous for one in said[1:4]] == [one.digest for one in said[:3]]
        assert (said[4].value.sequence, said[4].value.count, said[4].value.head) == (2, 3, said[3].digest)

    def test_a_manifest_that_does_not_fit_leaves_the_chain_as_it_was(self):
        station = SigningStation()
        with pytest.raises(DataFault):
            station.chain.manifest(START_S, Clock(), [Name("00_H_H_Z", 0, bytes(32))] * (MOST_NAMES + 1))
        assert statement_of(carried(station.second(START_S)[-1])[1]).value.sequence == 0

    def test_no_manifest_no_signature(self):
        with pytest.raises(ValueError, match="no manifest"):
            SigningStation().chain.sign(0)

    def test_three_channels_cost_410_bytes_a_second(self):
        station = SigningStation()
        assert [len(part) for part in (station.second(START_S)[-1], station.chain.sign(0), station.chain.first)] == [
            410,
            270,
            362,
        ]


class TestCarrier:
    @given(values, st.integers(0, 7_000_000_000 * NS))
    @settings(deadline=None)
    def test_libmseed_reads_it_as_a_record_without_samples(self, value, time_ns):
        raw = body_of(value) + proof_for(value)
        record = carry(raw, "XX_AB1", time_ns)
        (read,) = pymseed.MS3Record.from_buffer(record, validate_crc=True)
        assert (read.sourceid, read.samplecnt, read.reclen) == ("FDSN:XX_AB1__A_X_M", 0, len(record))
        assert read.starttime == time_ns
        assert json.loads(read.extra) == {"Houfeng": {"Statement": b64encode(raw).decode()}}
        assert carried(record) == ("XX_AB1", raw)
        assert crc_holds(record)

    def test_libmseed_may_write_it_anew_and_it_says_the_same(self):
        (read,) = pymseed.MS3Record.from_buffer(SigningStation().chain.first)
        read.pubversion, read.reclen = 4, 4096
        read.extra = json.dumps({"Relay": {"Seen": [1, 2]}, **json.loads(read.extra)}, indent=2)
        anew = b"".join(bytes(part) for part in read.generate())
        assert anew != SigningStation().chain.first
        assert carried(anew) == carried(SigningStation().chain.first)

    def test_a_reader_of_waveforms_finds_nothing_odd(self):
        station = SigningStation()
        decoded = mseed.decode(b"".join(station.minutes(3)))
        assert decoded.findings == ()
        assert sum(len(batch) for batch in decoded.batches) == 9

    @given(st.data())
    @settings(deadline=None)
    def test_damage_is_refused_or_told_by_the_crc(self, data):
        record = SigningStation().chain.first
        at = data.draw(st.integers(0, len(record) - 1))
        damaged = record[:at] + bytes([record[at] ^ data.draw(st.integers(1, 255))]) + record[at + 1 :]
        try:
            carried(damaged)
        except DataFault:
            return
        assert not crc_holds(damaged)

    @given(st.binary(max_size=300))
    def test_any_extra_headers_are_read_or_refused(self, extra):
        record = bytearray(carry(b"", "XX_AB1", 0))
        at = record.index(b"{")
        for form in extra, b'{"Houfeng":{"Statement":' + extra, b'{"Houfeng":' + extra + b"}", b"[" * 60_000:
            forged = bytes(record[:at] + form)
            forged = forged[:34] + len(form).to_bytes(2, "little") + forged[36:]
            with pytest.raises(DataFault):
                carried(forged)

    def test_records_of_sensors_are_no_carriers(self):
        record = SigningStation().second(START_S)[0]
        assert not is_carrier(record)
        assert not is_carrier(b"MS\x03")
        with pytest.raises(DataFault):
            carried(record)

    def test_no_station_name_leads_elsewhere(self):
        record = carry(bytes(30), "XX_AB1", 0)
        with pytest.raises(DataFault):
            carried(record.replace(b"XX_AB1", b"../../"))

    def test_what_no_record_holds_is_refused(self):
        with pytest.raises(DataFault):
            carry(bytes(LARGEST_BYTES + 1), "XX_AB1", 0)
        with pytest.raises(DataFault):
            carry(b"", "XX_AB1", 2**80)


def test_keys_stay_out_of_sight():
    station = SigningStation()
    shown = repr(station.chain) + repr(station.opening) + repr(vars(station.chain)["_identity"])
    assert sha256(b"identity").hexdigest() not in shown
    assert repr(station.chain._key) not in shown
