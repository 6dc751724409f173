"""Every network set scored as its ORIGIN.md says: caught, missed, false, and how soon; readers against their truth.

The guard is asked as a user asks it, through the same door as `houfeng guard check`.
"""

import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from accept_dnp3 import telemetry
from fuzz_eyes import check as fuzz
from houfeng.guard.conduct.learn import learn
from houfeng.guard.judge.judging import Judging
from houfeng.guard.judge.periodicity import rank
from houfeng.guard.observe.observing import Observing
from houfeng.quake.detect.picker import Picker
from houfeng.shell.guarding.checking import check, profile_of
from houfeng.shell.guarding.reading import sights
from houfeng.wire.eyes.frames import FrameBatch
from houfeng.words.conduct import Conduct
from houfeng.words.finding import Finding
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Flow, Lookup, Observation, Subscription, time_of
from rows import DATA, Row, at_least, at_most, rows_of

BENIGN_HOST = "147.32.81.167"


def judged(paths: Iterable[Path], conducts: Sequence[Conduct] = ()) -> tuple[list[Judgement], list[Finding]]:
    """What the guard finds in files, and what it says of the files."""
    told: list[Finding] = []
    return list(check(list(paths), conducts, tell=told.append)), told


def observed(paths: Iterable[Path]) -> list[Observation]:
    """What files tell, in the order in which it is judged."""
    seen: list[Observation] = []
    list(check(list(paths), tell=lambda _: None, observed=seen.append))
    return seen


def loud(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Findings that ask for somebody."""
    return [one for one in judgements if one.severity != "info"]


def brute_force(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_bruteforce_scan_*: five attacks, three look-alikes."""
    wanted = {
        "ssh_bruteforce": "password-guessing",
        "ftp_bruteforce": "password-guessing",
        "arp_scan": "address-scan",
        "port_scan": "port-scan",
        "telnet_worm_scan": "host-scan",
    }
    for folder in sorted(DATA.glob("net_bruteforce_scan_*")):
        for truth in rows_of(folder / "truth" / "truth.csv"):
            found = loud(judged([folder / truth["file"]])[0])
            name = f"{folder.name}/{truth['file']}"
            if truth["kind"] == "benign":
                yield at_most(name, "findings", len(found), 0, "{:.0f}")
                continue
            right = [one for one in found if one.detector == wanted[truth["kind"]] and one.subject == truth["source"]]
            wrong = [one for one in found if one.subject != truth["source"]]
            yield at_least(name, f"{wanted[truth['kind']]} by {truth['source']}", bool(right), 1, "{:.0f}")
            yield at_most(name, "findings that accuse another", len(wrong), 0, "{:.0f}")
            if right and truth["first_utc"][:4].isdigit() and "." in truth["first_utc"]:
                after_s = min(one.time_ns for one in right) / NS_PER_S - float(truth["first_utc"])
                yield Row(name, "first finding, s after the first packet", "-", f"{after_s:.1f}", passed=True)


def auth_log(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_authlog_openssh_*: guessers named, nobody else."""
    for folder in sorted(DATA.glob("net_authlog_openssh_*")):
        found = loud(judged([folder / "auth.log"])[0])
        truth = {row["source"]: row for row in rows_of(folder / "truth" / "sources.csv")}
        guessers = {source for source, row in truth.items() if row["label"] == "guessing"}
        named = {one.subject for one in found if one.detector == "password-guessing"}
        yield at_least(
            folder.name, f"guessers named, of {len(guessers)}", len(guessers & named), len(guessers), "{:.0f}"
        )
        others = {source for source in named if truth.get(source, {"label": ""})["label"] not in ("guessing", "probe")}
        yield at_most(folder.name, "others named", len(others), 0, "{:.0f}")
        broke_in = [one for one in found if one.detector == "guessing-succeeded"]
        yield at_most(folder.name, "break-ins said", len(broke_in), 0, "{:.0f}")


def trojans(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_rat_*: remote control, generated names, a made beacon."""
    for folder in sorted(DATA.glob("net_rat_*")):
        truth = {row["set"]: row for row in rows_of(folder / "truth" / "truth.csv")}
        if "remcos" in truth:
            row = truth["remcos"]
            found = loud(judged(sorted((folder / "remcos").glob("*.labeled")))[0])
            right = [one for one in found if (one.subject, one.peer) == (row["malicious_host"], row["peer"])]
            yield at_least(f"{folder.name}/remcos", "the pair found", bool(right), 1, "{:.0f}")
            yield at_most(f"{folder.name}/remcos", "other findings", len(found) - len(right), 0, "{:.0f}")
            after_s = min((one.time_ns for one in right), default=0) / NS_PER_S - float(row["first_utc_s"])
            yield Row(f"{folder.name}/remcos", "s after the first call", "-", f"{after_s:.0f}", passed=True)
        if "simda" in truth:
            host = truth["simda"]["malicious_host"]
            files = sorted((folder / "simda").glob("*.log"))
            asks = Counter(one.client for one in observed(files) if isinstance(one, Lookup))
            own = {host, asks.most_common(1)[0][0]}
            found = loud(judged(files)[0])
            yield at_least(
                f"{folder.name}/simda", "the host found", any(one.subject in own for one in found), 1, "{:.0f}"
            )
            wrong = [one for one in found if one.subject not in own]
            yield at_most(f"{folder.name}/simda", "others accused", len(wrong), 0, "{:.0f}")
        if "periodic_https" in truth:
            flows = [
                one for one in observed([folder / "periodic_https" / "capture.pcap"])
                if isinstance(one, Flow) and not one.ongoing
            ]  # fmt: skip
            ranked = rank(flows)
            peers = truth["periodic_https"]["peer"].split(" ")[0]
            place = next((k for k, one in enumerate(ranked, 1) if peers in one.servers), 0)
            yield Row(f"{folder.name}/periodic_https", "rank by evenness", "1", str(place), place == 1)
            found = loud(judged([folder / "periodic_https" / "capture.pcap"])[0])
            yield at_most(f"{folder.name}/periodic_https", "findings without a profile", len(found), 0, "{:.0f}")


def benign_day(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_benign_day_*: a clean machine on the open internet."""
    for folder in sorted(DATA.glob("net_benign_day_*")):
        found, _ = judged(sorted(folder.glob("*.labeled")))
        against = [one for one in found if one.subject == BENIGN_HOST]
        yield at_most(folder.name, "findings against the clean machine", len(against), 0, "{:.0f}")
        causes = {(one.detector, one.subject) for one in found}
        hostile = _hostile(folder / "conn.log.labeled")
        named = {one.subject for one in found if one.severity != "info"}
        yield at_most(
            folder.name, "outside addresses accused that only ever spoke honestly", len(named - hostile), 0, "{:.0f}"
        )
        yield Row(
            folder.name,
            "findings a day; after merging by cause",
            "few",
            f"{len(found)}; {len(causes)}",
            len(found) < 50,
        )
        flows = [one for one in observed([folder / "conn.log.labeled"]) if isinstance(one, Flow)]
        even = [one for one in rank(flows) if one.score >= 0.9]
        said = sum(one.detector == "beacon" for one in found)
        got = f"{len(even)} pairs rank at 0.9 or more, {said} called a beacon"
        yield Row(folder.name, "even and healthy: RITA's ranking problem", "none called a beacon", got, said == 0)


def _hostile(path: Path) -> set[str]:
    """Addresses all of whose flows are labelled malicious."""
    labels: dict[str, set[bool]] = defaultdict(set)
    for line in path.read_text(errors="replace").splitlines():
        if not line.startswith("#"):
            fields = line.split("\t")
            labels[fields[2]].add("Malicious" in line)
    return {address for address, said in labels.items() if said == {True}}


def streams(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_synchrophasor_*: fixed-rate measurement, nothing to find; flows exact; the second half fits the first."""
    for folder in sorted(DATA.glob("net_synchrophasor_*")):
        for path in sorted(folder.glob("*.pcap")):
            name = f"{folder.name}/{path.name}"
            yield at_most(name, "findings", len(loud(judged([path])[0])), 0, "{:.0f}")
            truth = rows_of(folder / "truth" / f"flows_{path.stem}.csv")
            yield _flows_equal(name, path, truth, "packets", "ip_bytes")
            yield _halves(name, path)


def _flows_equal(name: str, path: Path, truth: list[dict[str, str]], packets: str, octets: str) -> Row:
    flows = [one for one in observed([path]) if isinstance(one, Flow) and not one.ongoing]
    got = sorted((one.client_packets + one.server_packets, one.client_bytes + one.server_bytes) for one in flows)
    if packets in truth[0]:
        asked = sorted((int(row[packets]), int(row[octets])) for row in truth)
    else:
        asked = sorted(
            (int(row["pkts_fwd"]) + int(row["pkts_rev"]), int(row["ip_bytes_fwd"]) + int(row["ip_bytes_rev"]))
            for row in truth
        )
    equal = sum((Counter(got) & Counter(asked)).values())
    return Row(name, "flows equal in packets and IP bytes", str(len(asked)), f"{equal} of {len(got)}", got == asked)


def _halves(name: str, path: Path) -> Row:
    """Learn from the first half of a file, hold the second against it."""
    whole = [batch for batch in sights([path], lambda _: None) if isinstance(batch, FrameBatch)]
    times = [int(t) for batch in whole for t in batch.time_ns]
    middle_ns = (times[0] + times[-1]) // 2
    conduct, found = _split(whole, middle_ns)
    if conduct is None:
        return Row(name, "second half fits what the first taught", "0 findings", "nothing learned", passed=False)
    there = {tuple(sorted((one.client[0], one.server[0]))) for one in conduct.allowed}
    off = [one for one in loud(found) if tuple(sorted((one.subject, one.peer))) in there]
    got = f"{len(off)}; {len(loud(found)) - len(off)} about what began in the second half"
    return Row(name, "conversations of the first half in the second: findings", "≤ 0", got, not off)


def _split(whole: list[FrameBatch], middle_ns: int) -> tuple[Conduct | None, list[Judgement]]:
    first = _observations([_rows(batch, batch.time_ns < middle_ns) for batch in whole])
    judging = Judging()
    learned = learn(first, [j for one in first for j in judging.handle(one)], name="site")
    if learned.conduct is None:
        return None, []
    judging = Judging([learned.conduct])
    second = [_rows(batch, batch.time_ns >= middle_ns) for batch in whole]
    found = [j for batch in second for j in judging.frames(batch)]
    found += [j for one in _observations(second) for j in (*judging.elapse(time_of(one)), *judging.handle(one))]
    return learned.conduct, found


def _observations(batches: list[FrameBatch]) -> list[Observation]:
    observing = Observing()
    told = [one for batch in batches if len(batch) for one in observing.handle(batch)] + observing.end()
    return sorted((one for one in told if not isinstance(one, Finding)), key=time_of)


def _rows(batch: FrameBatch, chosen: object) -> FrameBatch:
    kept = {name: getattr(batch, name) for name in FrameBatch.__slots__}
    return FrameBatch(**{name: value if name in {"eye", "data"} else value[chosen] for name, value in kept.items()})


def station(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_seedlink_benign: a clean station, by its profile, by learning, and by what readers were given."""
    folder = DATA / "net_seedlink_benign"
    capture, logs = folder / "capture.pcap", sorted((folder / "server_log").glob("*.jsonl"))
    name = folder.name
    yield at_most(name, "findings without a profile", len(loud(judged([capture])[0])), 0, "{:.0f}")
    declared = profile_of(folder / "profile.csv", lambda _: None)
    yield at_most(name, "findings with the profile declared", len(loud(judged([capture], [declared])[0])), 0, "{:.0f}")
    yield at_most(
        name, "findings, wire and server's logs together", len(loud(judged([capture, *logs])[0])), 0, "{:.0f}"
    )
    yield _flows_equal(name, capture, rows_of(folder / "truth" / "flows.csv"), "packets", "ip_bytes")
    whole = [batch for batch in sights([capture], lambda _: None) if isinstance(batch, FrameBatch)]
    begun_ns = int(whole[0].time_ns[0])
    conduct, found = _split(whole, begun_ns + 150 * NS_PER_S)
    got = f"{len(loud(found))}: " + ", ".join(sorted({f"{j.detector} {j.subject}" for j in loud(found)}))
    yield Row(
        name, "learned from 150 s: findings in the rest", "≤ 3", got, conduct is not None and len(loud(found)) <= 3
    )
    wire = _given(observed([capture]))
    log = _given(observed(logs))
    same = sum(wire.get(key) == value for key, value in log.items())
    yield Row(
        name,
        "readers, channels, packets, bytes: wire equal to server's log",
        str(len(log)),
        str(same),
        same == len(log),
    )


def _given(seen: Iterable[Observation]) -> dict[tuple[str, str, str], tuple[int, int]]:
    sums: dict[tuple[str, str, str], tuple[int, int]] = {}
    for one in seen:
        if isinstance(one, Subscription) and one.packets:
            key = one.reader, one.channel, one.direction
            packets, octets = sums.get(key, (0, 0))
            sums[key] = packets + one.packets, octets + one.count_bytes
    return sums


def formats(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_formats_*: records, times and packets of every file as its truth has them."""
    for folder in sorted(DATA.glob("net_formats_*")):
        right, total, wrong = 0, 0, []
        for row in rows_of(folder / "truth" / "readers.csv"):
            if not row["packets"]:
                continue
            total += 1
            flows = _flows_of(folder / row["file"])
            got = sum(one.client_packets + one.server_packets for one in flows)
            if got == int(float(row["packets"])):
                right += 1
            else:
                wrong.append(f"{row['file']} {got} for {row['packets']}")
        got_text = f"{right}" + (": not " + "; ".join(wrong[:3]) if wrong else "")
        yield Row(folder.name, "files whose packets are those of the truth", str(total), got_text, right == total)


def _flows_of(path: Path) -> list[Flow]:
    """The conversations of a file; of a capture of exports, those that were exported."""
    exported = "netflow" in path.parts
    seen = (one for one in observed([path]) if isinstance(one, Flow) and not one.ongoing)
    return [one for one in seen if (one.seen.eye != str(path)) == exported or not exported]


def malformed(_picker: Picker, _label: str) -> Iterator[Row]:
    """net_malformed_*: every file is survived, in seconds and little memory, with a word about what is wrong."""
    for folder in sorted(DATA.glob("net_malformed_*")):
        wrong, worst_s, most_mb = [], 0.0, 0
        truth = rows_of(folder / "truth" / "expectations.csv")
        for row in truth:
            path = folder / "files" / row["file"]
            started = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-c", _CHECKED, str(path)], capture_output=True, text=True, check=False, timeout=120
            )
            worst_s = max(worst_s, time.monotonic() - started)
            words = done.stdout.split()
            valid = row["must"].startswith("valid")
            if done.returncode or len(words) != 3:
                wrong.append(f"{row['file']} broke")
                continue
            complaints, named, memory_kb = map(int, words)
            most_mb = max(most_mb, memory_kb >> 10)
            if (valid and complaints) or (not valid and not named):
                wrong.append(f"{row['file']} {'complained of' if valid else 'not named'}")
        got = f"{len(truth) - len(wrong)}" + (": not " + "; ".join(wrong) if wrong else "")
        yield Row(folder.name, "files read or refused as they must be", str(len(truth)), got, not wrong)
        yield at_most(folder.name, "slowest file with the program's start, s", worst_s, 10.0)
        yield at_most(folder.name, "most memory, MB", most_mb, 300, "{:.0f}")


#: Checks one file as the command does; prints complaints, how many name the file, and its memory. That is asked of
#: /proc, since getrusage counts what the parent held when it forked.
_CHECKED = """
import re, sys
from pathlib import Path
from houfeng.shell.guarding.checking import check
from houfeng.words.errors import HoufengError
told = []
try:
    list(check([Path(sys.argv[1])], tell=told.append))
except HoufengError:
    pass
most = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(len(told), sum(sys.argv[1] in one.file for one in told), most)
"""

CHECKS: dict[str, Callable[[Picker, str], Iterator[Row]]] = {
    "net_bruteforce_scan": brute_force,
    "net_authlog_openssh": auth_log,
    "net_rat": trojans,
    "net_benign_day": benign_day,
    "net_synchrophasor": streams,
    "net_seedlink_benign": station,
    "net_formats": formats,
    "net_malformed": malformed,
    "net_dnp3": telemetry,
    "net_fuzz": fuzz,
}
