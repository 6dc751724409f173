"""Learn a conduct profile from clean days, and refuse days that look wrong.

A profile learned from a day with an intruder in it calls the intruder normal for ever. So nothing is learned from a
day that a judge who needs no profile finds fault with, and all that would be trusted is listed for a person to sign.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from houfeng.guard.conduct.learn_doubts import doubts_of, neighbours_of
from houfeng.guard.conduct.learn_hosts import hosts_of, is_group
from houfeng.guard.conduct.tally import Tally, tallies_of
from houfeng.words.conduct import ASKING, Allowed, Conduct, Envelope, Host, Reads, Rhythm
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Asked, Binding, Flow, Observation, Subscription

#: A conversation is continuous when it has packets, one a minute at least, in this share of the time from its first
#: packet on: that leaves an hour a day for faults and for calling again. Bursts with pauses are not.
CONTINUOUS_SHARE: Final = 0.95

#: It must also have been there for half of what was watched: what began at the end may end soon. Of what was there for
#: so long the rate is learned too.
WATCHED_SHARE: Final = 0.5

#: It takes three gaps to see that gaps are alike.
FEWEST_REGULAR: Final = 4

#: Gaps are alike when half of them lie within this share of their median: polls by cron or by a loop with a sleep do.
REGULAR_SHARE: Final = 0.5

#: What the best and the worst that Steim compression can do lie apart: Steim2 puts seven differences of 4 bits into a
#: word on a still day and one of 30 bits in strong shaking. A day that was learned lay somewhere between, so the rate
#: may become this much higher or lower for no other reason than the ground. Source: SEED 2.4, appendix B.
STEIM_SPAN: Final = 7.0

#: Below one full packet a minute nothing is said of a rate.
FLOOR_BYTES_PER_S: Final = 1500 / 60


#: Whoever is on the link has spoken by then: leases last a day as a rule, and are renewed at half of that (RFC 2131
#: section 4.4.5). A profile from less does not claim to know all hosts.
CLOSED_NS: Final = 12 * 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of learning.

    conduct  the profile, None where there are doubts
    doubts   why these days are not to be learned from, a sentence each
    trusts   what would be trusted, a line each, for a person to sign off; what was left out stands there too
    """

    conduct: Conduct | None
    doubts: tuple[str, ...]
    trusts: tuple[str, ...]


def learn(
    observations: Iterable[Observation],
    judgements: Sequence[Judgement] = (),
    *,
    name: str,
    stations: Sequence[str] = (),
) -> Learned:
    """Learn from observations of clean days.

    observations  of all eyes, in order of time_of
    judgements    what the judges that need no profile said of the same days; any but "info" is a doubt
    name          of the profile
    stations      addresses of the guarded hosts; none: every host of the profile is guarded
    """
    seen = list(observations)
    flows = [one for one in seen if isinstance(one, Flow)]
    bindings = [one for one in seen if isinstance(one, Binding)]
    asked = [one for one in seen if isinstance(one, Asked)]
    subscriptions = [one for one in seen if isinstance(one, Subscription)]
    tallies = tallies_of(flows)
    doubts = doubts_of(tallies, bindings, asked, judgements)
    groups, left_out = _grouped(tallies, neighbours_of(bindings))
    allowed = tuple(_allowed(group, _watched(tallies)) for group in groups)
    hosts = hosts_of(allowed, bindings, stations)
    trusts = (*_signed(hosts, allowed), *left_out)
    if doubts:
        return Learned(None, tuple(doubts), trusts)
    begun_ns, ended_ns = _watched(tallies)
    closed = ended_ns - begun_ns >= CLOSED_NS
    return Learned(Conduct(name, hosts, allowed, reads=_reads(subscriptions), closed=closed), (), trusts)


def _watched(tallies: Sequence[Tally]) -> tuple[int, int]:
    return min((t.start_ns for t in tallies), default=0), max((t.end_ns for t in tallies), default=0)


def _grouped(tallies: Sequence[Tally], neighbours: frozenset[str]) -> tuple[list[list[Tally]], list[str]]:
    """Conversations of the same two hosts on the same service, and what is no conversation to be learned."""
    groups: dict[tuple[str, str, str, int], list[Tally]] = {}
    for tally in tallies:
        groups.setdefault((tally.client, tally.server, tally.protocol, tally.server_port), []).append(tally)
    friends = {frozenset(key[:2]) for key, group in groups.items() if any(t.answered for t in group)}
    asked_groups = {(t.client, t.client_port) for t in tallies if t.protocol == "udp" and is_group(t.server)}
    kept, left_out = [], []
    for key, group in groups.items():
        client, server, protocol, port = key
        why = ""
        if protocol in ASKING and port not in ASKING[protocol]:
            why = "no conversation of its own: an answer, an error or chatter of the link"
        elif protocol in ("tcp", "udp") and port == 0:
            why = "without a port"
        elif protocol == "udp" and (server, port) in asked_groups and not is_group(server):
            why = "an answer to a question asked of a group"
        elif protocol == "tcp" and not (
            any(t.answered for t in group) or frozenset((client, server)) in friends or server in neighbours
        ):
            why = "a call that was never answered"
        if why:
            left_out.append(f"left out: {client} to {server} {protocol}/{port}, {why}")
        else:
            kept.append(group)
    return kept, left_out


def _allowed(group: Sequence[Tally], watched: tuple[int, int]) -> Allowed:
    first = group[0]
    service = next((t.service for t in group if t.service), "")[:60]
    rhythm, every_s = _rhythm(group, watched)
    rates: tuple[Envelope | None, Envelope | None] = None, None
    if sum(t.dense_ns for t in group) >= WATCHED_SHARE * (watched[1] - watched[0]):
        lasted_s = sum(t.end_ns - t.start_ns for t in group) / 1e9
        sent = [(sum(t.bytes[k] for t in group), sum(t.packets[k] for t in group)) for k in (0, 1)]
        rates = _envelope(*sent[0], lasted_s), _envelope(*sent[1], lasted_s)
    sides = (first.client,), (first.server,), first.protocol, first.server_port
    return Allowed(*sides, service, rhythm, every_s, (), *rates)


def _rhythm(group: Sequence[Tally], watched: tuple[int, int]) -> tuple[Rhythm, float]:
    starts = sorted(t.start_ns for t in group)
    dense_ns = sum(t.dense_ns for t in group)
    least_ns = max(CONTINUOUS_SHARE * (watched[1] - starts[0]), WATCHED_SHARE * (watched[1] - watched[0]))
    if 0 < least_ns <= dense_ns:
        return "continuous", 0.0
    gaps_ns = [after - before for before, after in pairwise(starts) if after > before]
    if len(gaps_ns) + 1 < FEWEST_REGULAR:
        return "rare", 0.0
    usual_ns = median(gaps_ns)
    spread_ns = median(abs(gap_ns - usual_ns) for gap_ns in gaps_ns)
    regular = spread_ns <= REGULAR_SHARE * usual_ns
    return ("every", round(usual_ns / 1e9, 3) or 0.001) if regular else ("rare", 0.0)


def _envelope(count_bytes: int, packets: int, lasted_s: float) -> Envelope | None:
    """What was seen, and as much more or less as compression alone can make of it."""
    if lasted_s <= 0:
        return None
    usual = count_bytes / lasted_s
    low = usual / STEIM_SPAN if usual >= FLOOR_BYTES_PER_S else 0.0
    high = max(usual * STEIM_SPAN, usual + FLOOR_BYTES_PER_S)
    return Envelope(round(low, 3), max(round(usual, 3), round(low, 3)), round(high, 3), round(packets / lasted_s, 3))


def _reads(subscriptions: Iterable[Subscription]) -> tuple[Reads, ...]:
    found: dict[str, set[str]] = {}
    for each in subscriptions:
        if each.direction == "out":
            found.setdefault(each.reader, set()).add(each.channel[:60])
    return tuple(Reads(reader, tuple(sorted(channels))) for reader, channels in sorted(found.items()))


def _signed(hosts: Iterable[Host], allowed: Iterable[Allowed]) -> Iterable[str]:
    for host in hosts:
        if host.macs:
            yield f"{', '.join(host.addresses) or 'others'} seen from {', '.join(host.macs)} ({host.role})"
    for each in allowed:
        how = f"every {each.every_s:g} s" if each.rhythm == "every" else each.rhythm
        yield f"{each.client[0]} to {each.server[0]} {each.protocol}/{each.server_port}, {how}"
