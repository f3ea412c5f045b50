"""Alembic's entry: the URL comes from the settings or from the connection handed in."""

from __future__ import annotations

from alembic import context

from ledger import settings
from ledger.store import engine, tables

config = context.config


def run() -> None:
    connection = config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    with engine.opened(settings.load().database) as own, engine.writing(own) as writing:
        migrate(writing)


def migrate(connection: object) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        render_as_batch=True,
        compare_server_default=True,
    )
    context.run_migrations()


run()
