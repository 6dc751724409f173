"""A share of recordings: the files and packets of some stations."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from houfeng.quake.acquire import SLICE_NS, picked
from houfeng.shell.recordings import Recordings, _held, _mapped, _Source
from houfeng.wire import mseed
from houfeng.wire.decoded import Decoded
from houfeng.words.finding import Finding
from houfeng.words.samples import PacketBatch
from houfeng.words.source import SourceId

#: Number of a slice, what begins in it, and what was odd about reading it.
Played = tuple[int, tuple[PacketBatch, ...], tuple[Finding, ...]]


def files_of(recordings: Recordings, stations: Collection[str]) -> tuple[Path, ...]:
    """The files that have packets of any of these stations (NET.STA), in order."""
    return tuple(source.path for source in recordings._sources if _any_of(source.channels, stations))  # noqa: SLF001


def only(recordings: Recordings, stations: Collection[str]) -> Recordings:
    """The recordings of these stations (NET.STA) and no others."""
    sources = (_only(source, stations) for source in recordings._sources if _any_of(source.channels, stations))  # noqa: SLF001
    return replace(recordings, _sources=tuple(source for source in sources if source is not None))


def slice_numbers(recordings: Recordings) -> NDArray[np.int64]:
    """The slices play() gives, by number: slice n begins at n * SLICE_NS."""
    starts = [np.unique(source.start_ns // SLICE_NS) for source in recordings._sources]  # noqa: SLF001
    return np.unique(np.concatenate(starts)) if starts else np.empty(0, dtype=np.int64)


def play(recordings: Recordings) -> Iterator[Played]:
    """Every packet once, in slices of time."""
    for number, (_, batches, findings) in zip(slice_numbers(recordings).tolist(), recordings.play(), strict=True):
        yield number, batches, findings


def _any_of(channels: tuple[SourceId, ...], stations: Collection[str]) -> bool:
    return any(source.station_key in stations for source in channels)


def _only(source: _Source, stations: Collection[str]) -> _Source | None:
    """The rows of a file that are of these stations; None without any."""
    wanted = tuple(channel for channel in source.channels if channel.station_key in stations)
    if len(wanted) == len(source.channels):
        return source
    if source.offset is None or source.length is None:
        kept = [picked(batch, np.flatnonzero(_mine(batch.channels, stations)[batch.channel])) for batch in source.held]
        return _held(source.path, Decoded(tuple(batch for batch in kept if len(batch))))
    index = mseed.index(_mapped(source.path))
    spoken = index.sample_count > 0
    rows = _mine(index.channels, stations)[index.channel[spoken]]
    if not rows.any():
        return None
    return replace(
        source,
        start_ns=source.start_ns[rows],
        end_ns=source.end_ns[rows],
        channels=wanted,
        offset=source.offset[rows],
        length=source.length[rows],
    )


def _mine(channels: tuple[SourceId, ...], stations: Collection[str]) -> NDArray[np.bool_]:
    return np.array([channel.station_key in stations for channel in channels], dtype=np.bool_)
