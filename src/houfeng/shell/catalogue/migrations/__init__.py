"""Alembic's road from any older catalogue to today's tables."""
