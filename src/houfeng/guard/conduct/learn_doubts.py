"""Why a day is not to be learned from."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from houfeng.guard.conduct.allows import is_unsettled
from houfeng.guard.conduct.tally import Tally
from houfeng.words.judgement import Judgement
from houfeng.words.network import Asked, Binding

#: A station calls a time server, a resolver, a log host and its readers' side: more targets than these in vain are no
#: outage of one of them.
MOST_IN_VAIN: Final = 5

#: A host asks its link for its gateway and the few hosts it talks to; a sweep asks for a whole network.
MOST_ASKED: Final = 16

#: Once is a typing error, twice a retry; a program that goes on calling a stranger in vain is one of somebody's.
MOST_REFUSED: Final = 2

#: Doubts told of each kind: the first ones show what is wrong.
MOST_TOLD: Final = 20


def doubts_of(
    tallies: Sequence[Tally], bindings: Sequence[Binding], asked: Iterable[Asked], judgements: Iterable[Judgement]
) -> list[str]:
    """Sentences, none when the days look clean."""
    kinds: tuple[Iterator[str], ...] = (
        _judged(judgements),
        _conflicts(bindings),
        _scans(tallies),
        _sweeps(asked),
        _refused(tallies, neighbours_of(bindings)),
    )
    found = [doubt for kind in kinds for doubt in list(kind)[:MOST_TOLD]]
    return found or ([] if tallies else ["no conversation was seen"])


def neighbours_of(bindings: Iterable[Binding]) -> frozenset[str]:
    """Who is on the link itself. What calls one of them in vain is a fault at home, not somebody's lost server."""
    return frozenset(binding.address for binding in bindings if binding.how == "arp")


def _judged(judgements: Iterable[Judgement]) -> Iterator[str]:
    for judgement in judgements:
        if judgement.severity != "info":
            yield f"{judgement.detector} was judged of {judgement.subject[:60]}"


def _conflicts(bindings: Iterable[Binding]) -> Iterator[str]:
    macs: dict[str, set[str]] = {}
    for binding in bindings:
        if not is_unsettled(binding.address):
            macs.setdefault(binding.address, set()).add(binding.mac)
    for address, several in macs.items():
        if len(several) > 1:
            yield f"{address} was used from {' and '.join(sorted(several)[:4])}"


def _scans(tallies: Iterable[Tally]) -> Iterator[str]:
    vain: dict[str, set[tuple[str, int]]] = {}
    for tally in tallies:
        # A datagram needs no answer: a log host never gives one.
        if not tally.answered and tally.protocol in ("tcp", "icmp", "icmp6"):
            vain.setdefault(tally.client, set()).add((tally.server, tally.server_port))
    for client, targets in vain.items():
        if len(targets) > MOST_IN_VAIN:
            yield f"{client} called {len(targets)} hosts or ports in vain: that looks like a scan"


def _sweeps(asked: Iterable[Asked]) -> Iterator[str]:
    targets: dict[str, set[str]] = {}
    for each in asked:
        targets.setdefault(each.asker_mac, set()).add(each.target)
    for mac, several in targets.items():
        if len(several) > MOST_ASKED:
            yield f"{mac} asked the link for {len(several)} addresses: that looks like a sweep"


def _refused(tallies: Iterable[Tally], neighbours: frozenset[str]) -> Iterator[str]:
    friends: set[frozenset[str]] = set()
    vain: dict[tuple[str, str, int], int] = {}
    for tally in tallies:
        if tally.answered:
            friends.add(frozenset((tally.client, tally.server)))
        elif tally.protocol == "tcp" and tally.server not in neighbours:
            key = (tally.client, tally.server, tally.server_port)
            vain[key] = vain.get(key, 0) + 1
    for (client, server, port), count in vain.items():
        if count > MOST_REFUSED and frozenset((client, server)) not in friends:
            yield f"{client} called {server} tcp/{port} {count} times and was never answered"
