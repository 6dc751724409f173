"""The balance of bytes: what left a station, less what the centre received, is what somebody else got.

It needs no knowledge of how the copy leaves: encrypted, in small pieces, in the padding of an allowed conversation.
What is slow is found by adding up: a CUSUM over hours and days, whose detection limit follows from its own noise.
Source: E. S. Page, Biometrika 41 (1954); D. Siegmund, Sequential Analysis (1985), section 2.5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from houfeng.guard.conduct.allows import Detector
from houfeng.guard.judge.bins import Bins
from houfeng.guard.judge.increments import Increment, Increments
from houfeng.guard.judge.rules import rules_of
from houfeng.words.conduct import Allowed, Conduct
from houfeng.words.instant import NS_PER_S, seconds_to_ns
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Seen, Subscription
from houfeng.words.received import Received

#: Of a normal distribution: its standard deviation over its median absolute deviation.
_SIGMA_OF_MAD: Final = 1.4826

#: IP and TCP headers without data: 20 and 20 bytes, and 12 of time stamps (RFC 9293, RFC 7323), where an eye does not
#: tell the payload.
_HEADER_BYTES: Final = 52

#: What SeedLink 3 puts before each record, the least of all.
_FRAMING_BYTES: Final = 8

#: Hosts of the centre itself: what they are sent on allowed conversations has arrived at the centre.
_CENTRE: Final = ("centre", "maintenance", "monitor", "time")

_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class _Bin:
    """What left beyond what was received, and how much of that framing and sending again could be at most."""

    end_ns: int
    excess_bytes: float
    received_bytes: float
    slack_bytes: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """What is usual: the share of what is received that goes out besides, and how much a bin varies."""

    share: float
    sigma_bytes: float


class Balance:
    """The balance of one station. Two doors.

    conduct  its profile: hosts of the role "station" are those whose bytes are counted
    station  NET.STA as in Received, by default the profile's name

    Raises ValueError for a profile without hosts of the role "station": nobody could leave it.
    """

    def __init__(self, conduct: Conduct, station: str | None = None) -> None:
        self._station = conduct.name if station is None else station
        self._own = frozenset(conduct.addresses("station"))
        if not self._own:
            raise ValueError(f"{conduct.name}: the profile does not say which hosts are the station's")
        self._centre = frozenset(address for role in _CENTRE for address in conduct.addresses(role))
        self._readers = frozenset(reads.reader for reads in conduct.reads)
        self._rule = rules_of("balance")["bytes-unaccounted"]
        self._detector, self._increments = Detector(conduct), Increments()
        length_ns = seconds_to_ns(self._rule.limits["bin_s"])
        self._excess, self._received, self._slack = Bins(length_ns), Bins(length_ns), Bins(length_ns)
        self._baseline: list[_Bin] = []
        self._scale: _Scale | None = None
        self._sum_bytes, self._owed_bytes, self._since_ns, self._told = 0.0, 0.0, 0, False
        self._seen = Seen(self._station)

    @property
    def limit_bytes_per_day(self) -> float | None:
        """The slowest copy found within a day, from the noise of the baseline; None until there is one."""
        if self._scale is None:
            return None
        limits, sigma = self._rule.limits, self._scale.sigma_bytes
        bins = _DAY_S / limits["bin_s"]
        return float((limits["drift_sigmas"] * bins + limits["limit_sigmas"]) * sigma)

    def handle(self, value: Flow | Subscription | Received) -> list[Judgement]:
        """Bytes left the station, or the centre counted what it received."""
        if isinstance(value, Flow):
            self._left(value)
        elif isinstance(value, Received):
            if value.station == self._station:
                self._arrived(value.start_ns, value.end_ns, value.count_bytes, value.packets)
        elif value.direction == "out" and value.server in self._own and value.count_bytes:
            self._arrived(value.start_ns, value.end_ns, value.count_bytes, value.packets)
        return []

    def elapse(self, now_ns: int) -> list[Judgement]:
        """Time passed: bins of which no more will be told are added up."""
        until_ns = now_ns - seconds_to_ns(self._rule.limits["lag_s"])
        excess = list(self._excess.close(until_ns))
        received, slack = dict(self._received.close(until_ns)), dict(self._slack.close(until_ns))
        bins = (_Bin(end_ns, over, received.get(end_ns, 0.0), slack.get(end_ns, 0.0)) for end_ns, over in excess)
        return [judgement for bin_ in bins for judgement in self._bin(bin_)]

    def _left(self, flow: Flow) -> None:
        new = self._increments.of(flow)
        terms = self._detector.terms(flow.client, flow.server, flow.protocol, flow.server_port)
        for out, peer in ((True, flow.server), (False, flow.client)):
            sender = flow.client if out else flow.server
            if sender not in self._own or peer in self._own:
                continue
            left = self._uncounted(_payload(new, client=out), new, peer, terms, out=out)
            self._excess.add(new.start_ns, new.end_ns, left)
            self._seen = flow.seen

    def _uncounted(self, sent: float, new: Increment, peer: str, terms: tuple[Allowed, ...], *, out: bool) -> float:
        """What is not known to have gone where it may.

        Of an allowed conversation with a host of the centre nothing, unless it is one whose records the centre counts;
        of one with anybody else (a resolver passes on to the world) what exceeds its envelope; of any other all.
        """
        if not terms or peer in self._readers:
            return sent
        if peer in self._centre:
            return 0.0
        envelope = terms[0].client_rate if out else terms[0].server_rate
        if envelope is None:
            return sent
        return max(0.0, sent - envelope.high_bytes_per_s * (new.end_ns - new.start_ns) / NS_PER_S)

    def _arrived(self, start_ns: int, end_ns: int, count_bytes: int, packets: int) -> None:
        counted = count_bytes + packets * _FRAMING_BYTES
        self._excess.add(start_ns, end_ns, -counted)
        self._received.add(start_ns, end_ns, counted)
        resent = self._rule.limits["resent_share"] * counted
        self._slack.add(start_ns, end_ns, resent + packets * self._rule.limits["framing_bytes"])

    def _bin(self, bin_: _Bin) -> Iterator[Judgement]:
        if self._scale is not None:
            yield from self._add_up(bin_)
            return
        self._baseline.append(bin_)
        if len(self._baseline) < self._rule.limits["baseline_bins"]:
            return
        self._scale = self._scale_of_baseline()
        # A copy that went on all the while is in the baseline too, so that is judged by its own measure.
        for earlier in self._baseline:
            yield from self._add_up(earlier)
        self._baseline.clear()

    def _scale_of_baseline(self) -> _Scale:
        """What is usually left over, as far as framing and sending again explain it, and its spread."""
        received = median(each.received_bytes for each in self._baseline)
        slack = median(each.slack_bytes for each in self._baseline)
        over = median(each.excess_bytes for each in self._baseline)
        share = min(max(over, 0.0), slack) / received if received > 0 else 0.0
        rest = [each.excess_bytes - share * each.received_bytes for each in self._baseline]
        centre = median(rest)
        sigma = _SIGMA_OF_MAD * median(abs(amount - centre) for amount in rest)
        return _Scale(share, max(sigma, self._rule.limits["floor_bytes"]))

    def _add_up(self, bin_: _Bin) -> Iterator[Judgement]:
        assert self._scale is not None
        limits, sigma = self._rule.limits, self._scale.sigma_bytes
        most = limits["limit_sigmas"] * sigma
        rest = bin_.excess_bytes - self._scale.share * bin_.received_bytes
        if rest < -most:
            # The centre received what no eye has told of yet; a long flow may be told at its end only.
            self._owed_bytes -= rest
        elif self._owed_bytes > 0:
            paid = min(max(rest, 0.0), self._owed_bytes)
            self._owed_bytes, rest = self._owed_bytes - paid, rest - paid
        if self._sum_bytes == 0.0:
            self._since_ns, self._told = bin_.end_ns - self._excess.length_ns, False
        self._sum_bytes = max(0.0, self._sum_bytes + rest - limits["drift_sigmas"] * sigma)
        if self._sum_bytes > most and not self._told:
            self._told = True
            yield self._judgement(bin_.end_ns)

    def _judgement(self, end_ns: int) -> Judgement:
        hours = (end_ns - self._since_ns) / (3600 * NS_PER_S)
        return Judgement(
            detector="bytes-unaccounted",
            time_ns=end_ns,
            until_ns=end_ns,
            subject=self._station,
            peer="",
            severity="high",
            probability=self._rule.limits["probability"],
            facts=(
                ("unaccounted_kb", f"{self._sum_bytes / 1000:.0f}"),
                ("hours", f"{hours:.0f}"),
                ("limit_kb_per_day", f"{(self.limit_bytes_per_day or 0.0) / 1000:.0f}"),
            ),
            evidence=(self._seen,),
            station=self._station,
        )


def _payload(new: Increment, *, client: bool) -> float:
    """What one side sent above TCP or UDP; where the eye does not tell, what the usual headers leave of it."""
    told = new.client_payload_bytes if client else new.server_payload_bytes
    if told is not None:
        return told
    sent, packets = (new.client_bytes, new.client_packets) if client else (new.server_bytes, new.server_packets)
    return max(0, sent - packets * _HEADER_BYTES)
