"""Builds the site in network namespaces and plays stretches of its life there, quiet or with an intruder.

It is to be started in namespaces of its own, which end with it: play() does so, and asks for no rights that a user
does not have. Every process here is ended by whoever started it.

Usage: unshare -Urnmpf --kill-child python bench/intruder_stage.py PLAN STRETCHES
"""

import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from intruder_acts import DEEDS, SILENCED
from intruder_site import CENTRE_SIDE, GATEWAYS, HUB, LINK, OUTSIDE, Plan, addresses_of, mac_of, read_plan, write_plan

_HERE = Path(__file__).resolve().parent

#: Namespaces of a user's own: users, network, mounts and processes, so that nothing outlives the first of them.
_OWN = ("unshare", "-Urnmpf", "--kill-child")

#: The intruder comes after this share of a stretch, so that what was before can be seen.
_LEAD = 0.25

#: How long a process may take to stand or to end, s: compilers of numba may be at work beside.
_PATIENCE_S = 60

#: What maintenance does in a quiet stretch: one visit each so many seconds, another station each time.
_VISIT_S = 18.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the site's life.

    name   of the captures
    deed   what the intruder does, "" nothing
    real_s how long, by the clock of this machine
    """

    name: str
    deed: str
    real_s: float


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a stretch.

    capture         frames past the tap
    logs            of shells on stations, as far as they were written in this stretch
    begun_ns, ended_ns  in the site's time
    hostile_ns      just before the first hostile packet, or after the last honest one; 0 without
    frames, dropped as the tap counted
    """

    name: str
    deed: str
    capture: str
    logs: tuple[str, ...]
    begun_ns: int
    ended_ns: int
    hostile_ns: int
    frames: int
    dropped: int


def cannot() -> str:
    """Why no site can be built on this machine, "" when it can."""
    for program in ("ip", "unshare"):
        if shutil.which(program) is None:
            return f"needs the program {program}"
    made = "mount -t tmpfs none /run && ip netns add probe && ip -n probe link add switch type bridge"
    tried = subprocess.run([*_OWN, "sh", "-c", made], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"needs user and network namespaces: {tried.stderr.strip()[:200]}"


def play(plan: Plan, stretches: Sequence[Stretch], folder: Path) -> list[Taken]:
    """Build the site, play the stretches, take everything down.

    folder  takes captures and logs

    Raises RuntimeError, with what its processes said, when it cannot be played.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(plan, folder / "plan.json")
    (folder / "stretches.json").write_text(json.dumps([asdict(one) for one in stretches]), encoding="utf-8")
    command = [*_OWN, sys.executable, __file__, str(folder / "plan.json"), str(folder / "stretches.json")]
    limit_s = sum(one.real_s for one in stretches) + (4 + len(stretches)) * _PATIENCE_S
    # One thread a process: a site of small machines.
    own = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with (folder / "said.txt").open("w", encoding="utf-8") as said:
        stage = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=own)
        try:
            failed = stage.wait(limit_s)
        finally:
            # Whatever the stage had started ends with it, by --kill-child.
            stage.kill()
            stage.wait()
    if failed:
        raise RuntimeError(f"the site broke: {(folder / 'said.txt').read_text(errors='replace')[-2000:]}")
    told = json.loads((folder / "taken.json").read_text(encoding="utf-8"))
    return [Taken(**{**one, "logs": tuple(one["logs"])}) for one in told]


def ip(*words: str, space: str = "") -> None:
    """Configure a namespace. Raises RuntimeError with what ip said."""
    where = ["-n", space] if space else []
    done = subprocess.run(["ip", *where, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")


def build(plan: Plan) -> None:
    """The switch, and everybody on it."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    for space in (HUB, *LINK):
        ip("netns", "add", space)
        # What comes by itself (IPv6 announcements) is no part of this site; questions of the link are asked in the
        # link's own addresses, as routers do.
        quiet = (
            "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; echo 2 > /proc/sys/net/ipv4/conf/all/arp_announce"
        )
        within = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"
        subprocess.run(["ip", "netns", "exec", space, "sh", "-c", f"{quiet}; {within}"], check=True)
        ip("link", "set", "lo", "up", space=space)
    ip("link", "add", "switch", "type", "bridge", "mcast_snooping", "0", space=HUB)
    ip("link", "set", "switch", "up", space=HUB)
    for space, address in LINK.items():
        port = f"to-{space}"
        ip("link", "add", "wan", "netns", space, "address", mac_of(space), "type", "veth", "peer", "name", port,
           "netns", HUB)  # fmt: skip
        ip("link", "set", port, "master", "switch", "up", space=HUB)
        ip("address", "add", f"{address}/24", "dev", "wan", space=space)
        # A frame on a wire is no larger than its link allows: what a kernel joins for itself is not.
        ip("link", "set", "wan", "gso_max_segs", "1", "up", space=space)
        for own in addresses_of(space, plan):
            ip("address", "add", f"{own}/32", "dev", "lo", space=space)
    for space in LINK:
        towards = {other: addresses_of(other, plan) for other in LINK if other != space}
        for other, theirs in towards.items():
            for address in theirs:
                ip("route", "add", address, "via", LINK[other], space=space)
    # Addresses of nobody lie behind the gateways too.
    for k, gateway in enumerate(GATEWAYS):
        for space in LINK:
            if space != gateway:
                ip("route", "add", f"10.71.{1 + k}.0/24", "via", LINK[gateway], space=space)


class Player:
    """A process in a namespace, told by lines, that ends when nobody tells it anything any more."""

    def __init__(self, space: str, script: str, *words: str) -> None:
        command = ["ip", "netns", "exec", space, sys.executable, str(_HERE / script), *words]
        self._name = " ".join((script, *words))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self) -> str:
        """Its next line. Raises RuntimeError when there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._name} ended, status {self._process.wait(_PATIENCE_S)}")
        return line.strip()

    def tell(self, line: str) -> None:
        """Say a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def close(self) -> str:
        """End its input, wait for its end; what it said last."""
        try:
            rest, _ = self._process.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.end()
            rest = ""
        return rest.strip()

    def broke(self) -> bool:
        """Whether it has ended with an error."""
        return self._process.poll() not in (None, 0)

    def end(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.communicate()


class Stage:
    """The site with everybody in place."""

    def __init__(self, plan: Plan, plan_path: Path) -> None:
        self._plan, self._path, self._folder = plan, str(plan_path), Path(plan.folder)
        self._players: dict[str, Player] = {}
        self._visited = 0

    def __enter__(self) -> Self:
        try:
            for gateway in GATEWAYS:
                self._players[gateway] = Player(gateway, "intruder_stations.py", gateway, self._path)
            self._players[OUTSIDE] = Player(OUTSIDE, "intruder_people.py", OUTSIDE, self._path)
            for player in self._players.values():
                player.hear()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        for player in self._players.values():
            player.end()

    def take(self, stretch: Stretch) -> Taken:
        """Play one stretch past the tap."""
        capture = self._folder / f"{stretch.name}.pcap"
        before = {path: path.stat().st_size for path in self._folder.glob("auth_*.log")}
        tap = Player(HUB, "intruder_tap.py", "switch", self._path, str(capture))
        try:
            tap.hear()
            if CENTRE_SIDE not in self._players:
                # The first tap is there before the centre's first word.
                self._players[CENTRE_SIDE] = Player(CENTRE_SIDE, "intruder_people.py", "centre", self._path)
                self._players[CENTRE_SIDE].hear()
            begun_ns = self._plan.now_ns()
            until_s = time.monotonic() + stretch.real_s
            hostile_ns = self._quiet(until_s) if not stretch.deed else self._hostile(stretch, until_s)
            ended_ns = self._plan.now_ns()
        finally:
            counted = tap.close()
        frames, dropped = map(int, counted.split())
        logs = tuple(self._logs(stretch, before))
        return Taken(stretch.name, stretch.deed, str(capture), logs, begun_ns, ended_ns, hostile_ns, frames, dropped)

    def _logs(self, stretch: Stretch, before: dict[Path, int]) -> Iterator[str]:
        for path in sorted(self._folder.glob("auth_*.log")):
            new = path.read_bytes()[before.get(path, 0) :]
            if new:
                part = self._folder / f"{stretch.name}_{path.name.removeprefix('auth_')}"
                part.write_bytes(new)
                yield str(part)

    def _visit(self) -> None:
        self._players[CENTRE_SIDE].tell(f"visit {1 + self._visited % self._plan.stations}")
        self._visited += 1

    def _quiet(self, until_s: float) -> int:
        """Nothing but everyday life: maintenance comes to one station after the other."""
        every_s = _VISIT_S / self._plan.speed
        left = math.ceil(max(0.0, until_s - time.monotonic()) / every_s)
        for _ in range(min(left, self._plan.stations)):
            self._visit()
            time.sleep(max(0.0, min(every_s, until_s - time.monotonic())))
        time.sleep(max(0.0, until_s - time.monotonic()))
        return 0

    def _hostile(self, stretch: Stretch, until_s: float) -> int:
        lead_s = _LEAD * stretch.real_s
        self._visit()
        time.sleep(lead_s)
        deed = DEEDS[stretch.deed]
        if deed.act is None:
            return self._silence(until_s)
        actor = Player(deed.space, "intruder_acts.py", stretch.deed, self._path)
        try:
            hostile_ns = int(actor.hear())
            time.sleep(max(0.0, until_s - time.monotonic()))
            if actor.broke():
                raise RuntimeError(f"{stretch.deed} could not be played")
        finally:
            actor.end()
        return hostile_ns

    def _silence(self, until_s: float) -> int:
        """A station is there no more: its address answers nothing, and nothing comes from it."""
        place = self._plan.places()[SILENCED - 1]
        hostile_ns = self._plan.now_ns()
        self._players[place.gateway].tell(f"stop {place.number}")
        ip("address", "del", f"{place.address}/32", "dev", "lo", space=place.gateway)
        try:
            time.sleep(max(0.0, until_s - time.monotonic()))
        finally:
            ip("address", "add", f"{place.address}/32", "dev", "lo", space=place.gateway)
            self._players[place.gateway].tell(f"start {place.number}")
        return hostile_ns


def main() -> None:
    """Play what the files say."""
    plan_path, stretches_path = Path(sys.argv[1]), Path(sys.argv[2])
    plan = read_plan(plan_path)
    stretches = [Stretch(**one) for one in json.loads(stretches_path.read_text(encoding="utf-8"))]
    build(plan)
    taken = []
    with Stage(plan, plan_path) as stage:
        for stretch in stretches:
            taken.append(stage.take(stretch))
            print(taken[-1], flush=True)
    with contextlib.suppress(OSError):
        (plan_path.parent / "taken.json").write_text(json.dumps([asdict(one) for one in taken]), encoding="utf-8")


if __name__ == "__main__":
    main()
