"""How a station signs: since when, which channels, and whether at present."""

from collections.abc import Iterable
from typing import Final

from houfeng.guard.vouch.said import Said
from houfeng.wire.manifest import written_channel

#: Channels of a station noted as signed. One never signed is not waited for once this many manifests have come.
MOST_CHANNELS: Final = 256
SETTLED_MANIFESTS: Final = 60

#: Kind and reason of a finding.
STOPPED: Final = ("downgrade", "it used to sign its records and stopped")


class Signing:
    """What is known of how one station signs.

    channels  LOC_B_S_SS ever named, as manifests write it
    signed    whether a manifest of it was ever accepted
    silent    whether it does not sign at present
    """

    __slots__ = ("_lost_ns", "_manifest_ns", "_manifests", "channels", "signed", "silent")

    def __init__(self, channels: Iterable[str] = (), *, signed: bool = False) -> None:
        self.channels: dict[str, bytes] = {channel: written_channel(channel) for channel in channels}
        self.signed = signed
        self.silent = False
        self._manifests = 0
        self._manifest_ns: int | None = None
        self._lost_ns: int | None = None

    def hear(self, said: Said, arrival_ns: int) -> None:
        """Note a good manifest."""
        self.go_on(arrival_ns)
        if said.lost:
            self._lost_ns = arrival_ns
        if len(self.channels) < MOST_CHANNELS:
            for channel, _, _ in said.names[:MOST_CHANNELS]:
                self.channels[channel] = written_channel(channel)

    def go_on(self, arrival_ns: int) -> None:
        """Note a good manifest that names channels known, of a chain without gaps."""
        self.signed, self.silent = True, False
        self._manifests += 1
        self._manifest_ns = arrival_ns

    def may_name(self, channel: str) -> bool:
        """Whether a name may come for a record: not when it does not sign at present, or never this channel."""
        settled = self._manifests >= SETTLED_MANIFESTS and len(self.channels) < MOST_CHANNELS
        return not self.silent and not (settled and channel not in self.channels)

    def why_unnamed(self, channel: str, arrival_ns: int) -> tuple[str, str] | None:
        """Kind and reason of the finding that a record without a name is, None when it is none."""
        if self._manifest_ns is None or self._manifest_ns < arrival_ns:
            self.silent = True
            return STOPPED if self.signed else None
        lost = self._lost_ns is not None and self._lost_ns >= arrival_ns
        if lost or channel not in self.channels:
            return None
        return "unnamed-record", f"it signs {channel} and did not sign this record"
