"""A folder of miniSEED files that grows, as a feed: recordings played as if they came now, or records dropped there."""

import asyncio
import random
from pathlib import Path

from houfeng.shell.feeds.feed import Clock, Sleep, Tell
from houfeng.shell.feeds.files import POLL_S, Files, Pieces
from houfeng.wire.records import cut


def folder(
    name: str,
    root: Path,
    ledger: Path,
    *,
    clock: Clock,
    chance: random.Random,
    sleep: Sleep = asyncio.sleep,
    poll_s: float = POLL_S,
) -> Files:
    """The feed of a folder's records, each one packet.

    name    of the feed
    root    the folder, or one file
    ledger  file in which it keeps what was given
    poll_s  how often it is looked at

    A record that is not yet whole waits until it is.
    """
    return Files(
        name, root, ledger, split=_records, turn=_itself, clock=clock, chance=chance, sleep=sleep, poll_s=poll_s
    )


def _records(data: bytes) -> Pieces:
    found = cut(data)
    ends = tuple(record.end for record in found.records)
    return Pieces(ends, tuple(record.content for record in found.records), found.used, found.skipped)


def _itself(piece: bytes, _tell: Tell) -> list[bytes]:
    return [piece]
