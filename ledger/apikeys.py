"""API keys: shown once, stored as hashes, bound to a party and scopes."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import insert, select, update

from ledger.errors import RuleError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables

SCOPES: Final = ("record", "read", "audit")
PREFIX: Final = "rmk"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a request speaks for. key_id: the API key's id, or @ and the name of a person."""

    party: str
    scopes: frozenset[str]
    key_id: str


def create(ledger: Ledger, party: str, scopes: list[str], label: str) -> str:
    """A new key for a party; its text is returned here and never again."""
    kept_scopes = known_scopes(scopes)
    known_party(ledger, party)
    key_id = secrets.token_hex(4)
    secret = base64.b32encode(secrets.token_bytes(20)).decode().lower()
    text = f"{PREFIX}_{key_id}_{secret}"
    row = {
        "log_id": ledger.log_id,
        "key_hash": key_hash(text),
        "key_id": key_id,
        "party": party,
        "scopes": kept_scopes,
        "label": label,
        "created_ms": time.time_ns() // 1_000_000,
    }
    with engines.writing(ledger.engine) as connection:
        connection.execute(insert(tables.api_keys), row)
    return text


def known_scopes(scopes: Iterable[str]) -> str:
    """Scopes as they are kept. RuleError PARAMETER_INVALID."""
    given = sorted(set(scopes))
    unknown = [scope for scope in given if scope not in SCOPES]
    if unknown or not given:
        raise RuleError(
            "PARAMETER_INVALID",
            f"scopes: {', '.join(unknown) or 'none given'}, want some of {', '.join(SCOPES)}",
            field="scopes",
            value=" ".join(unknown),
            hint="record states events, read shows a party its own, audit shows everything",
        )
    return " ".join(given)


def known_party(ledger: Ledger, party: str) -> str:
    """The party, which has to be registered. RuleError PARTY_UNKNOWN."""
    if ledger.find(f"party:{party}") is None:
        raise RuleError(
            "PARTY_UNKNOWN", f"no party {party} in this log", field="party", value=party,
            hint="register it first (party_registered)",
        )  # fmt: skip
    return party


def key_hash(text: str) -> bytes:
    """What is kept of a key's text."""
    # 160 random bits need no slow hash; looking up by hash leaks nothing of the key by its timing.
    return hashlib.sha256(text.encode()).digest()


def check(ledger: Ledger, text: str) -> Principal | None:
    """The principal of a key that exists and is not revoked."""
    return by_hash(ledger, key_hash(text))


def by_hash(ledger: Ledger, key_hash: bytes) -> Principal | None:
    """The same, where only the hash of the key's text is known."""
    c = tables.api_keys.c
    query = select(c.party, c.scopes, c.key_id).where(
        c.log_id == ledger.log_id, c.key_hash == key_hash, c.revoked_ms.is_(None)
    )
    with engines.reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else Principal(row[0], frozenset(row[1].split()), row[2])


def listing(ledger: Ledger) -> list[dict[str, Any]]:
    """Every key, without its text."""
    names = ["key_id", "party", "scopes", "label", "created_ms", "revoked_ms"]
    c = tables.api_keys.c
    query = select(*(c[name] for name in names)).where(c.log_id == ledger.log_id)
    with engines.reading(ledger.engine) as connection:
        return [dict(row) for row in connection.execute(query.order_by(c.created_ms)).mappings()]


def revoke(ledger: Ledger, key_id: str) -> None:
    """Revoke a key by its id. RuleError NOT_FOUND."""
    c = tables.api_keys.c
    statement = (
        update(tables.api_keys)
        .where(c.log_id == ledger.log_id, c.key_id == key_id, c.revoked_ms.is_(None))
        .values(revoked_ms=time.time_ns() // 1_000_000)
    )
    with engines.writing(ledger.engine) as connection:
        if connection.execute(statement).rowcount == 0:
            raise RuleError(
                "NOT_FOUND", f"no valid API key {key_id}", field="key_id", value=key_id,
                hint="see `remelt apikey list`",
            )  # fmt: skip
