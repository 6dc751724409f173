"""A scenario: everything the twin makes a recording from, as values."""

from dataclasses import dataclass, field

from houfeng.twin.catalogue import QuakePlan, SequencePlan, SwarmPlan
from houfeng.twin.crust import Crust
from houfeng.twin.digitiser import Transport
from houfeng.twin.faults import Fault, FaultShares
from houfeng.twin.layout import Group


@dataclass(frozen=True, slots=True)
class Named:
    """A station put just where it is said to stand."""

    code: str
    latitude_deg: float
    longitude_deg: float
    elevation_m: float
    instrument: str


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """Which stations there are.

    code         network code of them all
    groups       laid out around centres
    named        besides
    shares       of instruments among the groups' stations, by name; add up to one
    per_gateway  stations that reach the centre through one gateway
    """

    code: str
    groups: tuple[Group, ...]
    named: tuple[Named, ...]
    shares: tuple[tuple[str, float], ...]
    per_gateway: int = 5


@dataclass(frozen=True, slots=True)
class GroundPlan:
    """How sites differ, and how noisy they are.

    least_percentile, most_percentile  between the low-noise model (0) and the high-noise model (1)
    night_fall_db                      how much quieter 1 to 20 Hz are at night
    passages_per_hour                  vehicles and walkers at noon
    kappa_s, kappa_spread              middle, and spread in natural logarithm
    gain_spread                        of site amplification, natural logarithm
    delay_spread_s                     of P, because no crust is the same everywhere
    """

    least_percentile: float = 0.3
    most_percentile: float = 0.55
    night_fall_db: float = 8.0
    passages_per_hour: float = 3.0
    kappa_s: float = 0.035
    kappa_spread: float = 0.2
    gain_spread: float = 0.25
    delay_spread_s: float = 0.04


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a recording is made from; the same scenario makes the same bytes.

    name           of its file
    start_ns       first sample
    duration_s     whole seconds
    rate_hz        of all channels
    stress_spread  of stress drop between quakes that name none, natural logarithm
    """

    name: str
    title: str
    seed: int
    start_ns: int
    duration_s: int
    crust: Crust
    network: NetworkPlan
    rate_hz: float = 100.0
    ground: GroundPlan = field(default_factory=GroundPlan)
    stress_spread: float = 0.3
    quakes: tuple[QuakePlan, ...] = ()
    swarms: tuple[SwarmPlan, ...] = ()
    sequences: tuple[SequencePlan, ...] = ()
    transport: Transport = field(default_factory=Transport)
    fault_shares: FaultShares = field(default_factory=FaultShares)
    faults: tuple[Fault, ...] = ()

    @property
    def samples(self) -> int:
        """Of every channel."""
        return int(self.duration_s * self.rate_hz)
