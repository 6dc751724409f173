"""What every outlet is, and what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from houfeng.serve.alerts.lines import write_line
from houfeng.serve.alerts.news import News, over_ns

#: Voices in a message: many clients take no more than a megabyte, and the stations of a nation are more than that.
MOST_VOICES = 200


@dataclass(frozen=True, slots=True)
class Issue:
    """A version of an alert on its way out.

    line     as JSON, with its end
    brief    as JSON without an end, with the loudest voices only: short enough for anybody to take
    over_ns  from when on it is of no more use
    """

    news: News
    line: bytes
    brief: bytes
    over_ns: int

    @property
    def alert_id(self) -> str:
        """The alert's."""
        return self.news.alert.alert_id

    @property
    def version(self) -> int:
        """The alert's."""
        return self.news.alert.version


def issue_of(news: News) -> Issue:
    """A version of an alert, ready to go out."""
    brief = write_line(news, most_voices=MOST_VOICES).removesuffix(b"\n")
    return Issue(news, write_line(news), brief, over_ns(news))


class Outlet(Protocol):
    """A way out. Its calls come one after another."""

    @property
    def lasting(self) -> bool:
        """Whether it is a record, for which no version comes too late and none is left out."""
        ...

    @property
    def trouble(self) -> str:
        """Why it would not let out anything now, "" when it would or cannot tell."""
        ...

    async def open(self, earlier: Sequence[Issue]) -> None:
        """Begin; called again when it failed.

        earlier  the latest versions of open alerts that were given before

        Raises HoufengError when that is not possible now.
        """
        ...

    async def give(self, issue: Issue) -> None:
        """Let it out; one that is out already is not repeated.

        Raises WorldFault or PeerFault when that may be tried again, anything else when this one is past help.
        """
        ...

    async def close(self) -> None:
        """End, whatever state it is in."""
        ...
