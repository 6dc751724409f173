"""Looks at when certificates end, and says so before they do."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from houfeng.shell.health.health import DAY_NS, SOON_NS
from houfeng.shell.health.metrics import Metrics
from houfeng.shell.recordings import read_bytes
from houfeng.words.errors import DataFault, HoufengError
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S

#: How often, s. A new file counts within this.
EVERY_S = 60.0

#: How many days before its end a certificate is told: time to get another one, and then every day of the last three.
TOLD_DAYS = (SOON_NS // DAY_NS, 3, 2, 1, 0)

#: Bytes a file of certificates may have; all authorities of the world together take half a megabyte.
LARGEST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Certificates:
    """A file of certificates, PEM.

    part   what it is for: "seedlink", "feeds.north" ...
    trust  whether they are authorities to trust, of which the last to end counts; of a chain that is shown to others
           it is the first
    """

    part: str
    path: Path
    trust: bool

    def end_ns(self) -> int:
        """When it is of no use any more, ns since 1970. Raises WorldFault or DataFault when it cannot be read."""
        content = read_bytes(self.path)
        try:
            found = x509.load_pem_x509_certificates(content[:LARGEST_BYTES])
        except ValueError as error:
            raise DataFault(str(self.path), "holds no certificates that can be read", "give them in PEM") from error
        ends = [round(each.not_valid_after_utc.timestamp()) * NS_PER_S for each in found]
        return max(ends) if self.trust else min(ends)


class Watcher:
    """Remembers what was told of which certificates, so that each is told once for each of TOLD_DAYS."""

    def __init__(self) -> None:
        self._told: dict[Certificates, tuple[int, int]] = {}

    def look(self, files: tuple[Certificates, ...], metrics: Metrics, now_ns: int) -> Iterator[Finding]:
        """What is new to say of these files; those not named any more are forgotten."""
        self._told = {each: told for each, told in self._told.items() if each in files}
        ends = {}
        for each in files:
            try:
                ends[each.part] = end_ns = each.end_ns()
            except HoufengError:  # a file that will not do is told by those who read the settings
                continue
            days = next((days for days in reversed(TOLD_DAYS) if end_ns - now_ns <= days * DAY_NS), None)
            if days is None:
                self._told.pop(each, None)
            elif self._told.get(each) != (end_ns, days):
                self._told[each] = end_ns, days
                yield Finding("certificate-ends", f"{each.part}: {in_words(end_ns - now_ns)}", str(each.path))
        metrics.certificates_stand(ends)


def in_words(left_ns: int) -> str:
    """How long a certificate is still good."""
    if left_ns <= 0:
        return "the certificate has run out; put a new one in its place"
    left_h = left_ns // (3600 * NS_PER_S)
    left = f"{left_h // 24} days" if left_h >= 48 else f"{left_h} hours"
    return f"the certificate runs out in {left}; put a new one in its place"


async def watch_certificates(
    files: Callable[[], tuple[Certificates, ...]],
    metrics: Metrics,
    *,
    tell: Callable[[Finding], None],
    clock: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tell for ever which certificates are about to end.

    files  which there are now
    tell   takes what is to be said
    clock  the present, ns since 1970
    sleep  waits so many seconds, as asyncio.sleep
    """
    watcher = Watcher()
    while True:
        for finding in await asyncio.to_thread(lambda: [*watcher.look(files(), metrics, clock())]):
            tell(finding)
        await sleep(EVERY_S)
