"""Whose checkpoint it is and who saw it: the quorum, the age, and the keys of the log."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from ledger import entry, logkeys
from ledger.book import encoding, jose
from ledger.book.rules.draft import Outcome
from ledger.certificate import policy, verdict, verify
from ledger.tlog import checkpoint, cosignature, note
from tests import harness

NOW = 1_772_409_600 + 3_600
NAMES = ("w1", "w2", "w3", "a1", "a2")


def buyer(log: harness.TestLedger, *rows: str, names: tuple[str, ...] = NAMES) -> policy.Policy:
    """A policy that names these witnesses, with these lines below them."""
    trusted = policy.format_policy(log.policy()).decode().replace("quorum none\n", "")
    named = [f"witness {name} {harness.witness(name).cosigner.vkey}" for name in names]
    return policy.parse("\n".join([trusted, *named, *rows]).encode())


def two_of_three(log: harness.TestLedger, *more: str) -> policy.Policy:
    rows = ("group witnesses 2 w1 w2 w3", "group auditors any a1 a2")
    return buyer(log, *rows, "quorum witnesses", *more)


def seen_by(story: Any, **times: int) -> bytes:
    """The story's dossier under its checkpoint with these cosignatures."""
    log = story.log
    return bytes(log.dossier(story.issued, checkpoint=harness.cosigned(log.checkpoint(), times)))


def refusal(found: verdict.Verdict) -> tuple[int, str]:
    assert found.status == verdict.REFUSED
    assert found.refusal is not None
    assert found.refusal.hint
    return found.refusal.step, found.refusal.code


def why(found: verdict.Verdict) -> str:
    assert found.refusal is not None
    return found.refusal.message


# Who saw it.


def test_a_quorum_that_cosigned_is_met_and_counted(heat: Any) -> None:
    data = seen_by(heat, w1=NOW - 60, w3=NOW - 50)
    found = verify.verify(data, two_of_three(heat.log), now_s=NOW)
    assert (found.status, found.refusal) == (verdict.MEETS_POLICY, None)
    assert found.seen == verdict.Seen(
        (verdict.Cosigned("w1", False, NOW - 60), verdict.Cosigned("w3", False, NOW - 50)),
        3, 2, NOW - 50, NOW - 60,
    )  # fmt: skip


def test_a_quorum_that_lacks_somebody_is_refused_naming_who(heat: Any) -> None:
    data = seen_by(heat, w2=NOW, a1=NOW, a2=NOW)
    found = verify.verify(data, two_of_three(heat.log))
    assert refusal(found) == (3, "CHECKPOINT_UNWITNESSED")
    assert "wants the cosignatures of witnesses (1 of w1, w3): not shown" in why(found)
    assert "shown: a1, a2, w2" in why(found)
    assert found.seen is not None
    assert found.seen.names(audits=False) == ["w2"]


def test_groups_of_groups_decide(heat: Any) -> None:
    rows = ("group witnesses 2 w1 w2 w3", "group auditors any a1 a2")
    read = buyer(heat.log, *rows, "group q all witnesses auditors", "quorum q")
    for times, met in (
        ({"w1": 1, "w2": 1, "a2": 1}, True), ({"w1": 1, "w2": 1, "w3": 1}, False),
        ({"w1": 1, "a1": 1, "a2": 1}, False), ({"w2": 1, "w3": 1, "a1": 1, "a2": 1}, True),
    ):  # fmt: skip
        assert (verify.verify(seen_by(heat, **times), read).status == 0) is met


def test_a_witness_the_policy_does_not_name_is_nobody(heat: Any) -> None:
    data = seen_by(heat, stranger=NOW, w1=NOW)
    found = verify.verify(data, two_of_three(heat.log))
    assert refusal(found) == (3, "CHECKPOINT_UNWITNESSED")
    found = verify.verify(data, buyer(heat.log, "quorum none"))
    assert found.seen is not None
    assert [made.name for made in found.seen.cosigned] == ["w1"]


def replaced(story: Any, signed: bytes, wrong: note.Signature) -> bytes:
    read = note.parse_note(signed)
    whole = note.format_note(read.text, [*read.unverified, wrong])
    return bytes(story.log.dossier(story.issued, checkpoint=whole))


@pytest.mark.parametrize("at", [0, 7, 8, 40, 71])
def test_a_forged_cosignature_of_a_known_witness_refuses_the_whole_dossier(
    heat: Any, at: int
) -> None:
    signed = heat.log.checkpoint()
    good = cosignature.cosign(note.parse_note(signed).text, harness.witness("w3"), NOW)
    value = bytearray(good.value)
    value[at] ^= 1
    signed = harness.cosigned(signed, {"w1": NOW, "w2": NOW})
    assert verify.verify(replaced(heat, signed, good), two_of_three(heat.log)).status == 0
    forged = replaced(heat, signed, note.Signature(good.name, good.key_id, bytes(value)))
    for read in (two_of_three(heat.log), buyer(heat.log, "quorum none")):
        assert refusal(verify.verify(forged, read)) == (3, "SIGNATURE_INVALID")
    unknown = buyer(heat.log, "quorum none", names=("w1", "w2"))
    assert verify.verify(forged, unknown).status == verdict.MEETS_POLICY


def test_a_cosignature_of_another_checkpoint_is_forged(heat: Any) -> None:
    log = heat.log
    smaller = harness.cosigned(log.checkpoint(size=len(log.leaves) - 1), {"w1": NOW})
    line = note.parse_note(smaller).unverified[-1]
    found = verify.verify(replaced(heat, log.checkpoint(), line), buyer(log, "quorum w1"))
    assert refusal(found) == (3, "SIGNATURE_INVALID")


@pytest.mark.parametrize("algorithm", [cosignature.ED25519, cosignature.ML_DSA_44])
def test_a_cosignature_of_another_log_of_this_size_and_root_is_forged(
    heat: Any, algorithm: int
) -> None:
    head = checkpoint.parse_checkpoint(note.parse_note(heat.log.checkpoint()).text)
    key = harness.witness("w1", algorithm)
    other = checkpoint.format_checkpoint(replace(head, origin="other.example/log"))
    read = policy.parse(
        policy.format_policy(heat.log.policy()).replace(
            b"quorum none", f"witness w1 {key.cosigner.vkey}\nquorum w1".encode()
        )
    )
    for text, good in ((checkpoint.format_checkpoint(head), True), (other, False)):
        line = cosignature.cosign(text, key, NOW)
        found = verify.verify(replaced(heat, heat.log.checkpoint(), line), read)
        assert found.status == (0 if good else 1)
        assert good or refusal(found) == (3, "SIGNATURE_INVALID")


def test_one_key_under_two_names_counts_once(heat: Any) -> None:
    """A policy file cannot say so; one that was put together by a program is refused as well."""
    twin = cosignature.key_from_seed("twin", 4, hashlib.sha256(b"w1").digest()).cosigner
    assert twin.public_key == harness.witness("w1").cosigner.public_key
    made = heat.log.policy(
        witnesses=(
            policy.Witness("w1", harness.witness("w1").cosigner.vkey),
            policy.Witness("twin", twin.vkey),
        ),
        groups=(policy.Group("g", 2, ("w1", "twin")),),
        quorum="g",
    )
    assert refusal_code(verify.verify(seen_by(heat, w1=NOW), made)) == "NOTE_INVALID"
    twice = heat.log.checkpoint()
    for at in (NOW, NOW + 1):
        twice = harness.cosigned(twice, {"w1": at})
    data = heat.log.dossier(heat.issued, checkpoint=twice)
    assert refusal(verify.verify(data, two_of_three(heat.log))) == (3, "CHECKPOINT_UNWITNESSED")


def refusal_code(found: verdict.Verdict) -> str:
    assert found.refusal is not None
    return found.refusal.code


def test_a_split_view_meets_no_quorum_of_more_than_half() -> None:
    """Two heads of one size, each shown to one of three witnesses: neither buyer is deceived."""
    log = harness.yard()
    issued = harness.certified(log)
    read = two_of_three(log)
    other = log.forge({})
    log.party("NORTH")
    other.party("SOUTH")
    heads = [side.checkpoint() for side in (log, other)]
    texts = [checkpoint.parse_checkpoint(note.parse_note(head).text) for head in heads]
    assert texts[0].size == texts[1].size
    assert texts[0].root != texts[1].root
    for side, head, name in ((log, heads[0], "w1"), (other, heads[1], "w2")):
        data = side.dossier(issued, checkpoint=harness.cosigned(head, {name: NOW}))
        assert verify.verify(data, side.policy()).status == verdict.MEETS_POLICY
        assert refusal(verify.verify(data, read)) == (3, "CHECKPOINT_UNWITNESSED")


def test_witnesses_do_not_make_a_log_known(heat: Any) -> None:
    read = two_of_three(heat.log)
    other = policy.Log(harness.log_signer("other.example/log", "other").verifier)
    stranger = replace(read, logs=(other,))
    assert verify.verify(seen_by(heat, w1=NOW, w2=NOW), stranger).status == verdict.STRANGER
    assert refusal(verify.verify(seen_by(heat, w1=NOW), stranger))[0] == 3


# Auditors.


def test_an_auditor_is_who_the_policy_says_and_no_ordinary_witness(heat: Any) -> None:
    """The same key, the same cosignature: what it is worth stands in the buyer's file alone."""
    data = seen_by(heat, w1=NOW)
    for rows, audits in (
        (("group witnesses any w1", "quorum none"), False),
        (("quorum w1",), False),
        (("group other any w1", "quorum none"), False),
        (("group auditors any w1", "quorum none"), True),
        (("group inner any w1 w2", "group auditors all inner w3", "quorum none"), True),
    ):
        found = verify.verify(data, buyer(heat.log, *rows, names=("w1", "w2", "w3")))
        assert found.status == verdict.MEETS_POLICY
        assert found.seen is not None
        assert found.seen.names(audits=audits) == ["w1"]
        assert found.seen.names(audits=not audits) == []
        shown = verdict.as_dict(found)
        assert (shown["not_spent_twice"] is not None) is audits


def test_a_single_witness_may_bear_the_name_of_auditors(heat: Any) -> None:
    read = buyer(heat.log, "quorum auditors", names=("auditors",))
    found = verify.verify(seen_by(heat, auditors=NOW), read)
    assert found.seen is not None
    assert (found.seen.names(audits=True), found.seen.witnesses) == (["auditors"], 0)


# How old.


def test_a_checkpoint_older_than_max_age_is_refused(heat: Any) -> None:
    data = seen_by(heat, w1=NOW - 90, w2=NOW - 10)
    read = two_of_three(heat.log, "max_age 60s")
    assert verify.verify(data, read, now_s=NOW - 30).status == verdict.MEETS_POLICY
    found = verify.verify(data, read, now_s=NOW)
    assert refusal(found) == (3, "CHECKPOINT_STALE")
    assert "want it seen within 1m" in why(found)
    assert verify.verify(data, read, now_s=NOW - 29).status == verdict.REFUSED


def test_one_witness_of_a_quorum_makes_nothing_look_fresh(heat: Any) -> None:
    """It cosigns an old head again, today; the others do not go along."""
    data = seen_by(heat, w1=NOW - 9_000, w2=NOW - 9_000, w3=NOW)
    read = two_of_three(heat.log, "max_age 1h")
    assert refusal(verify.verify(data, read, now_s=NOW)) == (3, "CHECKPOINT_STALE")
    alone = buyer(heat.log, "quorum w3", "max_age 1h")
    assert verify.verify(data, alone, now_s=NOW).status == verdict.MEETS_POLICY


def test_without_a_time_now_no_checkpoint_is_young_enough(heat: Any) -> None:
    data = seen_by(heat, w1=NOW, w2=NOW)
    found = verify.verify(data, two_of_three(heat.log, "max_age 999999999d"))
    assert found.refusal is not None
    assert found.refusal.code == "CHECKPOINT_STALE"


def test_neither_the_log_nor_its_entries_say_how_old_a_checkpoint_is(heat: Any) -> None:
    found = verify.verify(heat.dossier, buyer(heat.log, "quorum none", "max_age 9999d"), now_s=NOW)
    assert refusal(found) == (3, "CHECKPOINT_STALE")
    assert "no witness says when" in why(found)


def test_times_of_the_future_count_for_the_quorum_and_for_no_age(heat: Any) -> None:
    read = two_of_three(heat.log, "max_age 1h")
    soon = seen_by(heat, w1=NOW + 300, w2=NOW + 299)
    assert verify.verify(soon, read, now_s=NOW).status == verdict.MEETS_POLICY
    one = seen_by(heat, w1=2**63 - 1, w2=NOW - 60)
    found = verify.verify(one, read, now_s=NOW)
    assert refusal(found) == (3, "CHECKPOINT_STALE"), "w2 alone is no quorum, and may lie"
    found = verify.verify(one, two_of_three(heat.log), now_s=NOW)
    assert found.status == verdict.MEETS_POLICY
    found = verify.verify(seen_by(heat, w1=2**63 - 1, w2=NOW - 60, w3=NOW - 90), read, now_s=NOW)
    assert found.seen is not None
    assert (found.status, found.seen.latest_s, found.seen.seen_at_s) == (0, NOW - 60, NOW - 90)
    found = verify.verify(seen_by(heat, w1=NOW + 301, w2=2**63 - 1), read, now_s=NOW)
    assert refusal(found) == (3, "CHECKPOINT_STALE")
    assert "in the future of this machine's clock" in why(found)


def test_a_cosigner_without_a_time_counts_for_the_quorum_and_for_no_age(heat: Any) -> None:
    key = harness.witness("pq", cosignature.ML_DSA_44)
    signed = heat.log.checkpoint()
    text = note.parse_note(signed).text
    value = key.sign(cosignature.message(key.cosigner, text, 0))
    untimed = cosignature.format_cosignature(
        cosignature.Cosignature("pq", key.cosigner.key_id, 0, value)
    )
    rows = (f"witness pq {key.cosigner.vkey}", "group g all pq w1", "quorum g")
    both = replaced(heat, harness.cosigned(signed, {"w1": NOW}), untimed)
    found = verify.verify(both, buyer(heat.log, *rows), now_s=NOW + 60)
    assert found.status == verdict.MEETS_POLICY
    assert verdict.as_dict(found)["witnesses"][0] == {
        "name": "pq", "counted_as": "witness", "time": None
    }  # fmt: skip
    aged = verify.verify(both, buyer(heat.log, *rows, "max_age 1h"), now_s=NOW + 60)
    assert refusal(aged) == (3, "CHECKPOINT_STALE"), "w1 alone is no quorum, and may lie"
    alone = replaced(heat, signed, untimed)
    read = buyer(heat.log, rows[0], "quorum pq")
    assert verify.verify(alone, read).status == verdict.MEETS_POLICY
    read = buyer(heat.log, rows[0], "quorum pq", "max_age 9999d")
    assert refusal(verify.verify(alone, read, now_s=NOW)) == (3, "CHECKPOINT_STALE")


# The log's own keys.


def rotated() -> tuple[harness.TestLedger, entry.Entry, entry.Entry, bytes]:
    """A log with two keys, a certificate, the entry that names the second key, a dossier before."""
    log = harness.yard()
    issued = harness.certified(log)
    before = log.dossier(issued)
    return log, issued, log.rotate("second"), before


def only(log: harness.TestLedger, at: int) -> policy.Policy:
    return log.policy(logs=(policy.Log(log.signers[at].verifier),))


def test_a_dossier_from_before_the_rotation_stays_good_under_the_old_key() -> None:
    log, _, _, before = rotated()
    assert log.check() == len(log.leaves)
    assert verify.verify(before, only(log, 0)).status == verdict.MEETS_POLICY
    assert verify.verify(before, only(log, 1)).status == verdict.STRANGER


def test_either_key_of_the_log_is_enough_where_the_way_to_it_is_shown() -> None:
    log, issued, naming, _ = rotated()
    for signers in (log.signers, log.signers[1:]):
        log.signers, kept = list(signers), log.signers
        data = log.dossier(issued, later_entries=[naming.n])
        log.signers = kept
        found = verify.verify(data, only(log, 1))
        assert found.status == verdict.MEETS_POLICY
        assert found.in_log is not None
        assert found.in_log.log_key == log.signers[1].verifier.vkey
        whole = len(signers) == 2
        assert verify.verify(data, only(log, 0)).status == (0 if whole else verdict.STRANGER)


def test_a_third_key_follows_the_second_while_the_list_of_all_is_shown() -> None:
    log, issued, naming, _ = rotated()
    third = log.rotate("third")
    new = [log.signers[2]]
    log.signers, kept = new, log.signers
    data = log.dossier(issued, later_entries=[naming.n, third.n])
    log.signers = kept
    assert verify.verify(data, only(log, 2)).status == verdict.MEETS_POLICY
    short = log.dossier(issued, checkpoint=log.checkpoint(signer=kept[2]), later_entries=[naming.n])
    assert refusal(verify.verify(short, only(log, 2))) == (2, "SIGNATURE_INVALID")


def test_a_key_in_no_list_that_is_shown_is_refused() -> None:
    log, issued, naming, _ = rotated()
    absent = log.dossier(issued)
    assert refusal(verify.verify(absent, only(log, 1))) == (2, "SIGNATURE_INVALID")
    assert verify.verify(absent, only(log, 0)).status == verdict.MEETS_POLICY
    hidden = harness.altered(
        log.dossier(issued, later_entries=[naming.n]),
        lambda value: value["disclosures"].pop(str(naming.n)),
    )
    assert refusal(verify.verify(hidden, only(log, 1))) == (2, "SIGNATURE_INVALID")
    other = harness.log_signer(label="other")
    data = log.dossier(issued, checkpoint=log.checkpoint(signer=other), later_entries=[naming.n])
    for read in (log.policy(logs=(policy.Log(other.verifier),)), log.policy()):
        assert refusal(verify.verify(data, read))[0] == 2


def test_a_list_that_is_not_the_one_of_the_hash_is_refused() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    log.signers.append(harness.log_signer(label="second"))
    stated = logkeys.statement(signer.verifier.vkey for signer in log.signers)
    other = harness.log_signer(label="other").verifier.vkey
    listed = " ".join(sorted([*stated["private"]["log_keys"].split(), other]))
    naming = log.state("policy_set", stated["body"], private={"log_keys": listed})
    data = log.dossier(issued, later_entries=[naming.n])
    for at in (0, 1):
        assert refusal_code(verify.verify(data, only(log, at))) == "NOTE_INVALID"


def test_nobody_but_the_operator_names_keys_of_the_log() -> None:
    """HEFEI states a list, the operator of a bad log writes it down: the rules say who may."""
    log = harness.yard()
    issued = harness.certified(log)
    log.signers.append(harness.log_signer(label="second"))
    stated = logkeys.statement(signer.verifier.vkey for signer in log.signers)
    honest = log.forge({})
    naming = honest.state("policy_set", stated["body"], private=stated["private"])
    by_rival = {**naming.event.payload, "party": "HEFEI"}
    key = log.keys["HEFEI"][0]
    statement = jose.sign(encoding.canonical(by_rival), key, harness.kid_of(key))
    registers = ("log", "key", "party")
    reads = {k: n for k, n in issued.reads.items() if k.partition(":")[0] in registers}
    made = log.write(statement, naming.at_ms, Outcome({}, {}, reads))
    log.disclosures[made.n] = honest.disclosures[naming.n]
    data = log.dossier(issued, later_entries=[made.n])
    found = verify.verify(data, only(log, 1))
    assert refusal(found) == (6, "ENTRY_DIFFERS")
    assert "may not state policy_set" in why(found)


def test_an_entry_that_names_keys_and_cannot_be_recomputed_names_none() -> None:
    """It reads something that is not shown, so that the rules are not run for it."""
    log, issued, _, _ = rotated()
    log.receive("HF01/Z", "1 t", {"Al": "95 %"}, {"POST": "100 %"})
    last = log.entries[-1]
    third = harness.log_signer(label="third")
    log.signers.append(third)
    stated = logkeys.statement(signer.verifier.vkey for signer in log.signers)

    def alter(outcome: Any) -> None:
        outcome.reads["lot:HF01/Z"] = last.n

    naming = log.state("policy_set", stated["body"], private=stated["private"])
    bad = log.forge({naming.n: alter})
    bad.disclosures = log.disclosures
    bad.signers = [third]
    data = harness.left_out(bad.dossier(issued, later_entries=[naming.n]), last.n)
    found = verify.verify(data, only(log, 2))
    assert refusal(found) == (6, "DOSSIER_INVALID")
    assert "the entry that names the log's key" in why(found)
