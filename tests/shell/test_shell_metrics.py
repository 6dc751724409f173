"""Metrics: what happens is counted, cheaply, in bounded room, and told as Prometheus reads it."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_alert import FIRST
from made_quake import a_quake
from prometheus_client.parser import text_string_to_metric_families

from houfeng.shell.health.metrics import (
    DELAYS_S,
    LONGEST_S,
    MOST_KINDS,
    MOST_STRANGERS,
    OTHER,
    REMEMBERED,
    Delays,
    Metrics,
    OutletCount,
)
from houfeng.shell.health.metrics_text import metrics_text
from houfeng.shell.health.supervise import Standing, State
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.quake import Pick
from houfeng.words.samples import Gap, PacketBatch
from houfeng.words.source import SourceId

NOW_NS = 1_700_000_000 * NS_PER_S


def told(metrics):
    """Every sample by its name and labels."""
    families = text_string_to_metric_families(metrics_text(metrics).decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def batch_of(sources, lengths, rate_hz=100.0, start_ns=NOW_NS):
    count = len(lengths)
    return PacketBatch(
        tuple(sources),
        np.arange(count, dtype=np.int32) % len(sources),
        np.full(count, start_ns, dtype=np.int64),
        np.full(count, rate_hz),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.zeros(sum(lengths), dtype=np.int32),
    )


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-LONGEST_S, LONGEST_S)), st.floats(0, 1))
def test_delays_count_everything_and_remember_the_last(values, share):
    delays, apart = Delays(), Delays()
    delays.add(np.array(values))
    for value in values:
        apart.add(np.array([value]))
    assert (apart.count, apart.buckets) == (delays.count, delays.buckets)
    assert apart.recent.quantiles(share) == delays.recent.quantiles(share)
    assert delays.count == len(values) == sum(delays.buckets)
    assert delays.sum_s == pytest.approx(sum(max(value, 0) for value in values))
    for number, bound in enumerate(DELAYS_S):
        assert sum(delays.buckets[: number + 1]) == sum(value <= bound for value in values)
    (quantile,) = delays.recent.quantiles(share)
    last = [float(np.float32(value)) for value in values[-REMEMBERED:]]
    if not last:
        assert quantile is None
    else:
        assert quantile in last
        assert sum(value < quantile for value in last) <= share * len(last)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["XX.ONE", "XX.TWO"]), st.binary(max_size=9))))
def test_packets_count_the_same_one_by_one_and_together(rows):
    packets = [Packet(feed, key, 0, NOW_NS + number, content) for number, (feed, key, content) in enumerate(rows)]
    together, alone = Metrics(), Metrics()
    together.packets_arrived(packets)
    for packet in packets:
        alone.packets_arrived([packet])
    for metrics in (together, alone):
        assert {name: (feed.packets, feed.content_bytes) for name, feed in metrics.feeds.items()} == {
            feed: (sum(row[0] == feed for row in rows), sum(len(row[2]) for row in rows if row[0] == feed))
            for feed in {row[0] for row in rows}
        }
        assert sum(station.packets for station in metrics.stations.values()) == len(rows)


@given(st.lists(st.text(), max_size=20))
def test_any_name_makes_text_that_prometheus_reads(names):
    metrics = Metrics()
    metrics.packets_arrived([Packet("feed", name, 0, NOW_NS, b"") for name in names])
    for name in names:
        metrics.finding_told(Finding(name, "odd"))
        metrics.trouble(name, "bad")
    assert sum(count for name, count in metrics.findings.items()) == len(names)
    metrics_text(metrics).decode("utf-8")


# --- examples ---------------------------------------------------------------------------------------------------------


def test_what_happens_is_told_under_its_name():
    metrics = Metrics()
    metrics.stations_expected(["XX.ONE", "XX.TWO"])
    metrics.feed_stands("north", "connected")
    metrics.packets_arrived([Packet("north", "XX.ONE", 1, NOW_NS, b"x" * 512)] * 3)
    metrics.packets_refused("north", 2)
    source = SourceId("XX", "ONE", "", "HHZ")
    metrics.batch_decoded(batch_of([source], [100, 200]), NOW_NS + 3 * NS_PER_S)
    metrics.gap_told(Gap(source, 0, 1))
    metrics.finding_told(Finding("gap", "a gap"))
    metrics.pick_told(Pick(source, "P", NOW_NS, 0.1), NOW_NS + 4 * NS_PER_S)
    metrics.heard((1.5, 12.0, 40.0), (0.5,))
    quake = a_quake()
    metrics.quake_told(quake, quake.origin.time_ns + 15 * NS_PER_S)
    metrics.queue_stands("detect", 3, 100)
    metrics.stage_ran("detect", 0.25)
    metrics.disk_stands("archive", 10**12)
    metrics.duty_stands(Standing("north", State.waiting, 2, 5, "gone"))
    metrics.trouble("catalogue", "the database is gone")
    metrics.outlet_stands("town", OutletCount(given=5, dropped=1, waiting=2), "no broker there")
    metrics.alert_out(FIRST, FIRST.declared_ns + NS_PER_S // 4)
    metrics.readers_stand(4)
    metrics.records_sent(10, 5120)

    said = told(metrics)
    expected = {
        ("houfeng_feed_packets_total", "north"): 3,
        ("houfeng_feed_bytes_total", "north"): 1536,
        ("houfeng_feed_samples_total", "north"): 300,
        ("houfeng_feed_refused_total", "north"): 2,
        ("houfeng_feed_connected", "north"): 1,
        ("houfeng_feed_last_packet_timestamp_seconds", "north"): 1_700_000_000,
        ("houfeng_feed_latency_seconds_count", "north"): 2,
        ("houfeng_feed_latency_seconds_sum", "north"): 3,
        ("houfeng_feed_latency_seconds_bucket", "1.0", "north"): 1,
        ("houfeng_feed_latency_seconds_bucket", "2.0", "north"): 2,
        ("houfeng_feed_latency_seconds_bucket", "+Inf", "north"): 2,
        ("houfeng_station_packets_total", "XX.ONE"): 3,
        ("houfeng_station_packets_total", "XX.TWO"): 0,
        ("houfeng_station_gaps_total", "XX.ONE"): 1,
        ("houfeng_station_last_packet_timestamp_seconds", "XX.ONE"): 1_700_000_000,
        ("houfeng_picks_total", "P"): 1,
        ("houfeng_pick_delay_seconds_sum",): 4,
        ("houfeng_record_wait_seconds_sum",): 53.5,
        ("houfeng_record_wait_seconds_bucket", "15.0"): 2,
        ("houfeng_pick_wait_seconds_count",): 1,
        ("houfeng_quakes_total",): 1,
        ("houfeng_quake_delay_seconds_sum",): 15,
        ("houfeng_outlet_given_total", "town"): 5,
        ("houfeng_outlet_dropped_total", "town"): 1,
        ("houfeng_outlet_waiting", "town"): 2,
        ("houfeng_outlet_delay_seconds_sum",): 0.25,
        ("houfeng_trouble", "outlet town"): 1,
        ("houfeng_gaps_total",): 1,
        ("houfeng_findings_total", "gap"): 1,
        ("houfeng_queue_depth", "detect"): 3,
        ("houfeng_queue_room", "detect"): 100,
        ("houfeng_stage_runs_total", "detect"): 1,
        ("houfeng_stage_seconds_total", "detect"): 0.25,
        ("houfeng_disk_left_bytes", "archive"): 10**12,
        ("houfeng_duty_failures_total", "north"): 5,
        ("houfeng_duty_running", "north"): 0,
        ("houfeng_trouble", "catalogue"): 1,
        ("houfeng_readers",): 4,
        ("houfeng_sent_records_total",): 10,
        ("houfeng_sent_bytes_total",): 5120,
    }
    assert {name: said.get(name) for name in expected} == expected
    assert said["houfeng_process_resident_memory_bytes",] > 0
    assert ("houfeng_station_last_packet_timestamp_seconds", "XX.TWO") not in said


def test_two_centres_in_one_process_count_apart():
    one, two = Metrics(), Metrics()
    one.readers_stand(7)
    assert told(two)["houfeng_readers",] == 0


def test_delays_are_of_each_packet_to_its_own_arrival():
    metrics = Metrics()
    sources = [SourceId("XX", "ONE", "", "HHZ"), SourceId("XX", "TWO", "", "HHZ")]
    arrivals_ns = np.array([NOW_NS + 2 * NS_PER_S, NOW_NS + 5 * NS_PER_S])
    metrics.batch_decoded(batch_of(sources, [100, 100]), arrivals_ns)
    assert metrics.stations["XX.ONE"].delays.quantiles(0.5) == (1.0,)
    assert metrics.stations["XX.TWO"].delays.quantiles(0.5) == (4.0,)


def test_samples_count_for_the_feed_that_brings_their_station():
    metrics = Metrics()
    metrics.packets_arrived([Packet("north", "XX.ONE", 0, NOW_NS, b""), Packet("south", "XX.TWO", 0, NOW_NS, b"")])
    sources = [SourceId("XX", code, "", "HHZ") for code in ("ONE", "TWO", "TEN")]
    metrics.batch_decoded(batch_of(sources, [1, 20, 300]), NOW_NS)
    assert {name: (feed.samples, feed.delays.count) for name, feed in metrics.feeds.items()} == {
        "north": (1, 1),
        "south": (20, 1),
    }


def test_trouble_that_is_over_is_forgotten():
    metrics = Metrics()
    metrics.trouble("archive", "the disk is full")
    metrics.trouble("archive", "")
    assert metrics.troubles == {}


def test_the_page_on_metrics_has_every_name_with_its_label():
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/metrics.md").read_text()
    told = re.findall(r"^\| `(houfeng_\w+)` \| (?:`(\w+)`)? ?\|", page, re.MULTILINE)
    metrics = Metrics()
    metrics.packets_arrived([Packet("north", "XX.ONE", 0, NOW_NS, b"")])
    metrics.finding_told(Finding("gap", "a gap"))
    metrics.pick_told(Pick(SourceId("XX", "ONE", "", "HHZ"), "P", NOW_NS, 0.1), NOW_NS)
    metrics.alerts["first"] = 1
    metrics.queue_stands("detect", 1, 2)
    metrics.stage_ran("detect", 1.0)
    metrics.duty_stands(Standing("north", State.running))
    metrics.disk_stands("archive", 1)
    metrics.certificates_stand({"seedlink": 1})
    metrics.trouble("archive", "full")
    metrics.outlet_stands("town", OutletCount(), "")
    known = [
        (family.name + "_total" * (family.type == "counter"), "".join({*family.samples[0].labels} - {"le"}))
        for family in text_string_to_metric_families(metrics_text(metrics).decode())
        if not family.name.startswith("houfeng_process_")
    ]
    assert sorted(told) == sorted(known)


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_made_up_stations_fill_no_memory_and_push_no_known_one_out():
    metrics = Metrics()
    known = [f"XX.K{number}" for number in range(10)]
    metrics.packets_arrived([Packet("evil", f"XX.{number}", 0, NOW_NS, b"") for number in range(3 * MOST_STRANGERS)])
    metrics.stations_expected(known)
    metrics.packets_arrived([Packet("good", key, 0, NOW_NS, b"") for key in known])
    assert len(metrics.stations) == MOST_STRANGERS + len(known)
    assert all(metrics.stations[key].packets == 1 for key in known)
    assert metrics.feeds["evil"].packets == 3 * MOST_STRANGERS


def test_a_station_name_of_any_length_is_not_kept():
    metrics = Metrics()
    metrics.packets_arrived([Packet("evil", "X" * 10**6, 0, NOW_NS, b"")])
    assert metrics.stations == {}


def test_made_up_kinds_of_finding_are_counted_together():
    metrics = Metrics()
    for number in range(2 * MOST_KINDS):
        metrics.finding_told(Finding(f"kind-{number}", "odd"))
    assert len(metrics.findings) == MOST_KINDS + 1
    assert metrics.findings[OTHER] == MOST_KINDS


@pytest.mark.parametrize("rate_hz", [1e-308, 1e308])
@pytest.mark.parametrize("start_ns", [-(2**63) + 1, 2**63 - 1])
def test_impossible_times_and_rates_are_delays_without_end(rate_hz, start_ns):
    metrics = Metrics()
    metrics.packets_arrived([Packet("evil", "XX.ONE", 0, NOW_NS, b"")])
    metrics.batch_decoded(batch_of([SourceId("XX", "ONE", "", "HHZ")], [100], rate_hz, start_ns), NOW_NS)
    (delay_s,) = metrics.feeds["evil"].delays.recent.quantiles(0.5)
    assert abs(delay_s) <= LONGEST_S
    assert metrics_text(metrics)
