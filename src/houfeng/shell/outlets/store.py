"""Which versions of alerts there were and which outlet let them out when, in an SQLite file: what a restart goes by."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from houfeng.serve.alerts.lines import read_line
from houfeng.shell.outlets.outlet import Issue, issue_of
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.instant import DAY_NS

#: Versions older than this are forgotten: no engine repeats them, and the outlets that are records have them.
KEPT_NS = 30 * DAY_NS

_TABLES = """
CREATE TABLE IF NOT EXISTS version (
    number INTEGER PRIMARY KEY, alert_id TEXT, version INTEGER, declared_ns INTEGER, line BLOB NOT NULL,
    UNIQUE (alert_id, version)
);
CREATE TABLE IF NOT EXISTS outlet (name TEXT PRIMARY KEY, since INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS given (
    outlet TEXT, alert_id TEXT, version INTEGER, given_ns INTEGER NOT NULL, PRIMARY KEY (outlet, alert_id, version)
);
"""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is known after a restart.

    latest   the last version of each alert
    kept     versions in the order they came
    strange  how many more there are that make no sense, written by another version of this program perhaps
    """

    latest: Mapping[str, int]
    kept: tuple["Kept", ...]
    strange: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that is known.

    given_by  the outlets that let it out
    since     the outlets that were there when it came
    """

    issue: Issue
    given_by: frozenset[str]
    since: frozenset[str]


class Store:
    """The file. Calls come from one thread at a time.

    path  of the file; made when missing

    Raises WorldFault when the disk refuses, here and in every call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise self._fault(error) from error

    def begin(self, outlets: frozenset[str], now_ns: int) -> Recalled:
        """Note which outlets there are now, forget what is too old, and recall the rest in the order it came."""
        try:
            with self._connection as connection:
                connection.execute("DELETE FROM version WHERE declared_ns < ?", (now_ns - KEPT_NS,))
                connection.execute(
                    "DELETE FROM given WHERE NOT EXISTS (SELECT 1 FROM version"
                    " WHERE version.alert_id = given.alert_id AND version.version = given.version)"
                )
                connection.executemany(
                    "INSERT OR IGNORE INTO outlet SELECT ?, coalesce(max(number), 0) FROM version",
                    [(name,) for name in sorted(outlets)],
                )
                # An outlet that was taken out of the settings begins anew should it come back.
                gone = [(name,) for (name,) in connection.execute("SELECT name FROM outlet") if name not in outlets]
                connection.executemany("DELETE FROM outlet WHERE name = ?", gone)
                since = dict(connection.execute("SELECT name, since FROM outlet"))
                given: dict[tuple[str, int], set[str]] = {}
                for name, alert_id, version in connection.execute("SELECT outlet, alert_id, version FROM given"):
                    given.setdefault((alert_id, version), set()).add(name)
                rows = connection.execute("SELECT number, line FROM version ORDER BY number").fetchall()
                latest = dict(connection.execute("SELECT alert_id, max(version) FROM version GROUP BY alert_id"))
        except sqlite3.Error as error:
            raise self._fault(error) from error
        kept = []
        for number, line in rows:
            try:
                issue = issue_of(read_line(line))
            except DataFault:
                continue
            known = frozenset(name for name, first in since.items() if first < number)
            kept.append(Kept(issue, frozenset(given.get((issue.alert_id, issue.version), ())), known))
        return Recalled(latest, tuple(kept), len(rows) - len(kept))

    def keep(self, issue: Issue) -> None:
        """Keep a version, durably."""
        row = (issue.alert_id, issue.version, issue.news.alert.declared_ns, issue.line)
        self._write("INSERT OR IGNORE INTO version (alert_id, version, declared_ns, line) VALUES (?, ?, ?, ?)", row)

    def given(self, outlet: str, issue: Issue, given_ns: int) -> None:
        """Note that an outlet let a version out, durably."""
        row = (outlet, issue.alert_id, issue.version, given_ns)
        self._write("INSERT OR IGNORE INTO given VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write(self, statement: str, row: tuple[object, ...]) -> None:
        try:
            with self._connection as connection:
                connection.execute(statement, row)
        except sqlite3.Error as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> WorldFault:
        return WorldFault(str(self._path), str(error), "check its folder, permissions and room")
