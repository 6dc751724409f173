"""The history of conversations: Parquet files by day, written in batches and asked through DuckDB.

DIR/date=YYYY-MM-DD/part-*.parquet, the date being that of a conversation's end. A part is written beside its place and
put there in one step, so that a reader sees whole parts only. Columns are those of words.network.Flow; times are
integer nanoseconds UTC.
"""

import importlib
import ipaddress
import os
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from houfeng.words.errors import WorldFault
from houfeng.words.instant import DAY_NS, NS_PER_S, format_instant
from houfeng.words.network import Flow

#: A part is written when so many conversations wait, some 5 MB of Parquet, or when the first has waited so long: what
#: a crash can lose of the history, never of the findings.
_BATCH: Final = 100_000
_BATCH_NS: Final = 300 * NS_PER_S

_INSTALL: Final = "pip install 'houfeng[history]'"
_DAY: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})")

#: The columns, in order, by their type in Parquet.
_WORDS: Final = ("client", "server", "protocol", "outcome", "service", "client_mac", "server_mac")
_COUNTS: Final = ("start_ns", "end_ns", "client_packets", "server_packets", "client_bytes", "server_bytes",
                  "client_payload_bytes", "server_payload_bytes")  # fmt: skip
_PORTS: Final = ("client_port", "server_port")
COLUMNS: Final = ("start_ns", "end_ns", "client", "client_port", "server", "server_port", "protocol", "outcome",
                  "client_packets", "server_packets", "client_bytes", "server_bytes", "client_payload_bytes",
                  "server_payload_bytes", "begun", "service", "client_mac", "server_mac", "eye", "line")  # fmt: skip

#: Every value is bound; nothing of it is put together from text.
_QUERY: Final = """
    SELECT * EXCLUDE (date) FROM read_parquet($parts, hive_partitioning = true, hive_types = {'date': 'VARCHAR'})
    WHERE ($since IS NULL OR (end_ns >= $since AND date >= $since_date))
      AND ($until IS NULL OR start_ns <= $until)
      AND ($address IS NULL OR client = $address OR server = $address)
    ORDER BY start_ns, end_ns, client, client_port
"""
_ROWS_AT_ONCE: Final = 10_000


class FlowHistory:
    """Keeps conversations that are over.

    folder     of the history, made when missing
    keep_days  days of whole history; what ended before is deleted a day at a time

    Raises WorldFault when pyarrow is not installed or the disk refuses.
    """

    def __init__(self, folder: Path, keep_days: int) -> None:
        self._folder = folder
        self._keep_ns = keep_days * DAY_NS
        self._arrow = _installed("pyarrow")
        _installed("pyarrow.parquet")
        self._waiting: list[Flow] = []
        self._begun_ns = 0
        self._tidied_ns = 0

    def handle(self, flow: Flow) -> None:
        """A conversation is over."""
        self._waiting.append(flow)
        if len(self._waiting) >= _BATCH:
            self._write()

    def elapse(self, now_ns: int) -> None:
        """Time passed, by our clock."""
        if not self._waiting:
            self._begun_ns = now_ns
        elif now_ns - self._begun_ns >= _BATCH_NS:
            self._write()
        if now_ns - self._tidied_ns >= DAY_NS // 24:
            self._tidied_ns = now_ns
            self._forget(_date_of(now_ns - self._keep_ns))

    def close(self) -> None:
        """Write what waits."""
        self._write()

    def _write(self) -> None:
        by_date: defaultdict[str, list[Flow]] = defaultdict(list)
        for flow in self._waiting:
            by_date[_date_of(flow.end_ns)].append(flow)
        for date, flows in by_date.items():
            try:
                self._write_part(self._folder / f"date={date}", flows)
            except OSError as error:
                reason = f"cannot be written: {error.strerror or error}"
                raise WorldFault(str(self._folder), reason, "make room, or check its rights") from error
        self._waiting.clear()

    def _write_part(self, folder: Path, flows: list[Flow]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"part-{flows[0].end_ns}-{secrets.token_hex(4)}.parquet"
        beside = folder / f".{name}.part"
        pa = self._arrow
        kinds = dict.fromkeys(_COUNTS, pa.int64()) | dict.fromkeys(_PORTS, pa.int32())
        kinds |= dict.fromkeys((*_WORDS, "eye"), pa.string()) | {"begun": pa.bool_(), "line": pa.int64()}
        schema = pa.schema([(column, kinds[column]) for column in COLUMNS])
        table = pa.table({column: [_value(flow, column) for flow in flows] for column in COLUMNS}, schema=schema)
        pa.parquet.write_table(table, beside, compression="zstd")
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.rename(folder / name)

    def _forget(self, before: str) -> None:
        """Delete the days before a date, and parts that a crash left half written."""
        for folder in self._folder.glob("date=*"):
            day = _DAY.fullmatch(folder.name)
            if day and day[1] < before and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
        if not self._waiting:
            for part in self._folder.glob("date=*/.part-*.parquet.part"):
                part.unlink(missing_ok=True)


def recalled(
    folder: Path, *, since_ns: int | None = None, until_ns: int | None = None, address: str | None = None
) -> Iterator[dict[str, Any]]:
    """Conversations of a history, in order of their start, as COLUMNS by name.

    since_ns, until_ns  those that went on at some time between them
    address             those of this client or server

    Raises WorldFault when duckdb is not installed, the folder is no history, or a part of it cannot be read.
    """
    duckdb = _installed("duckdb")
    parts = sorted(str(part) for part in folder.glob("date=*/part-*.parquet"))
    if not parts:
        raise WorldFault(str(folder), "there is no history in it", "keep one: houfeng guard watch --history DIR")
    if address is not None:
        address = str(ipaddress.ip_address(address))
    bound = {
        "parts": parts,
        "since": since_ns,
        "since_date": None if since_ns is None else _date_of(since_ns),
        "until": until_ns,
        "address": address,
    }
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as base:
        try:
            found = base.execute(_QUERY, bound)
            names = [column[0] for column in found.description]
            while rows := found.fetchmany(_ROWS_AT_ONCE):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
        except duckdb.Error as error:
            raise WorldFault(
                str(folder), f"cannot be asked: {str(error)[:200]!r}", "see which part it names"
            ) from error


def _value(flow: Flow, column: str) -> Any:
    value = getattr(flow.seen if column in {"eye", "line"} else flow, column)
    # A file's name may hold bytes that are no text.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _date_of(time_ns: int) -> str:
    return format_instant(time_ns, 0)[:10]


def _installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = "is not installed: the history of conversations needs it"
        raise WorldFault(name.partition(".")[0], reason, _INSTALL) from error
