"""The two forms of a Zeek log, each line of which is a record, part of a header, or damaged."""

from collections.abc import Callable
from typing import Any

from houfeng.wire.eyes.json_objects import JsonObjects
from houfeng.wire.eyes.log_values import HeaderFault, LineFault, instant
from houfeng.wire.eyes.zeek_header import BEGINS, ZeekHeader
from houfeng.wire.eyes.zeek_records import ZeekLog, path_by_fields, zeek_log
from houfeng.words.network import Observation, Seen

#: A record: its time, None where its log has none, and what it gives.
Record = tuple[int | None, tuple[Observation, ...]]


class TableForm:
    """Zeek's own form: # lines, then rows of columns parted by tabs."""

    def __init__(self, name: str) -> None:
        self.understood = False
        self._name = name
        self._header = ZeekHeader()
        self._log: ZeekLog | None = None
        self._choose: Callable[[str], list[str | None]] | None = None

    @property
    def doubtful(self) -> str:
        """Nothing is."""
        return ""

    def read(self, line: bytes, number: int) -> Record | None:
        """The record of a row, None for a line of the header. Raises LineFault for what does not fit the header."""
        # Older versions write the bytes of strangers as they came.
        row = line.decode("utf-8", "backslashreplace")
        if row.startswith("#"):
            self._read_header(row)
            return None
        if self._choose is None or self._log is None:
            raise HeaderFault("no header with the fields it needs stands before it")
        values = self._choose(row)
        time_ns = None if values[0] is None and not self._log.needed else instant(values[0], "ts")
        return time_ns, _told(self._log.make(time_ns or 0, values, Seen(self._name, number)))

    def _read_header(self, line: str) -> None:
        if line.startswith(BEGINS):
            self._header = ZeekHeader()
            self._log = self._choose = None
        if not self._header.read(line):
            return
        self._log = self._choose = None
        fields = self._header.fields
        log = zeek_log(self._header.path or path_by_fields(fields))
        missing = [field for field in log.needed if field not in fields]
        if missing:
            raise HeaderFault(f"its header lacks the field {missing[0]}")
        self._log, self._choose, self.understood = log, self._header.chooser(log.fields), True


class JsonForm:
    """JSON lines; a field that is unset is not there."""

    def __init__(self, name: str) -> None:
        self.understood = False
        self._name = name
        self._objects = JsonObjects()

    @property
    def doubtful(self) -> str:
        """Keys that the line read last names more than once."""
        return self._objects.doubtful

    def read(self, line: bytes, number: int) -> Record | None:
        """The record of a line. Raises LineFault for what is no record of Zeek."""
        found = self._objects.read(line)
        if "ts" not in found:
            raise LineFault("it has no ts, as every record of Zeek has")
        log = zeek_log(_path(found))
        time_ns = instant(found["ts"], "ts")
        values: list[Any] = [found.get(field) for field in log.fields]
        observation = log.make(time_ns, values, Seen(self._name, number))
        self.understood = True
        return time_ns, _told(observation)


def _path(found: dict[str, Any]) -> str:
    path = found.get("_path")
    return path if isinstance(path, str) else path_by_fields(found)


def _told(observation: Observation | None) -> tuple[Observation, ...]:
    return () if observation is None else (observation,)
