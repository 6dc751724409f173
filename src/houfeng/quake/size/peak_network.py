"""Magnitude of a quake from peak displacements: of the first seconds of P, and of the whole record."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.size.consensus import consensus
from houfeng.quake.size.ground import TAPERED, causal_displacement, displacement, lowest_clear_hz
from houfeng.quake.size.peak import PeakRelation, peak_magnitude
from houfeng.quake.size.record import PICK_MARGIN_S, Record
from houfeng.quake.size.remarks import Remarks
from houfeng.quake.size.station import Heard, Site
from houfeng.words.errors import OutOfRange
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Amplitude, Magnitude, StationMagnitude

#: Largest displacement over the largest before P; less is as likely noise as quake.
LEAST_SNR = 3.0

#: P before S must last so long that its displacement has swung; nearer stations are left out.
LEAST_P_S = 2.0

#: A range is said to be exceeded only by values near it: that an M 1 is no M 6 needs no words.
NEAR = 1.0

#: Horizontals that PGD takes.
BOTH = 2

KINDS = {"pd": "Mpd", "pgd": "Mpgd"}


def peak_of_network(heard: Sequence[tuple[Site, Heard]], relation: PeakRelation, remarks: Remarks) -> Magnitude | None:
    """Mpd or Mpgd, as relation.quantity says, from all stations that are not clipped; None when none serves.

    What makes a value a lower bound, or leaves it out, is said in remarks. Mpgd of an inertial sensor is one always:
    a double integral knows nothing slower than its high-pass, and no lasting offset.
    """
    kind = KINDS[relation.quantity]
    said: list[StationMagnitude] = []
    slowest: list[float] = []
    beyond: list[tuple[str, str]] = []
    for site, result in heard:
        if result.refused:
            continue
        read = _first_seconds(result, relation) if relation.quantity == "pd" else _whole(result)
        if read is None:
            continue
        amplitude, highpass_hz = read
        distance_m = site.hypocentral_m if relation.distance == "hypocentral" else site.epicentral_m
        try:
            value = peak_magnitude(amplitude.value, distance_m, relation=relation)
        except OutOfRange as error:
            beyond.append((error.reason, site.key))
            continue
        said.append(StationMagnitude((amplitude,), site.key, value, site.hypocentral_m))
        slowest.append(highpass_hz)
    magnitude = consensus(kind, said, relation.label, scatter=relation.scatter)
    if magnitude is None or not _within(magnitude, relation, remarks):
        return None
    for reason, station in beyond:
        remarks.add(f"no {kind}, {reason}", station)
    if magnitude.value > relation.saturates_above:
        remarks.add(f"{kind} {magnitude.value:.1f} is a lower bound: it saturates above {relation.saturates_above:g}")
    if relation.quantity == "pgd":
        remarks.add(f"{kind} is a lower bound: integrated without motion slower than {1 / max(slowest):.0f} s")
    return magnitude


def _within(magnitude: Magnitude, relation: PeakRelation, remarks: Remarks) -> bool:
    low, high = relation.range_magnitude
    if low <= magnitude.value <= high:
        return True
    if low - NEAR <= magnitude.value <= high + NEAR:
        span = f"the {low:g} to {high:g} of {relation.title}"
        remarks.add(f"no {magnitude.kind}: {magnitude.value:.1f} lies outside {span}")
    return False


def _first_seconds(result: Heard, relation: PeakRelation) -> tuple[Amplitude, float] | None:
    """The largest vertical displacement of P, before S comes."""
    upright = [source for source in result.responses if source in result.records and source not in result.horizontals]
    if not upright:
        return None
    record = result.records[upright[0]]
    response = result.responses[upright[0]]
    moved = np.abs(causal_displacement(record, response, relation.highpass_hz, relation.lowpass_hz))
    onset = record.onset + int(PICK_MARGIN_S * record.rate_hz)
    until = min(onset + int(relation.window_s * record.rate_hz), record.s - (record.s - onset) // 10)
    if until - onset < LEAST_P_S * record.rate_hz:
        return None
    amplitude = _peak(record, moved, until, "pd")
    return None if amplitude is None else (amplitude, relation.highpass_hz)


def _whole(result: Heard) -> tuple[Amplitude, float] | None:
    """The largest displacement of both horizontals together."""
    records = [result.records[source] for source in result.horizontals]
    lowest = [hz for hz in map(lowest_clear_hz, records) if hz is not None]
    if len(lowest) < BOTH or abs(records[0].start_ns - records[1].start_ns) * records[0].rate_hz > NS_PER_S:
        return None
    first, second = (
        displacement(record, result.responses[source], max(lowest))
        for source, record in zip(result.horizontals, records, strict=True)
    )
    count = min(len(first), len(second))
    amplitude = _peak(records[0], np.hypot(first[:count], second[:count]), min(records[0].end, count), "pgd")
    return None if amplitude is None else (amplitude, max(lowest))


def _peak(record: Record, size_m: NDArray[np.float64], until: int, kind: str) -> Amplitude | None:
    shaking = size_m[record.onset : until]
    noise = float(size_m[int(TAPERED * record.onset) : record.onset].max(initial=0.0))
    peak = int(np.argmax(shaking)) if len(shaking) else 0
    if not len(shaking) or not shaking[peak] > LEAST_SNR * noise:
        return None
    snr = float(shaking[peak]) / noise if noise > 0 else 0.0
    return Amplitude(record.source, kind, float(shaking[peak]), record.time_ns(record.onset + peak), snr=snr)
