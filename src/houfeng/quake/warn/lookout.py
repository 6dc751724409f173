"""From packets, in whatever order they arrive, to alerts: what stations show is kept up to date packet by packet.

Nobody is waited for. A packet that goes on where its channel was is heard at once; one that comes too late for that is
left to the catalogue, which waits.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from houfeng.quake.acquire.batches import picked
from houfeng.quake.acquire.roster import Roster
from houfeng.quake.detect.trigger import Trigger, Watch
from houfeng.quake.locate.traveltime import TravelTimes
from houfeng.quake.network import Network
from houfeng.quake.shake.mmi import mmi
from houfeng.quake.warn.amplitude import Amplitudes
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.stage import Onset, Warn
from houfeng.quake.warn.testimony import LONGEST_P_S, P_S, Testimony
from houfeng.words.alert import Alert, AlertStatus
from houfeng.words.assurance import Tier, Vouched
from houfeng.words.instant import EARLIEST_NS, NS_PER_S, seconds_to_ns
from houfeng.words.samples import PacketBatch
from houfeng.words.station import Inventory
from houfeng.words.trust import Trust

Reals = NDArray[np.float64]
Wholes = NDArray[np.int64]

#: A packet that begins so many samples before its channel's last one ended is jitter of the stamps, not a repeat.
SLIP_SAMPLES = 2.0
#: A channel that jumps ahead by more than this has a wrong clock, or was away: what it says of now is heard, but a
#: jump back to where it was is believed again.
JUMP_NS = 60 * NS_PER_S

#: Records that end within so much of each other are looked at together.
STEP_NS = NS_PER_S

#: Of a station whose data were altered nothing counts for so long.
BROKEN_NS = 60 * NS_PER_S

#: Shaking so long ago is what a station feels now.
FELT_S = 30.0


class Lookout:
    """Packets in, alerts out.

    testimony  what stations show, which this keeps up to date
    warn       what makes alerts of it
    aperture_m size of the network, for the bands that are watched
    amplitudes what knows how far the ground moves, which this keeps up to date; roster: theirs, of channels
    """

    def __init__(
        self, testimony: Testimony, warn: Warn, aperture_m: float, amplitudes: Amplitudes, roster: Roster
    ) -> None:
        self._testimony = testimony
        self._warn = warn
        self._amplitudes = amplitudes
        self._felt = _Felt(amplitudes, testimony)
        self._roster = roster
        self._watch = Watch(aperture_m, roster)
        self._tiers: dict[str, Tier] = {}
        self._broken_ns: dict[str, int] = {}
        self._believed: dict[str, float] = {}
        self._until_ns = np.empty(0, dtype=np.int64)
        self._station = np.empty(0, dtype=np.int64)

    def handle(self, batch: PacketBatch, arrival_ns: int) -> Iterator[Alert]:
        """Packets arrived at arrival_ns, in that order.

        What a link held back comes at once and is still looked at as it was: nobody is taken for silent whose record
        is in the same batch.
        """
        for part in _by_time(batch):
            yield from self._hear(part, arrival_ns)
        yield from self._warn.elapse(arrival_ns)

    def _hear(self, batch: PacketBatch, arrival_ns: int) -> Iterator[Alert]:
        rows = self._rows(batch)
        lasted_ns = np.rint(np.diff(batch.offset) / batch.rate_hz * NS_PER_S).astype(np.int64)
        fresh = self._fresh(rows, batch, lasted_ns)
        if not fresh.all():
            batch, rows, lasted_ns = picked(batch, np.flatnonzero(fresh)), rows[fresh], lasted_ns[fresh]
        if len(batch) == 0:
            return
        end_ns = batch.start_ns + lasted_ns
        triggers = self._watch.handle(batch)
        self._amplitudes.handle(batch)
        known = self._station[rows] >= 0
        self._testimony.heard(self._station[rows[known]], (end_ns[known] - self._testimony.base_ns) / NS_PER_S)
        for trigger in sorted((each for each in triggers if not each.ended), key=_order):
            row = self._roster.row(trigger.source)
            packed = trigger.at_ns if row is None else int(self._until_ns[row])
            onset = Onset(trigger.source.station_key, trigger.on_ns, trigger.at_ns, packed, arrival_ns)
            yield from self._warn.handle(onset)

    def elapse(self, now_ns: int) -> Iterator[Alert]:
        """Time passed."""
        yield from self._warn.elapse(now_ns)

    def vouched(self, records: Iterable[Vouched], now_ns: int) -> Iterator[Alert]:
        """Records came with these tiers: how much a station may say follows its latest, and any that is broken."""
        tiers = self._tiers
        for record in records:
            station_key, tier = record.packet.station_key, record.tier
            if tier is Tier.BROKEN:
                self._broken_ns[station_key] = now_ns
            elif self._broken_ns and now_ns - self._broken_ns.get(station_key, EARLIEST_NS) < BROKEN_NS:
                continue
            if tiers.get(station_key) is not tier:  # a nation has 48,000 records a second of which it is
                tiers[station_key] = tier
                yield from self._trust(station_key, now_ns)

    def believe(self, trust: Trust, now_ns: int) -> Iterator[Alert]:
        """The guard says how far a station is to be believed: so much counts of what its tier lets it say."""
        self._believed[trust.station_key] = trust.value
        yield from self._trust(trust.station_key, now_ns)

    def _trust(self, station_key: str, now_ns: int) -> Iterator[Alert]:
        tier = self._tiers.get(station_key)
        by_tier = 1.0 if tier is None else self._testimony.share_of(tier)  # until it is known who vouches, nobody lies
        share = by_tier * self._believed.get(station_key, 1.0)
        yield from self._warn.trust(station_key, share, Tier.NONE if tier is None else tier, now_ns)

    def felt(self) -> tuple[Reals, Reals]:
        """Intensity of late at every station of the testimony, MMI, NaN where not known; how far each is trusted."""
        return self._felt.mmi(np.arange(len(self._testimony.stations))), self._testimony.share

    def recall(self, told: Sequence[Alert], now_ns: int) -> None:
        """Go on with alerts told before a restart, under their names."""
        self._warn.recall(told, now_ns)

    def _rows(self, batch: PacketBatch) -> NDArray[np.int64]:
        rows = self._roster.rows(batch.channels)[batch.channel]
        more = len(self._roster) - len(self._until_ns)
        if more > 0:
            fresh = self._roster.sources[len(self._until_ns) :]
            self._until_ns = np.concatenate([self._until_ns, np.full(more, EARLIEST_NS, dtype=np.int64)])
            stations = [self._testimony.row.get(source.station_key, -1) for source in fresh]
            self._station = np.concatenate([self._station, np.array(stations, dtype=np.int64)])
        return rows

    def _fresh(self, rows: NDArray[np.int64], batch: PacketBatch, lasted_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which packets go on where their channels were; these channels are then so far."""
        slip_ns = SLIP_SAMPLES * NS_PER_S / batch.rate_hz
        fresh = np.zeros(len(rows), dtype=np.bool_)
        _go_on(rows, batch.start_ns, lasted_ns, slip_ns, self._until_ns, fresh)
        return fresh


def _by_time(batch: PacketBatch) -> Iterator[PacketBatch]:
    """Packets parted by when they end, those of one STEP_NS together, in order of time."""
    step = (batch.start_ns + np.rint(np.diff(batch.offset) / batch.rate_hz * NS_PER_S).astype(np.int64)) // STEP_NS
    if len(step) == 0 or step.max() - step.min() <= 1:
        yield batch
        return
    order = np.argsort(step, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(step[order])) + 1):
        yield picked(batch, part)


@njit(cache=True)
def _go_on(
    rows: Wholes, start_ns: Wholes, lasted_ns: Wholes, slip_ns: Reals, until_ns: Wholes, fresh: NDArray[np.bool_]
) -> None:
    """Find packets that go on where their channels were, in order; until_ns moves on with them."""
    for k in range(len(rows)):
        if rows[k] < 0:
            continue
        late_ns = max(until_ns[rows[k]], start_ns[k] - JUMP_NS) - start_ns[k]
        if late_ns <= slip_ns[k] or late_ns > JUMP_NS:
            fresh[k] = True
            until_ns[rows[k]] = start_ns[k] + lasted_ns[k]


def lookout(
    network: Network,
    inventory: Inventory,
    times: TravelTimes,
    policy: Policy,
    base_ns: int,
    *,
    status: AlertStatus,
) -> Lookout:
    """A lookout over a network.

    inventory  responses of channels, for amplitudes
    base_ns    about when its data begin
    status     what every alert is to say it is
    """
    roster = Roster()
    testimony = Testimony(list(network.stations.values()), policy, base_ns)
    amplitudes = Amplitudes(inventory, roster)
    warn = Warn(testimony, times, policy, measured=_Felt(amplitudes, testimony), status=status)
    return Lookout(testimony, warn, network.aperture_m, amplitudes, roster)


class _Felt:
    """What amplitudes say of the stations as testimony numbers them."""

    def __init__(self, amplitudes: Amplitudes, testimony: Testimony) -> None:
        self._amplitudes = amplitudes
        self._keys = [station.key for station in testimony.stations]
        self._numbers = np.full(len(self._keys), -1)

    def since(self, rows: Wholes, onset_ns: Wholes, until_ns: Wholes | None = None) -> tuple[Reals, Reals, Reals]:
        """See Measured."""
        theirs, known = self._theirs(rows)
        pd, noise, window_s = np.full(len(rows), np.nan), np.full(len(rows), np.nan), np.zeros(len(rows))
        if until_ns is None:
            until_ns = onset_ns + seconds_to_ns(P_S)
        seen = self._amplitudes.stations_since(theirs[known], onset_ns[known], LONGEST_P_S, until_ns[known])
        with np.errstate(divide="ignore"):
            pd[known], noise[known] = np.log10(seen.peak_m), np.log10(seen.noise_m)
        window_s[known] = seen.window_s
        return pd, window_s, noise

    def hush(self, rows: Wholes) -> Reals:
        """See Measured."""
        theirs, known = self._theirs(rows)
        hush = np.full(len(rows), np.nan)
        with np.errstate(divide="ignore"):
            hush[known] = np.log10(self._amplitudes.hush(theirs[known]))
        return hush

    def mmi(self, rows: Wholes) -> Reals:
        """Intensity of late at stations; NaN where it is not known; [n]."""
        theirs, known = self._theirs(rows)
        now = self._amplitudes.stations(FELT_S)
        level = np.full(len(rows), np.nan)
        level[known] = mmi(now.pga_mps2[theirs[known]], now.pgv_mps[theirs[known]])
        return level

    def _theirs(self, rows: Wholes) -> tuple[Wholes, NDArray[np.bool_]]:
        for row in rows[self._numbers[rows] < 0].tolist():  # a station is silent at first; its number stays for ever
            number = self._amplitudes.station(self._keys[row])
            self._numbers[row] = -1 if number is None else number
        numbers = self._numbers[rows]
        return numbers, numbers >= 0


def _order(trigger: Trigger) -> tuple[int, int, str]:
    return trigger.at_ns, trigger.on_ns, trigger.source.nslc
