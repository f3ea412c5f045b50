"""Receipts: evidence, origins, tickets; and assays that come later."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.book import lines
from ledger.book.rules import receipt
from tests.unit.ledger.book.rules.conftest import Works

T = 10**9
AL = {"Al": "100 %"}


def test_a_receipt_comes_from_the_source_by_assay_and_origin(log: Works) -> None:
    log.receive(
        "HF01/A", "10 t", {"Al": "93.0 %", "Cu": "1 %"}, {"POST": "60 %", "UNK": "40 %"},
        moisture="1.5 %",
    )  # fmt: skip
    assert log.lot("HF01/A").balances == {
        "Al": {"POST": 5_496_300_000, "UNK": 3_664_200_000},
        "Cu": {"POST": 59_100_000, "UNK": 39_400_000},
        "OTHER": {"-": 591_000_000},
        "H2O": {"-": 150_000_000},
    }
    source = lines.copy(log.account("source:HF01"))
    lines.add_all(source, log.lot("HF01/A").balances)
    assert source == {}


def test_origins_may_differ_per_element_and_an_element_not_listed_is_unk(log: Works) -> None:
    origin: Any = {"Al": {"POST": "100 %"}}
    log.receive("HF01/A", "10 t", {"Al": "50 %", "Cu": "10 %"}, origin)
    assert log.page("HF01/A", "Al") == {"POST": 5 * T}
    assert log.page("HF01/A", "Cu") == {"UNK": 1 * T}


PROOFS = [
    ("POST", ["waste_note", "collection_record", "purchase_record"]),
    ("PRE", ["scrap_declaration", "waste_note"]),
    ("BMW", ["scrap_declaration", "waste_note"]),
    ("PRIM", ["supplier_declaration", "invoice", "customs"]),
]
TYPES = (
    "weigh_ticket waste_note collection_record purchase_record scrap_declaration "
    "supplier_declaration certificate invoice lab_report customs photo other"
).split()


@pytest.mark.parametrize(("class_", "proving"), PROOFS)
def test_a_class_without_its_evidence_is_unk_and_a_strict_log_refuses_it(
    class_: str, proving: list[str], log: Works
) -> None:
    strict = Works(parameters={"strict": True})
    strict.party("HEFEI")
    strict.site("HF01", "HEFEI")
    for n, document in enumerate(TYPES):
        named: Any = (f"HF01/A{n}", "1 t", AL, {class_: "100 %"})
        log.receive(*named, evidence=[document])
        want = class_ if document in proving else "UNK"
        assert log.page(f"HF01/A{n}") == {want: T}, document
        if document in proving:
            strict.receive(*named, evidence=[document])
        else:
            code = strict.code(strict.receive, *named, evidence=[document])
            assert code == "ORIGIN_EVIDENCE_MISSING"


def test_the_share_of_an_unproven_class_is_added_to_unk(log: Works) -> None:
    origin = {"POST": "50 %", "PRIM": "30 %", "UNK": "20 %"}
    log.receive("HF01/A", "10 t", AL, origin, evidence=["waste_note"])
    assert log.page("HF01/A") == {"POST": 5 * T, "UNK": 5 * T}


def test_a_class_of_no_grams_needs_no_evidence() -> None:
    strict = Works(parameters={"strict": True})
    strict.party("HEFEI")
    strict.site("HF01", "HEFEI")
    strict.receive("HF01/A", "1 t", AL, {"POST": "100 %", "PRIM": "0 %"}, evidence=["waste_note"])
    assert strict.page("HF01/A") == {"POST": T}


def test_metal_of_a_party_with_a_site_here_comes_by_hand_over(log: Works) -> None:
    theirs: Any = {"from": {"party": "WUHU"}}
    assert log.code(log.receive, "HF01/A", "1 t", **theirs) == "HANDOVER_REQUIRED"
    own: Any = {"from": {"party": "HEFEI"}}
    assert log.code(log.receive, "HF01/A", "1 t", **own) == "HANDOVER_REQUIRED"
    nobody: Any = {"from": {"party": "NOBODY"}}
    assert log.code(log.receive, "HF01/A", "1 t", **nobody) == "PARTY_UNKNOWN"
    log.party("COLLECTOR")
    collector: Any = {"from": {"party": "COLLECTOR"}}
    log.receive("HF01/A", "1 t", **collector)


def test_a_lot_name_is_never_used_again(log: Works) -> None:
    log.receive("HF01/A", "1 t")
    assert log.code(log.receive, "HF01/A", "1 t") == "LOT_DUPLICATE"
    log.send("HF01/K-1", ["HF01/A"])
    assert log.code(log.receive, "HF01/A", "1 t") == "LOT_DUPLICATE"


# Tickets and documents.


def test_a_ticket_is_used_once_per_site_and_part(log: Works) -> None:
    log.receive("HF01/A", "1 t", ticket="T-7", ticket_part=1)
    again: Any = (log.receive, "HF01/B", "1 t")
    assert log.code(*again, ticket="T-7", ticket_part=1) == "TICKET_REUSED"
    log.receive("HF01/B", "1 t", ticket="T-7", ticket_part=2)
    log.receive("HF01/C", "1 t", ticket="T-7")
    assert log.code(log.receive, "HF01/D", "1 t", ticket="T-7") == "TICKET_REUSED"
    log.receive("HF02/A", "1 t", ticket="T-7")
    log.receive("HF01/E", "1 t", ticket_part=1)
    log.receive("HF01/F", "1 t", ticket_part=1)


def received_by(log: Works, site: str, lot: str, document: str, sha256: str) -> Any:
    body = {
        "lot": f"{site}/{lot}", "from": {"external": True}, "mass": "1 t",
        "material": {"metal": "aluminium", "form": "scrap"},
    }  # fmt: skip
    envelope = {
        "kind": "lot_received", "party": log.party_of(site), "site": site, "body": body,
        "evidence": [{"type": "photo", "sha256": "00" * 32}, {"type": document, "sha256": sha256}],
    }  # fmt: skip
    return log.record(envelope)


@pytest.mark.parametrize("document", TYPES)
def test_a_document_of_weight_or_waste_stands_behind_one_partys_receipts(
    document: str, log: Works
) -> None:
    sha256 = "ab" * 32
    received_by(log, "HF01", "A", document, sha256)
    received_by(log, "HF02", "B", document, sha256)
    if document in ("weigh_ticket", "waste_note", "collection_record", "purchase_record"):
        assert log.code(received_by, log, "WH01", "C", document, sha256) == "TICKET_REUSED"
    else:
        received_by(log, "WH01", "C", document, sha256)
    received_by(log, "WH01", "D", document, "cd" * 32)


def test_a_reused_document_names_the_entry(log: Works) -> None:
    first = received_by(log, "HF01", "A", "waste_note", "ab" * 32)
    with pytest.raises(Exception, match=f"the receipt of entry {first.n}"):
        received_by(log, "WH01", "C", "waste_note", "ab" * 32)


# Assays that come later.


def test_more_grams_take_the_proven_shares_and_fewer_leave_by_largest_remainder(
    log: Works,
) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %"}, {"POST": "50 %", "PRIM": "30 %", "UNK": "20 %"})
    assert log.page("HF01/A") == {"POST": 4 * T, "UNK": 4 * T}
    log.assay("HF01/A", {"Al": "90 %"})
    assert log.page("HF01/A") == {"POST": 45 * T // 10, "UNK": 45 * T // 10}
    log.assay("HF01/A", {"Al": "70 %"})
    assert log.page("HF01/A") == {"POST": 35 * T // 10, "UNK": 35 * T // 10}
    assert log.account("source:HF01")["Al"] == {"POST": -35 * T // 10, "UNK": -35 * T // 10}
    assert log.lot("HF01/A").balances["OTHER"] == {"-": 3 * T}


def test_elements_not_named_keep_their_content_of_the_new_dry_mass(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %", "Cu": "1 %"}, {"POST": "100 %"})
    body = {"lot": "HF01/A", "assay": {"Pb": "2 %"}, "moisture": "10 %", "grade": "final"}
    log.at("HF01", "assay_recorded", body)
    assert log.lot("HF01/A").balances == {
        "Al": {"POST": 72 * T // 10}, "Cu": {"POST": 9 * T // 100}, "Pb": {"POST": 18 * T // 100},
        "OTHER": {"-": 153 * T // 100}, "H2O": {"-": 1 * T},
    }  # fmt: skip
    log.assay("HF01/A", {"Pb": "1 %"})
    assert log.lot("HF01/A").balances["H2O"] == {"-": 1 * T}
    assert log.lot("HF01/A").mentions == ("Al", "Cu", "Pb")


def test_named_and_kept_elements_are_at_most_a_whole(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %"}, {"POST": "100 %"})
    assert log.code(log.assay, "HF01/A", {"Cu": "20.0000001 %"}) == "ASSAY_SUM_OVER_100"
    log.assay("HF01/A", {"Cu": "20 %"})


def test_a_certificate_that_loses_grams_is_told_by_the_line_it_held(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %"}, {"POST": "100 %"})
    serial = log.serial(log.certify(["HF01/A"], "Al", amount="6 t"))
    log.assay("HF01/A", {"Al": "70 %"})
    assert log.page("HF01/A") == {"POST": 1 * T, f"POST/{serial}": 6 * T}
    log.assay("HF01/A", {"Al": "50 %"})
    assert log.page("HF01/A") == {f"POST/{serial}": 5 * T}
    assert log.account("source:HF01")["Al"] == {"POST": -5 * T}


def test_only_a_received_lot_that_nothing_touched_is_assayed_again(log: Works) -> None:
    for lot in ("USED", "SENT", "LIGHT", "CERTIFIED", "SPLIT", "EMPTY"):
        log.receive(f"HF01/{lot}", "10 t", {"Al": "80 %"}, {"POST": "100 %"})
    new = {"Al": "79 %"}
    log.run("HF01/R-1", "SHRED", {"HF01/USED": "1 t"}, {"HF01/X": ("1 t", new)})
    log.run("HF01/R-2", "SPLIT", {"HF01/SPLIT": "1 t"}, {"HF01/Y": "rest"})
    log.run("HF01/R-3", "SHRED", {"HF01/EMPTY": "all"}, {})
    log.certify(["HF01/CERTIFIED"], "Al", amount="1 t")
    log.send("HF01/K-1", ["HF01/SENT", "HF01/LIGHT"], "WH01")
    assert log.code(log.assay, "HF01/SENT", new) == "LOT_IN_TRANSIT"
    log.arrive("WH01", "HF01/K-1", {"HF01/SENT": "10 t", "HF01/LIGHT": "9.99 t"})
    for lot in ("USED", "LIGHT", "SPLIT", "X", "Y"):
        assert log.code(log.assay, f"HF01/{lot}", new) == "LOT_TOUCHED", lot
    assert log.code(log.assay, "HF01/EMPTY", new) == "LOT_CONSUMED"
    log.assay("HF01/SENT", new)
    log.assay("HF01/CERTIFIED", new)
    assert log.account("source:WH01") == {}, "posted against the site of the receipt"


def test_an_assay_is_not_held_against_the_order_of_times_but_touches_the_lot(log: Works) -> None:
    log.receive("HF01/A", "10 t", {"Al": "80 %"}, {"POST": "100 %"})
    received = log.says_at = log.entries[-1].event.payload["occurred_at"]
    log.says_at = "2020-01-01T00:00:00Z"
    log.assay("HF01/A", {"Al": "81 %"})
    log.says_at = ""
    log.assay("HF01/A", {"Al": "81 %"})
    log.says_at = received
    assert log.code(log.run, "HF01/R-1", "SHRED", {"HF01/A": "1 t"}, {}) == "EVENT_OUT_OF_ORDER"


@pytest.mark.parametrize(
    ("page", "fewer", "gone"),
    [
        ({"POST": 5, "PRIM": 5}, 1, {"POST": 1}),
        ({"POST": 5, "BMW": 5, "PRE": 5}, 2, {"POST": 1, "BMW": 1}),
        ({"POST": 5, "POST/A": 3, "POST/sold": 3}, 9, {"POST": 5, "POST/sold": 3, "POST/A": 1}),
        ({"POST/B": 3, "POST/A": 3}, 4, {"POST/A": 3, "POST/B": 1}),
        ({"UNK": 10, "POST": 10}, 4, {"UNK": 2, "POST": 2}),
        ({"UNK": 1}, 0, {}),
        ({"POST/A": 2, "PRE": 2}, 4, {"POST/A": 2, "PRE": 2}),
    ],
)  # fmt: skip
def test_what_leaves_goes_from_the_most_claimable_origin_and_its_free_grams_first(
    page: lines.Lines, fewer: int, gone: lines.Lines
) -> None:
    assert receipt.leaving(page, fewer) == gone
