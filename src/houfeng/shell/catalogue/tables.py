"""The catalogue's tables. migrations/versions/ makes them; a test checks that the two agree."""

import sqlalchemy as sa

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: The nine numbers of Origin.covariance_m2, row by row: e, n, d for east, north, down.
COVARIANCE = tuple(f"covariance_{row}{column}_m2" for row in "end" for column in "end")


def _number(name: str) -> sa.Column[float]:
    """A float. NULL stands for "not a number", which SQLite cannot store."""
    return sa.Column(name, sa.Double, nullable=True)


def _source() -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(32), nullable=False) for name in ("network", "station", "location", "channel")]


def _of_quake() -> sa.Column[int]:
    return sa.Column("quake_row", sa.ForeignKey("quake.quake_row", ondelete="CASCADE"), primary_key=True)


def _position(name: str = "position") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, autoincrement=False)


def _amplitude() -> list[sa.Column[float] | sa.Column[str] | sa.Column[int]]:
    return [
        *_source(),
        sa.Column("kind", sa.Text, nullable=False),
        _number("value"),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        _number("period_s"),
        _number("snr"),
    ]


QUAKE = sa.Table(
    "quake",
    METADATA,
    sa.Column("quake_row", sa.Integer, primary_key=True),
    sa.Column("quake_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    _number("latitude_deg"),
    _number("longitude_deg"),
    _number("depth_m"),
    *(_number(name) for name in COVARIANCE),
    _number("time_uncertainty_s"),
    _number("depth_uncertainty_m"),
    _number("gap_deg"),
    _number("rms_s"),
    _number("nearest_m"),
    sa.Column("station_count", sa.Integer, nullable=False),
    sa.Column("quality", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
    sa.Column("origin_notes", sa.JSON, nullable=False),
    # The preferred magnitude again, so that a query by size needs no join; never read back into a Quake.
    _number("magnitude"),
    sa.Column("discrimination", sa.JSON(none_as_null=True), nullable=True),
    sa.UniqueConstraint("quake_id", "version"),
    sa.Index(None, "time_ns"),
    sa.Index(None, "latitude_deg", "longitude_deg"),
    sa.Index(None, "magnitude"),
)

ELLIPSE = sa.Table(
    "ellipse",
    METADATA,
    _of_quake(),
    _position(),
    _number("confidence"),
    _number("semi_major_m"),
    _number("semi_minor_m"),
    _number("azimuth_deg"),
)

ARRIVAL = sa.Table(
    "arrival",
    METADATA,
    _of_quake(),
    _position(),
    *_source(),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    _number("uncertainty_s"),
    _number("snr"),
    _number("probability"),
    sa.Column("polarity", sa.Integer, nullable=False),
    _number("polarity_confidence"),
    sa.Column("method", sa.Text, nullable=False),
    _number("residual_s"),
    _number("distance_m"),
    _number("azimuth_deg"),
    _number("takeoff_deg"),
    _number("weight"),
    sa.Index(None, "network", "station", "time_ns"),
)

MAGNITUDE = sa.Table(
    "magnitude",
    METADATA,
    _of_quake(),
    _position(),
    sa.Column("kind", sa.Text, nullable=False),
    _number("value"),
    _number("uncertainty"),
    sa.Column("relation", sa.Text, nullable=False),
)

STATION_MAGNITUDE = sa.Table(
    "station_magnitude",
    METADATA,
    _of_quake(),
    _position("magnitude_position"),
    _position(),
    sa.Column("station_key", sa.Text, nullable=False),
    _number("value"),
    _number("distance_m"),
    sa.Column("refused", sa.Text, nullable=False),
)

AMPLITUDE = sa.Table("amplitude", METADATA, _of_quake(), _position(), *_amplitude())

STATION_AMPLITUDE = sa.Table(
    "station_amplitude",
    METADATA,
    _of_quake(),
    _position("magnitude_position"),
    _position("station_position"),
    _position(),
    *_amplitude(),
)
