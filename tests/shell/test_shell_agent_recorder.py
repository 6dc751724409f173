"""What an agent keeps and says: every record once, named once, whatever stops it and whenever."""

import io
import shutil
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from houfeng.shell.agent.author import REMEMBERED, Author, Past, Signer
from houfeng.shell.agent.clock import UNKNOWN, ClockReading
from houfeng.shell.agent.past import pasts
from houfeng.shell.agent.recorder import Recorder
from houfeng.shell.agent.voice import Voice
from houfeng.shell.journal.journal import Journal
from houfeng.wire import mseed
from houfeng.wire.manifest import Manifest, Name, Opening, Signature, carried, carry, is_carrier, statement_of
from houfeng.words.errors import WorldFault
from houfeng.words.packet import NO_SEQUENCE, Packet
from houfeng.words.samples import Segment
from houfeng.words.source import SourceId

SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
STATIONS = ("XX.S1", "XX.S2")
MIB = 1 << 20

IDENTITY, CENTRE = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
SIGNER = Signer(IDENTITY, None, "sensor", CENTRE.public_key().public_bytes_raw())
LOCKED = ClockReading(synchronised=True, error_ns=2_000_000)


def record(number, station="S1", channel="HHZ"):
    """A record of five samples that no other number has."""
    import numpy as np

    samples = np.arange(number, number + 5, dtype=np.int32)
    segment = Segment(SourceId("XX", station, "", channel), START_NS + number * SECOND_NS, 5.0, samples)
    return mseed.encode([segment], version=2, record_length=512)


RECORDS = {station: [record(number, station[3:]) for number in range(400)] for station in STATIONS}


def packet(station, number):
    return Packet("digitiser", station, number, START_NS, RECORDS[station][number])


def opened(folder, signer=SIGNER, stations=STATIONS, keep=16 * MIB):
    journal = Journal(folder, segment_bytes=keep // 4, keep_bytes=keep)
    authors = {station: Author(station, signer, past) for station, past in pasts(journal, stations).items()}
    return journal, Recorder(journal, authors, Voice(io.StringIO()))


def told(journal, station="XX.S1"):
    """Everything durable of a station: records and statements, in order."""
    journal.sync()
    packets = [packet for _, packet in journal.read(journal.first, most=1 << 20) if packet.station_key == station]
    return [statement_of(carried(p.content)[1]).value if is_carrier(p.content) else p.content for p in packets]


def names_of(said):
    return [name.digest for value in said if isinstance(value, Manifest) for name in value.names]


def digests_of(said):
    return [sha256(value).digest() for value in said if isinstance(value, bytes)]


# --- laws -------------------------------------------------------------------------------------------------------------


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.sampled_from(STATIONS), st.integers(1, 6)),
        st.tuples(st.just("again"), st.sampled_from(STATIONS), st.integers(1, 6)),
        st.tuples(st.just("elapse"), st.integers(0, 70), st.integers(-20, 70)),
        st.tuples(st.just("crash"), st.booleans(), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_every_record_is_kept_once_and_named_once_whenever_it_crashes(tmp_path_factory, steps):
    root = tmp_path_factory.mktemp("agent")
    folders = (root / str(number) for number in range(100))
    folder = next(folders)
    journal, recorder = opened(folder)
    given_ = dict.fromkeys(STATIONS, 0)
    now_ns, running_ns = START_NS, 0
    for kind, first, second in [*steps, ("crash", False, 0), ("elapse", 1, 1)]:
        if kind == "take":
            recorder.take([packet(first, given_[first] + more) for more in range(second)])
            given_[first] += second
        elif kind == "again":
            begin = max(0, given_[first] - second)
            recorder.take([packet(first, number) for number in range(begin, given_[first])])
        elif kind == "elapse":
            running_ns, now_ns = running_ns + first * SECOND_NS, now_ns + second * SECOND_NS
            recorder.elapse(now_ns, running_ns, UNKNOWN)
        else:
            if first:
                recorder.close(now_ns, running_ns, UNKNOWN)
            crashed, folder = folder, next(folders)
            shutil.copytree(crashed, folder)  # as it lies on the disk this very moment
            journal, recorder = opened(folder)
    for station in STATIONS:
        said = told(journal, station)
        expected = [sha256(content).digest() for content in RECORDS[station][: given_[station]]]
        assert digests_of(said) == expected
        assert names_of(said) == expected
        counters = [value.counter for value in said if isinstance(value, Opening)]
        assert counters == sorted(counters)


# --- examples ---------------------------------------------------------------------------------------------------------


def test_a_minute_is_an_opening_manifests_and_a_signature_with_the_opening_again(tmp_path):
    journal, recorder = opened(tmp_path)
    for second in range(61):
        recorder.take([packet("XX.S1", second)])
        recorder.elapse(START_NS + second * SECOND_NS, second * SECOND_NS, LOCKED)
    said = told(journal)
    begun = said[1]
    assert isinstance(begun, Opening)
    manifests = [value for value in said if isinstance(value, Manifest)]
    assert [value.sequence for value in manifests] == list(range(61))
    assert [value.second_s for value in manifests] == [START_NS // SECOND_NS + second for second in range(61)]
    assert {value.clock.state for value in manifests} == {"locked"}
    assert said[-2] == begun
    assert isinstance(said[-1], Signature)
    assert (said[-1].sequence, said[-1].count) == (60, 61)


def test_a_silent_station_says_so_every_ten_seconds(tmp_path):
    journal, recorder = opened(tmp_path)
    for second in range(41):
        recorder.elapse(START_NS + second * SECOND_NS, second * SECOND_NS, UNKNOWN)
    manifests = [value for value in told(journal) if isinstance(value, Manifest)]
    assert [value.second_s - START_NS // SECOND_NS for value in manifests] == [0, 10, 20, 30, 40]
    assert all(value.names == () and value.clock.state == "unknown" for value in manifests)


def test_a_clock_that_steps_back_a_little_holds_and_one_that_steps_far_begins_anew(tmp_path):
    journal, recorder = opened(tmp_path)
    for number, now_s in enumerate([100, 101, 98, 102, 40, 41]):
        recorder.take([packet("XX.S1", number)])
        recorder.elapse(START_NS + now_s * SECOND_NS, number * SECOND_NS, UNKNOWN)
    said = told(journal)
    first, second = (value for value in said if isinstance(value, Opening))
    assert second.counter == first.counter + 1
    assert second.time_ns < first.time_ns
    seconds = [value.second_s - START_NS // SECOND_NS for value in said if isinstance(value, Manifest)]
    assert seconds == [100, 101, 101, 102, 40, 41]
    (signature,) = (value for value in said if isinstance(value, Signature))
    assert (signature.session, signature.sequence) == (first.session, 3)
    assert said.index(signature) < said.index(second)


def test_a_session_cut_short_is_signed_by_the_next_start(tmp_path):
    journal, recorder = opened(tmp_path / "a")
    recorder.take([packet("XX.S1", 0)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    recorder.take([packet("XX.S1", 1)])  # kept, and not named yet
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    journal, recorder = opened(tmp_path / "b")
    recorder.elapse(START_NS + SECOND_NS, 0, UNKNOWN)
    kinds = [type(value).__name__ for value in told(journal)]
    assert kinds == ["bytes", "Opening", "Manifest", "bytes", "Signature", "Opening", "Manifest"]
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    again, recorder = opened(tmp_path / "c")
    recorder.close(START_NS + 2 * SECOND_NS, 0, UNKNOWN)
    kinds = [type(value).__name__ for value in told(again)]
    assert kinds[7:] == ["Signature", "Opening", "Manifest", "Signature"]  # each session signed once, to its end


def test_the_counter_grows_although_the_clock_went_back_years(tmp_path):
    _, recorder = opened(tmp_path / "a")
    recorder.elapse(START_NS, 0, UNKNOWN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    journal, recorder = opened(tmp_path / "b")
    recorder.elapse(0, 0, UNKNOWN)
    first, second = (value for value in told(journal) if isinstance(value, Opening))
    assert second.counter == first.counter + 1


def test_a_lost_journal_does_not_take_the_counter_back(tmp_path):
    _, recorder = opened(tmp_path / "a")
    recorder.elapse(START_NS, 0, UNKNOWN)
    journal, recorder = opened(tmp_path / "new")
    recorder.elapse(START_NS + SECOND_NS, 0, UNKNOWN)
    (first,) = (value for value in told(journal) if isinstance(value, Opening))
    assert first.counter > START_NS // SECOND_NS


def test_more_records_than_one_manifest_holds_go_into_several_of_the_same_second(tmp_path):
    journal, recorder = opened(tmp_path)
    many = [record(number, channel=channel) for number in range(300) for channel in ("HHE", "HHN", "HHZ")]
    recorder.take([Packet("digitiser", "XX.S1", at, START_NS, content) for at, content in enumerate(many)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    said = told(journal)
    manifests = [value for value in said if isinstance(value, Manifest)]
    assert [len(value.names) for value in manifests] == [400, 400, 100]
    assert len({value.second_s for value in manifests}) == 1
    assert names_of(said) == [sha256(content).digest() for content in many]


@pytest.mark.parametrize(
    "content",
    [b"", b"no record at all", record(0)[:300], record(0) + b"\0", record(0, "S9"), bytes(512)],
    ids=["empty", "text", "cut", "longer", "of-another-station", "zeros"],
)
def test_what_cannot_be_named_is_kept_as_it_came_and_not_named(tmp_path, content):
    journal, recorder = opened(tmp_path / "a")
    recorder.take([Packet("digitiser", "XX.S1", 0, START_NS, content), packet("XX.S1", 1)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    journal, recorder = opened(tmp_path / "b")
    recorder.elapse(START_NS, 0, UNKNOWN)
    said = told(journal)
    assert said[0] == content
    assert names_of(said) == [sha256(RECORDS["XX.S1"][1]).digest()]


def test_statements_of_an_agent_before_us_pass_unchanged_and_unnamed(tmp_path):
    journal, recorder = opened(tmp_path)
    theirs = carry(b"what they say is for the centre to judge", "XX_S1", START_NS)
    recorder.take([Packet("digitiser", "XX.S1", 5, START_NS, theirs)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    journal.sync()
    (first, *_) = journal.read(journal.first)
    assert first[1].content == theirs
    later = [statement_of(carried(packet.content)[1]).value for _, packet in journal.read(first[0] + 1)]
    assert names_of(later) == []


def test_a_station_not_in_the_settings_is_left_out_and_said_once(tmp_path):
    heard = io.StringIO()
    journal = Journal(tmp_path, segment_bytes=MIB, keep_bytes=4 * MIB)
    recorder = Recorder(journal, {}, Voice(heard))
    recorder.take([packet("XX.S1", 0)])
    recorder.take([packet("XX.S1", 1)])
    assert journal.next == 1
    assert heard.getvalue().count("XX.S1: is sent to us") == 1


def test_statements_a_full_journal_refuses_are_not_lost_and_go_first(tmp_path):
    """Nothing acknowledged: the journal may drop nothing, so it takes nothing more until the centre has read."""
    journal = Journal(tmp_path, segment_bytes=1 << 12, keep_bytes=1 << 13)
    authors = {station: Author(station, SIGNER, Past()) for station in STATIONS[:1]}
    recorder = Recorder(journal, authors, Voice(io.StringIO()))
    recorder.elapse(START_NS, 0, UNKNOWN)
    number, refused = 0, False
    while not refused:
        try:
            recorder.take([packet("XX.S1", number)])
            number += 1
            recorder.elapse(START_NS + number * SECOND_NS, number * SECOND_NS, UNKNOWN)
        except WorldFault:
            refused = True
    said = told(journal)
    journal.hold(journal.next)  # the centre has everything so far
    for later in range(number, number + 3):
        recorder.take([packet("XX.S1", later)])
        recorder.elapse(START_NS + later * SECOND_NS, later * SECOND_NS, UNKNOWN)
        said += [value for value in told(journal) if value not in said]
    assert digests_of(said) == [sha256(content).digest() for content in RECORDS["XX.S1"][: number + 3]]
    assert names_of(said) == digests_of(said)
    sequences = [value.sequence for value in said if isinstance(value, Manifest)]
    assert sequences == list(range(len(sequences)))


def test_memory_of_records_that_came_is_bounded():
    author = Author("XX.S1", SIGNER, Past())
    for number in range(REMEMBERED + 100):
        author.take(Name("_H_H_Z", START_NS, number.to_bytes(32, "big")))
    assert not author.has_named(Name("_H_H_Z", START_NS, (99).to_bytes(32, "big")))
    assert author.has_named(Name("_H_H_Z", START_NS, (100).to_bytes(32, "big")))


def test_a_takeover_is_signed_by_both_keys_and_the_old_session_by_the_old_one(tmp_path):
    journal, recorder = opened(tmp_path / "a")
    recorder.take([packet("XX.S1", 0)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    heir = Ed25519PrivateKey.generate()
    journal, recorder = opened(tmp_path / "b", Signer(heir, IDENTITY, "sensor", SIGNER.centre))
    recorder.elapse(START_NS + SECOND_NS, 0, UNKNOWN)
    said = told(journal)
    first, second = (value for value in said if isinstance(value, Opening))
    assert (second.identity, second.replaces) == (heir.public_key().public_bytes_raw(), first.identity)
    assert sum(isinstance(value, Signature) for value in said) == 1


def test_a_session_whose_key_is_gone_is_left_unsigned_rather_than_signed_by_another(tmp_path):
    _, recorder = opened(tmp_path / "a")
    recorder.elapse(START_NS, 0, UNKNOWN)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    journal, recorder = opened(tmp_path / "b", Signer(Ed25519PrivateKey.generate(), None, "sensor", SIGNER.centre))
    recorder.elapse(START_NS, 0, UNKNOWN)
    assert not any(isinstance(value, Signature) for value in told(journal))


def test_a_digitiser_cannot_make_us_believe_that_a_record_was_named(tmp_path):
    """A hostile digitiser sends what looks like our own manifest, naming a record we have yet to name."""
    _, recorder = opened(tmp_path / "a")
    recorder.take([packet("XX.S1", 0)])
    recorder.elapse(START_NS, 0, UNKNOWN)
    other, theirs = opened(tmp_path / "x")
    theirs.take([packet("XX.S1", 1)])
    theirs.elapse(START_NS, 0, UNKNOWN)
    other.sync()
    forged = [Packet("digitiser", "XX.S1", NO_SEQUENCE, START_NS, p.content) for _, p in other.read(1)][1:]
    recorder.take([packet("XX.S1", 1), *forged])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    journal, recorder = opened(tmp_path / "b")
    recorder.elapse(START_NS, 0, UNKNOWN)
    journal.sync()
    ours = [p for _, p in journal.read(1) if p.feed == "agent"]
    names = names_of([statement_of(carried(p.content)[1]).value for p in ours])
    assert names == [sha256(content).digest() for content in RECORDS["XX.S1"][:2]]
