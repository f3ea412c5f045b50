"""API keys: shown once, stored as hashes, bound to a party and scopes."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
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
    """Whom a request speaks for."""

    party: str
    scopes: frozenset[str]
    key_id: str


def create(ledger: Ledger, party: str, scopes: list[str], label: str) -> str:
    """A new key for a party; its text is returned here and never again."""
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise RuleError(
            "PARAMETER_INVALID",
            f"scopes: {', '.join(unknown) or 'none given'}, want some of {', '.join(SCOPES)}",
            field="scopes",
            value=" ".join(unknown),
            hint="record states events, read shows a party its own, audit shows everything",
        )
    if ledger.find(f"party:{party}") is None:
        raise RuleError(
            "PARTY_UNKNOWN", f"no party {party} in this log", field="party", value=party,
            hint="register it first (party_registered)",
        )  # fmt: skip
    key_id = secrets.token_hex(4)
    secret = base64.b32encode(secrets.token_bytes(20)).decode().lower()
    text = f"{PREFIX}_{key_id}_{secret}"
    row = {
        "log_id": ledger.log_id,
        "key_hash": _hash(text),
        "key_id": key_id,
        "party": party,
        "scopes": " ".join(sorted(set(scopes))),
        "label": label,
        "created_ms": time.time_ns() // 1_000_000,
    }
    with engines.writing(ledger.engine) as connection:
        connection.execute(insert(tables.api_keys), row)
    return text


def _hash(text: str) -> bytes:
    # 160 random bits need no slow hash; looking up by hash leaks nothing of the key by its timing.
    return hashlib.sha256(text.encode()).digest()


def check(ledger: Ledger, text: str) -> Principal | None:
    """The principal of a key that exists and is not revoked."""
    c = tables.api_keys.c
    query = select(c.party, c.scopes, c.key_id).where(
        c.log_id == ledger.log_id, c.key_hash == _hash(text), c.revoked_ms.is_(None)
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
