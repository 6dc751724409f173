"""What is true of a recording, as tables in the columns of the real sets, with what is wrong with its stations."""

from collections.abc import Iterable, Sequence

from houfeng.twin.made import MadeQuake, MadeStation
from houfeng.twin.rays import PHASES
from houfeng.twin.recording import Heard
from houfeng.twin.world import World
from houfeng.wire.csv_text import write_csv
from houfeng.words.earth import distance_m
from houfeng.words.instant import format_instant, seconds_to_ns

AUTHOR = "twin"

EVENT_COLUMNS = (
    "event_id", "origin_time", "latitude", "longitude", "depth_km", "magnitude", "magnitude_type", "author",
    "evaluation", "notes",
)  # fmt: skip
PICK_COLUMNS = (
    "event_id", "network", "station", "channel_hint", "phase", "time", "quality", "evaluation", "author",
)  # fmt: skip
PEAK_COLUMNS = ("event_id", "id", "epicentral_km", "pga_mps2", "pgv_mps", "pgd_m")
FAULT_COLUMNS = ("network", "station", "kind", "component", "from_s", "to_s", "size")
DOMAIN_COLUMNS = ("network", "station", "domain")


def event_id(number: int) -> str:
    """The name of a quake in all tables."""
    return f"made_{number + 1}"


def events_table(quakes: Sequence[MadeQuake]) -> bytes:
    """A line per quake; magnitudes are moment magnitudes."""
    rows = [
        (
            event_id(number),
            format_instant(quake.time_ns),
            round(quake.latitude_deg, 5),
            round(quake.longitude_deg, 5),
            round(quake.depth_m / 1000, 3),
            quake.magnitude,
            "mw",
            AUTHOR,
            "made",
            _mechanism(quake),
        )
        for number, quake in enumerate(quakes)
    ]
    return write_csv([EVENT_COLUMNS, *rows])


def _mechanism(quake: MadeQuake) -> str:
    angles = f"strike={quake.strike_deg:.0f} dip={quake.dip_deg:.0f} rake={quake.rake_deg:.0f}"
    return f"{angles} stress_mpa={quake.stress_pa / 1e6:.2f}"


def picks_table(world: World, heard: Iterable[Heard]) -> bytes:
    """A line per quake, station and phase that comes near the noise: when it arrives, and how clearly."""
    rows = []
    for one in heard:
        station = world.stations[one.station].station
        for phase in PHASES:
            if one.onset_s[phase] < world.scenario.duration_s:
                hint = station.channels[0 if phase == "P" else 1].source.channel
                time = format_instant(world.scenario.start_ns + seconds_to_ns(one.onset_s[phase]))
                quality = f"snr={one.snr[phase]:.2f}"
                rows.append(
                    (
                        event_id(one.quake),
                        station.network,
                        station.code,
                        hint,
                        phase,
                        time,
                        quality,
                        "theoretical",
                        AUTHOR,
                    )
                )
    return write_csv([PICK_COLUMNS, *rows])


def peaks_table(world: World, heard: Iterable[Heard]) -> bytes:
    """A line per quake and channel: the largest motion of the ground there, before any instrument."""
    rows = []
    for one in heard:
        station, quake = world.stations[one.station].station, world.happenings[one.quake].quake
        away_km = float(distance_m(quake.latitude_deg, quake.longitude_deg, *station.place)) / 1000
        for channel, *peaks in zip(station.channels, one.pga_mps2, one.pgv_mps, one.pgd_m, strict=True):
            shown = (f"{peak:.6g}" for peak in peaks)
            rows.append((event_id(one.quake), channel.source.nslc, round(away_km, 3), *shown))
    return write_csv([PEAK_COLUMNS, *rows])


def faults_table(world: World) -> bytes:
    """A line per thing that is wrong with a station."""
    rows = [
        (world.scenario.network.code, fault.station, fault.kind, fault.component, fault.from_s, fault.to_s, fault.size)
        for faults in world.faults
        for fault in faults
    ]
    return write_csv([FAULT_COLUMNS, *rows])


def domains_table(stations: Iterable[MadeStation]) -> bytes:
    """A line per station and thing that it shares with others."""
    rows = [
        (made.station.network, made.station.code, domain)
        for made in stations
        for domain in sorted(made.station.domains)
    ]
    return write_csv([DOMAIN_COLUMNS, *rows])


def model_table(world: World) -> bytes:
    """The crust's speeds as a velocity model that Houfeng reads."""
    model = world.scenario.crust.model
    rows = zip(model.depth_m / 1000, model.vp_mps / 1000, model.vs_mps / 1000, strict=True)
    return write_csv([("layer_top_km", "vp_km_s", "vs_km_s"), *([f"{value:g}" for value in row] for row in rows)])
