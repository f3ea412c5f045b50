"""The birth of scrap: once, with evidence, and not within its own process."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
AL = {"Al": "100 %"}
PRIM = {"PRIM": "100 %"}
POST = {"POST": "100 %"}


def receive(log: Works, lot: str, origin: dict[str, str] = PRIM) -> None:
    log.receive(lot, "10 t", AL, origin, evidence=["invoice", "waste_note"])


def stamped(log: Works, role: str = "byproduct") -> str:
    """A skeleton of 4 t out of a coil of primary metal at HF01/MAIN."""
    receive(log, "HF01/COIL")
    outputs = {"HF01/PARTS": ("6 t", AL), "HF01/SKEL": ("4 t", AL)}
    log.run("HF01/P-1", "STAMP", {"HF01/COIL": "all"}, outputs, roles={"HF01/SKEL": role})
    return "HF01/SKEL"


def test_the_whole_lots_free_primary_metal_becomes_the_class(log: Works) -> None:
    skeleton = stamped(log)
    log.declare(skeleton, "PRE", "HF01/MAIN")
    assert log.page(skeleton) == {"PRE": 4 * T}
    assert log.code(log.declare, skeleton, "BMW", "HF01/MAIN") == "CLASS_CHANGE_FORBIDDEN"


@pytest.mark.parametrize("origin", ["POST", "PRE", "BMW", "UNK"])
def test_no_other_class_ever_moves(origin: str, log: Works) -> None:
    evidence = ["waste_note", "scrap_declaration"]
    log.receive("HF01/A", "10 t", AL, {origin: "100 %"}, evidence=evidence)
    log.run("HF01/P-1", "SHRED", {"HF01/A": "all"}, {"HF01/X": ("10 t", AL)})
    assert log.code(log.declare, "HF01/X", "PRE", "HF01/MAIN") == "CLASS_CHANGE_FORBIDDEN"
    assert log.page("HF01/X") == {origin: 10 * T}


def test_it_needs_evidence_of_the_class_before_anything_else(log: Works) -> None:
    body = {"lot": "HF01/NONE", "class": "PRE", "from_scope": "XX01/X", "process": "stamping"}
    state: Any = (log.at, "HF01", "scrap_declared", body)
    for evidence in ([], ["invoice", "photo", "purchase_record"]):
        assert log.code(*state, evidence=evidence) == "ORIGIN_EVIDENCE_MISSING"
    assert log.code(*state, evidence=["waste_note"]) == "LOT_UNKNOWN"


def test_the_scope_is_that_of_the_run_that_made_the_lot(log: Works) -> None:
    skeleton = stamped(log)
    assert log.code(log.declare, skeleton, "PRE", "HF01/NONE") == "SCOPE_UNKNOWN"
    assert log.code(log.declare, skeleton, "PRE", "XX01/MAIN") == "SCOPE_UNKNOWN"
    for elsewhere in ("HF01/ROLLING", "HF02/MAIN", "WH01/MAIN"):
        code = log.code(log.declare, skeleton, "PRE", elsewhere)
        assert code == "CLASS_CHANGE_FORBIDDEN"
    receive(log, "HF01/BOUGHT")
    assert log.code(log.declare, "HF01/BOUGHT", "PRE", "HF01/MAIN") == "CLASS_CHANGE_FORBIDDEN"


def test_the_scope_goes_through_what_inherits_and_what_is_worked_mechanically(log: Works) -> None:
    skeleton = stamped(log)
    log.send("HF01/K-1", [skeleton], "WH01")
    log.arrive("WH01", "HF01/K-1", {skeleton: "4 t"})
    log.run("WH01/R-1", "SPLIT", {skeleton: "all"}, {"WH01/S1": "1 t", "WH01/S2": "rest"})
    log.run("WH01/R-2", "SHEAR", {"WH01/S1": "all"}, {"WH01/S3": ("1 t", AL)})
    log.declare("WH01/S3", "PRE", "HF01/MAIN")
    log.run("WH01/R-3", "DECOAT", {"WH01/S2": "all"}, {"WH01/S4": ("3 t", AL)})
    assert log.code(log.declare, "WH01/S4", "PRE", "HF01/MAIN") == "CLASS_CHANGE_FORBIDDEN"
    log.declare("WH01/S4", "PRE", "WH01/MAIN")


def test_of_two_lots_from_two_scopes_only_their_own_merge_is_left(log: Works) -> None:
    skeleton = stamped(log)
    receive(log, "HF01/B")
    log.run("HF01/P-2", "ROLL", {"HF01/B": "all"}, {"HF01/TRIM": ("10 t", AL)}, scope="ROLLING")
    both = {skeleton: "all", "HF01/TRIM": "all"}
    log.run("HF01/R-1", "MERGE", both, {"HF01/M": "rest"}, scope="ROLLING")
    assert log.code(log.declare, "HF01/M", "PRE", "HF01/MAIN") == "CLASS_CHANGE_FORBIDDEN"
    log.declare("HF01/M", "PRE", "HF01/ROLLING")


def test_certified_grams_are_not_declared(log: Works) -> None:
    receive(log, "HF01/A", {"POST": "50 %", "PRIM": "50 %"})
    log.run("HF01/P-1", "SHRED", {"HF01/A": "all"}, {"HF01/X": ("10 t", AL)})
    log.certify(["HF01/X"], "Al", amount="1 mg")
    assert log.code(log.declare, "HF01/X", "PRE", "HF01/MAIN") == "LOT_CERTIFIED"


def test_a_declared_lot_is_not_assayed_or_finalised_again(log: Works) -> None:
    skeleton = stamped(log)
    log.declare(skeleton, "PRE", "HF01/MAIN")
    assert log.code(log.finalize, "HF01/P-1", {skeleton: AL}) == "LOT_TOUCHED"


# Run-around: (1) who made it as internal scrap cannot declare it.


def test_its_maker_cannot_declare_internal_scrap_however_it_was_split_or_graded(
    log: Works,
) -> None:
    trim = stamped(log, "internal_scrap")
    assert log.code(log.declare, trim, "PRE", "HF01/MAIN") == "SCRAP_SCOPE_SAME_PROCESS"
    log.run("HF01/R-1", "SPLIT", {trim: "all"}, {"HF01/T1": "1 t", "HF01/T2": "rest"})
    log.run("HF01/R-2", "GRADE", {"HF01/T1": "all"}, {"HF01/T3": ("1 t", AL)})
    receive(log, "HF01/B")
    log.run("HF01/R-3", "STORE", {"HF01/T2": "all", "HF01/B": "1 t"}, {"HF01/BIN": "rest"})
    for lot in ("HF01/T3", "HF01/BIN"):
        assert log.code(log.declare, lot, "PRE", "HF01/MAIN") == "SCRAP_SCOPE_SAME_PROCESS"
    log.send("HF01/K-1", ["HF01/T3"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/T3": "1 t"})
    log.declare("HF01/T3", "PRE", "HF01/MAIN")  # its buyer may


def test_internal_scrap_keeps_its_vector_wherever_it_goes(log: Works) -> None:
    receive(log, "HF01/A", {"POST": "70 %", "PRIM": "30 %"})
    outputs = {"HF01/SHEET": ("6 t", AL), "HF01/TRIM": ("4 t", AL)}
    roles = {"HF01/TRIM": "internal_scrap"}
    log.run("HF01/R-1", "ROLL", {"HF01/A": "all"}, outputs, roles=roles)
    log.melt("HF01/H-1", {"HF01/TRIM": "all"}, {"HF01/X": ("4 t", AL)})
    assert log.page("HF01/X") == {"POST": 28 * T // 10, "PRIM": 12 * T // 10}


# (2) what was declared does not come back to where it was declared from.


def melt_at(log: Works, site: str, lot: str, equipment: str, scope: str = "MAIN") -> Any:
    return log.melt(f"{site}/H-9", {lot: "all"}, {}, equipment=equipment, scope=scope)


def test_declared_scrap_is_not_melted_in_the_plant_it_was_born_in(log: Works) -> None:
    skeleton = stamped(log)
    log.declare(skeleton, "PRE", "HF01/MAIN")
    for scope in ("MAIN", "ROLLING"):
        code = log.code(melt_at, log, "HF01", skeleton, "F1", scope)
        assert code == "SCRAP_SCOPE_SAME_PROCESS"
    decoat: Any = (log.run, "HF01/R-7", "DECOAT", {skeleton: "all"}, {})
    assert log.code(*decoat) == "SCRAP_SCOPE_SAME_PROCESS"
    log.run("HF01/R-1", "SHRED", {skeleton: "all"}, {"HF01/S": ("4 t", AL)})
    log.run("HF01/R-2", "SPLIT", {"HF01/S": "all"}, {"HF01/S1": "1 t", "HF01/S2": "rest"})
    for lot in ("HF01/S1", "HF01/S2"):
        assert log.code(melt_at, log, "HF01", lot, "F1") == "SCRAP_SCOPE_SAME_PROCESS"
    log.send("HF01/K-1", ["HF01/S1"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/S1": "1 t"})
    melt_at(log, "WH01", "HF01/S1", "F9")


def test_a_log_may_say_that_a_process_is_a_scope_not_a_plant(log: Works) -> None:
    skeleton = stamped(log)
    log.declare(skeleton, "PRE", "HF01/MAIN")
    log.state("policy_set", {"parameters": {"same_process": "scope"}, "tables": {}})
    assert log.code(melt_at, log, "HF01", skeleton, "F1") == "SCRAP_SCOPE_SAME_PROCESS"
    melt_at(log, "HF01", skeleton, "F1", "ROLLING")
