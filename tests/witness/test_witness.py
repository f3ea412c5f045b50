"""Decide, store, sign: what a witness answers, what it remembers, and what it keeps as evidence."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ledger import errors
from ledger import witness as witnesses
from ledger.tlog import checkpoint, cosignature, note, tree, witness
from ledger.witness import Refused, evidence, identity
from tests.unit.ledger.tlog import vectors
from tests.unit.ledger.tlog.vectors import NOTE_15, ORIGIN, W1, W1_LINE, W1_TIME
from tests.witness import places
from tests.witness.places import asked

SIGNER = note.parse_skey(vectors.SKEY)
HASH = witness.monitoring_path(ORIGIN).partition("/")[0]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return places.new(tmp_path)


@pytest.fixture
def clock() -> places.Clock:
    return places.Clock()


@pytest.fixture
def opened(place: Path, clock: places.Clock) -> Iterator[witnesses.Witness]:
    made = places.open_at(place, now_s=clock)
    yield made
    witnesses.close(made)


def refused(opened: witnesses.Witness, body: bytes) -> Refused:
    answer = witnesses.add_checkpoint(opened, body)
    assert isinstance(answer, Refused), answer
    return answer


def cosigned(opened: witnesses.Witness, body: bytes) -> bytes:
    answer = witnesses.add_checkpoint(opened, body)
    assert isinstance(answer, bytes), answer
    return answer


def lying(size: int, root: bytes = bytes(32)) -> bytes:
    """A checkpoint that the log signed and must not have."""
    return checkpoint.sign_checkpoint(checkpoint.Checkpoint(ORIGIN, size, root), [SIGNER])


def kept(place: Path) -> list[Path]:
    return sorted((place / "evidence").glob("*/*"))


def test_the_worked_request_from_6_to_15_is_cosigned_byte_for_byte(
    opened: witnesses.Witness,
) -> None:
    cosigned(opened, asked(0, 6))
    body = asked(6, 15)
    assert sha256(body).hexdigest() == (
        "7c35dfe1ad251897a3d3f19b1af478881838d033d7b5317856f1ecc144f5bbc7"
    )
    assert cosigned(opened, body) == W1_LINE
    assert witnesses.last_cosigned(opened, HASH) == NOTE_15 + W1_LINE
    assert opened.vkeys == (vectors.W1_VKEY,)


def test_every_refusal_has_its_status(opened: witnesses.Witness) -> None:
    cosigned(opened, asked(0, 6))
    stranger = note.parse_skey(note.generate_skey(ORIGIN, bytes(32)))
    elsewhere = note.parse_skey(note.generate_skey("example.com/other", bytes(32)))
    by_other = checkpoint.Checkpoint("example.com/other", 1, bytes(32))
    wrong_proof = asked(6, 15).replace(b"ycRk", b"ycRl")
    for status, body in (
        (400, b""),
        (400, b"old 16\n\n" + NOTE_15),
        (403, b"old 6\n\n" + checkpoint.sign_checkpoint(vectors.head(15), [stranger])),
        (403, b"old 6\n\n" + NOTE_15.replace(b"M9e0luh4", b"M9e0luh5")),
        (404, b"old 0\n\n" + checkpoint.sign_checkpoint(by_other, [elsewhere])),
        (409, asked(0, 15)),
        (422, wrong_proof),
        (422, b"old 6\n\n" + lying(6)),
    ):
        assert refused(opened, body).status == status, body
    assert refused(opened, asked(0, 15)).body == b"6\n"
    assert refused(opened, asked(0, 15)).content_type == "text/x.tlog.size"
    cosigned(opened, asked(6, 15))


def test_nothing_is_cosigned_of_a_log_before_its_first_checkpoint(
    opened: witnesses.Witness,
) -> None:
    assert witnesses.last_cosigned(opened, HASH) is None
    assert witnesses.last_cosigned(opened, "0" * 64) is None
    assert refused(opened, asked(6, 15)).body == b"0\n"
    assert refused(opened, b"old 0\n\n" + lying(0)).status == 422
    cosigned(opened, asked(0, 0))
    cosigned(opened, asked(0, 15))


def test_an_idle_log_is_cosigned_again_at_a_new_time(
    opened: witnesses.Witness, clock: places.Clock
) -> None:
    cosigned(opened, asked(0, 15))
    clock.now += 600
    line = cosigned(opened, asked(15, 15))
    found = cosignature.verify_cosignatures(note.parse_note(NOTE_15 + line), {"w": W1})
    assert found == {"w": W1_TIME + 600}
    assert witnesses.last_cosigned(opened, HASH) == NOTE_15 + line


def test_times_of_a_log_never_go_back(
    opened: witnesses.Witness, clock: places.Clock, caplog: pytest.LogCaptureFixture
) -> None:
    cosigned(opened, asked(0, 6))
    clock.now -= 86_400
    assert cosigned(opened, asked(6, 15)) == W1_LINE
    assert "the clock is 86400 s behind the last cosignature" in caplog.text
    clock.now = W1_TIME
    caplog.clear()
    assert cosigned(opened, asked(15, 15)) == W1_LINE
    assert not caplog.text


def test_lines_of_strangers_under_a_checkpoint_are_not_kept(opened: witnesses.Witness) -> None:
    junk = "".join(f"— x{i} AAAAAAAA\n" for i in range(50)).encode()
    cosigned(opened, b"old 0\n\n" + NOTE_15 + junk)
    assert witnesses.last_cosigned(opened, HASH) == NOTE_15 + W1_LINE


def test_a_log_with_two_keys_may_sign_with_either_or_both(place: Path) -> None:
    second = note.parse_skey(note.generate_skey(ORIGIN, bytes(32)))
    known = (*places.KNOWN, replace(places.KNOWN[0], verifier=second.verifier))
    opened = places.open_at(place, known=known)
    for old, signers in ((0, [SIGNER]), (15, [SIGNER, second]), (15, [second])):
        signed = checkpoint.sign_checkpoint(vectors.head(15), signers)
        cosigned(opened, b"old %d\n\n" % old + signed)
        assert witnesses.last_cosigned(opened, HASH) == signed + W1_LINE
    witnesses.close(opened)


def test_a_second_key_of_ml_dsa_cosigns_as_well(place: Path) -> None:
    try:
        places.plant_key(place, cosignature.ML_DSA_44)
    except errors.ProofError as error:
        pytest.skip(error.message)
    opened = places.open_at(place)
    lines = cosigned(opened, asked(0, 15))
    assert lines.startswith(W1_LINE)
    keys = dict(zip("ab", map(cosignature.parse_vkey, opened.vkeys), strict=True))
    both = {"a": W1_TIME, "b": W1_TIME}
    shown = witnesses.last_cosigned(opened, HASH) or b""
    for signed in (NOTE_15 + lines, shown):
        assert cosignature.verify_cosignatures(note.parse_note(signed), keys) == both
    witnesses.close(opened)


# What is remembered.


def test_what_was_cosigned_outlives_the_witness(place: Path) -> None:
    first = places.open_at(place)
    cosigned(first, asked(0, 15))
    witnesses.close(first)
    again = places.open_at(place)
    assert refused(again, asked(0, 15)).body == b"15\n"
    assert witnesses.last_cosigned(again, HASH) == NOTE_15 + W1_LINE
    witnesses.close(again)


def test_a_slower_request_does_not_roll_a_faster_one_back(
    opened: witnesses.Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosigned(opened, asked(0, 3))
    decide = witness.decide
    decisions = []

    def slow(*arguments: object) -> object:
        decided = decide(*arguments)  # type: ignore[arg-type]
        decisions.append(decided)
        if len(decisions) == 1:
            assert cosigned(opened, asked(3, 15))
        return decided

    monkeypatch.setattr(witness, "decide", slow)
    late = refused(opened, asked(3, 8))
    assert isinstance(decisions[0], witness.Accepted)
    assert (late.status, late.size) == (409, 15)


def test_nothing_is_signed_unless_it_was_stored(
    opened: witnesses.Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[object] = []
    monkeypatch.setattr(witness, "cosign", lambda *said: signed.append(said))
    trigger = "CREATE TRIGGER full BEFORE INSERT ON cosigned BEGIN SELECT RAISE(ABORT, 'no'); END"
    with sqlite3.connect(opened.directory / identity.STORE_FILE) as connection:
        connection.execute(trigger)
    connection.close()
    with pytest.raises(Exception, match="no"):
        witnesses.add_checkpoint(opened, asked(0, 15))
    assert not signed


def test_a_store_that_was_tampered_with_is_refused(opened: witnesses.Witness) -> None:
    cosigned(opened, asked(0, 15))
    for change in ("size = 14", "note = x'00'"):
        with sqlite3.connect(opened.directory / identity.STORE_FILE) as connection:
            connection.execute(f"UPDATE cosigned SET {change}")  # noqa: S608
        connection.close()
        with pytest.raises(errors.CorruptError, match="STORE_CORRUPT"):
            witnesses.add_checkpoint(opened, asked(15, 15))


# The directory.


def test_a_new_witness_makes_its_key_for_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "witness"
    (key,) = witnesses.ensure(witnesses.Config(directory, "witness.example/w9"))
    assert directory.stat().st_mode & 0o777 == 0o700
    assert (directory / "witness.key").stat().st_mode & 0o777 == 0o600
    assert key.cosigner.vkey.startswith("witness.example/w9+")
    (same,) = witnesses.ensure(witnesses.Config(directory))
    assert same.cosigner == key.cosigner
    try:
        both = witnesses.ensure(witnesses.Config(directory, ml_dsa=True))
    except errors.ProofError as error:
        pytest.skip(error.message)
    assert [k.cosigner.algorithm for k in both] == [4, 6]
    assert [k.cosigner for k in witnesses.ensure(witnesses.Config(directory))] == [
        k.cosigner for k in both
    ]


def test_a_witness_without_name_or_of_another_or_without_store_is_refused(place: Path) -> None:
    for config, said in (
        (witnesses.Config(place.with_name("nowhere")), "no witness here"),
        (witnesses.Config(place, "witness.example/w2"), "the witness here is witness.example/w1"),
    ):
        with pytest.raises(errors.RuleError, match=said):
            witnesses.ensure(config)
    with pytest.raises(errors.ProofError, match="not a name"):
        witnesses.ensure(witnesses.Config(place.with_name("nowhere"), "two words"))
    assert not place.with_name("nowhere").exists()
    (place / identity.STORE_FILE).unlink()
    with pytest.raises(errors.RuleError, match="gone, but its key is there"):
        witnesses.ensure(witnesses.Config(place))


def test_a_damaged_key_is_refused_and_not_shown(place: Path) -> None:
    path = place / identity.KEY_FILES[cosignature.ED25519]
    good = path.read_text(encoding="ascii")
    secret = good.split("+")[-1].strip()
    for bad in ("", "x", good[:-3], good.replace("e75f", "e75e"), good.replace("+BA", "+BQ"), "é"):
        path.write_text(bad, encoding="utf-8")
        with pytest.raises(errors.CorruptError, match="not the key of a witness") as caught:
            witnesses.ensure(witnesses.Config(place))
        assert secret not in str(caught.value)
        assert caught.value.__context__ is None


# Evidence.


def test_a_fork_is_kept_with_both_notes_once(
    opened: witnesses.Witness, caplog: pytest.LogCaptureFixture
) -> None:
    cosigned(opened, asked(0, 15))
    for old in (15, 15, 0, 8):  # whatever size it says it comes from
        refused(opened, b"old %d\n\n" % old + lying(15))
    (found,) = kept(opened.directory)
    assert found.parent.name == HASH
    assert found.name.startswith("fork-15-")
    assert (found / "stored.note").read_bytes() == NOTE_15
    assert (found / "shown.note").read_bytes() == lying(15)
    assert (found / "request").read_bytes() == b"old 15\n\n" + lying(15)
    assert "signed another root of the same size; evidence: see " in caplog.text
    assert [r.levelno for r in caplog.records] == [logging.ERROR, *[logging.WARNING] * 3]


def test_a_fork_shown_many_times_at_once_is_kept_once(opened: witnesses.Witness) -> None:
    cosigned(opened, asked(0, 15))
    body = b"old 15\n\n" + lying(15)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refused(opened, body).status, range(16)))
    assert answers == [422] * 16
    (found,) = kept(opened.directory)
    assert [path.name for path in found.parent.iterdir()] == [found.name]


def test_a_proof_that_fails_is_kept_and_honest_mistakes_are_not(opened: witnesses.Witness) -> None:
    refused(opened, b"old 0\n\n" + lying(0))
    cosigned(opened, asked(0, 6))
    for body in (asked(0, 15), b"old 7\n\n" + vectors.signed(6), b"old 6\n\n" + b"x"):
        refused(opened, body)
    refused(opened, asked(6, 15).replace(b"ycRk", b"ycRl"))
    empty, proof = kept(opened.directory)
    assert (empty.name[:8], proof.name[:9]) == ("proof-0-", "proof-15-")
    assert sorted(path.name for path in empty.iterdir()) == ["request", "shown.note"]
    assert (proof / "stored.note").read_bytes() == vectors.signed(6)


def test_a_fork_found_in_a_race_is_kept(
    opened: witnesses.Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = witness.decide
    asked_once: list[int] = []

    def slow(*arguments: object) -> object:
        decided = decide(*arguments)  # type: ignore[arg-type]
        if not asked_once:
            asked_once.append(1)
            cosigned(opened, asked(0, 15))
        return decided

    monkeypatch.setattr(witness, "decide", slow)
    assert refused(opened, b"old 0\n\n" + lying(15)).status == 409
    assert [path.name[:8] for path in kept(opened.directory)] == ["fork-15-"]


def test_evidence_is_limited_and_never_in_the_way(
    opened: witnesses.Witness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(evidence, "KEPT_MAX", 3)
    cosigned(opened, asked(0, 6))
    for i in range(6):
        root = tree.leaf_hash(b"%d" % i)
        assert refused(opened, b"old 6\n\n" + lying(7, root)).status == 422
    assert len(kept(opened.directory)) == 3
    refused(opened, b"old 6\n\n" + lying(6))
    assert len(kept(opened.directory)) == 4, "proofs that fail do not crowd out forks"
    (opened.directory / "evidence").rename(opened.directory / "gone")
    (opened.directory / "evidence").write_text("in the way", encoding="ascii")
    assert refused(opened, b"old 6\n\n" + lying(6)).status == 422
    assert "could not be kept" in caplog.text


# The judge.


def test_a_judge_is_asked_after_the_decision_and_holds_no_lock(place: Path) -> None:
    seen: list[tuple[str, int]] = []
    other = note.parse_skey(note.generate_skey("example.com/other", bytes(32)))
    root = tree.leaf_hash(b"x")
    by_other = checkpoint.Checkpoint("example.com/other", 1, root)

    def judge(origin: str, head: checkpoint.Checkpoint, signed: note.Note) -> Refused | None:
        assert signed.verified_signatures
        seen.append((origin, head.size))
        body = b"old 0\n\n" + checkpoint.sign_checkpoint(by_other, [other])
        thread = threading.Thread(target=witnesses.add_checkpoint, args=(opened, body))
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "another log waits for our judge"
        return Refused(422, "metal out of nothing") if head.size == 15 else None

    known = (*places.KNOWN, replace(places.KNOWN[0], origin=other.name, verifier=other.verifier))
    opened = places.open_at(place, {ORIGIN: judge}, known=known)
    assert refused(opened, asked(3, 8)).status == 409
    cosigned(opened, asked(0, 8))
    assert refused(opened, asked(8, 15)).why == "metal out of nothing"
    assert refused(opened, asked(0, 15)).body == b"8\n", "what was not passed is not stored"
    assert seen == [(ORIGIN, 8), (ORIGIN, 15)]
    assert witnesses.last_cosigned(opened, sha256(b"example.com/other").hexdigest())
    assert not kept(place)
    witnesses.close(opened)


def test_a_judge_that_cannot_read_the_log_puts_it_off(place: Path) -> None:
    def judge(*_: object) -> Refused | None:
        raise errors.RuleError("NOT_READY", "the log does not answer")

    opened = places.open_at(place, {ORIGIN: judge})
    answer = refused(opened, asked(0, 15))
    assert (answer.status, answer.why) == (429, "cannot be audited now: the log does not answer")
    witnesses.close(opened)


def test_while_a_judge_thinks_few_may_wait_and_all_get_an_answer(place: Path) -> None:
    go, began = threading.Event(), threading.Event()
    at_once: list[int] = []
    inside = threading.Semaphore(1)

    def judge(*_: object) -> Refused | None:
        at_once.append(inside.acquire(blocking=False))
        began.set()
        go.wait(20)
        inside.release()
        return None

    opened = places.open_at(place, {ORIGIN: judge})
    answers: list[bytes | Refused] = []

    def ask() -> None:
        answers.append(witnesses.add_checkpoint(opened, asked(0, 15)))

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    began.wait(20)
    while len(answers) < 12 - witnesses.JUDGED_AT_ONCE:
        threading.Event().wait(0.005)
    assert {a.status for a in answers if isinstance(a, Refused)} == {429}
    go.set()
    for thread in threads:
        thread.join(20)
    late = answers[12 - witnesses.JUDGED_AT_ONCE :]
    assert [a for a in late if isinstance(a, bytes)] == [W1_LINE]
    assert [a.body for a in late if isinstance(a, Refused)] == [b"15\n"] * 3
    assert at_once == [True]
    witnesses.close(opened)
