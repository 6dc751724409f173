"""What tools tell of a host's files: sums, modes, and executables that are gone."""

import re
from typing import Final

from houfeng.wire.host_lines import HostLines, path_of
from houfeng.words.host import HostDeleted, HostFile

#: sha256sum: 64 digits, a space, a space or "*" for binary, the name; a leading "\" where the name is escaped.
_SUM: Final = re.compile(r"\\?([0-9a-f]{64}) [ *](.+)", re.ASCII | re.DOTALL)

#: stat -c "%a %U:%G %s %n".
_STAT: Final = re.compile(r"([0-7]{1,4}) (\S{1,64}:\S{1,64}) (\d{1,18}) (.+)", re.ASCII | re.DOTALL)

#: ls -l /proc/*/exe, of coreutils and of busybox: only the end of the line is alike.
_EXE: Final = re.compile(r"/proc/(\d{1,10})/exe -> (.+)", re.ASCII | re.DOTALL)

#: What the kernel appends to the name of a file that is unlinked (proc(5)).
_GONE: Final = " (deleted)"


def files_of(sums: bytes, stats: bytes | None, lines: HostLines) -> tuple[HostFile, ...]:
    """Files by path.

    sums   of sha256sum
    stats  of stat -c "%a %U:%G %s %n", None where there is no stat
    """
    digests = dict(lines.each(sums, _sum))
    told = {} if stats is None else {path: rest for path, *rest in lines.each(stats, _stat)}
    paths = sorted({*digests, *told})
    return tuple(HostFile(path, digests.get(path, ""), *told.get(path, (None, "", None))) for path in paths)


def deleted_of(data: bytes, lines: HostLines) -> tuple[HostDeleted, ...]:
    """Processes of `ls -l /proc/*/exe` whose executable is deleted."""
    return lines.each(data, _deleted)


def _sum(line: str) -> tuple[str, str]:
    match = _SUM.fullmatch(line)
    if match is None:
        raise ValueError("no sum and path")
    return path_of(match[2]), match[1]


def _stat(line: str) -> tuple[str, int, str, int]:
    match = _STAT.fullmatch(line)
    if match is None:
        raise ValueError("no mode, owner, size and path")
    return path_of(match[4]), int(match[1], 8), match[2], int(match[3])


def _deleted(line: str) -> HostDeleted | None:
    match = _EXE.search(line)
    # Of a kernel thread, and of a process of others, the link is not told.
    if match is None or not match[2].endswith(_GONE):
        return None
    return HostDeleted(int(match[1]), path_of(match[2].removesuffix(_GONE)))
