"""The site that the intruder visits: who is where, and what time it is there.

Stations stand behind two gateways. A gateway and its stations are one network namespace with many addresses, and so
are the centre and whoever is outside; all four hang on one switch, where the tap is. So every frame between two of
them goes over a veth and past the tap once, as at a carrier's switch with a mirror port. What stations behind one
gateway say to each other does not pass there. No namespace has a way out of this machine.

With a speed of more than 1 everything here happens that many times as fast, and the tap's stamps are stretched back:
what is judged has the rhythms of a real site. Only what networks do by themselves (answers, repeats of TCP) then
looks slower by as much.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

#: Names of the namespaces: the switch, the two gateways with their stations, the centre, everybody else.
HUB, GATEWAYS, CENTRE_SIDE, OUTSIDE = "hub", ("ga", "gb"), "centre", "outside"

#: On the switch's link; MAC addresses are 02:71:00:00:00 and the last octet.
LINK = {CENTRE_SIDE: "10.71.9.1", GATEWAYS[0]: "10.71.9.2", GATEWAYS[1]: "10.71.9.3", OUTSIDE: "10.71.9.254"}

#: Hosts behind the centre's edge.
CENTRE, MONITOR, MAINTENANCE, TIME = "10.71.0.10", "10.71.0.11", "10.71.0.12", "10.71.0.13"

#: An address of the internet that belongs to nobody any more: the relay of 6to4, given back by RFC 7526.
OUTSIDER = "192.88.99.66"

SEEDLINK, HEALTH, SHELL, CONSOLE, CLOCK = 18_000, 8080, 22, 23, 123

#: Where the outsider listens: for calls that ask what to do, and for what is carried out.
ORDERS, DEPOT = 8443, 443

NETWORK, CHANNELS, RATE_HZ = "XX", ("HHZ", "HHN", "HHE"), 100.0

#: A record of a channel holds so many seconds of noise: what fills 512 bytes.
RECORD_S = 3.0

#: Steps of the polls, s: NTP's usual first step, a monitor's minute.
TIME_POLL_S, HEALTH_POLL_S = 64.0, 60.0

#: The one secret that the stations' imitations of shells take.
SECRET = "letmein"

#: The intruder needs seven stations behind the first gateway; behind two there is no room for more than the most.
FEWEST_STATIONS, MOST_STATIONS = 14, 200


@dataclass(frozen=True, slots=True)
class Place:
    """One station: its number from 1, its code, its address and the namespace it is in."""

    number: int
    code: str
    address: str
    gateway: str

    @property
    def key(self) -> str:
        """NET.STA."""
        return f"{NETWORK}.{self.code}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What all processes of a site know.

    stations  how many, FEWEST_STATIONS to MOST_STATIONS
    speed     how many times faster than in the field, >= 1
    begun_ns  when the site's time and the machine's are the same
    folder    where captures and logs go
    """

    stations: int
    speed: float
    begun_ns: int
    folder: str

    def places(self) -> list[Place]:
        """The stations, the first half behind the first gateway."""
        half = (self.stations + 1) // 2
        return [
            Place(k, f"S{k:03d}", f"10.71.{1 + (k > half)}.{k if k <= half else k - half}", GATEWAYS[k > half])
            for k in range(1, self.stations + 1)
        ]

    def site_ns(self, real_ns: int) -> int:
        """The site's time."""
        return self.begun_ns + round((real_ns - self.begun_ns) * self.speed)

    def now_ns(self) -> int:
        """The site's time now."""
        return self.site_ns(time.time_ns())

    async def wait(self, site_s: float) -> None:
        """Let time pass at the site."""
        await asyncio.sleep(site_s / self.speed)


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan for processes in other namespaces."""
    path.write_text(json.dumps(asdict(plan)), encoding="utf-8")


def read_plan(path: Path) -> Plan:
    """The inverse of write_plan."""
    return Plan(**json.loads(path.read_text(encoding="utf-8")))


def mac_of(space: str) -> str:
    """The MAC address of a namespace's port on the switch."""
    return f"02:71:00:00:00:{int(LINK[space].rsplit('.', 1)[1]):02x}"


def addresses_of(space: str, plan: Plan) -> list[str]:
    """The addresses in a namespace besides that on the link."""
    if space == CENTRE_SIDE:
        return [CENTRE, MONITOR, MAINTENANCE, TIME]
    if space == OUTSIDE:
        return [OUTSIDER]
    return [place.address for place in plan.places() if place.gateway == space]


async def commands() -> asyncio.StreamReader:
    """What is said to this process, by lines; its end is the end of the site."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader
