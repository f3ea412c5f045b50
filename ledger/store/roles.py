"""What the role of a server may do in PostgreSQL: all that it needs, and never change the log."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from ledger.errors import RuleError
from ledger.store import tables

_LOG: Final = "SELECT, INSERT"
_REST: Final = "SELECT, INSERT, UPDATE, DELETE"
_READ: Final = {"alembic_version": "SELECT"}

_ROLE: Final = text("SELECT rolsuper FROM pg_roles WHERE rolname = :role")
_OWNERS: Final = text(
    "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    " AND tablename IN ('entries', 'checkpoints')"
    " AND pg_has_role(CAST(:role AS name), tableowner, 'MEMBER')"
)


def grants(connection: Connection, role: str) -> list[str]:
    """The statements that give a role its rights, and take away what it has beyond them.

    RuleError where rights would not bind the role, or where it is not ours to give them.
    """
    if connection.dialect.name != "postgresql":
        raise RuleError(
            "SETTING_INVALID", "database: SQLite has no roles", field="database",
            hint="rights are those of the file; this command is for PostgreSQL",
        )  # fmt: skip
    _check(connection, role)
    quote = connection.dialect.identifier_preparer.quote
    schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    kept = {table.name for table in tables.APPEND_ONLY}
    rights = {name: _LOG if name in kept else _REST for name in sorted(tables.metadata.tables)}
    made = [f"GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(role)}"]
    for name, allowed in (rights | _READ).items():
        made.append(f"REVOKE ALL ON {quote(name)} FROM {quote(role)}")
        made.append(f"GRANT {allowed} ON {quote(name)} TO {quote(role)}")
    return made


def _check(connection: Connection, role: str) -> None:
    if connection.execute(text("SELECT to_regclass('entries')")).scalar_one() is None:
        raise RuleError(
            "SETTING_INVALID", "database: the tables of a ledger are not here", field="database",
            hint="create a ledger with `remelt init`",
        )  # fmt: skip
    found = connection.execute(_ROLE, {"role": role}).one_or_none()
    if found is None:
        raise _refusal(role, "no such role on this server", f'first: CREATE ROLE "{role}" LOGIN')
    user = connection.execute(text("SELECT current_user")).scalar_one()
    if found.rolsuper or connection.execute(_OWNERS, {"role": role}).first():
        raise _refusal(
            role,
            "a superuser, or the owner of the tables: no right binds it",
            "let the server connect as another role, that owns nothing",
        )
    if not connection.execute(_OWNERS, {"role": user}).first():
        raise _refusal(
            user,
            "only the owner of the tables gives rights",
            "connect as the role of `remelt init`",
        )


def _refusal(role: str, message: str, hint: str) -> RuleError:
    return RuleError(
        "PARAMETER_INVALID", f"role: {role}: {message}", field="role", value=role, hint=hint
    )
