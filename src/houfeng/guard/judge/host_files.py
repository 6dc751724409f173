"""Files of a host against its baseline: programs, what configures them, and upgrades that are neither.

An upgrade changes hundreds of files, and the record of packages with them; so what lies where packages put files is
then told once, and needs nobody. What packages do not bring (a program in /tmp, a file with new rights to become
another user, accounts and logins) is told by itself in any case.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from houfeng.guard.judge.deviation import Deviation
from houfeng.guard.judge.rules import rules_of
from houfeng.words.host import HostFile
from houfeng.words.judgement import Severity

#: Where package managers write what is installed: dpkg, apk, opkg, rpm.
RECORDS: Final = (
    *("/var/lib/dpkg/status", "/lib/apk/db/installed", "/usr/lib/opkg/status", "/usr/lib/opkg/info", "/var/lib/rpm/"),
)

#: Changed by the system itself while nobody does anything: clocks, leases, caches, counters.
_VOLATILE: Final = frozenset(
    {
        *("/etc/adjtime", "/etc/fake-hwclock.data", "/etc/mtab", "/etc/resolv.conf", "/etc/ld.so.cache"),
        *("/etc/.pwd.lock", "/etc/cups/subscriptions.conf", "/boot/grub/grubenv", "/etc/lvm/cache/.cache"),
    }
)

#: Accounts, logins and what is started with them.
_CRITICAL: Final = (
    *("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/sudoers", "/etc/ssh/", "/etc/pam.d/", "/etc/security/"),
    *("/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/profile", "/etc/rc.local", "/etc/inittab", "/etc/hosts"),
    *("/etc/environment", "/etc/dropbear/", "/etc/udev/", "/etc/NetworkManager/dispatcher.d/", "/root/"),
)

_SCRATCH: Final = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/")  # noqa: S108 - names are compared

#: Folders that no package of a distribution writes to (Filesystem Hierarchy Standard 3.0, 4.9 and 3.13).
_UNPACKAGED: Final = (*_SCRATCH, "/usr/local/", "/opt/", "/root/", "/home/", "/var/spool/cron/")

_PROGRAMS: Final = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/", "/etc/init.d/")

#: Permission to run, and to run as the file's owner or group (chmod(1)).
_RUN, _BECOME = 0o111, 0o6000


def file_deviations(before: tuple[HostFile, ...], now: tuple[HostFile, ...], *, upgraded: bool) -> list[Deviation]:
    """What differs.

    before    of the baseline
    upgraded  whether the record of packages changed since the last report
    """
    known, present = ({file.path: file for file in files if file.path not in _VOLATILE} for files in (before, now))
    recorded = any(path.startswith(RECORDS) for path in known)
    return list(_deviations(known, present, recorded=recorded, upgraded=upgraded))


def is_upgrade(before: tuple[HostFile, ...] | None, now: tuple[HostFile, ...] | None) -> bool:
    """Whether the record of packages changed from one report to the next."""
    records = [{file for file in files or () if file.path.startswith(RECORDS)} for files in (before, now)]
    return bool(records[0]) and records[0] != records[1]


def _deviations(
    known: Mapping[str, HostFile], present: Mapping[str, HostFile], *, recorded: bool, upgraded: bool
) -> Iterator[Deviation]:
    for path in sorted({*known, *present}):
        before, now = known.get(path), present.get(path)
        if path.startswith(RECORDS) or now == before or not (now is None or before is None or _differs(before, now)):
            continue
        calm = upgraded and not path.startswith(_UNPACKAGED)
        if now is None:
            assert before
            yield _removed(before, calm=calm)
        elif _becomes(now) and not (before and _becomes(before)):
            yield _said("file-new" if before is None else "file-changed", now, "runs as its owner", "high", "program")
        elif before is None:
            yield _new(now, calm=calm)
        else:
            yield _changed(before, now, calm=calm, recorded=recorded)


def _removed(before: HostFile, *, calm: bool) -> Deviation:
    return _said("file-changed", before, "removed", "info" if calm else "low", "upgrade" if calm else "other")


def _new(now: HostFile, *, calm: bool) -> Deviation:
    if now.path.startswith(_SCRATCH) and _runs(now):
        return _said("file-new", now, "new program where anyone may write", "high", "scratch")
    if calm:
        return _said("file-new", now, "new", "info", "upgrade")
    if _runs(now):
        return _said("file-new", now, "new program", "medium", "program")
    return _said("file-new", now, "new", "low", "other")


def _changed(before: HostFile, now: HostFile, *, calm: bool, recorded: bool) -> Deviation:
    how = "changed" if before.sha256 != now.sha256 else "mode or owner changed"
    if now.path.startswith(_CRITICAL):
        return _said("file-changed", now, how, "low" if calm else "medium", "critical")
    if calm:
        return _said("file-changed", now, how, "info", "upgrade")
    if not _runs(now):
        return _said("file-changed", now, how, "low", "other")
    if recorded:
        return _said("file-changed", now, how, "high", "program")
    return _said("file-changed", now, how, "medium", "unrecorded")


def _said(detector: str, file: HostFile, how: str, severity: Severity, why: str) -> Deviation:
    probability = rules_of("host")[detector].limits[f"{why}_probability"]
    return Deviation(detector, file.path, how, severity, probability, f"{file.sha256} {file.mode} {file.owner}")


def _differs(before: HostFile, now: HostFile) -> bool:
    """Whether content, rights or owner differ, as far as both tell; a file that can no longer be read differs."""
    rights = before.mode is not None and now.mode is not None and before.mode != now.mode
    owner = before.owner and now.owner and before.owner != now.owner
    return before.sha256 != now.sha256 or rights or bool(owner)


def _runs(file: HostFile) -> bool:
    is_run = file.mode is not None and file.mode & _RUN
    return bool(is_run) or ".so" in file.path.rpartition("/")[2] or file.path.startswith(_PROGRAMS)


def _becomes(file: HostFile) -> bool:
    return file.mode is not None and bool(file.mode & _BECOME)
