"""People who log in with a name and a password; what is kept of a password is its argon2id hash."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update

from ledger import apikeys
from ledger.errors import ConflictError, RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables

NAME_MAX: Final = 64
PASSWORD_MIN: Final = 12
PASSWORD_MAX: Final = 256
# RFC 9106 section 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
# Checked where nobody has the name, so that an unknown name takes as long as a wrong password.
_NOBODY: Final = _HASHER.hash("nobody has this password")


def name_of(text: str) -> str:
    """The name as it is compared: composed, in small letters, without spaces at its ends.

    Raises RuleError PARAMETER_INVALID.
    """
    name = unicodedata.normalize("NFKC", text[: 4 * NAME_MAX]).strip().casefold()
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise RuleError(
            "PARAMETER_INVALID",
            f"name: want 1 to {NAME_MAX} printable characters",
            field="name",
            value=text,
            hint="an e-mail address or a short name, such as wang.li",
        )
    return name


def add(ledger: Ledger, name: str, party: str, scopes: Iterable[str], password: str) -> str:
    """Let a person log in for a party; the name as it is kept.

    Raises PARTY_UNKNOWN, PARAMETER_INVALID, PASSWORD_INVALID, PERSON_DUPLICATE.
    """
    kept = name_of(name)
    row = {
        "log_id": ledger.log_id,
        "name": kept,
        "party": apikeys.known_party(ledger, party),
        "scopes": apikeys.known_scopes(scopes),
        "password_hash": _hash(kept, password),
        "created_ms": time.time_ns() // 1_000_000,
    }
    c = tables.people.c
    query = select(c.name).where(c.log_id == ledger.log_id, c.name == kept)
    with engines.writing(ledger.engine) as connection:
        if connection.execute(query).one_or_none() is not None:
            raise ConflictError(
                "PERSON_DUPLICATE", f"name: {kept} is taken", field="name", value=kept,
                hint="choose another name, or give this one a password: `remelt person password`",
            )  # fmt: skip
        connection.execute(insert(tables.people), row)
    return kept


def _hash(name: str, password: str) -> str:
    reason = ""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        reason = f"it has {len(password)} characters, want {PASSWORD_MIN} to {PASSWORD_MAX}"
    elif len(set(password)) < 5:
        reason = "it repeats a few characters"
    elif name in password.casefold():
        reason = "it contains the name"
    if reason:
        raise RuleError(
            "PASSWORD_INVALID", f"password: {reason}", field="password",
            hint="four or more words that nobody would guess together are long and easy to type",
        )  # fmt: skip
    return _HASHER.hash(_composed(password))


def _composed(password: str) -> bytes:
    # One keyboard sends é as one character, another as two (RFC 8265 section 4).
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")


def check(ledger: Ledger, name: str, password: str) -> str | None:
    """The kept name of whom name and password belong to, else None.

    Takes as long for a name that nobody has; some 100 ms and 64 MiB: never call it in an event
    loop. A hash of older parameters is replaced.
    """
    try:
        kept = name_of(name)
    except RuleError:
        kept = ""
    c = tables.people.c
    query = select(c.password_hash).where(
        c.log_id == ledger.log_id, c.name == kept, c.disabled_ms.is_(None)
    )
    with engines.reading(ledger.engine) as connection:
        found = connection.execute(query).scalar_one_or_none()
    try:
        _HASHER.verify(found or _NOBODY, _composed(password[: PASSWORD_MAX + 1]))
    except (VerificationError, InvalidHashError):
        return None
    if found is None:
        return None
    if _HASHER.check_needs_rehash(found):
        # Only where it is still the hash that was checked: the password may just have changed.
        renewed = _HASHER.hash(_composed(password))
        _update(ledger, kept, {"password_hash": renewed}, c.password_hash == found)
    return kept


def principal(ledger: Ledger, name: str) -> apikeys.Principal | None:
    """Whom a person speaks for now; None if disabled or unknown."""
    c = tables.people.c
    query = select(c.party, c.scopes).where(
        c.log_id == ledger.log_id, c.name == name, c.disabled_ms.is_(None)
    )
    with engines.reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else apikeys.Principal(row[0], frozenset(row[1].split()), f"@{name}")


def listing(ledger: Ledger) -> list[dict[str, Any]]:
    """Everybody, without passwords."""
    c = tables.people.c
    columns = (c.name, c.party, c.scopes, c.created_ms, c.disabled_ms)
    query = select(*columns).where(c.log_id == ledger.log_id).order_by(c.name)
    with engines.reading(ledger.engine) as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def set_password(ledger: Ledger, name: str, password: str) -> None:
    """Give a person a new password, let a disabled one in again, and end all sessions."""
    kept = name_of(name)
    _change(ledger, kept, {"password_hash": _hash(kept, password), "disabled_ms": None})


def disable(ledger: Ledger, name: str) -> None:
    """Let a person in no longer, and end all sessions."""
    _change(ledger, name_of(name), {"disabled_ms": time.time_ns() // 1_000_000})


def _change(ledger: Ledger, name: str, values: dict[str, Any]) -> None:
    if not _update(ledger, name, values):
        raise RuleError(
            "PERSON_UNKNOWN", f"name: nobody is called {name}", field="name", value=name,
            hint="see `remelt person list`",
        )  # fmt: skip


def _update(ledger: Ledger, name: str, values: dict[str, Any], *only: Any) -> bool:
    """Change a person; unless that was a mere rehash, their sessions end with it."""
    c, s = tables.people.c, tables.sessions.c
    change = update(tables.people).where(c.log_id == ledger.log_id, c.name == name, *only)
    with engines.writing(ledger.engine) as connection:
        changed = connection.execute(change.values(values)).rowcount == 1
        if changed and not only:
            mine = delete(tables.sessions).where(s.log_id == ledger.log_id, s.person == name)
            connection.execute(mine)
    return changed
