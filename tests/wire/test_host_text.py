"""Host reports from what tools print: real output of Debian and of busybox, cut, broken and forged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from houfeng.wire.host_report import read_host_report, write_host_report
from houfeng.wire.host_text import SECTIONS, read_host_text, sections_of
from houfeng.words.host import HostDeleted, HostFile, HostKey, HostSchedule, HostSocket

SUM = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

OPTIONS = r'from="10.1.0.0/16,192.0.2.1",command="/usr/bin/pull \"x y\""'

DEBIAN = {
    "clock": b"1700000100\n",
    "boot": b"btime 1700000000\n",
    "forwards": b"0\n",
    "sockets": b"""\
Netid State  Recv-Q Send-Q         Local Address:Port          Peer Address:Port Process
udp   UNCONN 0      0           127.0.0.53%lo:53                0.0.0.0:* users:(("systemd-resolve",pid=401,fd=13))
udp   UNCONN 0      0      [fe80::5054:ff:fe12:3456]%eth0:546          [::]:* users:(("systemd-network",pid=388,fd=19))
tcp   LISTEN 0      128          0.0.0.0:22           0.0.0.0:* users:(("sshd",pid=612,fd=3),("systemd",pid=1,fd=80))
tcp   ESTAB  0      52              192.168.7.20:22            192.168.7.1:51034 users:(("sshd",pid=9001,fd=4))
tcp   TIME-WAIT 0   0                192.168.7.20:44010        203.0.113.8:443
tcp   LISTEN 0      128                     [::]:22                    [::]:*    users:(("sshd",pid=612,fd=4))
tcp   ESTAB  0      0      [::ffff:192.168.7.20]:18000 [::ffff:10.1.0.9]:40112 users:(("ringserver",pid=700,fd=12))
tcp   LISTEN 0      4096                       *:9100                     *:*    users:(("node exporter",pid=5,fd=3))
""",
    "routes": b"""\
default via 192.168.7.1 dev eth0 proto dhcp src 192.168.7.20 metric 100
192.168.7.0/24 dev eth0 proto kernel scope link src 192.168.7.20 metric 100
unreachable 10.99.0.0/16 metric 4278198272
fe80::/64 dev eth0 proto kernel metric 256 pref medium
default via fe80::1 dev eth0 proto ra metric 1024 expires 1745sec hoplimit 64 pref medium
""",
    "resolvers": b"# by resolvconf\nnameserver 192.168.7.1\nnameserver fd00::53%eth0\nsearch lan\noptions edns0\n",
    "firewall": b"table inet filter {\n\tchain input {\n\t\tcounter packets 12 bytes 900 accept # handle 4\n\t}\n}\n",
    "modules": b"""\
nf_tables 311296 57 nft_ct,nft_chain_nat, Live 0x0000000000000000
libcrc32c 16384 1 nf_tables, Live 0x0000000000000000
8021q 40960 0 - Live 0x0000000000000000 (OE)
""",
    "units": "ssh.service loaded active running OpenBSD Secure Shell server\n"
    "● fancy.service not-found inactive dead fancy.service\n"
    "● seiscomp.service loaded failed failed SeisComP\n"
    "getty@tty1.service loaded active running Getty on tty1\n"
    "apt-daily.timer loaded active waiting Daily apt download activities\n"
    "dbus.socket loaded active running D-Bus System Message Bus Socket\n"
    "dev-sda1.device loaded active plugged disk\n".encode(),
    "crontabs": b"""\
==> /etc/crontab <==
 # /etc/crontab: system-wide crontab
 SHELL=/bin/sh
 17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly

==> /var/spool/cron/crontabs/sysop <==
 */5 * * * * /home/sysop/status.sh
 ==> /var/spool/cron/crontabs/root <==
""",
    "keys": b"""\
==> root /root/.ssh/authorized_keys <==
 # the centre
 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl centre@houfeng
 from="10.1.0.0/16,192.0.2.1",command="/usr/bin/pull \\"x y\\"" ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== a comment
""",
    "preload": b"/usr/lib/libsnoopy.so:/x.so # a remark\n",
    "deleted": b"""\
lrwxrwxrwx 1 root root 0 Nov 22 01:11 /proc/10/exe
lrwxrwxrwx 1 root root 0 Nov 23 00:29 /proc/612/exe -> /usr/sbin/sshd (deleted)
lrwxrwxrwx 1 root root 0 Nov 23 00:29 /proc/700/exe -> /usr/bin/ringserver
lrwxrwxrwx 1 root root 0 Nov 23 00:29 /proc/999/exe -> /memfd:x (deleted)
""",
    "sums": f"{SUM}  /etc/a b\n{SUM} */bin/x\n\\{SUM}  /etc/odd\\nname\n".encode(),
    "stats": b"644 root:root 0 /etc/a b\n4755 root:shadow 14 /bin/x\n600 root:root 3 /root/secret\n",
}

BUSYBOX = {
    "clock": b"1700000100\n",
    "sockets": b"""\
Active Internet connections (servers and established)
Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name
tcp        0      0 0.0.0.0:22              0.0.0.0:*               LISTEN      612/dropbear
tcp        0    244 192.168.7.20:22         192.168.7.1:51034       ESTABLISHED 9001/dropbear
tcp        0      0 :::18000                :::*                    LISTEN      -
udp        0      0 0.0.0.0:68              0.0.0.0:*                           567/udhcpc
udp        0      0 :::546                  :::*                                568/odhcp6c
""",
    "routes": b"""\
Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
0.0.0.0         192.168.7.1     0.0.0.0         UG    0      0        0 eth0
192.168.7.0     0.0.0.0         255.255.255.0   U     0      0        0 eth0
10.9.9.9        192.168.7.2     255.255.255.255 UGH   0      0        0 eth0
""",
    "modules": b"Module                  Size  Used by    Not tainted\nipv6                  432431 18 nf_nat\n",
    "scripts": b"S40network\nS50dropbear\n",
    "crontabs": b"0 3 * * * /usr/bin/backup\n",
    "deleted": b"lrwxrwxrwx    1 root     root             0 Jan  1 00:00 /proc/1/exe -> /bin/busybox\n",
    "sums": f"{SUM}  /bin/busybox\n".encode(),
}


def report_of(sections):
    return read_host_text(sections, station="XX.STA", host="gw", time_ns=5, how="ssh")


def test_a_debian_tells_all():
    report, findings = report_of(DEBIAN)
    assert findings == []
    assert (report.clock_ns, report.boot_ns, report.forwards) == (1_700_000_100 * 10**9, 1_700_000_000 * 10**9, False)
    assert report.sockets == (
        HostSocket("udp", "listening", "127.0.0.53", 53, process="systemd-resolve"),
        HostSocket("udp", "listening", "fe80::5054:ff:fe12:3456", 546, process="systemd-network"),
        HostSocket("tcp", "listening", "*", 22, process="sshd"),
        HostSocket("tcp", "established", "192.168.7.20", 22, "192.168.7.1", 51034, "sshd"),
        HostSocket("tcp", "closing", "192.168.7.20", 44010, "203.0.113.8", 443),
        HostSocket("tcp", "established", "192.168.7.20", 18000, "10.1.0.9", 40112, "ringserver"),
        HostSocket("tcp", "listening", "*", 9100, process="node exporter"),
    )
    assert report.routes == (
        "192.168.7.0/24 dev eth0",
        "default via 192.168.7.1 dev eth0",
        "default via fe80::1 dev eth0",
        "fe80::/64 dev eth0",
        "unreachable 10.99.0.0/16",
    )
    assert report.resolvers == ("192.168.7.1", "fd00::53")
    assert report.modules == ("nf_tables", "libcrc32c", "8021q")
    assert report.units == ("ssh.service", "seiscomp.service", "getty@.service", "dbus.socket")
    assert report.schedules == (
        HostSchedule("/etc/crontab", "SHELL=/bin/sh"),
        HostSchedule("/etc/crontab", "17 * * * * root cd / && run-parts --report /etc/cron.hourly"),
        HostSchedule("/var/spool/cron/crontabs/sysop", "*/5 * * * * /home/sysop/status.sh"),
        HostSchedule("/var/spool/cron/crontabs/sysop", "==> /var/spool/cron/crontabs/root <=="),
        HostSchedule("systemd", "apt-daily.timer"),
    )
    assert report.keys == (
        # The sum of the first is what `ssh-keygen -l` prints for it.
        HostKey("root", "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU", "ssh-ed25519"),
        HostKey("root", report.keys[1].fingerprint, "ssh-rsa", OPTIONS),
    )  # fmt: skip
    assert report.preload == ("/usr/lib/libsnoopy.so", "/x.so")
    assert report.deleted == (HostDeleted(612, "/usr/sbin/sshd"), HostDeleted(999, "/memfd:x"))
    assert report.files == (
        HostFile("/bin/x", SUM, 0o4755, "root:shadow", 14),
        HostFile("/etc/a b", SUM, 0o644, "root:root", 0),
        HostFile("/etc/odd\\nname", SUM),
        HostFile("/root/secret", "", 0o600, "root:root", 3),
    )


def test_a_busybox_tells_what_it_can():
    report, findings = report_of(BUSYBOX)
    assert findings == []
    assert report.sockets == (
        HostSocket("tcp", "listening", "*", 22, process="dropbear"),
        HostSocket("tcp", "established", "192.168.7.20", 22, "192.168.7.1", 51034, "dropbear"),
        HostSocket("tcp", "listening", "*", 18000),
        HostSocket("udp", "listening", "*", 68, process="udhcpc"),
        HostSocket("udp", "listening", "*", 546, process="odhcp6c"),
    )
    assert report.routes == (
        "10.9.9.9 via 192.168.7.2 dev eth0",
        "192.168.7.0/24 dev eth0",
        "default via 192.168.7.1 dev eth0",
    )
    assert (report.modules, report.units) == (("ipv6",), ("init.d/S40network", "init.d/S50dropbear"))
    assert report.schedules == (HostSchedule("crontab", "0 3 * * * /usr/bin/backup"),)
    assert (report.deleted, report.files) == ((), (HostFile("/bin/busybox", SUM),))
    assert (report.keys, report.firewall, report.preload, report.boot_ns, report.forwards) == (None,) * 5


def test_the_two_ways_to_print_a_route_say_the_same():
    ip = b"default via 192.168.7.1 dev eth0\n192.168.7.0/24 dev eth0 scope link\n10.9.9.9 via 192.168.7.2 dev eth0\n"
    assert report_of({"routes": ip})[0].routes == report_of({"routes": BUSYBOX["routes"]})[0].routes


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (b"counter packets 1 bytes 2 drop", b"counter packets 9 bytes 999 drop", True),
        (b":INPUT ACCEPT [12:900]", b":INPUT ACCEPT [13:960]", True),
        (b"# Generated by iptables-save on Mon\n*filter", b"# Generated by iptables-save on Tue\n*filter", True),
        (b"elements = { 10.0.0.1 timeout 1h expires 59m }", b"", True),
        (b"elements = { 10.0.0.1, 10.0.0.2 }", b"elements = { 10.0.0.2,\n\t\t 10.0.0.1 }", True),
        (b"elements = { 10.0.0.1 }", b"elements = { 10.0.0.9 }", False),
        (b"ip saddr 10.0.0.1 drop", b"ip saddr 10.0.0.1 accept", False),
        (b"tcp dport 22 drop", b"", False),
    ],
)  # fmt: skip
def test_a_packet_filter_is_what_it_does_and_not_what_it_counted(before, after, same):
    digests = {report_of({"firewall": text})[0].firewall for text in (before, after)}
    assert (len(digests) == 1) == same


# --- laws -------------------------------------------------------------------------------------------------------------


@given(st.sampled_from([DEBIAN, BUSYBOX]), st.sampled_from(sorted(DEBIAN)), st.integers(0, 2000))
def test_output_cut_anywhere_tells_no_more_and_never_raises(sections, name, at):
    whole, _ = report_of(sections)
    cut, _ = report_of(sections | {name: sections.get(name, b"")[:at]})
    assert read_host_report(write_host_report(cut), "x") == cut
    for part in ("keys", "sockets", "modules", "files", "deleted"):
        assert len(getattr(cut, part) or ()) <= len(getattr(whole, part) or ())


@given(st.sampled_from(sorted(SECTIONS)), st.binary(max_size=300))
def test_garbage_from_a_tool_never_raises_and_what_is_kept_can_be_written(name, data):
    report, findings = report_of({name: data})
    assert read_host_report(write_host_report(report), "x") == report
    assert all(len(finding.reason) < 250 and finding.reason.isprintable() for finding in findings)


@given(st.sampled_from(sorted(DEBIAN)), st.integers(0, 500), st.binary(max_size=8))
def test_bytes_put_anywhere_never_raise(name, at, put):
    data = DEBIAN[name]
    report, _ = report_of(DEBIAN | {name: data[:at] + put + data[at:]})
    assert read_host_report(write_host_report(report), "x") == report


def test_attack_a_clock_beyond_all_time_leaves_a_report_that_can_be_written():
    report, findings = report_of({"clock": b"9999999999\n"})
    assert (report.clock_ns, [finding.kind for finding in findings]) == (None, ["impossible-time"])


def test_one_bad_line_hides_no_other():
    report, findings = report_of({"modules": b"nonsense\nipv6 1 2 -\n", "sums": b"x\n" * 100 + DEBIAN["sums"]})
    assert report.modules == ("ipv6",)
    assert len(report.files) == 3
    assert len(findings) == 1 + 20 + 1


# --- sections ---------------------------------------------------------------------------------------------------------


def printed(sections, word="w0rd", code=0):
    return b"".join(
        f"{word} begin {name}\n".encode() + data + f"\n{word} end {name} {code}\n".encode()
        for name, data in sections.items()
    )


def test_sections_are_found_and_say_the_same():
    told, findings = sections_of(b"Welcome to gw!\n" + printed(DEBIAN), "w0rd")
    assert findings == []
    assert report_of(told) == report_of(DEBIAN)


@given(st.integers(0, len(printed(DEBIAN))))
def test_sections_cut_anywhere_tell_whole_parts_only(at):
    told, findings = sections_of(printed(DEBIAN)[:at], "w0rd")
    assert all(data.strip() == DEBIAN[name].strip() for name, data in told.items())
    assert len(findings) <= 1


@given(st.binary(max_size=200), st.sampled_from(["w0rd", "w0rd begin x"]))
def test_sections_of_garbage_never_raise(data, word):
    sections_of(b"w0rd begin sums\n" + data + b"\nw0rd end sums 0\n" + data, word)


def test_a_tool_that_is_missing_tells_nothing_and_one_that_found_nothing_tells_so():
    assert sections_of(printed({"firewall": b""}, code=127), "w0rd")[0] == {}
    assert report_of(sections_of(printed({"preload": b""}), "w0rd")[0])[0].preload == ()


def test_attack_a_user_cannot_end_a_section_without_knowing_the_word():
    forged = b" */5 * * * * x\nother end crontabs 0\nother begin modules\n"
    told, _ = sections_of(printed({"crontabs": forged, "modules": b"ipv6 1 2 -\n"}), "w0rd")
    assert report_of(told)[0].modules == ("ipv6",)


def test_attack_a_users_file_cannot_pass_for_roots():
    listing = b"==> eve /home/eve/.ssh/authorized_keys <==\n ==> root /root/.ssh/authorized_keys <==\n"
    listing += b" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n"
    report, _ = report_of({"keys": listing})
    assert [key.user for key in report.keys] == ["eve"]


def test_attack_a_name_of_escape_codes_is_kept_and_shown_harmless():
    report, findings = report_of({"sums": f"{SUM}  /tmp/\x1b[2Jx\n{SUM} \x1b]0;x\n".encode()})
    assert report.files[0].path == "/tmp/\x1b[2Jx"
    assert all("\x1b" not in finding.reason for finding in findings)
    assert len(findings) == 1
