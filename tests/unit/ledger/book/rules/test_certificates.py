"""Certificates: how much, over which lots, and what a revocation frees."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import serial as serials
from ledger.book import totals
from ledger.book.rules import certificates
from tests import harness
from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
AL = {"Al": "100 %"}


def receive(log: Works, lot: str, mass: str = "10 t", **shares: str) -> str:
    evidence = ("waste_note", "scrap_declaration", "invoice")
    log.receive(f"HF01/{lot}", mass, AL, shares or {"POST": "100 %"}, evidence=evidence)
    return f"HF01/{lot}"


def view(log: Works) -> dict[str, totals.Certificate]:
    found = totals.Totals()
    for entry in log.entries:
        found.apply(entry.facts(), log.origin)
    return found.certificates


def test_all_puts_every_free_gram_of_the_classes_under_the_serial(log: Works) -> None:
    lot = receive(log, "A", POST="50 %", PRE="20 %", PRIM="30 %")
    issued = log.certify([lot], "Al")
    serial = log.serial(issued)
    assert log.page(lot) == {f"POST/{serial}": 5 * T, "PRE": 2 * T, "PRIM": 3 * T}
    again = log.serial(log.certify([lot], "Al", classes=["POST", "PRE"]))
    assert log.page(lot)[f"PRE/{again}"] == 2 * T
    figures = view(log)[serial].figures()
    assert (figures["of_substance"], figures["of_mass"]) == ("50.00", "50.00")


def test_a_part_is_taken_from_post_then_bmw_then_pre(log: Works) -> None:
    lot = receive(log, "A", POST="20 %", PRE="30 %", BMW="10 %", PRIM="40 %")
    serial = log.serial(log.certify([lot], "Al", classes=["PRE", "BMW", "POST"], amount="40 %"))
    assert view(log)[serial].claimed_mg == {"POST": 2 * T, "BMW": 1 * T, "PRE": 1 * T}
    assert log.page(lot)["PRE"] == 2 * T


@pytest.mark.parametrize(
    ("classes", "amount", "code"),
    [
        (["POST"], "5 t", ""),
        (["POST"], 5 * T + 1, "CLAIM_EXCEEDS_ORIGIN"),
        (["POST"], "50 %", ""),
        (["POST"], "50.0000001 %", "CLAIM_EXCEEDS_ORIGIN"),
        (["POST", "PRE"], "7 t", ""),
        (["POST", "PRE"], 7 * T + 1, "CLAIM_EXCEEDS_ORIGIN"),
        (["BMW"], "all", "CLAIM_EXCEEDS_ORIGIN"),
        (["BMW"], "1 mg", "CLAIM_EXCEEDS_ORIGIN"),
        (["PRE"], "all", ""),
    ],
)
def test_no_more_is_claimed_than_the_classes_have(
    classes: list[str], amount: str, code: str, log: Works
) -> None:
    lot = receive(log, "A", POST="50 %", PRE="20 %", PRIM="30 %")
    if code:
        assert log.code(log.certify, [lot], "Al", classes=classes, amount=amount) == code
    else:
        log.certify([lot], "Al", classes=classes, amount=amount)


def test_a_gram_is_claimed_once(log: Works) -> None:
    lot = receive(log, "A", POST="50 %", PRIM="50 %")
    log.certify([lot], "Al", amount="3 t")
    assert log.code(log.certify, [lot], "Al", amount=2 * T + 1) == "CLAIM_ALREADY_USED"
    assert log.code(log.certify, [lot], "Al", amount=5 * T + 1) == "CLAIM_EXCEEDS_ORIGIN"
    log.certify([lot], "Al", amount="2 t")
    for amount in ("1 mg", "all"):
        assert log.code(log.certify, [lot], "Al", amount=amount) == "CLAIM_ALREADY_USED"


def test_several_lots_share_in_proportion_and_each_carries_its_part_alone(log: Works) -> None:
    one, two = receive(log, "Z", "3 mg"), receive(log, "A", "3 mg")
    serial = log.serial(log.certify([one, two], "Al", amount="3 mg"))
    assert log.page(two) == {f"POST/{serial}": 2, "POST": 1}, "lots by id"
    assert log.page(one) == {f"POST/{serial}": 1, "POST": 2}
    poor = receive(log, "POOR", "10 t", POST="10 %", PRIM="90 %")
    rich = receive(log, "RICH", "10 t")
    assert log.code(log.certify, [poor, rich], "Al", amount="11 %") == "CLAIM_EXCEEDS_ORIGIN"
    log.certify([poor, rich], "Al", amount="10 %")


def test_an_amount_that_floors_to_nothing_is_no_amount(log: Works) -> None:
    lot = receive(log, "A", "5 mg")
    assert log.code(log.certify, [lot], "Al", amount="19.9999999 %") == "FIELD_INVALID"
    serial = log.serial(log.certify([lot], "Al", amount="39.9 %"))
    assert view(log)[serial].claimed_mg == {"POST": 1}


def test_a_lot_is_certified_on_a_final_or_default_assay_that_mentions_the_substance(
    log: Works,
) -> None:
    for grade in ("provisional", "default", "final"):
        log.receive(f"HF01/{grade.upper()}", "1 t", AL, {"POST": "100 %"}, assay_grade=grade)
    log.receive("HF01/BARE", "1 t")
    certify: Any = (log.certify, ["HF01/PROVISIONAL"], "Al")
    assert log.code(*certify) == "ASSAY_PROVISIONAL"
    assert log.code(log.certify, ["HF01/PROVISIONAL"], "Cu") == "ASSAY_MISSING"
    assert log.code(log.certify, ["HF01/BARE"], "Al") == "ASSAY_MISSING"
    log.certify(["HF01/DEFAULT"], "Al")
    log.certify(["HF01/FINAL"], "Al")
    log.assay("HF01/PROVISIONAL", AL)
    log.certify(["HF01/PROVISIONAL"], "Al")


def test_a_lot_with_none_of_the_substance_has_nothing_to_claim(log: Works) -> None:
    log.receive("HF01/A", "1 t", {"Al": "90 %", "Cu": "<0.01 %"}, {"POST": "100 %"})
    for amount in ("all", "10 %", "1 mg"):
        assert log.code(log.certify, ["HF01/A"], "Cu", amount=amount) == "CLAIM_EXCEEDS_ORIGIN"


def test_an_empty_lot_is_consumed_before_its_claim_is_looked_at(log: Works) -> None:
    lot = receive(log, "A")
    log.run("HF01/R-1", "SHRED", {lot: "all"}, {})
    assert log.code(log.certify, [lot], "Al") == "LOT_CONSUMED"


def test_a_holder_is_known_and_not_the_issuer(log: Works) -> None:
    lot = receive(log, "A")
    certify: Any = (log.certify, [lot], "Al")
    assert log.code(*certify, holder={"party": "NOBODY"}) == "PARTY_UNKNOWN"
    assert log.code(*certify, holder={"party": "HEFEI"}) == "FIELD_INVALID"
    log.certify([lot], "Al", holder={"party": "WUHU"})


def test_a_lot_carries_at_most_64_open_certificates(log: Works) -> None:
    lot = receive(log, "A")
    first = log.certify([lot], "Al", amount="1 mg")
    for _ in range(certificates.OPEN_SERIALS_MAX - 1):
        log.certify([lot], "Al", amount="1 mg")
    assert log.code(log.certify, [lot], "Al", amount="1 mg") == "LOT_CERTIFICATES_FULL"
    log.revoke(first)  # nothing named, nothing freed, but not open any more
    log.certify([lot], "Al", amount="1 mg")
    assert len(log.page(lot)) == 66


# Revocation.


def test_the_issuer_frees_a_certificate_without_holder_where_all_its_grams_lie(
    log: Works,
) -> None:
    lot = receive(log, "A")
    issued = log.certify([lot], "Al", amount="4 t")
    log.run("HF01/R-1", "SPLIT", {lot: "all"}, {"HF01/X": "5 t", "HF01/Y": "rest"})
    log.revoke(issued, lots=["HF01/X", "HF01/Y"])
    assert log.page("HF01/X") == log.page("HF01/Y") == {"POST": 5 * T}
    found = view(log)[log.serial(issued)]
    assert (found.status(expired=True), found.held_mg) == ("REVOKED", 0)
    assert log.code(log.revoke, issued) == "CERTIFICATE_REVOKED"


@pytest.mark.parametrize("lots", [None, [], ["HF01/X"], ["HF01/B"], ["HF01/X", "HF01/B"]])
def test_without_all_its_grams_nothing_is_posted_and_they_stay_for_ever(
    lots: list[str] | None, log: Works
) -> None:
    lot = receive(log, "A")
    receive(log, "B")
    issued = log.certify([lot], "Al", amount="4 t")
    serial = log.serial(issued)
    log.run("HF01/R-1", "SPLIT", {lot: "all"}, {"HF01/X": "5 t", "HF01/Y": "rest"})
    named: dict[str, Any] = {} if lots is None else {"lots": lots}
    revoked = log.revoke(issued, **named)
    assert revoked.book == {}
    assert log.page("HF01/X") == {"POST": 3 * T, f"POST/{serial}": 2 * T}
    assert log.code(log.melt, "HF01/H-1", {"HF01/X": "all"}, {}) == "LOT_CERTIFIED"
    assert log.code(log.certify, ["HF01/X"], "Al", amount="4 t") == "CLAIM_ALREADY_USED"


def test_lots_that_left_the_issuers_hands_are_not_freed_by_it(log: Works) -> None:
    lot = receive(log, "A")
    issued = log.certify([lot], "Al", amount="4 t")
    log.send("HF01/K-1", [lot], "WH01")
    log.arrive("WH01", "HF01/K-1", {lot: "10 t"})
    assert log.revoke(issued, lots=[lot]).book == {}
    assert log.page(lot)[f"POST/{log.serial(issued)}"] == 4 * T


def made_out_to_wuhu(log: Works) -> Any:
    """The certificate on a lot that lies at its holder, WUHU, since."""
    lot = receive(log, "A")
    issued = log.certify([lot], "Al", amount="4 t", holder={"party": "WUHU"})
    log.send("HF01/K-1", [lot], "WH01")
    log.arrive("WH01", "HF01/K-1", {lot: "10 t"})
    return issued


def test_a_holder_consents_for_the_lots_it_has(log: Works) -> None:
    issued = made_out_to_wuhu(log)
    log.revoke(issued, lots=["HF01/A"], consent=log.consent(issued, "WUHU"))
    assert log.page("HF01/A") == {"POST": 10 * T}


def test_without_the_holders_consent_nothing_is_freed(log: Works) -> None:
    issued = made_out_to_wuhu(log)
    assert log.revoke(issued, lots=["HF01/A"]).book == {}
    assert view(log)[log.serial(issued)].revoked


@pytest.mark.parametrize("who", ["HEFEI", "STRANGER"])
def test_a_consent_is_signed_by_a_key_of_the_holder(who: str, log: Works) -> None:
    issued = made_out_to_wuhu(log)
    log.keys["STRANGER"] = [harness.private_key("stranger")]
    consent = log.consent(issued, who)
    revoke: Any = (log.revoke, issued)
    assert log.code(*revoke, lots=["HF01/A"], consent=consent) == "SIGNATURE_INVALID"
    assert log.code(*revoke, lots=["HF01/A"], consent="a.b.c") == "FIELD_INVALID"


def test_a_consent_to_another_certificate_is_none(log: Works) -> None:
    issued = made_out_to_wuhu(log)
    receive(log, "B")
    other = log.certify(["HF01/B"], "Al", holder={"party": "WUHU"})
    consent = log.consent(other, "WUHU")
    assert log.code(log.revoke, issued, lots=["HF01/A"], consent=consent) == "SIGNATURE_INVALID"


def test_a_certificate_without_holder_needs_no_consent(log: Works) -> None:
    issued = log.certify([receive(log, "A")], "Al")
    consent = log.consent(issued, "HEFEI")
    assert log.code(log.revoke, issued, consent=consent) == "FIELD_INVALID"


def test_only_the_issuer_revokes_and_only_what_exists(log: Works) -> None:
    issued = log.certify([receive(log, "A")], "Al")
    body = {"serial": log.serial(issued), "reason": "error"}
    assert log.code(log.state, "certificate_revoked", body, "WUHU") == "PERMISSION_DENIED"
    body["serial"] = serials.make("another.example/log", "HEFEI", issued.event.id)
    assert log.code(log.state, "certificate_revoked", body, "WUHU") == "CERTIFICATE_UNKNOWN"


def test_a_re_assay_that_takes_certified_grams_disputes_and_a_buyers_run_draws(log: Works) -> None:
    disputed = log.certify([receive(log, "A")], "Al")
    drawn = log.certify([receive(log, "B")], "Al")
    log.assay("HF01/A", {"Al": "90 %"})
    log.send("HF01/K-1", ["HF01/B"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/B": "9.99 t"})
    states = view(log)
    assert states[log.serial(disputed)].status(expired=False) == "DISPUTED"
    assert states[log.serial(drawn)].status(expired=False) == "VALID", "the road draws nothing"
    assert states[log.serial(drawn)].held_mg == 9_990_000_000
    log.run("WH01/R-1", "SHRED", {"HF01/B": "1 mg"}, {})
    assert view(log)[log.serial(drawn)].status(expired=False) == "DRAWN"
