"""What a database that cannot be used says, in our words: what is wrong and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import DBAPIError

from ledger.errors import LedgerError, RuleError


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of failure: by SQLSTATE or, where the server never got to say one, by its words."""

    sqlstates: str
    words: str
    code: str
    message: str
    hint: str


_INIT: Final = "create a ledger with `remelt init`, or name its directory with --data"
_AGAIN: Final = "try again; the same events with the same ids are recorded once, whatever happened"
# The first that fits counts.
_TROUBLES: Final = (
    Trouble(
        "28P01 28000",
        r"password authentication failed|no password supplied|authentication failed",
        "SETTING_INVALID",
        "the database does not let this role in",
        "check the role and its password: in the URL, in PGPASSWORD, or in a ~/.pgpass file",
    ),
    Trouble(
        "28000",
        r"role .* does not exist|no pg_hba.conf entry|is not permitted to log in",
        "SETTING_INVALID",
        "the database does not let this role in",
        "make the role (CREATE ROLE … LOGIN), or let it in by pg_hba.conf",
    ),
    Trouble(
        "",
        r"invalid connection option|invalid .* value|invalid integer value",
        "SETTING_INVALID",
        "the database URL has a parameter that PostgreSQL does not know",
        "after the ? of the URL stand libpq's parameters, such as host, sslmode, passfile",
    ),
    Trouble(
        "3D000",
        r"database .* does not exist",
        "SETTING_INVALID",
        "the server has no such database",
        "make it: CREATE DATABASE remelt TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';",
    ),
    Trouble(
        "42P01",
        r"no such table",
        "SETTING_INVALID",
        "the database has not the tables of a ledger",
        f"{_INIT}; after an update, as the owner: `remelt db upgrade`",
    ),
    Trouble(
        "42501",
        r"^permission denied",
        "SETTING_INVALID",
        "the role may not do this",
        "as the owner of the tables: `remelt db grant ROLE`; only the owner upgrades them",
    ),
    Trouble(
        "25006",
        r"read-only transaction|attempt to write a readonly database",
        "NOT_READY",
        "the database takes no writes",
        "a standby only reads: name the primary, or promote this one if the primary is gone",
    ),
    Trouble(
        "53100 58030",
        r"No space left|disk is full",
        "NOT_READY",
        "the disk of the database is full",
        "make room; nothing that was acknowledged is lost",
    ),
    Trouble(
        "",
        r"unable to open database file",
        "NOT_READY",
        "the file of the database cannot be opened",
        f"{_INIT}; if there is one: may this user use the directory, and is its disk there?",
    ),
    Trouble(
        "",
        r"disk I/O error",
        "NOT_READY",
        "the file of the database cannot be read or written",
        "look at the disk, and at who may use the directory; nothing that was acknowledged is lost",
    ),
    Trouble(
        "",
        r"disk image is malformed|file is not a database",
        "NOT_READY",
        "the file of the database is damaged, or could not be read right",
        "run `remelt audit` and look at the disk; docs/operations.md says what then",
    ),
    Trouble("53300", r"too many clients|connection slots", "NOT_READY",
            "the database has no connection left", "raise max_connections, or run fewer servers"),
    Trouble("55P03", r"lock timeout|database is locked", "NOT_READY",
            "another writer keeps the log", _AGAIN),
    Trouble(
        "57P01 57P02 57P03 08000 08001 08003 08004 08006 25P03",
        r"connection|resolve host|timeout expired|the database system is|terminating",
        "NOT_READY",
        "the database does not answer",
        f"is it running, and is the address right? {_AGAIN}",
    ),
)  # fmt: skip
_SHOWN_MAX: Final = 300


def explained(error: BaseException) -> LedgerError | None:
    """The refusal that a failure of the database amounts to; None where it is of another kind.

    It goes to whoever asked, so it does not repeat what the database said: see `said`.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate, words = getattr(cause, "sqlstate", None) or "", said(error)
    for trouble in _TROUBLES:
        by_words = not sqlstate and re.search(trouble.words, words)
        if by_words or (sqlstate and sqlstate in trouble.sqlstates):
            return RuleError(trouble.code, trouble.message, field="database", hint=trouble.hint)
    return None


def said(error: BaseException) -> str:
    """What the database said, in one line, for the operator. No password or row is in it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = " ".join(str(cause).split())
    return words if len(words) <= _SHOWN_MAX else words[:_SHOWN_MAX] + "…"
