"""Reports of hosts judged: against a baseline, and against what eyes on the network saw meanwhile."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from houfeng.guard.judge.crossed import Crossing
from houfeng.guard.judge.host import HostJudge
from houfeng.guard.observe.observing import Observing
from houfeng.shell.guarding.reading import Tell, sights
from houfeng.wire.host_baseline import BEGINS, is_signed, read_baseline
from houfeng.wire.host_report import MOST_BYTES, read_host_report
from houfeng.words.errors import DataFault, HoufengError, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.host import HostReport
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow

#: A signed baseline is a report and a line.
_MOST_BYTES = MOST_BYTES + len(BEGINS) + 256


def report_of(path: Path) -> HostReport:
    """The report in a file, signed or not; whether a signature holds is not looked at.

    Raises WorldFault when it cannot be read, DataFault when it is none.
    """
    data = _bytes_of(path)
    return read_host_report(data.partition(b"\n")[2] if is_signed(data) else data, str(path))


def baseline_of(path: Path, trusted: Collection[bytes]) -> HostReport:
    """The baseline in a file.

    trusted  public keys that may have signed it; with none given, it is believed as it is

    Raises WorldFault when it cannot be read, DataFault when it is none or not signed by one of these.
    """
    return read_baseline(_bytes_of(path), str(path), trusted) if trusted else report_of(path)


def examine(
    paths: Sequence[Path],
    baseline: HostReport,
    *,
    tell: Tell,
    eyes: Sequence[Path] = (),
    addresses: Collection[str] = (),
) -> list[Judgement]:
    """Judge reports of one host, in order of time.

    paths      files of reports
    baseline   what they are held against
    tell       called with what is odd about the files
    eyes       files of eyes on its network, see sights()
    addresses  the host's own as the eyes see them; those of the baseline's sockets are known

    Raises DataFault when no report or no eye's file could be read.
    """
    reports = _reports(paths, baseline, tell)
    judge = HostJudge(baseline)
    found = [one for report in reports for one in judge.handle(report)]
    if eyes:
        own = {*addresses, *_addresses(baseline)}
        if not own:
            raise DataFault(baseline.host, "none of its addresses is known", "give them with --address")
        crossing = Crossing(baseline.station, baseline.host, own, forwards=bool(baseline.forwards))
        found += _crossed(crossing, reports, _flows(eyes, tell))
    return sorted(found, key=lambda one: one.time_ns)


def _reports(paths: Sequence[Path], baseline: HostReport, tell: Tell) -> list[HostReport]:
    reports: list[HostReport] = []
    broken: list[HoufengError] = []
    for path in paths:
        try:
            report = report_of(path)
        except HoufengError as error:
            broken.append(error)
            tell(Finding("refused", error.reason, file=str(path)))
            continue
        if (report.station, report.host) != (baseline.station, baseline.host):
            tell(Finding("other-host", "is of another host than the baseline, and is left out", file=str(path)))
            continue
        reports.append(report)
    if len(broken) == len(paths):
        raise broken[0]
    return sorted(reports, key=lambda report: report.time_ns)


def _flows(eyes: Sequence[Path], tell: Tell) -> Iterator[Flow]:
    observing = Observing()
    for sight in sights(eyes, tell):
        for seen in observing.handle(sight):
            if isinstance(seen, Flow):
                yield seen
            elif isinstance(seen, Finding):
                tell(seen)
    yield from (seen for seen in observing.end() if isinstance(seen, Flow))


def _crossed(crossing: Crossing, reports: Sequence[HostReport], flows: Iterator[Flow]) -> list[Judgement]:
    """Reports and flows in order of time."""
    found: list[Judgement] = []
    waiting = list(reports)
    last_ns = 0
    for flow in flows:
        last_ns = max(last_ns, flow.end_ns)
        while waiting and waiting[0].time_ns <= flow.end_ns:
            found += crossing.handle(waiting.pop(0))
        found += crossing.handle(flow)
    for report in waiting:
        found += crossing.handle(report)
    return [*found, *crossing.elapse(last_ns)]


def _addresses(baseline: HostReport) -> set[str]:
    told = {one.local for one in baseline.sockets or ()}
    return {address for address in told if address != "*" and not address.startswith("127.") and address != "::1"}


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorldFault(str(path), f"cannot be read: {reason}", "check the path and its permissions") from error
    if len(data) > _MOST_BYTES:
        raise DataFault(str(path), f"more than {MOST_BYTES >> 20} MiB are no host report", "")
    return data
