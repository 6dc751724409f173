"""Password guessing: by what logs say, by the shape of encrypted sessions, and a guess that was right."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from houfeng.guard.judge.hosts import is_local, shown
from houfeng.guard.judge.recent import DISORDER_NS, HOUR_NS, Episode, Lately, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.tries import Tries
from houfeng.words.instant import DAY_NS, NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Flow, Login, Observation, Seen

#: Services that ask for a password at once, by port; an eye that names the service is believed before the port.
_SERVICES: Final = {21: "ftp", 22: "ssh", 23: "telnet", 2222: "ssh", 2323: "telnet", 3389: "rdp", 5900: "vnc"}

#: Sources, and pairs of source and server, followed at once; a whole internet guesses at an open host.
_SOURCES: Final = 4096

#: Sessions kept of a pair, and break-ins of a source: several times what is enough to judge.
_KEPT: Final = 64


@dataclass(slots=True)
class _Source:
    """What one source failed at by the logs, when that was told, and when its sessions were told last."""

    tries: Tries = field(default_factory=Tries)
    episode: Episode = field(default_factory=Episode)
    let_in: Lately[tuple[str, str]] = field(default_factory=lambda: Lately(_KEPT))
    shaped_ns: int | None = None


@dataclass(slots=True)
class _Sessions:
    """Short sessions of a client with a server: when each ended, bytes the client sent, seconds it took."""

    kept: deque[tuple[int, int, float]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    count: int = 0
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)


class Guessing:
    """Judges password-guessing and guessing-succeeded.

    One episode of a source is told once, whether a log, the shape of its sessions or both show it: the counts of
    two kinds of eyes are never added up.

    ours  whether an address is one of ours
    """

    def __init__(self, ours: Callable[[str], bool] = is_local) -> None:
        self._ours = ours
        self._guessing, self._succeeded = (
            rules_of("guessing")[name] for name in ("password-guessing", "guessing-succeeded")
        )
        self._sources: Shelf[str, _Source] = Shelf(_SOURCES, _Source)
        self._sessions: Shelf[tuple[str, str, str], _Sessions] = Shelf(_SOURCES, _Sessions)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if isinstance(observation, Login):
            return self._accepted(observation) if observation.accepted else self._failed(observation)
        if isinstance(observation, Flow):
            return self._session(observation)
        return []

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _failed(self, login: Login) -> list[Judgement]:
        source, limits = self._sources.of(login.source), self._guessing.limits
        tries, now_ns = source.tries, login.time_ns
        if not tries.add(login):
            return []
        source.episode.goes_on(now_ns, DAY_NS)
        enough = tries.since(now_ns - DAY_NS) >= limits["failures_per_day"]
        many = tries.count >= limits["surely"] or len(tries.users) >= limits["surely_users"]
        if not enough or not source.episode.tell(now_ns, tries.count, grave=many):
            return []
        if source.shaped_ns is not None and now_ns - source.shaped_ns <= HOUR_NS:  # told by its sessions
            return []
        peer = login.host if len(tries.hosts) == 1 else ""
        facts = _guesses(tries.count, str(len(tries.users)), login.service, now_ns - tries.first_ns)
        return [
            Judgement(
                "password-guessing", now_ns, now_ns, shown(login.source), shown(peer),
                self._severity(login.source) if many else "low", limits["probability" if many else "probability_few"],
                facts, _both(tries.first, login.seen),
            )
        ]  # fmt: skip

    def _accepted(self, login: Login) -> list[Judgement]:
        """Let in: a guess that was right only if this source guessed there, and at this user or down a list."""
        source, limits, now_ns = self._sources.known(login.source), self._succeeded.limits, login.time_ns
        if source is None or (login.host, login.user) in source.let_in:
            return []
        here = [
            one
            for one in source.tries.failures
            if login.host in one.hosts
            and one.service == login.service
            and -DISORDER_NS <= now_ns - one.time_ns <= DAY_NS
        ]
        count, users = sum(one.tries for one in here), {one.user for one in here}
        guessed = count >= limits["failures"] and (login.user in users or len(users) >= limits["list_of_users"])
        if not guessed or now_ns - here[-1].time_ns > seconds_to_ns(limits["after_s"]):
            source.tries.forgive(login.user)
            return []
        for host in here[-1].hosts:
            source.let_in.add((host, login.user), now_ns)
        # Somebody who forgot a password fails a few times as one user; behind one address several may, over a day.
        quick = sum(one.tries for one in here if now_ns - one.time_ns <= HOUR_NS) >= limits["failures"]
        surely = count >= limits["surely"] or (quick and len(users) >= limits["list_of_users"])
        facts = (
            ("count", str(count)),
            ("user", shown(login.user) or "?"),
            ("service", shown(login.service)),
            ("seconds", f"{max(0, now_ns - here[-1].time_ns) / NS_PER_S:.0f}"),
        )
        return [
            Judgement(
                "guessing-succeeded", now_ns, now_ns, shown(login.source), shown(login.host),
                "high" if surely else "medium", limits["probability" if surely else "probability_few"],
                facts, _both(here[0].seen, login.seen),
            )
        ]  # fmt: skip

    def _session(self, flow: Flow) -> list[Judgement]:
        service, limits, now_ns = (
            flow.service or _SERVICES.get(flow.server_port, ""),
            self._guessing.limits,
            flow.end_ns,
        )
        if service not in _SERVICES.values() or not _is_short(flow, limits["session_s"]):
            return []
        sessions = self._sessions.of((flow.client, flow.server, service))
        if not sessions.episode.goes_on(now_ns, seconds_to_ns(limits["quiet_s"])):
            sessions.kept.clear()
            sessions.count, sessions.first = 0, flow.seen
        sessions.kept.append((now_ns, flow.client_bytes, (now_ns - flow.start_ns) / NS_PER_S))
        sessions.count += 1
        least = limits["sessions_ftp" if service == "ftp" else "sessions"]
        lately = [one for one in sessions.kept if one[0] >= now_ns - seconds_to_ns(limits["sessions_s"])]
        if len(lately) < least or not _alike([size for _, size, _ in lately], limits["alike"]):
            return []
        if not sessions.episode.tell(now_ns, sessions.count):
            return []
        source = self._sources.of(flow.client)
        source.shaped_ns = now_ns
        if source.episode.told and now_ns - source.episode.last_ns <= HOUR_NS:  # told by a log
            return []
        patient = median(took_s for *_, took_s in lately) >= limits["pause_s"]
        facts = _guesses(sessions.count, "?", service, now_ns - sessions.episode.first_ns)
        return [
            Judgement(
                "password-guessing", now_ns, now_ns, flow.client, flow.server, self._severity(flow.client),
                limits["probability_sessions" if patient else "probability_few"],
                facts, _both(sessions.first, flow.seen),
            )
        ]  # fmt: skip

    def _severity(self, source: str) -> Severity:
        """Strangers guess at every open port; one of ours that guesses is in other hands."""
        return "high" if self._ours(source) else "medium"


def _guesses(count: int, users: str, service: str, span_ns: int) -> tuple[tuple[str, str], ...]:
    seconds = f"{max(0, span_ns) / NS_PER_S:.0f}"
    return ("count", str(count)), ("users", users), ("service", shown(service)), ("seconds", seconds)


def _both(first: Seen | None, last: Seen) -> tuple[Seen, ...]:
    return (last,) if first is None or first == last else (first, last)


def _is_short(flow: Flow, longest_s: float) -> bool:
    """Whether both sides talked, and not for long: what a try at a password looks like."""
    if flow.ongoing or not flow.begun or flow.protocol != "tcp" or flow.outcome in {"refused", "unanswered"}:
        return False
    said = flow.client_payload_bytes if flow.client_payload_bytes is not None else flow.client_bytes - 60
    return said > 0 and flow.client_packets > 4 and flow.end_ns - flow.start_ns <= seconds_to_ns(longest_s)


def _alike(sizes: list[int], within: float) -> bool:
    """Whether four in five sizes lie near their median."""
    middle = median(sizes)
    return sum(abs(size - middle) <= within * middle for size in sizes) >= 0.8 * len(sizes)
