"""Runs: furnaces and heels, inheriting steps, gains and losses, certified lots."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import assay, lines
from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
AL = {"Al": "100 %"}
POST, PRIM = {"POST": "100 %"}, {"PRIM": "100 %"}


def receive(log: Works, lot: str, mass: str = "10 t", origin: dict[str, str] = POST) -> None:
    evidence = ("waste_note", "scrap_declaration", "invoice")
    log.receive(f"HF01/{lot}", mass, AL, origin, evidence=evidence)


# Furnaces.


def test_a_heel_goes_into_the_next_heat_first_whole_and_unnamed(log: Works) -> None:
    receive(log, "A")
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("6 t", AL)}, heel=("4 t", AL))
    assert log.page("HF01/HEEL-F1") == {"POST": 4 * T}
    receive(log, "B", "4 t", PRIM)
    log.melt("HF01/H-2", {"HF01/B": "all"}, {"HF01/Y": ("8 t", AL)})
    assert log.page("HF01/Y") == {"POST": 4 * T, "PRIM": 4 * T}
    assert log.page("HF01/HEEL-F1") == {}


def test_another_furnace_has_another_heel(log: Works) -> None:
    receive(log, "A")
    log.melt("HF01/H-1", {"HF01/A": "all"}, {}, heel=("10 t", AL))
    receive(log, "B", "4 t", PRIM)
    log.melt("HF01/H-2", {"HF01/B": "all"}, {"HF01/Y": ("4 t", AL)}, equipment="F2")
    assert log.page("HF01/Y") == {"PRIM": 4 * T}
    assert log.page("HF01/HEEL-F1") == {"POST": 10 * T}


def test_a_furnace_may_be_filled_and_drained_without_inputs_or_outputs(log: Works) -> None:
    receive(log, "A")
    log.melt("HF01/H-1", {"HF01/A": "all"}, {}, heel=("10 t", AL))
    log.melt("HF01/H-2", {}, {"HF01/X": ("10 t", AL)})
    assert log.page("HF01/X") == {"POST": 10 * T}


def test_a_heel_is_touched_by_its_furnace_only(log: Works) -> None:
    receive(log, "A")
    log.melt("HF01/H-1", {"HF01/A": "all"}, {}, heel=("10 t", AL))
    heel = "HF01/HEEL-F1"
    taken = {heel: "all"}
    for refused in (
        lambda: log.melt("HF01/H-2", taken, {}),
        lambda: log.run("HF01/R-1", "SPLIT", taken, {"HF01/X": "rest"}),
        lambda: log.send("HF01/K-1", [heel]),
        lambda: log.certify([heel], "Al"),
        lambda: log.assay(heel, AL),
        lambda: log.declare(heel, "PRE", "HF01/MAIN"),
        lambda: log.receive("HF01/HEEL-F2", "1 t"),
    ):
        assert log.code(refused) == "HEEL_DISCONTINUITY"
    new = {"HF01/HEEL-F7": ("1 t", AL)}
    receive(log, "B")
    assert log.code(log.melt, "HF01/H-2", {"HF01/B": "all"}, new) == "HEEL_DISCONTINUITY"


def test_a_furnace_step_names_a_furnace_the_site_registered(log: Works) -> None:
    receive(log, "A")
    taken = {"HF01/A": "all"}
    assert log.code(log.melt, "HF01/H-1", taken, {}, equipment="F9") == "SCOPE_UNKNOWN"
    assert log.code(log.run, "HF01/H-1", "MELT", taken, {}) == "FIELD_MISSING"
    assert log.code(log.run, "HF01/H-1", "SHRED", taken, {}, scope="NONE") == "SCOPE_UNKNOWN"
    log.run("HF01/H-1", "SHRED", taken, {}, equipment="F9")  # information


def test_the_heel_is_compared_by_date_though_nobody_names_it(log: Works) -> None:
    receive(log, "A")
    receive(log, "B")
    before = log.entries[-1].event.payload["occurred_at"]
    log.melt("HF01/H-1", {"HF01/A": "all"}, {}, heel=("10 t", AL))
    log.says_at = before
    assert log.code(log.melt, "HF01/H-2", {"HF01/B": "all"}, {}) == "EVENT_OUT_OF_ORDER"


# Steps that inherit.


def test_a_split_and_a_merge_give_the_lot_back_line_by_line(log: Works) -> None:
    shares = {"POST": "33.3333333 %", "PRE": "33.3333333 %", "PRIM": "33.3333334 %"}
    receive(log, "A", "9 999 999 999 mg", shares)
    before = log.lot("HF01/A").balances
    parts = {"HF01/P1": "1234567891 mg", "HF01/P2": "3.1 t", "HF01/P3": "rest"}
    log.run("HF01/R-1", "SPLIT", {"HF01/A": "all"}, parts)
    log.run("HF01/R-2", "MERGE", dict.fromkeys(parts, "all"), {"HF01/M": "rest"})
    assert log.lot("HF01/M").balances == before
    assert log.lot("HF01/M").mentions == ("Al",)
    assert log.lot("HF01/M").grade == "final"


def test_what_inherits_is_provisional_if_an_input_is_and_mentions_what_all_mention(
    log: Works,
) -> None:
    log.receive("HF01/A", "1 t", {"Al": "90 %", "Cu": "1 %"}, POST)
    log.receive("HF01/B", "1 t", {"Al": "90 %", "Pb": "1 %"}, POST, assay_grade="provisional")
    log.run("HF01/R-1", "MERGE", {"HF01/A": "all", "HF01/B": "all"}, {"HF01/M": "rest"})
    assert log.lot("HF01/M").grade == "provisional"
    assert log.lot("HF01/M").mentions == ("Al",)


@pytest.mark.parametrize(
    ("taken", "outputs", "code"),
    [
        ("10 t", {"HF01/X": "999999999 mg", "HF01/Y": "rest"}, ""),
        ("10 t", {"HF01/X": "999999 mg", "HF01/Y": "rest"}, "SPLIT_TOO_SMALL"),
        ("10 t", {"HF01/X": "1 kg", "HF01/Y": "rest"}, ""),
        ("9 999 kg", {"HF01/X": "rest"}, ""),
        ("9 999.000001 kg", {"HF01/X": "rest"}, "SPLIT_TOO_SMALL"),
        ("10 t", {"HF01/X": "9 999.000001 kg", "HF01/Y": "rest"}, "SPLIT_TOO_SMALL"),
        ("10 t", {"HF01/X": "10 t", "HF01/Y": "rest"}, "MASS_NOT_CLOSED"),
        ("10 t", {"HF01/X": "11 t", "HF01/Y": "rest"}, "MASS_NOT_CLOSED"),
        ("10 t", {"HF01/X": "9 t"}, "MASS_NOT_CLOSED"),
        ("11 t", {"HF01/X": "rest"}, "LOT_INSUFFICIENT"),
    ],
)
def test_a_split_closes_and_makes_or_leaves_a_kilogram_or_nothing(
    taken: str, outputs: dict[str, str], code: str, log: Works
) -> None:
    receive(log, "A")
    call: Any = (log.run, "HF01/R-1", "SPLIT", {"HF01/A": taken}, outputs)
    if code:
        assert log.code(*call) == code
    else:
        call[0](*call[1:])


def test_a_minimum_of_nothing_can_be_set(log: Works) -> None:
    receive(log, "A", "2 mg")
    two = {"HF01/X": "1 mg", "HF01/Y": "rest"}
    assert log.code(log.run, "HF01/R-1", "SPLIT", {"HF01/A": "all"}, two) == "SPLIT_TOO_SMALL"
    log.state("policy_set", {"parameters": {"split_minimum": "1 mg"}, "tables": {}})
    log.run("HF01/R-1", "SPLIT", {"HF01/A": "all"}, two)


def test_a_store_is_added_to_and_keeps_its_name(log: Works) -> None:
    receive(log, "A", "1 t")
    receive(log, "B", "3 t", PRIM)
    log.run("HF01/R-1", "STORE", {"HF01/A": "all"}, {"HF01/BIN": "rest"})
    log.run("HF01/R-2", "STORE", {"HF01/B": "all"}, {"HF01/BIN": "rest"})
    assert log.page("HF01/BIN") == {"POST": 1 * T, "PRIM": 3 * T}
    receive(log, "C", "1 t")
    merged = {"HF01/A2": "rest"}
    log.run("HF01/R-3", "MERGE", {"HF01/BIN": "all"}, merged)
    assert log.page("HF01/BIN") == {}
    log.run("HF01/R-4", "STORE", {"HF01/C": "all"}, {"HF01/BIN": "rest"})
    assert log.page("HF01/BIN") == {"POST": 1 * T}


def test_only_a_store_is_added_to_and_not_from_the_past(log: Works) -> None:
    receive(log, "A", "1 t")
    receive(log, "B", "1 t")
    before = log.entries[-1].event.payload["occurred_at"]
    taken = {"HF01/B": "all"}
    assert log.code(log.run, "HF01/R-1", "STORE", taken, {"HF01/A": "rest"}) == "LOT_DUPLICATE"
    log.run("HF01/R-1", "STORE", {"HF01/A": "all"}, {"HF01/BIN": "rest"})
    assert log.code(log.run, "HF01/R-2", "MERGE", taken, {"HF01/BIN": "rest"}) == "LOT_DUPLICATE"
    log.says_at = before
    add: Any = (log.run, "HF01/R-2", "STORE", taken, {"HF01/BIN": "rest"})
    assert log.code(*add) == "EVENT_OUT_OF_ORDER"


# Gains, losses, weights.


@pytest.mark.parametrize(
    ("al", "code"),
    [
        ("90 %", ""),
        ("90.45 %", ""),
        ("90.4500001 %", "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
        ("95 %", "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
    ],
)
def test_an_element_may_grow_by_the_tolerance_of_its_pool_as_unk(
    al: str, code: str, log: Works
) -> None:
    """9 t of aluminium, 0.5 % of which is 45 kg."""
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST)
    call: Any = (log.melt, "HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Al": al})})
    if code:
        assert log.code(*call) == code
        return
    call[0](*call[1:])
    gained = lines.substance_mg(log.lot("HF01/X").balances, "Al") - 9 * T
    assert log.page("HF01/X").get("UNK", 0) == gained
    assert log.page("HF01/X")["POST"] == 9 * T
    assert log.account("gain:HF01") == ({"Al": {"UNK": -gained}} if gained else {})


@pytest.mark.parametrize(
    ("outputs", "code"),
    [
        ({"Cu": "9 %"}, ""),
        ({"Cu": "10 %"}, ""),
        ({"Cu": "10.0000001 %"}, "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
        ({"Cu": "5 %", "Pb": "5 %"}, ""),
        ({"Cu": "5 %", "Pb": "5.0000001 %"}, "ELEMENT_GAIN_OUT_OF_TOLERANCE"),
        ({"Cu": "10 %", "Al": "90.45 %"}, "ASSAY_SUM_OVER_100"),
        ({"Cu": "9 %", "Al": "90.45 %"}, ""),
    ],
)
def test_what_nobody_assayed_comes_out_of_other_and_other_is_shared(
    outputs: dict[str, str], code: str, log: Works
) -> None:
    """1 t of OTHER in a lot that is silent on copper and lead; they come out of it once."""
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST)
    call: Any = (log.melt, "HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", outputs)})
    if code:
        assert log.code(*call) == code
    else:
        call[0](*call[1:])


def test_a_lot_that_mentions_an_element_as_absent_gives_none_of_it(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %", "Cu": "<0.01 %"}, POST)
    copper = {"HF01/X": ("10 t", {"Cu": "1 %"})}
    refused = log.code(log.melt, "HF01/H-1", {"HF01/A": "all"}, copper)
    assert refused == "ELEMENT_GAIN_OUT_OF_TOLERANCE"


def test_each_element_comes_out_of_the_other_that_is_silent_on_it(log: Works) -> None:
    """OTHER that may give lead may not give copper, which its assay says is not there."""
    log.receive("HF01/A", "10 t", {"Al": "90 %", "Cu": "<0.01 %"}, POST)
    both = {"HF01/X": ("10 t", {"Cu": "1 %", "Pb": "1 %"})}
    refused = log.code(log.melt, "HF01/H-1", {"HF01/A": "all"}, both)
    assert refused == "ELEMENT_GAIN_OUT_OF_TOLERANCE"
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Pb": "2 %"})})


def test_a_refilled_heel_mentions_what_its_new_assay_names(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST)
    clean = {"Al": "90 %", "Cu": "<0.01 %"}
    log.melt("HF01/H-1", {"HF01/A": "all"}, {}, heel=("10 t", clean))
    copper = {"HF01/X": ("10 t", {"Cu": "1 %"})}
    assert log.code(log.melt, "HF01/H-2", {}, copper) == "ELEMENT_GAIN_OUT_OF_TOLERANCE"
    log.melt("HF01/H-2", {}, {"HF01/X": ("10 t", {"Al": "90 %"})})


def test_what_is_not_assayed_ends_in_loss_and_cannot_be_claimed(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %", "Cu": "1 %"}, POST)
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("10 t", {"Al": "89 %"})})
    assert log.page("HF01/X", "Cu") == {}
    assert log.account("loss:HF01/MELT") == {"Al": {"POST": T // 10}, "Cu": {"POST": T // 10}}
    assert log.code(log.certify, ["HF01/X"], "Cu") == "ASSAY_MISSING"


def test_water_and_other_settle_with_the_air_each_by_itself(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "90 %"}, POST, moisture="10 %")
    log.melt("HF01/H-1", {"HF01/A": "all"}, {"HF01/X": ("9 t", {"Al": "90 %"})})
    assert log.account("ambient:HF01") == {assay.WATER: {"-": 1 * T}}
    assert log.account("loss:HF01/MELT") == {}
    assert log.lot("HF01/X").balances == {"Al": {"POST": 81 * T // 10}, "OTHER": {"-": 9 * T // 10}}


@pytest.mark.parametrize(("mass", "code"), [("10.05 t", ""), ("10.050000001 t", "MASS_NOT_CLOSED")])
def test_a_mechanical_step_makes_no_weight(mass: str, code: str, log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "1 %"}, POST)
    call: Any = (log.run, "HF01/R-1", "SHRED", {"HF01/A": "all"}, {"HF01/X": (mass, {})})
    if code:
        assert log.code(*call) == code
    else:
        call[0](*call[1:])


def test_additions_are_always_unk_and_unassayed_ones_are_other(log: Works) -> None:
    receive(log, "A", "9 t")
    additions = [
        {"name": "si_metal", "mass": "1 t", "assay": {"Si": "98.5 %"}},
        {"name": "flux", "mass": "1 t"},
    ]
    out = {"HF01/X": ("11 t", {"Al": "81 %", "Si": "8 %"})}
    log.melt("HF01/H-1", {"HF01/A": "all"}, out, additions=additions)
    assert log.page("HF01/X", "Si") == {"UNK": 880_000_000}
    source = log.account("source:HF01")
    assert source["Si"] == {"UNK": -985_000_000}
    assert source["OTHER"] == {"-": -(T + 15_000_000)}


def test_roles_take_in_turn_products_first_and_loss_last(log: Works) -> None:
    """With 5 mg each of POST and PRIM, 1 mg goes against the claim wherever it is first taken."""
    receive(log, "A", "5 mg")
    receive(log, "B", "5 mg", PRIM)
    roles = {"HF01/A-RESIDUE": "residue", "HF01/Z-PRODUCT": "product", "HF01/B-BY": "byproduct"}
    outputs = {lot: (f"{mg} mg", AL) for lot, mg in zip(roles, (1, 1, 1), strict=True)}
    log.melt("HF01/H-1", {"HF01/A": "all", "HF01/B": "all"}, outputs, roles=roles)
    assert log.page("HF01/Z-PRODUCT") == {"PRIM": 1}
    assert log.page("HF01/B-BY") == {"POST": 1}
    assert log.page("HF01/A-RESIDUE") == {"PRIM": 1}
    assert log.account("loss:HF01/MELT") == {"Al": {"POST": 4, "PRIM": 3}}


def test_grams_beyond_what_json_keeps_are_refused_not_booked(log: Works) -> None:
    for lot in ("A", "B"):
        receive(log, lot, "9 000 000 t")
    both = {"HF01/A": "all", "HF01/B": "all"}
    assert log.code(log.run, "HF01/R-1", "MERGE", both, {"HF01/M": "rest"}) == "NUMBER_NOT_EXACT"
    assert log.code(log.melt, "HF01/R-1", both, {}) == "NUMBER_NOT_EXACT"


# Certified lots.


def certified(log: Works, amount: str = "all", **more: Any) -> str:
    """10 t POST in HF01/A under a certificate; its serial."""
    receive(log, "A")
    return log.serial(log.certify(["HF01/A"], "Al", amount=amount, **more))


@pytest.mark.parametrize("step", ["SHRED", "STAMP", "MELT", "LEACH"])
def test_an_issuer_does_not_work_a_lot_that_carries_its_certificate(step: str, log: Works) -> None:
    certified(log, "1 mg")
    more: dict[str, Any] = {"equipment": "F1"} if step == "MELT" else {}
    for taken in ("all", "1 mg", "5 t"):  # whatever LR would take
        call: Any = (log.run, "HF01/R-1", step, {"HF01/A": taken}, {})
        assert log.code(*call, **more) == "LOT_CERTIFIED"


def test_another_partys_run_draws_a_certificate_down(log: Works) -> None:
    serial = certified(log, "4 t")
    log.send("HF01/K-1", ["HF01/A"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/A": "10 t"})
    log.run("WH01/R-1", "SHRED", {"HF01/A": "5 t"}, {"WH01/X": ("5 t", AL)})
    assert log.page("WH01/X") == {"POST": 5 * T}
    assert log.page("HF01/A") == {"POST": 3 * T, f"POST/{serial}": 2 * T}


def test_a_revoked_serial_is_never_free_again(log: Works) -> None:
    serial = certified(log, "4 t")
    issued = log.entries[-1]
    log.send("HF01/K-1", ["HF01/A"], "WH01")
    log.arrive("WH01", "HF01/K-1", {"HF01/A": "10 t"})
    log.revoke(issued)
    log.run("WH01/R-1", "SHRED", {"HF01/A": "all"}, {"WH01/X": ("9 t", AL)})
    assert log.page("WH01/X") == {"POST": 54 * T // 10, f"POST/{serial}": 36 * T // 10}
    assert log.account("loss:WH01/SHRED")["Al"][f"POST/{serial}"] == 4 * T // 10


def test_a_split_keeps_the_claims_of_its_lot(log: Works) -> None:
    serial = certified(log, "4 t")
    log.run("HF01/R-1", "SPLIT", {"HF01/A": "all"}, {"HF01/X": "5 t", "HF01/Y": "rest"})
    for half in ("HF01/X", "HF01/Y"):
        assert log.page(half) == {"POST": 3 * T, f"POST/{serial}": 2 * T}
    log.run("HF01/R-2", "MERGE", {"HF01/X": "all", "HF01/Y": "all"}, {"HF01/M": "rest"})
    assert log.page("HF01/M") == {"POST": 6 * T, f"POST/{serial}": 4 * T}


@pytest.mark.parametrize("step", ["MERGE", "PACK", "STORE"])
def test_a_certificate_is_never_diluted(step: str, log: Works) -> None:
    certified(log, "4 t")
    receive(log, "B")
    receive(log, "C")
    log.certify(["HF01/C"], "Al", amount="4 t")
    for other in ("HF01/B", "HF01/C"):
        both = {other: "all", "HF01/A": "all"}
        assert log.code(log.run, "HF01/R-1", step, both, {"HF01/M": "rest"}) == "LOT_CERTIFIED"
    log.run("HF01/R-1", step, {"HF01/A": "all"}, {"HF01/M": "rest"})


def test_a_store_with_certified_grams_is_not_diluted_either(log: Works) -> None:
    certified(log, "4 t")
    log.run("HF01/R-1", "STORE", {"HF01/A": "all"}, {"HF01/BIN": "rest"})
    receive(log, "B")
    add: Any = (log.run, "HF01/R-2", "STORE", {"HF01/B": "all"}, {"HF01/BIN": "rest"})
    assert log.code(*add) == "LOT_CERTIFIED"


def test_unequal_parts_under_one_serial_are_not_merged(log: Works) -> None:
    """A milligram that LR gives to one half makes another percentage of it."""
    receive(log, "A", "9 999 999 999 mg")
    log.certify(["HF01/A"], "Al", amount="3 333 333 334 mg")
    parts = {"HF01/X": "4 000 000 001 mg", "HF01/Y": "rest"}
    log.run("HF01/R-1", "SPLIT", {"HF01/A": "all"}, parts)
    both = dict.fromkeys(parts, "all")
    assert log.code(log.run, "HF01/R-2", "MERGE", both, {"HF01/M": "rest"}) == "LOT_CERTIFIED"


def test_a_store_that_is_on_the_road_or_elsewhere_is_not_added_to(log: Works) -> None:
    for lot in ("A", "B"):
        receive(log, lot, "1 t")
    log.run("HF01/R-1", "STORE", {"HF01/A": "all"}, {"HF01/BIN": "rest"})
    log.send("HF01/K-1", ["HF01/BIN"], "HF02")
    add: Any = (log.run, "HF01/R-2", "STORE", {"HF01/B": "all"}, {"HF01/BIN": "rest"})
    assert log.code(*add) == "LOT_IN_TRANSIT"
    log.arrive("HF02", "HF01/K-1", {"HF01/BIN": "1 t"})
    assert log.code(*add) == "LOT_ELSEWHERE"
