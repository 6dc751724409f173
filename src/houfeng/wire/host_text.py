"""Host reports from what fixed commands print: their output in sections, of Debian, busybox and what lies between.

Each command's output stands between two lines that begin with a word which was drawn for this one report, so that
nothing a user of the host wrote into a file can pass for the next section:

    <word> begin sockets
    Netid State ...
    <word> end sockets 0
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from houfeng.wire.eyes.text_lines import shown, text_of
from houfeng.wire.host_entries import keys_of, modules_of, preload_of, schedules_of, units_of
from houfeng.wire.host_files import deleted_of, files_of
from houfeng.wire.host_lines import HostLines
from houfeng.wire.host_network import firewall_of, first_number, resolvers_of, routes_of, sockets_of
from houfeng.words.finding import Finding
from houfeng.words.host import HostReport, How
from houfeng.words.instant import LATEST_NS, NS_PER_S

#: Sections, and what each holds.
SECTIONS: Final[Mapping[str, str]] = {
    "clock": "date +%s",
    "boot": "btime of /proc/stat",
    "forwards": "/proc/sys/net/ipv4/ip_forward",
    "sockets": "ss -tunap, or netstat -tunap",
    "routes": "ip route and ip -6 route, or route -n",
    "resolvers": "/etc/resolv.conf",
    "firewall": "nft list ruleset, or iptables-save and ip6tables-save",
    "modules": "/proc/modules",
    "units": "systemctl list-units --all --plain --no-legend",
    "scripts": "ls /etc/init.d",
    "crontabs": "tables of cron, each after its heading",
    "keys": "authorized_keys of every user, each after its heading",
    "preload": "/etc/ld.so.preload",
    "deleted": "ls -l /proc/*/exe",
    "sums": "sha256sum of watched files",
    "stats": 'stat -c "%a %U:%G %s %n" of watched files',
}

_MARK: Final = re.compile(rb" (begin|end) ([a-z]{1,20})(?: (\d{1,3}))?")


def sections_of(data: bytes, word: str) -> tuple[dict[str, bytes], list[Finding]]:
    """Output by section.

    data  all that was printed; lines outside a section (a greeting) are left out
    word  what the marks begin with

    A section without its end was cut and is left out with a finding; so is one that failed and said nothing.
    """
    told: dict[str, bytes] = {}
    findings: list[Finding] = []
    name, held = "", list[bytes]()
    for line in data.split(b"\n"):
        mark = _MARK.fullmatch(line.rstrip(b"\r")[len(word) :]) if line.startswith(word.encode()) else None
        if mark is None:
            held.append(line)
        elif mark[1] == b"begin":
            if name:
                findings.append(_cut(name))
            name, held = mark[2].decode(), []
        elif mark[2].decode() == name:
            output = b"\n".join(held)
            if mark[3] == b"0" or output.strip():
                told[name] = output
            name, held = "", []
    if name:
        findings.append(_cut(name))
    return told, findings


def read_host_text(
    sections: Mapping[str, bytes], *, station: str, host: str, time_ns: int, how: How
) -> tuple[HostReport, list[Finding]]:
    """The report that sections tell, and what in them cannot be read.

    sections  output by name, see SECTIONS; what is missing was not told
    station   NET.STA; host  as the centre calls it; time_ns  when it was asked; how  by whom
    """
    reading = _Reading(sections)
    parts: dict[str, Any] = {
        "clock_ns": reading.instant("clock"),
        "boot_ns": reading.instant("boot"),
        "sockets": reading.of("sockets", sockets_of),
        "routes": reading.of("routes", routes_of),
        "resolvers": reading.of("resolvers", resolvers_of),
        "firewall": reading.of("firewall", lambda data, _: firewall_of(data)),
        "modules": reading.of("modules", modules_of),
        "keys": reading.of("keys", keys_of),
        "preload": reading.of("preload", lambda data, _: preload_of(data)),
        "deleted": reading.of("deleted", deleted_of),
        "files": reading.of("sums", lambda data, lines: files_of(data, sections.get("stats"), lines)),
        "forwards": None if (said := reading.of("forwards", first_number)) is None else said > 0,
    }
    listed, scripts, tables = (sections.get(name) for name in ("units", "scripts", "crontabs"))
    if listed is not None or scripts is not None:
        parts["units"] = reading.with_lines("units", lambda lines: units_of(listed, scripts, lines))
    if tables is not None or listed is not None:
        # A unit that cannot be read was told of with the units.
        parts["schedules"] = reading.with_lines("crontabs", lambda lines: schedules_of(tables, listed, lines))
    report = HostReport(station=station, host=host, time_ns=time_ns, how=how, **parts)
    return report, [*reading.findings, *_unknown(sections)]


class _Reading:
    """Reads sections that are there, and gathers what is odd about them."""

    def __init__(self, sections: Mapping[str, bytes]) -> None:
        self._sections = sections
        self.findings: list[Finding] = []

    def of(self, name: str, read: Any) -> Any:
        data = self._sections.get(name)
        return None if data is None else self.with_lines(name, lambda lines: read(data, lines))

    def with_lines(self, name: str, read: Any) -> Any:
        lines = HostLines(name)
        told = read(lines)
        self.findings += lines.findings
        return told

    def instant(self, name: str) -> int | None:
        told = self.of(name, first_number)
        if told is not None and told * NS_PER_S > LATEST_NS:
            self.findings.append(Finding("impossible-time", f"{told} s after 1970 cannot be", file=name))
            return None
        return None if told is None else told * NS_PER_S


def _cut(name: str) -> Finding:
    return Finding("host-section-cut", f"the output ends within {shown(name)}: that part was not told", file=name)


def _unknown(sections: Mapping[str, bytes]) -> list[Finding]:
    unknown = [name for name in sections if name not in SECTIONS]
    return [Finding("unknown-section", f"no section is called {shown(text_of(name.encode()))}") for name in unknown[:1]]
