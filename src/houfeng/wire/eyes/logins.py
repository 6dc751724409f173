"""What programs that let people in write into the log when they do, or do not.

Sources: OpenSSH 5.9 to 10 auth.c and auth2.c; Dropbear 2024 svr-auth*.c; vsftpd 3.0 logging.c; ProFTPD 1.3
mod_auth.c; Pure-FTPd 1.0 ftpd.c; util-linux, shadow and BusyBox login.

User names in these lines are chosen by whoever tries, and may look like the rest of the line. So every pattern takes
as much as it can for the name, and what follows it is held to the end of the line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Said:
    """What a line says about one try.

    service   as in words.network.Login
    source    address or name as written, "" when the line gives none
    user      as given by whoever tried, "" unknown
    accepted  whether it was let in
    tries     0 for a try at nothing secret: the way "none", with which clients ask what ways there are, and keys, which
              cannot be guessed and of which a harmless client offers all it has
    counts    "now"; or if nothing more is said of it "later"; or if nothing was said of its connection "before"
    port      the source's, -1 when the line gives none
    settles   whether nothing said before about this connection is to be counted any more
    """

    service: str
    source: str
    user: str
    accepted: bool
    tries: int = 1
    counts: Literal["now", "later", "before"] = "now"
    port: int = -1
    settles: bool = True


class AmbiguousSourceError(ValueError):
    """A line in which text of a stranger leaves open where its end begins."""


#: "ssh2" and, with keys, what kind of key and its digest; a certificate adds a name that its owner chose.
_SSH: Final = re.compile(
    r"(Failed|Accepted) (\S+) for (invalid user )?(.*) from (\S+) port (\d+)(?: ssh[12])?(: \S+(?: .*)?)?", re.DOTALL
)
_SSH_INVALID: Final = re.compile(r"(?:Invalid|Illegal) user (.*) from (\S+?)(?: port (\d+))?", re.DOTALL)
_SSH_ENDED: Final = re.compile(
    r"(?:error: )?(?:Received disconnect from|Disconnected from|Disconnecting|Connection (?:closed|reset) by) .*",
    re.DOTALL,
)
#: Where only keys are let in, guessers of passwords leave nothing but this (OpenSSH 7.5 and later).
_SSH_GAVE_UP: Final = re.compile(
    r"(?:Connection (?:closed|reset) by|Disconnected from) (?:authenticating|invalid) user (.*) (\S+) port (\d+)"
    r"(?: \[preauth\])?",
    re.DOTALL,
)
_CERTIFICATE: Final = "-CERT "

_DROPBEAR: Final = (
    (re.compile(r"Bad (?:PAM )?password attempt for '(.*)' from (\S+):(\d+)", re.DOTALL), False, 1),
    (re.compile(r"Login attempt for nonexistent user()(?: '.*')? from (\S+):(\d+)", re.DOTALL), False, 1),
    (re.compile(r"(?:PAM )?[Pp]assword auth succeeded for '(.*)' from (\S+):(\d+)", re.DOTALL), True, 1),
    (re.compile(r"Pubkey auth succeeded for '(.*)' with (?:.*) from (\S+):(\d+)", re.DOTALL), True, 1),
)
_VSFTPD: Final = re.compile(
    r'(?:\[pid \d+\] )?\[(.*)\] (OK|FAIL) LOGIN: Client "([^"]*)"(?:, anon password ".*")?', re.DOTALL
)
_PROFTPD: Final = re.compile(
    r"\S+ \(([^()\[\]\s]*)\[([^()\[\]\s]*)\]\)(?: -|:) USER (.*?)"
    r"(: Login successful\.?| \(Login failed\):.*|: no such user found from .*)",
    re.DOTALL,
)
_PUREFTPD_FAILED: Final = re.compile(
    r"\(\?@([^()\s]+)\) \[WARNING\] Authentication failed for user \[(.*)\]", re.DOTALL
)
_PUREFTPD_OPEN: Final = re.compile(r"\(\?@([^()\s]+)\) \[INFO\] (.*) is now logged in", re.DOTALL)
_LOGIN: Final = (
    (re.compile(r"FAILED LOGIN \(\d+\) on '[^']*' from '([^']*)' FOR '(.*)', .*", re.DOTALL), False),
    (re.compile(r"FAILED LOGIN (?:SESSION |\d+ )?FROM (\S+) FOR (.*), [A-Z].*", re.DOTALL), False),
    (re.compile(r"invalid password for '(?P<user>.*)' on '[^']*' from '(?P<source>[^']*)'", re.DOTALL), False),
    (re.compile(r"(?P<user>\S+) login on '[^']*' from '(?P<source>[^']*)'", re.DOTALL), True),
    (re.compile(r"LOGIN ON \S+ BY (?P<user>.*) FROM (?P<source>\S+)", re.DOTALL), True),
    (re.compile(r"(?P<user>ROOT) LOGIN ON \S+ FROM (?P<source>\S+)", re.DOTALL), True),
)
_PAM: Final = re.compile(
    r"pam_\w+\([\w.-]+:auth\): authentication failure; .*rhost=(\S*)(?:\s+user=(.*))?\s*", re.DOTALL
)


def ended(program: str, message: str) -> bool:
    """Whether a line says that a connection to sshd is over."""
    return _READERS.get(program) is _sshd and _SSH_ENDED.fullmatch(message) is not None


def said(program: str, message: str) -> Said | None:
    """What a program's line says about a try to log in, None for nothing.

    Raises AmbiguousSourceError where the line does not let its source be told.
    """
    reader = _READERS.get(program)
    return None if reader is None else reader(message)


def _sshd(message: str) -> Said | None:
    if (match := _SSH.fullmatch(message)) is not None:
        result, way, _, user, source, port, key = match.groups()
        # The owner of a certificate names it, and its name stands behind the address.
        if key and _CERTIFICATE in message and len(re.findall(r" from \S+ port \d+", message)) > 1:
            raise AmbiguousSourceError
        accepted = result == "Accepted"
        secret = way.startswith(("password", "keyboard-interactive"))
        # A key for a user that is none: that the user was guessed still counts, once.
        settles = accepted or secret or way == "none"
        return Said("ssh", source, user, accepted, int(accepted or secret), port=int(port[:6]), settles=settles)
    if (match := _SSH_GAVE_UP.fullmatch(message)) is not None:
        user, source, port = match.groups()
        return Said("ssh", source, user, accepted=False, counts="before", port=int(port[:6]))
    if (match := _SSH_INVALID.fullmatch(message)) is not None:
        user, source, given_port = match.groups()
        return Said("ssh", source, user, accepted=False, counts="later", port=int((given_port or "-1")[:6]))
    return None


def _dropbear(message: str) -> Said | None:
    for pattern, accepted, tries in _DROPBEAR:
        if (match := pattern.fullmatch(message)) is not None:
            return Said("ssh", match[2], match[1], accepted, tries, port=int(match[3][:6]))
    return None


def _vsftpd(message: str) -> Said | None:
    if (match := _VSFTPD.fullmatch(message)) is not None:
        return Said("ftp", match[3], match[1], accepted=match[2] == "OK")
    return _pam("ftp", message)


def _proftpd(message: str) -> Said | None:
    if (match := _PROFTPD.fullmatch(message)) is not None:
        return Said("ftp", match[2], match[3], accepted=match[4].startswith(": Login"))
    return _pam("ftp", message)


def _pureftpd(message: str) -> Said | None:
    if (match := _PUREFTPD_FAILED.fullmatch(message)) is not None:
        return Said("ftp", match[1], match[2], accepted=False)
    if (match := _PUREFTPD_OPEN.fullmatch(message)) is not None:
        return Said("ftp", match[1], match[2], accepted=True)
    return _pam("ftp", message)


def _login(message: str) -> Said | None:
    for pattern, accepted in _LOGIN:
        if (match := pattern.fullmatch(message)) is not None:
            named = match.groupdict()
            source, user = (named["source"], named["user"]) if named else (match[1], match[2])
            return Said("telnet", source, user.lower() if user == "ROOT" else user, accepted)
    return _pam("telnet", message)


def _pam(service: str, message: str) -> Said | None:
    """The line of the library below: only programs that do not speak for themselves are heard through it."""
    match = _PAM.fullmatch(message)
    if match is None or not match[1]:
        return None
    return Said(service, match[1], match[2] or "", accepted=False, counts="later")


_READERS: Final[Mapping[str, Callable[[str], Said | None]]] = {
    "sshd": _sshd,
    "sshd-session": _sshd,  # OpenSSH 9.8 and later
    "sshd-auth": _sshd,  # OpenSSH 10
    "dropbear": _dropbear,
    "vsftpd": _vsftpd,
    "proftpd": _proftpd,
    "pure-ftpd": _pureftpd,
    "login": _login,
    "telnetd": _login,
    "in.telnetd": _login,
}
