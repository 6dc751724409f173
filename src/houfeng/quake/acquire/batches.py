"""Packet batches taken apart and put together."""

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire import passing
from houfeng.quake.acquire.recent import no_samples
from houfeng.words.samples import PacketBatch, Samples
from houfeng.words.source import SourceId


def picked(batch: PacketBatch, packets: NDArray[np.int64]) -> PacketBatch:
    """These packets of a batch, in this order."""
    offset = np.concatenate([[0], np.cumsum(np.diff(batch.offset)[packets])]).astype(np.int64)
    samples = no_samples(int(batch.samples.dtype == np.float64), int(offset[-1]))
    passing.gather(packets, batch.offset, batch.samples, samples)
    starts, rates = batch.start_ns[packets], batch.rate_hz[packets]
    return PacketBatch(batch.channels, batch.channel[packets], starts, rates, offset, samples)


def joined(batches: Sequence[PacketBatch]) -> tuple[PacketBatch, ...]:
    """All packets as one batch of each kind of samples, by channel and time, copies in the order they are given.

    What comes out owes nothing to how the packets were batched, nor to how channels were mixed.
    """
    kinds = [[batch for batch in batches if batch.samples.dtype == dtype] for dtype in (np.int32, np.float64)]
    return tuple(_joined(kind) for kind in kinds if kind)


def _joined(batches: Sequence[PacketBatch]) -> PacketBatch:
    channels = tuple(sorted({source for batch in batches for source in batch.channels}))
    number = {source: row for row, source in enumerate(channels)}
    whole = PacketBatch(
        channels,
        np.concatenate([_numbers(batch.channels, number)[batch.channel] for batch in batches]),
        np.concatenate([batch.start_ns for batch in batches]),
        np.concatenate([batch.rate_hz for batch in batches]),
        np.concatenate([[0], np.cumsum(np.concatenate([np.diff(batch.offset) for batch in batches]))]).astype(np.int64),
        cast("Samples", np.concatenate([batch.samples[batch.offset[0] : batch.offset[-1]] for batch in batches])),
    )
    return picked(whole, np.lexsort((whole.start_ns, whole.channel)))


def _numbers(channels: Sequence[SourceId], number: dict[SourceId, int]) -> NDArray[np.int32]:
    return np.array([number[source] for source in channels], dtype=np.int32)
