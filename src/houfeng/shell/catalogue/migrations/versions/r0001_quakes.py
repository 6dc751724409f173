"""The first tables: quakes in their versions, with arrivals, ellipses, magnitudes and amplitudes.

A revision never changes once released, so it spells its tables out rather than importing today's.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None


def upgrade() -> None:
    """Create the tables in an empty database."""
    op.create_table(
        "quake",
        sa.Column("quake_row", sa.Integer, nullable=False),
        sa.Column("quake_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        *_numbers("latitude_deg", "longitude_deg", "depth_m"),
        *_numbers("covariance_ee_m2", "covariance_en_m2", "covariance_ed_m2"),
        *_numbers("covariance_ne_m2", "covariance_nn_m2", "covariance_nd_m2"),
        *_numbers("covariance_de_m2", "covariance_dn_m2", "covariance_dd_m2"),
        *_numbers("time_uncertainty_s", "depth_uncertainty_m", "gap_deg", "rms_s", "nearest_m"),
        sa.Column("station_count", sa.Integer, nullable=False),
        *_texts("quality", "model"),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("origin_notes", sa.JSON, nullable=False),
        *_numbers("magnitude"),
        sa.PrimaryKeyConstraint("quake_row", name="pk_quake"),
        sa.UniqueConstraint("quake_id", "version", name="uq_quake_quake_id_version"),
    )
    op.create_index("ix_quake_time_ns", "quake", ["time_ns"])
    op.create_index("ix_quake_latitude_deg_longitude_deg", "quake", ["latitude_deg", "longitude_deg"])
    op.create_index("ix_quake_magnitude", "quake", ["magnitude"])

    _create_part("ellipse", [], _numbers("confidence", "semi_major_m", "semi_minor_m", "azimuth_deg"))
    _create_part(
        "arrival",
        [],
        [
            *_source(),
            *_texts("phase"),
            sa.Column("time_ns", sa.BigInteger, nullable=False),
            *_numbers("uncertainty_s", "snr", "probability"),
            sa.Column("polarity", sa.Integer, nullable=False),
            *_numbers("polarity_confidence"),
            *_texts("method"),
            *_numbers("residual_s", "distance_m", "azimuth_deg", "takeoff_deg", "weight"),
        ],
    )
    op.create_index("ix_arrival_network_station_time_ns", "arrival", ["network", "station", "time_ns"])
    _create_part("magnitude", [], [*_texts("kind"), *_numbers("value", "uncertainty"), *_texts("relation")])
    _create_part(
        "station_magnitude",
        ["magnitude_position"],
        [*_texts("station_key"), *_numbers("value", "distance_m"), *_texts("refused")],
    )
    _create_part("amplitude", [], _amplitude())
    _create_part("station_amplitude", ["magnitude_position", "station_position"], _amplitude())


def _create_part(name: str, within: list[str], columns: list[sa.Column[Any]]) -> None:
    """Create the table of a list that belongs to a quake; within says which list of which list it is."""
    keys = ["quake_row", *within, "position"]
    op.create_table(
        name,
        *(sa.Column(key, sa.Integer, autoincrement=False, nullable=False) for key in keys),
        *columns,
        sa.ForeignKeyConstraint(["quake_row"], ["quake.quake_row"], name=f"fk_{name}_quake_row", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
    )


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double, nullable=True) for name in names]


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _source() -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(32), nullable=False) for name in ("network", "station", "location", "channel")]


def _amplitude() -> list[sa.Column[Any]]:
    return [
        *_source(),
        *_texts("kind"),
        *_numbers("value"),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        *_numbers("period_s", "snr"),
    ]
