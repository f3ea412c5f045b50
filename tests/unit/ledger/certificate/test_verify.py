"""An honest dossier verifies; every dishonest one is refused, and the refusal says where."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import entry
from ledger.book import encoding, events, jose, rules
from ledger.book import serial as serials
from ledger.book.rules.draft import Outcome
from ledger.certificate import policy, verdict, verify
from ledger.tlog import note
from tests import harness

Alter = Callable[[dict[str, Any]], object]


def where(found: verdict.Verdict) -> tuple[int, str, int | None]:
    assert found.status in (verdict.REFUSED, verdict.UNREADABLE)
    assert found.refusal is not None
    return found.refusal.step, found.refusal.code, found.refusal.entry


# The honest one.


def test_an_honest_dossier_meets_the_policy_and_proves_all_it_states(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, smelter.policy)
    assert (found.status, found.refusal) == (verdict.MEETS_POLICY, None)
    sums = found.arithmetic
    assert sums is not None
    assert sums.entries == sums.recomputed == len(smelter.log.leaves) == 38
    assert (sums.stated, sums.proven) == ("40.00", "40.00")
    assert sums.claimed_mg == sums.proven_mg == sum(sums.claimed.values())
    assert sums.substance_mg == 13_468_000_000
    assert sums.wet_mg == 14_000_000_000
    assert (sums.stated_of_mass, sums.proven_of_mass) == ("38.48", "38.48")
    assert found.in_log is not None
    assert found.in_log.size == 38
    assert found.in_log.named


def test_the_rules_are_really_run_for_every_entry(
    smelter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[str] = []
    decide = rules.decide

    def counted(event: events.Event, *rest: Any) -> Outcome:
        decided.append(event.kind)
        return decide(event, *rest)

    monkeypatch.setattr(rules, "decide", counted)
    found = verify.verify(smelter.dossier, smelter.policy)
    assert found.arithmetic is not None
    assert found.arithmetic.recomputed == len(decided) == 38
    assert decided == [made.event.kind for made in smelter.log.entries]


def test_the_words_add_up_to_the_claim_and_say_who_signed(smelter: Any) -> None:
    found = verify.verify(smelter.dossier, smelter.policy)
    assert found.arithmetic is not None
    assert sum(word.mass_mg for word in found.words) == found.arithmetic.proven_mg
    first, second = found.words
    assert (first.party, first.custody, first.both_signed) == ("TONGLING", "self", True)
    assert (second.party, second.custody, second.both_signed) == ("HEFEI", "operator", False)
    assert first.name == "Tongling Co."
    assert first.evidence == ("waste_note", "weigh_ticket")
    assert found.certificate is not None
    assert (found.certificate.holder, found.certificate.holder_name) == ("CABLE", "Cable Co.")


def test_a_lot_and_a_serial_that_are_asked_for_are_answered(smelter: Any) -> None:
    number = serials.printed(smelter.log.serial(smelter.issued))
    found = verify.verify(smelter.dossier, smelter.policy, lot="HF01/X-2", serial=number.lower())
    assert found.status == verdict.MEETS_POLICY
    assert found.arithmetic is not None
    assert found.arithmetic.lot == "HF01/X-2"
    assert found.arithmetic.wet_mg == 7_000_000_000
    assert found.arithmetic.stated == "40.00"


# 1: what cannot be read.


def put(**members: Any) -> Alter:
    return lambda value: value.update(members)


def put_item(**members: Any) -> Alter:
    return lambda value: value["entries"][3].update(members)


def put_entry(**members: Any) -> Alter:
    return lambda value: value["entries"][3]["entry"].update(members)


def disclose(n: str, texts: list[Any]) -> Alter:
    return lambda value: value["disclosures"].update({n: texts})


FORMS: dict[str, tuple[Alter, str]] = {
    "a field is missing": (lambda value: value.pop("serial"), "DOSSIER_INVALID"),
    "another format": (put(remelt="dossier-2"), "DOSSIER_INVALID"),
    "a field too many": (put(note="x"), "DOSSIER_INVALID"),
    "a serial of nothing": (put(serial="ABCDEFGHJKMN"), "DOSSIER_INVALID"),
    "a serial that is no text": (put(serial=7), "DOSSIER_INVALID"),
    "a checkpoint that is no text": (put(checkpoint=["x"]), "DOSSIER_INVALID"),
    "entries that are no list": (put(entries={}), "DOSSIER_INVALID"),
    "no entries": (put(entries=[]), "DOSSIER_INVALID"),
    "entry 0 is missing": (lambda value: value["entries"].pop(0), "DOSSIER_INVALID"),
    "another order": (lambda value: value["entries"].reverse(), "DOSSIER_INVALID"),
    "an entry twice": (
        lambda value: value["entries"].insert(3, value["entries"][3]),
        "DOSSIER_INVALID",
    ),
    "an item with more": (put_item(x=1), "DOSSIER_INVALID"),
    "an entry that is no object": (put_item(entry=[]), "DOSSIER_INVALID"),
    "hashes in capitals": (put_item(proof=["AA" * 32]), "DOSSIER_INVALID"),
    "hashes that are short": (put_item(proof=["aa"]), "DOSSIER_INVALID"),
    "a proof that is too long": (put_item(proof=["aa" * 32] * 64), "DOSSIER_INVALID"),
    "a proof that is no list": (put_item(proof=7), "DOSSIER_INVALID"),
    "another version": (put_entry(v=2), "ENTRY_INVALID"),
    "an index that is text": (put_entry(n="3"), "ENTRY_INVALID"),
    "an entry with more": (put_entry(more=1), "ENTRY_INVALID"),
    "reads of itself": (put_entry(reads={"log": 3}), "ENTRY_INVALID"),
    "a statement that is no JWS": (put_entry(statement="a.b"), "FIELD_INVALID"),
    "another header": (put_entry(statement="e30.e30.e30"), "SIGNATURE_INVALID"),
    "disclosures that are no object": (put(disclosures=[]), "DOSSIER_INVALID"),
    "disclosures of an absent entry": (disclose("99", []), "DOSSIER_INVALID"),
    "an index with a zero": (disclose("01", []), "DOSSIER_INVALID"),
    "disclosures that are no text": (disclose("1", [1]), "DOSSIER_INVALID"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_another_form_is_unreadable(smelter: Any, form: str) -> None:
    alter, code = FORMS[form]
    found = verify.verify(harness.altered(smelter.dossier, alter), smelter.policy)
    assert found.status == verdict.UNREADABLE
    assert found.refusal is not None
    assert found.refusal.step == 1
    assert found.refusal.code == code


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b"{", b'{"a":1,"a":2}', b'{"a":1.5}', b'{"a":1e999}',
        b'{"a":99999999999999999999}', b"[" * 100_000, b'{"a":' * 5_000, b'"\\ud800"',
        b'{"a":-0}', b" {}", b"PK\x03\x04", b"x" * (16 * 2**20 + 1),
    ],
)  # fmt: skip
def test_hostile_bytes_are_unreadable_and_nothing_worse(data: bytes) -> None:
    assert verify.verify(data, None).status == verdict.UNREADABLE


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(data: bytes) -> None:
    assert verify.verify(data, None).status == verdict.UNREADABLE


def test_another_spelling_of_the_same_data_is_unreadable(smelter: Any) -> None:
    for data in (smelter.dossier + b"\n", json.dumps(json.loads(smelter.dossier)).encode()):
        assert verify.verify(data, smelter.policy).status == verdict.UNREADABLE


# 2 and 3: the head.


def test_a_log_the_policy_does_not_name_is_a_stranger_however_sound(smelter: Any) -> None:
    other = policy.Log(harness.log_signer("other.example/log", "other").verifier)
    for buyer in (smelter.log.policy(logs=(other,)), None):
        found = verify.verify(smelter.dossier, buyer)
        assert (found.status, found.refusal) == (verdict.STRANGER, None)
        assert found.in_log is not None
        assert not found.in_log.named


def test_a_policy_for_another_operator_makes_no_difference_to_a_stranger(smelter: Any) -> None:
    kid = harness.kid_of(harness.private_key("somebody"))
    other = policy.Log(harness.log_signer("other.example/log", "other").verifier)
    buyer = policy.Policy((other,), (kid,))
    assert verify.verify(smelter.dossier, buyer).status == verdict.STRANGER


def test_a_bad_signature_of_a_key_in_the_policy_is_refused_whoever_else_signed(
    smelter: Any,
) -> None:
    known = harness.log_signer(label="known")
    lying = note.Signer(known.verifier, lambda text: bytes(64))
    signed = note.parse_note(smelter.log.checkpoint(signer=lying))
    own = note.parse_note(smelter.log.checkpoint())
    both = note.format_note(own.text, [*signed.unverified, *own.unverified])
    data = harness.altered(smelter.dossier, put(checkpoint=both.decode()))
    buyer = smelter.log.policy(logs=(policy.Log(known.verifier),))
    assert where(verify.verify(data, buyer)) == (2, "SIGNATURE_INVALID", None)


def test_a_key_of_the_same_name_is_no_better(smelter: Any) -> None:
    namesake = policy.Log(harness.log_signer(label="namesake").verifier)
    found = verify.verify(smelter.dossier, smelter.log.policy(logs=(namesake,)))
    assert found.status == verdict.STRANGER


def test_a_strangers_dossier_is_refused_like_any_other_for_what_is_wrong(smelter: Any) -> None:
    data = harness.altered(smelter.dossier, lambda value: value["entries"][9]["proof"].pop())
    assert where(verify.verify(data, None)) == (4, "PROOF_INVALID", 9)


def test_a_checkpoint_signed_by_nobody_is_refused(smelter: Any) -> None:
    signed = smelter.log.checkpoint(signer=harness.log_signer(label="somebody"))
    data = harness.altered(smelter.dossier, lambda value: value.update(checkpoint=signed.decode()))
    assert where(verify.verify(data, smelter.policy)) == (2, "CHECKPOINT_UNSIGNED", None)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("\n38\n", "\n39\n", "SIGNATURE_INVALID"),
        ("\n38\n", "\n038\n", None),
        ("— ", "- ", "NOTE_INVALID"),
        ("demo.remelt.example/anhui\n38", "demo.remelt.example/hubei\n38", "SIGNATURE_INVALID"),
    ],
)
def test_an_altered_checkpoint_is_refused(
    smelter: Any, old: str, new: str, code: str | None
) -> None:
    def alter(value: dict[str, Any]) -> None:
        assert old in value["checkpoint"]
        value["checkpoint"] = value["checkpoint"].replace(old, new)

    step, got, _ = where(verify.verify(harness.altered(smelter.dossier, alter), smelter.policy))
    assert step == 2
    assert code in (None, got)


def test_a_checkpoint_of_another_log_under_a_trusted_key_is_refused(smelter: Any) -> None:
    log = copy.copy(smelter.log)
    log.origin = "demo.remelt.example/hubei"
    signed = log.checkpoint()
    data = harness.altered(smelter.dossier, lambda value: value.update(checkpoint=signed.decode()))
    assert where(verify.verify(data, smelter.policy)) == (2, "LOG_MISMATCH", None)


def test_entry_0_must_name_the_key_that_signed(smelter: Any) -> None:
    second = harness.log_signer(label="second")
    signed = smelter.log.checkpoint(signer=second)
    data = harness.altered(smelter.dossier, lambda value: value.update(checkpoint=signed.decode()))
    buyer = smelter.log.policy(logs=(policy.Log(second.verifier),))
    assert where(verify.verify(data, buyer)) == (2, "SIGNATURE_INVALID", None)


def test_a_policy_that_wants_witnesses_is_not_met(smelter: Any) -> None:
    vkey = "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
    buyer = smelter.log.policy(witnesses=(policy.Witness("W", vkey),), quorum="W")
    found = verify.verify(smelter.dossier, buyer)
    assert where(found) == (3, "CHECKPOINT_UNWITNESSED", None)


# 4: inclusion.


def test_a_proof_with_another_hash_is_refused_at_its_entry(heat: Any) -> None:
    for i in range(len(heat.log.leaves)):

        def alter(value: dict[str, Any], i: int = i) -> None:
            value["entries"][i]["proof"][0] = "00" * 32

        found = verify.verify(harness.altered(heat.dossier, alter), heat.policy)
        assert where(found) == (4, "PROOF_INVALID", i)


def test_a_leaf_altered_in_the_file_alone_is_not_in_the_log(heat: Any) -> None:
    for i in range(len(heat.log.leaves)):

        def alter(value: dict[str, Any], i: int = i) -> None:
            value["entries"][i]["entry"]["at"] += 1

        found = verify.verify(harness.altered(heat.dossier, alter), heat.policy)
        assert where(found) == (4, "PROOF_INVALID", i)


# 5: statements.


def test_another_operator_than_the_policy_names_is_refused(smelter: Any) -> None:
    kid = harness.kid_of(harness.private_key("somebody"))
    found = verify.verify(smelter.dossier, smelter.log.policy(operators=(kid,)))
    assert where(found) == (5, "KEY_UNKNOWN", 0)


def signed_by(log: harness.TestLedger, key: Any, issued: entry.Entry) -> harness.TestLedger:
    """The log with the last statement signed by another key, which the log pretends to accept."""
    kid = harness.kid_of(key)
    statement = jose.sign(issued.jws.payload, key, kid)
    reads = dict(issued.reads)
    reads[f"key:{kid}"] = reads.pop(f"key:{issued.jws.kid}")
    known = log.memory.find(f"key:{kid}")
    reads[f"key:{kid}"] = known[0] if known else 1
    log.leaves.pop()
    log.entries.pop()
    log.write(statement, issued.at_ms, Outcome(issued.book, issued.lots, reads))
    return log


def test_a_key_of_another_party_is_refused() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    log = signed_by(log, log.keys["RIVAL"][0], issued)
    assert where(verify.verify(log.dossier(issued), log.policy())) == (5, "KEY_UNKNOWN", issued.n)


def test_a_key_nobody_registered_is_refused() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    log = signed_by(log, harness.private_key("unknown"), issued)
    assert where(verify.verify(log.dossier(issued), log.policy())) == (5, "KEY_UNKNOWN", issued.n)


def test_a_signature_of_another_key_under_the_right_kid_is_refused() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    wrong = jose.sign(issued.jws.payload, harness.private_key("unknown"), issued.jws.kid)
    log.leaves.pop()
    log.entries.pop()
    log.write(wrong, issued.at_ms, Outcome(issued.book, issued.lots, issued.reads))
    found = verify.verify(log.dossier(issued), log.policy())
    assert where(found) == (5, "SIGNATURE_INVALID", issued.n)


def test_a_statement_meant_for_another_log_is_refused() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    payload = encoding.canonical({**issued.event.payload, "log": "other.example/log"})
    statement = jose.sign(payload, log.keys["HEFEI"][0], issued.jws.kid)
    log.leaves.pop()
    log.entries.pop()
    log.write(statement, issued.at_ms, Outcome(issued.book, issued.lots, issued.reads))
    found = verify.verify(log.dossier(issued), log.policy())
    assert where(found) == (5, "LOG_MISMATCH", issued.n)


def test_a_key_revoked_by_an_entry_shown_signs_no_more() -> None:
    """The operator goes on with a revoked key, and reads its registration as if nothing was."""
    log = harness.yard()
    kid = harness.kid_of(log.keys["HEFEI"][0])
    before = log.memory.objects[f"key:{kid}"]
    revoked = log.revoke_key("HEFEI", kid)
    log.memory.objects[f"key:{kid}"] = before
    issued = harness.certified(log)
    hidden = verify.verify(log.dossier(issued), log.policy())
    assert hidden.status == verdict.MEETS_POLICY  # absence is what no dossier can show
    shown = log.dossier(issued, later_entries=[revoked.n])
    assert where(verify.verify(shown, log.policy())) == (5, "KEY_REVOKED", revoked.n + 1)


def test_a_key_that_was_revoked_later_has_signed_as_well_as_any() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    revoked = log.revoke_key("HEFEI", issued.jws.kid, "compromised")
    data = log.dossier(issued, later_entries=[revoked.n])
    assert verify.verify(data, log.policy()).status == verdict.MEETS_POLICY


def test_a_new_key_of_the_party_is_as_good_as_the_first() -> None:
    log = harness.yard()
    log.add_key("HEFEI", "second key")
    log.revoke_key("HEFEI", harness.kid_of(log.keys["HEFEI"].pop(0)), "replaced")
    issued = harness.certified(log)
    found = verify.verify(log.dossier(issued), log.policy())
    assert found.status == verdict.MEETS_POLICY
    assert found.words[0].custody == "self"


def test_a_disclosure_that_is_not_the_statements_is_refused(smelter: Any) -> None:
    def alter(value: dict[str, Any]) -> None:
        value["disclosures"]["1"], value["disclosures"]["2"] = (
            value["disclosures"]["2"],
            value["disclosures"]["1"],
        )

    found = verify.verify(harness.altered(smelter.dossier, alter), smelter.policy)
    assert where(found) == (5, "FIELD_INVALID", 1)


# 8: this one.


def test_another_serial_or_lot_is_refused(smelter: Any) -> None:
    other = serials.make(smelter.log.origin, "HEFEI", "another")
    found = verify.verify(smelter.dossier, smelter.policy, serial=other)
    assert where(found) == (8, "CERTIFICATE_UNKNOWN", smelter.issued.n)
    found = verify.verify(smelter.dossier, smelter.policy, lot="HF01/INGOT-1")
    assert where(found) == (8, "LOT_UNKNOWN", smelter.issued.n)


def test_a_revocation_that_is_shown_revokes() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    revoked = log.revoke(issued, lots=["HF01/A"])
    plain = verify.verify(log.dossier(issued), log.policy())
    assert plain.status == verdict.MEETS_POLICY
    data = log.dossier(issued, later_entries=[revoked.n])
    found = verify.verify(data, log.policy())
    assert where(found) == (8, "CERTIFICATE_REVOKED", issued.n)
    assert found.revocation == verdict.Revocation(revoked.n, "error")
    assert found.arithmetic is not None
    assert found.arithmetic.proven == "100.00"


def test_a_revocation_of_another_certificate_says_nothing() -> None:
    log = harness.yard()
    log.receive("HF01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    other = log.certify(["HF01/B"], "Al")
    issued = harness.certified(log)
    revoked = log.revoke(other)
    data = log.dossier(issued, later_entries=[revoked.n])
    assert verify.verify(data, log.policy()).status == verdict.MEETS_POLICY
