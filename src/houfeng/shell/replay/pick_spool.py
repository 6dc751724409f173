"""Picks on disk, for it shows late which quake claims one."""

import sqlite3
from collections.abc import Iterator

from houfeng.wire.phases import write_picks_csv
from houfeng.words.quake import Pick, Quake


class PickSpool:
    """Lines of picks.csv put in order on disk, so that memory stays flat however long the replay.

    An onset that a quake claims is told once, as the quake has it: perhaps under the name of the other phase.

    connection  of the database to keep them in; a temporary one when None
    """

    def __init__(self, connection: sqlite3.Connection | None = None) -> None:
        # without a name, a temporary file that goes away with the connection
        self._lines = sqlite3.connect("") if connection is None else connection
        self._lines.execute(
            "CREATE TABLE IF NOT EXISTS line "
            "(time_ns, nslc, phase, quake_id, line, PRIMARY KEY (time_ns, nslc, phase)) WITHOUT ROWID"
        )

    def add(self, pick: Pick) -> None:
        """A pick was told."""
        claimed = "SELECT 1 FROM line WHERE time_ns = ?1 AND nslc = ?2 AND quake_id <> ''"
        self._lines.execute(
            f"INSERT OR IGNORE INTO line SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS ({claimed})", _row(pick, "")
        )

    def claim(self, quake: Quake) -> None:
        """A quake was told."""
        rows = [_row(arrival.pick, quake.quake_id) for arrival in quake.origin.arrivals]
        self._lines.executemany(
            "DELETE FROM line WHERE time_ns = ? AND nslc = ? AND quake_id = ''", [row[:2] for row in rows]
        )
        self._lines.executemany("INSERT OR REPLACE INTO line VALUES (?, ?, ?, ?, ?)", rows)

    def content(self) -> Iterator[bytes]:
        """picks.csv, piece by piece: every pick in time order, with the quake that claimed it."""
        yield write_picks_csv(())
        for (line,) in self._lines.execute("SELECT line FROM line ORDER BY time_ns, nslc, phase"):
            yield line

    def close(self) -> None:
        """Let go of the disk."""
        self._lines.close()


def _row(pick: Pick, quake_id: str) -> tuple[int, str, str, str, bytes]:
    line = write_picks_csv([(pick, quake_id)], header=False)
    return pick.time_ns, pick.source.nslc, pick.phase, quake_id, line
