"""Whether every address comes from the MAC address that the profile gives it."""

from collections.abc import Iterator
from typing import Final

from houfeng.guard.conduct.allows import Detector
from houfeng.guard.conduct.learn_hosts import is_group
from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.spells import Few, Spells
from houfeng.words.instant import seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Binding, Flow

_SHOWN: Final = 60


class Bindings:
    """Judges bindings, and flows by the MAC addresses their eye saw. Says nothing where the profile binds nothing."""

    def __init__(self, detector: Detector, station: str) -> None:
        self._detector, self._station = detector, station
        self._spells, self._owners = Spells(), Spells()
        self._rules = rules_of("newcomers")
        limits = self._rules["unknown-mac"].limits
        self._few = Few(int(limits["strangers"]), seconds_to_ns(limits["strangers_s"]))

    def handle(self, value: Binding | Flow) -> list[Judgement]:
        """Somebody used or claimed an address."""
        if not self._detector.macs:
            return []
        claims = [value] if isinstance(value, Binding) else _claims(value)
        return [judgement for claim in claims for judgement in self._judge(claim)]

    def _judge(self, claim: Binding) -> Iterator[Judgement]:
        if self._detector.binding_ok(claim):
            if self._detector.macs_of(claim.address):
                self._owners.begins(claim.address, claim.time_ns, 0)
            return
        owners = self._detector.macs_of(claim.address)
        known = bool(owners) or claim.mac in self._detector.macs
        name = "binding-broken" if known else "unknown-mac"
        rule = self._rules[name]
        key = (name, claim.mac, claim.address) if known else (name, claim.mac)
        before_ns, owner_ns = self._spells.last_ns(key), self._owners.last_ns(claim.address)
        # An eye says of a claim that goes on so only once a minute. If its owner used the address in between, though,
        # the eye has told that too, and the claim would have been told again at once had it gone on.
        mended = before_ns is not None and owner_ns is not None and owner_ns > before_ns
        quiet_ns = seconds_to_ns(rule.limits["quiet_s" if mended else "lasting_s"])
        begins = self._spells.begins(key, claim.time_ns, quiet_ns)
        if begins and (known or self._few.admits(name, claim.time_ns)):
            # A known host with an address of nobody has mostly been given a new one.
            free = known and not owners
            yield Judgement(
                detector=name,
                time_ns=claim.time_ns,
                until_ns=claim.time_ns,
                subject=claim.mac[:_SHOWN],
                peer=claim.address[:_SHOWN],
                severity="low" if free else "high" if known else "medium",
                probability=rule.limits["free_probability" if free else "probability"],
                facts=(
                    ("address", claim.address[:_SHOWN]),
                    ("owner", ", ".join(sorted(owners)) or "nobody"),
                    ("how", claim.how),
                ),
                evidence=(claim.seen,),
                station=self._station,
            )


def _claims(flow: Flow) -> Iterator[Binding]:
    """What a flow shows of bindings. Only who sent something has used an address."""
    sides = (
        (flow.client, flow.client_mac, flow.client_packets),
        (flow.server, flow.server_mac, flow.server_packets),
    )
    for address, mac, packets in sides:
        if mac and packets and not is_group(address):
            yield Binding(flow.seen, flow.end_ns, address, mac, "ip")
