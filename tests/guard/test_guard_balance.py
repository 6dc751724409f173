"""The balance of bytes finds a slow copy and nothing else, and says how slow a copy it finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.guard.judge.balance import Balance
from houfeng.guard.judge.bins import Bins
from houfeng.guard.judge.rules import rules_of
from houfeng.words.conduct import Allowed, Conduct, Envelope, Host, Reads
from houfeng.words.instant import parse_instant
from houfeng.words.network import Flow, Seen, Subscription
from houfeng.words.received import Received

S = 10**9
HOUR_NS = 3600 * S
T = parse_instant("2026-11-23T00:00:00Z")
STATION, READER, RESOLVER, POLLER, THIEF = "10.71.1.2", "10.71.9.20", "10.71.9.6", "10.71.9.30", "203.0.113.9"
#: Three channels of 100 Hz as 512-byte records: 40 MB a day.
HOURLY = 3300


def profile():
    hosts = (
        Host("gateway", (STATION,), (), "station"),
        Host("acquisition", (READER,), (), "centre"),
        Host("monitor", (POLLER,), (), "monitor"),
        Host("resolver", (RESOLVER,), (), "resolver"),
    )
    allowed = (
        Allowed((READER,), (STATION,), "tcp", 18000, "SeedLink", "continuous"),
        Allowed((POLLER,), (STATION,), "tcp", 8080, "poll", "every", 30.0),
        Allowed((STATION,), (RESOLVER,), "udp", 53, "DNS", client_rate=Envelope(0, 1, 2)),
    )
    return Conduct("NC.CRH", hosts, allowed, reads=(Reads(READER, ("*",)),))


def flow(client, server, port, hour, sent, *, up=False, start=None, ongoing=False):
    """A flow over one hour, or from start on; sent by its server, or with up by its client."""
    start_ns = T + (hour if start is None else start) * HOUR_NS
    sides = (client, 40_000, server, port, "udp" if port == 53 else "tcp")
    payload = (sent, 0) if up else (0, sent)
    return Flow(Seen("tap", hour), start_ns, T + (hour + 1) * HOUR_NS, *sides, 10, 10, payload[0] + 520,
                payload[1] + 520, *payload, ongoing=ongoing)  # fmt: skip


def nights(hours, *, stolen_bytes=lambda _: 0, framing_bytes=8, resent=0.01, theft="stream", seed=3):
    """A station's hours: its stream told as one flow in instalments, counted at the centre up to a minute off."""
    chance, judge, out, sent, late = np.random.default_rng(seed), Balance(profile()), [], 0.0, 0
    for hour in range(hours):
        records = int(HOURLY * (1 + 0.2 * chance.standard_normal() ** 2))
        again = resent * chance.uniform(0.5, 1.5)
        sent += records * (512 + framing_bytes) * (1 + again)
        stolen = stolen_bytes(hour)
        sent += stolen if theft == "stream" else 0
        out += judge.handle(flow(READER, STATION, 18000, hour, int(sent), start=0, ongoing=True))
        if stolen and theft == "stranger":
            out += judge.handle(flow(STATION, THIEF, 443, hour, int(stolen), up=True))
        if stolen and theft == "resolver":
            out += judge.handle(flow(STATION, RESOLVER, 53, hour, int(stolen), up=True))
        out += judge.handle(flow(POLLER, STATION, 8080, hour, int(chance.integers(20_000, 400_000))))
        before, late = late, int(chance.integers(0, records // 60))
        counted = records + before - late
        span_ns = T + hour * HOUR_NS, T + (hour + 1) * HOUR_NS
        out += judge.handle(Received("NC.CRH", *span_ns, counted * 512, counted))
        out += judge.elapse(span_ns[1] + S)
    return judge, out


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("framing", "resent"), [(8, 0.0), (24, 0.01), (24, 0.03), (30, 0.04)])
def test_a_month_of_honest_traffic_is_balanced(seed, framing, resent):
    judge, said = nights(30 * 24, framing_bytes=framing, resent=resent, seed=seed)
    assert said == []
    assert 0 < judge.limit_bytes_per_day < 2e6


@pytest.mark.parametrize("theft", ["stream", "stranger", "resolver"])
def test_a_copy_at_the_stated_limit_is_found_within_a_day(theft):
    judge, _ = nights(48)
    hourly = judge.limit_bytes_per_day / 24 * 1.1 + 2 * 3600 * (theft == "resolver")
    _, said = nights(96, stolen_bytes=lambda hour: hourly if hour >= 48 else 0, theft=theft)
    assert [each.detector for each in said] == ["bytes-unaccounted"]
    assert T + 48 * HOUR_NS < said[0].time_ns <= T + 73 * HOUR_NS
    facts = dict(said[0].facts)
    assert float(facts["limit_kb_per_day"]) == pytest.approx(judge.limit_bytes_per_day / 1000, abs=1)
    rule = rules_of("balance")["bytes-unaccounted"]
    assert rule.facts <= facts.keys()
    assert (said[0].station, said[0].subject) == ("NC.CRH", "NC.CRH")


def test_a_slower_copy_is_found_within_a_week():
    judge, _ = nights(48)
    hourly = judge.limit_bytes_per_day / 24 * 0.75
    _, said = nights(48 + 7 * 24, stolen_bytes=lambda hour: hourly if hour >= 48 else 0, theft="stranger")
    assert len(said) == 1


def test_a_copy_that_went_on_from_the_first_hour_is_found_though_it_is_in_the_baseline():
    # A tenth of the stream: twice what sending again can explain.
    _, said = nights(48, stolen_bytes=lambda _: HOURLY * 512 * 0.15)
    assert len(said) == 1


def test_what_is_polled_by_the_centre_and_asked_of_the_resolver_is_accounted_for():
    judge = Balance(profile())
    for hour in range(60):
        judge.handle(flow(POLLER, STATION, 8080, hour, 10_000_000))
        judge.handle(flow(STATION, RESOLVER, 53, hour, 7000, up=True))
        assert judge.elapse(T + (hour + 1) * HOUR_NS) == []


def test_an_eye_that_tells_of_a_stream_at_its_end_is_waited_for():
    judge, said = Balance(profile()), []
    for hour in range(96):
        span_ns = T + hour * HOUR_NS, T + (hour + 1) * HOUR_NS
        said += judge.handle(Received("NC.CRH", *span_ns, HOURLY * 512, HOURLY))
        if hour % 12 == 11:
            said += judge.handle(flow(READER, STATION, 18000, hour, HOURLY * 520 * 12, start=hour - 11))
        said += judge.elapse(span_ns[1])
    assert said == []


def test_what_the_server_counts_for_its_readers_is_what_they_received():
    judge = Balance(profile())
    for hour in range(48):
        span_ns = T + hour * HOUR_NS, T + (hour + 1) * HOUR_NS
        given_ = Subscription(Seen("log"), *span_ns, READER, STATION, "seedlink", "NC.CRH..HNZ", HOURLY, HOURLY * 512)
        judge.handle(given_)
        judge.handle(flow(READER, STATION, 18000, hour, HOURLY * 520))
        assert judge.elapse(span_ns[1]) == []


def test_a_profile_without_a_station_has_no_balance():
    with pytest.raises(ValueError, match="which hosts are the station's"):
        Balance(Conduct("c"))


SPANS = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3000), st.floats(0, 1e6)), max_size=30)


@given(SPANS, st.lists(st.integers(0, 12_000), max_size=5))
def test_bins_lose_nothing_and_come_in_order(spans, closings):
    bins, out = Bins(1000), []
    for k, (start_ns, length_ns, amount) in enumerate(spans):
        bins.add(start_ns, start_ns + length_ns, amount)
        if k < len(closings):
            out += bins.close(closings[k])
    out += bins.close(1_000_000)
    assert sum(amount for _, amount in out) == pytest.approx(sum(amount for *_, amount in spans))
    ends = [end_ns for end_ns, _ in out]
    assert ends == sorted(set(ends))
    assert all(end_ns % 1000 == 0 for end_ns in ends)


def test_a_span_is_shared_out_by_time():
    bins = Bins(1000)
    bins.add(500, 2500, 20.0)
    assert list(bins.close(3000)) == [(1000, 5.0), (2000, 10.0), (3000, 5.0)]


def test_a_broken_clock_does_not_fill_the_memory():
    bins = Bins(1000)
    bins.add(0, 10**18, 5.0)
    bins.add(0, 10, 1.0)
    assert len(bins._amounts) <= 2


def test_an_amount_from_the_future_does_not_stop_the_others():
    bins = Bins(1000)
    bins.add(10**15, 10**15 + 10, 5.0)
    assert list(bins.close(2000)) == []
    bins.add(3000, 4000, 1.0)
    assert list(bins.close(5000)) == [(4000, 1.0), (5000, 0.0)]
