"""What an intruder may do to signed data, each by its name: the finding it gives, and the tier of what it touched."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.vouch import KINDS, Vouch
from houfeng.guard.vouch.budget import MOST_CHECKS
from houfeng.guard.vouch.episodes import QUIET_NS
from houfeng.guard.vouch.waiting import MOST_AWAITED, MOST_HELD, MOST_HELD_BYTES, REMEMBERED
from houfeng.wire.manifest import Clock, Manifest, carried, carry, is_carrier, maced, name_of, signed, statement_of
from houfeng.words.assurance import EnrolledKey, Enrolment, Tier, Vouched
from houfeng.words.finding import Finding
from houfeng.words.packet import NO_SEQUENCE, Packet
from signing_station import CENTRE, NS, START_S, Feed, SigningStation, enrolment, identity, public, record

PATIENCE_NS = 5 * NS
END_NS = (START_S + 10_000) * NS


def tiers(out):
    return [one.tier for one in out if isinstance(one, Vouched)]


def kinds(out):
    return [one.kind for one in out if isinstance(one, Finding)]


class Scene:
    """A centre, an honest feed of one station, and all that came out."""

    def __init__(self, *enrolments, station=None, opened=True):
        self.stage = Vouch(enrolments or (enrolment(),), CENTRE, secured_feeds=("main",), patience_ns=PATIENCE_NS)
        self.feed, self.station, self.out = Feed(), station or SigningStation(), []
        self.now_s = self.station.opening.time_ns // NS
        if opened:
            self.send([self.station.chain.first])

    def send(self, contents, *, at_s=None):
        out = self.stage.handle(self.feed.packets(contents, self.now_s if at_s is None else at_s))
        self.out += out
        return out

    def seconds(self, count, *, without=None, instead=None, sign=True):
        """Seconds of the station, some of it left out or replaced on the way."""
        begin = len(self.out)
        for _ in range(count):
            contents = self.station.second(self.now_s)
            if sign and self.now_s % 60 == 59:
                contents += [self.station.chain.sign(self.now_s * NS), self.station.chain.again(self.now_s * NS)]
            k = self.now_s - START_S
            kept = [content for content in contents if without is None or not without(k, content)]
            self.send([content if instead is None else instead(k, content) for content in kept])
            self.now_s += 1
        return self.out[begin:]

    def wait(self, seconds=2 * PATIENCE_NS // NS):
        self.now_s += seconds
        out = self.stage.elapse(self.now_s * NS)
        self.out += out
        return out


def revoked_from(second_s):
    """The enrolment of a key that is not believed any more from a second on."""
    return Enrolment("XX.AB1", (EnrolledKey(public(identity()), "sensor", 0, None, second_s * NS),))


def is_statement(content):
    return content.startswith(b"MS\x03")


def is_manifest(content):
    return is_statement(content) and carried(content)[1][3:4] == b"M"


class TestDowngrade:
    def test_a_station_that_used_to_sign_and_stopped_is_told_once(self):
        scene = Scene()
        scene.seconds(30)
        out = scene.seconds(90, without=lambda _k, content: is_statement(content)) + scene.wait()
        assert kinds(out) == ["downgrade"]
        assert set(tiers(out)) == {Tier.TRANSPORT_ONLY}
        assert len(tiers(scene.out)) == 360

    def test_its_end_is_told_with_the_count(self):
        scene = Scene()
        scene.seconds(30)
        scene.seconds(20, without=lambda _k, content: is_statement(content))
        out = scene.seconds(90) + scene.wait(100)
        told = [one for one in out if isinstance(one, Finding) and one.kind == "downgrade"]
        assert len(told) == 1
        assert "63 times" in told[0].reason  # the first second signed again was not waited for yet

    def test_it_is_remembered_over_a_restart(self):
        scene = Scene()
        scene.seconds(30)
        scene.stage = Vouch(
            (enrolment(),), CENTRE, secured_feeds=("main",), patience_ns=PATIENCE_NS, memory=scene.stage.memory()
        )
        out = scene.seconds(20, without=lambda _k, content: is_statement(content)) + scene.wait()
        assert kinds(out) == ["downgrade"]

    def test_data_do_not_go_on_waiting_while_nothing_is_signed(self):
        scene = Scene()
        scene.seconds(5)
        scene.seconds(10, without=lambda _k, content: is_statement(content))
        out = scene.send([record(scene.now_s)])
        assert tiers(out) == [Tier.TRANSPORT_ONLY]


class TestReplay:
    def test_of_manifests_and_records_of_this_session(self):
        scene = Scene()
        old = scene.station.second(scene.now_s)
        scene.send(old)
        scene.now_s += 1
        scene.seconds(30)
        out = scene.send(old)
        assert kinds(out) == ["replay"]
        assert tiers(scene.seconds(5)) == [Tier.SENSOR_SIGNED] * 15

    def test_of_a_whole_earlier_session(self):
        scene = Scene()
        old = [scene.station.chain.first, *scene.station.second(scene.now_s)]
        scene.send(old[1:])
        for counter in (2, 3, 4):
            scene.now_s += 1
            scene.station = SigningStation(counter=counter, start_s=scene.now_s)
            scene.send([scene.station.chain.first])
            scene.seconds(5)
        assert kinds(scene.out) == []
        out = scene.send(old)
        assert kinds(out) == ["replay"]
        assert tiers(scene.seconds(5)) == [Tier.SENSOR_SIGNED] * 15

    def test_of_an_earlier_session_after_a_restart_of_the_centre(self):
        scene = Scene()
        old = [scene.station.chain.first, *scene.station.second(scene.now_s)]
        scene.send(old[1:])
        scene.now_s += 1
        for counter in (2, 3, 4):
            scene.station = SigningStation(counter=counter, start_s=scene.now_s)
            scene.send([scene.station.chain.first])
            scene.seconds(10)
        scene.stage = Vouch(
            (enrolment(),), CENTRE, secured_feeds=("main",), patience_ns=PATIENCE_NS, memory=scene.stage.memory()
        )
        out = scene.send(old) + scene.wait()
        assert "replay" in kinds(out)
        assert set(tiers(out)) == {Tier.TRANSPORT_ONLY}

    def test_of_a_record_named_in_two_seconds_as_one_between_sensor_and_agent_would(self):
        scene = Scene()
        content = record(scene.now_s)
        for _ in range(2):
            manifest = scene.station.chain.manifest(scene.now_s, Clock(), [name_of(content)])
            scene.send([content, manifest])
            scene.now_s += 1
        assert kinds(scene.out) == ["replay"]

    def test_of_an_old_record_that_no_manifest_names_any_more(self):
        scene = Scene()
        old = scene.station.second(scene.now_s)
        scene.send(old)
        scene.now_s += 1
        scene.seconds(REMEMBERED // 3 + 10)
        scene.send(old[:1])
        out = scene.seconds(10)
        assert kinds(out) == ["unnamed-record"]
        assert tiers(out).count(Tier.BROKEN) == 1

    def test_a_feed_that_resumes_is_none(self):
        scene = Scene()
        packets = [
            packet for k in range(20) for packet in scene.feed.packets(scene.station.second(START_S + k), START_S + k)
        ]
        out = scene.stage.handle(packets)
        later = [replace(packet, arrival_ns=(START_S + 60) * NS) for packet in packets[8:]]
        out += scene.stage.handle(later) + scene.stage.elapse(END_NS)
        assert kinds(out) == []
        assert set(tiers(out)) == {Tier.SENSOR_SIGNED}


class TestReordering:
    def test_a_manifest_after_its_successor_is_told_and_still_good(self):
        scene = Scene()
        scene.seconds(3)
        first, second = scene.station.second(scene.now_s), scene.station.second(scene.now_s + 1)
        out = scene.send([*first[:3], *second, first[3]])
        scene.now_s += 2
        assert kinds(out) == ["reordering"]
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 6
        out = scene.seconds(3) + scene.wait()
        assert (set(tiers(out)), kinds(out)) == ({Tier.SENSOR_SIGNED}, [])

    def test_records_in_any_order_are_nothing_odd(self):
        scene = Scene()
        contents = [content for k in range(3) for content in scene.station.second(scene.now_s + k)]
        out = scene.send(sorted(contents, key=is_statement))
        assert (tiers(out), kinds(out)) == ([Tier.SENSOR_SIGNED] * 9, [])


class TestDrop:
    def test_of_a_record(self):
        scene = Scene()
        scene.seconds(3)
        lost = []
        out = scene.seconds(10, without=lambda k, content: k == 5 and not is_statement(content) and not lost.append(1))
        out += scene.wait()
        told = [one for one in out if isinstance(one, Finding)]
        assert [one.kind for one in told] == ["dropped-record"]
        assert told[0].time_ns == (START_S + 5) * NS
        assert len(lost) == 3
        assert set(tiers(out)) == {Tier.SENSOR_SIGNED}

    def test_of_a_manifest(self):
        scene = Scene()
        scene.seconds(3)
        out = scene.seconds(10, without=lambda k, content: k == 5 and is_statement(content)) + scene.wait()
        assert kinds(out) == ["dropped-manifest"]
        assert tiers(out).count(Tier.TRANSPORT_ONLY) == 3
        assert tiers(out).count(Tier.SENSOR_SIGNED) == 27

    def test_of_manifests_for_a_day(self):
        scene = Scene()
        scene.seconds(3)
        for k in range(5000):
            scene.station.chain.manifest(scene.now_s + k, Clock(), [])
        scene.now_s += 5000
        out = scene.seconds(10)
        told = [one for one in out if isinstance(one, Finding)]
        assert {one.kind for one in told} == {"dropped-manifest", "unsigned-chain"}
        assert "5000" in told[0].reason

    def test_of_the_last_manifests_of_a_session(self):
        scene = Scene()
        scene.seconds(3)
        for _ in range(4):
            scene.station.second(scene.now_s)
        out = scene.send([scene.station.chain.sign(scene.now_s * NS)]) + scene.wait()
        assert kinds(out) == ["dropped-manifest"]

    def test_of_the_opening_leaves_everything_unsigned_and_says_so(self):
        scene = Scene()
        scene.seconds(3)
        scene.station = SigningStation(counter=2, start_s=scene.now_s)
        out = scene.seconds(10, sign=False) + scene.wait()
        assert set(kinds(out)) == {"unknown-session", "downgrade"}
        assert set(tiers(out)) == {Tier.TRANSPORT_ONLY}


class TestKeys:
    def test_a_key_nobody_enrolled(self):
        scene = Scene(station=SigningStation(key=identity("stranger")))
        scene.seconds(10)
        scene.wait()
        out = scene.out
        assert kinds(out) == ["unknown-key"]
        assert set(tiers(out)) == {Tier.BROKEN}

    def test_an_opening_signed_with_another_key_than_it_names(self):
        honest = SigningStation()
        forged = carry(signed(honest.opening, identity("stranger")), "XX_AB1", START_S * NS)
        scene = Scene(station=honest, opened=False)
        scene.send([forged])
        scene.seconds(10, sign=False)
        scene.wait()
        out = scene.out
        assert kinds(out) == ["wrong-key"]
        assert set(tiers(out)) == {Tier.BROKEN}

    def test_a_revoked_key(self):
        scene = Scene(enrolment(identity(), revoked=(identity(),)))
        scene.seconds(10)
        scene.wait()
        out = scene.out
        assert kinds(out) == ["revoked-key"]
        assert set(tiers(out)) == {Tier.BROKEN}

    def test_a_key_revoked_while_in_use(self):
        scene = Scene()
        assert set(tiers(scene.seconds(5))) == {Tier.SENSOR_SIGNED}
        scene.stage.handle(enrolment(identity(), identity("new"), revoked=(identity(),)))
        out = scene.seconds(10) + scene.wait()
        assert kinds(out) == ["revoked-key"]
        assert set(tiers(out)) == {Tier.BROKEN}

    def test_a_key_revoked_from_an_instant_on(self):
        """What had arrived before counts, then and whenever it is judged anew; nothing does that arrives later."""
        scene = Scene()
        scene.stage.handle(revoked_from(START_S + 5))
        out = scene.seconds(10) + scene.wait()
        assert kinds(out) == ["revoked-key"]
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 15 + [Tier.BROKEN] * 15
        anew = Scene(revoked_from(START_S + 5))
        assert anew.seconds(10) + anew.wait() == out

    def test_a_thief_who_writes_an_earlier_time(self):
        scene = Scene(revoked_from(START_S + 5), opened=False)
        scene.now_s += 100
        out = scene.send([scene.station.chain.first, *scene.station.second(START_S)]) + scene.wait()
        assert kinds(out) == ["revoked-key"]
        assert tiers(out) == [Tier.BROKEN] * 3

    def test_a_revocation_is_remembered_over_a_restart(self):
        scene = Scene(revoked_from(START_S + 5))
        scene.seconds(5)
        scene.stage = Vouch(
            (revoked_from(START_S + 5),),
            CENTRE,
            secured_feeds=("main",),
            patience_ns=PATIENCE_NS,
            memory=scene.stage.memory(),
        )
        out = scene.seconds(5) + scene.wait()
        assert kinds(out) == ["revoked-key"]
        assert set(tiers(out)) == {Tier.BROKEN}

    def test_an_heir_falls_from_the_instant_its_forebear_does(self):
        scene = Scene(revoked_from(START_S + 5), opened=False)
        scene.station = SigningStation(key=identity("new"), replaced=identity(), counter=2)
        scene.send([scene.station.chain.first])
        out = scene.seconds(10) + scene.wait()
        assert kinds(out) == ["revoked-key"]
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 15 + [Tier.BROKEN] * 15

    def test_a_replaced_key_does_not_come_back(self):
        scene = Scene()
        heir = SigningStation(key=identity("new"), replaced=identity(), counter=2)
        scene.send([heir.chain.first])
        out = scene.send([SigningStation(counter=3, start_s=START_S + 1).chain.first])
        assert kinds(out) == ["revoked-key"]

    def test_an_heir_falls_with_a_revoked_forebear(self):
        scene = Scene()
        heir = SigningStation(key=identity("new"), replaced=identity(), counter=2)
        scene.send([heir.chain.first])
        scene.stage.handle(enrolment(identity(), revoked=(identity(),)))
        out = scene.send([SigningStation(key=identity("new"), counter=3, start_s=START_S + 1).chain.first])
        assert kinds(out) == ["revoked-key"]

    def test_a_handover_the_old_key_did_not_sign(self):
        station = SigningStation(key=identity("new"), replaced=identity("stranger"))
        opening = replace(station.opening, replaces=identity().public_key().public_bytes_raw())
        scene = Scene()
        out = scene.send([carry(signed(opening, identity("new"), identity("stranger")), "XX_AB1", START_S * NS)])
        assert kinds(out) == ["wrong-key"]

    def test_a_key_before_and_after_its_time(self):
        key = identity().public_key().public_bytes_raw()
        for begin_s, end_s in [(START_S + 100, None), (0, START_S)]:
            end_ns = None if end_s is None else end_s * NS
            scene = Scene(Enrolment("XX.AB1", (EnrolledKey(key, "sensor", begin_s * NS, end_ns),)))
            assert kinds(scene.out) == ["unknown-key"]

    def test_a_key_whose_time_ends_during_a_session(self):
        key = identity().public_key().public_bytes_raw()
        scene = Scene(Enrolment("XX.AB1", (EnrolledKey(key, "sensor", 0, (START_S + 5) * NS),)))
        out = scene.seconds(10) + scene.wait()
        assert kinds(out) == ["unknown-key"]
        assert tiers(out).count(Tier.SENSOR_SIGNED) == tiers(out).count(Tier.BROKEN) == 15

    def test_the_opening_of_another_station(self):
        scene = Scene()
        other = SigningStation(code="AB2")
        raw = carried(other.chain.first)[1]
        assert kinds(scene.send([carry(raw, "XX_AB1", START_S * NS)])) == ["wrong-key"]

    def test_a_session_meant_for_another_centre(self):
        elsewhere = X25519PrivateKey.from_private_bytes(bytes(range(32)))
        scene = Scene(station=SigningStation(centre=elsewhere))
        scene.seconds(10)
        scene.wait()
        out = scene.out
        assert kinds(out) == ["other-centre"]
        assert set(tiers(out)) == {Tier.TRANSPORT_ONLY}

    def test_an_ephemeral_key_that_gives_everybody_the_same_secret(self):
        opening = replace(SigningStation().opening, counter=2, session=bytes(16), ephemeral=bytes(32))
        scene = Scene()
        assert kinds(scene.send([carry(signed(opening, identity()), "XX_AB1", START_S * NS)])) == ["wrong-key"]
        assert tiers(scene.seconds(2)) == [Tier.SENSOR_SIGNED] * 6

    def test_a_station_without_enrolment_that_signs(self):
        scene = Scene(enrolment(station="XX.OTHER"))
        scene.seconds(10)
        out = scene.out
        assert kinds(out) == ["unknown-key"]
        assert tiers(out) == [Tier.TRANSPORT_ONLY] * 30


def recoded(content, change):
    """A carrier with its statement changed."""
    station, raw = carried(content)
    return carry(change(raw), station, START_S * NS)


class TestForgedMac:
    def test_a_changed_byte(self):
        scene = Scene()
        scene.seconds(3)
        out = scene.seconds(
            10,
            instead=lambda k, content: (
                recoded(content, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
                if k == 5 and is_manifest(content)
                else content
            ),
        )
        out += scene.wait()
        assert set(kinds(out)) == {"forged-mac", "dropped-manifest"}
        assert tiers(out).count(Tier.BROKEN) == 3
        assert tiers(out).count(Tier.SENSOR_SIGNED) == 27

    def test_garbage_beside_the_true_manifests_harms_nothing(self):
        scene = Scene()
        scene.seconds(3)
        *records, manifest = scene.station.second(scene.now_s)
        said = statement_of(carried(manifest)[1]).value
        forged = carry(maced(said, bytes(32)), "XX_AB1", START_S * NS)
        out = scene.send([*records, forged, manifest])
        assert kinds(out) == ["forged-mac"]
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 3

    def test_a_manifest_cut_short(self):
        scene = Scene()
        *_, manifest = scene.station.second(scene.now_s)
        for cut in (recoded(manifest, lambda raw: raw[:20]), recoded(manifest, lambda raw: raw[:5]), manifest[:60]):
            assert kinds(Scene(station=SigningStation()).send([cut]))[0] in ("forged-mac", "unreadable-statement")


class TestAlteredRecord:
    @pytest.mark.parametrize("manifest_first", [False, True])
    def test_one_byte_is_enough(self, manifest_first):
        scene = Scene()
        scene.seconds(3)
        *records, manifest = scene.station.second(scene.now_s)
        altered = bytearray(records[0])
        altered[-1] ^= 1
        contents = [bytes(altered), *records[1:]]
        out = scene.send([manifest, *contents] if manifest_first else [*contents, manifest])
        scene.now_s += 1
        out += scene.seconds(3) + scene.wait()
        assert kinds(out) == ["altered-record"]
        assert [one.start_ns for one in out if isinstance(one, Vouched) and one.tier is Tier.BROKEN] == [
            (START_S + 3) * NS
        ]

    def test_a_forgery_beside_the_true_record_does_not_harm_it(self):
        scene = Scene()
        scene.seconds(3)
        *records, manifest = scene.station.second(scene.now_s)
        forged = record(scene.now_s, seed=99)
        out = scene.send([forged, *records, manifest])
        scene.now_s += 1
        out += scene.seconds(10)
        assert kinds(out) == ["unnamed-record"]
        assert tiers(out).count(Tier.BROKEN) == 1
        assert tiers(out).count(Tier.SENSOR_SIGNED) == 33

    def test_a_record_slipped_in_is_not_believed(self):
        scene = Scene()
        scene.seconds(3)
        scene.send([record(scene.now_s + 1000)])
        out = scene.seconds(10)
        assert kinds(out) == ["unnamed-record"]
        assert tiers(out).count(Tier.BROKEN) == 1

    def test_a_record_slipped_in_under_another_stations_feed_name(self):
        scene = Scene(enrolment(), enrolment(station="XX.AB2"))
        scene.seconds(3)
        packet = replace(scene.feed.packet(record(scene.now_s + 1000), scene.now_s), station_key="XX.AB2")
        scene.out += scene.stage.handle([packet])
        out = scene.seconds(10)
        assert kinds(out) == ["unnamed-record"]

    def test_a_second_record_behind_the_first_does_not_ride_on_its_tier(self):
        scene = Scene(enrolment(station="XX.OTHER"))
        out = scene.send([record(START_S, station="AB1") + record(START_S, station="OTHER")])
        assert (tiers(out), kinds(out)) == ([Tier.BROKEN], ["unreadable-record"])


class TestClockRollback:
    def test_of_the_second(self):
        scene = Scene()
        scene.seconds(10)
        scene.send(scene.station.second(scene.now_s - 5, seed=1))
        scene.wait()
        out = scene.out
        assert kinds(out) == ["clock-rollback"]
        assert "by 4 s" in next(one.reason for one in out if isinstance(one, Finding))

    def test_of_the_opening_counter(self):
        scene = Scene(station=SigningStation(counter=7))
        scene.seconds(3)
        back = SigningStation(counter=6, start_s=scene.now_s)
        out = scene.send([back.chain.first, *back.second(scene.now_s)])
        scene.now_s += 1
        assert kinds(out) == ["clock-rollback"]
        assert tiers(scene.seconds(10)).count(Tier.SENSOR_SIGNED) == 30

    def test_of_the_opening_time(self):
        scene = Scene()
        scene.seconds(10)
        back = SigningStation(counter=2, start_s=START_S + 2)
        assert kinds(scene.send([back.chain.first])) == ["clock-rollback"]

    def test_of_the_counter_after_a_restart_of_the_centre(self):
        scene = Scene(station=SigningStation(counter=7))
        scene.seconds(3)
        scene.stage = Vouch(
            (enrolment(),), CENTRE, secured_feeds=("main",), patience_ns=PATIENCE_NS, memory=scene.stage.memory()
        )
        out = scene.send([SigningStation(counter=6, start_s=scene.now_s).chain.first])
        assert kinds(out) == ["clock-rollback"]


class TestChain:
    def forge(self, scene, sequence, previous=bytes(32), names=()):
        said = Manifest(scene.station.opening.session, sequence, scene.now_s, previous, Clock(), tuple(names))
        return carry(maced(said, scene.station.chain._key), "XX_AB1", scene.now_s * NS)

    def test_a_manifest_made_by_another_holder_of_the_session_key(self):
        scene = Scene()
        scene.seconds(3)
        content = record(scene.now_s)
        out = scene.send([content, self.forge(scene, 3, names=[name_of(content)])]) + scene.wait()
        assert kinds(out)[0] == "chain-mismatch"
        assert tiers(out) == [Tier.BROKEN]

    def test_a_signature_over_another_chain(self):
        scene = Scene()
        scene.seconds(3)
        head = scene.station.chain._head
        scene.send([self.forge(scene, 3, previous=head)])
        scene.now_s += 1
        scene.station.second(scene.now_s)
        out = scene.send([scene.station.chain.sign(scene.now_s * NS)])
        assert kinds(out) == ["chain-mismatch"]

    def test_a_signature_by_another_key(self):
        scene = Scene()
        scene.seconds(3)
        said = statement_of(carried(scene.station.chain.sign(scene.now_s * NS))[1]).value
        out = scene.send([carry(signed(said, identity("stranger")), "XX_AB1", scene.now_s * NS)])
        assert kinds(out) == ["wrong-key"]
        assert tiers(scene.seconds(3)) == [Tier.SENSOR_SIGNED] * 9

    def test_signatures_left_out(self):
        scene = Scene()
        out = scene.seconds(320, without=lambda _k, content: is_statement(content) and not is_manifest(content))
        assert kinds(out) == ["unsigned-chain"]


class TestGarbage:
    def test_one_stations_garbage_does_not_delay_another(self):
        scene = Scene(enrolment(), enrolment(station="XX.AB2"))
        other, feed = SigningStation(code="AB2"), Feed("other", "XX.AB2")
        scene.stage.handle(feed.packets([other.chain.first], START_S))
        garbage = [record(START_S + k, seed=7) for k in range(3 * MOST_HELD)]
        out = scene.send(garbage)
        assert "flood" in kinds(out)
        out = scene.stage.handle(feed.packets(other.second(START_S), START_S))
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 3

    def test_a_flood_of_records_keeps_memory_bounded(self):
        scene = Scene()
        scene.seconds(2)
        (station,) = scene.stage._stations.values()
        for k in range(2000):
            scene.send([record(START_S + k, seed=7)])
        assert station._waiting.held_records <= MOST_HELD
        assert len(station._waiting.met) <= REMEMBERED
        for k in range(50):
            scene.send([bytes(record(START_S + k, seed=8))[:48] + bytes(60_000)])
        assert station._waiting.held_bytes <= MOST_HELD_BYTES
        assert station._waiting.held_bytes == sum(len(read[0].content) for read in station._waiting.held.values())

    def test_copies_of_one_record_count_too(self):
        scene = Scene()
        (station,) = scene.stage._stations.values()
        out = scene.send([record(START_S)] * (3 * MOST_HELD)) + scene.wait()
        assert station._waiting.held_records == station._waiting.held_bytes == 0
        assert len(tiers(out)) == 3 * MOST_HELD

    def test_names_without_records_are_bounded(self):
        scene = Scene()
        content = record(START_S)
        (station,) = scene.stage._stations.values()
        for k in range(12):
            names = [replace(name_of(content), digest=k.to_bytes(16) + j.to_bytes(16)) for j in range(600)]
            scene.send([scene.station.chain.manifest(scene.now_s, Clock(), names)])
        scene.send([content])
        assert len(station._waiting.awaited_at) <= len(station._waiting.awaited) <= MOST_AWAITED

    def test_a_flood_of_openings_costs_few_signature_checks(self):
        scene = Scene()
        many = [
            carry(signed(replace(scene.station.opening, counter=2 + k), identity("stranger")), "XX_AB1", 0)
            for k in range(3 * MOST_CHECKS)
        ]
        out = scene.send(many)
        assert kinds(out) == ["wrong-key", "flood"]

    def test_strangers_are_bounded(self):
        scene = Scene()
        packets = [
            Packet("main", "XX.A", NO_SEQUENCE, START_S * NS, carry(bytes(30), f"XX_{k}", 0)) for k in range(3000)
        ]
        assert len(kinds(scene.stage.handle(packets))) == 1024
        scene.stage.elapse(START_S * NS + 2 * QUIET_NS)
        assert len(kinds(scene.stage.handle(packets[:5]))) == 5

    @given(st.data())
    @settings(deadline=None, max_examples=60)
    def test_no_bytes_crash_the_stage_and_every_record_comes_out(self, data):
        scene = Scene()
        contents = [content for k in range(3) for content in scene.station.second(START_S + k)]
        contents.append(scene.station.chain.sign(START_S * NS))
        true = list(contents)
        for _ in range(data.draw(st.integers(1, 6))):
            k = data.draw(st.integers(0, len(contents) - 1))
            kind = data.draw(st.sampled_from(["flip", "cut", "noise", "recode"]))
            content = contents[k]
            at = data.draw(st.integers(0, max(0, len(content) - 1)))
            if kind == "flip" and content:
                contents[k] = content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
            elif kind == "cut":
                contents[k] = content[:at]
            elif kind == "noise":
                contents[k] = data.draw(st.binary(max_size=200))
            elif is_carrier(true[k]):
                contents[k] = recoded(true[k], lambda raw, at=at // 2: raw[:at] + bytes(3) + raw[at + 3 :])
        out = scene.send(contents) + scene.stage.elapse(END_NS)
        assert set(kinds(out)) <= set(KINDS)
        assert len(tiers(out)) == sum(not is_carrier(content) for content in contents)


def test_every_kind_of_finding_is_documented():
    from pathlib import Path

    page = (Path(__file__).resolve().parents[2] / "docs/explanation/signed-data.md").read_text()
    assert {kind for kind in KINDS if f"`{kind}`" not in page} == set()
