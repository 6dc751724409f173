"""What a centre counts, in the text format of Prometheus."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from houfeng.shell.health.metrics import DELAYS_S, Delays, Metrics
from houfeng.shell.health.supervise import State
from houfeng.words.instant import NS_PER_S

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


def metrics_text(metrics: Metrics) -> bytes:
    """All that is counted, and what the process uses of the machine. May run beside the thread that counts."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Counted(metrics))
    ProcessCollector(namespace="houfeng", registry=registry)
    return generate_latest(registry)


class _Counted(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        """Every family, with its values of now."""
        yield from _of_feeds(self._metrics)
        yield from _of_stations(self._metrics)
        yield from _of_what_is_heard(self._metrics)
        yield from _of_work(self._metrics)
        yield from _of_readers(self._metrics)


def _of_feeds(metrics: Metrics) -> Iterator[Family]:
    feeds = list(metrics.feeds.items())
    yield _counter("feed_packets", "Packets that arrived.", "feed", ((name, feed.packets) for name, feed in feeds))
    yield _counter(
        "feed_bytes", "Bytes of packets that arrived.", "feed", ((n, feed.content_bytes) for n, feed in feeds)
    )
    yield _counter("feed_samples", "Samples decoded.", "feed", ((name, feed.samples) for name, feed in feeds))
    yield _counter(
        "feed_refused", "Packets that could not be read.", "feed", ((name, feed.refused) for name, feed in feeds)
    )
    yield _gauge(
        "feed_connected", "1 while it is connected.", "feed", ((n, int(feed.state == "connected")) for n, feed in feeds)
    )
    yield _gauge(
        "feed_last_packet_timestamp_seconds",
        "When the last packet arrived, seconds since 1970.",
        "feed",
        ((name, feed.last_ns / NS_PER_S) for name, feed in feeds if feed.last_ns is not None),
    )
    family = HistogramMetricFamily(
        "houfeng_feed_latency_seconds", "From a packet's last sample to its arrival.", labels=["feed"]
    )
    for name, feed in feeds:
        family.add_metric([name], _buckets(feed.delays), feed.delays.sum_s)
    yield family


def _of_stations(metrics: Metrics) -> Iterator[Family]:
    stations = list(metrics.stations.items())
    yield _counter("station_packets", "Packets of a station.", "station", ((key, one.packets) for key, one in stations))
    yield _counter(
        "station_gaps", "Gaps of a station's channels.", "station", ((key, one.gaps) for key, one in stations)
    )
    yield _gauge(
        "station_last_packet_timestamp_seconds",
        "When a station's last packet arrived, seconds since 1970.",
        "station",
        ((key, one.last_ns / NS_PER_S) for key, one in stations if one.last_ns is not None),
    )


def _of_what_is_heard(metrics: Metrics) -> Iterator[Family]:
    yield _counter("picks", "Picks told.", "phase", list(metrics.picks.items()))
    yield _plain_counter("quakes", "Versions of quakes told.", metrics.quakes)
    yield _plain_counter("gaps", "Gaps in all channels.", metrics.gaps)
    yield _counter("findings", "Findings told.", "kind", list(metrics.findings.items()))
    yield _histogram(
        "record_wait_seconds",
        "From a record's arrival to its having been listened to: what triggers in it is known.",
        metrics.record_waits,
    )
    yield _histogram(
        "pick_wait_seconds", "From the arrival that completed what a pick needs to its being told.", metrics.pick_waits
    )
    yield _histogram("pick_delay_seconds", "From an onset to its pick being told.", metrics.pick_delays)
    yield _histogram("quake_delay_seconds", "From an origin time to its quake being told.", metrics.quake_delays)
    yield _counter("alerts", "Versions of alerts told.", "kind", list(metrics.alerts.items()))
    yield _histogram(
        "alert_wait_seconds",
        "From the arrival of the record that tipped the scales to the first version of its alert being told.",
        metrics.alert_delays,
    )
    outlets = list(metrics.outlets.items())
    yield _counter("outlet_given", "Versions of alerts let out.", "outlet", ((n, one.given) for n, one in outlets))
    yield _counter(
        "outlet_dropped", "Versions of alerts never let out.", "outlet", ((n, one.dropped) for n, one in outlets)
    )
    yield _gauge("outlet_waiting", "Versions of alerts that wait.", "outlet", ((n, one.waiting) for n, one in outlets))
    yield _histogram("outlet_delay_seconds", "From an alert's declaration to its being out.", metrics.outlet_delays)


def _of_work(metrics: Metrics) -> Iterator[Family]:
    queues, stages, duties = list(metrics.queues.items()), list(metrics.stages.items()), list(metrics.duties.values())
    yield _gauge("queue_depth", "What waits before a stage.", "stage", ((name, queue.depth) for name, queue in queues))
    yield _gauge("queue_room", "What may wait before a stage.", "stage", ((name, queue.most) for name, queue in queues))
    yield _counter("stage_runs", "Slices a stage has worked on.", "stage", ((name, one.runs) for name, one in stages))
    yield _counter("stage_seconds", "Time a stage has worked.", "stage", ((name, one.sum_s) for name, one in stages))
    yield _counter(
        "duty_failures", "Failures of what runs for long.", "duty", ((one.name, one.total) for one in duties)
    )
    yield _gauge(
        "duty_running", "1 while it runs.", "duty", ((one.name, int(one.state is State.running)) for one in duties)
    )
    yield _gauge("disk_left_bytes", "What is left on a disk.", "place", list(metrics.disks.items()))
    yield _gauge(
        "certificate_end_timestamp_seconds",
        "When certificates run out, seconds since 1970.",
        "part",
        ((part, end_ns / NS_PER_S) for part, end_ns in metrics.certificates.items()),
    )
    yield _gauge(
        "trouble", "1 while a part cannot do its work.", "part", [(part, 1) for part in list(metrics.troubles)]
    )


def _of_readers(metrics: Metrics) -> Iterator[Family]:
    readers = metrics.readers
    yield GaugeMetricFamily("houfeng_readers", "Readers connected to the SeedLink server.", value=readers.connected)
    yield _plain_counter("sent_records", "Records sent to readers.", readers.records)
    yield _plain_counter("sent_bytes", "Bytes of records sent to readers.", readers.content_bytes)


def _counter(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"houfeng_{name}", text, labels=[label])
    for of, value in values:
        family.add_metric([of], value)
    return family


def _gauge(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"houfeng_{name}", text, labels=[label])
    for of, value in values:
        family.add_metric([of], value)
    return family


def _plain_counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"houfeng_{name}", text, value=value)


def _histogram(name: str, text: str, delays: Delays) -> HistogramMetricFamily:
    return HistogramMetricFamily(f"houfeng_{name}", text, buckets=_buckets(delays), sum_value=delays.sum_s)


def _buckets(delays: Delays) -> list[tuple[str, float]]:
    """How many delays are at most so long, for each bound and for all."""
    bounds: Mapping[int, str] = {number: str(bound) for number, bound in enumerate(DELAYS_S)}
    below, told = 0, []
    for number, count in enumerate(list(delays.buckets)):
        below += count
        told.append((bounds.get(number, "+Inf"), float(below)))
    return told
