"""Judges how many frames pass a second, towards a host and from a device."""

from ipaddress import IPv4Address, IPv6Address

import numpy as np

from houfeng.guard.judge.rate_envelope import Envelope, Key, flood
from houfeng.wire.eyes.frames import IPV4, IPV6, NO_MAC, FrameBatch, mac_text
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen


class FrameRateJudge:
    """A stage: frames in, floods out. A second is judged when one after it has begun."""

    __slots__ = ("_counts", "_envelope", "_eye", "_second")

    def __init__(self) -> None:
        self._envelope = Envelope()
        self._counts: dict[Key, tuple[int, Seen]] = {}
        self._second: int | None = None
        self._eye = ""

    def handle(self, batch: FrameBatch) -> list[Judgement]:
        """Frames of one eye in the order in which it saw them."""
        if not len(batch):
            return []
        self._eye = batch.eye
        out: list[Judgement] = []
        seconds = np.maximum.accumulate(batch.time_ns // NS_PER_S)  # a stamp that goes back counts in its neighbour's
        borders = np.flatnonzero(np.diff(seconds)) + 1
        for begin, end in zip([0, *borders.tolist()], [*borders.tolist(), len(batch)], strict=True):
            second = int(seconds[begin])
            if self._second is not None and second > self._second:
                out += self._judge()
            self._second = second if self._second is None else max(second, self._second)
            self._add(batch, begin, end)
        return out

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: the second that is over is judged."""
        if self._second is None or now_ns // NS_PER_S <= self._second:
            return []
        return self._judge()

    def _add(self, batch: FrameBatch, begin: int, end: int) -> None:
        part = slice(begin, end)
        seen = Seen(batch.eye, int(batch.number[begin]))
        ips = np.flatnonzero((batch.ether_type[part] == IPV4) | (batch.ether_type[part] == IPV6)) + begin
        if len(ips):
            pairs = np.stack([batch.dst_hi[ips], batch.dst_lo[ips]], axis=1)
            hosts, counts = np.unique(pairs, axis=0, return_counts=True)
            for (high, low), frames in zip(hosts.tolist(), counts.tolist(), strict=True):
                self._plus((_address(high, low), "to"), frames, seen)
        macs, counts = np.unique(batch.src_mac[part], return_counts=True)
        for mac, frames in zip(macs.tolist(), counts.tolist(), strict=True):
            if mac != NO_MAC:
                self._plus((mac_text(mac), "from"), frames, seen)

    def _plus(self, key: Key, frames: int, seen: Seen) -> None:
        before, first = self._counts.get(key, (0, seen))
        self._counts[key] = (before + frames, first)

    def _judge(self) -> list[Judgement]:
        second = self._second
        assert second is not None
        out = []
        for key, (frames, seen) in self._counts.items():
            most = self._envelope.count(key, second, frames)
            if most is not None:
                out.append(flood(key, second, frames, most, seen))
        self._counts.clear()
        return out


def _address(high: int, low: int) -> str:
    return str(IPv6Address(high << 64 | low)) if high else str(IPv4Address(low & 0xFFFF_FFFF))
