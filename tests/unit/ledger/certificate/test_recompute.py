"""Forgers who own the log key and the operator key, and makers who leave things out."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from ledger import entry
from ledger.book import encoding, jose
from ledger.book.rules.draft import Outcome
from ledger.certificate import dossier, verdict, verify
from tests import harness


def where(found: verdict.Verdict) -> tuple[int, str, int | None]:
    assert found.status in (verdict.REFUSED, verdict.UNREADABLE)
    assert found.refusal is not None
    return found.refusal.step, found.refusal.code, found.refusal.entry


def more_post(mg: int, lot: str) -> harness.Alter:
    def alter(outcome: Outcome) -> None:
        page = outcome.book[f"lot:{lot}"]["Al"]
        for line, delta in (("UNK", -mg), ("POST", mg)):
            page[line][0] += delta
            page[line][1] += delta

    return alter


def test_a_forged_heat_is_named_with_account_and_line(smelter: Any) -> None:
    """UNK turned POST in one heat, everything after it consistent, chained and signed anew."""
    log = smelter.log
    heat_n = next(e.n for e in log.entries if "lot:HF01/INGOT-3" in e.book)
    forged = log.forge({heat_n: more_post(10**8, "HF01/INGOT-3")})
    assert forged.entries[heat_n + 1].book != log.entries[heat_n + 1].book
    assert forged.entries[-1].book != log.entries[-1].book
    found = verify.verify(forged.dossier(forged.entries[-1]), forged.policy())
    assert where(found) == (6, "ENTRY_DIFFERS", heat_n)
    assert found.refusal is not None
    assert (found.refusal.account, found.refusal.line) == ("lot:HF01/INGOT-3", "Al POST")


def test_a_forger_who_leaves_out_what_belies_him_proves_less(smelter: Any) -> None:
    log = smelter.log
    heat_n = next(e.n for e in log.entries if "lot:HF01/INGOT-3" in e.book)
    forged = log.forge({heat_n: more_post(10**8, "HF01/INGOT-3")})
    data = forged.dossier(forged.entries[-1])
    receipt = forged.entries[heat_n].reads["lot:HF01/B-3"]
    hidden = harness.left_out(data, receipt)
    found = verify.verify(hidden, forged.policy())
    assert found.status == verdict.MEETS_POLICY
    assert found.arithmetic is not None
    assert found.arithmetic.stated == "40.00"
    assert found.arithmetic.proven == "0.00"
    assert found.words == ()


def places(found: entry.Entry) -> list[tuple[str, str, str]]:
    """One line of every account and substance of an entry."""
    return [
        (account, substance, next(iter(page)))
        for account, pages in found.book.items()
        for substance, page in pages.items()
    ]


def one_more(account: str, substance: str, line: str) -> harness.Alter:
    def alter(outcome: Outcome) -> None:
        page = outcome.book[account][substance]
        shown = page[line]
        page[line] = [shown[0] + 1, shown[1] + 1] if isinstance(shown, list) else shown + 1

    return alter


def test_every_value_of_every_book_is_held_against_the_rules(heat: Any) -> None:
    tried = 0
    for made in heat.log.entries:
        for account, substance, line in places(made):
            forged = heat.log.forge({made.n: one_more(account, substance, line)})
            found = verify.verify(forged.dossier(forged.entries[-1]), forged.policy())
            assert where(found) == (6, "ENTRY_DIFFERS", made.n)
            assert found.refusal is not None
            assert (found.refusal.account, found.refusal.line) == (account, f"{substance} {line}")
            tried += 1
    assert tried > 60


def noted(lot: str, member: str, value: Any) -> harness.Alter:
    return lambda outcome: outcome.lots[lot].update({member: value})


@pytest.mark.parametrize(
    ("member", "value"), [("marks", []), ("mentions", ["Al", "Zn"]), ("grade", "final")]
)
def test_what_is_noted_of_a_lot_is_held_against_the_rules(
    heat: Any, member: str, value: Any
) -> None:
    tried = 0
    for made in heat.log.entries:
        for lot in [lot for lot, note in made.lots.items() if note[member] != value]:
            forged = heat.log.forge({made.n: noted(lot, member, value)})
            found = verify.verify(forged.dossier(forged.entries[-1]), forged.policy())
            assert where(found) == (6, "ENTRY_DIFFERS", made.n)
            assert found.refusal is not None
            assert found.refusal.account == lot
            tried += 1
    assert tried


def reading(key: str, n: int | None) -> harness.Alter:
    def alter(outcome: Outcome) -> None:
        del outcome.reads[key]
        if n is not None:
            outcome.reads[key] = n

    return alter


def test_reads_that_are_dropped_or_name_another_entry_are_found(heat: Any) -> None:
    tried = 0
    for made in heat.log.entries[1:]:
        for key, n in made.reads.items():
            others = {None, *({n - 1, n + 1} & set(range(made.n)))}
            for other in others:
                forged = heat.log.forge({made.n: reading(key, other)})
                found = verify.verify(heat_dossier(forged, heat), forged.policy())
                step, _, at = where(found)
                assert (step, at) == (5 if key.startswith("key:") else 6, made.n), (key, other)
                tried += 1
    assert tried > 150


def test_a_read_of_what_an_entry_never_touched_is_found(heat: Any) -> None:
    for made in heat.log.entries[1:]:
        forged = heat.log.forge({made.n: lambda outcome: outcome.reads.update({"lot:HF01/NO": 0})})
        found = verify.verify(heat_dossier(forged, heat), forged.policy())
        assert where(found) == (6, "ENTRY_DIFFERS", made.n)
        assert found.refusal is not None
        assert found.refusal.account == "lot:HF01/NO"


def heat_dossier(forged: harness.TestLedger, heat: Any) -> bytes:
    """The same entries as in the honest dossier, out of the forged log."""
    value = json.loads(heat.dossier)
    value["checkpoint"] = forged.checkpoint().decode()
    for member in value["entries"]:
        n = member["entry"]["n"]
        member["entry"] = json.loads(forged.leaves[n])
        member["proof"] = [hash_.hex() for hash_ in forged.inclusion(n)]
    return encoding.canonical(value)


def test_a_lot_that_was_taken_twice_is_found_when_both_takings_are_shown() -> None:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    before = log.memory.objects["lot:HF01/A"]
    log.run("HF01/R-1", "SHRED", {"HF01/A": "all"}, {"HF01/B": ("9 t", {"Al": "95 %"})})
    log.memory.objects["lot:HF01/A"] = before
    log.run("HF01/R-2", "SHRED", {"HF01/A": "all"}, {"HF01/C": ("9 t", {"Al": "95 %"})})
    second = log.entries[-1]
    log.melt("HF01/H", {"HF01/B": "all", "HF01/C": "all"}, {"HF01/I": ("17 t", {"Al": "95 %"})})
    issued = log.certify(["HF01/I"], "Al")
    found = verify.verify(log.dossier(issued), log.policy())
    assert where(found) == (6, "ENTRY_DIFFERS", second.n)
    assert found.refusal is not None
    assert found.refusal.account == "lot:HF01/A"


def test_a_stale_read_is_found_even_when_the_entry_it_names_is_left_out() -> None:
    log = harness.yard()
    received = log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    before = log.memory.objects["lot:HF01/A"]
    first = log.run("HF01/R", "SHRED", {"HF01/A": "all"}, {"HF01/B": ("9 t", {"Al": "95 %"})})
    log.memory.objects["lot:HF01/A"] = before
    split = log.run("HF01/S", "SPLIT", {"HF01/A": "all"}, {"HF01/C": "rest"})
    issued = log.certify(["HF01/C"], "Al")
    data = harness.left_out(log.dossier(issued, later_entries=[first.n]), received.n)
    assert where(verify.verify(data, log.policy())) == (6, "ENTRY_DIFFERS", split.n)


def test_a_run_recorded_twice_is_found_by_its_finalisation_alone() -> None:
    """The first recording is left out; that the run exists is seen from what came after it."""
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.receive("HF01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    first = log.run("HF01/R", "SHRED", {"HF01/A": "all"}, {"HF01/C": ("9 t", {"Al": "95 %"})})
    final = log.finalize("HF01/R", {"HF01/C": {"Al": "95.1 %"}})
    del log.memory.objects["run:HF01/R"]
    again = log.run("HF01/R", "SHRED", {"HF01/B": "all"}, {"HF01/D": ("9 t", {"Al": "95 %"})})
    issued = log.certify(["HF01/D"], "Al")
    data = harness.left_out(log.dossier(issued, later_entries=[final.n]), first.n)
    assert where(verify.verify(data, log.policy())) == (6, "ENTRY_DIFFERS", again.n)


def test_a_key_that_the_rules_would_never_have_registered_proves_nothing() -> None:
    """A rival adds a key for HEFEI in an entry that also reads something that is not shown."""
    log = harness.yard()
    hidden = log.receive("HF01/Z", "1 t")
    key = harness.private_key("planted")
    kid = harness.kid_of(key)
    body = {"party": "HEFEI", "custody": "self", **log.new_key("HEFEI", key)}
    envelope = {
        "log": log.origin, "id": hidden.event.id, "kind": "key_added", "party": "RIVAL",
        "occurred_at": harness.rfc3339(log.clock_ms), "body": body,
    }  # fmt: skip
    rival = log.keys["RIVAL"][0]
    statement = jose.sign(encoding.canonical(envelope), rival, harness.kid_of(rival))
    reads = {"log": 0, f"key:{harness.kid_of(rival)}": 2, "lot:HF01/Z": hidden.n}
    planted = log.write(statement, log.clock_ms, Outcome({}, {}, reads))
    log.keys["HEFEI"].insert(0, key)
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.keys["HEFEI"].pop(0)
    issued = log.certify(["HF01/A"], "Al")
    data = log.dossier(issued)
    assert hidden.n not in dossier.parse(data).items
    assert planted.n in dossier.parse(data).items
    assert log.entries[issued.n - 1].reads[f"key:{kid}"] == planted.n
    found = verify.verify(data, log.policy())
    assert found.arithmetic is not None
    assert (found.arithmetic.stated, found.arithmetic.proven) == ("100.00", "0.00")


def test_a_heel_that_was_forgotten_is_found_when_the_heat_before_is_shown() -> None:
    log = harness.yard()
    log.receive("HF01/A", "10 t", {"Al": "95 %"})
    heel = ("4 t", {"Al": "95 %"})
    first = log.melt(
        "HF01/H-1", {"HF01/A": "all"}, {"HF01/I-1": ("6 t", {"Al": "95 %"})}, heel=heel
    )
    del log.memory.objects["lot:HF01/HEEL-F1"]
    log.receive("HF01/B", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.melt("HF01/H-2", {"HF01/B": "all"}, {"HF01/I-2": ("9.9 t", {"Al": "95 %"})})
    issued = log.certify(["HF01/I-2"], "Al")
    shown = log.dossier(issued, later_entries=[first.n])
    step, code, n = where(verify.verify(shown, log.policy()))
    assert (step, code, n) == (6, "ENTRY_DIFFERS", issued.n - 1)


@pytest.mark.parametrize("key", ["lot:HF01/A", "site:HF01", "party:HEFEI", "log"])
def test_a_certificate_that_cannot_be_recomputed_itself_is_refused(key: str) -> None:
    log = harness.yard()
    log.state("policy_set", {"parameters": {"strict": True}, "tables": {}})
    issued = harness.certified(log)
    last = log.memory.objects[key][0] if key != "lot:HF01/A" else issued.n - 1
    data = harness.left_out(log.dossier(issued), last)
    assert where(verify.verify(data, log.policy())) == (6, "DOSSIER_INVALID", issued.n)


# 7: less is shown, less is proven.


def test_whatever_is_left_out_never_proves_more(smelter: Any) -> None:
    full = verify.verify(smelter.dossier, smelter.policy).arithmetic
    assert full is not None
    chance = random.Random(7)
    everything = range(1, len(smelter.log.leaves))
    least = {0, smelter.issued.n, smelter.issued.n - 1, *range(1, 7)}  # registrations, the claim
    several = [tuple(chance.sample(everything, size)) for size in (2, 3, 5, 8) * 10]
    proven = set()
    for gone in [*((n,) for n in everything), *several]:
        data = harness.left_out(smelter.dossier, *gone)
        found = verify.verify(data, smelter.policy)
        if found.arithmetic is None:
            assert found.status in (verdict.REFUSED, verdict.UNREADABLE)
            assert least & set(gone)
            continue
        assert found.status == verdict.MEETS_POLICY
        assert found.arithmetic.proven_mg < full.proven_mg
        assert found.arithmetic.claimed_mg == full.claimed_mg
        proven.add(found.arithmetic.proven_mg)
    assert len(proven) > 10


def test_states_follow_their_objects_through_all_their_entries() -> None:
    """A policy, a second site entry, a consignment in two arrivals: all are chains of reads."""
    log = harness.yard()
    log.state("policy_set", {"parameters": {"scale_tolerance": "1 %"}, "tables": {}})
    log.site("HF01", "HEFEI", equipment=["F1", "F2"])
    log.site("RV01", "RIVAL")
    for name in ("A", "B"):
        log.receive(f"RV01/{name}", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.send("RV01/C", ["RV01/A", "RV01/B"], "HF01")
    log.arrive("HF01", "RV01/C", {"RV01/A": "9.95 t"})
    log.arrive("HF01", "RV01/C", {"RV01/B": "9.95 t"})
    made = {"HF01/I": ("9 t", {"Al": "95 %"})}
    run = log.melt("HF01/H", {"RV01/B": "all"}, made, equipment="F2")
    log.finalize("HF01/H", {"HF01/I": {"Al": "96 %"}})
    log.finalize("HF01/H", {"HF01/I": {"Al": "95.5 %"}})
    issued = log.certify(["HF01/I"], "Al")
    found = verify.verify(log.dossier(issued), log.policy())
    assert found.refusal is None
    assert found.arithmetic is not None
    assert found.arithmetic.recomputed == found.arithmetic.entries
    assert found.arithmetic.proven == found.arithmetic.stated != "0.00"

    found = verify.verify(harness.left_out(log.dossier(issued), run.n), log.policy())
    assert found.refusal is None  # what the second finalisation read is there, but cannot be told
    assert found.arithmetic is not None
    assert found.arithmetic.proven == "0.00"


def test_parameters_in_force_are_those_of_the_last_policy_shown() -> None:
    log = harness.yard()
    log.state("policy_set", {"parameters": {"evidence": {"POST": ["photo"]}}, "tables": {}})
    log.receive("HF01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"}, evidence=["photo"])
    issued = log.certify(["HF01/A"], "Al")
    found = verify.verify(log.dossier(issued), log.policy())
    assert found.refusal is None
    assert found.words[0].evidence == ("photo",)


def test_metal_at_a_site_whose_registration_is_not_shown_is_not_proven() -> None:
    """The receipt, its signature and its place in the log are there, what it reads is not."""
    log = harness.yard()
    log.site("RV01", "RIVAL")
    received = log.receive("RV01/A", "10 t", {"Al": "95 %"}, {"POST": "100 %"})
    log.send("RV01/C", ["RV01/A"], "HF01")
    log.arrive("HF01", "RV01/C", {"RV01/A": "10 t"})
    issued = log.certify(["RV01/A"], "Al")
    site = received.reads["site:RV01"]
    data = harness.left_out(log.dossier(issued), site)
    found = verify.verify(data, log.policy())
    assert found.arithmetic is not None
    assert (found.arithmetic.stated, found.arithmetic.proven) == ("100.00", "0.00")
