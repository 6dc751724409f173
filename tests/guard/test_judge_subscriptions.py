"""Who is handed which channels: strangers, grants, readers together, logs against the wire; and silence."""

import random
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product

import pytest
from payload_pcap import tapped

from houfeng.guard.judge.ledger import Ledger
from houfeng.guard.judge.rules import LANGUAGES, rules_of
from houfeng.guard.judge.subscriptions import Subscribers
from houfeng.guard.judge.together import chance_of_union, coalition_of
from houfeng.wire.eyes.serverlog import ServerLogReader
from houfeng.words.instant import LATEST_NS, NS_PER_S
from houfeng.words.network import Login, Seen, Subscription, time_of

START_S = 1_800_000_000
SERVER, CENTRE, STRANGER = "10.71.1.2", "10.71.9.20", "203.0.113.9"
ALLOWED = {CENTRE: ["*.*.*.*"], "10.71.9.0/28": ["NC.*.*.HNZ"]}


def handed(reader=CENTRE, channel="NC.CTA..HNZ", *, at_s=0, until_s=None, packets=1, eye="eth0", **more):
    """One count of what was handed over; packets 0 for a request. Server logs are named log, and know no server."""
    end_s = at_s if until_s is None else until_s
    server = "" if eye == "log" else SERVER
    return Subscription(
        Seen(eye, 1), (START_S + at_s) * NS_PER_S, (START_S + end_s) * NS_PER_S, reader,
        server, "seedlink", channel, packets, packets * 512, **more,
    )  # fmt: skip


def judged(*observations, allowed=ALLOWED, end_ns=LATEST_NS):
    stage = Subscribers(allowed, server_logs=("log",))
    out = []
    for one in sorted(observations, key=time_of):
        out += stage.handle(one)
        out += stage.elapse(time_of(one))
    return [*out, *stage.elapse(end_ns)]


def said(judgements):
    return [(one.detector, one.subject, one.severity) for one in judgements]


class TestRules:
    def test_every_judgement_fills_the_words_of_its_rule(self):
        out = judged(
            handed(STRANGER), handed("10.71.9.3", "BK.BRIB.01.HHN"), *fair_shares(), *session(packets=50, logged=20),
        )  # fmt: skip
        rules = rules_of("subscriptions")
        assert {one.detector for one in out} == set(rules)
        for one in out:
            rule, facts = rules[one.detector], dict(one.facts)
            assert set(facts) == set(rule.facts)
            for language in LANGUAGES:
                words = rule.reason[language].format(subject=one.subject, peer=one.peer, **facts)
                assert one.subject in words or facts.get("parties", "") in words

    def test_every_number_has_its_reason(self):
        for rule in rules_of("subscriptions").values():
            assert set(rule.limits) == set(rule.why)
            assert all(len(why) > 20 for why in rule.why.values())


class TestStrangers:
    def test_a_copy_to_a_party_on_no_list_is_told_with_its_first_packet(self):
        (one,) = judged(handed(STRANGER, at_s=7))
        assert said([one]) == [("unknown-reader", STRANGER, "high")]
        assert (one.time_ns, one.station, one.peer) == ((START_S + 7) * NS_PER_S, "NC.CTA", SERVER)

    def test_asking_is_told_then_having_and_each_once(self):
        out = judged(
            *(handed(STRANGER, "NC.*.*.*", at_s=s, packets=0) for s in range(3)),
            *(handed(STRANGER, at_s=s) for s in range(10, 500)),
        )  # fmt: skip
        assert [(one.severity, one.time_ns // NS_PER_S - START_S) for one in out] == [("medium", 0), ("high", 10)]

    def test_it_is_told_again_after_a_day(self):
        assert len(judged(handed(STRANGER), handed(STRANGER, at_s=86_399), handed(STRANGER, at_s=86_400))) == 2

    def test_writers_are_no_readers(self):
        assert judged(handed(STRANGER, direction="in")) == []

    def test_a_name_a_mapped_address_and_a_network_are_recognised(self):
        allowed = {"lab.example": ["*"], "2001:db8::/32": ["NC.*"], "10.0.0.1": ["*"]}
        readers = ("lab.example", "2001:db8::7", "10.0.0.1")
        assert judged(*(handed(reader) for reader in readers), allowed=allowed) == []


class TestGrants:
    def test_a_channel_beyond_the_grant_is_told_once_a_station(self):
        out = judged(
            handed("10.71.9.3"), handed("10.71.9.3", "NC.CTA..HNE"), handed("10.71.9.3", "NC.CTA..HNN", at_s=1),
            handed("10.71.9.3", "NC.CRH..HNN", at_s=2),
        )  # fmt: skip
        assert [(one.detector, dict(one.facts)["channel"]) for one in out] == [
            ("channel-not-granted", "NC.CTA..HNE"), ("channel-not-granted", "NC.CRH..HNN"),
        ]  # fmt: skip

    def test_asking_for_everything_and_getting_ones_own_is_what_clients_do(self):
        assert judged(handed("10.71.9.3", "*.*.*.*", packets=0), handed("10.71.9.3")) == []

    def test_asking_for_one_channel_by_name_is_told(self):
        assert said(judged(handed("10.71.9.3", "BK.BRIB.01.HHN", packets=0))) == [
            ("channel-not-granted", "10.71.9.3", "medium")
        ]

    def test_grants_by_address_and_network_add_up(self):
        allowed = {"10.71.9.3": ["BK.BRIB.01.HHN"], "10.71.9.0/28": ["NC.*.*.HNZ"]}
        assert judged(handed("10.71.9.3"), handed("10.71.9.3", "BK.BRIB.01.HHN"), allowed=allowed) == []


def fair_shares(parties=3, stations=30, prefix="10.71.9."):
    """Readers of a network with one entry, who share its stations out among them."""
    return [handed(f"{prefix}{k % parties}", f"NC.S{k:03d}..HNZ", at_s=k) for k in range(stations)]


class TestTogether:
    def test_the_chance_of_a_union_is_that_of_counting_all_cases(self):
        units, sizes = 5, [2, 3, 1]
        ways = list(product(*(list(combinations(range(units), size)) for size in sizes)))
        for least in range(units + 1):
            hits = sum(len(set().union(*way)) >= least for way in ways)
            assert chance_of_union(sizes, least, units) == pytest.approx(float(Fraction(hits, len(ways))))

    def test_readers_who_share_a_network_out_are_told(self):
        (one,) = judged(*fair_shares())
        facts = dict(one.facts)
        assert (one.detector, facts["of"], facts["covered"], facts["units"]) == (
            "collecting-together",
            "NC",
            "30",
            "30",
        )
        assert set(facts["parties"].split(", ")) == {"10.71.9.0", "10.71.9.1", "10.71.9.2"}

    def test_it_is_told_once_while_nothing_changes(self):
        assert (
            len(judged(*fair_shares(), *(replace(one, end_ns=one.end_ns + 7200 * NS_PER_S) for one in fair_shares())))
            == 1
        )

    def test_readers_who_choose_for_themselves_are_not(self):
        for seed in range(20):
            chance = random.Random(seed)
            takes = [(reader, station) for reader in range(14) for station in chance.sample(range(30), 12)]
            assert judged(*(handed(f"10.71.9.{r}", f"NC.S{s:03d}..HNZ", at_s=r) for r, s in takes)) == []

    def test_three_readers_of_one_component_each_are_not(self):
        allowed = {"10.71.9.0/28": ["*"]}
        assert judged(*(handed(f"10.71.9.{k}", f"NC.CTA..HN{'ZNE'[k]}") for k in range(3)), allowed=allowed) == []

    def test_readers_with_entries_of_their_own_are_not(self):
        allowed = {f"10.71.9.{k}": ["*"] for k in range(3)}
        assert judged(*fair_shares(), allowed=allowed) == []

    def test_strangers_who_share_nine_channels_out_are_told(self):
        channels = [f"NC.CTA.{n:02d}.HN{c}" for n in range(4) for c in "ZNE"]
        out = judged(*(handed(f"203.0.113.{k % 3}", channel, at_s=k) for k, channel in enumerate(channels)))
        assert ("collecting-together", "203.0.113.0", "medium") in said(out)

    def test_order_changes_nothing(self):
        shares = [(f"p{k % 3}", f"u{k}") for k in range(12)]
        found = set()
        for seed in range(5):
            random.Random(seed).shuffle(shares)
            takes = {}
            for party, unit in shares:
                takes.setdefault(party, set()).add(unit)
            found.add(coalition_of(takes, 12, most_share_alone=0.5, least_share_together=0.9))
        assert len(found) == 1


def session(*, packets, logged, at_s=0, length_s=600):
    """A session as the wire saw it, a packet or so a count, and as the log tells it in the end."""
    every = [handed(at_s=at_s + k * length_s // packets) for k in range(packets)]
    line = handed(at_s=at_s, until_s=at_s + length_s, packets=logged, eye="log")
    # The wire was watched all the while.
    watched = [Login(Seen("eth0", 1), (START_S + s) * NS_PER_S, "", "", "ssh", "", True) for s in (-9, 10**5)]
    return [*watched, *every, line]


class TestAgreement:
    @pytest.mark.parametrize("logged", [48, 49, 50, 51, 52, 2000])
    def test_torn_ends_are_no_disagreement(self, logged):
        assert judged(*session(packets=50, logged=logged)) == []

    @pytest.mark.parametrize("logged", [0, 25, 47])
    def test_a_log_that_says_less_than_the_wire_is_told(self, logged):
        observations = session(packets=50, logged=max(logged, 1))
        (one,) = judged(*observations)
        assert said([one]) == [("server-log-disagrees", SERVER, "medium")]
        assert (one.peer, dict(one.facts)["seen"]) == (CENTRE, "50 packets, 25600 bytes")

    def test_a_log_that_says_more_than_a_broken_connection_holds_is_told(self):
        assert said(judged(*session(packets=50, logged=10_000))) == [("server-log-disagrees", SERVER, "low")]

    def test_a_reader_of_whom_the_wire_saw_nothing_came_another_way(self):
        assert judged(*session(packets=50, logged=50), handed("10.71.9.3", until_s=600, packets=9999, eye="log")) == []

    def test_a_log_that_changes_bytes_and_not_packets_is_told(self):
        *wire, line = session(packets=50, logged=50)
        assert len(judged(*wire, replace(line, count_bytes=line.count_bytes // 2))) == 1

    def test_sessions_that_follow_each_other_and_counts_across_the_gap(self):
        first, second = session(packets=50, logged=50), session(packets=50, logged=50, at_s=604)
        assert judged(*first, *second) == []
        counts = [handed(at_s=s, until_s=s + 59, packets=6) for s in range(0, 1200, 60)]
        lines = [handed(at_s=a, until_s=b, packets=p, eye="log") for a, b, p in ((0, 630, 63), (632, 1200, 57))]
        assert judged(*counts, *lines) == []

    def test_a_log_cut_daily_in_the_middle_of_counts(self):
        counts = [handed(at_s=s, until_s=s + 59, packets=60) for s in range(30, 7230, 60)]
        lines = [handed(at_s=a, until_s=b, packets=p, eye="log") for a, b, p in ((0, 3600, 3570), (3600, 7300, 3630))]
        assert judged(*counts, *lines) == []
        lines[0] = replace(lines[0], packets=3000)
        assert len(judged(*counts, *lines)) == 1

    def test_another_server_is_another_log(self):
        elsewhere = [replace(one, server="10.71.1.3") for one in session(packets=50, logged=50)[2:-1]]
        named = [
            replace(one, server=SERVER) if one.seen.eye == "log" else one for one in session(packets=50, logged=50)[2:]
        ]
        assert judged(*elsewhere, *named) == []

    def test_a_request_the_log_does_not_have(self):
        both = [handed(at_s=s, packets=0, eye=eye) for s in (0, 300) for eye in ("eth0", "log")]
        hidden = handed(at_s=150, packets=0, reader="10.71.9.3")
        (one,) = judged(*both, hidden)
        assert (one.detector, one.subject, one.peer) == ("server-log-disagrees", SERVER, "10.71.9.3")
        assert judged(*both) == []
        # A log that ends before could not have it.
        assert judged(*both[:2], hidden) == []

    def test_memory_stays_small_over_a_month(self):
        ledger = Ledger(clock_ns=2 * NS_PER_S, patience_ns=120 * NS_PER_S, kept_ns=90_000 * NS_PER_S)
        for minute in range(30 * 1440):
            one = handed(at_s=minute * 60, until_s=minute * 60 + 59, packets=60)
            ledger.enter(one, logged=False)
            assert list(ledger.due(one.end_ns, lambda *_: SERVER)) == []
        (page,) = ledger._pages.values()
        assert len(page.wire) < 40
        assert sum(span.packets for span in page.wire) >= 90_000 - 3600


@pytest.fixture(scope="module")
def told(houfeng_data):
    folder = houfeng_data / "net_seedlink_benign"
    out = list(tapped(folder / "capture.pcap"))
    for part in ("access", "tx", "rx"):
        reader = ServerLogReader(part)
        out += [*reader.read((folder / f"server_log/{part}.jsonl").read_bytes()), *reader.end()]
    return sorted(out, key=time_of)


class TestRealDay:
    def run(self, told, allowed):
        stage = Subscribers(allowed, server_logs=("access", "tx", "rx"))
        out = []
        for one in told:
            out += [*stage.handle(one), *stage.elapse(time_of(one))]
        return [*out, *stage.elapse(LATEST_NS)]

    def test_nothing_is_said_of_the_benign_set(self, told):
        vertical = ["BK.BRIB.01.HHZ", "NC.CRH..HNZ", "NC.CTA..HNZ"]
        assert self.run(told, {"10.71.9.20": ["*.*.*.*"], "10.71.9.21": vertical}) == []

    def test_a_reader_taken_off_the_list_is_found_within_a_second(self, told):
        out = self.run(told, {"10.71.9.20": ["*.*.*.*"]})
        assert {one.detector for one in out} == {"unknown-reader"}
        assert {one.subject for one in out} == {"10.71.9.21"}
        first = min(one.end_ns for one in told if isinstance(one, Subscription) and one.reader == "10.71.9.21")
        assert out[0].time_ns - first < NS_PER_S

    def test_a_log_with_half_a_session_taken_out_is_found(self, told):
        changed = [
            replace(one, packets=one.packets // 2, count_bytes=one.count_bytes // 2)
            if one.seen.eye == "tx" and one.reader == "10.71.9.21" else one
            for one in told
        ]  # fmt: skip
        out = self.run(changed, {"10.71.9.0/24": ["*.*.*.*"]})
        assert {(one.detector, one.subject, one.peer) for one in out} == {
            ("server-log-disagrees", "10.71.1.2", "10.71.9.21")
        }
        # Two sessions of three channels.
        assert [dict(one.facts)["channel"][-4:] for one in out] == ["(+2)", "(+2)"]
