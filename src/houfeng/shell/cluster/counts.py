"""What detect and associate count of themselves, for their pages of health."""

import time
from collections.abc import Sequence
from dataclasses import replace

from houfeng.quake.ears import Caught
from houfeng.quake.hearing import Portrait
from houfeng.shell.cluster.heard_frames import SliceHeard
from houfeng.shell.cluster.shard import Shard
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.replay.replay import told as as_told
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.quake import Pick
from houfeng.words.samples import Gap

#: What detect's packets come over, whatever intake calls its feeds.
INTAKE = "intake"


class DetectCounts:
    """Detect's. Its one feed is intake."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # A share may have no station that should speak.
        metrics.feed_begun(INTAKE, steady=bool(metrics.expected))

    def connection(self, trouble: str) -> None:
        """Why there is no broker, "" when there is."""
        _connection(self._metrics, [INTAKE], trouble)

    def log(self, trouble: str) -> None:
        """Why the broker takes nothing of what was heard, "" when it does."""
        self._metrics.trouble("what was heard", trouble)

    def archive(self, trouble: str) -> None:
        """Why the archive takes no samples, "" when it does."""
        self._metrics.trouble("archive", trouble)

    def heard(self, heard: SliceHeard, packets: Sequence[Packet]) -> None:
        """A slice was published for the first time."""
        self._metrics.packets_arrived([replace(packet, feed=INTAKE) for packet in packets])
        for value in (*heard.elapsed, *heard.handled):
            _count(self._metrics, value)

    def took(self, seconds: float, *, ahead_ns: int, most_ns: int) -> None:
        """A slice was heard, in so long, and associate is so far behind, in data time."""
        self._metrics.stage_ran("detect", seconds)
        self._metrics.queue_stands("associate", ahead_ns // NS_PER_S, most_ns // NS_PER_S)


class AssociateCounts:
    """Associate's. Its feeds are the shares."""

    def __init__(self, metrics: Metrics, shares: Sequence[Shard]) -> None:
        self._metrics = metrics
        self._feeds = [_feed_of(shard) for shard in shares]
        for feed in self._feeds:
            metrics.feed_begun(feed, steady=True)

    def connection(self, trouble: str) -> None:
        """Why there is no broker, "" when there is."""
        _connection(self._metrics, self._feeds, trouble)

    def catalogue(self, trouble: str) -> None:
        """Why the catalogue takes no quakes, "" when it does."""
        self._metrics.trouble("catalogue", trouble)

    def share(self, shard: Shard, trouble: str) -> None:
        """Why a share answers no questions, "" when it does."""
        self._metrics.trouble(_feed_of(shard), trouble)

    def slice_came(self, shard: Shard, content_bytes: int, *, waiting: int, most: int) -> None:
        """A share told a slice; so many of its slices wait for those of other shares."""
        self._metrics.feed_brought(_feed_of(shard), content_bytes, time.time_ns())
        self._metrics.queue_stands(f"associate, for share {shard},", waiting, most)

    def took(self, seconds: float) -> None:
        """A slice was heard, in so long."""
        self._metrics.stage_ran("associate", seconds)

    def told(self, value: Caught | Portrait) -> None:
        """Something was told."""
        _count(self._metrics, value)


def _feed_of(shard: Shard) -> str:
    return f"detect {shard}"


def _connection(metrics: Metrics, feeds: Sequence[str], trouble: str) -> None:
    metrics.trouble("broker", trouble)
    for feed in feeds:
        metrics.feed_stands(feed, "connecting" if trouble else "connected", trouble)


def _count(metrics: Metrics, value: Caught | Portrait) -> None:
    now_ns = time.time_ns()
    match value:
        case Pick():
            metrics.pick_told(value, now_ns)
        case Portrait():
            metrics.quake_told(value.quake, now_ns)
        case Gap():
            metrics.gap_told(value)
    for told in as_told([value]):
        if isinstance(told, Finding):
            metrics.finding_told(told)
