"""Ask a host what it is: fixed read-only commands over ssh, or on this machine, into a report.

Nothing is installed on the host and nothing on it is changed. What it prints is bounded in bytes and in time.
"""

import os
import re
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import IO, Final

from houfeng.wire.host_text import read_host_text, sections_of
from houfeng.words.errors import PeerFault, WorldFault
from houfeng.words.finding import Finding
from houfeng.words.host import HostReport

#: Folders whose files are watched: what is run, what is loaded and what configures. Data and logs change by themselves.
WATCHED: Final = (
    *("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/libexec", "/opt", "/boot", "/etc"),
    *("/lib/systemd", "/usr/lib/systemd", "/lib/security", "/root/.ssh"),
    *("/var/spool/cron", "/var/lib/dpkg/status", "/lib/apk/db/installed", "/usr/lib/opkg/status", "/var/lib/rpm"),
)

#: Beside these, libraries where every program loads from, and programs in folders anyone may write to.
_LIBRARIES: Final = "/lib /usr/lib"
_SCRATCH: Final = "/tmp /var/tmp /dev/shm"  # noqa: S108 - looked at, not written to

#: A report of a full Debian is 2 MB; this holds one of 100,000 files, and no host fills our memory.
MOST_BYTES: Final = 48 << 20

#: Sums of 2 GB at the 20 MB/s of a small ARM board's card, three times as long for a busy one.
LIMIT_S: Final = 300.0

#: Of what ssh itself says, the end is shown.
_MOST_SAID_BYTES: Final = 4096

_FOLDER: Final = re.compile(r"/[A-Za-z0-9._/+@-]{0,255}", re.ASCII)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}@)?[A-Za-z0-9\[][A-Za-z0-9._:\]%-]{0,252}", re.ASCII)

_SSH: Final = (
    *("ssh", "-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ForwardAgent=no"),
    *("-o", "ForwardX11=no", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no"),
    *("-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=2"),
)

#: What is run on the host, by its own shell from standard input: POSIX sh, as busybox has it too. $W is the word.
_SCRIPT: Final = """\
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin
section() {
  name=$1; shift
  printf '%s begin %s\\n' "$W" "$name"
  "$@" </dev/null 2>/dev/null; code=$?
  printf '\\n%s end %s %s\\n' "$W" "$name" "$code"
}
clock() { date +%s; }
boot() { grep '^btime ' /proc/stat; }
sockets() { ss -tunap || netstat -tunap; }
routes() { { ip route && { ip -6 route || true; }; } || route -n; }
firewall() { nft list ruleset || { iptables-save && { ip6tables-save || true; }; }; }
units() { systemctl list-units --all --plain --no-legend --no-pager --type=service,timer,socket,path; }
table() { printf '==> %s <==\\n' "$1"; sed 's/^/ /' "$2"; printf '\\n'; }
crontabs() {
  for file in /etc/crontab /etc/cron.d/* /etc/crontabs/* /var/spool/cron/crontabs/* /var/spool/cron/*; do
    if [ -f "$file" ]; then table "$file" "$file"; fi
  done
}
keys() {
  while IFS=: read -r user _ _ _ _ home _; do
    for file in "$home/.ssh/authorized_keys" "$home/.ssh/authorized_keys2" "/etc/ssh/authorized_keys/$user"; do
      if [ -f "$file" ]; then table "$user $file" "$file"; fi
    done
  done </etc/passwd
  if [ -f /etc/dropbear/authorized_keys ]; then
    table "root /etc/dropbear/authorized_keys" /etc/dropbear/authorized_keys
  fi
}
preload() { if [ -e /etc/ld.so.preload ]; then cat /etc/ld.so.preload; fi; }
deleted() { ls -l /proc/[0-9]*/exe; }
watched() {
  find $WATCH -xdev -type f -exec "$@" {} +
  [ -z "$LIBRARIES" ] || find $LIBRARIES -xdev -type f -name '*.so*' -exec "$@" {} +
  [ -z "$SCRATCH" ] || find $SCRATCH -xdev -type f -perm -100 -exec "$@" {} +
  true
}
section clock clock
section boot boot
section sockets sockets
section forwards cat /proc/sys/net/ipv4/ip_forward
section routes routes
section resolvers cat /etc/resolv.conf
section firewall firewall
section modules cat /proc/modules
section units units
section scripts ls -1 /etc/init.d
section crontabs crontabs
section keys keys
section preload preload
section deleted deleted
section sums watched sha256sum
section stats watched stat -c '%a %U:%G %s %n'
"""


def pull(
    host: str, *, station: str, local: bool = False, watch: Sequence[str] = ()
) -> tuple[HostReport, list[Finding]]:
    """Ask a host for a report.

    host     [user@]name or address, as ssh takes it; what ~/.ssh/config says of it holds
    station  NET.STA
    local    ask this machine and not over ssh; host is then only its name in the report
    watch    folders and files whose sums are taken, absolute; by default WATCHED, the libraries, and programs in
             folders anyone may write to

    Returns the report and what in it could not be read. Raises WorldFault when it is no name of a host or ssh cannot
    be run, PeerFault when the host cannot be reached, is not the one it was, or says too much, too long or nothing.
    """
    if _HOST.fullmatch(host) is None:
        raise WorldFault(ascii(host[:60]), "is no name or address of a host", "write NAME or USER@NAME")
    for folder in watch:
        if _FOLDER.fullmatch(folder) is None:
            raise WorldFault(ascii(folder[:60]), "is no folder that can be watched", "write an absolute path")
    asked_ns = time.time_ns()
    word = secrets.token_hex(16)
    command = ["sh", "-s"] if local else [*_SSH, "--", host, "exec sh -s"]
    where = f"WATCH='{' '.join(watch or WATCHED)}' LIBRARIES='{'' if watch else _LIBRARIES}'"
    where += f" SCRATCH='{'' if watch else _SCRATCH}'"
    printed = _run(command, f"W={word} {where}\n{_SCRIPT}".encode(), host, LIMIT_S)
    sections, cut = sections_of(printed, word)
    if not sections:
        raise PeerFault(host, "told nothing that can be read", "log in by hand and look whether it has a shell")
    report, odd = read_host_text(sections, station=station, host=host, time_ns=asked_ns, how="ssh")
    return report, [*cut, *odd]


def _run(command: Sequence[str], script: bytes, host: str, limit_s: float) -> bytes:
    """What a command prints, fed a script. Raises as pull does."""
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed command, and a host's name that begins with no dash
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        raise WorldFault(command[0], f"cannot be run: {error.strerror}", "install OpenSSH's client") from error
    with process:
        try:
            printed, said = _exchange(process, script, host, time.monotonic() + limit_s)
            code = process.wait(timeout=5.0)
        except subprocess.TimeoutExpired as error:
            raise PeerFault(host, "does not hang up", "ask again later") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if code == 255 and command[0] == "ssh":
        reason = ascii(said.decode("utf-8", "replace").strip())[1:-1][-200:]
        raise PeerFault(host, f"cannot be asked: {reason}", "ssh to it by hand once, and compare its key")
    return printed


def _exchange(process: "subprocess.Popen[bytes]", script: bytes, host: str, until_s: float) -> tuple[bytes, bytes]:
    """Feed the script and gather both outputs, whichever comes first."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    printed, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ, printed)
        selector.register(process.stderr, selectors.EVENT_READ, said)
        left = memoryview(script)
        while selector.get_map():
            wait_s = until_s - time.monotonic()
            if wait_s <= 0:
                raise PeerFault(host, "took too long", "see what keeps it busy, and ask again")
            for key, _ in selector.select(wait_s):
                if key.data is None:
                    left = _fed(selector, process.stdin, left)
                elif not _gathered(selector, key):
                    continue
            del said[:-_MOST_SAID_BYTES]
            if len(printed) > MOST_BYTES:
                raise PeerFault(host, f"printed more than {MOST_BYTES >> 20} MiB", "look at it by hand")
    return bytes(printed), bytes(said)


def _fed(selector: selectors.BaseSelector, pipe: IO[bytes], left: memoryview) -> memoryview:
    """Write some of the script; close the pipe once all of it is there or nobody reads it."""
    try:
        left = left[os.write(pipe.fileno(), left[:4096]) :]
    except BrokenPipeError:
        left = left[:0]
    if not left:
        selector.unregister(pipe)
        pipe.close()
    return left


def _gathered(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> bool:
    """Read what came; False once there is no more."""
    data = os.read(key.fd, 1 << 16)
    key.data.extend(data)
    if not data:
        selector.unregister(key.fileobj)
    return bool(data)
