"""What any waveform reader gives back."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from houfeng.words.finding import Finding
from houfeng.words.samples import PacketBatch, Segment
from houfeng.words.source import SourceId
from houfeng.words.station import Station

#: Things of one kind told one by one before they are summed up: enough to see the pattern, few enough to read.
TOLD = 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """Samples read from bytes, and what was odd about the bytes.

    batches   at most one of int32 and one of float64 samples, packets in the order of the file
    findings  what was dropped or doubtful; every sample in the batches is a finite number
    """

    batches: tuple[PacketBatch, ...]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file holds that describes itself: samples, where they were taken, and what was odd.

    stations  as far as the file tells: position, channels, how counts become motion
    """

    segments: tuple[Segment, ...]
    stations: tuple[Station, ...] = ()
    findings: tuple[Finding, ...] = ()


def keep_finite(batch: PacketBatch, file: str) -> tuple[PacketBatch, tuple[Finding, ...]]:
    """Cut every packet around its samples that are no numbers, so that none of them goes any further.

    batch  int32 batches come back as they are
    file   named in the findings, of which there is one per channel
    """
    if batch.samples.dtype == np.int32 or bool(np.isfinite(batch.samples).all()):
        return batch, ()
    good = np.isfinite(batch.samples)
    owner = np.repeat(np.arange(len(batch)), np.diff(batch.offset))
    used = np.arange(batch.offset[0], batch.offset[-1])
    good, owner = good[used], owner.astype(np.int64)
    # A run begins at a good sample whose predecessor is bad or belongs to another packet.
    begins = good.copy()
    begins[1:] &= ~good[:-1] | (owner[1:] != owner[:-1])
    first = np.flatnonzero(begins)
    packet = owner[first]
    skipped = first + batch.offset[0] - batch.offset[packet]
    runs = np.cumsum(begins)[good] - 1
    offset = np.concatenate([[0], np.cumsum(np.bincount(runs, minlength=len(first)))]).astype(np.int64)
    start_ns = batch.start_ns[packet] + np.rint(skipped / batch.rate_hz[packet] * 1e9).astype(np.int64)
    kept = PacketBatch(
        channels=batch.channels,
        channel=batch.channel[packet],
        start_ns=start_ns,
        rate_hz=batch.rate_hz[packet],
        offset=offset,
        samples=batch.samples[used][good],
    )
    return kept, _not_finite(batch, owner[~good], file)


def _not_finite(batch: PacketBatch, owner: NDArray[np.int64], file: str) -> tuple[Finding, ...]:
    """Tell of the samples left out, of which owner holds the packet of each."""
    channels, counts = np.unique(batch.channel[owner], return_counts=True)
    first_ns = np.full(len(batch.channels), np.iinfo(np.int64).max)
    np.minimum.at(first_ns, batch.channel[owner], batch.start_ns[owner])
    told = [
        Finding(
            kind="non-finite-samples",
            reason=f"{count} samples are not finite numbers and were left out",
            file=file,
            station=batch.channels[channel].nslc,
            time_ns=int(first_ns[channel]),
        )
        for channel, count in zip(channels[:TOLD].tolist(), counts.tolist(), strict=False)
    ]
    if len(channels) > TOLD:
        told.append(Finding("non-finite-samples", f"the same for {len(channels) - TOLD} more channels", file))
    return tuple(told)


def sum_up(findings: Iterable[Finding], file: str) -> tuple[Finding, ...]:
    """Keep the first TOLD findings of every kind, and one per kind that counts the rest."""
    counts: dict[str, int] = {}
    kept = []
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
        if counts[finding.kind] <= TOLD:
            kept.append(finding)
    rest = [
        Finding(kind, f"the same {count - TOLD} more times", file) for kind, count in counts.items() if count > TOLD
    ]
    return (*kept, *rest)


def batches_of(segments: Iterable[Segment]) -> tuple[PacketBatch, ...]:
    """Collect segments as packets: a batch of those with int32 samples and one of those with float64, if any."""
    kept = list(segments)
    return tuple(
        _collect(chosen)
        for dtype in (np.int32, np.float64)
        if (chosen := [segment for segment in kept if segment.samples.dtype == dtype])
    )


def _collect(segments: list[Segment]) -> PacketBatch:
    index: dict[SourceId, int] = {}
    channel = [index.setdefault(segment.source, len(index)) for segment in segments]
    return PacketBatch(
        channels=tuple(index),
        channel=np.array(channel, dtype=np.int32),
        start_ns=np.array([segment.start_ns for segment in segments], dtype=np.int64),
        rate_hz=np.array([segment.rate_hz for segment in segments], dtype=np.float64),
        offset=np.concatenate([[0], np.cumsum([len(segment.samples) for segment in segments])]).astype(np.int64),
        samples=np.concatenate([segment.samples for segment in segments]),
    )
