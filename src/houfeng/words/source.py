"""Where samples come from: network, station, location, channel (NSLC), the field's own names."""

import re
from dataclasses import dataclass

_CODE = re.compile(r"[A-Za-z0-9_-]{0,16}")
_CHANNEL = re.compile(r"[A-Za-z0-9]{0,8}|[A-Za-z0-9]{0,8}_[A-Za-z0-9]{0,8}_[A-Za-z0-9]{0,8}")


@dataclass(frozen=True, slots=True, order=True)
class SourceId:
    """One channel of one sensor.

    channel is three letters (HHZ), or band_source_subsource where one of them has several letters.
    Raises ValueError when a code holds anything but letters, digits, dash or underscore.
    """

    network: str
    station: str
    location: str
    channel: str

    def __post_init__(self) -> None:
        for code in (self.network, self.station, self.location):
            if _CODE.fullmatch(code) is None:
                raise ValueError(f"not a network, station or location code: {code!r}")
        if _CHANNEL.fullmatch(self.channel) is None:
            raise ValueError(f"not a channel code: {self.channel!r}")

    @property
    def station_key(self) -> str:
        """The station this channel belongs to, as NET.STA."""
        return f"{self.network}.{self.station}"

    @property
    def nslc(self) -> str:
        """The channel as NET.STA.LOC.CHA."""
        return f"{self.network}.{self.station}.{self.location}.{self.channel}"

    @property
    def fdsn(self) -> str:
        """The channel as an FDSN source identifier, FDSN:NET_STA_LOC_B_S_SS.

        Station lists and pick files hold codes such as NP040_D0; identifiers have no room for an underscore within
        a code, nor for four letters of channel in one. See has_fdsn.
        Source: FDSN Source Identifiers 1.0, https://docs.fdsn.org/projects/source-identifiers.
        """
        channel = self.channel if "_" in self.channel else "_".join(self.channel[:3].ljust(3))
        return f"FDSN:{self.network}_{self.station}_{self.location}_{channel.replace(' ', '')}"

    @property
    def has_fdsn(self) -> bool:
        """Whether fdsn is an identifier that names this channel and no other."""
        whole = "_" in self.channel or len(self.channel) <= 3
        return whole and "_" not in self.network + self.station + self.location

    @property
    def sensor(self) -> str:
        """The sensor this channel is one component of, as NET.STA.LOC.BI (band and instrument)."""
        return self.nslc[: -len(self.component)] if self.component else self.nslc

    @property
    def component(self) -> str:
        """The orientation letters at the end: Z, N, E, 1, 2, 3 ..., or "" without any."""
        if "_" in self.channel:
            return self.channel.rsplit("_", 1)[1]
        return self.channel[2:] if len(self.channel) > 2 else self.channel[-1:]


def shown(key: str) -> str:
    """A station or channel as people write it: NET.STA, or STA alone where there is no network code."""
    return key.removeprefix(".")


def parse_source(text: str) -> SourceId:
    """Read FDSN:NET_STA_LOC_B_S_SS or NET.STA.LOC.CHA. Raises ValueError for anything else."""
    if text.startswith("FDSN:"):
        parts = text[5:].split("_")
        if len(parts) != 6:
            raise ValueError(f"not an FDSN source identifier: {text!r}")
        network, station, location, *channel = parts
        joined = "".join(channel) if all(len(part) <= 1 for part in channel) else "_".join(channel)
        return SourceId(network, station, location, joined)
    codes = text.split(".")
    if len(codes) != 4:
        raise ValueError(f"not a channel name (NET.STA.LOC.CHA): {text!r}")
    return SourceId(*codes)
