"""Random histories through the real writer: answers and balances as without keys and disk."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ledger import clock, entry, service, trial
from ledger.book import encoding, totals
from ledger.errors import LedgerError
from ledger.sequencer import Accepted, Submission
from ledger.service import Ledger
from ledger.store import engine as engines
from ledger.store import entries, tables
from tests.cluster import Database
from tests.oracle import histories
from tests.store import plant

EVENTS = 250
YEAR_2100_MS = 4_102_444_800_000  # nothing in a history lies in the future
Answer = dict[str, Any]


def adapted(line: bytes, number: int) -> bytes:
    """A line for a trial as a log takes it too: with log, id, a private name, custodial keys.

    b"" for what only a trial takes: a consent that nobody signed.
    """
    try:
        envelope = encoding.decode_object(line)
    except LedgerError:
        return line
    body = envelope.get("body")
    envelope.setdefault("log", trial.ORIGIN)
    digest = hashlib.sha256(f"remelt/try\n{number}".encode()).digest()
    envelope.setdefault("id", str(uuid.UUID(bytes=digest[:16])))  # what a trial would take
    if isinstance(body, dict):
        if "consent" in body:
            return b""
        if body.get("custody") == "self":
            body["custody"] = "operator"
    if envelope.get("kind") in ("party_registered", "site_registered"):
        envelope.setdefault("private", {"name": "Somebody"})
        envelope["private"].setdefault("name", "Somebody")
    return json.dumps(envelope).encode()


def history(seed: int) -> list[bytes]:
    lines = histories.history(seed, EVENTS)
    made = [adapted(line, number) for number, line in enumerate(lines, start=1)]
    return [line for line in made if line.strip()]


@pytest.fixture
def ledger(tmp_path: Path, database: Database) -> Iterator[Ledger]:
    """A log with the names that trials have."""
    plant.place(tmp_path / "data", database)
    settings = plant.settings_of(tmp_path / "data")
    made = service.create(settings, trial.ORIGIN, trial.OPERATOR, {})
    plant.with_clock(made, lambda: YEAR_2100_MS).sequencer.start()
    yield made
    plant.close(made)


def groups_of(lines: list[bytes], most: int) -> Iterator[list[bytes]]:
    """At most so many lines together; a party that was registered speaks in the next group."""
    group: list[bytes] = []
    for line in lines:
        group.append(line)
        if len(group) >= most or b'"party_registered"' in line:
            yield group
            group = []
    yield group


def write(ledger: Ledger, lines: list[bytes], most: int) -> list[Answer]:
    """Every line's answer, in the words of a trial."""
    answers: list[Answer] = []
    for group in groups_of(lines, most):
        prepared: list[Submission | LedgerError] = []
        for line in group:
            try:
                prepared.append(ledger.prepare(line, trial.OPERATOR))
            except LedgerError as error:
                prepared.append(error)
        waiting = [found for found in prepared if isinstance(found, Submission)]
        results = iter(ledger.submit(waiting, with_proofs=False).result(60))
        for found in prepared:
            result = next(results) if isinstance(found, Submission) else found
            if isinstance(result, Accepted):
                answers.append({"ok": True, "n": result.n})
            else:
                answers.append({"ok": False, "code": result.code, "field": result.field})
    return answers


def balances(ledger: Ledger, clock_ms: int) -> Answer:
    """The report of a trial, from nothing but the entries of the log."""
    sums = totals.Totals()
    with engines.reading(ledger.engine) as connection:
        for _, _, leaf, _, _ in entries.read_leaves(connection, ledger.log_id, 1, 2**62):
            sums.apply(entry.parse(leaf).facts(), trial.ORIGIN)
    certificates = {
        serial: {
            "status": view.status(
                expired=clock.expired(view.valid_until, sums.zones[view.site], clock_ms)
            ),
            **view.figures(),
        }
        for serial, view in sums.certificates.items()
    }
    lots, accounts = sums.shown_lots(), sums.shown_accounts()
    return {"lots": lots, "accounts": accounts, "certificates": certificates}


def said(answer: Answer) -> tuple[str, str]:
    """("", "") for what was taken, else code and field; a log misses a key before it looks on."""
    error = answer.get("error", answer)
    code, field = error.get("code", ""), error.get("field", "")
    return ("FIELD_MISSING", "body.key") if field == "body.custody" else (code, field)


@pytest.mark.parametrize(("seed", "most"), [(4, 1), (8, 60), (3, 1_000)])
def test_a_history_is_booked_as_a_trial_books_it(ledger: Ledger, seed: int, most: int) -> None:
    lines = history(seed)
    rehearsal = trial.run(b"\n".join(lines))
    answers = write(ledger, lines, most)
    assert [said(answer) for answer in answers] == [said(r) for r in rehearsal["results"]]
    assert [a.get("n") for a in answers] == [r.get("n") for r in rehearsal["results"]]

    kinds = Counter(answer["ok"] for answer in answers)
    assert min(kinds[True] - 100, kinds[False]) > 30  # both sides of the rules were asked
    size = 1 + len({answer["n"] for answer in answers if answer["ok"]})
    assert plant.audited(ledger).size == size
    commits = plant.count(ledger, tables.checkpoints)
    assert commits == size if most == 1 else commits < size / 5

    clock_ms = max(plant.leaf(ledger, n).event.occurred_at_ms for n in range(1, size))
    booked = balances(ledger, clock_ms)
    for certificate in rehearsal["certificates"].values():
        del certificate["line"]
    assert booked == {name: rehearsal[name] for name in ("lots", "accounts", "certificates")}
    assert booked["lots"]
    assert booked["certificates"]
