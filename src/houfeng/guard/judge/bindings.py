"""Judges which device is behind which address, without being told: whoever takes a held address is heard of.

Works on claims (ARP) and uses (IP) of addresses. Only addresses that somebody claimed on this network are judged:
of all others the MAC address is a router's.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.rules import rules_of
from houfeng.guard.judge.virtual_macs import is_virtual
from houfeng.words.instant import EARLIEST_NS, NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement, Severity
from houfeng.words.network import Asked, Binding, Observation, Seen

#: Addresses kept in mind: a /20 full of devices. More are the work of somebody who makes them up.
MOST_ADDRESSES: Final = 4096
#: Devices per address, and addresses per device.
MOST_DEVICES: Final = 8
MOST_USED: Final = 16

_MINUTE_NS: Final = 60 * NS_PER_S
#: Addresses that belong to nobody.
_NOBODY: Final = frozenset({"", "0.0.0.0", "::", "255.255.255.255"})  # noqa: S104


#: A question by ARP is answered within this: RFC 1122 (2.3.2.1) has askers wait a second before they ask again.
_ANSWERED_NS: Final = 5 * NS_PER_S


@dataclass(slots=True)
class _Held:
    """A device that claimed or used an address: since when, until when, and when a conflict over it last showed.

    asserted  whether it has only ever claimed the address, and not when somebody had asked who has it
    """

    first_ns: int
    last_ns: int
    seen: Seen
    conflict_ns: int | None = None
    asserted: bool = False


@dataclass(slots=True)
class _Device:
    """A MAC address: what it alone uses without anybody's claim, and what it took from others, with times."""

    passes_on: set[str] = field(default_factory=set)
    taken: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=MOST_USED))
    gathered_ns: int | None = None


class BindingJudge:
    """A stage: observations in, judgements of addresses out.

    known  pairs of address and MAC address that are right, such as clean days showed; () to learn them as they come
    """

    __slots__ = ("_asked_ns", "_claimed", "_devices", "_known", "_limits", "_pruned_ns")

    def __init__(self, known: frozenset[tuple[str, str]] = frozenset()) -> None:
        rules = rules_of("bindings")
        self._known = known
        self._limits = dict(rules["binding-conflict"].limits) | dict(rules["binding-gathering"].limits)
        self._claimed: dict[str, dict[str, _Held]] = {}
        self._devices: dict[str, _Device] = {}
        self._pruned_ns = EARLIEST_NS
        self._asked_ns: dict[str, int] = {}
        for address, mac in sorted(known):
            self._claimed.setdefault(address, {})[mac] = _Held(EARLIEST_NS, EARLIEST_NS, Seen(""))

    def handle(self, observation: Observation) -> list[Judgement]:
        """One observation, in the order of time; bindings matter, and who asked for them."""
        if isinstance(observation, Asked):
            self._note_asked(observation)
            return []
        if not isinstance(observation, Binding) or observation.address in _NOBODY or _is_group(observation.mac):
            return []
        holders = self._claimed.get(observation.address)
        if holders is None:
            if observation.how == "ip":
                self._passes_on(observation)
                return []
            if len(self._claimed) >= MOST_ADDRESSES and not self._has_room(observation.time_ns):
                return []
            holders = self._claimed[observation.address] = {}
        elif observation.how == "ip" and self._is_router(observation.mac) and observation.mac not in holders:
            return []
        return self._held(observation, holders)

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: nothing follows, since a conflict shows in what is claimed."""
        return []

    def _held(self, binding: Binding, holders: dict[str, _Held]) -> list[Judgement]:
        now_ns = binding.time_ns
        newcomer = binding.mac not in holders
        asked_ns = self._asked_ns.get(binding.address)
        asserted = binding.how == "arp" and (asked_ns is None or now_ns - asked_ns > _ANSWERED_NS)
        held = holders.setdefault(binding.mac, _Held(now_ns, now_ns, binding.seen, asserted=asserted))
        held.asserted &= asserted
        held.last_ns = max(held.last_ns, now_ns)
        held.seen = binding.seen
        if (binding.address, binding.mac) in self._known:
            held.first_ns = EARLIEST_NS
        for mac in [mac for mac in holders if mac != binding.mac]:
            silent_ns = now_ns - holders[mac].last_ns
            if silent_ns > seconds_to_ns(self._limits["forget_s"]) and (binding.address, mac) not in self._known:
                del holders[mac]
        others = [mac for mac in holders if mac != binding.mac]
        if len(holders) > MOST_DEVICES:
            del holders[min(others, key=lambda mac: holders[mac].last_ns)]
        if not others:
            return []
        other = max(others, key=lambda mac: holders[mac].last_ns)
        return self._between(binding, other, holders, newcomer=newcomer)

    def _between(self, binding: Binding, other: str, holders: dict[str, _Held], *, newcomer: bool) -> list[Judgement]:
        """Two devices have been behind one address: who came later is accused, if the earlier one is still there."""
        address, now_ns = binding.address, binding.time_ns
        if {(address, binding.mac), (address, other)} <= self._known:
            return []
        # What is known is right; else who uses the address or was asked, not who only says that it is his; else who
        # was there first.
        known = {mac: (address, mac) in self._known for mac in (binding.mac, other)}
        later, earlier = sorted(known, key=lambda mac: (known[mac], not holders[mac].asserted, -holders[mac].first_ns))
        silent_ns = now_ns - holders[other].last_ns
        alive = silent_ns <= seconds_to_ns(self._limits["alive_s"])
        facts = {
            "address": address,
            "mac_before": earlier,
            "seconds": f"{silent_ns / NS_PER_S:.3f}" if holders[other].seen.eye else "-",
            "how": binding.how,
        }
        shared = _is_virtual(binding.mac) or _is_virtual(other)
        accused = holders[later]
        evidence = (holders[earlier].seen, binding.seen)
        out = []
        if alive and not shared:
            before_ns, accused.conflict_ns = accused.conflict_ns, now_ns
            if before_ns is None or now_ns - before_ns > seconds_to_ns(self._limits["episode_s"]):
                out.append(_judgement("binding-conflict", now_ns, later, "high", 0.9, facts, evidence))
            out += self._gathered(later, address, now_ns, evidence)
        elif newcomer and later == binding.mac:
            out.append(_judgement("binding-moved", now_ns, later, "low", 0.2, facts, evidence))
            if not shared:
                out += self._gathered(later, address, now_ns, evidence)
        return out

    def _gathered(self, mac: str, address: str, now_ns: int, evidence: tuple[Seen, ...]) -> list[Judgement]:
        """A device that took several held addresses within the time that a cache of neighbours lasts."""
        device = self._device(mac)
        device.taken.append((now_ns, address))
        within_ns = seconds_to_ns(self._limits["within_s"])
        recent = {one: time_ns for time_ns, one in reversed(device.taken) if now_ns - time_ns <= within_ns}
        if len(recent) < self._limits["addresses"]:
            return []
        before_ns, device.gathered_ns = device.gathered_ns, now_ns
        if before_ns is not None and now_ns - before_ns <= seconds_to_ns(self._limits["episode_s"]):
            return []
        facts = {
            "addresses": str(len(recent)),
            "list": ", ".join(sorted(recent)),
            "seconds": f"{(now_ns - min(recent.values())) / NS_PER_S:.3f}",
        }
        return [_judgement("binding-gathering", now_ns, mac, "high", 0.95, facts, evidence)]

    def _note_asked(self, asked: Asked) -> None:
        self._asked_ns.pop(asked.target, None)
        self._asked_ns[asked.target] = asked.time_ns
        if len(self._asked_ns) > MOST_ADDRESSES:
            del self._asked_ns[next(iter(self._asked_ns))]

    def _passes_on(self, binding: Binding) -> None:
        device = self._device(binding.mac)
        if len(device.passes_on) < MOST_USED:
            device.passes_on.add(binding.address)

    def _is_router(self, mac: str) -> bool:
        device = self._devices.get(mac)
        return device is not None and len(device.passes_on) >= self._limits["router_addresses"]

    def _device(self, mac: str) -> _Device:
        if mac not in self._devices and len(self._devices) >= MOST_ADDRESSES:
            del self._devices[next(iter(self._devices))]
        return self._devices.setdefault(mac, _Device())

    def _has_room(self, now_ns: int) -> bool:
        """Forget addresses long silent, once a minute; those made up in a flood find no room, the old ones stay."""
        if now_ns - self._pruned_ns >= _MINUTE_NS:
            self._pruned_ns = now_ns
            forget_ns = now_ns - seconds_to_ns(self._limits["forget_s"])
            known = {address for address, _ in self._known}
            for address, holders in list(self._claimed.items()):
                if address not in known and all(held.last_ns < forget_ns for held in holders.values()):
                    del self._claimed[address]
        return len(self._claimed) < MOST_ADDRESSES


def _is_virtual(mac: str) -> bool:
    return is_virtual(int(mac.replace(":", ""), 16))


def _is_group(mac: str) -> bool:
    """Whether it is nobody's own: empty, or with the group bit set (IEEE 802, 8.2)."""
    return mac in {"", "00:00:00:00:00:00"} or bool(int(mac[:2], 16) & 1)


def _judgement(
    detector: str,
    now_ns: int,
    subject: str,
    severity: Severity,
    probability: float,
    facts: dict[str, str],
    evidence: tuple[Seen, ...],
) -> Judgement:
    seen = tuple(one for one in evidence if one.eye)
    peer = facts.get("mac_before", "")
    return Judgement(detector, now_ns, now_ns, subject, peer, severity, probability, tuple(facts.items()), seen)
