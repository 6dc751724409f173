"""What the ground does now: streaming amplitudes of every channel, for warning."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter

from houfeng.quake.acquire.roster import Roster
from houfeng.quake.size.peak import FIRST_SECONDS, PeakRelation, peak_relation
from houfeng.quake.size.sensors import LEVEL_DEG, ranked_sensors
from houfeng.quake.warn import amplitude_filters as filters
from houfeng.quake.warn import amplitude_kernel as kernel
from houfeng.quake.warn import amplitude_reading as reading
from houfeng.words.instant import NS_PER_S
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Inventory

#: Rest is the mean of so much at the start of a run; this much later what is left of the start has died away: the
#: high-pass of 0.075 Hz falls by e^-3.3 in 10 s, and it begins from noise, not from a step.
LEARN_S = 2.0
SETTLE_S = 10.0

#: No relation's low-pass: this share of the Nyquist frequency, where decimation filters end.
USABLE_NYQUIST = 0.8

#: What a channel is, is looked up again after so long where the inventory did not know it, or a new epoch may begin.
AGAIN_NS = 3600 * NS_PER_S

#: A sensor this much behind the others of its station is not what tells of now.
STALE_S = 10.0

#: Sensors of one station that are considered, and horizontals of each.
MOST_SENSORS = 4
LEVELS = 2

_KINDS = {"m/s": kernel.VELOCITY, "m/s2": kernel.ACCELERATION}


@dataclass(frozen=True, slots=True)
class Onsets:
    """Displacement since onsets, columns.

    peak_m    largest since the onset; NaN where nothing is known
    window_s  how much of the time asked for is known
    noise_m   mean of the cells before it, or the running level where too few are known; NaN likewise
    clipped   whether it looks clipped: then peak_m is a lower bound
    row       channel it was read from; -1 for none
    """

    peak_m: NDArray[np.float64]
    window_s: NDArray[np.float64]
    noise_m: NDArray[np.float64]
    clipped: NDArray[np.bool_]
    row: NDArray[np.int64]

    @property
    def snr(self) -> NDArray[np.float64]:
        """Peak over noise; NaN where either is."""
        return self.peak_m / self.noise_m


@dataclass(frozen=True, slots=True)
class Stations:
    """All stations at present, columns; row k is the same station for ever.

    keys      NET.STA
    upright   row of the vertical channel to believe, -1 for none
    front_ns  up to when any of its channels is known
    noise_m, noise_mps2  running noise levels of upright, displacement and acceleration; NaN where none is
    pga_mps2, pgv_mps  the larger horizontal's largest of late, of the sensor to believe; NaN where none is
    clipped   whether those look clipped
    """

    keys: tuple[str, ...]
    upright: NDArray[np.int64]
    front_ns: NDArray[np.int64]
    noise_m: NDArray[np.float64]
    noise_mps2: NDArray[np.float64]
    pga_mps2: NDArray[np.float64]
    pgv_mps: NDArray[np.float64]
    clipped: NDArray[np.bool_]


class Amplitudes:
    """The stage that knows how much the ground moves, at every channel with a response.

    inventory  what channels feel, which of them stand upright, and counts per unit
    roster     numbers the channels; share one between stages that see the same packets
    relation   whose filters displacement is seen through: high-pass and, where it has one, low-pass

    Packets may come in any order of time between channels. Of one channel what overlaps is heard once, what comes late
    is not heard (see skipped), and what comes after a gap is believed again after SETTLE_S. Responses count as flat: of
    a short-period sensor motion slower than its own period is underestimated. A response in metres gives nothing, nor
    do rates outside 10 to 1000 Hz. Memory per channel: 1.3 kB, of an upright one 2.3 kB.
    """

    def __init__(
        self, inventory: Inventory, roster: Roster | None = None, relation: PeakRelation | None = None
    ) -> None:
        self._roster = Roster() if roster is None else roster
        self._inventory = inventory
        self._relation = peak_relation(FIRST_SECONDS) if relation is None else relation
        self._plan_keys = np.empty(0, dtype=np.int64)
        self._plan_rate_hz = np.empty(0)
        self._plan_reals = np.empty((0, filters.PLAN_REALS))
        self._plan_wholes = np.empty((0, kernel.PLAN_WHOLES), dtype=np.int64)
        self._wholes = np.empty((0, kernel.CHANNEL_WHOLES), dtype=np.int64)
        self._reals = np.empty((0, filters.CHANNEL_REALS))
        self._moved = np.empty((0, kernel.MOVED_CELLS), dtype=np.float32)
        self._speed = np.empty((0, kernel.SHAKEN_CELLS), dtype=np.float32)
        self._push = np.empty((0, kernel.SHAKEN_CELLS), dtype=np.float32)
        self._slots = 0
        self._clean = np.empty(kernel.CHUNK)
        self._counts = np.zeros(kernel.CURSOR_WHOLES, dtype=np.int64)
        self._station: dict[str, int] = {}
        self._members: list[list[int]] = []
        self._changed: set[int] = set()
        self._keys: tuple[str, ...] = ()
        self._upright = np.empty((0, MOST_SENSORS), dtype=np.int64)
        self._level = np.empty((0, MOST_SENSORS, LEVELS), dtype=np.int64)

    @property
    def skipped(self) -> int:
        """Samples not heard, as their channel had gone on past them."""
        return int(self._counts[kernel.REPEATED])

    @property
    def absurd(self) -> int:
        """Packets not heard, as their time or rate cannot be."""
        return int(self._counts[kernel.ABSURD])

    @property
    def restarts(self) -> int:
        """Runs begun anew: after gaps, steps of a clock, changes of rate."""
        return int(self._counts[kernel.RESTARTS])

    @property
    def front_ns(self) -> NDArray[np.int64]:
        """Up to when each channel is known [channels of the roster]; kernel.NEVER_NS for those never heard."""
        front_ns = np.full(len(self._roster), kernel.NEVER_NS)
        have = min(len(self._wholes), len(front_ns))
        front_ns[:have] = self._wholes[:have, kernel.DUE_NS]
        return front_ns

    @property
    def noise_m(self) -> NDArray[np.float64]:
        """Running noise level of displacement [channels of the roster]; NaN where there is none."""
        noise_m = np.full(len(self._roster), np.nan)
        have = min(len(self._wholes), len(noise_m))
        known = self._wholes[:have, kernel.SEEN] > 0
        noise_m[:have][known] = self._reals[:have, filters.NOISE][known]
        return noise_m

    def handle(self, batch: PacketBatch) -> None:
        """Hear packets."""
        rows = self._roster.rows(batch.channels)[batch.channel]
        self._grow(len(self._roster))
        counts = batch.samples.dtype == np.int32
        self._counts[kernel.AT_PACKET] = 0
        while True:
            why = kernel.pass_packets(
                rows,
                batch.start_ns,
                batch.rate_hz,
                batch.offset,
                batch.samples,
                counts,
                self._plan_keys,
                self._plan_rate_hz,
                self._plan_reals,
                self._plan_wholes,
                self._wholes,
                self._reals,
                self._moved,
                self._speed,
                self._push,
                self._clean,
                self._counts,
            )
            if why == kernel.DONE:
                return
            packet = int(self._counts[kernel.AT_PACKET])
            if why == kernel.NEEDS_PLAN:
                self._plan(float(batch.rate_hz[packet]))
            else:
                self._learn(int(rows[packet]), int(batch.start_ns[packet]))

    def learn(self, inventory: Inventory) -> None:
        """Take a new inventory: channels are looked up again as they speak; those that changed start anew."""
        self._inventory = inventory
        self._wholes[:, kernel.UNTIL_NS] = self._wholes[:, kernel.FROM_NS]

    def since(
        self,
        rows: NDArray[np.int64],
        onset_ns: NDArray[np.int64],
        longest_s: float = 4.0,
        until_ns: NDArray[np.int64] | None = None,
    ) -> Onsets:
        """Displacement since onsets at channels.

        rows       [n] of channels
        onset_ns   [n], at most a minute before what is known
        longest_s  how far beyond the onset to look
        until_ns   [n], where to stop at the latest: when S comes; None for nowhere

        An onset counts to the cell it lies in, an end to the nearest end of a cell.
        """
        return self._since(np.asarray(rows, dtype=np.int64)[:, np.newaxis], onset_ns, longest_s, until_ns)

    def stations_since(
        self,
        stations: NDArray[np.int64],
        onset_ns: NDArray[np.int64],
        longest_s: float = 4.0,
        until_ns: NDArray[np.int64] | None = None,
    ) -> Onsets:
        """Likewise at stations, each by its best sensor that knows it and is not clipped; rows as in stations()."""
        self._group()
        return self._since(self._upright[np.asarray(stations, dtype=np.int64)], onset_ns, longest_s, until_ns)

    def station(self, key: str) -> int | None:
        """Row of a station any of whose channels with a response has spoken, else None."""
        return self._station.get(key)

    def stations(self, last_s: float = 10.0) -> Stations:
        """All stations at present. last_s: how far back shaking is looked for, at most 32 s."""
        self._group()
        count = len(self._members)
        upright, front_ns = np.full(count, -1), np.full(count, kernel.NEVER_NS)
        noise_m, noise_mps2, pga, pgv = (np.full(count, np.nan) for _ in range(4))
        clipped = np.zeros(count, dtype=np.bool_)
        reading.present(
            self._upright,
            self._level,
            round(last_s * NS_PER_S / kernel.CELL_NS),
            round(STALE_S * NS_PER_S),
            self._wholes,
            self._reals,
            self._speed,
            self._push,
            upright,
            front_ns,
            noise_m,
            noise_mps2,
            pga,
            pgv,
            clipped,
        )
        return Stations(self._keys, upright, front_ns, noise_m, noise_mps2, pga, pgv, clipped)

    def hush(self, stations: NDArray[np.int64]) -> NDArray[np.float64]:
        """Running noise level of acceleration of stations [n], as in stations(); NaN where there is none."""
        self._group()
        noise_mps2 = np.full(len(stations), np.nan)
        stale_ns = round(STALE_S * NS_PER_S)
        reading.hush(stations, self._upright, self._level, stale_ns, self._wholes, self._reals, noise_mps2)
        return noise_mps2

    def shaking(self, rows: NDArray[np.int64], last_s: float = 10.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Largest acceleration, m/s2, and velocity, m/s, of late at channels [n]; NaN where unknown."""
        cells = round(last_s * NS_PER_S / kernel.CELL_NS)
        pga, pgv = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        reading.shaking(np.asarray(rows, dtype=np.int64), cells, self._wholes, self._speed, self._push, pga, pgv)
        return pga, pgv

    def _since(
        self,
        rows: NDArray[np.int64],
        onset_ns: NDArray[np.int64],
        longest_s: float,
        until_ns: NDArray[np.int64] | None,
    ) -> Onsets:
        count = len(rows)
        onset_ns = np.asarray(onset_ns, dtype=np.int64)
        end_ns = onset_ns + round(longest_s * NS_PER_S)
        if until_ns is not None:
            end_ns = np.minimum(end_ns, until_ns)
        peak_m, noise_m, window_s = np.full(count, np.nan), np.full(count, np.nan), np.zeros(count)
        clipped, row = np.zeros(count, dtype=np.bool_), np.full(count, -1)
        reading.since(
            rows,
            onset_ns,
            end_ns,
            self._wholes,
            self._reals,
            self._moved,
            peak_m,
            window_s,
            noise_m,
            clipped,
            row,
        )
        return Onsets(peak_m, window_s, noise_m, clipped, row)

    def _grow(self, channels: int) -> None:
        have = len(self._wholes)
        if channels <= have:
            return
        more = max(channels, have + have // 2) - have
        wholes = np.zeros((more, kernel.CHANNEL_WHOLES), dtype=np.int64)
        wholes[:, [kernel.SLOT, kernel.PLAN]] = -1
        wholes[:, kernel.DUE_NS] = kernel.NEVER_NS
        self._wholes = np.concatenate([self._wholes, wholes])
        self._reals = np.concatenate([self._reals, np.zeros((more, filters.CHANNEL_REALS))])
        self._speed, self._push = _longer(self._speed, more), _longer(self._push, more)

    def _learn(self, row: int, now_ns: int) -> None:
        """Look a channel up, at an instant."""
        source = self._roster.sources[row]
        channel = self._inventory.channel(source, now_ns)
        wholes, reals = self._wholes[row], self._reals[row]
        wholes[kernel.FROM_NS], wholes[kernel.UNTIL_NS] = _good_for(channel, now_ns)
        response = channel.response if channel is not None else None
        kind = _KINDS.get(response.input_units, kernel.UNKNOWN) if response is not None else kernel.UNKNOWN
        scale = 1.0 / abs(response.sensitivity) if response is not None else 0.0
        upright = kind != kernel.UNKNOWN and is_upright(source, channel)
        if (kind, scale, upright) == (wholes[kernel.KIND], reals[filters.SCALE], wholes[kernel.SLOT] >= 0):
            return
        # what was measured by another response is worth nothing now
        wholes[kernel.KIND], wholes[kernel.PLAN], wholes[kernel.SEEN], reals[filters.SCALE] = kind, -1, 0, scale
        wholes[kernel.SLOT] = self._slot(int(wholes[kernel.SLOT]), upright=upright)
        self._speed[row], self._push[row] = np.nan, np.nan
        self._join(row, source.station_key)

    def _slot(self, slot: int, *, upright: bool) -> int:
        """A place among displacements, the present one if it has one."""
        if not upright:
            return -1
        if slot < 0:
            slot = self._slots
            self._slots += 1
            if self._slots > len(self._moved):
                self._moved = _longer(self._moved, max(16, len(self._moved) // 2))
        self._moved[slot] = np.nan
        return slot

    def _join(self, row: int, key: str) -> None:
        station = self._station.setdefault(key, len(self._members))
        if station == len(self._members):
            self._members.append([])
        if row not in self._members[station]:
            self._members[station].append(row)
        self._changed.add(station)

    def _group(self) -> None:
        """Rank the sensors of the stations that have changed."""
        more = len(self._members) - len(self._upright)
        if more:
            self._upright = np.concatenate([self._upright, np.full((more, MOST_SENSORS), -1)])
            self._level = np.concatenate([self._level, np.full((more, MOST_SENSORS, LEVELS), -1)])
        for station in sorted(self._changed):
            rows = {self._roster.sources[row]: row for row in self._members[station]}
            known = [source for source, row in rows.items() if self._wholes[row, kernel.KIND] != kernel.UNKNOWN]
            self._upright[station], self._level[station] = -1, -1
            for number, sensor in enumerate(ranked_sensors(known)[:MOST_SENSORS]):
                standing = [rows[source] for source in sensor if self._wholes[rows[source], kernel.SLOT] >= 0]
                lying = [rows[source] for source in sensor if rows[source] not in standing][:LEVELS]
                self._upright[station, number] = standing[0] if standing else -1
                self._level[station, number, : len(lying)] = lying
        if len(self._keys) < len(self._members):
            self._keys = tuple(self._station)
        self._changed.clear()

    def _plan(self, packet_hz: float) -> None:
        """Add the plan for a sampling rate, of three significant digits."""
        key = kernel.plan_key(packet_hz)
        decade, digits = divmod(key, 10_000)
        rate_hz = float(f"{digits}e{decade - 2}")
        reals, wholes = plan_rate(rate_hz, self._relation)
        self._plan_keys = np.append(self._plan_keys, key)
        self._plan_rate_hz = np.append(self._plan_rate_hz, rate_hz)
        self._plan_reals = np.concatenate([self._plan_reals, reals[np.newaxis]])
        self._plan_wholes = np.concatenate([self._plan_wholes, wholes[np.newaxis]])


def is_upright(source: SourceId, channel: Channel | None) -> bool:
    """Whether a channel stands upright: by its dip, failing that by its letter."""
    if channel is not None and channel.dip_deg is not None:
        return abs(channel.dip_deg) >= 90.0 - LEVEL_DEG
    return source.component == "Z"


def plan_rate(rate_hz: float, relation: PeakRelation) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What the kernel needs to know of a sampling rate: [PLAN_REALS], [PLAN_WHOLES]."""
    high = butter(2, relation.highpass_hz, btype="highpass", fs=rate_hz, output="sos")[0]
    wanted_hz = np.inf if relation.lowpass_hz is None else relation.lowpass_hz
    low = butter(2, min(wanted_hz, USABLE_NYQUIST * rate_hz / 2), fs=rate_hz, output="sos")[0]
    reals = np.zeros(filters.PLAN_REALS)
    reals[filters.A1], reals[filters.A2], reals[filters.HIGH] = high[4], high[5], high[0]
    # s is 2 rate (1 - z^-1) / (1 + z^-1), bilinearly; so the integral of (1 - z^-1)^2 is (1 - z^-2) / (2 rate)
    reals[filters.INTEGRAL] = high[0] / (2.0 * rate_hz)
    reals[filters.L1], reals[filters.L2], reals[filters.LOW] = low[4], low[5], low[0]
    wholes = np.zeros(kernel.PLAN_WHOLES, dtype=np.int64)
    wholes[kernel.LEARN] = round(LEARN_S * rate_hz)
    wholes[kernel.SETTLE] = round((LEARN_S + SETTLE_S) * rate_hz)
    return reals, wholes


def _good_for(channel: Channel | None, now_ns: int) -> tuple[int, int]:
    """From when and until when what is known of a channel holds."""
    if channel is None:
        return now_ns - AGAIN_NS, now_ns + AGAIN_NS
    latest = np.iinfo(np.int64).max
    return (
        -latest if channel.start_ns is None else channel.start_ns,
        latest if channel.end_ns is None else channel.end_ns,
    )


def _longer(cells: NDArray[np.float32], more: int) -> NDArray[np.float32]:
    return np.concatenate([cells, np.full((more, cells.shape[1]), np.nan, dtype=np.float32)])
