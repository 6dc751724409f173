"""The shape of a tap: what listens to the payload of one conversation."""

from collections.abc import Callable, Iterable
from typing import Protocol

from houfeng.words.finding import Finding
from houfeng.words.network import Observation, Seen

Said = Iterable[Observation | Finding]


class Tap(Protocol):
    """Listens to one conversation.

    TCP comes as bytes in order, cut anywhere; UDP as whole datagrams. Two attributes may be there besides:

    done         True when it has heard enough: nothing more is delivered but the end
    quota_bytes  how many bytes it wants at the most, both directions together
    """

    def hear(self, time_ns: int, *, from_client: bool, data: bytes, line: int) -> Said:
        """One side sent something.

        time_ns  of the frame that brought it
        data     never empty
        line     number of that frame
        """
        ...

    def lost(self, from_client: bool) -> None:
        """Some of what one side sent was not seen; what is heard next of it comes after the hole."""
        ...

    def end(self, time_ns: int) -> Said:
        """The conversation is over, or the eye was closed.

        time_ns  its last frame
        """
        ...


#: Makes the tap of a conversation: where it was first seen, client, server, client's port, server's port, and
#: "tcp" or "udp".
TapFactory = Callable[[Seen, str, str, int, int, str], Tap]
