from __future__ import annotations

import json
from typing import Any

import pytest

from ledger import entry
from ledger.book import encoding
from ledger.certificate import dossier, recompute, verdict, verify
from tests import harness


def shown(data: bytes) -> list[int]:
    return [member["entry"]["n"] for member in json.loads(data)["entries"]]


def proven(data: bytes, log: harness.TestLedger) -> int:
    found = verify.verify(data, log.policy())
    assert found.status == verdict.MEETS_POLICY, found.refusal
    assert found.arithmetic is not None
    return found.arithmetic.proven_mg


def test_a_dossier_is_canonical_and_read_back_as_it_was_made(smelter: Any) -> None:
    read = dossier.parse(smelter.dossier)
    assert encoding.canonical(json.loads(smelter.dossier)) == smelter.dossier
    assert read.serial == smelter.log.serial(smelter.issued)
    assert read.checkpoint == smelter.log.checkpoint()
    assert list(read.items) == list(range(38))
    for n, item in read.items.items():
        assert item.entry == smelter.log.entries[n]
        assert item.leaf_hash == entry.leaf_hash(smelter.log.leaves[n])
        assert list(item.proof) == smelter.log.inclusion(n)
    assert read.disclosures == smelter.log.disclosures


def test_what_has_nothing_to_do_with_the_certificate_stays_out() -> None:
    log = harness.yard()
    log.party("STRANGER")
    log.site("SX01", "STRANGER")
    log.receive("SX01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.receive("HF01/Z", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    issued = harness.certified(log)
    log.receive("HF01/Y", "10 t")
    assert shown(log.dossier(issued)) == [0, 1, 3, issued.n - 1, issued.n]


def test_the_budget_cuts_the_smallest_contribution_first(smelter: Any) -> None:
    """With less room less is proven, what is shown fits, and the last heat goes last."""
    log, issued = smelter.log, smelter.issued
    lines = []
    for budget in range(15_000, len(smelter.dossier) + 20_000, 5_000):
        data = log.dossier(issued, budget_bytes=budget)
        assert len(data) <= budget
        lines.append((proven(data, log), shown(data)))
    amounts = [amount for amount, _ in lines]
    assert amounts == sorted(amounts)
    assert len(set(amounts)) > 5
    assert amounts[-1] == 5_387_200_000
    first_heat = range(7, 14)
    half = next(entries for amount, entries in lines if 0 < amount < amounts[-1])
    assert not set(half) & set(first_heat)


def test_the_least_dossier_stands_whatever_the_budget(smelter: Any) -> None:
    data = smelter.log.dossier(smelter.issued, budget_bytes=0)
    assert proven(data, smelter.log) == 0
    assert {0, smelter.issued.n, smelter.issued.n - 1} <= set(shown(data))


def test_entries_of_a_party_that_shares_nothing_are_not_shown() -> None:
    log, issued = harness.smelter(2, collector_shares="closed")

    def may_share(found: entry.Entry) -> bool:
        assert found.event.site, "registrations are public and never asked for"
        return found.event.party != "TONGLING"

    data = log.dossier(issued, may_share)
    entries = [log.entries[n] for n in shown(data)]
    assert not [e for e in entries if e.event.party == "TONGLING"]
    assert [e for e in entries if e.event.kind == "lot_arrived"]
    found = verify.verify(data, log.policy())
    assert found.status == verdict.MEETS_POLICY
    assert {word.party for word in found.words} == {"HEFEI"}
    assert found.arithmetic is not None
    assert 0 < found.arithmetic.proven_mg < found.arithmetic.claimed_mg


def test_whatever_the_budget_what_reads_only_what_is_shown_is_recomputed() -> None:
    """A heat with grams under a revoked serial needs the certificate's first entry as well."""
    log = harness.yard()
    log.site("RV01", "RIVAL")
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    gone = log.certify(["HF01/A"], "Al", amount="1 t", holder={"party": "RIVAL"})
    log.revoke(gone)
    for i in range(4):
        log.run(f"HF01/S-{i}", "SPLIT", {"HF01/A": "2 t"}, {f"HF01/A-{i}": "rest"})
    log.send("HF01/C", ["HF01/A"], "RV01")
    log.arrive("RV01", "HF01/C", {"HF01/A": "2 t"})
    heat = log.melt("RV01/H", {"HF01/A": "all"}, {"RV01/I": ("1.9 t", {"Al": "95 %"})})
    issued = log.certify(["RV01/I"], "Al")
    assert heat.reads[f"certificate:{log.serial(gone)}"] == gone.n + 1
    counts = set()
    for budget in range(5_000, 60_000, 1_500):
        items = dossier.parse(log.dossier(issued, budget_bytes=budget)).items
        reader = recompute.Shown(log.origin, items.keys())
        for item in items.values():
            recompute.take(reader, item.entry)
        whole = {n for n, item in items.items() if set(item.entry.reads.values()) <= items.keys()}
        assert reader.recomputed == whole
        counts.add(len(whole))
    assert len(counts) > 5


def test_an_endless_chain_of_heels_fits_into_an_e_mail() -> None:
    log, issued = harness.smelter(40)
    data = log.dossier(issued, budget_bytes=150_000)
    assert len(data) <= 150_000
    found = verify.verify(data, log.policy())
    assert found.arithmetic is not None
    assert found.arithmetic.proven_mg > found.arithmetic.claimed_mg * 0.999


def test_later_entries_and_what_they_read_are_always_shown() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    log.add_key("HEFEI", "second key")
    log.keys["HEFEI"].reverse()
    revoked = log.revoke(issued)
    data = log.dossier(issued, lambda _: False, budget_bytes=0, later_entries=[revoked.n])
    assert set(shown(data)) >= {revoked.n, revoked.n - 1, issued.n}
    found = verify.verify(data, log.policy())
    assert found.revocation == verdict.Revocation(revoked.n, "error")


def test_a_revocation_does_not_carry_the_holders_own_entries_along() -> None:
    log = harness.yard()
    log.site("RV01", "RIVAL")
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    issued = log.certify(["HF01/A"], "Al", holder={"party": "RIVAL"})
    log.send("HF01/C", ["HF01/A"], "RV01")
    arrived = log.arrive("RV01", "HF01/C", {"HF01/A": "10 t"})
    consent = log.consent(issued, "RIVAL")
    revoked = log.revoke(issued, lots=["HF01/A"], consent=consent)
    later = [revoked.n]
    closed = log.dossier(issued, lambda e: e.event.party != "RIVAL", later_entries=later)
    assert arrived.n not in shown(closed)
    assert arrived.n in shown(log.dossier(issued, later_entries=later))
    for data in (closed, log.dossier(issued, later_entries=later)):
        assert verify.verify(data, log.policy()).revocation is not None


def test_only_disclosures_of_entries_that_are_shown_go_along() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    assert set(log.disclosures) == {1, 2, 3}
    assert set(json.loads(log.dossier(issued))["disclosures"]) == {"1", "3"}


def test_a_dossier_works_at_any_later_size_of_the_log() -> None:
    log = harness.yard()
    issued = harness.certified(log)
    for size in range(issued.n + 1, issued.n + 20):
        assert len(log.leaves) == size
        assert proven(log.dossier(issued), log) == 9_500_000_000
        log.receive(f"HF01/L-{size}", "1 t")


def test_a_certificate_that_cannot_be_parsed_is_not_assembled(smelter: Any) -> None:
    log = smelter.log
    with pytest.raises(IndexError):
        dossier.assemble(
            "X", 99, log.leaves.__getitem__, log.inclusion, log.checkpoint(), lambda _: True, {}
        )
