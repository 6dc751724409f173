"""What a host says of itself: its files, keys, schedules, units, modules, sockets, routes, at one instant.

A host in hostile hands lies, so nothing here is believed by itself: it is held against a baseline that was taken when
the host was known to be good and is kept elsewhere, and against what a tap sees. A part that is None was not told
(a tool is missing, or the account may not ask); an empty one was told and is empty.
"""

from dataclasses import dataclass
from typing import Literal

#: How a report was made: by the agent on the host, or by the centre asking over ssh.
How = Literal["agent", "ssh"]

#: "closing" is any state of TCP other than listening and established.
SocketState = Literal["listening", "established", "closing"]


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file of a watched folder.

    path        absolute
    sha256      of its content, 64 hexadecimal digits; "" where it could not be read
    mode        permission bits as in chmod, None where not told
    owner       user:group, "" where not told
    size_bytes  None where not told
    """

    path: str
    sha256: str
    mode: int | None = None
    owner: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key that may log in without a password.

    user         whom it lets in
    fingerprint  "SHA256:" and base64, as ssh-keygen -l writes it
    kind         "ssh-ed25519", "ssh-rsa" ...
    options      what restricts it, as written: from="...", command="..."
    """

    user: str
    fingerprint: str
    kind: str
    options: str = ""


@dataclass(frozen=True, slots=True)
class HostSchedule:
    """Something that is started by time.

    place  the table it stands in: a path, "crontab", or "systemd" for a timer
    entry  the line, or the timer's name
    """

    place: str
    entry: str


@dataclass(frozen=True, slots=True)
class HostSocket:
    """A socket that listens, or one end of a conversation.

    protocol            "tcp" or "udp"
    state               how it stands
    local, local_port   address as the ipaddress module writes it, "*" for every one of the host
    remote, remote_port "" and 0 while it listens
    process             name of who holds it, "" where not told
    """

    protocol: str
    state: SocketState
    local: str
    local_port: int
    remote: str = ""
    remote_port: int = 0
    process: str = ""


@dataclass(frozen=True, slots=True)
class HostDeleted:
    """A process whose executable is no longer in the file system.

    pid   its number
    path  where the executable was; "/memfd:..." where it never was in one
    """

    pid: int
    path: str


@dataclass(frozen=True, slots=True)
class HostReport:
    """A host as it describes itself.

    station    NET.STA it belongs to
    host       its name or address, as the centre calls it
    time_ns    when it was asked, by the centre's clock
    how        who asked
    clock_ns   its own clock then
    boot_ns    when it started, by its own clock
    files      of the watched folders, by path
    keys       that may log in
    schedules  cron tables and timers
    units      services, sockets and paths of systemd, or scripts of /etc/init.d
    modules    of the kernel
    sockets    that listen or are connected
    routes     "DESTINATION via GATEWAY dev INTERFACE", what is not told left out
    resolvers  addresses of name servers, in order
    firewall   SHA-256 of its packet filter's rules without counters, 64 hexadecimal digits
    deleted    processes that run a deleted executable
    preload    libraries loaded into every program (ld.so.preload)
    forwards   whether it passes on packets of others
    """

    station: str
    host: str
    time_ns: int
    how: How
    clock_ns: int | None = None
    boot_ns: int | None = None
    files: tuple[HostFile, ...] | None = None
    keys: tuple[HostKey, ...] | None = None
    schedules: tuple[HostSchedule, ...] | None = None
    units: tuple[str, ...] | None = None
    modules: tuple[str, ...] | None = None
    sockets: tuple[HostSocket, ...] | None = None
    routes: tuple[str, ...] | None = None
    resolvers: tuple[str, ...] | None = None
    firewall: str | None = None
    deleted: tuple[HostDeleted, ...] | None = None
    preload: tuple[str, ...] | None = None
    forwards: bool | None = None


#: The parts of a report that a host may leave out.
PARTS = (
    *("clock_ns", "boot_ns", "files", "keys", "schedules", "units", "modules", "sockets", "routes", "resolvers"),
    *("firewall", "deleted", "preload", "forwards"),
)
