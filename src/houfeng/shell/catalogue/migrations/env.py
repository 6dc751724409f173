"""How Alembic reaches the catalogue: over the connection that is already open, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
