"""Whether conversations that have a rhythm keep it."""

from collections.abc import Iterator
from dataclasses import dataclass

from houfeng.guard.judge.rules import rules_of
from houfeng.words.conduct import Allowed, Conduct
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow


@dataclass(slots=True)
class _Talk:
    heard_ns: int
    told_times: int
    last: Flow
    missing: bool = False


class Talks:
    """When each conversation with a rhythm was last heard."""

    def __init__(self, conduct: Conduct, station: str) -> None:
        self._station = station
        self._limits = rules_of("newcomers")["talk-missing"].limits
        rhythmic = (each for each in conduct.allowed if each.rhythm in ("continuous", "every"))
        self._silence_ns = {each: self._longest_ns(each) for each in rhythmic}
        self._talks: dict[Allowed, _Talk] = {}

    def handle(self, flow: Flow, allowed: Allowed) -> None:
        """A conversation was heard of."""
        silence_ns = self._silence_ns.get(allowed)
        if silence_ns is None:
            return
        talk = self._talks.get(allowed)
        if talk is None:
            self._talks[allowed] = _Talk(flow.end_ns, 1, flow)
            return
        before, talk.last = talk.last, flow
        if _is_half(before, flow):
            return
        in_rhythm = flow.end_ns - talk.heard_ns <= silence_ns
        talk.told_times = talk.told_times + 1 if in_rhythm else 1
        talk.heard_ns, talk.missing = max(talk.heard_ns, flow.end_ns), False

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Time passed: what has been silent for too long."""
        for allowed, talk in self._talks.items():
            late_ns = talk.heard_ns + self._silence_ns[allowed]
            if talk.missing or now_ns <= late_ns or talk.told_times < self._limits["confirmed"]:
                continue
            talk.missing = True
            usual = f"every {allowed.every_s:g} s" if allowed.rhythm == "every" else "always"
            yield Judgement(
                detector="talk-missing",
                time_ns=late_ns,
                until_ns=now_ns,
                subject=allowed.client[0],
                peer=allowed.server[0],
                severity="medium",
                probability=self._limits["probability"],
                facts=(
                    ("service", f"{allowed.protocol}/{allowed.server_port}"),
                    ("silent_s", str((now_ns - talk.heard_ns) // NS_PER_S)),
                    ("usual", usual),
                ),
                evidence=(talk.last.seen,),
                station=self._station,
            )

    def _longest_ns(self, allowed: Allowed) -> int:
        rhythm_s = allowed.every_s if allowed.rhythm == "every" else self._limits["continuous_s"]
        return round((self._limits["times"] * rhythm_s + self._limits["telling_s"]) * NS_PER_S)


def _is_half(before: Flow, flow: Flow) -> bool:
    """Whether of a connection in which both had spoken only one has gone on: what it says is sent again, to nobody.

    Whoever lives acknowledges what it is sent (RFC 9293, section 3.8.6.3).
    """
    told = (before.protocol, before.start_ns, before.client_port, before.server)
    if (
        told != ("tcp", flow.start_ns, flow.client_port, flow.server)
        or not before.client_packets * before.server_packets
    ):
        return False
    more = flow.client_packets > before.client_packets, flow.server_packets > before.server_packets
    return more[0] != more[1]
