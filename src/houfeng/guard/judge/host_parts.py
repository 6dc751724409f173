"""Keys, schedules, units, modules, sockets, routes and the rest of a host against its baseline.

A part that either side does not tell is not compared; that a host tells less than its baseline is said by itself.
"""

import hashlib
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from typing import Final

from houfeng.guard.judge.deviation import Deviation
from houfeng.guard.judge.rules import rules_of
from houfeng.words.host import PARTS, HostReport, HostSocket
from houfeng.words.judgement import Severity

#: What a packet filter without rules comes to, see wire.host_network.firewall_of.
_NO_RULES: Final = hashlib.sha256(b"").hexdigest()

#: Where a program that is to leave no trace runs from.
_HIDING: Final = ("/memfd:", "/tmp/", "/var/tmp/", "/dev/shm/", "/run/")  # noqa: S108 - names are compared


def part_deviations(baseline: HostReport, report: HostReport, *, upgraded: bool) -> Iterator[Deviation]:
    """What differs in everything but files.

    upgraded  whether the record of packages changed since the last report: what packages bring then needs nobody
    """
    calm: Severity = "info" if upgraded else "medium"
    why = "upgrade_probability" if upgraded else "probability"
    yield from _keys(baseline, report)
    schedules = _added(_schedules(baseline), _schedules(report))
    yield from (_said("schedule-added", item, "new", calm, why) for item in schedules)
    yield from (_said("unit-added", item, "new", calm, why) for item in _added(baseline.units, report.units))
    modules = _added(baseline.modules, report.modules)
    yield from (_said("module-added", item, "new", "info" if upgraded else "low", why) for item in modules)
    yield from _sockets(baseline.sockets, report.sockets)
    yield from _routes(baseline, report)
    yield from _resolvers(baseline, report)
    yield from _firewall(baseline, report)
    yield from _deleted(baseline, report)
    yield from _preload(baseline, report)


def untold_parts(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    """Parts that the baseline has and the report has not."""
    for part in PARTS:
        if getattr(baseline, part) is not None and getattr(report, part) is None:
            yield _said("report-thin", part.removesuffix("_ns"), "missing", "low")


def _said(detector: str, item: str, how: str, severity: Severity, why: str = "probability") -> Deviation:
    return Deviation(detector, item, how, severity, rules_of("host")[detector].limits[why])


def _added(before: Iterable[str] | None, now: Iterable[str] | None) -> list[str]:
    if before is None or now is None:
        return []
    known = frozenset(before)
    return [each for each in dict.fromkeys(now) if each not in known]


def _schedules(report: HostReport) -> list[str] | None:
    return None if report.schedules is None else [f"{each.place}: {each.entry}" for each in report.schedules]


def _keys(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    if baseline.keys is None or report.keys is None:
        return
    known = set(baseline.keys)
    freed = {(key.user, key.fingerprint) for key in known}
    for key in report.keys:
        if key not in known:
            how = "other options" if (key.user, key.fingerprint) in freed else "new"
            yield _said("key-added", f"{key.fingerprint} of {key.user or 'a user not told'}", how, "high")


def _sockets(before: tuple[HostSocket, ...] | None, now: tuple[HostSocket, ...] | None) -> Iterator[Deviation]:
    if before is None or now is None:
        return
    known: dict[tuple[str, int, bool], set[str]] = {}
    asking = {one.process for one in before if one.protocol == "udp" and one.state == "listening"}
    for one in before:
        if one.state == "listening":
            known.setdefault(_place(one), set()).add(one.process)
    for one in now:
        if one.state != "listening" or _is_question(one, asking):
            continue
        item = f"{one.protocol}/{one.local_port} {one.process}".strip()
        holders = known.get(_place(one))
        loopback = _is_loopback(one.local)
        if holders is None and loopback:
            yield _said("socket-added", item, "new, on loopback", "low", "loopback_probability")
        elif holders is None:
            yield _said("socket-added", item, "new", "medium")
        elif one.process and "" not in holders and one.process not in holders:
            yield _said("socket-added", item, "another program", "medium", "process_probability")


def _place(one: HostSocket) -> tuple[str, int, bool]:
    return one.protocol, one.local_port, _is_loopback(one.local)


def _is_question(one: HostSocket, asking: set[str]) -> bool:
    """Whether a UDP socket waits for an answer: of a program that asked before, or of nobody that is told."""
    ephemeral = one.local_port >= rules_of("host")["socket-added"].limits["ephemeral_port"]
    return one.protocol == "udp" and ephemeral and (not one.process or one.process in asking)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _routes(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    for route in _added(baseline.routes, report.routes):
        if route.startswith("default"):
            yield _said("route-changed", route, "new", "medium", "default_probability")
        else:
            yield _said("route-changed", route, "new", "low")
    for route in _added(report.routes, baseline.routes):
        yield _said("route-changed", route, "gone", "info")
    if report.forwards and baseline.forwards is False:
        yield _said("route-changed", "forwarding of packets", "switched on", "medium")


def _resolvers(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    for server in _added(baseline.resolvers, report.resolvers):
        yield _said("resolver-changed", server, "new", "medium")


def _firewall(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    if baseline.firewall is None or report.firewall is None or report.firewall == baseline.firewall:
        return
    if report.firewall == _NO_RULES:
        yield _said("firewall-changed", "no rules", "gone", "high", "gone_probability")
    else:
        yield _said("firewall-changed", f"digest {report.firewall[:16]}", "changed", "medium")


def _deleted(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    if report.deleted is None:
        return
    known = {one.path for one in baseline.deleted or ()}
    files = {file.path for of in (baseline, report) for file in of.files or ()}
    for path in dict.fromkeys(one.path for one in report.deleted if one.path not in known):
        yield _gone(path, files)


def _gone(path: str, files: set[str]) -> Deviation:
    if path.startswith(_HIDING):
        return _said("running-deleted", path, "hidden", "high", "hidden_probability")
    if path in files or _unmerged(path) in files:
        return _said("running-deleted", path, "replaced", "info", "upgrade_probability")
    return _said("running-deleted", path, "gone", "medium")


def _unmerged(path: str) -> str:
    """The other name of a program where /bin is a link to /usr/bin."""
    return path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}"


def _preload(baseline: HostReport, report: HostReport) -> Iterator[Deviation]:
    for library in _added(baseline.preload or (), report.preload):
        yield _said("preload-set", library, "new", "high")
