"""What is remembered of one exporter: its templates, and data that came before their template."""

from typing import Final, NamedTuple

from houfeng.wire.eyes.netflow_record import Export
from houfeng.wire.eyes.netflow_templates import Template

#: Templates of one exporter: routers have a few for each kind of traffic in each line card.
MOST_TEMPLATES: Final = 256

#: Routers repeat their templates every 30 minutes unless told otherwise (RFC 7011, 8.4 says 10): what has waited
#: longer waits in vain.
PATIENCE_NS: Final = 1_800_000_000_000

#: What may wait for one exporter's templates: 22 full datagrams, since routers repeat their templates every 20. All
#: exporters together, were they all forged, hold some 130 MB.
MOST_WAITING_BYTES: Final = 32_768

#: What the waiting of a small set costs beside its bytes.
_OVERHEAD_BYTES: Final = 200

Key = tuple[bool, int, int]


class Waiting(NamedTuple):
    """A data set, the number of the template it waits for, and the datagram it came in."""

    key: Key
    export: Export
    body: bytes


class Exporter:
    """One exporter.

    told           how often each kind of finding was met
    started_ms     when it started, by domain, in ms since 1970, where it says so (IPFIX 160)
    waiting_bytes  what the waiting data sets cost
    """

    __slots__ = (
        "_asked_ns", "_given_up", "_templates", "_waiting", "_wanted", "started_ms", "told", "waiting_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self._templates: dict[Key, Template] = {}
        self._waiting: list[Waiting] = []
        self.waiting_bytes = 0
        self.told: dict[str, int] = {}
        self.started_ms: dict[int, int] = {}
        self._given_up = 0
        self._wanted: set[int] = set()
        self._asked_ns = -PATIENCE_NS

    def template(self, export: Export, number: int) -> Template | None:
        """The template of that number, if it was told."""
        return self._templates.get((export.ipfix, export.domain, number))

    def learn(self, export: Export, number: int, template: Template | None) -> list[Waiting]:
        """A template was told, or withdrawn with None. Returns what waited for it, in the order it came.

        Of more than MOST_TEMPLATES the one told longest ago is forgotten.
        """
        key = (export.ipfix, export.domain, number)
        self._templates.pop(key, None)
        if template is None:
            return []
        self._templates[key] = template
        if len(self._templates) > MOST_TEMPLATES:
            del self._templates[next(iter(self._templates))]
        if not self._waiting:
            return []
        ready = [waiting for waiting in self._waiting if waiting.key == key]
        self._keep([waiting for waiting in self._waiting if waiting.key != key])
        return ready

    def hold(self, export: Export, number: int, body: bytes) -> None:
        """A data set came without its template. Beyond MOST_WAITING_BYTES the oldest are given up."""
        self._waiting.append(Waiting((export.ipfix, export.domain, number), export, body))
        self.waiting_bytes += len(body) + _OVERHEAD_BYTES
        dropped = 0
        while self.waiting_bytes > MOST_WAITING_BYTES and dropped < len(self._waiting):
            self.waiting_bytes -= len(self._waiting[dropped].body) + _OVERHEAD_BYTES
            dropped += 1
        self._give_up(dropped)

    def expire(self, now_ns: int) -> tuple[int, list[int]]:
        """Give up what waited longer than PATIENCE_NS, and say so once in that time.

        Returns how many data sets were given up and for want of which templates, the first MOST_TEMPLATES of them.
        """
        late = sum(waiting.export.arrived_ns <= now_ns - PATIENCE_NS for waiting in self._waiting)
        if late:
            self._waiting.sort(key=lambda waiting: waiting.export.arrived_ns)
            self._give_up(late)
        if not self._given_up or now_ns < self._asked_ns + PATIENCE_NS:
            return 0, []
        self._asked_ns = now_ns
        return self._take()

    def end(self) -> tuple[int, list[int]]:
        """Give up all that waits and say so, as expire() does."""
        self._give_up(len(self._waiting))
        return self._take()

    def _take(self) -> tuple[int, list[int]]:
        given_up, wanted = self._given_up, sorted(self._wanted)
        self._given_up = 0
        self._wanted.clear()
        return given_up, wanted

    def _give_up(self, count: int) -> None:
        self._given_up += count
        for waiting in self._waiting[:count]:
            if len(self._wanted) < MOST_TEMPLATES:
                self._wanted.add(waiting.key[2])
        self._keep(self._waiting[count:])

    def _keep(self, waiting: list[Waiting]) -> None:
        self._waiting = waiting
        self.waiting_bytes = sum(len(one.body) + _OVERHEAD_BYTES for one in waiting)


class Exporters:
    """All exporters by name; of more than `most` the one unheard longest is forgotten."""

    __slots__ = ("_by_name", "_most")

    def __init__(self, most: int) -> None:
        self._by_name: dict[str, Exporter] = {}
        self._most = most

    def heard(self, name: str) -> tuple[Exporter, str | None]:
        """The exporter of that name, and which was forgotten to make room for it."""
        exporter = self._by_name.pop(name, None) or Exporter()
        self._by_name[name] = exporter
        if len(self._by_name) <= self._most:
            return exporter, None
        gone = next(iter(self._by_name))
        del self._by_name[gone]
        return exporter, gone

    def all(self) -> list[tuple[str, Exporter]]:
        """Every exporter with its name, the one unheard longest first."""
        return list(self._by_name.items())
