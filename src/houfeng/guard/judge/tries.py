"""Failed logins of one source, counted once each although several eyes may tell of them."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from houfeng.guard.judge.recent import Lately
from houfeng.words.instant import DAY_NS, NS_PER_S
from houfeng.words.network import Login, Seen

#: Failures, users and hosts kept of a source: ten times what is enough to name it.
_KEPT: Final = 64

#: Two eyes tell of one try within so long of each other: logs have whole seconds, PAM waits some before it says no.
_SAME_TRY_NS: Final = 5 * NS_PER_S


@dataclass(slots=True)
class Failure:
    """One failure, or several told as one.

    hosts  what the eyes call the machine
    by     how many of the tries each eye has told
    """

    time_ns: int
    seen: Seen
    service: str
    user: str
    tries: int
    hosts: set[str]
    by: dict[str, int]


@dataclass(slots=True)
class Tries:
    """What one source failed at in one episode, which a day without a failure ends.

    failures  the last of them
    users     names it gave
    count     tries in all
    first     the first evidence
    """

    failures: deque[Failure] = field(default_factory=lambda: deque(maxlen=_KEPT))
    users: Lately[str] = field(default_factory=lambda: Lately(_KEPT))
    hosts: Lately[str] = field(default_factory=lambda: Lately(_KEPT))
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    first: Seen | None = None

    def add(self, login: Login) -> bool:
        """Take in a failure; False when other eyes have told it."""
        left = self._told_before(login)
        if not left:
            return False
        if not self.count or login.time_ns - self.last_ns > DAY_NS:
            self.count, self.first_ns, self.first = 0, login.time_ns, login.seen
            self.users.clear()
            self.hosts.clear()
        self.last_ns = max(self.last_ns, login.time_ns)
        by = {login.seen.eye: left}
        self.failures.append(
            Failure(login.time_ns, login.seen, login.service, login.user, left, {login.host}, by),
        )
        self.count += left
        self.users.add(login.user, login.time_ns)
        self.hosts.add(login.host, login.time_ns)
        return True

    def forgive(self, user: str) -> None:
        """Who was let in had mistyped before: the failures as this user no longer count."""
        mistyped = [one for one in self.failures if one.user == user]
        for one in mistyped:
            self.failures.remove(one)
            self.count -= one.tries
        if mistyped:
            self.users.drop(user)

    def since(self, time_ns: int) -> int:
        """Tries at or after an instant, as far as they are kept."""
        return sum(one.tries for one in self.failures if one.time_ns >= time_ns)

    def _told_before(self, login: Login) -> int:
        """How many tries of a failure no other eye has told."""
        eye, left = login.seen.eye, max(1, login.tries)
        for one in self.failures:
            near = abs(one.time_ns - login.time_ns) <= _SAME_TRY_NS and one.service == login.service
            if not near or not (one.user == login.user or not one.user or not login.user):
                continue
            taken = min(left, max(0, one.tries - one.by.get(eye, 0)))
            if taken:
                one.by[eye] = one.by.get(eye, 0) + taken
                one.hosts.add(login.host)
                left -= taken
        return left
