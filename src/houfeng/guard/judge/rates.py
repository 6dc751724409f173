"""Whether conversations send as fast as they can and as slowly as they may."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from houfeng.guard.judge.increments import Increment, Increments
from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.spells import Spells
from houfeng.words.conduct import Allowed, Envelope
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Seen


@dataclass(slots=True)
class _Window:
    """What one conversation sent of late, client first. credit_bytes is what it may send at once after a silence."""

    start_ns: int
    end_ns: int
    seen: Seen
    ends: tuple[str, str]
    bytes: list[int] = field(default_factory=lambda: [0, 0])
    credit_bytes: list[float] = field(default_factory=lambda: [0.0, 0.0])
    under: list[int] = field(default_factory=lambda: [0, 0])


class Rates:
    """The present window of every conversation that has an envelope."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._limits = rules_of("newcomers")["rate-off"].limits
        self._increments, self._spells = Increments(), Spells()
        self._windows: dict[Allowed, _Window] = {}

    def handle(self, flow: Flow, allowed: Allowed) -> Iterator[Judgement]:
        """A conversation was heard of, again or at its end."""
        if allowed.client_rate is None and allowed.server_rate is None:
            return
        new = self._increments.of(flow)
        window = self._windows.get(allowed)
        length_ns = seconds_to_ns(self._limits["window_s"])
        if window is None:
            window = self._windows[allowed] = self._opened(flow, new, allowed, None)
        elif new.end_ns >= window.start_ns + length_ns and new.start_ns >= window.start_ns + length_ns // 2:
            # What several sessions at a time send is told session by session: a window takes them all in, and is
            # closed by the first instalment that belongs to the next.
            yield from self._closed(allowed, window)
            window = self._windows[allowed] = self._opened(flow, new, allowed, window)
        window.end_ns = max(window.end_ns, new.end_ns)
        window.bytes[0] += new.client_bytes
        window.bytes[1] += new.server_bytes

    def elapse(self, now_ns: int) -> Iterator[Judgement]:
        """Time passed: what nothing more will come for is judged."""
        waited_ns = 2 * seconds_to_ns(self._limits["window_s"])
        for allowed, window in self._windows.items():
            if any(window.bytes) and now_ns >= window.end_ns + waited_ns:
                yield from self._closed(allowed, window)
                window.start_ns, window.bytes = window.end_ns, [0, 0]

    def _opened(self, flow: Flow, new: Increment, allowed: Allowed, before: _Window | None) -> _Window:
        window = _Window(new.start_ns, new.end_ns, flow.seen, (flow.client, flow.server))
        held_s = self._limits["held_s"]
        for k, envelope in enumerate((allowed.client_rate, allowed.server_rate)):
            if envelope is None:
                continue
            silent_s = held_s if before is None else (new.start_ns - before.end_ns) / NS_PER_S
            left = before.credit_bytes[k] if before else 0.0
            most = envelope.high_bytes_per_s * self._limits["most_held_s"]
            window.credit_bytes[k] = min(most, left + envelope.high_bytes_per_s * max(0.0, silent_s))
            window.under[k] = before.under[k] if before else 0
        return window

    def _closed(self, allowed: Allowed, window: _Window) -> Iterator[Judgement]:
        whole_s = self._limits["window_s"]
        span_s = (window.end_ns - window.start_ns) / NS_PER_S
        for k, envelope in enumerate((allowed.client_rate, allowed.server_rate)):
            if envelope is None:
                continue
            sent = window.bytes[k]
            over = sent - envelope.high_bytes_per_s * max(span_s, whole_s) - self._limits["slack_bytes"]
            used = min(max(over, 0.0), window.credit_bytes[k])
            window.credit_bytes[k] -= used
            thin = span_s >= whole_s and sent < envelope.low_bytes_per_s * span_s
            # A window told in one long instalment counts as the windows it is made of.
            window.under[k] = window.under[k] + int(span_s // whole_s) if thin else 0
            if over > used or window.under[k] >= self._limits["under_windows"]:
                yield from self._tell(allowed, window, k, envelope, max(span_s, whole_s))

    def _tell(
        self, allowed: Allowed, window: _Window, k: int, envelope: Envelope, span_s: float
    ) -> Iterator[Judgement]:
        key = (allowed.protocol, allowed.server_port, window.ends, k)
        if not self._spells.begins(key, window.end_ns, seconds_to_ns(self._limits["quiet_s"])):
            return
        yield Judgement(
            detector="rate-off",
            time_ns=window.end_ns,
            until_ns=window.end_ns,
            subject=window.ends[k],
            peer=window.ends[1 - k],
            severity="medium",
            probability=self._limits["probability"],
            facts=(
                ("service", f"{allowed.protocol}/{allowed.server_port}"),
                ("rate", f"{window.bytes[k] / span_s:.0f}"),
                ("span_s", f"{span_s:.0f}"),
                ("low", f"{envelope.low_bytes_per_s:.0f}"),
                ("high", f"{envelope.high_bytes_per_s:.0f}"),
            ),
            evidence=(window.seen,),
            station=self._station,
        )
