"""Names that were looked up: made-up names in numbers, and data carried away in names."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from typing import Final

from houfeng.guard.judge.hosts import is_group, shown
from houfeng.guard.judge.recent import HOUR_NS, Episode, Lately, Shelf
from houfeng.guard.judge.rules import rules_of
from houfeng.words.instant import seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Lookup, Observation, Seen

#: Clients, and clients with a domain, followed at once; domains and names kept of each, well above the limits.
_CLIENTS: Final = 2048
_DOMAINS: Final = 512
_NAMES: Final = 1024
_TUNNELS: Final = 512

#: Kinds of records that programs look up to reach a host; mail servers ask others for every forged sender.
_HOST_KINDS: Final = frozenset({"A", "AAAA", "HTTPS", ""})

#: Kinds whose answers carry much and that hosts seldom ask for.
_LADEN_KINDS: Final = frozenset({"TXT", "NULL", "PRIVATE", "CNAME", "MX", "KEY", "CERT", "NIMLOC"})

#: Look-ups of the local network and of services, which no resolver is asked for: NetBIOS, DNS-SD.
_LOCAL_KINDS: Final = frozenset({"NB", "NBSTAT", "NBT", "SRV", "PTR"})

#: Domains that are no one's: RFC 6761 and 6762, reverse look-ups, what home routers and offices append.
_NOBODYS: Final = frozenset({
    "arpa", "local", "localdomain", "localhost", "lan", "home", "internal", "intranet", "corp", "private", "invalid",
    "test", "example", "onion", "workgroup", "domain",
})  # fmt: skip

#: Domains under which lists of hashes, addresses or machines are looked up in great number, by their owners' design:
#: antivirus clouds, blacklists, clouds of hosts. Nobody else can make names under them answer.
_LISTS: Final = frozenset({
    "mcafee.com", "trellix.com", "sophosxl.net", "e5.sk", "eset.com", "cymru.com", "spamhaus.org", "spamhaus.net",
    "surbl.org", "uribl.com", "barracudacentral.org", "spamcop.net", "dnswl.org", "senderscore.com", "mailspike.net",
    "trendmicro.com", "kaspersky.com", "bitdefender.net", "avast.com", "avira.com", "dnsbl.org", "sorbs.net",
    "akamaiedge.net", "akamai.net", "akadns.net", "edgekey.net", "cloudfront.net", "amazonaws.com", "azure.com",
    "windows.net", "googlevideo.com", "fastly.net", "trafficmanager.net",
})  # fmt: skip


@dataclass(slots=True)
class _Client:
    """Domains a client asked for in the last hour: all, those that do not exist, those of random look."""

    asked: Lately[str] = field(default_factory=lambda: Lately(_DOMAINS))
    missing: Lately[str] = field(default_factory=lambda: Lately(_DOMAINS))
    random: Lately[str] = field(default_factory=lambda: Lately(_DOMAINS))
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)


@dataclass(slots=True)
class _Tunnel:
    """Different names a client asked for under one domain within the running hour, and what they carry."""

    began_ns: int = 0
    names: set[bytes] = field(default_factory=set)
    letters: int = 0
    laden: int = 0
    first: Seen | None = None
    episode: Episode = field(default_factory=Episode)


class Names:
    """Judges made-up-names and name-tunnel. Multicast DNS, LLMNR and NetBIOS never count."""

    def __init__(self) -> None:
        rules = rules_of("names")
        self._made_up, self._tunnel = rules["made-up-names"], rules["name-tunnel"]
        self._clients: Shelf[str, _Client] = Shelf(_CLIENTS, _Client)
        self._tunnels: Shelf[tuple[str, str], _Tunnel] = Shelf(_TUNNELS, _Tunnel)

    def handle(self, observation: Observation) -> list[Judgement]:
        """Something was seen."""
        if not isinstance(observation, Lookup) or is_group(observation.server) or observation.kind in _LOCAL_KINDS:
            return []
        below, domain = split_name(observation.name)
        if not domain:
            return []
        found = self._many(observation, domain) if observation.kind in _HOST_KINDS else []
        if below and domain not in _LISTS:
            found += self._carried(observation, below, domain)
        return found

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed; nothing waits for that here."""
        return []

    def _many(self, lookup: Lookup, domain: str) -> list[Judgement]:
        client, limits, now_ns = self._clients.of(lookup.client), self._made_up.limits, lookup.time_ns
        client.asked.add(domain, now_ns)
        if lookup.answer == "NXDOMAIN":
            if not client.missing.since(now_ns - HOUR_NS):
                client.first = lookup.seen
            client.missing.add(domain, now_ns)
        if looks_random(domain.partition(".")[0]):
            client.random.add(domain, now_ns)
        if len(client.missing) < limits["missing"] and len(client.random) < limits["random"]:
            return []
        asked, missing, random = (
            kept.since(now_ns - HOUR_NS) for kept in (client.asked, client.missing, client.random)
        )
        enough = (missing >= limits["missing"] and missing >= limits["missing_share"] * asked) or (
            random >= limits["random"] and random >= limits["random_share"] * asked
        )
        if not enough:
            return []
        client.episode.goes_on(now_ns, HOUR_NS)
        if not client.episode.tell(now_ns, missing + random):
            return []
        facts = (("count", str(asked)), ("missing", str(missing)), ("random", str(random)))
        return [
            Judgement(
                "made-up-names", now_ns, now_ns, lookup.client, "", "high", limits["probability"],
                facts, (lookup.seen,) if client.first is None else (client.first, lookup.seen),
            )
        ]  # fmt: skip

    def _carried(self, lookup: Lookup, below: str, domain: str) -> list[Judgement]:
        tunnel, limits, now_ns = self._tunnels.of((lookup.client, domain)), self._tunnel.limits, lookup.time_ns
        if now_ns - tunnel.began_ns > HOUR_NS:
            tunnel.began_ns, tunnel.letters, tunnel.laden, tunnel.first = now_ns, 0, 0, lookup.seen
            tunnel.names.clear()
        name = blake2b(below.encode(), digest_size=8).digest()
        if name in tunnel.names or len(tunnel.names) >= _NAMES:
            return []
        tunnel.names.add(name)
        tunnel.letters += len(below)
        tunnel.laden += lookup.kind in _LADEN_KINDS
        names = len(tunnel.names)
        least = limits["laden_bytes" if tunnel.laden > names / 2 else "host_bytes"]
        if tunnel.letters < least or tunnel.letters < limits["mean_bytes"] * names:
            return []
        tunnel.episode.goes_on(now_ns, seconds_to_ns(limits["quiet_s"]))
        if not tunnel.episode.tell(now_ns, tunnel.letters):
            return []
        facts = (("count", str(names)), ("domain", shown(domain)), ("bytes", str(tunnel.letters)))
        evidence = (lookup.seen,) if tunnel.first is None else (tunnel.first, lookup.seen)
        return [
            Judgement(
                "name-tunnel", now_ns, now_ns, lookup.client, lookup.server, "high", limits["probability"],
                facts, evidence,
            )
        ]  # fmt: skip


def split_name(name: str) -> tuple[str, str]:
    """Part a name into what is below the registered domain, dots left out, and that domain; "" where there is none.

    Where the last two labels are short (co.uk, com.cn) the domain has three: what the public suffix list comes to
    for nearly all names, without a list that ages.
    """
    labels = [label for label in name.lower().split(".") if label]
    if len(labels) < 2 or labels[-1] in _NOBODYS or any(len(label) > 63 for label in labels) or not _is_plain(labels):
        return "", ""
    short = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    kept = 3 if short else 2
    return "".join(labels[:-kept]), ".".join(labels[-kept:])


def looks_random(label: str) -> bool:
    """Whether a label looks drawn by lot: five consonants in a row, or letters and digits mixed again and again.

    Of names that people choose few do; generators that make pronounceable names are known by what does not exist.
    """
    if len(label) < 8 or label.startswith("xn--"):
        return False
    kinds = [(kind, len(list(run))) for kind, run in groupby(map(_kind_of, label))]
    consonants = max((length for kind, length in kinds if kind == "consonant"), default=0)
    mixed = [kind for kind, _ in groupby(map(str.isdigit, label))]
    return consonants >= 5 or len(mixed) >= 5


def _kind_of(letter: str) -> str:
    if letter in "aeiouy":
        return "vowel"
    return "consonant" if letter.isalpha() else "other"


def _is_plain(labels: Iterable[str]) -> bool:
    return all(label.isascii() and label.isprintable() for label in labels)
