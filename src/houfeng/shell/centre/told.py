"""What the centre has told, and how far it had got when it did: both in one transaction, so that neither runs ahead."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import quote

from houfeng.quake.hearing import Portrait
from houfeng.shell.replay.pick_spool import PickSpool
from houfeng.shell.replay.replay import Told
from houfeng.shell.replay.results import finding_line
from houfeng.wire.manifest import head_of
from houfeng.words.assurance import Tier, Vouched, tier_name
from houfeng.words.errors import WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.quake import Pick

#: Tiers by the names they are kept under.
TIERS = {tier_name(tier): tier for tier in Tier}

_TIER = "INSERT OR REPLACE INTO assurance VALUES (?, ?, ?)"

_TABLES = """
CREATE TABLE IF NOT EXISTS finding (number INTEGER PRIMARY KEY, line BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS assurance (channel TEXT, start_ns INTEGER, tier TEXT, PRIMARY KEY (channel, start_ns));
CREATE TABLE IF NOT EXISTS progress (only INTEGER PRIMARY KEY CHECK (only = 1), content BLOB NOT NULL);
"""


def progress_in(path: Path) -> bytes | None:
    """How far the centre whose file this is has got, while another process writes it; None where there is no file."""
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT content FROM progress").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise WorldFault(str(path), str(error), "check its folder and permissions") from error
    return None if row is None else bytes(row[0])


class ToldStore:
    """Picks, findings and assurance of a centre in an SQLite file, by one process at a time.

    What was told since the last commit() is gone after a crash, together with the progress that came with it.
    Raises WorldFault when the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)
            self._picks = PickSpool(self._connection)
            last = "SELECT channel, tier, max(start_ns) FROM assurance GROUP BY channel"
            self._tiers: dict[str, tuple[Tier | None, int]] = {
                channel: (TIERS[tier], start_ns) for channel, tier, start_ns in self._connection.execute(last)
            }
        except (OSError, sqlite3.Error) as error:
            raise WorldFault(str(path), str(error), "check its folder, permissions and room") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def tell(self, told: Told) -> None:
        """Something was told. Samples are left to the archive, quakes to the catalogue."""
        match told:
            case Finding():
                self._connection.execute("INSERT INTO finding (line) VALUES (?)", (finding_line(told),))
            case Pick():
                self._picks.add(told)
            case Portrait():
                self._picks.claim(told.quake)

    def vouch(self, vouched: Vouched) -> None:
        """How surely a record is its station's; kept where that changes."""
        start_ns, channel = vouched.start_ns, vouched.channel
        if start_ns is None:
            return
        tier, latest_ns = self._tiers.get(channel, (None, start_ns))
        if start_ns >= latest_ns:
            if tier is not vouched.tier:
                self._connection.execute(_TIER, (channel, start_ns, tier_name(vouched.tier)))
            self._tiers[channel] = vouched.tier, start_ns
            return
        # A verdict that had to be waited for: it holds for this record, and what was known holds on after it.
        known = "SELECT tier FROM assurance WHERE channel = ? AND start_ns <= ? ORDER BY start_ns DESC LIMIT 1"
        row = self._connection.execute(known, (channel, start_ns)).fetchone()
        if row is None or row[0] != tier_name(vouched.tier):
            head = head_of(vouched.packet.content)
            end_ns = start_ns + round(head.samples / head.rate_hz * NS_PER_S) if head.rate_hz > 0 else start_ns + 1
            self._connection.execute(_TIER, (channel, start_ns, tier_name(vouched.tier)))
            after = row[0] if row is not None else tier_name(tier or vouched.tier)
            self._connection.execute("INSERT OR IGNORE INTO assurance VALUES (?, ?, ?)", (channel, end_ns, after))

    def assurance(self) -> Iterator[tuple[str, int, str]]:
        """Channel, time of a first sample, and the tier of the channel from there on, by channel and time."""
        yield from self._connection.execute("SELECT channel, start_ns, tier FROM assurance ORDER BY channel, start_ns")

    def commit(self, progress: bytes) -> None:
        """Keep what was told, and how far the centre has got. Raises WorldFault when the disk refuses: again later."""
        try:
            self._connection.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (progress,))
            self._connection.commit()
        except sqlite3.Error as error:
            raise WorldFault(str(self._path), str(error), "make room; what was told waits until then") from error

    @property
    def progress(self) -> bytes | None:
        """What came with the last commit(), or None before the first."""
        row = self._connection.execute("SELECT content FROM progress").fetchone()
        return None if row is None else bytes(row[0])

    def picks(self) -> Iterator[bytes]:
        """picks.csv, piece by piece, as a replay writes it."""
        return self._picks.content()

    def findings(self) -> Iterator[bytes]:
        """findings.jsonl, line by line, in the order they were told."""
        for (line,) in self._connection.execute("SELECT line FROM finding ORDER BY number"):
            yield line

    def close(self) -> None:
        """Let go of the file; what was not committed is gone."""
        self._connection.close()
