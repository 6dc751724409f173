"""Judges readers who collect together: remembers who took what within a day, and asks now and then."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.together import Coalition, coalition_of
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Seen, Subscription

#: Readers remembered: those without an entry of their own. The rest of a crowd is let go by.
MOST_READERS: Final = 1024

#: Channels remembered, and channels of one reader: a nation's.
MOST_CHANNELS: Final = 1 << 16

#: Parties named in one sentence.
_NAMED: Final = 8

_DETECTOR: Final = "collecting-together"
_KINDS: Final = {"station": ("channels", "通道"), "network": ("stations", "台站")}


class Collecting:
    """Part of Subscribers: see houfeng.guard.judge.together for what is asked."""

    def __init__(self) -> None:
        self._limits = rules_of("subscriptions")[_DETECTOR].limits
        self._channels: dict[str, int] = {}
        self._takes: dict[str, dict[str, int]] = {}
        self._strangers: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._asked_ns: int | None = None
        self._changed = False
        self._told: dict[str, tuple[frozenset[str], int]] = {}
        self._last_ns = 0

    def known(self, channel: str, time_ns: int) -> None:
        """There is such a channel."""
        if channel in self._channels or len(self._channels) < MOST_CHANNELS:
            self._changed = self._changed or channel not in self._channels
            self._channels[channel] = time_ns

    def took(self, one: Subscription, *, stranger: bool) -> None:
        """A reader without an entry of its own was handed a channel."""
        self.known(one.channel, one.end_ns)
        self._last_ns = max(self._last_ns, one.end_ns)
        take = self._takes.get(one.reader)
        if take is None:
            if len(self._takes) >= MOST_READERS:
                return
            take = self._takes[one.reader] = {}
        self._changed = self._changed or one.channel not in take
        if one.channel in self._channels:
            take[one.channel] = one.end_ns
        self._seen[one.reader] = one.seen
        if stranger:
            self._strangers.add(one.reader)

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Ask, when something changed and it is time."""
        if not self._changed or not self._takes:
            return
        every_ns = int(self._limits["judged_every_s"] * NS_PER_S)
        if self._asked_ns is None:
            self._asked_ns = self._last_ns
        if now_ns - self._asked_ns < every_ns:
            return
        self._asked_ns, self._changed = now_ns, False
        # At the end of a recording time leaps; what it holds is not older for that.
        self._forget(min(now_ns, self._last_ns))
        yield from self._ask("station")
        yield from self._ask("network")

    def _forget(self, now_ns: int) -> None:
        since_ns = now_ns - int(self._limits["window_s"] * NS_PER_S)
        self._channels = {channel: ns for channel, ns in self._channels.items() if ns >= since_ns}
        takes = {
            reader: {channel: ns for channel, ns in take.items() if ns >= since_ns}
            for reader, take in self._takes.items()
        }
        self._takes = {reader: take for reader, take in takes.items() if take}
        self._strangers &= self._takes.keys()
        self._seen = {reader: seen for reader, seen in self._seen.items() if reader in self._takes}

    def _ask(self, level: Literal["station", "network"]) -> Iterator[Judgement]:
        units: dict[str, set[str]] = {}
        for channel in self._channels:
            of, unit = _place(channel, level)
            units.setdefault(of, set()).add(unit)
        takes: dict[str, dict[str, set[str]]] = {}
        for reader, take in self._takes.items():
            for channel in take:
                of, unit = _place(channel, level)
                takes.setdefault(of, {}).setdefault(reader, set()).add(unit)
        for of, by_reader in sorted(takes.items()):
            if len(units[of]) >= self._limits["least_units"] and len(by_reader) > 1:
                yield from self._judge(level, of, len(units[of]), by_reader)

    def _judge(
        self, level: Literal["station", "network"], of: str, units: int, takes: Mapping[str, set[str]]
    ) -> Iterator[Judgement]:
        limits = self._limits
        found = coalition_of(
            takes,
            units,
            most_share_alone=limits["most_share_alone"],
            least_share_together=limits["least_share_together"],
        )
        if found is None:
            return
        strangers = self._strangers.issuperset(found.parties)
        most_chance = limits["most_chance_strangers" if strangers else "most_chance_granted"]
        told, told_ns = self._told.get(of, (frozenset(), 0))
        again = told != frozenset(found.parties) or self._last_ns - told_ns >= limits["window_s"] * NS_PER_S
        if found.chance <= most_chance and again:
            self._told[of] = (frozenset(found.parties), self._last_ns)
            yield self._judgement(level, of, units, found)

    def _judgement(self, level: Literal["station", "network"], of: str, units: int, found: Coalition) -> Judgement:
        more = len(found.parties) - _NAMED
        parties = ", ".join(found.parties[:_NAMED]) + (f" (+{more})" if more > 0 else "")
        kind, kind_zh = _KINDS[level]
        return Judgement(
            detector=_DETECTOR,
            time_ns=self._last_ns,
            until_ns=self._last_ns,
            subject=found.parties[0],
            peer="",
            severity="medium",
            probability=self._limits["probability"],
            facts=(
                ("parties", parties),
                ("covered", str(found.covered)),
                ("units", str(units)),
                ("kind", kind),
                ("kind_zh", kind_zh),
                ("of", of),
                ("chance", f"{found.chance:.1g}"),
            ),
            evidence=tuple(self._seen[party] for party in found.parties[:_NAMED]),
            station=of if level == "station" else "",
        )


def _place(channel: str, level: Literal["station", "network"]) -> tuple[str, str]:
    """What a channel is part of, and which unit of it."""
    network, station, *_ = (*channel.split("."), "", "")
    return (f"{network}.{station}", channel) if level == "station" else (network, station)
