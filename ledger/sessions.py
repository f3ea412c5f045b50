"""Sessions of people's browsers: a random token in a cookie, of which only the hash is kept.

A session speaks for a person or for an API key. Both are looked up anew with every check, so a
session ends with what it stands on; nothing is copied into it.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from ledger import apikeys, people
from ledger.apikeys import Principal
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables

IDLE_MS: Final = 8 * 3600 * 1000  # a shift
LIFE_MS: Final = 7 * 24 * 3600 * 1000
# Being seen is written down no more often than this: it takes the database's write lock.
TOUCH_MS: Final = 5 * 60 * 1000
PER_OWNER_MAX: Final = 20
TOKEN_CHARS: Final = 52  # 256 bits


@dataclass(frozen=True, slots=True)
class Owner:
    """What a session stands on: a person by name, or an API key by the hash of its text."""

    person: str | None = None
    key_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A valid session. csrf: what its forms have to send."""

    principal: Principal
    owner: Owner
    csrf: str


def key_owner(ledger: Ledger, text: str) -> Owner | None:
    """The owner that a valid API key makes, else None."""
    if apikeys.check(ledger, text) is None:
        return None
    return Owner(key_hash=apikeys.key_hash(text))


def open_session(ledger: Ledger, owner: Owner) -> str:
    """A new session; its token is returned here and never again."""
    token = new_token()
    now_ms = _now_ms()
    row = {
        "log_id": ledger.log_id,
        "token_hash": _hash(token),
        "person": owner.person,
        "key_hash": owner.key_hash,
        "created_ms": now_ms,
        "seen_ms": now_ms,
    }
    c = tables.sessions.c
    mine = and_(c.log_id == ledger.log_id, _is(owner))
    old = or_(c.created_ms <= now_ms - LIFE_MS, c.seen_ms <= now_ms - IDLE_MS)
    oldest = select(c.token_hash).where(mine).order_by(c.created_ms.desc())
    with engines.writing(ledger.engine) as connection:
        connection.execute(delete(tables.sessions).where(c.log_id == ledger.log_id, old))
        kept = connection.execute(oldest.offset(PER_OWNER_MAX - 1)).scalars().all()
        if kept:
            connection.execute(delete(tables.sessions).where(mine, c.token_hash.in_(kept)))
        connection.execute(insert(tables.sessions), row)
    return token


def check(ledger: Ledger, token: str) -> Session | None:
    """The session of a token, if neither it nor what it stands on has ended; seen from now on."""
    if len(token) != TOKEN_CHARS or not token.isascii():
        return None
    c = tables.sessions.c
    this = and_(c.log_id == ledger.log_id, c.token_hash == _hash(token))
    query = select(c.person, c.key_hash, c.created_ms, c.seen_ms).where(this)
    with engines.reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    now_ms = _now_ms()
    if row is None or now_ms >= min(row.created_ms + LIFE_MS, row.seen_ms + IDLE_MS):
        return None
    owner = Owner(row.person, row.key_hash)
    found = _principal(ledger, owner)
    if found is None:
        return None
    if now_ms - row.seen_ms > TOUCH_MS:
        with engines.writing(ledger.engine) as connection:
            connection.execute(update(tables.sessions).where(this).values(seen_ms=now_ms))
    return Session(found, owner, csrf(token))


def close(ledger: Ledger, token: str) -> None:
    """End the session of a token, if there is one."""
    c = tables.sessions.c
    this = and_(c.log_id == ledger.log_id, c.token_hash == _hash(token))
    with engines.writing(ledger.engine) as connection:
        connection.execute(delete(tables.sessions).where(this))


def close_all(ledger: Ledger, owner: Owner) -> None:
    """End every session of an owner."""
    c = tables.sessions.c
    with engines.writing(ledger.engine) as connection:
        connection.execute(delete(tables.sessions).where(c.log_id == ledger.log_id, _is(owner)))


def new_token() -> str:
    """256 random bits as text for a cookie."""
    return base64.b32encode(secrets.token_bytes(32)).decode().rstrip("=").lower()


def csrf(token: str) -> str:
    """What forms of this token's holder send back: not the token, and made from nothing else."""
    return hashlib.sha256(b"remelt form " + token.encode()).hexdigest()[:32]


def _hash(token: str) -> bytes:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).digest()


def _is(owner: Owner) -> ColumnElement[bool]:
    c = tables.sessions.c
    return c.person == owner.person if owner.person is not None else c.key_hash == owner.key_hash


def _principal(ledger: Ledger, owner: Owner) -> Principal | None:
    if owner.person is not None:
        return people.principal(ledger, owner.person)
    return None if owner.key_hash is None else apikeys.by_hash(ledger, owner.key_hash)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
