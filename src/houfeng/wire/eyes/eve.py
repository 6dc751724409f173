"""Suricata's EVE log, JSON lines, as observations."""

from houfeng.wire.eyes.eve_events import parts_of
from houfeng.wire.eyes.eve_joins import EveJoins, Part
from houfeng.wire.eyes.json_objects import JsonObjects
from houfeng.wire.eyes.log_reader import Form, LogReader
from houfeng.wire.eyes.log_values import LineFault, iso_instant, shown
from houfeng.words.network import Seen


def eve_reader(name: str) -> LogReader[Part]:
    """A reader of one EVE log.

    name  of the file, for what is said of it

    Gives Flows of flow events, and of netflow events where a log has no flow events; a Lookup for a question and its
    answer together; Logins of FTP; Notices of alerts and anomalies. The rest (http, tls, ssh, fileinfo ...) is counted
    and its times followed; of stats the time is left out, for it is the time of the run, which may be years after the
    capture. Events come in no order of time: flows come when they are given up.

    Alerts of Suricata's own rules on odd packets, and anomalies, are told with severity 4, whatever they say. Where a
    line names a key twice the last value counts, and a finding says so. Passwords are never kept.

    Its read and end raise DataFault for what is no EVE log. Source: Suricata's user guide, EVE JSON format.
    """

    def begin(first_line: bytes) -> Form[Part]:
        del first_line  # it may be torn
        return _EveForm(name)

    return LogReader(name, "EVE log", begin, EveJoins())


class _EveForm:
    """One event a line."""

    def __init__(self, name: str) -> None:
        self.understood = False
        self._name = name
        self._objects = JsonObjects()
        self._has_flows = False

    @property
    def doubtful(self) -> str:
        """Keys that the line read last names more than once."""
        return self._objects.doubtful

    def read(self, line: bytes, number: int) -> tuple[int | None, tuple[Part, ...]]:
        """The event of a line. Raises LineFault for what is no event."""
        event = self._objects.read(line)
        kind = event.get("event_type")
        if not isinstance(kind, str):
            raise LineFault("it has no event_type" if kind is None else f"event_type cannot be {shown(kind)}")
        if kind == "stats":
            self.understood = True
            return None, ()
        time_ns = iso_instant(event.get("timestamp"), "timestamp")
        self._has_flows = self._has_flows or kind == "flow"
        # A flow event tells both directions, which netflow events then only repeat.
        repeated = kind == "netflow" and self._has_flows
        parts = () if repeated else parts_of(event, kind, time_ns, Seen(self._name, number))
        self.understood = True
        return time_ns, parts
