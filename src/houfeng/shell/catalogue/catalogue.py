"""The catalogue: every version of every quake, in SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)

from houfeng.shell.catalogue import rows, schema
from houfeng.shell.catalogue.tables import QUAKE
from houfeng.words.errors import DataFault, WorldFault
from houfeng.words.quake import Quake

#: How long a writer waits for another one to finish before it gives up, s. Writes here take milliseconds.
LOCK_WAIT_S = 30

#: Best first; the rules are in quake/locate/quality.py.
QUALITIES = "ABCD"

#: Quakes fetched with their arrivals in one go. SQLite takes at most 999 parameters in old builds.
_PAGE = 500

_Item = TypeVar("_Item")


def url_of(place: str) -> str:
    """The URL of a catalogue given as one, or as the path of an SQLite file."""
    return place if "://" in place else f"sqlite:///{place}"


class Catalogue:
    """Quakes in a SQL database: SQLite in a file, or PostgreSQL on a server.

    url  "sqlite:///catalogue.sqlite", "sqlite://" (in memory), "postgresql://user:password@host/database"

    Opening creates the tables where they are missing and brings older ones up to date.
    Raises WorldFault when the database cannot be opened or was made by a newer Houfeng.
    """

    def __init__(self, url: str) -> None:
        self._url = _settled(url)
        self.name = _masked(self._url)
        with self._faults():
            self._engine = _engine(self._url)
            try:
                schema.upgrade(self._engine, self.name)
            except BaseException:
                self._engine.dispose()
                raise

    def __repr__(self) -> str:
        return f"Catalogue({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def add(self, quake: Quake) -> bool:
        """Keep one version of a quake for ever; True when it is new, False when the same was there already.

        Once this returns, the version survives a crash of the process or the machine.
        Raises DataFault when another quake is kept under this quake_id and version, or when a text holds what
        SQL cannot (a NUL character); WorldFault when the database refuses.
        """
        with self._faults():
            try:
                with self._engine.begin() as connection:
                    rows.insert(connection, quake)
            except IntegrityError:
                kept = self._version(quake.quake_id, quake.version)
                if kept is None:
                    raise
                if rows.same(kept, quake):
                    return False
                raise DataFault(
                    f"{quake.quake_id} version {quake.version}",
                    "is in the catalogue already, with other content",
                    "give a changed quake the next version",
                ) from None
        return True

    def revise(self, quake: Quake) -> None:
        """Keep what is said of a quake now: under the next version when something else was said before.

        Nothing happens when one of its versions says the same, so a replay may be repeated.
        """
        versions = self.versions(quake.quake_id)
        if any(rows.same(kept, replace(quake, version=kept.version)) for kept in versions):
            return
        self.add(replace(quake, version=versions[-1].version + 1) if versions else quake)

    def latest(self, quake_id: str) -> Quake | None:
        """The highest version of a quake, or None when the catalogue does not know it."""
        with self._faults():
            found = self._fetch(
                sa.select(QUAKE).where(QUAKE.c.quake_id == quake_id).order_by(QUAKE.c.version.desc()).limit(1)
            )
        return found[0] if found else None

    def versions(self, quake_id: str) -> list[Quake]:
        """All versions of a quake, first to last; empty when the catalogue does not know it."""
        with self._faults():
            return self._fetch(sa.select(QUAKE).where(QUAKE.c.quake_id == quake_id).order_by(QUAKE.c.version))

    def query(
        self,
        *,
        start_ns: int | None = None,
        end_ns: int | None = None,
        box: tuple[float, float, float, float] | None = None,
        min_depth_m: float | None = None,
        max_depth_m: float | None = None,
        min_magnitude: float | None = None,
        max_magnitude: float | None = None,
        quality: str | None = None,
    ) -> list[Quake]:
        """Quakes whose latest version fits, in time order.

        start_ns, end_ns  origin time from start up to but not including end
        box               south, north, west, east, degrees; west > east, or east > 180, crosses the 180th meridian
        min_, max_        inclusive; a quake without a magnitude fits no bound on magnitude
        quality           this class or better, "A" to "D"

        Raises ValueError for a box outside the Earth or an unknown quality.
        """
        tests: list[sa.ColumnElement[bool]] = []
        if start_ns is not None:
            tests.append(QUAKE.c.time_ns >= int(start_ns))
        if end_ns is not None:
            tests.append(QUAKE.c.time_ns < int(end_ns))
        if box is not None:
            tests += _inside(*box)
        bounds = ((QUAKE.c.depth_m, min_depth_m, max_depth_m), (QUAKE.c.magnitude, min_magnitude, max_magnitude))
        for column, least, most in bounds:
            if least is not None:
                tests.append(column >= float(least))
            if most is not None:
                tests.append(column <= float(most))
        if quality is not None:
            if quality not in tuple(QUALITIES):
                raise ValueError(f"no such quality: {quality!r} (one of {', '.join(QUALITIES)})")
            tests.append(QUAKE.c.quality.in_(list(QUALITIES[: QUALITIES.index(quality) + 1])))
        newer = QUAKE.alias("newer")
        superseded = sa.exists().where(newer.c.quake_id == QUAKE.c.quake_id, newer.c.version > QUAKE.c.version)
        wanted = sa.select(QUAKE).where(*tests, ~superseded).order_by(QUAKE.c.time_ns, QUAKE.c.quake_id)
        with self._faults():
            return self._fetch(wanted)

    def _version(self, quake_id: str, version: int) -> Quake | None:
        found = self._fetch(sa.select(QUAKE).where(QUAKE.c.quake_id == quake_id, QUAKE.c.version == version))
        return found[0] if found else None

    def _fetch(self, wanted: sa.Select[Any]) -> list[Quake]:
        with self._engine.connect() as connection:
            heads = connection.execute(wanted).mappings().all()
            return [quake for page in _pages(heads) for quake in rows.assemble(connection, page)]

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Say whose fault it is, without the password. The driver's words are kept, its parameters are not."""
        try:
            yield
        except (DataError, UnicodeError) as error:
            raise DataFault(self.name, f"the database cannot hold this value ({_words(error)})") from error
        except NoSuchModuleError as error:
            remedy = "use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
            raise WorldFault(self.name, "no such kind of database", remedy) from error
        except ModuleNotFoundError as error:
            remedy = "install it with: pip install 'houfeng[postgres]'"
            raise WorldFault(self.name, f"the driver {error.name} is not installed", remedy) from error
        except SQLAlchemyError as error:
            raise WorldFault(self.name, _words(error), _remedy(self._url, _words(error))) from error


def _settled(url: str) -> URL:
    """The URL with the driver Houfeng installs, whatever driver or none it names."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        # The text itself is not shown: it may hold a password.
        remedy = "write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
        raise WorldFault("catalogue", "this is not a database URL", remedy) from error
    if parsed.get_backend_name() in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def _masked(url: URL) -> str:
    hidden = {key: "***" if "pass" in key.lower() else value for key, value in url.query.items()}
    shown = url.set(query=hidden, drivername=url.get_backend_name())
    return shown.render_as_string(hide_password=True)


def _engine(url: URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_WAIT_S})

    def settle(connection: Any, _record: object) -> None:
        # The driver's own idea of when a transaction begins is switched off; "begin" below says it.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")  # readers go on while one writes
        cursor.execute("PRAGMA synchronous = FULL")  # what add() acknowledged survives a power cut
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    sa.event.listen(engine, "connect", settle)
    sa.event.listen(engine, "begin", begin)
    return engine


def _inside(south: float, north: float, west: float, east: float) -> list[sa.ColumnElement[bool]]:
    if not -90 <= south <= north <= 90:
        raise ValueError(f"a box has south <= north, both within -90 to 90, not {south} and {north}")
    if not (-360 <= west <= 360 and -360 <= east <= 360):
        raise ValueError(f"a box has west and east within -360 to 360, not {west} and {east}")
    column = QUAKE.c.longitude_deg
    end = east if east >= west else east + 360
    # The box repeats every 360 degrees; these are the copies of it that -180 to 180 may meet.
    copies = [sa.and_(column >= float(west - turn), column <= float(end - turn)) for turn in (-360, 0, 360, 720)]
    return [QUAKE.c.latitude_deg >= float(south), QUAKE.c.latitude_deg <= float(north), sa.or_(*copies)]


def _pages(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(items), _PAGE):
        yield items[first : first + _PAGE]


def _words(error: Exception) -> str:
    """The driver's own first line, without the statement and its parameters."""
    cause = getattr(error, "orig", None) or error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(error).__name__)


def _remedy(url: URL, words: str) -> str:
    if url.get_backend_name() != "sqlite":
        return "check that the server runs, the database exists and the user may write to it"
    if "full" in words:
        return "free some space on that disk and try again"
    if "not a database" in words:
        return "give another file name: this file is something else"
    if "locked" in words:
        return "another program holds it: close that one and try again"
    return "check that its folder exists and may be written to"
