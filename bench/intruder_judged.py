"""What the guard says of the stretches that were taken, asked as a user asks it: as `houfeng guard check`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from houfeng.guard.conduct.derive import Reader, Site, derive
from houfeng.shell.guarding.checking import check, learned_from
from houfeng.words.conduct import Allowed, Conduct, Host
from houfeng.words.instant import NS_PER_S
from houfeng.words.judgement import Judgement
from houfeng.words.network import Observation, time_of
from houfeng.words.source import SourceId
from houfeng.words.station import Channel, Station
from intruder_acts import SILENCED, SLOW_BYTES_PER_MINUTE, station
from intruder_site import (
    CENTRE,
    CENTRE_SIDE,
    CHANNELS,
    GATEWAYS,
    HEALTH,
    HEALTH_POLL_S,
    LINK,
    MAINTENANCE,
    MONITOR,
    NETWORK,
    OUTSIDE,
    OUTSIDER,
    RATE_HZ,
    SEEDLINK,
    TIME,
    TIME_POLL_S,
    Place,
    Plan,
    mac_of,
)
from intruder_stage import Taken


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the guard in one scenario.

    what       the intruder does
    detectors  that have to find it; others may besides
    guilty     addresses that a finding may accuse: the intruder's own, and those in the intruder's hands
    """

    what: str
    detectors: tuple[str, ...]
    guilty: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A finding, and the time at the site when it came out."""

    judgement: Judgement
    said_ns: int


def asked_of(plan: Plan) -> dict[str, Asked]:
    """The scenarios that are seen on the wire; those of the waveform are judged elsewhere."""
    carriers = tuple(station(plan, 4 + k) for k in range(len(SLOW_BYTES_PER_MINUTE)))
    return {
        "beacon": Asked(
            "a gateway's backdoor calls for orders every 30 s", ("new-peer", "beacon"), (LINK[GATEWAYS[0]],)
        ),
        "copy-fast": Asked("3 MB of a station carried out in a minute", ("new-peer", "lasting-unknown"),
                           (station(plan, 3),)),
        "copy-slowly": Asked("four stations carried out at 10,000 to 10 bytes a minute", ("new-peer",), carriers),
        "subscriber": Asked("a reader on no list", ("unknown-reader", "new-peer"), (OUTSIDER,)),
        "scan": Asked("a station looks for others", ("host-scan", "new-peer"), (station(plan, 2),)),
        "guess-console": Asked("a console's secret guessed", ("password-guessing", "guessing-succeeded", "new-peer"),
                               (OUTSIDER,)),
        "guess-shell": Asked("a shell's secret guessed, wire and log",
                             ("password-guessing", "guessing-succeeded", "new-peer"), (OUTSIDER,)),
        "silence": Asked("a station falls silent", ("talk-missing",), (station(plan, SILENCED),)),
    }  # fmt: skip


def declared(plan: Plan) -> list[Conduct]:
    """The profiles as an operator declares them: derived from the channels and the site, one a station or gateway."""
    return [*(_station_conduct(place) for place in plan.places()), *(_gateway_conduct(space) for space in GATEWAYS)]


def _station_conduct(place: Place) -> Conduct:
    channels = tuple(Channel(SourceId(NETWORK, place.code, "00", channel), rate_hz=RATE_HZ) for channel in CHANNELS)
    own = place.address
    hosts = (
        Host(place.code, (own,), role="station"),
        Host("centre", (CENTRE,), role="centre"),
        Host("monitor", (MONITOR,), role="monitor"),
        Host("maintenance", (MAINTENANCE,), role="maintenance"),
        Host("time", (TIME,), role="time"),
    )
    reader = Reader("centre", CENTRE, (f"{NETWORK}.{place.code}.*.*",), own, SEEDLINK)
    site = Site(hosts, (reader,), poll_s=TIME_POLL_S)
    conduct = derive(Station(NETWORK, place.code, None, None, channels=channels), site, at_ns=0)
    health = Allowed((MONITOR,), (own,), "tcp", HEALTH, "state of health", "every", HEALTH_POLL_S)
    return replace(conduct, allowed=(*conduct.allowed, health))


def _gateway_conduct(space: str) -> Conduct:
    """A gateway talks to nobody in its own name; on its link are the other routers."""
    names = {GATEWAYS[0]: "gateway a", GATEWAYS[1]: "gateway b", CENTRE_SIDE: "centre's edge", OUTSIDE: "carrier"}
    routers = tuple(Host(names[each], (address,), (mac_of(each),), "router") for each, address in LINK.items())
    return Conduct(f"{NETWORK}.{space.upper()}", (Host("gateway", (LINK[space],), role="station"), *routers))


def learned(taken: Taken) -> tuple[list[Conduct], tuple[str, ...]]:
    """The profile of the whole site, learned from a quiet stretch; and the doubts where it is refused."""
    found = learned_from(_paths(taken), name="site", tell=_ignored)
    return ([found.conduct] if found.conduct else []), found.doubts


def _ignored(_: object) -> None:
    pass


def said_of(taken: Taken, conducts: Sequence[Conduct]) -> list[Said]:
    """The findings in a stretch that ask for somebody, each with the time it came out."""
    now_ns = 0

    def heard(one: Observation) -> None:
        nonlocal now_ns
        now_ns = max(now_ns, time_of(one))

    found = check(_paths(taken), conducts, tell=_ignored, observed=heard)
    return [Said(one, max(now_ns, one.until_ns)) for one in found if one.severity != "info"]


def _paths(taken: Taken) -> list[Path]:
    return [Path(taken.capture), *map(Path, taken.logs)]


def is_right(one: Judgement, asked: Asked) -> bool:
    """Whether a finding accuses somebody guilty, or, of a silence, is about somebody who is silent."""
    return one.subject in asked.guilty or (one.detector == "talk-missing" and one.peer in asked.guilty)


def after_s(found: Iterable[Said], taken: Taken) -> float | None:
    """Seconds from the first hostile packet to the first of the findings; None without any."""
    first_ns = min((one.said_ns for one in found), default=None)
    return None if first_ns is None else (first_ns - taken.hostile_ns) / NS_PER_S


def smallest_rate(found: Iterable[Said], plan: Plan) -> int | None:
    """The slowest copy found among those of copy-slowly, bytes a minute."""
    accused = {one.judgement.subject for one in found}
    rates = [rate for k, rate in enumerate(SLOW_BYTES_PER_MINUTE) if station(plan, 4 + k) in accused]
    return min(rates, default=None)
