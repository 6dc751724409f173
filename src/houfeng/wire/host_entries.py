"""What tools tell of what runs on a host and who may log in: keys, schedules, units, modules, preloaded libraries.

Files of many users come as one text: before each a line "==> PATH <==" or "==> USER PATH <==" from the first column,
and every line of the file after a space, so that no user can write the line that begins another's file.
"""

import base64
import binascii
import hashlib
import re
from typing import Final

from houfeng.wire.host_lines import LONGEST_LINE, LONGEST_TEXT, HostLines, lines_of, words_of
from houfeng.words.host import HostKey, HostSchedule

_HEADING: Final = re.compile(r"==> (?:(\S+) )?(/.*) <==", re.DOTALL)

#: authorized_keys (sshd(8)): options without spaces outside quotes, the kind, base64, a comment.
_KEY: Final = re.compile(
    r"""(?:(?P<options>(?:[^\s"]|"(?:[^"\\]|\\.)*")+)\s+)?
    (?P<kind>(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w.@-]{1,60})\s+(?P<blob>[A-Za-z0-9+/]{16,6000}={0,2})(?:\s.*)?""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)

#: Units that run something by themselves. Mounts, devices, slices and scopes come and go with what is plugged and done.
_RUNS: Final = (".service", ".timer", ".socket", ".path")

_UNIT: Final = re.compile(r"[\w:.\\@-]{1,256}", re.ASCII)
_MODULE: Final = re.compile(r"([\w-]{1,64})\s+\d+\s.*", re.ASCII | re.DOTALL)

#: What `lsmod` prints above its table.
_LSMOD_HEAD: Final = "Module"


class _Files:
    """Which file a line belongs to, as headings go by."""

    def __init__(self, user: str, path: str) -> None:
        self.user, self.path = user, path

    def content(self, line: str) -> str:
        """What a line says of its file, "" for a heading, a comment or nothing. Raises ValueError when too long."""
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            self.user, self.path = (heading[1] or "")[:64], heading[2][:LONGEST_TEXT]
            return ""
        if len(line) > LONGEST_LINE:
            raise ValueError(f"longer than {LONGEST_LINE} characters")
        text = line.strip()
        return "" if text.startswith("#") else text


def keys_of(data: bytes, lines: HostLines, user: str = "") -> tuple[HostKey, ...]:
    """Keys of authorized_keys files.

    user  whose file it is where no heading says so
    """
    files = _Files(user, "")

    def read(line: str) -> HostKey | None:
        text = files.content(line)
        return _key(text, files.user) if text else None

    return lines.each(data, read)


def schedules_of(tables: bytes | None, units: bytes | None, lines: HostLines) -> tuple[HostSchedule, ...]:
    """Entries of crontabs, and timers of `systemctl list-units`."""
    files = _Files("", "crontab")

    def read(line: str) -> HostSchedule | None:
        text = " ".join(files.content(line).split())
        return HostSchedule(files.path, text[:LONGEST_TEXT]) if text else None

    entries = () if tables is None else lines.each(tables, read)
    timers = (HostSchedule("systemd", unit) for unit in _units(units or b"", lines) if unit.endswith(".timer"))
    return (*entries, *timers)


def units_of(listed: bytes | None, scripts: bytes | None, lines: HostLines) -> tuple[str, ...]:
    """Services, sockets and paths of `systemctl list-units --plain`, and scripts of `ls /etc/init.d`.

    An instance counts as its template: sshd@7-192.0.2.2:22 is one of sshd@.
    """
    units = [unit for unit in _units(listed or b"", lines) if not unit.endswith(".timer")]
    names = [] if scripts is None else [name for _, line in lines_of(scripts) for name in line.split()]
    return tuple(dict.fromkeys([*units, *(f"init.d/{name}"[:LONGEST_TEXT] for name in names)]))


def modules_of(data: bytes, lines: HostLines) -> tuple[str, ...]:
    """Names of kernel modules, from /proc/modules or lsmod."""
    return lines.each(data, _module)


def preload_of(data: bytes) -> tuple[str, ...]:
    """Libraries of ld.so.preload (ld.so(8)): separated by white space or colons, comments after "#"."""
    words = words_of(line for _, line in lines_of(data))
    return tuple(dict.fromkeys(name[:LONGEST_TEXT] for word in words for name in word.split(":") if name))


def _key(text: str, user: str) -> HostKey:
    match = _KEY.fullmatch(text)
    if match is None:
        raise ValueError("no key as sshd reads it")
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error as error:
        raise ValueError("the key is no base64") from error
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return HostKey(user, f"SHA256:{digest}", match["kind"], (match["options"] or "")[:LONGEST_TEXT])


def _units(listed: bytes, lines: HostLines) -> tuple[str, ...]:
    return lines.each(listed, _unit)


def _unit(line: str) -> str | None:
    # A failed unit has a dot before its name; the table's legend and its last lines are prose.
    words = line.replace("●", " ").replace("*", " ").split(maxsplit=2)
    if len(words) < 2 or not words[0].endswith(_RUNS) or words[1] in {"not-found", "masked"}:
        return None
    name = words[0]
    if _UNIT.fullmatch(name) is None:
        raise ValueError("no name of a unit")
    stem, dot, suffix = name.rpartition(".")
    return f"{stem.partition('@')[0]}@{dot}{suffix}" if "@" in stem else name


def _module(line: str) -> str | None:
    match = _MODULE.fullmatch(line)
    if match is None:
        if line.startswith(_LSMOD_HEAD):
            return None
        raise ValueError("no module")
    return match[1]
