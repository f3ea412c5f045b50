"""The laboratory's word on a run: restated outputs, gains remembered, certificates disputed."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import lines, totals
from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
POST = {"POST": "100 %"}


@pytest.fixture
def heat(log: Works) -> Works:
    """10 t with 9 t Al (6 POST, 3 PRIM) gives an ingot of 6 t, a dross of 1 t and a heel of 2 t."""
    origin = {"POST": "66.6666667 %", "PRIM": "33.3333333 %"}
    evidence = ("waste_note", "invoice")
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, origin, evidence=evidence)
    outputs = {
        "HF01/INGOT": ("6 t", {"Al": "95 %"}),
        "HF01/DROSS": ("1 t", {"Al": "60 %"}),
    }
    roles = {"HF01/DROSS": "byproduct"}
    log.melt("HF01/H-1", {"HF01/A": "all"}, outputs, roles=roles, heel=("2 t", {"Al": "95 %"}))
    return log


def al(log: Works, lot: str) -> int:
    return lines.substance_mg(log.lot(lot).balances, "Al")


def test_less_goes_to_loss_and_more_comes_back_from_it(heat: Works) -> None:
    assert lines.substance_mg(heat.account("loss:HF01/MELT"), "Al") == 8 * T // 10
    heat.finalize("HF01/H-1", {"HF01/INGOT": {"Al": "90 %"}})
    assert al(heat, "HF01/INGOT") == 54 * T // 10
    assert lines.substance_mg(heat.account("loss:HF01/MELT"), "Al") == 11 * T // 10
    heat.finalize("HF01/H-1", {"HF01/INGOT": {"Al": "98 %"}})
    assert al(heat, "HF01/INGOT") == 588 * T // 100
    assert lines.substance_mg(heat.account("loss:HF01/MELT"), "Al") == 62 * T // 100
    assert heat.account("gain:HF01") == {}


def test_what_is_not_named_keeps_its_lines(heat: Works) -> None:
    dross, heel = heat.lot("HF01/DROSS").balances, heat.lot("HF01/HEEL-F1").balances
    heat.finalize("HF01/H-1", {"HF01/INGOT": {"Al": "90 %"}})
    assert heat.lot("HF01/DROSS").balances == dross
    assert heat.lot("HF01/HEEL-F1").balances == heel


def test_the_outputs_are_final_and_mention_what_the_new_assay_names(heat: Works) -> None:
    heat.finalize("HF01/H-1", {"HF01/INGOT": {"Al": "94 %", "Si": "0.1 %"}})
    assert heat.lot("HF01/INGOT").grade == "final"
    assert heat.lot("HF01/INGOT").mentions == ("Al", "Si")
    assert heat.page("HF01/INGOT", "Si") == {"UNK": 6_000_000}
    heat.finalize("HF01/H-1", {"HF01/INGOT": {"Si": "0.1 %"}})
    assert heat.page("HF01/INGOT") == {}, "the new assay replaces the old whole"


def test_two_outputs_share_in_the_order_of_roles(heat: Works) -> None:
    heat.finalize("HF01/H-1", {"HF01/DROSS": {"Al": "70 %"}, "HF01/INGOT": {"Al": "96 %"}})
    left = lines.copy(heat.account("loss:HF01/MELT"))
    for lot in ("HF01/INGOT", "HF01/DROSS", "HF01/HEEL-F1"):
        lines.add_all(left, {"Al": heat.page(lot)})
    assert left["Al"] == {"POST": 6_000_000_003, "PRIM": 2_999_999_997}
    assert (al(heat, "HF01/INGOT"), al(heat, "HF01/DROSS")) == (576 * T // 100, 7 * T // 10)


def test_water_stays_where_the_sheet_says_nothing_of_it(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %"}, POST, moisture="10 %")
    wet = [{
        "lot": "HF01/X", "role": "product", "mass": "8 t", "moisture": "5 %",
        "assay": {"Al": "90 %"},
    }]  # fmt: skip
    body: dict[str, Any] = {"run": "HF01/R-1", "step": "LEACH", "scope": "MAIN", "outputs": wet}
    log.at("HF01", "run_recorded", {**body, "inputs": [{"lot": "HF01/A", "mass": "all"}]})
    log.finalize("HF01/R-1", {"HF01/X": {"Al": "91 %"}})
    assert log.lot("HF01/X").balances["H2O"] == {"-": 4 * T // 10}
    assert al(log, "HF01/X") == 6_916_000_000
    dry = [{"lot": "HF01/X", "assay": {"Al": "90 %"}, "moisture": "0 %"}]
    log.at("HF01", "run_finalized", {"run": "HF01/R-1", "outputs": dry})
    assert "H2O" not in log.lot("HF01/X").balances
    assert lines.wet_mg(log.lot("HF01/X").balances) == 8 * T


@pytest.mark.parametrize(
    ("assays", "code"),
    [
        (["90.45 %"], ""),
        (["90.4500001 %"], "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
        (["90.3 %", "90.45 %"], ""),
        (["90.3 %", "90.4500001 %"], "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
        (["90.4 %", "80 %", "90.4 %"], ""),
    ],
)
def test_gain_is_held_against_the_whole_pool_together_with_the_first(
    assays: list[str], code: str, log: Works
) -> None:
    """9 t Al in the pool allow 45 kg more; the run itself took 20 of them."""
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST)
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Al": "90.2 %"})})
    *before, last = assays
    for assay in before:
        log.finalize("HF01/H-1", {"HF01/X": {"Al": assay}})
    call: Any = (log.finalize, "HF01/H-1", {"HF01/X": {"Al": last}})
    if code:
        assert log.code(*call) == code
    else:
        call[0](*call[1:])


def test_gain_is_never_given_back(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST)
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Al": "90.4 %"})})
    log.finalize("HF01/H-1", {"HF01/X": {"Al": "80 %"}})
    assert log.account("gain:HF01") == {"Al": {"UNK": -40_000_000}}
    assert lines.substance_mg(log.account("loss:HF01/MELT"), "Al") == 1_040_000_000


def test_free_grams_leave_before_certified_ones_which_are_then_disputed(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "100 %"}, POST)
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Al": "100 %"})})
    issued = log.certify(["HF01/X"], "Al", amount="6 t")
    serial = log.serial(issued)

    def status() -> str:
        view = totals.Totals()
        for found in log.entries:
            view.apply(found.facts(), log.origin)
        return view.certificates[serial].status(expired=False)

    log.finalize("HF01/H-1", {"HF01/X": {"Al": "60 %"}})
    assert log.page("HF01/X") == {f"POST/{serial}": 6 * T}
    assert status() == "VALID"
    log.finalize("HF01/H-1", {"HF01/X": {"Al": "59 %"}})
    assert log.page("HF01/X") == {f"POST/{serial}": 59 * T // 10}
    assert status() == "DISPUTED"
    log.finalize("HF01/H-1", {"HF01/X": {"Al": "70 %"}})
    assert log.page("HF01/X") == {"POST": 11 * T // 10, f"POST/{serial}": 59 * T // 10}


def test_it_is_for_outputs_that_still_lie_there_untouched(heat: Works) -> None:
    new = {"Al": "94 %"}
    assert heat.code(heat.finalize, "HF01/H-9", {"HF01/INGOT": new}) == "RUN_UNKNOWN"
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/NONE": new}) == "LOT_UNKNOWN"
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/A": new}) == "LOT_UNKNOWN"
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/HEEL-F1": new}) == "LOT_UNKNOWN"
    heat.send("HF01/K-1", ["HF01/DROSS"], "WH01")
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/DROSS": new}) == "LOT_IN_TRANSIT"
    heat.arrive("WH01", "HF01/K-1", {"HF01/DROSS": "1 t"})
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/DROSS": new}) == "PERMISSION_DENIED"
    heat.run("HF01/R-1", "SPLIT", {"HF01/INGOT": "1 t"}, {"HF01/SAMPLE": "rest"})
    assert heat.code(heat.finalize, "HF01/H-1", {"HF01/INGOT": new}) == "LOT_TOUCHED"
    inherited = heat.code(heat.finalize, "HF01/R-1", {"HF01/SAMPLE": new})
    assert inherited == "FIELD_INVALID"


def test_only_the_party_of_the_run_states_it_at_its_site(heat: Works) -> None:
    body = {"run": "HF01/H-1", "outputs": [{"lot": "HF01/INGOT", "assay": {"Al": "94 %"}}]}
    for site in ("HF02", "WH01"):
        assert heat.code(heat.at, site, "run_finalized", body) == "PERMISSION_DENIED"
