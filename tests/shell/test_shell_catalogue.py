"""The catalogue gives back what it was given, on SQLite and on a real PostgreSQL."""

import dataclasses
import math
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from made_quake import a_quake

from houfeng.shell.catalogue.catalogue import Catalogue
from houfeng.shell.catalogue.tables import METADATA
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.quake import Amplitude, Arrival, Ellipse, Magnitude, Origin, Pick, Quake, StationMagnitude
from houfeng.words.source import SourceId

PASSWORD = "do-not-show-me"
HOUR_NS = 3_600_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalogue.sqlite'}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"test_{secrets.token_hex(6)}"
    yield from _fresh_database(server, name)


def _fresh_database(server, name):
    engine = sa.create_engine(
        server.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.replace("/postgres?", f"/{name}?")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


# --- values to keep ---------------------------------------------------------------------------------------------------

codes = st.text("ABCxyz019_-", max_size=8)
sources = st.builds(SourceId, codes, codes, codes, st.sampled_from(["HHZ", "EH1", "Z", "", "H_H_Z", "BB_H_ZZ"]))
times = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(width=64)  # infinities and "not a number" too
# NUL and lone surrogates are no text in SQL: see the test that they are refused.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
counts = st.integers(-(2**31), 2**31 - 1)


def tuples(items):
    return st.lists(items, max_size=3).map(tuple)


picks = st.builds(
    Pick,
    sources,
    st.sampled_from(["P", "S"]),
    times,
    floats,
    floats,
    floats,
    st.sampled_from([-1, 0, 1]),
    floats,
    texts,
)
arrivals = st.builds(Arrival, picks, floats, floats, floats, floats, floats)
amplitudes = st.builds(Amplitude, sources, texts, floats, times, floats, floats)
ellipses = st.builds(Ellipse, floats, floats, floats, floats)
origins = st.builds(
    Origin,
    time_ns=times,
    latitude_deg=floats,
    longitude_deg=floats,
    depth_m=floats,
    covariance_m2=hnp.arrays(np.float64, (3, 3), elements=floats),
    time_uncertainty_s=floats,
    depth_uncertainty_m=floats,
    ellipses=tuples(ellipses),
    gap_deg=floats,
    rms_s=floats,
    nearest_m=floats,
    station_count=counts,
    quality=st.sampled_from("ABCD"),
    model=texts,
    arrivals=tuples(arrivals),
    notes=tuples(texts),
)
station_magnitudes = st.builds(StationMagnitude, tuples(amplitudes), texts, floats, floats, texts)
magnitudes = st.builds(Magnitude, texts, floats, floats, texts, tuples(station_magnitudes))
quakes = st.builds(
    Quake, texts, st.integers(1, 2**31 - 1), origins, tuples(magnitudes), tuples(amplitudes), tuples(texts)
)


def spelled(value):
    """Everything a value says, comparable: types and bits of numbers included, but -0.0 is 0.0 as in SQL."""
    if dataclasses.is_dataclass(value):
        fields = [(field.name, spelled(getattr(value, field.name))) for field in dataclasses.fields(value)]
        return (type(value).__name__, *fields)
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, *(spelled(item) for item in value.ravel().tolist()))
    if isinstance(value, tuple):
        return tuple(spelled(item) for item in value)
    if isinstance(value, float):
        return "nan" if math.isnan(value) else (value + 0.0).hex()
    return (type(value).__name__, value)


def ids(found):
    return [quake.quake_id for quake in found]


# --- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quake=quakes)
def test_what_is_read_is_what_was_written(url, quake):
    with Catalogue(url) as catalogue:
        _empty(catalogue)
        assert catalogue.add(quake)
        (kept,) = catalogue.versions(quake.quake_id)
        assert spelled(kept) == spelled(quake)
        assert not catalogue.add(quake)
        assert not catalogue.add(kept)


def test_a_revision_is_the_next_version_and_said_once(url):
    with Catalogue(url) as catalogue:
        catalogue.revise(a_quake(depth_m=8000.0))
        catalogue.revise(a_quake(depth_m=8000.0))
        assert [quake.version for quake in catalogue.versions("q1")] == [1]
        catalogue.revise(a_quake(depth_m=9000.0))
        catalogue.revise(a_quake(depth_m=9000.0))
        catalogue.revise(a_quake(depth_m=8000.0))
        kept = [(quake.version, quake.origin.depth_m) for quake in catalogue.versions("q1")]
        assert kept == [(1, 8000.0), (2, 9000.0)]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.integers(0, 5), st.sampled_from([None, 1.0, 2.5, 4.0])),
        unique_by=lambda row: row[:2],
        max_size=10,
    ),
    start=st.none() | st.integers(0, 6),
    end=st.none() | st.integers(0, 6),
    least=st.none() | st.sampled_from([1.0, 2.0, 4.0]),
    quality=st.none() | st.sampled_from("ABCD"),
)
def test_a_query_gives_what_reading_the_whole_list_would(kept, start, end, least, quality):
    every = [
        a_quake(name, version, time_ns=hour * HOUR_NS, magnitude=size, quality="ABCD"[hour % 4])
        for name, version, hour, size in kept
    ]
    latest = {}
    for quake in sorted(every, key=lambda quake: quake.version):
        latest[quake.quake_id] = quake
    expected = [
        quake.quake_id
        for quake in sorted(latest.values(), key=lambda quake: (quake.origin.time_ns, quake.quake_id))
        if (start is None or quake.origin.time_ns >= start * HOUR_NS)
        and (end is None or quake.origin.time_ns < end * HOUR_NS)
        and (least is None or (quake.magnitude is not None and quake.magnitude.value >= least))
        and (quality is None or quake.origin.quality <= quality)
    ]
    with Catalogue("sqlite://") as catalogue:
        for quake in every:
            catalogue.add(quake)
        found = catalogue.query(
            start_ns=None if start is None else start * HOUR_NS,
            end_ns=None if end is None else end * HOUR_NS,
            min_magnitude=least,
            quality=quality,
        )
        assert ids(found) == expected


@pytest.fixture(scope="module")
def around_the_world():
    with Catalogue("sqlite://") as catalogue:
        for longitude in (-180, -179, -90, 0, 90, 179, 180):
            catalogue.add(a_quake(str(longitude), longitude_deg=float(longitude)))
        yield catalogue


@given(west=st.integers(-360, 360), width=st.integers(0, 360))
def test_a_box_holds_a_place_whatever_way_its_longitudes_are_written(around_the_world, west, width):
    east = west + width if west + width <= 360 else west + width - 360
    width = east - west if east >= west else east - west + 360
    expected = {longitude for longitude in (-180, -179, -90, 0, 90, 179, 180) if (longitude - west) % 360 <= width}
    assert {int(name) for name in ids(around_the_world.query(box=(-90, 90, west, east)))} == expected


def test_the_tables_the_migrations_make_are_the_tables_the_code_uses(url):
    with Catalogue(url) as catalogue, catalogue._engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert differences == []


# --- examples ---------------------------------------------------------------------------------------------------------


def test_every_version_is_kept_and_the_latest_is_what_counts(url):
    with Catalogue(url) as catalogue:
        catalogue.add(a_quake(version=2, depth_m=9000.0))
        catalogue.add(a_quake(version=1))
        catalogue.add(a_quake(version=10, depth_m=11000.0))
        catalogue.add(a_quake("q2", time_ns=1))
        assert [quake.version for quake in catalogue.versions("q1")] == [1, 2, 10]
        assert catalogue.latest("q1").version == 10
        assert [(quake.quake_id, quake.version) for quake in catalogue.query()] == [("q2", 1), ("q1", 10)]
        # Version 2 lies in this range, but it is history.
        assert ids(catalogue.query(min_depth_m=8500.0, max_depth_m=9500.0)) == []
        assert ids(catalogue.query(min_depth_m=11000.0, max_depth_m=11000.0)) == ["q1"]
        assert catalogue.latest("q3") is None
        assert catalogue.versions("q3") == []


def test_a_version_is_never_overwritten(url):
    with Catalogue(url) as catalogue:
        catalogue.add(a_quake())
        with pytest.raises(DataFault, match="q1 version 1: is in the catalogue already, with other content"):
            catalogue.add(a_quake(depth_m=9000.0))
        assert catalogue.latest("q1").origin.depth_m == 8000.0


def test_a_catalogue_outlives_its_closing(url):
    with Catalogue(url) as catalogue:
        catalogue.add(a_quake(magnitude=4.5))
    with Catalogue(url) as catalogue:
        assert spelled(catalogue.latest("q1")) == spelled(a_quake(magnitude=4.5))


def test_numpy_numbers_are_numbers(url):
    with Catalogue(url) as catalogue:
        given_ = a_quake(
            time_ns=np.int64(5), depth_m=np.float32(1.5), station_count=np.int32(3), latitude_deg=np.float64(-41.25)
        )
        catalogue.add(given_)
        assert catalogue.latest("q1").origin.time_ns == 5
        assert catalogue.query(start_ns=np.int64(5), end_ns=np.int64(6), min_depth_m=np.float64(1.5))
        assert not catalogue.add(given_)


def test_bounds_on_magnitude_leave_out_quakes_without_one(url):
    with Catalogue(url) as catalogue:
        catalogue.add(a_quake("none"))
        catalogue.add(a_quake("small", magnitude=1.5))
        catalogue.add(a_quake("large", magnitude=5.0))
        assert ids(catalogue.query(min_magnitude=-9.0)) == ["large", "small"]
        assert ids(catalogue.query(min_magnitude=1.5, max_magnitude=1.5)) == ["small"]
        assert ids(catalogue.query(max_magnitude=9.0)) == ["large", "small"]


def test_more_quakes_than_fit_one_page_come_back_in_order():
    with Catalogue("sqlite://") as catalogue:
        for number in range(1203):
            catalogue.add(a_quake(f"q{number}", time_ns=-number))
        found = catalogue.query()
        assert ids(found) == [f"q{number}" for number in reversed(range(1203))]
        assert all(len(quake.origin.arrivals) == 1 for quake in found)


@pytest.mark.parametrize("question", [{"quality": "E"}, {"quality": "AB"}, {"quality": ""}])
def test_an_unknown_quality_is_refused(question):
    with Catalogue("sqlite://") as catalogue, pytest.raises(ValueError, match="no such quality"):
        catalogue.query(**question)


@pytest.mark.parametrize("box", [(10, -10, 0, 1), (-91, 0, 0, 1), (0, 1, -361, 0), (0, 1, 0, math.nan)])
def test_a_box_off_the_earth_is_refused(box):
    with Catalogue("sqlite://") as catalogue, pytest.raises(ValueError, match="a box has"):
        catalogue.query(box=box)


@pytest.mark.parametrize("text", ["half\0", "\ud800"])
def test_text_that_sql_cannot_hold_is_refused_or_kept_whole(url, text):
    quake = dataclasses.replace(a_quake(), notes=(text,))
    with Catalogue(url) as catalogue:
        try:
            catalogue.add(quake)
        except DataFault:
            assert catalogue.versions("q1") == []
        else:
            assert catalogue.latest("q1").notes == (text,)


def test_the_page_on_catalogues_works_as_written(postgres_url, tmp_path):
    page = Path(__file__).parents[2] / "docs/how-to/catalogue.md"
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL))
    address = "postgresql://houfeng:secret@db.example.org/houfeng"
    assert f'"{address}"' in code
    for server in _fresh_database(postgres_url, "test_page"):
        here = [sys.executable, "-c", code.replace(address, server)]
        result = subprocess.run(here, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "houfeng:***@" in result.stdout
    assert (tmp_path / "catalogue.sqlite").exists()


# --- the world refuses ------------------------------------------------------------------------------------------------


def test_a_password_never_shows(postgres_url):
    for bad in (
        postgres_url.replace("/postgres?", "/nowhere?"),
        postgres_url.replace("houfeng:", "nobody:"),
        postgres_url.replace("?host=", "?host=/nowhere"),
        f"postgresql://houfeng@nowhere.invalid/db?password={PASSWORD}",
        f"unheard-of://houfeng:{PASSWORD}@/db",
        f"postgresql://houfeng:{PASSWORD}@host:port/db",
    ):
        with pytest.raises(WorldFault) as caught:
            Catalogue(bad)
        assert PASSWORD not in f"{caught.value} {caught.value!r}"
        assert caught.value.remedy
    with Catalogue(postgres_url) as catalogue:
        assert PASSWORD not in f"{catalogue!r} {catalogue.name} {catalogue._engine!r}"
        assert "houfeng:***@" in catalogue.name


def test_a_server_that_goes_away_is_a_fault_of_the_world(postgres_url):
    for server in _fresh_database(postgres_url, "test_gone"):
        catalogue = Catalogue(server)
        catalogue.add(a_quake())
    with pytest.raises(WorldFault, match="check that the server runs"):
        catalogue.latest("q1")


def test_two_programs_may_open_a_new_catalogue_at_once(url):
    program = "import sys; from houfeng.shell.catalogue.catalogue import Catalogue; Catalogue(sys.argv[1]).close()"
    running = [subprocess.Popen([sys.executable, "-c", program, url], stderr=subprocess.PIPE) for _ in range(2)]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0), (b"", 0)]


def test_a_catalogue_from_the_future_is_left_alone(url):
    with Catalogue(url) as catalogue, catalogue._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'r9999'")
    with pytest.raises(WorldFault, match="made by a newer Houfeng"):
        Catalogue(url)


def test_a_file_that_is_something_else_is_left_alone(tmp_path):
    path = tmp_path / "waveforms.mseed"
    path.write_bytes(b"000001D " * 512)
    with pytest.raises(WorldFault, match="this file is something else"):
        Catalogue(f"sqlite:///{path}")
    assert path.read_bytes() == b"000001D " * 512


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(WorldFault, match=r"nowhere/c\.sqlite.*check that its folder exists"):
        Catalogue(f"sqlite:///{tmp_path / 'nowhere' / 'c.sqlite'}")


def test_a_full_database_says_so_and_keeps_what_it_had(tmp_path):
    with Catalogue(f"sqlite:///{tmp_path / 'c.sqlite'}") as catalogue:
        catalogue.add(a_quake())
        sa.event.listen(
            catalogue._engine,
            "begin",
            lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1"),
        )
        with pytest.raises(WorldFault, match=r"full.*free some space"):
            catalogue.add(dataclasses.replace(a_quake("q2"), notes=("x" * 100_000,)))
        assert ids(catalogue.query()) == ["q1"]


def test_kill_9_loses_no_acknowledged_quake(tmp_path):
    path = tmp_path / "c.sqlite"
    program = textwrap.dedent(
        """
        import sys
        sys.path[:0] = sys.argv[2:]
        from test_shell_catalogue import a_quake, Catalogue
        catalogue = Catalogue(sys.argv[1])
        for number in range(100_000):
            catalogue.add(a_quake(f"q{number}"))
            print(number, flush=True)
        """
    )
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, "-c", program, f"sqlite:///{path}", here], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[0].split("\n")
    acknowledged = int(said[-2]) + 1 if len(said) > 1 else 1
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with Catalogue(f"sqlite:///{path}") as catalogue:
        found = catalogue.query()
    assert len(found) in (acknowledged, acknowledged + 1)
    assert all(len(quake.origin.arrivals) == 1 for quake in found)


def _empty(catalogue):
    with catalogue._engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM quake")
