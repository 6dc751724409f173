"""Observations made up for the judges' tests, in seconds since an instant."""

from houfeng.guard.judge.rules import LANGUAGES, all_rules
from houfeng.words.instant import seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Asked, Flow, Login, Lookup, Outcome, Seen

DAWN_NS = 1_700_000_000 * 10**9


def flow(
    at_s: float, client: str, server: str, port: int, outcome: Outcome = "answered", *, protocol: str = "tcp",
    took_s: float = 0.1, sent: int = 2000, packets: int = 12, client_port: int = 50000, payload: int | None = 400,
    ongoing: bool = False, begun: bool = True, service: str = "", eye: str = "wire",
) -> Flow:  # fmt: skip
    start_ns = DAWN_NS + seconds_to_ns(at_s)
    back = packets if outcome == "answered" else int(outcome == "refused")
    if outcome in {"refused", "unanswered"}:
        packets, sent, payload = 1, 60, 0
    return Flow(
        Seen(eye, 1 + int(abs(at_s) * 1000)), start_ns, start_ns + seconds_to_ns(took_s), client, client_port, server,
        port, protocol, packets, back, sent, sent if back else 0, payload, payload if back else 0, outcome,
        begun=begun, ongoing=ongoing, service=service,
    )  # fmt: skip


def login(
    at_s: float, source: str, user: str = "root", *, accepted: bool = False, tries: int = 1, host: str = "gateway",
    eye: str = "auth.log",
) -> Login:  # fmt: skip
    time_ns = DAWN_NS + seconds_to_ns(at_s)
    return Login(Seen(eye, 1 + int(at_s)), time_ns, source, host, "ssh", user, accepted, tries)


def asked(at_s: float, asker: str, target: str, mac: str = "02:00:00:00:00:66") -> Asked:
    return Asked(Seen("wire", 1 + int(at_s * 1000)), DAWN_NS + seconds_to_ns(at_s), asker, mac, target)


def lookup(
    at_s: float, client: str, name: str, answer: str = "NOERROR", kind: str = "A", server: str = "10.0.0.1"
) -> Lookup:
    return Lookup(Seen("dns", 1 + int(at_s * 1000)), DAWN_NS + seconds_to_ns(at_s), client, server, name, kind, answer)


def heard(judge, observations) -> list[Judgement]:
    """What a judge says to observations in this order."""
    return [found for observation in observations for found in judge.handle(observation)]


def said(judgement: Judgement) -> list[str]:
    """A judgement in words, in all languages; fails where its facts do not fill them."""
    rule = all_rules()[judgement.detector]
    facts = dict(judgement.facts)
    return [
        rule.reason[language].format(subject=judgement.subject, peer=judgement.peer, **facts) for language in LANGUAGES
    ]


def kinds(judgements) -> list[tuple[str, str, str]]:
    return [(one.detector, one.subject, one.peer) for one in judgements]
