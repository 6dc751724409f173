"""What a replay tells, kept for good: samples in an archive, quakes in a catalogue."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from houfeng.quake.hearing import Portrait
from houfeng.shell.archive.archive import Archive
from houfeng.shell.replay.replay import OnTold, Told
from houfeng.words.samples import Late, PacketBatch


@contextmanager
def into_archive(root: Path, on_odd: OnTold) -> Iterator[OnTold]:
    """Keep every sample, late ones too, in the archive below a folder; on_odd is told what is odd about its files."""
    with Archive(root) as archive:

        def keep(told: Told) -> None:
            if isinstance(told, PacketBatch | Late):
                archive.append(told.batch if isinstance(told, Late) else told)

        yield keep
        archive.flush()
        for finding in archive.take_findings():
            on_odd(finding)


@contextmanager
def into_catalogue(place: str) -> Iterator[OnTold]:
    """Keep every version of every quake in the SQL catalogue at a URL, or in an SQLite file."""
    from houfeng.shell.catalogue.catalogue import Catalogue, url_of  # noqa: PLC0415  25 MB of SQLAlchemy

    with Catalogue(url_of(place)) as catalogue:

        def keep(told: Told) -> None:
            if isinstance(told, Portrait):
                catalogue.revise(told.quake)

        yield keep
