"""Revisions of the tables: which one a database has, which one this program works with."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from ledger.errors import RuleError


def _config() -> Config:
    here = Path(__file__).parent
    inside, beside = here / "_migrations", here.parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(inside if inside.is_dir() else beside))
    return config


@cache
def known() -> tuple[str, ...]:
    """Every revision that this program knows, the newest first."""
    script = ScriptDirectory.from_config(_config())
    return tuple(found.revision for found in script.walk_revisions())


def upgrade(connection: Connection) -> None:
    """Bring the tables to the newest revision, inside the transaction of `connection`."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def current(connection: Connection) -> str | None:
    """The revision of the database's tables; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    query = text("SELECT version_num FROM alembic_version")
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def check(connection: Connection) -> None:
    """RuleError SETTING_INVALID where tables are there, and not those that this program wants."""
    found, newest = current(connection), known()[0]
    if found in (None, newest):
        return
    old = found in known()
    raise RuleError(
        "SETTING_INVALID",
        f"database: its tables are at revision {found}, this program works with {newest}",
        field="database",
        value=found,
        hint="back up with the version that made them, then run `remelt db upgrade`"
        if old
        else "a newer version of Remelt made them: install it again; there is no way back",
    )
