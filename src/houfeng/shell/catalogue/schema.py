"""Brings the catalogue's tables up to date when it is opened."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from houfeng.words.errors import WorldFault

MIGRATIONS = Path(__file__).parent / "migrations"

#: Two programs may open a new catalogue at once: on PostgreSQL the second waits on this advisory lock.
#: Any 64-bit number will do as long as it stays the same; this one spells "houfeng".
_LOCK = int.from_bytes(b"houfeng", "big")


def upgrade(engine: sa.Engine, name: str) -> None:
    """Create the tables, or bring older ones up to date; nothing happens when they are current.

    Raises WorldFault when the database was made by a newer Houfeng; name is what it is called there.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    if at == scripts.get_current_head():
        return
    if at is not None and at not in {script.revision for script in scripts.walk_revisions()}:
        raise WorldFault(name, f"was made by a newer Houfeng (tables {at})", "update Houfeng, or use another database")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        elif engine.dialect.name == "sqlite":
            # Take the writer's place now; alembic then sees what another program may just have finished.
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
