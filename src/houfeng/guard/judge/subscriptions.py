"""Judges who is handed which channels, and whether servers say so themselves."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from houfeng.guard.judge.agreement import Agreement
from houfeng.guard.judge.collecting import Collecting
from houfeng.guard.judge.grants import Grants
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Observation, Subscription, time_of

#: Readers, and readers with stations, that were told of and are remembered; of more, the longest quiet are forgotten
#: and may be told of again.
MOST_TOLD: Final = 1 << 16

_RULES: Final = rules_of("subscriptions")
_WHAT: Final = {False: ("asked for", "请求"), True: ("was handed", "获得")}


class Subscribers:
    """A stage: observations in, judgements out. Only subscriptions are judged; the rest say that the wire was watched.

    allowed      reader's address, network or name -> patterns of the channels it may have; the whole list
    server_logs  eyes that are servers' own logs, by name; all others watch the wire. A log that does not say which
                 server it is of is compared where the wire shows but one server of its service

    A recording ends with elapse(LATEST_NS): what the wire says within patience_s of an entry of a log still counts.
    Raises ValueError for an entry that is no address and no network.
    """

    def __init__(self, allowed: Mapping[str, Sequence[str]], server_logs: Collection[str] = ()) -> None:
        self._grants = Grants(allowed)
        self._logs = frozenset(server_logs)
        self._told: OrderedDict[tuple[str, str], tuple[int, bool]] = OrderedDict()
        self._given: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._collecting = Collecting()
        self._agreement = Agreement()

    def handle(self, value: Observation) -> Iterator[Judgement]:
        """Something was seen."""
        logged = value.seen.eye in self._logs
        if not isinstance(value, Subscription):
            self._agreement.watched(time_of(value))
            return
        self._agreement.heard(value, logged=logged)
        if value.direction == "in":
            self._collecting.known(value.channel, value.end_ns)
            return
        grant = self._grants.of(value.reader)
        if value.packets and not (grant is not None and grant.personal):
            self._collecting.took(value, stranger=grant is None)
        elif value.packets:
            self._collecting.known(value.channel, value.end_ns)
        if grant is None:
            yield from self._stranger(value, logged=logged)
        elif (value.packets or _is_one(value.channel)) and not grant.covers(value.channel):
            yield from self._say("channel-not-granted", value, f"{value.reader} {_station(value.channel)}")

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Time passed, by the clock of what is observed."""
        yield from self._collecting.elapse(now_ns)
        yield from self._agreement.elapse(now_ns)

    def _stranger(self, value: Subscription, *, logged: bool) -> Iterator[Judgement]:
        # What the log says the wire has said already, or will not.
        if not logged:
            packets, count_bytes = self._given.pop(value.reader, (0, 0))
            self._given[value.reader] = (packets + value.packets, count_bytes + value.count_bytes)
            if len(self._given) > MOST_TOLD:
                self._given.popitem(last=False)
        yield from self._say("unknown-reader", value, value.reader)

    def _say(self, detector: str, value: Subscription, subject: str) -> Iterator[Judgement]:
        """Say it once, again when asking became having, and once a day while it lasts."""
        given = value.packets > 0
        told_ns, had = self._told.get((detector, subject), (None, False))
        limits = _RULES[detector].limits
        again = told_ns is None or value.end_ns - told_ns >= limits["told_again_after_s"] * NS_PER_S
        if not again and (had or not given):
            return
        self._told[detector, subject] = (value.end_ns, given or had)
        self._told.move_to_end((detector, subject))
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        packets, count_bytes = self._given.get(value.reader, (value.packets, value.count_bytes))
        what, what_zh = _WHAT[given]
        facts = {
            "service": value.service,
            "channel": value.channel,
            "what": what,
            "what_zh": what_zh,
            "packets": str(packets),
            "bytes": str(count_bytes),
        }
        wanted = _RULES[detector].facts
        yield Judgement(
            detector=detector,
            time_ns=value.end_ns,
            until_ns=value.end_ns,
            subject=value.reader,
            peer=value.server,
            severity="high" if given else "medium",
            probability=limits["probability_given" if given else "probability_asked"],
            facts=tuple((name, text) for name, text in facts.items() if name in wanted),
            evidence=(value.seen,),
            station=_station(value.channel),
        )


def _is_one(channel: str) -> bool:
    return "*" not in channel and "?" not in channel


def _station(channel: str) -> str:
    """NET.STA of a channel, "" where a pattern leaves it open."""
    station = ".".join(channel.split(".")[:2])
    return station if _is_one(station) else ""
