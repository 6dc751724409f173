"""Vouching at the centre: honest stations, and what batches, feeds and restarts may not change."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from houfeng.guard.vouch import Vouch, memory_bytes, memory_of, stage
from houfeng.guard.vouch.session import Session
from houfeng.wire.mseed.layout import NO_TIME
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.errors import DataFault
from houfeng.words.finding import Finding
from signing_station import CENTRE, NS, START_S, Feed, SigningStation, enrolment, identity, record

PATIENCE_NS = 5 * NS


def vouch(*enrolments, memory=(), secured=("main",)):
    return Vouch(enrolments or (enrolment(),), CENTRE, secured_feeds=secured, patience_ns=PATIENCE_NS, memory=memory)


def tiers(out):
    return [one.tier for one in out if isinstance(one, Vouched)]


def kinds(out):
    return [one.kind for one in out if isinstance(one, Finding)]


def sent(station, feed, seconds, *, start_s=START_S):
    """Packets of some seconds, the opening first, each with the second it was sent in."""
    packets = [feed.packet(station.chain.first, start_s)]
    for k in range(seconds):
        packets += feed.packets(station.second(start_s + k), start_s + k)
        if k % 60 == 59:
            packets += feed.packets(
                [station.chain.sign((start_s + k) * NS), station.chain.again((start_s + k) * NS)], start_s + k
            )
    return packets


class TestHonestStations:
    @pytest.mark.parametrize(("place", "tier"), [("sensor", Tier.SENSOR_SIGNED), ("gateway", Tier.GATEWAY_SIGNED)])
    def test_every_record_has_the_tier_of_the_place_it_was_signed_at(self, place, tier):
        stage = vouch(enrolment(place=place))
        out = stage.handle(sent(SigningStation(place=place), Feed(), 130))
        out += stage.elapse((START_S + 1000) * NS)
        assert tiers(out) == [tier] * 390
        assert kinds(out) == []

    def test_the_lesser_of_claim_and_enrolment_counts(self):
        for enrolled, claimed in [("sensor", "gateway"), ("gateway", "sensor")]:
            out = vouch(enrolment(place=enrolled)).handle(sent(SigningStation(place=claimed), Feed(), 2))
            assert set(tiers(out)) == {Tier.GATEWAY_SIGNED}

    def test_packets_come_out_whole_once_and_with_channel_and_start(self):
        packets = sent(SigningStation(), Feed(), 2)
        out = [one for one in vouch().handle(packets) if isinstance(one, Vouched)]
        assert {id(one.packet) for one in out} <= {id(packet) for packet in packets}
        assert [(one.channel[-5:], one.start_ns) for one in out] == [
            (channel, (START_S + k) * NS) for k in range(2) for channel in ("H_H_Z", "H_H_N", "H_H_E")
        ]

    def test_names_may_come_before_their_records(self):
        station, feed = SigningStation(), Feed()
        packets = [feed.packet(station.chain.first, START_S)]
        for k in range(5):
            *records, manifest = station.second(START_S + k)
            packets += feed.packets([manifest, *records], START_S + k)
        stage = vouch()
        out = stage.handle(packets) + stage.elapse((START_S + 100) * NS)
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 15
        assert kinds(out) == []

    def test_a_station_that_never_signed_has_the_tier_of_its_transport(self):
        for secured, tier in [(("main",), Tier.TRANSPORT_ONLY), ((), Tier.NONE)]:
            stage = vouch(enrolment(station="XX.OTHER"), secured=secured)
            out = stage.handle(Feed().packets([record(START_S)], START_S))
            assert (tiers(out), kinds(out)) == ([tier], [])

    def test_an_enrolled_station_whose_agent_is_not_there_yet_is_waited_for_once(self):
        stage, feed = vouch(), Feed()
        assert stage.handle(feed.packets([record(START_S)], START_S)) == []
        out = stage.elapse((START_S + 6) * NS)
        assert (tiers(out), kinds(out)) == ([Tier.TRANSPORT_ONLY], [])
        out = stage.handle(feed.packets([record(START_S + 6)], START_S + 6))
        assert (tiers(out), kinds(out)) == ([Tier.TRANSPORT_ONLY], [])

    def test_two_feeds_of_one_station_are_no_replay(self):
        station, one, other = SigningStation(), Feed("main"), Feed("spare")
        stage, out = vouch(), []
        for k in range(70):
            contents = [*([station.chain.first] if k == 0 else []), *station.second(START_S + k)]
            out += stage.handle(one.packets(contents, START_S + k) + other.packets(contents, START_S + k))
        out += stage.elapse((START_S + 100) * NS)
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 420
        assert kinds(out) == []

    def test_a_channel_the_agent_leaves_out_does_not_wait_for_ever(self):
        station, feed, stage = SigningStation(), Feed(), vouch()
        out = stage.handle(sent(station, feed, 70))
        packet = feed.packet(record(START_S + 70, "LCE"), START_S + 70)
        assert tiers(stage.handle([packet])) == [Tier.TRANSPORT_ONLY]
        assert kinds(out) == []

    def test_a_new_session_goes_on_without_a_finding(self):
        feed, stage = Feed(), vouch()
        out = stage.handle(sent(SigningStation(), feed, 3))
        later = SigningStation(counter=2, start_s=START_S + 3)
        out += stage.handle(sent(later, feed, 3, start_s=START_S + 3))
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 18
        assert kinds(out) == []

    def test_a_centre_that_comes_in_late_begins_where_it_is(self):
        packets = sent(SigningStation(), Feed(), 130)
        from_repeated_opening = packets[60 * 4 + 2 :]
        stage = vouch()
        out = stage.handle(from_repeated_opening) + stage.elapse((START_S + 1000) * NS)
        assert set(tiers(out)) == {Tier.SENSOR_SIGNED}
        assert kinds(out) == []

    def test_records_of_version_3_are_vouched_for_too(self):
        station, feed = SigningStation(), Feed()
        from houfeng.wire.manifest import Clock, name_of

        content = record(START_S, version=3)
        manifest = station.chain.manifest(START_S, Clock(), [name_of(content)])
        out = vouch().handle(feed.packets([station.chain.first, content, manifest], START_S))
        assert tiers(out) == [Tier.SENSOR_SIGNED]


class TestKeysOverTime:
    def test_a_key_signed_by_old_and_new_takes_over(self):
        feed, stage = Feed(), vouch(enrolment(identity("old")))
        out = stage.handle(sent(SigningStation(key=identity("old")), feed, 3))
        heir = SigningStation(key=identity("new"), replaced=identity("old"), counter=2, start_s=START_S + 3)
        out += stage.handle(sent(heir, feed, 3, start_s=START_S + 3))
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 18
        assert kinds(out) == ["key-rotated"]
        alone = SigningStation(key=identity("new"), counter=3, start_s=START_S + 6)
        out = stage.handle(sent(alone, feed, 3, start_s=START_S + 6))
        assert (set(tiers(out)), kinds(out)) == ({Tier.SENSOR_SIGNED}, [])

    def test_enrolling_a_key_while_running_lets_the_station_in(self):
        feed, stage = Feed(), vouch(enrolment(identity("other")))
        stage.handle(enrolment())
        assert set(tiers(stage.handle(sent(SigningStation(), feed, 3)))) == {Tier.SENSOR_SIGNED}


class TestCuttingAndWaiting:
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.booleans())
    @settings(deadline=None, max_examples=20)
    def test_batches_and_ticks_change_nothing(self, cuts, ticking):
        """Law 2 for this stage: an hour told in one piece or in many gives the same."""
        packets = sent(SigningStation(), Feed(), 40)
        odd = [packet for k, packet in enumerate(packets) if k % 23 != 20]
        whole = vouch()
        expected = whole.handle(odd) + whole.elapse((START_S + 500) * NS)
        stage, out, at, turn = vouch(), [], 0, 0
        while at < len(odd):
            batch = odd[at : at + cuts[turn % len(cuts)]]
            if ticking:
                out += stage.elapse(batch[0].arrival_ns)
            out += stage.handle(batch)
            at, turn = at + len(batch), turn + 1
        out += stage.elapse((START_S + 500) * NS)
        assert out == expected

    def test_every_record_comes_out_exactly_once_whatever_comes(self):
        packets = sent(SigningStation(), Feed(), 60)
        data = [packet for k, packet in enumerate(packets) if k == 0 or k % 4]
        stage = vouch()
        out = stage.handle(data[::2] + data[1::2])
        out += stage.elapse((START_S + 1000) * NS)
        given_ids = [id(packet) for packet in data if not packet.content.startswith(b"MS\x03")]
        assert sorted(id(one.packet) for one in out if isinstance(one, Vouched)) == sorted(given_ids)

    def test_arrival_order_of_stations_does_not_matter_to_each(self):
        other = enrolment(station="XX.AB2")
        mine, theirs = sent(SigningStation(), Feed(), 20), sent(SigningStation(code="AB2"), Feed(), 20)
        mixed = [packet for pair in zip(mine, theirs, strict=True) for packet in pair]
        out = vouch(enrolment(), other).handle(mixed)
        alone = vouch().handle(mine)
        assert [one for one in out if one.channel.startswith("FDSN:XX_AB1_")] == alone


def mishandled(packets, mishaps):
    """Packets of which some are lost, doubled, swapped, altered or come again later."""
    packets = list(packets)
    for kind, at in mishaps:
        k = at % (len(packets) - 8)
        packet = packets[k]
        if kind == "lost":
            del packets[k]
        elif kind == "twice":
            packets.insert(k, packet)
        elif kind == "swapped":
            packets[k], packets[k + 3] = packets[k + 3], packet
        elif kind == "altered":
            content = bytearray(packet.content)
            content[at % len(content)] ^= 1 + at % 255
            packets[k] = replace(packet, content=bytes(content))
        elif kind == "again":
            packets.insert(k + 8, replace(packet, arrival_ns=packets[k + 8].arrival_ns, sequence=packet.sequence + 5))
        else:
            packets.insert(k + 2, replace(packet, feed="spare"))
    return packets


TWO_STATIONS = [
    packet
    for pair in zip(
        sent(SigningStation(), Feed(), 30),
        sent(SigningStation(code="AB2"), Feed("other", "XX.AB2"), 30),
        strict=True,
    )
    for packet in pair
]


class TestUsualAndCareful:
    """Most manifests are the very next one, and most records wait for it: what is these get in haste is the same."""

    mishaps = st.lists(
        st.tuples(st.sampled_from(["lost", "twice", "swapped", "altered", "again", "spare"]), st.integers(0, 9999)),
        max_size=12,
    )

    def both(self):
        return vouch(enrolment(), enrolment(station="XX.AB2"))

    @given(mishaps)
    @settings(deadline=None, max_examples=60)
    def test_many_packets_at_once_give_what_they_give_one_by_one(self, mishaps):
        packets = mishandled(TWO_STATIONS, mishaps)
        whole, single = self.both(), self.both()
        assert whole.handle(packets) == [one for packet in packets for one in single.handle([packet])]
        assert whole.memory() == single.memory()
        assert whole.elapse((START_S + 500) * NS) == single.elapse((START_S + 500) * NS)

    @given(mishaps)
    @settings(deadline=None, max_examples=60)
    def test_the_careful_way_alone_gives_the_same(self, mishaps):
        packets = mishandled(TWO_STATIONS, mishaps)
        usual, careful = self.both(), self.both()
        out = usual.handle(packets)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Session, "goes_on", lambda *_: False)
            patched.setattr(stage, "plain_starts_ns", lambda contents: [NO_TIME] * len(contents))
            assert careful.handle(packets) == out
        assert careful.memory() == usual.memory()
        assert careful.elapse((START_S + 500) * NS) == usual.elapse((START_S + 500) * NS)

    def test_what_is_usual_goes_the_short_way(self):
        stage, first_second = self.both(), 2 * 5
        out = stage.handle(TWO_STATIONS[:first_second])
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Session, "place", lambda *_: pytest.fail("the very next manifest was looked at with care"))
            out += stage.handle(TWO_STATIONS[first_second:])
        assert tiers(out) == [Tier.SENSOR_SIGNED] * 180


class TestRestart:
    def test_a_restart_in_the_middle_goes_on_as_if_nothing_was(self):
        packets = sent(SigningStation(), Feed(), 130)
        for cut in (1, 5, 250, 300):
            before = vouch()
            out = before.handle(packets[:cut])
            after = vouch(memory=memory_of(memory_bytes(before.memory())))
            again = packets[max(0, cut - 8) :]  # what was not acknowledged comes again, under the same numbers
            out += after.handle(again) + after.elapse((START_S + 1000) * NS)
            assert set(tiers(out)) == {Tier.SENSOR_SIGNED}, cut
            assert kinds(out) == [], cut

    def test_the_memory_reads_back_and_holds_no_key(self):
        stage, feed = vouch(enrolment(identity("old"))), Feed()
        stage.handle(sent(SigningStation(key=identity("old")), feed, 3))
        heir = SigningStation(key=identity("new"), replaced=identity("old"), counter=2, start_s=START_S + 3)
        stage.handle(sent(heir, feed, 3, start_s=START_S + 3))
        memory = stage.memory()
        written = memory_bytes(memory)
        assert memory_of(written) == memory
        for secret in (CENTRE.private_bytes_raw(), heir.chain._key, identity("new").private_bytes_raw()):
            assert secret.hex().encode() not in written
            assert secret.hex() not in repr(memory)

    @pytest.mark.parametrize("damaged", [b"", b"{}", b"[]", b'{"version": 9, "stations": []}', b"[" * 100_000])
    def test_a_damaged_memory_is_refused(self, damaged):
        with pytest.raises(DataFault, match="memory"):
            memory_of(damaged)

    def test_a_station_enrolled_later_is_remembered_until_then(self):
        before = vouch()
        before.handle(sent(SigningStation(), Feed(), 3))
        between = vouch(enrolment(station="XX.OTHER"), memory=before.memory())
        assert {one.station_key for one in between.memory()} == {"XX.AB1", "XX.OTHER"}
        between.handle(enrolment())
        assert {one.station_key: one for one in between.memory()}["XX.AB1"] == before.memory()[0]


def test_tiers_are_ordered_and_every_one_has_a_meaning():
    from houfeng.words.assurance import MEANINGS, tier_name

    order = ["broken", "none", "transport-only", "gateway-signed", "sensor-signed"]
    assert [tier_name(tier) for tier in sorted(Tier)] == order
    assert all(low < high for low, high in pairwise(sorted(Tier)))
    assert set(MEANINGS) == set(Tier)
