"""An id is used once: repeated it gives the first answer, with other content it is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ledger import keys, statements
from ledger.book import encoding, jose
from ledger.errors import LedgerError
from ledger.sequencer import Accepted, Result
from ledger.service import Ledger
from ledger.store import tables
from tests.store import plant


def refusal(result: Result) -> LedgerError:
    assert isinstance(result, LedgerError), result
    return result


def test_an_id_twice_in_one_commit_is_one_entry(ledger: Ledger) -> None:
    envelope = plant.receipt("HF01/A")
    waiting = [plant.submit(ledger, envelope, envelope), plant.submit(ledger, envelope)]
    ledger.sequencer.start()
    results = [result for future in waiting for result in future.result(30)]
    assert results == [results[0]] * 3
    assert plant.audited(ledger).size == 6


def test_a_replay_after_the_commit_is_the_first_answer_again(
    running: Ledger, opened: Callable[[], Ledger]
) -> None:
    story = plant.story()
    first = plant.accept(running, *story)
    plant.accept(running, plant.receipt("HF01/LATER"))
    again = plant.accept(running, *reversed(story))
    assert [(a.n, a.leaf_hash) for a in reversed(again)] == [(a.n, a.leaf_hash) for a in first]
    for answer in again:
        plant.check_answer(running, answer)
    reopened = opened()
    reopened.sequencer.start()
    after = plant.accept(reopened, *story)
    assert [(a.n, a.leaf_hash) for a in after] == [(a.n, a.leaf_hash) for a in first]
    assert plant.audited(running).size == 5 + len(story) + 1


def change(envelope: plant.Envelope, path: str, value: object) -> plant.Envelope:
    """The same envelope with one field changed."""
    changed: plant.Envelope = encoding.decode_object(encoding.canonical(envelope))
    *names, last = path.split(".")
    place = changed
    for name in names:
        place = place[name]
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("occurred_at", "2026-01-01T00:00:00Z"),
        ("body.mass", "11 t"),
        ("body.assay.Al", "94 %"),
        ("body.ticket", "T-1"),
        ("private.note", "yard 4"),
        ("private.plate", "A 12345"),
    ],
)
@pytest.mark.parametrize("in_one_commit", [True, False])
def test_an_id_with_other_content_is_a_conflict_that_names_the_field(
    ledger: Ledger, path: str, value: object, in_one_commit: bool
) -> None:
    envelope = plant.receipt("HF01/A", private={"note": "yard 3"})
    if in_one_commit:
        waiting = plant.submit(ledger, envelope, change(envelope, path, value), envelope)
        ledger.sequencer.start()
        first, other, again = waiting.result(30)
    else:
        ledger.sequencer.start()
        (first,) = plant.record(ledger, envelope)
        other, again = plant.record(ledger, change(envelope, path, value), envelope)
    assert refusal(other).code == "IDEMPOTENCY_CONFLICT"
    assert refusal(other).field == path
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert (again.n, again.leaf_hash) == (first.n, first.leaf_hash)
    assert plant.audited(ledger).size == 6


def test_another_kind_under_the_same_id_is_named_before_its_body(running: Ledger) -> None:
    envelope = plant.receipt("HF01/A")
    plant.accept(running, envelope)
    other = plant.certificate(["HF01/A"]) | {"id": envelope["id"]}
    (result,) = plant.record(running, other)
    assert (refusal(result).code, refusal(result).field) == ("IDEMPOTENCY_CONFLICT", "kind")


@pytest.mark.parametrize("in_one_commit", [True, False])
def test_the_same_id_by_another_party_is_another_event(ledger: Ledger, in_one_commit: bool) -> None:
    mine = plant.receipt("HF01/A")
    theirs = plant.receipt("WH01/A") | {"id": mine["id"]}
    if in_one_commit:
        waiting = [plant.submit(ledger, mine), plant.submit(ledger, theirs)]
        ledger.sequencer.start()
        results = [future.result(30)[0] for future in waiting]
    else:
        ledger.sequencer.start()
        results = [*plant.record(ledger, mine), *plant.record(ledger, theirs)]
    assert [result.n for result in results if isinstance(result, Accepted)] == [5, 6]
    assert plant.audited(ledger).size == 7


def test_a_refused_id_may_be_used_again(running: Ledger) -> None:
    melt = plant.melt("HF01/H-1", ["HF01/A"], "HF01/X", "9 t")
    results = plant.record(running, melt, plant.receipt("HF01/A"), melt)
    assert plant.codes(results) == ["LOT_UNKNOWN", "", ""]


def test_a_registration_repeated_keeps_the_key_the_server_made_first(running: Ledger) -> None:
    envelope = plant.registration("TONGLING")
    first = plant.accept(running, envelope)
    again = plant.accept(running, envelope, envelope)
    assert [(a.n, a.leaf_hash) for a in again] == [(first[0].n, first[0].leaf_hash)] * 2
    assert plant.count(running, tables.party_keys) == 3


@pytest.fixture
def own_key(running: Ledger) -> ec.EllipticCurvePrivateKey:
    """A second key of HEFEI, in its own hands."""
    key = keys.new_party_key()
    body = {
        "party": "HEFEI", "custody": "self", "key": jose.public_jwk(key.public_key()),
        "proof": statements.proof_of_possession(plant.ORIGIN, "HEFEI", key),
    }  # fmt: skip
    plant.accept(running, statements.envelope(plant.ORIGIN, "HEFEI", "key_added", body))
    return key


def test_a_party_that_signs_itself_repeats_its_bytes(
    running: Ledger, own_key: ec.EllipticCurvePrivateKey
) -> None:
    envelope = plant.receipt("HF01/A", private={"note": "yard 3"})
    data = encoding.canonical(statements.sign(envelope, own_key).as_dict())
    first = running.record(data, "HEFEI")
    assert running.record(data, "HEFEI").n == first.n
    other = statements.sign(change(envelope, "body.mass", "11 t"), own_key)
    with pytest.raises(LedgerError) as raised:
        running.record(encoding.canonical(other.as_dict()), "HEFEI")
    assert raised.value.code == "IDEMPOTENCY_CONFLICT"
    assert plant.audited(running).size == 7


def test_fifty_threads_with_one_id_get_one_entry(running: Ledger) -> None:
    envelope = plant.receipt("HF01/A", private={"note": "yard 3"})
    barrier = threading.Barrier(50)

    def send(_: int) -> Accepted:
        barrier.wait(30)
        return plant.accept(running, envelope)[0]

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))
    assert {(answer.n, answer.leaf_hash) for answer in answers} == {(5, answers[0].leaf_hash)}
    assert plant.count(running, tables.entries) == 6
    plant.audited(running)


def test_fifty_threads_with_one_id_and_other_contents_get_one_winner(running: Ledger) -> None:
    envelope = plant.receipt("HF01/A")
    barrier = threading.Barrier(50)

    def send(number: int) -> Result:
        mine = change(envelope, "body.mass", f"{number + 1} t")
        barrier.wait(30)
        return plant.record(running, mine)[0]

    with ThreadPoolExecutor(50) as pool:
        results = list(pool.map(send, range(50)))
    lost = [refusal(result) for result in results if isinstance(result, LedgerError)]
    assert len(lost) == 49
    assert {(r.code, r.field) for r in lost} == {("IDEMPOTENCY_CONFLICT", "body.mass")}
    assert plant.audited(running).size == 6
