"""Laws of signed data: an hour is proven from its records and a public key, and no changed byte goes unnoticed."""

import json
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import independent_verifier
from houfeng.guard.vouch import Vouch, memory_bytes, memory_of, verify_offline
from houfeng.wire.manifest import Clock, Manifest, carried, carry, is_carrier, maced, name_of
from houfeng.words.assurance import Tier, Vouched
from signing_station import CENTRE, NS, START_S, Feed, SigningStation, enrolment, identity, public, record

KEY = public(identity())


@cache
def sent(seconds):
    return SigningStation().minutes(seconds)


def test_an_hour_is_proven_by_two_verifiers_that_share_nothing(tmp_path):
    records = sent(3600)
    report = verify_offline(records, KEY)
    assert report.whole
    assert (report.station, report.place) == ("XX_AB1", "sensor")
    assert [second.second_s for second in report.seconds] == list(range(START_S, START_S + 3600))
    assert all(second.proven and len(second.present) == 3 for second in report.seconds)
    path = tmp_path / "hour"
    path.write_bytes(b"".join(len(record).to_bytes(4, "big") + record for record in records))
    script = Path(independent_verifier.__file__)
    assert "houfeng" not in {
        line.split()[1].split(".")[0] for line in script.read_text().splitlines() if line.startswith(("import", "from"))
    }
    ran = subprocess.run([sys.executable, script, KEY.hex(), path], capture_output=True, check=True)
    assert json.loads(ran.stdout) == {"seconds": 3600, "present": 10800, "absent": 0, "unnamed": 0}


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_no_changed_byte_goes_unnoticed(data):
    records = list(sent(65))
    k = data.draw(st.integers(0, len(records) - 1))
    at = data.draw(st.integers(0, len(records[k]) - 1))
    records[k] = records[k][:at] + bytes([records[k][at] ^ data.draw(st.integers(1, 255))]) + records[k][at + 1 :]
    assert not verify_offline(records, KEY).whole


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_no_changed_byte_of_samples_is_vouched_for_by_the_centre(data):
    contents = list(sent(6))
    places = [k for k, content in enumerate(contents) if not is_carrier(content)]
    k = data.draw(st.sampled_from(places))
    at = data.draw(st.integers(0, len(contents[k]) - 1))
    contents[k] = contents[k][:at] + bytes([contents[k][at] ^ data.draw(st.integers(1, 255))]) + contents[k][at + 1 :]
    stage = Vouch((enrolment(),), CENTRE, secured_feeds=("main",), patience_ns=10**9)
    out = stage.handle(Feed().packets(contents, START_S)) + stage.elapse((START_S + 100) * 10**9)
    changed = [one for one in out if isinstance(one, Vouched) and one.packet.content == contents[k]]
    assert [one.tier for one in changed] in ([Tier.BROKEN], [Tier.TRANSPORT_ONLY])
    good = [one for one in out if isinstance(one, Vouched) and one.tier is Tier.SENSOR_SIGNED]
    assert len(good) == len(places) - 1


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=20)
def test_order_and_repetition_of_records_change_no_proof(random):
    records = [*sent(65), *sent(65)[::7]]
    random.shuffle(records)
    assert verify_offline(records, KEY) == verify_offline(sent(65), KEY)


def test_any_stretch_of_whole_minutes_is_proven_alone():
    records = sent(3600)
    opening = carried(records[0])
    second_minute = [k for k, one in enumerate(records) if is_carrier(one) and carried(one) == opening][1:3]
    report = verify_offline(records[second_minute[0] : second_minute[1]], KEY)
    assert report.whole
    assert [second.second_s for second in report.seconds] == list(range(START_S + 60, START_S + 120))


@cache
def pool():
    """What an intruder on the way holds: two true sessions, a stranger's, and forgeries of records and manifests."""
    true = [*SigningStation().minutes(8), *SigningStation(counter=2, start_s=START_S + 8).minutes(8, START_S + 8)]
    stranger = SigningStation(key=identity("stranger"), counter=3).minutes(4)
    forged = [record(START_S + k, seed=50 + k) for k in range(8)]
    names = [name_of(content) for content in forged]
    session = SigningStation().opening.session
    lies = [Manifest(session, k, START_S + k % 8, bytes(32), Clock(), tuple(names)) for k in (0, 3, 8, 2**64 - 1)]
    return true, [*stranger, *forged, *(carry(maced(lie, bytes(32)), "XX_AB1", 0) for lie in lies)]


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_whatever_an_intruder_sends_nothing_unsigned_passes_for_signed_and_nothing_is_lost(data):
    true, false = pool()
    signed = {sha256(content).digest() for content in true}
    stream = list(true)
    for _ in range(data.draw(st.integers(0, 25))):
        at = data.draw(st.integers(0, len(stream) - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "move", "slip in", "alter"])):
            case "drop":
                del stream[at]
            case "repeat":
                stream.insert(data.draw(st.integers(0, len(stream))), stream[at])
            case "move":
                stream.insert(data.draw(st.integers(0, len(stream) - 1)), stream.pop(at))
            case "slip in":
                stream.insert(at, data.draw(st.sampled_from(false)))
            case _:
                byte = data.draw(st.integers(0, len(stream[at]) - 1))
                changed = stream[at][byte] ^ data.draw(st.integers(1, 255))
                stream[at] = stream[at][:byte] + bytes([changed]) + stream[at][byte + 1 :]
    feed, out, now_s = Feed(), [], START_S
    stage = Vouch((enrolment(),), CENTRE, secured_feeds=(), patience_ns=2 * NS)
    given = []
    for k, content in enumerate(stream):
        now_s += k % 4 == 3
        given.append(feed.packet(content, now_s))
        out += stage.handle(given[-1:])
    out += stage.elapse((now_s + 100) * NS)
    out = [one for one in out if isinstance(one, Vouched)]
    for one in out:
        assert one.tier < Tier.GATEWAY_SIGNED or sha256(one.packet.content).digest() in signed
    records = [packet.sequence for packet in given if not is_carrier(packet.content)]
    assert sorted(one.packet.sequence for one in out) == records


@given(st.integers(1, 65), st.integers(1, 20), st.integers(0, 12), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_restart_anywhere_changes_no_tier_and_finds_nothing(cut, batch, more, manifest_first):
    contents = list(pool()[0])
    if manifest_first:
        contents = [
            contents[0],
            *(content for k in range(1, 33, 4) for content in [contents[k + 3], *contents[k : k + 3]]),
        ]
    feed = Feed()
    packets = [feed.packet(content, START_S + k // 4) for k, content in enumerate(contents)]
    before = Vouch((enrolment(),), CENTRE, secured_feeds=(), patience_ns=5 * NS)
    done = set()
    for k in range(0, cut, batch):
        out = before.handle(packets[k : min(k + batch, cut)])
        done |= {one.packet.sequence for one in out if isinstance(one, Vouched)}
    memory = memory_of(memory_bytes(before.memory()))
    assert memory == before.memory()
    after = Vouch((enrolment(),), CENTRE, secured_feeds=(), patience_ns=5 * NS, memory=memory)
    # What had not come out comes again, for it was not acknowledged; so may a little more.
    since_ns = before.waiting_since_ns
    first = next((k for k, one in enumerate(packets[:cut]) if one.arrival_ns == since_ns), cut)
    out = after.handle(packets[max(0, first - more) :]) + after.elapse((START_S + 1000) * NS)
    done |= {one.packet.sequence for one in out if isinstance(one, Vouched)}
    assert done == {packet.sequence for packet in packets if not is_carrier(packet.content)}
    assert {one.tier for one in out if isinstance(one, Vouched)} <= {Tier.SENSOR_SIGNED}
    assert [one for one in out if not isinstance(one, Vouched)] == []
