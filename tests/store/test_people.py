"""People, passwords and sessions, over a real database."""

from __future__ import annotations

import time

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from ledger import apikeys, people, sessions
from ledger.errors import LedgerError
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import tables

WORDS = "correct horse battery 钉书机"
HOUR_MS = 3600 * 1000


@pytest.fixture
def wang(ledger: Ledger) -> str:
    return people.add(ledger, "Wang.Li ", "HEFEI", ["read", "record"], WORDS)


def begun(ledger: Ledger, name: str) -> str:
    return sessions.open_session(ledger, sessions.Owner(person=name))


def test_a_person_logs_in_with_the_right_password_only(ledger: Ledger, wang: str) -> None:
    assert wang == "wang.li"
    assert people.check(ledger, "WANG.LI", WORDS) == "wang.li"
    for name, password in (
        ("wang.li", WORDS.upper()), ("wang.li", ""), ("wang.li", WORDS * 100), ("wang", WORDS),
        ("", WORDS), ("x" * 9_999, WORDS), ("\x00", "\ud800"),
    ):  # fmt: skip
        assert people.check(ledger, name, password) is None
    found = people.principal(ledger, wang)
    assert found == apikeys.Principal("HEFEI", frozenset({"read", "record"}), "@wang.li")


def test_nothing_of_a_password_or_token_is_in_the_database(ledger: Ledger, wang: str) -> None:
    token = begun(ledger, wang)
    with engines.reading(ledger.engine) as connection:
        kept = [connection.execute(select(t)).all() for t in tables.metadata.sorted_tables]
    stored = repr(kept)
    assert "wang.li" in stored
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in stored
    for secret in (WORDS, token, sessions.csrf(token)):
        assert secret not in stored
        assert repr(secret.encode())[2:-1] not in stored


def test_an_unknown_name_takes_as_long_as_a_wrong_password(ledger: Ledger, wang: str) -> None:
    def quickest(name: str) -> float:
        times = []
        for _ in range(3):
            began = time.perf_counter()
            assert people.check(ledger, name, "wrong wrong wrong") is None
            times.append(time.perf_counter() - began)
        return min(times)

    known, unknown = quickest("wang.li"), quickest("nobody")
    assert 0.5 < known / unknown < 2


def test_a_hash_of_older_parameters_is_replaced_at_the_next_log_in(
    ledger: Ledger, wang: str
) -> None:
    c = tables.people.c
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(WORDS)
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.people).values(password_hash=old))
    token = begun(ledger, wang)
    assert people.check(ledger, wang, "wrong wrong wrong") is None
    with engines.reading(ledger.engine) as connection:
        assert connection.execute(select(c.password_hash)).scalar_one() == old
    assert people.check(ledger, wang, WORDS) == wang
    with engines.reading(ledger.engine) as connection:
        assert "m=65536,t=3,p=4" in connection.execute(select(c.password_hash)).scalar_one()
    assert people.check(ledger, wang, WORDS) == wang
    assert sessions.check(ledger, token), "nobody is logged out by it"


@pytest.mark.parametrize(
    ("name", "party", "scopes", "password", "code"),
    [
        ("wang.li", "HEFEI", ["read"], WORDS, "PERSON_DUPLICATE"),
        ("ＷＡＮＧ.li", "HEFEI", ["read"], WORDS, "PERSON_DUPLICATE"),
        ("new", "NOBODY", ["read"], WORDS, "PARTY_UNKNOWN"),
        ("new", "HEFEI", ["admin"], WORDS, "PARAMETER_INVALID"),
        ("new", "HEFEI", [], WORDS, "PARAMETER_INVALID"),
        (" ", "HEFEI", ["read"], WORDS, "PARAMETER_INVALID"),
        ("a\nb", "HEFEI", ["read"], WORDS, "PARAMETER_INVALID"),
        ("x" * 65, "HEFEI", ["read"], WORDS, "PARAMETER_INVALID"),
        ("new", "HEFEI", ["read"], "eleven char", "PASSWORD_INVALID"),
        ("new", "HEFEI", ["read"], "x" * 257, "PASSWORD_INVALID"),
        ("new", "HEFEI", ["read"], "abababababababab", "PASSWORD_INVALID"),
        ("new.person", "HEFEI", ["read"], "New.Person.2026", "PASSWORD_INVALID"),
    ],
)
def test_who_cannot_be_added_is_told_why(
    ledger: Ledger, wang: str, name: str, party: str, scopes: list[str], password: str, code: str
) -> None:
    with pytest.raises(LedgerError) as refusal:
        people.add(ledger, name, party, scopes, password)
    assert refusal.value.code == code
    assert refusal.value.field
    assert refusal.value.hint
    assert password not in str(refusal.value.as_dict())
    assert [row["name"] for row in people.listing(ledger)] == [wang]


def test_a_session_stands_on_its_person(ledger: Ledger, wang: str) -> None:
    token, other = begun(ledger, wang), begun(ledger, wang)
    found = sessions.check(ledger, token)
    assert found is not None
    assert found.principal == people.principal(ledger, wang)
    assert found.csrf == sessions.csrf(token) != sessions.csrf(other)
    for wrong in ("", token[:-1], token + "a", token.upper(), "a" * 52, "\ud800" * 52):
        assert sessions.check(ledger, wrong) is None
    sessions.close(ledger, token)
    assert sessions.check(ledger, token) is None
    assert sessions.check(ledger, other)
    sessions.close_all(ledger, found.owner)
    assert sessions.check(ledger, other) is None


@pytest.mark.parametrize("end", ["disable", "password"])
def test_a_disabled_person_or_new_password_ends_the_sessions_for_ever(
    ledger: Ledger, wang: str, end: str
) -> None:
    token = begun(ledger, wang)
    if end == "disable":
        people.disable(ledger, wang)
        assert people.check(ledger, wang, WORDS) is None
        assert people.listing(ledger)[0]["disabled_ms"]
    new = "another battery 钉书机 horse"
    people.set_password(ledger, wang, new)
    assert sessions.check(ledger, token) is None
    assert people.check(ledger, wang, WORDS) is None
    assert people.check(ledger, wang, new) == wang
    with pytest.raises(LedgerError, match="PERSON_UNKNOWN"):
        people.disable(ledger, "x")
    with pytest.raises(LedgerError, match="PERSON_UNKNOWN"):
        people.set_password(ledger, "x", new)


def test_a_session_stands_on_its_api_key(ledger: Ledger) -> None:
    text = apikeys.create(ledger, "HEFEI", ["read"], "gate")
    assert sessions.key_owner(ledger, text + "x") is None
    owner = sessions.key_owner(ledger, text)
    assert owner is not None
    token = sessions.open_session(ledger, owner)
    found = sessions.check(ledger, token)
    assert found is not None
    assert found.principal == apikeys.check(ledger, text)
    apikeys.revoke(ledger, found.principal.key_id)
    assert sessions.check(ledger, token) is None
    assert sessions.key_owner(ledger, text) is None


def test_a_session_ends_when_it_is_not_used_and_when_it_is_old(
    ledger: Ledger, wang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.time_ns()

    def later(hours: float) -> None:
        at = began + int(hours * HOUR_MS) * 1_000_000
        monkeypatch.setattr("ledger.sessions.time.time_ns", lambda: at)

    used, idle = begun(ledger, wang), begun(ledger, wang)
    for hours in range(0, 24 * 7, 6):
        later(hours)
        assert sessions.check(ledger, used), hours
    later(7.9)
    assert sessions.check(ledger, idle)
    later(16)
    assert sessions.check(ledger, idle) is None
    later(24 * 7 + 0.1)  # it began a moment after the clock of this test did
    assert sessions.check(ledger, used) is None


def test_old_sessions_are_cleared_away_and_nobody_has_too_many(ledger: Ledger, wang: str) -> None:
    c = tables.sessions.c
    tokens = [begun(ledger, wang)]
    with engines.writing(ledger.engine) as connection:
        connection.execute(update(tables.sessions).values(seen_ms=c.seen_ms - 9 * HOUR_MS))
    tokens += [begun(ledger, wang) for _ in range(sessions.PER_OWNER_MAX + 3)]
    with engines.reading(ledger.engine) as connection:
        assert len(connection.execute(select(c.token_hash)).all()) == sessions.PER_OWNER_MAX
    assert sessions.check(ledger, tokens[-1])
    assert sessions.check(ledger, tokens[0]) is None
