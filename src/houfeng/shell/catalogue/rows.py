"""A Quake as rows of the catalogue's tables, and back. What is read equals what was written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar, cast

import numpy as np
import sqlalchemy as sa

from houfeng.shell.catalogue.tables import (
    AMPLITUDE,
    ARRIVAL,
    COVARIANCE,
    ELLIPSE,
    MAGNITUDE,
    QUAKE,
    STATION_AMPLITUDE,
    STATION_MAGNITUDE,
)
from houfeng.words.quake import (
    Amplitude,
    Arrival,
    Discrimination,
    Ellipse,
    Magnitude,
    Origin,
    Phase,
    Pick,
    Quake,
    StationMagnitude,
)
from houfeng.words.source import SourceId

Row = sa.RowMapping

_Value = TypeVar("_Value")

_ORIGIN_NUMBERS = (
    "latitude_deg",
    "longitude_deg",
    "depth_m",
    "time_uncertainty_s",
    "depth_uncertainty_m",
    "gap_deg",
    "rms_s",
    "nearest_m",
)
_ELLIPSE_NUMBERS = ("confidence", "semi_major_m", "semi_minor_m", "azimuth_deg")
_PICK_NUMBERS = ("uncertainty_s", "snr", "probability", "polarity_confidence")
_ARRIVAL_NUMBERS = ("residual_s", "distance_m", "azimuth_deg", "takeoff_deg", "weight")
_AMPLITUDE_NUMBERS = ("value", "period_s", "snr")


def insert(connection: sa.Connection, quake: Quake) -> None:
    """Write one version of a quake within the caller's transaction.

    Raises sqlalchemy.exc.IntegrityError when its quake_id and version are taken.
    """
    row = connection.execute(sa.insert(QUAKE).returning(QUAKE.c.quake_row), _head(quake)).scalar_one()
    for table, values in _children(quake):
        listed = [{"quake_row": row, **value} for value in values]
        if listed:
            connection.execute(sa.insert(table), listed)


def assemble(connection: sa.Connection, heads: Sequence[Row]) -> list[Quake]:
    """Build the quakes whose rows of the quake table are given, in that order."""
    wanted = [head["quake_row"] for head in heads]
    ellipses = _lists(connection, ELLIPSE, wanted, _ellipse, "quake_row")
    arrivals = _lists(connection, ARRIVAL, wanted, _arrival, "quake_row")
    amplitudes = _lists(connection, AMPLITUDE, wanted, _read_amplitude, "quake_row")
    measured = _lists(
        connection, STATION_AMPLITUDE, wanted, _read_amplitude, "quake_row", "magnitude_position", "station_position"
    )
    stations = _lists(
        connection,
        STATION_MAGNITUDE,
        wanted,
        lambda row: _station_magnitude(row, measured[row["quake_row"], row["magnitude_position"], row["position"]]),
        "quake_row",
        "magnitude_position",
    )
    magnitudes = _lists(
        connection,
        MAGNITUDE,
        wanted,
        lambda row: _magnitude(row, stations[row["quake_row"], row["position"]]),
        "quake_row",
    )
    return [
        Quake(
            quake_id=head["quake_id"],
            version=head["version"],
            origin=Origin(
                time_ns=head["time_ns"],
                covariance_m2=np.array([_read(head[name]) for name in COVARIANCE]).reshape(3, 3),
                ellipses=tuple(ellipses[head["quake_row"],]),
                station_count=head["station_count"],
                quality=head["quality"],
                model=head["model"],
                arrivals=tuple(arrivals[head["quake_row"],]),
                notes=tuple(head["origin_notes"]),
                **_numbers(head, _ORIGIN_NUMBERS),
            ),
            magnitudes=tuple(magnitudes[head["quake_row"],]),
            amplitudes=tuple(amplitudes[head["quake_row"],]),
            notes=tuple(head["notes"]),
            discrimination=_read_discrimination(head["discrimination"]),
        )
        for head in heads
    ]


def same(one: Quake, other: Quake) -> bool:
    """Whether two quakes say the same. Where one has no number, the other has none either."""
    return bool(_plain(asdict(one)) == _plain(asdict(other)))


def _plain(value: Any) -> Any:
    """A value in which arrays are lists and "not a number" equals itself."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return "nan" if isinstance(value, float) and np.isnan(value) else value


def _head(quake: Quake) -> dict[str, Any]:
    origin = quake.origin
    preferred = quake.magnitude
    return {
        "quake_id": str(quake.quake_id),
        "version": int(quake.version),
        "time_ns": int(origin.time_ns),
        **_written(origin, _ORIGIN_NUMBERS),
        **{name: _write(value) for name, value in zip(COVARIANCE, np.ravel(origin.covariance_m2), strict=True)},
        "station_count": int(origin.station_count),
        "quality": str(origin.quality),
        "model": str(origin.model),
        "notes": [str(note) for note in quake.notes],
        "origin_notes": [str(note) for note in origin.notes],
        "magnitude": None if preferred is None else _write(preferred.value),
        "discrimination": _discrimination(quake.discrimination),
    }


def _discrimination(said: Discrimination | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "verdict": str(said.verdict),
        "log_ratio": _write(said.log_ratio),
        "stations": int(said.stations),
        "notes": [str(note) for note in said.notes],
    }


def _read_discrimination(said: dict[str, Any] | None) -> Discrimination | None:
    if said is None:
        return None
    return Discrimination(said["verdict"], _read(said["log_ratio"]), said["stations"], tuple(said["notes"]))


def _children(quake: Quake) -> list[tuple[sa.Table, Iterable[dict[str, Any]]]]:
    magnitudes = list(enumerate(quake.magnitudes))
    stations = [(m, s, station) for m, magnitude in magnitudes for s, station in enumerate(magnitude.stations)]
    return [
        (ELLIPSE, ({"position": i, **_written(e, _ELLIPSE_NUMBERS)} for i, e in enumerate(quake.origin.ellipses))),
        (ARRIVAL, ({"position": i, **_arrival_row(a)} for i, a in enumerate(quake.origin.arrivals))),
        (AMPLITUDE, ({"position": i, **_amplitude_row(a)} for i, a in enumerate(quake.amplitudes))),
        (
            MAGNITUDE,
            (
                {
                    "position": m,
                    "kind": str(x.kind),
                    "relation": str(x.relation),
                    **_written(x, ("value", "uncertainty")),
                }
                for m, x in magnitudes
            ),
        ),
        (
            STATION_MAGNITUDE,
            (
                {
                    "magnitude_position": m,
                    "position": s,
                    "station_key": str(x.station_key),
                    "refused": str(x.refused),
                    **_written(x, ("value", "distance_m")),
                }
                for m, s, x in stations
            ),
        ),
        (
            STATION_AMPLITUDE,
            (
                {"magnitude_position": m, "station_position": s, "position": i, **_amplitude_row(amplitude)}
                for m, s, x in stations
                for i, amplitude in enumerate(x.amplitudes)
            ),
        ),
    ]


def _arrival_row(arrival: Arrival) -> dict[str, Any]:
    pick = arrival.pick
    return {
        **_source_row(pick.source),
        "phase": str(pick.phase),
        "time_ns": int(pick.time_ns),
        "polarity": int(pick.polarity),
        "method": str(pick.method),
        **_written(pick, _PICK_NUMBERS),
        **_written(arrival, _ARRIVAL_NUMBERS),
    }


def _amplitude_row(amplitude: Amplitude) -> dict[str, Any]:
    return {
        **_source_row(amplitude.source),
        "kind": str(amplitude.kind),
        "time_ns": int(amplitude.time_ns),
        **_written(amplitude, _AMPLITUDE_NUMBERS),
    }


def _source_row(source: SourceId) -> dict[str, str]:
    return {
        "network": source.network,
        "station": source.station,
        "location": source.location,
        "channel": source.channel,
    }


def _source(row: Row) -> SourceId:
    return SourceId(row["network"], row["station"], row["location"], row["channel"])


def _ellipse(row: Row) -> Ellipse:
    return Ellipse(**_numbers(row, _ELLIPSE_NUMBERS))


def _arrival(row: Row) -> Arrival:
    pick = Pick(
        source=_source(row),
        phase=cast("Phase", row["phase"]),
        time_ns=row["time_ns"],
        polarity=row["polarity"],
        method=row["method"],
        **_numbers(row, _PICK_NUMBERS),
    )
    return Arrival(pick=pick, **_numbers(row, _ARRIVAL_NUMBERS))


def _read_amplitude(row: Row) -> Amplitude:
    return Amplitude(source=_source(row), kind=row["kind"], time_ns=row["time_ns"], **_numbers(row, _AMPLITUDE_NUMBERS))


def _station_magnitude(row: Row, amplitudes: list[Amplitude]) -> StationMagnitude:
    return StationMagnitude(
        amplitudes=tuple(amplitudes),
        station_key=row["station_key"],
        refused=row["refused"],
        **_numbers(row, ("value", "distance_m")),
    )


def _magnitude(row: Row, stations: list[StationMagnitude]) -> Magnitude:
    return Magnitude(
        kind=row["kind"],
        relation=row["relation"],
        stations=tuple(stations),
        **_numbers(row, ("value", "uncertainty")),
    )


def _lists(
    connection: sa.Connection, table: sa.Table, wanted: list[int], build: Callable[[Row], _Value], *keys: str
) -> dict[tuple[int, ...], list[_Value]]:
    """The table's values for the wanted quakes, in their order, listed under the columns in keys."""
    columns = [table.c[key] for key in keys]
    found = connection.execute(
        sa.select(table).where(table.c.quake_row.in_(wanted)).order_by(*columns, table.c.position)
    )
    listed: dict[tuple[int, ...], list[_Value]] = defaultdict(list)
    for row in found.mappings():
        listed[tuple(row[key] for key in keys)].append(build(row))
    return listed


def _written(value: object, names: Iterable[str]) -> dict[str, float | None]:
    return {name: _write(getattr(value, name)) for name in names}


def _numbers(row: Row, names: Iterable[str]) -> dict[str, float]:
    return {name: _read(row[name]) for name in names}


def _write(number: float) -> float | None:
    """A plain float for the driver, which knows nothing of NumPy's; None for "not a number"."""
    return None if np.isnan(number) else float(number)


def _read(number: float | None) -> float:
    return float("nan") if number is None else number
