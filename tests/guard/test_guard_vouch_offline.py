"""What a third party can tell from records and a public key, and what it cannot be made to believe."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.vouch import verify_offline
from houfeng.wire.manifest import Clock, Manifest, carried, carry, is_carrier, maced, name_of, signed, statement_of
from signing_station import NS, START_S, SigningStation, identity, public, record

KEY = public(identity())


def kind(content):
    return carried(content)[1][3:4] if is_carrier(content) else b""


def faults(records, key=KEY):
    return "; ".join(verify_offline(records, key).faults)


@pytest.fixture
def records():
    return SigningStation().minutes(130)


def test_everything_signed_is_proven(records):
    report = verify_offline(records, KEY)
    assert (report.faults, report.unnamed, report.station, report.place) == ((), (), "XX_AB1", "sensor")
    assert len(report.seconds) == 130
    assert all(second.proven and len(second.present) == 3 and not second.absent for second in report.seconds)


def test_another_key_proves_nothing(records):
    report = verify_offline(records, public(identity("other")))
    assert not report.whole
    assert (report.station, report.place) == ("", None)
    assert not any(second.proven for second in report.seconds)
    assert len(report.unnamed) == 390


def test_nothing_proves_nothing():
    assert "no opening" in faults([])


def test_a_record_left_out_is_missed(records):
    del records[1]
    report = verify_offline(records, KEY)
    assert len(report.seconds[0].absent) == 1
    assert "1 records that were signed are missing" in faults(records)


def test_a_record_slipped_in_is_told(records):
    report = verify_offline([*records, record(START_S + 5, seed=9)], KEY)
    assert len(report.unnamed) == 1
    assert "1 records are named by no proven manifest" in "; ".join(report.faults)


def test_a_manifest_left_out_breaks_its_minute_and_no_other(records):
    places = [k for k, content in enumerate(records) if kind(content) == b"M"]
    del records[places[70]]
    report = verify_offline(records, KEY)
    assert "manifest 70 of a session is missing" in "; ".join(report.faults)
    proven = {second.sequence for second in report.seconds if second.proven}
    assert proven == {*range(60), *range(71, 130)}


def test_what_no_signature_reaches_yet_is_not_proven(records):
    last = max(k for k, content in enumerate(records) if kind(content) == b"S")
    report = verify_offline(records[:last], KEY)
    assert {second.sequence for second in report.seconds if not second.proven} == set(range(120, 130))
    assert "10 manifests are reached by no signature" in "; ".join(report.faults)


def test_without_its_opening_a_session_proves_nothing(records):
    report = verify_offline([content for content in records if kind(content) != b"O"], KEY)
    assert not any(second.proven for second in report.seconds)


def test_the_centre_cannot_forge_a_second(records):
    """Whoever holds the session key can make manifests, but no signature over them."""
    station = SigningStation()
    content = record(START_S + 500, seed=3)
    said = Manifest(station.opening.session, 130, START_S + 130, bytes(32), Clock(), (name_of(content),))
    forged = carry(maced(said, station.chain._key), "XX_AB1", START_S * NS)
    report = verify_offline([*records, content, forged], KEY)
    assert len(report.unnamed) == 1
    assert [second.proven for second in report.seconds if second.sequence == 130] == [False]


def test_a_signature_by_another_key_proves_nothing(records):
    kept = [content for content in records if kind(content) != b"S"]
    for content in records:
        if kind(content) == b"S":
            said = statement_of(carried(content)[1]).value
            kept.append(carry(signed(said, identity("other")), "XX_AB1", START_S * NS))
    report = verify_offline(kept, KEY)
    assert not any(second.proven for second in report.seconds)
    assert "not made with this key" in "; ".join(report.faults)


def test_a_signature_over_a_manifest_of_another_session_proves_nothing(records):
    other = SigningStation(counter=2, start_s=START_S + 200)
    other.second(START_S + 200)
    said = statement_of(carried(other.chain.sign((START_S + 201) * NS))[1]).value
    head = next(statement_of(carried(content)[1]).digest for content in records if kind(content) == b"M")
    crossed = carry(signed(replace(said, head=head), identity()), "XX_AB1", START_S * NS)
    kept = [content for content in records if kind(content) != b"S"]
    assert not any(second.proven for second in verify_offline([*kept, other.chain.first, crossed], KEY).seconds)


def test_two_sessions_in_a_row_are_both_proven(records):
    later = SigningStation(counter=2, start_s=START_S + 130).minutes(61, START_S + 130)
    report = verify_offline([*records, *later], KEY)
    assert report.whole
    assert [second.second_s for second in report.seconds] == list(range(START_S, START_S + 191))


def test_records_of_two_stations_are_told_apart(records):
    other = SigningStation(code="AB2").minutes(60)
    assert "several stations" in faults([*records, *other])


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 60))
@settings(deadline=None, max_examples=60)
def test_no_bytes_crash_the_verifier_or_take_proof_away(garbage, at):
    records = SigningStation().minutes(20)
    first = records[0]
    forms = [*garbage, *(b"MS\x03" + part for part in garbage), *(first[:58] + part for part in garbage)]
    report = verify_offline([*records[:at], *forms, *records[at:]], KEY)
    assert sum(second.proven for second in report.seconds) == 20


class TestRevocation:
    """Signed in some two minutes from START_S on; revoked later, in between, or before."""

    END_NS = (START_S + 130) * NS

    def test_what_was_received_before_the_key_was_revoked_stays_proven(self, records):
        report = verify_offline(records, KEY, revoked_ns=self.END_NS + NS, received_ns=self.END_NS)
        assert (report.whole, report.before_revocation) == (True, True)
        assert report.seconds == verify_offline(records, KEY).seconds

    def test_a_key_not_revoked_is_no_matter(self, records):
        assert verify_offline(records, KEY, received_ns=self.END_NS).before_revocation is None

    @pytest.mark.parametrize("received_ns", [None, END_NS, END_NS + NS])
    def test_a_time_that_the_statements_claim_is_not_enough(self, records, received_ns):
        report = verify_offline(records, KEY, revoked_ns=self.END_NS, received_ns=received_ns)
        assert (report.whole, report.before_revocation) == (False, False)
        assert "nothing shows" in "; ".join(report.faults)
        assert all(second.proven for second in report.seconds)

    def test_what_claims_a_later_time_proves_nothing(self, records):
        report = verify_offline(records, KEY, revoked_ns=(START_S + 100) * NS)
        assert [second.proven for second in report.seconds] == [True] * 60 + [False] * 70
        assert "2 statements say themselves" in "; ".join(report.faults)

    def test_nothing_of_a_key_that_was_never_to_be_believed_is_proven(self, records):
        report = verify_offline(records, KEY, revoked_ns=0, received_ns=self.END_NS)
        assert not any(second.proven for second in report.seconds)
        assert report.station == ""
