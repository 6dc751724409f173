"""The warning side of a centre, in a process of its own: the journal in, alerts out, whatever the engine does.

Packets are looked at as they come, in the journal's order. After a crash it begins where the engine would, silently up
to where it had got; alerts that were told before go on under their names.
"""

import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from houfeng.guard.vouch import Vouch, memory_of
from houfeng.quake.hearing import travel_times
from houfeng.quake.network import network_of
from houfeng.quake.warn.lookout import Lookout, lookout
from houfeng.quake.warn.outlook import Outlook
from houfeng.quake.warn.policy import Policy
from houfeng.quake.warn.reach import unreachable
from houfeng.serve.alerts.lines import read_line, write_line
from houfeng.serve.alerts.news import News
from houfeng.serve.judgements import read_trust, write_trust
from houfeng.shell.arrivals.paced import AT_ONCE_NS, decode_packets, first_ns
from houfeng.shell.centre.collecting import collect_rarely
from houfeng.shell.centre.engine import MANIFEST_PATIENCE_NS, Knowledge, Numbered, Progress
from houfeng.shell.centre.notes import trust_of
from houfeng.shell.centre.thinking import TOLD_FILE, Failed, Heard, Stop, Want, knowledge_of
from houfeng.shell.centre.told import progress_in
from houfeng.shell.replay.replay import load_policy
from houfeng.shell.replay.reporting import load_places
from houfeng.shell.settings.settings import Settings, WarnSettings, read_settings
from houfeng.words.alert import Alert, AlertStatus, Place
from houfeng.words.assurance import Tier
from houfeng.words.errors import HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.packet import Packet
from houfeng.words.source import SourceId
from houfeng.words.trust import Trust

#: In the folder of the settings: every version of every alert.
ALERTS_FILE = "alerts.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS alert (
    alert_id TEXT, version INTEGER, declared_ns INTEGER NOT NULL, line BLOB NOT NULL, PRIMARY KEY (alert_id, version)
);
CREATE TABLE IF NOT EXISTS progress (only INTEGER PRIMARY KEY CHECK (only = 1), sequence INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS trust (station TEXT PRIMARY KEY, line BLOB NOT NULL);
"""

#: Alerts told so long before a restart go on after it.
RECALLED_NS = 300 * NS_PER_S


class AlertStore:
    """Every version of every alert, and the number of the packet up to which it has been looked at, together.

    Raises WorldFault when the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    @property
    def sequence(self) -> int:
        """The number of the last packet looked at, 0 before the first."""
        with self._faults():
            row = self._connection.execute("SELECT sequence FROM progress").fetchone()
        return 0 if row is None else int(row[0])

    def keep(self, said: Sequence[News], sequence: int, trusted: Sequence[Trust] = ()) -> None:
        """Keep versions, the guard's last word on stations, and how far packets have been looked at."""
        with self._faults():
            for trust in trusted:
                said_of = (trust.station_key, write_trust(trust))
                self._connection.execute("INSERT OR REPLACE INTO trust VALUES (?, ?)", said_of)
            for news in said:
                row = (news.alert.alert_id, news.alert.version, news.alert.declared_ns, write_line(news))
                self._connection.execute("INSERT OR IGNORE INTO alert VALUES (?, ?, ?, ?)", row)
            self._connection.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", (sequence,))
            self._connection.commit()

    def trusted(self) -> Iterator[Trust]:
        """The guard's last word on every station it spoke of."""
        with self._faults():
            lines = self._connection.execute("SELECT line FROM trust ORDER BY station").fetchall()
        for (line,) in lines:
            yield read_trust(line)

    def told(self, since_ns: int = 0) -> Iterator[News]:
        """Versions declared since an instant, in the order they were declared."""
        told = "SELECT line FROM alert WHERE declared_ns >= ? ORDER BY declared_ns, alert_id, version"
        with self._faults():
            lines = self._connection.execute(told, (since_ns,)).fetchall()
        for (line,) in lines:
            yield read_line(line)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise WorldFault(str(self._path), str(error), "check its folder, permissions and room") from error


class Vigil:
    """Looks at the packets of a journal as they come.

    rules  of what to warn, what alerts are to say they are, and the places to say what to expect
    begin  where the engine would begin after a restart, and what was known of the stations that sign there
    """

    def __init__(self, knowledge: Knowledge, rules: "Rules", store: AlertStore, begin: Progress) -> None:
        self._knowledge = knowledge
        self._rules = rules
        self._store = store
        self._told = store.sequence
        self._recalled = self._told == 0
        self.next = begin.begin
        self._vouch = Vouch(
            knowledge.enrolments,
            knowledge.centre_key or X25519PrivateKey.generate(),
            secured_feeds=knowledge.secured_feeds,
            patience_ns=MANIFEST_PATIENCE_NS,
            memory=memory_of(begin.anchors[0].memory),
        )
        self._lookout: Lookout | None = None
        self._outlook: Outlook | None = None
        self._odd: tuple[Finding, ...] = ()
        self._trusted = {trust.station_key: trust for trust in store.trusted()}
        self._newly: list[Trust] = []

    def handle(self, packets: Sequence[Numbered]) -> list[News]:
        """Packets of the journal, from number `next` on; returns what is to be told, which is kept by then."""
        said: list[News] = []
        # what is walked again and what is new are not looked at together: alerts are recalled in between
        for _, together in groupby(packets, key=lambda each: (each[0] > self._told, each[1].arrival_ns // AT_ONCE_NS)):
            at_once = list(together)
            self._recall(at_once[0])
            alerts = self._look([packet for _, packet in at_once])
            if at_once[0][0] > self._told:
                said += [self._worded(alert) for alert in alerts]
        if packets:
            self.next = packets[-1][0] + 1
            if self.next - 1 > self._told:
                self._told = self.next - 1
                self._store.keep(said, self._told, self._newly)
                self._newly = []
        return said

    def findings(self) -> tuple[Finding, ...]:
        """What has become known since this was asked last: what the network can never do of what the policy asks."""
        odd, self._odd = self._odd, ()
        return odd

    def _recall(self, first: Numbered) -> None:
        """Where it had got to before it ended, alerts told then go on."""
        if not self._recalled and first[0] > self._told and self._lookout is not None:
            self._recalled = True
            told = self._store.told(first[1].arrival_ns - RECALLED_NS)
            self._lookout.recall([news.alert for news in told], first[1].arrival_ns)

    def _worded(self, alert: Alert) -> News:
        """An alert with what places have to expect."""
        if self._lookout is None or self._outlook is None:
            return News(alert)
        return News(alert, self._outlook.of(alert, *self._lookout.felt()))

    def _look(self, packets: Sequence[Packet]) -> list[Alert]:
        clock_ns = max(packet.arrival_ns for packet in packets)
        spoken = [packet for packet in packets if packet.station_key]
        told = [*self._vouch.handle(spoken), *self._vouch.elapse(clock_ns)]
        records = [value for value in told if not isinstance(value, Finding)]  # those the engine tells
        alerts = list(self._lookout.vouched(records, clock_ns)) if self._lookout is not None else []
        for packet in packets:
            trust = None if packet.station_key else trust_of(packet)
            if trust is not None:
                self._newly.append(trust)
                self._trusted[trust.station_key] = trust
                alerts += self._lookout.believe(trust, clock_ns) if self._lookout is not None else ()
        believed = [record.packet for record in records if record.tier > Tier.BROKEN]
        if self._lookout is None and not self._open(believed):
            return alerts
        assert self._lookout is not None
        for batch in decode_packets(believed).batches if believed else ():
            alerts += self._lookout.handle(batch, clock_ns)
        alerts += self._lookout.elapse(clock_ns)
        return alerts

    def _open(self, packets: Sequence[Packet]) -> bool:
        """Begin, with the network of the time at which the first samples were taken."""
        first = first_ns(packets) if packets else None
        if first is None:
            return False
        known = self._knowledge
        standing = known.inventory.at(first)
        network = network_of(known.inventory, [SourceId(each.network, each.code, "", "") for each in standing], first)
        times = travel_times(known.model, network)
        rules = self._rules
        self._lookout = lookout(network, known.inventory, times, rules.policy, first, status=rules.status)
        for trust in self._trusted.values():
            list(self._lookout.believe(trust, first))  # no alert is open yet
        stations = tuple(network.stations.values())
        self._outlook = Outlook(rules.places, stations, rules.policy, times)
        self._odd = unreachable(rules.policy, stations)
        return True


@dataclass(frozen=True, slots=True)
class Rules:
    """Of what to warn, what alerts are to say they are, and the places to say what to expect."""

    policy: Policy
    status: AlertStatus
    places: tuple[Place, ...]


def rules_of(settings: WarnSettings) -> Rules:
    """The rules of a centre. Raises WorldFault or DataFault for files that will not do."""
    places = load_places(settings.places).places
    return Rules(
        load_policy(settings.policy),
        settings.status,
        tuple(Place(one.name, one.latitude_deg, one.longitude_deg) for one in places),
    )


def look_out(pipe: Connection, settings_path: Path) -> None:
    """Look at what the other end of the pipe gives, until it says stop or is gone. The body of the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the centre says when to stop
    try:
        settings = read_settings(settings_path)
        folder = settings_path.parent
        with AlertStore(folder / ALERTS_FILE) as store:
            vigil = _vigil(settings, folder, store)
            pipe.send(_heard(vigil, list(store.told(time.time_ns() - RECALLED_NS)), 0.0, 0))  # perhaps not let out
            collect_rarely()
            while True:
                pipe.send(Want(vigil.next))
                answer = pipe.recv()
                if isinstance(answer, Stop):
                    return
                begun = time.monotonic()
                news = vigil.handle(answer.packets)
                arrived_ns = answer.packets[-1][1].arrival_ns if answer.packets else 0
                pipe.send(_heard(vigil, news, time.monotonic() - begun, arrived_ns))
    except (EOFError, BrokenPipeError):
        pass  # what was not kept is looked at again
    except HoufengError as error:
        pipe.send(Failed(str(error)))


def _vigil(settings: Settings, folder: Path, store: AlertStore) -> Vigil:
    known, _ = knowledge_of(settings)
    begin = Progress.read(progress_in(folder / TOLD_FILE))
    return Vigil(known, rules_of(settings.warn), store, begin)


def _heard(vigil: Vigil, news: Sequence[News], took_s: float, arrived_ns: int) -> Heard:
    return Heard(vigil.next, 0, took_s, arrived_ns, news=tuple(news), findings=vigil.findings())
